//! Schedules: when jobs are made by themselves. Whoever comes first fires a due time; it fires once.

use jiff::Timestamp;
use sqlx::FromRow;
use sqlx::types::{Json, Uuid};

use crate::access::{AuditRow, audit};
use crate::database::{reading, writing};
use crate::jobs::{NewJob, enqueue};
use crate::values::At;
use crate::{Store, StoreError};

/// A schedule.
#[derive(Clone, Debug, PartialEq)]
pub struct ScheduleRow {
    /// Its name in other records.
    pub schedule_id: Uuid,
    /// What people call it; unique.
    pub name: String,
    /// The kind of job that it makes.
    pub kind: String,
    /// The payload of those jobs.
    pub payload: serde_json::Value,
    /// When, in UTC.
    pub cron: String,
    /// Whether it fires.
    pub enabled: bool,
    /// When it fires next.
    pub next_run_at: Timestamp,
    /// When it fired last.
    pub last_run_at: Option<Timestamp>,
    /// Who made it.
    pub created_by: String,
    /// When.
    pub created_at: Timestamp,
}

#[derive(FromRow)]
struct Raw {
    schedule_id: Uuid,
    name: String,
    kind: String,
    payload: Json<serde_json::Value>,
    cron: String,
    enabled: bool,
    next_run_at: At,
    last_run_at: Option<At>,
    created_by: String,
    created_at: At,
}

impl From<Raw> for ScheduleRow {
    fn from(raw: Raw) -> ScheduleRow {
        ScheduleRow {
            schedule_id: raw.schedule_id,
            name: raw.name,
            kind: raw.kind,
            payload: raw.payload.0,
            cron: raw.cron,
            enabled: raw.enabled,
            next_run_at: raw.next_run_at.0,
            last_run_at: raw.last_run_at.map(|at| at.0),
            created_by: raw.created_by,
            created_at: raw.created_at.0,
        }
    }
}

impl Store {
    /// Makes a schedule, or changes the one of the same name, which keeps its identifier. The
    /// identifier. The change is noted.
    ///
    /// # Errors
    /// The database did not take it.
    pub async fn set_schedule(
        &self,
        schedule: &ScheduleRow,
        note: &AuditRow,
    ) -> Result<Uuid, StoreError> {
        let (schedule_id,): (Uuid,) = writing!(self, transaction => {
            let kept = sqlx::query_as(
                "INSERT INTO schedules (schedule_id, name, kind, payload, cron, enabled, \
                   next_run_at, created_by, created_at) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
                 ON CONFLICT (name) DO UPDATE SET kind = excluded.kind, payload = excluded.payload, \
                   cron = excluded.cron, enabled = excluded.enabled, \
                   next_run_at = excluded.next_run_at \
                 RETURNING schedule_id",
            )
            .bind(schedule.schedule_id)
            .bind(schedule.name.as_str())
            .bind(schedule.kind.as_str())
            .bind(Json(&schedule.payload))
            .bind(schedule.cron.as_str())
            .bind(schedule.enabled)
            .bind(At(schedule.next_run_at))
            .bind(schedule.created_by.as_str())
            .bind(At(schedule.created_at))
            .fetch_one(&mut *transaction)
            .await?;
            audit!(transaction, note);
            kept
        });
        Ok(schedule_id)
    }

    /// All schedules by name.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn schedules(&self) -> Result<Vec<ScheduleRow>, StoreError> {
        let rows: Vec<Raw> = reading!(self, pool => {
            sqlx::query_as("SELECT * FROM schedules ORDER BY name").fetch_all(pool).await?
        });
        Ok(rows.into_iter().map(ScheduleRow::from).collect())
    }

    /// Lets a schedule fire, from an instant on, or not. `false` when there is none of this name.
    ///
    /// # Errors
    /// The database did not take it.
    pub async fn enable_schedule(
        &self,
        schedule_id: Uuid,
        enabled: bool,
        next_run_at: Timestamp,
        note: &AuditRow,
    ) -> Result<bool, StoreError> {
        Ok(writing!(self, transaction => {
            let changed = sqlx::query(
                "UPDATE schedules SET enabled = $1, next_run_at = $2 WHERE schedule_id = $3",
            )
            .bind(enabled)
            .bind(At(next_run_at))
            .bind(schedule_id)
            .execute(&mut *transaction)
            .await?
            .rows_affected()
                > 0;
            if changed {
                audit!(transaction, note);
            }
            changed
        }))
    }

    /// Removes a schedule; the record of its runs stays. `false` when there is none of this name.
    ///
    /// # Errors
    /// The database did not take it.
    pub async fn remove_schedule(
        &self,
        schedule_id: Uuid,
        note: &AuditRow,
    ) -> Result<bool, StoreError> {
        Ok(writing!(self, transaction => {
            let removed = sqlx::query("DELETE FROM schedules WHERE schedule_id = $1")
                .bind(schedule_id)
                .execute(&mut *transaction)
                .await?
                .rows_affected()
                > 0;
            if removed {
                audit!(transaction, note);
            }
            removed
        }))
    }

    /// Fires a schedule whose time has come: queues its job and moves on to its next time, however
    /// many times were missed. `false` when another server has fired it.
    ///
    /// # Errors
    /// The database did not take it.
    pub async fn fire_schedule(
        &self,
        due: &ScheduleRow,
        job: &NewJob,
        next_run_at: Timestamp,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        Ok(writing!(self, transaction => {
            let mine = sqlx::query(
                "UPDATE schedules SET next_run_at = $1, last_run_at = $2 \
                 WHERE schedule_id = $3 AND next_run_at = $4 AND enabled",
            )
            .bind(At(next_run_at))
            .bind(At(now))
            .bind(due.schedule_id)
            .bind(At(due.next_run_at))
            .execute(&mut *transaction)
            .await?
            .rows_affected()
                > 0;
            if mine {
                sqlx::query(
                    "INSERT INTO schedule_runs (schedule_id, due_at, job_id, fired_at) \
                     VALUES ($1, $2, $3, $4)",
                )
                .bind(due.schedule_id)
                .bind(At(due.next_run_at))
                .bind(job.job_id)
                .bind(At(now))
                .execute(&mut *transaction)
                .await?;
                // A job of the same kind that is still at work does this one's too.
                let _ = enqueue!(transaction, job, now);
            }
            mine
        }))
    }
}
