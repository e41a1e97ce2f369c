//! What each pod takes of its node: what is set aside for it, or what it uses where that is more.

use std::collections::BTreeMap;

use facts::cluster::{ClusterState, ContainerUsage, Pod, ResourceList};

use crate::scheduling::demand::{Demand, demand_of, requests_of};

/// Names under which graphics and other accelerators are set aside.
const ACCELERATORS: [&str; 5] = [
    "nvidia.com/gpu",
    "nvidia.com/gpu.shared",
    "amd.com/gpu",
    "gpu.intel.com/i915",
    "aws.amazon.com/neuron",
];

/// Amounts of the resources that have a price, in Kubernetes' base units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Amounts {
    /// Thousandths of a processor, bytes of memory, accelerators.
    pub(super) of: [i64; 3],
}

impl Amounts {
    pub(super) fn of_list(list: &ResourceList) -> Amounts {
        let mut demand = Demand::default();
        demand.add(list);
        Amounts::of_demand(&demand)
    }

    fn of_demand(demand: &Demand) -> Amounts {
        let accelerators = ACCELERATORS.iter().filter_map(|name| demand.other.get(*name));
        let count = accelerators.fold(0, |sum: i64, one| sum.saturating_add((*one).max(0)));
        Amounts { of: [demand.cpu.max(0), demand.memory.max(0), count] }
    }

    pub(super) fn joined(self, other: Amounts, with: impl Fn(i64, i64) -> i64) -> Amounts {
        Amounts { of: std::array::from_fn(|at| with(self.of[at], other.of[at])) }
    }

    pub(super) fn is_nothing(self) -> bool {
        self.of == [0; 3]
    }
}

/// What was measured last of each container, by namespace, pod and container.
pub(super) struct Measurements<'a> {
    last: BTreeMap<(&'a str, &'a str, &'a str), &'a ContainerUsage>,
}

impl<'a> Measurements<'a> {
    pub(super) fn of(state: &'a ClusterState) -> Measurements<'a> {
        let mut last: BTreeMap<_, &ContainerUsage> = BTreeMap::new();
        let all = state.usage.as_ref().map_or(&[][..], |section| &section.items.containers);
        for one in all {
            let key = (one.namespace.as_str(), one.pod.as_str(), one.container.as_str());
            let known = last.entry(key).or_insert(one);
            let rank = |one: &ContainerUsage| (one.at, Amounts::of_list(&one.used));
            if rank(one) > rank(known) {
                *known = one;
            }
        }
        Measurements { last }
    }

    /// What a pod takes: the scheduler's sum, or what its containers request or use, the larger of
    /// both container by container, where that is more.
    pub(super) fn taken(&self, pod: &Pod) -> Amounts {
        let reserved = Amounts::of_demand(&demand_of(pod));
        let mut running = Amounts::of_list(&pod.overhead);
        let sidecars = pod.init_containers.iter().filter(|container| container.sidecar);
        for container in pod.containers.iter().chain(sidecars) {
            let requested = Amounts::of_demand(&requests_of(container));
            let key = (pod.namespace(), pod.name.as_str(), container.name.as_str());
            let used = self.last.get(&key).map(|one| Amounts::of_list(&one.used));
            let larger = requested.joined(used.unwrap_or_default(), i64::max);
            running = running.joined(larger, i64::saturating_add);
        }
        if pod.containers.is_empty() {
            // A snapshot in the short form has no containers; measurements may name some.
            let from = (pod.namespace(), pod.name.as_str(), "");
            let own = self.last.range(from..).take_while(|((namespace, name, _), _)| {
                (*namespace, *name) == (pod.namespace(), pod.name.as_str())
            });
            for (_, one) in own {
                running = running.joined(Amounts::of_list(&one.used), i64::saturating_add);
            }
        }
        reserved.joined(running, i64::max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_larger_of_request_and_use_counts_container_by_container() {
        let state: ClusterState = serde_json::from_str(
            r#"{"usage":{"items":{"containers":[
                {"namespace":"a","pod":"p","container":"x","used":{"cpu":"300m","memory":"1Gi"}},
                {"namespace":"a","pod":"p","container":"y","at":"2026-01-01T00:00:00Z","used":{"cpu":"9"}},
                {"namespace":"a","pod":"p","container":"y","at":"2026-01-02T00:00:00Z","used":{"cpu":"50m"}}
            ]}}}"#,
        )
        .unwrap();
        let known = Measurements::of(&state);
        let check = |pod: &str, cpu: i64, mib: i64| {
            let pod: Pod = serde_json::from_str(pod).unwrap();
            assert_eq!(known.taken(&pod).of, [cpu, mib << 20, 0], "{pod:?}");
        };
        check(
            r#"{"namespace":"a","name":"p","containers":[
                {"name":"x","requests":{"cpu":"100m","memory":"2Gi"}},
                {"name":"y","requests":{"cpu":"100m"}}]}"#,
            400,
            2048,
        );
        check(r#"{"namespace":"a","name":"p","cpu":"200m"}"#, 350, 1024);
        check(r#"{"namespace":"b","name":"p","cpu":"200m"}"#, 200, 0);
    }
}
