//! Small models searched by sets: every set of nodes whose removal would leave
//! less cost than the best plan, and enough room in sum, is packed many times.

use super::desk::Desk;
use super::eject::place_all;
use super::found::Found;
use super::search::BestFit;
use crate::bound::{PRICE_SCALE, ResourcePrices};
use crate::random::Random;
use crate::work::Work;

/// Models with more nodes that may go are left to the walks.
const MOST_NODES: usize = 40;
/// Most partial sets looked at when sets are listed.
const MOST_STEPS: u64 = 3_000_000;
/// How often each set is packed, round by round.
const TRIES: [usize; 4] = [2, 6, 24, 96];

/// A set of nodes to remove, as bits over the candidates, and what stays costs.
type Set = (i64, u64);

/// What the nodes that may go hold and leave.
struct Sums<'s, 'm> {
    start: &'s Desk<'m>,
    candidates: &'s [u32],
    residents: &'s [Vec<u32>],
    /// Cost, load and room per candidate.
    cost: Vec<i64>,
    load: Vec<Vec<i64>>,
    room: Vec<Vec<i64>>,
    /// Room of the nodes that stay in any case.
    fixed: Vec<i64>,
    /// Price per unit of each dimension, and what the candidates from each place
    /// on are worth beyond their cost at the most.
    price: Vec<f64>,
    gain: Vec<f64>,
}

/// Improves the answer by other sets for about so many units of work. True if no
/// other set can be better.
pub(super) fn exchange<'m>(
    start: &Desk<'m>,
    found: &mut Found<'m>,
    (candidates, residents): (&[u32], &[Vec<u32>]),
    prices: &ResourcePrices,
    fit: &mut BestFit,
    random: &mut Random,
    (units, work): (u64, &mut Work<'_>),
) -> bool {
    if candidates.len() > MOST_NODES {
        return false;
    }
    let sums = Sums::new(start, candidates, residents, prices);
    let end = work.used().saturating_add(units);
    let mut trial = start.clone();
    let mut round = 0;
    let (mut sets, mut all) = sums.cheaper(found, work);
    while round < TRIES.len() && !sets.is_empty() {
        let mut better = false;
        for &(_, set) in &sets {
            if work.is_spent() || work.used() >= end {
                return false;
            }
            for _ in 0..TRIES[round] {
                better = sums.pack(set, &mut trial, fit, random);
                let steps = trial.take_steps() * 8 + std::mem::take(&mut fit.steps) * 2;
                work.spend(steps + 1_000);
                if better {
                    break;
                }
            }
            if better {
                found.learn(&trial);
                break;
            }
        }
        round = if better { 0 } else { round + 1 };
        if better {
            (sets, all) = sums.cheaper(found, work);
        }
    }
    all && sets.is_empty()
}

impl<'s, 'm> Sums<'s, 'm> {
    fn new(
        start: &'s Desk<'m>,
        candidates: &'s [u32],
        residents: &'s [Vec<u32>],
        prices: &ResourcePrices,
    ) -> Self {
        let model = start.state.model();
        let room_of = |node: u32| -> Vec<i64> {
            start.state.free(node).iter().map(|&free| free.max(0)).collect()
        };
        let load_of = |node: u32| -> Vec<i64> {
            let mut load = vec![0; model.dims()];
            for &item in &residents[node as usize] {
                for (sum, &need) in
                    load.iter_mut().zip(model.demand_of(model.items()[item as usize].class))
                {
                    *sum += need;
                }
            }
            load
        };
        let mut fixed = vec![0; model.dims()];
        let stays = |node: &u32| !candidates.contains(node);
        for node in (0..model.nodes().len() as u32).filter(stays) {
            add(&mut fixed, &room_of(node), 1);
        }
        let price: Vec<f64> = prices.0.iter().map(|&p| p as f64 / PRICE_SCALE as f64).collect();
        let load: Vec<Vec<i64>> = candidates.iter().map(|&node| load_of(node)).collect();
        let room: Vec<Vec<i64>> = candidates.iter().map(|&node| room_of(node)).collect();
        let cost = candidates.iter().map(|&node| model.nodes()[node as usize].cost).collect();
        let mut sums =
            Self { start, candidates, residents, cost, load, room, fixed, price, gain: vec![0.0] };
        for at in (0..candidates.len()).rev() {
            let amounts = sums.load[at].iter().zip(&sums.room[at]).zip(&sums.price);
            let worth: f64 = amounts.map(|((l, r), price)| (l + r) as f64 * price).sum();
            sums.gain
                .push(sums.gain[sums.gain.len() - 1] + (worth - sums.cost[at] as f64).max(0.0));
        }
        sums.gain.reverse();
        sums
    }

    /// Sets that leave less cost than the answer and may hold everything, cheapest first,
    /// and whether these are all.
    fn cheaper(&self, found: &Found<'m>, work: &mut Work<'_>) -> (Vec<Set>, bool) {
        let best = found.chosen();
        let mut listing = Listing {
            sums: self,
            found,
            most_nodes: self.start.gates.max_removed.unwrap_or(u32::MAX) as usize,
            steps: 0,
            sets: Vec::new(),
        };
        let stays: i64 = best.cost()
            - (self.candidates.iter().zip(&self.cost))
                .filter(|(node, _)| best.state.is_open(**node))
                .map(|(_, cost)| cost)
                .sum::<i64>();
        let mut missing: Vec<i64> = self.fixed.iter().map(|room| -room).collect();
        for load in &self.load {
            add(&mut missing, load, 1);
        }
        listing.list(0, Branch { cost: stays, missing, set: 0, moves: 0, nodes: 0 });
        work.spend(listing.steps * 12);
        let mut sets = listing.sets;
        sets.sort_unstable();
        (sets, listing.steps <= MOST_STEPS)
    }

    /// Removes the set from the beginning and places its items in a random order.
    fn pack(&self, set: u64, trial: &mut Desk<'m>, fit: &mut BestFit, random: &mut Random) -> bool {
        trial.copy_from(self.start);
        let mut items: Vec<u32> = Vec::new();
        for at in (0..self.candidates.len()).filter(|&at| set >> at & 1 == 1) {
            trial.clear(self.candidates[at], &mut items);
        }
        fit.reset(&trial.state);
        fit.balance = 1.6 * random.unit() * random.unit();
        let noise = 0.5 * random.unit() * random.unit();
        let count = trial.rank.len() as f64;
        let mut order: Vec<(f64, u32)> = items
            .iter()
            .map(|&item| {
                let place = f64::from(trial.rank[item as usize]) / count;
                (place + noise * random.normal(), item)
            })
            .collect();
        order.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let order = order.into_iter().map(|pair| pair.1).collect();
        place_all(trial, order, fit, random) && trial.all_hold()
    }
}

fn add(sum: &mut [i64], amounts: &[i64], times: i64) {
    for (sum, amount) in sum.iter_mut().zip(amounts) {
        *sum = sum.saturating_add(amount * times);
    }
}

/// A choice for the first candidates: what stays costs, the room that is still
/// missing for the load of all candidates, and what goes.
struct Branch {
    cost: i64,
    missing: Vec<i64>,
    set: u64,
    moves: usize,
    nodes: usize,
}

/// Lists sets by deciding candidate after candidate.
struct Listing<'l, 's, 'm> {
    sums: &'l Sums<'s, 'm>,
    found: &'l Found<'m>,
    most_nodes: usize,
    steps: u64,
    sets: Vec<Set>,
}

impl Listing<'_, '_, '_> {
    fn list(&mut self, at: usize, branch: Branch) {
        self.steps += 1;
        let sums = self.sums;
        let worth: f64 = branch
            .missing
            .iter()
            .zip(&sums.price)
            .map(|(&missing, price)| missing.max(0) as f64 * price)
            .sum();
        let least = branch.cost as f64 + worth - sums.gain[at];
        if self.steps > MOST_STEPS || least >= self.found.ceiling(branch.moves) {
            return;
        }
        if at == sums.candidates.len() {
            if branch.missing.iter().all(|&missing| missing <= 0) {
                self.sets.push((branch.cost, branch.set));
            }
            return;
        }
        let moves = branch.moves + sums.residents[sums.candidates[at] as usize].len();
        if branch.nodes < self.most_nodes {
            let (set, nodes) = (branch.set | 1 << at, branch.nodes + 1);
            let missing = branch.missing.clone();
            self.list(at + 1, Branch { cost: branch.cost, missing, set, moves, nodes });
        }
        let mut kept = branch;
        kept.cost += sums.cost[at];
        add(&mut kept.missing, &sums.room[at], -1);
        add(&mut kept.missing, &sums.load[at], -1);
        self.list(at + 1, kept);
    }
}
