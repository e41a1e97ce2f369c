//! What became of predictions, how good they were, and whether their world has changed.
//!
//! Only what was measured is answered: a measure without outcomes is `null`, with the counts beside it.

mod comparison;
pub(crate) mod features;
mod measures;

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::{PredictionFilter, PredictionRow, Uuid};
use tokio::sync::watch;

use crate::access::Caller;
use crate::models::ModelType;
use crate::predict::BASELINE;
use crate::{App, Error, FieldError};
pub use comparison::Comparison;
pub use features::FeatureDrift;
pub use measures::{CalibrationBin, ProbabilityMeasures, ValueMeasures};
use measures::{Resolved, of_probabilities, of_values, stability_index};

/// Predictions that are looked at for one answer: the newest.
const MOST_LOOKED_AT: u64 = 20_000;

/// Newest predictions that are compared with the first ones.
const RECENT: u64 = 1_000;

/// How often prices that have become known are laid beside what was said of them.
const LOOK: std::time::Duration = std::time::Duration::from_secs(60);

/// Stability above which the world of a model has changed, and calibration error above which its
/// probabilities no longer mean what they say.
const DRIFTED: f64 = 0.25;
const UNCALIBRATED: f64 = 0.10;
/// Outcomes below which a calibration error is noise.
const ENOUGH: usize = 200;

/// What happened, prediction by prediction.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Outcomes {
    /// Up to 10,000.
    pub outcomes: Vec<Outcome>,
}

/// What happened to one prediction.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Outcome {
    /// The prediction.
    pub prediction_id: String,
    /// The model that made it; `null` for the baseline.
    #[serde(default)]
    pub model_id: Option<String>,
    /// Whether what was predicted happened.
    #[serde(default)]
    pub occurred: Option<bool>,
    /// The value that came out, for a predicted value.
    #[serde(default)]
    pub value: Option<f64>,
}

/// How many outcomes were noted.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
pub struct Noted {
    /// Predictions whose outcome is known now.
    pub resolved: u64,
    /// Unknown predictions, and those whose outcome was known.
    pub ignored: u64,
}

/// How good a model is, as far as that was measured.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Performance {
    /// The model; `null` for the baseline.
    pub model_id: Option<String>,
    /// All of its predictions, also those that were forgotten since.
    pub predictions_count: u64,
    /// Those whose outcome is known, or was when they were forgotten.
    pub resolved_count: u64,
    /// Outcomes that the measures are made of: the newest.
    pub measured_count: usize,
    /// As of when.
    pub as_of: Timestamp,
    /// Share of outcomes on the side of one half that was said; `null` until outcomes are known, like all
    /// that follows.
    pub accuracy: Option<f64>,
    /// Of what was said to happen, the share that did.
    pub precision: Option<f64>,
    /// Of what happened, the share that was said.
    pub recall: Option<f64>,
    /// Harmonic mean of both.
    pub f1_score: Option<f64>,
    /// Everything about probabilities.
    pub probabilities: Option<ProbabilityMeasures>,
    /// Everything about values.
    pub values: Option<ValueMeasures>,
    /// Without outcomes: what the model expects of itself, and whether its answers have moved.
    pub drift: Drift,
    /// Whether what the model is asked with has moved, feature by feature.
    pub features: Vec<FeatureDrift>,
    /// As a shadow: what it said beside what was answered, for each model that answered.
    pub comparisons: Vec<Comparison>,
    /// What passed a limit.
    pub alerts: Vec<String>,
}

/// What the newest predictions of a model show.
pub(crate) struct Measured {
    /// Outcomes that the measures are made of.
    pub(crate) count: usize,
    pub(crate) probabilities: Option<ProbabilityMeasures>,
    pub(crate) values: Option<ValueMeasures>,
    pub(crate) drift: Drift,
    pub(crate) features: Vec<FeatureDrift>,
    /// What passed a limit.
    pub(crate) alerts: Vec<String>,
}

/// What can be said without outcomes.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
pub struct Drift {
    /// Population stability index of the newest answers against the first ones; under 0.1 nothing has
    /// changed, above 0.25 much has; `null` with fewer than 100 of either.
    pub stability_index: Option<f64>,
    /// The accuracy that the probabilities themselves promise, were they calibrated.
    pub expected_accuracy: Option<f64>,
    /// The Brier score that they promise.
    pub expected_brier: Option<f64>,
    /// First answers that were compared.
    pub reference_count: usize,
    /// Newest answers that were compared.
    pub recent_count: usize,
}

impl App {
    /// Notes what became of predictions.
    ///
    /// # Errors
    /// Names that are none, an outcome that says nothing, a store that does not answer.
    pub async fn note_outcomes(&self, wanted: &Outcomes) -> Result<Noted, Error> {
        const MOST: usize = 10_000;
        let wrong = |at: usize, field: &str, detail: &str| {
            let pointer = format!("/outcomes/{at}{field}");
            Error::Invalid(vec![FieldError { pointer, code: "invalid", detail: detail.to_owned() }])
        };
        if wanted.outcomes.len() > MOST {
            return Err(wrong(MOST, "", "at most 10,000 outcomes are taken at once"));
        }
        let mut rows = Vec::with_capacity(wanted.outcomes.len());
        for (at, one) in wanted.outcomes.iter().enumerate() {
            let id = |text: &str| text.parse::<Uuid>().ok();
            let prediction = id(&one.prediction_id)
                .ok_or_else(|| wrong(at, "/prediction_id", "expected the name of a prediction"))?;
            let model = match &one.model_id {
                None => BASELINE,
                Some(text) => id(text)
                    .ok_or_else(|| wrong(at, "/model_id", "expected the name of a model"))?,
            };
            let outcome = match (one.occurred, one.value) {
                (Some(occurred), None) => f64::from(u8::from(occurred)),
                (None, Some(value)) if value.is_finite() => value,
                _ => return Err(wrong(at, "", "expected either `occurred` or a finite `value`")),
            };
            rows.push((model, prediction, outcome));
        }
        let resolved = self.store.resolve_predictions(&rows, self.clock.now()).await?;
        Ok(Noted { resolved, ignored: rows.len() as u64 - resolved })
    }

    /// How good a model is; without a name the baseline.
    ///
    /// # Errors
    /// No such model, or a store that does not answer.
    pub async fn performance(&self, model_id: Option<&str>) -> Result<Performance, Error> {
        let model = match model_id {
            Some(model_id) => self.model_row(model_id).await?.model_id,
            None => BASELINE,
        };
        let of_model = PredictionFilter { model_id: Some(model), ..PredictionFilter::default() };
        let known = PredictionFilter { resolved: Some(true), ..of_model.clone() };
        let forgotten = self.store.forgotten_predictions(model).await?;
        let kept_count = self.store.count_predictions(&of_model).await?;
        let kept_resolved = self.store.count_predictions(&known).await?;
        let measured = self.measured(model).await?;
        let comparisons = comparison::of(&self.store.shadow_pairs(model, MOST_LOOKED_AT).await?);
        let probabilities = measured.probabilities;
        Ok(Performance {
            model_id: model_id.map(str::to_owned),
            predictions_count: kept_count + forgotten.predictions,
            resolved_count: kept_resolved + forgotten.resolved,
            measured_count: measured.count,
            as_of: self.clock.now(),
            accuracy: probabilities.as_ref().map(|found| found.accuracy),
            precision: probabilities.as_ref().and_then(|found| found.precision),
            recall: probabilities.as_ref().and_then(|found| found.recall),
            f1_score: probabilities.as_ref().and_then(|found| found.f1_score),
            probabilities,
            values: measured.values,
            drift: measured.drift,
            features: measured.features,
            comparisons,
            alerts: measured.alerts,
        })
    }

    /// What the newest predictions of a model show. Whoever looks every minute looks at no more than
    /// these, however many there are.
    pub(crate) async fn measured(&self, model: Uuid) -> Result<Measured, Error> {
        let of_model = PredictionFilter { model_id: Some(model), ..PredictionFilter::default() };
        let newest =
            PredictionFilter { resolved: Some(true), limit: MOST_LOOKED_AT, ..of_model.clone() };
        let resolved = self.store.predictions(&newest).await?;
        let recent = PredictionFilter { limit: RECENT, ..of_model };
        let recent = self.store.predictions(&recent).await?;
        let reference = self.store.first_predictions(model).await?;
        let (events, values): (Vec<_>, Vec<_>) =
            resolved.iter().partition(|row| is_probability(row));
        let probabilities = of_probabilities(&pairs(&events));
        let drift = drift(&reference, &recent);
        let features = self.feature_drift(model).await?;
        let mut alerts = Vec::new();
        if let Some(index) = drift.stability_index.filter(|index| *index > DRIFTED) {
            alerts.push(format!("drift: the stability index is {index:.2}, above {DRIFTED}"));
        }
        for feature in &features {
            if let Some(index) = feature.stability_index.filter(|index| *index > DRIFTED) {
                let name = &feature.name;
                alerts.push(format!(
                    "drift of feature `{name}`: the stability index is {index:.2}, above {DRIFTED}"
                ));
            }
        }
        if let Some(found) = &probabilities
            && events.len() >= ENOUGH
            && found.calibration_error > UNCALIBRATED
        {
            alerts.push(format!(
                "calibration: probabilities are {:.2} off on the mean, above {UNCALIBRATED}",
                found.calibration_error
            ));
        }
        Ok(Measured {
            count: resolved.len(),
            probabilities,
            values: of_values(&pairs(&values)),
            drift,
            features,
            alerts,
        })
    }

    /// Predictions, the newest first, as far as the caller may see them; and how many there are.
    ///
    /// # Errors
    /// A name that is none, or a store that does not answer.
    pub async fn prediction_history(
        &self,
        model_id: Option<&str>,
        limit: u64,
        offset: u64,
        caller: &Caller,
    ) -> Result<(Vec<PredictionRow>, u64), Error> {
        let model = match model_id {
            None => None,
            Some("baseline") => Some(BASELINE),
            Some(text) => Some(text.parse::<Uuid>().map_err(|_| {
                Error::Invalid(vec![FieldError {
                    pointer: "/model_id".to_owned(),
                    code: "invalid",
                    detail: "expected the name of a model, or `baseline`".to_owned(),
                }])
            })?),
        };
        let filter = PredictionFilter {
            model_id: model,
            customer_id: caller.confined_to().map(str::to_owned),
            // A history is one of answers; a model that is asked for by name may have given none.
            shadows: model_id.is_none().then_some(false),
            limit,
            offset,
            ..PredictionFilter::default()
        };
        let rows = self.store.predictions(&filter).await?;
        Ok((rows, self.store.count_predictions(&filter).await?))
    }

    /// Lays prices that have become known beside what was said of them, and says aloud what has
    /// drifted, until the server stops.
    pub async fn watch_predictions(&self, mut stop: watch::Receiver<bool>) {
        let mut said: Vec<String> = Vec::new();
        loop {
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                _ = stop.wait_for(|stop| *stop) => return,
            }
            if let Err(error) = self.resolve_prices().await {
                tracing::warn!(%error, "predicted prices are not compared");
            }
            if let Err(error) = self.keep_seen_features().await {
                tracing::warn!(%error, "what was seen of features is not kept");
            }
            let mut found = Vec::new();
            for model in self.served_models() {
                if let Ok(measured) = self.measured(model.model_id).await {
                    let alerts = measured.alerts.into_iter();
                    found.extend(alerts.map(|alert| format!("{}: {alert}", model.name)));
                }
            }
            for alert in found.iter().filter(|alert| !said.contains(alert)) {
                tracing::warn!(alert, "a model needs a look");
            }
            said = found;
        }
    }

    /// Notes the prices that predictions of prices have come to. How many.
    ///
    /// # Errors
    /// A store that does not answer.
    pub async fn resolve_prices(&self) -> Result<u64, Error> {
        let now = self.clock.now();
        let desk = self.desk();
        let mut outcomes = Vec::new();
        let kind = ModelType::PricePredictor;
        let models = [self.active_model(kind), self.shadow_model(kind)];
        let horizons = models.iter().flatten().map(|model| (model.model_id, model.horizon_hours));
        // Without a model an answer looks a day ahead, or as far as the model that could not answer.
        let shortest = horizons.clone().fold(24.0, |least: f64, (_, hours)| least.min(hours));
        for (model_id, hours) in horizons.chain([(BASELINE, shortest)]) {
            // Those that are not due yet must not hide those that are.
            let horizon = SignedDuration::from_secs((hours * 3600.0) as i64);
            let Ok(due) = now.checked_sub(horizon) else { continue };
            let open = PredictionFilter {
                model_id: Some(model_id),
                prediction_type: Some("spot_price".to_owned()),
                since: Some(now - SignedDuration::from_hours(24 * crate::stored_market::SPOT_DAYS)),
                until: due.checked_add(SignedDuration::from_micros(1)).ok(),
                resolved: Some(false),
                limit: MOST_LOOKED_AT,
                ..PredictionFilter::default()
            };
            for row in self.store.predictions(&open).await? {
                let ahead =
                    SignedDuration::from_secs(i64::try_from(row.horizon_seconds).unwrap_or(0));
                let Ok(due) = row.created_at.checked_add(ahead) else { continue };
                if due > now {
                    continue;
                }
                if let Some(price) = price_at(desk.market(), &row, due, now) {
                    outcomes.push((row.model_id, row.prediction_id, price));
                }
            }
        }
        Ok(self.store.resolve_predictions(&outcomes, now).await?)
    }
}

/// The price that a pool had at an instant; `None` while nothing was heard of the pool since, because a
/// price that nobody looked up again is not one that stayed.
fn price_at(
    market: &market::Market,
    row: &PredictionRow,
    due: Timestamp,
    now: Timestamp,
) -> Option<f64> {
    let reach = units::Hours(24.0 * crate::stored_market::SPOT_DAYS as f64);
    let system = match row.pool.operating_system.as_ref() {
        "windows" => facts::names::OperatingSystem::Windows,
        _ => facts::names::OperatingSystem::Linux,
    };
    let kind = row.pool.instance_type.parse().ok()?;
    let zone = row.pool.zone.parse().ok()?;
    market.spot(&kind, &zone, system, now, reach).ok().filter(|last| last.last_seen >= due)?;
    let quote = market.spot(&kind, &zone, system, due, units::Hours(48.0)).ok()?;
    Some(quote.price.per_hour().dollars())
}

fn is_probability(row: &PredictionRow) -> bool {
    row.prediction_type == "spot_interruption"
}

fn pairs(rows: &[&PredictionRow]) -> Vec<Resolved> {
    rows.iter()
        .filter_map(|row| {
            Some(Resolved { value: row.value, outcome: row.outcome?, last_value: row.last_value })
        })
        .collect()
}

fn drift(reference: &[PredictionRow], recent: &[PredictionRow]) -> Drift {
    let numbers = |rows: &[PredictionRow]| -> Vec<f64> {
        // A price says little beside others; its change does.
        let number = |row: &PredictionRow| match row.last_value {
            Some(last) if last > 0.0 => (row.value / last).ln(),
            _ => row.value,
        };
        rows.iter().map(number).filter(|number| number.is_finite()).collect()
    };
    let said: Vec<f64> =
        recent.iter().filter(|row| is_probability(row)).map(|row| row.value).collect();
    let mean = |of: fn(f64) -> f64| {
        (!said.is_empty()).then(|| said.iter().map(|one| of(*one)).sum::<f64>() / said.len() as f64)
    };
    Drift {
        stability_index: stability_index(&numbers(reference), &numbers(recent)),
        expected_accuracy: mean(|one| one.max(1.0 - one)),
        expected_brier: mean(|one| one * (1.0 - one)),
        reference_count: reference.len(),
        recent_count: recent.len(),
    }
}
