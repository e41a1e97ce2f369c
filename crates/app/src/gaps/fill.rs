//! Asking for gaps to be filled.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::{GapRow, NewJob, Uuid};

use super::analyze::{days_before, horizon};
use super::estimate::estimate;
use super::plan::{self, Part};
use super::scope::{PatternMatches, Scope, Wanted, field};
use super::survey::{Extent, extent_of};
use super::{Estimate, FILL_GAP, FillGap, Window};
use crate::access::Caller;
use crate::fetch::day_or_instant;
use crate::ids::{named_id, timed_id};
use crate::models::need;
use crate::{App, Error};

pub use super::plan::Priority;

/// How often a try may fail before the job does.
const MAX_ATTEMPTS: u32 = 5;

/// Pages that AWS answers in a minute, all lanes together, at its usual pace.
const PAGES_A_MINUTE: u64 = 120;

/// Rows of a page.
const ROWS_OF_A_PAGE: u64 = 1000;

/// What is to be filled.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("examples" = [{ "instance_types": ["m5.*"], "regions": ["us-east-1"] }]))]
pub struct FillRequest {
    /// The model that needs the data; its types are filled first. The active spot predictor when
    /// absent.
    #[serde(default)]
    pub model_id: Option<String>,
    /// Names of types, or patterns such as `m5.*`; when absent those that the model names, else all that
    /// have prices.
    #[serde(default)]
    pub instance_types: Vec<String>,
    /// Regions; when absent those that the model names, else all that have spot prices.
    #[serde(default)]
    pub regions: Vec<String>,
    /// From this day (`YYYY-MM-DD`, UTC) or instant on; when absent the day after the training of the
    /// model, at most `GAP_FILLER_MAX_LOOKBACK_DAYS` ago.
    #[serde(default)]
    pub gap_start_date: Option<String>,
    /// Up to before this day or instant; now when absent.
    #[serde(default)]
    pub gap_end_date: Option<String>,
    /// Product descriptions; `Linux/UNIX` when absent.
    #[serde(default)]
    pub products: Vec<String>,
    /// What comes first, behind the types of the model.
    #[serde(default)]
    pub priority: Priority,
}

/// A fill that was begun.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct FillStarted {
    /// Its name.
    pub gap_id: String,
    /// `pending`, `filling`, `completed`, `failed` or `cancelled`.
    pub status: &'static str,
    /// Minutes at the usual pace of AWS; a guess, at least 1.
    pub estimated_duration_minutes: u64,
    /// How many rows are expected.
    pub estimated_records: u64,
    /// How that number came about.
    pub estimate: Estimate,
    /// What is missing now.
    pub found: Extent,
    /// The stretch that is to be complete.
    pub window: Window,
    /// Days by regions (by 200 types) that are asked for.
    pub units_total: u64,
    /// AWS has nothing from before; gaps there are permanent.
    pub permanent_before: Option<Timestamp>,
    /// How many known types each pattern fits.
    pub patterns: Vec<PatternMatches>,
    /// What one should know besides.
    pub notes: Vec<String>,
    /// Whether the fill was there before.
    #[serde(skip)]
    pub known: bool,
}

impl App {
    /// Has gaps filled. `key`, the caller's own name for the request, gives the same fill again.
    ///
    /// # Errors
    /// Fields that are wrong, no such model, filling that is switched off, a store that does not answer.
    /// While the same is being filled, no second fill is made.
    pub async fn fill_gaps(
        &self,
        request: &FillRequest,
        key: Option<&str>,
        caller: &Caller,
    ) -> Result<FillStarted, Error> {
        if !self.gap_settings.enabled {
            return Err(Error::Taken(
                "filling gaps is switched off here (GAP_FILLER_ENABLED=false)".to_owned(),
            ));
        }
        let now = self.clock.now();
        let asked = digest_of(request);
        let name = key.map(|key| named_id(FILL_GAP, &caller.name, key));
        if let Some(known) = self.named_fill(name, &asked).await? {
            return Ok(known);
        }
        let model = self.model_or_active(request.model_id.as_deref()).await?;
        let need = model.as_ref().map(need).unwrap_or_default();
        let wanted = Wanted {
            instance_types: request.instance_types.clone(),
            regions: request.regions.clone(),
            products: request.products.clone(),
        };
        let scope = self.scope(&wanted, &need).await?;
        let trained = model.as_ref().map(|model| model.trained_until);
        let (window, notes) = self.fill_window(request, trained, now)?;
        let survey = self.survey_of(&scope, window, now).await?;
        let estimate = estimate(&survey, &scope.products);
        let is_of_model = |named: &str| crate::fetch::matches_any(&need.instance_types, named);
        let parts = plan::parts(&survey.gaps, &scope.products, is_of_model, request.priority);
        let fill = FillGap {
            window,
            regions: scope.regions.clone(),
            instance_types: scope.instance_types.clone(),
            products: scope.products.clone(),
            parts,
            found: extent_of(&survey),
            guessed_pools: survey.guessed_pools(),
            estimate,
            asked,
        };
        let gap_id = name.unwrap_or_else(|| timed_id(now, fill.asked.as_bytes()));
        let gap = gap_row(gap_id, &fill, model.map(|model| model.model_id), now);
        let job = job(gap_id, &fill, &scope, caller, now)?;
        if let Err(known) = self.store.add_gap(&gap, &job).await? {
            return self.fill_at_work(known).await;
        }
        let standing = Standing { id: gap_id, state: "filling" };
        Ok(started(&standing, &fill, gap.permanent_before, scope.patterns, notes))
    }

    /// The fill that does the same already.
    async fn fill_at_work(&self, gap_id: Uuid) -> Result<FillStarted, Error> {
        let gone = || Error::Taken(format!("gap {gap_id} was being filled; ask again"));
        let job = self.store.job(gap_id).await?.ok_or_else(gone)?;
        let fill: FillGap = serde_json::from_value(job.payload)
            .map_err(|error| Error::Internal(error.to_string()))?;
        let standing = Standing { id: gap_id, state: super::status::word(job.state) };
        let notes = vec!["the same pools and days are being filled already".to_owned()];
        Ok(FillStarted { known: true, ..started(&standing, &fill, None, Vec::new(), notes) })
    }

    /// The fill of this name, where it was asked for with the same request.
    async fn named_fill(
        &self,
        name: Option<Uuid>,
        asked: &str,
    ) -> Result<Option<FillStarted>, Error> {
        let Some(name) = name else { return Ok(None) };
        let Some(job) = self.store.job(name).await? else { return Ok(None) };
        let fill: Option<FillGap> = (job.kind == FILL_GAP)
            .then(|| serde_json::from_value(job.payload.clone()).ok())
            .flatten();
        match fill {
            Some(fill) if fill.asked == asked => {
                let standing = Standing { state: super::status::word(job.state), id: job.job_id };
                Ok(Some(FillStarted {
                    known: true,
                    ..started(&standing, &fill, None, Vec::new(), Vec::new())
                }))
            }
            _ => Err(Error::Conflict(
                "this Idempotency-Key was used for another request; give this one a new key"
                    .to_owned(),
            )),
        }
    }

    /// The stretch that is meant, and what was changed about it.
    fn fill_window(
        &self,
        request: &FillRequest,
        trained_until: Option<Date>,
        now: Timestamp,
    ) -> Result<(Window, Vec<String>), Error> {
        let read = |name: &str, text: &Option<String>| match text {
            None => Ok(None),
            Some(text) => day_or_instant(text).map(Some).ok_or_else(|| {
                field(
                    &format!("/{name}"),
                    "invalid",
                    "expected a day such as 2025-11-28 or an instant such as 2025-11-28T00:00:00Z",
                )
            }),
        };
        let limit = days_before(now, self.gap_settings.max_lookback_days);
        let trained =
            trained_until.and_then(|day| day.tomorrow().ok()).map(super::analyze::start_of_day);
        let usual = days_before(now, self.gap_settings.default_lookback_days);
        let from = read("gap_start_date", &request.gap_start_date)?
            .unwrap_or_else(|| trained.unwrap_or(usual).min(usual).max(limit));
        let mut until = read("gap_end_date", &request.gap_end_date)?.unwrap_or(now);
        let mut notes = Vec::new();
        if until > now {
            notes.push(format!("the end lies ahead; prices are filled up to {now}"));
            until = now;
        }
        if from >= until {
            let detail = format!("{from} is not before the end, {until}");
            return Err(field("/gap_start_date", "invalid", &detail));
        }
        if from < horizon(now) {
            notes.push(format!(
                "AWS keeps {} days: what is missing from before {} is permanent",
                aws::SPOT_HISTORY_DAYS,
                horizon(now)
            ));
        } else if from < limit {
            let detail = format!(
                "lies more than {} days back (GAP_FILLER_MAX_LOOKBACK_DAYS)",
                self.gap_settings.max_lookback_days
            );
            return Err(field("/gap_start_date", "out_of_range", &detail));
        }
        Ok((Window { from, until }, notes))
    }
}

/// What an answer says of a job.
struct Standing {
    id: Uuid,
    state: &'static str,
}

fn started(
    standing: &Standing,
    fill: &FillGap,
    permanent_before: Option<Timestamp>,
    patterns: Vec<PatternMatches>,
    mut notes: Vec<String>,
) -> FillStarted {
    let units = units(&fill.parts);
    if units == 0 {
        notes.push("nothing that AWS has is missing, so nothing is fetched".to_owned());
    }
    let pages = units + fill.estimate.records / ROWS_OF_A_PAGE;
    FillStarted {
        gap_id: standing.id.to_string(),
        status: standing.state,
        estimated_duration_minutes: pages.div_ceil(PAGES_A_MINUTE).max(1),
        estimated_records: fill.estimate.records,
        estimate: fill.estimate.clone(),
        found: fill.found,
        window: fill.window,
        units_total: units,
        permanent_before,
        patterns,
        notes,
        known: false,
    }
}

/// Units of work of some parts.
pub(crate) fn units(parts: &[Part]) -> u64 {
    parts.iter().map(|part| part.range().units()).sum()
}

fn gap_row(gap_id: Uuid, fill: &FillGap, model_id: Option<Uuid>, now: Timestamp) -> GapRow {
    let day = |at: Timestamp| at.to_zoned(TimeZone::UTC).date();
    let last =
        day(fill.window.until.saturating_sub(jiff::SignedDuration::from_micros(1)).unwrap_or(now));
    GapRow {
        gap_id,
        model_id,
        job_id: gap_id,
        start: day(fill.window.from),
        end: last.tomorrow().unwrap_or(last),
        data_type: "spot_prices".to_owned(),
        regions: fill.regions.iter().map(ToString::to_string).collect(),
        instance_types: fill.instance_types.clone(),
        records_expected: Some(fill.estimate.records),
        permanent_before: (fill.window.from < horizon(now)).then(|| horizon(now)),
        created_at: now,
        outcome: None,
    }
}

fn job(
    gap_id: Uuid,
    fill: &FillGap,
    scope: &Scope,
    caller: &Caller,
    now: Timestamp,
) -> Result<NewJob, Error> {
    // One fill of the same pools and days at a time, whatever instant "now" was.
    let hour = |at: Timestamp| at.as_second().div_euclid(3600);
    let key = format!(
        "{:?} {:?} {:?} {} {}",
        scope.regions,
        scope.instance_types,
        scope.products,
        hour(fill.window.from),
        hour(fill.window.until)
    );
    Ok(NewJob {
        job_id: gap_id,
        kind: FILL_GAP.to_owned(),
        dedupe_key: Some(blake3::hash(key.as_bytes()).to_hex()[..32].to_owned()),
        payload: serde_json::to_value(fill).map_err(|error| Error::Internal(error.to_string()))?,
        priority: 4,
        max_attempts: MAX_ATTEMPTS,
        run_at: now,
        all_units: Some(units(&fill.parts)),
        created_by: caller.name.clone(),
    })
}

fn digest_of(request: &FillRequest) -> String {
    let text = serde_json::to_vec(request).unwrap_or_default();
    blake3::hash(&text).to_hex()[..32].to_owned()
}
