//! Looking decisions up again.

use facts::decision::{Decision, EngineName, WorkSpent};
use jiff::Timestamp;
use render::Artefact;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;
use store::{DecisionFilter, DecisionSummary, OrderPart, OrderedDecision, StoredDecision};
use units::{Confidence, Fraction, Usd};

use crate::access::Caller;
use crate::bundle::{BUNDLE_SCHEMA, Bundle};
use crate::{App, Error};

/// A decision in a list.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct DecisionItem {
    /// The decision's name.
    pub execution_id: String,
    /// The same.
    pub decision_id: String,
    /// What was asked for.
    pub decision_type: String,
    /// The customer whose key asked.
    pub customer_id: Option<String>,
    /// The cluster, where it was named.
    pub cluster_id: Option<String>,
    /// The caller's name for the request.
    pub request_id: Option<String>,
    /// Who answered.
    pub engine: EngineName,
    /// Dollars a month; `null` when unknown.
    pub estimated_savings: Option<Usd>,
    /// 0 to 1.
    pub confidence_score: Confidence,
    /// When.
    pub executed_at: Timestamp,
    /// Where the whole of it is found.
    #[serde(rename = "self")]
    pub permalink: String,
    /// Where it is found as files that a person can apply.
    pub rendered: String,
}

/// A decision with its place and with what became of it.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct ListedDecision {
    /// Its place in the order in which all decisions were kept.
    pub sequence: u64,
    /// The decision.
    #[serde(flatten)]
    pub item: DecisionItem,
    /// What was said last of what became of it: `accepted`, `dismissed`, `applied`, `failed` or
    /// `measured`; `null` while nothing was.
    pub outcome: Option<String>,
}

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
    ) -> Result<(Vec<DecisionItem>, u64), Error> {
        let (rows, total) = self.store.decisions(&confined(filter, caller)).await?;
        Ok((rows.iter().map(|row| self.decision_item(row)).collect(), total))
    }

    /// Decisions that the caller may see, those that were kept last first, from before a place on.
    ///
    /// # Errors
    /// A store that does not answer.
    pub async fn listed_decisions(
        &self,
        filter: &DecisionFilter,
        before: Option<u64>,
        caller: &Caller,
    ) -> Result<Vec<ListedDecision>, Error> {
        let filter = confined(filter, caller);
        let rows = self.store.decisions_in_order(&filter, OrderPart::Before(before)).await?;
        let listed = |row: OrderedDecision| ListedDecision {
            sequence: row.sequence,
            item: self.decision_item(&row.summary),
            outcome: row.outcome,
        };
        Ok(rows.into_iter().map(listed).collect())
    }

    pub(crate) fn decision_item(&self, summary: &DecisionSummary) -> DecisionItem {
        let permalink = self.permalink(&summary.decision_id);
        DecisionItem {
            execution_id: summary.decision_id.clone(),
            decision_id: summary.decision_id.clone(),
            decision_type: summary.decision_type.clone(),
            customer_id: summary.customer_id.clone(),
            cluster_id: summary.cluster_id.clone(),
            request_id: summary.request_id.clone(),
            engine: EngineName {
                name: summary.engine_name.clone(),
                version: summary.engine_version.clone(),
            },
            estimated_savings: summary.savings,
            confidence_score: Confidence::new(Fraction::clamped(summary.confidence)),
            executed_at: summary.decided_at,
            rendered: permalink.rendered(),
            permalink: permalink.decision().to_owned(),
        }
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

/// The same question of somebody who may see less.
pub(crate) fn confined(filter: &DecisionFilter, caller: &Caller) -> DecisionFilter {
    let own = caller.confined_to().map(str::to_owned);
    DecisionFilter { customer_id: own.or_else(|| filter.customer_id.clone()), ..filter.clone() }
}

/// A decision's body as files that a person can apply.
///
/// # Errors
/// A text that is no decision.
pub fn artefacts(json: &[u8]) -> Result<Vec<Artefact>, serde_json::Error> {
    let decision: Decision<Value> = serde_json::from_slice(json)?;
    Ok(render::render(&decision, &decision.verdict.recommendations))
}
