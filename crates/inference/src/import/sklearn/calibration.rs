//! `CalibratedClassifierCV`, and `IsotonicRegression` alone.

use pickle::Value;

use crate::refusal::Refusal;
use crate::{Calibrated, CalibratedMember, Calibrator, Meaning, Predictor};

use super::labels;
use super::lowering::{Asked, Estimator, Lowering, present, text_or};
use super::pipeline;

pub(super) fn calibrated(
    value: Value<'_>,
    lowering: &mut Lowering<'_>,
) -> Result<Estimator, Refusal> {
    let classes = labels::classes(value, lowering)?;
    let curves = if classes.len() == 2 { 1 } else { classes.len() };
    let mut members = Vec::new();
    let mut features = None;
    for fold in value.required("calibrated_classifiers_")?.items("calibrated_classifiers_")? {
        if fold.class() != Some("sklearn.calibration._CalibratedClassifier") {
            return Err(fold.expected("a calibrated classifier").into());
        }
        // The name before 1.2 was another one.
        let inner = match present(fold, "estimator")? {
            Some(inner) => inner,
            None => fold.required("base_estimator")?,
        };
        let scores = pipeline::estimator(inner, Asked::Scores, lowering)?;
        let own = fold.required("calibrators")?;
        let calibrators = own.items("calibrators")?;
        if scores.predictor.outputs() != curves || calibrators.len() != curves {
            return Err(own
                .expected(&format!("{curves} curves: every fold has to know every class"))
                .into());
        }
        if features.is_some_and(|features| features != scores.features) {
            return Err(inner.expected("as many features as in the other folds").into());
        }
        features = Some(scores.features);
        let curves =
            calibrators.into_iter().map(|one| curve(one, lowering)).collect::<Result<_, _>>()?;
        members.push(CalibratedMember { scores: scores.predictor, curves });
    }
    let Some(features) = features else {
        return Err(value.expected("at least one calibrated classifier").into());
    };
    let predictor = Predictor::Calibrated(Calibrated { members });
    Ok(Estimator::new(predictor, features, labels::probabilities(classes)))
}

pub(super) fn isotonic(
    value: Value<'_>,
    lowering: &mut Lowering<'_>,
) -> Result<Estimator, Refusal> {
    let predictor = Predictor::Curve(curve(value, lowering)?);
    Ok(Estimator::new(predictor, 1, Meaning::Values { outputs: 1 }))
}

fn curve(value: Value<'_>, lowering: &mut Lowering<'_>) -> Result<Calibrator, Refusal> {
    match value.class() {
        Some("sklearn.calibration._SigmoidCalibration") => {
            let slope = value.required("a_")?.number("a_")?;
            let intercept = value.required("b_")?.number("b_")?;
            Ok(Calibrator::Sigmoid { slope, intercept })
        }
        Some("sklearn.isotonic.IsotonicRegression") => {
            let x = lowering.floats(value.required("X_thresholds_")?, "X_thresholds_")?;
            let y = lowering.floats(value.required("y_thresholds_")?, "y_thresholds_")?;
            let clip = match text_or(value, "out_of_bounds", "nan")? {
                "clip" => true,
                // A row outside has no answer: Python gives NaN, or refuses the rows.
                "nan" | "raise" => false,
                other => {
                    return Err(Refusal::unsupported("out_of_bounds", other, "`clip` is"));
                }
            };
            Ok(Calibrator::Isotonic { x, y, clip })
        }
        _ => Err(value.expected("a sigmoid or isotonic calibration").into()),
    }
}
