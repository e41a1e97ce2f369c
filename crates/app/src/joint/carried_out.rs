//! A cluster as it would be once plans were carried out, for counting what further plans still save.

use std::collections::{BTreeMap, BTreeSet};

use engines::prepared::ErasedDecision;
use facts::action::{Action, LaunchNode, Target};
use facts::cluster::{ClusterState, Node, Pod};

/// The snapshot after the plans of these decisions, one after the other.
pub(super) fn carried_out(state: &ClusterState, decisions: &[&ErasedDecision]) -> ClusterState {
    let mut changed = Changed::of(state.clone());
    for step in decisions.iter().flat_map(|decision| &decision.verdict.execution_plan) {
        changed.apply(&step.target, &step.action);
    }
    changed.into_state()
}

/// A snapshot while steps are applied, with its pods by name and by whom they belong to: a plan has as
/// many steps as a cluster has nodes and workloads, and none of them looks at every pod.
struct Changed {
    state: ClusterState,
    /// Places of pods by namespace and name.
    by_name: BTreeMap<(String, String), Vec<usize>>,
    /// Places of pods by namespace, kind and name of the workload that a person would change.
    by_workload: BTreeMap<(String, String, String), Vec<usize>>,
    /// Nodes that are gone; they and what was left on them are taken out at the end.
    gone: BTreeSet<String>,
}

impl Changed {
    fn of(state: ClusterState) -> Changed {
        let mut changed = Changed {
            by_name: BTreeMap::new(),
            by_workload: BTreeMap::new(),
            gone: BTreeSet::new(),
            state: ClusterState::default(),
        };
        let pods = state.pods.as_ref().map_or(&[][..], |section| &section.items);
        for (place, pod) in pods.iter().enumerate() {
            let space = pod.namespace().to_owned();
            changed.by_name.entry((space.clone(), pod.name.clone())).or_default().push(place);
            for (kind, name) in workloads_of(pod) {
                changed.by_workload.entry((space.clone(), kind, name)).or_default().push(place);
            }
        }
        Changed { state, ..changed }
    }

    fn apply(&mut self, target: &Target, action: &Action) {
        let pods = self.state.pods.as_mut().map_or(&mut [][..], |section| &mut section.items);
        match action {
            Action::ResizeContainer { container, requests, limits, .. } => {
                let space = target.namespace.clone().unwrap_or_default();
                let key = (space, target.kind.clone(), target.name.clone());
                for place in self.by_workload.get(&key).into_iter().flatten() {
                    let pod = &mut pods[*place];
                    let all = pod.containers.iter_mut().chain(&mut pod.init_containers);
                    for one in all.filter(|one| one.name == *container) {
                        one.requests.clone_from(requests);
                        one.limits.clone_from(limits);
                    }
                }
            }
            Action::LaunchNode(launch) => {
                if self.gone.contains(&target.name) {
                    self.take_out();
                }
                if let Some(nodes) = &mut self.state.nodes {
                    nodes.items.push(launched(&target.name, launch));
                }
            }
            Action::DrainNode { evictions, .. } => {
                for one in evictions {
                    let space =
                        if one.namespace.is_empty() { "default" } else { one.namespace.as_str() };
                    let key = (space.to_owned(), one.pod.clone());
                    for place in self.by_name.get(&key).into_iter().flatten() {
                        pods[*place].node.clone_from(&one.expected_node);
                    }
                }
            }
            Action::TerminateNode => {
                self.gone.insert(target.name.clone());
            }
            _ => {}
        }
    }

    fn into_state(mut self) -> ClusterState {
        self.take_out();
        self.state
    }

    /// Takes out what is gone; places of pods change with it.
    fn take_out(&mut self) {
        let gone = std::mem::take(&mut self.gone);
        if gone.is_empty() {
            return;
        }
        let mut state = std::mem::take(&mut self.state);
        if let Some(nodes) = &mut state.nodes {
            nodes.items.retain(|node| !gone.contains(&node.name));
        }
        if let Some(pods) = &mut state.pods {
            let is_gone = |node: &String| gone.contains(node);
            pods.items.retain(|pod| !pod.node.as_ref().is_some_and(is_gone));
        }
        *self = Changed::of(state);
    }
}

/// The owner of a pod and, where that is made by something that people change, that too.
fn workloads_of(pod: &Pod) -> Vec<(String, String)> {
    let Some(owner) = &pod.owner else { return vec![("Pod".to_owned(), pod.name.clone())] };
    let mut all = vec![(owner.kind.clone(), owner.name.clone())];
    let makers: &[&str] = match owner.kind.as_str() {
        "ReplicaSet" => &["Deployment", "Rollout"],
        "Job" => &["CronJob"],
        _ => &[],
    };
    if let Some((stem, _)) = owner.name.rsplit_once('-') {
        all.extend(makers.iter().map(|kind| ((*kind).to_owned(), stem.to_owned())));
    }
    all
}

fn launched(name: &str, launch: &LaunchNode) -> Node {
    Node {
        name: name.to_owned(),
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
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Pods with where they are and what they ask for, after steps.
    fn after(steps: &[(&str, &str, serde_json::Value)]) -> Vec<String> {
        let pod = |name: &str, node: &str, kind: &str, owner: &str| {
            json!({ "name": name, "namespace": "shop", "node": node,
                    "owner": { "kind": kind, "name": owner },
                    "containers": [{ "name": "main", "requests": { "cpu": "100m" } }] })
        };
        let state = json!({
            "nodes": [{ "name": "a" }, { "name": "b" }],
            "pods": [
                pod("web-1", "a", "ReplicaSet", "web-5d9"),
                pod("web-api-1", "a", "ReplicaSet", "web-api-77f"),
                pod("nightly-1", "b", "Job", "nightly-29000000"),
            ],
        });
        let mut changed =
            Changed::of(ClusterState::from_json(state.to_string().as_bytes()).unwrap().value);
        for (kind, name, action) in steps {
            let target = Target {
                kind: (*kind).to_owned(),
                name: (*name).to_owned(),
                namespace: Some("shop".to_owned()),
                ..Target::default()
            };
            changed.apply(&target, &serde_json::from_value(action.clone()).unwrap());
        }
        let state = changed.into_state();
        let pods = state.pods.unwrap().items.into_iter().map(|pod| {
            let cpu = pod.containers[0].requests.cpu.unwrap().0;
            format!("{} {} {cpu}", pod.name, pod.node.unwrap_or_default())
        });
        pods.collect()
    }

    fn resize() -> serde_json::Value {
        json!({ "action": "resize_container", "container": "main", "requests_before": {},
                "requests": { "cpu": "50m" }, "limits_before": {}, "limits": {} })
    }

    #[test]
    fn a_workload_is_resized_and_not_one_whose_name_goes_on() {
        let resized = after(&[("Deployment", "web", resize()), ("CronJob", "nightly", resize())]);
        assert_eq!(resized, ["web-1 a 50", "web-api-1 a 100", "nightly-1 b 50"]);
    }

    #[test]
    fn what_is_moved_stays_and_what_is_left_goes_with_its_node() {
        let drain = json!({ "action": "drain_node", "grace_seconds": 90, "evictions": [
            { "namespace": "shop", "pod": "web-1", "expected_node": "b" } ] });
        let end = json!({ "action": "terminate_node" });
        let left = after(&[("Node", "a", drain), ("Node", "a", end)]);
        assert_eq!(left, ["web-1 b 100", "nightly-1 b 100"]);
    }
}
