//! How far a fill got.

use jiff::Timestamp;
use jiff::civil::Date;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
use store::{GapRow, JobRow, JobState, Uuid};

use super::work::Outcome;
use super::{Estimate, FILL_GAP, FillGap};
use crate::access::Caller;
use crate::fetch::{LogLine, seconds_left};
use crate::{App, Error};

/// How far a fill got.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct GapStatus {
    /// Its name.
    pub gap_id: String,
    /// The model that needs the data.
    pub model_id: Option<String>,
    /// `pending`, `filling`, `completed`, `failed` or `cancelled`.
    pub status: &'static str,
    /// 0 to 100, by units of work.
    pub percent_complete: f64,
    /// Rows that this fill has added; exact.
    pub records_filled: u64,
    /// Rows that are expected; an estimate.
    pub records_expected: u64,
    /// How that number came about.
    pub estimate: Estimate,
    /// Seconds until the end at the pace so far.
    pub eta_seconds: Option<u64>,
    /// Why `eta_seconds` is not known.
    pub eta_reason: Option<&'static str>,
    /// Days by regions (by 200 types) that are done.
    pub units_done: u64,
    /// How many there are.
    pub units_total: u64,
    /// Which try this is.
    pub attempt: u32,
    /// Who asked for it.
    pub created_by: String,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it was begun.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub completed_at: Option<Timestamp>,
    /// Why it failed, or why its last try did.
    pub error_message: Option<String>,
    /// AWS has nothing from before; gaps there are permanent.
    pub permanent_before: Option<Timestamp>,
    /// What is filled, permanent and remaining; once a try has ended.
    pub outcome: Option<Outcome>,
}

/// A fill in a list.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct GapItem {
    /// Its name.
    pub gap_id: String,
    /// The model that needs the data.
    pub model_id: Option<String>,
    /// Days from the first to the last that is to be complete.
    pub gap_days: i64,
    /// `pending`, `filling`, `completed`, `failed` or `cancelled`.
    pub status: &'static str,
    /// When it ended.
    pub completed_at: Option<Timestamp>,
    /// The first day.
    #[schemars(with = "String")]
    pub gap_start_date: Date,
    /// The day after the last one.
    #[schemars(with = "String")]
    pub gap_end_date: Date,
    /// What is filled.
    pub data_type: String,
    /// Regions.
    pub regions: Vec<String>,
    /// How many instance types.
    pub instance_types: u64,
    /// Rows that it has added; exact.
    pub records_filled: u64,
    /// Rows that were expected.
    pub records_expected: Option<u64>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// Why it failed.
    pub error_message: Option<String>,
}

impl App {
    /// How far a fill got.
    ///
    /// # Errors
    /// No such fill, or a store that does not answer.
    pub async fn gap_status(&self, gap_id: &str) -> Result<GapStatus, Error> {
        let (gap, job) = self.gap_and_job(gap_id).await?;
        status(&gap, &job, self.clock.now())
    }

    /// Fills, the newest first, and how many there are.
    ///
    /// # Errors
    /// A store that does not answer.
    pub async fn gap_history(&self, limit: u64, offset: u64) -> Result<(Vec<GapItem>, u64), Error> {
        let (gaps, total) = self.store.gaps(limit, offset).await?;
        let ids: Vec<Uuid> = gaps.iter().map(|gap| gap.job_id).collect();
        let jobs = self.store.jobs_of(&ids).await?;
        let items = gaps.into_iter().map(|gap| {
            let job = jobs.iter().find(|job| job.job_id == gap.job_id);
            item(gap, job)
        });
        Ok((items.collect(), total))
    }

    /// What a fill says, behind a line (0 for all), while it runs and after.
    ///
    /// # Errors
    /// No such fill, or a store that does not answer.
    pub async fn gap_log(
        &self,
        gap_id: &str,
        after: u64,
        limit: u64,
    ) -> Result<Vec<LogLine>, Error> {
        let (_, job) = self.gap_and_job(gap_id).await?;
        self.log_lines(job.job_id, after, limit).await
    }

    /// Calls a fill off: at once where it waits, within seconds where it is worked on. What it has kept
    /// stays. A fill that is over stays as it is.
    ///
    /// # Errors
    /// No such fill, or a store that does not answer.
    pub async fn cancel_gap(&self, gap_id: &str, caller: &Caller) -> Result<GapStatus, Error> {
        let (_, job) = self.gap_and_job(gap_id).await?;
        let detail = json!({ "kind": FILL_GAP });
        let note = self.note(caller, "job.cancel", job.job_id.to_string(), detail);
        self.store.cancel_job(job.job_id, &note).await?;
        self.gap_status(gap_id).await
    }

    async fn gap_and_job(&self, gap_id: &str) -> Result<(GapRow, JobRow), Error> {
        let shown: String = gap_id.chars().take(60).collect();
        let unknown = || Error::NotFound(format!("there is no gap `{shown}`"));
        let id: Uuid = gap_id.parse().map_err(|_| unknown())?;
        let gap = self.store.gap(id).await?.ok_or_else(unknown)?;
        let job = self.store.job(gap.job_id).await?.ok_or_else(unknown)?;
        Ok((gap, job))
    }

    /// Lines of a job's log behind one of them.
    pub(crate) async fn log_lines(
        &self,
        job_id: Uuid,
        after: u64,
        limit: u64,
    ) -> Result<Vec<LogLine>, Error> {
        let lines = self.store.job_log(job_id, after, limit).await?;
        let line = |(line, logged_at, message)| LogLine { line, logged_at, message };
        Ok(lines.into_iter().map(line).collect())
    }
}

/// The contract's word for the state of a fill.
pub(crate) fn word(state: JobState) -> &'static str {
    match state {
        JobState::Queued => "pending",
        JobState::Running => "filling",
        JobState::Completed => "completed",
        JobState::Failed => "failed",
        JobState::Cancelled => "cancelled",
    }
}

/// How much of a job is done, in percent, rounded down to tenths so that only the end is 100.
pub(crate) fn percent(job: &JobRow) -> f64 {
    match (job.state, job.all_units) {
        (JobState::Completed, _) => 100.0,
        (_, Some(all)) if all > 0 => (1000.0 * job.done_units as f64 / all as f64).floor() / 10.0,
        _ => 0.0,
    }
}

/// Seconds until the end, or why they are not known.
pub(crate) fn eta(job: &JobRow, now: Timestamp) -> (Option<u64>, Option<&'static str>) {
    let seconds = seconds_left(job, now);
    let reason = match (seconds, job.state) {
        (Some(_), _) => None,
        (None, JobState::Queued) => Some("it waits for a worker"),
        (None, JobState::Running) => Some("no unit is done yet, so there is no pace"),
        (None, _) => Some("it is over"),
    };
    (seconds, reason)
}

fn status(gap: &GapRow, job: &JobRow, now: Timestamp) -> Result<GapStatus, Error> {
    let unreadable = |error: serde_json::Error| Error::Internal(error.to_string());
    let fill: FillGap = serde_json::from_value(job.payload.clone()).map_err(unreadable)?;
    let outcome =
        gap.outcome.clone().map(serde_json::from_value).transpose().map_err(unreadable)?;
    let (eta_seconds, eta_reason) = eta(job, now);
    Ok(GapStatus {
        gap_id: gap.gap_id.to_string(),
        model_id: gap.model_id.map(|id| id.to_string()),
        status: word(job.state),
        percent_complete: percent(job),
        records_filled: job.row_count,
        records_expected: fill.estimate.records,
        estimate: fill.estimate,
        eta_seconds,
        eta_reason,
        units_done: job.done_units,
        units_total: job.all_units.unwrap_or(0),
        attempt: job.attempts,
        created_by: job.created_by.clone(),
        created_at: gap.created_at,
        started_at: job.started_at,
        completed_at: job.finished_at,
        error_message: job.error.clone(),
        permanent_before: gap.permanent_before,
        outcome,
    })
}

fn item(gap: GapRow, job: Option<&JobRow>) -> GapItem {
    GapItem {
        gap_id: gap.gap_id.to_string(),
        model_id: gap.model_id.map(|id| id.to_string()),
        gap_days: gap.start.until(gap.end).map_or(0, |span| i64::from(span.get_days())),
        status: job.map_or("failed", |job| word(job.state)),
        completed_at: job.and_then(|job| job.finished_at),
        gap_start_date: gap.start,
        gap_end_date: gap.end,
        data_type: gap.data_type,
        regions: gap.regions,
        instance_types: gap.instance_types.len() as u64,
        records_filled: job.map_or(0, |job| job.row_count),
        records_expected: gap.records_expected,
        created_at: gap.created_at,
        error_message: job.and_then(|job| job.error.clone()),
    }
}
