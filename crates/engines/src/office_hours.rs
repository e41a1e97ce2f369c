//! Working hours of development and test environments: what runs when, and what that saves.
//!
//! Hours are local to an IANA zone and follow its clock changes; windows may cross midnight. A
//! workload's own annotations go before the schedule of its namespace, that before the default. What
//! somebody woke by hand is left alone until its window comes again. Savings are the hours of nodes
//! that become empty, never of replicas.

mod calendar;
mod policy;
mod removable;
mod scope;
mod steps;

pub use calendar::{Hours, HoursError, Transition};
pub use policy::{
    AbsoluteRange, ClockTime, Day, OfficeConstraints, OfficeHours, OfficePolicy, Schedule,
    WeekendHours, Window, WindowHours,
};

use std::collections::BTreeMap;

use facts::action::ScheduleTransition;
use facts::cluster::{ClusterState, SectionName};
use facts::decision::Verdict;
use facts::finding::{CostCategory, Finding};
use facts::reason::ReasonCode;
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::{Confidence, Fraction, Usd};

use crate::commitments::Commitments;
use crate::engine::{Engine, Given, Sources};
use crate::findings::{self, Collected, HasFinding};
use crate::machine_prices::{Machine, MachineNeed, MachinePrices};

/// The engine for working hours.
#[derive(Clone, Copy, Debug)]
pub struct OfficeHoursEngine;

/// What should become of a workload.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OfficeFinding {
    /// The finding.
    #[serde(flatten)]
    pub finding: Finding,
    /// Which schedule applies, and why it is that one.
    pub schedule: String,
    /// Its IANA zone.
    pub time_zone: String,
    /// Whether it should run now.
    pub should_run: bool,
    /// What to do now.
    pub now: OfficeAction,
    /// Replicas now.
    pub replicas: i64,
    /// Replicas within working hours.
    pub replicas_up: i64,
    /// Replicas outside of them.
    pub replicas_down: i64,
    /// What happens in the next seven days.
    pub transitions: Vec<ScheduleTransition>,
    /// Hours of the next seven days in which it does not run.
    pub hours_down_per_week: f64,
}

/// What to do with a workload now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OfficeAction {
    /// Take it down; its replicas are recorded first.
    ScaleDown,
    /// Bring it back to what was recorded.
    ScaleUp,
    /// It is as it should be; only what comes next matters.
    Keep,
}

impl HasFinding for OfficeFinding {
    fn finding(&self) -> &Finding {
        &self.finding
    }
}

/// How far transitions are looked at.
const AHEAD: SignedDuration = SignedDuration::from_hours(7 * 24);

impl Engine for OfficeHoursEngine {
    const NAME: &'static str = "office_hours_scheduler";
    const DECISION: &'static str = "schedule";
    const VERSION: &'static str = "1";
    const SUMMARY: &'static str = "Runs development and test workloads in working hours only, and counts the nodes that frees.";

    type Policy = OfficePolicy;
    type Constraints = OfficeConstraints;
    type Recommendation = OfficeFinding;
    type Need = MachineNeed;
    type Evidence = MachinePrices;

    fn tighten(policy: &mut OfficePolicy, constraints: OfficeConstraints) {
        policy.excluded_namespaces.extend(constraints.excluded_namespaces);
        if let Some(least) = constraints.min_replicas {
            policy.scale_down_replicas = policy.scale_down_replicas.max(least);
        }
        if let Some(least) = constraints.min_nodes {
            policy.scale_down_instance_count = policy.scale_down_instance_count.max(least);
        }
    }

    fn work_budget(_: &OfficePolicy) -> u64 {
        0
    }

    fn need(state: &ClusterState, _: &OfficePolicy, now: Timestamp) -> MachineNeed {
        MachineNeed::new(
            now,
            state.node_items().iter().filter_map(|node| Machine::of_node(state, node)),
        )
    }

    fn gather(need: &MachineNeed, sources: &Sources<'_>) -> MachinePrices {
        need.gather(sources.market)
    }

    fn decide(
        state: &ClusterState,
        policy: &OfficePolicy,
        given: &Given<'_, MachinePrices>,
    ) -> Verdict<OfficeFinding> {
        if state.workloads.is_none() {
            return findings::unanswered(
                SectionName::Workloads,
                "there is nothing that could follow working hours",
            );
        }
        let needed = [SectionName::Workloads, SectionName::Pods, SectionName::Nodes];
        let known = findings::known(state, &needed);
        let mut collected = Collected::default();
        let until = given.now.checked_add(AHEAD).unwrap_or(given.now);
        let scheduled = scope::scheduled(state, policy, given.now, until, &mut collected);
        let commitments = Commitments::of(state, given.now);
        let freed =
            removable::freed(state, policy, given, &scheduled, until, &commitments, &mut collected);
        let mut found: Vec<OfficeFinding> =
            scheduled.iter().map(|one| finding(one, given.now, until)).collect();
        share(&mut found, &freed.saved_by_workload);
        if found.is_empty() && collected.rejected.is_empty() {
            collected.warn(
                ReasonCode::NothingScheduled,
                "no workload is in an environment that schedules are for; name namespaces, or label \
                 them `environment: dev`"
                    .to_owned(),
            );
        }
        collected.found = found;
        collected.formula = freed.formula;
        let mut verdict = collected.into_verdict(given.evidence.sources.clone(), known);
        verdict.savings.list_savings_usd_per_month = freed.list_savings;
        verdict.execution_plan = steps::plan(&scheduled, &verdict.recommendations);
        verdict
    }
}

fn finding(one: &scope::Scheduled, now: Timestamp, until: Timestamp) -> OfficeFinding {
    let key = &one.key;
    let should_run = one.hours.is_up(now);
    let action = match (should_run, one.replicas) {
        (false, replicas) if replicas > one.down => OfficeAction::ScaleDown,
        (true, replicas) if replicas < one.up => OfficeAction::ScaleUp,
        _ => OfficeAction::Keep,
    };
    let transitions: Vec<ScheduleTransition> = one
        .hours
        .transitions(now, until)
        .map(|next| ScheduleTransition {
            at: next.at,
            replicas: Some(u64::try_from(if next.up { one.up } else { one.down }).unwrap_or(0)),
        })
        .collect();
    let down = one.hours.hours_down(now, until);
    let summary = match action {
        OfficeAction::ScaleDown => format!(
            "{key} has no working hours now; scale it from {} to {} replicas",
            one.replicas, one.down
        ),
        OfficeAction::ScaleUp => format!(
            "{key} has working hours now; scale it back from {} to {} replicas",
            one.replicas, one.up
        ),
        OfficeAction::Keep => format!(
            "{key} is as its working hours want it; it will rest for {down:.1} of the next 168 hours"
        ),
    };
    OfficeFinding {
        finding: Finding {
            finding: format!("schedule:{}/{}/{}", key.namespace, key.kind, key.name),
            subject: one.subject.clone(),
            cost_category: CostCategory::Compute,
            summary,
            cost_usd_per_month: None,
            savings_usd_per_month: Some(Usd::ZERO),
            formula: "its share of the nodes that become empty".to_owned(),
            confidence: Confidence::new(Fraction::clamped(0.8)),
            requires_review: false,
            review_reason: None,
            owner: None,
            because: vec![one.why.clone()],
        },
        schedule: one.schedule_name.clone(),
        time_zone: one.hours.time_zone().to_owned(),
        should_run,
        now: action,
        replicas: one.replicas,
        replicas_up: one.up,
        replicas_down: one.down,
        hours_down_per_week: (down * 100.0).round() / 100.0,
        transitions,
    }
}

/// Gives every workload its part of what the nodes that become empty save.
fn share(found: &mut [OfficeFinding], saved: &BTreeMap<usize, Usd>) {
    for (place, one) in found.iter_mut().enumerate() {
        one.finding.savings_usd_per_month = Some(saved.get(&place).copied().unwrap_or(Usd::ZERO));
    }
}
