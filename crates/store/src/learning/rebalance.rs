//! Jobs for whoever moves capacity out of a pool: made with the change of the pool's level, claimed for
//! a while, and ended once.

use jiff::{SignedDuration, Timestamp};
use sqlx::types::{Json, Uuid};
use sqlx::{FromRow, QueryBuilder};

use crate::database::{Database, reading, writing};
use crate::snapshots::named;
use crate::values::{At, signed, unsigned};
use crate::{Store, StoreError};

/// How far a job has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RebalanceStatus {
    /// It waits for somebody.
    Pending,
    /// Somebody has claimed it.
    InProgress,
    /// The capacity was moved.
    Completed,
    /// It could not be.
    Failed,
    /// The pool recovered before anybody was done.
    Expired,
}

/// A job.
#[derive(Clone, Debug, PartialEq)]
pub struct RebalanceRow {
    /// Its name.
    pub job_id: Uuid,
    /// Whose capacity it is; `None` where nobody is named.
    pub customer_id: Option<String>,
    /// The cluster with most of it, where one is named.
    pub cluster_id: Option<String>,
    /// The type.
    pub source_instance_type: String,
    /// The zone as its customer names it.
    pub source_availability_zone: String,
    /// The zone as everybody shares it.
    pub source_zone_key: String,
    /// The region.
    pub region: String,
    /// How many instances the customer has there.
    pub instances: u64,
    /// The episode of the pool.
    pub episode_id: Uuid,
    /// Why.
    pub reason: String,
    /// `HIGH` or `NORMAL`.
    pub priority: String,
    /// How far it has come.
    pub status: RebalanceStatus,
    /// Where to: the type.
    pub target_instance_type: Option<String>,
    /// And the zone.
    pub target_availability_zone: Option<String>,
    /// Why there, or why nowhere is named.
    pub target_reason: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was first claimed.
    pub started_at: Option<Timestamp>,
    /// By whom it is claimed.
    pub claimed_by: Option<String>,
    /// Until when.
    pub lease_until: Option<Timestamp>,
    /// How often it was claimed.
    pub attempts: u32,
    /// When it ended.
    pub completed_at: Option<Timestamp>,
    /// Why it failed.
    pub error_message: Option<String>,
    /// What whoever did it says of it.
    pub outcome: Option<serde_json::Value>,
}

/// Which jobs are wanted.
#[derive(Clone, Debug, Default)]
pub struct RebalanceFilter {
    /// Of one customer only.
    pub customer_id: Option<String>,
    /// That have come so far.
    pub status: Option<RebalanceStatus>,
    /// Of one region only.
    pub region: Option<String>,
    /// How many are passed over.
    pub offset: u64,
    /// How many at the most.
    pub limit: u64,
}

/// What became of a claim, or of an end.
#[derive(Clone, Debug, PartialEq)]
pub enum JobClaim {
    /// It is the caller's now, or was ended by it.
    Done(Box<RebalanceRow>),
    /// Somebody else holds it, or it has ended.
    Refused(Box<RebalanceRow>),
    /// There is none of this name.
    Unknown,
}

/// How a job ends.
#[derive(Clone, Debug, PartialEq)]
pub struct RebalanceEnd {
    /// [`RebalanceStatus::Completed`] or [`RebalanceStatus::Failed`].
    pub status: RebalanceStatus,
    /// Why it failed.
    pub error_message: Option<String>,
    /// What else is said of it.
    pub outcome: Option<serde_json::Value>,
}

/// What became of all jobs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromRow)]
pub struct RebalanceCounts {
    /// Jobs that were made.
    pub made: i64,
    /// Those whose capacity was moved.
    pub completed: i64,
    /// Those that could not be done.
    pub failed: i64,
    /// Those that nobody did before the pool recovered.
    pub expired: i64,
    /// Instances that were moved in time, as far as it was said.
    pub moved: i64,
    /// Instances that were taken back before, as far as it was said.
    pub interrupted: i64,
}

#[derive(Clone, FromRow)]
struct Raw {
    job_id: Uuid,
    customer_id: String,
    cluster_id: Option<String>,
    source_instance_type: String,
    source_availability_zone: String,
    source_zone_key: String,
    region: String,
    instances: i64,
    episode_id: Uuid,
    reason: String,
    priority: String,
    status: String,
    target_instance_type: Option<String>,
    target_availability_zone: Option<String>,
    target_reason: String,
    created_at: At,
    started_at: Option<At>,
    claimed_by: Option<String>,
    lease_until: Option<At>,
    attempts: i32,
    completed_at: Option<At>,
    error_message: Option<String>,
    outcome: Option<Json<serde_json::Value>>,
}

impl RebalanceStatus {
    /// Every status.
    pub const ALL: [RebalanceStatus; 5] = [
        RebalanceStatus::Pending,
        RebalanceStatus::InProgress,
        RebalanceStatus::Completed,
        RebalanceStatus::Failed,
        RebalanceStatus::Expired,
    ];

    /// As it is stored and written.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            RebalanceStatus::Pending => "PENDING",
            RebalanceStatus::InProgress => "IN_PROGRESS",
            RebalanceStatus::Completed => "COMPLETED",
            RebalanceStatus::Failed => "FAILED",
            RebalanceStatus::Expired => "EXPIRED",
        }
    }

    /// The status of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<RebalanceStatus> {
        RebalanceStatus::ALL.into_iter().find(|status| status.name().eq_ignore_ascii_case(name))
    }
}

impl From<Raw> for RebalanceRow {
    fn from(raw: Raw) -> RebalanceRow {
        RebalanceRow {
            job_id: raw.job_id,
            customer_id: named(raw.customer_id),
            cluster_id: raw.cluster_id,
            source_instance_type: raw.source_instance_type,
            source_availability_zone: raw.source_availability_zone,
            source_zone_key: raw.source_zone_key,
            region: raw.region,
            instances: unsigned(raw.instances),
            episode_id: raw.episode_id,
            reason: raw.reason,
            priority: raw.priority,
            status: RebalanceStatus::from_name(&raw.status).unwrap_or(RebalanceStatus::Expired),
            target_instance_type: raw.target_instance_type,
            target_availability_zone: raw.target_availability_zone,
            target_reason: raw.target_reason,
            created_at: raw.created_at.0,
            started_at: raw.started_at.map(|at| at.0),
            claimed_by: raw.claimed_by,
            lease_until: raw.lease_until.map(|at| at.0),
            attempts: u32::try_from(raw.attempts).unwrap_or(0),
            completed_at: raw.completed_at.map(|at| at.0),
            error_message: raw.error_message,
            outcome: raw.outcome.map(|json| json.0),
        }
    }
}

/// Makes jobs inside of a transaction, as many as the hour still allows; how many.
macro_rules! make {
    ($transaction:ident, $jobs:expr, $now:expr, $most:expr) => {{
        let jobs: &[$crate::learning::RebalanceRow] = $jobs;
        let mut made = 0_u64;
        if !jobs.is_empty() {
            let hour_ago = $now.checked_sub(jiff::SignedDuration::from_hours(1)).unwrap_or($now);
            let (before,): (i64,) = sqlx::query_as(
                "SELECT count(*) FROM proactive_rebalance_jobs WHERE created_at > $1",
            )
            .bind($crate::values::At(hour_ago))
            .fetch_one(&mut *$transaction)
            .await?;
            let mut left = $most.saturating_sub($crate::values::unsigned(before));
            for job in jobs {
                if left == 0 {
                    break;
                }
                let added = sqlx::query(
                    "INSERT INTO proactive_rebalance_jobs (job_id, customer_id, cluster_id, \
                       source_instance_type, source_availability_zone, source_zone_key, region, \
                       instances, episode_id, reason, priority, status, target_instance_type, \
                       target_availability_zone, target_reason, created_at, attempts) \
                     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, 0) \
                     ON CONFLICT DO NOTHING",
                )
                .bind(job.job_id)
                .bind(job.customer_id.as_deref().unwrap_or_default())
                .bind(job.cluster_id.as_deref())
                .bind(job.source_instance_type.as_str())
                .bind(job.source_availability_zone.as_str())
                .bind(job.source_zone_key.as_str())
                .bind(job.region.as_str())
                .bind($crate::values::signed(job.instances))
                .bind(job.episode_id)
                .bind(job.reason.as_str())
                .bind(job.priority.as_str())
                .bind(job.status.name())
                .bind(job.target_instance_type.as_deref())
                .bind(job.target_availability_zone.as_deref())
                .bind(job.target_reason.as_str())
                .bind($crate::values::At(job.created_at))
                .execute(&mut *$transaction)
                .await?
                .rows_affected();
                made += added;
                left -= added.min(left);
            }
        }
        made
    }};
}

pub(super) use make;

/// A job, held until the transaction ends.
macro_rules! held {
    ($store:expr, $transaction:ident, $job_id:expr) => {{
        let text = match &$store.database {
            Database::Postgres(_) => {
                "SELECT * FROM proactive_rebalance_jobs WHERE job_id = $1 FOR UPDATE"
            }
            Database::Sqlite(_) => "SELECT * FROM proactive_rebalance_jobs WHERE job_id = $1",
        };
        let row: Option<Raw> =
            sqlx::query_as(text).bind($job_id).fetch_optional(&mut *$transaction).await?;
        row
    }};
}

impl Store {
    /// Makes jobs that an earlier hour did not allow; how many.
    ///
    /// # Errors
    /// The database did not take them.
    pub async fn add_rebalance_jobs(
        &self,
        jobs: &[RebalanceRow],
        now: Timestamp,
        most_an_hour: u64,
    ) -> Result<u64, StoreError> {
        Ok(writing!(self, transaction => { make!(transaction, jobs, now, most_an_hour) }))
    }

    /// Jobs, the most urgent and oldest first, and how many there are in all.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn rebalance_jobs(
        &self,
        filter: &RebalanceFilter,
    ) -> Result<(Vec<RebalanceRow>, u64), StoreError> {
        macro_rules! conditions {
            ($query:ident) => {
                let mut word = " WHERE ";
                let mut and = || std::mem::replace(&mut word, " AND ");
                if let Some(customer) = &filter.customer_id {
                    $query.push(and()).push("customer_id = ").push_bind(customer.as_str());
                }
                if let Some(status) = filter.status {
                    $query.push(and()).push("status = ").push_bind(status.name());
                }
                if let Some(region) = &filter.region {
                    $query.push(and()).push("region = ").push_bind(region.as_str());
                }
            };
        }
        let (rows, total): (Vec<Raw>, i64) = reading!(self, pool => {
            let mut query = QueryBuilder::new("SELECT * FROM proactive_rebalance_jobs");
            conditions!(query);
            query.push(
                " ORDER BY CASE WHEN status IN ('PENDING', 'IN_PROGRESS') THEN 0 ELSE 1 END, \
                 CASE priority WHEN 'HIGH' THEN 0 ELSE 1 END, created_at, job_id LIMIT ",
            );
            query.push_bind(signed(filter.limit)).push(" OFFSET ").push_bind(signed(filter.offset));
            let mut count = QueryBuilder::new("SELECT count(*) FROM proactive_rebalance_jobs");
            conditions!(count);
            let rows = query.build_query_as().fetch_all(pool).await?;
            (rows, count.build_query_scalar().fetch_one(pool).await?)
        });
        Ok((rows.into_iter().map(RebalanceRow::from).collect(), unsigned(total)))
    }

    /// What became of all jobs, of one customer where one is named.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn rebalance_counts(
        &self,
        customer_id: Option<&str>,
    ) -> Result<RebalanceCounts, StoreError> {
        Ok(reading!(self, pool => {
            let mut query = QueryBuilder::new(
                "SELECT count(*) AS made, \
                   count(CASE WHEN status = 'COMPLETED' THEN 1 END) AS completed, \
                   count(CASE WHEN status = 'FAILED' THEN 1 END) AS failed, \
                   count(CASE WHEN status = 'EXPIRED' THEN 1 END) AS expired, \
                   CAST(coalesce(sum(CAST(outcome ->> 'moved_instances' AS BIGINT)), 0) AS BIGINT) \
                     AS moved, \
                   CAST(coalesce(sum(CAST(outcome ->> 'interrupted_instances' AS BIGINT)), 0) AS BIGINT) \
                     AS interrupted \
                 FROM proactive_rebalance_jobs",
            );
            if let Some(customer) = customer_id {
                query.push(" WHERE customer_id = ").push_bind(customer);
            }
            query.build_query_as().fetch_one(pool).await?
        }))
    }

    /// Who already has a job of an episode.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn customers_with_jobs(
        &self,
        episode_id: Uuid,
    ) -> Result<std::collections::BTreeSet<String>, StoreError> {
        let rows: Vec<(String,)> = reading!(self, pool => {
            sqlx::query_as("SELECT customer_id FROM proactive_rebalance_jobs WHERE episode_id = $1")
                .bind(episode_id)
                .fetch_all(pool)
                .await?
        });
        Ok(rows.into_iter().map(|(customer,)| customer).collect())
    }

    /// Claims a job for a while: one that waits, whose claim has ended, or that the same claimer holds.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn claim_rebalance_job(
        &self,
        job_id: Uuid,
        customer_id: Option<&str>,
        by: &str,
        lease: SignedDuration,
        now: Timestamp,
    ) -> Result<JobClaim, StoreError> {
        let until = now.checked_add(lease).unwrap_or(now);
        let set = "UPDATE proactive_rebalance_jobs SET status = 'IN_PROGRESS', claimed_by = $2, \
               lease_until = $3, attempts = attempts + CASE WHEN status = 'IN_PROGRESS' \
                 AND claimed_by = $2 AND lease_until > $4 THEN 0 ELSE 1 END, \
               started_at = coalesce(started_at, $4) \
             WHERE job_id = $1 AND (status = 'PENDING' OR (status = 'IN_PROGRESS' \
               AND (claimed_by = $2 OR lease_until <= $4))) RETURNING *";
        Ok(writing!(self, transaction => {
            match held!(self, transaction, job_id) {
                Some(held) if may_see(&held, customer_id) => {
                    let claimed: Option<Raw> = sqlx::query_as(set)
                        .bind(job_id)
                        .bind(by)
                        .bind(At(until))
                        .bind(At(now))
                        .fetch_optional(&mut *transaction)
                        .await?;
                    JobClaim::of(claimed, held)
                }
                _ => JobClaim::Unknown,
            }
        }))
    }

    /// Ends a job that the caller holds; the same end again changes nothing.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn end_rebalance_job(
        &self,
        job_id: Uuid,
        customer_id: Option<&str>,
        by: &str,
        end: &RebalanceEnd,
        now: Timestamp,
    ) -> Result<JobClaim, StoreError> {
        Ok(writing!(self, transaction => {
            match held!(self, transaction, job_id) {
                Some(held) if !may_see(&held, customer_id) => JobClaim::Unknown,
                Some(held) if held.status == end.status.name()
                    && held.claimed_by.as_deref() == Some(by) => JobClaim::of(Some(held.clone()), held),
                Some(held) => {
                    let ended: Option<Raw> = sqlx::query_as(
                        "UPDATE proactive_rebalance_jobs SET status = $2, completed_at = $3, \
                           error_message = $4, outcome = $5, lease_until = NULL \
                         WHERE job_id = $1 AND status = 'IN_PROGRESS' AND claimed_by = $6 RETURNING *",
                    )
                    .bind(job_id)
                    .bind(end.status.name())
                    .bind(At(now))
                    .bind(end.error_message.as_deref())
                    .bind(end.outcome.as_ref().map(Json))
                    .bind(by)
                    .fetch_optional(&mut *transaction)
                    .await?;
                    JobClaim::of(ended, held)
                }
                None => JobClaim::Unknown,
            }
        }))
    }

    /// Lets the jobs expire that nobody works on and whose pool has recovered: neither reports nor an
    /// operator say anything of its episode any more. How many.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn expire_rebalance_jobs(&self, now: Timestamp) -> Result<u64, StoreError> {
        let done = writing!(self, transaction => {
            sqlx::query(
                "UPDATE proactive_rebalance_jobs SET status = 'EXPIRED', completed_at = $1, \
                   error_message = 'the pool recovered before the job was done' \
                 WHERE (status = 'PENDING' OR (status = 'IN_PROGRESS' AND lease_until <= $1)) \
                   AND NOT EXISTS (SELECT 1 FROM pool_levels l \
                     WHERE l.episode_id = proactive_rebalance_jobs.episode_id \
                       AND (l.level <> 'NORMAL' OR l.override_until > $1))",
            )
            .bind(At(now))
            .execute(&mut *transaction)
            .await?
            .rows_affected()
        });
        Ok(done)
    }
}

fn may_see(row: &Raw, customer_id: Option<&str>) -> bool {
    customer_id.is_none_or(|customer| row.customer_id == customer)
}

impl JobClaim {
    fn of(changed: Option<Raw>, held: Raw) -> JobClaim {
        match changed {
            Some(changed) => JobClaim::Done(Box::new(changed.into())),
            None => JobClaim::Refused(Box::new(held.into())),
        }
    }
}
