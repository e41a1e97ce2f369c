//! Choosing nodes to empty: which nodes leave, and where their items go.
//!
//! For callers that pay per node. Only items of removed nodes move and only
//! onto nodes that stay, so the drains may run in any order without ever
//! exceeding a capacity. It refuses to know why a node may not be removed or
//! what a move costs beyond the given weights.

mod desk;
mod drain;
mod eject;
mod exchange;
mod found;
mod replace;
mod search;
mod walk;

pub use replace::{Bought, Offer, Replacement, replace, verify_replacement};

use crate::bound::{Bound, ExistingBin, Proof, resource_prices, subset_bound};
use crate::placement::{Model, State};
use crate::work::{Effort, Work};
use desk::Desk;
use found::Found;

/// Limits a plan must respect besides the model itself.
#[derive(Debug, Clone, Default)]
pub struct Gates {
    /// Most nodes a plan may remove.
    pub max_removed: Option<u32>,
    /// Per node: may it be removed? `None` allows every node that
    /// [`Node::removable`](crate::placement::Node::removable) allows.
    pub permitted: Option<Vec<bool>>,
}

/// One item's change of node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Move {
    /// Index of the item.
    pub item: u32,
    /// Its home, a removed node.
    pub from: u32,
    /// Its new node, one that stays.
    pub to: u32,
}

/// What to remove and what that saves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Removed nodes, in the order they were decided.
    pub removed: Vec<u32>,
    /// One move per item of a removed node, ordered by removed node as in
    /// `removed`, then by item.
    pub moves: Vec<Move>,
    /// Cost of all nodes before.
    pub cost_before: i64,
    /// Cost of the nodes that stay.
    pub cost_after: i64,
    /// Sum of the weights of the moved items.
    pub weight: u64,
    /// No plan on these nodes can cost less; see [`verify_bound`].
    pub bound: Bound,
    /// Work units used; this number as a budget reproduces the plan.
    pub work_used: u64,
    /// True if the cancel check ended the search.
    pub cancelled: bool,
}

impl Plan {
    /// Money saved per hour.
    #[must_use]
    pub fn saving(&self) -> i64 {
        self.cost_before - self.cost_after
    }
}

/// The work budget that fits an effort: `Fast` is one pass and never stops
/// early; `Balanced` ends within about 2 s and `Best` within about 40 s on one
/// core of a 2-core cloud machine. Small models end sooner: the search is also
/// limited to a number of units per item (1 and 12 million).
#[must_use]
pub fn budget(effort: Effort) -> u64 {
    match effort {
        Effort::Fast => u64::MAX,
        Effort::Balanced => 1_000_000_000,
        Effort::Best => 30_000_000_000,
    }
}

/// Finds nodes to remove so that what stays costs least.
///
/// The plan holds every rule of the model for every moved item in the final
/// state and leaves no carrier of a together rule without its target. `Fast`
/// walks the way of [`drain_under_half`] and on: it never has both more moves
/// and more cost. The larger efforts have no more moves than that plan, unless
/// staying within them would leave nodes that cost a twentieth more, and end at
/// or below its cost or its number of moves.
#[must_use]
pub fn consolidate(model: &Model, gates: &Gates, effort: Effort, work: &mut Work<'_>) -> Plan {
    let mut first = Desk::new(model, gates);
    if effort == Effort::Fast {
        drain::under_half(&mut first, true, work);
        return plan_of(&first, effort, work);
    }
    let start = first.clone();
    drain::under_half(&mut first, true, work);
    let mut rule = start.clone();
    drain::under_half(&mut rule, false, work);
    let mut found = Found::new(&start, rule);
    found.learn(&first);
    let mut keepers = start.clone();
    drain::indexed_pass(&mut keepers, work);
    found.learn(&keepers);
    let prices = with_bins(model, gates, |d, bins| resource_prices(d, bins, &[]));
    search::improve(&start, &mut found, &prices, effort, work);
    plan_of(found.chosen(), effort, work)
}

/// The plain rule for comparison: take every removable node of which less than
/// half is allocated in some dimension, emptiest first, and remove it if all
/// its items fit elsewhere, first fit in node order.
#[must_use]
pub fn drain_under_half(model: &Model, gates: &Gates, work: &mut Work<'_>) -> Plan {
    let mut desk = Desk::new(model, gates);
    drain::under_half(&mut desk, false, work);
    plan_of(&desk, Effort::Fast, work)
}

/// Recomputes the bound of a plan from its proof with integers only: total
/// demand of the placed items against every node's capacity (its load where
/// that is already larger), nodes that may not be removed always paid.
#[must_use]
pub fn verify_bound(model: &Model, gates: &Gates, bound: &Bound) -> bool {
    with_bins(model, gates, |demand, bins| match &bound.proof {
        Proof::Resources(prices) => {
            prices.0.len() == demand.len() && prices.bound(demand, bins, &[]) >= bound.value
        }
        Proof::Cover(prices) => {
            subset_bound(demand, (bins, &[]), prices, bound.value, SUBSETS) >= bound.value
        }
        Proof::Contents(_) => false,
    })
}

/// Up to so many nodes the bound also looks at whole nodes.
const WHOLE_NODES: usize = 64;
/// Partial subsets looked at for that.
const SUBSETS: usize = 300_000;
/// The same for [`Effort::Fast`]: on a handful of nodes half a node is a large part of the cost, and
/// so few subsets cost next to nothing.
const FEW_NODES: usize = 16;
const FEW_SUBSETS: usize = 1_000;

fn bound_of(model: &Model, gates: &Gates, effort: Effort, cost: i64) -> Bound {
    with_bins(model, gates, |demand, bins| {
        let prices = resource_prices(demand, bins, &[]);
        let value = prices.bound(demand, bins, &[]);
        let (nodes, subsets) =
            if effort == Effort::Fast { (FEW_NODES, FEW_SUBSETS) } else { (WHOLE_NODES, SUBSETS) };
        if bins.len() <= nodes {
            let whole = subset_bound(demand, (bins, &[]), &prices, cost, subsets);
            if whole > value {
                return Bound { value: whole, proof: Proof::Cover(prices) };
            }
        }
        Bound { value, proof: Proof::Resources(prices) }
    })
}

/// Checks a plan against the model from the beginning.
#[must_use]
pub fn verify(model: &Model, gates: &Gates, plan: &Plan) -> bool {
    let desk = Desk::new(model, gates);
    let mut state = State::new(model);
    let mut cost = plan.cost_before;
    for &node in &plan.removed {
        if !desk.may_remove(node) || !state.is_open(node) {
            return false;
        }
        state.close(node);
        cost -= model.nodes()[node as usize].cost;
    }
    let mut from = Vec::with_capacity(plan.moves.len());
    for step in &plan.moves {
        if state.is_open(step.from) || state.remove(step.item) != Some(step.from) {
            return false;
        }
        from.push((model.items()[step.item as usize].class, step.from));
    }
    let emptied = plan.removed.iter().all(|&n| state.items_on(n).next().is_none());
    for step in &plan.moves {
        state.place(step.item, step.to);
    }
    emptied
        && cost == plan.cost_after
        && gates.max_removed.is_none_or(|most| plan.removed.len() <= most as usize)
        && plan.moves.iter().all(|step| state.holds(step.item))
        && !from.iter().any(|&(class, node)| state.strands(class, node))
}

fn plan_of(desk: &Desk<'_>, effort: Effort, work: &Work<'_>) -> Plan {
    let model = desk.state.model();
    let mut rank = vec![u32::MAX; model.nodes().len()];
    for (at, &node) in desk.removed.iter().enumerate() {
        rank[node as usize] = at as u32;
    }
    let mut moves: Vec<Move> = Vec::new();
    for (item, facts) in model.items().iter().enumerate() {
        if let (Some(from), Some(to)) = (facts.home, desk.state.node_of(item as u32))
            && from != to
        {
            moves.push(Move { item: item as u32, from, to });
        }
    }
    moves.sort_by_key(|step| rank[step.from as usize]);
    let weights = moves.iter().map(|step| model.items()[step.item as usize].weight);
    Plan {
        weight: weights.fold(0, u64::saturating_add),
        cost_before: model.total_cost(),
        cost_after: desk.cost(),
        bound: bound_of(model, desk.gates, effort, desk.cost()),
        removed: desk.removed.clone(),
        moves,
        work_used: work.used(),
        cancelled: work.is_cancelled(),
    }
}

fn with_bins<T>(
    model: &Model,
    gates: &Gates,
    run: impl FnOnce(&[i128], &[ExistingBin<'_>]) -> T,
) -> T {
    let dims = model.dims();
    let mut holds = model.capacity.clone();
    let mut loads = vec![0_i64; holds.len()];
    for item in model.items() {
        if let Some(home) = item.home {
            let load = &mut loads[home as usize * dims..(home as usize + 1) * dims];
            for (sum, &need) in load.iter_mut().zip(model.demand_of(item.class)) {
                *sum = sum.saturating_add(need);
            }
        }
    }
    let mut demand = vec![0_i128; dims];
    for (at, (capacity, &load)) in holds.iter_mut().zip(&loads).enumerate() {
        demand[at % dims] += i128::from(load);
        // An over-committed node holds more than its capacity, and may go on to.
        *capacity = (*capacity).max(load);
    }
    let movable = desk::movable(model, gates);
    let bins: Vec<ExistingBin<'_>> = model
        .nodes()
        .iter()
        .zip(holds.chunks_exact(dims))
        .zip(&movable)
        .map(|((node, capacity), &may_go)| ExistingBin {
            capacity,
            cost: node.cost,
            must_stay: !may_go,
        })
        .collect();
    run(&demand, &bins)
}
