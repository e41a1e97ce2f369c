//! What single machines cost, as evidence of engines that buy none.

use std::collections::BTreeSet;

use facts::cluster::{ClusterState, Instance, Node, well_known};
use facts::decision::{DataSource, PriceUsed};
use facts::names::{CapacityType, InstanceType, OperatingSystem, Region, Zone};
use jiff::Timestamp;
use market::Market;
use serde::{Deserialize, Serialize};
use units::{Fraction, Hours, UsdPerHour};

use crate::account_view::accounts;
use crate::bin_packing::{region_of, sources, to_the_hour};

/// The question: what do these machines cost?
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MachineNeed {
    /// As of when, to the hour, so that answers can be shared.
    pub as_of: Timestamp,
    /// The machines.
    pub machines: BTreeSet<Machine>,
}

/// A machine as far as its price depends on it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Machine {
    /// Its type.
    pub instance_type: InstanceType,
    /// Its region.
    pub region: Region,
    /// Its zone, where spot prices differ.
    pub zone: Option<Zone>,
    /// How it is bought.
    pub capacity_type: CapacityType,
    /// Its operating system.
    pub operating_system: OperatingSystem,
}

/// The answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MachinePrices {
    /// Machines with a known price, sorted.
    pub prices: Vec<(Machine, PriceUsed)>,
    /// Where the numbers come from.
    pub sources: Vec<DataSource>,
}

/// A spot price that was not seen for longer is no longer one.
const SPOT_MAX_AGE: Hours = Hours(48.0);

impl Machine {
    /// The machine of a node; `None` where its type or region is not known.
    #[must_use]
    pub fn of_node(state: &ClusterState, node: &Node) -> Option<Machine> {
        let zone: Option<Zone> = node.label(well_known::ZONE).and_then(|zone| zone.parse().ok());
        Some(Machine {
            instance_type: node.label(well_known::INSTANCE_TYPE)?.parse().ok()?,
            region: zone.as_ref().and_then(Zone::region).or_else(|| region_of(state))?,
            zone,
            capacity_type: node.capacity_type.unwrap_or(CapacityType::OnDemand),
            operating_system: node.operating_system.unwrap_or_default(),
        })
    }

    /// An instance of an account; `None` where its type or region is not known.
    #[must_use]
    pub fn of_instance(instance: &Instance, region: Option<&Region>) -> Option<Machine> {
        let zone: Option<Zone> = instance.zone.as_deref().and_then(|zone| zone.parse().ok());
        let windows = instance.platform.as_deref().is_some_and(|text| {
            text.get(..7).is_some_and(|start| start.eq_ignore_ascii_case("windows"))
        });
        Some(Machine {
            instance_type: instance.instance_type.parse().ok()?,
            region: zone.as_ref().and_then(Zone::region).or_else(|| region.cloned())?,
            zone,
            capacity_type: instance.capacity_type.unwrap_or(CapacityType::OnDemand),
            operating_system: if windows {
                OperatingSystem::Windows
            } else {
                OperatingSystem::Linux
            },
        })
    }
}

impl MachineNeed {
    /// A question about machines at an instant.
    #[must_use]
    pub fn new(now: Timestamp, machines: impl IntoIterator<Item = Machine>) -> MachineNeed {
        MachineNeed { as_of: to_the_hour(now), machines: machines.into_iter().collect() }
    }

    /// A question about every instance of the accounts.
    #[must_use]
    pub fn of_accounts(state: &ClusterState, now: Timestamp) -> MachineNeed {
        let region = region_of(state);
        let instances = accounts(state).iter().flat_map(|account| &account.instances);
        MachineNeed::new(
            now,
            instances.filter_map(|one| Machine::of_instance(one, region.as_ref())),
        )
    }

    /// Answers from the market.
    #[must_use]
    pub fn gather(&self, market: &Market) -> MachinePrices {
        let prices = self
            .machines
            .iter()
            .filter_map(|machine| Some((machine.clone(), price(machine, self.as_of, market)?)));
        MachinePrices { prices: prices.collect(), sources: sources(market, self.as_of) }
    }
}

impl MachinePrices {
    /// The price of a machine.
    #[must_use]
    pub fn price(&self, machine: &Machine) -> Option<&PriceUsed> {
        let at = self.prices.binary_search_by(|(one, _)| one.cmp(machine)).ok()?;
        Some(&self.prices[at].1)
    }

    /// The price of a machine for an hour.
    #[must_use]
    pub fn usd_per_hour(&self, machine: &Machine) -> Option<UsdPerHour> {
        Some(self.price(machine)?.usd_per_hour)
    }
}

fn price(machine: &Machine, as_of: Timestamp, market: &Market) -> Option<PriceUsed> {
    let Machine { instance_type, region, zone, capacity_type, operating_system } = machine;
    let list = market.on_demand(instance_type, region, *operating_system, as_of)?;
    let spot = zone.as_ref().filter(|_| *capacity_type == CapacityType::Spot).and_then(|zone| {
        market.spot(instance_type, zone, *operating_system, as_of, SPOT_MAX_AGE).ok()
    });
    let place = zone.as_ref().map_or_else(|| region.to_string(), ToString::to_string);
    let used = |usd_per_hour, basis: &str, observed_at, place: &str| PriceUsed {
        item: format!("{instance_type} {capacity_type} {place}"),
        usd_per_hour,
        basis: basis.to_owned(),
        observed_at,
    };
    match (capacity_type, spot) {
        (CapacityType::OnDemand, _) => {
            Some(used(list.price, "list_price", Some(list.since), region.as_str()))
        }
        (CapacityType::Spot, Some(quote)) => {
            Some(used(quote.price, "spot_history", Some(quote.last_seen), &place))
        }
        // A spot machine costs less than its list price; how much less, nobody knows.
        (CapacityType::Spot, None) => {
            let quote = market.advisor(instance_type, region, *operating_system, as_of)?;
            let saved = Fraction::new(f64::from(quote.savings_percent?) / 100.0).ok()?;
            Some(used(
                list.price.scaled(saved.complement()),
                "advisor_30d_average",
                Some(quote.observed_at),
                region.as_str(),
            ))
        }
    }
}
