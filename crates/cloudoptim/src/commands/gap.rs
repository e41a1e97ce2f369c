//! `cloudoptim gap`: what is missing of the spot prices, and filling it.

use std::sync::Arc;

use app::App;
use app::access::Caller;
use app::gaps::{Analysis, AnalyzeRequest, FillRequest, GapStatus, PatternMatches, Priority};
use clock::Clock;
use serde::Serialize;

use crate::cli::{Format, Gap, GapCommand, Pools, ToFill};
use crate::database::{with_app, with_known_types};
use crate::exit::{Exit, Failure};
use crate::output;
use crate::worker::{Sight, see_through};

const STATUS: [&str; 9] = [
    "gap_id",
    "status",
    "percent_complete",
    "records_filled",
    "records_expected",
    "outcome.filled_hours",
    "outcome.permanent_hours",
    "outcome.remaining_hours",
    "error_message",
];

const HISTORY: [&str; 8] = [
    "gap_id",
    "status",
    "gap_start_date",
    "gap_end_date",
    "regions",
    "instance_types",
    "records_filled",
    "completed_at",
];

pub(crate) fn run(arguments: &Gap) -> Result<Exit, Failure> {
    match &arguments.command {
        GapCommand::Analyze { pools, lookback_days, max_gaps, settings, kept } => {
            let request = AnalyzeRequest {
                model_id: pools.model.clone(),
                required_lookback_days: *lookback_days,
                instance_types: pools.instance_types.clone(),
                regions: pools.regions.clone(),
                products: pools.products.clone(),
                max_gaps: Some(*max_gaps),
            };
            let found = with_known_types(&kept.database, settings.settings(), async |app| {
                Ok(app.analyze_gaps(&request).await?)
            })?;
            print_analysis(&found, kept.output)
        }
        GapCommand::Fill(wanted) => fill(wanted),
        GapCommand::Status { gap, kept } => {
            let status = with_app(&kept.database, async |app| Ok(app.gap_status(gap).await?))?;
            one(&STATUS, &status, kept.output)?;
            Ok(exit(&status))
        }
        GapCommand::Log { gap, kept } => {
            let lines =
                with_app(&kept.database, async |app| Ok(app.gap_log(gap, 0, 10_000).await?))?;
            output::rows(&["line", "logged_at", "message"], &lines, kept.output)?;
            Ok(Exit::Success)
        }
        GapCommand::Cancel { gap, kept } => {
            let caller = Caller::command_line();
            let status =
                with_app(&kept.database, async |app| Ok(app.cancel_gap(gap, &caller).await?))?;
            one(&STATUS, &status, kept.output)?;
            Ok(Exit::Success)
        }
        GapCommand::History { part, kept } => {
            let (items, total) = with_app(&kept.database, async |app| {
                Ok(app.gap_history(part.limit, part.offset).await?)
            })?;
            output::rows(&HISTORY, &items, kept.output)?;
            told_of_more(items.len(), total);
            Ok(Exit::Success)
        }
    }
}

fn fill(wanted: &ToFill) -> Result<Exit, Failure> {
    let request = request(&wanted.pools, wanted);
    let settings = wanted.settings.settings();
    let status = with_known_types(&wanted.kept.database, settings, async |app| {
        let caller = Caller::command_line();
        let sources = wanted.aws.sources(app.store(), &Clock::system())?;
        let started = app.fill_gaps(&request, None, &caller).await?;
        for note in &started.notes {
            eprintln!("note: {note}");
        }
        for pattern in &started.patterns {
            eprintln!("{}", fitting(pattern));
        }
        eprintln!(
            "gap {}: {} hours of pools can be filled, about {} rows ({})",
            started.gap_id,
            started.found.fillable_hours,
            started.estimated_records,
            started.estimate.explanation
        );
        if wanted.detach {
            return Ok(Some(app.gap_status(&started.gap_id).await?));
        }
        let what = format!("filling {}", started.gap_id);
        see_through(sources, &what, async |line| look(&app, &started.gap_id, line).await).await
    })?;
    let Some(status) = status else { return Ok(Exit::Failure) };
    one(&STATUS, &status, wanted.kept.output)?;
    if let Some(why) = &status.error_message {
        eprintln!("{why}");
    }
    Ok(exit(&status))
}

fn request(pools: &Pools, wanted: &ToFill) -> FillRequest {
    FillRequest {
        model_id: pools.model.clone(),
        instance_types: pools.instance_types.clone(),
        regions: pools.regions.clone(),
        gap_start_date: wanted.from.clone(),
        gap_end_date: wanted.until.clone(),
        products: pools.products.clone(),
        priority: if wanted.oldest_first { Priority::OldestFirst } else { Priority::NewestFirst },
    }
}

async fn look(app: &Arc<App>, gap: &str, line: u64) -> Result<(GapStatus, Sight), app::Error> {
    let status = app.gap_status(gap).await?;
    let pending = status.status == "pending";
    let sight = Sight {
        over: status.completed_at.is_some(),
        done: status.units_done,
        all: status.units_total,
        message: format!("{} of about {} rows", status.records_filled, status.records_expected),
        waits: status.error_message.clone().filter(|_| pending),
        lines: app.gap_log(gap, line, 1000).await?,
    };
    Ok((status, sight))
}

fn exit(status: &GapStatus) -> Exit {
    match status.status {
        "failed" => Exit::Failure,
        "cancelled" => Exit::Partial,
        _ => Exit::Success,
    }
}

/// One thing: a table of one row, or itself.
pub(super) fn one<T: Serialize>(
    columns: &[&str],
    thing: &T,
    format: Format,
) -> Result<(), Failure> {
    match format {
        Format::Json => output::print_json(thing),
        Format::Yaml => output::print_yaml(thing),
        Format::Table | Format::Csv => output::rows(columns, std::slice::from_ref(thing), format),
    }
}

/// How many types a pattern fits.
pub(super) fn fitting(pattern: &PatternMatches) -> String {
    let types = if pattern.matches == 1 { "type" } else { "types" };
    format!("{} fits {} known {types}", pattern.pattern, pattern.matches)
}

/// Says that a list goes on.
pub(super) fn told_of_more(shown: usize, total: u64) {
    if (shown as u64) < total {
        eprintln!("{shown} of {total}; --limit and --offset show others");
    }
}

fn print_analysis(found: &Analysis, format: Format) -> Result<Exit, Failure> {
    let columns = ["region", "instance_type", "zone", "product", "from", "until", "kind"];
    match format {
        Format::Json => output::print_json(found)?,
        Format::Yaml => output::print_yaml(found)?,
        Format::Csv => output::rows(&columns, &found.gaps, format)?,
        Format::Table => {
            let mut facts = output::table(&["what", "value"]);
            let unknown = || "—".to_owned();
            let extent = &found.extent;
            for (what, value) in [
                ("model", found.model_id.clone().unwrap_or_else(unknown)),
                ("trained until", found.trained_until.map_or_else(unknown, |day| day.to_string())),
                ("days since", found.gap_days.map_or_else(unknown, |days| days.to_string())),
                ("looked at", format!("{} to {}", found.window.from, found.window.until)),
                ("pools", extent.pools.to_string()),
                ("covered", format!("{} %", extent.coverage_percent)),
                ("gaps", extent.gaps.to_string()),
                ("hours to be filled", extent.fillable_hours.to_string()),
                ("hours too old for AWS", extent.too_old_hours.to_string()),
                ("hours that AWS does not have", extent.none_at_aws_hours.to_string()),
                ("rows expected", found.estimated_records.to_string()),
                ("because", found.estimate.explanation.clone()),
            ] {
                facts.add_row([what.to_owned(), value]);
            }
            output::print(&facts.to_string())?;
            if !found.gaps.is_empty() {
                output::rows(&columns, &found.gaps, format)?;
            }
        }
    }
    for pattern in &found.patterns {
        eprintln!("{}", fitting(pattern));
    }
    for note in &found.notes {
        eprintln!("note: {note}");
    }
    if (found.gaps.len() as u64) < found.gaps_total {
        eprintln!("{} of {} gaps; --max-gaps shows more", found.gaps.len(), found.gaps_total);
    }
    Ok(Exit::Success)
}
