//! A model that was a shadow, beside the models whose answers it was a shadow of.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use store::{ShadowPair, Uuid};

use crate::predict::BASELINE;

/// What a shadow and a model that answered said of the same pools at the same instants.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Comparison {
    /// The model that answered; `null` for the baseline.
    pub model_id: Option<String>,
    /// Predictions that were compared: the newest of equal horizon.
    pub compared_count: usize,
    /// Share of them in which both said the same: for events that it will happen, or not; for prices
    /// that they rise, fall or stay. `null` where the present value is not known.
    pub agreement: Option<f64>,
    /// Mean distance of both, in probabilities or dollars an hour.
    pub mean_absolute_difference: f64,
    /// Those of them whose outcome is known.
    pub resolved_count: usize,
    /// The shadow's Brier score on those; `null` without any, and for prices.
    pub brier_score: Option<f64>,
    /// The Brier score of what was answered, on the same.
    pub answered_brier_score: Option<f64>,
    /// The shadow's mean absolute error; `null` without outcomes, and for events.
    pub mean_absolute_error: Option<f64>,
    /// The mean absolute error of what was answered, on the same.
    pub answered_mean_absolute_error: Option<f64>,
}

/// One comparison for each model that answered.
pub(super) fn of(pairs: &[ShadowPair]) -> Vec<Comparison> {
    let mut by_model: BTreeMap<(Uuid, bool), Vec<&ShadowPair>> = BTreeMap::new();
    for pair in pairs {
        let events = pair.prediction_type == "spot_interruption";
        by_model.entry((pair.answered_by, events)).or_default().push(pair);
    }
    by_model.into_iter().map(|((model, events), pairs)| one(model, events, &pairs)).collect()
}

fn one(model: Uuid, events: bool, pairs: &[&ShadowPair]) -> Comparison {
    let agrees = |pair: &&ShadowPair| -> Option<bool> {
        if events {
            return Some((pair.shadow >= 0.5) == (pair.answer >= 0.5));
        }
        let last = pair.last_value?;
        Some(pair.shadow.total_cmp(&last) == pair.answer.total_cmp(&last))
    };
    let agreed: Vec<f64> =
        pairs.iter().filter_map(agrees).map(|one| f64::from(u8::from(one))).collect();
    let apart: Vec<f64> = pairs.iter().map(|pair| (pair.shadow - pair.answer).abs()).collect();
    let known: Vec<(f64, f64, f64)> =
        pairs.iter().filter_map(|pair| Some((pair.shadow, pair.answer, pair.outcome?))).collect();
    let error = |wanted: bool, of: fn(&(f64, f64, f64)) -> f64| {
        mean(&known.iter().filter(|_| wanted).map(of).collect::<Vec<_>>())
    };
    Comparison {
        model_id: (model != BASELINE).then(|| model.to_string()),
        compared_count: pairs.len(),
        agreement: mean(&agreed),
        mean_absolute_difference: mean(&apart).unwrap_or(0.0),
        resolved_count: known.len(),
        brier_score: error(events, |(shadow, _, outcome)| (shadow - outcome).powi(2)),
        answered_brier_score: error(events, |(_, answer, outcome)| (answer - outcome).powi(2)),
        mean_absolute_error: error(!events, |(shadow, _, outcome)| (shadow - outcome).abs()),
        answered_mean_absolute_error: error(!events, |(_, answer, outcome)| {
            (answer - outcome).abs()
        }),
    }
}

fn mean(all: &[f64]) -> Option<f64> {
    (!all.is_empty()).then(|| all.iter().sum::<f64>() / all.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(answer: f64, shadow: f64, outcome: Option<f64>) -> ShadowPair {
        ShadowPair {
            answered_by: Uuid::nil(),
            prediction_type: "spot_interruption".to_owned(),
            answer,
            shadow,
            last_value: None,
            outcome,
        }
    }

    #[test]
    fn both_are_measured_on_the_same_predictions() {
        let pairs = [pair(0.5, 0.75, Some(1.0)), pair(0.25, 0.75, Some(1.0)), pair(0.5, 0.5, None)];
        let found = of(&pairs).remove(0);
        assert_eq!((found.model_id, found.compared_count, found.resolved_count), (None, 3, 2));
        assert_eq!(found.agreement, Some(2.0 / 3.0));
        assert_eq!(found.mean_absolute_difference, 0.25);
        assert_eq!(found.brier_score, Some(0.0625));
        assert_eq!(found.answered_brier_score, Some((0.25 + 0.5625) / 2.0));
        assert_eq!(found.mean_absolute_error, None);
        assert_eq!(of(&[]), []);
    }

    #[test]
    fn prices_agree_when_they_move_the_same_way() {
        let price = |answer, shadow| ShadowPair {
            prediction_type: "spot_price".to_owned(),
            last_value: Some(1.0),
            ..pair(answer, shadow, Some(2.0))
        };
        let found = of(&[price(1.5, 3.0), price(0.5, 1.0)]).remove(0);
        assert_eq!(found.agreement, Some(0.5));
        assert_eq!(found.mean_absolute_error, Some(1.0));
        assert_eq!(found.answered_mean_absolute_error, Some(1.0));
        assert_eq!(found.brier_score, None);
    }
}
