//! What a pod takes of its node.
//!
//! The scheduler's own sum: containers and sidecars together, or the largest step of the
//! initialisation, whichever is more, plus what the runtime adds.
//! <https://kubernetes.io/docs/concepts/workloads/pods/init-containers/#resource-sharing-within-containers>

use std::collections::BTreeMap;

use facts::cluster::{Container, Pod, ResourceList};

/// Amounts of every resource that a pod takes of its node, in Kubernetes' base units.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Demand {
    /// Thousandths of a processor.
    pub cpu: i64,
    /// Bytes.
    pub memory: i64,
    /// Bytes of the node's disk.
    pub ephemeral_storage: i64,
    /// Further resources in whole units.
    pub other: BTreeMap<String, i64>,
}

/// The demand of a pod.
#[must_use]
pub fn demand_of(pod: &Pod) -> Demand {
    let mut total = Demand::default();
    if pod.containers.is_empty() && pod.init_containers.is_empty() {
        total.add(&pod.requests);
    } else {
        let mut sidecars = Demand::default();
        let mut start_up = Demand::default();
        for container in &pod.init_containers {
            let own = requests_of(container);
            let mut step = sidecars.clone();
            step.plus(&own);
            start_up.raise_to(&step);
            if container.sidecar {
                sidecars.plus(&own);
            }
        }
        for container in &pod.containers {
            total.plus(&requests_of(container));
        }
        total.plus(&sidecars);
        total.raise_to(&start_up);
        total.replace(&pod.requests);
    }
    if let Some(cpu) = pod.cpu {
        total.cpu = cpu.0;
    }
    if let Some(memory) = pod.memory {
        total.memory = memory.0;
    }
    total.add(&pod.overhead);
    total
}

/// Requests of a container; a limit without a request stands for it, as the API server fills in.
pub(crate) fn requests_of(container: &Container) -> Demand {
    let mut demand = Demand::default();
    demand.add(&container.limits);
    demand.replace(&container.requests);
    demand
}

impl Demand {
    /// Adds what a list names.
    pub fn add(&mut self, list: &ResourceList) {
        let add = |sum: &mut i64, amount: i64| *sum = sum.saturating_add(amount);
        add(&mut self.cpu, list.cpu.map_or(0, |cpu| cpu.0));
        add(&mut self.memory, list.memory.map_or(0, |memory| memory.0));
        add(&mut self.ephemeral_storage, list.ephemeral_storage.map_or(0, |disk| disk.0));
        for (name, amount) in &list.other {
            add(self.other.entry(name.clone()).or_default(), *amount);
        }
    }

    /// Adds another demand.
    pub fn plus(&mut self, more: &Demand) {
        self.cpu = self.cpu.saturating_add(more.cpu);
        self.memory = self.memory.saturating_add(more.memory);
        self.ephemeral_storage = self.ephemeral_storage.saturating_add(more.ephemeral_storage);
        for (name, amount) in &more.other {
            let sum = self.other.entry(name.clone()).or_default();
            *sum = sum.saturating_add(*amount);
        }
    }

    /// Puts the amounts that a list names in the place of its own.
    fn replace(&mut self, list: &ResourceList) {
        if let Some(cpu) = list.cpu {
            self.cpu = cpu.0;
        }
        if let Some(memory) = list.memory {
            self.memory = memory.0;
        }
        if let Some(disk) = list.ephemeral_storage {
            self.ephemeral_storage = disk.0;
        }
        for (name, amount) in &list.other {
            self.other.insert(name.clone(), *amount);
        }
    }

    /// Takes the larger amount of each resource.
    fn raise_to(&mut self, other: &Demand) {
        self.cpu = self.cpu.max(other.cpu);
        self.memory = self.memory.max(other.memory);
        self.ephemeral_storage = self.ephemeral_storage.max(other.ephemeral_storage);
        for (name, amount) in &other.other {
            let own = self.other.entry(name.clone()).or_default();
            *own = (*own).max(*amount);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pod: &str, cpu: i64, memory_mib: i64) {
        let pod: Pod = serde_json::from_str(pod).unwrap();
        let demand = demand_of(&pod);
        assert_eq!((demand.cpu, demand.memory >> 20), (cpu, memory_mib), "{pod:?}");
    }

    #[test]
    fn containers_add_up_and_initialisation_counts_by_its_largest_step() {
        check(r#"{"cpu":"500m","memory":"1Gi"}"#, 500, 1024);
        check(r#"{"requests":{"cpu":"500m","memory":"1Gi"}}"#, 500, 1024);
        let two = r#""containers":[{"requests":{"cpu":"100m","memory":"64Mi"}},
                                   {"requests":{"cpu":"200m","memory":"64Mi"}}]"#;
        check(&format!("{{{two}}}"), 300, 128);
        check(
            &format!(
                r#"{{{two},"init_containers":[{{"requests":{{"cpu":"1","memory":"32Mi"}}}}]}}"#
            ),
            1000,
            128,
        );
        // A sidecar runs beside the containers and beside the steps after it.
        check(
            &format!(
                r#"{{{two},"init_containers":[
                    {{"sidecar":true,"requests":{{"cpu":"50m","memory":"16Mi"}}}},
                    {{"requests":{{"cpu":"400m","memory":"16Mi"}}}}]}}"#
            ),
            450,
            144,
        );
        check(&format!(r#"{{{two},"overhead":{{"cpu":"10m","memory":"8Mi"}}}}"#), 310, 136);
        // Amounts of the pod as a whole go before those of its containers.
        check(&format!(r#"{{{two},"requests":{{"cpu":"2"}}}}"#), 2000, 128);
        // A limit without a request is the request.
        check(
            r#"{"containers":[{"limits":{"cpu":"1","memory":"1Gi"},"requests":{"cpu":"100m"}}]}"#,
            100,
            1024,
        );
    }
}
