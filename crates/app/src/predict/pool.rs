//! Predictions for pools that the server knows: how likely capacity is taken back, and what it will
//! cost.

use std::borrow::Cow;

use engines::scoring::Horizon;
use facts::names::{InstanceType, OperatingSystem, Region, Zone};
use jiff::Timestamp;
use market::{FeatureTable, Market, Place};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::{PredictedPool, PredictionRow, Uuid};

use super::baseline::Hazard;
use super::features::{self, Told};
use super::{AnsweringModel, BASELINE, Basis, request, to_the_minute};
use crate::access::Caller;
use crate::ids::timed_id;
use crate::models::ModelType;
use crate::models::serving::ServedModel;
use crate::{App, Error, FieldError};

/// The most pools of one call.
pub(super) const MOST_POOLS: usize = 50_000;

/// Rows from which the work is shared by threads.
const ROWS_FOR_THREADS: usize = 8_000;

/// Probabilities within a day from which capacity is spread or left alone.
const SPREAD_FROM: f64 = 0.05;
const AVOID_FROM: f64 = 0.20;

/// A pool.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PoolQuery<'a> {
    /// The instance type.
    #[serde(borrow)]
    pub instance_type: Cow<'a, str>,
    /// The region.
    #[serde(borrow)]
    pub region: Cow<'a, str>,
    /// The zone by its name; without one the answer is for the type in the region.
    #[serde(default, borrow, alias = "availability_zone")]
    pub az: Option<Cow<'a, str>>,
    /// `linux` or `windows`; `linux` when absent.
    #[serde(default)]
    pub operating_system: OperatingSystem,
    /// The price that the caller sees, in dollars an hour, where it is fresher than the server's.
    #[serde(default)]
    pub spot_price: Option<f64>,
    /// When the instance was launched, if one runs: then the answer says what to do with it.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub launch_time: Option<Timestamp>,
}

/// One pool, or many.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(extend("examples" = [{
    "instance_type": "m5.large", "region": "us-east-1", "az": "us-east-1a", "spot_price": 0.035
}]))]
pub enum PoolsRequest<'a> {
    /// Many, up to 50,000.
    Many {
        /// The pools.
        #[serde(borrow)]
        pools: Vec<PoolQuery<'a>>,
        /// How far ahead; the model's own horizon when absent, or a day.
        #[serde(default)]
        horizon: Option<Horizon>,
    },
    /// One.
    One(#[serde(borrow)] PoolQuery<'a>),
}

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

/// What a pool will cost.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct PricePrediction<'a> {
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
    /// The present price in dollars an hour; `null` where the pool has none.
    pub spot_price: Option<f64>,
    /// The price after the horizon.
    pub predicted_price: Option<f64>,
    /// The horizon in hours.
    pub horizon_hours: f64,
    /// Where it comes from.
    pub basis: Basis,
    /// What is not known and would matter.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<&'static str>,
}

/// Predictions for many pools, in the order in which they were asked for.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct PredictedPools<T> {
    /// The model that answered; `null` where none is active.
    pub model: Option<AnsweringModel>,
    /// As of when the market was looked at.
    pub as_of: Timestamp,
    /// The predictions.
    pub predictions: Vec<T>,
}

/// A pool whose names were understood.
struct Known<'a> {
    query: &'a PoolQuery<'a>,
    instance_type: InstanceType,
    region: Region,
    zone: Option<Place>,
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
        let (answers, used) = self.spot_answers(market, &known, served.as_deref(), now);
        let horizon = horizon.unwrap_or_else(|| match &served {
            Some(model) => nearest(model.horizon_hours),
            None => Horizon::Day,
        });
        let mut ids = Ids::new(now, caller, pools.len());
        let mut predictions = Vec::with_capacity(known.len());
        let mut rows = Vec::with_capacity(known.len());
        for (at, (pool, by_model)) in known.iter().zip(answers).enumerate() {
            let advisor =
                market.advisor(&pool.instance_type, &pool.region, pool.query.operating_system, now);
            let (of_class, has_class) = Hazard::of_class(advisor.as_ref());
            let (hazard, basis) = match (by_model, &served) {
                (Some(probability), Some(model)) => {
                    (Hazard::of_model(probability, model.horizon_hours), Basis::Model)
                }
                _ => (of_class, Basis::InterruptionClass),
            };
            let prediction =
                spot_prediction(pool, ids.of(at), hazard, (basis, horizon), has_class, used[at]);
            rows.push(PredictionRow {
                value: prediction.interruption_probability,
                low: prediction.low,
                high: prediction.high,
                confidence: prediction.confidence,
                ..row(pool, prediction.prediction_id, "spot_interruption", now, caller)
            });
            if let (Basis::Model, Some(model), Some(row)) = (basis, &served, rows.last_mut()) {
                row.model_id = model.model_id;
            }
            if let Some(row) = rows.last_mut() {
                row.horizon_seconds = (horizon.hours() * 3600.0) as u64;
            }
            predictions.push(prediction);
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
        let mut table: Option<std::sync::Arc<FeatureTable>> = None;
        for (at, pool) in pools.iter().enumerate() {
            let system = pool.query.operating_system;
            let fits = |table: &std::sync::Arc<FeatureTable>| {
                *table.region() == pool.region && table.operating_system() == system
            };
            if !table.as_ref().is_some_and(fits) {
                table = Some(self.tables.of(market, &pool.region, system, now));
            }
            let told = told(market, pool, now);
            let events = features::events(&told);
            let row = table.as_ref().zip(pool.zone.as_ref()).and_then(|(table, zone)| {
                table.spot_features(table.row(&pool.instance_type, zone)?, &events)
            });
            let row = row.unwrap_or_else(|| {
                remarks[at] =
                    Some("the pool has no spot price here: its market features are unknown");
                let request = request(&pool.region, system, to_the_minute(now));
                market.spot_features_without_price(&pool.instance_type, &request, &events)
            });
            if features::push(model, &features::overlaid(row, &told), &mut rows) {
                asked.push(at);
            } else {
                remarks[at] = Some(
                    "the active model has features of its own: send them to /predict as `rows`",
                );
            }
        }
        let threads = if asked.len() >= ROWS_FOR_THREADS { self.threads } else { 1 };
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

    /// Predicts prices, and has the predictions kept.
    ///
    /// # Errors
    /// Names that are none; no pool, or too many.
    pub fn predict_prices<'a>(
        &self,
        pools: &'a [PoolQuery<'a>],
        caller: &Caller,
    ) -> Result<PredictedPools<PricePrediction<'a>>, Error> {
        let known = understood(pools)?;
        let now = self.clock.now();
        let desk = self.desk();
        let market = desk.market();
        let served = self.active_model(ModelType::PricePredictor);
        let horizon_hours = served.as_ref().map_or(24.0, |model| model.horizon_hours);
        let mut ids = Ids::new(now, caller, pools.len());
        let mut predictions = Vec::with_capacity(known.len());
        let mut kept = Vec::with_capacity(known.len());
        let (mut rows, mut asked) = (Vec::new(), Vec::new());
        for (at, pool) in known.iter().enumerate() {
            let system = pool.query.operating_system;
            let table = self.tables.of(market, &pool.region, system, now);
            let row = pool.zone.as_ref().and_then(|zone| table.row(&pool.instance_type, zone));
            let price =
                row.and_then(|row| table.price(row)).map(|price| price.per_hour().dollars());
            let price = pool.query.spot_price.or(price);
            // Within an hour nothing beats the present price.
            if let (Some(model), Some(row)) = (served.as_ref().filter(|_| horizon_hours > 1.0), row)
                && let Some(values) = table.price_features(row)
                && features::push(model, values, &mut rows)
            {
                asked.push(at);
            }
            predictions.push(PricePrediction {
                prediction_id: ids.of(at),
                instance_type: &pool.query.instance_type,
                region: &pool.query.region,
                az: pool.query.az.as_deref(),
                spot_price: price,
                predicted_price: price,
                horizon_hours,
                basis: Basis::LastPrice,
                warnings: if price.is_some() {
                    vec![]
                } else {
                    vec!["the pool has no spot price here"]
                },
            });
        }
        if let Some(model) = &served
            && let Ok(found) = model.engine.predict(&rows, 1)
        {
            for (at, answer) in asked.into_iter().zip(found.chunks(model.engine.outputs().max(1))) {
                let change = model.number(answer);
                let prediction = &mut predictions[at];
                if let Some(price) = prediction.spot_price.filter(|_| change.is_finite()) {
                    prediction.predicted_price = Some(price * change.exp());
                    prediction.basis = Basis::Model;
                }
            }
        }
        for (pool, prediction) in known.iter().zip(&predictions) {
            let Some(value) = prediction.predicted_price else { continue };
            let by_model = served.as_ref().filter(|_| prediction.basis == Basis::Model);
            kept.push(PredictionRow {
                model_id: by_model.map_or(BASELINE, |model| model.model_id),
                value,
                last_value: prediction.spot_price,
                confidence: 0.5,
                horizon_seconds: (horizon_hours * 3600.0) as u64,
                ..row(pool, prediction.prediction_id, "spot_price", now, caller)
            });
        }
        self.keep_predictions(kept);
        self.meters.predictions(now, self.clock.now(), predictions.len());
        Ok(PredictedPools {
            model: served.as_deref().map(answering),
            as_of: to_the_minute(now),
            predictions,
        })
    }
}

/// Names predictions of one call: by the instant, the caller, and their place in the call.
pub(crate) struct Ids(Uuid);

impl Ids {
    pub(crate) fn new(now: Timestamp, caller: &Caller, count: usize) -> Ids {
        use std::sync::atomic::{AtomicU64, Ordering};
        static CALLS: AtomicU64 = AtomicU64::new(0);
        let call = CALLS.fetch_add(1, Ordering::Relaxed);
        Ids(timed_id(now, format!("{}\0{count}\0{call}", caller.name).as_bytes()))
    }

    pub(crate) fn of(&mut self, at: usize) -> Uuid {
        let mut bytes = *self.0.as_bytes();
        for (byte, part) in bytes[12..].iter_mut().zip((at as u32).to_be_bytes()) {
            *byte ^= part;
        }
        Uuid::from_bytes(bytes)
    }
}

pub(super) fn answering(model: &ServedModel) -> AnsweringModel {
    AnsweringModel {
        model_id: model.model_id.to_string(),
        name: model.name.clone(),
        version: model.version.clone(),
    }
}

fn understood<'a>(pools: &'a [PoolQuery<'a>]) -> Result<Vec<Known<'a>>, Error> {
    let wrong = |pointer: String, detail: String| {
        Error::Invalid(vec![FieldError { pointer, code: "invalid", detail }])
    };
    if pools.is_empty() || pools.len() > MOST_POOLS {
        let detail = format!("expected 1 to {MOST_POOLS} pools; got {}", pools.len());
        return Err(wrong("/pools".to_owned(), detail));
    }
    let named = |at: usize, field: &str, detail: String| {
        let front = if pools.len() == 1 { String::new() } else { format!("/pools/{at}") };
        wrong(format!("{front}/{field}"), detail)
    };
    let mut last_region: Option<Region> = None;
    pools
        .iter()
        .enumerate()
        .map(|(at, query)| {
            let instance_type = query.instance_type.parse::<InstanceType>();
            let instance_type =
                instance_type.map_err(|error| named(at, "instance_type", error.to_string()))?;
            let region = match &last_region {
                Some(region) if region.as_str() == query.region => region.clone(),
                _ => {
                    let region = query.region.parse::<Region>();
                    region.map_err(|error| named(at, "region", error.to_string()))?
                }
            };
            last_region = Some(region.clone());
            let zone = match &query.az {
                None => None,
                Some(name) => {
                    let zone = name.parse::<Zone>();
                    let zone = zone.map_err(|error| named(at, "az", error.to_string()))?;
                    if zone.region().as_ref() != Some(&region) {
                        let detail = format!("{zone} is not a zone of {region}");
                        return Err(named(at, "az", detail));
                    }
                    Some(Place::Zone(zone))
                }
            };
            if query.spot_price.is_some_and(|price| !(price > 0.0 && price.is_finite())) {
                let detail = "expected dollars an hour above 0".to_owned();
                return Err(named(at, "spot_price", detail));
            }
            Ok(Known { query, instance_type, region, zone })
        })
        .collect()
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
    has_class: bool,
    remark: Option<&'static str>,
) -> SpotPrediction<'a> {
    let [hour, six_hours, day, month] = Horizon::ALL.map(|horizon| hazard.within(horizon));
    let asked = hazard.within(horizon);
    let probability = asked.probability.value();
    let (low, high, confidence) = match basis {
        Basis::Model => (None, None, probability.max(1.0 - probability)),
        _ => {
            let (low, high) = (asked.low.value(), asked.high.value());
            (Some(low), Some(high), 1.0 - (high - low))
        }
    };
    let mut warnings: Vec<&'static str> = remark.into_iter().collect();
    if basis != Basis::Model && !has_class {
        warnings.push("no interruption class is known of the type here: the middle one is assumed");
    }
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

/// A record of a pool; what it says is filled in by whoever predicts.
fn row(
    pool: &Known<'_>,
    prediction_id: Uuid,
    kind: &str,
    now: Timestamp,
    caller: &Caller,
) -> PredictionRow {
    PredictionRow {
        model_id: BASELINE,
        prediction_id,
        sequence: 0,
        prediction_type: kind.to_owned(),
        customer_id: caller.customer_id.clone().unwrap_or_default(),
        pool: PredictedPool {
            instance_type: pool.query.instance_type.clone().into_owned(),
            region: pool.query.region.clone().into_owned(),
            zone: pool.query.az.as_deref().unwrap_or_default().to_owned(),
            operating_system: pool.query.operating_system.to_string(),
        },
        horizon_seconds: 0,
        value: 0.0,
        low: None,
        high: None,
        last_value: None,
        confidence: 0.0,
        features: None,
        created_at: now,
        outcome: None,
        outcome_at: None,
    }
}

/// The horizon that lies next to so many hours.
fn nearest(hours: f64) -> Horizon {
    let distance = |horizon: &Horizon| (horizon.hours().ln() - hours.ln()).abs();
    let by = |a: &Horizon, b: &Horizon| distance(a).total_cmp(&distance(b));
    Horizon::ALL.into_iter().min_by(by).unwrap_or(Horizon::Day)
}
