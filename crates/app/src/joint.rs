//! Every engine on one snapshot, and one list of what they say whose savings add up.
//!
//! Engines look at the same cluster and find the same money more than once. Here each dollar counts
//! once: machines of the cluster are counted in the order in which the changes would be carried out
//! (amounts of containers, packing, spot, working hours), each on what the one before leaves; things
//! outside of it count with the first engine that names them.

mod carried_out;
mod cluster;
pub(crate) mod items;

use std::collections::BTreeMap;

use engines::prepared::{AnyEngine, ErasedDecision};
use engines::registry::{self, BUILT_IN};
use engines::request::DecisionRequest;
use facts::action::Target;
use facts::cluster::DecodeError;
use facts::decision::Warning;
use facts::finding::CostCategory;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use units::{Confidence, Usd};

use crate::decide::{Desk, Known, Outcome};
use cluster::Cluster;

/// A request for everything at once: one cluster, and policies and limits by decision.
#[derive(Clone, Debug, Deserialize)]
pub struct JointRequest<'a> {
    /// The caller's name for the cluster; else the snapshot's own.
    #[serde(default)]
    pub cluster_id: Option<String>,
    /// The cluster.
    #[serde(borrow)]
    pub current_state: &'a RawValue,
    /// Overrides of policies, by decision such as `bin_pack`.
    #[serde(default, borrow)]
    pub requirements: BTreeMap<String, &'a RawValue>,
    /// Limits that only tighten, by decision.
    #[serde(default, borrow)]
    pub constraints: BTreeMap<String, &'a RawValue>,
    /// Only these decisions; all when absent.
    #[serde(default)]
    pub engines: Option<Vec<String>>,
    /// Decisions that are not made, whatever the request says.
    #[serde(skip)]
    pub left_out: Vec<LeftOut>,
}

/// A decision that was not made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct LeftOut {
    /// The decision.
    pub decision_type: String,
    /// The feature that is switched off.
    pub feature: String,
    /// Why, in words.
    pub reason: String,
}

/// The same as the API document describes it.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used; the reader above borrows raw text")]
#[schemars(rename = "JointRequest")]
pub struct JointRequestSchema {
    /// The caller's name for the cluster; else the snapshot's own.
    cluster_id: Option<String>,
    /// The cluster, in the full or in the short form.
    current_state: facts::cluster::ClusterState,
    /// Overrides of policies, by decision such as `bin_pack`.
    requirements: Option<BTreeMap<String, serde_json::Map<String, serde_json::Value>>>,
    /// Limits that only tighten, by decision.
    constraints: Option<BTreeMap<String, serde_json::Map<String, serde_json::Value>>>,
    /// Only these decisions; all when absent.
    engines: Option<Vec<String>>,
}

/// What all engines say together.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct JointReport {
    /// The cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster_id: Option<String>,
    /// When it was decided; every decision below refers to this instant.
    pub decided_at: Timestamp,
    /// Dollars a month at list prices, each counted once.
    pub list_savings_usd_per_month: Usd,
    /// Dollars a month that are really saved, commitments and discounts considered.
    pub effective_savings_usd_per_month: Usd,
    /// Dollars a month that were measured after plans were carried out; `null` before that.
    pub realised_savings_usd_per_month: Option<Usd>,
    /// By part of the bill.
    pub by_category: BTreeMap<CostCategory, Usd>,
    /// What was found, most savings first.
    pub items: Vec<JointItem>,
    /// The decisions behind it.
    pub decisions: Vec<JointDecision>,
    /// Decisions that were not made because somebody has switched them off.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<LeftOut>,
    /// How the sums come about.
    pub method: String,
}

/// One thing that was found.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct JointItem {
    /// Its place, from 1.
    pub rank: u64,
    /// The decision that it is from, such as `bin_pack`.
    pub decision_type: String,
    /// Its name; the same each time the same thing is found.
    pub finding: String,
    /// What it is about.
    pub subject: Target,
    /// Which part of the bill it lies in.
    pub cost_category: CostCategory,
    /// What to do, in one sentence.
    pub summary: String,
    /// What the engine says it saves by itself; `null` when unknown.
    pub own_savings_usd_per_month: Option<Usd>,
    /// What it adds to the sum.
    pub counted_savings_usd_per_month: Usd,
    /// The finding that counts the same dollars, where another one does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counted_with: Option<String>,
    /// How sure the engine is.
    pub confidence: Confidence,
    /// Whether a person has to look.
    pub requires_review: bool,
    /// Who answers for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
}

/// A decision behind the report.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct JointDecision {
    /// What was asked for.
    pub decision_type: String,
    /// Its name; `GET /decisions/{id}` has the whole of it.
    pub decision_id: String,
    /// Where a server has it.
    #[serde(rename = "self", skip_serializing_if = "Option::is_none")]
    pub permalink: Option<String>,
    /// What it saves by itself.
    pub own_savings_usd_per_month: Option<Usd>,
    /// What it adds to the sum.
    pub counted_savings_usd_per_month: Usd,
    /// How much it recommends.
    pub recommendations: u64,
    /// How many steps its plan has.
    pub steps: u64,
    /// How sure it is.
    pub confidence_score: Confidence,
    /// What its reader should know.
    pub warnings: Vec<Warning>,
}

/// The report with the decisions that it was made of.
pub struct Joint {
    /// The report.
    pub report: JointReport,
    /// The decisions on the snapshot as it is, in the order of the registry.
    pub outcomes: Vec<Outcome>,
}

impl<'a> JointRequest<'a> {
    /// Reads a request.
    ///
    /// # Errors
    /// Text that is none, or a decision that nobody makes, named by pointer.
    pub fn from_json(body: &'a [u8]) -> Result<JointRequest<'a>, DecodeError> {
        // One reader finds mistakes for both kinds of requests.
        let request: JointRequest<'a> = serde_json::from_slice(body)
            .map_err(|error| DecodeError { pointer: String::new(), message: error.to_string() })?;
        let named = request.engines.iter().flatten().map(|name| ("/engines", name));
        let named = named
            .chain(request.requirements.keys().map(|name| ("/requirements", name)))
            .chain(request.constraints.keys().map(|name| ("/constraints", name)));
        for (at, name) in named {
            if registry::for_decision(name).is_none() {
                let known: Vec<&str> = BUILT_IN.iter().map(|engine| engine.decision()).collect();
                return Err(DecodeError {
                    pointer: format!("{at}/{name}"),
                    message: format!("nobody decides `{name}`; expected {}", known.join(", ")),
                });
            }
        }
        Ok(request)
    }

    /// The cluster that a request is about, without reading the cluster itself; `None` where nobody
    /// names it or the text is no request.
    #[must_use]
    pub fn cluster_of(body: &[u8]) -> Option<String> {
        #[derive(Deserialize)]
        struct Named {
            #[serde(default)]
            cluster_id: Option<String>,
            #[serde(default)]
            current_state: Option<Box<Named>>,
        }
        let named: Named = serde_json::from_slice(body).ok()?;
        named.cluster_id.or_else(|| named.current_state?.cluster_id)
    }

    pub(crate) fn wants(&self, decision: &str) -> bool {
        if self.left_out.iter().any(|left| left.decision_type == decision) {
            return false;
        }
        let Some(engines) = &self.engines else { return true };
        engines.iter().any(|name| {
            registry::for_decision(name).is_some_and(|engine| engine.decision() == decision)
        })
    }

    /// What the request overrides of a decision's policy.
    pub(crate) fn requirements_of(&self, decision: &str) -> Option<&'a RawValue> {
        of_decision(&self.requirements, decision)
    }

    /// Overrides a decision's policy.
    pub(crate) fn set_requirements(&mut self, decision: &str, policy: &'a RawValue) {
        let is_other = |name: &String| {
            registry::for_decision(name).is_none_or(|engine| engine.decision() != decision)
        };
        self.requirements.retain(|name, _| is_other(name));
        self.requirements.insert(decision.to_owned(), policy);
    }

    /// The request for one decision.
    fn of(&self, decision: &str) -> DecisionRequest<'a> {
        DecisionRequest {
            request_id: None,
            cluster_id: self.cluster_id.clone(),
            decision_type: None,
            current_state: self.current_state,
            requirements: of_decision(&self.requirements, decision),
            constraints: of_decision(&self.constraints, decision),
        }
    }
}

/// The part that is for a decision, however it is spelt.
fn of_decision<'a>(parts: &BTreeMap<String, &'a RawValue>, decision: &str) -> Option<&'a RawValue> {
    let found = parts.iter().find(|(name, _)| {
        registry::for_decision(name).is_some_and(|engine| engine.decision() == decision)
    });
    found.map(|(_, raw)| *raw)
}

impl Desk {
    /// Asks every engine, and puts together what they say.
    ///
    /// # Errors
    /// The first part of the request that an engine cannot read.
    pub fn decide_all(
        &self,
        request: &JointRequest<'_>,
        now: Timestamp,
        cancelled: Option<&dyn Fn() -> bool>,
        known: Option<&Known>,
    ) -> Result<Joint, DecodeError> {
        let mut outcomes = Vec::new();
        let cluster = Cluster::read(request.current_state)?;
        for engine in BUILT_IN.iter().filter(|engine| request.wants(engine.decision())) {
            let asked = Asked { request, cluster: &cluster, now, cancelled };
            let outcome = self.one_of_all(*engine, &asked, known).map_err(|error| {
                // The parts of this request are one level deeper.
                let pointer = error.pointer.replacen(
                    "/requirements",
                    &format!("/requirements/{}", engine.decision()),
                    1,
                );
                DecodeError { pointer, message: error.message }
            })?;
            outcomes.push(outcome);
        }
        let counted = self.count(request, &cluster, &outcomes, now, cancelled)?;
        let report = items::report(request, &outcomes, &counted, now);
        Ok(Joint { report, outcomes })
    }

    /// What each decision about the cluster's own machines still saves when those before it have been
    /// carried out; decisions that are not here count as they are.
    fn count(
        &self,
        request: &JointRequest<'_>,
        cluster: &Cluster,
        outcomes: &[Outcome],
        now: Timestamp,
        cancelled: Option<&dyn Fn() -> bool>,
    ) -> Result<BTreeMap<String, Counted>, DecodeError> {
        let decision = |name: &str| {
            outcomes.iter().map(|one| &one.decision).find(|one| one.decision_type == name)
        };
        let again = |decision: &str, cluster: &Cluster| {
            let engine = registry::for_decision(decision).ok_or_else(|| DecodeError {
                pointer: String::new(),
                message: format!("nobody decides `{decision}`"),
            })?;
            let asked = Asked { request, cluster, now, cancelled };
            Ok::<_, DecodeError>(self.one_of_all(engine, &asked, None)?.decision)
        };
        let mut counted = BTreeMap::new();
        let plans: Vec<&ErasedDecision> =
            ["rightsize", "bin_pack"].iter().filter_map(|name| decision(name)).collect();
        let changes = plans.iter().any(|one| !one.verdict.execution_plan.is_empty());
        let after = changes.then(|| cluster.after(&plans)).transpose()?;
        let after = after.as_ref().unwrap_or(cluster);
        let mut left = 1.0;
        match (decision("rightsize"), decision("bin_pack")) {
            (Some(sized), Some(_)) => {
                // Packing is counted on the amounts that containers have afterwards; other types for
                // the same machines would save the same dollars again.
                counted.insert("rightsize".to_owned(), Counted::NOTHING);
                if !sized.verdict.execution_plan.is_empty() {
                    let smaller = cluster.after(&[sized])?;
                    let again = again("bin_pack", &smaller)?;
                    counted.insert("bin_pack".to_owned(), Counted::of(&again));
                }
            }
            (Some(sized), None) => left = share_left(sized),
            _ => {}
        }
        if decision("spot_optimize").is_some() {
            let again = again("spot_optimize", after)?;
            counted.insert("spot_optimize".to_owned(), Counted::of(&again).scaled(left));
            left *= share_left(&again);
        }
        if decision("schedule").is_some() {
            let again = again("schedule", after)?;
            // An hour that is not run saves what it costs after the changes before.
            counted.insert("schedule".to_owned(), Counted::of(&again).scaled(left));
        }
        Ok(counted)
    }

    fn one_of_all(
        &self,
        engine: &dyn AnyEngine,
        asked: &Asked<'_>,
        known: Option<&Known>,
    ) -> Result<Outcome, DecodeError> {
        let Asked { request, cluster, now, cancelled } = *asked;
        let one = request.of(engine.decision());
        let prepared = engine.prepare_on(&one, &cluster.read)?;
        let (prepared, input) = (prepared.as_ref(), &cluster.input);
        self.complete_on(engine, prepared, &one, input, now, cancelled, known)
    }
}

/// What one engine of several is asked.
struct Asked<'a> {
    request: &'a JointRequest<'a>,
    cluster: &'a Cluster,
    now: Timestamp,
    cancelled: Option<&'a dyn Fn() -> bool>,
}

/// The share of what is paid now that is still paid after a decision, 0 to 1.
fn share_left(decision: &ErasedDecision) -> f64 {
    let savings = &decision.verdict.savings;
    match (savings.before_usd_per_hour, savings.after_usd_per_hour) {
        (Some(before), Some(after)) if before.nanos() > 0 => {
            (after.nanos() as f64 / before.nanos() as f64).clamp(0.0, 1.0)
        }
        _ => 1.0,
    }
}

/// What a decision adds to the sum.
#[derive(Clone, Copy, Debug)]
struct Counted {
    effective: Usd,
    list: Usd,
}

impl Counted {
    const NOTHING: Counted = Counted { effective: Usd::ZERO, list: Usd::ZERO };

    fn of(decision: &ErasedDecision) -> Counted {
        let verdict = &decision.verdict;
        let effective = verdict.estimated_savings.unwrap_or(Usd::ZERO).max(Usd::ZERO);
        let list = verdict.savings.list_savings_usd_per_month.unwrap_or(effective);
        Counted { effective, list }
    }

    fn scaled(self, share: f64) -> Counted {
        let scaled = |amount: Usd| Usd::from_dollars(amount.dollars() * share).unwrap_or(amount);
        Counted { effective: scaled(self.effective), list: scaled(self.list) }
    }
}
