//! Events and measured use.

use facts::cluster::{ClusterEvent, ContainerUsage, NodeUsage, ResourceList};
use jiff::Timestamp;
use serde::Deserialize;

use super::meta::{Meta, Reference};
use crate::lenient;

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct EventObject {
    r#type: Option<String>,
    reason: Option<String>,
    message: Option<String>,
    note: Option<String>,
    #[serde(deserialize_with = "lenient::or_default")]
    involved_object: Reference,
    #[serde(deserialize_with = "lenient::or_default")]
    regarding: Reference,
    count: Option<u64>,
    deprecated_count: Option<u64>,
    #[serde(deserialize_with = "lenient::time")]
    first_timestamp: Option<Timestamp>,
    #[serde(deserialize_with = "lenient::time")]
    last_timestamp: Option<Timestamp>,
    #[serde(deserialize_with = "lenient::time")]
    event_time: Option<Timestamp>,
}

impl EventObject {
    pub(crate) fn into_fact(self) -> ClusterEvent {
        let object = if self.involved_object.name.is_empty() {
            self.regarding
        } else {
            self.involved_object
        };
        ClusterEvent {
            kind: self.r#type.unwrap_or_default(),
            reason: self.reason.unwrap_or_default(),
            message: self.message.or(self.note).unwrap_or_default(),
            object_kind: object.kind,
            namespace: object.namespace,
            object: object.name,
            count: self.count.or(self.deprecated_count).unwrap_or(1),
            first_at: self.first_timestamp.or(self.event_time),
            last_at: self.last_timestamp.or(self.event_time),
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct PodMetricsObject {
    #[serde(deserialize_with = "lenient::or_default")]
    metadata: Meta,
    #[serde(deserialize_with = "lenient::time")]
    timestamp: Option<Timestamp>,
    containers: Vec<ContainerMetrics>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ContainerMetrics {
    name: String,
    usage: ResourceList,
}

impl PodMetricsObject {
    pub(crate) fn into_facts(self) -> Vec<ContainerUsage> {
        let (namespace, pod, at) = (self.metadata.namespace, self.metadata.name, self.timestamp);
        let usage = |container: ContainerMetrics| ContainerUsage {
            namespace: namespace.clone(),
            pod: pod.clone(),
            container: container.name,
            at,
            used: container.usage,
        };
        self.containers.into_iter().map(usage).collect()
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct NodeMetricsObject {
    #[serde(deserialize_with = "lenient::or_default")]
    metadata: Meta,
    #[serde(deserialize_with = "lenient::time")]
    timestamp: Option<Timestamp>,
    usage: ResourceList,
}

impl NodeMetricsObject {
    pub(crate) fn into_fact(self) -> NodeUsage {
        NodeUsage { node: self.metadata.name, at: self.timestamp, used: self.usage }
    }
}
