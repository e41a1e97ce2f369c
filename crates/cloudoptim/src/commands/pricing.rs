//! `cloudoptim pricing`: the prices that are kept.

mod export;
mod fetch;

use std::path::PathBuf;

use app::pricing::keep_file;
use clock::Clock;
use jiff::SignedDuration;
use market::MarketFile;
use serde::Serialize;
use serde_json::{Value, json};
use store::{ListFilter, PriceFilter};

use crate::cli::{Database, Format, Listed, Pricing, PricingCommand};
use crate::database::with_app;
use crate::exit::{Exit, Failure};
use crate::{market_files, output, progress};

pub(crate) fn run(arguments: &Pricing) -> Result<Exit, Failure> {
    match &arguments.command {
        PricingCommand::Import { files, database } => import(files, database),
        PricingCommand::Fetch(wanted) => fetch::run(wanted),
        PricingCommand::Export(wanted) => export::run(wanted),
        PricingCommand::Spot { instance_type, region, from, until, limit, kept } => {
            let until = until.unwrap_or_else(|| Clock::system().now());
            let filter = PriceFilter {
                instance_type: instance_type.clone(),
                region: region.clone(),
                zone: None,
                product: None,
                from: from.unwrap_or(until - SignedDuration::from_hours(30 * 24)),
                until,
                limit: *limit,
            };
            let rows = with_app(&kept.database, async |app| {
                app.spot_prices(&filter, None).await.map_err(failed)
            })?;
            let header = ["timestamp", "az", "product_description", "spot_price"];
            let rows = rows.iter().map(|row| {
                json!({
                    "timestamp": row.observed_at,
                    "az": row.zone,
                    "product_description": row.product,
                    "spot_price": row.price,
                })
            });
            print(&header, rows.collect(), kept.output)
        }
        PricingCommand::OnDemand(listed) => {
            let rows = with_app(&listed.kept.database, async |app| {
                app.on_demand_prices(&filter(listed)).await.map_err(failed)
            })?;
            let header =
                ["instance_type", "region", "operating_system", "effective_date", "hourly_price"];
            let rows = rows.iter().map(|row| {
                json!({
                    "instance_type": row.instance_type,
                    "region": row.region,
                    "operating_system": row.operating_system,
                    "effective_date": row.effective_at,
                    "hourly_price": row.price,
                })
            });
            print(&header, rows.collect(), listed.kept.output)
        }
        PricingCommand::Advisor(listed) => {
            let rows = with_app(&listed.kept.database, async |app| {
                app.advice(&filter(listed)).await.map_err(failed)
            })?;
            let header = [
                "instance_type",
                "region",
                "operating_system",
                "bucket",
                "savings_over_od",
                "last_updated",
            ];
            let rows = rows.iter().map(|row| {
                json!({
                    "instance_type": row.instance_type,
                    "region": row.region,
                    "operating_system": row.operating_system,
                    "bucket": row.bucket,
                    "savings_over_od": row.savings_percent,
                    "last_updated": row.observed_at,
                })
            });
            print(&header, rows.collect(), listed.kept.output)
        }
        PricingCommand::Stats { kept } => {
            let stats =
                with_app(&kept.database, async |app| app.price_stats().await.map_err(failed))?;
            match kept.output {
                Format::Json => output::print_json(&stats)?,
                Format::Yaml => output::print_yaml(&stats)?,
                Format::Table | Format::Csv => return print_stats(&stats, kept.output),
            }
            Ok(Exit::Success)
        }
    }
}

fn import(files: &[PathBuf], database: &Database) -> Result<Exit, Failure> {
    let now = Clock::system().now();
    let loaded = market_files::load(files, now)?;
    let partial = with_app(database, async |app| {
        let mut partial = false;
        for loaded in &loaded {
            let all = match &loaded.file {
                MarketFile::Spot(file) => file.points.len(),
                _ => 0,
            };
            let bar = progress::rows(all as u64, &format!("keeping {}", loaded.path.display()));
            let kept = keep_file(app.store(), &loaded.file, now, |rows| bar.inc(rows))
                .await
                .map_err(failed)?;
            bar.finish_and_clear();
            let report = loaded.file.report();
            let skipped: u64 = report.skipped.values().sum();
            eprintln!(
                "{}: {} read, {} new, {} changed, {} known, {skipped} of no use, {} not believed ({})",
                loaded.path.display(),
                report.rows_read,
                kept.rows.inserted,
                kept.rows.changed,
                kept.rows.unchanged,
                kept.quarantined,
                kept.dataset,
            );
            market_files::tell(&loaded.path, report);
            partial |= kept.quarantined > 0;
        }
        Ok(partial)
    })?;
    Ok(if partial { Exit::Partial } else { Exit::Success })
}

fn filter(listed: &Listed) -> ListFilter {
    ListFilter {
        instance_type: listed.instance_type.clone(),
        region: listed.region.clone(),
        limit: listed.limit,
        ..ListFilter::default()
    }
}

fn print(header: &[&str], rows: Vec<Value>, format: Format) -> Result<Exit, Failure> {
    let cell = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    };
    let cells = || -> Vec<Vec<String>> {
        rows.iter().map(|row| header.iter().map(|name| cell(&row[*name])).collect()).collect()
    };
    match format {
        Format::Json => output::print_json(&rows)?,
        Format::Yaml => output::print_yaml(&rows)?,
        Format::Csv => output::print_csv(header, &cells())?,
        Format::Table => {
            let mut table = output::table(header);
            for row in cells() {
                table.add_row(row);
            }
            output::print(&table.to_string())?;
        }
    }
    Ok(if rows.is_empty() { Exit::NotFound } else { Exit::Success })
}

fn print_stats(stats: &impl Serialize, format: Format) -> Result<Exit, Failure> {
    let value = serde_json::to_value(stats).map_err(|error| Failure::Output(error.to_string()))?;
    let coverage = &value["coverage"];
    let rows = [
        ("spot prices", &value["spot_prices_count"]),
        ("On-Demand prices", &value["on_demand_prices_count"]),
        ("Spot Advisor rows", &value["spot_advisor_count"]),
        ("instance types with spot prices", &coverage["instance_types"]),
        ("regions with spot prices", &coverage["regions"]),
        ("oldest spot price", &coverage["date_range"]["oldest"]),
        ("newest spot price", &coverage["date_range"]["newest"]),
        ("last updated", &value["last_updated"]),
    ];
    let rows = rows.map(|(what, value)| json!({ "what": what, "value": value }));
    print(&["what", "value"], rows.to_vec(), format)?;
    Ok(Exit::Success)
}

fn failed(error: app::Error) -> Failure {
    Failure::Database(error.to_string())
}
