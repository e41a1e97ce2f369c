//! `HistGradientBoostingClassifier` and `HistGradientBoostingRegressor`.

use pickle::Value;

use crate::refusal::Refusal;
use crate::{
    Absent, CategorySet, Comparison, Ensemble, Link, Meaning, Node, Outside, Predictor, Sum,
    Target, Tree, Vote,
};

use super::columns;
use super::labels;
use super::lowering::{Asked, Estimator, Lowering, present, text_or};

/// Words of 32 bits in a set of categories: scikit-learn has 256 categories at the most.
const SET_WORDS: usize = 8;

pub(super) fn histogram(
    value: Value<'_>,
    classifies: bool,
    asked: Asked,
    lowering: &mut Lowering<'_>,
) -> Result<Estimator, Refusal> {
    let features = lowering.features(value)?;
    let classes = if classifies { labels::classes(value, lowering)? } else { Vec::new() };
    let groups = if classes.len() > 2 { classes.len() } else { 1 };
    let loss = text_or(value, "loss", "")?;
    let link = link(loss, classifies, groups)?;
    // Since 1.4 categorical columns are encoded first, and stand before the others.
    let before = match present(value, "_preprocessor")? {
        Some(preprocessor) => Some(columns::transformer(preprocessor, lowering)?),
        None => None,
    };
    let width = before.as_ref().map_or(features, |(step, _)| step.features_out(features));
    Refusal::check("features", width, lowering.limits.features)?;
    let known = known_categories(value, width, before.is_some(), lowering)?;
    let mut ensemble = Ensemble {
        features: width,
        groups,
        comparison: Comparison::AtMost64,
        absent: vec![Absent::Nan; width],
        category_sets: Vec::new(),
        trees: Vec::new(),
        vote: Vote { sum: Sum::F64FromBase, base: base(value, groups, lowering)?, divisor: 1.0 },
        link: if asked == Asked::Scores { Link::Identity } else { link },
    };
    for stage in value.required("_predictors")?.items("_predictors")? {
        let members = stage.items("_predictors")?;
        if members.len() != groups {
            return Err(stage.expected(&format!("{groups} trees for each iteration")).into());
        }
        for (group, member) in members.into_iter().enumerate() {
            let group = u32::try_from(group).unwrap_or(u32::MAX);
            let tree = tree(member, group, &known, &mut ensemble.category_sets, lowering)?;
            ensemble.trees.push(tree);
        }
    }
    let trees = Predictor::Trees(Box::new(ensemble));
    let predictor = match before {
        Some((step, _)) => Predictor::Pipeline { steps: vec![step], last: Box::new(trees) },
        None => trees,
    };
    let meaning =
        if classifies { labels::probabilities(classes) } else { Meaning::Values { outputs: 1 } };
    Ok(Estimator::new(predictor, features, meaning))
}

fn link(loss: &str, classifies: bool, groups: usize) -> Result<Link, Refusal> {
    match (loss, classifies) {
        ("log_loss" | "auto" | "binary_crossentropy", true) if groups == 1 => {
            Ok(Link::Logistic { scale: 1.0 })
        }
        ("log_loss" | "auto" | "categorical_crossentropy", true) if groups > 1 => Ok(Link::Softmax),
        ("squared_error" | "least_squares" | "absolute_error" | "quantile", false) => {
            Ok(Link::Identity)
        }
        ("least_absolute_deviation", false) => Ok(Link::Identity),
        ("poisson" | "gamma", false) => Ok(Link::Exponential),
        _ => Err(Refusal::unsupported("loss", loss, "those of scikit-learn 0.24 to 1.9 are")),
    }
}

fn base(value: Value<'_>, groups: usize, lowering: &mut Lowering<'_>) -> Result<Vec<f64>, Refusal> {
    let what = "_baseline_prediction";
    let baseline = value.required(what)?;
    let numbers = if baseline.is_array() {
        lowering.floats(baseline, what)?
    } else {
        vec![baseline.number(what)?]
    };
    if numbers.len() != groups {
        return Err(baseline.expected(&format!("{groups} numbers (`{what}`)")).into());
    }
    Ok(numbers)
}

/// The categories that were seen in each column, as sets of bits; empty for columns of numbers.
fn known_categories(
    value: Value<'_>,
    width: usize,
    encoded_first: bool,
    lowering: &mut Lowering<'_>,
) -> Result<Vec<Vec<u32>>, Refusal> {
    let name = if encoded_first { "_is_categorical_remapped" } else { "is_categorical_" };
    let mut known = vec![Vec::new(); width];
    let Some(flags) = present(value, name)? else {
        return Ok(known);
    };
    let flags = lowering.array(flags, name)?.integers(name)?;
    let mapper = value.required("_bin_mapper")?;
    let values = mapper.required("bin_thresholds_")?.items("bin_thresholds_")?;
    if flags.len() != width || values.len() != width {
        return Err(mapper.expected(&format!("thresholds of {width} columns")).into());
    }
    for ((flag, values), known) in flags.iter().zip(values).zip(&mut known) {
        if *flag == 0 {
            continue;
        }
        let categories = lowering.floats(values, "known categories")?;
        if !categories.iter().all(|category| *category >= 0.0 && *category < 256.0) {
            return Err(values.expected("categories from 0 to 255").into());
        }
        let set = CategorySet::of(categories.into_iter().map(|category| category as u32));
        *known = set.members;
    }
    Ok(known)
}

fn tree(
    value: Value<'_>,
    group: u32,
    known: &[Vec<u32>],
    sets: &mut Vec<CategorySet>,
    lowering: &mut Lowering<'_>,
) -> Result<Tree, Refusal> {
    lowering.tree(value)?;
    let records = value.required("nodes")?;
    let nodes = lowering.array(records, "nodes")?;
    let leaf_value = nodes.float_field("value")?;
    let feature = nodes.integer_field("feature_idx")?;
    let threshold = nodes.float_field(if nodes.has_field("num_threshold") {
        "num_threshold"
    } else {
        "threshold"
    })?;
    let missing_left = nodes.integer_field("missing_go_to_left")?;
    let left = nodes.integer_field("left")?;
    let right = nodes.integer_field("right")?;
    let is_leaf = nodes.integer_field("is_leaf")?;
    let (categorical, bitset) = if nodes.has_field("is_categorical") {
        (nodes.integer_field("is_categorical")?, nodes.integer_field("bitset_idx")?)
    } else {
        (vec![0; left.len()], vec![0; left.len()])
    };
    let words = match present(value, "raw_left_cat_bitsets")? {
        Some(words) => lowering.array(words, "raw_left_cat_bitsets")?.integers("bitsets")?,
        None => Vec::new(),
    };
    // Sets of this tree stand after those of the trees before it.
    let first_set = sets.len();
    for _ in words.chunks_exact(SET_WORDS) {
        sets.push(CategorySet::default());
    }
    let mut tree = Tree { target: Target::Group(group), weight: 1.0, ..Tree::default() };
    for (at, leaf) in is_leaf.iter().enumerate() {
        if *leaf != 0 {
            let leaf = u32::try_from(tree.leaf_values.len()).unwrap_or(u32::MAX);
            tree.leaf_values.push(leaf_value.get(at).copied().unwrap_or(f64::NAN));
            tree.nodes.push(Node::Leaf { leaf });
            continue;
        }
        let place = |numbers: &[i64]| {
            let number = numbers.get(at).and_then(|number| u32::try_from(*number).ok());
            number.ok_or_else(|| records.expected("children and features from 0"))
        };
        let (feature, when_true, when_false) = (place(&feature)?, place(&left)?, place(&right)?);
        let missing_is_true = place(&missing_left)? != 0;
        if categorical.get(at).is_none_or(|flag| *flag == 0) {
            let threshold = threshold.get(at).copied().unwrap_or(f64::NAN);
            tree.nodes.push(Node::Split {
                feature,
                threshold,
                missing_is_true,
                when_true,
                when_false,
            });
            continue;
        }
        let own = place(&bitset)? as usize;
        let members = words.chunks_exact(SET_WORDS).nth(own);
        let known = known.get(feature as usize);
        let (Some(members), Some(known)) = (members, known) else {
            return Err(records.expected("sets of categories for each categorical split").into());
        };
        let set = first_set.saturating_add(own);
        if let Some(place) = sets.get_mut(set) {
            *place = CategorySet {
                members: members.iter().map(|word| *word as u32).collect(),
                outside: Outside::MissingUnlessKnown(known.clone()),
                cut_below_zero: false,
            };
        }
        let set = u32::try_from(set).unwrap_or(u32::MAX);
        tree.nodes.push(Node::Member { feature, set, missing_is_true, when_true, when_false });
    }
    Ok(tree)
}
