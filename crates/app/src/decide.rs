//! Making one decision: prepare, gather, decide, judge, write.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use engines::engine::{Sightings, Sources};
use engines::learned::LearnedPools;
use engines::prepared::{AnyEngine, AnyEvidence, Digest, ErasedDecision, Prepared, Run};
use engines::request::DecisionRequest;
use engines::spot_model::SpotModel;
use facts::cluster::DecodeError;
use facts::decision::Warning;
use facts::reason::ReasonCode;
use jiff::Timestamp;
use market::{Market, MarketSlice};

use crate::BUILD;
use crate::bundle::Bundle;
use crate::kept::KeptAnswers;
use crate::learning::Learned;
use crate::models::asking::AskedModel;
use crate::records::Records;

/// A decision with everything that is needed to make it again.
pub struct Outcome {
    /// The decision.
    pub decision: ErasedDecision,
    /// The same as the bytes that leave.
    pub json: Vec<u8>,
    /// The cluster as it was sent.
    pub input: Arc<str>,
    /// Its digest.
    pub input_digest: Digest,
    /// The policy in effect.
    pub policy: String,
    /// What the engine asked of the world and got.
    pub evidence: AnyEvidence,
    /// What the plan checker found.
    pub violations: Vec<checker::Violation>,
}

/// What is known beside the market when a decision is made.
#[derive(Default)]
pub struct Known {
    /// What earlier snapshots of the same cluster showed.
    pub(crate) records: Option<Records>,
    /// What the customer has learned from interruptions.
    pub(crate) learned: Option<Learned>,
}

/// A cluster as it was sent, with its digest.
pub(crate) struct Input {
    text: Arc<str>,
    digest: Digest,
}

impl Input {
    pub(crate) fn of(text: &str) -> Input {
        Input { text: text.into(), digest: blake3::hash(text.as_bytes()) }
    }
}

/// The market that decisions are made on, with evidence that was gathered from it before.
///
/// Evidence depends on the market and on what is asked, and on nothing else, so keeping it changes
/// no answer; nor does keeping answers that hold as long as the market and the hour do.
pub struct Desk {
    market: Arc<Market>,
    model: Option<AskedModel>,
    gathered: Mutex<BTreeMap<(&'static str, String), AnyEvidence>>,
    pub(crate) kept: KeptAnswers,
}

/// Evidence that is kept; beyond, all of it is dropped, which an hour's change does anyway.
const MOST_GATHERED: usize = 256;

impl Desk {
    /// A desk with one market.
    #[must_use]
    pub fn new(market: Market) -> Desk {
        Desk::over(Arc::new(market))
    }

    /// A desk with a market that others hold too.
    #[must_use]
    pub fn over(market: Arc<Market>) -> Desk {
        Desk {
            market,
            model: None,
            gathered: Mutex::new(BTreeMap::new()),
            kept: KeptAnswers::default(),
        }
    }

    /// The same desk with a model that decisions ask.
    pub(crate) fn asking(self, model: Option<AskedModel>) -> Desk {
        Desk { model, ..self }
    }

    /// The market.
    #[must_use]
    pub fn market(&self) -> &Market {
        &self.market
    }

    pub(crate) fn shared_market(&self) -> &Arc<Market> {
        &self.market
    }

    fn evidence(
        &self,
        engine: &dyn AnyEngine,
        prepared: &dyn Prepared,
        now: Timestamp,
        known: Option<&Known>,
    ) -> AnyEvidence {
        if engine.asks_records() {
            // Equal questions have other answers at other clusters.
            return self.gathered(prepared, now, known);
        }
        let learned = known.and_then(|known| known.learned.as_ref());
        let learned = learned.filter(|_| engine.asks_learned());
        let need = prepared.need(now);
        // Customers have learned different things, and each report teaches something.
        let need = learned.map_or_else(|| need.clone(), |learned| need.clone() + &learned.mark());
        let key = (engine.name(), need);
        let lock = || self.gathered.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = lock().get(&key) {
            return found.clone();
        }
        let gathered = self.gathered(prepared, now, known);
        let mut kept = lock();
        if kept.len() >= MOST_GATHERED {
            kept.clear();
        }
        kept.insert(key, gathered.clone());
        gathered
    }

    fn gathered(
        &self,
        prepared: &dyn Prepared,
        now: Timestamp,
        known: Option<&Known>,
    ) -> AnyEvidence {
        let records = known.and_then(|known| known.records.as_ref());
        let first_seen = |state: &str, id: &str| records.and_then(|kept| kept.since(state, id));
        let sightings = records.map(|_| Sightings { first_seen: &first_seen });
        let learned = known.and_then(|known| known.learned.as_ref());
        let told = |_: &Market, slice: &MarketSlice| {
            learned.map_or_else(Vec::new, |learned| learned.ask(slice))
        };
        let learned = learned.map(|learned| LearnedPools { hours: learned.hours, ask: &told });
        let sources = Sources { sightings, learned, ..Sources::of(&self.market) };
        match &self.model {
            None => prepared.gather(now, &sources),
            Some(model) => {
                let ask = |_: &Market, slice: &MarketSlice| model.ask(&self.market, slice, now);
                let spot_model = Some(SpotModel { identity: &model.identity, ask: &ask });
                prepared.gather(now, &Sources { spot_model, ..sources })
            }
        }
    }

    /// Decides.
    ///
    /// # Errors
    /// A request that cannot be read, named by pointer.
    pub fn decide(
        &self,
        engine: &dyn AnyEngine,
        request: &DecisionRequest<'_>,
        now: Timestamp,
        cancelled: Option<&dyn Fn() -> bool>,
        known: Option<&Known>,
    ) -> Result<Outcome, DecodeError> {
        let prepared = engine.prepare(request)?;
        self.complete(engine, prepared.as_ref(), request, now, cancelled, known)
    }

    /// Decides on a request that has been read.
    ///
    /// # Errors
    /// None that a caller could mend.
    pub fn complete(
        &self,
        engine: &dyn AnyEngine,
        prepared: &dyn Prepared,
        request: &DecisionRequest<'_>,
        now: Timestamp,
        cancelled: Option<&dyn Fn() -> bool>,
        known: Option<&Known>,
    ) -> Result<Outcome, DecodeError> {
        let input = Input::of(request.current_state.get());
        self.complete_on(engine, prepared, request, &input, now, cancelled, known)
    }

    /// Decides on a request that has been read, about a cluster as it was sent.
    #[expect(clippy::too_many_arguments, reason = "each is another part of one decision")]
    pub(crate) fn complete_on(
        &self,
        engine: &dyn AnyEngine,
        prepared: &dyn Prepared,
        request: &DecisionRequest<'_>,
        input: &Input,
        now: Timestamp,
        cancelled: Option<&dyn Fn() -> bool>,
        known: Option<&Known>,
    ) -> Result<Outcome, DecodeError> {
        let evidence = self.evidence(engine, prepared, now, known);
        let run = Run {
            now,
            build: BUILD,
            request_id: request.request_id.as_deref(),
            cluster_id: request.cluster_id.as_deref(),
            input_digest: input.digest,
            stop_after: None,
            cancelled,
        };
        finish(prepared, evidence, &run, &input.text)
    }
}

/// Decides on prepared parts, lets the plan checker judge, and writes the answer.
pub(crate) fn finish(
    prepared: &dyn Prepared,
    evidence: AnyEvidence,
    run: &Run<'_>,
    input: &Arc<str>,
) -> Result<Outcome, DecodeError> {
    let broken =
        |message: &str| DecodeError { pointer: String::new(), message: message.to_owned() };
    let mut decision = prepared
        .decide(&evidence, run)
        .ok_or_else(|| broken("the evidence belongs to another engine"))?;
    let violations = checker::check(prepared.state(), &decision);
    judge(&mut decision, &violations);
    let json = serde_json::to_vec(&decision).map_err(|error| broken(&error.to_string()))?;
    Ok(Outcome {
        decision,
        json,
        input: Arc::clone(input),
        input_digest: run.input_digest,
        policy: prepared.policy_json().to_owned(),
        evidence,
        violations,
    })
}

/// Withholds a plan that the checker objects to; what was found stays.
fn judge(decision: &mut ErasedDecision, violations: &[checker::Violation]) {
    for violation in violations {
        let place = violation.step.map_or(String::new(), |step| format!("step {step}: "));
        decision.verdict.warnings.push(Warning {
            code: if violation.already { ReasonCode::AlreadyViolated } else { violation.code },
            message: format!("{place}{}", violation.detail),
            subject: violation.subject.clone(),
        });
    }
    if checker::objects(violations) {
        let objections = violations.iter().filter(|violation| !violation.already).count();
        decision.verdict.warnings.push(Warning {
            code: ReasonCode::PlanWithheld,
            message: format!("the plan checker has {objections} objections; the plan is withheld"),
            subject: None,
        });
        decision.verdict.execution_plan.clear();
        decision.verdict.estimated_savings = None;
        "unknown: the plan was withheld".clone_into(&mut decision.verdict.savings.formula);
        decision.verdict.savings.after_usd_per_hour = None;
        if let Some(bound) = &mut decision.evidence.bound {
            bound.certificate = None;
        }
    }
}

impl Outcome {
    /// The bundle that reproduces this decision.
    #[must_use]
    pub fn bundle(&self) -> Bundle {
        Bundle::of(self)
    }
}
