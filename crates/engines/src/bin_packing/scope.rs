//! What is planned anew: pods alike in lots, and the nodes that are to go.
//!
//! Rules between pods that one node can keep (anti-affinity, ports and spread per node) become
//! limits per node, and a spread over zones becomes a share per zone. Pods with other rules between
//! pods stay where they are, and so do their nodes.

use std::collections::BTreeSet;

use facts::cluster::{Node, well_known};
use facts::reason::ReasonCode;
use packing::placement::{NODE_KEY, Rule};

use super::Scene;

/// Which pods are planned anew, and which nodes go.
pub(super) struct Scope {
    /// Items by class and, where the class is spread over zones, by zone.
    pub lots: Vec<Lot>,
    /// Nodes that go.
    pub goes: Vec<bool>,
    /// Pods that keep their node.
    pub stay: Vec<(usize, ReasonCode, String)>,
}

/// Pods that are alike for the search.
pub(super) struct Lot {
    /// The class of the model.
    pub class: u32,
    /// The zone they have to go to, as a place in the scope's list.
    pub zone: Option<usize>,
    /// The pods.
    pub items: Vec<u32>,
}

impl Scope {
    /// `hopeless` are items that fit no new node: they keep theirs.
    pub(super) fn of(scene: &Scene<'_>, zones: &[String], hopeless: &BTreeSet<u32>) -> Scope {
        let compiled = &scene.compiled;
        let model = &compiled.model;
        let mut goes: Vec<bool> = compiled
            .nodes
            .iter()
            .map(|node| !scene.refused.contains_key(node.name.as_str()))
            .collect();
        let mut stay = Vec::new();
        for (index, item) in model.items().iter().enumerate() {
            let refusal = compiled.refusals[index].as_ref();
            let unplannable = unplannable(scene, item.class);
            let fits_none = hopeless.contains(&(index as u32)).then_some((
                ReasonCode::FitsNoInstanceType,
                "no candidate type has room for it under its rules".to_owned(),
            ));
            let reason = refusal
                .map(|refusal| (refusal.code, refusal.detail.clone()))
                .or(unplannable
                    .map(|code| (code, "its rule on other pods is not planned anew".to_owned())))
                .or(fits_none);
            if let (Some((code, detail)), false) = (reason, compiled.pods[index].pending) {
                if let Some(home) = item.home {
                    goes[home as usize] = false;
                }
                stay.push((index, code, detail));
            }
        }
        let mut by_class: Vec<Vec<u32>> = vec![Vec::new(); model.classes().len()];
        for (index, item) in model.items().iter().enumerate() {
            let moves = match item.home {
                Some(home) if !compiled.pods[index].pending => goes[home as usize],
                _ => unplannable(scene, item.class).is_none(),
            };
            if moves {
                by_class[item.class as usize].push(index as u32);
            }
        }
        let mut lots = Vec::new();
        let mut turn = 0;
        for (class, items) in by_class.into_iter().enumerate() {
            let class = class as u32;
            if items.is_empty() {
                continue;
            }
            if zones.is_empty() || !spread_over_zones(scene, class) {
                lots.push(Lot { class, zone: None, items });
                continue;
            }
            let mut shares: Vec<Vec<u32>> = vec![Vec::new(); zones.len()];
            for item in items {
                // The next class goes on where this one stopped, so that classes of one workload
                // do not all put their extra pod into the first zone.
                shares[turn % zones.len()].push(item);
                turn += 1;
            }
            for (zone, items) in
                shares.into_iter().enumerate().filter(|(_, items)| !items.is_empty())
            {
                lots.push(Lot { class, zone: Some(zone), items });
            }
        }
        Scope { lots, goes, stay }
    }
}

/// The zones of the cluster in order, when some rule looks at them; else none.
pub(super) fn zones(scene: &Scene<'_>) -> Vec<String> {
    let compiled = &scene.compiled;
    let looks = |class: &u32| {
        let roles = &compiled.model.classes()[*class as usize].groups;
        compiled.class_looks_at_zones(*class) || roles.iter().any(|role| is_zone(scene, role.group))
    };
    if !(0..compiled.model.classes().len() as u32).any(|class| looks(&class)) {
        return Vec::new();
    }
    let zone_of = |node: &&Node| node.label(well_known::ZONE).map(str::to_owned);
    let zones: BTreeSet<String> = compiled.nodes.iter().filter_map(zone_of).collect();
    zones.into_iter().collect()
}

/// The rule between pods that keeps a class from being planned anew.
fn unplannable(scene: &Scene<'_>, class: u32) -> Option<ReasonCode> {
    let model = &scene.compiled.model;
    model.classes()[class as usize].groups.iter().filter(|role| role.carrier).find_map(|role| {
        let group = &model.groups()[role.group as usize];
        let plannable = match &group.rule {
            Rule::Exclusive => group.key == NODE_KEY,
            Rule::Together => false,
            Rule::Spread { .. } => group.key == NODE_KEY || is_zone(scene, role.group),
        };
        (!plannable).then(|| scene.compiled.meanings[role.group as usize].code)
    })
}

fn is_zone(scene: &Scene<'_>, group: u32) -> bool {
    scene.compiled.meanings[group as usize].text.contains(well_known::ZONE)
}

fn spread_over_zones(scene: &Scene<'_>, class: u32) -> bool {
    let model = &scene.compiled.model;
    model.classes()[class as usize].groups.iter().any(|role| {
        let spread = matches!(model.groups()[role.group as usize].rule, Rule::Spread { .. });
        role.carrier && spread && is_zone(scene, role.group)
    })
}

/// How many of a class one node may hold, and which lots may not share it.
pub(super) fn limits(scene: &Scene<'_>, scope: &Scope, class: u32) -> (Option<u32>, Vec<u32>) {
    let model = &scene.compiled.model;
    let mut per_bin: Option<u32> = None;
    let mut conflicts = Vec::new();
    for role in &model.classes()[class as usize].groups {
        let group = &model.groups()[role.group as usize];
        if group.key != NODE_KEY {
            continue;
        }
        match &group.rule {
            Rule::Spread { max_skew, .. } if role.carrier => {
                per_bin = Some(per_bin.map_or(*max_skew, |most| most.min(*max_skew)));
            }
            Rule::Exclusive => {
                if role.carrier && role.target {
                    per_bin = Some(1);
                }
                for (index, lot) in scope.lots.iter().enumerate() {
                    let other = model.classes()[lot.class as usize]
                        .groups
                        .iter()
                        .find(|other| other.group == role.group);
                    let clash = other.is_some_and(|other| {
                        (role.carrier && other.target) || (role.target && other.carrier)
                    });
                    if clash && lot.class != class {
                        conflicts.push(index as u32);
                    }
                }
            }
            _ => {}
        }
    }
    conflicts.sort_unstable();
    conflicts.dedup();
    (per_bin, conflicts)
}
