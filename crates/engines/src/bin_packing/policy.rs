//! What an operator may choose about packing.

use std::collections::BTreeSet;

use facts::cluster::ResourceList;
use facts::names::Architecture;
use packing::work::Effort;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::{Usd, UsdPerHour};

/// How packing decides.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PackingPolicy {
    /// Empty existing nodes, or plan all of them anew.
    pub mode: Mode,
    /// How hard to search.
    pub effort: EffortLevel,
    /// Which instance types may be bought.
    pub instance_types: TypeChoice,
    /// The price of nodes whose type has no known price. Shown as assumed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_price: Option<NodePrice>,
    /// Whether nodes may be replaced by cheaper new ones, beyond being emptied.
    pub replace: bool,
    /// What is known of nodes that are bought.
    pub new_nodes: NewNodes,
    /// Below this share of allocation a node is looked at first. It only orders candidates;
    /// whether a node can go is decided by simulation.
    pub underutilized_below: f64,
    /// The most nodes that one plan may take away.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_removed_nodes: Option<u32>,
    /// The most pods that one plan may move.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_moved_pods: Option<u32>,
    /// The least that a plan must save in a month to be proposed.
    pub minimum_saving_usd_per_month: Usd,
    /// A node goes only when its share of the cost is at least this multiple of its share of the
    /// disruption. Node pools with the policy `Balanced` use 0.5 where this is absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minimum_saving_per_disruption: Option<f64>,
    /// Nodes younger than this stay, unless their pool says otherwise.
    pub minimum_node_age_minutes: u32,
    /// Whether pods that nothing would make again may be evicted.
    pub evict_unowned_pods: bool,
    /// Whether pods that keep data on the node's own disk may be evicted.
    pub evict_local_storage: bool,
    /// Seconds that an evicted pod gets at least; a pod's own longer grace is kept.
    pub drain_grace_seconds: u64,
    /// With more than this share of nodes not ready, and more than three of them, nothing is
    /// planned.
    pub max_unready_share: f64,
    /// Nodes that stay.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub protected_nodes: BTreeSet<String>,
    /// Namespaces whose pods stay.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub protected_namespaces: BTreeSet<String>,
}

impl Default for PackingPolicy {
    fn default() -> PackingPolicy {
        PackingPolicy {
            mode: Mode::Consolidate,
            effort: EffortLevel::Balanced,
            instance_types: TypeChoice::default(),
            node_price: None,
            replace: true,
            new_nodes: NewNodes::default(),
            underutilized_below: 0.5,
            max_removed_nodes: None,
            max_moved_pods: None,
            minimum_saving_usd_per_month: Usd::ZERO,
            minimum_saving_per_disruption: None,
            minimum_node_age_minutes: 10,
            evict_unowned_pods: false,
            evict_local_storage: true,
            drain_grace_seconds: 90,
            max_unready_share: 0.45,
            protected_nodes: BTreeSet::new(),
            protected_namespaces: BTreeSet::new(),
        }
    }
}

/// What is planned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Empty existing nodes, and replace some where that is cheaper.
    #[default]
    Consolidate,
    /// Plan the whole cluster anew, as if every node were bought today.
    Reprovision,
}

/// How hard to search.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EffortLevel {
    /// One pass: well below a millisecond for a thousand pods.
    Fast,
    /// A search of about two seconds at the most.
    #[default]
    Balanced,
    /// A search of up to a minute.
    Best,
}

impl EffortLevel {
    /// The same for the packing core.
    #[must_use]
    pub fn effort(self) -> Effort {
        match self {
            EffortLevel::Fast => Effort::Fast,
            EffortLevel::Balanced => Effort::Balanced,
            EffortLevel::Best => Effort::Best,
        }
    }
}

/// Which instance types may be bought. Empty lists do not limit, except that the architectures are
/// then those that the cluster already has. Only current generations are taken; burstable,
/// bare-metal and accelerated types only where a family or category here names them, or a pod asks
/// for what they offer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TypeChoice {
    /// Only these architectures.
    pub architectures: BTreeSet<Architecture>,
    /// Only these families, such as `m7g`.
    pub families: BTreeSet<String>,
    /// Only these categories, such as `m`, `c` and `r`.
    pub categories: BTreeSet<String>,
    /// At most so many processors.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_vcpu: Option<u32>,
}

/// A price of a node by its size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NodePrice {
    /// For one processor and hour.
    pub usd_per_vcpu_hour: UsdPerHour,
    /// For one GiB of memory and hour.
    pub usd_per_gib_hour: UsdPerHour,
}

/// What is known of nodes that are bought.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NewNodes {
    /// What every new node carries beside the daemon sets of the snapshot.
    #[serde(skip_serializing_if = "ResourceList::is_empty")]
    pub overhead: ResourceList,
    /// At most so many pods on a new node, daemon sets included or not as the overhead is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_pods: Option<u32>,
}

/// Limits of a caller: each can only make a plan smaller or gentler.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PackingConstraints {
    /// At most so many nodes are taken away.
    pub max_removed_nodes: Option<u32>,
    /// At most so many pods are moved.
    pub max_moved_pods: Option<u32>,
    /// Nodes that stay.
    pub protected_nodes: BTreeSet<String>,
    /// Namespaces whose pods stay.
    pub protected_namespaces: BTreeSet<String>,
    /// At least so many seconds for an evicted pod.
    pub drain_grace_seconds: Option<u64>,
    /// At least so much saved in a month.
    pub minimum_saving_usd_per_month: Option<Usd>,
    /// No type above so many processors is bought.
    pub max_vcpu: Option<u32>,
    /// `false` forbids new nodes.
    pub replace: Option<bool>,
}

impl PackingPolicy {
    /// Applies limits; none of them can loosen the policy.
    pub fn tighten(&mut self, limits: PackingConstraints) {
        let least = |own: Option<u32>, limit: Option<u32>| match (own, limit) {
            (Some(own), Some(limit)) => Some(own.min(limit)),
            (own, limit) => own.or(limit),
        };
        self.max_removed_nodes = least(self.max_removed_nodes, limits.max_removed_nodes);
        self.max_moved_pods = least(self.max_moved_pods, limits.max_moved_pods);
        self.instance_types.max_vcpu = least(self.instance_types.max_vcpu, limits.max_vcpu);
        self.protected_nodes.extend(limits.protected_nodes);
        self.protected_namespaces.extend(limits.protected_namespaces);
        if let Some(grace) = limits.drain_grace_seconds {
            self.drain_grace_seconds = self.drain_grace_seconds.max(grace);
        }
        if let Some(saving) = limits.minimum_saving_usd_per_month {
            self.minimum_saving_usd_per_month = self.minimum_saving_usd_per_month.max(saving);
        }
        if limits.replace == Some(false) {
            self.replace = false;
        }
    }
}
