//! Everything that was learned, read at one instant, and what came after it.

use jiff::{SignedDuration, Timestamp};
use sqlx::FromRow;

use super::exposures::{self, ExposureRow};
use super::reports::{self, InterruptionRow};
use crate::database::{Database, reading};
use crate::snapshots::named;
use crate::values::{At, signed, unsigned};
use crate::{News, Store, StoreError};

/// Reports and exposure as sums, and the newest of both in full.
#[derive(Clone, Debug, Default)]
pub struct LoadedFeedback {
    /// The last place in the order that is part of it.
    pub sequence: u64,
    /// What was seen of pools, by day.
    pub days: Vec<PoolDay>,
    /// Reports of the newest stretch of time, oldest first.
    pub recent: Vec<InterruptionRow>,
    /// Exposure that reaches into the newest stretch of time.
    pub current: Vec<ExposureRow>,
    /// What the names of zones mean.
    pub zones: Vec<ZoneName>,
}

/// What a customer saw of a pool on a day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolDay {
    /// Whose; `None` where nobody is named.
    pub customer_id: Option<String>,
    /// The region.
    pub region: String,
    /// The zone's name.
    pub availability_zone: String,
    /// The type.
    pub instance_type: String,
    /// The day since 1970, UTC.
    pub day: i64,
    /// Interruptions.
    pub interruptions: u64,
    /// Instance-seconds at risk.
    pub exposure_seconds: u64,
    /// The most instances of one report.
    pub most_instances: u32,
}

/// Which zone a customer's name means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZoneName {
    /// Whose name it is; `None` where nobody is named.
    pub customer_id: Option<String>,
    /// The region.
    pub region: String,
    /// The name.
    pub availability_zone: String,
    /// The id.
    pub zone_id: String,
}

/// What came behind a place in the order.
#[derive(Clone, Debug, Default)]
pub struct Followed {
    /// Reports, in order.
    pub reports: Vec<InterruptionRow>,
    /// Exposure, in order.
    pub exposures: Vec<ExposureRow>,
    /// The last place that was looked at.
    pub sequence: u64,
}

#[derive(FromRow)]
struct RawDay {
    customer_id: String,
    region: String,
    availability_zone: String,
    instance_type: String,
    day: i64,
    interruptions: i64,
    exposure_seconds: i64,
    most_instances: i64,
}

#[derive(FromRow)]
struct RawZone {
    customer_id: String,
    region: String,
    availability_zone: String,
    zone_id: String,
}

/// How long a look at reports and exposure may reach back at once.
const ROWS_FOLLOWED: u64 = 50_000;

impl Store {
    /// Hears of new reports and exposure from now on.
    #[must_use]
    pub fn news_of_feedback(&self) -> News {
        self.news_of("cloudoptim_feedback", &self.fed)
    }

    /// Everything that was learned, at one instant: of one customer where one is named. Reports of the
    /// last `recent` before `now` come in full, and exposure that reaches into the last day.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn load_feedback(
        &self,
        now: Timestamp,
        recent: SignedDuration,
        customer_id: Option<&str>,
    ) -> Result<LoadedFeedback, StoreError> {
        let since = now.checked_sub(recent).unwrap_or(Timestamp::MIN);
        let yesterday = now.checked_sub(SignedDuration::from_hours(24)).unwrap_or(Timestamp::MIN);
        let of = |table: &str, rest: &str, order: &str| {
            let who = if customer_id.is_some() { "customer_id = $1" } else { "$1 = ''" };
            format!("SELECT * FROM {table} WHERE {who}{rest} {order}")
        };
        let days = of("pool_days", "", "");
        let zones = of("customer_zones", "", "");
        let reports =
            of("interruption_feedback", " AND interruption_timestamp > $2", "ORDER BY sequence");
        let exposures = of("instance_exposure", " AND until_at > $2", "ORDER BY sequence");
        let customer = customer_id.unwrap_or_default();
        macro_rules! load {
            ($transaction:ident) => {{
                let (sequence,): (i64,) =
                    sqlx::query_as("SELECT last_sequence FROM feedback_counter")
                        .fetch_one(&mut *$transaction)
                        .await?;
                let days: Vec<RawDay> = sqlx::query_as(sqlx::AssertSqlSafe(days.as_str()))
                    .bind(customer)
                    .fetch_all(&mut *$transaction)
                    .await?;
                let zones: Vec<RawZone> = sqlx::query_as(sqlx::AssertSqlSafe(zones.as_str()))
                    .bind(customer)
                    .fetch_all(&mut *$transaction)
                    .await?;
                let recent: Vec<reports::Raw> =
                    sqlx::query_as(sqlx::AssertSqlSafe(reports.as_str()))
                        .bind(customer)
                        .bind(At(since))
                        .fetch_all(&mut *$transaction)
                        .await?;
                let current: Vec<exposures::Raw> =
                    sqlx::query_as(sqlx::AssertSqlSafe(exposures.as_str()))
                        .bind(customer)
                        .bind(At(yesterday))
                        .fetch_all(&mut *$transaction)
                        .await?;
                $transaction.commit().await?;
                LoadedFeedback {
                    sequence: unsigned(sequence),
                    days: days.into_iter().map(PoolDay::from).collect(),
                    recent: recent.into_iter().map(InterruptionRow::from).collect(),
                    current: current.into_iter().map(ExposureRow::from).collect(),
                    zones: zones.into_iter().map(ZoneName::from).collect(),
                }
            }};
        }
        Ok(match &self.database {
            Database::Postgres(pool) => {
                let mut transaction =
                    pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
                load!(transaction)
            }
            Database::Sqlite(pools) => {
                let mut transaction = pools.readers.begin().await?;
                load!(transaction)
            }
        })
    }

    /// Reports and exposure behind a place in the order; a bounded number of them, so ask again until
    /// the place stays.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn feedback_after(&self, sequence: u64) -> Result<Followed, StoreError> {
        let until = sequence.saturating_add(ROWS_FOLLOWED);
        let bounds = (signed(sequence), signed(until));
        let (last, reports, exposures): (i64, Vec<reports::Raw>, Vec<exposures::Raw>) = reading!(self, pool => {
            let (last,): (i64,) = sqlx::query_as("SELECT last_sequence FROM feedback_counter")
                .fetch_one(pool)
                .await?;
            let bounds = (bounds.0, bounds.1.min(last));
            if bounds.1 <= bounds.0 {
                return Ok(Followed { sequence, ..Followed::default() });
            }
            let reports = sqlx::query_as(
                "SELECT * FROM interruption_feedback WHERE sequence > $1 AND sequence <= $2 \
                 ORDER BY sequence",
            )
            .bind(bounds.0)
            .bind(bounds.1)
            .fetch_all(pool)
            .await?;
            let exposures = sqlx::query_as(
                "SELECT * FROM instance_exposure WHERE sequence > $1 AND sequence <= $2 \
                 ORDER BY sequence",
            )
            .bind(bounds.0)
            .bind(bounds.1)
            .fetch_all(pool)
            .await?;
            (bounds.1, reports, exposures)
        });
        Ok(Followed {
            reports: reports.into_iter().map(InterruptionRow::from).collect(),
            exposures: exposures.into_iter().map(ExposureRow::from).collect(),
            sequence: unsigned(last),
        })
    }
}

impl From<RawDay> for PoolDay {
    fn from(raw: RawDay) -> PoolDay {
        PoolDay {
            customer_id: named(raw.customer_id),
            region: raw.region,
            availability_zone: raw.availability_zone,
            instance_type: raw.instance_type,
            day: raw.day,
            interruptions: unsigned(raw.interruptions),
            exposure_seconds: unsigned(raw.exposure_seconds),
            most_instances: u32::try_from(raw.most_instances).unwrap_or(u32::MAX),
        }
    }
}

impl From<RawZone> for ZoneName {
    fn from(raw: RawZone) -> ZoneName {
        ZoneName {
            customer_id: named(raw.customer_id),
            region: raw.region,
            availability_zone: raw.availability_zone,
            zone_id: raw.zone_id,
        }
    }
}
