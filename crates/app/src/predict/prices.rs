//! What pools will cost.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;
use store::{PredictionRow, Uuid};

use super::features::Told;
use super::pool::{Ids, PoolQuery, PredictedPools, Recorded, answering, understood};
use super::shadow::{About, Question};
use super::{BASELINE, Basis, TablesOfCall, features, to_the_minute};
use crate::access::Caller;
use crate::models::ModelType;
use crate::{App, Error};

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

impl App {
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
        let ids = Ids::new(now, caller, pools.len());
        let recorded = Recorded::new(ModelType::PricePredictor, caller, now);
        let mut predictions = Vec::with_capacity(known.len());
        let mut kept = Vec::with_capacity(known.len());
        let (mut rows, mut asked) = (Vec::new(), Vec::new());
        let mut tables = TablesOfCall::new(&self.tables, market, now);
        for (at, pool) in known.iter().enumerate() {
            let table = tables.of(&pool.region, pool.query.operating_system);
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
        if let Some(model) = &served {
            self.seen_features.look(model, &rows, now);
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
                ..recorded.row(pool, prediction.prediction_id)
            });
        }
        if let Some(shadows) = self.shadows_of(ModelType::PricePredictor) {
            shadows.ask(kept.len(), || {
                let market = Arc::clone(desk.shared_market());
                let told = vec![Told::default(); kept.len()];
                let about = About::Pools { market, as_of: to_the_minute(now), told };
                Question { kind: ModelType::PricePredictor, answers: kept.clone(), about }
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
