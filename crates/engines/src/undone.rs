//! What in a cluster would undo the steps of a plan: groups that start a new machine for every one
//! that is stopped, and autoscalers that take an empty node away before its pods arrive.
//!
//! Workloads have autoscalers too; engines that change a workload refuse where one steers it.
//! This module refuses to know how a plan was found.

use std::collections::{BTreeMap, BTreeSet};

use facts::action::{Action, LaunchNode, Step, Target};
use facts::cluster::{ClusterState, Node, NodePool, ScalingGroup, well_known};
use facts::decision::Warning;
use facts::reason::ReasonCode;

use crate::account_view::accounts;

/// Labels that name the group of machines that a node belongs to.
const GROUP_LABELS: [&str; 2] = [well_known::EKS_NODE_GROUP, "alpha.eksctl.io/nodegroup-name"];

/// A remark for everything that would undo a step.
pub(crate) fn warnings(state: &ClusterState, steps: &[Step]) -> Vec<Warning> {
    let mut warnings = Vec::new();
    of_groups(state, steps, &mut warnings);
    of_launches(state, steps, &mut warnings);
    warnings
}

/// An Auto Scaling group replaces a machine that stops while the wanted size stays as it is.
/// <https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-health-checks.html>
fn of_groups(state: &ClusterState, steps: &[Step], warnings: &mut Vec<Warning>) {
    let stopped: BTreeSet<&str> = steps
        .iter()
        .filter(|step| matches!(step.action, Action::TerminateNode))
        .map(|step| step.target.name.as_str())
        .collect();
    if stopped.is_empty() {
        return;
    }
    let group_of: BTreeMap<&str, &ScalingGroup> = accounts(state)
        .iter()
        .flat_map(|account| account.scaling_groups.iter().flatten())
        .flat_map(|group| group.instances.iter().map(move |id| (id.as_str(), group)))
        .collect();
    let mut known: BTreeMap<&str, (&ScalingGroup, i64)> = BTreeMap::new();
    let mut named: BTreeMap<&str, i64> = BTreeMap::new();
    for node in state.node_items().iter().filter(|node| stopped.contains(node.name.as_str())) {
        if node.label(well_known::KARPENTER_NODE_POOL).is_some() {
            continue;
        }
        if let Some(group) = node.instance_id().and_then(|id| group_of.get(id)) {
            known.entry(&group.name).or_insert((group, 0)).1 += 1;
        } else if let Some(name) = group_label(node) {
            *named.entry(name).or_default() += 1;
        }
    }
    for (name, (group, machines)) in known {
        let left = group.desired - machines;
        let floor = if left < group.min {
            format!(
                "; it keeps at least {} and would have {left}: lower its minimum first",
                group.min
            )
        } else {
            String::new()
        };
        warnings.push(warning(
            "AutoScalingGroup",
            name,
            format!(
                "group {name} starts a new machine for each of the {machines} that the plan stops, \
                 unless its wanted size ({}) is lowered with each{floor}",
                group.desired
            ),
        ));
    }
    for (name, machines) in named {
        warnings.push(warning(
            "NodeGroup",
            name,
            format!(
                "node group {name} starts a new machine for each of the {machines} that the plan \
                 stops, unless its wanted size is lowered with each; its sizes are not in the snapshot"
            ),
        ));
    }
}

fn group_label(node: &Node) -> Option<&str> {
    GROUP_LABELS.iter().find_map(|label| node.label(label))
}

/// A node that has been launched is empty until the first drain; whoever removes empty nodes may be
/// quicker.
fn of_launches(state: &ClusterState, steps: &[Step], warnings: &mut Vec<Warning>) {
    let launched: Vec<&LaunchNode> = steps
        .iter()
        .filter_map(|step| match &step.action {
            Action::LaunchNode(launch) => Some(launch),
            _ => None,
        })
        .collect();
    if launched.is_empty() {
        return;
    }
    let pools = state.policies.as_ref().map_or(&[][..], |part| &part.items.node_pools);
    let used: BTreeSet<&str> =
        launched.iter().filter_map(|launch| launch.node_pool.as_deref()).collect();
    for pool in pools.iter().filter(|pool| used.contains(pool.name.as_str())) {
        if let Some(after) = removes_empty(pool) {
            warnings.push(warning(
                "NodePool",
                &pool.name,
                format!(
                    "Karpenter removes empty nodes of pool {} after {after}: drain onto launched \
                     nodes sooner, or keep them with the annotation karpenter.sh/do-not-disrupt",
                    pool.name
                ),
            ));
        }
    }
    let workloads = state.workloads.as_ref().map_or(&[][..], |part| &part.items);
    let scaler = workloads.iter().find(|one| one.name.contains("cluster-autoscaler"));
    if let Some(scaler) = scaler
        && launched.iter().any(|launch| launch.node_pool.is_none())
    {
        warnings.push(warning(
            "Deployment",
            &scaler.name,
            "the Cluster Autoscaler removes nodes that stay little used: drain onto launched nodes \
             soon, or keep them with the annotation \
             cluster-autoscaler.kubernetes.io/scale-down-disabled"
                .to_owned(),
        ));
    }
}

/// After how long a pool's empty nodes go; `None` when they stay.
/// <https://karpenter.sh/docs/concepts/disruption/#consolidation>
fn removes_empty(pool: &NodePool) -> Option<&str> {
    pool.consolidation_policy.as_ref()?;
    let after = pool.consolidate_after.as_deref().unwrap_or("0s");
    (after != "Never").then_some(after)
}

fn warning(kind: &str, name: &str, message: String) -> Warning {
    let target = Target { kind: kind.to_owned(), name: name.to_owned(), ..Target::default() };
    Warning { code: ReasonCode::WouldBeUndone, message, subject: Some(target) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn step(action: &str, node: &str) -> Step {
        let text = format!(
            r#"{{"step":1,{action},"target":{{"kind":"Node","name":"{node}"}},"preconditions":[],
                "reversibility":{{"reversible":false,"how":"gone"}},
                "verification":{{"expect":"gone","within_seconds":1}},
                "blast_radius":{{}},"expected_seconds":1}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    fn state(text: &str) -> ClusterState {
        ClusterState::from_json(text.as_bytes()).unwrap().value
    }

    #[test]
    fn a_group_starts_new_machines_and_keeps_its_minimum() {
        let state = state(
            r#"{"nodes":[{"name":"a","provider_id":"aws:///us-east-1a/i-1"},
                         {"name":"b","provider_id":"aws:///us-east-1a/i-2"},
                         {"name":"c","labels":{"eks.amazonaws.com/nodegroup":"g"}},
                         {"name":"k","labels":{"karpenter.sh/nodepool":"p"}}],
                "accounts":{"items":[{"id":"1","scaling_groups":
                    [{"name":"s","min":2,"max":9,"desired":3,"instances":["i-1","i-2","i-3"]}]}]}}"#,
        );
        let stop = |node| step(r#""action":"terminate_node""#, node);
        let one = warnings(&state, &[stop("a")]);
        assert_eq!(one.len(), 1);
        assert!(one[0].message.contains("wanted size (3)") && !one[0].message.contains("minimum"));
        let all = warnings(&state, &[stop("a"), stop("b"), stop("c"), stop("k")]);
        assert_eq!(all.len(), 2);
        assert!(all[0].message.ends_with("at least 2 and would have 1: lower its minimum first"));
        assert_eq!(all[1].subject.as_ref().unwrap().kind, "NodeGroup");
        assert!(warnings(&state, &[stop("k")]).is_empty());
    }

    #[test]
    fn an_empty_node_may_go_before_its_pods_come() {
        let launch = step(
            r#""action":"launch_node","instance_type":"m5.large","capacity_type":"spot",
               "node_pool":"p","allocatable":{}"#,
            "new",
        );
        let pool = |after: &str| {
            state(&format!(
                r#"{{"policies":{{"items":{{"node_pools":[{{"name":"p",
                    "consolidation_policy":"WhenEmpty","consolidate_after":"{after}"}}]}}}}}}"#
            ))
        };
        let steps = [launch];
        assert!(warnings(&pool("30s"), &steps)[0].message.contains("after 30s"));
        assert!(warnings(&pool("Never"), &steps).is_empty());
        assert!(warnings(&ClusterState::default(), &steps).is_empty());
    }
}
