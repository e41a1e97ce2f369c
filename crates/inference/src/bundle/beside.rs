//! Small files beside a model: metadata, importance, and scalers and encoders as JSON.

use serde_json::{Map, Value};

use crate::refusal::{Refusal, shown};
use crate::{Affine, AffineOrder, Encoding, Label, Step};

/// Files beside a model are small; a larger one is something else.
const LARGEST: usize = 8 << 20;

/// Whether JSON content is a model of XGBoost: an object with a learner or a version first.
pub(super) fn is_model(bytes: &[u8]) -> bool {
    let start: Vec<u8> =
        bytes.iter().take(64).copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    start.starts_with(b"{\"learner\"") || start.starts_with(b"{\"version\":[")
}

/// A JSON object.
pub(super) fn object(bytes: &[u8]) -> Result<Map<String, Value>, Refusal> {
    Refusal::check("bytes beside a model", bytes.len(), LARGEST)?;
    serde_json::from_slice(bytes).map_err(|error| Refusal::Syntax {
        format: "JSON",
        at: format!("line {} column {}", error.line(), error.column()),
        detail: shown(&error),
    })
}

/// `{"mean": [..], "scale": [..]}`, as a standard scaler has them, or `{"min": [..], "scale": [..]}`
/// as a minmax scaler has them.
pub(super) fn scaler(object: &Map<String, Value>) -> Result<(usize, Vec<Step>), Refusal> {
    let numbers = |keys: [&str; 2]| -> Option<Vec<f64>> {
        let list = keys.iter().find_map(|key| object.get(*key)?.as_array())?;
        list.iter().map(Value::as_f64).collect()
    };
    let factor = numbers(["scale", "scale_"]);
    let (order, shift) = match (numbers(["mean", "mean_"]), numbers(["min", "min_"])) {
        (Some(mean), None) => (AffineOrder::SubtractDivide, Some(mean)),
        (None, Some(min)) => (AffineOrder::MultiplyAdd, Some(min)),
        _ => (AffineOrder::SubtractDivide, None),
    };
    match (shift, factor) {
        (Some(shift), Some(factor)) if shift.len() == factor.len() => {
            let features = shift.len();
            Ok((features, vec![Step::Affine(Affine { order, shift, factor, clip: None })]))
        }
        _ => Err(Refusal::field(
            "scaler",
            "something else",
            "`mean` or `min`, and `scale`: lists of numbers, equally long",
        )),
    }
}

/// `{"column": ["a", "b"]}`: the labels of each column in the order of their codes.
pub(super) fn encoders(object: &Map<String, Value>) -> Result<Vec<Encoding>, Refusal> {
    let label = |value: &Value| match value {
        Value::String(text) => Some(Label::Text(text.clone())),
        Value::Bool(flag) => Some(Label::Flag(*flag)),
        Value::Number(number) => match number.as_i64() {
            Some(integer) => Some(Label::Integer(integer)),
            None => number.as_f64().map(Label::Number),
        },
        _ => None,
    };
    let mut all = Vec::with_capacity(object.len());
    for (name, value) in object {
        let labels: Option<Vec<Label>> =
            value.as_array().and_then(|list| list.iter().map(label).collect());
        let labels = labels.ok_or_else(|| {
            Refusal::field(name, "something else", "a list of texts, numbers or truth values")
        })?;
        all.push(Encoding { column: Some(name.clone()), labels });
    }
    Ok(all)
}

/// Rows of a name and a number, after a line with the names of the columns.
pub(super) fn importance(bytes: &[u8], most: usize) -> Result<Vec<(String, f64)>, Refusal> {
    Refusal::check("bytes beside a model", bytes.len(), LARGEST)?;
    let wrong = |line: usize, found: &str| Refusal::Syntax {
        format: "importance",
        at: format!("line {line}"),
        detail: format!("found {}; expected a feature and its importance", shown(&found)),
    };
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(bytes);
    let headers = reader.headers().map_err(|error| wrong(1, &error.to_string()))?.clone();
    let place = |names: &[&str], otherwise: usize| {
        headers.iter().position(|header| names.contains(&header)).unwrap_or(otherwise)
    };
    // pandas writes its index first, without a name, where it is told nothing.
    let first = usize::from(headers.get(0) == Some(""));
    let name = place(&["feature", "name"], first);
    let number = place(&["importance", "gain", "score"], first.saturating_add(1));
    let mut rows = Vec::new();
    for (at, record) in reader.records().enumerate() {
        let line = at.saturating_add(2);
        let record = record.map_err(|error| wrong(line, &error.to_string()))?;
        let (Some(name), Some(text)) = (record.get(name), record.get(number)) else {
            return Err(wrong(line, "too few fields"));
        };
        let importance: f64 = text.trim().parse().map_err(|_| wrong(line, text))?;
        if !importance.is_finite() {
            return Err(wrong(line, text));
        }
        rows.push((shown(&name), importance));
        Refusal::check("features", rows.len(), most)?;
    }
    Ok(rows)
}
