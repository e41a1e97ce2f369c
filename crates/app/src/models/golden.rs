//! Golden vectors: rows with the answers that the model's maker got, compared before it is taken.

use inference::Cell;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::reading::ReadModel;
use crate::{Error, FieldError};

/// The name of the list in a model's metadata.
pub const GOLDEN_VECTORS: &str = "golden_vectors";

/// How far an answer may lie from the expected one, relative to it where it is above 1.
const TOLERANCE: f64 = 1e-6;

/// A row and its answer.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct GoldenVector {
    /// In the order of the model's features, or by their names; `null` where one is missing.
    features: Features,
    /// Everything that the model answers, or the one number that counts.
    answer: Answer,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Features {
    ByPosition(Vec<Value>),
    ByName(Map<String, Value>),
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Answer {
    One(f64),
    All(Vec<f64>),
}

/// Compares the vectors of a model's metadata with what it answers. How many there are.
///
/// # Errors
/// A list that cannot be read, or the first vector that the model answers otherwise.
pub(super) fn compare(model: &ReadModel, metadata: &Map<String, Value>) -> Result<usize, Error> {
    let Some(list) = metadata.get(GOLDEN_VECTORS) else { return Ok(0) };
    let wrong = |at: String, detail: String| {
        let pointer = format!("/metadata/{GOLDEN_VECTORS}{at}");
        Error::Invalid(vec![FieldError { pointer, code: "golden_vector", detail }])
    };
    let vectors: Vec<GoldenVector> = Vec::deserialize(list).map_err(|error| {
        let detail = "validated: expected a list of {\"features\", \"answer\"}";
        wrong(String::new(), format!("{detail}: {error}"))
    })?;
    let names = model.feature_names.as_deref();
    for (at, vector) in vectors.iter().enumerate() {
        let at = format!("/{at}");
        let row = row(&vector.features, names)
            .map_err(|detail| wrong(format!("{at}/features"), format!("validated: {detail}")))?;
        let answers = model
            .engine
            .predict_cells(&row)
            .map_err(|error| wrong(format!("{at}/features"), format!("validated: {error}")))?;
        let expected = match &vector.answer {
            Answer::All(all) => all.clone(),
            Answer::One(one) => vec![*one],
        };
        // Of several answers a single expected number means the last, as the probability of the
        // second of two classes.
        let answers = match (answers.len(), expected.len()) {
            (many, 1) if many > 1 => &answers[many - 1..],
            (same, found) if same == found => &answers[..],
            (all, found) => {
                let detail = format!("validated: {found} answers for a model that gives {all}");
                return Err(wrong(format!("{at}/answer"), detail));
            }
        };
        for (found, expected) in answers.iter().zip(&expected) {
            let off = (found - expected).abs() / expected.abs().max(1.0);
            if off.is_nan() || off > TOLERANCE {
                let detail = format!("validated: the model answers {found}, expected {expected}");
                return Err(wrong(format!("{at}/answer"), detail));
            }
        }
    }
    Ok(vectors.len())
}

fn row(features: &Features, names: Option<&[String]>) -> Result<Vec<Cell>, String> {
    let cell = |value: Option<&Value>| match value {
        None | Some(Value::Null) => Ok(Cell::Number(f64::NAN)),
        Some(Value::String(text)) => Ok(Cell::Text(text.clone())),
        Some(Value::Number(number)) => Ok(Cell::Number(number.as_f64().unwrap_or(f64::NAN))),
        Some(Value::Bool(flag)) => Ok(Cell::Number(f64::from(u8::from(*flag)))),
        Some(other) => Err(format!("{other} is no number, no text and not null")),
    };
    match features {
        Features::ByPosition(values) => values.iter().map(|value| cell(Some(value))).collect(),
        Features::ByName(values) => {
            let names = names.ok_or("the model has no names of features; give a list")?;
            if let Some(unknown) = values.keys().find(|key| !names.contains(key)) {
                return Err(format!("the model has no feature `{unknown}`"));
            }
            names.iter().map(|name| cell(values.get(name))).collect()
        }
    }
}
