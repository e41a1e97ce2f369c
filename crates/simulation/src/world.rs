//! Pools with hazards that nobody is told, and customers with instances in some of them.

use std::collections::{BTreeMap, BTreeSet};

use facts::names::{InstanceType, OperatingSystem, Region, Zone, ZoneId};
use jiff::Timestamp;
use learning::bucket_hazard;
use learning::random::Random;
use market::{AdvisorBucket, InstanceFilter, Market};
use serde::Serialize;

use crate::Draw;

/// How large a fleet is, and what is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Settings {
    /// How many customers.
    pub customers: usize,
    /// How many pools; no more than the market has.
    pub pools: usize,
    /// How many days.
    pub days: u32,
    /// Instances that a customer has on average in each of its pools.
    pub instances: u32,
    /// How often a pool is taken back at once.
    pub bursts: usize,
    /// Equal seeds give equal fleets.
    pub seed: u64,
}

/// A pool as it truly is.
#[derive(Clone, Debug, PartialEq)]
pub struct SimulatedPool {
    /// The type.
    pub instance_type: InstanceType,
    /// The region.
    pub region: Region,
    /// The zone's name.
    pub zone: Zone,
    /// The zone's id.
    pub zone_id: ZoneId,
    /// What the advisor publishes.
    pub class: AdvisorBucket,
    /// How often an instance is truly lost in an hour, beside bursts.
    pub hazard: f64,
}

/// A fleet.
#[derive(Clone, Debug, PartialEq)]
pub struct World {
    /// What it was made from.
    pub settings: Settings,
    /// The pools, those that are used most first.
    pub pools: Vec<SimulatedPool>,
    /// Instances by customer and pool.
    pub holdings: Vec<BTreeMap<usize, u32>>,
}

/// Regions with the beginning of their zones' ids.
const REGIONS: [(&str, &str); 3] =
    [("us-east-1", "use1"), ("us-west-2", "usw2"), ("eu-west-1", "euw1")];

const ZONES: [&str; 3] = ["a", "b", "c"];

/// Most fleets are of middling machines.
const LARGEST_VCPU: u32 = 16;

/// Hazards scatter within a class log-normally with this deviation, as among nine public traces of one
/// class. Half of the variance is the type's, half the zone's.
const DEVIATION: f64 = 0.9;

/// A customer uses this share of all pools, and no fewer than three where there are three.
const SHARE_OF_POOLS: f64 = 0.2;
const FEWEST_POOLS: usize = 3;

impl World {
    /// The fleet of the settings, from the types that the advisor lists at an instant.
    #[must_use]
    pub fn new(settings: Settings, market: &Market, now: Timestamp) -> World {
        let pools = pools(settings, market, now);
        let holdings = (0..settings.customers)
            .map(|customer| holding(settings, pools.len(), Draw::Customer(customer)))
            .collect();
        World { settings, pools, holdings }
    }

    /// The customers of a pool with how many instances each has.
    #[must_use]
    pub fn holders(&self, pool: usize) -> Vec<(usize, u32)> {
        let of =
            |(customer, held): (usize, &BTreeMap<usize, u32>)| Some((customer, *held.get(&pool)?));
        self.holdings.iter().enumerate().filter_map(of).collect()
    }

    /// All instances.
    #[must_use]
    pub fn instances(&self) -> u64 {
        self.holdings.iter().flat_map(BTreeMap::values).map(|many| u64::from(*many)).sum()
    }
}

fn pools(settings: Settings, market: &Market, now: Timestamp) -> Vec<SimulatedPool> {
    let mut random = Draw::Pools.of(settings.seed);
    let filter = InstanceFilter { max_vcpu: Some(LARGEST_VCPU), ..InstanceFilter::default() };
    let mut listed: Vec<(InstanceType, Region, &str, AdvisorBucket)> = Vec::new();
    for (region, zone_prefix) in REGIONS {
        let Ok(region) = region.parse::<Region>() else { continue };
        for instance in market.candidates(&filter) {
            let name = &instance.instance_type;
            let quote = market.advisor(name, &region, OperatingSystem::Linux, now);
            if let Some(class) = quote.and_then(|quote| quote.bucket) {
                listed.push((name.clone(), region.clone(), zone_prefix, class));
            }
        }
    }
    let of_type = DEVIATION * std::f64::consts::FRAC_1_SQRT_2;
    let mut found = Vec::new();
    while found.len() < settings.pools && !listed.is_empty() {
        // Each type once, in one to three of its zones.
        let (instance_type, region, zone_prefix, class) =
            listed.swap_remove(random.below(listed.len()));
        let types_own = of_type * random.normal();
        let zones = 1 + random.below(ZONES.len());
        let first = random.below(ZONES.len());
        for at in 0..zones.min(settings.pools - found.len()) {
            let at = (first + at) % ZONES.len();
            let zone = format!("{region}{}", ZONES[at]).parse();
            let zone_id = format!("{zone_prefix}-az{}", at + 1).parse();
            let (Ok(zone), Ok(zone_id)) = (zone, zone_id) else { continue };
            let apart = types_own + of_type * random.normal();
            found.push(SimulatedPool {
                instance_type: instance_type.clone(),
                region: region.clone(),
                zone,
                zone_id,
                class,
                // The class is the mean, not the median, of its pools.
                hazard: bucket_hazard(class) * learning::exp(apart - DEVIATION * DEVIATION / 2.0),
            });
        }
    }
    // Which pools are popular has nothing to do with their types.
    shuffle(&mut found, &mut random);
    found
}

fn shuffle<T>(all: &mut [T], random: &mut Random) {
    for at in (1..all.len()).rev() {
        all.swap(at, random.below(at + 1));
    }
}

/// What a customer has: popular pools more often (Zipf), everywhere about as many instances.
fn holding(settings: Settings, pools: usize, draw: Draw) -> BTreeMap<usize, u32> {
    let mut random = draw.of(settings.seed);
    let share = (SHARE_OF_POOLS * pools as f64).round() as usize;
    let many = share.max(FEWEST_POOLS).min(pools);
    let mut chosen = BTreeSet::new();
    while chosen.len() < many {
        let left: Vec<usize> = (0..pools).filter(|pool| !chosen.contains(pool)).collect();
        let weight = |pool: usize| 1.0 / (pool as f64 + 1.0);
        let sum: f64 = left.iter().map(|pool| weight(*pool)).sum();
        let mut place = random.unit() * sum;
        let found = left.iter().find(|pool| {
            place -= weight(**pool);
            place <= 0.0
        });
        // Rounding may leave a crumb behind the last one.
        let Some(pool) = found.or(left.last()) else { break };
        chosen.insert(*pool);
    }
    let spread = (2 * settings.instances as usize).saturating_sub(1).max(1);
    let instances = |pool| (pool, u32::try_from(1 + random.below(spread)).unwrap_or(1));
    chosen.into_iter().map(instances).collect()
}

#[cfg(test)]
mod tests;
