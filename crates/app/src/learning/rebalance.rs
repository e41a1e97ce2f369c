//! Rebalance jobs for whoever moves capacity: listed, claimed for a while, completed or failed.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::{JobClaim, RebalanceEnd, RebalanceFilter, RebalanceRow, RebalanceStatus, Uuid};

use super::{said_text, sees_customers};
use crate::access::{Caller, Role};
use crate::{App, Error};

/// A job.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct RebalanceItem {
    /// Its name.
    pub job_id: String,
    /// Whose capacity it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer_id: Option<String>,
    /// The cluster with most of it.
    pub cluster_id: Option<String>,
    /// The type to leave.
    pub source_instance_type: String,
    /// The zone to leave, as its customer names it.
    pub source_availability_zone: String,
    /// The region.
    pub region: String,
    /// How many instances the customer had there.
    pub instances: u64,
    /// Why.
    pub reason: String,
    /// `HIGH` or `NORMAL`.
    pub priority: String,
    /// `PENDING`, `IN_PROGRESS`, `COMPLETED`, `FAILED` or `EXPIRED`.
    pub status: String,
    /// Where to: the type; `null` where no pool passes.
    pub target_instance_type: Option<String>,
    /// And the zone.
    pub target_availability_zone: Option<String>,
    /// Why there, or why nowhere.
    pub target_reason: String,
    /// The episode of the pool.
    pub episode_id: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was first claimed.
    pub started_at: Option<Timestamp>,
    /// Who has claimed it.
    pub claimed_by: Option<String>,
    /// Until when the claim holds.
    pub lease_until: Option<Timestamp>,
    /// How often it was claimed.
    pub attempts: u32,
    /// When it ended.
    pub completed_at: Option<Timestamp>,
    /// Why it failed.
    pub error_message: Option<String>,
    /// What whoever did it says of it.
    pub outcome: Option<Value>,
}

/// What is said of a job that is done.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("examples" = [{ "moved_instances": 12, "interrupted_instances": 0 }]))]
pub struct JobDone {
    /// Instances that were moved in time.
    pub moved_instances: Option<u64>,
    /// Instances that were taken back before.
    pub interrupted_instances: Option<u64>,
    /// Where they went.
    pub target_instance_type: Option<String>,
    /// And the zone.
    pub target_availability_zone: Option<String>,
    /// A remark.
    pub note: Option<String>,
}

/// Why a job failed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("examples" = [{ "error_message": "the target has no capacity" }]))]
pub struct JobFailed {
    /// Why.
    pub error_message: String,
}

impl App {
    /// Jobs that the caller may see, those that wait first, and how many there are.
    ///
    /// # Errors
    /// A store that does not answer.
    pub async fn rebalance_jobs(
        &self,
        filter: &RebalanceFilter,
        caller: &Caller,
    ) -> Result<(Vec<RebalanceItem>, u64), Error> {
        let mut filter = filter.clone();
        if let Some(own) = seen_by(caller) {
            filter.customer_id = Some(own.to_owned());
        }
        let (rows, total) = self.store.rebalance_jobs(&filter).await?;
        Ok((rows.into_iter().map(item).collect(), total))
    }

    /// Claims a job for a while; the same claimer again holds it longer.
    ///
    /// # Errors
    /// There is no such job, somebody else holds it, it has ended, or the store does not answer.
    pub async fn claim_job(&self, job_id: &str, caller: &Caller) -> Result<RebalanceItem, Error> {
        let id = parsed(job_id)?;
        let (now, lease) = (self.clock.now(), self.learning_settings.lease);
        let by = &caller.name;
        let claim = self.store.claim_rebalance_job(id, seen_by(caller), by, lease, now).await?;
        done(claim, job_id)
    }

    /// Ends a job that the caller holds: the capacity was moved.
    ///
    /// # Errors
    /// As [`App::claim_job`], and fields that are wrong.
    pub async fn complete_job(
        &self,
        job_id: &str,
        said: &JobDone,
        caller: &Caller,
    ) -> Result<RebalanceItem, Error> {
        if let Some(note) = &said.note {
            said_text(note, "/note")?;
        }
        let outcome =
            serde_json::to_value(said).map_err(|error| Error::Internal(error.to_string()))?;
        let end = RebalanceEnd {
            status: RebalanceStatus::Completed,
            error_message: None,
            outcome: Some(outcome),
        };
        self.end_job(job_id, &end, caller).await
    }

    /// Ends a job that the caller holds: it could not be done.
    ///
    /// # Errors
    /// As [`App::claim_job`], and fields that are wrong.
    pub async fn fail_job(
        &self,
        job_id: &str,
        said: &JobFailed,
        caller: &Caller,
    ) -> Result<RebalanceItem, Error> {
        let message = said_text(&said.error_message, "/error_message")?;
        let end = RebalanceEnd {
            status: RebalanceStatus::Failed,
            error_message: Some(message),
            outcome: None,
        };
        self.end_job(job_id, &end, caller).await
    }

    async fn end_job(
        &self,
        job_id: &str,
        end: &RebalanceEnd,
        caller: &Caller,
    ) -> Result<RebalanceItem, Error> {
        let id = parsed(job_id)?;
        let now = self.clock.now();
        let by = &caller.name;
        let claim = self.store.end_rebalance_job(id, seen_by(caller), by, end, now).await?;
        done(claim, job_id)
    }
}

/// Whose jobs a caller sees; `None` for those of everybody.
pub(super) fn seen_by(caller: &Caller) -> Option<&str> {
    if caller.role == Role::Tenant {
        return caller.confined_to();
    }
    // Who else is in a pool is the platform's to know.
    (!sees_customers(caller)).then(|| caller.customer_id.as_deref().unwrap_or_default())
}

fn parsed(job_id: &str) -> Result<Uuid, Error> {
    job_id.parse().map_err(|_| unknown(job_id))
}

fn unknown(job_id: &str) -> Error {
    let shown: String = job_id.chars().take(60).collect();
    Error::NotFound(format!("there is no rebalance job `{shown}`"))
}

fn done(claim: JobClaim, job_id: &str) -> Result<RebalanceItem, Error> {
    match claim {
        JobClaim::Done(row) => Ok(item(*row)),
        JobClaim::Unknown => Err(unknown(job_id)),
        JobClaim::Refused(row) => Err(Error::Taken(match row.status {
            RebalanceStatus::InProgress => format!(
                "the job is claimed by {} until {}",
                row.claimed_by.as_deref().unwrap_or("somebody"),
                row.lease_until.map_or_else(String::new, |until| until.to_string())
            ),
            RebalanceStatus::Pending => "the job is not claimed; claim it first".to_owned(),
            other => format!("the job has ended: {}", other.name()),
        })),
    }
}

fn item(row: RebalanceRow) -> RebalanceItem {
    RebalanceItem {
        job_id: row.job_id.to_string(),
        customer_id: row.customer_id,
        cluster_id: row.cluster_id,
        source_instance_type: row.source_instance_type,
        source_availability_zone: row.source_availability_zone,
        region: row.region,
        instances: row.instances,
        reason: row.reason,
        priority: row.priority,
        status: row.status.name().to_owned(),
        target_instance_type: row.target_instance_type,
        target_availability_zone: row.target_availability_zone,
        target_reason: row.target_reason,
        episode_id: row.episode_id.to_string(),
        created_at: row.created_at,
        started_at: row.started_at,
        claimed_by: row.claimed_by,
        lease_until: row.lease_until,
        attempts: row.attempts,
        completed_at: row.completed_at,
        error_message: row.error_message,
        outcome: row.outcome,
    }
}
