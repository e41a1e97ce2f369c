//! Machines that claim to be nodes of a cluster and are none.
//!
//! A machine counts as a ghost only when something about it says that it was made to be a node, and
//! a complete list of nodes does not have it. Whatever claims nothing is not Kubernetes, which is
//! neither a ghost nor waste. This module refuses to act: every step waits for approval.

use std::collections::BTreeSet;

use facts::action::{Action, BlastRadius, Precondition, Reversibility, Step, Target, Verification};
use facts::cluster::{ClusterState, Instance, SectionName};
use facts::decision::{Verdict, Warning};
use facts::finding::{CostCategory, Finding};
use facts::reason::ReasonCode;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::{Confidence, Fraction};

use crate::account_view::{
    Membership, OwnNames, Trail, accounts, days, memberships, node_instances,
};
use crate::bin_packing::region_of;
use crate::engine::{Engine, Given, Sources};
use crate::findings::{self, Collected, HasFinding, cloud_target, excluding_tag, owner_of};
use crate::machine_prices::{Machine, MachineNeed, MachinePrices};

/// The ghost probe.
#[derive(Clone, Copy, Debug)]
pub struct GhostProbe;

/// What an operator may choose.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct GhostPolicy {
    /// Hours after its launch in which a machine is no ghost.
    pub grace_hours: f64,
    /// Minutes after its launch in which a machine may still be joining.
    pub registering_minutes: f64,
    /// Tags that keep a machine from being looked at, as `key` or `key=value`.
    pub excluded_tags: BTreeSet<String>,
    /// Further names of this cluster, as tags of machines write them.
    pub cluster_names: BTreeSet<String>,
}

impl Default for GhostPolicy {
    fn default() -> GhostPolicy {
        GhostPolicy {
            grace_hours: 24.0,
            registering_minutes: 15.0,
            excluded_tags: BTreeSet::from(["cloudoptim:ignore".to_owned()]),
            cluster_names: BTreeSet::new(),
        }
    }
}

/// Limits of a caller.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct GhostConstraints {
    /// At least so many hours of grace.
    pub min_grace_hours: Option<f64>,
    /// Further tags that exclude.
    pub excluded_tags: BTreeSet<String>,
}

/// A ghost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Ghost {
    /// The finding.
    #[serde(flatten)]
    pub finding: Finding,
    /// The machine's type.
    pub instance_type: String,
    /// Where it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// When it was launched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub launched_at: Option<Timestamp>,
    /// Days since.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub age_days: Option<f64>,
    /// The cluster that it claims to belong to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claimed_cluster: Option<String>,
    /// The group that it is in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scaling_group: Option<String>,
}

impl HasFinding for Ghost {
    fn finding(&self) -> &Finding {
        &self.finding
    }
}

impl Engine for GhostProbe {
    const NAME: &'static str = "ghost_probe";
    const DECISION: &'static str = "ghost_probe";
    const VERSION: &'static str = "1";
    const SUMMARY: &'static str =
        "Finds machines that claim to be nodes of the cluster and are in no list of its nodes.";

    type Policy = GhostPolicy;
    type Constraints = GhostConstraints;
    type Recommendation = Ghost;
    type Need = MachineNeed;
    type Evidence = MachinePrices;

    fn tighten(policy: &mut GhostPolicy, constraints: GhostConstraints) {
        if let Some(hours) = constraints.min_grace_hours {
            policy.grace_hours = policy.grace_hours.max(hours);
        }
        policy.excluded_tags.extend(constraints.excluded_tags);
    }

    fn work_budget(_: &GhostPolicy) -> u64 {
        0
    }

    fn is_quick(_: &GhostPolicy) -> bool {
        true
    }

    fn need(state: &ClusterState, _: &GhostPolicy, now: Timestamp) -> MachineNeed {
        MachineNeed::of_accounts(state, now)
    }

    fn gather(need: &MachineNeed, sources: &Sources<'_>) -> MachinePrices {
        need.gather(sources.market)
    }

    fn decide(
        state: &ClusterState,
        policy: &GhostPolicy,
        given: &Given<'_, MachinePrices>,
    ) -> Verdict<Ghost> {
        let needed = [SectionName::Nodes, SectionName::Accounts];
        let known = findings::known(state, &needed);
        let Some(nodes) = &state.nodes else {
            return findings::unanswered(SectionName::Nodes, "no machine can be told from a node");
        };
        if state.accounts.is_none() {
            return findings::unanswered(
                SectionName::Accounts,
                "there are no machines to compare nodes with",
            );
        }
        let mut scene = Scene::of(state, policy, given);
        if !nodes.complete {
            scene.collected.warnings.push(Warning {
                code: ReasonCode::SectionIncomplete,
                message:
                    "the list of nodes says that it is not complete, so a machine that is not \
                          in it may be a node all the same; nothing is proposed"
                        .to_owned(),
                subject: None,
            });
        } else {
            for account in accounts(state) {
                for instance in &account.instances {
                    scene.judge(instance);
                }
            }
        }
        scene.collected.formula =
            "sum over ghosts of the machine's price for an hour × 730".to_owned();
        let mut verdict = scene.collected.into_verdict(given.evidence.sources.clone(), known);
        verdict.execution_plan = plan(&verdict.recommendations);
        verdict
    }
}

struct Scene<'a> {
    state: &'a ClusterState,
    policy: &'a GhostPolicy,
    given: &'a Given<'a, MachinePrices>,
    nodes: BTreeSet<&'a str>,
    own_names: OwnNames,
    trail: Trail<'a>,
    collected: Collected<Ghost>,
}

impl<'a> Scene<'a> {
    fn of(
        state: &'a ClusterState,
        policy: &'a GhostPolicy,
        given: &'a Given<'a, MachinePrices>,
    ) -> Scene<'a> {
        let nodes = node_instances(state);
        Scene {
            own_names: OwnNames::of(state, &nodes, &policy.cluster_names),
            trail: Trail::of(state),
            collected: Collected::default(),
            state,
            policy,
            given,
            nodes,
        }
    }

    fn judge(&mut self, instance: &Instance) {
        let is_node = self.nodes.contains(instance.id.as_str());
        if instance.state == "terminated" || instance.state == "shutting-down" || is_node {
            return;
        }
        let subject = cloud_target("Instance", &instance.id, None);
        let claims = memberships(instance);
        if claims.is_empty() {
            let detail = "nothing about it says that it was made to be a node".to_owned();
            return self.collected.refuse(&subject, ReasonCode::NotKubernetes, detail);
        }
        let claimed = claims.iter().find_map(|one| one.cluster.clone());
        let foreign = claimed.as_ref().filter(|name| self.own_names.excludes(name));
        if let Some(name) = foreign {
            let detail =
                format!("it belongs to cluster {name}, whose nodes are not in the snapshot");
            return self.collected.refuse(&subject, ReasonCode::OtherCluster, detail);
        }
        if instance.state != "running" {
            let detail = format!("it is {}", instance.state);
            return self.collected.refuse(&subject, ReasonCode::NotRunning, detail);
        }
        if let Some(rule) = excluding_tag(&instance.tags, &self.policy.excluded_tags) {
            let detail = format!("its tag {rule} asks to leave it alone");
            return self.collected.refuse(&subject, ReasonCode::ExcludedByTag, detail);
        }
        let age = instance.launched_at.map(|at| days(at, self.given.now) * 24.0);
        if let Some(hours) = age {
            let young = [
                (
                    self.policy.registering_minutes / 60.0,
                    ReasonCode::Registering,
                    "may still be joining",
                ),
                (self.policy.grace_hours, ReasonCode::TooYoung, "is in its time of grace"),
            ];
            for (limit, code, what) in young {
                if hours < limit {
                    let detail = format!("launched {hours:.1} hours ago, it {what}");
                    let numbers = [("age_hours", hours), ("limit_hours", limit)];
                    return self.collected.refuse_with(&subject, code, detail, &numbers);
                }
            }
        }
        self.found(instance, subject, &claims, claimed, age);
    }

    fn found(
        &mut self,
        instance: &Instance,
        subject: Target,
        claims: &[Membership],
        claimed: Option<String>,
        age_hours: Option<f64>,
    ) {
        let machine = Machine::of_instance(instance, region_of(self.state).as_ref());
        let price = machine.as_ref().and_then(|one| self.given.evidence.price(one));
        let cost = price.map(|price| price.usd_per_hour.per_month());
        self.collected.look_at(cost);
        if let Some(price) = price {
            self.collected.prices.insert(price.item.clone(), price.clone());
        }
        let scaling_group = accounts(self.state)
            .iter()
            .flat_map(|account| account.scaling_groups.iter().flatten())
            .find(|group| group.instances.contains(&instance.id))
            .map(|group| group.name.clone())
            .or_else(|| instance.tags.get("aws:autoscaling:groupName").cloned());
        let verified = claimed.as_ref().is_some_and(|name| self.own_names.contains(name));
        let mut because: Vec<String> = claims.iter().map(|one| one.evidence.clone()).collect();
        because.push(format!(
            "it is none of the {} machines that are nodes of the cluster",
            self.nodes.len()
        ));
        let review_reason = if verified {
            "terminating a machine cannot be taken back; look that nothing runs on it".to_owned()
        } else {
            "it does not name the cluster that it belongs to; look whether it is a node of another"
                .to_owned()
        };
        self.collected.found.push(Ghost {
            finding: Finding {
                finding: format!("ghost_instance:{}", instance.id),
                cost_category: CostCategory::Compute,
                summary: format!(
                    "{} ({}) was made to be a node{} and is none; terminate it once somebody agreed",
                    instance.id,
                    instance.instance_type,
                    claimed.as_ref().map(|name| format!(" of {name}")).unwrap_or_default()
                ),
                cost_usd_per_month: cost,
                savings_usd_per_month: cost,
                formula: price.map_or_else(
                    || format!("unknown: no price of {} is known", instance.instance_type),
                    |price| format!("${} an hour × 730", price.usd_per_hour.per_hour()),
                ),
                confidence: Confidence::new(Fraction::clamped(match (verified, age_hours) {
                    (true, Some(_)) => 0.9,
                    (true, None) | (false, Some(_)) => 0.6,
                    (false, None) => 0.4,
                })),
                requires_review: true,
                review_reason: Some(review_reason),
                owner: self.trail.creator(&instance.id).or_else(|| owner_of(&instance.tags)),
                because,
                subject,
            },
            instance_type: instance.instance_type.clone(),
            zone: instance.zone.clone(),
            launched_at: instance.launched_at,
            age_days: age_hours.map(|hours| (hours / 2.4).round() / 10.0),
            claimed_cluster: claimed,
            scaling_group,
        });
    }
}

fn plan(ghosts: &[Ghost]) -> Vec<Step> {
    let steps = ghosts.iter().zip(1_u32..).map(|(ghost, number)| Step {
        step: number,
        action: Action::TerminateInstance { scaling_group: ghost.scaling_group.clone() },
        target: ghost.finding.subject.clone(),
        preconditions: vec![Precondition::Approved, Precondition::TargetUnchanged],
        reversibility: Reversibility {
            reversible: false,
            how: "a terminated machine and its own disks are gone".to_owned(),
        },
        verification: Verification {
            expect: "the machine is terminated, and no node or pod went away with it".to_owned(),
            within_seconds: 300,
        },
        blast_radius: BlastRadius::default(),
        expected_seconds: 120,
    });
    steps.collect()
}
