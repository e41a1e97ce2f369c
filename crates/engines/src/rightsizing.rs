//! Sizes: what containers request and may use, and which machines hold them.
//!
//! Two products that are judged apart. A container's processors follow a quantile of its use over
//! days, its memory the peaks; a machine's type follows what its pods request then, in what the
//! kubelet leaves of it. Forecasts, where a model makes them, are joined by the larger amount. What
//! somebody uses at one instant never changes anything.

mod autoscaled;
mod containers;
mod evidence;
mod heap;
mod history;
mod load;
mod machines;
pub mod memory;
mod merge;
mod plan;
mod policy;
mod requests;
mod shape_finding;
mod shapes;
mod suits;

pub use evidence::{RightsizingEvidence, RightsizingNeed};
pub use merge::{Forecast, Merged, Need, merge};
pub use policy::{
    CpuLimits, MachineChoice, MemoryLimits, RightsizingConstraints, RightsizingPolicy,
    WorkloadClass,
};

use facts::cluster::{ClusterState, ResourceList, SectionName};
use facts::decision::Verdict;
use facts::finding::Finding;
use facts::names::CapacityType;
use facts::reason::ReasonCode;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::{Bytes, MilliCpu, Usd};

use crate::commitments::Commitments;
use crate::engine::{Engine, Given, Sources};
use crate::findings::{self, Collected, HasFinding};

/// The engine for sizes.
#[derive(Clone, Copy, Debug)]
pub struct Rightsizing;

/// A size that should change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RightsizingFinding {
    /// The finding.
    #[serde(flatten)]
    pub finding: Finding,
    /// Larger or smaller.
    pub direction: Direction,
    /// What changes.
    #[serde(flatten)]
    pub change: SizeChange,
}

/// Larger or smaller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// It needs more.
    Upsize,
    /// It needs less.
    Downsize,
    /// It needs more of one thing and less of another.
    Both,
}

/// What changes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "size_of", rename_all = "snake_case")]
pub enum SizeChange {
    /// What a container requests and may use.
    Container(Box<ContainerSize>),
    /// The instance type of a group of nodes.
    Instance(Box<InstanceSize>),
}

/// What a container requests and may use.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ContainerSize {
    /// The container.
    pub container: String,
    /// Pods that run it now.
    pub pods: u32,
    /// Requests now.
    pub requests_before: ResourceList,
    /// Requests afterwards.
    pub requests: ResourceList,
    /// Limits now.
    pub limits_before: ResourceList,
    /// Limits afterwards.
    pub limits: ResourceList,
    /// Processors that all pods together request less; below 0 where they request more.
    pub freed_cpu: MilliCpu,
    /// Memory that all pods together request less; below 0 where they request more.
    pub freed_memory: Bytes,
    /// Measurements of processors.
    pub cpu_samples: u64,
    /// Measurements of memory.
    pub memory_samples: u64,
    /// Days of history.
    pub days: f64,
    /// The most processors in the first minutes of a pod, which the request leaves out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub startup_cpu: Option<MilliCpu>,
}

/// The instance type of a group of nodes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct InstanceSize {
    /// The type now.
    pub current_instance_type: String,
    /// The type that it should have.
    pub recommended_instance_type: String,
    /// How the nodes are bought, which stays.
    pub capacity_type: CapacityType,
    /// How many nodes.
    pub nodes: u32,
    /// What they cost a month by list.
    pub current_usd_per_month: Usd,
    /// What they would cost a month by list.
    pub recommended_usd_per_month: Usd,
    /// What each node has to offer to pods.
    pub needed: ResourceList,
    /// What each node would offer to pods.
    pub offered: ResourceList,
    /// The share of the new machine's processors that pods would use, 0 to 1.
    pub cpu_used_share: f64,
    /// The share of the new machine's memory that pods would use, 0 to 1.
    pub memory_used_share: f64,
    /// What the nodes are for, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workload_class: Option<WorkloadClass>,
}

impl HasFinding for RightsizingFinding {
    fn finding(&self) -> &Finding {
        &self.finding
    }
}

impl Engine for Rightsizing {
    const NAME: &'static str = "rightsizing";
    const DECISION: &'static str = "rightsize";
    const VERSION: &'static str = "1";
    const SUMMARY: &'static str = "Fits requests and limits of containers to their use, and instance types to what they hold.";

    type Policy = RightsizingPolicy;
    type Constraints = RightsizingConstraints;
    type Recommendation = RightsizingFinding;
    type Need = RightsizingNeed;
    type Evidence = RightsizingEvidence;

    fn tighten(policy: &mut RightsizingPolicy, constraints: RightsizingConstraints) {
        policy.tighten(constraints);
    }

    fn work_budget(_: &RightsizingPolicy) -> u64 {
        0
    }

    fn need(state: &ClusterState, policy: &RightsizingPolicy, now: Timestamp) -> RightsizingNeed {
        evidence::need(state, policy, now)
    }

    fn gather(need: &RightsizingNeed, sources: &Sources<'_>) -> RightsizingEvidence {
        evidence::gather(need, sources.market)
    }

    fn decide(
        state: &ClusterState,
        policy: &RightsizingPolicy,
        given: &Given<'_, RightsizingEvidence>,
    ) -> Verdict<RightsizingFinding> {
        if state.pods.is_none() {
            return findings::unanswered(SectionName::Pods, "there is nothing to be sized");
        }
        let mut needed = vec![SectionName::Pods];
        let mut collected = Collected::default();
        if policy.instances {
            needed.push(SectionName::Nodes);
        }
        if policy.containers {
            needed.push(SectionName::Workloads);
        }
        let known = findings::known(state, &needed);
        if policy.containers && state.workloads.is_none() {
            collected.warnings.push(findings::without(
                SectionName::Workloads,
                "no autoscaler is known, and one may steer by a request that is changed here",
            ));
        }
        if state.usage.is_none() {
            collected.warnings.push(findings::without(
                SectionName::Usage,
                "containers stay as they are, and machines are judged by requests alone",
            ));
        }
        let histories = history::Histories::of(state);
        let judged = containers::judge(state, policy, given.evidence, &histories, &mut collected);
        let loads = load::loads(state, &histories, &judged);
        let commitments = Commitments::of(state, given.now);
        let scene = shapes::Scene {
            state,
            policy,
            evidence: given.evidence,
            loads: &loads,
            commitments: &commitments,
            now: given.now,
        };
        let (reshapes, list) = shapes::judge(&scene, &mut collected);
        let crowded = plan::crowded(state, &loads.nodes, &reshapes);
        let larger = judged.resizes.iter().any(|one| one.direction != Direction::Downsize);
        if policy.upsizes_first && larger && !crowded.is_empty() {
            let more = if crowded.len() > 3 { " and others" } else { "" };
            let named = crowded[..crowded.len().min(3)].join(", ");
            collected.warn(
                ReasonCode::InsufficientResource,
                format!(
                    "larger requests do not all fit on {} nodes before smaller ones make room \
                     ({named}{more}): pods may move or wait",
                    crowded.len()
                ),
            );
        }
        "nodes of each group at their price now, less the same number at the price of the new type; \
         containers save nothing by themselves"
            .clone_into(&mut collected.formula);
        let plan = plan::plan(state, policy, &histories, &judged, &reshapes);
        let mut verdict = collected.into_verdict(given.evidence.sources(), known);
        verdict.savings.list_savings_usd_per_month =
            (!commitments.is_empty()).then(|| list.per_month());
        verdict.execution_plan = plan;
        verdict
    }
}
