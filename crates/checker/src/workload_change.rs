//! Steps that change a workload or a Service: amounts, replicas, schedules, single fields.

use facts::action::{Action, PatchType, Precondition, Step, Target};
use facts::cluster::{ClusterState, Container, Pod};
use facts::reason::ReasonCode;
use serde_json::Value;

/// Judges a step that changes a workload or a Service; `false` for a step that does not.
pub(crate) fn judge(
    state: &ClusterState,
    step: &Step,
    note: &mut impl FnMut(ReasonCode, String),
) -> bool {
    match &step.action {
        Action::ResizeContainer {
            container,
            init_container,
            requests_before,
            requests,
            limits_before,
            limits,
        } => {
            let mut known = containers(state, step, container, *init_container).peekable();
            if known.peek().is_none() {
                note(
                    ReasonCode::UnknownTarget,
                    format!("no pod of it has a container {container}"),
                );
                return true;
            }
            // While a change is rolled out, pods of a workload differ.
            if !known.any(|one| one.requests == *requests_before && one.limits == *limits_before) {
                note(ReasonCode::FigureMismatch, "its amounts are others now".to_owned());
            }
            let pairs = [
                ("cpu", requests.cpu.map(|cpu| cpu.0), limits.cpu.map(|cpu| cpu.0)),
                (
                    "memory",
                    requests.memory.map(|bytes| bytes.0),
                    limits.memory.map(|bytes| bytes.0),
                ),
            ];
            for (name, request, limit) in pairs {
                if let (Some(request), Some(limit)) = (request, limit)
                    && request > limit
                {
                    note(ReasonCode::InvalidObject, format!("{name}: more requested than allowed"));
                }
                if request.is_some_and(|amount| amount < 0)
                    || limit.is_some_and(|amount| amount <= 0)
                {
                    note(ReasonCode::InvalidObject, format!("{name}: an amount below nothing"));
                }
            }
            let room = state
                .node_items()
                .iter()
                .filter_map(facts::cluster::Node::allocatable_memory)
                .max();
            if let (Some(room), Some(wanted)) = (room, requests.memory) {
                let before = requests_before.memory.or(limits_before.memory);
                if wanted > room && before.is_none_or(|before| before <= room) {
                    note(ReasonCode::FitsNowhere, "no node has so much memory".to_owned());
                }
            }
        }
        Action::ScaleWorkload { from, .. } => {
            let replicas = replicas(state, step);
            match replicas {
                None => note(ReasonCode::UnknownTarget, "there is no such workload".to_owned()),
                Some(replicas) if u64::try_from(replicas).ok() != Some(*from) => {
                    note(ReasonCode::FigureMismatch, format!("it has {replicas} replicas"));
                }
                Some(_) => {}
            }
            let guarded = step.preconditions.iter().any(|condition| {
                matches!(condition, Precondition::FieldEquals { field, .. } if field == "/spec/replicas")
            });
            if !guarded {
                note(
                    ReasonCode::StepOrder,
                    "it does not look whether replicas are as they were".to_owned(),
                );
            }
        }
        Action::SetSchedule { transitions, .. } => {
            if replicas(state, step).is_none() {
                note(ReasonCode::UnknownTarget, "there is no such workload".to_owned());
            }
            if !transitions.windows(2).all(|pair| pair[0].at < pair[1].at) {
                note(ReasonCode::StepOrder, "its changes are not in order".to_owned());
            }
        }
        Action::PatchObject { patch_type, patch } if step.target.kind != "NodePool" => {
            patch_object(state, step, *patch_type, patch, note);
        }
        _ => return false,
    }
    true
}

/// Fields that a plan may change, by kind of object.
const ALLOWED: &[(&str, &str)] = &[
    ("Service", "/spec/trafficDistribution"),
    ("*", "/metadata/annotations/cloudoptim.io~1original-replicas"),
    ("*", "/spec/template/spec/topologySpreadConstraints"),
    (
        "*",
        "/spec/template/spec/affinity/nodeAffinity/preferredDuringSchedulingIgnoredDuringExecution",
    ),
    (
        "*",
        "/spec/template/spec/affinity/podAffinity/preferredDuringSchedulingIgnoredDuringExecution",
    ),
];

fn patch_object(
    state: &ClusterState,
    step: &Step,
    patch_type: PatchType,
    patch: &Value,
    note: &mut impl FnMut(ReasonCode, String),
) {
    if patch_type == PatchType::Json {
        return note(ReasonCode::UnknownAction, "JSON patches are not judged".to_owned());
    }
    let target = &step.target;
    let exists = if target.kind == "Service" {
        let services = state.network.as_ref().map_or(&[][..], |section| &section.items.services);
        services.iter().any(|one| {
            one.name == target.name
                && Some(&one.namespace) == target.namespace.as_ref()
                && one.uid == target.uid
        })
    } else {
        replicas(state, step).is_some() || pods_of(state, step).next().is_some()
    };
    if !exists {
        note(ReasonCode::UnknownTarget, "there is no such object".to_owned());
    }
    let mut leaves = Vec::new();
    paths(patch, String::new(), &mut leaves);
    for leaf in leaves {
        let allowed = ALLOWED.iter().any(|(kind, path)| {
            let fits = *kind == target.kind || (*kind == "*" && target.kind != "Service");
            fits && leaf == *path
        });
        if !allowed {
            note(ReasonCode::UnknownAction, format!("it changes {leaf}"));
        }
    }
}

/// Paths of everything in a patch that is no object.
fn paths(value: &Value, at: String, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (name, value) in fields {
                let name = name.replace('~', "~0").replace('/', "~1");
                paths(value, format!("{at}/{name}"), found);
            }
        }
        _ => found.push(at),
    }
}

fn replicas(state: &ClusterState, step: &Step) -> Option<i64> {
    let listed = state.workloads.as_ref()?;
    let target = &step.target;
    let found = listed.items.iter().find(|one| {
        one.name == target.name
            && Some(&one.namespace) == target.namespace.as_ref()
            && format!("{:?}", one.kind) == target.kind
            && one.uid == target.uid
    })?;
    Some(found.replicas.unwrap_or(1))
}

/// Pods of the target.
fn pods_of<'a>(state: &'a ClusterState, step: &'a Step) -> impl Iterator<Item = &'a Pod> {
    state.pod_items().iter().filter(|pod| is_of(pod, &step.target))
}

/// Whether a pod is of a workload: its owner is it, or one that is named after it and a part without
/// a dash, as ReplicaSets and Jobs are.
pub(crate) fn is_of(pod: &Pod, target: &Target) -> bool {
    let Some(owner) = &pod.owner else { return false };
    let direct = owner.name == target.name && owner.kind == target.kind;
    let below = owner
        .name
        .strip_prefix(target.name.as_str())
        .and_then(|rest| rest.strip_prefix('-'))
        .is_some_and(|rest| !rest.contains('-'));
    Some(pod.namespace()) == target.namespace.as_deref() && (direct || below)
}

fn containers<'a>(
    state: &'a ClusterState,
    step: &'a Step,
    name: &'a str,
    init: bool,
) -> impl Iterator<Item = &'a Container> {
    pods_of(state, step)
        .flat_map(move |pod| if init { &pod.init_containers } else { &pod.containers })
        .filter(move |one| one.name == name)
}
