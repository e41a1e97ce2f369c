//! `LogisticRegression`, `LinearRegression` and `Ridge`.

use pickle::Value;

use crate::refusal::Refusal;
use crate::{Linear, Link, Meaning, Predictor};

use super::labels;
use super::lowering::{Asked, Estimator, Lowering, text_or};

pub(super) fn regression(
    value: Value<'_>,
    lowering: &mut Lowering<'_>,
) -> Result<Estimator, Refusal> {
    let (linear, groups) = sums(value, Link::Identity, lowering)?;
    let features = linear.features;
    let meaning = Meaning::Values { outputs: groups };
    Ok(Estimator::new(Predictor::Linear(linear), features, meaning))
}

pub(super) fn logistic(
    value: Value<'_>,
    asked: Asked,
    lowering: &mut Lowering<'_>,
) -> Result<Estimator, Refusal> {
    let classes = labels::classes(value, lowering)?;
    let two = classes.len() == 2;
    // From 1.7 on the attribute is gone: every solver but one is multinomial.
    let multi = text_or(value, "multi_class", "auto")?;
    let solver = text_or(value, "solver", "lbfgs")?;
    let one_against_rest = match multi {
        "ovr" => true,
        "auto" | "deprecated" | "warn" => two || solver == "liblinear",
        "multinomial" => false,
        other => return Err(Refusal::unsupported("multi_class", other, "`auto` is")),
    };
    let link = match (asked, one_against_rest, two) {
        (Asked::Scores, ..) => Link::Identity,
        (_, true, true) => Link::Logistic { scale: 1.0 },
        (_, true, false) => Link::LogisticShares { scale: 1.0 },
        // Two classes of one sum: the softmax of its negative and itself.
        (_, false, true) => Link::Logistic { scale: 2.0 },
        (_, false, false) => Link::Softmax,
    };
    let (linear, groups) = sums(value, link, lowering)?;
    if groups != if two { 1 } else { classes.len() } {
        return Err(value.expected(&format!("weights for {} classes", classes.len())).into());
    }
    let features = linear.features;
    Ok(Estimator::new(Predictor::Linear(linear), features, labels::probabilities(classes)))
}

fn sums(
    value: Value<'_>,
    link: Link,
    lowering: &mut Lowering<'_>,
) -> Result<(Linear, usize), Refusal> {
    let features = lowering.features(value)?;
    let weights = lowering.array(value.required("coef_")?, "coef_")?;
    let groups = match *weights.shape() {
        [width] if width == features => 1,
        [groups, width] if width == features => groups,
        _ => return Err(weights.expected(&format!("weights of {features} features")).into()),
    };
    Refusal::check("classes or outputs", groups, lowering.limits.groups)?;
    let intercept = value.required("intercept_")?;
    let intercepts = if intercept.is_array() {
        lowering.floats(intercept, "intercept_")?
    } else {
        // One number for all: 0 where none was fitted.
        vec![intercept.number("intercept_")?; groups]
    };
    let intercepts = match intercepts[..] {
        [one] => vec![one; groups],
        _ => intercepts,
    };
    let weights = weights.floats("coef_")?;
    let linear = Linear { features, groups, weights, intercepts, link, missing: None };
    Ok((linear, groups))
}
