//! How likely capacity of pools is taken back, and what to do about it.

use std::sync::Arc;

use jiff::Timestamp;
use learning::Horizon;
use market::Market;
use schemars::JsonSchema;
use serde::Serialize;
use store::{PredictionRow, Uuid};

use super::baseline::Hazard;
use super::features::{self, Told};
use super::pool::{Ids, Known, PoolQuery, PredictedPools, Recorded, answering, understood};
use super::shadow::{About, Question};
use super::{BASELINE, Basis, TablesOfCall, request, to_the_minute};
use crate::access::Caller;
use crate::models::ModelType;
use crate::models::serving::ServedModel;
use crate::{App, Error};

/// Rows from which the work is shared by threads.
const ROWS_FOR_THREADS: usize = 8_000;

/// Probabilities within a day from which capacity is spread or left alone.
const SPREAD_FROM: f64 = 0.05;
const AVOID_FROM: f64 = 0.20;

const NO_CLASS: &str = "no interruption class is known of the type here: the middle one is assumed";

/// The probabilities of a pool at every horizon.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
pub struct Probabilities {
    /// Within an hour.
    #[serde(rename = "1h")]
    pub hour: f64,
    /// Within six hours.
    #[serde(rename = "6h")]
    pub six_hours: f64,
    /// Within a day.
    #[serde(rename = "24h")]
    pub day: f64,
    /// Within 30 days.
    #[serde(rename = "30d")]
    pub month: f64,
}

/// How likely capacity of a pool is taken back.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct SpotPrediction<'a> {
    /// Its name in all other calls.
    #[serde(serialize_with = "crate::ids::written")]
    #[schemars(with = "String")]
    pub prediction_id: Uuid,
    /// The instance type.
    pub instance_type: &'a str,
    /// The region.
    pub region: &'a str,
    /// The zone.
    pub az: Option<&'a str>,
    /// The probability of an interruption within the horizon, 0 to 1.
    pub interruption_probability: f64,
    /// The horizon.
    pub horizon: Horizon,
    /// The lower end of the interval that holds the pool's own probability nine times in ten; `null`
    /// for a model whose answers have not been measured.
    pub low: Option<f64>,
    /// Its upper end.
    pub high: Option<f64>,
    /// The same at every horizon, by a constant hazard.
    pub probabilities: Probabilities,
    /// How sure the answer is, 0 to 1: one less the width of the interval; for a model the probability
    /// of the likelier outcome.
    pub confidence: f64,
    /// `use`, `spread` or `avoid`; for an instance that runs `keep`, `watch` or `move`.
    pub recommendation: &'static str,
    /// Where it comes from.
    pub basis: Basis,
    /// What is not known and would matter.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<&'static str>,
}

impl App {
    /// Predicts interruptions, and has the predictions kept.
    ///
    /// # Errors
    /// Names that are none; no pool, or too many.
    pub fn predict_interruptions<'a>(
        &self,
        pools: &'a [PoolQuery<'a>],
        horizon: Option<Horizon>,
        caller: &Caller,
    ) -> Result<PredictedPools<SpotPrediction<'a>>, Error> {
        let known = understood(pools)?;
        let now = self.clock.now();
        let desk = self.desk();
        let market = desk.market();
        let served = self.active_model(ModelType::SpotPredictor);
        let (answers, remarks) = self.spot_answers(market, &known, served.as_deref(), now);
        let horizon = horizon.unwrap_or_else(|| match &served {
            Some(model) => nearest(model.horizon_hours),
            None => Horizon::Day,
        });
        let ids = Ids::new(now, caller, pools.len());
        let recorded = Recorded::new(ModelType::SpotPredictor, caller, now);
        let mut predictions = Vec::with_capacity(known.len());
        let mut rows = Vec::with_capacity(known.len());
        for (at, (pool, by_model)) in known.iter().zip(answers).enumerate() {
            let mut warnings: Vec<&'static str> = remarks[at].into_iter().collect();
            let (hazard, basis, model_id) = match (by_model, &served) {
                (Some(probability), Some(model)) => {
                    let hazard = Hazard::of_model(probability, model.horizon_hours);
                    (hazard, Basis::Model, model.model_id)
                }
                _ => {
                    let system = pool.query.operating_system;
                    let advisor = market.advisor(&pool.instance_type, &pool.region, system, now);
                    let (hazard, has_class) = Hazard::of_class(advisor.as_ref());
                    if !has_class {
                        warnings.push(NO_CLASS);
                    }
                    (hazard, Basis::InterruptionClass, BASELINE)
                }
            };
            let prediction = spot_prediction(pool, ids.of(at), hazard, (basis, horizon), warnings);
            rows.push(PredictionRow {
                model_id,
                horizon_seconds: (horizon.hours() * 3600.0) as u64,
                value: prediction.interruption_probability,
                low: prediction.low,
                high: prediction.high,
                confidence: prediction.confidence,
                ..recorded.row(pool, prediction.prediction_id)
            });
            predictions.push(prediction);
        }
        if let Some(shadows) = self.shadows_of(ModelType::SpotPredictor) {
            shadows.ask(rows.len(), || {
                let told = known.iter().map(|pool| told(market, pool, now)).collect();
                let market = Arc::clone(desk.shared_market());
                let about = About::Pools { market, as_of: to_the_minute(now), told };
                Question { kind: ModelType::SpotPredictor, answers: rows.clone(), about }
            });
        }
        self.keep_predictions(rows);
        self.meters.predictions(now, self.clock.now(), predictions.len());
        Ok(PredictedPools {
            model: served.as_deref().map(answering),
            as_of: to_the_minute(now),
            predictions,
        })
    }

    /// What the model says of each pool, where it can; and what of the pool was not known.
    fn spot_answers(
        &self,
        market: &Market,
        pools: &[Known<'_>],
        served: Option<&ServedModel>,
        now: Timestamp,
    ) -> (Vec<Option<f64>>, Vec<Option<&'static str>>) {
        let mut answers = vec![None; pools.len()];
        let mut remarks = vec![None; pools.len()];
        let Some(model) = served else { return (answers, remarks) };
        let mut rows = Vec::with_capacity(pools.len() * model.engine.signature().features.len());
        let mut asked = Vec::with_capacity(pools.len());
        let mut tables = TablesOfCall::new(&self.tables, market, now);
        for (at, pool) in pools.iter().enumerate() {
            let system = pool.query.operating_system;
            let table = tables.of(&pool.region, system);
            let told = told(market, pool, now);
            let named = (&pool.instance_type, pool.zone.as_ref());
            let (row, has_price) = features::of_spot(market, &table, named, &told, || {
                request(&pool.region, system, to_the_minute(now))
            });
            if !has_price {
                remarks[at] =
                    Some("the pool has no spot price here: its market features are unknown");
            }
            if features::push(model, &row, &mut rows) {
                asked.push(at);
            } else {
                remarks[at] = Some(
                    "the active model has features of its own: send them to /predict as `rows`",
                );
            }
        }
        let threads = if asked.len() >= ROWS_FOR_THREADS { self.threads } else { 1 };
        self.seen_features.look(model, &rows, now);
        let outputs = model.engine.outputs();
        if let Ok(found) = model.engine.predict(&rows, threads) {
            for (at, answer) in asked.into_iter().zip(found.chunks(outputs.max(1))) {
                let probability = model.number(answer);
                if probability.is_nan() {
                    remarks[at] = Some("the active model gives no number for this pool");
                } else {
                    answers[at] = Some(probability);
                }
            }
        }
        (answers, remarks)
    }
}

fn told(market: &Market, pool: &Known<'_>, now: Timestamp) -> Told {
    let age = pool.query.launch_time.map(|at| now.duration_since(at).as_secs_f64() / 3600.0);
    let ratio = pool.query.spot_price.and_then(|price| {
        let system = pool.query.operating_system;
        let list = market.on_demand(&pool.instance_type, &pool.region, system, now)?;
        Some(price / list.price.per_hour().dollars())
    });
    Told {
        age_hours: age.filter(|hours| *hours >= 0.0),
        price_ratio: ratio.filter(|ratio| ratio.is_finite()),
    }
}

fn spot_prediction<'a>(
    pool: &Known<'a>,
    prediction_id: Uuid,
    hazard: Hazard,
    (basis, horizon): (Basis, Horizon),
    warnings: Vec<&'static str>,
) -> SpotPrediction<'a> {
    // In the order of the enumeration.
    let all @ [hour, six_hours, day, month] = hazard.within_all();
    let asked = all[horizon as usize];
    let probability = asked.probability.value();
    let (low, high, confidence) = match basis {
        Basis::Model => (None, None, probability.max(1.0 - probability)),
        _ => {
            let (low, high) = (asked.low.value(), asked.high.value());
            (Some(low), Some(high), 1.0 - (high - low))
        }
    };
    let runs = pool.query.launch_time.is_some();
    let within_a_day = day.probability.value();
    let recommendation = match (within_a_day < SPREAD_FROM, within_a_day < AVOID_FROM, runs) {
        (true, _, false) => "use",
        (true, _, true) => "keep",
        (_, true, false) => "spread",
        (_, true, true) => "watch",
        (_, _, false) => "avoid",
        (_, _, true) => "move",
    };
    SpotPrediction {
        prediction_id,
        instance_type: &pool.query.instance_type,
        region: &pool.query.region,
        az: pool.query.az.as_deref(),
        interruption_probability: probability,
        horizon,
        low,
        high,
        probabilities: Probabilities {
            hour: hour.probability.value(),
            six_hours: six_hours.probability.value(),
            day: day.probability.value(),
            month: month.probability.value(),
        },
        confidence: (confidence * 1e6).round() / 1e6,
        recommendation,
        basis,
        warnings,
    }
}

/// The horizon that lies next to so many hours.
fn nearest(hours: f64) -> Horizon {
    let distance = |horizon: &Horizon| (horizon.hours().ln() - hours.ln()).abs();
    let by = |a: &Horizon, b: &Horizon| distance(a).total_cmp(&distance(b));
    Horizon::ALL.into_iter().min_by(by).unwrap_or(Horizon::Day)
}
