//! Steps that give machines another type, after containers were changed.
//!
//! Machines are replaced one for one, so what each of them carries at that point of the plan has to
//! fit into what pods may use of the new one.

use facts::action::{Action, Precondition, Step, Target};
use facts::cluster::{Container, Node, Pod, ResourceList, well_known};
use facts::reason::ReasonCode;
use jiff::Timestamp;

use crate::need;
use crate::permission;
use crate::workload_change::is_of;
use crate::world::World;

/// What earlier steps of the plan have changed.
#[derive(Default)]
pub(crate) struct Changes {
    /// Containers with new amounts: of which workload, which one, requests and limits.
    containers: Vec<(Target, String, ResourceList, ResourceList)>,
    /// Nodes with another type.
    nodes: Vec<String>,
}

impl Changes {
    /// Notes that a container gets new amounts.
    pub(crate) fn note(&mut self, step: &Step) {
        if let Action::ResizeContainer { container, requests, limits, .. } = &step.action {
            self.containers.push((
                step.target.clone(),
                container.clone(),
                requests.clone(),
                limits.clone(),
            ));
        }
    }
}

/// Judges a step that changes the type of machines; `false` for a step that does not.
pub(crate) fn judge(
    world: &World<'_>,
    changes: &mut Changes,
    step: &Step,
    now: Timestamp,
    note: &mut impl FnMut(ReasonCode, String),
) -> bool {
    let Action::ResizeInstance { from, to, allocatable } = &step.action else { return false };
    if from == to {
        note(ReasonCode::FigureMismatch, format!("it is {to} already"));
    }
    let (Some(cpu), Some(memory)) = (allocatable.cpu, allocatable.memory) else {
        note(ReasonCode::InvalidObject, "what pods may use afterwards is not stated".to_owned());
        return true;
    };
    if !step.preconditions.contains(&Precondition::BudgetsAllow) {
        note(ReasonCode::StepOrder, "it does not look at disruption budgets".to_owned());
    }
    let mut found = false;
    for (at, place) in world.places.iter().enumerate().filter(|(_, place)| place.present) {
        let node = &*place.node;
        let same_type = node.label(well_known::INSTANCE_TYPE) == Some(from);
        if !covers(&step.target, node) || (!same_type && step.target.kind != "Node") {
            continue;
        }
        found = true;
        let name = &node.name;
        if !same_type {
            note(ReasonCode::FigureMismatch, format!("node {name} is no {from}"));
        }
        if changes.nodes.contains(name) {
            note(ReasonCode::StepOrder, format!("node {name} has another type already"));
        }
        changes.nodes.push(name.clone());
        if permission::asks_for_peace(&node.annotations, node.created_at, now) {
            note(ReasonCode::DoNotDisrupt, format!("node {name} is marked not to be disrupted"));
        }
        let mut carried: [i64; 3] = [0; 3];
        let mut further = std::collections::BTreeMap::<String, i64>::new();
        for resident in world.pods.iter().filter(|one| one.place == Some(at)) {
            if permission::asks_for_peace(&resident.pod.annotations, resident.pod.created_at, now) {
                let detail = format!("pod {} is marked not to be disrupted", resident.pod.name);
                note(ReasonCode::DoNotDisrupt, detail);
            }
            let pod = changed(resident.pod, &changes.containers);
            for (name, amount) in need::of_pod(&pod).iter() {
                let sum = match name {
                    "cpu" => &mut carried[0],
                    "memory" => &mut carried[1],
                    "pods" => &mut carried[2],
                    "ephemeral-storage" => continue,
                    name => further.entry(name.to_owned()).or_default(),
                };
                *sum = sum.saturating_add(amount);
            }
        }
        let offered = [
            ("cpu", carried[0], cpu.0, node.allocatable_cpu().map(|cpu| cpu.0)),
            ("memory", carried[1], memory.0, node.allocatable_memory().map(|bytes| bytes.0)),
            ("pods", carried[2], allocatable.pods.unwrap_or(110), node.allocatable_pods()),
        ];
        for (resource, carried, then, before) in offered {
            // What is too little already and becomes no less is not made worse.
            if carried > then && before.is_none_or(|before| then < before || carried <= before) {
                let detail =
                    format!("node {name} carries {carried} {resource}, a {to} takes {then}");
                note(ReasonCode::InsufficientResource, detail);
            }
        }
        for (resource, carried) in further {
            if carried > allocatable.other.get(&resource).copied().unwrap_or(0) {
                let detail = format!("node {name} carries {carried} {resource}");
                note(ReasonCode::InsufficientResource, detail);
            }
        }
    }
    if !found {
        note(ReasonCode::UnknownTarget, format!("no node of it is a {from}"));
    }
    true
}

/// Whether a step on a target acts on a node.
fn covers(target: &Target, node: &Node) -> bool {
    let pool = match target.kind.as_str() {
        "Node" => return node.name == target.name && node.uid == target.uid,
        "NodeGroup" => node.label(well_known::EKS_NODE_GROUP),
        "NodePool" => node.label(well_known::KARPENTER_NODE_POOL),
        _ => None,
    };
    pool == Some(target.name.as_str())
}

/// A pod as far as its requests go, with what earlier steps have changed.
fn changed(pod: &Pod, changes: &[(Target, String, ResourceList, ResourceList)]) -> Pod {
    let apply = |all: &[Container]| -> Vec<Container> {
        all.iter()
            .map(|one| {
                let mut found = changes.iter().rev();
                let new =
                    found.find(|(target, name, _, _)| *name == one.name && is_of(pod, target));
                let (requests, limits) = new
                    .map_or((&one.requests, &one.limits), |(_, _, requests, limits)| {
                        (requests, limits)
                    });
                Container {
                    sidecar: one.sidecar,
                    requests: requests.clone(),
                    limits: limits.clone(),
                    ..Container::default()
                }
            })
            .collect()
    };
    Pod {
        cpu: pod.cpu,
        memory: pod.memory,
        requests: pod.requests.clone(),
        overhead: pod.overhead.clone(),
        containers: apply(&pod.containers),
        init_containers: apply(&pod.init_containers),
        ..Pod::default()
    }
}
