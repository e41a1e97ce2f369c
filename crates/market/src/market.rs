//! The market in memory: columnar, immutable, with a version that follows from its content.

use facts::names::{InstanceType, OperatingSystem, Region, Zone, ZoneId};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::{Hours, UsdPerHour};

use crate::fields::from_ms;
use crate::series::SeriesTable;
use crate::statistics::hours_between;
use crate::{AdvisorBucket, AdvisorRow, Instance, InstanceFilter, OnDemandRow, Place};

/// Prices, interruption classes and instance types, merged from any number of files.
///
/// Every question names an instant, and nothing that became known after it is used.
#[derive(Clone, Debug, PartialEq)]
pub struct Market {
    pub(crate) instances: Vec<Instance>,
    /// Sorted by region, system, type, instant; one row for each.
    pub(crate) on_demand: Vec<OnDemandRow>,
    /// Sorted by region, system, type, instant; one row for each.
    pub(crate) advisor: Vec<AdvisorRow>,
    pub(crate) spot: SeriesTable,
    /// Sorted by zone name.
    pub(crate) zone_ids: Vec<(Zone, ZoneId)>,
    pub(crate) provenance: Vec<Provenance>,
    pub(crate) version: String,
}

/// The four kinds of facts.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Dataset {
    /// Instance types.
    Catalogue,
    /// List prices.
    OnDemand,
    /// Interruption classes and savings.
    Advisor,
    /// Spot prices.
    SpotHistory,
}

/// Where a part of the market came from.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Provenance {
    /// The kind of facts.
    pub dataset: Dataset,
    /// The source as its importer named it.
    pub source: String,
    /// The earliest instant that a fact of the source is about.
    #[schemars(with = "String")]
    pub oldest: Timestamp,
    /// The latest instant that a fact of the source is about.
    #[schemars(with = "String")]
    pub newest: Timestamp,
    /// Rows used.
    pub rows: u64,
}

/// A list price as known at an instant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OnDemandQuote {
    /// The price.
    pub price: UsdPerHour,
    /// From when it is known.
    pub since: Timestamp,
}

/// What the advisor said as known at an instant.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct AdvisorQuote {
    /// The interruption class, where the file defined it.
    pub bucket: Option<AdvisorBucket>,
    /// Trailing 30-day saving over On-Demand in percent; may be negative.
    pub savings_percent: Option<i16>,
    /// When the file was observed.
    pub observed_at: Timestamp,
    /// Hours from the observation to the instant asked for.
    pub age: Hours,
}

/// A spot price as known at an instant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SpotQuote {
    /// The price.
    pub price: UsdPerHour,
    /// When it changed to this.
    pub since: Timestamp,
    /// When it was last seen to be in force.
    pub last_seen: Timestamp,
}

/// Why there is no spot price.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum NoSpotPrice {
    /// No price of this pool is known up to the instant.
    NeverSeen,
    /// The last price was seen too long before the instant.
    Stale,
}

impl Market {
    /// A market that knows nothing.
    #[must_use]
    pub fn empty() -> Market {
        crate::MarketBuilder::new().build()
    }

    /// A digest of the content in hexadecimal; equal content gives an equal version, whatever
    /// files it came from and in which order.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Where the content came from, by dataset and source.
    #[must_use]
    pub fn provenance(&self) -> &[Provenance] {
        &self.provenance
    }

    /// The whole catalogue, sorted by type.
    #[must_use]
    pub fn instances(&self) -> &[Instance] {
        &self.instances
    }

    /// One type of the catalogue.
    #[must_use]
    pub fn instance(&self, instance_type: &InstanceType) -> Option<&Instance> {
        let position = self
            .instances
            .binary_search_by(|instance| instance.instance_type.cmp(instance_type))
            .ok()?;
        self.instances.get(position)
    }

    /// The types of the catalogue that a filter lets through, sorted by type.
    pub fn candidates<'a>(
        &'a self,
        filter: &'a InstanceFilter,
    ) -> impl Iterator<Item = &'a Instance> {
        self.instances.iter().filter(|instance| filter.allows(instance))
    }

    /// Every region with a price or an advisor entry, sorted.
    #[must_use]
    pub fn regions(&self) -> Vec<Region> {
        let mut regions: Vec<Region> = Vec::new();
        let all = (self.on_demand.iter().map(|row| &row.region))
            .chain(self.advisor.iter().map(|row| &row.region))
            .chain(self.spot.keys().iter().map(|key| &key.region));
        for region in all {
            // Each table is sorted, so that equal neighbours are the rule.
            if regions.last() != Some(region) {
                regions.push(region.clone());
            }
        }
        regions.sort_unstable();
        regions.dedup();
        regions
    }

    /// The newest list price known at an instant.
    #[must_use]
    pub fn on_demand(
        &self,
        instance_type: &InstanceType,
        region: &Region,
        operating_system: OperatingSystem,
        as_of: Timestamp,
    ) -> Option<OnDemandQuote> {
        let wanted = (region, operating_system, instance_type, as_of.as_millisecond());
        let position = self.on_demand.partition_point(|row| {
            (&row.region, row.operating_system, &row.instance_type, row.since_ms) <= wanted
        });
        let row = self.on_demand.get(position.checked_sub(1)?)?;
        ((&row.region, row.operating_system, &row.instance_type)
            == (region, operating_system, instance_type))
            .then(|| row.quote())
    }

    /// The newest advisor entry known at an instant.
    #[must_use]
    pub fn advisor(
        &self,
        instance_type: &InstanceType,
        region: &Region,
        operating_system: OperatingSystem,
        as_of: Timestamp,
    ) -> Option<AdvisorQuote> {
        let wanted = (region, operating_system, instance_type, as_of);
        let position = self.advisor.partition_point(|row| {
            (&row.region, row.operating_system, &row.instance_type, row.observed_at) <= wanted
        });
        let row = self.advisor.get(position.checked_sub(1)?)?;
        ((&row.region, row.operating_system, &row.instance_type)
            == (region, operating_system, instance_type))
            .then(|| row.quote(as_of))
    }

    /// The spot price of one pool, not older than `max_age` hours.
    ///
    /// # Errors
    /// Why there is none.
    pub fn spot(
        &self,
        instance_type: &InstanceType,
        zone: &Zone,
        operating_system: OperatingSystem,
        as_of: Timestamp,
        max_age: Hours,
    ) -> Result<SpotQuote, NoSpotPrice> {
        let wanted = Place::Zone(zone.clone());
        let region = zone.region().ok_or(NoSpotPrice::NeverSeen)?;
        self.series_of(instance_type, &region, operating_system)
            .find(|(place, _)| **place == wanted)
            .ok_or(NoSpotPrice::NeverSeen)
            .and_then(|(_, position)| self.quote(position, as_of, max_age))
    }

    /// Every usable spot price of a type in a region, by place.
    pub fn spot_in_region(
        &self,
        instance_type: &InstanceType,
        region: &Region,
        operating_system: OperatingSystem,
        as_of: Timestamp,
        max_age: Hours,
    ) -> Vec<(Place, SpotQuote)> {
        self.series_of(instance_type, region, operating_system)
            .filter_map(|(place, position)| {
                Some((place.clone(), self.quote(position, as_of, max_age).ok()?))
            })
            .collect()
    }

    /// The zone identifier of a zone name, in the account that the prices came from.
    #[must_use]
    pub fn zone_id(&self, zone: &Zone) -> Option<&ZoneId> {
        let position = self.zone_ids.binary_search_by(|(name, _)| name.cmp(zone)).ok()?;
        self.zone_ids.get(position).map(|(_, id)| id)
    }

    /// Price changes and mere repetitions of spot prices that are held.
    #[must_use]
    pub fn spot_counts(&self) -> (usize, usize) {
        self.spot.counts()
    }

    /// What there are spot prices of, sorted.
    #[must_use]
    pub fn spot_keys(&self) -> &[crate::SeriesKey] {
        self.spot.keys()
    }

    /// The series of one type, with their positions.
    pub(crate) fn series_of<'a>(
        &'a self,
        instance_type: &InstanceType,
        region: &Region,
        operating_system: OperatingSystem,
    ) -> impl Iterator<Item = (&'a Place, usize)> + use<'a> {
        let range = self.spot.of_region(region, operating_system);
        let keys = self.spot.keys().get(range.clone()).unwrap_or(&[]);
        let first = keys.partition_point(|key| key.instance_type < *instance_type);
        let last = keys.partition_point(|key| key.instance_type <= *instance_type);
        keys.get(first..last)
            .unwrap_or(&[])
            .iter()
            .zip(range.start.saturating_add(first)..)
            .map(|(key, position)| (&key.place, position))
    }

    /// The price of a series at an instant.
    pub(crate) fn quote(
        &self,
        position: usize,
        as_of: Timestamp,
        max_age: Hours,
    ) -> Result<SpotQuote, NoSpotPrice> {
        let at_ms = as_of.as_millisecond();
        let series = self.spot.series(position);
        let change = series.in_force(at_ms).ok_or(NoSpotPrice::NeverSeen)?;
        let (Some(since), Some(price), Some(last_seen)) = (
            series.change_at.get(change),
            series.change_price.get(change),
            series.last_seen(at_ms),
        ) else {
            return Err(NoSpotPrice::NeverSeen);
        };
        // Written so that an age limit that is no number lets nothing through.
        if hours_between(last_seen, at_ms) <= max_age.0 {
            Ok(SpotQuote { price: *price, since: from_ms(*since), last_seen: from_ms(last_seen) })
        } else {
            Err(NoSpotPrice::Stale)
        }
    }
}

impl OnDemandRow {
    /// The row as an answer.
    pub(crate) fn quote(&self) -> OnDemandQuote {
        OnDemandQuote { price: self.price, since: from_ms(self.since_ms) }
    }
}

impl AdvisorRow {
    /// The row as an answer at an instant.
    pub(crate) fn quote(&self, as_of: Timestamp) -> AdvisorQuote {
        let age = hours_between(self.observed_at.as_millisecond(), as_of.as_millisecond());
        AdvisorQuote {
            bucket: self.bucket,
            savings_percent: self.savings_percent,
            observed_at: self.observed_at,
            age: Hours(age),
        }
    }
}
