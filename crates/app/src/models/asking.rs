//! The active spot model as decisions ask it: for every pool of a slice, and kept like every other
//! prediction.

use std::sync::Arc;

use engines::spot_model::ModelIdentity;
use facts::names::Zone;
use jiff::Timestamp;
use market::{Market, MarketSlice, Place, SliceRequest};
use store::{PredictedPool, PredictionRow};

use super::ModelType;
use super::reading::Input;
use super::serving::ServedModel;
use crate::access::{Caller, ITSELF, Role};
use crate::performance::features::SeenFeatures;
use crate::predict::features::Told;
use crate::predict::keeper::Keeper;
use crate::predict::shadow::{About, Question, Shadows};
use crate::predict::{Ids, features};

/// Threads that answer for a slice: decisions run beside each other already.
const THREADS: usize = 1;

/// A model that decisions ask.
#[derive(Debug)]
pub(crate) struct AskedModel {
    served: Arc<ServedModel>,
    pub(crate) identity: ModelIdentity,
    keeper: Option<Keeper>,
    shadows: Option<Shadows>,
    seen: Arc<SeenFeatures>,
}

impl AskedModel {
    /// `None` for a model that needs features which only a caller has.
    pub(crate) fn of(
        served: &Arc<ServedModel>,
        keeper: Option<&Keeper>,
        shadows: Option<&Shadows>,
        seen: &Arc<SeenFeatures>,
    ) -> Option<AskedModel> {
        if served.input == Input::Given {
            return None;
        }
        Some(AskedModel {
            identity: ModelIdentity {
                model_id: served.model_id.to_string(),
                name: served.name.clone(),
                version: served.version.clone(),
                digest: served.digest.clone(),
                horizon_hours: served.horizon_hours,
            },
            served: Arc::clone(served),
            keeper: keeper.cloned(),
            shadows: shadows.cloned(),
            seen: Arc::clone(seen),
        })
    }

    /// The probability of an interruption within the model's horizon, for each pool of a slice.
    pub(crate) fn ask(
        &self,
        market: &Arc<Market>,
        slice: &MarketSlice,
        now: Timestamp,
    ) -> Vec<Option<f64>> {
        let request = SliceRequest {
            operating_system: slice.operating_system,
            ..SliceRequest::new(slice.region.clone(), slice.as_of)
        };
        let table = market.features(&request);
        let mut rows =
            Vec::with_capacity(slice.len() * self.served.engine.signature().features.len());
        for pool in slice.pools() {
            let place = pool.zone.map(|zone| Place::Zone(zone.clone()));
            let named = (pool.instance_type, place.as_ref());
            let nothing = Told::default();
            let (known, _) = features::of_spot(market, &table, named, &nothing, || request.clone());
            features::push(&self.served, &known, &mut rows);
        }
        self.seen.look(&self.served, &rows, now);
        let outputs = self.served.engine.outputs().max(1);
        let Ok(found) = self.served.engine.predict(&rows, THREADS) else { return Vec::new() };
        let answers: Vec<Option<f64>> = found
            .chunks(outputs)
            .map(|answer| Some(self.served.number(answer)).filter(|number| !number.is_nan()))
            // A regression may say more than a certainty.
            .map(|answer| answer.map(|number| number.clamp(0.0, 1.0)))
            .collect();
        self.keep((market, slice), &answers, now);
        answers
    }

    fn keep(
        &self,
        (market, slice): (&Arc<Market>, &MarketSlice),
        answers: &[Option<f64>],
        now: Timestamp,
    ) {
        let Some(keeper) = &self.keeper else { return };
        let asker = Caller { name: ITSELF.to_owned(), role: Role::Viewer, customer_id: None };
        let ids = Ids::new(now, &asker, answers.len());
        let nobody = Arc::default();
        let rows = slice.pools().zip(answers).enumerate().filter_map(|(at, (pool, answer))| {
            let value = (*answer)?;
            Some(PredictionRow {
                model_id: self.served.model_id,
                prediction_id: ids.of(at),
                sequence: 0,
                prediction_type: "spot_interruption".into(),
                customer_id: Arc::clone(&nobody),
                pool: PredictedPool {
                    instance_type: pool.instance_type.shared(),
                    region: slice.region.shared(),
                    zone: pool.zone.map(Zone::shared).unwrap_or_default(),
                    operating_system: slice.operating_system.name().into(),
                },
                horizon_seconds: (self.served.horizon_hours * 3600.0) as u64,
                value,
                low: None,
                high: None,
                last_value: None,
                confidence: value.max(1.0 - value),
                features: None,
                created_at: now,
                outcome: None,
                outcome_at: None,
                shadow_of: None,
            })
        });
        let rows: Vec<PredictionRow> = rows.collect();
        let kind = ModelType::SpotPredictor;
        if let Some(shadows) = self.shadows.as_ref().filter(|shadows| shadows.wanted(kind)) {
            shadows.ask(rows.len(), || {
                let told = vec![Told::default(); rows.len()];
                let about = About::Pools { market: Arc::clone(market), as_of: slice.as_of, told };
                Question { kind, answers: rows.clone(), about }
            });
        }
        keeper.keep(rows);
    }
}
