//! Pods with all that decides where they may run.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::{Bytes, MilliCpu};

use super::filled_in::filled_in;
use super::{LabelSelector, Labels, NodeSelectorTerm, ResourceList};

/// A pod.
///
/// `cpu` and `memory` are the short form of `requests`; `requests` on the pod itself stands for
/// the whole pod where no container states its own.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
#[serde(default)]
pub struct Pod {
    /// Its name; unique in its namespace.
    pub name: String,
    /// Its namespace; `default` when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// Its identity in the cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    /// The node it runs on; absent for a pod that waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// Where it is in its life.
    #[serde(skip_serializing_if = "PodPhase::is_running")]
    pub phase: PodPhase,
    /// Its address inside of the network.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip: Option<String>,
    /// Short form of `requests.cpu`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu: Option<MilliCpu>,
    /// Short form of `requests.memory`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<Bytes>,
    /// Requests of the pod as a whole.
    #[serde(skip_serializing_if = "ResourceList::is_empty")]
    pub requests: ResourceList,
    /// What running the pod costs beyond its containers (its runtime class).
    #[serde(skip_serializing_if = "ResourceList::is_empty")]
    pub overhead: ResourceList,
    /// Its containers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub containers: Vec<Container>,
    /// Containers that run before the others, and sidecars (those that restart always).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub init_containers: Vec<Container>,
    /// Labels.
    #[serde(skip_serializing_if = "Labels::is_empty")]
    pub labels: Labels,
    /// Annotations.
    #[serde(skip_serializing_if = "Labels::is_empty")]
    pub annotations: Labels,
    /// The object that would make it again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<Owner>,
    /// Labels that a node must have.
    #[serde(skip_serializing_if = "Labels::is_empty")]
    pub node_selector: Labels,
    /// Rules on nodes and on other pods.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub affinity: Option<Box<Affinity>>,
    /// Taints that it tolerates.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tolerations: Vec<Toleration>,
    /// How its like are spread.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub topology_spread: Vec<SpreadConstraint>,
    /// Names of the volume claims it mounts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub volume_claims: Vec<String>,
    /// Whether it keeps data on the node's own disk (`emptyDir`, `hostPath`).
    #[serde(skip_serializing_if = "is_false")]
    pub local_storage: bool,
    /// Whether it uses the node's own network.
    #[serde(skip_serializing_if = "is_false")]
    pub host_network: bool,
    /// Its priority; higher goes first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<i32>,
    /// The class that its priority comes from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority_class: Option<String>,
    /// Seconds that it gets between the request to stop and the kill.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub termination_grace_seconds: Option<u64>,
    /// Whether it is ready; `None` when nobody said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ready: Option<bool>,
    /// Why the pod as a whole is in its phase, such as `Evicted`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status_reason: Option<String>,
    /// The same in words, such as `The node was low on resource: memory.`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status_message: Option<String>,
    /// When it was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// When its deletion was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deleted_at: Option<Timestamp>,
}

filled_in!(Pod {
    name,
    namespace,
    uid,
    node,
    phase,
    ip,
    cpu,
    memory,
    requests,
    overhead,
    containers,
    init_containers,
    labels,
    annotations,
    owner,
    node_selector,
    affinity,
    tolerations,
    topology_spread,
    volume_claims,
    local_storage,
    host_network,
    priority,
    priority_class,
    termination_grace_seconds,
    ready,
    status_reason,
    status_message,
    created_at,
    deleted_at,
});

impl Pod {
    /// The namespace, `default` when none was written.
    #[must_use]
    pub fn namespace(&self) -> &str {
        if self.namespace.is_empty() { "default" } else { &self.namespace }
    }

    /// Whether the pod still needs room on a node.
    #[must_use]
    pub fn is_active(&self) -> bool {
        !matches!(self.phase, PodPhase::Succeeded | PodPhase::Failed)
    }

    /// Whether the pod comes with its node and goes with it: made by a daemon set, or static.
    #[must_use]
    pub fn belongs_to_node(&self) -> bool {
        self.owner.as_ref().is_some_and(|owner| owner.kind == "DaemonSet" || owner.kind == "Node")
    }
}

/// Where a pod is in its life.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub enum PodPhase {
    /// Accepted, not all containers run yet.
    Pending,
    /// On a node with at least one container running.
    #[default]
    Running,
    /// All containers ended well.
    Succeeded,
    /// All containers ended, at least one badly.
    Failed,
    /// Its node does not answer.
    Unknown,
}

impl PodPhase {
    fn is_running(&self) -> bool {
        *self == PodPhase::Running
    }
}

/// The object that made another.
#[derive(
    Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(default)]
pub struct Owner {
    /// Such as `ReplicaSet`.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Its identity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
}

/// One container of a pod.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
#[serde(default)]
pub struct Container {
    /// Its name; unique in its pod.
    pub name: String,
    /// The image it runs.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub image: String,
    /// What is set aside for it.
    #[serde(skip_serializing_if = "ResourceList::is_empty")]
    pub requests: ResourceList,
    /// What it may use at most.
    #[serde(skip_serializing_if = "ResourceList::is_empty")]
    pub limits: ResourceList,
    /// Ports of the node that it takes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub host_ports: Vec<ContainerPort>,
    /// Of an init container: whether it keeps running beside the others (a sidecar).
    #[serde(skip_serializing_if = "is_false")]
    pub sidecar: bool,
    /// How often it was started again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restarts: Option<u64>,
    /// What it does now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<ContainerState>,
    /// How its current run ended, where it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub terminated: Option<TerminationRecord>,
    /// How its previous run ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_terminated: Option<TerminationRecord>,
}

filled_in!(Container {
    name,
    image,
    requests,
    limits,
    host_ports,
    sidecar,
    restarts,
    state,
    terminated,
    last_terminated,
});

/// What a container does now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ContainerState {
    /// It runs.
    Running,
    /// It waits to be started.
    Waiting,
    /// It ended.
    Terminated,
}

/// How a run of a container ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct TerminationRecord {
    /// Such as `OOMKilled`, `Error` or `Completed`.
    pub reason: String,
    /// The exit code.
    pub exit_code: i32,
    /// When the run started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// When the run ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Timestamp>,
}

/// A port of the node that a container takes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct ContainerPort {
    /// The port number on the node.
    pub port: u16,
    /// `TCP` when empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub protocol: String,
    /// The address it listens on; every address when empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub host_ip: String,
}

/// Rules on nodes and on other pods.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Affinity {
    /// Which nodes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<NodeAffinity>,
    /// Near which pods.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod: Option<PodAffinity>,
    /// Away from which pods.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod_anti: Option<PodAffinity>,
}

/// Which nodes a pod may run on and likes to run on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct NodeAffinity {
    /// Alternatives, one of which must hold.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub required: Vec<NodeSelectorTerm>,
    /// Wishes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub preferred: Vec<PreferredNodeTerm>,
}

/// A wish about nodes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct PreferredNodeTerm {
    /// 1 to 100.
    pub weight: i32,
    /// What is wished for.
    pub term: NodeSelectorTerm,
}

/// Near or away from which pods.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct PodAffinity {
    /// Terms, all of which must hold.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub required: Vec<PodAffinityTerm>,
    /// Wishes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub preferred: Vec<PreferredPodTerm>,
}

/// A set of pods and the kind of place that is compared.
#[derive(
    Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(default)]
pub struct PodAffinityTerm {
    /// The node label whose value names the place.
    pub topology_key: String,
    /// Which pods; `None` selects none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selector: Option<LabelSelector>,
    /// In which namespaces; the pod's own when both this and the selector are absent.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub namespaces: Vec<String>,
    /// In namespaces with which labels; an empty selector means all of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace_selector: Option<LabelSelector>,
    /// Labels of the pod itself whose values the selected pods must share.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub match_label_keys: Vec<String>,
    /// Labels of the pod itself whose values the selected pods must not share.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mismatch_label_keys: Vec<String>,
}

/// A wish about other pods.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct PreferredPodTerm {
    /// 1 to 100.
    pub weight: i32,
    /// What is wished for.
    pub term: PodAffinityTerm,
}

/// A taint that a pod tolerates.
#[derive(
    Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(default)]
pub struct Toleration {
    /// The taint's key; empty tolerates every key (with `Exists`).
    #[serde(skip_serializing_if = "String::is_empty")]
    pub key: String,
    /// How the value is compared.
    pub operator: TolerationOperator,
    /// The taint's value (with `Equal`).
    #[serde(skip_serializing_if = "String::is_empty")]
    pub value: String,
    /// The effect that is tolerated; every effect when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effect: Option<super::TaintEffect>,
}

/// How a toleration compares a taint's value.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub enum TolerationOperator {
    /// The values are equal.
    #[default]
    Equal,
    /// Any value will do.
    Exists,
}

/// How pods that look alike are spread over places.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct SpreadConstraint {
    /// The node label whose value names the place.
    pub topology_key: String,
    /// How much fuller a place may be than the emptiest one.
    pub max_skew: u32,
    /// What happens when it cannot hold.
    #[serde(default)]
    pub when_unsatisfiable: Unsatisfiable,
    /// Which pods are counted; `None` counts none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<LabelSelector>,
    /// With fewer places than this, the emptiest counts as empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_domains: Option<u32>,
    /// Whether nodes that the pod's node rules exclude are left out of the places (`true`).
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub honor_node_affinity: bool,
    /// Whether nodes whose taints the pod does not tolerate are left out of the places (`false`).
    #[serde(default, skip_serializing_if = "is_false")]
    pub honor_node_taints: bool,
    /// Labels of the pod itself whose values the counted pods must share.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub match_label_keys: Vec<String>,
}

/// What happens when a spread cannot hold.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub enum Unsatisfiable {
    /// The pod waits: a rule.
    #[default]
    DoNotSchedule,
    /// The pod is scheduled all the same: a wish.
    ScheduleAnyway,
}

fn is_false(value: &bool) -> bool {
    !value
}

fn is_true(value: &bool) -> bool {
    *value
}

fn yes() -> bool {
    true
}
