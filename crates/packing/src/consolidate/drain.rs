//! Linear passes over an index that finds the first node with room.

use super::desk::{Chooser, Desk};
use crate::placement::{Model, State};
use crate::work::Work;

/// Nodes per block of the index; one block is compared without branches.
const BLOCK: usize = 32;

/// Nodes in a fixed order with their free room in coarse units, one lane per
/// dimension, and the largest room per block. Coarse comparisons never exclude
/// a node that fits; the exact test follows.
struct FirstFit {
    dims: usize,
    blocks: usize,
    /// Per dimension: how many low bits the coarse unit drops.
    shift: Vec<u32>,
    /// Lane of dimension `r`: `r * blocks * BLOCK ..`.
    room: Vec<i32>,
    /// Largest room of a block: `r * blocks + block`.
    most: Vec<i32>,
    order: Vec<u32>,
    position: Vec<u32>,
    /// Per class: the only node that may have room for it, because every other
    /// one was found too full when that node was being emptied. Valid while
    /// free room only shrinks.
    last_hope: Vec<u32>,
    /// The node being emptied, and whether any of its items has been placed.
    emptying: u32,
    placed: bool,
    need: Vec<i32>,
}

const NO_NODE: u32 = u32::MAX;
/// Room of a closed node: below every need, and no difference overflows.
const CLOSED: i32 = -1;

impl FirstFit {
    fn new(state: &State<'_>, order: Vec<u32>) -> Self {
        let model = state.model();
        let dims = model.dims();
        let blocks = order.len().div_ceil(BLOCK);
        let mut top = vec![0_i64; dims];
        for values in [&model.capacity, &model.demand] {
            for row in values.chunks_exact(dims) {
                for (most, &value) in top.iter_mut().zip(row) {
                    *most = (*most).max(value);
                }
            }
        }
        let shift = top.iter().map(|t| (66 - t.leading_zeros()).saturating_sub(32));
        let mut index = Self {
            dims,
            blocks,
            shift: shift.collect(),
            room: vec![CLOSED; dims * blocks * BLOCK],
            most: vec![CLOSED; dims * blocks],
            position: vec![NO_NODE; model.nodes().len()],
            order,
            last_hope: vec![NO_NODE; model.classes().len()],
            emptying: NO_NODE,
            placed: false,
            need: vec![0; dims],
        };
        for at in 0..index.order.len() {
            let node = index.order[at];
            index.position[node as usize] = at as u32;
            index.write(state, node, at);
        }
        index
    }

    /// Writes a node's room and keeps the block's largest up to date.
    fn write(&mut self, state: &State<'_>, node: u32, at: usize) {
        let lane = self.blocks * BLOCK;
        let open = state.is_open(node);
        for (r, &free) in state.free(node).iter().enumerate() {
            // A closed node refuses even a zero demand, an over-committed one
            // does not.
            let room = if open { (free.max(0) >> self.shift[r]) as i32 } else { CLOSED };
            let old = std::mem::replace(&mut self.room[r * lane + at], room);
            let most = r * self.blocks + at / BLOCK;
            if room >= self.most[most] {
                self.most[most] = room;
            } else if old == self.most[most] {
                self.pull(r, at / BLOCK);
            }
        }
    }

    fn pull(&mut self, r: usize, block: usize) {
        let from = r * self.blocks * BLOCK + block * BLOCK;
        let most = self.room[from..from + BLOCK].iter().copied().max();
        self.most[r * self.blocks + block] = most.unwrap_or(CLOSED);
    }

    /// The first position from `from` on where the coarse need fits.
    fn first(&self, from: usize) -> Option<usize> {
        let lane = self.blocks * BLOCK;
        for block in from / BLOCK..self.blocks {
            let may = (0..self.dims).all(|r| self.need[r] <= self.most[r * self.blocks + block]);
            if !may {
                continue;
            }
            // The sign of the accumulated differences says "does not fit".
            let mut lack = [0_i32; BLOCK];
            for (r, &need) in self.need.iter().enumerate() {
                let start = r * lane + block * BLOCK;
                if let Some(room) = self.room[start..].first_chunk::<BLOCK>() {
                    for i in 0..BLOCK {
                        lack[i] |= room[i].wrapping_sub(need);
                    }
                }
            }
            if lack.iter().fold(-1, |all, &l| all & l) < 0 {
                continue;
            }
            let skip = from.saturating_sub(block * BLOCK);
            if let Some(at) = lack.iter().skip(skip).position(|&l| l >= 0) {
                return Some(block * BLOCK + skip + at);
            }
        }
        None
    }
}

impl Chooser for FirstFit {
    fn choose(&mut self, state: &State<'_>, item: u32) -> Option<u32> {
        let model = state.model();
        let class = model.items()[item as usize].class as usize;
        let demand = model.demand_of(class as u32);
        // Topology rules can loosen while room shrinks, so they are left out.
        let plain = model.classes()[class].groups.is_empty();
        let hope = self.last_hope[class];
        if plain && hope != NO_NODE {
            let fits = state.can_place(item, hope).is_ok();
            self.placed |= fits;
            return fits.then_some(hope);
        }
        for ((need, &d), &shift) in self.need.iter_mut().zip(demand).zip(&self.shift) {
            *need = (d >> shift) as i32;
        }
        let mut from = 0;
        while let Some(at) = self.first(from) {
            let node = self.order[at];
            if state.can_place(item, node).is_ok() {
                self.placed = true;
                return Some(node);
            }
            from = at + 1;
        }
        if plain && !self.placed {
            self.last_hope[class] = self.emptying;
        }
        None
    }

    fn changed(&mut self, state: &State<'_>, node: u32) {
        if !state.is_open(node) {
            self.emptying = node;
            self.placed = false;
        }
        let at = self.position[node as usize];
        if at == u32::MAX {
            return;
        }
        self.write(state, node, at as usize);
    }
}

/// The plain rule; see [`super::drain_under_half`]. With `rest` the other
/// nodes follow in the same order, which can only lower the cost further.
pub(super) fn under_half(desk: &mut Desk<'_>, rest: bool, work: &mut Work<'_>) {
    let model = desk.state.model();
    let nodes = model.nodes().len() as u32;
    let telling = telling(&desk.state);
    let mut order: Vec<(f64, u32)> = (0..nodes)
        .filter(|&node| desk.may_remove(node))
        .map(|node| (use_of(&desk.state, &telling, node), node))
        .filter(|pair| rest || pair.0 < 0.5)
        .collect();
    order.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let mut index = FirstFit::new(&desk.state, (0..nodes).collect());
    // Alone, the plain rule tries every node; beyond it, a row of failures means
    // that the rest is full.
    let patience = if rest { 6 + nodes as usize / 25 } else { usize::MAX };
    run(desk, order.iter().map(|pair| pair.1), &mut index, patience, work);
}

/// One pass that removes the nodes with the highest cost per item first and
/// fills those that would be removed last first.
pub(super) fn indexed_pass(desk: &mut Desk<'_>, work: &mut Work<'_>) {
    let model = desk.state.model();
    let nodes = model.nodes().len();
    let mut items = vec![0_u32; nodes];
    for item in model.items() {
        if let Some(home) = item.home {
            items[home as usize] += 1;
        }
    }
    let mut order: Vec<(f64, u32)> = (0..nodes as u32)
        .map(|node| {
            let count = f64::from(items[node as usize].max(1));
            let key = if desk.may_remove(node) {
                model.nodes()[node as usize].cost as f64 / count
            } else {
                -1.0
            };
            (key, node)
        })
        .collect();
    order.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let keepers = order.iter().rev().map(|pair| pair.1).collect();
    let mut index = FirstFit::new(&desk.state, keepers);
    let candidates = order.iter().take_while(|pair| pair.0 >= 0.0).map(|pair| pair.1);
    run(desk, candidates, &mut index, usize::MAX, work);
}

/// The smallest share of a node's capacity in use, over the telling dimensions.
fn use_of(state: &State<'_>, telling: &[bool], node: u32) -> f64 {
    let pairs = state.model().capacity_of(node).iter().zip(state.free(node));
    pairs
        .zip(telling)
        .filter(|((capacity, _), telling)| **telling && **capacity > 0)
        .map(|((&capacity, &free), _)| (capacity - free) as f64 / capacity as f64)
        .fold(1.0, f64::min)
}

/// Of which dimensions the use of a node tells something: where there is far more of one than
/// anybody takes, such as places for pods, every node looks empty.
fn telling(state: &State<'_>) -> Vec<bool> {
    let shares = use_shares(state.model());
    let most = shares.iter().copied().fold(0.0, f64::max);
    shares.iter().map(|share| *share >= 0.1 * most).collect()
}

/// Per dimension: which share of all capacity is in use.
pub(super) fn use_shares(model: &Model) -> Vec<f64> {
    let mut load = vec![0.0_f64; model.dims()];
    for item in model.items() {
        for (sum, &amount) in load.iter_mut().zip(model.demand_of(item.class)) {
            *sum += amount as f64;
        }
    }
    load.iter().zip(model.total_capacity()).map(|(load, capacity)| load / capacity).collect()
}

fn run(
    desk: &mut Desk<'_>,
    order: impl Iterator<Item = u32>,
    index: &mut FirstFit,
    patience: usize,
    work: &mut Work<'_>,
) {
    let model = desk.state.model();
    let mut room = vec![0_i64; model.dims()];
    for node in (0..model.nodes().len() as u32).filter(|&node| desk.state.is_open(node)) {
        for (sum, &free) in room.iter_mut().zip(desk.state.free(node)) {
            *sum = sum.saturating_add(free.max(0));
        }
    }
    let mut failed = 0;
    for node in order {
        if !desk.has_room() || work.is_spent() || failed > patience {
            return;
        }
        // What all other nodes have left together must hold this node's load.
        let (free, capacity) = (desk.state.free(node), model.capacity_of(node));
        let need = |r: usize| capacity[r] - free[r] + free[r].max(0);
        let hopeful = room.iter().enumerate().all(|(r, &left)| left >= need(r) || need(r) <= 0);
        if !hopeful {
            continue;
        }
        let given: Vec<i64> = (0..room.len()).map(need).collect();
        if desk.drain(node, index) {
            failed = 0;
            for (sum, &gone) in room.iter_mut().zip(&given) {
                *sum = sum.saturating_sub(gone);
            }
        } else {
            failed += 1;
        }
        let steps = desk.take_steps();
        work.spend(steps.saturating_mul(30));
    }
}
