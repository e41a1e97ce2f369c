//! Volumes and load balancers: what they cost, and whose pods they serve.

use std::collections::{BTreeMap, BTreeSet};

use facts::cluster::{ClusterState, EbsVolume, LoadBalancer, Pod, Service};
use facts::decision::RateUsed;
use units::UsdPerHour;

use crate::account_view::{accounts, node_instances};
use crate::price_book::{PriceBook, rate};

/// A thing beside the nodes that costs something.
pub(super) struct Attached {
    /// What it is, for people.
    pub(super) name: String,
    pub(super) kind: AttachedKind,
    /// Dollars an hour in billionths at list prices; `None` when unknown.
    pub(super) list: Option<i64>,
    /// The pods that it serves, by their places in the snapshot; they share its cost equally.
    pub(super) pods: Vec<usize>,
}

/// What kind of thing it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AttachedKind {
    /// A volume behind a claim.
    Volume,
    /// A disk of a node that backs no claim.
    NodeDisk,
    /// A load balancer of a service or an ingress.
    LoadBalancer,
}

/// Everything beside the nodes, in an order that does not depend on that of the snapshot, with the
/// lines of the price book that were used.
pub(super) fn attached(
    state: &ClusterState,
    book: &PriceBook,
    is_placed: &dyn Fn(&Pod) -> bool,
) -> (Vec<Attached>, Vec<RateUsed>) {
    let mut rates = BTreeMap::new();
    let mut all = volumes(state, book, is_placed, &mut rates);
    all.extend(load_balancers(state, book, is_placed, &mut rates));
    (all, rates.into_values().collect())
}

type Rates = BTreeMap<String, RateUsed>;

fn volumes(
    state: &ClusterState,
    book: &PriceBook,
    is_placed: &dyn Fn(&Pod) -> bool,
    rates: &mut Rates,
) -> Vec<Attached> {
    let Some(section) = &state.volumes else { return Vec::new() };
    let billed: BTreeMap<&str, &EbsVolume> =
        section.items.ebs_volumes.iter().map(|volume| (volume.id.as_str(), volume)).collect();
    let mut mounts: BTreeMap<(&str, &str), BTreeSet<usize>> = BTreeMap::new();
    for (place, pod) in state.pod_items().iter().enumerate().filter(|(_, pod)| is_placed(pod)) {
        for claim in &pod.volume_claims {
            mounts.entry((pod.namespace(), claim)).or_default().insert(place);
        }
    }
    let mut cost = |volume: &EbsVolume| {
        let month = book.volume_month(volume)?.total();
        if let Some(used) = book.volume_rate(&volume.kind) {
            rates.insert(used.item.clone(), used);
        }
        Some(UsdPerHour::of_month(month).nanos()).filter(|nanos| *nanos >= 0)
    };
    let mut claimed = BTreeSet::new();
    let mut all = BTreeMap::new();
    for volume in &section.items.volumes {
        let id = volume.handle.as_deref().and_then(|handle| handle.rsplit('/').next());
        claimed.extend(id);
        let claim = volume.claim.as_deref().and_then(|claim| claim.split_once('/'));
        let pods = claim.and_then(|claim| mounts.get(&claim));
        let one = Attached {
            name: format!("volume {}", volume.name),
            kind: AttachedKind::Volume,
            list: id.and_then(|id| billed.get(id)).and_then(|volume| cost(volume)),
            pods: pods.map(|pods| pods.iter().copied().collect()).unwrap_or_default(),
        };
        all.insert(one.name.clone(), one);
    }
    let machines = node_instances(state);
    for volume in billed.values().filter(|volume| !claimed.contains(volume.id.as_str())) {
        if volume.attached_to.iter().any(|machine| machines.contains(machine.as_str())) {
            let one = Attached {
                name: format!("disk {}", volume.id),
                kind: AttachedKind::NodeDisk,
                list: cost(volume),
                pods: Vec::new(),
            };
            all.insert(one.name.clone(), one);
        }
    }
    all.into_values().collect()
}

fn load_balancers(
    state: &ClusterState,
    book: &PriceBook,
    is_placed: &dyn Fn(&Pod) -> bool,
    rates: &mut Rates,
) -> Vec<Attached> {
    let Some(section) = &state.network else { return Vec::new() };
    let services: BTreeMap<(&str, &str), &Service> = section
        .items
        .services
        .iter()
        .map(|one| ((one.namespace.as_str(), one.name.as_str()), one))
        .collect();
    let mut behind: BTreeMap<String, BTreeSet<(&str, &str)>> = BTreeMap::new();
    for service in section.items.services.iter().filter(|one| one.kind == "LoadBalancer") {
        for name in &service.load_balancers {
            let own = behind.entry(name.to_ascii_lowercase()).or_default();
            own.insert((&service.namespace, &service.name));
        }
    }
    for ingress in &section.items.ingresses {
        for name in &ingress.load_balancers {
            let own = behind.entry(name.to_ascii_lowercase()).or_default();
            own.extend(ingress.services.iter().map(|to| (ingress.namespace.as_str(), to.as_str())));
        }
    }
    let balancers: BTreeMap<String, &LoadBalancer> = accounts(state)
        .iter()
        .flat_map(|account| account.load_balancers.iter().flatten())
        .map(|one| (one.dns.to_ascii_lowercase(), one))
        .collect();
    let mut cost = |balancer: &LoadBalancer| {
        let (item, price) = if balancer.kind == "classic" {
            ("classic load balancer", book.classic_load_balancer_usd_per_hour)
        } else {
            ("load balancer", book.load_balancer_usd_per_hour)
        };
        let source = "https://aws.amazon.com/elasticloadbalancing/pricing/";
        rates.insert(item.to_owned(), rate(item, price.per_hour(), "hour", source));
        Some(price.nanos()).filter(|nanos| *nanos >= 0)
    };
    let serving = |names: &BTreeSet<(&str, &str)>| {
        let chosen: Vec<&&Service> = names.iter().filter_map(|name| services.get(name)).collect();
        let is_behind = |pod: &Pod| {
            chosen.iter().any(|service| {
                service.namespace == pod.namespace()
                    && !service.selector.is_empty()
                    && service
                        .selector
                        .iter()
                        .all(|(key, value)| pod.labels.get(key) == Some(value))
            })
        };
        let all = state.pod_items().iter().enumerate();
        all.filter(|(_, pod)| is_placed(pod) && is_behind(pod)).map(|(place, _)| place).collect()
    };
    behind
        .iter()
        .map(|(name, services)| Attached {
            name: format!("load balancer {name}"),
            kind: AttachedKind::LoadBalancer,
            list: balancers.get(name).and_then(|balancer| cost(balancer)),
            pods: serving(services),
        })
        .collect()
}
