//! Asking for prices to be fetched, and seeing how far it got.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use store::{JobFilter, JobRow, JobState, NewJob, Uuid};

use super::request::checked;
use super::status::status;
use super::{FETCH_PRICES, FetchRequest, FetchStatus};
use crate::access::Caller;
use crate::{App, Error};

/// How often a try may fail before the job does.
const MAX_ATTEMPTS: u32 = 5;

/// A job that was made, or one that does the same already.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Started {
    /// The name of the job.
    pub task_id: String,
    /// `queued`, `running`, `completed`, `failed` or `cancelled`.
    pub status: &'static str,
    /// How many rows are expected, by the usual cadence; `null` where nobody can say.
    pub estimated_records: Option<u64>,
    /// What was changed in the request, such as a start that AWS has forgotten.
    pub notes: Vec<String>,
    /// Whether the job was there before.
    #[serde(skip)]
    pub known: bool,
}

/// A line of a job's log.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct LogLine {
    /// Its number, from 1.
    pub line: u64,
    /// When it was written.
    pub logged_at: Timestamp,
    /// What it says.
    pub message: String,
}

impl App {
    /// Asks for prices to be fetched. While a job fetches the same, no second one is made. `key`, the
    /// caller's own name for the request, gives the same job again at any time.
    ///
    /// # Errors
    /// Fields that are wrong, a key that was used for another request, a store that does not answer.
    pub async fn start_fetch(
        &self,
        request: &FetchRequest,
        key: Option<&str>,
        created_by: &str,
    ) -> Result<Started, Error> {
        let now = self.clock.now();
        let asked = digest_of(request);
        let (wanted, notes) = checked(request, &asked, self.desk().market(), now)?;
        let payload =
            serde_json::to_value(&wanted).map_err(|error| Error::Internal(error.to_string()))?;
        let job_id = match key {
            Some(key) => named_id(key),
            None => new_id(now, &asked),
        };
        let started = |job_id: Uuid, state: JobState, known| Started {
            task_id: job_id.to_string(),
            status: state.name(),
            estimated_records: wanted.estimated_records,
            notes: notes.clone(),
            known,
        };
        if let Some(known) = self.store.job(job_id).await? {
            if known.kind == FETCH_PRICES && known.payload["asked"] == asked.as_str() {
                return Ok(started(job_id, known.state, true));
            }
            return Err(Error::Conflict(
                "this Idempotency-Key was used for another request; give this one a new key"
                    .to_owned(),
            ));
        }
        let job = NewJob {
            job_id,
            kind: FETCH_PRICES.to_owned(),
            dedupe_key: Some(asked),
            payload,
            priority: 5,
            max_attempts: MAX_ATTEMPTS,
            run_at: now,
            all_units: wanted.units(),
            created_by: created_by.to_owned(),
        };
        Ok(match self.store.add_job(&job, now).await? {
            Ok(()) => started(job_id, JobState::Queued, false),
            Err(known) => {
                let state = self.store.job(known).await?.map_or(JobState::Queued, |job| job.state);
                started(known, state, true)
            }
        })
    }

    /// How far a job that fetches prices got.
    ///
    /// # Errors
    /// No such job, or a store that does not answer.
    pub async fn fetch_status(&self, task_id: &str) -> Result<FetchStatus, Error> {
        let job = self.fetch_job(task_id).await?;
        status(&job, self.clock.now())
    }

    /// Jobs that fetch prices, the newest first.
    ///
    /// # Errors
    /// A store that does not answer.
    pub async fn fetches(&self, limit: u64, offset: u64) -> Result<Vec<FetchStatus>, Error> {
        let kind = Some(FETCH_PRICES.to_owned());
        let filter = JobFilter { kind, offset, limit, ..JobFilter::default() };
        let now = self.clock.now();
        self.store.jobs(&filter).await?.iter().map(|job| status(job, now)).collect()
    }

    /// Calls a job off: at once where it waits, within seconds where it is worked on. How it stands
    /// then; a job that is over stays as it is.
    ///
    /// # Errors
    /// No such job, or a store that does not answer.
    pub async fn cancel_fetch(&self, task_id: &str, caller: &Caller) -> Result<FetchStatus, Error> {
        let job = self.fetch_job(task_id).await?;
        let detail = serde_json::json!({ "kind": job.kind });
        let note = self.note(caller, "job.cancel", job.job_id.to_string(), detail);
        self.store.cancel_job(job.job_id, &note).await?;
        self.fetch_status(task_id).await
    }

    /// The log of a job behind a line (0 for all).
    ///
    /// # Errors
    /// No such job, or a store that does not answer.
    pub async fn fetch_log(
        &self,
        task_id: &str,
        after: u64,
        limit: u64,
    ) -> Result<Vec<LogLine>, Error> {
        let job = self.fetch_job(task_id).await?;
        let lines = self.store.job_log(job.job_id, after, limit).await?;
        let line = |(line, logged_at, message)| LogLine { line, logged_at, message };
        Ok(lines.into_iter().map(line).collect())
    }

    async fn fetch_job(&self, task_id: &str) -> Result<JobRow, Error> {
        let unknown = || Error::NotFound(format!("there is no fetch `{task_id}`"));
        let job_id: Uuid = task_id.parse().map_err(|_| unknown())?;
        let job = self.store.job(job_id).await?;
        job.filter(|job| job.kind == FETCH_PRICES).ok_or_else(unknown)
    }
}

fn digest_of(request: &FetchRequest) -> String {
    let text = serde_json::to_vec(request).unwrap_or_default();
    blake3::hash(&text).to_hex()[..32].to_owned()
}

/// A version 7 UUID: the instant in front, so that names sort by time.
pub(crate) fn new_id(now: Timestamp, asked: &str) -> Uuid {
    let mut hasher = blake3::Hasher::new_derive_key("cloudoptim 2026 fetch");
    hasher.update(asked.as_bytes()).update(&now.as_microsecond().to_le_bytes());
    let mut bytes = [0_u8; 16];
    bytes.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    let millis = now.as_millisecond().clamp(0, (1 << 48) - 1) as u64;
    bytes[..6].copy_from_slice(&millis.to_be_bytes()[2..]);
    bytes[6] = 0x70 | (bytes[6] & 0x0f);
    bytes[8] = 0x80 | (bytes[8] & 0x3f);
    Uuid::from_bytes(bytes)
}

/// The name that follows from the caller's own one: a version 8 UUID.
fn named_id(key: &str) -> Uuid {
    let mut hasher = blake3::Hasher::new_derive_key("cloudoptim 2026 named fetch");
    let mut bytes = [0_u8; 16];
    bytes.copy_from_slice(&hasher.update(key.as_bytes()).finalize().as_bytes()[..16]);
    bytes[6] = 0x80 | (bytes[6] & 0x0f);
    bytes[8] = 0x80 | (bytes[8] & 0x3f);
    Uuid::from_bytes(bytes)
}
