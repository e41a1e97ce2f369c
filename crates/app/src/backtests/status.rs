//! How far a back-test got, and what came of it.

use backtest::{PolicyName, Report};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use store::{BacktestRow, JobRow, JobState, Uuid};

use crate::access::Caller;
use crate::{App, Error};

/// A back-test in a list.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct BacktestItem {
    /// Its name.
    pub backtest_id: String,
    /// What the caller calls it.
    pub name: Option<String>,
    /// `queued`, `in_progress`, `completed`, `failed` or `cancelled`.
    pub status: &'static str,
    /// The policies that are compared.
    pub policies: Vec<PolicyName>,
    /// The customer that it is of.
    pub customer_id: Option<String>,
    /// Who asked for it.
    pub requested_by: String,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it was begun.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub completed_at: Option<Timestamp>,
    /// Why it failed, or why its last try did.
    pub error_message: Option<String>,
}

/// A back-test with its report.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct BacktestDetails {
    /// What it is and how far it got.
    #[serde(flatten)]
    pub item: BacktestItem,
    /// The report, once it is through.
    pub report: Option<Report>,
}

impl App {
    /// Back-tests that the caller may see, the newest first, and how many there are.
    ///
    /// # Errors
    /// A store that does not answer.
    pub async fn backtests(
        &self,
        caller: &Caller,
        limit: u64,
        offset: u64,
    ) -> Result<(Vec<BacktestItem>, u64), Error> {
        let (rows, total) = self.store.backtests(caller.confined_to(), limit, offset).await?;
        let ids: Vec<Uuid> = rows.iter().map(|row| row.backtest_id).collect();
        let jobs = self.store.jobs_of(&ids).await?;
        let items = rows.into_iter().map(|row| {
            let job = jobs.iter().find(|job| job.job_id == row.backtest_id);
            item(row, job)
        });
        Ok((items.collect(), total))
    }

    /// One back-test that the caller may see, with its report once it is through.
    ///
    /// # Errors
    /// No such back-test, or a store that does not answer.
    pub async fn backtest(
        &self,
        backtest_id: &str,
        caller: &Caller,
    ) -> Result<BacktestDetails, Error> {
        let shown: String = backtest_id.chars().take(60).collect();
        let unknown = || Error::NotFound(format!("there is no back-test `{shown}`"));
        let id: Uuid = backtest_id.parse().map_err(|_| unknown())?;
        let row = self.store.backtest(id, caller.confined_to()).await?.ok_or_else(unknown)?;
        let job = self.store.job(id).await?;
        let report = match self.store.backtest_report(id).await? {
            Some(report) => serde_json::from_slice(&report)
                .map_err(|error| Error::Internal(format!("the report cannot be read: {error}")))?,
            None => None,
        };
        Ok(BacktestDetails { item: item(row, job.as_ref()), report })
    }

    /// The report as one HTML page.
    ///
    /// # Errors
    /// No such back-test, none that is through, or a store that does not answer.
    pub async fn backtest_page(&self, backtest_id: &str, caller: &Caller) -> Result<String, Error> {
        let found = self.backtest(backtest_id, caller).await?;
        let Some(report) = found.report else {
            let why =
                found.item.error_message.unwrap_or_else(|| "it is not through yet".to_owned());
            return Err(Error::Taken(format!(
                "the back-test is {} and has no report: {why}",
                found.item.status
            )));
        };
        let page = tokio::task::spawn_blocking(move || backtest::html(&report));
        page.await.map_err(|_| Error::Internal("writing a report failed".to_owned()))
    }
}

/// The contract's word for the state of a back-test.
pub(super) fn word(state: JobState) -> &'static str {
    match state {
        JobState::Queued => "queued",
        JobState::Running => "in_progress",
        JobState::Completed => "completed",
        JobState::Failed => "failed",
        JobState::Cancelled => "cancelled",
    }
}

fn item(row: BacktestRow, job: Option<&JobRow>) -> BacktestItem {
    BacktestItem {
        backtest_id: row.backtest_id.to_string(),
        name: Some(row.name).filter(|name| !name.is_empty()),
        status: job.map_or("queued", |job| word(job.state)),
        policies: row.policies.iter().filter_map(|word| word.parse().ok()).collect(),
        customer_id: row.customer_id,
        requested_by: row.requested_by,
        created_at: row.created_at,
        started_at: job.and_then(|job| job.started_at),
        completed_at: job.and_then(|job| job.finished_at),
        error_message: job.and_then(|job| job.error.clone()),
    }
}
