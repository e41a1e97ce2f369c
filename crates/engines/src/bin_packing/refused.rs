//! Why the nodes that stay, stay: one reason each, and what would change it.

use std::collections::BTreeMap;

use facts::action::Target;
use facts::cluster::{Node, Pod};
use facts::decision::Rejection;
use facts::reason::ReasonCode;
use packing::placement::{Blocked, State};

use super::Scene;
use crate::scheduling::eviction::Refusal;

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
    let pinned = pinned(scene);
    let mut search =
        Search { scene, state: state.clone(), census: vec![None; compiled.model.classes().len()] };
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
        if let Some((item, refusal)) = pinned[index as usize] {
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
        if let Some((item, code, detail, numbers)) = search.stuck_pod(index) {
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

/// The first pod of every node that may not be evicted.
fn pinned<'s>(scene: &'s Scene<'_>) -> Vec<Option<(usize, &'s Refusal)>> {
    let compiled = &scene.compiled;
    let mut pinned = vec![None; compiled.nodes.len()];
    for (item, refusal) in compiled.refusals.iter().enumerate() {
        let home = compiled.model.items()[item].home;
        if let (Some(refusal), Some(home)) = (refusal, home) {
            pinned[home as usize].get_or_insert((item, refusal));
        }
    }
    pinned
}

type Stuck = (u32, ReasonCode, String, BTreeMap<String, f64>);

/// How many nodes are in the way for which reason, and the first node of each reason. Static rules
/// are told apart by the kind of the node.
type Tally = BTreeMap<(Blocked, u32), (u32, u32)>;

/// What the nodes say to one more pod of a class whose rules look at no other pods.
#[derive(Clone)]
struct Census {
    /// The first two nodes that take it.
    welcome: [Option<u32>; 2],
    /// All others, unless two nodes take it.
    blocked: Tally,
}

/// Looks for pods that fit nowhere else.
struct Search<'s, 'm> {
    scene: &'s Scene<'m>,
    state: State<'s>,
    /// Pods of one class are told the same by every node, so each class asks once.
    census: Vec<Option<Census>>,
}

impl Search<'_, '_> {
    /// The first pod of a node that fits on no other node, largest first, and the rule that stands
    /// in its way most often.
    fn stuck_pod(&mut self, home: u32) -> Option<Stuck> {
        let model = &self.scene.compiled.model;
        let class_of = |item: &u32| model.items()[*item as usize].class;
        let mut items: Vec<u32> = self.state.items_on(home).collect();
        items.sort_by(|a, b| {
            let (one, other) = (model.demand_of(class_of(a)), model.demand_of(class_of(b)));
            other.cmp(one).then(a.cmp(b))
        });
        items.into_iter().find_map(|item| {
            let class = class_of(&item);
            if model.classes()[class as usize].groups.is_empty() {
                return self.stuck_alone(home, item, class);
            }
            // A pod does not count against itself where it would go.
            self.state.remove(item);
            let mut tally = Tally::new();
            let stuck = (0..model.nodes().len() as u32)
                .filter(|node| *node != home)
                .all(|node| !self.ask(class, node, &mut tally));
            self.state.place(item, home);
            stuck.then(|| self.in_words(item, class, &tally))
        })
    }

    /// The same for a pod whose rules look at no other pods.
    fn stuck_alone(&mut self, home: u32, item: u32, class: u32) -> Option<Stuck> {
        let census = match self.census[class as usize].take() {
            Some(census) => census,
            None => self.census_of(class),
        };
        let elsewhere = census.welcome.iter().flatten().any(|node| *node != home);
        let stuck = (!elsewhere).then(|| {
            let mut tally = census.blocked.clone();
            // The census asked the pod's own node too.
            if let Some((blocked, kind)) = self.objection(class, home)
                && let Some((count, _)) = tally.get_mut(&(blocked, kind))
            {
                *count -= 1;
            }
            tally.retain(|_, (count, _)| *count > 0);
            self.in_words(item, class, &tally)
        });
        self.census[class as usize] = Some(census);
        stuck
    }

    fn census_of(&self, class: u32) -> Census {
        let mut census = Census { welcome: [None; 2], blocked: Tally::new() };
        for node in 0..self.scene.compiled.model.nodes().len() as u32 {
            if self.ask(class, node, &mut census.blocked) {
                match &mut census.welcome {
                    [first @ None, _] => *first = Some(node),
                    [_, second] => {
                        *second = Some(node);
                        break;
                    }
                }
            }
        }
        census
    }

    /// Whether a node takes one more pod of a class; if not, the tally counts why.
    fn ask(&self, class: u32, node: u32, tally: &mut Tally) -> bool {
        let objection = self.objection(class, node);
        if let Some(why) = objection {
            tally.entry(why).or_insert((0, node)).0 += 1;
        }
        objection.is_none()
    }

    fn objection(&self, class: u32, node: u32) -> Option<(Blocked, u32)> {
        let blocked = self.state.can_enter(class, node).err()?;
        let kinds = &self.scene.compiled.model.nodes()[node as usize].kind;
        Some((blocked, if blocked == Blocked::Kind { *kinds } else { 0 }))
    }

    fn in_words(&self, item: u32, class: u32, tally: &Tally) -> Stuck {
        let mut counts: BTreeMap<(ReasonCode, String), u32> = BTreeMap::new();
        for ((blocked, _), (count, node)) in tally {
            *counts.entry(explain(self.scene, class, *node, *blocked)).or_default() += count;
        }
        let others: u32 = counts.values().sum();
        let most = counts.into_iter().max_by(|a, b| a.1.cmp(&b.1).then_with(|| b.0.cmp(&a.0)));
        let Some(((code, what), count)) = most else {
            let detail = "has no other node to go to".to_owned();
            return (item, ReasonCode::FitsNowhere, detail, BTreeMap::new());
        };
        let detail = format!("fits on none of {others} other nodes; on {count} of them: {what}");
        let numbers = BTreeMap::from([
            ("nodes_tried".to_owned(), f64::from(others)),
            ("nodes_blocked_by_this".to_owned(), f64::from(count)),
        ]);
        (item, code, detail, numbers)
    }
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
