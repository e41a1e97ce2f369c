//! What a job that refreshes does.

use facts::names::Region;
use jiff::{SignedDuration, Timestamp};
use jobs::{JobFailure, Running};
use market::Product;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::{ModelFilter, ModelRow, Uuid};

use super::ask::refresh_row;
use super::validate::validated;
use super::{RefreshModel, Settled, Stretch};
use crate::fetch::{
    ListFront, ListRange, PriceSources, SpotFront, SpotRange, Standing, fetch_advisor,
    fetch_on_demand, fetch_spot, matches_any,
};
use crate::gaps::{Extent, Question, Window, extent_of, horizon, survey};
use crate::models::need;

/// The most active models that one refresh is for.
const MOST_MODELS: u64 = 100;

/// Where a refresh goes on.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct RefreshCursor {
    settled: Option<Settled>,
    pub(crate) spot: SpotFront,
    spot_done: bool,
    pub(crate) advisor: ListFront,
    pub(crate) on_demand: ListFront,
}

/// What a refresh brought.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RefreshOutcome {
    /// The stretch that was fetched.
    pub window: Window,
    /// The models whose data it is.
    pub models: Vec<String>,
    /// Rows that came.
    pub records_fetched: u64,
    /// Rows of them that were new; exact.
    pub records_inserted: u64,
    /// Rows that were not believed.
    pub records_quarantined: u64,
    /// What the stored prices cover now, of the pools that have any.
    pub coverage: Extent,
    /// Regions that could not be had, with the reason.
    pub given_up: Vec<String>,
    /// What became of `auto_activate`.
    pub activation: Activation,
}

/// What became of the wish to activate a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Activation {
    /// Whether it was wished for.
    pub asked: bool,
    /// Whether a version was made active.
    pub activated: bool,
    /// Whether the model was validated on the new data.
    pub validated: bool,
    /// Why it is as it is.
    pub reason: String,
}

impl RefreshCursor {
    /// Rows that came so far.
    pub(crate) fn read(&self) -> u64 {
        self.spot.read + self.advisor.read + self.on_demand.read
    }

    fn quarantined(&self) -> u64 {
        self.spot.quarantined + self.advisor.quarantined + self.on_demand.quarantined
    }
}

/// Works on a job of the kind [`super::REFRESH_MODEL`].
///
/// # Errors
/// What ends the try of the job.
pub(crate) async fn refresh_model(
    sources: &PriceSources,
    running: &Running,
) -> Result<(), JobFailure> {
    let wanted: RefreshModel = running.payload()?;
    let mut cursor: RefreshCursor = running.cursor()?.unwrap_or_default();
    let models = models(sources, &wanted).await?;
    let settled = match &cursor.settled {
        Some(settled) => settled.clone(),
        None => settle(sources, &wanted, &models).await?,
    };
    cursor.settled = Some(settled.clone());
    record(sources, running, &wanted, &models, &settled).await?;
    fetch(sources, running, &settled.range, &mut cursor).await?;
    let outcome = outcome(sources, running, &wanted, &models, &settled, &cursor).await?;
    for model in &models {
        sources.store.model_was_refreshed(model.model_id, sources.clock.now()).await?;
    }
    let kept =
        serde_json::to_value(&outcome).map_err(|error| JobFailure::Never(error.to_string()))?;
    sources.store.keep_outcome(running.job().job_id, &kept).await?;
    running
        .log(&format!(
            "{} rows came, {} new; {} % of {} pools are covered; {}",
            outcome.records_fetched,
            outcome.records_inserted,
            outcome.coverage.coverage_percent,
            outcome.coverage.pools,
            outcome.activation.reason
        ))
        .await?;
    tracing::info!(refresh.id = %running.job().job_id, models = ?outcome.models, "refreshed");
    if outcome.given_up.is_empty() {
        return Ok(());
    }
    let why = outcome.given_up.join("; ");
    Err(JobFailure::Never(format!("all else was refreshed, but not {why}")))
}

async fn models(
    sources: &PriceSources,
    wanted: &RefreshModel,
) -> Result<Vec<ModelRow>, JobFailure> {
    let Some(id) = &wanted.model_id else {
        let filter =
            ModelFilter { active: Some(true), limit: MOST_MODELS, ..ModelFilter::default() };
        return Ok(sources.store.models(&filter).await?.0);
    };
    let gone = || JobFailure::Never(format!("the model {id} is gone"));
    let id: Uuid = id.parse().map_err(|_| gone())?;
    Ok(vec![sources.store.model(id).await?.ok_or_else(gone)?])
}

/// Settles what is fetched, so that every try fetches the same.
async fn settle(
    sources: &PriceSources,
    wanted: &RefreshModel,
    models: &[ModelRow],
) -> Result<Settled, JobFailure> {
    let now = sources.clock.now();
    let window = match wanted.stretch {
        Stretch::Fixed(window) => window,
        Stretch::LastDays(days) => {
            let length = SignedDuration::from_hours(24 * i64::from(days));
            Window { from: now.saturating_sub(length).unwrap_or(now), until: now }
        }
    };
    let needs: Vec<_> = models.iter().map(need).collect();
    let mut regions = wanted.regions.clone();
    if regions.is_empty() {
        let named = needs.iter().flat_map(|need| need.regions.iter());
        regions = named.filter_map(|name| name.parse().ok()).collect();
    }
    if regions.is_empty() {
        let stored = sources.store.priced_regions().await?;
        regions = stored.iter().filter_map(|(name, _)| name.parse::<Region>().ok()).collect();
    }
    if regions.is_empty() {
        return Err(JobFailure::Never(
            "no region is named, no active model names one, and none has prices yet".to_owned(),
        ));
    }
    regions.sort();
    regions.dedup();
    let mut types = wanted.instance_types.clone();
    // A model that names no types needs all of them.
    if types.is_empty() && needs.iter().all(|need| !need.instance_types.is_empty()) {
        types = needs.iter().flat_map(|need| need.instance_types.clone()).collect();
    }
    types.sort();
    types.dedup();
    let products =
        if wanted.products.is_empty() { vec![Product::LinuxUnix] } else { wanted.products.clone() };
    Ok(Settled {
        range: SpotRange {
            regions,
            instance_types: types,
            products,
            start: window.from.max(horizon(now)),
            end: window.until,
        },
        models: models.iter().map(|model| model.model_id.to_string()).collect(),
        begun_at: now,
    })
}

/// Records the refresh where a schedule has made its job.
async fn record(
    sources: &PriceSources,
    running: &Running,
    wanted: &RefreshModel,
    models: &[ModelRow],
    settled: &Settled,
) -> Result<(), JobFailure> {
    let job = running.job();
    let window = Window { from: settled.range.start, until: settled.range.end };
    let model_id = wanted.model_id.is_some().then(|| models.first().map(|one| one.model_id));
    let by = wanted.triggered_by.clone().unwrap_or_else(|| job.created_by.clone());
    let wanted = RefreshModel { triggered_by: Some(by), ..wanted.clone() };
    let row = refresh_row(job.job_id, model_id.flatten(), &wanted, window, job.created_at);
    Ok(sources.store.record_refresh(&row).await?)
}

async fn fetch(
    sources: &PriceSources,
    running: &Running,
    range: &SpotRange,
    cursor: &mut RefreshCursor,
) -> Result<(), JobFailure> {
    let (spot, lists) = (range.units(), 1 + range.regions.len() as u64);
    let all = Some(spot + lists);
    if !cursor.spot_done {
        let base = cursor.clone();
        let standing = move |front: &SpotFront| Standing {
            cursor: RefreshCursor { spot: front.clone(), ..base.clone() },
            done_units: front.done(),
            all_units: all,
        };
        cursor.spot = fetch_spot(sources, running, range, cursor.spot.clone(), standing).await?;
        cursor.spot_done = true;
        let progress = running.step(cursor, spot, all)?;
        sources.store.advance_job(&progress, 0).await?;
    }
    let wanted =
        ListRange { instance_types: range.instance_types.clone(), regions: range.regions.clone() };
    let base = cursor.clone();
    let step = |front: &ListFront, _: Option<u64>| {
        running.step(&RefreshCursor { advisor: front.clone(), ..base.clone() }, spot + 1, all)
    };
    let front = cursor.advisor.clone();
    cursor.advisor = fetch_advisor(sources, running, &wanted, front, &step).await?;
    let base = cursor.clone();
    let step = |front: &ListFront, _: Option<u64>| {
        let done = spot + 1 + front.done();
        running.step(&RefreshCursor { on_demand: front.clone(), ..base.clone() }, done, all)
    };
    let front = cursor.on_demand.clone();
    cursor.on_demand = fetch_on_demand(sources, running, &wanted, front, &step).await?;
    Ok(())
}

async fn outcome(
    sources: &PriceSources,
    running: &Running,
    wanted: &RefreshModel,
    models: &[ModelRow],
    settled: &Settled,
    cursor: &RefreshCursor,
) -> Result<RefreshOutcome, JobFailure> {
    let range = &settled.range;
    let window = Window { from: range.start, until: range.end };
    let given_up = cursor.spot.given_up.values().chain(cursor.on_demand.given_up.values());
    let job = sources.store.job(running.job().job_id).await?;
    Ok(RefreshOutcome {
        window,
        models: settled.models.clone(),
        records_fetched: cursor.read(),
        records_inserted: job.map_or(0, |job| job.row_count),
        records_quarantined: cursor.quarantined(),
        coverage: coverage(sources, range, window, settled.begun_at).await?,
        given_up: given_up.cloned().collect(),
        activation: validated(sources, models, &range.regions, wanted.auto_activate)
            .await
            .map_err(|error| JobFailure::Later(error.to_string(), None))?,
    })
}

/// What the stored prices cover, of the pools that have any.
async fn coverage(
    sources: &PriceSources,
    range: &SpotRange,
    window: Window,
    begun_at: Timestamp,
) -> Result<Extent, JobFailure> {
    let mut whole = Vec::new();
    for region in &range.regions {
        let priced = sources.store.series_in_region(region.as_str(), &[]).await?;
        let mut types: Vec<String> =
            priced.into_iter().map(|span| span.series.instance_type).collect();
        types.retain(|named| matches_any(&range.instance_types, named));
        types.dedup();
        let question = Question {
            regions: std::slice::from_ref(region),
            instance_types: &types,
            products: &range.products,
            window,
            horizon: horizon(begun_at),
            asked: &[],
        };
        whole.push(survey(&sources.store, &question).await?);
    }
    Ok(extent_of(&crate::gaps::Survey::joined(whole)))
}
