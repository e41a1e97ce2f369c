//! Replacing nodes by cheaper ones that can be bought.

use super::desk::{item_ranks, movable};
use super::{Gates, Move};
use crate::bound::{ResourcePrices, UnlimitedBin, resource_prices};
use crate::index_set::IndexSet;
use crate::placement::{Model, NODE_KEY, Node, Parts, Rule, State};
use crate::reprovision::{Class, MAX_DIMS, Problem, Shape, reprovision};
use crate::work::{Effort, Work};

/// A kind of node that can be bought.
#[derive(Debug, Clone)]
pub struct Offer {
    /// Capacity per dimension, net of whatever every such node carries.
    pub capacity: Vec<i64>,
    /// Cost per hour, >= 1, in the unit of the model's node costs.
    pub cost: i64,
    /// Node kind, tested against the classes of the model.
    pub kind: u32,
    /// Domain per topology key, as in [`Node::domains`].
    pub domains: Vec<u32>,
    /// At most so many; `None` is without limit.
    pub available: Option<u32>,
}

/// A new node and what goes there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bought {
    /// Index of the offer.
    pub offer: u32,
    /// Items that move onto it, ascending.
    pub items: Vec<u32>,
}

/// Nodes to remove and nodes to buy for their items.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replacement {
    /// Removed nodes, ascending.
    pub removed: Vec<u32>,
    /// Items that move onto nodes that stay, by item.
    pub moves: Vec<Move>,
    /// New nodes.
    pub bought: Vec<Bought>,
    /// Cost of all nodes before.
    pub cost_before: i64,
    /// Cost of the nodes that stay and the new ones.
    pub cost_after: i64,
    /// Sum of the weights of all items that move.
    pub weight: u64,
    /// Work units used.
    pub work_used: u64,
}

/// Most single nodes tried one by one.
const SINGLES: usize = 24;

/// Finds a set of nodes whose items fit more cheaply on the room of other nodes
/// and on bought ones; large sets first, then smaller ones, then single nodes.
/// `None` unless strictly cheaper than keeping everything, and unless every
/// rule of the model holds for every moved item afterwards.
#[must_use]
pub fn replace(
    model: &Model,
    gates: &Gates,
    offers: &[Offer],
    effort: Effort,
    work: &mut Work<'_>,
) -> Option<Replacement> {
    if model.dims() > MAX_DIMS
        || offers.iter().any(|o| o.capacity.len() != model.dims() || o.cost < 1)
    {
        return None;
    }
    let order = by_waste(model, gates, offers);
    let most = gates.max_removed.map_or(order.len(), |most| order.len().min(most as usize));
    let mut sets: Vec<&[u32]> = Vec::new();
    let mut size = most;
    while size >= 2 {
        sets.push(&order[..size]);
        size = size * 2 / 3;
    }
    if most >= 1 {
        sets.extend(order.chunks(1).take(SINGLES));
    }
    let mut best: Option<(Replacement, &[u32], bool)> = None;
    for set in sets {
        for fill in [true, false] {
            if work.is_spent() {
                break;
            }
            if let Some(found) = attempt(model, offers, set, fill, Effort::Fast, work)
                && best.as_ref().is_none_or(|b| found.cost_after < b.0.cost_after)
            {
                best = Some((found, set, fill));
            }
        }
    }
    let (mut found, set, fill) = best?;
    if effort > Effort::Fast
        && !work.is_spent()
        && let Some(better) = attempt(model, offers, set, fill, effort, work)
        && better.cost_after < found.cost_after
    {
        found = better;
    }
    found.work_used = work.used();
    Some(found)
}

/// Checks a replacement against the model from the beginning.
#[must_use]
pub fn verify_replacement(
    model: &Model,
    gates: &Gates,
    offers: &[Offer],
    found: &Replacement,
) -> bool {
    let may_go = movable(model, gates);
    let allowed = gates.max_removed.is_none_or(|most| found.removed.len() <= most as usize)
        && found.removed.iter().all(|&n| may_go.get(n as usize) == Some(&true));
    allowed
        && settle(model, offers, found) == Some(found.cost_after)
        && found.cost_after < found.cost_before
        && found.cost_before == model.total_cost()
}

/// Permitted nodes, the most wasteful first: cost beyond what their load would
/// cost at the best offers' prices.
fn by_waste(model: &Model, gates: &Gates, offers: &[Offer]) -> Vec<u32> {
    let bins: Vec<UnlimitedBin<'_>> = offers
        .iter()
        .map(|offer| UnlimitedBin { capacity: &offer.capacity, cost: offer.cost })
        .collect();
    let mut demand = vec![0_i128; model.dims()];
    for item in model.items().iter().filter(|item| item.home.is_some()) {
        for (sum, &need) in demand.iter_mut().zip(model.demand_of(item.class)) {
            *sum += i128::from(need);
        }
    }
    let prices: ResourcePrices = resource_prices(&demand, &[], &bins);
    let state = State::new(model);
    let may_go = movable(model, gates);
    let scale = i128::from(crate::bound::PRICE_SCALE);
    let mut order: Vec<(i128, u32)> = (0..model.nodes().len() as u32)
        .filter(|&node| may_go[node as usize])
        .map(|node| {
            let pairs = model.capacity_of(node).iter().zip(state.free(node));
            let load: Vec<i64> = pairs.map(|(&c, &f)| c.saturating_sub(f)).collect();
            (prices.value(&load) / scale - i128::from(model.nodes()[node as usize].cost), node)
        })
        .collect();
    order.sort_unstable();
    order.into_iter().map(|pair| pair.1).collect()
}

fn attempt(
    model: &Model,
    offers: &[Offer],
    set: &[u32],
    fill: bool,
    effort: Effort,
    work: &mut Work<'_>,
) -> Option<Replacement> {
    let mut state = State::new(model);
    let mut removed = set.to_vec();
    removed.sort_unstable();
    let mut items: Vec<u32> = Vec::new();
    for &node in &removed {
        items.extend(state.items_on(node));
        state.close(node);
    }
    let rank = item_ranks(model);
    items.sort_unstable_by_key(|&item| rank[item as usize]);
    for &item in &items {
        state.remove(item);
    }
    work.spend(items.len() as u64 * 20 + 1_000);
    let mut moves: Vec<Move> = Vec::new();
    let mut buy: Vec<u32> = Vec::new();
    for &item in &items {
        let to = if fill { first_fit(&state, item, work) } else { None };
        match (to, model.items()[item as usize].home) {
            (Some(to), Some(from)) => {
                state.place(item, to);
                moves.push(Move { item, from, to });
            }
            _ => buy.push(item),
        }
    }
    let saved: i64 = removed.iter().map(|&n| model.nodes()[n as usize].cost).sum();
    let (bought, spent) = purchase(model, offers, &buy, effort, work)?;
    if spent >= saved {
        return None;
    }
    moves.sort_unstable_by_key(|step| step.item);
    let weights = items.iter().map(|&item| model.items()[item as usize].weight);
    let found = Replacement {
        weight: weights.fold(0, u64::saturating_add),
        cost_before: model.total_cost(),
        cost_after: model.total_cost() - saved + spent,
        removed,
        moves,
        bought,
        work_used: work.used(),
    };
    settle(model, offers, &found).map(|_| found)
}

fn first_fit(state: &State<'_>, item: u32, work: &mut Work<'_>) -> Option<u32> {
    let nodes = state.model().nodes().len() as u32;
    work.spend(u64::from(nodes) * 3);
    (0..nodes).find(|&node| state.can_place(item, node).is_ok())
}

/// Buys nodes for items; `None` if some item fits no offer.
fn purchase(
    model: &Model,
    offers: &[Offer],
    items: &[u32],
    effort: Effort,
    work: &mut Work<'_>,
) -> Option<(Vec<Bought>, i64)> {
    let mut waiting: Vec<Vec<u32>> = vec![Vec::new(); model.classes().len()];
    for &item in items {
        waiting[model.items()[item as usize].class as usize].push(item);
    }
    let class = |index: usize| {
        let (facts, class) = (&model.classes()[index], index as u32);
        let open: Vec<u32> = (0..offers.len() as u32)
            .filter(|&offer| facts.allowed.contains(offers[offer as usize].kind))
            .collect();
        let (alone, conflicts) = exclusions(model, class, &waiting);
        Class {
            demand: facts.demand.clone(),
            count: waiting[index].len() as u32,
            per_bin: alone.then_some(1),
            allowed: if open.len() == offers.len() { IndexSet::All } else { IndexSet::of(&open) },
            conflicts,
        }
    };
    let problem = Problem {
        dims: model.dims(),
        classes: (0..waiting.len()).map(class).collect(),
        shapes: offers
            .iter()
            .map(|offer| Shape {
                capacity: offer.capacity.clone(),
                cost: offer.cost,
                available: offer.available,
            })
            .collect(),
    };
    let solution = reprovision(&problem, effort, work).ok()?;
    if !solution.unplaced.is_empty() {
        return None;
    }
    let mut bought = Vec::with_capacity(solution.bins.len());
    for bin in &solution.bins {
        let mut inside: Vec<u32> = Vec::new();
        for &(class, copies) in &bin.contents {
            let list = &mut waiting[class as usize];
            inside.extend(list.drain(list.len().saturating_sub(copies as usize)..));
        }
        inside.sort_unstable();
        bought.push(Bought { offer: bin.shape, items: inside });
    }
    Some((bought, solution.cost))
}

/// What exclusive groups on the node itself mean for one bin: whether a class
/// excludes its own kind, and which other waiting classes it excludes.
fn exclusions(model: &Model, class: u32, waiting: &[Vec<u32>]) -> (bool, Vec<u32>) {
    let mut alone = false;
    let mut conflicts = Vec::new();
    for role in model.roles_of(class) {
        let group = &model.groups()[role.group as usize];
        if group.key != NODE_KEY || !matches!(group.rule, Rule::Exclusive) {
            continue;
        }
        alone |= role.carrier && role.target;
        for other in (0..waiting.len() as u32).filter(|&o| !waiting[o as usize].is_empty()) {
            let clash = model.roles_of(other).iter().any(|theirs| {
                theirs.group == role.group
                    && (theirs.carrier && role.target || theirs.target && role.carrier)
            });
            if clash && other != class {
                conflicts.push(other);
            }
        }
    }
    conflicts.sort_unstable();
    conflicts.dedup();
    (alone, conflicts)
}

/// Carries a replacement out on a model with the new nodes and returns the cost
/// afterwards; `None` if anything is not allowed.
fn settle(model: &Model, offers: &[Offer], found: &Replacement) -> Option<i64> {
    let mut parts = Parts {
        dims: model.dims(),
        nodes: model.nodes().to_vec(),
        items: model.items().to_vec(),
        classes: model.classes().to_vec(),
        groups: model.groups().to_vec(),
    };
    let mut used = vec![0_u32; offers.len()];
    for new in &found.bought {
        let offer = offers.get(new.offer as usize)?;
        used[new.offer as usize] += 1;
        parts.nodes.push(Node {
            capacity: offer.capacity.clone(),
            cost: offer.cost,
            removable: false,
            kind: offer.kind,
            domains: offer.domains.clone(),
        });
    }
    let limits = offers.iter().zip(&used);
    if limits.clone().any(|(offer, &n)| offer.available.is_some_and(|most| n > most)) {
        return None;
    }
    let extended = Model::new(parts).ok()?;
    let mut state = State::new(&extended);
    let mut cost = extended.total_cost();
    for &node in &found.removed {
        if node as usize >= model.nodes().len() || !state.is_open(node) {
            return None;
        }
        state.close(node);
        cost -= model.nodes()[node as usize].cost;
    }
    let first_new = model.nodes().len() as u32;
    let onto_new = found
        .bought
        .iter()
        .enumerate()
        .flat_map(|(at, new)| new.items.iter().map(move |&item| (item, first_new + at as u32)));
    let steps: Vec<(u32, u32)> =
        found.moves.iter().map(|step| (step.item, step.to)).chain(onto_new).collect();
    let mut left: Vec<(u32, u32)> = Vec::with_capacity(steps.len());
    for &(item, _) in &steps {
        if item as usize >= extended.items().len() {
            return None;
        }
        let from = state.remove(item).filter(|&from| !state.is_open(from))?;
        left.push((extended.items()[item as usize].class, from));
    }
    for &(item, to) in &steps {
        if to as usize >= extended.nodes().len() {
            return None;
        }
        state.place(item, to);
    }
    let emptied = found.removed.iter().all(|&node| state.items_on(node).next().is_none());
    let fine = emptied
        && steps.iter().all(|&(item, _)| state.holds(item))
        && !left.iter().any(|&(class, node)| state.strands(class, node));
    fine.then_some(cost)
}
