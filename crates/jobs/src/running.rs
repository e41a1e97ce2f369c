//! A job while it is worked on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clock::Clock;
use jiff::SignedDuration;
use serde::Serialize;
use serde::de::DeserializeOwned;
use store::{JobRow, Progress, Store, StoreError};

/// Why a try of a job ended before its time.
#[derive(Debug, thiserror::Error)]
pub enum JobFailure {
    /// It may go better later.
    #[error("{0}")]
    Later(String, Option<SignedDuration>),
    /// It cannot be done.
    #[error("{0}")]
    Never(String),
    /// Somebody called it off.
    #[error("called off")]
    Cancelled,
    /// Another worker has it.
    #[error("the job is another worker's by now")]
    LeaseLost,
}

impl From<StoreError> for JobFailure {
    fn from(error: StoreError) -> JobFailure {
        match error {
            StoreError::LeaseLost => JobFailure::LeaseLost,
            StoreError::Database(_) | StoreError::Closed => {
                JobFailure::Later(error.to_string(), None)
            }
            StoreError::Migration(_) | StoreError::Damaged { .. } => {
                JobFailure::Never(error.to_string())
            }
        }
    }
}

/// A job under a lease.
#[derive(Clone)]
pub struct Running {
    pub(crate) store: Store,
    pub(crate) clock: Clock,
    pub(crate) job: Arc<JobRow>,
    pub(crate) lease: SignedDuration,
    pub(crate) called_off: Arc<AtomicBool>,
}

impl Running {
    /// The job as it was when it was taken.
    #[must_use]
    pub fn job(&self) -> &JobRow {
        &self.job
    }

    /// What its kind needs to know.
    ///
    /// # Errors
    /// A payload that this version cannot read: it never will.
    pub fn payload<P: DeserializeOwned>(&self) -> Result<P, JobFailure> {
        serde_json::from_value(self.job.payload.clone())
            .map_err(|error| JobFailure::Never(format!("the payload cannot be read: {error}")))
    }

    /// Where the last try got to; `None` at the first one.
    ///
    /// # Errors
    /// A cursor that this version cannot read.
    pub fn cursor<C: DeserializeOwned>(&self) -> Result<Option<C>, JobFailure> {
        let Some(cursor) = &self.job.cursor else { return Ok(None) };
        serde_json::from_value(cursor.clone())
            .map(Some)
            .map_err(|error| JobFailure::Never(format!("the cursor cannot be read: {error}")))
    }

    /// What is kept together with the rows of a step, so that the job goes on behind it.
    ///
    /// # Errors
    /// A cursor that JSON cannot write.
    pub fn step<C: Serialize>(
        &self,
        cursor: &C,
        done_units: u64,
        all_units: Option<u64>,
    ) -> Result<Progress, JobFailure> {
        let cursor =
            serde_json::to_value(cursor).map_err(|error| JobFailure::Never(error.to_string()))?;
        let now = self.clock.now();
        Ok(Progress {
            job_id: self.job.job_id,
            fence: self.job.fence,
            cursor,
            done_units,
            all_units,
            lease_until: now.checked_add(self.lease).unwrap_or(now),
        })
    }

    /// Ends the try when somebody called the job off; asked between steps.
    ///
    /// # Errors
    /// [`JobFailure::Cancelled`].
    pub fn go_on(&self) -> Result<(), JobFailure> {
        if self.called_off.load(Ordering::Relaxed) { Err(JobFailure::Cancelled) } else { Ok(()) }
    }

    /// Writes a line into the job's log, which is read while it grows.
    ///
    /// # Errors
    /// A store that does not answer.
    pub async fn log(&self, message: &str) -> Result<(), JobFailure> {
        tracing::info!(job.id = %self.job.job_id, job.kind = self.job.kind, "{message}");
        Ok(self.store.log_of_job(self.job.job_id, message, self.clock.now()).await?)
    }
}
