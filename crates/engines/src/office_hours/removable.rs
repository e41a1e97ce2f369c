//! Nodes that become empty while workloads rest, and what that saves.
//!
//! A node counts as removable in a stretch of time when nothing is left on it but what comes and
//! goes with nodes, without moving a single pod. That an autoscaler could pack what is left more
//! tightly is left out, so the figure is a promise and no hope.

use std::collections::BTreeMap;

use facts::cluster::ClusterState;
use jiff::Timestamp;
use units::{Usd, UsdPerHour};

use super::OfficeFinding;
use super::policy::OfficePolicy;
use super::scope::Scheduled;
use crate::commitments::{Capacity, Commitments};
use crate::engine::Given;
use crate::findings::Collected;
use crate::machine_prices::{Machine, MachinePrices};
use crate::name_index::NameIndex;
use crate::traffic_view::Workloads;

/// What becomes free.
pub(super) struct Freed {
    /// What each workload, by its place in the list, saves a month.
    pub(super) saved_by_workload: BTreeMap<usize, Usd>,
    /// What the list prices would save, where commitments make that another figure.
    pub(super) list_savings: Option<Usd>,
    /// How the sum comes about.
    pub(super) formula: String,
}

/// Adds up the hours of nodes that become empty.
pub(super) fn freed(
    state: &ClusterState,
    policy: &OfficePolicy,
    given: &Given<'_, MachinePrices>,
    scheduled: &[Scheduled],
    until: Timestamp,
    commitments: &Commitments<'_>,
    collected: &mut Collected<OfficeFinding>,
) -> Freed {
    let nodes = state.node_items();
    let prices: Vec<Option<UsdPerHour>> = nodes
        .iter()
        .map(|node| {
            node.usd_per_hour.or_else(|| {
                let machine = Machine::of_node(state, node)?;
                let price = given.evidence.price(&machine)?;
                collected.prices.insert(price.item.clone(), price.clone());
                Some(price.usd_per_hour)
            })
        })
        .collect();
    for price in &prices {
        collected.look_at(price.map(UsdPerHour::per_month));
    }
    let holders = holders(state, scheduled);
    let mut moments: Vec<Timestamp> = scheduled
        .iter()
        .flat_map(|one| one.hours.transitions(given.now, until))
        .map(|next| next.at)
        .collect();
    moments.push(given.now);
    moments.push(until);
    moments.sort_unstable();
    moments.dedup();
    let everything: Vec<Capacity> = capacity(state, &prices, |_| true);
    let before = commitments.bill(&everything);
    let mut saved_by_workload: BTreeMap<usize, f64> = BTreeMap::new();
    let (mut node_hours, mut effective, mut list) = (0.0, 0.0, 0.0);
    let all_hours = until.duration_since(given.now).as_secs_f64() / 3_600.0;
    for pair in moments.windows(2) {
        let hours = pair[1].duration_since(pair[0]).as_secs_f64() / 3_600.0;
        let rests: Vec<bool> =
            scheduled.iter().map(|one| one.down == 0 && !one.hours.is_up(pair[0])).collect();
        let mut empty: Vec<usize> = (0..nodes.len())
            .filter(|node| match &holders[*node] {
                Holders::Others => false,
                Holders::Scheduled(all) => !all.is_empty() && all.iter().all(|one| rests[*one]),
            })
            .collect();
        // The dearest ones stay, so that the promise holds whichever the autoscaler takes.
        let spare = nodes.len() as u64 - empty.len() as u64;
        let kept = policy.scale_down_instance_count.saturating_sub(spare) as usize;
        empty.sort_by_key(|node| std::cmp::Reverse((prices[*node], *node)));
        let empty = &empty[kept.min(empty.len())..];
        if empty.is_empty() {
            continue;
        }
        node_hours += hours * empty.len() as f64;
        let mut gone = vec![false; nodes.len()];
        for node in empty {
            gone[*node] = true;
        }
        let after = commitments.bill(&capacity(state, &prices, |node| !gone[node]));
        let saved = (before.effective - after.effective).per_hour().dollars() * hours;
        effective += saved;
        list += (before.list - after.list).per_hour().dollars() * hours;
        // Every resting workload that held one of the nodes has its part in it.
        for node in empty {
            if let Holders::Scheduled(all) = &holders[*node] {
                for one in all {
                    *saved_by_workload.entry(*one).or_default() +=
                        saved / empty.len() as f64 / all.len() as f64;
                }
            }
        }
    }
    let monthly = |dollars: f64| {
        let month = if all_hours > 0.0 { dollars / all_hours * 730.0 } else { 0.0 };
        Usd::from_dollars(month).unwrap_or(Usd::ZERO)
    };
    let list_savings = (!commitments.is_empty()).then(|| monthly(list));
    if list_savings.is_some_and(|list| list > monthly(effective)) {
        let end = commitments.last_end().map_or_else(String::new, |at| format!(" until {at}"));
        collected.warn(
            facts::reason::ReasonCode::Committed,
            format!(
                "commitments are paid whether or not the nodes run{end}: ${} of ${} a month are \
                 really saved",
                monthly(effective),
                monthly(list)
            ),
        );
    }
    Freed {
        saved_by_workload: saved_by_workload
            .into_iter()
            .map(|(place, dollars)| (place, monthly(dollars)))
            .collect(),
        list_savings,
        formula: format!(
            "{node_hours:.1} hours of nodes that become empty in the next {all_hours:.0} hours, at \
             their prices, as a month of 730 hours; at least {} nodes stay",
            policy.scale_down_instance_count
        ),
    }
}

fn capacity(
    state: &ClusterState,
    prices: &[Option<UsdPerHour>],
    keep: impl Fn(usize) -> bool,
) -> Vec<Capacity> {
    let nodes = state.node_items().iter().enumerate().filter(|(place, _)| keep(*place));
    nodes
        .filter_map(|(place, node)| {
            Some(Capacity {
                instance_type: node.instance_type.clone().unwrap_or_default(),
                capacity_type: node.capacity_type.unwrap_or(facts::names::CapacityType::OnDemand),
                usd_per_hour: prices[place]?,
            })
        })
        .collect()
}

/// What keeps a node busy.
enum Holders {
    /// At least one pod that follows no schedule.
    Others,
    /// Only workloads that follow one, by their places in the list.
    Scheduled(Vec<usize>),
}

fn holders(state: &ClusterState, scheduled: &[Scheduled]) -> Vec<Holders> {
    let nodes = NameIndex::of(state.node_items().iter().map(|node| (node.name.as_str(), "")));
    let workloads = Workloads::of(state);
    let places: Vec<Option<usize>> =
        workloads.keys.iter().map(|key| scheduled.iter().position(|one| one.key == *key)).collect();
    let mut found: Vec<Holders> =
        state.node_items().iter().map(|_| Holders::Scheduled(Vec::new())).collect();
    for (place, pod) in state.pod_items().iter().enumerate() {
        if !pod.is_active() || pod.belongs_to_node() {
            continue;
        }
        let Some(node) = pod.node.as_deref().and_then(|name| nodes.get(name, "")) else { continue };
        let follows = workloads.of_pod[place].and_then(|workload| places[workload as usize]);
        match (follows, &mut found[node]) {
            (Some(one), Holders::Scheduled(all)) if !all.contains(&one) => all.push(one),
            (Some(_), _) => {}
            (None, holder) => *holder = Holders::Others,
        }
    }
    found
}
