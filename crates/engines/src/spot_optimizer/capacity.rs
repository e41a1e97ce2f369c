//! How much capacity a cluster has or asks for, and what a machine is worth to it.

use std::collections::BTreeMap;

use facts::cluster::{ClusterState, Node};
use units::{Bytes, MilliCpu};

use super::policy::{CapacityBasis, SpotPolicy};
use crate::scheduling::demand::{Demand, demand_of};

/// A capacity that is to be shared out.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Capacity {
    /// Processors.
    pub vcpu: f64,
    /// GiB of memory beside each processor; 0 when not known.
    pub gib_per_vcpu: f64,
    /// Where the number comes from, for people.
    pub basis: &'static str,
}

/// Processors and memory of a node as sold, else as it has them, else as pods may use them.
pub(super) fn size_of(node: &Node, sold: Option<(u32, Bytes)>) -> Option<(MilliCpu, Bytes)> {
    if let Some((vcpu, memory)) = sold {
        return Some((MilliCpu(i64::from(vcpu).saturating_mul(1000)), memory));
    }
    let cpu = node.capacity.cpu.or(node.allocatable_cpu())?;
    let memory = node.capacity.memory.or(node.allocatable_memory()).unwrap_or(Bytes(0));
    (cpu.0 > 0).then_some((cpu, memory))
}

/// What a cluster has or asks for. `sold` tells the size of a node's type where it is known.
pub(super) fn capacity(
    state: &ClusterState,
    policy: &SpotPolicy,
    sold: &dyn Fn(&Node) -> Option<(u32, Bytes)>,
) -> Option<Capacity> {
    // Summed in integers, so that the order of the nodes has no say.
    let mut sizes = (MilliCpu(0), Bytes(0));
    for (vcpu, memory) in state.node_items().iter().filter_map(|node| size_of(node, sold(node))) {
        sizes = (sizes.0 + vcpu, sizes.1 + memory);
    }
    let sizes = (sizes.0.cores(), sizes.1.gib());
    let requests = requested(state);
    let of_nodes = (sizes, "the capacity of the cluster's nodes");
    let of_pods = (requests, "the requests of the cluster's active pods");
    let preferred = match policy.capacity_basis {
        CapacityBasis::Nodes => [of_nodes, of_pods],
        CapacityBasis::Requests => [of_pods, of_nodes],
    };
    let found = preferred.into_iter().find(|((vcpu, _), _)| *vcpu > 0.0);
    let gib_per_vcpu = found.map_or(0.0, |((vcpu, gib), _)| gib / vcpu);
    match (policy.capacity_vcpu, found) {
        (Some(stated), _) => {
            Some(Capacity { vcpu: stated.value(), gib_per_vcpu, basis: "stated by the policy" })
        }
        (None, Some(((vcpu, _), basis))) => Some(Capacity { vcpu, gib_per_vcpu, basis }),
        (None, None) => None,
    }
}

/// The class of memory that a cluster needs beside each processor in GiB: 0 when not known, else
/// 2, 4, 8 or 16. Few classes, so that many clusters share one order of pools.
pub(super) fn memory_class(state: &ClusterState, policy: &SpotPolicy) -> u8 {
    let ratio = capacity(state, policy, &|_| None).map_or(0.0, |capacity| capacity.gib_per_vcpu);
    match ratio {
        _ if ratio <= 0.0 => 0,
        ..=2.2 => 2,
        ..=4.4 => 4,
        ..=8.8 => 8,
        _ => 16,
    }
}

/// How many of a machine's processors a cluster can fill that needs so much memory beside each:
/// all of them, or as many as its memory is enough for.
pub(super) fn useful_vcpu(vcpu: u32, memory: Bytes, gib_per_vcpu: f64) -> f64 {
    let vcpu = f64::from(vcpu.max(1));
    if gib_per_vcpu > 0.0 { vcpu.min((memory.gib() / gib_per_vcpu).max(0.01)) } else { vcpu }
}

/// What the smallest pod needs on a node of its own, with the daemon sets beside it: thousandths
/// of a processor and bytes.
pub(super) fn smallest_need(state: &ClusterState) -> Option<(i64, i64)> {
    let mut daemons: BTreeMap<(&str, &str), Demand> = BTreeMap::new();
    let mut smallest: Option<(i64, i64)> = None;
    for pod in state.pod_items().iter().filter(|pod| pod.is_active()) {
        let demand = demand_of(pod);
        match pod.owner.as_ref().filter(|_| pod.belongs_to_node()) {
            Some(owner) => {
                let known = daemons.entry((pod.namespace(), &owner.name)).or_default();
                known.cpu = known.cpu.max(demand.cpu);
                known.memory = known.memory.max(demand.memory);
            }
            None => {
                let (cpu, memory) = smallest.unwrap_or((demand.cpu, demand.memory));
                smallest = Some((cpu.min(demand.cpu), memory.min(demand.memory)));
            }
        }
    }
    let mut total = Demand::default();
    for demand in daemons.values() {
        total.plus(demand);
    }
    smallest
        .map(|(cpu, memory)| (cpu.saturating_add(total.cpu), memory.saturating_add(total.memory)))
}

/// Processors and GiB that active pods request; daemon sets count as often as they run.
fn requested(state: &ClusterState) -> (f64, f64) {
    let mut total = Demand::default();
    for pod in state.pod_items().iter().filter(|pod| pod.is_active()) {
        let demand = demand_of(pod);
        total.cpu = total.cpu.saturating_add(demand.cpu);
        total.memory = total.memory.saturating_add(demand.memory);
    }
    (total.cpu as f64 / 1000.0, Bytes(total.memory).gib())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn state(json: &str) -> ClusterState {
        ClusterState::from_json(json.as_bytes()).unwrap().value
    }

    #[test]
    fn capacity_is_that_of_the_nodes_unless_told_otherwise() {
        let cluster = state(
            r#"{"nodes":[{"name":"a","cpu":"4","memory":"16Gi"},{"name":"b","cpu":"4","memory":"32Gi"}],
                "pods":[{"name":"p","cpu":"500m","memory":"1Gi"}]}"#,
        );
        let check = |policy: SpotPolicy, vcpu: f64, gib: f64| {
            let found = capacity(&cluster, &policy, &|_| None).unwrap();
            assert_eq!((found.vcpu, found.gib_per_vcpu), (vcpu, gib), "{found:?}");
        };
        let default = SpotPolicy::default;
        check(default(), 8.0, 6.0);
        check(SpotPolicy { capacity_basis: CapacityBasis::Requests, ..default() }, 0.5, 2.0);
        check(SpotPolicy { capacity_vcpu: 40.0.try_into().ok(), ..default() }, 40.0, 6.0);
        assert_eq!(memory_class(&cluster, &default()), 8);
        assert_eq!(capacity(&ClusterState::default(), &default(), &|_| None), None);
    }

    #[test]
    fn the_smallest_pod_needs_its_daemon_sets_beside_it() {
        let cluster = state(
            r#"{"pods":[{"name":"p","cpu":"500m","memory":"1Gi"},{"name":"q","cpu":"200m","memory":"2Gi"},
                {"name":"d","cpu":"100m","memory":"1Gi","owner":{"kind":"DaemonSet","name":"d"}},
                {"name":"e","cpu":"150m","memory":"1Gi","owner":{"kind":"DaemonSet","name":"d"}}]}"#,
        );
        assert_eq!(smallest_need(&cluster), Some((350, 2 << 30)));
    }

    proptest! {
        #[test]
        fn a_machine_is_never_worth_more_than_it_has(vcpu in 0_u32..1000, gib in 0_i64..4000, ratio in 0.0..64.0_f64) {
            let found = useful_vcpu(vcpu, Bytes(gib << 30), ratio);
            prop_assert!(found > 0.0 && found <= f64::from(vcpu.max(1)));
        }
    }
}
