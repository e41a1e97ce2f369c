//! `cloudoptim pricing fetch`: the job that the server would do, done here and now.

use std::sync::Arc;
use std::time::Duration;

use app::App;
use app::fetch::{DataType, FetchRequest, FetchStatus, PriceSources};
use clock::Clock;
use indicatif::ProgressBar;
use jobs::{Runner, RunnerConfig};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::cli::{Dataset, Format, ToFetch};
use crate::database::with_app;
use crate::exit::{Exit, Failure};
use crate::{output, progress};

/// How often the bar moves.
const LOOK: Duration = Duration::from_millis(150);

pub(crate) fn run(wanted: &ToFetch) -> Result<Exit, Failure> {
    let request = request(wanted);
    let status = with_app(&wanted.kept.database, async |app| {
        let sources = wanted.aws.sources(app.store(), &Clock::system())?;
        fetch(&app, sources, &request).await
    })?;
    let Some(status) = status else { return Ok(Exit::Failure) };
    match wanted.kept.output {
        Format::Json => output::print_json(&status)?,
        Format::Yaml => output::print_yaml(&status)?,
        Format::Table | Format::Csv => {}
    }
    eprintln!(
        "{}: {} rows came, {} new, {} not believed",
        status.status, status.records_fetched, status.records_inserted, status.records_quarantined,
    );
    if let Some(why) = &status.error_message {
        eprintln!("  {why}");
    }
    Ok(match status.status {
        "completed" if status.records_quarantined > 0 => Exit::Partial,
        "completed" => Exit::Success,
        _ => Exit::Failure,
    })
}

fn request(wanted: &ToFetch) -> FetchRequest {
    let data_type = match wanted.what {
        Dataset::Spot => DataType::SpotPrices,
        Dataset::OnDemand => DataType::OnDemandPrices,
        Dataset::Advisor => DataType::SpotAdvisor,
    };
    let mut regions = wanted.regions.clone();
    if regions.is_empty() && data_type != DataType::SpotAdvisor {
        regions.push(wanted.aws.aws_region.to_string());
    }
    FetchRequest {
        data_type,
        instance_types: wanted.instance_types.clone(),
        regions,
        start_date: wanted.from.clone(),
        end_date: wanted.until.clone(),
        products: wanted.products.clone(),
    }
}

/// Does the job. `None` when somebody stopped it; it is handed back then.
async fn fetch(
    app: &Arc<App>,
    sources: PriceSources,
    request: &FetchRequest,
) -> Result<Option<FetchStatus>, Failure> {
    let failed = |error: app::Error| Failure::Fetch(words(&error));
    let started = app.start_fetch(request, None, "command line").await.map_err(failed)?;
    for note in &started.notes {
        eprintln!("note: {note}");
    }
    if started.known {
        eprintln!("note: the same was asked for before and is {}; it goes on", started.status);
    }
    let (stop, stopped) = watch::channel(false);
    let worker = format!("command line {}", std::process::id());
    let config = RunnerConfig { poll: LOOK, ..RunnerConfig::new(worker) };
    let (store, clock) = (sources.store.clone(), sources.clock.clone());
    let kinds = app::work::KINDS.to_vec();
    let runner = Runner::new(store, clock, config, kinds, app::work::work(sources));
    let mut background = JoinSet::new();
    background.spawn(runner.run(stopped));
    let bar = progress::units(&format!("fetching {}", started.task_id));
    let watched = tokio::select! {
        status = watched(app, &started.task_id, &bar) => Some(status),
        _ = tokio::signal::ctrl_c() => None,
    };
    let _ = stop.send(true);
    while background.join_next().await.is_some() {}
    bar.finish_and_clear();
    match watched {
        Some(status) => status.map(Some).map_err(failed),
        None => {
            eprintln!("stopped; the same command, or a server, goes on where it ended");
            Ok(None)
        }
    }
}

/// Shows how far the job got until it is over.
async fn watched(app: &App, task_id: &str, bar: &ProgressBar) -> Result<FetchStatus, app::Error> {
    let mut line = 0;
    let mut said = None;
    loop {
        let status = app.fetch_status(task_id).await?;
        bar.set_length(status.units_total.unwrap_or(0).max(1));
        bar.set_position(status.units_done);
        bar.set_message(format!(
            "{} rows came, {} new",
            status.records_fetched, status.records_inserted
        ));
        for logged in app.fetch_log(task_id, line, 1000).await? {
            line = logged.line;
            bar.println(logged.message);
        }
        if status.completed_at.is_some() {
            return Ok(status);
        }
        // A try that failed is said once; the next one begins by itself.
        if status.status == "queued" && status.error_message != said {
            said.clone_from(&status.error_message);
            if let Some(why) = &said {
                eprintln!("note: {why}; it is tried again");
            }
        }
        tokio::time::sleep(LOOK).await;
    }
}

fn words(error: &app::Error) -> String {
    match error {
        app::Error::Invalid(fields) => {
            let each = |field: &app::FieldError| {
                format!("{}: {}", field.pointer.trim_start_matches('/'), field.detail)
            };
            fields.iter().map(each).collect::<Vec<_>>().join("; ")
        }
        other => other.to_string(),
    }
}
