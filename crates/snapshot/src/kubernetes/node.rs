//! Nodes and the images that they hold.

use facts::cluster::{Labels, Node, NodeCondition, ResourceList, Taint, well_known};
use facts::names::CapacityType;
use jiff::Timestamp;
use serde::Deserialize;

use super::meta::Meta;
use crate::lenient;

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct NodeObject {
    #[serde(deserialize_with = "lenient::or_default")]
    metadata: Meta,
    #[serde(deserialize_with = "lenient::or_default")]
    spec: NodeSpec,
    #[serde(deserialize_with = "lenient::or_default")]
    status: NodeStatus,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct NodeSpec {
    #[serde(rename = "providerID")]
    provider_id: Option<String>,
    unschedulable: bool,
    taints: Vec<Taint>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct NodeStatus {
    #[serde(deserialize_with = "lenient::or_default")]
    capacity: ResourceList,
    allocatable: ResourceList,
    conditions: Vec<Condition>,
    #[serde(deserialize_with = "lenient::or_default")]
    images: Vec<NodeImage>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Condition {
    r#type: String,
    #[serde(deserialize_with = "lenient::or_default")]
    status: String,
    #[serde(deserialize_with = "lenient::time")]
    last_transition_time: Option<Timestamp>,
}

/// An image on one node.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct NodeImage {
    #[serde(deserialize_with = "lenient::or_default")]
    pub(crate) names: Vec<String>,
    pub(crate) size_bytes: Option<i64>,
}

impl NodeObject {
    pub(crate) fn into_fact(mut self) -> (Node, Vec<NodeImage>) {
        let labels = std::mem::take(&mut self.metadata.labels);
        let label = |keys: &[&str]| keys.iter().find_map(|key| labels.get(*key)).cloned();
        let node = Node {
            uid: self.metadata.uid.clone(),
            annotations: self.metadata.annotations(),
            name: self.metadata.name,
            provider_id: self.spec.provider_id,
            instance_type: label(&[well_known::INSTANCE_TYPE, well_known::INSTANCE_TYPE_OLD]),
            zone: label(&[well_known::ZONE, well_known::ZONE_OLD]),
            zone_id: label(&[well_known::ZONE_ID]),
            capacity_type: capacity_type(&labels),
            architecture: label(&[well_known::ARCHITECTURE, "beta.kubernetes.io/arch"])
                .and_then(|text| text.parse().ok()),
            operating_system: match label(&[well_known::OPERATING_SYSTEM]).as_deref() {
                Some("linux") => Some(facts::names::OperatingSystem::Linux),
                Some("windows") => Some(facts::names::OperatingSystem::Windows),
                _ => None,
            },
            node_pool: label(&[well_known::KARPENTER_NODE_POOL, well_known::EKS_NODE_GROUP]),
            allocatable: without_zeros(self.status.allocatable),
            capacity: without_zeros(self.status.capacity),
            taints: self.spec.taints,
            unschedulable: self.spec.unschedulable,
            conditions: self
                .status
                .conditions
                .into_iter()
                .filter(|condition| condition.r#type == "Ready" || condition.status != "False")
                .map(|condition| NodeCondition {
                    kind: condition.r#type,
                    status: condition.status,
                    since: condition.last_transition_time,
                })
                .collect(),
            created_at: self.metadata.creation_timestamp,
            deleted_at: self.metadata.deletion_timestamp,
            labels,
            ..Node::default()
        };
        (node, self.status.images)
    }
}

fn capacity_type(labels: &Labels) -> Option<CapacityType> {
    let keys = [
        well_known::KARPENTER_CAPACITY_TYPE,
        well_known::EKS_CAPACITY_TYPE,
        "node.kubernetes.io/lifecycle",
        "eks.amazonaws.com/compute-type",
    ];
    let words = keys.iter().filter_map(|key| labels.get(*key));
    words.into_iter().find_map(|word| match word.to_ascii_lowercase().as_str() {
        "spot" => Some(CapacityType::Spot),
        "on-demand" | "on_demand" | "ondemand" | "normal" => Some(CapacityType::OnDemand),
        _ => None,
    })
}

/// Huge pages and the like are listed with 0 where there are none.
fn without_zeros(mut list: ResourceList) -> ResourceList {
    list.other.retain(|_, amount| *amount != 0);
    list
}
