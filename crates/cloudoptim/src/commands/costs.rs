//! `cloudoptim costs`: what a cluster costs now, and whose it is.

use app::costs::costs;
use clock::Clock;
use engines::cost_allocation::CostRow;
use engines::price_book::PriceBook;
use facts::cluster::ClusterState;
use serde_json::{Map, Value, json};
use units::{Usd, UsdPerHour};

use crate::cli::{Costs, Format};
use crate::commands::decide;
use crate::exit::{Exit, Failure};
use crate::{input, market_files, output};

/// The columns of tables for people.
const SHOWN: [&str; 8] =
    ["Whose", "Pods", "$/month", "Share", "Paid $/month", "Cores", "Memory GiB", "Why unknown"];

/// The first columns of files.
const COLUMNS: [&str; 9] = [
    "group",
    "pods",
    "usd_per_hour",
    "usd_per_month",
    "effective_usd_per_hour",
    "cpu_cores",
    "memory_gib",
    "unpriced",
    "reason",
];

/// Further columns of CSV.
const PARTS: [&str; 9] = [
    "on_demand_usd_per_hour",
    "spot_usd_per_hour",
    "cpu_usd_per_hour",
    "memory_usd_per_hour",
    "gpu_usd_per_hour",
    "idle_usd_per_hour",
    "system_usd_per_hour",
    "storage_usd_per_hour",
    "load_balancer_usd_per_hour",
];

pub(crate) fn run(arguments: &Costs) -> Result<Exit, Failure> {
    let now = arguments.now.unwrap_or_else(|| Clock::system().now());
    let bytes = input::read(&arguments.input)?;
    let failed = |pointer: String, message: String| Failure::Input {
        path: input::shown(&arguments.input),
        pointer,
        message,
    };
    let state = ClusterState::from_json(&bytes)
        .map_err(|error| failed(error.pointer, error.message))?
        .value;
    let book = match &arguments.rates {
        None => PriceBook::default(),
        Some(path) => {
            let rates = decide::policy(path)?;
            serde_json::from_str(rates.get()).map_err(|error| Failure::Input {
                path: input::shown(path),
                pointer: String::new(),
                message: error.to_string(),
            })?
        }
    };
    let market = market_files::market(&arguments.market, now)?;
    let report = costs(&state, &arguments.by, &book, &market, now);
    match arguments.output {
        Format::Json => output::print_json(&report)?,
        Format::Yaml => output::print_yaml(&report)?,
        Format::Csv => {
            output::rows(&[&COLUMNS[..], &PARTS[..]].concat(), &report.rows, Format::Csv)?
        }
        Format::Table => {
            let whole = report.total.usd_per_month;
            let rows = report.rows.iter().chain([&report.total]);
            let rows: Vec<Value> = rows.map(|row| shown(row, whole)).collect();
            output::rows(&SHOWN, &rows, Format::Table)?;
            for warning in &report.warnings {
                eprintln!("note: {}", warning.message);
            }
        }
    }
    Ok(Exit::Success)
}

/// A row as people read it: cents and shares, where files have every digit.
fn shown(row: &CostRow, whole: Option<Usd>) -> Value {
    let dollars = |amount: Option<Usd>| amount.map(|amount| format!("{:.2}", amount.dollars()));
    let paid = row.effective_usd_per_hour.map(UsdPerHour::per_month);
    let share = row.usd_per_month.zip(whole).filter(|(_, whole)| *whole > Usd::ZERO);
    let share =
        share.map(|(part, whole)| format!("{:.1} %", 100.0 * part.dollars() / whole.dollars()));
    let cells: [Value; 8] = [
        json!(row.group),
        json!(row.pods),
        json!(dollars(row.usd_per_month)),
        json!(share),
        json!(dollars(paid)),
        json!(format!("{:.1}", row.cpu_cores)),
        json!(format!("{:.1}", row.memory_gib)),
        json!(row.reason),
    ];
    SHOWN.iter().map(|name| (*name).to_owned()).zip(cells).collect::<Map<_, _>>().into()
}
