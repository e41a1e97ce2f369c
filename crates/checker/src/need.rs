//! What a pod takes of a node, reckoned from the pod as written.

use std::collections::BTreeMap;

use facts::cluster::{Container, Pod, ResourceList};

/// Amounts by resource name; processors in thousandths, everything else in units.
pub(crate) type Amounts<'a> = BTreeMap<&'a str, i64>;

/// What a pod takes, one place on the node included.
pub(crate) fn of_pod(pod: &Pod) -> Amounts<'_> {
    let mut total = Amounts::new();
    if pod.containers.is_empty() && pod.init_containers.is_empty() {
        for (name, amount) in entries(&pod.requests) {
            add(&mut total, name, amount);
        }
    } else {
        let running =
            pod.containers.iter().chain(pod.init_containers.iter().filter(|one| one.sidecar));
        for (name, amount) in running.flat_map(of_container) {
            add(&mut total, name, amount);
        }
        // While a step of the initialisation runs, so do the sidecars that started before it.
        for (at, step) in pod.init_containers.iter().enumerate() {
            let mut peak: Amounts<'_> = of_container(step).collect();
            for earlier in pod.init_containers[..at].iter().filter(|one| one.sidecar) {
                for (name, amount) in of_container(earlier) {
                    add(&mut peak, name, amount);
                }
            }
            for (name, amount) in peak {
                let most = total.entry(name).or_default();
                *most = (*most).max(amount);
            }
        }
        total.extend(entries(&pod.requests));
    }
    if let Some(cpu) = pod.cpu {
        total.insert("cpu", cpu.0);
    }
    if let Some(memory) = pod.memory {
        total.insert("memory", memory.0);
    }
    for (name, amount) in entries(&pod.overhead) {
        add(&mut total, name, amount);
    }
    total.insert("pods", 1);
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

fn add<'a>(total: &mut Amounts<'a>, name: &'a str, amount: i64) {
    let sum = total.entry(name).or_default();
    *sum = sum.saturating_add(amount);
}
