//! Traffic between zones by pairs of workloads.

use std::collections::BTreeMap;

use facts::cluster::{ClusterState, Service};

use crate::traffic_view::TrafficView;

/// Traffic of a workload with another that it calls, in both directions.
pub(super) struct Pair {
    /// Who calls, by its place among the workloads.
    pub(super) from: u32,
    /// Who is called.
    pub(super) to: u32,
    /// Bytes that crossed zones.
    pub(super) crossing: u64,
    /// Bytes by the caller's zone, those that stayed at home included.
    pub(super) by_zone: BTreeMap<u32, u64>,
    /// Bytes that crossed zones, by the caller's zone and the called one's.
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
pub(super) fn pairs(state: &ClusterState, view: &TrafficView<'_>) -> Pairs {
    let mut keyed: Vec<(u64, u32)> = Vec::with_capacity(view.flows.len());
    let mut unknown_bytes = 0_u64;
    for (flow, place) in view.flows.iter().zip(0_u32..) {
        let workload = |pod: Option<u32>| view.workloads.of_pod[pod? as usize];
        match (workload(flow.source), workload(flow.destination)) {
            (Some(from), Some(to)) => {
                keyed.push((u64::from(from.min(to)) << 32 | u64::from(from.max(to)), place));
            }
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
    let served = served(state, view);
    let mut of_workloads: Vec<Pair> = Vec::new();
    for group in keyed.chunk_by(|a, b| a.0 == b.0) {
        of_workloads.push(pair(view, &served, group, &mut unknown_bytes));
    }
    of_workloads
        .sort_unstable_by_key(|pair| (std::cmp::Reverse(pair.crossing), pair.from, pair.to));
    Pairs { of_workloads, unknown_bytes }
}

/// Adds up the flows of one pair.
fn pair(
    view: &TrafficView<'_>,
    served: &[bool],
    group: &[(u64, u32)],
    unknown_bytes: &mut u64,
) -> Pair {
    let (first, second) = ((group[0].0 >> 32) as u32, group[0].0 as u32);
    let workload = |pod: Option<u32>| view.workloads.of_pod[pod? as usize];
    let mut through: BTreeMap<String, u64> = BTreeMap::new();
    // Bytes that the first of the two receives, and those of them that were addressed to a Service.
    let (mut to_first, mut to_second, mut called_first, mut called_second) = (0_u64, 0, 0_u64, 0);
    for (_, place) in group {
        let flow = &view.flows[*place as usize];
        let bytes = flow.flow.bytes;
        let receives_first = workload(flow.destination) == Some(first);
        let sum = if receives_first { &mut to_first } else { &mut to_second };
        *sum = sum.saturating_add(bytes);
        if let Some(service) = &flow.flow.through {
            let sum = if receives_first { &mut called_first } else { &mut called_second };
            *sum = sum.saturating_add(bytes);
            match through.get_mut(service) {
                Some(sum) => *sum += bytes,
                None => {
                    through.insert(service.clone(), bytes);
                }
            }
        }
    }
    // Who is called: whom flows address by a Service, else who stands behind one, else who keeps
    // identity and volumes, else who receives more.
    let is_set = |place: u32| view.workloads.keys[place as usize].kind == "StatefulSet";
    let first_is_called = if called_first != called_second {
        called_first > called_second
    } else if served[first as usize] != served[second as usize] {
        served[first as usize]
    } else if is_set(first) != is_set(second) {
        is_set(first)
    } else {
        to_first > to_second
    };
    let (from, to) = if first_is_called { (second, first) } else { (first, second) };
    let mut pair =
        Pair { from, to, crossing: 0, by_zone: BTreeMap::new(), between: BTreeMap::new(), through };
    for (_, place) in group {
        let flow = &view.flows[*place as usize];
        let bytes = flow.flow.bytes;
        let calls = workload(flow.source) == Some(from);
        let (caller, called) = if calls {
            (flow.source_zone, flow.destination_zone)
        } else {
            (flow.destination_zone, flow.source_zone)
        };
        let (Some(home), Some(away)) = (caller, called) else {
            *unknown_bytes = unknown_bytes.saturating_add(bytes);
            continue;
        };
        *pair.by_zone.entry(home).or_default() += bytes;
        if home != away {
            pair.crossing = pair.crossing.saturating_add(bytes);
            *pair.between.entry((home, away)).or_default() += bytes;
        }
    }
    pair
}

/// Which workloads stand behind a Service.
fn served(state: &ClusterState, view: &TrafficView<'_>) -> Vec<bool> {
    let services = state.network.as_ref().map_or(&[][..], |section| &section.items.services);
    let pods = state.pod_items();
    // By the first label that each selects by, so that a pod is compared with few of them.
    let mut by_label: BTreeMap<(&str, &str, &str), Vec<&Service>> = BTreeMap::new();
    for service in services {
        if let Some((key, value)) = service.selector.iter().next() {
            by_label.entry((&service.namespace, key, value)).or_default().push(service);
        }
    }
    let behind = |pods_of: &Vec<u32>| {
        let Some(pod) = pods_of.first().map(|place| &pods[*place as usize]) else { return false };
        pod.labels.iter().any(|(key, value)| {
            let some = by_label.get(&(pod.namespace(), key.as_str(), value.as_str()));
            some.is_some_and(|some| {
                some.iter().any(|service| {
                    let mut selector = service.selector.iter();
                    selector.all(|(key, value)| pod.labels.get(key) == Some(value))
                })
            })
        })
    };
    view.workloads.pods.iter().map(behind).collect()
}
