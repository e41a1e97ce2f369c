//! The order of a plan: launch what is needed, keep pods off what goes, empty it, stop it.
//!
//! All nodes that go are cordoned before the first pod is evicted, so that no pod is moved twice.

use std::collections::BTreeSet;

use facts::action::{
    Action, BlastRadius, Eviction, LaunchNode, Precondition, Reversibility, Step, Target,
    Verification,
};
use facts::cluster::{Node, Pod};

use super::refused::node_target;

/// Pods that leave a node that goes, with where each of them is expected next.
pub(super) struct Drain<'a> {
    /// The node.
    pub node: &'a Node,
    /// The pods, in an order in which each finds its place.
    pub evictions: Vec<(&'a Pod, Option<String>)>,
    /// Whether the node is empty then. A node may be drained in several steps, when some of its
    /// pods have to wait for others.
    pub last: bool,
}

/// Writes the steps of a plan.
pub(super) fn steps(
    launches: Vec<(String, LaunchNode)>,
    drains: &[Drain<'_>],
    grace: u64,
) -> Vec<Step> {
    let mut steps = Vec::with_capacity(launches.len() + drains.len() * 3);
    let mut push = |mut step: Step| {
        step.step = steps.len() as u32 + 1;
        steps.push(step);
    };
    let launched = launches.len();
    for (name, launch) in launches {
        push(launch_step(name, launch));
    }
    if launched > 0 {
        push(wait_for(launched));
    }
    for drain in drains.iter().filter(|drain| drain.last) {
        push(cordon(drain.node));
    }
    for drain in drains {
        if !drain.evictions.is_empty() {
            push(drain_step(drain, grace));
        }
        if drain.last {
            push(terminate(drain.node));
        }
    }
    steps
}

fn launch_step(name: String, launch: LaunchNode) -> Step {
    Step {
        step: 0,
        action: Action::LaunchNode(launch),
        target: Target { kind: "Node".to_owned(), name, ..Target::default() },
        preconditions: Vec::new(),
        reversibility: reversible("terminate the new node"),
        verification: verify("the node is Ready and its daemon sets run", 600),
        blast_radius: BlastRadius::default(),
        expected_seconds: 180,
    }
}

fn wait_for(launched: usize) -> Step {
    let check = format!("all {launched} new nodes are Ready and their daemon sets run");
    Step {
        step: 0,
        action: Action::Validate { check: check.clone() },
        target: Target { kind: "Cluster".to_owned(), ..Target::default() },
        preconditions: Vec::new(),
        reversibility: reversible("nothing is changed"),
        verification: verify(&check, 600),
        blast_radius: BlastRadius::default(),
        expected_seconds: 180,
    }
}

fn cordon(node: &Node) -> Step {
    Step {
        step: 0,
        action: Action::CordonNode,
        target: node_target(node),
        preconditions: vec![Precondition::TargetUnchanged],
        reversibility: reversible("uncordon the node"),
        verification: verify("spec.unschedulable is true", 30),
        blast_radius: BlastRadius::default(),
        expected_seconds: 5,
    }
}

fn drain_step(drain: &Drain<'_>, grace: u64) -> Step {
    let own = |pod: &Pod| pod.termination_grace_seconds.filter(|own| *own > grace);
    let evictions: Vec<Eviction> = drain
        .evictions
        .iter()
        .map(|(pod, to)| Eviction {
            namespace: pod.namespace().to_owned(),
            pod: pod.name.clone(),
            uid: pod.uid.clone(),
            expected_node: to.clone(),
            grace_seconds: own(pod),
        })
        .collect();
    let workloads: BTreeSet<String> =
        drain.evictions.iter().filter_map(|(pod, _)| workload(pod)).collect();
    let longest = drain.evictions.iter().filter_map(|(pod, _)| own(pod)).fold(grace, u64::max);
    let expected = longest.saturating_add(30 * drain.evictions.len() as u64);
    let expected = u32::try_from(expected).unwrap_or(u32::MAX);
    Step {
        step: 0,
        blast_radius: BlastRadius {
            pods: evictions.len() as u32,
            nodes: 0,
            workloads: workloads.into_iter().collect(),
            ..BlastRadius::default()
        },
        action: Action::DrainNode { grace_seconds: grace, evictions },
        target: node_target(drain.node),
        preconditions: vec![
            Precondition::TargetUnchanged,
            Precondition::NodeCordoned,
            Precondition::BudgetsAllow,
        ],
        reversibility: reversible("uncordon the node; pods that moved stay where they are"),
        verification: verify("every evicted pod has a ready successor", expected),
        expected_seconds: expected,
    }
}

fn terminate(node: &Node) -> Step {
    Step {
        step: 0,
        action: Action::TerminateNode,
        target: node_target(node),
        preconditions: vec![Precondition::TargetUnchanged, Precondition::NodeEmpty],
        reversibility: Reversibility {
            reversible: false,
            how: "a new node of the same type takes its place".to_owned(),
        },
        verification: verify("the node object and the machine are gone", 300),
        blast_radius: BlastRadius { nodes: 1, ..BlastRadius::default() },
        expected_seconds: 60,
    }
}

/// The object that makes a pod again, as `Kind namespace/name`.
fn workload(pod: &Pod) -> Option<String> {
    let owner = pod.owner.as_ref()?;
    Some(format!("{} {}/{}", owner.kind, pod.namespace(), owner.name))
}

fn reversible(how: &str) -> Reversibility {
    Reversibility { reversible: true, how: how.to_owned() }
}

fn verify(expect: &str, within_seconds: u32) -> Verification {
    Verification { expect: expect.to_owned(), within_seconds }
}
