//! Pods with their containers.

use facts::cluster::{
    Container, ContainerPort, ContainerState, Labels, Pod, PodPhase, ResourceList,
    TerminationRecord, Toleration,
};
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::meta::Meta;
use super::pod_rules::{AffinityRules, SpreadRule};
use crate::lenient;

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct PodObject {
    #[serde(deserialize_with = "lenient::or_default")]
    metadata: Meta,
    #[serde(deserialize_with = "lenient::or_default")]
    spec: PodSpec,
    #[serde(deserialize_with = "lenient::or_default")]
    status: PodStatus,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct PodSpec {
    node_name: Option<String>,
    containers: Vec<ContainerSpec>,
    #[serde(deserialize_with = "lenient::or_default")]
    init_containers: Vec<ContainerSpec>,
    resources: Option<Resources>,
    overhead: ResourceList,
    #[serde(deserialize_with = "lenient::or_default")]
    node_selector: Labels,
    affinity: Option<AffinityRules>,
    #[serde(deserialize_with = "lenient::or_default")]
    tolerations: Vec<Toleration>,
    #[serde(deserialize_with = "lenient::or_default")]
    topology_spread_constraints: Vec<SpreadRule>,
    #[serde(deserialize_with = "lenient::or_default")]
    volumes: Vec<Volume>,
    host_network: bool,
    priority: Option<i32>,
    priority_class_name: Option<String>,
    termination_grace_period_seconds: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ContainerSpec {
    name: String,
    image: String,
    #[serde(deserialize_with = "lenient::or_default")]
    resources: Resources,
    #[serde(deserialize_with = "lenient::or_default")]
    ports: Vec<Port>,
    restart_policy: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Resources {
    #[serde(deserialize_with = "lenient::or_default")]
    requests: ResourceList,
    limits: ResourceList,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Port {
    host_port: Option<u16>,
    protocol: String,
    #[serde(rename = "hostIP")]
    host_ip: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Volume {
    name: String,
    persistent_volume_claim: Option<Claim>,
    ephemeral: Option<IgnoredAny>,
    empty_dir: Option<EmptyDir>,
    host_path: Option<IgnoredAny>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Claim {
    claim_name: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct EmptyDir {
    medium: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct PodStatus {
    phase: Option<String>,
    #[serde(rename = "podIP")]
    ip: Option<String>,
    reason: Option<String>,
    message: Option<String>,
    #[serde(deserialize_with = "lenient::or_default")]
    conditions: Vec<Condition>,
    #[serde(deserialize_with = "lenient::or_default")]
    container_statuses: Vec<ContainerStatus>,
    #[serde(deserialize_with = "lenient::or_default")]
    init_container_statuses: Vec<ContainerStatus>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Condition {
    r#type: String,
    #[serde(deserialize_with = "lenient::or_default")]
    status: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ContainerStatus {
    name: String,
    restart_count: Option<u64>,
    #[serde(deserialize_with = "lenient::or_default")]
    state: State,
    #[serde(deserialize_with = "lenient::or_default")]
    last_state: State,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct State {
    running: Option<IgnoredAny>,
    waiting: Option<IgnoredAny>,
    terminated: Option<Terminated>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Terminated {
    reason: Option<String>,
    exit_code: i32,
    #[serde(deserialize_with = "lenient::time")]
    started_at: Option<Timestamp>,
    #[serde(deserialize_with = "lenient::time")]
    finished_at: Option<Timestamp>,
}

impl PodObject {
    pub(crate) fn into_fact(mut self) -> Pod {
        let ready = self.status.conditions.iter().find(|one| one.r#type == "Ready");
        let ready = ready.map(|one| one.status == "True");
        let spec = self.spec;
        let name = self.metadata.name.clone();
        let claims = spec.volumes.iter().filter_map(|volume| {
            let claim =
                volume.persistent_volume_claim.as_ref().map(|claim| claim.claim_name.clone());
            // A generic ephemeral volume is claimed under the pod's and the volume's name.
            claim.or_else(|| volume.ephemeral.map(|_| format!("{name}-{}", volume.name)))
        });
        Pod {
            uid: self.metadata.uid.clone(),
            owner: self.metadata.owner(),
            annotations: self.metadata.annotations(),
            labels: self.metadata.labels,
            namespace: self.metadata.namespace,
            node: spec.node_name.filter(|name| !name.is_empty()),
            ip: self.status.ip.take().filter(|ip| !ip.is_empty()),
            phase: match self.status.phase.as_deref() {
                Some("Pending") => PodPhase::Pending,
                Some("Succeeded") => PodPhase::Succeeded,
                Some("Failed") => PodPhase::Failed,
                Some("Unknown") => PodPhase::Unknown,
                _ => PodPhase::Running,
            },
            requests: spec.resources.map(|resources| resources.requests).unwrap_or_default(),
            overhead: spec.overhead,
            volume_claims: claims.collect(),
            local_storage: spec.volumes.iter().any(|volume| {
                volume.host_path.is_some()
                    || volume.empty_dir.as_ref().is_some_and(|dir| dir.medium != "Memory")
            }),
            containers: containers(spec.containers, &mut self.status.container_statuses),
            init_containers: containers(
                spec.init_containers,
                &mut self.status.init_container_statuses,
            ),
            node_selector: spec.node_selector,
            affinity: spec.affinity.map(AffinityRules::into_fact).map(Box::new),
            tolerations: spec.tolerations,
            topology_spread: spec
                .topology_spread_constraints
                .into_iter()
                .map(SpreadRule::into_fact)
                .collect(),
            host_network: spec.host_network,
            priority: spec.priority,
            priority_class: spec.priority_class_name.filter(|name| !name.is_empty()),
            termination_grace_seconds: spec.termination_grace_period_seconds,
            ready,
            status_reason: self.status.reason.filter(|reason| !reason.is_empty()),
            status_message: self.status.message.take(),
            created_at: self.metadata.creation_timestamp,
            deleted_at: self.metadata.deletion_timestamp,
            name,
            ..Pod::default()
        }
    }
}

fn containers(specs: Vec<ContainerSpec>, statuses: &mut Vec<ContainerStatus>) -> Vec<Container> {
    let mut containers = Vec::with_capacity(specs.len());
    for spec in specs {
        let at = statuses.iter().position(|status| status.name == spec.name);
        let status = at.map(|at| statuses.swap_remove(at)).unwrap_or_default();
        let state = match &status.state {
            State { running: Some(_), .. } => Some(ContainerState::Running),
            State { terminated: Some(_), .. } => Some(ContainerState::Terminated),
            State { waiting: Some(_), .. } => Some(ContainerState::Waiting),
            _ => None,
        };
        containers.push(Container {
            name: spec.name,
            image: spec.image,
            requests: spec.resources.requests,
            limits: spec.resources.limits,
            host_ports: spec.ports.into_iter().filter_map(host_port).collect(),
            sidecar: spec.restart_policy.as_deref() == Some("Always"),
            restarts: status.restart_count,
            state,
            terminated: status.state.terminated.map(record),
            last_terminated: status.last_state.terminated.map(record),
        });
    }
    containers
}

fn host_port(port: Port) -> Option<ContainerPort> {
    let number = port.host_port.filter(|number| *number != 0)?;
    let protocol = if port.protocol == "TCP" { String::new() } else { port.protocol };
    Some(ContainerPort { port: number, protocol, host_ip: port.host_ip })
}

fn record(terminated: Terminated) -> TerminationRecord {
    TerminationRecord {
        reason: terminated.reason.unwrap_or_default(),
        exit_code: terminated.exit_code,
        started_at: terminated.started_at,
        finished_at: terminated.finished_at,
    }
}
