//! Answers of the AWS command line, each list by the key that it stands under.

mod commitments;
mod machines;
mod network;
mod registry;
mod storage;
mod trail;

use facts::cluster::{Account, Commitment, EbsVolume, Labels};
use serde::Deserialize;
use serde::de::DeserializeOwned;

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct Tag {
    key: String,
    value: String,
}

pub(crate) fn tags(tags: Vec<Tag>) -> Labels {
    tags.into_iter().map(|tag| (tag.key, tag.value)).collect()
}

pub(crate) fn filled(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

/// Keys whose lists are understood.
pub(crate) const LISTS: &[&str] = &[
    "Addresses",
    "AutoScalingGroups",
    "CapacityReservations",
    "DBInstances",
    "Events",
    "LoadBalancerDescriptions",
    "LoadBalancers",
    "NatGateways",
    "NetworkInterfaces",
    "Records",
    "Reservations",
    "ReservedInstances",
    "Snapshots",
    "TargetGroups",
    "Volumes",
    "VpcEndpoints",
    "imageDetails",
    "repositories",
    "savingsPlans",
];

/// What an answer of AWS became, for whoever puts a snapshot together.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// The account that owns machines; everything else belongs to the account that was asked.
    pub(crate) owner: Option<String>,
    /// What belongs to an account.
    pub(crate) account: Account,
    /// Volumes, which have a place of their own in a snapshot.
    pub(crate) volumes: Vec<EbsVolume>,
    /// Capacity that is already paid for.
    pub(crate) commitments: Vec<Commitment>,
    /// Which load balancers a target group is for.
    pub(crate) targets: Option<network::TargetGroupAnswer>,
    /// Objects, by kind, for the report.
    pub(crate) used: Vec<(&'static str, u64)>,
}

/// The section that a list belongs to.
pub(crate) fn section_of(key: &str) -> &'static str {
    match key {
        "Volumes" => "volumes",
        "CapacityReservations" | "ReservedInstances" | "savingsPlans" => "commitments",
        _ => "accounts",
    }
}

/// An account with one list that was supplied, be it empty.
pub(crate) fn empty_list(key: &str, account: &mut Account) {
    fn supplied<T>(list: &mut Option<Vec<T>>) {
        list.get_or_insert_default();
    }
    match key {
        "Addresses" => supplied(&mut account.addresses),
        "AutoScalingGroups" => supplied(&mut account.scaling_groups),
        "DBInstances" => supplied(&mut account.databases),
        "Events" | "Records" => supplied(&mut account.trail),
        "LoadBalancerDescriptions" | "LoadBalancers" => supplied(&mut account.load_balancers),
        "NatGateways" => supplied(&mut account.nat_gateways),
        "NetworkInterfaces" => supplied(&mut account.network_interfaces),
        "Snapshots" => supplied(&mut account.snapshots),
        "VpcEndpoints" => supplied(&mut account.endpoints),
        "imageDetails" | "repositories" => supplied(&mut account.repositories),
        _ => {}
    }
}

/// Reads one object of a list.
///
/// # Errors
/// Why it could not be read.
pub(crate) fn read(key: &str, text: &str) -> Result<Found, String> {
    let mut found = Found::default();
    let account = &mut found.account;
    let mut used = |kind| found.used.push((kind, 1));
    match key {
        "Reservations" => {
            let answer = parse::<machines::Reservation>(text)?;
            found.owner.clone_from(&answer.owner_id);
            account.instances = answer.into_facts();
            found.used.push(("Instance", account.instances.len() as u64));
        }
        "Volumes" => {
            found.volumes.push(parse::<storage::VolumeAnswer>(text)?.into_fact());
            used("EbsVolume");
        }
        "Snapshots" => {
            account.snapshots = Some(vec![parse::<storage::SnapshotAnswer>(text)?.into_fact()]);
            used("EbsSnapshot");
        }
        "Addresses" => {
            account.addresses = Some(vec![parse::<network::AddressAnswer>(text)?.into_fact()]);
            used("ElasticAddress");
        }
        "NetworkInterfaces" => {
            let fact = parse::<network::InterfaceAnswer>(text)?.into_fact();
            account.network_interfaces = Some(vec![fact]);
            used("NetworkInterface");
        }
        "NatGateways" => {
            account.nat_gateways = Some(vec![parse::<network::NatAnswer>(text)?.into_fact()]);
            used("NatGateway");
        }
        "VpcEndpoints" => {
            account.endpoints = Some(vec![parse::<network::EndpointAnswer>(text)?.into_fact()]);
            used("VpcEndpoint");
        }
        "LoadBalancers" => {
            let fact = parse::<network::BalancerAnswer>(text)?.into_fact();
            account.load_balancers = Some(vec![fact]);
            used("LoadBalancer");
        }
        "LoadBalancerDescriptions" => {
            let fact = parse::<network::ClassicAnswer>(text)?.into_fact();
            account.load_balancers = Some(vec![fact]);
            used("LoadBalancer");
        }
        "TargetGroups" => {
            found.targets = Some(parse::<network::TargetGroupAnswer>(text)?);
            used("TargetGroup");
        }
        "AutoScalingGroups" => {
            let fact = parse::<machines::ScalingGroupAnswer>(text)?.into_fact();
            account.scaling_groups = Some(vec![fact]);
            used("AutoScalingGroup");
        }
        "DBInstances" => {
            account.databases = Some(vec![parse::<machines::DatabaseAnswer>(text)?.into_fact()]);
            used("Database");
        }
        "repositories" => {
            let fact = parse::<registry::RepositoryAnswer>(text)?.into_fact();
            account.repositories = Some(vec![fact]);
            used("Repository");
        }
        "imageDetails" => {
            let fact = parse::<registry::ImageAnswer>(text)?.into_fact();
            account.repositories = Some(vec![fact]);
            used("StoredImage");
        }
        "Events" | "Records" => {
            account.trail = trail::read(text)?.map(|event| vec![event]);
            used("TrailEvent");
        }
        "ReservedInstances" | "CapacityReservations" | "savingsPlans" => {
            found.commitments.extend(commitments::read(key, text)?);
            used("Commitment");
        }
        _ => return Err(format!("lists named {key} are not understood")),
    }
    Ok(found)
}

fn parse<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}
