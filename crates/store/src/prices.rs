//! Spot prices: kept exactly once each, counted exactly, and read by pool and time.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sqlx::{FromRow, Postgres, QueryBuilder, Sqlite};
use units::UsdPerHour;

use crate::database::{Database, reading};
use crate::jobs::{Progress, advance};
use crate::quarantine::{QuarantinedRow, set_apart};
use crate::totals::{Change, raise};
use crate::values::{At, signed};
use crate::{Store, StoreError};

/// The dataset's name in totals and answers.
const DATASET: &str = "spot_prices";

/// A pool of spot capacity with one product.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PriceSeries {
    /// Such as `m5.large`.
    pub instance_type: String,
    /// Availability zone by name; its meaning differs between accounts.
    pub zone: String,
    /// Availability zone by the identifier that all accounts share, where it is known.
    pub zone_id: Option<String>,
    /// The region.
    pub region: String,
    /// Such as `Linux/UNIX`.
    pub product: String,
}

/// From this instant the price is this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PricePoint {
    /// Which of the batch's series.
    pub series: u32,
    /// From when.
    pub observed_at: Timestamp,
    /// The price.
    pub price: UsdPerHour,
}

/// Prices that are kept together or not at all.
#[derive(Clone, Debug, Default)]
pub struct PriceBatch {
    series: Vec<PriceSeries>,
    by_series: BTreeMap<PriceSeries, u32>,
    points: Vec<PricePoint>,
    distrusted: Vec<QuarantinedRow>,
}

impl PriceBatch {
    /// Adds a price.
    pub fn push(&mut self, series: PriceSeries, observed_at: Timestamp, price: UsdPerHour) {
        let next = self.series.len() as u32;
        let series = match self.by_series.get(&series) {
            Some(known) => *known,
            None => {
                self.by_series.insert(series.clone(), next);
                self.series.push(series);
                next
            }
        };
        self.points.push(PricePoint { series, observed_at, price });
    }

    /// Adds a row that came with the prices and is not believed; it is set apart together with them.
    pub fn distrust(&mut self, row: QuarantinedRow) {
        self.distrusted.push(row);
    }

    /// How many prices it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.points.len()
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.points.is_empty()
    }

    /// The points in the order in which they are stored, each instant of a series once: of two prices
    /// for one instant the later one in the batch counts.
    fn in_order(&self) -> Vec<PricePoint> {
        let mut points = self.points.clone();
        points.sort_by_key(|point| (point.series, point.observed_at));
        points.reverse();
        points.dedup_by_key(|point| (point.series, point.observed_at));
        points.reverse();
        points
    }
}

/// What became of a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ingested {
    /// Prices that were not there before.
    pub inserted: u64,
    /// Prices that were there with another amount.
    pub changed: u64,
    /// Prices that were there as they are.
    pub unchanged: u64,
}

/// Which prices are wanted.
#[derive(Clone, Debug)]
pub struct PriceFilter {
    /// The type.
    pub instance_type: String,
    /// The region.
    pub region: String,
    /// One zone, by name.
    pub zone: Option<String>,
    /// One product.
    pub product: Option<String>,
    /// From this instant on.
    pub from: Timestamp,
    /// Up to before this instant.
    pub until: Timestamp,
    /// How many at the most, the oldest first.
    pub limit: u64,
}

/// A price with its pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpotPriceRow {
    /// The zone.
    pub zone: String,
    /// The product.
    pub product: String,
    /// From when.
    pub observed_at: Timestamp,
    /// The price.
    pub price: UsdPerHour,
}

#[derive(FromRow)]
struct PointRow {
    zone: String,
    product: String,
    observed_at: At,
    nanos: i64,
}

#[derive(FromRow)]
struct SeriesRow {
    series_id: i64,
    instance_type: String,
    zone: String,
    product: String,
}

#[derive(FromRow)]
struct Coverage {
    instance_types: i64,
    regions: i64,
}

const COVERAGE: &str = "SELECT count(DISTINCT instance_type) AS instance_types, \
     count(DISTINCT region) AS regions FROM price_series";

const KEEP_SERIES: &str = " ON CONFLICT (instance_type, zone, product) DO UPDATE SET \
     zone_id = coalesce(excluded.zone_id, price_series.zone_id), \
     oldest = CASE WHEN excluded.oldest < price_series.oldest THEN excluded.oldest ELSE price_series.oldest END, \
     newest = CASE WHEN excluded.newest > price_series.newest THEN excluded.newest ELSE price_series.newest END \
     RETURNING series_id, instance_type, zone, product";

/// Keeps the dictionary and gives the identifiers of the batch's series.
macro_rules! keep_series {
    ($database:ty, $transaction:ident, $batch:expr, $spans:expr) => {{
        let mut order: Vec<usize> = (0..$batch.series.len()).collect();
        // Everybody locks rows in one order.
        order.sort_by(|a, b| $batch.series[*a].cmp(&$batch.series[*b]));
        let mut ids = vec![0_i64; order.len()];
        for chunk in order.chunks(500) {
            let mut insert = QueryBuilder::<$database>::new(
                "INSERT INTO price_series (instance_type, zone, zone_id, region, product, oldest, newest) ",
            );
            insert.push_values(chunk, |mut row, at| {
                let series = &$batch.series[*at];
                let (oldest, newest) = $spans[*at];
                row.push_bind(series.instance_type.as_str())
                    .push_bind(series.zone.as_str())
                    .push_bind(series.zone_id.as_deref())
                    .push_bind(series.region.as_str())
                    .push_bind(series.product.as_str())
                    .push_bind(At(oldest))
                    .push_bind(At(newest));
            });
            insert.push(KEEP_SERIES);
            let rows: Vec<SeriesRow> = insert.build_query_as().fetch_all(&mut *$transaction).await?;
            for row in rows {
                let found = chunk.iter().find(|at| {
                    let series = &$batch.series[**at];
                    series.instance_type == row.instance_type
                        && series.zone == row.zone
                        && series.product == row.product
                });
                if let Some(at) = found {
                    ids[*at] = row.series_id;
                }
            }
        }
        ids
    }};
}

/// Notes with which revision the points of series changed last.
macro_rules! mark_series {
    ($database:ty, $transaction:ident, $ids:expr, $revision:expr) => {
        for chunk in $ids.chunks(500) {
            let mut update = QueryBuilder::<$database>::new("UPDATE price_series SET revision = ");
            update.push_bind($revision).push(" WHERE series_id IN (");
            let mut list = update.separated(", ");
            for series_id in chunk {
                list.push_bind(*series_id);
            }
            update.push(")");
            update.build().execute(&mut *$transaction).await?;
        }
    };
}

/// Everything of one batch but its points, in one transaction.
macro_rules! keep_batch {
    ($database:ty, $transaction:ident, $batch:expr, $points:ident, $progress:expr, $now:expr, $keep_points:ident) => {{
        let spans = spans($batch, &$points);
        let ids = keep_series!($database, $transaction, $batch, spans);
        let kept = $keep_points!($transaction, $points, ids);
        if kept.inserted + kept.changed > 0 {
            let after: Coverage = sqlx::query_as(COVERAGE).fetch_one(&mut *$transaction).await?;
            let change = Change {
                rows: signed(kept.inserted),
                coverage: Some((after.instance_types, after.regions)),
                oldest: spans.iter().map(|span| span.0).min(),
                newest: spans.iter().map(|span| span.1).max(),
            };
            let revision = raise!($transaction, DATASET, change, $now);
            mark_series!($database, $transaction, ids, revision);
        }
        set_apart!($database, $transaction, $batch.distrusted);
        if let Some(progress) = $progress {
            advance!($transaction, progress, kept.inserted);
        }
        $transaction.commit().await?;
        kept
    }};
}

macro_rules! keep_points_sqlite {
    ($transaction:ident, $points:ident, $ids:ident) => {{
        let mut kept = Ingested::default();
        for chunk in $points.chunks(500) {
            let all = chunk.len() as u64;
            let values = |start: &str| {
                let mut insert = QueryBuilder::<Sqlite>::new(start);
                insert.push_values(chunk, |mut row, point| {
                    row.push_bind($ids[point.series as usize])
                        .push_bind(At(point.observed_at))
                        .push_bind(point.price.nanos());
                });
                insert
            };
            // What is there is left alone at first, so that new rows are counted apart.
            let into = "INSERT OR IGNORE INTO price_points (series_id, observed_at, nanos) ";
            let inserted = values(into).build().execute(&mut *$transaction).await?.rows_affected();
            let mut changed = 0;
            if inserted < all {
                let mut update =
                    values("INSERT INTO price_points (series_id, observed_at, nanos) ");
                update.push(
                    " ON CONFLICT (series_id, observed_at) DO UPDATE SET nanos = excluded.nanos \
                     WHERE price_points.nanos <> excluded.nanos",
                );
                changed = update.build().execute(&mut *$transaction).await?.rows_affected();
            }
            kept.inserted += inserted;
            kept.changed += changed;
            kept.unchanged += all - inserted - changed;
        }
        kept
    }};
}

macro_rules! keep_points_postgres {
    ($transaction:ident, $points:ident, $ids:ident) => {{
        let mut kept = Ingested::default();
        for chunk in $points.chunks(50_000) {
            let series: Vec<i64> = chunk.iter().map(|point| $ids[point.series as usize]).collect();
            let instants: Vec<At> = chunk.iter().map(|point| At(point.observed_at)).collect();
            let nanos: Vec<i64> = chunk.iter().map(|point| point.price.nanos()).collect();
            // A row that this statement made has no older version.
            let (inserted, changed): (i64, i64) = sqlx::query_as(
                "WITH kept AS ( \
                   INSERT INTO price_points (series_id, observed_at, nanos) \
                   SELECT * FROM unnest($1::bigint[], $2::timestamptz[], $3::bigint[]) \
                   ON CONFLICT (series_id, observed_at) DO UPDATE SET nanos = excluded.nanos \
                   WHERE price_points.nanos <> excluded.nanos \
                   RETURNING (xmax = 0) AS made) \
                 SELECT count(*) FILTER (WHERE made), count(*) FILTER (WHERE NOT made) FROM kept",
            )
            .bind(series)
            .bind(instants)
            .bind(nanos)
            .fetch_one(&mut *$transaction)
            .await?;
            let (inserted, changed) = (inserted as u64, changed as u64);
            kept.inserted += inserted;
            kept.changed += changed;
            kept.unchanged += chunk.len() as u64 - inserted - changed;
        }
        kept
    }};
}

impl Store {
    /// Keeps prices, each once, together with the progress of the job that fetched them.
    ///
    /// # Errors
    /// The database did not take them, or the job is another worker's by now; nothing of the batch is
    /// kept then.
    pub async fn keep_prices(
        &self,
        batch: &PriceBatch,
        progress: Option<&Progress>,
        now: Timestamp,
    ) -> Result<Ingested, StoreError> {
        let points = batch.in_order();
        let kept = match &self.database {
            Database::Postgres(pool) => {
                let mut transaction = pool.begin().await?;
                keep_batch!(
                    Postgres,
                    transaction,
                    batch,
                    points,
                    progress,
                    now,
                    keep_points_postgres
                )
            }
            Database::Sqlite(pools) => {
                let mut transaction = pools.writer.begin_with("BEGIN IMMEDIATE").await?;
                keep_batch!(Sqlite, transaction, batch, points, progress, now, keep_points_sqlite)
            }
        };
        if kept.inserted + kept.changed > 0 {
            self.tell();
        }
        Ok(kept)
    }

    /// Prices of one type in one region, the oldest first; those of one instant by zone and product.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn spot_prices(&self, filter: &PriceFilter) -> Result<Vec<SpotPriceRow>, StoreError> {
        let rows: Vec<PointRow> = reading!(self, pool => {
            let mut query = QueryBuilder::new(
                "SELECT s.zone, s.product, p.observed_at, p.nanos \
                 FROM price_series s JOIN price_points p ON p.series_id = s.series_id \
                 WHERE s.region = ",
            );
            query.push_bind(filter.region.as_str());
            query.push(" AND s.instance_type = ").push_bind(filter.instance_type.as_str());
            if let Some(zone) = &filter.zone {
                query.push(" AND s.zone = ").push_bind(zone.as_str());
            }
            if let Some(product) = &filter.product {
                query.push(" AND s.product = ").push_bind(product.as_str());
            }
            query.push(" AND p.observed_at >= ").push_bind(At(filter.from));
            query.push(" AND p.observed_at < ").push_bind(At(filter.until));
            query.push(" ORDER BY p.observed_at, s.zone, s.product LIMIT ");
            query.push_bind(signed(filter.limit));
            query.build_query_as().fetch_all(pool).await?
        });
        Ok(rows.into_iter().map(price).collect())
    }
}

impl Store {
    /// The price that was in force at an instant, of each zone and product of one type in one region
    /// that had one by then.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn spot_prices_at(
        &self,
        instance_type: &str,
        region: &str,
        at: Timestamp,
    ) -> Result<Vec<SpotPriceRow>, StoreError> {
        let rows: Vec<PointRow> = reading!(self, pool => {
            sqlx::query_as(
                "SELECT s.zone, s.product, p.observed_at, p.nanos \
                 FROM price_series s JOIN price_points p ON p.series_id = s.series_id \
                 WHERE s.region = $1 AND s.instance_type = $2 AND p.observed_at = ( \
                   SELECT max(l.observed_at) FROM price_points l \
                   WHERE l.series_id = s.series_id AND l.observed_at <= $3) \
                 ORDER BY s.zone, s.product",
            )
            .bind(region)
            .bind(instance_type)
            .bind(At(at))
            .fetch_all(pool)
            .await?
        });
        Ok(rows.into_iter().map(price).collect())
    }
}

fn price(row: PointRow) -> SpotPriceRow {
    SpotPriceRow {
        zone: row.zone,
        product: row.product,
        observed_at: row.observed_at.0,
        price: UsdPerHour::from_nanos(row.nanos),
    }
}

/// The first and the last instant of each series of a batch.
fn spans(batch: &PriceBatch, points: &[PricePoint]) -> Vec<(Timestamp, Timestamp)> {
    let mut spans = vec![(Timestamp::MAX, Timestamp::MIN); batch.series.len()];
    for point in points {
        let span = &mut spans[point.series as usize];
        span.0 = span.0.min(point.observed_at);
        span.1 = span.1.max(point.observed_at);
    }
    spans
}
