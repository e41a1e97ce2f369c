//! Carrying a plan out in thought, one step after the other.

use facts::action::{Action, Eviction, Precondition, Step, Target};
use facts::cluster::{Node, Pod, well_known};
use facts::reason::ReasonCode;
use jiff::Timestamp;

use crate::world::World;
use crate::{
    Violation, attachments, cloud, machine_change, matching, permission, topology, workload_change,
};

/// Walks the steps of a plan and notes what they break.
pub(crate) fn walk(
    mut world: World<'_>,
    steps: &[Step],
    now: Timestamp,
    violations: &mut Vec<Violation>,
) {
    let mut progress = cloud::Progress::default();
    let mut changes = machine_change::Changes::default();
    for (at, step) in steps.iter().enumerate() {
        if step.step != at as u32 + 1 {
            let detail = format!("step {} stands at place {}", step.step, at + 1);
            violations.push(Violation::of_step(
                ReasonCode::StepOrder,
                step.step,
                &step.target,
                detail,
            ));
        }
        let mut note = |code, detail: String| {
            violations.push(Violation::of_step(code, step.step, &step.target, detail));
        };
        match &step.action {
            Action::LaunchNode(launch) => {
                if !world.launch(&step.target.name, launch) {
                    note(ReasonCode::DuplicateObject, "a node of this name exists".to_owned());
                }
            }
            Action::CordonNode => {
                if let Some(node) = known_node(&world, &step.target, &mut note) {
                    world.places[node].open = false;
                    world.places[node].cordoned_by_plan = true;
                }
            }
            Action::DrainNode { grace_seconds, evictions } => {
                if let Some(node) = known_node(&world, &step.target, &mut note) {
                    if world.places[node].open {
                        note(ReasonCode::StepOrder, "drained before it was cordoned".to_owned());
                    }
                    for eviction in evictions {
                        let grace = eviction.grace_seconds.unwrap_or(0).max(*grace_seconds);
                        evict(&mut world, node, eviction, grace, now, &mut note);
                    }
                }
            }
            Action::EvictPod { grace_seconds, expected_node } => {
                let eviction = Eviction {
                    namespace: step.target.namespace.clone().unwrap_or_default(),
                    pod: step.target.name.clone(),
                    uid: step.target.uid.clone(),
                    expected_node: expected_node.clone(),
                    grace_seconds: None,
                };
                let home = world
                    .find_pod(&eviction.namespace, &eviction.pod)
                    .and_then(|pod| world.pods[pod].place);
                match home {
                    Some(home) => {
                        evict(&mut world, home, &eviction, *grace_seconds, now, &mut note);
                    }
                    None => note(ReasonCode::UnknownTarget, "the pod runs on no node".to_owned()),
                }
            }
            Action::TerminateNode => {
                if let Some(node) = known_node(&world, &step.target, &mut note) {
                    terminate(&mut world, node, now, &mut note);
                }
            }
            Action::PatchObject { patch, .. } if step.target.kind == "NodePool" => {
                patch_pool(&world, step, patch, &mut note);
            }
            Action::Validate { .. } | Action::BackupState { .. } | Action::Review { .. } => {}
            other => {
                let known = cloud::judge(&world, &mut progress, step, &mut note)
                    || workload_change::judge(world.state, step, &mut note)
                    || machine_change::judge(&world, &mut changes, step, now, &mut note);
                changes.note(step);
                if !known {
                    note(ReasonCode::UnknownAction, format!("the checker cannot judge {other:?}"));
                }
            }
        }
    }
}

/// A patch is judged where the checker knows what the field means: what a node pool may launch.
fn patch_pool(
    world: &World<'_>,
    step: &Step,
    patch: &serde_json::Value,
    note: &mut impl FnMut(ReasonCode, String),
) {
    let pools = world.state.policies.as_ref().map_or(&[][..], |part| &part.items.node_pools);
    let known = pools.iter().find(|pool| pool.name == step.target.name);
    if step.target.kind != "NodePool" || known.is_none_or(|pool| pool.uid != step.target.uid) {
        note(ReasonCode::UnknownTarget, "patches are judged on known node pools only".to_owned());
    }
    if !only_requirements(patch, &["spec", "template", "spec", "requirements"]) {
        note(ReasonCode::UnknownAction, "it changes more than what the pool requires".to_owned());
    }
    let guarded = step.preconditions.iter().any(|condition| {
        matches!(condition, Precondition::FieldEquals { field, .. }
            if field == "/spec/template/spec/requirements")
    });
    if !guarded {
        note(ReasonCode::StepOrder, "it does not look whether the field is as it was".to_owned());
    }
}

/// Whether a merge patch touches one path and nothing beside it.
fn only_requirements(patch: &serde_json::Value, path: &[&str]) -> bool {
    match (path, patch) {
        ([last], serde_json::Value::Object(fields)) => {
            fields.len() == 1 && fields.get(*last).is_some_and(serde_json::Value::is_array)
        }
        ([first, rest @ ..], serde_json::Value::Object(fields)) => {
            fields.len() == 1
                && fields.get(*first).is_some_and(|below| only_requirements(below, rest))
        }
        _ => false,
    }
}

fn known_node(
    world: &World<'_>,
    target: &Target,
    note: &mut impl FnMut(ReasonCode, String),
) -> Option<usize> {
    let Some(node) = world.find(&target.name).filter(|_| target.kind == "Node") else {
        note(ReasonCode::UnknownTarget, "there is no such node at this point".to_owned());
        return None;
    };
    if target.uid != world.places[node].node.uid {
        note(ReasonCode::UnknownTarget, "the node has another identity".to_owned());
    }
    Some(node)
}

fn terminate(
    world: &mut World<'_>,
    node: usize,
    now: Timestamp,
    note: &mut impl FnMut(ReasonCode, String),
) {
    let place = &mut world.places[node];
    if place.load > 0 {
        note(ReasonCode::StepOrder, format!("{} pods are still on it", place.load));
    }
    if !place.cordoned_by_plan {
        note(ReasonCode::StepOrder, "terminated before it was cordoned".to_owned());
    }
    if permission::asks_for_peace(&place.node.annotations, place.node.created_at, now) {
        note(ReasonCode::DoNotDisrupt, "the node is marked not to be disrupted".to_owned());
    }
    place.present = false;
}

fn evict<'a>(
    world: &mut World<'a>,
    home: usize,
    eviction: &Eviction,
    grace: u64,
    now: Timestamp,
    note: &mut impl FnMut(ReasonCode, String),
) {
    let name = || format!("pod {}/{}", eviction.namespace, eviction.pod);
    let found = world.find_pod(&eviction.namespace, &eviction.pod);
    let Some(index) = found.filter(|index| world.pods[*index].place == Some(home)) else {
        note(ReasonCode::UnknownTarget, format!("{} is not on this node", name()));
        return;
    };
    let pod = world.pods[index].pod;
    if pod.uid != eviction.uid {
        note(ReasonCode::UnknownTarget, format!("{} has another identity", name()));
    }
    if world.pods[index].bound {
        note(ReasonCode::StaticPod, format!("{} belongs to its node or is leaving", name()));
        return;
    }
    if let Some((code, detail)) = permission::objection(world.state, pod, now) {
        note(code, format!("{}: {detail}", name()));
    }
    let own = pod.termination_grace_seconds.unwrap_or(0);
    if grace < own {
        let detail = format!("{} asks for {own} s and gets {grace} s", name());
        note(ReasonCode::GraceTooShort, detail);
    }
    let Some(to) = eviction.expected_node.as_deref().and_then(|name| world.find(name)) else {
        note(ReasonCode::FitsNowhere, format!("{} has no known node to go to", name()));
        return;
    };
    if let Some((code, detail)) = entry_objection(world, index, to) {
        let to = &world.places[to].node.name;
        note(code, format!("{} cannot go to {to}: {detail}", name()));
    }
    world.shift(index, to);
}

/// Why the scheduler would not put a pod there.
fn entry_objection(world: &World<'_>, index: usize, to: usize) -> Option<(ReasonCode, String)> {
    let pod = world.pods[index].pod;
    let place = &world.places[to];
    if !place.open {
        return Some((ReasonCode::NodeUnschedulable, "it takes no pods".to_owned()));
    }
    if let Some((resource, wanted, free)) = place.lacks(&world.pods[index].need) {
        let code = if resource == "pods" {
            ReasonCode::PodLimit
        } else {
            ReasonCode::InsufficientResource
        };
        return Some((code, format!("{wanted} {resource} wanted, {free} free")));
    }
    if !matching::node_suits(pod, &place.node) {
        return Some((ReasonCode::NodeAffinity, "its labels do not suit".to_owned()));
    }
    if let Some(taint) = matching::untolerated(pod, &place.node.taints) {
        return Some((ReasonCode::Taint, format!("taint {} is not tolerated", taint.key)));
    }
    volumes(world, pod, world.pods[index].place, to)
        .or_else(|| attachments::objection(world, index, to))
        .or_else(|| topology::objection(world, index, to))
}

/// Whether the pod's volumes can follow it.
fn volumes(
    world: &World<'_>,
    pod: &Pod,
    home: Option<usize>,
    to: usize,
) -> Option<(ReasonCode, String)> {
    let target: &Node = &world.places[to].node;
    let storage = world.state.volumes.as_ref().map(|part| &part.items);
    for claim in &pod.volume_claims {
        let known = storage.and_then(|storage| {
            storage.claims.iter().find(|one| one.name == *claim && one.namespace == pod.namespace())
        });
        let volume = known.and_then(|known| {
            let name = known.volume.as_ref()?;
            storage?.volumes.iter().find(|one| one.name == *name)
        });
        let reachable = match (known, volume) {
            (_, Some(volume)) => {
                volume.node_affinity.is_empty() || matching::any_term(&volume.node_affinity, target)
            }
            (Some(known), None) if known.volume.is_none() => true,
            // Where the volume is, nobody said: it stays in the zone it is in.
            _ => {
                let zone = |place: usize| world.places[place].node.label(well_known::ZONE);
                home.is_none_or(|home| zone(home) == zone(to))
            }
        };
        if !reachable {
            return Some((ReasonCode::VolumeZone, format!("volume claim {claim} cannot follow")));
        }
    }
    None
}
