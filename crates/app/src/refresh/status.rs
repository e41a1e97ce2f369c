//! How far a refresh got.

use jiff::Timestamp;
use jiff::civil::Date;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
use store::{JobRow, JobState, RefreshRow, Uuid};

use super::REFRESH_MODEL;
use super::work::{RefreshCursor, RefreshOutcome};
use crate::access::Caller;
use crate::fetch::LogLine;
use crate::gaps::{eta, percent};
use crate::{App, Error};

/// How far a refresh got.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct RefreshStatus {
    /// Its name.
    pub refresh_id: String,
    /// The model; `null` where it is for every active one.
    pub model_id: Option<String>,
    /// `in_progress`, `completed`, `failed` or `cancelled`.
    pub status: &'static str,
    /// 0 to 100, by units of work.
    pub percent_complete: f64,
    /// Rows that came, known ones too.
    pub records_fetched: u64,
    /// Rows of them that were new; exact.
    pub records_inserted: u64,
    /// Seconds until the end at the pace so far.
    pub eta_seconds: Option<u64>,
    /// Why `eta_seconds` is not known.
    pub eta_reason: Option<&'static str>,
    /// Which try this is.
    pub attempt: u32,
    /// `manual`, `scheduled` or `auto`.
    pub refresh_type: String,
    /// Who asked for it.
    pub triggered_by: Option<String>,
    /// When it was begun; when it was asked for while it waits.
    pub started_at: Timestamp,
    /// When it ended.
    pub completed_at: Option<Timestamp>,
    /// Why it failed, or why its last try did.
    pub error_message: Option<String>,
    /// Whether the model was to become active.
    pub auto_activate: bool,
    /// What it brought, once it is through.
    pub outcome: Option<RefreshOutcome>,
}

/// A refresh in a list.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct RefreshItem {
    /// Its name.
    pub refresh_id: String,
    /// The model; `null` where it is for every active one.
    pub model_id: Option<String>,
    /// Rows that came.
    pub records_fetched: u64,
    /// Rows of them that were new; exact.
    pub records_inserted: u64,
    /// Seconds from the start to the end.
    pub duration_seconds: Option<i64>,
    /// When it ended.
    pub completed_at: Option<Timestamp>,
    /// `in_progress`, `completed`, `failed` or `cancelled`.
    pub status: &'static str,
    /// `manual`, `scheduled` or `auto`.
    pub refresh_type: String,
    /// Who asked for it.
    pub triggered_by: Option<String>,
    /// The first day that was fetched.
    #[schemars(with = "String")]
    pub data_fetched_from: Date,
    /// The day after the last one.
    #[schemars(with = "String")]
    pub data_fetched_to: Date,
    /// When it was begun.
    pub started_at: Timestamp,
    /// Why it failed.
    pub error_message: Option<String>,
}

impl App {
    /// How far a refresh got.
    ///
    /// # Errors
    /// No such refresh, or a store that does not answer.
    pub async fn refresh_status(&self, refresh_id: &str) -> Result<RefreshStatus, Error> {
        let (row, job) = self.refresh_and_job(refresh_id).await?;
        status(&row, &job, self.clock.now())
    }

    /// Refreshes, the newest first, of one model or of all, and how many there are.
    ///
    /// # Errors
    /// No such model, or a store that does not answer.
    pub async fn refresh_history(
        &self,
        model_id: Option<&str>,
        limit: u64,
        offset: u64,
    ) -> Result<(Vec<RefreshItem>, u64), Error> {
        let model_id = match model_id {
            Some(id) => Some(self.model_row(id).await?.model_id),
            None => None,
        };
        let (rows, total) = self.store.refreshes(model_id, limit, offset).await?;
        let ids: Vec<Uuid> = rows.iter().map(|row| row.job_id).collect();
        let jobs = self.store.jobs_of(&ids).await?;
        let items = rows.into_iter().map(|row| {
            let job = jobs.iter().find(|job| job.job_id == row.job_id);
            item(row, job)
        });
        Ok((items.collect(), total))
    }

    /// What a refresh says, behind a line (0 for all), while it runs and after.
    ///
    /// # Errors
    /// No such refresh, or a store that does not answer.
    pub async fn refresh_log(
        &self,
        refresh_id: &str,
        after: u64,
        limit: u64,
    ) -> Result<Vec<LogLine>, Error> {
        let (_, job) = self.refresh_and_job(refresh_id).await?;
        self.log_lines(job.job_id, after, limit).await
    }

    /// Calls a refresh off; what it has kept stays.
    ///
    /// # Errors
    /// No such refresh, or a store that does not answer.
    pub async fn cancel_refresh(
        &self,
        refresh_id: &str,
        caller: &Caller,
    ) -> Result<RefreshStatus, Error> {
        let (_, job) = self.refresh_and_job(refresh_id).await?;
        let detail = json!({ "kind": REFRESH_MODEL });
        let note = self.note(caller, "job.cancel", job.job_id.to_string(), detail);
        self.store.cancel_job(job.job_id, &note).await?;
        self.refresh_status(refresh_id).await
    }

    async fn refresh_and_job(&self, refresh_id: &str) -> Result<(RefreshRow, JobRow), Error> {
        let shown: String = refresh_id.chars().take(60).collect();
        let unknown = || Error::NotFound(format!("there is no refresh `{shown}`"));
        let id: Uuid = refresh_id.parse().map_err(|_| unknown())?;
        let row = self.store.refresh(id).await?.ok_or_else(unknown)?;
        let job = self.store.job(row.job_id).await?.ok_or_else(unknown)?;
        Ok((row, job))
    }
}

/// The contract's word for the state of a refresh.
pub(crate) fn word(state: JobState) -> &'static str {
    match state {
        JobState::Queued | JobState::Running => "in_progress",
        JobState::Completed => "completed",
        JobState::Failed => "failed",
        JobState::Cancelled => "cancelled",
    }
}

/// Rows that came so far.
fn read(job: &JobRow) -> u64 {
    let cursor = job.cursor.clone().and_then(|cursor| serde_json::from_value(cursor).ok());
    cursor.map_or(0, |cursor: RefreshCursor| cursor.read())
}

fn status(row: &RefreshRow, job: &JobRow, now: Timestamp) -> Result<RefreshStatus, Error> {
    let outcome = row.outcome.clone().map(serde_json::from_value).transpose();
    let (eta_seconds, eta_reason) = eta(job, now);
    Ok(RefreshStatus {
        refresh_id: row.refresh_id.to_string(),
        model_id: row.model_id.map(|id| id.to_string()),
        status: word(job.state),
        percent_complete: percent(job),
        records_fetched: read(job),
        records_inserted: job.row_count,
        eta_seconds,
        eta_reason,
        attempt: job.attempts,
        refresh_type: row.refresh_type.clone(),
        triggered_by: row.triggered_by.clone(),
        started_at: job.started_at.unwrap_or(row.started_at),
        completed_at: job.finished_at,
        error_message: job.error.clone(),
        auto_activate: row.auto_activate,
        outcome: outcome.map_err(|error| Error::Internal(error.to_string()))?,
    })
}

fn item(row: RefreshRow, job: Option<&JobRow>) -> RefreshItem {
    let begun = job.and_then(|job| job.started_at);
    let ended = job.and_then(|job| job.finished_at);
    RefreshItem {
        refresh_id: row.refresh_id.to_string(),
        model_id: row.model_id.map(|id| id.to_string()),
        records_fetched: job.map_or(0, read),
        records_inserted: job.map_or(0, |job| job.row_count),
        duration_seconds: begun
            .zip(ended)
            .map(|(begun, ended)| ended.duration_since(begun).as_secs()),
        completed_at: ended,
        status: job.map_or("failed", |job| word(job.state)),
        refresh_type: row.refresh_type,
        triggered_by: row.triggered_by,
        data_fetched_from: row.from,
        data_fetched_to: row.to,
        started_at: begun.unwrap_or(row.started_at),
        error_message: job.and_then(|job| job.error.clone()),
    }
}
