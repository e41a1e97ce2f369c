//! How far a job that fetches prices got.

use facts::names::Region;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::{JobRow, JobState};

use super::{DataType, FetchPrices};
use crate::Error;

/// How far a job got.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct FetchStatus {
    /// The name of the job.
    pub task_id: String,
    /// `queued`, `running`, `completed`, `failed` or `cancelled`.
    pub status: &'static str,
    /// What is fetched.
    pub data_type: DataType,
    /// Names or patterns of types; all when empty.
    pub instance_types: Vec<String>,
    /// Regions; all when empty.
    #[schemars(with = "Vec<String>")]
    pub regions: Vec<Region>,
    /// From when on.
    pub start_date: Timestamp,
    /// Up to when.
    pub end_date: Timestamp,
    /// 0 to 100, by units.
    pub percent_complete: f64,
    /// Days by regions, or regions, or files, that are done.
    pub units_done: u64,
    /// How many there are; `null` until that is known.
    pub units_total: Option<u64>,
    /// Rows that came.
    pub records_fetched: u64,
    /// Rows of them that were not in the store before; exact.
    pub records_inserted: u64,
    /// Rows of them that were not believed and are set apart.
    pub records_quarantined: u64,
    /// How many rows were expected; `null` where nobody could say.
    pub estimated_records: Option<u64>,
    /// Seconds until the end at the pace so far; `null` when over or not yet known.
    pub eta_seconds: Option<u64>,
    /// Why the job failed, or why its last try did.
    pub error_message: Option<String>,
    /// Who asked for it.
    pub created_by: String,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it was first begun.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub completed_at: Option<Timestamp>,
}

/// How a job stands.
pub(crate) fn status(job: &JobRow, now: Timestamp) -> Result<FetchStatus, Error> {
    let unreadable = |error: serde_json::Error| Error::Internal(error.to_string());
    let wanted: FetchPrices = serde_json::from_value(job.payload.clone()).map_err(unreadable)?;
    let counts: Counts = match &job.cursor {
        Some(cursor) => serde_json::from_value(cursor.clone()).map_err(unreadable)?,
        None => Counts::default(),
    };
    let percent = match (job.state, job.all_units) {
        (JobState::Completed, _) => 100.0,
        (_, Some(all)) if all > 0 => 100.0 * job.done_units as f64 / all as f64,
        _ => 0.0,
    };
    Ok(FetchStatus {
        task_id: job.job_id.to_string(),
        status: job.state.name(),
        data_type: wanted.data_type,
        instance_types: wanted.instance_types,
        regions: wanted.regions,
        start_date: wanted.start,
        end_date: wanted.end,
        percent_complete: (percent * 10.0).round() / 10.0,
        units_done: job.done_units,
        units_total: job.all_units,
        records_fetched: counts.read,
        records_inserted: job.row_count,
        records_quarantined: counts.quarantined,
        estimated_records: wanted.estimated_records,
        eta_seconds: seconds_left(job, now),
        error_message: job.error.clone(),
        created_by: job.created_by.clone(),
        created_at: job.created_at,
        started_at: job.started_at,
        completed_at: job.finished_at,
    })
}

/// What every cursor of these jobs counts.
#[derive(Default, Deserialize)]
struct Counts {
    read: u64,
    quarantined: u64,
}

/// Seconds until a job ends, at the pace since it was begun.
#[must_use]
pub fn seconds_left(job: &JobRow, now: Timestamp) -> Option<u64> {
    let (all, started) = (job.all_units?, job.started_at?);
    if job.state.is_over() || job.done_units == 0 {
        return None;
    }
    let taken = now.duration_since(started).as_secs_f64().max(0.0);
    let left = all.saturating_sub(job.done_units) as f64;
    Some((taken * left / job.done_units as f64).ceil() as u64)
}
