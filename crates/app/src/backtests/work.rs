//! What a job that runs a back-test does: it reads the request again, and replays it on the market as
//! it is then.

use std::sync::Arc;

use jobs::{JobFailure, Running};
use store::Uuid;

use super::BacktestRequest;
use super::ask::RunBacktest;
use crate::access::{Caller, Role};
use crate::{App, Error};

/// Works on a job of the kind [`super::RUN_BACKTEST`].
///
/// # Errors
/// What ends the try of the job.
pub(crate) async fn run_backtest(app: &Arc<App>, running: &Running) -> Result<(), JobFailure> {
    let never = |why: String| JobFailure::Never(why);
    let wanted: RunBacktest = running.payload()?;
    let id: Uuid =
        wanted.backtest_id.parse().map_err(|_| never("the payload names none".to_owned()))?;
    let row = app.store().backtest(id, None).await?;
    let request = app.store().backtest_request(id).await?;
    let (Some(row), Some(request)) = (row, request) else {
        return Err(never("the back-test is not kept any more".to_owned()));
    };
    let request: BacktestRequest =
        serde_json::from_slice(&request).map_err(|error| never(error.to_string()))?;
    // Whoever asked sees its own reports, at night as by day.
    let caller = Caller {
        name: row.requested_by,
        role: if row.customer_id.is_some() { Role::Tenant } else { Role::Admin },
        customer_id: row.customer_id,
    };
    let stretch = (request.from, request.until);
    let stored = app.stored_events(request.stored_interruptions.as_ref(), stretch, &caller);
    let stored = stored.await.map_err(failure)?;
    running.log("reading prices and replaying").await?;
    let permit = app.compute.acquire().await;
    let _permit = permit.map_err(|_| JobFailure::Later("shutting down".to_owned(), None))?;
    let desk = app.desk();
    let work = tokio::task::spawn_blocking(move || {
        let read = request.episodes(stored)?;
        backtest::backtest_of(read, &request.policies, desk.market(), &request.settings)
            .map_err(super::invalid)
    });
    let report = work
        .await
        .map_err(|_| JobFailure::Later("the replay failed".to_owned(), None))?
        .map_err(failure)?;
    running.go_on()?;
    let words = format!(
        "{} episodes under {} policies; {} left out",
        report.runs.len(),
        report.together.len(),
        report.left_out.len()
    );
    let content = serde_json::to_vec(&report).map_err(|error| never(error.to_string()))?;
    let progress = running.step(&(), 1, Some(1))?;
    app.store().keep_backtest_report(id, &content, &progress).await?;
    running.log(&words).await
}

fn failure(error: Error) -> JobFailure {
    match error {
        Error::Unavailable(why) => JobFailure::Later(why, None),
        Error::Invalid(fields) => {
            let all = fields.into_iter().map(|one| format!("{}: {}", one.pointer, one.detail));
            JobFailure::Never(all.collect::<Vec<_>>().join("; "))
        }
        other => JobFailure::Never(other.to_string()),
    }
}
