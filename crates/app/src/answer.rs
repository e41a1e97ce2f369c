//! Answering a request: decide, keep, and only then let the answer go.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use engines::prepared::{AnyEngine, Prepared};
use engines::registry;
use engines::request::DecisionRequest;
use jiff::{SignedDuration, Timestamp};
use store::{DecisionRecord, Part};

use crate::access::Caller;
use crate::decide::{Desk, Known, Outcome};
use crate::joint::{Joint, JointReport, JointRequest};
use crate::kept::{Front, KeptAnswer, Question};
use crate::learning::Learned;
use crate::{App, Error, FieldError};

/// How long the name of a request stands for its answer.
const IDEMPOTENT_FOR: SignedDuration = SignedDuration::from_hours(24);

/// An answer that is on the disk.
#[derive(Debug)]
pub struct Answer {
    /// The body.
    pub json: Vec<u8>,
    /// Whether the answer had been given before for the same request.
    pub repeated: bool,
}

/// The name of a decision, with which its body begins.
#[must_use]
pub fn name_in(json: &[u8]) -> Option<&str> {
    let rest = json.strip_prefix(b"{\"decision_id\":\"")?;
    let end = rest.iter().position(|byte| *byte == b'"')?;
    std::str::from_utf8(&rest[..end]).ok()
}

impl App {
    /// Answers the request in a caller's body. `decision` is what the route names; without one the body
    /// says it.
    ///
    /// # Errors
    /// A request that cannot be read, a decision that nobody makes, a store that does not answer.
    pub async fn answer(
        self: &Arc<Self>,
        decision: Option<&str>,
        body: impl AsRef<[u8]> + Clone + Send + 'static,
        caller: &Caller,
    ) -> Result<Answer, Error> {
        let customer = caller.customer_id.as_deref();
        let request = DecisionRequest::from_json(body.as_ref())?;
        let engine = engine(decision, &request)?;
        let learned = if engine.asks_learned() { self.all_learned(customer).await? } else { None };
        let mark = learned.as_ref().map_or_else(String::new, Learned::mark);
        let question = Question::of(engine, &request, customer, &mark);
        if let Some(answer) = self.given_before(engine, &request, question, customer).await? {
            return Ok(answer);
        }
        let now = self.clock.now();
        let desk = self.desk();
        if let Some(kept) = desk.kept.find(question, now) {
            self.meters.decision(now, true);
            return self.give(kept.again(request.request_id.as_deref(), now)).await;
        }
        self.meters.decision(now, false);
        let prepared = engine.prepare(&request)?;
        let steady = prepared.is_steady(now);
        let records = if engine.asks_records() {
            let of_snapshot = prepared.state().cluster_id.as_deref();
            self.records(request.cluster_id.as_deref().or(of_snapshot), customer).await?
        } else {
            None
        };
        let known = Known { records, learned };
        let outcome = if prepared.is_quick() {
            desk.complete(engine, prepared.as_ref(), &request, now, None, Some(&known))?
        } else {
            drop(request);
            self.compute_elsewhere(&desk, engine, prepared, body, now, known).await?
        };
        let record = record(&outcome, customer)?;
        if steady && record.work_stopped_at.is_none() {
            desk.kept.keep(question, KeptAnswer::new(engine, record.clone()));
        }
        self.give(record).await
    }

    /// Answers a request for everything at once, but for what is switched off. Every decision behind the
    /// report is kept as if it had been asked for by itself.
    ///
    /// # Errors
    /// As [`App::answer`].
    pub async fn answer_all(
        self: &Arc<Self>,
        body: impl AsRef<[u8]> + Send + 'static,
        caller: &Caller,
    ) -> Result<JointReport, Error> {
        let customer = caller.customer_id.as_deref();
        let mut report = self.decide_and_keep_all(body, customer, self.clock.now()).await?.report;
        for one in &mut report.decisions {
            one.permalink = Some(self.permalink(&one.decision_id).decision().to_owned());
        }
        if let Some(cluster) = &report.cluster_id {
            report.realised_savings_usd_per_month =
                self.realised_savings(cluster, customer).await?;
        }
        Ok(report)
    }

    /// The report with the decisions behind it, which are kept.
    pub(crate) async fn decide_and_keep_all(
        self: &Arc<Self>,
        body: impl AsRef<[u8]> + Send + 'static,
        customer_id: Option<&str>,
        now: Timestamp,
    ) -> Result<Joint, Error> {
        let desk = self.desk();
        let toggles = self.toggles().await?;
        let permit = self.compute.acquire().await;
        let _permit = permit.map_err(|_| Error::Unavailable("shutting down".to_owned()))?;
        let gone = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&gone);
        let _guard = RaiseOnDrop(gone);
        let cluster = JointRequest::cluster_of(body.as_ref());
        let records = self.records(cluster.as_deref(), customer_id).await?;
        let known = Known { records, learned: self.all_learned(customer_id).await? };
        let work = tokio::task::spawn_blocking(move || -> Result<Joint, Error> {
            let request = JointRequest::from_json(body.as_ref())?;
            let applied = toggles.applied(&request)?;
            let request = applied.to(request);
            let cancelled = || seen.load(Ordering::Relaxed);
            Ok(desk.decide_all(&request, now, Some(&cancelled), Some(&known))?)
        });
        let joint =
            work.await.map_err(|_| Error::Internal("the decisions failed".to_owned()))??;
        for outcome in &joint.outcomes {
            self.meters.decision(now, false);
            let record = record(outcome, customer_id)?;
            self.store.keep_decision(record).await?;
        }
        Ok(joint)
    }

    /// Lets an answer go once it is on the disk.
    async fn give(&self, record: DecisionRecord) -> Result<Answer, Error> {
        let json = record.answer();
        self.store.keep_decision(record).await?;
        Ok(Answer { json, repeated: false })
    }

    /// The answer that a request of this name got within the last day.
    async fn given_before(
        &self,
        engine: &dyn AnyEngine,
        request: &DecisionRequest<'_>,
        question: Question,
        customer_id: Option<&str>,
    ) -> Result<Option<Answer>, Error> {
        let Some(name) = request.request_id.as_deref() else { return Ok(None) };
        let now = self.clock.now();
        let since = now.checked_sub(IDEMPOTENT_FOR).unwrap_or(now);
        let Some((input, decision, json)) =
            self.store.decision_of_request(customer_id, name, since).await?
        else {
            return Ok(None);
        };
        let same = input == *question.input.as_bytes() && decision == engine.decision();
        if same {
            return Ok(Some(Answer { json, repeated: true }));
        }
        Err(Error::Conflict(format!(
            "request_id `{name}` was used within a day for another request; give this one a new name"
        )))
    }

    /// Decides on a thread for long work. When the caller goes away, the search stops.
    async fn compute_elsewhere(
        &self,
        desk: &Arc<Desk>,
        engine: &'static dyn AnyEngine,
        prepared: Box<dyn Prepared>,
        body: impl AsRef<[u8]> + Send + 'static,
        now: Timestamp,
        known: Known,
    ) -> Result<Outcome, Error> {
        let permit = self.compute.acquire().await;
        let _permit = permit.map_err(|_| Error::Unavailable("shutting down".to_owned()))?;
        let desk = Arc::clone(desk);
        let gone = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&gone);
        let _guard = RaiseOnDrop(gone);
        let work = tokio::task::spawn_blocking(move || {
            let request = DecisionRequest::from_json(body.as_ref())?;
            let cancelled = || seen.load(Ordering::Relaxed);
            let cancelled: Option<&dyn Fn() -> bool> = Some(&cancelled);
            desk.complete(engine, prepared.as_ref(), &request, now, cancelled, Some(&known))
        });
        let outcome = work.await.map_err(|_| Error::Internal("the decision failed".to_owned()))?;
        Ok(outcome?)
    }
}

/// Raises a flag when it goes out of scope, which it also does when a caller hangs up.
struct RaiseOnDrop(Arc<AtomicBool>);

impl Drop for RaiseOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn engine(
    decision: Option<&str>,
    request: &DecisionRequest<'_>,
) -> Result<&'static dyn AnyEngine, Error> {
    let field = |code, detail: String| {
        Error::Invalid(vec![FieldError { pointer: "/decision_type".to_owned(), code, detail }])
    };
    let known = || {
        let names: Vec<&str> = registry::BUILT_IN.iter().map(|engine| engine.decision()).collect();
        names.join(", ")
    };
    match (decision, request.decision_type.as_deref()) {
        (Some(route), said) => {
            let engine = registry::for_decision(route)
                .ok_or_else(|| Error::NotFound(format!("nobody decides `{route}` here")))?;
            match said {
                Some(said) if said != engine.decision() => Err(field(
                    "mismatch",
                    format!("says `{said}`, but this route decides `{}`", engine.decision()),
                )),
                _ => Ok(engine),
            }
        }
        (None, Some(said)) => registry::for_decision(said)
            .ok_or_else(|| field("unknown", format!("`{said}` is not one of {}", known()))),
        (None, None) => Err(field("required", format!("is missing; expected one of {}", known()))),
    }
}

fn record(outcome: &Outcome, customer_id: Option<&str>) -> Result<DecisionRecord, Error> {
    let decision = &outcome.decision;
    let part = |content: &[u8]| Part {
        digest: *blake3::hash(content).as_bytes(),
        content: content.into(),
    };
    let front = Front {
        decision_id: &decision.decision_id,
        request_id: decision.request_id.as_deref(),
        cluster_id: decision.cluster_id.as_deref(),
        decision_type: &decision.decision_type,
        engine: &decision.engine,
        decided_at: decision.decided_at,
    };
    let front = front.text();
    let rest = outcome.json.strip_prefix(front.as_bytes());
    let rest = rest.ok_or_else(|| Error::Internal("an answer without its front".to_owned()))?;
    Ok(DecisionRecord {
        decision_id: decision.decision_id.clone(),
        customer_id: customer_id.map(str::to_owned),
        cluster_id: decision.cluster_id.clone().unwrap_or_default(),
        decision_type: decision.decision_type.clone(),
        engine_name: decision.engine.name.clone(),
        engine_version: decision.engine.version.clone(),
        build: decision.evidence.build.clone(),
        request_id: decision.request_id.clone(),
        decided_at: decision.decided_at,
        seed: decision.evidence.seed.clone(),
        work_budget: decision.evidence.work.budget,
        work_used: decision.evidence.work.used,
        work_stopped_at: decision.evidence.work.stopped_at,
        input: Part {
            digest: *outcome.input_digest.as_bytes(),
            content: outcome.input.as_bytes().into(),
        },
        policy: part(outcome.policy.as_bytes()),
        evidence: Part {
            digest: *outcome.evidence.digest.as_bytes(),
            content: Arc::<[u8]>::from(Arc::clone(&outcome.evidence.json)),
        },
        answer_rest: part(rest),
        answer_front: front,
        savings: decision.verdict.estimated_savings,
        confidence: decision.verdict.confidence_score.value(),
    })
}
