//! Cutting a slice out of the market.

use std::collections::BTreeMap;

use facts::names::InstanceType;
use units::{Usd, UsdPerHour};

use crate::slice::LeftOut;
use crate::statistics::{WindowStatistics, hours_between, rounded, window};
use crate::{
    AdvisorQuote, Instance, Market, MarketSlice, NoSpotPrice, OnDemandQuote, Place, PoolTable,
    PriceBasis, SliceRequest, SpotQuote, TypeTable, UnknownReason, local_time,
};

const WEEK_HOURS: i64 = 168;
const DAY_HOURS: i64 = 24;

/// What is known of one type in the region at the instant.
#[derive(Default)]
struct Known {
    on_demand: Option<OnDemandQuote>,
    advisor: Option<AdvisorQuote>,
    /// Positions of series that have a price up to the instant.
    series: Vec<(Place, usize)>,
}

impl Market {
    /// One region as it was known at one instant.
    ///
    /// A pool is a type in a zone. Zones are told by spot prices only: a type without one up to the
    /// instant is a single pool of unknown zone, priced at the advisor's 30-day average where
    /// On-Demand price and savings are known.
    #[must_use]
    pub fn slice(&self, request: &SliceRequest) -> MarketSlice {
        let known = self.known(request);
        let mut slice = MarketSlice {
            region: request.region.clone(),
            operating_system: request.operating_system,
            as_of: request.as_of,
            local_time: local_time(&request.region, request.as_of),
            zones_known: known.values().any(|known| !known.series.is_empty()),
            bucket_counts: [0; 5],
            left_out: LeftOut::default(),
            types: TypeTable::default(),
            pools: PoolTable::default(),
        };
        for (named, known) in &known {
            let bucket = known.advisor.and_then(|advisor| advisor.bucket);
            if let Some(count) =
                bucket.and_then(|bucket| slice.bucket_counts.get_mut(usize::from(bucket.index())))
            {
                *count += 1;
            }
            match self.instance(named) {
                None => slice.left_out.not_in_catalogue += 1,
                Some(instance) if !request.filter.allows(instance) => {
                    slice.left_out.by_filter += 1;
                }
                Some(instance) => {
                    let type_row = push_type(&mut slice.types, instance, known);
                    self.push_pools(&mut slice.pools, type_row, known, request);
                }
            }
        }
        slice
    }

    /// Every type of which something is known in the region at the instant.
    fn known(&self, request: &SliceRequest) -> BTreeMap<InstanceType, Known> {
        let SliceRequest { region, operating_system: system, as_of, .. } = request;
        let at_ms = as_of.as_millisecond();
        let mut types: BTreeMap<InstanceType, Known> = BTreeMap::new();
        let group = (region, *system);
        let start =
            self.on_demand.partition_point(|row| (&row.region, row.operating_system) < group);
        let rows = self.on_demand.get(start..).unwrap_or(&[]);
        for row in rows.iter().take_while(|row| (&row.region, row.operating_system) == group) {
            // Rows of a type are in order of time, so the last one that is not later stands.
            if row.since_ms <= at_ms {
                let known = types.entry(row.instance_type.clone()).or_default();
                known.on_demand = Some(row.quote());
            }
        }
        let start = self.advisor.partition_point(|row| (&row.region, row.operating_system) < group);
        let rows = self.advisor.get(start..).unwrap_or(&[]);
        for row in rows.iter().take_while(|row| (&row.region, row.operating_system) == group) {
            if row.observed_at <= *as_of {
                let known = types.entry(row.instance_type.clone()).or_default();
                known.advisor = Some(row.quote(*as_of));
            }
        }
        let range = self.spot.of_region(region, *system);
        let keys = self.spot.keys().get(range.clone()).unwrap_or(&[]);
        for (position, key) in range.zip(keys) {
            if self.spot.series(position).in_force(at_ms).is_some() {
                let known = types.entry(key.instance_type.clone()).or_default();
                known.series.push((key.place.clone(), position));
            }
        }
        types
    }

    fn push_pools(
        &self,
        pools: &mut PoolTable,
        type_row: u32,
        known: &Known,
        request: &SliceRequest,
    ) {
        if known.series.is_empty() {
            let nothing = Observed { spot: Err(NoSpotPrice::NeverSeen), week: None, day: None };
            push_pool(pools, type_row, (&Place::Region, None), known, &nothing, request);
        }
        let at_ms = request.as_of.as_millisecond();
        let max_age_ms = (request.spot_max_age.0.clamp(0.0, 1e6) * 3_600_000.0) as i64;
        for (place, position) in &known.series {
            let series = self.spot.series(*position);
            let observed = Observed {
                spot: self.quote(*position, request.as_of, request.spot_max_age),
                week: Some(window(series, at_ms, WEEK_HOURS, max_age_ms)),
                day: Some(window(series, at_ms, DAY_HOURS, max_age_ms)),
            };
            let zone_id = match place {
                Place::Zone(zone) => self.zone_id(zone),
                Place::ZoneId(id) => Some(id),
                Place::Region => None,
            };
            push_pool(pools, type_row, (place, zone_id), known, &observed, request);
        }
    }
}

struct Observed {
    spot: Result<SpotQuote, NoSpotPrice>,
    week: Option<WindowStatistics>,
    day: Option<WindowStatistics>,
}

fn push_type(types: &mut TypeTable, instance: &Instance, known: &Known) -> u32 {
    let row = types.instance_type.len();
    types.instance_type.push(instance.instance_type.clone());
    types.vcpu.push(instance.vcpu);
    types.memory.push(instance.memory);
    types.architecture.push(instance.architecture);
    types.generation.push(instance.generation);
    types.current_generation.push(instance.current_generation);
    types.burstable.push(instance.burstable);
    types.bare_metal.push(instance.bare_metal);
    types.accelerated.push(instance.accelerated());
    types.on_demand.push(known.on_demand.map(|quote| quote.price));
    types.on_demand_at.push(known.on_demand.map(|quote| quote.since));
    types.advisor_bucket.push(known.advisor.and_then(|quote| quote.bucket));
    types.savings_percent.push(known.advisor.and_then(|quote| quote.savings_percent));
    types.advisor_at.push(known.advisor.map(|quote| quote.observed_at));
    // A catalogue has thousands of types, never billions.
    u32::try_from(row).unwrap_or(u32::MAX)
}

fn push_pool(
    pools: &mut PoolTable,
    type_row: u32,
    (place, zone_id): (&Place, Option<&facts::names::ZoneId>),
    known: &Known,
    observed: &Observed,
    request: &SliceRequest,
) {
    let average = average_price(known);
    let (price, basis, at, unknown) = match (&observed.spot, average) {
        (Ok(quote), _) => (Some(quote.price), PriceBasis::SpotHistory, Some(quote.last_seen), None),
        (Err(_), Ok(average)) => (
            Some(average),
            PriceBasis::Advisor30dAverage,
            known.advisor.map(|quote| quote.observed_at),
            None,
        ),
        (Err(_), Err(reason)) => (None, PriceBasis::Unknown, None, Some(reason)),
    };
    pools.type_row.push(type_row);
    pools.zone.push(if let Place::Zone(zone) = place { Some(zone.clone()) } else { None });
    pools.zone_id.push(zone_id.cloned());
    pools.price.push(price);
    pools.price_basis.push(basis);
    pools.price_at.push(at);
    pools.no_spot_price.push(observed.spot.as_ref().err().copied());
    pools.unknown.push(unknown);
    let week = observed.week;
    pools.mean_7d.push(week.and_then(|week| week.mean));
    pools.variation_7d.push(week.and_then(|week| week.variation));
    pools.lowest_7d.push(week.and_then(|week| week.lowest));
    pools.highest_7d.push(week.and_then(|week| week.highest));
    pools.changes_7d.push(week.map_or(0, |week| week.changes));
    pools.known_hours_7d.push(week.map_or(0.0, |week| week.known_hours));
    pools.mean_24h.push(observed.day.and_then(|day| day.mean));
    pools.hours_since_change.push(observed.spot.as_ref().ok().map(|quote| {
        rounded(hours_between(quote.since.as_millisecond(), request.as_of.as_millisecond()))
    }));
}

/// On-Demand × (1 − savings). Savings of 100 percent would make it free, which nothing is.
fn average_price(known: &Known) -> Result<UsdPerHour, UnknownReason> {
    let on_demand = known.on_demand.ok_or(UnknownReason::NoOnDemandPrice)?.price;
    let savings = known
        .advisor
        .and_then(|quote| quote.savings_percent)
        .filter(|percent| *percent < 100)
        .ok_or(UnknownReason::NoSavings)?;
    let nanos = i128::from(on_demand.nanos()) * i128::from(100 - i64::from(savings)) / 100;
    let nanos = i64::try_from(nanos).map_err(|_| UnknownReason::NoOnDemandPrice)?;
    Ok(UsdPerHour::new(Usd::from_nanos(nanos)))
}
