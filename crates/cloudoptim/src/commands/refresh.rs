//! `cloudoptim refresh`: fresh prices for models, now or by schedule.

use std::sync::Arc;

use app::App;
use app::access::Caller;
use app::fetch::PriceSources;
use app::gaps::GapSettings;
use app::refresh::{NewSchedule, RefreshRequest, RefreshStatus};
use clock::Clock;

use super::gap::{fitting, one, told_of_more};
use crate::cli::{Refresh, RefreshCommand, ScheduleCommand, ToRefresh, ToSchedule};
use crate::database::{with_app, with_known_types};
use crate::exit::{Exit, Failure};
use crate::output;
use crate::worker::{Sight, see_through};

const STATUS: [&str; 8] = [
    "refresh_id",
    "status",
    "percent_complete",
    "records_fetched",
    "records_inserted",
    "outcome.coverage.coverage_percent",
    "outcome.activation.reason",
    "error_message",
];

const HISTORY: [&str; 9] = [
    "refresh_id",
    "status",
    "refresh_type",
    "data_fetched_from",
    "data_fetched_to",
    "records_fetched",
    "records_inserted",
    "duration_seconds",
    "completed_at",
];

const SCHEDULE: [&str; 7] =
    ["schedule_id", "name", "kind", "cron", "enabled", "next_run_at", "last_run_at"];

pub(crate) fn run(arguments: &Refresh) -> Result<Exit, Failure> {
    match &arguments.command {
        RefreshCommand::Trigger(wanted) => trigger(wanted),
        RefreshCommand::Status { refresh, kept } => {
            let status =
                with_app(&kept.database, async |app| Ok(app.refresh_status(refresh).await?))?;
            one(&STATUS, &status, kept.output)?;
            Ok(exit(&status))
        }
        RefreshCommand::Log { refresh, kept } => {
            let lines = with_app(&kept.database, async |app| {
                Ok(app.refresh_log(refresh, 0, 10_000).await?)
            })?;
            output::rows(&["line", "logged_at", "message"], &lines, kept.output)?;
            Ok(Exit::Success)
        }
        RefreshCommand::Cancel { refresh, kept } => {
            let caller = Caller::command_line();
            let status = with_app(&kept.database, async |app| {
                Ok(app.cancel_refresh(refresh, &caller).await?)
            })?;
            one(&STATUS, &status, kept.output)?;
            Ok(Exit::Success)
        }
        RefreshCommand::History { model, part, kept } => {
            let (items, total) = with_app(&kept.database, async |app| {
                Ok(app.refresh_history(model.as_deref(), part.limit, part.offset).await?)
            })?;
            output::rows(&HISTORY, &items, kept.output)?;
            told_of_more(items.len(), total);
            Ok(Exit::Success)
        }
        RefreshCommand::Schedule { command } => schedule(command),
    }
}

fn trigger(wanted: &ToRefresh) -> Result<Exit, Failure> {
    let request = RefreshRequest {
        model_id: wanted.pools.model.clone(),
        refresh_from_date: wanted.from.clone(),
        refresh_to_date: wanted.until.clone(),
        instance_types: wanted.pools.instance_types.clone(),
        regions: wanted.pools.regions.clone(),
        products: wanted.pools.products.clone(),
        auto_activate: wanted.auto_activate,
    };
    let database = &wanted.kept.database;
    let status = with_known_types(database, GapSettings::default(), async |app| {
        let caller = Caller::command_line();
        let sources = PriceSources {
            models: Some(wanted.files.folder(&database.data)?),
            ..wanted.aws.sources(app.store(), &Clock::system())?
        };
        let started = app.trigger_refresh(&request, None, &caller).await?;
        for note in &started.notes {
            eprintln!("note: {note}");
        }
        for pattern in &started.patterns {
            eprintln!("{}", fitting(pattern));
        }
        eprintln!("refresh {}", started.refresh_id);
        if wanted.detach {
            return Ok(Some(app.refresh_status(&started.refresh_id).await?));
        }
        let what = format!("refreshing {}", started.refresh_id);
        see_through(sources, &what, async |line| look(&app, &started.refresh_id, line).await).await
    })?;
    let Some(status) = status else { return Ok(Exit::Failure) };
    one(&STATUS, &status, wanted.kept.output)?;
    if let Some(why) = &status.error_message {
        eprintln!("{why}");
    }
    Ok(exit(&status))
}

async fn look(
    app: &Arc<App>,
    refresh: &str,
    line: u64,
) -> Result<(RefreshStatus, Sight), app::Error> {
    let status = app.refresh_status(refresh).await?;
    let sight = Sight {
        over: status.completed_at.is_some(),
        done: (status.percent_complete * 10.0) as u64,
        all: 1000,
        message: format!("{} rows came, {} new", status.records_fetched, status.records_inserted),
        waits: status.error_message.clone().filter(|_| status.completed_at.is_none()),
        lines: app.refresh_log(refresh, line, 1000).await?,
    };
    Ok((status, sight))
}

fn exit(status: &RefreshStatus) -> Exit {
    match status.status {
        "failed" => Exit::Failure,
        "cancelled" => Exit::Partial,
        _ => Exit::Success,
    }
}

fn schedule(command: &ScheduleCommand) -> Result<Exit, Failure> {
    let caller = Caller::command_line();
    match command {
        ScheduleCommand::Set(wanted) => set(wanted, &caller),
        ScheduleCommand::List { kept } => {
            let all = with_app(&kept.database, async |app| Ok(app.schedules().await?))?;
            output::rows(&SCHEDULE, &all, kept.output)?;
            Ok(Exit::Success)
        }
        ScheduleCommand::Enable { schedule, database } => {
            let switched = with_app(database, async |app| {
                Ok(app.switch_schedule(schedule, true, &caller).await?)
            })?;
            let next = switched.next_run_at.map_or_else(String::new, |next| next.to_string());
            eprintln!("`{}` fires next at {next}", switched.name);
            Ok(Exit::Success)
        }
        ScheduleCommand::Disable { schedule, database } => {
            let switched = with_app(database, async |app| {
                Ok(app.switch_schedule(schedule, false, &caller).await?)
            })?;
            eprintln!("`{}` is switched off", switched.name);
            Ok(Exit::Success)
        }
        ScheduleCommand::Remove { schedule, database } => {
            let removed =
                with_app(database, async |app| Ok(app.remove_schedule(schedule, &caller).await?))?;
            eprintln!("`{}` is removed", removed.name);
            Ok(Exit::Success)
        }
    }
}

fn set(wanted: &ToSchedule, caller: &Caller) -> Result<Exit, Failure> {
    if !wanted.pools.products.is_empty() {
        return Err(Failure::Argument {
            field: "product".to_owned(),
            message: "a schedule refreshes Linux/UNIX".to_owned(),
        });
    }
    let schedule = NewSchedule {
        name: wanted.name.clone(),
        model_id: wanted.pools.model.clone(),
        schedule_type: wanted.schedule_type,
        time: wanted.time.clone(),
        day_of_week: wanted.day_of_week,
        cron: wanted.cron.clone(),
        lookback_days: Some(wanted.lookback_days),
        instance_types: wanted.pools.instance_types.clone(),
        regions: wanted.pools.regions.clone(),
        auto_activate: wanted.auto_activate,
        enabled: !wanted.disabled,
    };
    let database = &wanted.kept.database;
    let made = with_known_types(database, GapSettings::default(), async |app| {
        Ok(app.schedule_refresh(&schedule, caller).await?)
    })?;
    one(&SCHEDULE, &made, wanted.kept.output)?;
    Ok(Exit::Success)
}
