//! Models whose answers follow from one number, in a format that XGBoost writes.

use serde_json::json;

/// The answer of a made model for every row in which its features are 0 or missing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Made {
    /// This probability of the second class.
    Probability(f64),
    /// This value.
    Value(f64),
}

/// A linear model as XGBoost JSON. Its answer moves with the first feature alone: a probability by its
/// logit, a value by the feature itself. `features` without names where `named` is false; `padding`
/// bytes more than it needs.
#[must_use]
pub fn made_model(features: &[&str], named: bool, answer: Made, padding: usize) -> Vec<u8> {
    let (objective, base, bias) = match answer {
        Made::Probability(probability) => {
            ("binary:logistic", "5E-1", (probability / (1.0 - probability)).ln())
        }
        Made::Value(value) => ("reg:squarederror", "0E0", value),
    };
    let mut weights = vec![0.0; features.len() + 1];
    if let Some(first) = weights.first_mut() {
        *first = 1.0;
    }
    if let Some(last) = weights.last_mut() {
        *last = bias;
    }
    let names: &[&str] = if named { features } else { &[] };
    let types = vec!["float"; names.len()];
    let model = json!({
        "learner": {
            "attributes": { "padding": "x".repeat(padding) },
            "feature_names": names,
            "feature_types": types,
            "gradient_booster": {
                "model": { "boosted_rounds": 1, "weights": weights },
                "name": "gblinear",
            },
            "learner_model_param": {
                "base_score": base, "boost_from_average": "1", "num_class": "0",
                "num_feature": features.len().to_string(), "num_target": "1",
            },
            "objective": { "name": objective, "reg_loss_param": { "scale_pos_weight": "1" } },
        },
        "version": [3, 2, 0],
    });
    model.to_string().into_bytes()
}
