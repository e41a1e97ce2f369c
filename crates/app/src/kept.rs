//! Answers that still hold, so that the same question within the hour is not reckoned again.
//!
//! An answer depends on the engine's version, the policy, the market, the cluster and the hour, and
//! on nothing else; what differs between two answers to one question is the front: names and the
//! instant. So the front is written anew each time and the rest is given again. An answer is kept
//! only where the engine says that it holds for the whole hour.
//!
//! This module refuses to know how answers are found and where they are stored.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use engines::bin_packing::to_the_hour;
use engines::prepared::{AnyEngine, Digest, Run};
use engines::request::DecisionRequest;
use facts::decision::EngineName;
use jiff::Timestamp;
use serde::Serialize;
use store::DecisionRecord;

use crate::BUILD;

/// Bytes of answers and of what they were made of that are held, at the most.
const MOST_BYTES: usize = 128 << 20;

/// A question, whoever asks it and whenever.
#[derive(Clone, Copy)]
pub(crate) struct Question {
    digest: [u8; 32],
    /// Digest of the cluster as it was sent.
    pub(crate) input: Digest,
}

impl Question {
    pub(crate) fn of(
        engine: &dyn AnyEngine,
        request: &DecisionRequest<'_>,
        customer_id: Option<&str>,
        learned: &str,
    ) -> Question {
        let input = blake3::hash(request.current_state.get().as_bytes());
        let mut hasher = blake3::Hasher::new_derive_key("cloudoptim 2026 question");
        hasher.update(input.as_bytes());
        for part in [
            engine.name(),
            engine.version(),
            request.requirements.map_or("", |raw| raw.get()),
            request.constraints.map_or("", |raw| raw.get()),
            request.cluster_id.as_deref().unwrap_or(""),
            // Nobody hears sooner because somebody else has asked.
            customer_id.unwrap_or(""),
            // What was reported since is another question.
            learned,
        ] {
            hasher.update(&(part.len() as u64).to_le_bytes()).update(part.as_bytes());
        }
        Question { digest: *hasher.finalize().as_bytes(), input }
    }
}

/// The front of an answer: all that differs between two answers to one question. Its fields stand
/// first in every [`facts::decision::Decision`], in this order.
#[derive(Serialize)]
pub(crate) struct Front<'a> {
    pub(crate) decision_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) request_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cluster_id: Option<&'a str>,
    pub(crate) decision_type: &'a str,
    pub(crate) engine: &'a EngineName,
    pub(crate) decided_at: Timestamp,
}

impl Front<'_> {
    /// As it stands in an answer, up to where the rest begins.
    pub(crate) fn text(&self) -> String {
        let mut text = serde_json::to_string(self).unwrap_or_default();
        text.pop();
        text.push(',');
        text
    }
}

/// An answer that holds for an hour.
pub(crate) struct KeptAnswer {
    engine: &'static dyn AnyEngine,
    hour: Timestamp,
    /// As it was written the first time.
    record: DecisionRecord,
}

impl KeptAnswer {
    pub(crate) fn new(engine: &'static dyn AnyEngine, record: DecisionRecord) -> KeptAnswer {
        KeptAnswer { engine, hour: to_the_hour(record.decided_at), record }
    }

    /// The same answer to the same question, asked at another instant or under another name.
    pub(crate) fn again(&self, request_id: Option<&str>, now: Timestamp) -> DecisionRecord {
        let known = &self.record;
        let cluster_id = Some(known.cluster_id.as_str()).filter(|name| !name.is_empty());
        let digest = |bytes: [u8; 32]| Digest::from_bytes(bytes);
        let run = Run {
            now,
            build: BUILD,
            request_id,
            cluster_id,
            input_digest: digest(known.input.digest),
            stop_after: None,
            cancelled: None,
        };
        let decision_id = self.engine.decision_id(
            &run,
            digest(known.policy.digest),
            digest(known.evidence.digest),
        );
        let front = Front {
            decision_id: &decision_id,
            request_id,
            cluster_id,
            decision_type: &known.decision_type,
            engine: &EngineName {
                name: known.engine_name.clone(),
                version: known.engine_version.clone(),
            },
            decided_at: now,
        };
        DecisionRecord {
            answer_front: front.text(),
            decision_id,
            request_id: request_id.map(str::to_owned),
            decided_at: now,
            ..known.clone()
        }
    }

    fn bytes(&self) -> usize {
        let record = &self.record;
        // Evidence is shared between answers.
        record.input.content.len() + record.policy.content.len() + record.answer_rest.content.len()
    }
}

/// Answers that still hold, the ones asked for lately.
#[derive(Default)]
pub(crate) struct KeptAnswers {
    halves: Mutex<Halves>,
}

/// Two generations: when the young one is full the old one is forgotten and the young one grows old.
#[derive(Default)]
struct Halves {
    young: BTreeMap<[u8; 32], Arc<KeptAnswer>>,
    old: BTreeMap<[u8; 32], Arc<KeptAnswer>>,
    young_bytes: usize,
}

impl KeptAnswers {
    /// The answer to a question, where it holds at this instant.
    pub(crate) fn find(&self, question: Question, now: Timestamp) -> Option<Arc<KeptAnswer>> {
        let mut halves = self.halves.lock().unwrap_or_else(PoisonError::into_inner);
        let found = match halves.young.get(&question.digest) {
            Some(found) => Arc::clone(found),
            None => {
                let found = halves.old.remove(&question.digest)?;
                halves.insert(question, Arc::clone(&found));
                found
            }
        };
        (found.hour == to_the_hour(now)).then_some(found)
    }

    pub(crate) fn keep(&self, question: Question, answer: KeptAnswer) {
        let mut halves = self.halves.lock().unwrap_or_else(PoisonError::into_inner);
        halves.insert(question, Arc::new(answer));
    }
}

impl Halves {
    fn insert(&mut self, question: Question, answer: Arc<KeptAnswer>) {
        self.young_bytes += answer.bytes();
        if self.young_bytes > MOST_BYTES / 2 {
            self.old = std::mem::take(&mut self.young);
            self.young_bytes = answer.bytes();
        }
        self.young.insert(question.digest, answer);
    }
}

#[cfg(test)]
mod tests {
    use clock::Clock;
    use jiff::SignedDuration;
    use market::MarketBuilder;
    use store::Store;

    use super::*;
    use crate::App;
    use crate::access::Caller;
    use crate::decide::Desk;

    async fn app(clock: Clock) -> Arc<App> {
        let market = MarketBuilder::default().build();
        Arc::new(App::new(Desk::new(market), Store::in_memory().await.unwrap(), clock))
    }

    fn packing(made: &str, request: &str) -> String {
        format!(
            r#"{{{request} "current_state":{{
                "nodes":[{{"name":"a","cpu":4,"memory":"8Gi","usd_per_hour":0.1,"created_at":"{made}"}},
                         {{"name":"b","cpu":4,"memory":"8Gi","usd_per_hour":0.1}}],
                "pods":[{{"name":"p","node":"a","cpu":1,"memory":"1Gi"}}]}},
               "requirements":{{"effort":"fast"}}}}"#
        )
    }

    /// The second of two answers `later` apart, by a server that kept the first and by one that did
    /// not.
    async fn twice(first: &str, second: &str, later: SignedDuration) -> (Vec<u8>, Vec<u8>) {
        let start: Timestamp = "2026-03-01T10:05:00Z".parse().unwrap();
        let (clock, hand) = Clock::manual(start);
        let caller = Caller::development();
        let keeping = app(clock).await;
        let once = keeping.answer(Some("bin_pack"), first.to_owned(), &caller).await.unwrap();
        hand.advance(later);
        let again = keeping.answer(Some("bin_pack"), second.to_owned(), &caller).await.unwrap();
        assert_ne!(once.json, again.json, "names and instants differ");
        let fresh = app(Clock::fixed(start + later)).await;
        let fresh = fresh.answer(Some("bin_pack"), second.to_owned(), &caller).await.unwrap();
        (again.json, fresh.json)
    }

    #[tokio::test]
    async fn a_kept_answer_is_the_one_that_reckoning_again_would_give() {
        let old = packing("2026-01-01T00:00:00Z", "");
        for minutes in [1, 30, 54, 55, 300] {
            let (again, fresh) = twice(&old, &old, SignedDuration::from_mins(minutes)).await;
            assert_eq!(String::from_utf8(again).unwrap(), String::from_utf8(fresh).unwrap());
        }
    }

    #[tokio::test]
    async fn names_of_requests_do_not_make_questions_differ() {
        let (one, two) = (r#""request_id":"one","#, r#""request_id":"two","#);
        let made = "2026-01-01T00:00:00Z";
        let (again, fresh) =
            twice(&packing(made, one), &packing(made, two), SignedDuration::from_mins(3)).await;
        assert_eq!(String::from_utf8(again).unwrap(), String::from_utf8(fresh).unwrap());
    }

    #[tokio::test]
    async fn an_answer_that_time_changes_is_not_kept() {
        // The node is too young at first and old enough six minutes later.
        let young = packing("2026-03-01T10:00:00Z", "");
        let (again, fresh) = twice(&young, &young, SignedDuration::from_mins(6)).await;
        let again = String::from_utf8(again).unwrap();
        assert_eq!(again, String::from_utf8(fresh).unwrap());
        assert!(!again.contains("node_too_young"), "{again}");
        let (still, _) = twice(&young, &young, SignedDuration::from_mins(2)).await;
        assert!(String::from_utf8(still).unwrap().contains("node_too_young"));
    }

    #[test]
    fn the_oldest_answers_are_forgotten_first() {
        let record = |name: u8| DecisionRecord {
            decision_id: String::new(),
            customer_id: None,
            cluster_id: String::new(),
            decision_type: "bin_pack".to_owned(),
            engine_name: "bin_packing".to_owned(),
            engine_version: "1".to_owned(),
            build: String::new(),
            request_id: None,
            decided_at: Timestamp::UNIX_EPOCH,
            seed: String::new(),
            work_budget: 0,
            work_used: 0,
            work_stopped_at: None,
            input: part(vec![name; MOST_BYTES / 8]),
            policy: part(Vec::new()),
            evidence: part(Vec::new()),
            answer_front: String::new(),
            answer_rest: part(Vec::new()),
            savings: None,
            confidence: 0.0,
        };
        let question = |name: u8| Question { digest: [name; 32], input: blake3::hash(&[name]) };
        let engine = engines::registry::for_decision("bin_pack").unwrap();
        let kept = KeptAnswers::default();
        for name in 0..40 {
            kept.keep(question(name), KeptAnswer::new(engine, record(name)));
            // Whoever is asked for stays.
            assert!(kept.find(question(0), Timestamp::UNIX_EPOCH).is_some(), "{name}");
        }
        assert!(kept.find(question(1), Timestamp::UNIX_EPOCH).is_none());
        assert!(kept.find(question(39), Timestamp::UNIX_EPOCH).is_some());
    }

    fn part(content: Vec<u8>) -> store::Part {
        store::Part { digest: [0; 32], content: content.into() }
    }
}
