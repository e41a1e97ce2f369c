//! Objects that own pods, and what scales them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{LabelSelector, Labels, Owner};

/// An object that owns pods.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Workload {
    /// What kind of object it is.
    pub kind: WorkloadKind,
    /// Its name; unique for its kind in its namespace.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// Its identity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    /// The object that made it (the Deployment of a ReplicaSet).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<Owner>,
    /// Labels.
    #[serde(skip_serializing_if = "Labels::is_empty")]
    pub labels: Labels,
    /// Annotations.
    #[serde(skip_serializing_if = "Labels::is_empty")]
    pub annotations: Labels,
    /// How many pods are wanted; for a daemon set how many nodes should run it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i64>,
    /// How many pods are ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ready_replicas: Option<i64>,
    /// Which pods are its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selector: Option<LabelSelector>,
    /// When it was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// What scales it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub autoscaler: Option<Autoscaler>,
    /// Of a CronJob: when it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule: Option<String>,
    /// Of a StatefulSet: the names of its volume claim templates.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub claim_templates: Vec<String>,
}

/// Kinds of objects that own pods.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub enum WorkloadKind {
    /// Replicas without identity, rolled out by replica sets.
    #[default]
    Deployment,
    /// Replicas without identity.
    ReplicaSet,
    /// Replicas with identity and their own volumes.
    StatefulSet,
    /// One pod on every node that fits.
    DaemonSet,
    /// Pods that run to their end.
    Job,
    /// Jobs by the clock.
    CronJob,
    /// The old form of a replica set.
    ReplicationController,
}

/// A horizontal or vertical autoscaler.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Autoscaler {
    /// `HorizontalPodAutoscaler` or `VerticalPodAutoscaler`.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// The fewest replicas.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_replicas: Option<i64>,
    /// The most replicas.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_replicas: Option<i64>,
    /// Resource names that it scales on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<String>,
    /// Average use of a resource, in percent of the request, that a horizontal one steers to.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub target_utilization: BTreeMap<String, i64>,
    /// Of a vertical one: `Off`, `Initial`, `Recreate`, `Auto`, `InPlaceOrRecreate`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub update_mode: Option<String>,
}
