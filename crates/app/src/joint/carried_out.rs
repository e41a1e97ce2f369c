//! A cluster as it would be once plans were carried out, for counting what further plans still save.

use std::collections::BTreeMap;

use engines::prepared::ErasedDecision;
use facts::action::{Action, Step};
use facts::cluster::{ClusterState, DecodeError, Node, Pod};
use serde_json::value::RawValue;

/// The snapshot after the plans of these decisions, one after the other.
pub(super) fn carried_out(
    state: &RawValue,
    decisions: &[&ErasedDecision],
) -> Result<Box<RawValue>, DecodeError> {
    let mut state = ClusterState::from_json(state.get().as_bytes())
        .map_err(|error| error.below("/current_state"))?
        .value;
    for step in decisions.iter().flat_map(|decision| &decision.verdict.execution_plan) {
        apply(&mut state, step);
    }
    let broken = |error: serde_json::Error| DecodeError {
        pointer: String::new(),
        message: error.to_string(),
    };
    serde_json::value::to_raw_value(&state).map_err(broken)
}

fn apply(state: &mut ClusterState, step: &Step) {
    match &step.action {
        Action::ResizeContainer { container, requests, limits, .. } => {
            for pod in pods_of(state, step) {
                let all = pod.containers.iter_mut().chain(&mut pod.init_containers);
                for one in all.filter(|one| one.name == *container) {
                    one.requests.clone_from(requests);
                    one.limits.clone_from(limits);
                }
            }
        }
        Action::LaunchNode(launch) => {
            if let Some(nodes) = &mut state.nodes {
                nodes.items.push(Node {
                    name: step.target.name.clone(),
                    instance_type: Some(launch.instance_type.clone()),
                    zone: launch.zone.clone(),
                    capacity_type: Some(launch.capacity_type),
                    operating_system: Some(launch.operating_system),
                    node_pool: launch.node_pool.clone(),
                    usd_per_hour: launch.usd_per_hour,
                    labels: launch.labels.clone(),
                    taints: launch.taints.clone(),
                    allocatable: launch.allocatable.clone(),
                    ..Node::default()
                });
            }
        }
        Action::DrainNode { evictions, .. } => {
            let places: BTreeMap<(&str, &str), Option<&String>> = evictions
                .iter()
                .map(|one| {
                    let space =
                        if one.namespace.is_empty() { "default" } else { one.namespace.as_str() };
                    ((space, one.pod.as_str()), one.expected_node.as_ref())
                })
                .collect();
            for pod in state.pods.iter_mut().flat_map(|section| &mut section.items) {
                if let Some(to) = places.get(&(pod.namespace(), pod.name.as_str())) {
                    pod.node = to.cloned();
                }
            }
        }
        Action::TerminateNode => {
            let name = &step.target.name;
            if let Some(nodes) = &mut state.nodes {
                nodes.items.retain(|node| node.name != *name);
            }
            if let Some(pods) = &mut state.pods {
                pods.items.retain(|pod| pod.node.as_ref() != Some(name));
            }
        }
        _ => {}
    }
}

/// Pods of a workload, by the name of their owner.
fn pods_of<'a>(
    state: &'a mut ClusterState,
    step: &'a Step,
) -> impl Iterator<Item = &'a mut Pod> + 'a {
    let target = &step.target;
    state.pods.iter_mut().flat_map(|section| &mut section.items).filter(move |pod| {
        let Some(owner) = &pod.owner else { return false };
        let direct = owner.kind == target.kind && owner.name == target.name;
        let below = owner.name.strip_prefix(target.name.as_str());
        let below = below.is_some_and(|rest| rest.starts_with('-'));
        Some(pod.namespace()) == target.namespace.as_deref() && (direct || below)
    })
}
