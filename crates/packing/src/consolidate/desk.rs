//! A consolidation under construction: a placement state, the nodes removed so
//! far, and all-or-nothing draining of one node.

use super::Gates;
use crate::placement::{Model, Rule, State};

/// Chooses where an item goes and is told what changed.
pub(super) trait Chooser {
    /// An open node that allows the unplaced item.
    fn choose(&mut self, state: &State<'_>, item: u32) -> Option<u32>;
    /// The free capacity or openness of a node has changed.
    fn changed(&mut self, state: &State<'_>, node: u32);
}

/// Items, nodes and what has been decided.
#[derive(Clone)]
pub(super) struct Desk<'m> {
    pub(super) state: State<'m>,
    pub(super) gates: &'m Gates,
    pub(super) removed: Vec<u32>,
    /// Per item: its place when the largest come first.
    pub(super) rank: Vec<u32>,
    movable: Vec<bool>,
    cost: i64,
    /// Items per home; every one of a removed node's moves.
    residents: Vec<u32>,
    moves: usize,
    /// Moved carriers of spread rules: later moves can break them.
    fragile: Vec<u32>,
    scratch: Vec<u32>,
    steps: u64,
}

impl<'m> Desk<'m> {
    /// Nothing removed yet.
    pub(super) fn new(model: &'m Model, gates: &'m Gates) -> Self {
        let mut residents = vec![0_u32; model.nodes().len()];
        for home in model.items().iter().filter_map(|item| item.home) {
            residents[home as usize] += 1;
        }
        Self {
            residents,
            moves: 0,
            state: State::new(model),
            gates,
            removed: Vec::new(),
            rank: item_ranks(model),
            movable: movable(model, gates),
            cost: model.total_cost(),
            fragile: Vec::new(),
            scratch: Vec::new(),
            steps: 0,
        }
    }

    /// Whether gates and pinned items allow removing the node.
    pub(super) fn may_remove(&self, node: u32) -> bool {
        self.movable.get(node as usize) == Some(&true)
    }

    /// Whether one more node may be removed.
    pub(super) fn has_room(&self) -> bool {
        let most = self.gates.max_removed;
        most.is_none_or(|most| self.removed.len() < most as usize)
    }

    /// Cost of the nodes that stay.
    pub(super) fn cost(&self) -> i64 {
        self.cost
    }

    /// Items that are not at home.
    pub(super) fn moves(&self) -> usize {
        self.moves
    }

    /// Steps done since the last call, for counting work.
    pub(super) fn take_steps(&mut self) -> u64 {
        std::mem::take(&mut self.steps)
    }

    /// Empties and closes a node, or leaves everything as it was.
    pub(super) fn drain<C: Chooser>(&mut self, node: u32, chooser: &mut C) -> bool {
        let mut items = std::mem::take(&mut self.scratch);
        items.clear();
        items.extend(self.state.items_on(node));
        let rank = &self.rank;
        items.sort_unstable_by_key(|&i| rank[i as usize]);
        self.steps += items.len() as u64 + 1;
        self.state.close(node);
        chooser.changed(&self.state, node);
        let mut placed = 0;
        for &item in &items {
            self.state.remove(item);
            let Some(to) = chooser.choose(&self.state, item) else {
                self.state.place(item, node);
                break;
            };
            self.state.place(item, to);
            chooser.changed(&self.state, to);
            placed += 1;
        }
        let fine = placed == items.len() && self.rules_hold(node, &items);
        if fine {
            self.removed.push(node);
            self.moves += self.residents[node as usize] as usize;
            self.cost -= self.state.model().nodes()[node as usize].cost;
        } else {
            for &item in items[..placed].iter().rev() {
                let from = self.state.remove(item);
                self.state.place(item, node);
                if let Some(from) = from {
                    chooser.changed(&self.state, from);
                }
            }
            self.state.reopen(node);
            chooser.changed(&self.state, node);
        }
        self.scratch = items;
        fine
    }

    /// Opens a removed node again and brings the items whose home it is back,
    /// from wherever they are.
    pub(super) fn restore(&mut self, node: u32, residents: &[u32]) {
        let Some(at) = self.removed.iter().position(|&n| n == node) else {
            return;
        };
        self.removed.remove(at);
        self.moves -= self.residents[node as usize] as usize;
        self.cost += self.state.model().nodes()[node as usize].cost;
        self.state.reopen(node);
        for &item in residents {
            self.state.remove(item);
            self.state.place(item, node);
            self.fragile.retain(|&f| f != item);
        }
        self.steps += residents.len() as u64 * 2 + 2;
    }

    /// Takes an item that is not at home off its node, to be placed again.
    pub(super) fn lift(&mut self, item: u32) {
        self.state.remove(item);
        self.steps += 1;
    }

    /// Places a lifted item, without testing any rule.
    pub(super) fn put(&mut self, item: u32, node: u32) {
        self.state.place(item, node);
        self.steps += 1;
    }

    /// Closes and removes a node, lifts its items and adds them to `lifted`.
    pub(super) fn clear(&mut self, node: u32, lifted: &mut Vec<u32>) {
        let from = lifted.len();
        lifted.extend(self.state.items_on(node));
        self.state.close(node);
        for &item in &lifted[from..] {
            self.state.remove(item);
        }
        self.removed.push(node);
        self.moves += self.residents[node as usize] as usize;
        self.cost -= self.state.model().nodes()[node as usize].cost;
        self.steps += (lifted.len() - from) as u64 + 1;
    }

    /// Places lifted items in this order; false at the first without a node.
    pub(super) fn settle<C: Chooser>(
        &mut self,
        items: impl Iterator<Item = u32>,
        chooser: &mut C,
    ) -> bool {
        for item in items {
            let Some(to) = chooser.choose(&self.state, item) else {
                return false;
            };
            self.state.place(item, to);
            chooser.changed(&self.state, to);
        }
        true
    }

    /// Whether every rule that moves can break holds for the whole plan.
    pub(super) fn all_hold(&mut self) -> bool {
        let model = self.state.model();
        if model.groups().is_empty() {
            return true;
        }
        self.steps += model.items().len() as u64;
        (0..model.items().len() as u32).all(|item| {
            let facts = &model.items()[item as usize];
            let (Some(home), Some(now)) = (facts.home, self.state.node_of(item)) else {
                return true;
            };
            home == now || self.state.holds(item) && !self.state.strands(facts.class, home)
        })
    }

    /// Becomes a copy of another desk over the same model, reusing memory.
    pub(super) fn copy_from(&mut self, other: &Self) {
        self.state.copy_from(&other.state);
        self.removed.clone_from(&other.removed);
        self.fragile.clone_from(&other.fragile);
        self.cost = other.cost;
        self.moves = other.moves;
        self.steps += 20 + other.state.size() as u64 / 30;
    }

    /// Rules that later moves can break: spreads of moved carriers, and
    /// targets that others need in the domain just left.
    fn rules_hold(&mut self, from: u32, items: &[u32]) -> bool {
        let model = self.state.model();
        if model.groups().is_empty() {
            return true;
        }
        let class_of = |item: u32| model.items()[item as usize].class;
        if items.iter().any(|&item| self.state.strands(class_of(item), from)) {
            return false;
        }
        let known = self.fragile.len();
        for &item in items {
            let spreads =
                |group: u32| matches!(model.groups()[group as usize].rule, Rule::Spread { .. });
            let roles = model.roles_of(class_of(item));
            if roles.iter().any(|role| role.carrier && spreads(role.group)) {
                self.fragile.push(item);
            }
        }
        self.steps += self.fragile.len() as u64;
        let all = (0..self.fragile.len()).all(|at| self.state.holds(self.fragile[at]));
        if !all {
            self.fragile.truncate(known);
        }
        all
    }
}

/// Which nodes gates and pinned items allow to remove.
pub(super) fn movable(model: &Model, gates: &Gates) -> Vec<bool> {
    let mut movable: Vec<bool> = (0..model.nodes().len())
        .map(|n| {
            let permitted = gates.permitted.as_ref();
            model.nodes()[n].removable && permitted.is_none_or(|p| p.get(n) == Some(&true))
        })
        .collect();
    for item in model.items().iter().filter(|item| !item.movable) {
        if let Some(home) = item.home {
            movable[home as usize] = false;
        }
    }
    movable
}

/// Place of every item by its largest share of the mean node, largest first.
pub(super) fn item_ranks(model: &Model) -> Vec<u32> {
    let dims = model.dims();
    let total = model.total_capacity();
    let share = |class: usize| {
        let demand = &model.demand[class * dims..(class + 1) * dims];
        let shares = demand.iter().zip(&total).map(|(&d, t)| d as f64 / t);
        shares.fold(0.0_f64, f64::max)
    };
    let mut order: Vec<(f64, u32)> =
        (0..model.classes().len()).map(|class| (share(class), class as u32)).collect();
    order.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    // Counting sort: where the items of each class start.
    let mut start = vec![0_u32; order.len() + 1];
    for item in model.items() {
        start[item.class as usize] += 1;
    }
    let mut next = 0;
    for &(_, class) in &order {
        let count = std::mem::replace(&mut start[class as usize], next);
        next += count;
    }
    let place = |item: &crate::placement::Item| {
        let at = &mut start[item.class as usize];
        *at += 1;
        *at - 1
    };
    model.items().iter().map(place).collect()
}
