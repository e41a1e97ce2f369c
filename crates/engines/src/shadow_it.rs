//! What stands in the accounts beside Kubernetes, who made it, and what of it is idle.
//!
//! Being outside of Kubernetes is no waste: the inventory says what there is, what it costs and
//! whose it is. Savings are claimed only where the thing itself shows that nothing uses it. Machines
//! that claim to be nodes are the ghost probe's matter, unattached volumes the volume engine's, and
//! idle addresses the address engine's.

mod inventory;

use std::collections::BTreeSet;

use facts::action::{Action, BlastRadius, Precondition, Reversibility, Step, Verification};
use facts::cluster::{ClusterState, SectionName};
use facts::decision::Verdict;
use facts::finding::Finding;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::engine::{Engine, Given, Sources};
use crate::findings::{self, HasFinding};
use crate::machine_prices::{MachineNeed, MachinePrices};
use crate::price_book::PriceBook;

/// The engine that looks beside Kubernetes.
#[derive(Clone, Copy, Debug)]
pub struct ShadowIt;

/// What an operator may choose.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ShadowPolicy {
    /// Days after it was made in which a thing is not looked at.
    pub min_age_days: f64,
    /// Tags that keep a thing from being looked at, as `key` or `key=value`.
    pub excluded_tags: BTreeSet<String>,
    /// Further names of this cluster, as tags write them.
    pub cluster_names: BTreeSet<String>,
    /// Prices.
    pub price_book: PriceBook,
}

impl Default for ShadowPolicy {
    fn default() -> ShadowPolicy {
        ShadowPolicy {
            min_age_days: 7.0,
            excluded_tags: BTreeSet::from(["cloudoptim:ignore".to_owned()]),
            cluster_names: BTreeSet::new(),
            price_book: PriceBook::default(),
        }
    }
}

/// Limits of a caller.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ShadowConstraints {
    /// At least so many days of age.
    pub min_age_days: Option<f64>,
    /// Further tags that exclude.
    pub excluded_tags: BTreeSet<String>,
}

/// A thing outside of Kubernetes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ShadowFinding {
    /// The finding.
    #[serde(flatten)]
    pub finding: Finding,
    /// What it is: `instance`, `stopped_instance`, `load_balancer`, `idle_load_balancer`,
    /// `database`, `nat_gateway`, `volume`, `snapshot`, `network_interface`.
    pub resource: String,
    /// Whether the thing itself shows that nothing uses it.
    pub idle: bool,
    /// When it was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// Days since.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub age_days: Option<f64>,
    /// Who made it, by CloudTrail, which goes back 90 days.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_by: Option<String>,
}

impl HasFinding for ShadowFinding {
    fn finding(&self) -> &Finding {
        &self.finding
    }
}

impl Engine for ShadowIt {
    const NAME: &'static str = "shadow_it_tracker";
    const DECISION: &'static str = "shadow_it";
    const VERSION: &'static str = "1";
    const SUMMARY: &'static str =
        "Lists what stands in the accounts beside Kubernetes, whose it is, and what of it is idle.";

    type Policy = ShadowPolicy;
    type Constraints = ShadowConstraints;
    type Recommendation = ShadowFinding;
    type Need = MachineNeed;
    type Evidence = MachinePrices;

    fn tighten(policy: &mut ShadowPolicy, constraints: ShadowConstraints) {
        if let Some(days) = constraints.min_age_days {
            policy.min_age_days = policy.min_age_days.max(days);
        }
        policy.excluded_tags.extend(constraints.excluded_tags);
    }

    fn work_budget(_: &ShadowPolicy) -> u64 {
        0
    }

    fn is_quick(_: &ShadowPolicy) -> bool {
        true
    }

    fn need(state: &ClusterState, _: &ShadowPolicy, now: Timestamp) -> MachineNeed {
        MachineNeed::of_accounts(state, now)
    }

    fn gather(need: &MachineNeed, sources: &Sources<'_>) -> MachinePrices {
        need.gather(sources.market)
    }

    fn decide(
        state: &ClusterState,
        policy: &ShadowPolicy,
        given: &Given<'_, MachinePrices>,
    ) -> Verdict<ShadowFinding> {
        if state.accounts.is_none() {
            return findings::unanswered(
                SectionName::Accounts,
                "there is nothing to look at beside the cluster",
            );
        }
        let known = findings::known(state, &[SectionName::Nodes, SectionName::Accounts]);
        let mut collected = inventory::take(state, policy, given);
        if state.nodes.as_ref().is_none_or(|nodes| !nodes.complete) {
            collected.warnings.push(findings::without(
                SectionName::Nodes,
                "machines that are nodes may be listed here (a complete list of nodes is needed)",
            ));
        }
        collected.formula =
            "sum over things that show themselves that nothing uses them of what they cost a month"
                .to_owned();
        let mut verdict = collected.into_verdict(given.evidence.sources.clone(), known);
        verdict.execution_plan = plan(&verdict.recommendations);
        verdict
    }
}

/// Idle load balancers can go; about everything else a person decides first.
fn plan(found: &[ShadowFinding]) -> Vec<Step> {
    let idle = found.iter().filter(|one| one.resource == "idle_load_balancer");
    let steps = idle.zip(1_u32..).map(|(one, number)| Step {
        step: number,
        action: Action::DeleteCloudResource,
        target: one.finding.subject.clone(),
        preconditions: vec![Precondition::Approved, Precondition::TargetUnchanged],
        reversibility: Reversibility {
            reversible: false,
            how: "it is made anew under another host name".to_owned(),
        },
        verification: Verification {
            expect: "the load balancer is in no list any more".to_owned(),
            within_seconds: 300,
        },
        blast_radius: BlastRadius::default(),
        expected_seconds: 60,
    });
    steps.collect()
}
