//! The columns of a model: what they are called, and whether they may hold texts.

use pickle::Value;

use crate::refusal::Refusal;
use crate::{Cell, Feature, FeatureKind, Meaning, Predictor, Signature, Step};

/// The signature of the estimator `root` that was lowered into `predictor`.
pub(super) fn of(
    root: Value<'_>,
    predictor: &Predictor,
    features: usize,
    columns: Option<Vec<Feature>>,
    meaning: Meaning,
) -> Result<Signature, Refusal> {
    let mut features = match columns {
        Some(columns) if columns.len() == features => columns,
        _ => {
            let one = Feature { name: None, kind: FeatureKind::Number };
            vec![one; features]
        }
    };
    if let Some(names) = names(root, features.len())? {
        for (feature, name) in features.iter_mut().zip(names) {
            feature.name = Some(name);
        }
    }
    let steps: &[Step] = match predictor {
        Predictor::Pipeline { steps, .. } => steps,
        _ => &[],
    };
    let mut texts = vec![false; features.len()];
    let all: Vec<usize> = (0..features.len()).collect();
    mark_texts(steps, &all, &mut texts);
    for (feature, text) in features.iter_mut().zip(texts) {
        if text {
            feature.kind = FeatureKind::Any;
        }
    }
    Ok(Signature { features, meaning })
}

/// `feature_names_in_`, which a pipeline leaves to its first step.
fn names(root: Value<'_>, features: usize) -> Result<Option<Vec<String>>, Refusal> {
    let mut value = root;
    loop {
        if value.state().is_none() {
            return Ok(None);
        }
        if let Some(names) = value.attribute("feature_names_in_")?
            && let Ok(array) = names.array("feature_names_in_")
            && array.len() == features
        {
            return Ok(array.texts("feature_names_in_").ok());
        }
        let Some(steps) = value.attribute("steps")? else {
            return Ok(None);
        };
        let first = steps.items("steps")?.first().copied();
        let step = first.and_then(|first| first.items("steps").ok()?.get(1).copied());
        let Some(step) = step else {
            return Ok(None);
        };
        value = step;
    }
}

/// Marks the columns of the row that encoders or filling with texts see; `columns` says where in
/// the row the columns stand that the steps see.
fn mark_texts(steps: &[Step], columns: &[usize], texts: &mut [bool]) {
    let mut mark = |column: Option<&usize>| {
        if let Some(place) = column.and_then(|column| texts.get_mut(*column)) {
            *place = true;
        }
    };
    let Some((first, rest)) = steps.split_first() else {
        return;
    };
    match first {
        Step::OneHot(_) | Step::Ordinal(_) => {
            for column in columns {
                mark(Some(column));
            }
        }
        Step::Impute(impute) => {
            let mut left = Vec::new();
            for (column, fill) in columns.iter().zip(&impute.fill) {
                if matches!(fill, Some(Cell::Text(_))) {
                    mark(Some(column));
                }
                if fill.is_some() {
                    left.push(*column);
                }
            }
            mark_texts(rest, &left, texts);
        }
        Step::Select(chosen) => mark_texts(rest, &seen(columns, chosen), texts),
        Step::Parallel { branches, .. } => {
            for branch in branches {
                mark_texts(&branch.steps, &seen(columns, &branch.columns), texts);
            }
        }
        Step::Affine(_) | Step::Normalize(_) | Step::Round32 => {}
    }
}

fn seen(columns: &[usize], chosen: &[u32]) -> Vec<usize> {
    chosen.iter().filter_map(|place| columns.get(*place as usize).copied()).collect()
}
