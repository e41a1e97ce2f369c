//! `GradientBoostingClassifier` and `GradientBoostingRegressor`.

use pickle::Value;

use crate::refusal::Refusal;
use crate::{Absent, Comparison, Ensemble, Label, Link, Meaning, Predictor, Sum, Target, Vote};

use super::labels;
use super::lowering::{Asked, Estimator, Lowering, text_or};
use super::trees::{self, Leaves};

/// Shares of classes are kept away from 0 and 1 by this much: `finfo(float32).eps`.
const NEAR: f64 = f32::EPSILON as f64;

pub(super) fn boosting(
    value: Value<'_>,
    classifies: bool,
    asked: Asked,
    lowering: &mut Lowering<'_>,
) -> Result<Estimator, Refusal> {
    let features = lowering.features(value)?;
    let loss = text_or(value, "loss", "")?;
    let classes = if classifies { labels::classes(value, lowering)? } else { Vec::new() };
    let groups = if classes.len() > 2 { classes.len() } else { 1 };
    let link = link(loss, classifies, groups)?;
    let stages = value.required("estimators_")?;
    let array = lowering.array(stages, "estimators_")?;
    if !matches!(*array.shape(), [_, per_stage] if per_stage == groups) {
        return Err(array.expected(&format!("trees of shape (stages, {groups})")).into());
    }
    let rate = value.required("learning_rate")?.number("learning_rate")?;
    let mut all = Vec::with_capacity(array.len());
    for (at, member) in array.values("estimators_")?.into_iter().enumerate() {
        let group = u32::try_from(at % groups).unwrap_or(u32::MAX);
        let target = Target::Group(group);
        let leaves = Leaves::Outputs(1);
        all.push(trees::of_estimator(member, features, leaves, target, rate, lowering)?);
    }
    let base = base(value, loss, &classes, groups, lowering)?;
    let ensemble = Ensemble {
        features,
        groups,
        comparison: Comparison::AtMost32,
        absent: vec![Absent::Nan; features],
        category_sets: Vec::new(),
        trees: all,
        vote: Vote { sum: Sum::F64FromBase, base, divisor: 1.0 },
        link: if asked == Asked::Scores { Link::Identity } else { link },
    };
    let meaning =
        if classifies { labels::probabilities(classes) } else { Meaning::Values { outputs: 1 } };
    Ok(Estimator::new(Predictor::Trees(Box::new(ensemble)), features, meaning))
}

fn link(loss: &str, classifies: bool, groups: usize) -> Result<Link, Refusal> {
    match (loss, classifies) {
        ("log_loss" | "deviance", true) if groups == 1 => Ok(Link::Logistic { scale: 1.0 }),
        ("log_loss" | "deviance", true) => Ok(Link::Softmax),
        ("exponential", true) if groups == 1 => Ok(Link::Logistic { scale: 2.0 }),
        ("squared_error" | "ls" | "absolute_error" | "lad" | "huber" | "quantile", false) => {
            Ok(Link::Identity)
        }
        _ => Err(Refusal::unsupported("loss", loss, "those of scikit-learn 0.24 to 1.9 are")),
    }
}

/// What the sums begin with: what the first estimator, a constant one, says of every row.
fn base(
    value: Value<'_>,
    loss: &str,
    classes: &[Label],
    groups: usize,
    lowering: &mut Lowering<'_>,
) -> Result<Vec<f64>, Refusal> {
    let first = value.required("init_")?;
    match first.class() {
        None if first.text("init_").is_ok_and(|text| text == "zero") => Ok(vec![0.0; groups]),
        Some("sklearn.dummy.DummyRegressor") if classes.is_empty() => {
            let constant = lowering.floats(first.required("constant_")?, "constant_")?;
            match constant[..] {
                [constant] => Ok(vec![constant]),
                _ => Err(first.expected("one constant").into()),
            }
        }
        Some("sklearn.dummy.DummyClassifier") if !classes.is_empty() => {
            let strategy = text_or(first, "strategy", "prior")?;
            if strategy != "prior" {
                return Err(Refusal::unsupported("strategy", strategy, "`prior` is"));
            }
            let prior = lowering.floats(first.required("class_prior_")?, "class_prior_")?;
            if prior.len() != classes.len() {
                return Err(first.expected(&format!("{} shares", classes.len())).into());
            }
            let near = |share: f64| share.clamp(NEAR, 1.0 - NEAR);
            Ok(match prior[..] {
                [_, second] => {
                    let second = near(second);
                    let odds = (second / (1.0 - second)).ln();
                    vec![if loss == "exponential" { 0.5 * odds } else { odds }]
                }
                _ => {
                    let logs: Vec<f64> = prior.iter().map(|share| near(*share).ln()).collect();
                    // Since 1.4 the logarithms are centred. Probabilities do not change by that,
                    // but what a calibration is given does.
                    let centred = value.attribute("n_trees_per_iteration_")?.is_some();
                    let mean = logs.iter().sum::<f64>() / groups as f64;
                    logs.iter().map(|log| if centred { log - mean } else { *log }).collect()
                }
            })
        }
        _ => {
            let instead = "the default (`init=None`) and `init='zero'` are";
            Err(Refusal::unsupported("first estimator (init)", first.described(), instead))
        }
    }
}
