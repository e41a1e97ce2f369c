//! What each node costs, and how its cost goes to the pods on it.

use std::collections::BTreeMap;

use facts::cluster::{ClusterState, CommitmentKind, Node};
use facts::decision::PriceUsed;
use facts::names::CapacityType;
use jiff::Timestamp;
use units::UsdPerHour;

use super::shares::shares;
use super::takings::Amounts;
use crate::commitments::{Capacity, Commitments};
use crate::machine_prices::{Machine, MachinePrices};

/// What a thousandth of a processor, a byte and an accelerator weigh: the prices that OpenCost
/// divides a node's price by, 0.031611 $ a core, 0.004237 $ a gibibyte, 0.95 $ an accelerator an
/// hour (<https://github.com/opencost/opencost/blob/develop/configs/default.json>), as whole numbers
/// in proportion. Only the proportion counts: what a node costs is its own price.
const WEIGHTS: [i128; 3] = [31_611 << 30, 4_237_000, 950_000_000 << 30];

/// A node with what it costs for an hour.
#[derive(Clone, Debug)]
pub(super) struct PricedNode<'a> {
    pub(super) node: &'a Node,
    pub(super) is_spot: bool,
    /// At its list or spot price, or as stated; `None` when unknown.
    pub(super) list: Option<i64>,
    /// What is paid of it: discounts taken off; `None` when the snapshot does not tell.
    pub(super) effective: Option<i64>,
    /// What a commitment covers it.
    pub(super) covered: Option<CommitmentKind>,
}

/// Nodes in the order of their names, with their prices.
pub(super) fn priced<'a>(
    state: &'a ClusterState,
    prices: &MachinePrices,
    now: Timestamp,
) -> (Vec<PricedNode<'a>>, Vec<PriceUsed>) {
    let mut nodes: Vec<&Node> = state.node_items().iter().collect();
    nodes.sort_by_key(|node| (&node.name, &node.uid, &node.provider_id, node.usd_per_hour));
    // A name stands for one node.
    nodes.dedup_by_key(|node| &node.name);
    let mut used: BTreeMap<String, PriceUsed> = BTreeMap::new();
    let mut price_of = |node: &Node| {
        let price = match node.usd_per_hour {
            Some(usd_per_hour) => PriceUsed {
                item: format!("node {}", node.name),
                usd_per_hour,
                basis: "stated".to_owned(),
                observed_at: None,
            },
            None => prices.price(&Machine::of_node(state, node)?)?.clone(),
        };
        let nanos = Some(price.usd_per_hour.nanos()).filter(|nanos| *nanos >= 0)?;
        used.insert(price.item.clone(), price);
        Some(nanos)
    };
    let lists: Vec<Option<i64>> = nodes.iter().map(|node| price_of(node)).collect();
    let bought = |node: &Node| node.capacity_type.unwrap_or(CapacityType::OnDemand);
    let capacities: Vec<Capacity> = nodes
        .iter()
        .zip(&lists)
        .map(|(node, list)| Capacity {
            instance_type: node.instance_type.clone().unwrap_or_default(),
            capacity_type: bought(node),
            usd_per_hour: UsdPerHour::from_nanos(list.unwrap_or(0)),
        })
        .collect();
    let commitments = Commitments::of(state, now);
    let covering = commitments.covering(&capacities.iter().collect::<Vec<_>>());
    let left = commitments.discount().complement();
    let all = nodes.into_iter().zip(lists).zip(covering).map(|((node, list), covered)| {
        let discounted = list.map(|nanos| UsdPerHour::from_nanos(nanos).scaled(left).nanos());
        let effective = match covered {
            // What was paid for it in advance, a snapshot does not tell.
            Some(CommitmentKind::ReservedInstances) => None,
            // What its owner states is what it costs.
            _ if node.usd_per_hour.is_some() => list,
            _ => discounted,
        };
        let is_spot = bought(node) == CapacityType::Spot;
        PricedNode { node, is_spot, list, effective, covered }
    });
    (all.collect(), used.into_values().collect())
}

/// One of the parts of a node's cost, by resource: processors, memory, accelerators.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) list: [i64; 3],
    pub(super) effective: i64,
}

/// A node's cost, shared out; the parts add up to it to the billionth.
pub(super) struct Divided {
    /// Of each pod, in the order of the amounts.
    pub(super) pods: Vec<Part>,
    /// What no pod may use: the node's own share.
    pub(super) system: Part,
    /// What no pod asked for.
    pub(super) idle: Part,
    /// Whether anything says how large the node is.
    pub(super) has_size: bool,
}

/// Shares a node's cost out to what its pods take.
pub(super) fn divided(priced: &PricedNode<'_>, taken: &[Amounts]) -> Divided {
    let node = priced.node;
    let mut allocatable = Amounts::of_list(&node.allocatable);
    allocatable.of[0] = node.allocatable_cpu().map_or(0, |cpu| cpu.0.max(0));
    allocatable.of[1] = node.allocatable_memory().map_or(0, |memory| memory.0.max(0));
    let capacity = Amounts::of_list(&node.capacity).joined(allocatable, i64::max);
    let sum = |at: usize| taken.iter().fold(0_i64, |sum, one| sum.saturating_add(one.of[at]));
    let offered = |at: usize| match (allocatable.of[at], capacity.of[at]) {
        (0, capacity) => capacity,
        (allocatable, _) => allocatable,
    };
    // Pods may take more than the node offers; then all of it is theirs.
    let wholes: [i64; 3] = std::array::from_fn(|at| sum(at).max(offered(at)));
    let weights: Vec<i128> =
        (0..3).map(|at| i128::from(capacity.of[at].max(wholes[at])) * WEIGHTS[at]).collect();
    let has_size = !capacity.is_nothing();
    let mut pods = vec![Part::default(); taken.len()];
    let (mut system, mut idle) = (Part::default(), Part::default());
    if weights.iter().all(|weight| *weight == 0) {
        // Nothing tells who uses the node.
        idle.list[0] = priced.list.unwrap_or(0);
        idle.effective = priced.effective.unwrap_or(0);
        return Divided { pods, system, idle, has_size };
    }
    let lists = shares(priced.list.unwrap_or(0), &weights);
    let effectives = shares(priced.effective.unwrap_or(0), &weights);
    for at in 0..3 {
        let mut own: Vec<i128> = taken.iter().map(|one| i128::from(one.of[at])).collect();
        own.push(i128::from(capacity.of[at].saturating_sub(offered(at)).max(0)));
        own.push(i128::from(wholes[at].saturating_sub(sum(at))));
        let list = shares(lists[at], &own);
        let effective = shares(effectives[at], &own);
        let parts = pods.iter_mut().chain([&mut system, &mut idle]);
        for ((part, list), effective) in parts.zip(list).zip(effective) {
            part.list[at] = list;
            part.effective = part.effective.saturating_add(effective);
        }
    }
    Divided { pods, system, idle, has_size }
}
