//! What predictors are told of a pool at one instant: the signatures, feature by feature, and the
//! numbers.
//!
//! The code that serves predictions and the code that trains on history both come here, so that a
//! feature means the same in both. Nothing after the instant is looked at. What is not known is
//! NaN, which trees have a branch for, and never a number made up.
//! The page is `docs/features.md`.

mod hourly;
mod signature;

use std::collections::BTreeMap;

use facts::names::{InstanceType, OperatingSystem, Region};
use jiff::Timestamp;
use units::UsdPerHour;

use self::hourly::Hourly;
pub use self::signature::{EVENT_FEATURES, Feature, PRICE_FEATURES, SPOT_FEATURES};
use crate::{Market, Place, SliceRequest};

/// Features of the market in a spot signature: it follows the events.
pub const MARKET_FEATURES: usize = 9;

/// What has happened to a pool, as far as anybody reported it; NaN where nobody did.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EventFeatures(pub [f64; EVENT_FEATURES]);

/// Nothing was reported.
pub const NO_EVENTS: EventFeatures = EventFeatures([f64::NAN; EVENT_FEATURES]);

/// Every pool of a region that has a spot price, with its features as of one instant.
#[derive(Clone, Debug, PartialEq)]
pub struct FeatureTable {
    region: Region,
    operating_system: OperatingSystem,
    as_of: Timestamp,
    /// Sorted by type, then place.
    pools: Vec<(InstanceType, Place)>,
    prices: Vec<UsdPerHour>,
    market: Vec<[f64; MARKET_FEATURES]>,
    price: Vec<[f64; PRICE_FEATURES.len()]>,
}

/// What two pools of one family tell each other: the sum of their log changes, and how many.
#[derive(Clone, Copy, Default)]
struct FamilyChange {
    sum: [f64; 2],
    count: [u32; 2],
}

impl FeatureTable {
    /// The region.
    #[must_use]
    pub fn region(&self) -> &Region {
        &self.region
    }

    /// The operating system.
    #[must_use]
    pub fn operating_system(&self) -> OperatingSystem {
        self.operating_system
    }

    /// As of when.
    #[must_use]
    pub fn as_of(&self) -> Timestamp {
        self.as_of
    }

    /// The pools, sorted by type, then place.
    #[must_use]
    pub fn pools(&self) -> &[(InstanceType, Place)] {
        &self.pools
    }

    /// The row of a pool; `None` where it has no spot price at the instant.
    #[must_use]
    pub fn row(&self, instance_type: &InstanceType, place: &Place) -> Option<usize> {
        self.pools.binary_search_by(|(kind, at)| (kind, at).cmp(&(instance_type, place))).ok()
    }

    /// The spot price of a row.
    #[must_use]
    pub fn price(&self, row: usize) -> Option<UsdPerHour> {
        self.prices.get(row).copied()
    }

    /// The features of a row in the order of [`SPOT_FEATURES`].
    #[must_use]
    pub fn spot_features(
        &self,
        row: usize,
        events: &EventFeatures,
    ) -> Option<[f64; SPOT_FEATURES.len()]> {
        Some(joined(events, self.market.get(row)?))
    }

    /// The features of a row in the order of [`PRICE_FEATURES`].
    #[must_use]
    pub fn price_features(&self, row: usize) -> Option<&[f64; PRICE_FEATURES.len()]> {
        self.price.get(row)
    }
}

impl Market {
    /// The features of every pool of a region, computed together, because the sizes of a family tell
    /// of each other.
    #[must_use]
    pub fn features(&self, request: &SliceRequest) -> FeatureTable {
        let at_ms = request.as_of.as_millisecond();
        let max_age_ms = (request.spot_max_age.0 * 3_600_000.0) as i64;
        let range = self.spot.of_region(&request.region, request.operating_system);
        let mut rows: Vec<(usize, Hourly)> = Vec::with_capacity(range.len());
        let mut families: BTreeMap<&str, FamilyChange> = BTreeMap::new();
        for position in range {
            let Some(key) = self.spot.keys().get(position) else { break };
            let series = self.spot.series(position);
            let Some(hourly) = Hourly::of(series, at_ms, max_age_ms) else { continue };
            let family = families.entry(key.instance_type.family()).or_default();
            for (slot, hours) in [24, 168].into_iter().enumerate() {
                let change = -hourly.log_lag(hours);
                if !change.is_nan() {
                    family.sum[slot] += change;
                    family.count[slot] += 1;
                }
            }
            rows.push((position, hourly));
        }
        let mut table = FeatureTable {
            region: request.region.clone(),
            operating_system: request.operating_system,
            as_of: request.as_of,
            pools: Vec::with_capacity(rows.len()),
            prices: Vec::with_capacity(rows.len()),
            market: Vec::with_capacity(rows.len()),
            price: Vec::with_capacity(rows.len()),
        };
        for (position, hourly) in &rows {
            let Some(key) = self.spot.keys().get(*position) else { continue };
            let family = families.get(key.instance_type.family()).copied().unwrap_or_default();
            table.pools.push((key.instance_type.clone(), key.place.clone()));
            table.prices.push(hourly.price);
            table.market.push(self.market_features(&key.instance_type, request, Some(hourly)));
            table.price.push(price_features(hourly, family));
        }
        table
    }

    /// The features of a pool without a spot price: what the advisor says of its type.
    #[must_use]
    pub fn spot_features_without_price(
        &self,
        instance_type: &InstanceType,
        request: &SliceRequest,
        events: &EventFeatures,
    ) -> [f64; SPOT_FEATURES.len()] {
        joined(events, &self.market_features(instance_type, request, None))
    }

    fn market_features(
        &self,
        instance_type: &InstanceType,
        request: &SliceRequest,
        hourly: Option<&Hourly>,
    ) -> [f64; MARKET_FEATURES] {
        let SliceRequest { region, operating_system: system, as_of, .. } = request;
        let advisor = self.advisor(instance_type, region, *system, *as_of);
        let list = self.on_demand(instance_type, region, *system, *as_of);
        let bucket = advisor.and_then(|advisor| advisor.bucket);
        let savings = advisor.and_then(|advisor| advisor.savings_percent);
        let ratio = hourly
            .zip(list)
            .map(|(hourly, list)| hourly.price.nanos() as f64 / list.price.nanos() as f64);
        let of = |read: fn(&Hourly) -> f64| hourly.map_or(f64::NAN, read);
        [
            bucket.map_or(f64::NAN, |bucket| f64::from(bucket.index())),
            savings.map_or(f64::NAN, |percent| f64::from(percent) / 100.0),
            ratio.filter(|ratio| ratio.is_finite()).unwrap_or(f64::NAN),
            of(|hourly| hourly.log_spread(24)),
            of(|hourly| hourly.log_spread(168)),
            of(|hourly| -hourly.log_lag(24)),
            of(|hourly| f64::from(hourly.changes)),
            of(|hourly| hourly.hours_since_change),
            of(|hourly| hourly.log_extremes().1),
        ]
    }
}

fn joined(events: &EventFeatures, market: &[f64; MARKET_FEATURES]) -> [f64; SPOT_FEATURES.len()] {
    let mut features = [f64::NAN; SPOT_FEATURES.len()];
    let (front, back) = features.split_at_mut(EVENT_FEATURES);
    front.copy_from_slice(&events.0);
    back.copy_from_slice(market);
    features
}

fn price_features(hourly: &Hourly, family: FamilyChange) -> [f64; PRICE_FEATURES.len()] {
    let mut features = [f64::NAN; PRICE_FEATURES.len()];
    let lags = [1, 2, 3, 6, 12, 24, 48, 72, 168];
    let (lowest, highest) = hourly.log_extremes();
    let values = lags.into_iter().map(|hours| hourly.log_lag(hours)).chain([
        hourly.log_mean(24),
        hourly.log_mean(168),
        hourly.log_spread(24),
        hourly.log_spread(168),
        highest,
        lowest,
        others(hourly, family, 0, 24),
        others(hourly, family, 1, 168),
    ]);
    features.iter_mut().zip(values).for_each(|(feature, value)| *feature = value);
    features
}

/// The mean log change of the other pools of the family; NaN where there is none.
fn others(hourly: &Hourly, family: FamilyChange, slot: usize, hours: usize) -> f64 {
    let own = -hourly.log_lag(hours);
    let (sum, count) = (family.sum[slot], family.count[slot]);
    let (sum, count) = if own.is_nan() { (sum, count) } else { (sum - own, count - 1) };
    if count == 0 { f64::NAN } else { sum / f64::from(count) }
}
