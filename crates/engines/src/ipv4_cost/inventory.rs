//! Every public address of the accounts, once, with what it is for.

use std::collections::BTreeMap;

use facts::cluster::{Account, ClusterState, Labels, LoadBalancer, NetworkInterface};

use crate::account_view::accounts;

/// A public address.
#[derive(Clone, Debug, Default)]
pub(super) struct KnownAddress {
    /// The address; for a load balancer whose addresses are in no list, its name and zone.
    pub(super) ip: String,
    /// Its allocation, where it is an Elastic IP.
    pub(super) allocation: Option<String>,
    /// What has it, for people; `None` for one that is bound to nothing.
    pub(super) used_by: Option<String>,
    /// The instance that has it.
    pub(super) instance: Option<String>,
    /// The load balancer that has it, by host name.
    pub(super) balancer: Option<String>,
    /// The Service or Ingress behind it.
    pub(super) serves: Option<String>,
    /// Whether AWS does not bill it.
    pub(super) exempt: bool,
    /// Its tags.
    pub(super) tags: Labels,
}

/// All of them, by address.
pub(super) struct Inventory {
    pub(super) addresses: Vec<KnownAddress>,
}

impl Inventory {
    /// Draws them from every list of the accounts.
    pub(super) fn of(state: &ClusterState) -> Inventory {
        let served = served_by(state);
        let mut found: BTreeMap<String, KnownAddress> = BTreeMap::new();
        let balancers: Vec<&LoadBalancer> = accounts(state)
            .iter()
            .flat_map(|account| account.load_balancers.iter().flatten())
            .collect();
        // With a list of interfaces nothing has to be assumed.
        let assumes = accounts(state).iter().all(|account| account.network_interfaces.is_none());
        for account in accounts(state) {
            elastic(account, &mut found);
            for interface in account.network_interfaces.iter().flatten() {
                of_interface(interface, &balancers, &served, &mut found);
            }
            machines(account, &mut found);
            gateways(account, &mut found);
            if assumes {
                for balancer in account.load_balancers.iter().flatten() {
                    assumed(balancer, &served, &mut found);
                }
            }
            for database in account.databases.iter().flatten().filter(|one| one.public) {
                if assumes && database.state != "deleting" {
                    let ip = format!("(one of database {})", database.id);
                    let entry = found.entry(ip.clone()).or_default();
                    entry.ip = ip;
                    entry.used_by = Some(format!("database {}", database.id));
                }
            }
        }
        Inventory { addresses: found.into_values().collect() }
    }
}

fn elastic(account: &Account, found: &mut BTreeMap<String, KnownAddress>) {
    for address in account.addresses.iter().flatten() {
        let entry = found.entry(address.public_ip.clone()).or_default();
        entry.ip.clone_from(&address.public_ip);
        entry.allocation.clone_from(&address.allocation);
        entry.tags.clone_from(&address.tags);
        // Addresses of one's own are in a pool with a name of their own.
        let own = |pool: &String| pool != "amazon" && !pool.is_empty();
        entry.exempt = address.pool.as_ref().is_some_and(own);
        entry.instance.clone_from(&address.instance);
        let bound = address.instance.as_ref().map(|id| format!("instance {id}"));
        let interface = || address.network_interface.as_ref().map(|id| format!("interface {id}"));
        let associated = || address.association.as_ref().map(|id| format!("association {id}"));
        entry.used_by = bound.or_else(interface).or_else(associated);
    }
}

fn of_interface(
    interface: &NetworkInterface,
    balancers: &[&LoadBalancer],
    served: &BTreeMap<&str, String>,
    found: &mut BTreeMap<String, KnownAddress>,
) {
    for public in &interface.public_ips {
        let entry = found.entry(public.public_ip.clone()).or_default();
        entry.ip.clone_from(&public.public_ip);
        if entry.allocation.is_none() {
            entry.allocation.clone_from(&public.allocation);
        }
        entry.instance = entry.instance.take().or_else(|| interface.instance.clone());
        // AWS writes `ELB app/name/id` or `ELB name` about the interfaces of load balancers.
        let balancer = interface
            .description
            .strip_prefix("ELB ")
            .map(|text| text.split('/').nth(1).unwrap_or(text));
        let balancer = balancer.and_then(|name| balancers.iter().find(|one| one.name == name));
        if let Some(balancer) = balancer {
            entry.used_by = Some(format!("load balancer {}", balancer.name));
            entry.balancer = Some(balancer.dns.clone());
            entry.serves = served.get(balancer.dns.as_str()).cloned();
        } else if let Some(instance) = &interface.instance {
            entry.used_by = Some(format!("instance {instance}"));
        } else {
            let what = if interface.description.is_empty() {
                interface.id.clone()
            } else {
                format!("{} ({})", interface.id, interface.description)
            };
            entry.used_by = Some(format!("interface {what}"));
        }
    }
}

fn machines(account: &Account, found: &mut BTreeMap<String, KnownAddress>) {
    let running = account.instances.iter().filter(|one| one.state == "running");
    for instance in running {
        let Some(ip) = &instance.public_ip else { continue };
        let entry = found.entry(ip.clone()).or_default();
        entry.ip.clone_from(ip);
        entry.instance = Some(instance.id.clone());
        if entry.used_by.is_none() {
            entry.used_by = Some(format!("instance {}", instance.id));
        }
    }
}

fn gateways(account: &Account, found: &mut BTreeMap<String, KnownAddress>) {
    for gateway in account.nat_gateways.iter().flatten() {
        if gateway.state == "deleted" || gateway.state == "failed" {
            continue;
        }
        for public in &gateway.public_ips {
            let entry = found.entry(public.public_ip.clone()).or_default();
            entry.ip.clone_from(&public.public_ip);
            entry.allocation = entry.allocation.take().or_else(|| public.allocation.clone());
            entry.used_by = Some(format!("NAT gateway {}", gateway.id));
        }
    }
}

/// A load balancer that faces the internet has one address in each zone at least.
fn assumed(
    balancer: &LoadBalancer,
    served: &BTreeMap<&str, String>,
    found: &mut BTreeMap<String, KnownAddress>,
) {
    if balancer.scheme.as_deref() != Some("internet-facing") {
        return;
    }
    for zone in &balancer.zones {
        let ip = format!("(one of load balancer {} in {zone})", balancer.name);
        let entry = found.entry(ip.clone()).or_default();
        entry.ip = ip;
        entry.used_by = Some(format!("load balancer {}", balancer.name));
        entry.balancer = Some(balancer.dns.clone());
        entry.serves = served.get(balancer.dns.as_str()).cloned();
    }
}

/// What the cluster serves through each load balancer, by host name or address.
pub(crate) fn served_by(state: &ClusterState) -> BTreeMap<&str, String> {
    let mut served = BTreeMap::new();
    let Some(network) = &state.network else { return served };
    for service in &network.items.services {
        for name in &service.load_balancers {
            served.insert(name.as_str(), format!("Service {}/{}", service.namespace, service.name));
        }
    }
    for ingress in &network.items.ingresses {
        for name in &ingress.load_balancers {
            let text = format!("Ingress {}/{}", ingress.namespace, ingress.name);
            served
                .entry(name.as_str())
                .and_modify(|all: &mut String| {
                    all.push_str(", ");
                    all.push_str(&text);
                })
                .or_insert(text);
        }
    }
    served
}
