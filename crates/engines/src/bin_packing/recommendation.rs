//! What packing recommends, node by node.

use facts::action::Target;
use facts::names::CapacityType;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::{Usd, UsdPerHour};

/// One change of the set of nodes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum PackingRecommendation {
    /// Take a node away; its pods fit on others.
    RemoveNode {
        /// The node.
        node: Target,
        /// Its type.
        #[serde(skip_serializing_if = "Option::is_none")]
        instance_type: Option<String>,
        /// Its zone.
        #[serde(skip_serializing_if = "Option::is_none")]
        zone: Option<String>,
        /// `empty`, `underutilized` or `fits_elsewhere`.
        reason: String,
        /// How much of it is allocated.
        allocated: NodeShare,
        /// How many pods move.
        pods_moved: u32,
        /// What moving them disturbs; a plain pod counts 1.
        disruption: f64,
        /// What it costs; `null` when unknown.
        usd_per_hour: Option<UsdPerHour>,
        /// What is saved in a month of 730 hours; `null` when unknown.
        savings_usd_per_month: Option<Usd>,
    },
    /// Buy nodes of a type.
    LaunchNodes {
        /// The type.
        instance_type: String,
        /// How they are bought.
        capacity_type: CapacityType,
        /// Where; any zone when absent.
        #[serde(skip_serializing_if = "Option::is_none")]
        zone: Option<String>,
        /// How many.
        count: u32,
        /// How many pods they hold together.
        pods: u32,
        /// How much of them is allocated.
        allocated: NodeShare,
        /// What one costs.
        usd_per_hour: UsdPerHour,
    },
}

/// How much of what pods may use is allocated, 0 to 1 and above when overcommitted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NodeShare {
    /// Of the processors.
    pub cpu: f64,
    /// Of the memory.
    pub memory: f64,
}

impl NodeShare {
    /// The larger of the two.
    #[must_use]
    pub fn larger(self) -> f64 {
        self.cpu.max(self.memory)
    }
}
