//! Rows of the store as the files that a market is built from.

use std::collections::BTreeMap;

use engines::bin_packing::to_the_hour;
use facts::names::OperatingSystem;
use jiff::{SignedDuration, Timestamp};
use market::{
    AdvisorBucket, AdvisorFile, AdvisorRow, ImportReport, Market, MarketBuilder, MarketFile,
    OnDemandFile, OnDemandRow, Origin, Place, Product, SeriesKey, SpotFile, SpotPoint,
};
use store::{KnownSeries, ListFilter, Store};

use super::SPOT_DAYS;
use crate::Error;

/// Series whose points are read at once.
const SERIES_AT_ONCE: usize = 5000;

/// Rows of a list that are read at once.
const ROWS_AT_ONCE: u64 = 50_000;

/// The bundled tables with the list prices and the advice of the store on top.
pub(super) async fn lists(store: &Store, now: Timestamp) -> Result<Market, Error> {
    let mut builder = MarketBuilder::new();
    for file in market::bundled_files() {
        builder.add(file);
    }
    builder.add(MarketFile::OnDemand(on_demand(store, now).await?));
    builder.add(MarketFile::Advisor(advisor(store, now).await?));
    Ok(builder.build())
}

async fn on_demand(store: &Store, now: Timestamp) -> Result<OnDemandFile, Error> {
    let mut filter = ListFilter { limit: ROWS_AT_ONCE, ..ListFilter::default() };
    let mut rows = Vec::new();
    loop {
        let page = store.on_demand(&filter).await?;
        let all = page.len() as u64;
        rows.extend(page.into_iter().filter(|row| row.tenancy == "shared").filter_map(|row| {
            Some(OnDemandRow {
                region: row.region.parse().ok()?,
                operating_system: operating_system(&row.operating_system)?,
                instance_type: row.instance_type.parse().ok()?,
                since_ms: row.effective_at.as_millisecond(),
                price: row.price,
            })
        }));
        if all < ROWS_AT_ONCE {
            break;
        }
        filter.offset += all;
    }
    let report = report(rows.len());
    Ok(OnDemandFile { rows, origin: origin(now), report })
}

async fn advisor(store: &Store, now: Timestamp) -> Result<AdvisorFile, Error> {
    let mut filter = ListFilter { limit: ROWS_AT_ONCE, ..ListFilter::default() };
    let mut rows = Vec::new();
    loop {
        let page = store.advisor(&filter).await?;
        let all = page.len() as u64;
        rows.extend(page.into_iter().filter_map(|row| {
            Some(AdvisorRow {
                region: row.region.parse().ok()?,
                operating_system: operating_system(&row.operating_system)?,
                instance_type: row.instance_type.parse().ok()?,
                bucket: AdvisorBucket::try_from(row.bucket).ok(),
                savings_percent: row.savings_percent.and_then(|one| i16::try_from(one).ok()),
                // Evidence is drawn as of the start of the hour: what was heard in an hour is
                // known in all of it.
                observed_at: to_the_hour(row.observed_at),
            })
        }));
        if all < ROWS_AT_ONCE {
            break;
        }
        filter.offset += all;
    }
    let report = report(rows.len());
    Ok(AdvisorFile { rows, origin: origin(now), report })
}

/// The points of the series that changed after a revision, as far back as decisions look.
pub(super) async fn spot(store: &Store, after: u64, now: Timestamp) -> Result<SpotFile, Error> {
    let from = now.checked_sub(SignedDuration::from_hours(24 * SPOT_DAYS)).unwrap_or(now);
    let known = store.price_series(after).await?;
    let mut series: Vec<SeriesKey> = Vec::new();
    let mut positions: BTreeMap<i64, u32> = BTreeMap::new();
    let mut zone_ids = BTreeMap::new();
    for one in &known {
        let Some(key) = key(one) else { continue };
        if let (Place::Zone(zone), Some(id)) = (&key.place, &one.series.zone_id)
            && let Ok(id) = id.parse()
        {
            zone_ids.insert(zone.clone(), id);
        }
        positions.insert(one.series_id, u32::try_from(series.len()).unwrap_or(u32::MAX));
        series.push(key);
    }
    let ids: Vec<i64> = positions.keys().copied().collect();
    let mut points = Vec::new();
    for chunk in ids.chunks(SERIES_AT_ONCE) {
        let rows = store.price_points(chunk, from, Timestamp::MAX).await?;
        points.extend(rows.into_iter().filter_map(|row| {
            let series = *positions.get(&row.series_id)?;
            Some(SpotPoint { series, at_ms: row.observed_at.as_millisecond(), price: row.price })
        }));
    }
    let report = report(points.len());
    Ok(SpotFile { series, zone_ids, points, origin: origin(now), report })
}

/// What the market calls a series; `None` for products that it does not price.
fn key(known: &KnownSeries) -> Option<SeriesKey> {
    let series = &known.series;
    let product: Product = series.product.parse().ok()?;
    let place = if series.zone == series.region {
        Place::Region
    } else if series.zone_id.as_ref() == Some(&series.zone) {
        Place::ZoneId(series.zone.parse().ok()?)
    } else {
        Place::Zone(series.zone.parse().ok()?)
    };
    Some(SeriesKey {
        region: series.region.parse().ok()?,
        operating_system: product.operating_system()?,
        instance_type: series.instance_type.parse().ok()?,
        place,
    })
}

fn operating_system(name: &str) -> Option<OperatingSystem> {
    match name {
        "Linux" => Some(OperatingSystem::Linux),
        "Windows" => Some(OperatingSystem::Windows),
        _ => None,
    }
}

fn origin(now: Timestamp) -> Origin {
    Origin::new("store", now)
}

fn report(rows: usize) -> ImportReport {
    let rows = rows as u64;
    ImportReport { rows_read: rows, rows_used: rows, ..ImportReport::default() }
}
