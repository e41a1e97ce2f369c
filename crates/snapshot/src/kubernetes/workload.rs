//! Objects that own pods, and what scales them.

use std::collections::BTreeMap;

use facts::cluster::{Autoscaler, LabelSelector, Workload, WorkloadKind};
use serde::Deserialize;

use super::meta::{Meta, Reference};
use crate::lenient;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct WorkloadObject {
    #[serde(deserialize_with = "lenient::or_default")]
    metadata: Meta,
    #[serde(deserialize_with = "lenient::or_default")]
    spec: WorkloadSpec,
    #[serde(deserialize_with = "lenient::or_default")]
    status: WorkloadStatus,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct WorkloadSpec {
    replicas: Option<i64>,
    parallelism: Option<i64>,
    schedule: Option<String>,
    selector: Option<serde_json::Value>,
    #[serde(deserialize_with = "lenient::or_default")]
    volume_claim_templates: Vec<Template>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Template {
    #[serde(deserialize_with = "lenient::or_default")]
    metadata: Meta,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct WorkloadStatus {
    ready_replicas: Option<i64>,
    number_ready: Option<i64>,
    ready: Option<i64>,
    desired_number_scheduled: Option<i64>,
}

/// The kind of workload behind a kind of object.
pub(crate) fn workload_kind(kind: &str) -> Option<WorkloadKind> {
    Some(match kind {
        "Deployment" => WorkloadKind::Deployment,
        "ReplicaSet" => WorkloadKind::ReplicaSet,
        "StatefulSet" => WorkloadKind::StatefulSet,
        "DaemonSet" => WorkloadKind::DaemonSet,
        "Job" => WorkloadKind::Job,
        "CronJob" => WorkloadKind::CronJob,
        "ReplicationController" => WorkloadKind::ReplicationController,
        _ => return None,
    })
}

impl WorkloadObject {
    pub(crate) fn into_fact(mut self, kind: WorkloadKind) -> Workload {
        // A replication controller writes bare labels where the others write a selector.
        let selector = self.spec.selector.take().and_then(|value| {
            if kind == WorkloadKind::ReplicationController {
                let match_labels = serde_json::from_value(value).ok()?;
                return Some(LabelSelector { match_labels, ..LabelSelector::default() });
            }
            serde_json::from_value(value).ok()
        });
        Workload {
            kind,
            uid: self.metadata.uid.clone(),
            owner: self.metadata.owner(),
            annotations: self.metadata.annotations(),
            labels: self.metadata.labels,
            name: self.metadata.name,
            namespace: self.metadata.namespace,
            replicas: self
                .spec
                .replicas
                .or(self.spec.parallelism)
                .or(self.status.desired_number_scheduled),
            ready_replicas: self
                .status
                .ready_replicas
                .or(self.status.number_ready)
                .or(self.status.ready),
            selector,
            created_at: self.metadata.creation_timestamp,
            autoscaler: None,
            schedule: self.spec.schedule,
            claim_templates: self
                .spec
                .volume_claim_templates
                .into_iter()
                .map(|template| template.metadata.name)
                .collect(),
        }
    }
}

/// A horizontal or vertical autoscaler.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct AutoscalerObject {
    #[serde(deserialize_with = "lenient::or_default")]
    metadata: Meta,
    #[serde(deserialize_with = "lenient::or_default")]
    spec: AutoscalerSpec,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct AutoscalerSpec {
    #[serde(deserialize_with = "lenient::or_default")]
    scale_target_ref: Reference,
    #[serde(deserialize_with = "lenient::or_default")]
    target_ref: Reference,
    min_replicas: Option<i64>,
    max_replicas: Option<i64>,
    #[serde(deserialize_with = "lenient::or_default")]
    metrics: Vec<Metric>,
    #[serde(rename = "targetCPUUtilizationPercentage")]
    target_cpu: Option<i64>,
    #[serde(deserialize_with = "lenient::or_default")]
    update_policy: UpdatePolicy,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Metric {
    resource: Option<MetricName>,
    container_resource: Option<MetricName>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct MetricName {
    name: String,
    #[serde(deserialize_with = "lenient::or_default")]
    target: MetricTarget,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct MetricTarget {
    average_utilization: Option<i64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct UpdatePolicy {
    update_mode: Option<String>,
}

/// What an autoscaler scales: namespace, kind, name.
pub(crate) type ScaleTarget = (String, String, String);

impl AutoscalerObject {
    pub(crate) fn into_fact(self, kind: &str) -> (ScaleTarget, Autoscaler) {
        let target = if self.spec.scale_target_ref.name.is_empty() {
            self.spec.target_ref
        } else {
            self.spec.scale_target_ref
        };
        let mut resources = Vec::new();
        let mut target_utilization = BTreeMap::new();
        let metrics = self.spec.metrics.into_iter();
        for metric in metrics.filter_map(|metric| metric.resource.or(metric.container_resource)) {
            if let Some(percent) = metric.target.average_utilization {
                target_utilization.insert(metric.name.clone(), percent);
            }
            resources.push(metric.name);
        }
        if let Some(percent) = self.spec.target_cpu {
            resources.push("cpu".to_owned());
            target_utilization.insert("cpu".to_owned(), percent);
        }
        resources.sort_unstable();
        resources.dedup();
        let fact = Autoscaler {
            kind: kind.to_owned(),
            name: self.metadata.name,
            min_replicas: self.spec.min_replicas,
            max_replicas: self.spec.max_replicas,
            resources,
            target_utilization,
            update_mode: self.spec.update_policy.update_mode,
        };
        ((self.metadata.namespace, target.kind, target.name), fact)
    }
}
