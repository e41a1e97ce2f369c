//! What a job that fills gaps does.

use std::collections::BTreeMap;

use facts::names::Region;
use jobs::{JobFailure, Running};
use serde::{Deserialize, Serialize};

use super::survey::{Extent, Question, covered_percent, extent_of, survey};
use super::{FillGap, Part};
use crate::fetch::{PriceSources, SpotFront, Standing, fetch_spot};
use crate::gaps::analyze::horizon;
use crate::gaps::fill::units;

/// Where a fill goes on.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct FillCursor {
    /// Which part.
    pub(crate) part: usize,
    /// Where within it.
    pub(crate) front: SpotFront,
    /// Rows that came with earlier parts.
    pub(crate) read: u64,
    /// Rows of them that were not believed.
    pub(crate) quarantined: u64,
}

/// What became of a gap.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Outcome {
    /// What was missing when the fill was asked for, of the pools that are known now.
    pub found: Extent,
    /// What is missing now.
    pub left: Extent,
    /// Hours of pools that have prices now and had none.
    pub filled_hours: f64,
    /// Hours of pools that will never have any.
    pub permanent_hours: f64,
    /// Hours of pools that another fill may bring.
    pub remaining_hours: f64,
    /// Rows that were new.
    pub records_filled: u64,
    /// Rows that came, known ones too.
    pub records_fetched: u64,
    /// Rows that were not believed.
    pub records_quarantined: u64,
    /// Regions that could not be had, with the reason.
    #[schemars(with = "BTreeMap<String, String>")]
    pub given_up: BTreeMap<Region, String>,
}

/// Works on a job of the kind [`super::FILL_GAP`].
///
/// # Errors
/// What ends the try of the job.
pub(crate) async fn fill_gap(sources: &PriceSources, running: &Running) -> Result<(), JobFailure> {
    let fill: FillGap = running.payload()?;
    let mut cursor: FillCursor = running.cursor()?.unwrap_or_default();
    let done = fetch(sources, running, &fill, &mut cursor).await;
    if matches!(done, Err(JobFailure::LeaseLost)) {
        return done;
    }
    let outcome = outcome(sources, running, &fill, &cursor).await?;
    let kept =
        serde_json::to_value(&outcome).map_err(|error| JobFailure::Never(error.to_string()))?;
    sources.store.keep_outcome(running.job().job_id, &kept).await?;
    done?;
    running
        .log(&format!(
            "{} rows new; of {} hours of pools {} are filled, {} stay missing for good, {} remain",
            outcome.records_filled,
            outcome.found.missing_hours,
            outcome.filled_hours,
            outcome.permanent_hours,
            outcome.remaining_hours
        ))
        .await?;
    if outcome.given_up.is_empty() {
        return Ok(());
    }
    let why: Vec<&str> = outcome.given_up.values().map(String::as_str).collect();
    Err(JobFailure::Never(format!("all else was filled, but not {}", why.join("; "))))
}

async fn fetch(
    sources: &PriceSources,
    running: &Running,
    fill: &FillGap,
    cursor: &mut FillCursor,
) -> Result<(), JobFailure> {
    let all = units(&fill.parts);
    while let Some(part) = fill.parts.get(cursor.part) {
        running.go_on()?;
        running.log(&line(part, cursor.part, fill.parts.len())).await?;
        let before = units(&fill.parts[..cursor.part]);
        let base = cursor.clone();
        let standing = move |front: &SpotFront| Standing {
            cursor: FillCursor { front: front.clone(), ..base.clone() },
            done_units: before + front.done(),
            all_units: Some(all),
        };
        let range = part.range();
        let front = fetch_spot(sources, running, &range, cursor.front.clone(), standing).await?;
        cursor.part += 1;
        cursor.read += front.read;
        cursor.quarantined += front.quarantined;
        cursor.front = SpotFront::default();
        cursor.front.given_up = front.given_up;
        let done = units(&fill.parts[..cursor.part]);
        let progress = running.step(cursor, done, Some(all))?;
        sources.store.advance_job(&progress, 0).await?;
    }
    Ok(())
}

fn line(part: &Part, number: usize, all: usize) -> String {
    let regions: Vec<&str> = part.regions.iter().map(Region::as_str).collect();
    format!(
        "part {} of {all}: {} types in {} from {} to {}",
        number + 1,
        part.instance_types.len(),
        regions.join(", "),
        part.start,
        part.end
    )
}

/// Looks again at what was to be filled. What AWS was asked for and did not bring, it does not have.
async fn outcome(
    sources: &PriceSources,
    running: &Running,
    fill: &FillGap,
    cursor: &FillCursor,
) -> Result<Outcome, JobFailure> {
    let given_up = &cursor.front.given_up;
    let mut asked: Vec<Part> = fill.parts[..cursor.part.min(fill.parts.len())].to_vec();
    for part in &mut asked {
        part.regions.retain(|region| !given_up.contains_key(region));
    }
    let question = Question {
        regions: &fill.regions,
        instance_types: &fill.instance_types,
        products: &fill.products,
        window: fill.window,
        horizon: horizon(running.job().created_at),
        asked: &asked,
    };
    let left = extent_of(&survey(&sources.store, &question).await?);
    let found = found_now(fill, &left);
    let job = sources.store.job(running.job().job_id).await?;
    let tenths = |hours: f64| (hours * 10.0).round() / 10.0;
    Ok(Outcome {
        found,
        left,
        filled_hours: tenths((found.missing_hours - left.missing_hours).max(0.0)),
        permanent_hours: tenths(left.too_old_hours + left.none_at_aws_hours),
        remaining_hours: left.fillable_hours,
        records_filled: job.map_or(0, |job| job.row_count),
        records_fetched: cursor.read + cursor.front.read,
        records_quarantined: cursor.quarantined + cursor.front.quarantined,
        given_up: given_up.clone(),
    })
}

/// What was missing at first, with the pools that turned up in the place of those that were guessed: of
/// them, everything was.
fn found_now(fill: &FillGap, left: &Extent) -> Extent {
    let window_hours =
        fill.window.until.duration_since(fill.window.from).as_secs_f64().max(0.0) / 3600.0;
    let known = fill.found.pools.saturating_sub(fill.guessed_pools);
    let turned_up = left.pools.saturating_sub(known);
    let change = (turned_up as f64 - fill.guessed_pools as f64) * window_hours;
    let tenths = |hours: f64| (hours * 10.0).round() / 10.0;
    let found = fill.found;
    let missing = found.missing_hours + change;
    Extent {
        pools: left.pools.max(known),
        gaps: found.gaps,
        pool_hours: left.pool_hours,
        missing_hours: tenths(missing),
        fillable_hours: tenths((missing - left.too_old_hours - found.none_at_aws_hours).max(0.0)),
        // What is too old was so then, and nothing can have filled it.
        too_old_hours: left.too_old_hours,
        none_at_aws_hours: found.none_at_aws_hours,
        coverage_percent: covered_percent(left.pool_hours, missing),
    }
}
