//! `cloudoptim backtest`: what ways of buying capacity would have cost, over the past.

use std::path::Path;

use backtest::{
    EventFile, InputError, POLICIES, PolicyReport, Report, backtest_of, html, markdown, read_files,
    summary,
};
use clock::Clock;
use serde_json::{Map, Value, json};

use crate::cli::{Backtest, Format};
use crate::exit::{Exit, Failure};
use crate::{input, market_files, output, progress};

/// The columns of tables for people.
const SHOWN: [&str; 8] = [
    "Policy",
    "Full cost $",
    "95 %",
    "Of On-Demand",
    "Interruptions",
    "Unavailable h",
    "Regret $",
    "On-Demand hours",
];

/// The columns of files.
const COLUMNS: [&str; 16] = [
    "run",
    "policy",
    "full_cost_usd",
    "full_cost_low",
    "full_cost_high",
    "compute_usd",
    "interruptions",
    "interruptions_low",
    "interruptions_high",
    "unavailable_hours",
    "unavailable_hours_low",
    "unavailable_hours_high",
    "regret_usd",
    "regret_low",
    "regret_high",
    "on_demand_share",
];

pub(crate) fn run(arguments: &Backtest) -> Result<Exit, Failure> {
    if arguments.list {
        let rows: Vec<Value> = POLICIES
            .iter()
            .map(|entry| json!({ "policy": entry.word, "what it does": entry.does }))
            .collect();
        output::rows(&["policy", "what it does"], &rows, arguments.output)?;
        return Ok(Exit::Success);
    }
    let settings = arguments.settings();
    settings.checked().map_err(|error| failure(&error, arguments))?;
    let files = event_files(&arguments.events)?;
    let files: Vec<EventFile<'_>> =
        files.iter().map(|(path, bytes)| EventFile { path, bytes }).collect();
    let read = read_files(&files, arguments.window(), &settings)
        .map_err(|error| failure(&error, arguments))?;
    let market = market_files::market(&arguments.market, Clock::system().now())?;
    let bar = progress::spinner(&format!("replaying {} episodes", read.episodes.len()));
    let report = backtest_of(read, &arguments.policy, &market, &settings);
    bar.finish_and_clear();
    let report = report.map_err(|error| failure(&error, arguments))?;
    if let Some(path) = &arguments.html {
        write(path, &html(&report))?;
    }
    if let Some(path) = &arguments.markdown {
        write(path, &markdown(&report))?;
    }
    shown(&report, arguments.output)?;
    Ok(if report.left_out.is_empty() { Exit::Success } else { Exit::Partial })
}

/// Every file with its path as text: what a trace is, its path tells.
fn event_files(paths: &[std::path::PathBuf]) -> Result<Vec<(String, Vec<u8>)>, Failure> {
    let mut files = Vec::new();
    for path in paths {
        for path in input::files(path)? {
            let full = std::path::absolute(&path).unwrap_or_else(|_| path.clone());
            files.push((full.to_string_lossy().into_owned(), input::read(&path)?));
        }
    }
    Ok(files)
}

fn failure(error: &InputError, arguments: &Backtest) -> Failure {
    match error {
        InputError::Setting { field, expected } => Failure::Argument {
            field: (*field).to_owned(),
            message: format!("expected {expected}"),
        },
        InputError::Unpriced { .. } => Failure::Refused {
            path: arguments.events.first().map_or_else(String::new, |path| input::shown(path)),
            message: error.to_string(),
        },
        InputError::Events { name, message } => {
            Failure::Refused { path: name.clone(), message: message.clone() }
        }
        InputError::Name(_) => {
            Failure::Refused { path: "events".to_owned(), message: error.to_string() }
        }
    }
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    std::fs::write(path, text).map_err(|source| Failure::File { path: input::shown(path), source })
}

fn shown(report: &Report, format: Format) -> Result<(), Failure> {
    match format {
        Format::Json => output::print_json(report),
        Format::Yaml => output::print_yaml(report),
        Format::Csv => output::rows(&COLUMNS, &summary(report), Format::Csv),
        Format::Table => {
            for run in &report.runs {
                println!("{}: {} days from {}", run.name, run.days.len(), run.from);
                table(&run.policies)?;
                for left in &run.left_out {
                    let pool = &left.pool;
                    eprintln!(
                        "note: without {} in {}: {}",
                        pool.instance_type, pool.zone, left.reason
                    );
                }
                for note in &run.notes {
                    eprintln!("note: {}: {note}", run.name);
                }
            }
            if report.runs.len() > 1 {
                println!("all {} runs together", report.runs.len());
                table(&report.together)?;
            }
            for left in &report.left_out {
                eprintln!("note: without {}: {}", left.name, left.reason);
            }
            for note in &report.notes {
                eprintln!("note: {note}");
            }
            Ok(())
        }
    }
}

fn table(policies: &[PolicyReport]) -> Result<(), Failure> {
    let rows: Vec<Value> = policies.iter().map(row).collect();
    output::rows(&SHOWN, &rows, Format::Table)
}

/// A row as people read it: cents and shares, where files have every digit.
fn row(one: &PolicyReport) -> Value {
    let range = one.full_cost_usd.low.zip(one.full_cost_usd.high);
    let cells: [Value; 8] = [
        json!(one.policy),
        json!(format!("{:.2}", one.full_cost_usd.value)),
        json!(range.map(|(low, high)| format!("{low:.2} – {high:.2}"))),
        json!(one.cost_to_on_demand.map(|share| format!("{:.1} %", share * 100.0))),
        json!(format!("{:.0}", one.interruptions.value)),
        json!(format!("{:.1}", one.unavailable_hours.value)),
        json!(format!("{:.2}", one.regret_usd.value)),
        json!(format!("{:.1} %", one.on_demand_share.value() * 100.0)),
    ];
    SHOWN.iter().map(|name| (*name).to_owned()).zip(cells).collect::<Map<_, _>>().into()
}
