//! The phases of a plan: look, keep a copy, make larger, look, make smaller, look, look at the end.

use facts::action::{Action, BlastRadius, Precondition, Reversibility, Step, Target, Verification};
use facts::cluster::{ClusterState, ResourceList};

use super::Direction;
use super::containers::{Judged, Resize};
use super::history::Histories;
use super::load::Load;
use super::policy::RightsizingPolicy;
use super::shapes::Reshape;

/// Seconds of the phases.
const HEALTH: u32 = 5;
const BACKUP: u32 = 10;
const CHANGE: u32 = 90;
const AFTER_DOWNSIZES: u32 = 15;
const AFTER_UPSIZES: u32 = 30;
const FINAL: u32 = 15;

/// The plan; empty where nothing changes.
pub(super) fn plan(
    state: &ClusterState,
    policy: &RightsizingPolicy,
    histories: &Histories<'_>,
    judged: &Judged,
    reshapes: &[Reshape],
) -> Vec<Step> {
    if judged.resizes.is_empty() && reshapes.is_empty() {
        return Vec::new();
    }
    let mut plan = Plan { state, histories, steps: Vec::new() };
    plan.look("the cluster is healthy: nodes are ready, no rollout is under way", HEALTH);
    let what = "requests, limits and instance types of everything that the plan changes";
    plan.cluster(Action::BackupState { what: what.to_owned() }, BACKUP);
    let grows = |direction: Direction| direction != Direction::Downsize;
    for larger in [policy.upsizes_first, !policy.upsizes_first] {
        let resizes = || {
            let free = judged.resizes.iter().filter(|one| one.review.is_none());
            free.filter(|one| grows(one.direction) == larger)
        };
        let shapes = || {
            let free = reshapes.iter().filter(|one| one.review.is_none());
            free.filter(|one| grows(one.direction) == larger)
        };
        if resizes().next().is_none() && shapes().next().is_none() {
            continue;
        }
        // Machines grow before the pods that need them, and shrink after those that do not.
        if larger {
            shapes().for_each(|one| plan.shape(one));
            resizes().for_each(|one| plan.resize(one));
            plan.look(
                "all pods run with what they were given, and no container restarts",
                AFTER_UPSIZES,
            );
        } else {
            resizes().for_each(|one| plan.resize(one));
            shapes().for_each(|one| plan.shape(one));
            plan.look("no container is killed for its memory or held back", AFTER_DOWNSIZES);
        }
    }
    plan.look("every workload has its replicas, and no pod waits for a node", FINAL);
    for one in &judged.resizes {
        if let Some(reason) = &one.review {
            let target = plan.subject(one);
            plan.review(target, reason);
        }
    }
    for one in reshapes {
        if let (Some(reason), Some(target)) = (&one.review, one.targets.first()) {
            plan.review(target.clone(), reason);
        }
    }
    plan.steps
}

struct Plan<'a> {
    state: &'a ClusterState,
    histories: &'a Histories<'a>,
    steps: Vec<Step>,
}

impl Plan<'_> {
    fn push(&mut self, step: Step) {
        self.steps.push(Step { step: self.steps.len() as u32 + 1, ..step });
    }

    fn cluster(&mut self, action: Action, seconds: u32) {
        let name = self.state.cluster_id.clone().unwrap_or_else(|| "cluster".to_owned());
        let target = Target { kind: "Cluster".to_owned(), name, ..Target::default() };
        self.push(Step {
            expected_seconds: seconds,
            ..step(target, action, "nothing is changed", "it is done", seconds)
        });
    }

    fn look(&mut self, check: &str, seconds: u32) {
        self.cluster(Action::Validate { check: check.to_owned() }, seconds);
    }

    fn review(&mut self, target: Target, reason: &str) {
        let action = Action::Review { reason: reason.to_owned() };
        self.push(step(target, action, "nothing is changed", "a person has decided", 86_400));
    }

    fn subject(&self, one: &Resize) -> Target {
        let group = &self.histories.groups[one.group];
        self.histories.subjects[group.subject as usize].target()
    }

    fn resize(&mut self, one: &Resize) {
        let group = &self.histories.groups[one.group];
        let subject = &self.histories.subjects[group.subject as usize];
        let name = &group.container.name;
        let action = Action::ResizeContainer {
            container: name.clone(),
            // Init containers that are looked at here are sidecars, which say so.
            init_container: group.container.sidecar,
            requests_before: group.container.requests.clone(),
            requests: one.requests.clone(),
            limits_before: group.container.limits.clone(),
            limits: one.limits.clone(),
        };
        let expect = format!("container {name} runs with the new amounts and is not killed");
        let mut next = step(subject.target(), action, "put the amounts back", &expect, 86_400);
        next.preconditions.push(Precondition::BudgetsAllow);
        next.blast_radius = BlastRadius {
            pods: group.pods.len() as u32,
            workloads: vec![subject.key.to_string()],
            ..BlastRadius::default()
        };
        next.expected_seconds = CHANGE;
        self.push(next);
    }

    fn shape(&mut self, one: &Reshape) {
        let single = one.targets.len() > 1;
        for target in &one.targets {
            let action = Action::ResizeInstance {
                from: one.from.clone(),
                to: one.to.clone(),
                allocatable: one.allocatable.clone(),
            };
            let expect = format!("its nodes are {} and all of their pods run", one.to);
            let how = format!("put the type back to {}", one.from);
            let mut next = step(target.clone(), action, &how, &expect, 1_800);
            next.preconditions.push(Precondition::BudgetsAllow);
            let part = |all: u32| if single { all.div_ceil(one.targets.len() as u32) } else { all };
            next.blast_radius = BlastRadius {
                pods: part(one.pods),
                nodes: part(one.nodes),
                ..BlastRadius::default()
            };
            next.expected_seconds = CHANGE.saturating_mul(part(one.nodes).max(1));
            self.push(next);
        }
    }
}

fn step(target: Target, action: Action, how: &str, expect: &str, within_seconds: u32) -> Step {
    Step {
        step: 0,
        action,
        target,
        preconditions: vec![Precondition::TargetUnchanged],
        reversibility: Reversibility { reversible: true, how: how.to_owned() },
        verification: Verification { expect: expect.to_owned(), within_seconds },
        blast_radius: BlastRadius::default(),
        expected_seconds: 0,
    }
}

/// Nodes on which larger requests do not fit before others shrink.
pub(super) fn crowded(state: &ClusterState, loads: &[Load], reshapes: &[Reshape]) -> Vec<String> {
    let becomes = |name: &str| -> Option<&ResourceList> {
        let found = reshapes.iter().filter(|one| one.direction != Direction::Downsize);
        found
            .filter(|one| one.review.is_none())
            .find(|one| one.targets.iter().any(|target| target.name == name))
            .map(|one| &one.allocatable)
    };
    let mut crowded = Vec::new();
    for (node, load) in state.node_items().iter().zip(loads) {
        let new = becomes(&node.name);
        let cpu = new.map_or(node.allocatable_cpu(), |list| list.cpu);
        let memory = new.map_or(node.allocatable_memory(), |list| list.memory);
        let too_much = |grown: i64, before: i64, offered: Option<i64>| {
            grown > before && offered.is_some_and(|offered| grown > offered)
        };
        if too_much(load.grown[0], load.before.cpu, cpu.map(|cpu| cpu.0))
            || too_much(load.grown[1], load.before.memory, memory.map(|memory| memory.0))
        {
            crowded.push(node.name.clone());
        }
    }
    crowded.sort();
    crowded
}
