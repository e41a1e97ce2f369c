//! Single trees, random forests and extremely randomised trees.

use pickle::Value;

use crate::refusal::Refusal;
use crate::{Absent, Comparison, Ensemble, Link, Meaning, Predictor, Sum, Target, Vote};

use super::labels;
use super::lowering::{Estimator, Lowering};
use super::trees::{self, Leaves};

/// A `DecisionTree*` or `ExtraTree*`: a forest of one.
pub(super) fn tree(
    value: Value<'_>,
    classifies: bool,
    lowering: &mut Lowering<'_>,
) -> Result<Estimator, Refusal> {
    of_trees(value, &[value], classifies, lowering)
}

/// A `RandomForest*` or `ExtraTrees*`: the mean of its trees.
pub(super) fn forest(
    value: Value<'_>,
    classifies: bool,
    lowering: &mut Lowering<'_>,
) -> Result<Estimator, Refusal> {
    let members = value.required("estimators_")?.items("estimators_")?;
    of_trees(value, &members, classifies, lowering)
}

fn of_trees(
    value: Value<'_>,
    members: &[Value<'_>],
    classifies: bool,
    lowering: &mut Lowering<'_>,
) -> Result<Estimator, Refusal> {
    let features = lowering.features(value)?;
    let outputs = value.required("n_outputs_")?.count("n_outputs_")?;
    Refusal::check("classes or outputs", outputs, lowering.limits.groups)?;
    let (leaves, groups, meaning) = if classifies {
        if outputs != 1 {
            let instead = "a classifier with one target is";
            return Err(Refusal::unsupported("classifier of several targets", outputs, instead));
        }
        let classes = labels::classes(value, lowering)?;
        let count = classes.len();
        let groups = if count == 2 { 1 } else { count };
        (Leaves::Shares(count), groups, labels::probabilities(classes))
    } else {
        (Leaves::Outputs(outputs), outputs, Meaning::Values { outputs })
    };
    let target = if groups == 1 { Target::Group(0) } else { Target::All };
    if members.is_empty() {
        return Err(value.expected("a forest with trees").into());
    }
    let mut trees = Vec::with_capacity(members.len());
    for member in members {
        trees.push(trees::of_estimator(*member, features, leaves, target, 1.0, lowering)?);
    }
    let divisor = trees.len() as f64;
    let ensemble = Ensemble {
        features,
        groups,
        comparison: Comparison::AtMost32,
        absent: vec![Absent::Nan; features],
        category_sets: Vec::new(),
        trees,
        vote: Vote { sum: Sum::F64ThenBase, base: vec![0.0; groups], divisor },
        link: Link::Identity,
    };
    Ok(Estimator::new(Predictor::Trees(Box::new(ensemble)), features, meaning))
}
