//! Restarts and neighbourhood search over drains.
//!
//! Restarts run several passes in different orders with shaken keys. The
//! neighbourhood search reopens some removed nodes, lifts moved items off some
//! others, and drains again in a random order around them; slightly worse plans
//! are accepted with a shrinking tolerance.

use super::desk::{Chooser, Desk};
use crate::bound::ResourcePrices;
use crate::placement::State;
use crate::random::Random;
use crate::work::{Effort, Work};

/// Work units of the search for a model with so many items: small models are
/// searched out long before a large budget ends.
fn quota(effort: Effort, items: usize) -> u64 {
    let (whole, per_item) = match effort {
        Effort::Fast => (0, 0),
        Effort::Balanced => (900_000_000, 1_000_000),
        Effort::Best => (25_000_000_000, 12_000_000),
    };
    whole.min(per_item * (items as u64 + 20))
}

/// Chooses the node left with the least priced, least lopsided room.
struct BestFit {
    /// Per dimension: weight of one unit of room.
    weight: Vec<f64>,
    balance: f64,
    /// Open nodes, in any order, and where each is in the list.
    open: Vec<u32>,
    place: Vec<u32>,
    steps: u64,
}

impl BestFit {
    fn new(state: &State<'_>, weight: Vec<f64>) -> Self {
        let nodes = state.model().nodes().len();
        let mut fit =
            Self { weight, balance: 0.5, open: Vec::new(), place: vec![u32::MAX; nodes], steps: 0 };
        fit.reset(state);
        fit
    }

    fn reset(&mut self, state: &State<'_>) {
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

/// Replaces `best` by a cheaper plan if one is found.
pub(super) fn improve<'m>(
    start: &Desk<'m>,
    best: &mut Desk<'m>,
    prices: &ResourcePrices,
    effort: Effort,
    rule_moves: usize,
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
    restarts(start, best, &mut trial, &candidates, &mut fit, &mut random, work);
    let residents = residents(start);
    let mut now = best.clone();
    let judge = Judge::new(start, rule_moves);
    while !work.is_spent() && !best.removed.is_empty() {
        let done = (work.used() - began) as f64 / share as f64;
        let tolerance = 0.004 * (1.0 - done) * (1.0 - done);
        trial.copy_from(&now);
        fit.reset(&trial.state);
        let valid =
            disturb(&mut trial, &residents, &candidates, &mut fit, &mut random) && trial.all_hold();
        let steps = trial.take_steps() * 8 + std::mem::take(&mut fit.steps) * 2;
        work.spend(steps + 1_500);
        if !valid {
            continue;
        }
        let (new, old) = (judge.price(&trial), judge.price(&now));
        let ceiling = judge.price(best) * (1.0 + tolerance * random.unit());
        if new <= old || new < ceiling {
            std::mem::swap(&mut now, &mut trial);
            if new < judge.price(best) {
                best.copy_from(&now);
            }
        }
    }
    work.phase(u64::MAX);
}

/// Prices a plan: its cost, a little for every move, and twenty times as much for
/// moves beyond those of the plain rule.
struct Judge {
    per_move: f64,
    free_moves: usize,
}

impl Judge {
    fn new(start: &Desk<'_>, free_moves: usize) -> Self {
        let items = start.state.model().items().len().max(1) as f64;
        Self { per_move: 0.002 * start.cost() as f64 / items, free_moves }
    }

    fn price(&self, desk: &Desk<'_>) -> f64 {
        let extra = desk.moves().saturating_sub(self.free_moves) as f64;
        desk.cost() as f64 + self.per_move * (desk.moves() as f64 + 20.0 * extra)
    }
}

fn weights(start: &Desk<'_>, prices: &ResourcePrices) -> Vec<f64> {
    let model = start.state.model();
    let mut total = vec![1.0_f64; model.dims()];
    for node in model.capacity.chunks_exact(model.dims()) {
        for (sum, &c) in total.iter_mut().zip(node) {
            *sum += c.max(0) as f64;
        }
    }
    // Half by price, half by share, so that free dimensions still count.
    let value: Vec<f64> = prices.0.iter().zip(&total).map(|(&p, t)| p as f64 * t).collect();
    let sum = value.iter().sum::<f64>().max(1e-9);
    let dims = model.dims() as f64;
    value.iter().zip(&total).map(|(v, t)| (0.5 * v / sum + 0.5 / dims) / t).collect()
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
fn key(order: u32, desk: &Desk<'_>, node: u32, weight: &[f64]) -> f64 {
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
    best: &mut Desk<'m>,
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
        if trial.cost() < best.cost() {
            best.copy_from(trial);
        }
    }
}

/// Changes part of a plan; false if it ended with an item nowhere.
fn disturb(
    desk: &mut Desk<'_>,
    residents: &[Vec<u32>],
    candidates: &[u32],
    fit: &mut BestFit,
    random: &mut Random,
) -> bool {
    let reopen = [0, 1, 1, 2, 2, 3][random.below(6)];
    let mut back: Vec<u32> = Vec::new();
    for _ in 0..reopen {
        if desk.removed.is_empty() {
            break;
        }
        let node = desk.removed[random.below(desk.removed.len())];
        desk.restore(node, &residents[node as usize]);
        fit.changed(&desk.state, node);
        back.push(node);
    }
    // Lift what was moved onto a few kept nodes.
    let mut lifted: Vec<u32> = Vec::new();
    let model = desk.state.model();
    for _ in 0..2 + random.below(8) {
        if fit.open.is_empty() {
            break;
        }
        let node = fit.open[random.below(fit.open.len())];
        let moved = |&item: &u32| model.items()[item as usize].home != Some(node);
        let from = lifted.len();
        lifted.extend(desk.state.items_on(node).filter(moved));
        for &item in &lifted[from..] {
            desk.lift(item);
        }
    }
    fit.balance = 0.2 + 1.3 * random.unit();
    // Drain one chosen node before the lifted items take the room.
    let mut order: Vec<(f64, u32)> = Vec::new();
    for _ in 0..6 + 2 * reopen {
        let node = candidates[random.below(candidates.len())];
        if desk.state.is_open(node) {
            let key = key(random.below(4) as u32, desk, node, &fit.weight);
            order.push((key, node));
        }
    }
    if random.below(3) > 0 {
        order.retain(|pair| !back.contains(&pair.1));
    }
    order.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let mut wanted = order.iter().map(|pair| pair.1);
    if random.below(2) == 0
        && let Some(node) = wanted.next().filter(|_| desk.has_room())
    {
        desk.drain(node, fit);
    }
    if !desk.settle(&mut lifted, fit) {
        return false;
    }
    for node in wanted {
        if desk.has_room() && desk.state.is_open(node) {
            desk.drain(node, fit);
        }
    }
    for node in back {
        if desk.has_room() && desk.state.is_open(node) {
            desk.drain(node, fit);
        }
    }
    true
}
