//! The steps towards an allocation: a Karpenter NodePool is told which types, zones and ways of
//! buying it may use; where there is none, a person has to decide.
//!
//! A NodePool cannot hold shares, so the last step looks whether they came out.

use std::collections::{BTreeMap, BTreeSet};

use facts::action::{
    Action, BlastRadius, PatchType, Precondition, Reversibility, Step, Target, Verification,
};
use facts::cluster::{NodePool, Operator, Requirement, well_known};
use facts::decision::AllocatedPool;
use facts::names::CapacityType;
use serde_json::{Value, json};

use super::Scene;

/// Requirements that the new ones take the place of: whatever else narrows types, zones and ways
/// of buying.
const REPLACED: &[&str] = &[
    well_known::INSTANCE_TYPE,
    well_known::ZONE,
    well_known::KARPENTER_CAPACITY_TYPE,
    "karpenter.k8s.aws/instance-category",
    "karpenter.k8s.aws/instance-cpu",
    "karpenter.k8s.aws/instance-family",
    "karpenter.k8s.aws/instance-generation",
    "karpenter.k8s.aws/instance-memory",
    "karpenter.k8s.aws/instance-size",
];

/// The steps towards an allocation.
pub(super) fn steps(scene: &Scene<'_>, pools: &[AllocatedPool]) -> Vec<Step> {
    let mut steps = match node_pool(scene) {
        Some(pool) => patch_steps(scene, pool, pools),
        None => vec![review(scene, pools)],
    };
    for (step, number) in steps.iter_mut().zip(1..) {
        step.step = number;
    }
    steps
}

/// The NodePool with the most nodes; by name among equals. Its nodes are what moves.
fn node_pool<'a>(scene: &Scene<'a>) -> Option<&'a NodePool> {
    let pools = &scene.state.policies.as_ref()?.items.node_pools;
    let mut nodes: BTreeMap<&str, u32> = BTreeMap::new();
    for node in scene.state.node_items() {
        if let Some(name) = node.label(well_known::KARPENTER_NODE_POOL) {
            *nodes.entry(name).or_default() += 1;
        }
    }
    let count = |pool: &NodePool| nodes.get(pool.name.as_str()).copied().unwrap_or(0);
    pools.iter().max_by(|a, b| count(a).cmp(&count(b)).then_with(|| b.name.cmp(&a.name)))
}

fn patch_steps(scene: &Scene<'_>, pool: &NodePool, shares: &[AllocatedPool]) -> Vec<Step> {
    let target = Target {
        kind: "NodePool".to_owned(),
        name: pool.name.clone(),
        uid: pool.uid.clone(),
        ..Target::default()
    };
    let before = requirements_json(&pool.requirements);
    let after = requirements_json(&requirements(pool, shares));
    let patch = json!({"spec": {"template": {"spec": {"requirements": after}}}});
    let field = "/spec/template/spec/requirements".to_owned();
    let unchanged =
        vec![Precondition::TargetUnchanged, Precondition::FieldEquals { field, value: before }];
    let share_check = format!("the shares are within the layers: {}", in_words(shares));
    vec![
        plain(
            Action::Validate {
                check: "spot prices and interruption classes are still those of this answer"
                    .to_owned(),
            },
            &target,
            "the price of each pool is within 5 % of the one stated",
        ),
        plain(
            Action::BackupState { what: "the NodePool as it is".to_owned() },
            &target,
            "the copy can be read back",
        ),
        Step {
            step: 0,
            action: Action::PatchObject { patch_type: PatchType::Merge, patch },
            target: target.clone(),
            preconditions: unchanged,
            reversibility: Reversibility {
                reversible: true,
                how: "apply the copy of the step before; nodes drift back".to_owned(),
            },
            verification: Verification {
                expect: "the NodePool is Ready and its nodes drift to the new requirements under \
                         its disruption budgets"
                    .to_owned(),
                within_seconds: 600,
            },
            blast_radius: blast_radius(scene, pool),
            expected_seconds: 60,
        },
        plain(
            Action::Validate { check: share_check },
            &target,
            "each share is within one instance",
        ),
    ]
}

/// Everything that the NodePool asks for beside types, zones and ways of buying, and the new lists
/// of those.
fn requirements(pool: &NodePool, shares: &[AllocatedPool]) -> Vec<Requirement> {
    let mut kept: Vec<Requirement> = pool
        .requirements
        .iter()
        .filter(|requirement| !REPLACED.contains(&requirement.key.as_str()))
        .cloned()
        .collect();
    let list = |values: BTreeSet<String>| values.into_iter().collect::<Vec<String>>();
    let types = list(shares.iter().map(|share| share.instance_type.clone()).collect());
    let zones = list(shares.iter().filter_map(|share| share.zone.clone()).collect());
    let bought = list(
        shares
            .iter()
            .map(|share| match share.capacity_type {
                CapacityType::OnDemand => "on-demand".to_owned(),
                CapacityType::Spot => "spot".to_owned(),
            })
            .collect(),
    );
    let lists = [
        (well_known::INSTANCE_TYPE, types),
        (well_known::ZONE, zones),
        (well_known::KARPENTER_CAPACITY_TYPE, bought),
    ];
    kept.extend(
        lists.into_iter().filter(|(_, values)| !values.is_empty()).map(|(key, values)| {
            Requirement { key: key.to_owned(), operator: Operator::In, values }
        }),
    );
    kept
}

fn requirements_json(requirements: &[Requirement]) -> Value {
    // Requirements are plain structs of texts.
    serde_json::to_value(requirements).unwrap_or(Value::Null)
}

fn review(scene: &Scene<'_>, shares: &[AllocatedPool]) -> Step {
    let name = scene.state.cluster_id.clone().unwrap_or_else(|| "cluster".to_owned());
    let target = Target { kind: "Cluster".to_owned(), name, ..Target::default() };
    let reason = format!(
        "no Karpenter NodePool is known that could be told; set the node groups to these shares: {}",
        in_words(shares)
    );
    plain(Action::Review { reason }, &target, "node groups exist for each pool with a share")
}

fn plain(action: Action, target: &Target, expect: &str) -> Step {
    Step {
        step: 0,
        action,
        target: target.clone(),
        preconditions: Vec::new(),
        reversibility: Reversibility {
            reversible: true,
            how: "it changes nothing by itself".to_owned(),
        },
        verification: Verification { expect: expect.to_owned(), within_seconds: 60 },
        blast_radius: BlastRadius::default(),
        expected_seconds: 60,
    }
}

/// Every node of the pool may be replaced in time, and every pod on them moved.
fn blast_radius(scene: &Scene<'_>, pool: &NodePool) -> BlastRadius {
    let nodes: BTreeSet<&str> = scene
        .state
        .node_items()
        .iter()
        .filter(|node| node.label(well_known::KARPENTER_NODE_POOL) == Some(&pool.name))
        .map(|node| node.name.as_str())
        .collect();
    let on_them = |node: Option<&str>| node.is_some_and(|node| nodes.contains(node));
    let moved = || {
        let pods = scene.state.pod_items().iter();
        pods.filter(|pod| pod.is_active() && !pod.belongs_to_node() && on_them(pod.node.as_deref()))
    };
    let workloads: BTreeSet<String> = moved()
        .filter_map(|pod| {
            let owner = pod.owner.as_ref()?;
            Some(format!("{} {}/{}", owner.kind, pod.namespace(), owner.name))
        })
        .collect();
    BlastRadius {
        pods: u32::try_from(moved().count()).unwrap_or(u32::MAX),
        nodes: u32::try_from(nodes.len()).unwrap_or(u32::MAX),
        workloads: workloads.into_iter().collect(),
        ..BlastRadius::default()
    }
}

fn in_words(shares: &[AllocatedPool]) -> String {
    let words: Vec<String> = shares
        .iter()
        .map(|share| {
            let place = share.zone.as_deref().unwrap_or("any zone");
            let percent = (share.share.value() * 10_000.0).round() / 100.0;
            format!("{} {} {place} {percent} %", share.instance_type, share.capacity_type)
        })
        .collect();
    words.join(", ")
}
