//! The Spot Advisor and the On-Demand prices, from public files that need no credentials.

use std::collections::{BTreeMap, BTreeSet};

use aws::Fetched;
use facts::names::Region;
use jobs::{JobFailure, Running};
use market::{AdvisorFile, ImportReport, OnDemandFile};
use serde::{Deserialize, Serialize};
use store::{Progress, QuarantinedRow};

use super::failure::{Remedy, remedy};
use super::{PriceSources, matches_any};
use crate::pricing::{advisor_points, on_demand_points};

/// How far the files were worked off: the cursor of such a job, or a part of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListFront {
    /// Regions whose file is kept; of the advisor, `*` stands for its one file.
    pub done: BTreeSet<String>,
    /// Regions that could not be had, with the reason.
    pub given_up: BTreeMap<Region, String>,
    /// Rows that came.
    pub read: u64,
    /// Rows of them that were not believed.
    pub quarantined: u64,
}

impl ListFront {
    /// Units that are done, or given up.
    #[must_use]
    pub fn done(&self) -> u64 {
        (self.done.len() + self.given_up.len()) as u64
    }

    fn note(&mut self, report: &ImportReport) {
        self.read += report.rows_read;
        self.quarantined += report.quarantined;
    }
}

/// Which lists are fetched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListRange {
    /// Names of types, or patterns such as `m5.*`; all types when empty.
    pub instance_types: Vec<String>,
    /// The regions; all when empty.
    pub regions: Vec<Region>,
}

/// What is kept with a file: where its job stands, of so many units in all.
pub(crate) type Step<'a> =
    dyn Fn(&ListFront, Option<u64>) -> Result<Progress, JobFailure> + Send + Sync + 'a;

/// Fetches the Spot Advisor's one file and keeps what it says of the wanted types and regions.
///
/// # Errors
/// What ends the try of the job.
pub(crate) async fn fetch_advisor(
    sources: &PriceSources,
    running: &Running,
    wanted: &ListRange,
    mut front: ListFront,
    step: &Step<'_>,
) -> Result<ListFront, JobFailure> {
    if !front.done.is_empty() {
        return Ok(front);
    }
    let fetched = sources.aws.advisor(None).await.map_err(|error| {
        match remedy("the Spot Advisor", &error) {
            Remedy::Skip(why) => JobFailure::Never(why),
            Remedy::End(failure) => failure,
        }
    })?;
    let Fetched::New { content: mut file, .. } = fetched else { return Ok(front) };
    file.rows.retain(|row| {
        (wanted.regions.is_empty() || wanted.regions.contains(&row.region))
            && matches_any(&wanted.instance_types, row.instance_type.as_str())
    });
    front.note(&file.report);
    front.done.insert("*".to_owned());
    let inserted = keep_advisor(sources, &front, &file, step).await?;
    running.log(&format!("Spot Advisor: {} rows, {inserted} new", file.rows.len())).await?;
    Ok(front)
}

async fn keep_advisor(
    sources: &PriceSources,
    front: &ListFront,
    file: &AdvisorFile,
    step: &Step<'_>,
) -> Result<u64, JobFailure> {
    let now = sources.clock.now();
    let rows = quarantined("spot_advisor", &file.origin.source, &file.report, now);
    sources.store.quarantine(&rows).await?;
    let progress = step(front, Some(1))?;
    let kept = sources.store.keep_advisor(&advisor_points(file), Some(&progress), now).await?;
    Ok(kept.inserted)
}

/// Fetches the bulk price list of one region after another and keeps the prices of the wanted types.
///
/// # Errors
/// What ends the try of the job.
pub(crate) async fn fetch_on_demand(
    sources: &PriceSources,
    running: &Running,
    wanted: &ListRange,
    mut front: ListFront,
    step: &Step<'_>,
) -> Result<ListFront, JobFailure> {
    let index = sources.aws.price_list_regions().await.map_err(|error| {
        match remedy("the price list's index", &error) {
            Remedy::Skip(why) => JobFailure::Never(why),
            Remedy::End(failure) => failure,
        }
    })?;
    let regions: Vec<Region> = match wanted.regions.as_slice() {
        [] => index.paths.keys().cloned().collect(),
        named => named.to_vec(),
    };
    let all = Some(regions.len() as u64);
    for region in &regions {
        running.go_on()?;
        if front.done.contains(region.as_str()) || front.given_up.contains_key(region) {
            continue;
        }
        match sources.aws.price_list(&index, region, None).await {
            Ok(Fetched::Unchanged) => {}
            Ok(Fetched::New { content: mut file, .. }) => {
                file.rows
                    .retain(|row| matches_any(&wanted.instance_types, row.instance_type.as_str()));
                front.note(&file.report);
                front.done.insert(region.to_string());
                let inserted = keep_on_demand(sources, &front, &file, step, all).await?;
                let rows = file.rows.len();
                running.log(&format!("{region}: {rows} On-Demand prices, {inserted} new")).await?;
            }
            Err(error) => match remedy(region.as_str(), &error) {
                Remedy::Skip(why) => {
                    running.log(&format!("{why}; the region is left out")).await?;
                    front.given_up.insert(region.clone(), why);
                    let progress = step(&front, all)?;
                    sources.store.advance_job(&progress, 0).await?;
                }
                Remedy::End(failure) => return Err(failure),
            },
        }
    }
    Ok(front)
}

async fn keep_on_demand(
    sources: &PriceSources,
    front: &ListFront,
    file: &OnDemandFile,
    step: &Step<'_>,
    all: Option<u64>,
) -> Result<u64, JobFailure> {
    let now = sources.clock.now();
    let rows = quarantined("on_demand_prices", &file.origin.source, &file.report, now);
    sources.store.quarantine(&rows).await?;
    let progress = step(front, all)?;
    let kept = sources.store.keep_on_demand(&on_demand_points(file), Some(&progress), now).await?;
    Ok(kept.inserted)
}

fn quarantined(
    dataset: &str,
    source: &str,
    report: &ImportReport,
    now: jiff::Timestamp,
) -> Vec<QuarantinedRow> {
    let row = |row: &market::Quarantined| QuarantinedRow {
        dataset: dataset.to_owned(),
        source: source.to_owned(),
        reason: row.reason.clone(),
        content: row.place.clone(),
        found_at: now,
    };
    report.quarantine.iter().map(row).collect()
}
