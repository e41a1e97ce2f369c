//! Buying cheaper nodes for pods whose nodes cannot simply be emptied.
//!
//! It starts where the drains end, and proposes only what is strictly cheaper at known prices.

use packing::consolidate::{Gates, Move, Offer as Buyable, Replacement, replace};
use packing::placement::{Model, Parts};
use packing::work::Work;

use super::Scene;
use super::consolidate::Outcome;
use super::offers::Offer;
use super::order::{Arrival, extended, in_turn};

/// The drains and a replacement together; `None` when nothing cheaper was found.
pub(super) fn replaced(
    scene: &Scene<'_>,
    gates: &Gates,
    offers: &[Offer<'_>],
    drained: &Outcome,
    work: &mut Work<'_>,
) -> Option<Outcome> {
    if offers.is_empty() || scene.compiled.joining.len() != offers.len() {
        return None;
    }
    let model = after_drains(scene, drained)?;
    let gates = Gates { max_removed: left(gates, drained), permitted: permitted(scene, gates) };
    let buyable: Vec<Buyable> = offers
        .iter()
        .zip(&scene.compiled.joining)
        .map(|(offer, (kind, domains))| Buyable {
            capacity: offer.capacity.clone(),
            cost: offer.price.nanos(),
            kind: *kind,
            domains: domains.clone(),
            available: None,
        })
        .collect();
    let found = replace(&model, &gates, &buyable, scene.policy.effort.effort(), work)?;
    if !worth_it(scene, &found) {
        return None;
    }
    let mut both = joined(scene, drained, &found);
    let most = scene.policy.max_moved_pods.map_or(usize::MAX, |most| most as usize);
    if both.moves.len() > most {
        return None;
    }
    let arrivals: Vec<Arrival<'_>> = both
        .bought
        .iter()
        .map(|offer| Arrival {
            joining: *offer,
            capacity: &offers[*offer].capacity,
            cost: offers[*offer].price.nanos(),
        })
        .collect();
    let model = extended(scene, &arrivals).ok()?;
    both.legs = in_turn(scene, &model, (offers, &arrivals), &both.removed, &both.moves).ok()?;
    Some(both)
}

/// The model as the drains leave it. Nodes that are gone stay in it, closed and free of charge, so
/// that every number means the same node as before.
fn after_drains(scene: &Scene<'_>, drained: &Outcome) -> Option<Model> {
    let model = &scene.compiled.model;
    let mut parts = Parts {
        dims: model.dims(),
        nodes: model.nodes().to_vec(),
        items: model.items().to_vec(),
        classes: model.classes().to_vec(),
        groups: model.groups().to_vec(),
    };
    for node in &drained.removed {
        let gone = &mut parts.nodes[*node as usize];
        gone.cost = 0;
        gone.removable = false;
        // Every pod takes at least its own place on a node: nothing comes here again.
        gone.capacity.fill(0);
    }
    for step in &drained.moves {
        parts.items[step.item as usize].home = Some(step.to);
    }
    Model::new(parts).ok()
}

fn left(gates: &Gates, drained: &Outcome) -> Option<u32> {
    gates.max_removed.map(|most| most.saturating_sub(drained.removed.len() as u32))
}

/// Only nodes whose price is known are compared with what new ones cost.
fn permitted(scene: &Scene<'_>, gates: &Gates) -> Option<Vec<bool>> {
    let nodes = scene.compiled.nodes.iter().enumerate();
    let allowed = |at: usize| gates.permitted.as_ref().is_none_or(|permitted| permitted[at]);
    Some(nodes.map(|(at, node)| allowed(at) && scene.costs.price(node).is_some()).collect())
}

/// Whether the share of the cost that is saved is worth the share of the disruption, where the
/// policy asks for that.
fn worth_it(scene: &Scene<'_>, found: &Replacement) -> bool {
    let Some(least) = scene.policy.minimum_saving_per_disruption else { return true };
    let model = &scene.compiled.model;
    let all: u64 = model.items().iter().map(|item| item.weight).fold(0, u64::saturating_add);
    let all = 1000.0 * model.nodes().len() as f64 + all as f64;
    let own = 1000.0 * found.removed.len() as f64 + found.weight as f64;
    let saved = (found.cost_before - found.cost_after) as f64 / model.total_cost().max(1) as f64;
    saved / (own / all) >= least
}

/// Both plans as one: a pod that would move twice moves to its last place at once.
fn joined(scene: &Scene<'_>, drained: &Outcome, found: &Replacement) -> Outcome {
    let model = &scene.compiled.model;
    let first = model.nodes().len() as u32;
    let mut place: Vec<Option<u32>> = vec![None; model.items().len()];
    for step in drained.moves.iter().chain(&found.moves) {
        place[step.item as usize] = Some(step.to);
    }
    for (at, new) in found.bought.iter().enumerate() {
        for item in &new.items {
            place[*item as usize] = Some(first + at as u32);
        }
    }
    let moves = place.iter().enumerate().filter_map(|(item, to)| {
        let (from, to) = (model.items()[item].home?, (*to)?);
        (from != to).then_some(Move { item: item as u32, from, to })
    });
    Outcome {
        removed: drained.removed.iter().chain(&found.removed).copied().collect(),
        moves: moves.collect(),
        bought: found.bought.iter().map(|new| new.offer as usize).collect(),
        replaced: found.removed.clone(),
        cost_after: found.cost_after,
        legs: Vec::new(),
    }
}
