//! Linear passes over an index that finds the first node with room.

use super::desk::{Chooser, Desk};
use crate::placement::State;
use crate::work::Work;

/// A tournament tree over nodes in a fixed order; every inner cell holds the
/// largest free amount per dimension below it.
struct FirstFit {
    dims: usize,
    leaves: usize,
    cells: Vec<i64>,
    order: Vec<u32>,
    position: Vec<u32>,
    /// Per class: the only node that may have room for it, because every other
    /// one was found too full when that node was being emptied. Valid while
    /// free room only shrinks.
    last_hope: Vec<u32>,
    /// The node being emptied, and whether any of its items has been placed.
    emptying: u32,
    placed: bool,
}

const NO_NODE: u32 = u32::MAX;

impl FirstFit {
    fn new(state: &State<'_>, order: Vec<u32>) -> Self {
        let dims = state.model().dims();
        let leaves = order.len().next_power_of_two();
        let mut tree = Self {
            dims,
            leaves,
            cells: vec![i64::MIN; 2 * leaves * dims],
            position: vec![u32::MAX; state.model().nodes().len()],
            order,
            last_hope: vec![NO_NODE; state.model().classes().len()],
            emptying: NO_NODE,
            placed: false,
        };
        for (at, &node) in tree.order.iter().enumerate() {
            tree.position[node as usize] = at as u32;
            if state.is_open(node) {
                let cell = (leaves + at) * dims;
                tree.cells[cell..cell + dims].copy_from_slice(state.free(node));
            }
        }
        for cell in (1..leaves).rev() {
            tree.pull(cell);
        }
        tree
    }

    /// Recomputes an inner cell; true if it changed.
    fn pull(&mut self, cell: usize) -> bool {
        let dims = self.dims;
        let mut changed = false;
        for dim in 0..dims {
            let most =
                self.cells[2 * cell * dims + dim].max(self.cells[(2 * cell + 1) * dims + dim]);
            changed |= self.cells[cell * dims + dim] != most;
            self.cells[cell * dims + dim] = most;
        }
        changed
    }

    fn fits(&self, cell: usize, demand: &[i64]) -> bool {
        let free = &self.cells[cell * self.dims..(cell + 1) * self.dims];
        // A zero demand fits even where the node is over-committed, but not
        // where it is closed.
        free.iter().zip(demand).all(|(&have, &need)| need <= have || need == 0 && have > i64::MIN)
    }

    /// The first position from `from` on where the demand fits.
    fn first(&self, demand: &[i64], from: usize) -> Option<usize> {
        if from >= self.order.len() {
            return None;
        }
        let mut cell = from + self.leaves;
        loop {
            if self.fits(cell, demand) {
                if cell >= self.leaves {
                    return Some(cell - self.leaves);
                }
                cell *= 2;
                continue;
            }
            while cell & 1 == 1 {
                cell >>= 1;
            }
            if cell == 0 {
                return None;
            }
            cell += 1;
        }
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
        let mut from = 0;
        while let Some(at) = self.first(demand, from) {
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
        let mut cell = self.leaves + at as usize;
        let out = &mut self.cells[cell * self.dims..(cell + 1) * self.dims];
        if state.is_open(node) {
            out.copy_from_slice(state.free(node));
        } else {
            out.fill(i64::MIN);
        }
        while cell > 1 {
            cell /= 2;
            if !self.pull(cell) {
                break;
            }
        }
    }
}

/// The plain rule; see [`super::drain_under_half`]. With `rest` the other
/// nodes follow in the same order, which can only lower the cost further.
pub(super) fn under_half(desk: &mut Desk<'_>, rest: bool, work: &mut Work<'_>) {
    let model = desk.state.model();
    let nodes = model.nodes().len() as u32;
    let mut order: Vec<(f64, u32)> = (0..nodes)
        .filter(|&node| desk.may_remove(node))
        .map(|node| (use_of(&desk.state, node), node))
        .filter(|pair| rest || pair.0 < 0.5)
        .collect();
    order.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let mut tree = FirstFit::new(&desk.state, (0..nodes).collect());
    run(desk, order.iter().map(|pair| pair.1), &mut tree, work);
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
    let mut tree = FirstFit::new(&desk.state, keepers);
    let candidates = order.iter().take_while(|pair| pair.0 >= 0.0).map(|pair| pair.1);
    run(desk, candidates, &mut tree, work);
}

/// The smallest share of a node's capacity in use, over the dimensions.
pub(super) fn use_of(state: &State<'_>, node: u32) -> f64 {
    let pairs = state.model().capacity_of(node).iter().zip(state.free(node));
    pairs
        .filter(|(capacity, _)| **capacity > 0)
        .map(|(&capacity, &free)| (capacity - free) as f64 / capacity as f64)
        .fold(1.0, f64::min)
}

fn run(
    desk: &mut Desk<'_>,
    order: impl Iterator<Item = u32>,
    tree: &mut FirstFit,
    work: &mut Work<'_>,
) {
    for node in order {
        if !desk.has_room() || work.is_spent() {
            return;
        }
        desk.drain(node, tree);
        let steps = desk.take_steps();
        work.spend(steps.saturating_mul(30));
    }
}
