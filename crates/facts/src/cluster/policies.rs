//! Rules that the cluster's owner has set.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::UsdPerHour;

use super::{LabelSelector, Labels, Requirement, ResourceList, Taint};

/// Rules that the cluster's owner has set.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Policies {
    /// How many pods of a kind may be missing at once.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub disruption_budgets: Vec<DisruptionBudget>,
    /// Priorities by name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub priority_classes: Vec<PriorityClass>,
    /// Runtime classes with their overhead.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub runtime_classes: Vec<RuntimeClass>,
    /// Namespaces with their labels.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub namespaces: Vec<Namespace>,
    /// Karpenter's pools.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub node_pools: Vec<NodePool>,
    /// Karpenter's claims on machines.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub node_claims: Vec<NodeClaim>,
    /// Limits of a namespace as a whole.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resource_quotas: Vec<ResourceQuota>,
    /// Defaults and limits of each container in a namespace.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub limit_ranges: Vec<LimitRange>,
}

/// How many of the selected pods may be missing at once (PodDisruptionBudget).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct DisruptionBudget {
    /// Its name.
    pub name: String,
    /// Its namespace; it selects pods of no other.
    pub namespace: String,
    /// Its identity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    /// Which pods; `None` selects none, an empty one all of the namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selector: Option<LabelSelector>,
    /// How many must stay.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_available: Option<BudgetAmount>,
    /// How many may be missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_unavailable: Option<BudgetAmount>,
    /// How many may be evicted right now, as the cluster computed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disruptions_allowed: Option<i64>,
    /// `IfHealthyBudget` (default) or `AlwaysAllow`: whether pods that are not ready may go.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unhealthy_pod_eviction_policy: Option<String>,
}

/// A number of pods, or a percentage of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum BudgetAmount {
    /// So many.
    Count(i64),
    /// Such as `"50%"`.
    Percentage(String),
}

/// A named priority.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct PriorityClass {
    /// Its name.
    pub name: String,
    /// Higher goes first.
    pub value: i32,
    /// Whether it holds for pods that name none.
    pub global_default: bool,
}

/// A named way to run containers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct RuntimeClass {
    /// Its name.
    pub name: String,
    /// What it adds to every pod.
    #[serde(skip_serializing_if = "ResourceList::is_empty")]
    pub overhead: ResourceList,
}

/// A namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Namespace {
    /// Its name.
    pub name: String,
    /// Its labels.
    #[serde(skip_serializing_if = "Labels::is_empty")]
    pub labels: Labels,
    /// Its annotations.
    #[serde(skip_serializing_if = "Labels::is_empty")]
    pub annotations: Labels,
}

/// A Karpenter NodePool: which nodes may be made and how fast they may be taken away.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct NodePool {
    /// Its name.
    pub name: String,
    /// Its identity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    /// Labels of its nodes.
    #[serde(skip_serializing_if = "Labels::is_empty")]
    pub labels: Labels,
    /// Taints of its nodes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub taints: Vec<Taint>,
    /// What its nodes must be.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub requirements: Vec<Requirement>,
    /// The most that its nodes may add up to.
    #[serde(skip_serializing_if = "ResourceList::is_empty")]
    pub limits: ResourceList,
    /// Higher is used first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight: Option<i32>,
    /// `WhenEmpty` or `WhenEmptyOrUnderutilized`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consolidation_policy: Option<String>,
    /// How long a node must be quiet first, such as `1m` or `Never`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consolidate_after: Option<String>,
    /// How many nodes may go at once.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub budgets: Vec<NodePoolBudget>,
}

/// How many nodes of a pool may go at once; of several active ones the strictest counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct NodePoolBudget {
    /// A number or a percentage, such as `10%`.
    pub nodes: String,
    /// For which reasons (`Empty`, `Drifted`, `Underutilized`); all when empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<String>,
    /// A cron line in UTC from which on it is active; always when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule: Option<String>,
    /// For how long after each start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration: Option<String>,
}

/// A Karpenter NodeClaim: the link between a node, its pool and its machine.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct NodeClaim {
    /// Its name.
    pub name: String,
    /// The node, once it joined.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// The pool.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_pool: Option<String>,
    /// The cloud's name for the machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider_id: Option<String>,
    /// What it costs, where the cluster says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usd_per_hour: Option<UsdPerHour>,
}

/// Limits of a namespace as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ResourceQuota {
    /// Its name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// The limits, by the quota's own names such as `requests.cpu`.
    pub hard: ResourceList,
    /// What is used of them.
    pub used: ResourceList,
}

/// Defaults and limits of each container in a namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct LimitRange {
    /// Its name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// Requests of containers that state none.
    pub default_requests: ResourceList,
    /// Limits of containers that state none.
    pub default_limits: ResourceList,
    /// The least that may be requested.
    pub min: ResourceList,
    /// The most that may be requested.
    pub max: ResourceList,
}
