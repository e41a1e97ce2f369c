//! Predictions from features that come with the request: for models with a signature of their own.

use std::sync::Arc;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use store::{PredictedPool, PredictionRow, Uuid};

use super::AnsweringModel;
use super::pool::{Ids, MOST_POOLS, answering};
use super::shadow::{About, Question};
use crate::access::Caller;
use crate::models::ModelType;
use crate::models::serving::ServedModel;
use crate::{App, Error, FieldError};

/// Rows for a model.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GivenRequest {
    /// The model's type.
    pub model_type: ModelType,
    /// The rows.
    pub rows: GivenRows,
}

/// Rows by position, or by name.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum GivenRows {
    /// Numbers in the order of the model's features; `null` where one is missing.
    ByPosition(Vec<Vec<Option<f64>>>),
    /// Numbers by the names of the model's features; what is not named is missing.
    ByName(Vec<Map<String, Value>>),
}

/// Answers for rows.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct PredictedRows {
    /// The model that answered.
    pub model: AnsweringModel,
    /// When.
    pub predicted_at: Timestamp,
    /// One answer for each row.
    pub predictions: Vec<PredictedRow>,
}

/// The answer for one row.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct PredictedRow {
    /// Its name in all other calls.
    #[serde(serialize_with = "crate::ids::written")]
    #[schemars(with = "String")]
    pub prediction_id: Uuid,
    /// The number that counts: a probability, or a value; `null` where the model gives none.
    pub value: Option<f64>,
    /// Everything that the model answered, where that is more than one number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outputs: Option<Vec<f64>>,
}

impl App {
    /// Predicts for rows, and has the predictions kept.
    ///
    /// # Errors
    /// No active model of the type, rows that do not fit it.
    pub fn predict_rows(
        &self,
        request: &GivenRequest,
        caller: &Caller,
    ) -> Result<PredictedRows, Error> {
        let kind = request.model_type;
        let model = self.active_model(kind).ok_or_else(|| {
            Error::NotFound(format!(
                "no {} is active; upload one, or send `pools` instead of `rows`",
                kind.name()
            ))
        })?;
        let width = model.engine.signature().features.len();
        let rows = flat(&request.rows, &model, width)?;
        self.seen_features.look(&model, &rows, self.clock.now());
        let shadows = self.shadows_of(kind);
        let mut for_shadow = Vec::new();
        let answers = model.engine.predict(&rows, self.threads);
        let answers = answers.map_err(|error| Error::Internal(error.to_string()))?;
        let now = self.clock.now();
        let outputs = model.engine.outputs().max(1);
        let ids = Ids::new(now, caller, rows.len());
        let customer_id: Arc<str> = caller.customer_id.as_deref().unwrap_or_default().into();
        let mut predictions = Vec::new();
        let mut kept = Vec::new();
        for (at, (answer, row)) in answers.chunks(outputs).zip(rows.chunks(width)).enumerate() {
            let value = Some(model.number(answer)).filter(|value| value.is_finite());
            let prediction_id = ids.of(at);
            if let Some(value) = value {
                if shadows.is_some() {
                    for_shadow.extend_from_slice(row);
                }
                kept.push(PredictionRow {
                    model_id: model.model_id,
                    prediction_id,
                    sequence: 0,
                    prediction_type: kind.prediction().into(),
                    customer_id: Arc::clone(&customer_id),
                    pool: PredictedPool::default(),
                    horizon_seconds: (model.horizon_hours * 3600.0) as u64,
                    value,
                    low: None,
                    high: None,
                    last_value: None,
                    confidence: if (0.0..=1.0).contains(&value) {
                        value.max(1.0 - value)
                    } else {
                        0.5
                    },
                    features: Some(json!(row)),
                    created_at: now,
                    outcome: None,
                    outcome_at: None,
                    shadow_of: None,
                });
            }
            predictions.push(PredictedRow {
                prediction_id,
                value,
                outputs: (outputs > 1).then(|| answer.to_vec()),
            });
        }
        if let Some(shadows) = shadows {
            shadows.ask(kept.len(), || {
                let about = About::Rows { values: for_shadow, asked: Arc::clone(&model) };
                Question { kind, answers: kept.clone(), about }
            });
        }
        self.keep_predictions(kept);
        self.meters.predictions(now, self.clock.now(), predictions.len());
        Ok(PredictedRows { model: answering(&model), predicted_at: now, predictions })
    }
}

/// Rows one after the other, NaN where a number is missing.
fn flat(rows: &GivenRows, model: &ServedModel, width: usize) -> Result<Vec<f64>, Error> {
    let wrong = |pointer: String, detail: String| {
        Error::Invalid(vec![FieldError { pointer, code: "invalid", detail }])
    };
    let count = match rows {
        GivenRows::ByPosition(rows) => rows.len(),
        GivenRows::ByName(rows) => rows.len(),
    };
    if count == 0 || count > MOST_POOLS {
        return Err(wrong("/rows".to_owned(), format!("expected 1 to {MOST_POOLS} rows")));
    }
    let mut all = Vec::with_capacity(count * width);
    match rows {
        GivenRows::ByPosition(rows) => {
            for (at, row) in rows.iter().enumerate() {
                if row.len() != width {
                    let detail = format!("expected {width} numbers; got {}", row.len());
                    return Err(wrong(format!("/rows/{at}"), detail));
                }
                all.extend(row.iter().map(|value| value.unwrap_or(f64::NAN)));
            }
        }
        GivenRows::ByName(rows) => {
            let names = model.feature_names.as_ref().ok_or_else(|| {
                let detail = "the model's features have no names: send the numbers in order";
                wrong("/rows".to_owned(), detail.to_owned())
            })?;
            for (at, row) in rows.iter().enumerate() {
                if let Some(stranger) = row.keys().find(|name| !names.contains(name)) {
                    let detail = "the model has no feature of this name".to_owned();
                    return Err(wrong(format!("/rows/{at}/{stranger}"), detail));
                }
                for name in names {
                    all.push(match row.get(name) {
                        None | Some(Value::Null) => f64::NAN,
                        Some(value) => value.as_f64().ok_or_else(|| {
                            wrong(format!("/rows/{at}/{name}"), "expected a number".to_owned())
                        })?,
                    });
                }
            }
        }
    }
    Ok(all)
}
