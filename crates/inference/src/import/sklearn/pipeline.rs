//! Which class is lowered how, and `Pipeline`.

use pickle::Value;

use crate::refusal::Refusal;
use crate::{Predictor, Step};

use super::lowering::{Asked, Estimator, Lowering, present};
use super::{
    boosters, boosting, calibration, columns, encoders, forests, histogram, imputers, linear,
    scalers,
};

const PIPELINE: &str = "sklearn.pipeline.Pipeline";

const TRANSFORMERS: &[&str] = &[
    "sklearn.preprocessing._data.StandardScaler",
    "sklearn.preprocessing._data.MinMaxScaler",
    "sklearn.preprocessing._data.RobustScaler",
    "sklearn.preprocessing._data.MaxAbsScaler",
    "sklearn.impute._base.SimpleImputer",
    "sklearn.preprocessing._encoders.OneHotEncoder",
    "sklearn.preprocessing._encoders.OrdinalEncoder",
    "sklearn.compose._column_transformer.ColumnTransformer",
    "sklearn.preprocessing._function_transformer.FunctionTransformer",
];

/// Whether an estimator changes rows instead of predicting.
pub(super) fn is_transformer(mut value: Value<'_>) -> Result<bool, Refusal> {
    // A pipeline is what its last step is. The graph has no cycles, so this ends.
    while value.class() == Some(PIPELINE) {
        match steps(value)?.last() {
            Some(last) => value = *last,
            None => return Ok(true),
        }
    }
    Ok(value.class().is_some_and(|class| TRANSFORMERS.contains(&class)))
}

/// The steps of a pipeline that do something.
fn steps(value: Value<'_>) -> Result<Vec<Value<'_>>, Refusal> {
    let mut all = Vec::new();
    for entry in value.required("steps")?.items("steps")? {
        let [_, step] = entry.items("steps")?[..] else {
            return Err(entry.expected("a name and an estimator").into());
        };
        if !step.is_none() && step.text("a step").ok() != Some("passthrough") {
            all.push(step);
        }
    }
    Ok(all)
}

/// A transformer, and how many cells a row has that it takes.
pub(super) fn transformer(
    value: Value<'_>,
    lowering: &mut Lowering<'_>,
) -> Result<(Vec<Step>, usize), Refusal> {
    lowering.enter(value)?;
    let class = value.class().unwrap_or_default();
    let one = match class.rsplit('.').next().unwrap_or_default() {
        _ if class == PIPELINE => {
            let mut all = Vec::new();
            let mut features = None;
            for step in steps(value)? {
                let (steps, width) = transformer(step, lowering)?;
                features = features.or((!steps.is_empty()).then_some(width));
                all.extend(steps);
            }
            lowering.leave();
            return Ok((all, features.unwrap_or(0)));
        }
        "FunctionTransformer" => {
            let steps = passed_on(value)?;
            lowering.leave();
            return Ok((steps, 0));
        }
        "StandardScaler" => {
            let shift = Some(("mean_", "with_mean"));
            scalers::subtract_divide(value, shift, Some("with_std"), lowering)?
        }
        "RobustScaler" => {
            let shift = Some(("center_", "with_centering"));
            scalers::subtract_divide(value, shift, Some("with_scaling"), lowering)?
        }
        "MaxAbsScaler" => scalers::subtract_divide(value, None, None, lowering)?,
        "MinMaxScaler" => scalers::minmax(value, lowering)?,
        "SimpleImputer" => imputers::simple(value, lowering)?,
        "OneHotEncoder" => encoders::one_hot(value, lowering)?,
        "OrdinalEncoder" => encoders::ordinal(value, lowering)?,
        "ColumnTransformer" => columns::transformer(value, lowering)?,
        _ => return Err(Refusal::unsupported("transformer", value.described(), KNOWN)),
    };
    lowering.leave();
    Ok((vec![one.0], one.1))
}

const KNOWN: &str = "the scalers, encoders and imputers of docs/pickles.md are";

/// A function transformer that changes nothing: without a function, or with the check by which
/// histogram boosting passes its numbers on.
fn passed_on(value: Value<'_>) -> Result<Vec<Step>, Refusal> {
    let Some(function) = present(value, "func")? else {
        return Ok(Vec::new());
    };
    let check = "sklearn.utils.validation.check_array";
    let inner = match function.state() {
        Some(state) => state.items("the function of a FunctionTransformer")?.first().copied(),
        None => None,
    };
    let same = function.class() == Some("functools.partial")
        && inner.is_some_and(|inner| inner.global() == Some(check));
    if same {
        return Ok(Vec::new());
    }
    Err(Refusal::unsupported("function", function.described(), "a transformer without one is"))
}

/// An estimator that predicts.
pub(super) fn estimator(
    value: Value<'_>,
    asked: Asked,
    lowering: &mut Lowering<'_>,
) -> Result<Estimator, Refusal> {
    lowering.enter(value)?;
    let class = value.class().unwrap_or_default();
    let module = class.split('.').next().unwrap_or_default();
    let found = match class.rsplit('.').next().unwrap_or_default() {
        _ if class == PIPELINE => of_pipeline(value, asked, lowering),
        _ if module == "xgboost" => boosters::xgboost(value, lowering),
        _ if module == "lightgbm" => boosters::lightgbm(value, lowering),
        "DecisionTreeClassifier" | "ExtraTreeClassifier" => forests::tree(value, true, lowering),
        "DecisionTreeRegressor" | "ExtraTreeRegressor" => forests::tree(value, false, lowering),
        "RandomForestClassifier" | "ExtraTreesClassifier" => forests::forest(value, true, lowering),
        "RandomForestRegressor" | "ExtraTreesRegressor" => forests::forest(value, false, lowering),
        "GradientBoostingClassifier" => boosting::boosting(value, true, asked, lowering),
        "GradientBoostingRegressor" => boosting::boosting(value, false, asked, lowering),
        "HistGradientBoostingClassifier" => histogram::histogram(value, true, asked, lowering),
        "HistGradientBoostingRegressor" => histogram::histogram(value, false, asked, lowering),
        "LogisticRegression" => linear::logistic(value, asked, lowering),
        "LinearRegression" | "Ridge" => linear::regression(value, lowering),
        "CalibratedClassifierCV" => calibration::calibrated(value, lowering),
        "IsotonicRegression" => calibration::isotonic(value, lowering),
        _ => {
            let instead = "the estimators of docs/pickles.md are; save the estimator itself";
            Err(Refusal::unsupported("content", value.described(), instead))
        }
    }?;
    lowering.leave();
    Ok(found)
}

fn of_pipeline(
    value: Value<'_>,
    asked: Asked,
    lowering: &mut Lowering<'_>,
) -> Result<Estimator, Refusal> {
    let members = steps(value)?;
    let Some((last, before)) = members.split_last() else {
        return Err(value.expected("a pipeline with an estimator").into());
    };
    let mut all = Vec::new();
    let mut features = None;
    for step in before {
        let (steps, width) = transformer(*step, lowering)?;
        features = features.or((!steps.is_empty()).then_some(width));
        all.extend(steps);
    }
    let mut found = estimator(*last, asked, lowering)?;
    if all.is_empty() {
        return Ok(found);
    }
    found.features = features.unwrap_or(found.features);
    found.columns = None;
    found.predictor = Predictor::Pipeline { steps: all, last: Box::new(found.predictor) };
    Ok(found)
}
