//! Why the nodes that stay, stay: one reason each, and what would change it.

use std::collections::BTreeMap;

use facts::action::Target;
use facts::cluster::{Node, Pod};
use facts::decision::Rejection;
use facts::reason::ReasonCode;
use packing::placement::{Blocked, State};

use super::Scene;

/// The target of steps on a node.
pub(super) fn node_target(node: &Node) -> Target {
    Target {
        kind: "Node".to_owned(),
        name: node.name.clone(),
        uid: node.uid.clone(),
        ..Target::default()
    }
}

/// The target of steps on a pod.
pub(super) fn pod_target(pod: &Pod) -> Target {
    Target {
        kind: "Pod".to_owned(),
        namespace: Some(pod.namespace().to_owned()),
        name: pod.name.clone(),
        uid: pod.uid.clone(),
        arn: None,
    }
}

/// One rejection for every node that stays although it has pods to move, or could be removed.
/// `state` is the placement after the plan; `worth` says of each node whether its saving is worth
/// the disruption.
pub(super) fn rejections(
    scene: &Scene<'_>,
    state: &State<'_>,
    removed: &[bool],
    worth: &[bool],
) -> Vec<Rejection> {
    let compiled = &scene.compiled;
    let mut without = state.clone();
    let mut found = Vec::new();
    for (index, node) in compiled.nodes.iter().enumerate() {
        if removed[index] {
            continue;
        }
        let reject = |code, blocking, detail, numbers| Rejection {
            subject: node_target(node),
            code,
            blocking,
            detail,
            numbers,
        };
        if let Some(refusal) = scene.refused.get(node.name.as_str()) {
            let blocking = refusal.blocking.clone();
            found.push(reject(refusal.code, blocking, refusal.detail.clone(), BTreeMap::new()));
            continue;
        }
        let index = index as u32;
        let pinned = compiled.refusals.iter().enumerate().find_map(|(item, refusal)| {
            let here = compiled.model.items()[item].home == Some(index);
            refusal.as_ref().filter(|_| here).map(|refusal| (item, refusal))
        });
        if let Some((item, refusal)) = pinned {
            let pod = compiled.pods[item].pod;
            let detail = format!("pod {}/{}: {}", pod.namespace(), pod.name, refusal.detail);
            let blocking = refusal.blocking.clone().or_else(|| Some(pod_target(pod)));
            found.push(reject(refusal.code, blocking, detail, BTreeMap::new()));
            continue;
        }
        if !worth[index as usize] {
            let detail =
                "its share of the cost is not worth its share of the disruption".to_owned();
            found.push(reject(ReasonCode::NotWorthDisruption, None, detail, BTreeMap::new()));
            continue;
        }
        if let Some((item, code, detail, numbers)) = stuck_pod(scene, &mut without, index) {
            let pod = compiled.pods[item as usize].pod;
            let detail = format!("pod {}/{} {detail}", pod.namespace(), pod.name);
            found.push(reject(code, Some(pod_target(pod)), detail, numbers));
            continue;
        }
        let detail = "each of its pods fits somewhere, but not all of them together".to_owned();
        found.push(reject(ReasonCode::FitsNowhere, None, detail, BTreeMap::new()));
    }
    found
}

type Stuck = (u32, ReasonCode, String, BTreeMap<String, f64>);

/// The first pod of a node that fits on no other node, largest first, and the rule that stands in
/// its way most often.
fn stuck_pod(scene: &Scene<'_>, state: &mut State<'_>, home: u32) -> Option<Stuck> {
    let model = &scene.compiled.model;
    let mut items: Vec<u32> = state.items_on(home).collect();
    items.sort_by_key(|item| {
        let demand = model.demand_of(model.items()[*item as usize].class);
        (std::cmp::Reverse(demand.to_vec()), *item)
    });
    items.into_iter().find_map(|item| {
        // A pod does not count against itself where it would go.
        state.remove(item);
        let stuck = stuck_item(scene, state, home, item);
        state.place(item, home);
        stuck
    })
}

fn stuck_item(scene: &Scene<'_>, state: &State<'_>, home: u32, item: u32) -> Option<Stuck> {
    let model = &scene.compiled.model;
    let class = model.items()[item as usize].class;
    // Most nodes are in the way for one of a few reasons: they are told apart as numbers, and put
    // into words once each.
    let mut alike: Vec<(Blocked, u32)> = Vec::new();
    let mut counts: BTreeMap<(ReasonCode, String), u32> = BTreeMap::new();
    for node in (0..model.nodes().len() as u32).filter(|node| *node != home) {
        match state.can_enter(class, node) {
            Ok(()) => return None,
            // Nodes of different kinds are in the way for different static rules.
            Err(Blocked::Kind) => {
                *counts.entry(explain(scene, class, node, Blocked::Kind)).or_default() += 1;
            }
            Err(blocked) => match alike.iter_mut().find(|(known, _)| *known == blocked) {
                Some((_, count)) => *count += 1,
                None => alike.push((blocked, 1)),
            },
        }
    }
    for (blocked, count) in alike {
        *counts.entry(explain(scene, class, home, blocked)).or_default() += count;
    }
    let others: u32 = counts.values().sum();
    if others == 0 {
        let detail = "has no other node to go to".to_owned();
        return Some((item, ReasonCode::FitsNowhere, detail, BTreeMap::new()));
    }
    let ((code, what), count) =
        counts.into_iter().max_by(|a, b| a.1.cmp(&b.1).then_with(|| b.0.cmp(&a.0)))?;
    let detail = format!("fits on none of {others} other nodes; on {count} of them: {what}");
    let numbers = BTreeMap::from([
        ("nodes_tried".to_owned(), f64::from(others)),
        ("nodes_blocked_by_this".to_owned(), f64::from(count)),
    ]);
    Some((item, code, detail, numbers))
}

fn explain(scene: &Scene<'_>, class: u32, node: u32, blocked: Blocked) -> (ReasonCode, String) {
    let meaning = |group: u32| {
        let meaning = &scene.compiled.meanings[group as usize];
        (meaning.code, meaning.text.clone())
    };
    match blocked {
        Blocked::Closed => (ReasonCode::FitsNowhere, "it goes away in this plan".to_owned()),
        Blocked::Kind => {
            let node = scene.compiled.nodes[node as usize];
            let rule = scene.compiled.static_objection(class, node);
            rule.unwrap_or((ReasonCode::NodeAffinity, "its labels do not match".to_owned()))
        }
        Blocked::Capacity { dim } => match scene.compiled.dimensions[dim as usize].as_str() {
            "pods" => (ReasonCode::PodLimit, "it takes no more pods".to_owned()),
            name if name.starts_with("attached-volumes/") => {
                (ReasonCode::VolumeAttachLimit, "it can attach no more volumes".to_owned())
            }
            name => (ReasonCode::InsufficientResource, format!("too little {name} is free")),
        },
        Blocked::Exclusive { group } | Blocked::Together { group } | Blocked::Spread { group } => {
            meaning(group)
        }
    }
}
