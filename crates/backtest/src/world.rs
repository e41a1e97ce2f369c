//! An episode with its prices, classes and days: everything that a replay reads, by column.
//!
//! Every value of a step or a day is what was known when it began. What is not known is not guessed:
//! a pool without a price at some step is left out, and says what is missing.

use std::collections::BTreeMap;

use engines::scoring::RegionPrior;
use facts::names::{OperatingSystem, Region};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use market::{InstanceFilter, Market, MarketSlice, SliceRequest};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::{Fraction, UsdPerHour};

use crate::episode::{Episode, Measured, PoolKey};
use crate::{InputError, Settings};

/// What a replay reads.
#[derive(Clone, Debug)]
pub struct World {
    /// What it is called.
    pub name: String,
    /// What the capacity says.
    pub measured: Measured,
    /// When the first step begins.
    pub start: Timestamp,
    /// The length of a step.
    pub step_seconds: u32,
    /// The pools, in order.
    pub pools: Vec<WorldPool>,
    /// Pools that cannot be priced.
    pub left_out: Vec<LeftOutPool>,
    /// The cheapest On-Demand price of the pools' types, by step.
    pub on_demand: Vec<UsdPerHour>,
    /// What an hour without an instance costs, by step.
    pub unavailable: Vec<UsdPerHour>,
    /// What one should know.
    pub notes: Vec<String>,
    pub(crate) days: Vec<Day>,
    pub(crate) slices: Vec<(MarketSlice, RegionPrior)>,
}

/// A pool with its prices.
#[derive(Clone, Debug, PartialEq)]
pub struct WorldPool {
    /// Which.
    pub key: PoolKey,
    /// How many instances were asked for at each step.
    pub asked: u16,
    /// How many of them there were, by step.
    pub held: Vec<u16>,
    /// The spot price, by step.
    pub spot: Vec<UsdPerHour>,
    /// What the spot prices are.
    pub price_hours: PriceHours,
    /// The list price at the first step.
    pub on_demand: UsdPerHour,
    /// When the list price became known, where that was after the first step.
    pub list_price_of: Option<Timestamp>,
}

/// For how many hours the spot price was what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PriceHours {
    /// The pool's own, as it was quoted.
    pub spot_history: f64,
    /// On-Demand less the advisor's saving of 30 days.
    pub advisor_average: f64,
    /// On-Demand times the share that the settings state.
    pub assumed_share: f64,
}

/// A pool that is not replayed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LeftOutPool {
    /// Which.
    pub pool: PoolKey,
    /// What is not known of it.
    pub reason: String,
}

/// A day by UTC, or the part of it that is replayed.
#[derive(Clone, Debug)]
pub(crate) struct Day {
    pub(crate) begins: Timestamp,
    pub(crate) steps: std::ops::Range<usize>,
    /// Slice and row of each pool; `None` where the market knows nothing of it.
    pub(crate) facts: Vec<Option<(usize, usize)>>,
}

impl World {
    /// Lays the prices of a market beside an episode.
    ///
    /// # Errors
    /// No pool can be priced.
    pub fn new(
        episode: &Episode,
        market: &Market,
        settings: &Settings,
    ) -> Result<World, InputError> {
        settings.checked()?;
        let (mut pools, mut left_out) = (Vec::new(), Vec::new());
        let mut lists: Vec<Vec<UsdPerHour>> = Vec::new();
        for pool in &episode.pools {
            match priced(episode, &pool.key, market, settings) {
                Ok(prices) => {
                    pools.push(WorldPool {
                        key: pool.key.clone(),
                        asked: pool.asked,
                        held: pool.held.clone(),
                        spot: prices.spot,
                        price_hours: prices.hours,
                        on_demand: prices.list.first().copied().unwrap_or_default(),
                        list_price_of: prices.list_price_of,
                    });
                    lists.push(prices.list);
                }
                Err(reason) => left_out.push(LeftOutPool { pool: pool.key.clone(), reason }),
            }
        }
        if pools.is_empty() {
            let reason = left_out.first().map_or_else(String::new, |one| {
                format!("{} in {}: {}", one.pool.instance_type, one.pool.zone, one.reason)
            });
            return Err(InputError::Unpriced { name: episode.name.clone(), reason });
        }
        let on_demand: Vec<UsdPerHour> = (0..episode.steps)
            .map(|step| lists.iter().map(|list| list[step]).min().unwrap_or_default())
            .collect();
        let unavailable = match settings.unavailable_cost_usd_per_hour {
            Some(rate) => vec![rate; episode.steps],
            None => {
                let cost = |price: &UsdPerHour| {
                    let nanos = price.nanos() as f64 * settings.unavailable_cost_to_on_demand;
                    UsdPerHour::from_nanos(nanos.round() as i64)
                };
                on_demand.iter().map(cost).collect()
            }
        };
        let mut world = World {
            name: episode.name.clone(),
            measured: episode.measured,
            start: episode.start,
            step_seconds: episode.step_seconds,
            pools,
            left_out,
            on_demand,
            unavailable,
            notes: episode.notes.clone(),
            days: days(episode),
            slices: Vec::new(),
        };
        world.look_up_facts(market, settings);
        Ok(world)
    }

    /// How many steps.
    #[must_use]
    pub fn steps(&self) -> usize {
        self.on_demand.len()
    }

    /// When a step begins, in seconds since 1970.
    pub(crate) fn second(&self, step: usize) -> i64 {
        let passed =
            i64::try_from(step).unwrap_or(i64::MAX).saturating_mul(self.step_seconds.into());
        self.start.as_second().saturating_add(passed)
    }

    /// How many of so many instances a pool holds at a step: the share that could be had of what was
    /// asked for, rounded down.
    pub(crate) fn holds(&self, pool: usize, step: usize, instances: u32) -> u32 {
        let pool = &self.pools[pool];
        let held = u64::from(pool.held[step]) * u64::from(instances) / u64::from(pool.asked);
        u32::try_from(held).unwrap_or(instances)
    }

    /// The price of a spot instance that the market knew at the start of a day's regions; facts are
    /// looked up once a day, so that scores stand still within it.
    fn look_up_facts(&mut self, market: &Market, settings: &Settings) {
        let types: std::collections::BTreeSet<_> =
            self.pools.iter().map(|pool| pool.key.instance_type.clone()).collect();
        let filter = InstanceFilter { instance_types: types, ..InstanceFilter::default() };
        let regions: Vec<Option<Region>> =
            self.pools.iter().map(|pool| pool.key.region()).collect();
        for day in &mut self.days {
            let mut of_region: BTreeMap<&Region, usize> = BTreeMap::new();
            for region in regions.iter().flatten() {
                of_region.entry(region).or_insert_with(|| {
                    let slice = market.slice(&SliceRequest {
                        filter: filter.clone(),
                        spot_max_age: settings.max_price_age_hours,
                        ..SliceRequest::new(region.clone(), day.begins)
                    });
                    let prior = RegionPrior::of(slice.bucket_counts);
                    self.slices.push((slice, prior));
                    self.slices.len() - 1
                });
            }
            day.facts = self
                .pools
                .iter()
                .zip(&regions)
                .map(|(pool, region)| {
                    let at = *of_region.get(region.as_ref()?)?;
                    Some((at, row_of(&self.slices[at].0, &pool.key)?))
                })
                .collect();
        }
    }
}

/// The pool's own row, or that of its type where the market knows no zone of it.
fn row_of(slice: &MarketSlice, key: &PoolKey) -> Option<usize> {
    let of_type = || slice.pools().filter(|view| *view.instance_type == key.instance_type);
    let own = of_type().find(|view| view.zone == Some(&key.zone));
    own.or_else(|| of_type().find(|view| view.zone.is_none()))
        .or_else(|| of_type().next())
        .map(|view| view.row)
}

struct Priced {
    spot: Vec<UsdPerHour>,
    list: Vec<UsdPerHour>,
    hours: PriceHours,
    list_price_of: Option<Timestamp>,
}

/// The prices of a pool at every step, or what is missing.
fn priced(
    episode: &Episode,
    key: &PoolKey,
    market: &Market,
    settings: &Settings,
) -> Result<Priced, String> {
    let region = key.region().ok_or_else(|| {
        format!("{} does not name its region, so that no price is known", key.zone)
    })?;
    let system = OperatingSystem::Linux;
    let known = |at: Timestamp| market.on_demand(&key.instance_type, &region, system, at);
    let later = || {
        let first = known(Timestamp::MAX)?;
        // The first one that became known; list prices are few.
        let mut earliest = first;
        while let Some(before) =
            earliest.since.checked_sub(jiff::SignedDuration::from_millis(1)).ok().and_then(known)
        {
            earliest = before;
        }
        Some(earliest)
    };
    let mut list_price_of = None;
    let mut later_price = None;
    let mut priced =
        Priced { spot: Vec::new(), list: Vec::new(), hours: PriceHours::default(), list_price_of };
    let hours = f64::from(episode.step_seconds) / 3600.0;
    let mut missing = 0_u64;
    for step in 0..episode.steps {
        let at = episode.at(step);
        let list = match known(at) {
            Some(quote) => quote.price,
            None if settings.later_list_prices => {
                if later_price.is_none() {
                    let quote = later().ok_or_else(|| {
                        format!("no On-Demand price of {} in {region} is known", key.instance_type)
                    })?;
                    list_price_of = Some(quote.since);
                    later_price = Some(quote.price);
                }
                later_price.unwrap_or_default()
            }
            None => {
                return Err(format!(
                    "no On-Demand price of {} in {region} was known at {at}; give one of that time, \
                     or accept a later one with later_list_prices",
                    key.instance_type
                ));
            }
        };
        let own =
            market.spot(&key.instance_type, &key.zone, system, at, settings.max_price_age_hours);
        let (spot, basis) = match own {
            Ok(quote) => (Some(quote.price), &mut priced.hours.spot_history),
            Err(_) => match average(market, key, &region, at, list, settings) {
                Some(price) => (Some(price), &mut priced.hours.advisor_average),
                None => (
                    settings.spot_share.map(|share| list.scaled(share)),
                    &mut priced.hours.assumed_share,
                ),
            },
        };
        match spot {
            Some(price) => {
                *basis += hours;
                priced.spot.push(price);
            }
            None => missing += 1,
        }
        priced.list.push(list);
    }
    if missing > 0 {
        return Err(format!(
            "no spot price is known for {:.1} of {:.1} hours; give a price history, or say what \
             stands in with accept_average_prices or spot_share",
            missing as f64 * hours,
            episode.steps as f64 * hours
        ));
    }
    priced.list_price_of = list_price_of;
    for value in [
        &mut priced.hours.spot_history,
        &mut priced.hours.advisor_average,
        &mut priced.hours.assumed_share,
    ] {
        *value = (*value * 1e3).round() / 1e3;
    }
    Ok(priced)
}

/// On-Demand less the advisor's saving, where that is accepted and known.
fn average(
    market: &Market,
    key: &PoolKey,
    region: &Region,
    at: Timestamp,
    list: UsdPerHour,
    settings: &Settings,
) -> Option<UsdPerHour> {
    if !settings.accept_average_prices {
        return None;
    }
    let quote = market.advisor(&key.instance_type, region, OperatingSystem::Linux, at)?;
    let percent = quote.savings_percent.filter(|percent| *percent < 100)?;
    let nanos = i128::from(list.nanos()) * i128::from(100 - i64::from(percent)) / 100;
    Some(UsdPerHour::from_nanos(i64::try_from(nanos).ok()?))
}

/// The days of an episode by UTC.
fn days(episode: &Episode) -> Vec<Day> {
    let mut days: Vec<Day> = Vec::new();
    let mut last = None;
    for step in 0..episode.steps {
        let at = episode.at(step);
        let date = at.to_zoned(TimeZone::UTC).date();
        if last == Some(date) {
            if let Some(day) = days.last_mut() {
                day.steps.end = step + 1;
            }
        } else {
            days.push(Day { begins: at, steps: step..step + 1, facts: Vec::new() });
            last = Some(date);
        }
    }
    days
}

/// What a share of settings is for people.
pub(crate) fn percent(share: Fraction) -> String {
    format!("{:.0} %", share.value() * 100.0)
}
