//! Pickled estimators of XGBoost and LightGBM: around a model in the library's own format.

use pickle::Value;

use crate::import::{Rounds, read_lightgbm, read_xgboost_ubj};
use crate::refusal::Refusal;
use crate::{Absent, Label, Meaning, Model, Predictor, ReadOptions};

use super::labels;
use super::lowering::{Estimator, Lowering, present};

/// An `XGB*` class with its booster, or a `Booster` alone: UBJ in `handle`.
pub(super) fn xgboost(value: Value<'_>, lowering: &mut Lowering<'_>) -> Result<Estimator, Refusal> {
    let alone = value.class() == Some("xgboost.core.Booster");
    let booster = if alone { value } else { value.required("_Booster")? };
    if booster.class() != Some("xgboost.core.Booster") {
        return Err(booster.expected("a fitted booster (`_Booster`)").into());
    }
    let handle = booster.required("handle")?;
    let bytes = handle.bytes("the model of a booster (`handle`)")?;
    lowering.charge(bytes.len(), handle)?;
    // A booster alone predicts with all rounds; the classes stop at the best one.
    let rounds = if alone { Rounds::All } else { lowering.options.rounds };
    let options = ReadOptions { rounds, ..*lowering.options };
    let mut model = read_xgboost_ubj(&bytes, &options)?;
    if !alone && let Some(missing) = present(value, "missing")? {
        let missing = missing.number("missing")?;
        if let Predictor::Trees(ensemble) = &mut model.predictor
            && !missing.is_nan()
        {
            ensemble.absent = vec![Absent::Equal(missing); ensemble.features];
        }
    }
    name_classes(value, "classes_", &mut model, lowering)?;
    Ok(estimator(model))
}

/// An `LGBM*` class with its booster, or a `Booster` alone: text in `_handle`.
pub(super) fn lightgbm(
    value: Value<'_>,
    lowering: &mut Lowering<'_>,
) -> Result<Estimator, Refusal> {
    let alone = value.class() == Some("lightgbm.basic.Booster");
    let booster = if alone { value } else { value.required("_Booster")? };
    if booster.class() != Some("lightgbm.basic.Booster") {
        return Err(booster.expected("a fitted booster (`_Booster`)").into());
    }
    // The name before 4.0 was another one.
    let handle = match present(booster, "_handle")? {
        Some(handle) => handle,
        None => booster.required("handle")?,
    };
    let text = handle.text("the model of a booster (`_handle`)")?;
    lowering.charge(text.len(), handle)?;
    let mut model = read_lightgbm(text.as_bytes(), lowering.options)?;
    // The text has all rounds; predictions stop at the best one.
    let best = match present(booster, "best_iteration")? {
        Some(best) if lowering.options.rounds == Rounds::Best => best.integer("best_iteration")?,
        _ => 0,
    };
    if let (Predictor::Trees(ensemble), Ok(best @ 1..)) =
        (&mut model.predictor, usize::try_from(best))
    {
        let all = ensemble.trees.len();
        ensemble.trees.truncate(best.saturating_mul(ensemble.groups));
        // A forest averages over the trees that count.
        if ensemble.vote.divisor != 1.0 {
            ensemble.vote.divisor = (ensemble.trees.len() / ensemble.groups.max(1)).max(1) as f64;
        }
        if ensemble.trees.len() < all {
            model
                .source
                .notes
                .push(format!("the best of all rounds is the last that counts: {best}"));
        }
    }
    name_classes(value, "_classes", &mut model, lowering)?;
    Ok(estimator(model))
}

fn estimator(model: Model) -> Estimator {
    let Model { signature, predictor, source } = model;
    let features = signature.features.len();
    let mut estimator = Estimator::new(predictor, features, signature.meaning);
    estimator.columns = Some(signature.features);
    estimator.version = source.version;
    estimator.notes = source.notes;
    estimator
        .notes
        .extend(source.objective.map(|objective| format!("the objective is {objective}")));
    estimator
}

/// Puts the names that the Python class remembers in place of 0, 1, 2…
fn name_classes(
    value: Value<'_>,
    attribute: &str,
    model: &mut Model,
    lowering: &mut Lowering<'_>,
) -> Result<(), Refusal> {
    let Some(names) = present(value, attribute)?.filter(|names| names.is_array()) else {
        return Ok(());
    };
    let names: Vec<Label> = labels::of(names, attribute, lowering)?;
    let classes = match &mut model.signature.meaning {
        Meaning::Values { .. } => return Ok(()),
        Meaning::ProbabilityOfSecond { classes }
        | Meaning::Probabilities { classes }
        | Meaning::Scores { classes } => classes,
    };
    if classes.len() != names.len() {
        let wanted = format!("{} classes (`{attribute}`)", classes.len());
        return Err(value.expected(&wanted).into());
    }
    *classes = names;
    Ok(())
}
