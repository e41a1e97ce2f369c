//! Machines that pods run on.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::{Bytes, MilliCpu, UsdPerHour};

use super::filled_in::filled_in;
use super::{Labels, ResourceList};
use crate::names::{Architecture, CapacityType, OperatingSystem};

/// Labels whose meaning Kubernetes, AWS or Karpenter fixes.
pub mod well_known {
    /// The node's own name in topology rules.
    pub const HOSTNAME: &str = "kubernetes.io/hostname";
    /// Availability zone by name.
    pub const ZONE: &str = "topology.kubernetes.io/zone";
    /// Availability zone by the old label.
    pub const ZONE_OLD: &str = "failure-domain.beta.kubernetes.io/zone";
    /// Availability zone as the EBS volume driver writes it; it always equals the zone.
    pub const ZONE_EBS: &str = "topology.ebs.csi.aws.com/zone";
    /// Availability zone by the identifier that all accounts share.
    pub const ZONE_ID: &str = "topology.k8s.aws/zone-id";
    /// Region.
    pub const REGION: &str = "topology.kubernetes.io/region";
    /// Region by the old label.
    pub const REGION_OLD: &str = "failure-domain.beta.kubernetes.io/region";
    /// Instance type.
    pub const INSTANCE_TYPE: &str = "node.kubernetes.io/instance-type";
    /// Instance type by the old label.
    pub const INSTANCE_TYPE_OLD: &str = "beta.kubernetes.io/instance-type";
    /// Processor architecture.
    pub const ARCHITECTURE: &str = "kubernetes.io/arch";
    /// Operating system.
    pub const OPERATING_SYSTEM: &str = "kubernetes.io/os";
    /// How Karpenter bought the node.
    pub const KARPENTER_CAPACITY_TYPE: &str = "karpenter.sh/capacity-type";
    /// How an EKS managed node group bought the node.
    pub const EKS_CAPACITY_TYPE: &str = "eks.amazonaws.com/capacityType";
    /// The Karpenter pool of the node.
    pub const KARPENTER_NODE_POOL: &str = "karpenter.sh/nodepool";
    /// The EKS managed node group of the node.
    pub const EKS_NODE_GROUP: &str = "eks.amazonaws.com/nodegroup";
}

/// A machine that pods run on.
///
/// `cpu`, `memory` and `pods` are the short form of `allocatable`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
#[serde(default)]
pub struct Node {
    /// Its name; unique in the cluster.
    pub name: String,
    /// Its identity in the cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    /// The cloud's name for the machine, such as `aws:///us-east-1a/i-0abc`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider_id: Option<String>,
    /// Instance type; any text, since what is not in the catalogue is reported, not refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance_type: Option<String>,
    /// Availability zone by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// Availability zone by the identifier that all accounts share.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zone_id: Option<String>,
    /// How the machine is bought.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capacity_type: Option<CapacityType>,
    /// Processor architecture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub architecture: Option<Architecture>,
    /// Operating system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operating_system: Option<OperatingSystem>,
    /// The group or pool that launched it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_pool: Option<String>,
    /// What the machine costs its owner, where that is not the list price.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usd_per_hour: Option<UsdPerHour>,
    /// Labels.
    #[serde(skip_serializing_if = "Labels::is_empty")]
    pub labels: Labels,
    /// Annotations.
    #[serde(skip_serializing_if = "Labels::is_empty")]
    pub annotations: Labels,
    /// What pods may use.
    #[serde(skip_serializing_if = "ResourceList::is_empty")]
    pub allocatable: ResourceList,
    /// What the machine has.
    #[serde(skip_serializing_if = "ResourceList::is_empty")]
    pub capacity: ResourceList,
    /// Short form of `allocatable.cpu`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu: Option<MilliCpu>,
    /// Short form of `allocatable.memory`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<Bytes>,
    /// Short form of `allocatable.pods`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pods: Option<i64>,
    /// Taints.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub taints: Vec<Taint>,
    /// Whether new pods are kept away.
    #[serde(skip_serializing_if = "is_false")]
    pub unschedulable: bool,
    /// Conditions that are not as they should be, and `Ready` whatever it is.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<NodeCondition>,
    /// When the node joined.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// When its deletion was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deleted_at: Option<Timestamp>,
}

filled_in!(Node {
    name,
    uid,
    provider_id,
    instance_type,
    zone,
    zone_id,
    capacity_type,
    architecture,
    operating_system,
    node_pool,
    usd_per_hour,
    labels,
    annotations,
    allocatable,
    capacity,
    cpu,
    memory,
    pods,
    taints,
    unschedulable,
    conditions,
    created_at,
    deleted_at,
});

impl Node {
    /// A label's value; where the label itself is absent, what the node's own fields say of it.
    #[must_use]
    pub fn label(&self, key: &str) -> Option<&str> {
        if let Some(value) = self.labels.get(key) {
            return Some(value);
        }
        match key {
            well_known::HOSTNAME => Some(&self.name),
            well_known::ZONE | well_known::ZONE_OLD | well_known::ZONE_EBS => self
                .labels
                .get(well_known::ZONE)
                .or_else(|| self.labels.get(well_known::ZONE_OLD))
                .map(String::as_str)
                .or(self.zone.as_deref()),
            well_known::ZONE_ID => self.zone_id.as_deref(),
            well_known::INSTANCE_TYPE | well_known::INSTANCE_TYPE_OLD => {
                self.instance_type.as_deref()
            }
            well_known::ARCHITECTURE => self.architecture.map(|architecture| match architecture {
                Architecture::Amd64 => "amd64",
                Architecture::Arm64 => "arm64",
            }),
            well_known::OPERATING_SYSTEM => self.operating_system.map(|system| match system {
                OperatingSystem::Linux => "linux",
                OperatingSystem::Windows => "windows",
            }),
            well_known::KARPENTER_CAPACITY_TYPE => self.capacity_type.map(|bought| match bought {
                CapacityType::OnDemand => "on-demand",
                CapacityType::Spot => "spot",
            }),
            well_known::KARPENTER_NODE_POOL => self.node_pool.as_deref(),
            _ => None,
        }
    }

    /// Processors that pods may use, from either form.
    #[must_use]
    pub fn allocatable_cpu(&self) -> Option<MilliCpu> {
        self.allocatable.cpu.or(self.cpu)
    }

    /// Memory that pods may use, from either form.
    #[must_use]
    pub fn allocatable_memory(&self) -> Option<Bytes> {
        self.allocatable.memory.or(self.memory)
    }

    /// How many pods the node accepts, from either form; `None` when nobody said.
    #[must_use]
    pub fn allocatable_pods(&self) -> Option<i64> {
        self.allocatable.pods.or(self.pods)
    }

    /// Whether the node says that it is ready; `None` when it says nothing.
    #[must_use]
    pub fn ready(&self) -> Option<bool> {
        self.conditions
            .iter()
            .find(|condition| condition.kind == "Ready")
            .map(|condition| condition.status == "True")
    }

    /// The EC2 instance id inside of the provider id.
    #[must_use]
    pub fn instance_id(&self) -> Option<&str> {
        let last = self.provider_id.as_deref()?.rsplit('/').next()?;
        last.starts_with("i-").then_some(last)
    }
}

/// Keeps pods away that do not tolerate it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Taint {
    /// Its key.
    pub key: String,
    /// Its value; empty when it has none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub value: String,
    /// What it does.
    pub effect: TaintEffect,
}

/// What a taint does to pods that do not tolerate it.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub enum TaintEffect {
    /// They are not scheduled there.
    NoSchedule,
    /// They are scheduled there only when nothing else is left.
    PreferNoSchedule,
    /// They are not scheduled there, and those running there are evicted.
    NoExecute,
}

/// What a node says about itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NodeCondition {
    /// Such as `Ready` or `MemoryPressure`.
    #[serde(rename = "type")]
    pub kind: String,
    /// `True`, `False` or `Unknown`.
    pub status: String,
    /// Since when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
}

fn is_false(value: &bool) -> bool {
    !value
}
