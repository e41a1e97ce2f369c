//! Gaps that were filled or are being filled, and refreshes: each is a record beside its job, written
//! in the transaction that queues the job.

use jiff::Timestamp;
use jiff::civil::Date;
use sqlx::types::{Json, Uuid};
use sqlx::{FromRow, QueryBuilder};

use crate::database::{reading, writing};
use crate::jobs::{NewJob, enqueue, in_flight};
use crate::values::{At, Day, signed, unsigned};
use crate::{Store, StoreError};

/// A gap in the data that a model needs.
#[derive(Clone, Debug, PartialEq)]
pub struct GapRow {
    /// Its name.
    pub gap_id: Uuid,
    /// The model that needs the data.
    pub model_id: Option<Uuid>,
    /// The job that fills it.
    pub job_id: Uuid,
    /// The first day.
    pub start: Date,
    /// The day after the last one.
    pub end: Date,
    /// `spot_prices` or `on_demand_prices`.
    pub data_type: String,
    /// Regions.
    pub regions: Vec<String>,
    /// Instance types, after patterns were resolved.
    pub instance_types: Vec<String>,
    /// How many rows are expected; an estimate.
    pub records_expected: Option<u64>,
    /// AWS has nothing from before this instant, so what is missing there stays missing.
    pub permanent_before: Option<Timestamp>,
    /// When it was recorded.
    pub created_at: Timestamp,
    /// What became of it, once its job is through.
    pub outcome: Option<serde_json::Value>,
}

/// A refresh of a model's data.
#[derive(Clone, Debug, PartialEq)]
pub struct RefreshRow {
    /// Its name.
    pub refresh_id: Uuid,
    /// The model.
    pub model_id: Option<Uuid>,
    /// The job that does it.
    pub job_id: Uuid,
    /// `manual`, `scheduled` or `auto`.
    pub refresh_type: String,
    /// The first day that is fetched.
    pub from: Date,
    /// The day after the last one.
    pub to: Date,
    /// Whether the model becomes active when its data is complete.
    pub auto_activate: bool,
    /// Who asked for it.
    pub triggered_by: Option<String>,
    /// When it was asked for.
    pub started_at: Timestamp,
    /// What it brought, once its job is through.
    pub outcome: Option<serde_json::Value>,
}

#[derive(FromRow)]
struct RawGap {
    gap_id: Uuid,
    model_id: Option<Uuid>,
    job_id: Uuid,
    gap_start_date: Day,
    gap_end_date: Day,
    data_type: String,
    regions: Json<Vec<String>>,
    instance_types: Json<Vec<String>>,
    records_expected: Option<i64>,
    permanent_before: Option<At>,
    created_at: At,
    outcome: Option<Json<serde_json::Value>>,
}

#[derive(FromRow)]
struct RawRefresh {
    refresh_id: Uuid,
    model_id: Option<Uuid>,
    job_id: Uuid,
    refresh_type: String,
    data_fetched_from: Day,
    data_fetched_to: Day,
    auto_activate: bool,
    triggered_by: Option<String>,
    started_at: At,
    outcome: Option<Json<serde_json::Value>>,
}

const GAP: &str = "gap_id, model_id, job_id, gap_start_date, gap_end_date, data_type, regions, \
     instance_types, records_expected, permanent_before, created_at, outcome";
const REFRESH: &str = "refresh_id, model_id, job_id, refresh_type, data_fetched_from, \
     data_fetched_to, auto_activate, triggered_by, started_at, outcome";

impl From<RawGap> for GapRow {
    fn from(raw: RawGap) -> GapRow {
        GapRow {
            gap_id: raw.gap_id,
            model_id: raw.model_id,
            job_id: raw.job_id,
            start: raw.gap_start_date.0,
            end: raw.gap_end_date.0,
            data_type: raw.data_type,
            regions: raw.regions.0,
            instance_types: raw.instance_types.0,
            records_expected: raw.records_expected.map(unsigned),
            permanent_before: raw.permanent_before.map(|at| at.0),
            created_at: raw.created_at.0,
            outcome: raw.outcome.map(|json| json.0),
        }
    }
}

impl From<RawRefresh> for RefreshRow {
    fn from(raw: RawRefresh) -> RefreshRow {
        RefreshRow {
            refresh_id: raw.refresh_id,
            model_id: raw.model_id,
            job_id: raw.job_id,
            refresh_type: raw.refresh_type,
            from: raw.data_fetched_from.0,
            to: raw.data_fetched_to.0,
            auto_activate: raw.auto_activate,
            triggered_by: raw.triggered_by,
            started_at: raw.started_at.0,
            outcome: raw.outcome.map(|json| json.0),
        }
    }
}

macro_rules! insert_refresh {
    ($transaction:ident, $refresh:expr) => {{
        let refresh: &RefreshRow = $refresh;
        sqlx::query(
            "INSERT INTO refreshes (refresh_id, model_id, job_id, refresh_type, \
               data_fetched_from, data_fetched_to, auto_activate, triggered_by, started_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (refresh_id) DO NOTHING",
        )
        .bind(refresh.refresh_id)
        .bind(refresh.model_id)
        .bind(refresh.job_id)
        .bind(refresh.refresh_type.as_str())
        .bind(Day(refresh.from))
        .bind(Day(refresh.to))
        .bind(refresh.auto_activate)
        .bind(refresh.triggered_by.as_deref())
        .bind(At(refresh.started_at))
        .execute(&mut *$transaction)
        .await?;
    }};
}

impl Store {
    /// Records a gap and queues the job that fills it. `Err(name)` inside is the job in flight that has
    /// the same key; then nothing is recorded.
    ///
    /// # Errors
    /// The database did not take it.
    pub async fn add_gap(
        &self,
        gap: &GapRow,
        job: &NewJob,
    ) -> Result<Result<(), Uuid>, StoreError> {
        let days = i64::from(gap.start.until(gap.end).map_or(0, |span| span.get_days()));
        Ok(writing!(self, transaction => {
            if enqueue!(transaction, job, gap.created_at) {
                sqlx::query(
                    "INSERT INTO gap_fills (gap_id, model_id, job_id, gap_start_date, gap_end_date, \
                       gap_days, data_type, regions, instance_types, records_expected, \
                       permanent_before, created_at) \
                     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
                )
                .bind(gap.gap_id)
                .bind(gap.model_id)
                .bind(gap.job_id)
                .bind(Day(gap.start))
                .bind(Day(gap.end))
                .bind(days)
                .bind(gap.data_type.as_str())
                .bind(Json(&gap.regions))
                .bind(Json(&gap.instance_types))
                .bind(gap.records_expected.map(signed))
                .bind(gap.permanent_before.map(At))
                .bind(At(gap.created_at))
                .execute(&mut *transaction)
                .await?;
                Ok(())
            } else {
                Err(in_flight!(transaction, job).unwrap_or(job.job_id))
            }
        }))
    }

    /// One gap; `None` when there is none of this name.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn gap(&self, gap_id: Uuid) -> Result<Option<GapRow>, StoreError> {
        let row: Option<RawGap> = reading!(self, pool => {
            sqlx::query_as(sqlx::AssertSqlSafe(format!(
                "SELECT {GAP} FROM gap_fills WHERE gap_id = $1"
            )))
            .bind(gap_id)
            .fetch_optional(pool)
            .await?
        });
        Ok(row.map(GapRow::from))
    }

    /// Gaps, the newest first, and how many there are.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn gaps(&self, limit: u64, offset: u64) -> Result<(Vec<GapRow>, u64), StoreError> {
        let (rows, count): (Vec<RawGap>, (i64,)) = reading!(self, pool => {
            let rows = sqlx::query_as(sqlx::AssertSqlSafe(format!(
                "SELECT {GAP} FROM gap_fills ORDER BY created_at DESC, gap_id LIMIT $1 OFFSET $2"
            )))
            .bind(signed(limit))
            .bind(signed(offset))
            .fetch_all(pool)
            .await?;
            (rows, sqlx::query_as("SELECT count(*) FROM gap_fills").fetch_one(pool).await?)
        });
        Ok((rows.into_iter().map(GapRow::from).collect(), unsigned(count.0)))
    }

    /// Records a refresh and queues its job. `Err(name)` inside is the job in flight that has the same
    /// key; then nothing is recorded.
    ///
    /// # Errors
    /// The database did not take it.
    pub async fn add_refresh(
        &self,
        refresh: &RefreshRow,
        job: &NewJob,
    ) -> Result<Result<(), Uuid>, StoreError> {
        Ok(writing!(self, transaction => {
            if enqueue!(transaction, job, refresh.started_at) {
                insert_refresh!(transaction, refresh);
                Ok(())
            } else {
                Err(in_flight!(transaction, job).unwrap_or(job.job_id))
            }
        }))
    }

    /// Records a refresh whose job a schedule has made. Known ones stay as they are.
    ///
    /// # Errors
    /// The database did not take it.
    pub async fn record_refresh(&self, refresh: &RefreshRow) -> Result<(), StoreError> {
        writing!(self, transaction => { insert_refresh!(transaction, refresh); });
        Ok(())
    }

    /// Notes what became of a gap or what a refresh brought; whichever of the two has this name.
    ///
    /// # Errors
    /// The database did not take it.
    pub async fn keep_outcome(
        &self,
        name: Uuid,
        outcome: &serde_json::Value,
    ) -> Result<(), StoreError> {
        writing!(self, transaction => {
            for update in [
                "UPDATE gap_fills SET outcome = $1 WHERE gap_id = $2",
                "UPDATE refreshes SET outcome = $1 WHERE refresh_id = $2",
            ] {
                sqlx::query(update)
                    .bind(Json(outcome))
                    .bind(name)
                    .execute(&mut *transaction)
                    .await?;
            }
        });
        Ok(())
    }

    /// One refresh; `None` when there is none of this name.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn refresh(&self, refresh_id: Uuid) -> Result<Option<RefreshRow>, StoreError> {
        let row: Option<RawRefresh> = reading!(self, pool => {
            sqlx::query_as(sqlx::AssertSqlSafe(format!(
                "SELECT {REFRESH} FROM refreshes WHERE refresh_id = $1"
            )))
            .bind(refresh_id)
            .fetch_optional(pool)
            .await?
        });
        Ok(row.map(RefreshRow::from))
    }

    /// Refreshes, the newest first, of one model or of all, and how many there are.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn refreshes(
        &self,
        model_id: Option<Uuid>,
        limit: u64,
        offset: u64,
    ) -> Result<(Vec<RefreshRow>, u64), StoreError> {
        let (rows, count): (Vec<RawRefresh>, i64) = reading!(self, pool => {
            let mut query =
                QueryBuilder::new(format!("SELECT {REFRESH} FROM refreshes"));
            if let Some(model_id) = model_id {
                query.push(" WHERE model_id = ").push_bind(model_id);
            }
            query.push(" ORDER BY started_at DESC, refresh_id LIMIT ").push_bind(signed(limit));
            query.push(" OFFSET ").push_bind(signed(offset));
            let rows = query.build_query_as().fetch_all(pool).await?;
            let mut count = QueryBuilder::new("SELECT count(*) FROM refreshes");
            if let Some(model_id) = model_id {
                count.push(" WHERE model_id = ").push_bind(model_id);
            }
            (rows, count.build_query_scalar().fetch_one(pool).await?)
        });
        Ok((rows.into_iter().map(RefreshRow::from).collect(), unsigned(count)))
    }
}
