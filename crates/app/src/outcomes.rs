//! What became of decisions: whoever carries a plan out says so, and what was measured afterwards is
//! summed up.

use std::collections::BTreeSet;

use facts::decision::Decision;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::{FindingState, OutcomeRow, Settlement, Uuid};
use units::Usd;

use crate::access::Caller;
use crate::findings::{checked_note, dismissal};
use crate::gaps::{Window, field};
use crate::ids::{named_id, timed_id};
use crate::joint::items::of_parsed;
use crate::{App, Error};

/// The most measurements of a cluster that are looked at.
const MOST_MEASURED: u64 = 10_000;

/// What became of a decision.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("examples" = [{ "outcome": "failed", "step": 2, "reason": "the node did not drain" }]))]
pub struct NewOutcome {
    /// What became of it.
    pub outcome: OutcomeWord,
    /// The findings that are meant, by the engine's names; all of the decision when absent.
    #[serde(default)]
    pub findings: Option<Vec<String>>,
    /// With `dismissed`: until when nobody wants to hear of it.
    #[serde(default)]
    pub until: Option<Timestamp>,
    /// With `failed`: which step of the plan, as the plan numbers them.
    #[serde(default)]
    pub step: Option<u64>,
    /// With `failed`: why; with others: a remark.
    #[serde(default)]
    pub reason: Option<String>,
    /// With `measured`: dollars a month, negative when it costs more.
    #[serde(default)]
    pub savings_usd_per_month: Option<Usd>,
    /// With `measured`: the stretch of time that was measured.
    #[serde(default)]
    pub window: Option<Window>,
}

/// What can become of a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OutcomeWord {
    /// It is to be carried out.
    Accepted,
    /// Nobody wants to hear of it until some instant.
    Dismissed,
    /// It was carried out.
    Applied,
    /// Carrying it out failed.
    Failed,
    /// What it saved was measured.
    Measured,
}

/// An outcome that is kept.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct OutcomeItem {
    /// Its name.
    pub outcome_id: String,
    /// The decision.
    pub decision_id: String,
    /// `accepted`, `dismissed`, `applied`, `failed` or `measured`.
    pub outcome: String,
    /// The findings that it is about.
    pub findings: Vec<String>,
    /// Dollars a month that were measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub savings_usd_per_month: Option<Usd>,
    /// The rest of what was said.
    pub detail: Value,
    /// When it was said.
    pub noted_at: Timestamp,
    /// By whom.
    pub noted_by: String,
    /// Whether it was kept before.
    #[serde(skip)]
    pub known: bool,
}

impl OutcomeWord {
    fn name(self) -> &'static str {
        match self {
            OutcomeWord::Accepted => "accepted",
            OutcomeWord::Dismissed => "dismissed",
            OutcomeWord::Applied => "applied",
            OutcomeWord::Failed => "failed",
            OutcomeWord::Measured => "measured",
        }
    }

    /// What it makes of findings.
    fn state(self) -> Option<FindingState> {
        match self {
            OutcomeWord::Accepted => Some(FindingState::Accepted),
            OutcomeWord::Dismissed => Some(FindingState::Dismissed),
            OutcomeWord::Applied => Some(FindingState::Applied),
            // It is still there.
            OutcomeWord::Failed => Some(FindingState::Open),
            OutcomeWord::Measured => None,
        }
    }
}

impl App {
    /// Notes what became of a decision. `key`, the caller's own name for the request, notes it once.
    ///
    /// # Errors
    /// There is no such decision that the caller may see; fields that are wrong; a key that was used for
    /// something else; a store that does not answer.
    pub async fn note_outcome(
        &self,
        decision_id: &str,
        wanted: &NewOutcome,
        key: Option<&str>,
        caller: &Caller,
    ) -> Result<OutcomeItem, Error> {
        let now = self.clock.now();
        let reason = checked_note(wanted.reason.as_deref())?;
        check(wanted)?;
        let stored = self.store.decision(decision_id, caller.confined_to()).await?;
        let stored = stored
            .ok_or_else(|| Error::NotFound(format!("there is no decision `{decision_id}`")))?;
        let decision: Decision<Value> = serde_json::from_slice(&stored.answer)
            .map_err(|error| Error::Internal(error.to_string()))?;
        let findings = meant(wanted, &decision)?;
        let asked = json!({ "decision_id": decision_id, "said": wanted }).to_string();
        let asked = blake3::hash(asked.as_bytes()).to_hex().to_string();
        let row = OutcomeRow {
            cluster_id: stored.summary.cluster_id.unwrap_or_default(),
            customer_id: stored.summary.customer_id,
            outcome_id: match key {
                Some(key) => named_id("outcome", &caller.name, key),
                None => timed_id(now, asked.as_bytes()),
            },
            decision_id: decision_id.parse::<Uuid>().unwrap_or_default(),
            decision_type: stored.summary.decision_type,
            outcome: wanted.outcome.name().to_owned(),
            asked,
            findings,
            detail: json!({ "until": wanted.until, "step": wanted.step, "reason": wanted.reason,
                            "window": wanted.window }),
            savings: wanted.savings_usd_per_month,
            noted_at: now,
            noted_by: caller.name.clone(),
        };
        if key.is_some() {
            let known = self.store.outcome(row.outcome_id, row.customer_id.as_deref()).await?;
            if let Some(known) = known {
                return same(known, &row);
            }
        }
        let until = dismissal(wanted.outcome == OutcomeWord::Dismissed, wanted.until, now)?;
        let settlement = wanted.outcome.state().map(|state| Settlement {
            state,
            until,
            note: failed_at(wanted).or(reason),
            by: caller.name.clone(),
            at: now,
        });
        let detail = json!({ "outcome": row.outcome, "findings": row.findings,
                             "savings_usd_per_month": row.savings });
        let audit = self.note(caller, "decision.outcome", decision_id.to_owned(), detail);
        match self.store.add_outcome(&row, settlement.as_ref(), &audit).await? {
            None => Ok(item(row, false)),
            Some(known) => same(known, &row),
        }
    }

    /// Dollars a month that were measured at a cluster, each finding once; `None` before anything was.
    pub(crate) async fn realised_savings(
        &self,
        cluster_id: &str,
        customer_id: Option<&str>,
    ) -> Result<Option<Usd>, Error> {
        let measured = self.store.measured_outcomes(cluster_id, customer_id, MOST_MEASURED).await?;
        Ok(realised(&measured))
    }
}

/// The sum of what was measured, the newest first: what a newer measurement is about is not counted
/// again.
pub(crate) fn realised(measured: &[OutcomeRow]) -> Option<Usd> {
    let mut seen: BTreeSet<(&str, &str)> = BTreeSet::new();
    let mut decisions: BTreeSet<Uuid> = BTreeSet::new();
    let mut sum = None;
    for one in measured {
        let keys: Vec<(&str, &str)> =
            one.findings.iter().map(|name| (one.decision_type.as_str(), name.as_str())).collect();
        let is_known = if keys.is_empty() {
            decisions.contains(&one.decision_id)
        } else {
            keys.iter().any(|key| seen.contains(key))
        };
        if keys.is_empty() {
            decisions.insert(one.decision_id);
        }
        seen.extend(keys);
        if !is_known {
            sum = Some(sum.unwrap_or(Usd::ZERO) + one.savings.unwrap_or(Usd::ZERO));
        }
    }
    sum
}

/// Refuses what does not belong to the word, and what is missing with it.
fn check(wanted: &NewOutcome) -> Result<(), Error> {
    let word = wanted.outcome;
    let needs = |is: bool, has: bool, at: &str, what: &str| match (is, has) {
        (true, false) => Err(field(at, "required", what)),
        (false, true) => {
            Err(field(at, "unexpected", &format!("does not go with `{}`", word.name())))
        }
        _ => Ok(()),
    };
    let failed = word == OutcomeWord::Failed;
    let measured = word == OutcomeWord::Measured;
    let saved = wanted.savings_usd_per_month.is_some();
    needs(
        failed,
        failed && wanted.reason.is_some() || !failed && wanted.step.is_some(),
        if failed { "/reason" } else { "/step" },
        "say why it failed",
    )?;
    needs(measured, saved, "/savings_usd_per_month", "say what was measured, in dollars a month")?;
    needs(measured, wanted.window.is_some(), "/window", "say what stretch of time was measured")?;
    if wanted.window.is_some_and(|window| window.from >= window.until) {
        return Err(field("/window/from", "invalid", "is not before the end"));
    }
    Ok(())
}

/// The findings that are meant.
fn meant(wanted: &NewOutcome, decision: &Decision<Value>) -> Result<Vec<String>, Error> {
    let items = of_parsed(decision, decision.verdict.recommendations.clone());
    let all: BTreeSet<String> = items.into_iter().map(|one| one.finding).collect();
    let Some(named) = &wanted.findings else { return Ok(all.into_iter().collect()) };
    if let Some((place, _)) = named.iter().enumerate().find(|(_, name)| !all.contains(*name)) {
        let at = format!("/findings/{place}");
        return Err(field(&at, "unknown", "the decision has no finding of this name"));
    }
    let named: BTreeSet<&String> = named.iter().collect();
    Ok(named.into_iter().cloned().collect())
}

fn failed_at(wanted: &NewOutcome) -> Option<String> {
    let reason = wanted.reason.as_deref().unwrap_or_default();
    wanted.step.map(|step| format!("step {step} failed: {reason}"))
}

fn same(known: OutcomeRow, row: &OutcomeRow) -> Result<OutcomeItem, Error> {
    if known.asked == row.asked {
        return Ok(item(known, true));
    }
    Err(Error::Conflict(
        "this Idempotency-Key was used for another request; give this one a new key".to_owned(),
    ))
}

fn item(row: OutcomeRow, known: bool) -> OutcomeItem {
    OutcomeItem {
        outcome_id: row.outcome_id.to_string(),
        decision_id: row.decision_id.to_string(),
        outcome: row.outcome,
        findings: row.findings,
        savings_usd_per_month: row.savings,
        detail: row.detail,
        noted_at: row.noted_at,
        noted_by: row.noted_by,
        known,
    }
}
