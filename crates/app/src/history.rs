//! Looking decisions up again.

use facts::decision::{Decision, EngineName, WorkSpent};
use render::Artefact;
use serde_json::Value;
use serde_json::value::RawValue;
use store::{DecisionFilter, DecisionSummary, StoredDecision};

use crate::access::Caller;
use crate::bundle::{BUNDLE_SCHEMA, Bundle};
use crate::{App, Error};

impl App {
    /// A decision as files that a person can apply.
    ///
    /// # Errors
    /// As [`App::decision`].
    pub async fn rendered(&self, id: &str, caller: &Caller) -> Result<Vec<Artefact>, Error> {
        let json = self.decision(id, caller).await?;
        artefacts(&json).map_err(|error| Error::Internal(format!("a kept decision: {error}")))
    }

    /// Decisions that the caller may see, newest first, and how many there are in all.
    ///
    /// # Errors
    /// A store that does not answer.
    pub async fn decisions(
        &self,
        filter: &DecisionFilter,
        caller: &Caller,
    ) -> Result<(Vec<DecisionSummary>, u64), Error> {
        let confined = caller.confined_to().map(str::to_owned);
        let customer_id = confined.or_else(|| filter.customer_id.clone());
        Ok(self.store.decisions(&DecisionFilter { customer_id, ..filter.clone() }).await?)
    }

    /// The answer of one decision, byte for byte.
    ///
    /// # Errors
    /// There is none of this name that the caller may see, or the store does not answer.
    pub async fn decision(&self, decision_id: &str, caller: &Caller) -> Result<Vec<u8>, Error> {
        Ok(self.stored(decision_id, caller).await?.answer)
    }

    /// The bundle that reproduces one decision.
    ///
    /// # Errors
    /// As [`App::decision`].
    pub async fn bundle(&self, decision_id: &str, caller: &Caller) -> Result<Bundle, Error> {
        let stored = self.stored(decision_id, caller).await?;
        let raw = |bytes: Vec<u8>| {
            let text =
                String::from_utf8(bytes).map_err(|error| Error::Internal(error.to_string()))?;
            RawValue::from_string(text).map_err(|error| Error::Internal(error.to_string()))
        };
        let summary = stored.summary;
        Ok(Bundle {
            schema: BUNDLE_SCHEMA.to_owned(),
            decision_id: summary.decision_id,
            decision_type: summary.decision_type,
            engine: EngineName { name: summary.engine_name, version: summary.engine_version },
            build: stored.build,
            now: summary.decided_at,
            seed: stored.seed,
            work: WorkSpent {
                budget: stored.work_budget,
                used: stored.work_used,
                stopped_at: stored.work_stopped_at,
            },
            request_id: summary.request_id,
            cluster_id: summary.cluster_id,
            answer_digest: blake3::hash(&stored.answer).to_hex().to_string(),
            policy: raw(stored.policy)?,
            evidence: raw(stored.evidence)?,
            input: raw(stored.input)?,
        })
    }

    async fn stored(&self, decision_id: &str, caller: &Caller) -> Result<StoredDecision, Error> {
        let found = self.store.decision(decision_id, caller.confined_to()).await?;
        found.ok_or_else(|| Error::NotFound(format!("there is no decision `{decision_id}`")))
    }
}

/// A decision's body as files that a person can apply.
///
/// # Errors
/// A text that is no decision.
pub fn artefacts(json: &[u8]) -> Result<Vec<Artefact>, serde_json::Error> {
    let decision: Decision<Value> = serde_json::from_slice(json)?;
    Ok(render::render(&decision, &decision.verdict.recommendations))
}
