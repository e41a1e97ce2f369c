//! Asking for a refresh.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::{NewJob, RefreshRow, Uuid};

use super::{REFRESH_MODEL, RefreshModel, Stretch};
use crate::access::Caller;
use crate::fetch::{SpotRange, day_or_instant};
use crate::gaps::{PatternMatches, Scope, Wanted, Window, days_before, field, horizon};
use crate::ids::{named_id, timed_id};
use crate::models::need;
use crate::{App, Error};

/// How often a try may fail before the job does.
const MAX_ATTEMPTS: u32 = 5;

/// Days that are fetched when nobody says.
pub(crate) const USUAL_DAYS: u32 = 7;

/// What is to be refreshed.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("examples" = [{
    "instance_types": ["m5.*", "c5.*"], "regions": ["us-east-1"], "auto_activate": false
}]))]
pub struct RefreshRequest {
    /// The model whose data is meant; every active one when absent.
    #[serde(default)]
    pub model_id: Option<String>,
    /// From this day (`YYYY-MM-DD`, UTC) or instant on; seven days before the end when absent.
    #[serde(default)]
    pub refresh_from_date: Option<String>,
    /// Up to before this day or instant; now when absent.
    #[serde(default)]
    pub refresh_to_date: Option<String>,
    /// Names of types, or patterns such as `m5.*`; when absent those that the model names, else all.
    #[serde(default)]
    pub instance_types: Vec<String>,
    /// Regions; when absent those that the model names, else all that have spot prices.
    #[serde(default)]
    pub regions: Vec<String>,
    /// Product descriptions; `Linux/UNIX` when absent.
    #[serde(default)]
    pub products: Vec<String>,
    /// Whether the model becomes active when its data is refreshed and it passes validation.
    #[serde(default)]
    pub auto_activate: bool,
}

/// A refresh that was begun.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct RefreshStarted {
    /// Its name.
    pub refresh_id: String,
    /// `in_progress`, `completed`, `failed` or `cancelled`.
    pub status: &'static str,
    /// Minutes at the usual pace of AWS; a guess, at least 1.
    pub estimated_duration_minutes: u64,
    /// The stretch that is fetched.
    pub window: Option<Window>,
    /// How many known types each pattern fits.
    pub patterns: Vec<PatternMatches>,
    /// What one should know besides.
    pub notes: Vec<String>,
    /// Whether the refresh was there before.
    #[serde(skip)]
    pub known: bool,
}

impl App {
    /// Refreshes the data of a model, or of every active one. `key`, the caller's own name for the
    /// request, gives the same refresh again.
    ///
    /// # Errors
    /// Fields that are wrong, no such model, a store that does not answer. While the same is at work, no
    /// second refresh is made.
    pub async fn trigger_refresh(
        &self,
        request: &RefreshRequest,
        key: Option<&str>,
        caller: &Caller,
    ) -> Result<RefreshStarted, Error> {
        let now = self.clock.now();
        let asked = digest_of(request);
        let name = key.map(|key| named_id(REFRESH_MODEL, &caller.name, key));
        if let Some(known) = self.named_refresh(name, &asked).await? {
            return Ok(known);
        }
        let (scope, payload) = self.refresh_payload(request, caller, &asked).await?;
        let (window, notes) = window(request, now)?;
        let payload = RefreshModel { stretch: Stretch::Fixed(window), ..payload };
        let range = SpotRange {
            regions: scope.regions.clone(),
            instance_types: payload.instance_types.clone(),
            products: scope.products.clone(),
            start: window.from,
            end: window.until,
        };
        let units = range.units();
        let refresh_id = name.unwrap_or_else(|| timed_id(now, asked.as_bytes()));
        let model_id = payload.model_id.as_deref().and_then(|id| id.parse::<Uuid>().ok());
        let row = refresh_row(refresh_id, model_id, &payload, window, now);
        let job = job(refresh_id, &payload, units, caller, now)?;
        if let Err(known) = self.store.add_refresh(&row, &job).await? {
            let job = self.store.job(known).await?;
            return Ok(RefreshStarted {
                refresh_id: known.to_string(),
                status: "in_progress",
                estimated_duration_minutes: units.div_ceil(60).max(1),
                window: job.and_then(|job| fixed_window(&job.payload)),
                patterns: scope.patterns,
                notes: vec!["the same is being refreshed already".to_owned()],
                known: true,
            });
        }
        Ok(RefreshStarted {
            refresh_id: refresh_id.to_string(),
            status: "in_progress",
            estimated_duration_minutes: units.div_ceil(60).max(1),
            window: Some(window),
            patterns: scope.patterns,
            notes,
            known: false,
        })
    }

    /// What the job of a request needs to know, but for the days.
    pub(crate) async fn refresh_payload(
        &self,
        request: &RefreshRequest,
        caller: &Caller,
        asked: &str,
    ) -> Result<(Scope, RefreshModel), Error> {
        let model = match &request.model_id {
            Some(id) => Some(self.model_row(id).await?),
            None => None,
        };
        let need = model.as_ref().map(need).unwrap_or_default();
        // Everything is a fair wish here, also where nothing is known yet.
        let nothing_named = request.instance_types.is_empty() && need.instance_types.is_empty();
        let wanted = Wanted {
            instance_types: if nothing_named {
                vec!["*".to_owned()]
            } else {
                request.instance_types.clone()
            },
            regions: request.regions.clone(),
            products: request.products.clone(),
        };
        let mut scope = self.scope(&wanted, &need).await?;
        if nothing_named {
            scope.patterns.clear();
        }
        let payload = RefreshModel {
            model_id: model.map(|model| model.model_id.to_string()),
            stretch: Stretch::LastDays(USUAL_DAYS),
            instance_types: if request.instance_types.is_empty() {
                need.instance_types
            } else {
                request.instance_types.clone()
            },
            regions: scope.regions.clone(),
            products: scope.products.clone(),
            auto_activate: request.auto_activate,
            refresh_type: "manual".to_owned(),
            triggered_by: Some(caller.name.clone()),
            asked: asked.to_owned(),
        };
        Ok((scope, payload))
    }

    /// The refresh of this name, where it was asked for with the same request.
    async fn named_refresh(
        &self,
        name: Option<Uuid>,
        asked: &str,
    ) -> Result<Option<RefreshStarted>, Error> {
        let Some(name) = name else { return Ok(None) };
        let Some(job) = self.store.job(name).await? else { return Ok(None) };
        if job.kind == REFRESH_MODEL && job.payload["asked"] == asked {
            return Ok(Some(RefreshStarted {
                refresh_id: job.job_id.to_string(),
                status: super::status::word(job.state),
                estimated_duration_minutes: job.all_units.unwrap_or(0).div_ceil(60).max(1),
                window: None,
                patterns: Vec::new(),
                notes: Vec::new(),
                known: true,
            }));
        }
        Err(Error::Conflict(
            "this Idempotency-Key was used for another request; give this one a new key".to_owned(),
        ))
    }
}

/// The stretch that is meant, and what was changed about it.
fn window(request: &RefreshRequest, now: Timestamp) -> Result<(Window, Vec<String>), Error> {
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
    let mut notes = Vec::new();
    let mut until = read("refresh_to_date", &request.refresh_to_date)?.unwrap_or(now);
    if until > now {
        notes.push(format!("the end lies ahead; prices are fetched up to {now}"));
        until = now;
    }
    let mut from = read("refresh_from_date", &request.refresh_from_date)?
        .unwrap_or_else(|| days_before(until, USUAL_DAYS));
    if from < horizon(now) {
        from = horizon(now);
        notes.push(format!(
            "AWS keeps {} days; prices are fetched from {from} on",
            aws::SPOT_HISTORY_DAYS
        ));
    }
    if from >= until {
        let detail = format!("{from} is not before the end, {until}");
        return Err(field("/refresh_from_date", "invalid", &detail));
    }
    Ok((Window { from, until }, notes))
}

/// The days of a job that has some of its own.
fn fixed_window(payload: &serde_json::Value) -> Option<Window> {
    let payload: RefreshModel = serde_json::from_value(payload.clone()).ok()?;
    match payload.stretch {
        Stretch::Fixed(window) => Some(window),
        Stretch::LastDays(_) => None,
    }
}

/// The record of a refresh.
pub(crate) fn refresh_row(
    refresh_id: Uuid,
    model_id: Option<Uuid>,
    payload: &RefreshModel,
    window: Window,
    now: Timestamp,
) -> RefreshRow {
    let day = |at: Timestamp| -> Date { at.to_zoned(TimeZone::UTC).date() };
    let last =
        day(window.until.saturating_sub(jiff::SignedDuration::from_micros(1)).unwrap_or(now));
    RefreshRow {
        refresh_id,
        model_id,
        job_id: refresh_id,
        refresh_type: payload.refresh_type.clone(),
        from: day(window.from),
        to: last.tomorrow().unwrap_or(last),
        auto_activate: payload.auto_activate,
        triggered_by: payload.triggered_by.clone(),
        started_at: now,
        outcome: None,
    }
}

fn job(
    refresh_id: Uuid,
    payload: &RefreshModel,
    units: u64,
    caller: &Caller,
    now: Timestamp,
) -> Result<NewJob, Error> {
    Ok(NewJob {
        job_id: refresh_id,
        kind: REFRESH_MODEL.to_owned(),
        dedupe_key: Some(payload.asked.clone()),
        payload: serde_json::to_value(payload)
            .map_err(|error| Error::Internal(error.to_string()))?,
        priority: 4,
        max_attempts: MAX_ATTEMPTS,
        run_at: now,
        // The advisor and each region's price list come on top.
        all_units: Some(units + 1 + payload.regions.len() as u64),
        created_by: caller.name.clone(),
    })
}

pub(crate) fn digest_of(request: &RefreshRequest) -> String {
    let text = serde_json::to_vec(request).unwrap_or_default();
    blake3::hash(&text).to_hex()[..32].to_owned()
}
