//! Neighbourhood search: a walk reopens some removed nodes, lifts moved items
//! off some others, and drains again in a random order around them. Worse plans
//! are accepted with a shrinking tolerance.

use super::desk::{Chooser, Desk};
use super::found::Found;
use super::search::{BestFit, key};
use crate::random::Random;
use crate::work::Work;

/// Share of the cost by which a step may be worse, at the beginning of a walk;
/// walks take turns.
const TOLERANCES: [f64; 4] = [0.004, 0.03, 0.012, 0.06];
/// What a move beyond those of the plain rule costs beside the others, where
/// the answer has to keep within them; walks take turns.
const EXTRA_MOVES: [f64; 3] = [20.0, 400.0, 80.0];

/// What the walks over one model share.
pub(super) struct Walk<'w, 'm> {
    trial: Desk<'m>,
    pub(super) fit: BestFit,
    pub(super) random: Random,
    candidates: &'w [u32],
    residents: &'w [Vec<u32>],
}

impl<'w, 'm> Walk<'w, 'm> {
    pub(super) fn new(
        start: &Desk<'m>,
        (candidates, residents): (&'w [u32], &'w [Vec<u32>]),
        fit: BestFit,
        random: Random,
    ) -> Self {
        Self { trial: start.clone(), fit, random, candidates, residents }
    }

    /// Walks from the best plan known for about so many units of work.
    pub(super) fn run(
        &mut self,
        found: &mut Found<'m>,
        number: u64,
        units: u64,
        work: &mut Work<'_>,
    ) {
        let began = work.used();
        let tolerance = TOLERANCES[number as usize % TOLERANCES.len()];
        let judge = found.judge(EXTRA_MOVES[number as usize % EXTRA_MOVES.len()]);
        let mut now = found.chosen().clone();
        let mut lowest = judge.price(&now);
        while !work.is_spent() && !now.removed.is_empty() {
            let done = (work.used() - began) as f64 / units.max(1) as f64;
            if done >= 1.0 {
                return;
            }
            let valid = self.step(&now);
            let steps = self.trial.take_steps() * 8 + std::mem::take(&mut self.fit.steps) * 2;
            work.spend(steps + 1_500);
            if !valid {
                continue;
            }
            let (new, old) = (judge.price(&self.trial), judge.price(&now));
            let slack = tolerance * (1.0 - done) * (1.0 - done);
            if new <= old || new < lowest * (1.0 + slack * self.random.unit()) {
                std::mem::swap(&mut now, &mut self.trial);
                found.learn(&now);
                lowest = lowest.min(new);
            }
        }
    }

    /// Makes `trial` a neighbour of `now`; false if it breaks a rule.
    fn step(&mut self, now: &Desk<'m>) -> bool {
        let Self { trial, fit, random, candidates, residents } = self;
        trial.copy_from(now);
        fit.reset(&trial.state);
        disturb(trial, residents, candidates, fit, random) && trial.all_hold()
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
    lifted.sort_unstable_by_key(|&item| desk.rank[item as usize]);
    if !desk.settle(lifted.into_iter(), fit) {
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
