//! Printing: tables for people, JSON, YAML and CSV for programs.

mod bin_pack;
mod decision;
mod findings;
mod joint;
mod rows;
mod spot;

use std::io::{BufWriter, Write};

use checker::Violation;
use comfy_table::presets::UTF8_BORDERS_ONLY;
use comfy_table::{ContentArrangement, Table};
use facts::decision::Decision;
use jiff::Timestamp;
use market::{Market, MarketSlice};
use serde::Serialize;

use crate::cli::Format;
use crate::exit::Failure;

pub(crate) use decision::decision;
pub(crate) use joint::joint;
pub(crate) use rows::rows;

/// A table in the house style.
pub(crate) fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    *table.style_mut() = UTF8_BORDERS_ONLY;
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(header.iter().copied());
    table
}

/// Text to standard output.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    written(out.write_all(text.as_bytes()).and_then(|()| out.write_all(b"\n")))
}

pub(crate) fn print_json(value: &impl Serialize) -> Result<(), Failure> {
    // A snapshot can be large: it is written as it is made.
    let mut out = BufWriter::new(std::io::stdout().lock());
    let done = serde_json::to_writer_pretty(&mut out, value)
        .map_err(std::io::Error::from)
        .and_then(|()| out.write_all(b"\n"))
        .and_then(|()| out.flush());
    written(done)
}

fn written(done: std::io::Result<()>) -> Result<(), Failure> {
    match done {
        // Whoever reads has seen enough.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        done => done.map_err(|error| Failure::Output(error.to_string())),
    }
}

pub(crate) fn print_yaml(value: &impl Serialize) -> Result<(), Failure> {
    let json = serde_json::to_value(value).map_err(|error| Failure::Output(error.to_string()))?;
    let yaml =
        serde_saphyr::to_string(&json).map_err(|error| Failure::Output(error.to_string()))?;
    print(yaml.trim_end())
}

/// Rows as CSV: raw numbers, a header, and no cell that a spreadsheet takes for a formula.
pub(crate) fn print_csv(header: &[&str], rows: &[Vec<String>]) -> Result<(), Failure> {
    let failed = |error: csv::Error| Failure::Output(error.to_string());
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(header).map_err(failed)?;
    for row in rows {
        let cells = row.iter().map(|cell| {
            let formula = cell.starts_with(['=', '+', '@', '\t', '\r'])
                || (cell.starts_with('-') && cell.parse::<f64>().is_err());
            if formula { format!("'{cell}") } else { cell.clone() }
        });
        writer.write_record(cells).map_err(failed)?;
    }
    let bytes = writer.into_inner().map_err(|error| Failure::Output(error.to_string()))?;
    print(String::from_utf8_lossy(&bytes).trim_end())
}

/// What the plan checker found, for people.
pub(crate) fn violations<R>(violations: &[Violation], decision: &Decision<R>) {
    let steps = decision.verdict.execution_plan.len();
    if violations.is_empty() {
        println!("{}: no objections to {steps} steps", decision.decision_id);
        return;
    }
    let mut lines = table(&["Step", "Rule", "Subject", "What is wrong"]);
    for violation in violations {
        lines.add_row(row_of(violation));
    }
    println!("{lines}");
}

pub(crate) fn violations_csv(violations: &[Violation]) -> Result<(), Failure> {
    let rows: Vec<Vec<String>> = violations.iter().map(row_of).collect();
    print_csv(&["step", "code", "subject", "detail"], &rows)
}

fn row_of(violation: &Violation) -> Vec<String> {
    vec![
        violation.step.map_or_else(String::new, |step| step.to_string()),
        word(&violation.code),
        violation.subject.as_ref().map_or_else(String::new, |subject| subject.name.clone()),
        violation.detail.clone(),
    ]
}

/// A code as it stands on the wire.
pub(super) fn word(code: &impl Serialize) -> String {
    serde_json::to_value(code)
        .ok()
        .and_then(|value| value.as_str().map(str::to_owned))
        .unwrap_or_default()
}

/// Hours as people say them.
pub(super) fn age(hours: f64) -> String {
    match hours {
        hours if hours < 0.0 => "later than the decision".to_owned(),
        hours if hours < 48.0 => format!("{hours:.0} h"),
        hours => format!("{:.0} days", hours / 24.0),
    }
}

/// The advisor's classes as it prints them.
const BUCKETS: [&str; 5] = ["<5%", "5-10%", "10-15%", "15-20%", ">20%"];

/// Where the market's numbers come from.
pub(crate) fn provenance(market: &Market, now: Timestamp, format: Format) -> Result<(), Failure> {
    let rows: Vec<Vec<String>> = market
        .provenance()
        .iter()
        .map(|part| {
            let hours = now.duration_since(part.newest).as_secs() as f64 / 3600.0;
            vec![
                word(&part.dataset),
                part.source.clone(),
                part.oldest.to_string(),
                part.newest.to_string(),
                match format {
                    Format::Table => age(hours),
                    _ => format!("{hours:.1}"),
                },
                part.rows.to_string(),
            ]
        })
        .collect();
    let header = ["dataset", "source", "oldest", "newest", "age", "rows"];
    list(&header, rows, format, &market.provenance())
}

/// The pools of a region.
pub(crate) fn pools(slice: &MarketSlice, format: Format) -> Result<(), Failure> {
    let header = [
        "instance_type",
        "zone",
        "vcpu",
        "memory_gib",
        "spot_usd_per_hour",
        "basis",
        "on_demand_usd_per_hour",
        "interruption",
        "savings_percent",
        "variation_7d",
    ];
    let rows: Vec<Vec<String>> = slice
        .pools()
        .map(|pool| {
            let text = |value: Option<String>| {
                value.unwrap_or_else(|| match format {
                    Format::Table => "—".to_owned(),
                    _ => String::new(),
                })
            };
            vec![
                pool.instance_type.to_string(),
                text(pool.zone.map(ToString::to_string)),
                pool.vcpu.to_string(),
                format!("{}", pool.memory.gib()),
                text(pool.price.map(|price| price.per_hour().to_string())),
                word(&pool.price_basis),
                text(pool.on_demand.map(|price| price.per_hour().to_string())),
                text(
                    pool.advisor_bucket
                        .map(|bucket| BUCKETS[usize::from(u8::from(bucket))].to_owned()),
                ),
                text(pool.savings_percent.map(|percent| percent.to_string())),
                text(pool.variation_7d.map(|variation| format!("{variation:.4}"))),
            ]
        })
        .collect();
    list(&header, rows, format, slice)
}

fn list(
    header: &[&str],
    rows: Vec<Vec<String>>,
    format: Format,
    whole: &impl Serialize,
) -> Result<(), Failure> {
    match format {
        Format::Json => print_json(whole),
        Format::Yaml => print_yaml(whole),
        Format::Csv => print_csv(header, &rows),
        Format::Table => {
            let mut lines = table(header);
            for row in rows {
                lines.add_row(row);
            }
            print(&lines.to_string())
        }
    }
}
