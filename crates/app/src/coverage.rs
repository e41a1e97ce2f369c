//! What the spot prices cover: which types in which regions, from when to when, and on demand how
//! many a day.
//!
//! Spans come from the dictionary of series and look at no price. Days are counted from the points of
//! the series that are asked for, so their number is limited.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::Serialize;
use store::KnownSeries;

use crate::fetch::matches_any;
use crate::{App, Error, FieldError};

/// The most series whose days are counted in one answer.
const MOST_SERIES: usize = 2000;

/// The most days of one answer.
const MOST_DAYS: i64 = 400;

/// Which part of the coverage is wanted.
#[derive(Clone, Debug, Default)]
pub struct CoverageFilter {
    /// Names or patterns of types; all when empty.
    pub instance_types: Vec<String>,
    /// One region.
    pub region: Option<String>,
    /// One product.
    pub product: Option<String>,
    /// Count the prices of each day from the one up to before the other.
    pub days: Option<(Timestamp, Timestamp)>,
}

/// One type in one region.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct CoverageRow {
    /// The type.
    pub instance_type: String,
    /// The region.
    pub region: String,
    /// The product.
    pub product_description: String,
    /// Zones with prices.
    pub zones: u64,
    /// The first price of all zones.
    pub oldest: Timestamp,
    /// The last price of all zones.
    pub newest: Timestamp,
    /// Each day that was asked for, also those without prices; `null` when none was.
    pub days: Option<Vec<CoverageDay>>,
}

/// One day (UTC) of one type in one region.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct CoverageDay {
    /// The day.
    pub date: Date,
    /// Prices that begin on it. AWS repeats an unchanged price about once a day.
    pub records: u64,
    /// Zones of which there is one.
    pub zones: u64,
}

type Cell = (String, String, String);

impl App {
    /// What the spot prices cover, by type, region and product.
    ///
    /// # Errors
    /// More days or series than are counted at once, or a store that does not answer.
    pub async fn coverage(&self, filter: &CoverageFilter) -> Result<Vec<CoverageRow>, Error> {
        let mut known = self.store.price_series(0).await?;
        known.retain(|known| {
            let series = &known.series;
            filter.region.as_ref().is_none_or(|region| *region == series.region)
                && filter.product.as_ref().is_none_or(|product| *product == series.product)
                && matches_any(&filter.instance_types, &series.instance_type)
        });
        let mut rows: BTreeMap<Cell, CoverageRow> = BTreeMap::new();
        for one in &known {
            let row = rows.entry(cell(one)).or_insert_with(|| empty(one));
            row.zones += 1;
            row.oldest = row.oldest.min(one.oldest);
            row.newest = row.newest.max(one.newest);
        }
        if let Some((from, until)) = filter.days {
            let days = days(from, until)?;
            if known.len() > MOST_SERIES {
                return Err(wrong(
                    "/instance_type",
                    format!(
                        "{} series fit, and days are counted of {MOST_SERIES} at the most; name types \
                         or a region",
                        known.len()
                    ),
                ));
            }
            let counted = self.count_days(&known, from, until).await?;
            for (cell, row) in &mut rows {
                let day = |date: &Date| {
                    let found = counted.get(&(cell.clone(), *date));
                    let (records, zones) =
                        found.map_or((0, 0), |(records, series)| (*records, series.len() as u64));
                    CoverageDay { date: *date, records, zones }
                };
                row.days = Some(days.iter().map(day).collect());
            }
        }
        Ok(rows.into_values().collect())
    }

    async fn count_days(
        &self,
        known: &[KnownSeries],
        from: Timestamp,
        until: Timestamp,
    ) -> Result<BTreeMap<(Cell, Date), (u64, BTreeSet<i64>)>, Error> {
        let cells: BTreeMap<i64, Cell> =
            known.iter().map(|known| (known.series_id, cell(known))).collect();
        let ids: Vec<i64> = cells.keys().copied().collect();
        let mut counted: BTreeMap<(Cell, Date), (u64, BTreeSet<i64>)> = BTreeMap::new();
        for point in self.store.price_points(&ids, from, until).await? {
            if let Some(cell) = cells.get(&point.series_id) {
                let date = point.observed_at.to_zoned(TimeZone::UTC).date();
                let day = counted.entry((cell.clone(), date)).or_default();
                day.0 += 1;
                day.1.insert(point.series_id);
            }
        }
        Ok(counted)
    }
}

fn cell(known: &KnownSeries) -> Cell {
    let series = &known.series;
    (series.region.clone(), series.instance_type.clone(), series.product.clone())
}

fn empty(known: &KnownSeries) -> CoverageRow {
    let series = &known.series;
    CoverageRow {
        instance_type: series.instance_type.clone(),
        region: series.region.clone(),
        product_description: series.product.clone(),
        zones: 0,
        oldest: known.oldest,
        newest: known.newest,
        days: None,
    }
}

fn days(from: Timestamp, until: Timestamp) -> Result<Vec<Date>, Error> {
    let first = from.to_zoned(TimeZone::UTC).date();
    let mut days = Vec::new();
    let mut day = first;
    while day.to_zoned(TimeZone::UTC).is_ok_and(|start| start.timestamp() < until) {
        if days.len() as i64 >= MOST_DAYS {
            let detail = format!("more than {MOST_DAYS} days; ask for fewer");
            return Err(wrong("/start_date", detail));
        }
        days.push(day);
        let Ok(next) = day.tomorrow() else { break };
        day = next;
    }
    Ok(days)
}

fn wrong(pointer: &str, detail: String) -> Error {
    Error::Invalid(vec![FieldError { pointer: pointer.to_owned(), code: "too_many", detail }])
}
