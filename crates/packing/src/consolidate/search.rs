//! Restarts: several passes over the nodes in different orders with shaken
//! keys, placing by best fit. What they find, walks improve.

use super::desk::{Chooser, Desk};
use super::drain::use_shares;
use super::exchange::exchange;
use super::found::Found;
use super::walk::Walk;
use crate::bound::ResourcePrices;
use crate::placement::State;
use crate::random::Random;
use crate::work::{Effort, Work};

/// Work units of the search for a model with so many items: small models are
/// searched out long before a large budget ends.
fn quota(effort: Effort, items: usize) -> u64 {
    let items = items as u64 + 20;
    match effort {
        Effort::Fast => 0,
        Effort::Balanced => (1_000_000 * items).min(900_000_000),
        Effort::Best => {
            (17_000_000 * items).min(1_800_000_000 + 5_600_000 * items).min(13_000_000_000)
        }
    }
}

/// Chooses the node left with the least priced, least lopsided room.
pub(super) struct BestFit {
    /// Per dimension: weight of one unit of room.
    pub(super) weight: Vec<f64>,
    pub(super) balance: f64,
    /// Open nodes, in any order, and where each is in the list.
    pub(super) open: Vec<u32>,
    place: Vec<u32>,
    pub(super) steps: u64,
}

impl BestFit {
    fn new(state: &State<'_>, weight: Vec<f64>) -> Self {
        let nodes = state.model().nodes().len();
        let mut fit =
            Self { weight, balance: 0.5, open: Vec::new(), place: vec![u32::MAX; nodes], steps: 0 };
        fit.reset(state);
        fit
    }

    pub(super) fn reset(&mut self, state: &State<'_>) {
        self.open.clear();
        self.place.fill(u32::MAX);
        for node in 0..self.place.len() as u32 {
            if state.is_open(node) {
                self.place[node as usize] = self.open.len() as u32;
                self.open.push(node);
            }
        }
    }
}

impl Chooser for BestFit {
    fn choose(&mut self, state: &State<'_>, item: u32) -> Option<u32> {
        let model = state.model();
        let demand = model.demand_of(model.items()[item as usize].class);
        let mut best: Option<(f64, u32)> = None;
        self.steps += self.open.len() as u64;
        for &node in &self.open {
            let free = state.free(node);
            if free.iter().zip(demand).any(|(&have, &need)| need > have && need > 0) {
                continue;
            }
            let (mut sum, mut low, mut high) = (0.0, f64::INFINITY, 0.0_f64);
            for ((&have, &need), weight) in free.iter().zip(demand).zip(&self.weight) {
                let rest = (have - need) as f64 * weight;
                sum += rest;
                low = low.min(rest);
                high = high.max(rest);
            }
            let score = sum + self.balance * (high - low);
            if best.is_none_or(|b| (score, node) < b) && state.can_place(item, node).is_ok() {
                best = Some((score, node));
            }
        }
        best.map(|b| b.1)
    }

    fn changed(&mut self, state: &State<'_>, node: u32) {
        let at = self.place[node as usize];
        if state.is_open(node) && at == u32::MAX {
            self.place[node as usize] = self.open.len() as u32;
            self.open.push(node);
        } else if !state.is_open(node) && at != u32::MAX {
            self.open.swap_remove(at as usize);
            self.place[node as usize] = u32::MAX;
            if let Some(&moved) = self.open.get(at as usize) {
                self.place[moved as usize] = at;
            }
        }
    }
}

/// Replaces the plans of `found` by cheaper ones where they are found.
pub(super) fn improve<'m>(
    start: &Desk<'m>,
    found: &mut Found<'m>,
    prices: &ResourcePrices,
    effort: Effort,
    work: &mut Work<'_>,
) {
    let model = start.state.model();
    let candidates: Vec<u32> =
        (0..model.nodes().len() as u32).filter(|&node| start.may_remove(node)).collect();
    if candidates.is_empty() {
        return;
    }
    let share = quota(effort, model.items().len());
    work.phase(share);
    let began = work.used();
    let mut random = Random::new(7);
    let mut fit = BestFit::new(&start.state, weights(start, prices));
    let mut trial = start.clone();
    restarts(start, found, &mut trial, &candidates, &mut fit, &mut random, work);
    let residents = residents(start);
    let around = (&candidates[..], &residents[..]);
    let mut walk = Walk::new(start, around, fit, random);
    // A small model is walked several times: one walk rarely leaves its valley.
    let walks = (1_000 / model.items().len().max(1)).clamp(1, 8) as u64;
    let left = |work: &Work<'_>| share.saturating_sub(work.used() - began);
    for number in 0..walks {
        if walks > 1 && number % 3 == 0 {
            let most = left(work) / (walks - number);
            let Walk { fit, random, .. } = &mut walk;
            if exchange(start, found, around, prices, fit, random, (most, work)) {
                break;
            }
        }
        let most = left(work) / (walks - number);
        walk.run(found, number, if number % 3 == 2 { most / 2 } else { most }, work);
    }
    work.phase(u64::MAX);
}

fn weights(start: &Desk<'_>, prices: &ResourcePrices) -> Vec<f64> {
    let model = start.state.model();
    let total = model.total_capacity();
    // Half by price, half by use: dimensions without a price count as far as they are scarce.
    let shares = use_shares(model);
    let all: f64 = shares.iter().sum::<f64>().max(1e-9);
    let value: Vec<f64> = prices.0.iter().zip(&total).map(|(&p, t)| p as f64 * t).collect();
    let sum = value.iter().sum::<f64>().max(1e-9);
    let scarce = value.iter().zip(&shares).zip(&total);
    scarce.map(|((value, share), total)| (0.5 * value / sum + 0.5 * share / all) / total).collect()
}

/// Items by home.
fn residents(start: &Desk<'_>) -> Vec<Vec<u32>> {
    let mut homes = vec![Vec::new(); start.state.model().nodes().len()];
    for (item, facts) in start.state.model().items().iter().enumerate() {
        if let Some(home) = facts.home {
            homes[home as usize].push(item as u32);
        }
    }
    homes
}

/// What draining first by this order means: smaller keys leave first.
pub(super) fn key(order: u32, desk: &Desk<'_>, node: u32, weight: &[f64]) -> f64 {
    let model = desk.state.model();
    let (free, capacity) = (desk.state.free(node), model.capacity_of(node));
    let mut used = 0.0;
    let mut room = 0.0;
    for ((&f, &c), w) in free.iter().zip(capacity).zip(weight) {
        used += (c - f) as f64 * w;
        room += f as f64 * w;
    }
    let all = (used + room).max(1e-12);
    let cost = model.nodes()[node as usize].cost.max(1) as f64;
    let items = desk.state.items_on(node).count() as f64 + 0.01;
    match order {
        0 => used / all,
        1 => items / cost,
        2 => used * items / cost,
        _ => 1.0 / (cost * room.max(1e-12)),
    }
}

fn restarts<'m>(
    start: &Desk<'m>,
    found: &mut Found<'m>,
    trial: &mut Desk<'m>,
    candidates: &[u32],
    fit: &mut BestFit,
    random: &mut Random,
    work: &mut Work<'_>,
) {
    for round in 0..12_u32 {
        let noise = if round < 4 { 0.0 } else { 0.25 };
        trial.copy_from(start);
        fit.reset(&trial.state);
        fit.balance = [0.5, 1.0, 0.2][round as usize % 3];
        for _ in 0..4 {
            let mut order: Vec<(f64, u32)> = candidates
                .iter()
                .filter(|&&node| trial.state.is_open(node))
                .map(|&node| {
                    let key = key(round % 4, trial, node, &fit.weight);
                    (key * (noise * random.normal()).exp(), node)
                })
                .collect();
            order.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            let before = trial.removed.len();
            for &(_, node) in &order {
                if !trial.has_room() || work.is_spent() {
                    break;
                }
                trial.drain(node, fit);
                work.spend(trial.take_steps() * 8 + std::mem::take(&mut fit.steps) * 2);
            }
            if trial.removed.len() == before || work.is_spent() {
                break;
            }
        }
        found.learn(trial);
    }
}
