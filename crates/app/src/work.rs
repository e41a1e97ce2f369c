//! What jobs do: every kind on one screen.

use std::sync::Arc;

use jiff::Timestamp;
use jobs::{JobFailure, Running, Try};
use store::{EventRow, JobEnd, JobRow};

use crate::fetch::{self, PriceSources};
use crate::{App, backtests, gaps, notifications, refresh, retention, scans};

/// The kinds of jobs that [`work`] can do without an application.
pub const KINDS: &[&str] = &[
    fetch::FETCH_PRICES,
    gaps::FILL_GAP,
    refresh::REFRESH_MODEL,
    retention::FORGET_PRICES,
    retention::FORGET_PREDICTIONS,
];

/// The kinds that need one: they decide.
pub const DECIDING_KINDS: &[&str] = &[
    scans::PLAN_SCANS,
    scans::SCAN_CLUSTER,
    notifications::WATCH_CONDITIONS,
    backtests::RUN_BACKTEST,
];

/// Every kind.
#[must_use]
pub fn all_kinds() -> Vec<&'static str> {
    [KINDS, DECIDING_KINDS].concat()
}

/// Works on a job of any of the kinds that need no application.
#[must_use]
pub fn work(sources: PriceSources) -> Arc<dyn Fn(Running) -> Try + Send + Sync> {
    work_with(sources, None)
}

/// Works on a job of any of the kinds, on decisions where there is an application.
#[must_use]
pub fn work_with(
    sources: PriceSources,
    app: Option<Arc<App>>,
) -> Arc<dyn Fn(Running) -> Try + Send + Sync> {
    Arc::new(move |running| {
        let (sources, app) = (sources.clone(), app.clone());
        Box::pin(async move {
            match (running.job().kind.as_str(), &app) {
                (fetch::FETCH_PRICES, _) => fetch::fetch_prices(&sources, &running).await,
                (gaps::FILL_GAP, _) => gaps::fill_gap(&sources, &running).await,
                (refresh::REFRESH_MODEL, _) => refresh::refresh_model(&sources, &running).await,
                (retention::FORGET_PRICES, _) => retention::forget_prices(&sources, &running).await,
                (retention::FORGET_PREDICTIONS, _) => {
                    retention::forget_predictions(&sources, &running).await
                }
                (scans::PLAN_SCANS, Some(app)) => scans::plan_scans(app, &running).await,
                (scans::SCAN_CLUSTER, Some(app)) => scans::scan_cluster(app, &running).await,
                (notifications::WATCH_CONDITIONS, Some(app)) => {
                    notifications::watch_conditions(app, &running).await
                }
                (backtests::RUN_BACKTEST, Some(app)) => {
                    backtests::run_backtest(app, &running).await
                }
                (other, _) => Err(JobFailure::Never(format!("nobody knows how to do `{other}`"))),
            }
        })
    })
}

/// What is told of the end of a try of a job.
#[must_use]
pub fn told(job: &JobRow, end: &JobEnd, now: Timestamp) -> Option<EventRow> {
    notifications::of_job(job, end, now)
}
