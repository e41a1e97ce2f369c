//! `cloudoptim model predict`: with a file that is nowhere else, or with what is active.

use std::path::Path;

use app::access::Caller;
use app::models::ModelType;
use app::models::table::predict_table;
use app::predict::{AnsweringModel, PoolQuery, PredictedPools};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::bundle::offered;
use super::rows::Rows;
use super::{model_of, refused};
use crate::cli::{Format, ToPredict};
use crate::database::with_market;
use crate::exit::{Exit, Failure};
use crate::output;

const INTERRUPTIONS: [&str; 9] = [
    "instance_type",
    "region",
    "az",
    "interruption_probability",
    "horizon",
    "confidence",
    "recommendation",
    "basis",
    "warnings",
];

const PRICES: [&str; 8] = [
    "instance_type",
    "region",
    "az",
    "spot_price",
    "predicted_price",
    "horizon_hours",
    "basis",
    "warnings",
];

pub(super) fn run(wanted: &ToPredict) -> Result<Exit, Failure> {
    match (&wanted.file, &wanted.rows) {
        (Some(file), Some(rows)) => with_file(file, rows, wanted.kept.output),
        _ => with_active(wanted),
    }
}

fn with_file(file: &Path, rows: &Path, format: Format) -> Result<Exit, Failure> {
    let model = model_of(&offered(file)?)?;
    let rows = Rows::read(rows)?;
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let answers = predict_table(&model, &rows.header, &rows.rows, threads)
        .map_err(|error| refused(&rows.shown, error))?;
    let mut columns = vec!["row"];
    columns.extend(answers.columns.iter().map(String::as_str));
    let things: Vec<Value> = answers
        .rows
        .iter()
        .enumerate()
        .map(|(at, answer)| {
            let numbers = answers.columns.iter().cloned().zip(answer.iter().map(|one| json!(one)));
            let row = [("row".to_owned(), json!(at + 1))];
            Value::Object(row.into_iter().chain(numbers).collect::<Map<_, _>>())
        })
        .collect();
    output::rows(&columns, &things, format)?;
    Ok(Exit::Success)
}

fn with_active(wanted: &ToPredict) -> Result<Exit, Failure> {
    let region = wanted.region.as_deref().unwrap_or_default();
    let pool = |instance_type: &'_ str, az: Option<&'_ str>| PoolQuery {
        instance_type: instance_type.to_owned().into(),
        region: region.to_owned().into(),
        az: az.map(|az| az.to_owned().into()),
        operating_system: facts::names::OperatingSystem::Linux,
        spot_price: None,
        launch_time: None,
    };
    let pools: Vec<PoolQuery<'static>> = wanted
        .instance_type
        .iter()
        .flat_map(|kind| match wanted.az.as_slice() {
            [] => vec![pool(kind, None)],
            zones => zones.iter().map(|az| pool(kind, Some(az))).collect(),
        })
        .collect();
    let kept = &wanted.kept;
    let folder = wanted.files.folder(&kept.database.data)?;
    with_market(&kept.database, folder, async |app| {
        let caller = Caller::command_line();
        match wanted.model_type {
            ModelType::PricePredictor => {
                print(&PRICES, &app.predict_prices(&pools, &caller)?, kept.output)
            }
            _ => {
                let found = app.predict_interruptions(&pools, None, &caller)?;
                print(&INTERRUPTIONS, &found, kept.output)
            }
        }
    })?;
    Ok(Exit::Success)
}

fn print<T: Serialize>(
    columns: &[&str],
    found: &PredictedPools<T>,
    format: Format,
) -> Result<(), Failure> {
    match format {
        Format::Json => output::print_json(found),
        Format::Yaml => output::print_yaml(found),
        Format::Table | Format::Csv => {
            match &found.model {
                Some(AnsweringModel { name, version, .. }) => {
                    eprintln!("{name} {version} is active");
                }
                None => eprintln!("no model of the type is active"),
            }
            output::rows(columns, &found.predictions, format)
        }
    }
}
