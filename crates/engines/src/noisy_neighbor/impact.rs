//! What a pod's traffic means for the others on its node.

use facts::cluster::{ClusterState, well_known};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::BandwidthEvidence;
use super::measures::Measures;
use crate::name_index::NameIndex;
use crate::traffic_view::TrafficView;

/// What a pod's traffic means for the others on its node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Impact {
    /// Megabits a second that the pod moves on average.
    pub pod_mbps: f64,
    /// Megabits a second that all pods of the node move on average.
    pub node_mbps: f64,
    /// Baseline of the node's type; `null` where AWS publishes none.
    pub node_baseline_mbps: Option<u32>,
    /// By how many percent the others are slowed down while everybody moves what it does on average:
    /// what exceeds the baseline has to wait. `null` where no baseline is known.
    pub estimated_slowdown_percent: Option<f64>,
    /// Further pods on the node that have traffic.
    pub affected_pods: u64,
    /// What the figures leave out.
    pub note: String,
}

/// What pods and nodes move, in megabits a second.
pub(super) struct Loads {
    of_pod: Vec<f64>,
    node_of_pod: Vec<Option<u32>>,
    of_node: Vec<f64>,
    busy: Vec<u64>,
}

/// Adds up what is moved, by node.
pub(super) fn loads(state: &ClusterState, view: &TrafficView<'_>, measures: &[Measures]) -> Loads {
    let nodes = NameIndex::of(state.node_items().iter().map(|node| (node.name.as_str(), "")));
    let seconds = view.hours * 3_600.0;
    let mut loads = Loads {
        of_pod: Vec::with_capacity(measures.len()),
        node_of_pod: Vec::with_capacity(measures.len()),
        of_node: vec![0.0; state.node_items().len()],
        busy: vec![0; state.node_items().len()],
    };
    for (pod, measured) in state.pod_items().iter().zip(measures) {
        let mbps = measured.total as f64 * 8.0 / 1e6 / seconds;
        let node = pod.node.as_deref().and_then(|name| nodes.get(name, ""));
        if let Some(node) = node {
            loads.of_node[node] += mbps;
            loads.busy[node] += u64::from(measured.total > 0);
        }
        loads.of_pod.push(mbps);
        loads.node_of_pod.push(node.map(|node| node as u32));
    }
    loads
}

/// The impact of the pod at a place of the snapshot.
pub(super) fn of(
    state: &ClusterState,
    place: usize,
    loads: &Loads,
    evidence: &BandwidthEvidence,
) -> Impact {
    let node = loads.node_of_pod[place].map(|node| node as usize);
    let baseline = node.and_then(|node| {
        let named = state.node_items()[node].label(well_known::INSTANCE_TYPE)?;
        evidence.network_mbps.get(named).copied()
    });
    let node_mbps = node.map_or(0.0, |node| loads.of_node[node]);
    let slowdown = baseline.map(|baseline| {
        let over = (node_mbps / f64::from(baseline) - 1.0).max(0.0) * 100.0;
        (over * 10.0).round() / 10.0
    });
    Impact {
        pod_mbps: (loads.of_pod[place] * 100.0).round() / 100.0,
        node_mbps: (node_mbps * 100.0).round() / 100.0,
        node_baseline_mbps: baseline,
        estimated_slowdown_percent: slowdown,
        affected_pods: node.map_or(0, |node| loads.busy[node].saturating_sub(1)),
        note: "averages over the observed time; peaks are higher, and types may burst above their \
               baseline for a while"
            .to_owned(),
    }
}
