//! What a pod takes of a node, reckoned from the pod as written.

use facts::cluster::{Container, Pod, ResourceList};

/// Amounts by resource name, in name order; processors in thousandths, everything else in units.
///
/// A pod names three or four resources, so a short list beats a tree.
#[derive(Clone, Debug, Default)]
pub(crate) struct Amounts<'a>(Vec<(&'a str, i64)>);

impl<'a> Amounts<'a> {
    /// In name order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&'a str, i64)> {
        self.0.iter().copied()
    }

    pub(crate) fn get(&self, name: &str) -> i64 {
        self.place(name).map_or(0, |at| self.0[at].1)
    }

    fn place(&self, name: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(known, _)| (*known).cmp(name))
    }

    fn entry(&mut self, name: &'a str) -> &mut i64 {
        let at = self.place(name).unwrap_or_else(|at| {
            self.0.insert(at, (name, 0));
            at
        });
        &mut self.0[at].1
    }

    fn set(&mut self, name: &'a str, amount: i64) {
        *self.entry(name) = amount;
    }

    fn add(&mut self, name: &'a str, amount: i64) {
        let sum = self.entry(name);
        *sum = sum.saturating_add(amount);
    }
}

/// What a pod takes, one place on the node included.
pub(crate) fn of_pod(pod: &Pod) -> Amounts<'_> {
    let mut total = Amounts(Vec::with_capacity(3));
    if pod.containers.is_empty() && pod.init_containers.is_empty() {
        for (name, amount) in entries(&pod.requests) {
            total.add(name, amount);
        }
    } else {
        let running =
            pod.containers.iter().chain(pod.init_containers.iter().filter(|one| one.sidecar));
        for (name, amount) in running.flat_map(of_container) {
            total.add(name, amount);
        }
        // While a step of the initialisation runs, so do the sidecars that started before it.
        for (at, step) in pod.init_containers.iter().enumerate() {
            let mut peak = Amounts::default();
            for (name, amount) in of_container(step) {
                peak.set(name, amount);
            }
            for earlier in pod.init_containers[..at].iter().filter(|one| one.sidecar) {
                for (name, amount) in of_container(earlier) {
                    peak.add(name, amount);
                }
            }
            for (name, amount) in peak.iter() {
                let most = total.entry(name);
                *most = (*most).max(amount);
            }
        }
        for (name, amount) in entries(&pod.requests) {
            total.set(name, amount);
        }
    }
    if let Some(cpu) = pod.cpu {
        total.set("cpu", cpu.0);
    }
    if let Some(memory) = pod.memory {
        total.set("memory", memory.0);
    }
    for (name, amount) in entries(&pod.overhead) {
        total.add(name, amount);
    }
    total.set("pods", 1);
    total
}

/// The entries of a list by name.
pub(crate) fn entries(list: &ResourceList) -> impl Iterator<Item = (&str, i64)> {
    let named = [
        ("cpu", list.cpu.map(|cpu| cpu.0)),
        ("memory", list.memory.map(|memory| memory.0)),
        ("ephemeral-storage", list.ephemeral_storage.map(|disk| disk.0)),
        ("pods", list.pods),
    ];
    let named = named.into_iter().filter_map(|(name, amount)| Some((name, amount?)));
    named.chain(list.other.iter().map(|(name, amount)| (name.as_str(), *amount)))
}

fn of_container(container: &Container) -> impl Iterator<Item = (&str, i64)> {
    let asked = |name: &str| entries(&container.requests).any(|(one, _)| one == name);
    let limits: Vec<(&str, i64)> =
        entries(&container.limits).filter(|(name, _)| !asked(name)).collect();
    entries(&container.requests).chain(limits)
}
