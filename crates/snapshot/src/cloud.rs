//! Putting answers of AWS together: one account for everything that names no other.

use std::collections::{BTreeMap, BTreeSet};

use facts::cluster::{Account, Commitment, EbsVolume, Repository};

use crate::aws::{self, Found};

/// What AWS answered so far.
#[derive(Debug, Default)]
pub(crate) struct Cloud {
    accounts: BTreeMap<Option<String>, Account>,
    volumes: Vec<EbsVolume>,
    commitments: Vec<Commitment>,
    /// Load balancers that some target group is for; `None` when target groups were not asked for.
    targeted: Option<BTreeSet<String>>,
}

impl Cloud {
    /// A list was seen, even if it was empty.
    pub(crate) fn list(&mut self, key: &str) {
        match key {
            "TargetGroups" => {
                self.targeted.get_or_insert_default();
            }
            "Reservations" | "Volumes" => {}
            _ => aws::empty_list(key, self.accounts.entry(None).or_default()),
        }
    }

    /// Adds what one object of a list became.
    pub(crate) fn add(&mut self, found: Found) {
        self.volumes.extend(found.volumes);
        self.commitments.extend(found.commitments);
        if let Some(group) = found.targets {
            self.targeted.get_or_insert_default().extend(group.load_balancer_arns);
        }
        let entry = self.accounts.entry(found.owner.clone()).or_default();
        entry.id = found.owner;
        join(entry, found.account);
    }

    /// The accounts, the volumes and the commitments.
    pub(crate) fn finish(self) -> (Vec<Account>, Vec<EbsVolume>, Vec<Commitment>) {
        let mut accounts = self.accounts;
        // Lists without an owner are those of the one account that was asked.
        if accounts.len() == 2
            && let (Some(nameless), Some(mut named)) =
                (accounts.remove(&None), accounts.pop_first().map(|(_, account)| account))
        {
            join(&mut named, nameless);
            accounts.insert(named.id.clone(), named);
        }
        let empty = Account::default();
        accounts.retain(|_, account| *account != empty || account.id.is_some());
        let mut accounts: Vec<Account> = accounts.into_values().collect();
        for account in &mut accounts {
            place_gateways(account);
            count_targets(account, self.targeted.as_ref());
            account.repositories = account.repositories.take().map(together);
        }
        (accounts, self.volumes, self.commitments)
    }
}

fn join(into: &mut Account, from: Account) {
    fn list<T>(into: &mut Option<Vec<T>>, from: Option<Vec<T>>) {
        if let Some(from) = from {
            into.get_or_insert_default().extend(from);
        }
    }
    let Account {
        id: _,
        instances,
        snapshots,
        addresses,
        network_interfaces,
        load_balancers,
        nat_gateways,
        endpoints,
        databases,
        scaling_groups,
        repositories,
        trail,
    } = from;
    into.instances.extend(instances);
    list(&mut into.snapshots, snapshots);
    list(&mut into.addresses, addresses);
    list(&mut into.network_interfaces, network_interfaces);
    list(&mut into.load_balancers, load_balancers);
    list(&mut into.nat_gateways, nat_gateways);
    list(&mut into.endpoints, endpoints);
    list(&mut into.databases, databases);
    list(&mut into.scaling_groups, scaling_groups);
    list(&mut into.repositories, repositories);
    list(&mut into.trail, trail);
}

/// A NAT gateway names its subnet alone; machines tell in which zone a subnet lies.
fn place_gateways(account: &mut Account) {
    let zones: BTreeMap<String, String> = account
        .instances
        .iter()
        .filter_map(|one| Some((one.subnet.clone()?, one.zone.clone()?)))
        .collect();
    for gateway in account.nat_gateways.iter_mut().flatten() {
        if gateway.zone.is_none() {
            gateway.zone = gateway.subnet.as_ref().and_then(|subnet| zones.get(subnet)).cloned();
        }
    }
}

/// A load balancer that no target group is for has nothing behind it. One that is in a group may
/// have; only the health of its targets would tell.
fn count_targets(account: &mut Account, targeted: Option<&BTreeSet<String>>) {
    let Some(targeted) = targeted else { return };
    for balancer in account.load_balancers.iter_mut().flatten() {
        let unnamed = balancer.arn.as_ref().is_some_and(|arn| !targeted.contains(arn));
        if balancer.targets.is_none() && unnamed {
            balancer.targets = Some(0);
        }
    }
}

/// Repositories of one name are one, with the images of all.
fn together(repositories: Vec<Repository>) -> Vec<Repository> {
    let mut found: BTreeMap<String, Repository> = BTreeMap::new();
    for one in repositories {
        let entry = found.entry(one.name.clone()).or_default();
        entry.images.extend(one.images);
        entry.name = one.name;
        entry.arn = entry.arn.take().or(one.arn);
        entry.uri = entry.uri.take().or(one.uri);
        entry.created_at = entry.created_at.or(one.created_at);
    }
    found.into_values().collect()
}
