//! One region of the market as it was known at one instant: two tables, stored by column.
//!
//! A slice holds facts and no opinions. It is complete in itself, so that a decision that was made
//! on it can be repeated from it.

use facts::names::{Architecture, InstanceType, OperatingSystem, Region, Zone, ZoneId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use units::{Bytes, Hours, UsdPerHour};

use crate::statistics::hours_between;
use crate::{AdvisorBucket, InstanceFilter, LocalTime, NoSpotPrice, digest};

/// Which part of the market is wanted, and as of when.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SliceRequest {
    /// The region, or the zone group of a local zone.
    pub region: Region,
    /// The operating system.
    #[serde(default)]
    pub operating_system: OperatingSystem,
    /// Nothing that became known later is used.
    pub as_of: Timestamp,
    /// Which instance types.
    #[serde(default)]
    pub filter: InstanceFilter,
    /// A spot price that was not seen for longer is no longer one. Amazon repeats an unchanged
    /// price about every 24 hours, so two days miss at most one repetition.
    #[serde(default = "two_days")]
    pub spot_max_age: Hours,
}

/// One region as known at one instant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MarketSlice {
    /// The region.
    pub region: Region,
    /// The operating system.
    pub operating_system: OperatingSystem,
    /// The instant.
    pub as_of: Timestamp,
    /// The time of day in the region; `None` when its time zone is not known.
    pub local_time: Option<LocalTime>,
    /// Whether the region has any spot price up to the instant. Without one, zones are unknown and
    /// every pool stands for the whole region.
    pub zones_known: bool,
    /// How many types of the region, filtered or not, are in each advisor class.
    pub bucket_counts: [u32; 5],
    /// What is known of the region and is not in the tables.
    pub left_out: LeftOut,
    /// One row for each instance type, sorted by name.
    pub types: TypeTable,
    /// One row for each pool, sorted by type, then place.
    pub pools: PoolTable,
}

/// Types with facts in the region that are not in the tables, and why.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// The filter does not let them through.
    pub by_filter: u32,
    /// The catalogue does not know them.
    pub not_in_catalogue: u32,
}

/// Facts that all pools of a type share. All columns have the same length.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TypeTable {
    /// The types, sorted.
    pub instance_type: Vec<InstanceType>,
    /// Virtual processors.
    pub vcpu: Vec<u32>,
    /// Memory as sold.
    pub memory: Vec<Bytes>,
    /// Processor architecture.
    pub architecture: Vec<Architecture>,
    /// Generation digit.
    pub generation: Vec<u8>,
    /// Whether of a current generation.
    pub current_generation: Vec<bool>,
    /// Whether on processor credits.
    pub burstable: Vec<bool>,
    /// Whether a whole machine.
    pub bare_metal: Vec<bool>,
    /// Whether with graphics processors or other accelerators.
    pub accelerated: Vec<bool>,
    /// List price.
    pub on_demand: Vec<Option<UsdPerHour>>,
    /// From when the list price is known.
    pub on_demand_at: Vec<Option<Timestamp>>,
    /// Interruption class.
    pub advisor_bucket: Vec<Option<AdvisorBucket>>,
    /// Trailing 30-day saving over On-Demand in percent.
    pub savings_percent: Vec<Option<i16>>,
    /// When the advisor was observed.
    pub advisor_at: Vec<Option<Timestamp>>,
}

/// Pools with their prices. All columns have the same length.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PoolTable {
    /// Row of the type table.
    pub type_row: Vec<u32>,
    /// Zone name; `None` where no price tells it.
    pub zone: Vec<Option<Zone>>,
    /// Zone identifier, where known.
    pub zone_id: Vec<Option<ZoneId>>,
    /// Dollars per hour, on the basis that the next column names; `None` when not known.
    pub price: Vec<Option<UsdPerHour>>,
    /// What the price is.
    pub price_basis: Vec<PriceBasis>,
    /// When the price was last seen; for an average, when the advisor was observed.
    pub price_at: Vec<Option<Timestamp>>,
    /// Why there is no price of the pool itself.
    pub no_spot_price: Vec<Option<NoSpotPrice>>,
    /// Why there is no price at all.
    pub unknown: Vec<Option<UnknownReason>>,
    /// Time-weighted mean of the last 7 days.
    pub mean_7d: Vec<Option<UsdPerHour>>,
    /// Standard deviation over mean of the last 7 days, both time-weighted.
    pub variation_7d: Vec<Option<f64>>,
    /// Lowest price of the last 7 days.
    pub lowest_7d: Vec<Option<UsdPerHour>>,
    /// Highest price of the last 7 days.
    pub highest_7d: Vec<Option<UsdPerHour>>,
    /// Changes in the last 7 days; repetitions of a price are none.
    pub changes_7d: Vec<u32>,
    /// Hours of the last 7 days for which the price is known, up to 168.
    pub known_hours_7d: Vec<f64>,
    /// Time-weighted mean of the last 24 hours.
    pub mean_24h: Vec<Option<UsdPerHour>>,
    /// Hours since the price last changed.
    pub hours_since_change: Vec<Option<f64>>,
}

/// What a pool's price is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PriceBasis {
    /// The pool's own spot price.
    SpotHistory,
    /// On-Demand × (1 − savings): a mean of 30 days and of all zones, not a price anyone pays now.
    #[serde(rename = "advisor_30d_average")]
    Advisor30dAverage,
    /// There is no price.
    Unknown,
}

/// Why not even an average is known for a pool without a spot price of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnknownReason {
    /// No list price is known up to the instant.
    NoOnDemandPrice,
    /// The advisor gives no savings up to the instant.
    NoSavings,
}

/// One pool with the facts of its type.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PoolView<'a> {
    /// Row of the pool table.
    pub row: usize,
    /// The type.
    pub instance_type: &'a InstanceType,
    /// Virtual processors.
    pub vcpu: u32,
    /// Memory as sold.
    pub memory: Bytes,
    /// Processor architecture.
    pub architecture: Architecture,
    /// Zone name, where known.
    pub zone: Option<&'a Zone>,
    /// Zone identifier, where known.
    pub zone_id: Option<&'a ZoneId>,
    /// Dollars per hour, on the basis beside it.
    pub price: Option<UsdPerHour>,
    /// What the price is.
    pub price_basis: PriceBasis,
    /// List price.
    pub on_demand: Option<UsdPerHour>,
    /// Interruption class.
    pub advisor_bucket: Option<AdvisorBucket>,
    /// Trailing 30-day saving over On-Demand in percent.
    pub savings_percent: Option<i16>,
    /// Hours since the advisor was observed.
    pub advisor_age: Option<Hours>,
    /// Standard deviation over mean of the last 7 days.
    pub variation_7d: Option<f64>,
}

impl SliceRequest {
    /// Linux in a region with the default filter and age.
    #[must_use]
    pub fn new(region: Region, as_of: Timestamp) -> SliceRequest {
        SliceRequest {
            region,
            operating_system: OperatingSystem::Linux,
            as_of,
            filter: InstanceFilter::default(),
            spot_max_age: two_days(),
        }
    }
}

impl MarketSlice {
    /// A digest of everything in the slice: 64 hexadecimal digits. Equal slices have equal ones,
    /// also after a journey through JSON.
    #[must_use]
    pub fn digest(&self) -> String {
        digest::of_slice(self)
    }

    /// How many pools there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.pools.type_row.len()
    }

    /// Whether there is no pool.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pools.type_row.is_empty()
    }

    /// One pool; `None` beyond the end, and where a slice read from elsewhere has torn columns.
    #[must_use]
    pub fn pool(&self, row: usize) -> Option<PoolView<'_>> {
        let (types, pools) = (&self.types, &self.pools);
        let of_type = usize::try_from(*pools.type_row.get(row)?).ok()?;
        let advisor_at = *types.advisor_at.get(of_type)?;
        Some(PoolView {
            row,
            instance_type: types.instance_type.get(of_type)?,
            vcpu: *types.vcpu.get(of_type)?,
            memory: *types.memory.get(of_type)?,
            architecture: *types.architecture.get(of_type)?,
            zone: pools.zone.get(row)?.as_ref(),
            zone_id: pools.zone_id.get(row)?.as_ref(),
            price: *pools.price.get(row)?,
            price_basis: *pools.price_basis.get(row)?,
            on_demand: *types.on_demand.get(of_type)?,
            advisor_bucket: *types.advisor_bucket.get(of_type)?,
            savings_percent: *types.savings_percent.get(of_type)?,
            advisor_age: advisor_at
                .map(|at| Hours(hours_between(at.as_millisecond(), self.as_of.as_millisecond()))),
            variation_7d: *pools.variation_7d.get(row)?,
        })
    }

    /// Every pool, in order.
    pub fn pools(&self) -> impl Iterator<Item = PoolView<'_>> {
        (0..self.len()).filter_map(|row| self.pool(row))
    }
}

fn two_days() -> Hours {
    Hours(48.0)
}
