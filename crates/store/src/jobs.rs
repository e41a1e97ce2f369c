//! Jobs: made once, worked on by one at a time, resumed by whoever is there.
//!
//! The lease is what a worker holds, the fence is what proves it: every write of a worker names the
//! fence of its lease, and a worker whose lease went to another can write nothing more.

use jiff::Timestamp;
use sqlx::types::{Json, Uuid};
use sqlx::{FromRow, QueryBuilder};

use crate::access::{AuditRow, audit};
use crate::database::{Database, reading, writing};
use crate::notifications::events::{EventRow, tell};
use crate::values::{At, signed, unsigned};
use crate::{Store, StoreError};

/// A job to be made.
#[derive(Clone, Debug)]
pub struct NewJob {
    /// Its name.
    pub job_id: Uuid,
    /// What it does, such as `fetch_prices`.
    pub kind: String,
    /// While a job with this key is waited for or worked on, no second one is made.
    pub dedupe_key: Option<String>,
    /// What its kind needs to know.
    pub payload: serde_json::Value,
    /// Smaller goes first.
    pub priority: i64,
    /// How often it may be tried.
    pub max_attempts: u32,
    /// Not before this instant.
    pub run_at: Timestamp,
    /// How many units of work it has, where that is known.
    pub all_units: Option<u64>,
    /// Who asked for it.
    pub created_by: String,
}

/// Where a job is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum JobState {
    /// It waits for a worker, for the first time or again.
    Queued,
    /// Somebody works on it.
    Running,
    /// It did what it was made for.
    Completed,
    /// It was tried as often as it might, or cannot be done.
    Failed,
    /// Somebody called it off.
    Cancelled,
}

impl JobState {
    /// As it is stored and written.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            JobState::Queued => "queued",
            JobState::Running => "running",
            JobState::Completed => "completed",
            JobState::Failed => "failed",
            JobState::Cancelled => "cancelled",
        }
    }

    fn from_name(name: &str) -> JobState {
        match name {
            "running" => JobState::Running,
            "completed" => JobState::Completed,
            "failed" => JobState::Failed,
            "cancelled" => JobState::Cancelled,
            _ => JobState::Queued,
        }
    }

    /// Whether nothing more happens to it.
    #[must_use]
    pub fn is_over(self) -> bool {
        !matches!(self, JobState::Queued | JobState::Running)
    }
}

/// A job as it stands.
#[derive(Clone, Debug)]
pub struct JobRow {
    /// Its name.
    pub job_id: Uuid,
    /// What it does.
    pub kind: String,
    /// What its kind needs to know.
    pub payload: serde_json::Value,
    /// Where it is in its life.
    pub state: JobState,
    /// How often it was started since its last step: work that gets on is not given up.
    pub attempts: u32,
    /// How often it may be.
    pub max_attempts: u32,
    /// The fence of its newest lease.
    pub fence: i64,
    /// Whether somebody wants it to end.
    pub cancel_asked: bool,
    /// Where it goes on.
    pub cursor: Option<serde_json::Value>,
    /// Units of work that are done.
    pub done_units: u64,
    /// Units of work in all, where that is known.
    pub all_units: Option<u64>,
    /// Rows that it inserted, exactly.
    pub row_count: u64,
    /// Why it failed, or why its last try did.
    pub error: Option<String>,
    /// Who asked for it.
    pub created_by: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was first started.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
}

/// What a worker reports together with the rows it keeps.
#[derive(Clone, Debug)]
pub struct Progress {
    /// The job.
    pub job_id: Uuid,
    /// The fence of the lease under which it works.
    pub fence: i64,
    /// Where the job goes on from here.
    pub cursor: serde_json::Value,
    /// Units that are done by now.
    pub done_units: u64,
    /// Units in all, where that is known by now.
    pub all_units: Option<u64>,
    /// Until when the lease runs from here.
    pub lease_until: Timestamp,
}

/// How a try of a job ended.
#[derive(Clone, Debug)]
pub enum JobEnd {
    /// It is done.
    Completed,
    /// It cannot be done, or was tried often enough.
    Failed(String),
    /// It was called off.
    Cancelled,
    /// It is tried again, not before the instant.
    Again(String, Timestamp),
}

/// Which jobs are wanted; the newest first.
#[derive(Clone, Debug, Default)]
pub struct JobFilter {
    /// Of one kind.
    pub kind: Option<String>,
    /// Asked for by one, such as `schedule nightly`.
    pub created_by: Option<String>,
    /// In one state.
    pub state: Option<JobState>,
    /// Only those that are not over.
    pub in_flight: bool,
    /// How many are passed over.
    pub offset: u64,
    /// How many at the most.
    pub limit: u64,
}

#[derive(FromRow)]
struct Raw {
    job_id: Uuid,
    kind: String,
    payload: Json<serde_json::Value>,
    state: String,
    attempts: i64,
    max_attempts: i64,
    fence: i64,
    cancel_asked: bool,
    cursor: Option<Json<serde_json::Value>>,
    done_units: i64,
    all_units: Option<i64>,
    row_count: i64,
    error: Option<String>,
    created_by: String,
    created_at: At,
    started_at: Option<At>,
    finished_at: Option<At>,
}

impl From<Raw> for JobRow {
    fn from(raw: Raw) -> JobRow {
        JobRow {
            job_id: raw.job_id,
            kind: raw.kind,
            payload: raw.payload.0,
            state: JobState::from_name(&raw.state),
            attempts: u32::try_from(raw.attempts).unwrap_or(u32::MAX),
            max_attempts: u32::try_from(raw.max_attempts).unwrap_or(u32::MAX),
            fence: raw.fence,
            cancel_asked: raw.cancel_asked,
            cursor: raw.cursor.map(|cursor| cursor.0),
            done_units: unsigned(raw.done_units),
            all_units: raw.all_units.map(unsigned),
            row_count: unsigned(raw.row_count),
            error: raw.error,
            created_by: raw.created_by,
            created_at: raw.created_at.0,
            started_at: raw.started_at.map(|at| at.0),
            finished_at: raw.finished_at.map(|at| at.0),
        }
    }
}

const COLUMNS: &str = "job_id, kind, payload, state, attempts, max_attempts, fence, cancel_asked, \
     cursor, done_units, all_units, row_count, error, created_by, created_at, started_at, finished_at";

pub(crate) const INSERT: &str = "INSERT INTO jobs (job_id, kind, dedupe_key, payload, priority, \
     state, attempts, max_attempts, run_at, fence, cancel_asked, done_units, all_units, row_count, \
     log_lines, created_by, created_at) \
     VALUES ($1, $2, $3, $4, $5, 'queued', 0, $6, $7, 0, $8, 0, $9, 0, 0, $10, $11) \
     ON CONFLICT DO NOTHING";

/// Puts a job into the queue inside of a transaction, and notes who did; whether it was put there.
macro_rules! enqueue {
    ($transaction:ident, $job:expr, $now:expr) => {{
        let job: &$crate::jobs::NewJob = $job;
        let queued = sqlx::query($crate::jobs::INSERT)
            .bind(job.job_id)
            .bind(job.kind.as_str())
            .bind(job.dedupe_key.as_deref())
            .bind(sqlx::types::Json(&job.payload))
            .bind(job.priority)
            .bind(i64::from(job.max_attempts))
            .bind($crate::values::At(job.run_at))
            .bind(false)
            .bind(job.all_units.map($crate::values::signed))
            .bind(job.created_by.as_str())
            .bind($crate::values::At($now))
            .execute(&mut *$transaction)
            .await?
            .rows_affected()
            > 0;
        if queued {
            let note = $crate::jobs::queued(job, $now);
            $crate::access::audit!($transaction, &note);
        }
        queued
    }};
}

/// What is noted of a job that was put into the queue.
pub(crate) fn queued(job: &NewJob, now: Timestamp) -> AuditRow {
    AuditRow {
        happened_at: now,
        actor: job.created_by.clone(),
        action: "job.queue".to_owned(),
        subject: job.job_id.to_string(),
        detail: serde_json::json!({ "kind": job.kind }),
    }
}

pub(crate) const ADVANCE: &str = "UPDATE jobs SET cursor = $1, done_units = $2, all_units = $3, \
     row_count = row_count + $4, lease_until = $5, attempts = 1 \
     WHERE job_id = $6 AND fence = $7 AND state = 'running'";

/// Moves a job on inside of the transaction that keeps its rows.
macro_rules! advance {
    ($transaction:ident, $progress:expr, $rows:expr) => {{
        let progress: &$crate::jobs::Progress = $progress;
        let moved = sqlx::query($crate::jobs::ADVANCE)
            .bind(sqlx::types::Json(&progress.cursor))
            .bind($crate::values::signed(progress.done_units))
            .bind(progress.all_units.map($crate::values::signed))
            .bind($crate::values::signed($rows))
            .bind($crate::values::At(progress.lease_until))
            .bind(progress.job_id)
            .bind(progress.fence)
            .execute(&mut *$transaction)
            .await?
            .rows_affected();
        if moved == 0 {
            return Err($crate::StoreError::LeaseLost);
        }
    }};
}

/// The job that keeps another one out of the queue: its own name, or the one with its key.
macro_rules! in_flight {
    ($transaction:ident, $job:expr) => {{
        let job: &$crate::jobs::NewJob = $job;
        let known: Option<(sqlx::types::Uuid,)> = sqlx::query_as(
            "SELECT job_id FROM jobs WHERE job_id = $1 \
             OR (kind = $2 AND dedupe_key = $3 AND finished_at IS NULL) ORDER BY created_at LIMIT 1",
        )
        .bind(job.job_id)
        .bind(job.kind.as_str())
        .bind(job.dedupe_key.as_deref())
        .fetch_optional(&mut *$transaction)
        .await?;
        known.map(|known| known.0)
    }};
}

pub(crate) use {advance, enqueue, in_flight};

impl Store {
    /// Puts a job into the queue. `Err(name)` inside is the job in flight that has the same key.
    ///
    /// # Errors
    /// The database did not take it.
    pub async fn add_job(
        &self,
        job: &NewJob,
        now: Timestamp,
    ) -> Result<Result<(), Uuid>, StoreError> {
        let known: Option<Uuid> = writing!(self, transaction => {
            if enqueue!(transaction, job, now) { None } else { in_flight!(transaction, job) }
        });
        Ok(known.map_or(Ok(()), Err))
    }

    /// Takes the next job that waits or whose worker is gone, and leases it to a worker. One whose
    /// tries are used up ends as failed instead.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn claim_job(
        &self,
        worker: &str,
        kinds: &[&str],
        lease_until: Timestamp,
        now: Timestamp,
    ) -> Result<Option<JobRow>, StoreError> {
        // The one statement that the databases spell differently: PostgreSQL passes over rows that
        // another worker is taking, SQLite has one writer anyway.
        let lock = match &self.database {
            Database::Postgres(_) => " FOR UPDATE SKIP LOCKED",
            Database::Sqlite(_) => "",
        };
        let found: Option<Raw> = writing!(self, transaction => {
            sqlx::query(
                "UPDATE jobs SET state = 'failed', finished_at = $1, lease_owner = NULL, \
                   error = coalesce(error, 'its worker was lost and it was tried often enough') \
                 WHERE state = 'running' AND lease_until < $1 AND attempts >= max_attempts",
            )
            .bind(At(now))
            .execute(&mut *transaction)
            .await?;
            let mut next = QueryBuilder::new(
                "SELECT job_id FROM jobs WHERE finished_at IS NULL AND ((state = 'queued' AND run_at <= ",
            );
            next.push_bind(At(now)).push(") OR (state = 'running' AND lease_until < ");
            next.push_bind(At(now)).push(")) AND kind IN (");
            let mut list = next.separated(", ");
            for kind in kinds {
                list.push_bind(*kind);
            }
            next.push(") ORDER BY priority, run_at, job_id LIMIT 1").push(lock);
            let next: Option<(Uuid,)> =
                next.build_query_as().fetch_optional(&mut *transaction).await?;
            match next {
                None => None,
                Some((job_id,)) => {
                    let sql = format!(
                        "UPDATE jobs SET state = 'running', lease_owner = $1, lease_until = $2, \
                           fence = fence + 1, attempts = attempts + 1, \
                           started_at = coalesce(started_at, $3) \
                         WHERE job_id = $4 RETURNING {COLUMNS}"
                    );
                    sqlx::query_as(sqlx::AssertSqlSafe(sql))
                        .bind(worker)
                        .bind(At(lease_until))
                        .bind(At(now))
                        .bind(job_id)
                        .fetch_optional(&mut *transaction)
                        .await?
                }
            }
        });
        Ok(found.map(JobRow::from))
    }

    /// Lengthens a lease; says whether the job is to end.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`] when the job is another worker's, or the database does not answer.
    pub async fn renew_lease(
        &self,
        job_id: Uuid,
        fence: i64,
        lease_until: Timestamp,
    ) -> Result<bool, StoreError> {
        let row: Option<(bool,)> = writing!(self, transaction => {
            sqlx::query_as(
                "UPDATE jobs SET lease_until = $1 \
                 WHERE job_id = $2 AND fence = $3 AND state = 'running' RETURNING cancel_asked",
            )
            .bind(At(lease_until))
            .bind(job_id)
            .bind(fence)
            .fetch_optional(&mut *transaction)
            .await?
        });
        row.map(|row| row.0).ok_or(StoreError::LeaseLost)
    }

    /// Moves a job on where no rows are kept with it.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`] when the job is another worker's, or the database does not answer.
    pub async fn advance_job(&self, progress: &Progress, rows: u64) -> Result<(), StoreError> {
        writing!(self, transaction => { advance!(transaction, progress, rows); });
        Ok(())
    }

    /// Ends a try of a job, and tells of it where there is something to tell.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`] when the job is another worker's, or the database does not answer.
    pub async fn end_job(
        &self,
        job_id: Uuid,
        fence: i64,
        end: &JobEnd,
        told: Option<&EventRow>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let (state, error, finished, run_at) = match end {
            JobEnd::Completed => (JobState::Completed, None, Some(now), now),
            JobEnd::Failed(why) => (JobState::Failed, Some(why), Some(now), now),
            JobEnd::Cancelled => (JobState::Cancelled, None, Some(now), now),
            JobEnd::Again(why, at) => (JobState::Queued, Some(why), None, *at),
        };
        let ended = writing!(self, transaction => {
            let ended = sqlx::query(
                "UPDATE jobs SET state = $1, error = $2, finished_at = $3, run_at = $4, \
                   lease_owner = NULL, lease_until = NULL \
                 WHERE job_id = $5 AND fence = $6 AND state = 'running'",
            )
            .bind(state.name())
            .bind(error.map(String::as_str))
            .bind(finished.map(At))
            .bind(At(run_at))
            .bind(job_id)
            .bind(fence)
            .execute(&mut *transaction)
            .await?
            .rows_affected();
            if let Some(event) = told.filter(|_| ended > 0) {
                tell!(transaction, event);
            }
            ended
        });
        if ended == 0 { Err(StoreError::LeaseLost) } else { Ok(()) }
    }

    /// Calls a job off: at once where it waits, at its next step where it is worked on. Whether there
    /// was anything to call off; only then it is noted.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn cancel_job(&self, job_id: Uuid, note: &AuditRow) -> Result<bool, StoreError> {
        let touched = writing!(self, transaction => {
            let waiting = sqlx::query(
                "UPDATE jobs SET state = 'cancelled', cancel_asked = $1, finished_at = $2 \
                 WHERE job_id = $3 AND state = 'queued'",
            )
            .bind(true)
            .bind(At(note.happened_at))
            .bind(job_id)
            .execute(&mut *transaction)
            .await?
            .rows_affected();
            let running = sqlx::query(
                "UPDATE jobs SET cancel_asked = $1 WHERE job_id = $2 AND state = 'running'",
            )
            .bind(true)
            .bind(job_id)
            .execute(&mut *transaction)
            .await?
            .rows_affected();
            if waiting + running > 0 {
                audit!(transaction, note);
            }
            waiting + running
        });
        Ok(touched > 0)
    }

    /// One job; `None` when there is none of this name.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn job(&self, job_id: Uuid) -> Result<Option<JobRow>, StoreError> {
        let row: Option<Raw> = reading!(self, pool => {
            sqlx::query_as(sqlx::AssertSqlSafe(format!(
                "SELECT {COLUMNS} FROM jobs WHERE job_id = $1"
            )))
            .bind(job_id)
            .fetch_optional(pool)
            .await?
        });
        Ok(row.map(JobRow::from))
    }

    /// Several jobs, in no order.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn jobs_of(&self, job_ids: &[Uuid]) -> Result<Vec<JobRow>, StoreError> {
        if job_ids.is_empty() {
            return Ok(Vec::new());
        }
        let rows: Vec<Raw> = reading!(self, pool => {
            let mut query =
                QueryBuilder::new(format!("SELECT {COLUMNS} FROM jobs WHERE job_id IN ("));
            let mut list = query.separated(", ");
            for job_id in job_ids {
                list.push_bind(*job_id);
            }
            query.push(")").build_query_as().fetch_all(pool).await?
        });
        Ok(rows.into_iter().map(JobRow::from).collect())
    }

    /// Jobs, the newest first.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn jobs(&self, filter: &JobFilter) -> Result<Vec<JobRow>, StoreError> {
        let rows: Vec<Raw> = reading!(self, pool => {
            let mut query = QueryBuilder::new(format!("SELECT {COLUMNS} FROM jobs WHERE 1 = 1"));
            if let Some(kind) = &filter.kind {
                query.push(" AND kind = ").push_bind(kind.as_str());
            }
            if let Some(maker) = &filter.created_by {
                query.push(" AND created_by = ").push_bind(maker.as_str());
            }
            if let Some(state) = filter.state {
                query.push(" AND state = ").push_bind(state.name());
            }
            if filter.in_flight {
                query.push(" AND finished_at IS NULL");
            }
            query.push(" ORDER BY created_at DESC, job_id DESC LIMIT ");
            query.push_bind(signed(filter.limit));
            query.push(" OFFSET ").push_bind(signed(filter.offset));
            query.build_query_as().fetch_all(pool).await?
        });
        Ok(rows.into_iter().map(JobRow::from).collect())
    }
}
