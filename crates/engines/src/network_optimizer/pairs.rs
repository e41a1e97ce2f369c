//! Traffic between zones by pairs of workloads.

use std::collections::BTreeMap;

use crate::traffic_view::TrafficView;

/// Traffic of one workload to another.
pub(super) struct Pair {
    /// The sender, by its place among the workloads.
    pub(super) from: u32,
    /// The receiver.
    pub(super) to: u32,
    /// Bytes that crossed zones.
    pub(super) crossing: u64,
    /// Bytes by the sender's zone, those that stayed at home included.
    pub(super) by_zone: BTreeMap<u32, u64>,
    /// Bytes that crossed zones, by the sender's and the receiver's zone.
    pub(super) between: BTreeMap<(u32, u32), u64>,
    /// The Service by which most bytes were addressed, where flows say so.
    pub(super) through: BTreeMap<String, u64>,
}

/// Pairs, and what could not be told.
pub(super) struct Pairs {
    /// Most crossing bytes first.
    pub(super) of_workloads: Vec<Pair>,
    /// Bytes between pods of which an end is not known.
    pub(super) unknown_bytes: u64,
}

/// Adds traffic up by pairs of workloads.
pub(super) fn pairs(view: &TrafficView<'_>) -> Pairs {
    let mut keyed: Vec<(u32, u32, u32)> = Vec::with_capacity(view.flows.len());
    let mut unknown_bytes = 0_u64;
    for (flow, place) in view.flows.iter().zip(0_u32..) {
        let workload = |pod: Option<u32>| view.workloads.of_pod[pod? as usize];
        match (workload(flow.source), workload(flow.destination)) {
            (Some(from), Some(to)) => keyed.push((from, to, place)),
            _ => {
                // What goes to a service of the cloud or out of it is no matter of zones.
                let inside = flow.flow.destination.cloud_service.is_none()
                    && flow.flow.destination.internet != Some(true)
                    && flow.flow.source.internet != Some(true)
                    && flow.flow.source.cloud_service.is_none();
                if inside {
                    unknown_bytes = unknown_bytes.saturating_add(flow.flow.bytes);
                }
            }
        }
    }
    keyed.sort_unstable();
    let mut of_workloads: Vec<Pair> = Vec::new();
    for (from, to, place) in keyed {
        let flow = &view.flows[place as usize];
        let (Some(home), Some(away)) = (flow.source_zone, flow.destination_zone) else {
            unknown_bytes = unknown_bytes.saturating_add(flow.flow.bytes);
            continue;
        };
        let fits = of_workloads.last().is_some_and(|last| last.from == from && last.to == to);
        if !fits {
            of_workloads.push(Pair {
                from,
                to,
                crossing: 0,
                by_zone: BTreeMap::new(),
                between: BTreeMap::new(),
                through: BTreeMap::new(),
            });
        }
        let Some(pair) = of_workloads.last_mut() else { continue };
        let bytes = flow.flow.bytes;
        *pair.by_zone.entry(home).or_default() += bytes;
        if home != away {
            pair.crossing = pair.crossing.saturating_add(bytes);
            *pair.between.entry((home, away)).or_default() += bytes;
        }
        if let Some(service) = &flow.flow.through {
            match pair.through.get_mut(service) {
                Some(sum) => *sum += bytes,
                None => drop(pair.through.insert(service.clone(), bytes)),
            }
        }
    }
    of_workloads.sort_by_key(|pair| (std::cmp::Reverse(pair.crossing), pair.from, pair.to));
    Pairs { of_workloads, unknown_bytes }
}
