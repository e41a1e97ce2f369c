//! Storage.

use facts::cluster::{
    AttachLimit, NodeSelectorTerm, Operator, PersistentVolume, Requirement, StorageClass,
    VolumeAttachment, VolumeClaim,
};
use serde::Deserialize;

use super::meta::{Meta, Reference};
use super::pod_rules::NodeTerms;
use crate::lenient;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ClaimObject {
    #[serde(deserialize_with = "lenient::or_default")]
    metadata: Meta,
    #[serde(deserialize_with = "lenient::or_default")]
    spec: ClaimSpec,
    #[serde(deserialize_with = "lenient::or_default")]
    status: Phase,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ClaimSpec {
    volume_name: Option<String>,
    storage_class_name: Option<String>,
    #[serde(deserialize_with = "lenient::or_default")]
    access_modes: Vec<String>,
    #[serde(deserialize_with = "lenient::or_default")]
    resources: Requests,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Requests {
    #[serde(deserialize_with = "lenient::or_default")]
    requests: Size,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Size {
    storage: Option<units::Bytes>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Phase {
    phase: Option<String>,
}

impl ClaimObject {
    pub(crate) fn into_fact(self) -> VolumeClaim {
        VolumeClaim {
            name: self.metadata.name,
            namespace: self.metadata.namespace,
            uid: self.metadata.uid,
            volume: self.spec.volume_name.filter(|name| !name.is_empty()),
            storage_class: self.spec.storage_class_name,
            phase: self.status.phase,
            access_modes: self.spec.access_modes,
            size: self.spec.resources.requests.storage,
            labels: self.metadata.labels,
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct VolumeObject {
    #[serde(deserialize_with = "lenient::or_default")]
    metadata: Meta,
    #[serde(deserialize_with = "lenient::or_default")]
    spec: VolumeSpec,
    #[serde(deserialize_with = "lenient::or_default")]
    status: Phase,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct VolumeSpec {
    #[serde(deserialize_with = "lenient::or_default")]
    capacity: Size,
    claim_ref: Option<Reference>,
    persistent_volume_reclaim_policy: Option<String>,
    storage_class_name: Option<String>,
    csi: Option<Csi>,
    aws_elastic_block_store: Option<InTree>,
    node_affinity: Option<VolumeAffinity>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Csi {
    driver: String,
    volume_handle: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct InTree {
    #[serde(rename = "volumeID")]
    volume_id: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct VolumeAffinity {
    required: Option<NodeTerms>,
}

/// The driver that the old in-tree EBS volumes are served by today.
const EBS_DRIVER: &str = "ebs.csi.aws.com";

impl VolumeObject {
    pub(crate) fn into_fact(self) -> PersistentVolume {
        let (driver, handle) = match (self.spec.csi, self.spec.aws_elastic_block_store) {
            (Some(csi), _) => (Some(csi.driver), Some(csi.volume_handle)),
            (None, Some(disk)) => {
                let id = disk.volume_id.rsplit('/').next().unwrap_or_default().to_owned();
                (Some(EBS_DRIVER.to_owned()), Some(id))
            }
            (None, None) => (None, None),
        };
        let claim = self.spec.claim_ref;
        PersistentVolume {
            name: self.metadata.name,
            uid: self.metadata.uid,
            claim: claim.map(|claim| format!("{}/{}", claim.namespace, claim.name)),
            phase: self.status.phase,
            reclaim_policy: self.spec.persistent_volume_reclaim_policy,
            storage_class: self.spec.storage_class_name,
            driver,
            handle,
            size: self.spec.capacity.storage,
            node_affinity: self
                .spec
                .node_affinity
                .and_then(|affinity| affinity.required)
                .map(|terms| terms.node_selector_terms)
                .unwrap_or_default(),
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct StorageClassObject {
    #[serde(deserialize_with = "lenient::or_default")]
    metadata: Meta,
    provisioner: String,
    volume_binding_mode: Option<String>,
    #[serde(deserialize_with = "lenient::or_default")]
    allowed_topologies: Vec<TopologyTerm>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct TopologyTerm {
    match_label_expressions: Vec<TopologyLabel>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct TopologyLabel {
    key: String,
    values: Vec<String>,
}

impl StorageClassObject {
    pub(crate) fn into_fact(self) -> StorageClass {
        let requirement = |label: TopologyLabel| Requirement {
            key: label.key,
            operator: Operator::In,
            values: label.values,
        };
        StorageClass {
            name: self.metadata.name,
            provisioner: self.provisioner,
            binding_mode: self.volume_binding_mode,
            allowed_topologies: self
                .allowed_topologies
                .into_iter()
                .map(|term| NodeSelectorTerm {
                    match_expressions: term
                        .match_label_expressions
                        .into_iter()
                        .map(requirement)
                        .collect(),
                    match_fields: Vec::new(),
                })
                .collect(),
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct CsiNodeObject {
    #[serde(deserialize_with = "lenient::or_default")]
    metadata: Meta,
    #[serde(deserialize_with = "lenient::or_default")]
    spec: CsiNodeSpec,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct CsiNodeSpec {
    #[serde(deserialize_with = "lenient::or_default")]
    drivers: Vec<CsiDriver>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct CsiDriver {
    name: String,
    allocatable: Option<DriverLimit>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct DriverLimit {
    count: Option<i64>,
}

impl CsiNodeObject {
    pub(crate) fn into_facts(self) -> Vec<AttachLimit> {
        let node = self.metadata.name;
        let limit = |driver: CsiDriver| AttachLimit {
            node: node.clone(),
            driver: driver.name,
            count: driver.allocatable.and_then(|limit| limit.count),
        };
        self.spec.drivers.into_iter().map(limit).collect()
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct AttachmentObject {
    #[serde(deserialize_with = "lenient::or_default")]
    spec: AttachmentSpec,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct AttachmentSpec {
    attacher: String,
    node_name: String,
    #[serde(deserialize_with = "lenient::or_default")]
    source: AttachmentSource,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct AttachmentSource {
    persistent_volume_name: Option<String>,
}

impl AttachmentObject {
    pub(crate) fn into_fact(self) -> VolumeAttachment {
        VolumeAttachment {
            volume: self.spec.source.persistent_volume_name.unwrap_or_default(),
            node: self.spec.node_name,
            driver: self.spec.attacher,
        }
    }
}
