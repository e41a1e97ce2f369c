//! On-Demand prices and the Spot Advisor's word: small tables of which only changes are kept.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use jiff::Timestamp;
use sqlx::{FromRow, QueryBuilder};
use units::UsdPerHour;

use crate::database::{Database, reading};
use crate::jobs::{Progress, advance};
use crate::totals::{Change, raise};
use crate::values::{At, signed};
use crate::{Ingested, Store, StoreError};

/// A list price that holds from an instant on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OnDemandPoint {
    /// Such as `m5.large`.
    pub instance_type: String,
    /// The region.
    pub region: String,
    /// Such as `Linux`.
    pub operating_system: String,
    /// `shared`, `dedicated` or `host`.
    pub tenancy: String,
    /// From when.
    pub effective_at: Timestamp,
    /// The price.
    pub price: UsdPerHour,
    /// Where it was found.
    pub source: String,
}

/// What the Spot Advisor said of a pool.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AdvisorPoint {
    /// Such as `m5.large`.
    pub instance_type: String,
    /// The region.
    pub region: String,
    /// `Linux` or `Windows`.
    pub operating_system: String,
    /// When it was heard.
    pub observed_at: Timestamp,
    /// 0 (under 5 % a month) to 4 (over 20 %).
    pub bucket: u8,
    /// Savings over On-Demand in percent; negative where spot is dearer.
    pub savings_percent: Option<i32>,
}

/// Which rows are wanted.
#[derive(Clone, Debug, Default)]
pub struct ListFilter {
    /// One type.
    pub instance_type: Option<String>,
    /// One region.
    pub region: Option<String>,
    /// One operating system.
    pub operating_system: Option<String>,
    /// How many are passed over.
    pub offset: u64,
    /// How many at the most.
    pub limit: u64,
}

#[derive(FromRow)]
struct OnDemandRow {
    instance_type: String,
    region: String,
    operating_system: String,
    tenancy: String,
    effective_at: At,
    nanos: i64,
    source: String,
}

#[derive(FromRow)]
struct AdvisorRow {
    instance_type: String,
    region: String,
    operating_system: String,
    observed_at: At,
    bucket: i64,
    savings_percent: Option<i64>,
}

type Coverage = (i64, i64);

/// Inserts or changes rows in chunks and counts what became of them.
macro_rules! keep_rows {
    ($database:ty, $transaction:ident, $rows:expr, $insert:expr, $guard:expr, $bind:expr) => {{
        let mut kept = Ingested::default();
        for chunk in $rows.chunks(500) {
            let all = chunk.len() as u64;
            let mut fresh = QueryBuilder::<$database>::new($insert);
            fresh.push_values(chunk, $bind);
            fresh.push(" ON CONFLICT DO NOTHING");
            let inserted = fresh.build().execute(&mut *$transaction).await?.rows_affected();
            let mut changed = 0;
            if inserted < all {
                let mut update = QueryBuilder::<$database>::new($insert);
                update.push_values(chunk, $bind);
                update.push($guard);
                changed = update.build().execute(&mut *$transaction).await?.rows_affected();
            }
            kept.inserted += inserted;
            kept.changed += changed;
            kept.unchanged += all - inserted - changed;
        }
        kept
    }};
}

macro_rules! keep_on_demand {
    ($database:ty, $transaction:ident, $rows:expr, $progress:expr, $now:expr) => {{
        let kept = keep_rows!(
            $database,
            $transaction,
            $rows,
            "INSERT INTO on_demand_points (instance_type, region, operating_system, tenancy, \
             effective_at, nanos, source, recorded_at) ",
            " ON CONFLICT (instance_type, region, operating_system, tenancy, effective_at) \
             DO UPDATE SET nanos = excluded.nanos, source = excluded.source, \
             recorded_at = excluded.recorded_at WHERE on_demand_points.nanos <> excluded.nanos",
            |mut row, one| {
                row.push_bind(one.instance_type.as_str())
                    .push_bind(one.region.as_str())
                    .push_bind(one.operating_system.as_str())
                    .push_bind(one.tenancy.as_str())
                    .push_bind(At(one.effective_at))
                    .push_bind(one.price.nanos())
                    .push_bind(one.source.as_str())
                    .push_bind(At($now));
            }
        );
        if kept.inserted + kept.changed > 0 {
            let coverage: Coverage = sqlx::query_as(
                "SELECT count(DISTINCT instance_type), count(DISTINCT region) FROM on_demand_points",
            )
            .fetch_one(&mut *$transaction)
            .await?;
            let change = Change {
                rows: signed(kept.inserted),
                coverage: Some(coverage),
                oldest: $rows.iter().map(|row| row.effective_at).min(),
                newest: $rows.iter().map(|row| row.effective_at).max(),
            };
            raise!($transaction, "on_demand_prices", change, $now);
        }
        if let Some(progress) = $progress {
            advance!($transaction, progress, kept.inserted);
        }
        $transaction.commit().await?;
        kept
    }};
}

/// The newest word on every pool.
const NEWEST_ADVICE: &str = "SELECT a.* FROM advisor_points a JOIN ( \
     SELECT instance_type, region, operating_system, max(observed_at) AS observed_at \
     FROM advisor_points GROUP BY instance_type, region, operating_system) n \
     ON n.instance_type = a.instance_type AND n.region = a.region \
     AND n.operating_system = a.operating_system AND n.observed_at = a.observed_at";

macro_rules! keep_advisor {
    ($database:ty, $transaction:ident, $rows:expr, $progress:expr, $now:expr) => {{
        let newest: Vec<AdvisorRow> =
            sqlx::query_as(NEWEST_ADVICE).fetch_all(&mut *$transaction).await?;
        let (news, unchanged) = news($rows, newest);
        let mut kept = keep_rows!(
            $database,
            $transaction,
            news,
            "INSERT INTO advisor_points (instance_type, region, operating_system, observed_at, \
             bucket, savings_percent) ",
            " ON CONFLICT (instance_type, region, operating_system, observed_at) DO UPDATE SET \
             bucket = excluded.bucket, savings_percent = excluded.savings_percent \
             WHERE advisor_points.bucket <> excluded.bucket OR \
             coalesce(advisor_points.savings_percent, -1000) <> coalesce(excluded.savings_percent, -1000)",
            |mut row, one| {
                row.push_bind(one.instance_type.as_str())
                    .push_bind(one.region.as_str())
                    .push_bind(one.operating_system.as_str())
                    .push_bind(At(one.observed_at))
                    .push_bind(i64::from(one.bucket))
                    .push_bind(one.savings_percent.map(i64::from));
            }
        );
        kept.unchanged += unchanged;
        if kept.inserted + kept.changed > 0 {
            let coverage: Coverage = sqlx::query_as(
                "SELECT count(DISTINCT instance_type), count(DISTINCT region) FROM advisor_points",
            )
            .fetch_one(&mut *$transaction)
            .await?;
            let change = Change {
                rows: signed(kept.inserted),
                coverage: Some(coverage),
                oldest: $rows.iter().map(|row| row.observed_at).min(),
                newest: $rows.iter().map(|row| row.observed_at).max(),
            };
            raise!($transaction, "spot_advisor", change, $now);
        }
        if let Some(progress) = $progress {
            advance!($transaction, progress, kept.inserted);
        }
        $transaction.commit().await?;
        kept
    }};
}

impl Store {
    /// Keeps list prices, each once, together with the progress of the job that fetched them.
    ///
    /// # Errors
    /// The database did not take them, or the job is another worker's by now; none is kept then.
    pub async fn keep_on_demand(
        &self,
        rows: &[OnDemandPoint],
        progress: Option<&Progress>,
        now: Timestamp,
    ) -> Result<Ingested, StoreError> {
        let rows = once_each(rows, |a, b| on_demand_key(a).cmp(&on_demand_key(b)));
        let kept = match &self.database {
            Database::Postgres(pool) => {
                let mut transaction = pool.begin().await?;
                keep_on_demand!(sqlx::Postgres, transaction, rows, progress, now)
            }
            Database::Sqlite(pools) => {
                let mut transaction = pools.writer.begin_with("BEGIN IMMEDIATE").await?;
                keep_on_demand!(sqlx::Sqlite, transaction, rows, progress, now)
            }
        };
        if kept.inserted + kept.changed > 0 {
            self.tell();
        }
        Ok(kept)
    }

    /// Keeps what the advisor said, where it differs from what it said last, together with the
    /// progress of the job that fetched it.
    ///
    /// # Errors
    /// The database did not take it, or the job is another worker's by now; nothing is kept then.
    pub async fn keep_advisor(
        &self,
        rows: &[AdvisorPoint],
        progress: Option<&Progress>,
        now: Timestamp,
    ) -> Result<Ingested, StoreError> {
        let kept = match &self.database {
            Database::Postgres(pool) => {
                let mut transaction = pool.begin().await?;
                keep_advisor!(sqlx::Postgres, transaction, rows, progress, now)
            }
            Database::Sqlite(pools) => {
                let mut transaction = pools.writer.begin_with("BEGIN IMMEDIATE").await?;
                keep_advisor!(sqlx::Sqlite, transaction, rows, progress, now)
            }
        };
        if kept.inserted + kept.changed > 0 {
            self.tell();
        }
        Ok(kept)
    }

    /// List prices by type, region, operating system and date.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn on_demand(&self, filter: &ListFilter) -> Result<Vec<OnDemandPoint>, StoreError> {
        let rows: Vec<OnDemandRow> = reading!(self, pool => {
            let mut query = QueryBuilder::new(
                "SELECT instance_type, region, operating_system, tenancy, effective_at, nanos, source \
                 FROM on_demand_points WHERE 1 = 1",
            );
            push_filter!(query, filter);
            query.push(" ORDER BY instance_type, region, operating_system, tenancy, effective_at");
            push_page!(query, filter);
            query.build_query_as().fetch_all(pool).await?
        });
        let row = |row: OnDemandRow| OnDemandPoint {
            instance_type: row.instance_type,
            region: row.region,
            operating_system: row.operating_system,
            tenancy: row.tenancy,
            effective_at: row.effective_at.0,
            price: UsdPerHour::from_nanos(row.nanos),
            source: row.source,
        };
        Ok(rows.into_iter().map(row).collect())
    }

    /// The advisor's newest word on each pool, by type, region and operating system.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn advisor(&self, filter: &ListFilter) -> Result<Vec<AdvisorPoint>, StoreError> {
        let rows: Vec<AdvisorRow> = reading!(self, pool => {
            let mut query = QueryBuilder::new(format!("SELECT * FROM ({NEWEST_ADVICE}) newest WHERE 1 = 1"));
            push_filter!(query, filter);
            query.push(" ORDER BY instance_type, region, operating_system");
            push_page!(query, filter);
            query.build_query_as().fetch_all(pool).await?
        });
        Ok(rows.into_iter().map(advice).collect())
    }
}

macro_rules! push_filter {
    ($query:ident, $filter:expr) => {
        for (column, value) in [
            ("instance_type", &$filter.instance_type),
            ("region", &$filter.region),
            ("operating_system", &$filter.operating_system),
        ] {
            if let Some(value) = value {
                $query.push(" AND ").push(column).push(" = ").push_bind(value.as_str());
            }
        }
    };
}

macro_rules! push_page {
    ($query:ident, $filter:expr) => {
        $query.push(" LIMIT ").push_bind(signed($filter.limit));
        $query.push(" OFFSET ").push_bind(signed($filter.offset));
    };
}

use {push_filter, push_page};

fn on_demand_key(row: &OnDemandPoint) -> (&str, &str, &str, &str, Timestamp) {
    (&row.instance_type, &row.region, &row.operating_system, &row.tenancy, row.effective_at)
}

fn advisor_key(row: &AdvisorPoint) -> (&str, &str, &str, Timestamp) {
    (&row.instance_type, &row.region, &row.operating_system, row.observed_at)
}

fn advice(row: AdvisorRow) -> AdvisorPoint {
    AdvisorPoint {
        instance_type: row.instance_type,
        region: row.region,
        operating_system: row.operating_system,
        observed_at: row.observed_at.0,
        bucket: u8::try_from(row.bucket).unwrap_or(u8::MAX),
        savings_percent: row.savings_percent.and_then(|percent| i32::try_from(percent).ok()),
    }
}

/// The rows that say something new, and how many do not.
fn news(rows: &[AdvisorPoint], newest: Vec<AdvisorRow>) -> (Vec<AdvisorPoint>, u64) {
    let pool = |row: &AdvisorPoint| {
        (row.instance_type.clone(), row.region.clone(), row.operating_system.clone())
    };
    let known: BTreeMap<_, AdvisorPoint> =
        newest.into_iter().map(advice).map(|row| (pool(&row), row)).collect();
    let rows = once_each(rows, |a, b| advisor_key(a).cmp(&advisor_key(b)));
    let all = rows.len();
    let is_new = |row: &AdvisorPoint| {
        known.get(&pool(row)).is_none_or(|known| {
            (known.bucket, known.savings_percent) != (row.bucket, row.savings_percent)
        })
    };
    let news: Vec<AdvisorPoint> = rows.into_iter().filter(is_new).collect();
    let unchanged = (all - news.len()) as u64;
    (news, unchanged)
}

/// The rows in an order; of rows that it does not tell apart the last one.
fn once_each<R: Clone>(rows: &[R], compare: impl Fn(&R, &R) -> Ordering) -> Vec<R> {
    let mut order: Vec<&R> = rows.iter().collect();
    order.sort_by(|a, b| compare(a, b));
    let mut kept: Vec<&R> = Vec::with_capacity(order.len());
    for row in order {
        match kept.last_mut() {
            Some(last) if compare(last, row).is_eq() => *last = row,
            _ => kept.push(row),
        }
    }
    kept.into_iter().cloned().collect()
}
