//! Tables of texts as rows of a model: columns by name where the model has names, else by position.

use inference::{Cell, Feature, FeatureKind, Meaning};
use serde::Serialize;

use super::reading::ReadModel;
use crate::{Error, FieldError};

/// Texts that stand for a missing number.
const MISSING: [&str; 6] = ["", "nan", "na", "n/a", "null", "none"];

/// A model's answers for a table.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TableAnswers {
    /// What each number of an answer is.
    pub columns: Vec<String>,
    /// An answer for each row.
    pub rows: Vec<Vec<f64>>,
}

impl TableAnswers {
    /// The place of the number that counts where one is wanted: the probability of the second of two
    /// classes, or the only one. `None` where several count alike.
    #[must_use]
    pub fn single(&self) -> Option<usize> {
        match self.columns.len() {
            1 => Some(0),
            2 if self.columns[0].starts_with("probability") => Some(1),
            _ => None,
        }
    }
}

/// Predicts a table. A name that the model does not have is passed over, because tables have answers
/// beside the features too.
///
/// # Errors
/// A feature that is no column; as many columns as features are expected where these have no names; a
/// text where the model takes a number. Rows are counted from 1, without the header.
pub fn predict_table(
    model: &ReadModel,
    header: &[String],
    rows: &[Vec<String>],
    threads: usize,
) -> Result<TableAnswers, Error> {
    let signature = model.engine.signature();
    let places = places(model, header)?;
    let mut cells = Vec::with_capacity(rows.len() * places.len());
    for (at, row) in rows.iter().enumerate() {
        for (feature, place) in signature.features.iter().zip(&places) {
            let text = row.get(*place).map_or("", |text| text.trim());
            let cell = cell(feature, text).ok_or_else(|| {
                let name = header.get(*place).map_or_else(|| place.to_string(), Clone::clone);
                let detail = format!("`{text}` is no number, and nothing that the model knows");
                wrong(format!("/rows/{}/{name}", at + 1), detail)
            })?;
            cells.push(cell);
        }
    }
    let numbers: Option<Vec<f64>> = cells
        .iter()
        .map(|cell| match cell {
            Cell::Number(number) => Some(*number),
            Cell::Text(_) => None,
        })
        .collect();
    let answers = match numbers {
        Some(numbers) => model.engine.predict(&numbers, threads),
        None => model.engine.predict_cells(&cells),
    };
    let answers = answers.map_err(|error| Error::Internal(error.to_string()))?;
    let rows = answers.chunks(model.engine.outputs().max(1)).map(<[f64]>::to_vec).collect();
    Ok(TableAnswers { columns: columns(model), rows })
}

/// The column of each feature.
fn places(model: &ReadModel, header: &[String]) -> Result<Vec<usize>, Error> {
    let features = model.engine.signature().features.len();
    let Some(names) = &model.feature_names else {
        if header.len() == features {
            return Ok((0..features).collect());
        }
        let detail = format!(
            "the model takes {features} features without names; the table has {} columns for them",
            header.len()
        );
        return Err(wrong("/rows".to_owned(), detail));
    };
    let place = |name: &String| {
        header.iter().position(|column| column == name).ok_or_else(|| {
            let detail = "the model has a feature of this name; the table has no such column";
            wrong(format!("/rows/{name}"), detail.to_owned())
        })
    };
    names.iter().map(place).collect()
}

fn cell(feature: &Feature, text: &str) -> Option<Cell> {
    if MISSING.contains(&text.to_ascii_lowercase().as_str()) {
        return Some(Cell::Number(f64::NAN));
    }
    if let Ok(number) = text.parse() {
        return Some(Cell::Number(number));
    }
    match &feature.kind {
        FeatureKind::Number => None,
        FeatureKind::Code { values } => values
            .iter()
            .position(|value| value.to_string() == text)
            .map(|code| Cell::Number(code as f64)),
        FeatureKind::Any => Some(Cell::Text(text.to_owned())),
    }
}

fn columns(model: &ReadModel) -> Vec<String> {
    match &model.engine.signature().meaning {
        Meaning::Values { outputs: 1 } => vec!["value".to_owned()],
        Meaning::Values { outputs } => (0..*outputs).map(|at| format!("value {at}")).collect(),
        Meaning::ProbabilityOfSecond { classes } => {
            let second = classes.get(1).map_or_else(|| "second".to_owned(), ToString::to_string);
            vec![format!("probability of {second}")]
        }
        Meaning::Probabilities { classes } => {
            classes.iter().map(|class| format!("probability of {class}")).collect()
        }
        Meaning::Scores { classes } => {
            classes.iter().map(|class| format!("score of {class}")).collect()
        }
    }
}

fn wrong(pointer: String, detail: String) -> Error {
    Error::Invalid(vec![FieldError { pointer, code: "invalid", detail }])
}
