//! `cloudoptim pricing export`: prices as tables, in files or on standard output.

mod table;

use app::App;
use jiff::Timestamp;
use serde::Serialize;
use store::{KnownSeries, ListFilter};
use units::UsdPerHour;

use self::table::Table;
use crate::cli::{Dataset, Exported};
use crate::database::with_app;
use crate::exit::{Exit, Failure};
use crate::progress;

/// Series that are read at once.
const SERIES_AT_ONCE: usize = 200;

/// Rows of a list that are read at once.
const ROWS_AT_ONCE: u64 = 20_000;

pub(crate) fn run(wanted: &Exported) -> Result<Exit, Failure> {
    let rows = with_app(&wanted.database, async |app| {
        let mut table = Table::open(wanted)?;
        match wanted.what {
            Dataset::Spot => spot(&app, wanted, &mut table).await?,
            Dataset::OnDemand => on_demand(&app, wanted, &mut table).await?,
            Dataset::Advisor => advisor(&app, wanted, &mut table).await?,
        }
        table.close()
    })?;
    eprintln!("{rows} rows");
    Ok(if rows == 0 { Exit::NotFound } else { Exit::Success })
}

/// A spot price in the columns that `pricing import` reads.
#[derive(Serialize)]
struct SpotLine<'a> {
    timestamp: Timestamp,
    instance_type: &'a str,
    region: &'a str,
    az: &'a str,
    az_id: Option<&'a str>,
    product: &'a str,
    usd_per_hour: UsdPerHour,
}

#[derive(Serialize)]
struct OnDemandLine {
    instance_type: String,
    region: String,
    operating_system: String,
    tenancy: String,
    effective_date: Timestamp,
    usd_per_hour: UsdPerHour,
    source: String,
}

#[derive(Serialize)]
struct AdvisorLine {
    instance_type: String,
    region: String,
    operating_system: String,
    bucket: u8,
    savings_over_od: Option<i32>,
    last_updated: Timestamp,
}

async fn spot(app: &App, wanted: &Exported, table: &mut Table) -> Result<(), Failure> {
    let is_wanted = |known: &KnownSeries| {
        let fits = |filter: &Option<String>, text: &str| {
            filter.as_deref().is_none_or(|filter| filter == text)
        };
        fits(&wanted.instance_type, &known.series.instance_type)
            && fits(&wanted.region, &known.series.region)
    };
    let mut series = app.store().price_series(0).await.map_err(failed)?;
    series.retain(is_wanted);
    let from = wanted.from.unwrap_or(Timestamp::UNIX_EPOCH);
    let until = wanted.until.unwrap_or(Timestamp::MAX);
    let bar = progress::rows(series.len() as u64, "writing series");
    for chunk in series.chunks(SERIES_AT_ONCE) {
        let ids: Vec<i64> = chunk.iter().map(|known| known.series_id).collect();
        let mut points = app.store().price_points(&ids, from, until).await.map_err(failed)?;
        points.sort_unstable_by_key(|point| (point.series_id, point.observed_at));
        for known in chunk {
            let start = points.partition_point(|point| point.series_id < known.series_id);
            let end = points.partition_point(|point| point.series_id <= known.series_id);
            for point in &points[start..end] {
                table.write(&SpotLine {
                    timestamp: point.observed_at,
                    instance_type: &known.series.instance_type,
                    region: &known.series.region,
                    az: &known.series.zone,
                    az_id: known.series.zone_id.as_deref(),
                    product: &known.series.product,
                    usd_per_hour: point.price,
                })?;
            }
        }
        bar.inc(chunk.len() as u64);
    }
    bar.finish_and_clear();
    Ok(())
}

async fn on_demand(app: &App, wanted: &Exported, table: &mut Table) -> Result<(), Failure> {
    let mut filter = filter(wanted);
    loop {
        let rows = app.store().on_demand(&filter).await.map_err(failed)?;
        let all = rows.len() as u64;
        for row in rows {
            table.write(&OnDemandLine {
                instance_type: row.instance_type,
                region: row.region,
                operating_system: row.operating_system,
                tenancy: row.tenancy,
                effective_date: row.effective_at,
                usd_per_hour: row.price,
                source: row.source,
            })?;
        }
        if all < ROWS_AT_ONCE {
            return Ok(());
        }
        filter.offset += all;
    }
}

async fn advisor(app: &App, wanted: &Exported, table: &mut Table) -> Result<(), Failure> {
    let mut filter = filter(wanted);
    loop {
        let rows = app.store().advisor(&filter).await.map_err(failed)?;
        let all = rows.len() as u64;
        for row in rows {
            table.write(&AdvisorLine {
                instance_type: row.instance_type,
                region: row.region,
                operating_system: row.operating_system,
                bucket: row.bucket,
                savings_over_od: row.savings_percent,
                last_updated: row.observed_at,
            })?;
        }
        if all < ROWS_AT_ONCE {
            return Ok(());
        }
        filter.offset += all;
    }
}

fn filter(wanted: &Exported) -> ListFilter {
    ListFilter {
        instance_type: wanted.instance_type.clone(),
        region: wanted.region.clone(),
        limit: ROWS_AT_ONCE,
        ..ListFilter::default()
    }
}

fn failed(error: store::StoreError) -> Failure {
    Failure::Database(error.to_string())
}
