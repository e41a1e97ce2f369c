//! What a plan may ask for: the closed contract with whoever carries plans out.
//!
//! Every engine speaks in these actions and no others. An executor that meets an action it does
//! not know must refuse the plan; so does the plan checker.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::UsdPerHour;

use crate::cluster::{Labels, ResourceList, Taint};
use crate::names::{CapacityType, OperatingSystem};

/// One step of a plan: what to do, to what, under which conditions, and how to see that it worked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Step {
    /// Its number, from 1; steps are carried out in this order.
    pub step: u32,
    /// What to do.
    #[serde(flatten)]
    pub action: Action,
    /// To what.
    pub target: Target,
    /// What must still be true just before; otherwise the step and what follows is not done.
    pub preconditions: Vec<Precondition>,
    /// Whether and how it can be taken back.
    pub reversibility: Reversibility,
    /// How to see that it worked.
    pub verification: Verification,
    /// What notices it.
    pub blast_radius: BlastRadius,
    /// How long it is expected to take at most, in seconds.
    pub expected_seconds: u32,
}

/// What is acted upon, by identity that survives a rename or a replacement.
#[derive(
    Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(default)]
pub struct Target {
    /// Kind of the object, such as `Node`, `Pod`, `Deployment`, `Volume`.
    pub kind: String,
    /// Its namespace, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Its name; for a node that is yet to be launched, the name that later steps use for it.
    pub name: String,
    /// Its identity in the cluster. Absent only where the snapshot did not have it, or where the
    /// step itself creates the object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    /// Its Amazon Resource Name, of things outside of the cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arn: Option<String>,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum Action {
    /// Start a machine and let it join the cluster under the target's name.
    LaunchNode(LaunchNode),
    /// Keep new pods away from a node.
    CordonNode,
    /// Evict the pods of a node one after the other, through the eviction API, and wait for each
    /// successor. Pods that belong to the node stay.
    DrainNode {
        /// Seconds that each pod gets at least; a pod's own longer grace is kept.
        grace_seconds: u64,
        /// Which pods, in this order.
        evictions: Vec<Eviction>,
    },
    /// Evict one pod through the eviction API, so that its owner makes it again.
    EvictPod {
        /// Seconds that the pod gets at least.
        grace_seconds: u64,
        /// The node on which the plan expects its successor; the scheduler decides.
        #[serde(skip_serializing_if = "Option::is_none")]
        expected_node: Option<String>,
    },
    /// Stop the machine of a node for good.
    TerminateNode,
    /// Change what a container requests and may use.
    ResizeContainer {
        /// The container of the target's pods.
        container: String,
        /// Whether it is listed among the init containers, as sidecars are.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        init_container: bool,
        /// Requests now.
        requests_before: ResourceList,
        /// Requests afterwards.
        requests: ResourceList,
        /// Limits now.
        limits_before: ResourceList,
        /// Limits afterwards.
        limits: ResourceList,
    },
    /// Change the instance type of a machine or of a group of machines.
    ResizeInstance {
        /// Type now.
        from: String,
        /// Type afterwards.
        to: String,
        /// What pods may use of each machine afterwards, after the kubelet's own share.
        #[serde(default, skip_serializing_if = "ResourceList::is_empty")]
        allocatable: ResourceList,
    },
    /// Change how many replicas a workload has.
    ScaleWorkload {
        /// Replicas now.
        from: u64,
        /// Replicas afterwards.
        to: u64,
    },
    /// Make a workload or a namespace follow working hours.
    SetSchedule {
        /// IANA time zone.
        time_zone: String,
        /// The instants at which it changes, in order, half-open.
        transitions: Vec<ScheduleTransition>,
    },
    /// Change fields of an object.
    PatchObject {
        /// `strategic_merge`, `merge` or `json`.
        patch_type: PatchType,
        /// The patch.
        patch: serde_json::Value,
    },
    /// Copy a volume before something is done to it.
    SnapshotVolume,
    /// Delete a volume for good.
    DeleteVolume,
    /// Change the type of a volume, or what is provisioned for it, while it is in use.
    ModifyVolume {
        /// Type now.
        from: String,
        /// Type afterwards.
        to: String,
        /// Operations per second afterwards, where they are provisioned.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        iops: Option<i64>,
        /// Mebibytes per second afterwards, where they are provisioned.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        throughput: Option<i64>,
    },
    /// Stop a machine outside of the cluster for good.
    TerminateInstance {
        /// The group whose wanted size has to be lowered with it, or a new machine takes its place.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        scaling_group: Option<String>,
    },
    /// Give a public address back.
    ReleaseAddress,
    /// Create a private endpoint to a cloud service.
    CreateEndpoint {
        /// The service, such as `com.amazonaws.us-east-1.s3`.
        service: String,
        /// `gateway` or `interface`.
        endpoint_type: String,
    },
    /// Delete a cloud resource for good.
    DeleteCloudResource,
    /// Look whether something holds before going on.
    Validate {
        /// What must hold, in words.
        check: String,
    },
    /// Keep a copy of what is about to be changed.
    BackupState {
        /// What is kept, in words.
        what: String,
    },
    /// Let a person decide.
    Review {
        /// Why a person has to.
        reason: String,
    },
}

/// A pod to evict as a part of a drain.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Eviction {
    /// Its namespace.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// Its name.
    pub pod: String,
    /// Its identity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    /// The node on which the plan expects its successor; the scheduler decides.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected_node: Option<String>,
    /// Seconds that the pod gets, where it asked for more than the drain gives.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grace_seconds: Option<u64>,
}

/// A machine to start.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LaunchNode {
    /// The instance type.
    pub instance_type: String,
    /// How it is bought.
    pub capacity_type: CapacityType,
    /// Where; any zone that the launch template allows when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// Its operating system.
    #[serde(default)]
    pub operating_system: OperatingSystem,
    /// The pool whose template it is started from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_pool: Option<String>,
    /// Labels that it must join with.
    #[serde(default, skip_serializing_if = "Labels::is_empty")]
    pub labels: Labels,
    /// Taints that it must join with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub taints: Vec<Taint>,
    /// What pods may use of it, after the kubelet's own share; daemon sets still come off it.
    pub allocatable: ResourceList,
    /// What it costs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usd_per_hour: Option<UsdPerHour>,
}

/// The kind of a patch, as the Kubernetes API names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PatchType {
    /// Lists are merged by their keys.
    StrategicMerge,
    /// RFC 7386.
    Merge,
    /// RFC 6902.
    Json,
}

/// A change of scale at an instant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ScheduleTransition {
    /// When.
    pub at: Timestamp,
    /// Replicas from then on; `None` restores the recorded number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicas: Option<u64>,
}

/// What must still be true just before a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "condition", rename_all = "snake_case")]
pub enum Precondition {
    /// The target exists with the stated identity.
    TargetUnchanged,
    /// The target node is ready.
    NodeReady {
        /// The node.
        node: String,
    },
    /// Every disruption budget over the pod allows its eviction.
    BudgetsAllow,
    /// The node holds no pods but those that belong to it.
    NodeEmpty,
    /// The node takes no new pods.
    NodeCordoned,
    /// The pod still runs on this node.
    PodOn {
        /// The node.
        node: String,
    },
    /// The field still has this value.
    FieldEquals {
        /// JSON Pointer into the object.
        field: String,
        /// The value.
        value: serde_json::Value,
    },
    /// A snapshot exists that was completed after the decision.
    SnapshotCompleted,
    /// A person agreed.
    Approved,
}

/// Whether and how a step can be taken back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reversibility {
    /// Whether it can be taken back at all.
    pub reversible: bool,
    /// How, or why not.
    pub how: String,
}

/// How to see that a step worked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Verification {
    /// What to look at and what to find there.
    pub expect: String,
    /// How long to wait for it, in seconds.
    pub within_seconds: u32,
}

/// What notices a step.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct BlastRadius {
    /// Pods that are stopped by it.
    pub pods: u32,
    /// Nodes that are taken away by it.
    pub nodes: u32,
    /// Workloads that lose at least one pod for a while, as `kind namespace/name`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub workloads: Vec<String>,
    /// Further numbers, such as bytes that are deleted.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub measures: BTreeMap<String, f64>,
}
