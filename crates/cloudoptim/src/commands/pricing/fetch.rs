//! `cloudoptim pricing fetch`: the job that the server would do, done here and now.

use std::sync::Arc;

use app::App;
use app::fetch::{DataType, FetchRequest, FetchStatus, PriceSources};
use clock::Clock;

use crate::cli::{Dataset, Format, ToFetch};
use crate::database::with_app;
use crate::exit::{Exit, Failure, words};
use crate::output;
use crate::worker::{Sight, see_through};

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
    let what = format!("fetching {}", started.task_id);
    see_through(sources, &what, async |line| look(app, &started.task_id, line).await).await
}

/// How far the job got, and what it logged behind a line.
async fn look(app: &App, task_id: &str, line: u64) -> Result<(FetchStatus, Sight), app::Error> {
    let status = app.fetch_status(task_id).await?;
    let queued = status.status == "queued";
    let sight = Sight {
        over: status.completed_at.is_some(),
        done: status.units_done,
        all: status.units_total.unwrap_or(0),
        message: format!("{} rows came, {} new", status.records_fetched, status.records_inserted),
        waits: status.error_message.clone().filter(|_| queued),
        lines: app.fetch_log(task_id, line, 1000).await?,
    };
    Ok((status, sight))
}
