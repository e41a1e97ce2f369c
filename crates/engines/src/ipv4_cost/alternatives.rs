//! What could stand in the place of addresses that are used, and from when on it pays.

use std::collections::{BTreeMap, BTreeSet};

use facts::cluster::{ClusterState, NatGateway};
use facts::finding::{CostCategory, Finding};
use facts::reason::ReasonCode;
use units::{Confidence, Fraction, Usd, UsdPerHour};

use super::inventory::{Inventory, KnownAddress};
use super::{Ipv4Finding, Ipv4Policy, Ipv4Remedy};
use crate::account_view::{accounts, node_instances};
use crate::findings::{Collected, cloud_target};
use crate::price_book::times;

/// Proposes what pays, and refuses what does not with the figures.
pub(super) fn propose(
    state: &ClusterState,
    policy: &Ipv4Policy,
    inventory: &Inventory,
    collected: &mut Collected<Ipv4Finding>,
) {
    private_nodes(state, policy, inventory, collected);
    shared_balancers(state, policy, inventory, collected);
    nat_gateways(state, policy, collected);
}

fn finding(name: String, cost: Usd, saved: Usd, formula: String, summary: String) -> Finding {
    Finding {
        subject: cloud_target("Cluster", name.split(':').nth(1).unwrap_or(""), None),
        finding: name,
        cost_category: CostCategory::Addresses,
        summary,
        cost_usd_per_month: Some(cost),
        savings_usd_per_month: Some(saved),
        formula,
        confidence: Confidence::new(Fraction::clamped(0.6)),
        requires_review: true,
        review_reason: Some("it changes how traffic enters or leaves the cluster".to_owned()),
        owner: None,
        because: Vec::new(),
    }
}

/// Nodes with public addresses of their own could stand in private subnets behind NAT gateways.
fn private_nodes(
    state: &ClusterState,
    policy: &Ipv4Policy,
    inventory: &Inventory,
    collected: &mut Collected<Ipv4Finding>,
) {
    let nodes = node_instances(state);
    let of_nodes: Vec<&KnownAddress> = inventory
        .addresses
        .iter()
        .filter(|one| !one.exempt && one.allocation.is_none() && one.balancer.is_none())
        .filter(|one| one.instance.as_deref().is_some_and(|id| nodes.contains(id)))
        .collect();
    if of_nodes.is_empty() {
        return;
    }
    let instances = accounts(state).iter().flat_map(|account| &account.instances);
    let zones: BTreeSet<&str> = instances
        .filter(|one| nodes.contains(one.id.as_str()))
        .filter_map(|one| one.zone.as_deref())
        .collect();
    let gateways: BTreeSet<&str> = accounts(state)
        .iter()
        .flat_map(|account| account.nat_gateways.iter().flatten())
        .filter(|one| one.state == "available")
        .filter_map(|one| one.zone.as_deref())
        .collect();
    let missing = zones.difference(&gateways).count().max(usize::from(zones.is_empty())) as i64;
    let book = &policy.price_book;
    let address = book.public_ipv4_usd_per_hour;
    let gateway = book.nat_gateway_usd_per_hour + address;
    let cost = times(address.per_month(), of_nodes.len() as i64);
    let new = times(gateway.per_month(), missing);
    let pays_from = breaks_even(gateway, address, missing);
    let name = state.cluster_id.clone().unwrap_or_default();
    let formula = format!(
        "{} addresses × ${} − {missing} NAT gateways × (${} + ${}) a month, before ${} for each \
         gigabyte through them",
        of_nodes.len(),
        address.per_month(),
        book.nat_gateway_usd_per_hour.per_month(),
        address.per_month(),
        book.nat_gateway_usd_per_gb,
    );
    if cost <= new {
        let subject = cloud_target("Cluster", &name, None);
        let detail = format!(
            "private nodes behind NAT gateways pay from {pays_from} addresses on; there are {} \
             ({formula}); IPv6 alone for what leaves would cost nothing",
            of_nodes.len()
        );
        let numbers = [("addresses", of_nodes.len() as f64), ("pays_from", pays_from as f64)];
        return collected.refuse_with(&subject, ReasonCode::NotWorthIt, detail, &numbers);
    }
    let summary = format!(
        "{} nodes have public addresses of their own; in private subnets behind {missing} NAT \
         gateways, or with IPv6 only, they need none",
        of_nodes.len()
    );
    collected.found.push(Ipv4Finding {
        finding: finding(format!("public_nodes:{name}"), cost, cost - new, formula, summary),
        remedy: Ipv4Remedy::PrivateNodes,
        addresses: of_nodes.iter().map(|one| one.ip.clone()).collect(),
        pays_from_addresses: Some(pays_from),
        cost_usd_per_year: times(cost, 12),
    });
}

/// The number of replaced addresses from which on so many gateways cost less.
fn breaks_even(gateway: UsdPerHour, address: UsdPerHour, gateways: i64) -> u64 {
    let cost = gateway.nanos().saturating_mul(gateways);
    let one = address.nanos().max(1);
    // The first number that costs at least as much as the gateways.
    u64::try_from((cost + one - 1) / one).unwrap_or(0)
}

/// Services with a load balancer each could share one behind an ingress.
fn shared_balancers(
    state: &ClusterState,
    policy: &Ipv4Policy,
    inventory: &Inventory,
    collected: &mut Collected<Ipv4Finding>,
) {
    let Some(network) = &state.network else { return };
    let mut of_balancer: BTreeMap<&str, Vec<&KnownAddress>> = BTreeMap::new();
    for address in inventory.addresses.iter().filter(|one| !one.exempt) {
        if let Some(balancer) = &address.balancer {
            of_balancer.entry(balancer).or_default().push(address);
        }
    }
    let services = network.items.services.iter().filter(|one| one.kind == "LoadBalancer");
    let mut own: Vec<(&str, String)> = Vec::new();
    for service in services {
        for name in &service.load_balancers {
            if of_balancer.contains_key(name.as_str()) {
                own.push((name, format!("{}/{}", service.namespace, service.name)));
            }
        }
    }
    own.sort();
    own.dedup_by(|a, b| a.0 == b.0);
    if own.len() < 2 {
        return;
    }
    // The one with the most addresses stays and takes the others' traffic.
    let kept = own.iter().map(|(name, _)| of_balancer[name].len()).max().unwrap_or(0);
    let total: usize = own.iter().map(|(name, _)| of_balancer[name].len()).sum();
    let freed = (total - kept) as i64;
    let balancers = own.len() as i64 - 1;
    let book = &policy.price_book;
    let (address, balancer) =
        (book.public_ipv4_usd_per_hour.per_month(), book.load_balancer_usd_per_hour.per_month());
    let saved = times(address, freed) + times(balancer, balancers);
    let cost = times(address, total as i64) + times(balancer, own.len() as i64);
    collected.look_at(Some(times(balancer, own.len() as i64)));
    let formula = format!(
        "{freed} addresses × ${address} + {balancers} load balancers × ${balancer} a month, before \
         capacity units"
    );
    let names: Vec<&str> = own.iter().map(|(_, service)| service.as_str()).collect();
    let summary = format!(
        "{} services have a public load balancer each ({}); one shared ingress would do",
        own.len(),
        names.join(", ")
    );
    let name = state.cluster_id.clone().unwrap_or_default();
    collected.found.push(Ipv4Finding {
        finding: finding(format!("load_balancers:{name}"), cost, saved, formula, summary),
        remedy: Ipv4Remedy::ShareLoadBalancer,
        addresses: own
            .iter()
            .flat_map(|(name, _)| of_balancer[name].iter().map(|one| one.ip.clone()))
            .collect(),
        pays_from_addresses: None,
        cost_usd_per_year: times(cost, 12),
    });
}

/// Several NAT gateways of one network in the same zone do the work of one.
fn nat_gateways(state: &ClusterState, policy: &Ipv4Policy, collected: &mut Collected<Ipv4Finding>) {
    let mut together: BTreeMap<(&str, &str), Vec<&NatGateway>> = BTreeMap::new();
    let all = accounts(state).iter().flat_map(|account| account.nat_gateways.iter().flatten());
    for gateway in all.filter(|one| one.state == "available") {
        if let (Some(vpc), Some(zone)) = (&gateway.vpc, &gateway.zone) {
            together.entry((vpc, zone)).or_default().push(gateway);
        }
    }
    let book = &policy.price_book;
    for ((vpc, zone), gateways) in together.into_iter().filter(|(_, all)| all.len() > 1) {
        let spare = gateways.len() as i64 - 1;
        let of_spare: Vec<String> = gateways
            .iter()
            .skip(1)
            .flat_map(|one| one.public_ips.iter().map(|address| address.public_ip.clone()))
            .collect();
        let (gateway, address) =
            (book.nat_gateway_usd_per_hour.per_month(), book.public_ipv4_usd_per_hour.per_month());
        let saved = times(gateway, spare) + times(address, of_spare.len() as i64);
        collected.look_at(Some(times(gateway, gateways.len() as i64)));
        let formula = format!(
            "{spare} NAT gateways × ${gateway} + {} addresses × ${address} a month",
            of_spare.len()
        );
        let names: Vec<&str> = gateways.iter().map(|one| one.id.as_str()).collect();
        let summary = format!(
            "{} stand in the same zone {zone} of {vpc}; one of them is enough",
            names.join(", ")
        );
        let cost = times(gateway, gateways.len() as i64) + times(address, of_spare.len() as i64);
        collected.found.push(Ipv4Finding {
            finding: finding(format!("nat_gateways:{vpc}/{zone}"), cost, saved, formula, summary),
            remedy: Ipv4Remedy::ConsolidateNatGateways,
            addresses: of_spare,
            pays_from_addresses: None,
            cost_usd_per_year: times(cost, 12),
        });
    }
}
