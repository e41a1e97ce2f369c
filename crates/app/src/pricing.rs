//! Prices: from files and answers of AWS into the store, and out of it again.

use facts::names::OperatingSystem;
use jiff::{SignedDuration, Timestamp};
use market::{AdvisorFile, MarketFile, OnDemandFile, Place, SpotFile};
use schemars::JsonSchema;
use serde::Serialize;
use store::{
    AdvisorPoint, DatasetTotals, Ingested, ListFilter, OnDemandPoint, PriceBatch, PriceFilter,
    PriceSeries, QuarantinedRow, SpotPriceRow, Store,
};

use crate::{App, Error};

/// How many prices one transaction keeps: a writer that takes its turn does not wait long.
const BATCH: usize = 50_000;

/// What became of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptFile {
    /// `spot_prices`, `on_demand_prices`, `spot_advisor` or `instance_types`.
    pub dataset: &'static str,
    /// What became of its rows.
    pub rows: Ingested,
    /// Rows that were not believed.
    pub quarantined: u64,
}

/// How much there is.
#[derive(Debug, Serialize, JsonSchema)]
pub struct PriceStats {
    /// Spot prices.
    pub spot_prices_count: u64,
    /// List prices.
    pub on_demand_prices_count: u64,
    /// What the advisor said.
    pub spot_advisor_count: u64,
    /// When rows were last added or changed; `null` when there are none.
    pub last_updated: Option<Timestamp>,
    /// What the spot prices cover.
    pub coverage: Coverage,
}

/// What the spot prices cover.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Coverage {
    /// Different instance types.
    pub instance_types: u64,
    /// Different regions.
    pub regions: u64,
    /// From when to when.
    pub date_range: DateRange,
}

/// From the oldest to the newest spot price; `null` when there are none.
#[derive(Debug, Serialize, JsonSchema)]
pub struct DateRange {
    /// The oldest one.
    pub oldest: Option<Timestamp>,
    /// The newest one.
    pub newest: Option<Timestamp>,
}

impl PriceStats {
    fn of(totals: &[DatasetTotals]) -> PriceStats {
        let of = |name: &str| totals.iter().find(|one| one.dataset == name);
        let count = |name: &str| of(name).map_or(0, |one| one.rows);
        let spot = of("spot_prices");
        PriceStats {
            spot_prices_count: count("spot_prices"),
            on_demand_prices_count: count("on_demand_prices"),
            spot_advisor_count: count("spot_advisor"),
            last_updated: totals.iter().map(|one| one.updated_at).max(),
            coverage: Coverage {
                instance_types: spot.map_or(0, |one| one.instance_types),
                regions: spot.map_or(0, |one| one.regions),
                date_range: DateRange {
                    oldest: spot.and_then(|one| one.oldest),
                    newest: spot.and_then(|one| one.newest),
                },
            },
        }
    }
}

/// Keeps the content of a market file. Catalogues of instance types are not kept: they are bundled.
///
/// # Errors
/// A store that does not answer.
pub async fn keep_file(
    store: &Store,
    file: &MarketFile,
    now: Timestamp,
    mut step: impl FnMut(u64),
) -> Result<KeptFile, Error> {
    let (dataset, rows) = match file {
        MarketFile::Spot(file) => ("spot_prices", keep_spot(store, file, now, &mut step).await?),
        MarketFile::OnDemand(file) => {
            ("on_demand_prices", store.keep_on_demand(&on_demand_points(file), None, now).await?)
        }
        MarketFile::Advisor(file) => {
            ("spot_advisor", store.keep_advisor(&advisor_points(file), None, now).await?)
        }
        MarketFile::Catalogue(_) => ("instance_types", Ingested::default()),
    };
    let report = file.report();
    let quarantined: Vec<QuarantinedRow> = report
        .quarantine
        .iter()
        .map(|row| QuarantinedRow {
            dataset: dataset.to_owned(),
            source: source(file).to_owned(),
            reason: row.reason.to_string(),
            content: row.place.clone(),
            found_at: now,
        })
        .collect();
    store.quarantine(&quarantined).await?;
    Ok(KeptFile { dataset, rows, quarantined: report.quarantined })
}

fn source(file: &MarketFile) -> &str {
    match file {
        MarketFile::Spot(file) => &file.origin.source,
        MarketFile::OnDemand(file) => &file.origin.source,
        MarketFile::Advisor(file) => &file.origin.source,
        MarketFile::Catalogue(file) => &file.origin.source,
    }
}

async fn keep_spot(
    store: &Store,
    file: &SpotFile,
    now: Timestamp,
    step: &mut impl FnMut(u64),
) -> Result<Ingested, Error> {
    let series: Vec<PriceSeries> = file
        .series
        .iter()
        .map(|key| PriceSeries {
            instance_type: key.instance_type.to_string(),
            zone: match &key.place {
                Place::Zone(zone) => zone.to_string(),
                Place::ZoneId(id) => id.to_string(),
                // The source mixes the zones of the region into one series.
                Place::Region => key.region.to_string(),
            },
            zone_id: match &key.place {
                Place::Zone(zone) => file.zone_ids.get(zone).map(ToString::to_string),
                Place::ZoneId(id) => Some(id.to_string()),
                Place::Region => None,
            },
            region: key.region.to_string(),
            product: product_description(key.operating_system).to_owned(),
        })
        .collect();
    let mut kept = Ingested::default();
    for points in file.points.chunks(BATCH) {
        let mut batch = PriceBatch::default();
        for point in points {
            let key = &series[point.series as usize];
            let at = Timestamp::from_millisecond(point.at_ms).unwrap_or(Timestamp::UNIX_EPOCH);
            batch.push(key.clone(), at, point.price);
        }
        let rows = store.keep_prices(&batch, None, now).await?;
        kept.inserted += rows.inserted;
        kept.changed += rows.changed;
        kept.unchanged += rows.unchanged;
        step(points.len() as u64);
    }
    Ok(kept)
}

pub(crate) fn on_demand_points(file: &OnDemandFile) -> Vec<OnDemandPoint> {
    let point = |row: &market::OnDemandRow| OnDemandPoint {
        instance_type: row.instance_type.to_string(),
        region: row.region.to_string(),
        operating_system: system_name(row.operating_system).to_owned(),
        tenancy: "shared".to_owned(),
        effective_at: Timestamp::from_millisecond(row.since_ms).unwrap_or(Timestamp::UNIX_EPOCH),
        price: row.price,
        source: file.origin.source.clone(),
    };
    file.rows.iter().map(point).collect()
}

pub(crate) fn advisor_points(file: &AdvisorFile) -> Vec<AdvisorPoint> {
    let point = |row: &market::AdvisorRow| {
        Some(AdvisorPoint {
            instance_type: row.instance_type.to_string(),
            region: row.region.to_string(),
            operating_system: system_name(row.operating_system).to_owned(),
            observed_at: row.observed_at,
            // A class that the file does not define says nothing.
            bucket: row.bucket?.index(),
            savings_percent: row.savings_percent.map(i32::from),
        })
    };
    file.rows.iter().filter_map(point).collect()
}

fn product_description(system: OperatingSystem) -> &'static str {
    match system {
        OperatingSystem::Linux => "Linux/UNIX",
        OperatingSystem::Windows => "Windows",
    }
}

fn system_name(system: OperatingSystem) -> &'static str {
    match system {
        OperatingSystem::Linux => "Linux",
        OperatingSystem::Windows => "Windows",
    }
}

impl App {
    /// Spot prices, the oldest first. With `most` every series is thinned to about so many points:
    /// of each stretch of time its lowest and its highest price stay.
    ///
    /// # Errors
    /// A store that does not answer.
    pub async fn spot_prices(
        &self,
        filter: &PriceFilter,
        most: Option<u64>,
    ) -> Result<Vec<SpotPriceRow>, Error> {
        let rows = self.store.spot_prices(filter).await?;
        Ok(match most {
            Some(most) if rows.len() as u64 > most => thinned(rows, most),
            _ => rows,
        })
    }

    /// The prices that were in force at an instant.
    ///
    /// # Errors
    /// A store that does not answer.
    pub async fn spot_prices_at(
        &self,
        instance_type: &str,
        region: &str,
        at: Timestamp,
    ) -> Result<Vec<SpotPriceRow>, Error> {
        Ok(self.store.spot_prices_at(instance_type, region, at).await?)
    }

    /// List prices.
    ///
    /// # Errors
    /// A store that does not answer.
    pub async fn on_demand_prices(&self, filter: &ListFilter) -> Result<Vec<OnDemandPoint>, Error> {
        Ok(self.store.on_demand(filter).await?)
    }

    /// The advisor's newest word.
    ///
    /// # Errors
    /// A store that does not answer.
    pub async fn advice(&self, filter: &ListFilter) -> Result<Vec<AdvisorPoint>, Error> {
        Ok(self.store.advisor(filter).await?)
    }

    /// How many prices there are and what they cover; exact, and found without looking at them.
    ///
    /// # Errors
    /// A store that does not answer.
    pub async fn price_stats(&self) -> Result<PriceStats, Error> {
        Ok(PriceStats::of(&self.store.totals().await?))
    }
}

/// Of each stretch of time and each series the lowest and the highest price.
fn thinned(rows: Vec<SpotPriceRow>, most: u64) -> Vec<SpotPriceRow> {
    let (Some(first), Some(last)) = (rows.first(), rows.last()) else { return rows };
    let (start, end) = (first.observed_at, last.observed_at);
    let mut series: std::collections::BTreeMap<(String, String), Vec<SpotPriceRow>> =
        std::collections::BTreeMap::new();
    for row in rows {
        series.entry((row.zone.clone(), row.product.clone())).or_default().push(row);
    }
    let stretches = (most / (2 * series.len() as u64).max(1)).max(1);
    let whole = end.duration_since(start).as_millis().max(1);
    let stretch = |at: Timestamp| {
        let since: SignedDuration = at.duration_since(start);
        since.as_millis() * i128::from(stretches) / (whole + 1)
    };
    let mut kept = Vec::new();
    for points in series.into_values() {
        for part in points.chunk_by(|a, b| stretch(a.observed_at) == stretch(b.observed_at)) {
            let low = part.iter().min_by_key(|row| (row.price, row.observed_at));
            let high = part.iter().max_by_key(|row| (row.price, row.observed_at));
            kept.extend(low.cloned());
            kept.extend(high.filter(|high| low != Some(high)).cloned());
        }
    }
    kept.sort_by(|a, b| {
        (a.observed_at, &a.zone, &a.product).cmp(&(b.observed_at, &b.zone, &b.product))
    });
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use units::UsdPerHour;

    #[test]
    fn thinning_keeps_the_extremes() {
        let start: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let rows: Vec<SpotPriceRow> = (0..1000)
            .map(|hour| SpotPriceRow {
                zone: "us-east-1a".to_owned(),
                product: "Linux/UNIX".to_owned(),
                observed_at: start + SignedDuration::from_hours(hour),
                price: UsdPerHour::from_nanos(if hour == 777 { 1 } else { 1000 + hour }),
            })
            .collect();
        let few = thinned(rows.clone(), 20);
        assert!(few.len() <= 21, "{}", few.len());
        for extreme in [&rows[777], &rows[999]] {
            assert!(few.contains(extreme));
        }
        assert!(few.is_sorted_by_key(|row| row.observed_at));
    }
}
