//! A cluster as its owner described it at one instant: the one input type of every engine.
//!
//! A section that is absent was *not supplied*; a section that is present and empty says *none*.
//! Fields that this version does not know are counted by the decoder and never kept.

mod account;
mod calendar;
mod cloud;
mod decode;
mod filled_in;
mod image;
mod node;
mod observed;
mod pod;
mod policies;
mod resources;
mod section;
mod selector;
mod traffic;
mod usage_history;
mod usage_samples;
mod volumes;
mod workloads;

pub use account::{Account, Commitment, CommitmentKind, Instance};
pub use calendar::{Calendar, DayOff};
pub use cloud::{
    Database, EbsSnapshot, ElasticAddress, InterfaceAddress, LoadBalancer, NatGateway,
    NetworkInterface, Repository, ScalingGroup, StoredImage, TrailEvent, VpcEndpoint,
};
pub use decode::{DecodeError, Decoded, UnknownFields, decode};
pub use image::{BuildStep, Image, ImageContents, WastedPath};
pub use node::{Node, NodeCondition, Taint, TaintEffect, well_known};
pub use observed::{ClusterEvent, ContainerUsage, Ingress, Network, NodeUsage, Service, Usage};
pub use pod::{
    Affinity, Container, ContainerPort, ContainerState, NodeAffinity, Owner, Pod, PodAffinity,
    PodAffinityTerm, PodPhase, PreferredNodeTerm, PreferredPodTerm, SpreadConstraint,
    TerminationRecord, Toleration, TolerationOperator, Unsatisfiable,
};
pub use policies::{
    BudgetAmount, DisruptionBudget, LimitRange, Namespace, NodeClaim, NodePool, NodePoolBudget,
    Policies, PriorityClass, ResourceQuota, RuntimeClass,
};
pub use resources::ResourceList;
pub use section::{Section, SectionName};
pub use selector::{LabelSelector, NodeSelectorTerm, Operator, Requirement};
pub use traffic::{Flow, FlowEnd, Traffic};
pub use usage_history::{
    BUCKET_GROWTH, Histogram, Measured, MemoryPeak, UsageHistory, bucket_start,
};
pub use usage_samples::{CPU_HALF_LIFE_SECONDS, PEAK_WINDOW_SECONDS, UsageSamples};
pub use volumes::{
    AttachLimit, EbsVolume, PersistentVolume, StorageClass, VolumeAttachment, VolumeClaim, Volumes,
};
pub use workloads::{Autoscaler, Workload, WorkloadKind};

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::names::Region;

/// The value of `schema` that this version writes and reads.
pub const CLUSTER_STATE_SCHEMA: &str = "cloudoptim/cluster-state/v1";

/// Labels or annotations, in key order.
pub type Labels = BTreeMap<String, String>;

/// A cluster at one instant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ClusterState {
    /// Which shape this document has: `cloudoptim/cluster-state/v1`.
    pub schema: String,
    /// The caller's name for the cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster_id: Option<String>,
    /// The region that the cluster runs in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<Region>,
    /// When the snapshot was taken as a whole; sections may state their own instant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub taken_at: Option<Timestamp>,
    /// The machines that pods run on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nodes: Option<Section<Vec<Node>>>,
    /// The pods, wherever they are in their life.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pods: Option<Section<Vec<Pod>>>,
    /// The objects that own pods, with their scale.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workloads: Option<Section<Vec<Workload>>>,
    /// Rules set by the owner: disruption budgets, node pools, priorities, quotas.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policies: Option<Section<Policies>>,
    /// Claims, volumes, storage classes, attachments, EBS volumes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub volumes: Option<Section<Volumes>>,
    /// Services and ingresses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network: Option<Section<Network>>,
    /// Bytes between pods, zones and the rest of the world.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub traffic: Option<Section<Traffic>>,
    /// Container images as nodes report them, and how they were built.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub images: Option<Section<Vec<Image>>>,
    /// Measured use of containers and nodes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage: Option<Section<Usage>>,
    /// What the cluster reported about itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub events: Option<Section<Vec<ClusterEvent>>>,
    /// Capacity that is already paid for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commitments: Option<Section<Vec<Commitment>>>,
    /// Cloud accounts and the machines found in them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accounts: Option<Section<Vec<Account>>>,
    /// Days on which nobody works.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calendars: Option<Section<Vec<Calendar>>>,
}

impl Default for ClusterState {
    /// Nothing supplied.
    fn default() -> ClusterState {
        ClusterState {
            schema: CLUSTER_STATE_SCHEMA.to_owned(),
            cluster_id: None,
            region: None,
            taken_at: None,
            nodes: None,
            pods: None,
            workloads: None,
            policies: None,
            volumes: None,
            network: None,
            traffic: None,
            images: None,
            usage: None,
            events: None,
            commitments: None,
            accounts: None,
            calendars: None,
        }
    }
}

impl ClusterState {
    /// The nodes; empty when the section was not supplied.
    #[must_use]
    pub fn node_items(&self) -> &[Node] {
        self.nodes.as_ref().map_or(&[], |section| &section.items)
    }

    /// The pods; empty when the section was not supplied.
    #[must_use]
    pub fn pod_items(&self) -> &[Pod] {
        self.pods.as_ref().map_or(&[], |section| &section.items)
    }

    /// What is known of every section, in a fixed order.
    #[must_use]
    pub fn sections(&self) -> Vec<(SectionName, Option<section::Summary<'_>>)> {
        use SectionName as Name;
        vec![
            (Name::Nodes, self.nodes.as_ref().map(Section::summary)),
            (Name::Pods, self.pods.as_ref().map(Section::summary)),
            (Name::Workloads, self.workloads.as_ref().map(Section::summary)),
            (Name::Policies, self.policies.as_ref().map(Section::summary)),
            (Name::Volumes, self.volumes.as_ref().map(Section::summary)),
            (Name::Network, self.network.as_ref().map(Section::summary)),
            (Name::Traffic, self.traffic.as_ref().map(Section::summary)),
            (Name::Images, self.images.as_ref().map(Section::summary)),
            (Name::Usage, self.usage.as_ref().map(Section::summary)),
            (Name::Events, self.events.as_ref().map(Section::summary)),
            (Name::Commitments, self.commitments.as_ref().map(Section::summary)),
            (Name::Accounts, self.accounts.as_ref().map(Section::summary)),
            (Name::Calendars, self.calendars.as_ref().map(Section::summary)),
        ]
    }
}
