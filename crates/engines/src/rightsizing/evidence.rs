//! What sizes ask of the market: prices of the machines there are and of those there might be.

use std::collections::{BTreeMap, BTreeSet};

use facts::cluster::{ClusterState, Node, well_known};
use facts::decision::{DataSource, PriceUsed};
use facts::names::{Architecture, CapacityType, InstanceType, OperatingSystem, Region, Zone};
use jiff::Timestamp;
use market::{Instance, InstanceFilter, Market};
use serde::{Deserialize, Serialize};

use super::merge::Forecast;
use super::policy::RightsizingPolicy;
use crate::bin_packing::region_of;
use crate::machine_prices::{Machine, MachineNeed, MachinePrices};

/// The question. Equal questions have equal answers on the same market.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RightsizingNeed {
    /// The region; without one nothing is known of prices.
    pub region: Option<Region>,
    /// What the machines there are cost.
    pub machines: MachineNeed,
    /// Architectures of machines that may take their place; none where machines are left alone.
    pub architectures: BTreeSet<Architecture>,
    /// Families that are looked at beside the usual ones.
    pub families: BTreeSet<String>,
    /// Types that are looked at beside the usual ones.
    pub instance_types: BTreeSet<InstanceType>,
    /// Zones in which spot machines run.
    pub spot_zones: BTreeSet<Zone>,
}

/// The answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RightsizingEvidence {
    /// Types that nodes have, as far as the catalogue knows them, sorted.
    pub types: Vec<Instance>,
    /// Types that may take their place, sorted by name.
    pub candidates: Vec<Instance>,
    /// Prices of both.
    pub prices: MachinePrices,
    /// What a model expects containers and machines to need, by the name of the finding; `None`
    /// where no model is active.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forecasts: Option<BTreeMap<String, Forecast>>,
}

impl RightsizingEvidence {
    /// What a model expects of a finding's subject.
    pub(super) fn forecast(&self, finding: &str) -> Option<&Forecast> {
        self.forecasts.as_ref()?.get(finding)
    }

    /// A type that nodes have.
    pub(super) fn known_type(&self, name: &str) -> Option<&Instance> {
        let at = self.types.binary_search_by(|one| one.instance_type.as_str().cmp(name)).ok()?;
        self.types.get(at)
    }

    /// What a machine costs.
    pub(super) fn price(&self, machine: &Machine) -> Option<&PriceUsed> {
        self.prices.price(machine)
    }

    /// Where the numbers come from.
    pub(super) fn sources(&self) -> Vec<DataSource> {
        self.prices.sources.clone()
    }
}

/// What sizes ask for this cluster.
pub(super) fn need(
    state: &ClusterState,
    policy: &RightsizingPolicy,
    now: Timestamp,
) -> RightsizingNeed {
    let nodes = state.node_items();
    let machines = nodes.iter().filter_map(|node| Machine::of_node(state, node));
    let architecture = |node: &Node| {
        node.architecture
            .or_else(|| node.label(well_known::ARCHITECTURE)?.parse::<Architecture>().ok())
            .unwrap_or(Architecture::Amd64)
    };
    let looked_at = if policy.instances { nodes } else { &[] };
    let spot = looked_at.iter().filter(|node| node.capacity_type == Some(CapacityType::Spot));
    let named = policy.machines.allowed_instance_types.iter().flatten();
    RightsizingNeed {
        region: region_of(state),
        machines: MachineNeed::new(now, machines),
        architectures: looked_at.iter().map(architecture).collect(),
        families: policy.preferences.values().flatten().cloned().collect(),
        instance_types: named.filter_map(|name| name.parse().ok()).collect(),
        spot_zones: spot.filter_map(|node| node.label(well_known::ZONE)?.parse().ok()).collect(),
    }
}

/// Whether a type is looked at without being named.
pub(super) fn is_usual(instance: &Instance) -> bool {
    InstanceFilter::default().allows(instance)
}

/// Answers from the market.
pub(super) fn gather(need: &RightsizingNeed, market: &Market) -> RightsizingEvidence {
    let names: BTreeSet<&InstanceType> =
        need.machines.machines.iter().map(|one| &one.instance_type).collect();
    let types: Vec<Instance> =
        names.into_iter().filter_map(|name| market.instance(name)).cloned().collect();
    let mut candidates: Vec<Instance> = market
        .instances()
        .iter()
        .filter(|one| need.architectures.contains(&one.architecture))
        .filter(|one| {
            is_usual(one)
                || need.families.contains(one.instance_type.family())
                || need.instance_types.contains(&one.instance_type)
        })
        .filter(|one| one.allocatable_cpu.is_some() && one.allocatable_memory.is_some())
        .cloned()
        .collect();
    candidates.sort_by(|a, b| a.instance_type.cmp(&b.instance_type));
    let mut machines = need.machines.clone();
    for one in &candidates {
        let machine = |zone: Option<&Zone>| {
            Some(Machine {
                instance_type: one.instance_type.clone(),
                region: need.region.clone().or_else(|| zone?.region())?,
                zone: zone.cloned(),
                capacity_type: match zone {
                    Some(_) => CapacityType::Spot,
                    None => CapacityType::OnDemand,
                },
                operating_system: OperatingSystem::Linux,
            })
        };
        machines.machines.extend(machine(None));
        machines.machines.extend(need.spot_zones.iter().filter_map(|zone| machine(Some(zone))));
    }
    let prices = machines.gather(market);
    candidates.retain(|one| {
        // Sorted by machine, and a machine begins with its type.
        let at =
            prices.prices.partition_point(|(other, _)| other.instance_type < one.instance_type);
        prices.prices.get(at).is_some_and(|(other, _)| other.instance_type == one.instance_type)
    });
    RightsizingEvidence { types, candidates, prices, forecasts: None }
}
