//! Storage: what pods claim, what backs it, and what the cloud bills.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::Bytes;

use super::{Labels, NodeSelectorTerm};

/// Storage of a cluster and of its account.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Volumes {
    /// What pods claim.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub claims: Vec<VolumeClaim>,
    /// What backs the claims.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub volumes: Vec<PersistentVolume>,
    /// How volumes are made.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub storage_classes: Vec<StorageClass>,
    /// How many volumes of each driver a node can hold.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attach_limits: Vec<AttachLimit>,
    /// Which volume is attached to which node.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<VolumeAttachment>,
    /// The account's EBS volumes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ebs_volumes: Vec<EbsVolume>,
}

/// A claim of a pod on storage.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct VolumeClaim {
    /// Its name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// Its identity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    /// The volume that it is bound to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub volume: Option<String>,
    /// The class it asks for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage_class: Option<String>,
    /// `Bound`, `Pending` or `Lost`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
    /// How it may be mounted, such as `ReadWriteOnce`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub access_modes: Vec<String>,
    /// How much it asks for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<Bytes>,
    /// Labels.
    #[serde(skip_serializing_if = "Labels::is_empty")]
    pub labels: Labels,
}

/// A volume that backs a claim.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct PersistentVolume {
    /// Its name.
    pub name: String,
    /// Its identity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    /// The claim, as `namespace/name`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claim: Option<String>,
    /// `Available`, `Bound`, `Released` or `Failed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
    /// `Retain` or `Delete`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reclaim_policy: Option<String>,
    /// Its class.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage_class: Option<String>,
    /// The CSI driver, such as `ebs.csi.aws.com`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub driver: Option<String>,
    /// The driver's name for it, such as `vol-0abc`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub handle: Option<String>,
    /// Its size.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<Bytes>,
    /// Alternatives, one of which a node must meet to reach it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub node_affinity: Vec<NodeSelectorTerm>,
}

/// How volumes are made.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct StorageClass {
    /// Its name.
    pub name: String,
    /// The driver that makes them.
    pub provisioner: String,
    /// `Immediate` or `WaitForFirstConsumer`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub binding_mode: Option<String>,
    /// Alternatives, one of which a node must meet.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allowed_topologies: Vec<NodeSelectorTerm>,
}

/// How many volumes of a driver a node can hold (CSINode).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct AttachLimit {
    /// The node.
    pub node: String,
    /// The driver.
    pub driver: String,
    /// How many; `None` when the driver does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<i64>,
}

/// A volume that is attached to a node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct VolumeAttachment {
    /// The volume.
    pub volume: String,
    /// The node.
    pub node: String,
    /// The driver.
    pub driver: String,
}

/// An EBS volume of the account.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct EbsVolume {
    /// Such as `vol-0abc`.
    pub id: String,
    /// Such as `gp3`.
    pub kind: String,
    /// Decimal gigabytes of AWS's API are gibibytes in fact; this is what it reports.
    pub size_gib: i64,
    /// `available`, `in-use` …
    pub state: String,
    /// Where it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// When it was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// The snapshot it was made from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_snapshot: Option<String>,
    /// Provisioned operations per second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iops: Option<i64>,
    /// Provisioned mebibytes per second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub throughput: Option<i64>,
    /// Instances it is attached to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attached_to: Vec<String>,
    /// Its tags.
    #[serde(skip_serializing_if = "Labels::is_empty")]
    pub tags: Labels,
}
