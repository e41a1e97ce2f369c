//! `cloudoptim market`: what the market knows.

use std::path::{Path, PathBuf};

use clock::Clock;
use facts::names::{NameError, Region};
use jiff::Timestamp;
use market::SliceRequest;

use crate::cli::{Format, Market, MarketCommand};
use crate::exit::{Exit, Failure};
use crate::{input, market_files, output};

pub(crate) fn run(arguments: &Market) -> Result<Exit, Failure> {
    match &arguments.command {
        MarketCommand::Import { files, to } => import(files, to.as_deref()),
        MarketCommand::Show { market, region, now, output } => {
            let now = now.unwrap_or_else(|| Clock::system().now());
            show(market, region.as_deref(), now, *output)
        }
    }
}

fn import(files: &[PathBuf], to: Option<&Path>) -> Result<Exit, Failure> {
    let now = Clock::system().now();
    let mut partial = false;
    for loaded in market_files::load(files, now)? {
        let report = loaded.file.report();
        eprintln!(
            "{}: {} of {} rows used, observed {}",
            loaded.path.display(),
            report.rows_used,
            report.rows_read,
            loaded.observed_at
        );
        partial |= report.quarantined > 0;
        market_files::tell(&loaded.path, report);
        if let (Some(folder), Some(name)) = (to, loaded.path.file_name()) {
            let target = folder.join(name);
            let failed = |source| Failure::File { path: input::shown(&target), source };
            std::fs::create_dir_all(folder).map_err(failed)?;
            std::fs::write(&target, &loaded.bytes).map_err(failed)?;
        }
    }
    Ok(if partial { Exit::Partial } else { Exit::Success })
}

fn show(
    paths: &[PathBuf],
    region: Option<&str>,
    now: Timestamp,
    format: Format,
) -> Result<Exit, Failure> {
    let market = market_files::market(paths, now)?;
    let Some(region) = region else {
        output::provenance(&market, now, format)?;
        return Ok(Exit::Success);
    };
    let region: Region = region.parse().map_err(|error: NameError| Failure::Input {
        path: "--region".to_owned(),
        pointer: String::new(),
        message: error.to_string(),
    })?;
    let slice = market.slice(&SliceRequest::new(region, now));
    output::pools(&slice, format)?;
    Ok(if slice.is_empty() { Exit::NotFound } else { Exit::Success })
}
