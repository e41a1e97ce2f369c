//! Models of XGBoost, as JSON or as UBJ, versions 1.x to 3.x.

use std::borrow::Cow;

use super::ubj::{Ubj, UbjError};
use super::xgboost_document::{BoosterModel, Document, Learner};
use super::{ReadOptions, Rounds};
use crate::refusal::{Refusal, shown};
use crate::{
    Absent, Comparison, Ensemble, Feature, FeatureKind, Label, Linear, Link, Meaning, Model,
    Predictor, Signature, Source, Sum, Target, Vote,
};

/// Reads `model.json`, written by `save_model`.
///
/// # Errors
/// What is no model of XGBoost, what is larger than the limits, and by their names: boosters,
/// objectives and strategies that are not computed here. The structure of trees is left to
/// [`crate::validate`].
pub fn read_xgboost_json(bytes: &[u8], options: &ReadOptions) -> Result<Model, Refusal> {
    Refusal::check("bytes", bytes.len(), options.limits.bytes)?;
    let document = serde_json::from_slice(&plain_json(bytes)).map_err(|error| Refusal::Syntax {
        format: "XGBoost JSON",
        at: format!("line {} column {}", error.line(), error.column()),
        detail: shown(&error),
    })?;
    lower(document, "XGBoost JSON", options)
}

/// Reads `model.ubj`, written by `save_model`, or the bytes that a pickled booster holds.
///
/// # Errors
/// As [`read_xgboost_json`].
pub fn read_xgboost_ubj(bytes: &[u8], options: &ReadOptions) -> Result<Model, Refusal> {
    Refusal::check("bytes", bytes.len(), options.limits.bytes)?;
    let document = Ubj::new(bytes).document().map_err(|UbjError(at, detail)| Refusal::Syntax {
        format: "XGBoost UBJ",
        at: format!("byte {at}"),
        detail,
    })?;
    lower(document, "XGBoost UBJ", options)
}

/// The file without `NaN` and `Infinity`, which XGBoost writes and JSON does not have: they become
/// `null`. A leaf or a threshold that is none is refused later; where a split is categorical, the
/// threshold is never looked at.
fn plain_json(bytes: &[u8]) -> Cow<'_, [u8]> {
    // Blocks are looked through without stopping, which vectors do: few files have any of them.
    let suspect =
        |block: &[u8]| block.iter().fold(false, |any, byte| any | matches!(byte, b'N' | b'I'));
    if !bytes.chunks(4_096).any(suspect) {
        return Cow::Borrowed(bytes);
    }
    let starts = |at: usize, word: &[u8]| bytes[at..].starts_with(word);
    let mut plain = Vec::new();
    let (mut in_text, mut at, mut kept) = (false, 0, 0);
    while let Some(byte) = bytes.get(at) {
        let word = match byte {
            b'"' => {
                in_text = !in_text;
                0
            }
            b'\\' if in_text => {
                at += 2;
                continue;
            }
            b'N' if !in_text && starts(at, b"NaN") => 3,
            b'I' if !in_text && starts(at, b"Infinity") => 8,
            b'-' if !in_text && starts(at, b"-Infinity") => 9,
            b'-' if !in_text && starts(at, b"-NaN") => 4,
            _ => 0,
        };
        if word > 0 {
            plain.extend_from_slice(&bytes[kept..at]);
            plain.extend_from_slice(b"null");
            kept = at + word;
        }
        at += word.max(1);
    }
    if kept == 0 {
        return Cow::Borrowed(bytes);
    }
    plain.extend_from_slice(&bytes[kept..]);
    Cow::Owned(plain)
}

fn lower(mut document: Document, format: &str, options: &ReadOptions) -> Result<Model, Refusal> {
    if let Some(inner) = document.model.take() {
        document = *inner;
    }
    let version: Vec<String> = document.version.iter().take(3).map(ToString::to_string).collect();
    let Some(mut learner) = document.learner else {
        return Err(Refusal::field("learner", "nothing", "the learner of a model"));
    };
    let limits = &options.limits;
    let features = count("num_feature", &learner.learner_model_param.num_feature)?;
    Refusal::check("features", features, limits.features)?;
    let classes = count("num_class", &learner.learner_model_param.num_class)?;
    let targets = match &learner.learner_model_param.num_target {
        Some(text) => count("num_target", text)?.max(1),
        None => 1,
    };
    let groups = classes.max(1).saturating_mul(targets);
    Refusal::check("classes or outputs", groups, limits.groups)?;
    let objective = objective(&learner.objective.name)?;
    let base = base(&learner.learner_model_param.base_score, groups, &objective)?;
    let mut notes = Vec::new();
    let predictor = match learner.gradient_booster.name.as_str() {
        "gblinear" => linear(&learner, features, groups, &base, objective.link)?,
        "gbtree" => {
            let model = learner.gradient_booster.model.take();
            trees(
                &learner,
                model,
                &[],
                (features, groups),
                base,
                objective.link,
                options,
                &mut notes,
            )?
        }
        "dart" => {
            let dart = &mut learner.gradient_booster;
            let weight_drop = std::mem::take(&mut dart.weight_drop);
            let Some(booster) = dart.gbtree.take() else {
                return Err(Refusal::field("learner.gradient_booster.gbtree", "nothing", "trees"));
            };
            trees(
                &learner,
                booster.model,
                &weight_drop,
                (features, groups),
                base,
                objective.link,
                options,
                &mut notes,
            )?
        }
        other => {
            return Err(Refusal::unsupported("booster", other, "gbtree, dart and gblinear are"));
        }
    };
    Ok(Model {
        signature: Signature {
            features: names(&learner, features),
            meaning: meaning(&objective, groups),
        },
        predictor,
        source: Source {
            format: format.to_owned(),
            version: (!version.is_empty()).then(|| version.join(".")),
            objective: Some(learner.objective.name.clone()),
            notes,
        },
    })
}

fn count(name: &str, text: &str) -> Result<usize, Refusal> {
    text.trim().parse().map_err(|_| {
        Refusal::field(format!("learner.learner_model_param.{name}"), text, "a whole number from 0")
    })
}

/// What an objective says about base scores and answers.
struct Objective {
    link: Link,
    /// From the base score in the file to where the trees begin.
    base: fn(f32) -> f32,
    answers: Answers,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Answers {
    Values,
    Binary,
    Classes,
}

fn objective(name: &str) -> Result<Objective, Refusal> {
    // In 32 bits, as there.
    let logit = |p: f32| -(1.0 / p - 1.0).ln();
    let same = |base: f32| base;
    let (link, base, answers): (Link, fn(f32) -> f32, Answers) = match name {
        "reg:squarederror"
        | "reg:linear"
        | "reg:squaredlogerror"
        | "reg:pseudohubererror"
        | "reg:absoluteerror"
        | "reg:quantileerror"
        | "reg:expectileerror"
        | "rank:pairwise"
        | "rank:ndcg"
        | "rank:map"
        | "binary:logitraw" => (Link::Identity, same, Answers::Values),
        "binary:logistic" => (Link::Logistic { scale: 1.0 }, logit, Answers::Binary),
        "reg:logistic" => (Link::Logistic { scale: 1.0 }, logit, Answers::Values),
        "binary:hinge" => (Link::Step, same, Answers::Binary),
        "count:poisson" | "reg:gamma" | "reg:tweedie" | "survival:cox" | "survival:aft" => {
            (Link::Exponential, f32::ln, Answers::Values)
        }
        "multi:softprob" | "multi:softmax" => (Link::Softmax, same, Answers::Classes),
        _ => {
            return Err(Refusal::unsupported(
                "objective",
                name,
                "the objectives that XGBoost brings along are",
            ));
        }
    };
    Ok(Objective { link, base, answers })
}

fn meaning(objective: &Objective, groups: usize) -> Meaning {
    match objective.answers {
        // Several labels at once: each has a probability of its own.
        Answers::Binary if groups == 1 => {
            Meaning::ProbabilityOfSecond { classes: vec![Label::Integer(0), Label::Integer(1)] }
        }
        Answers::Classes if groups > 1 => Meaning::Probabilities {
            classes: (0..groups).map(|class| Label::Integer(class as i64)).collect(),
        },
        _ => Meaning::Values { outputs: groups },
    }
}

/// Where the sums begin. The file has one number, or (from 3.1 on) a list in a text.
fn base(text: &str, groups: usize, objective: &Objective) -> Result<Vec<f64>, Refusal> {
    let path = "learner.learner_model_param.base_score";
    let inner = text.trim().trim_start_matches('[').trim_end_matches(']');
    let scores: Result<Vec<f32>, _> =
        inner.split(',').map(|part| part.trim().parse::<f32>()).collect();
    let mut scores =
        scores.map_err(|_| Refusal::field(path, text, "a number, or numbers in brackets"))?;
    if scores.len() == 1 {
        scores.resize(groups, scores[0]);
    }
    if scores.len() != groups {
        return Err(Refusal::field(path, text, format!("one number or {groups}")));
    }
    let margins: Vec<f64> = scores.iter().map(|one| f64::from((objective.base)(*one))).collect();
    if margins.iter().any(|margin| !margin.is_finite()) {
        return Err(Refusal::field(path, text, "a base score that the objective can have"));
    }
    Ok(margins)
}

fn names(learner: &Learner, features: usize) -> Vec<Feature> {
    let kind = |at: usize| match learner.feature_types.get(at).map(String::as_str) {
        Some("c") => FeatureKind::Code { values: Vec::new() },
        _ => FeatureKind::Number,
    };
    // Names that do not fit are no names.
    let named = learner.feature_names.len() == features;
    (0..features)
        .map(|at| Feature {
            name: if named { learner.feature_names.get(at).cloned() } else { None },
            kind: kind(at),
        })
        .collect()
}

/// Weights stand feature by feature, the bias last. XGBoost 3.2 adds the first base score to every
/// class, also where the file has one for each; so does this.
fn linear(
    learner: &Learner,
    features: usize,
    groups: usize,
    base: &[f64],
    link: Link,
) -> Result<Predictor, Refusal> {
    let raw = learner.gradient_booster.model.as_ref().map_or(&[][..], |model| &model.weights[..]);
    if raw.len() != (features + 1).saturating_mul(groups) {
        return Err(Refusal::field(
            "learner.gradient_booster.model.weights",
            format!("{} weights", raw.len()),
            format!("{groups} for each of {features} features and the bias"),
        ));
    }
    let of = |feature: usize, group: usize| f64::from(raw[feature * groups + group]);
    let weights = (0..groups)
        .flat_map(|group| (0..features).map(move |feature| of(feature, group)))
        .collect();
    let intercepts = (0..groups).map(|group| of(features, group) + base[0]).collect();
    Ok(Predictor::Linear(Linear {
        features,
        groups,
        weights,
        intercepts,
        link,
        missing: Some(0.0),
    }))
}

#[expect(clippy::too_many_arguments, reason = "one call each for the two boosters of trees")]
fn trees(
    learner: &Learner,
    model: Option<BoosterModel>,
    weight_drop: &[f32],
    (features, groups): (usize, usize),
    base: Vec<f64>,
    link: Link,
    options: &ReadOptions,
    notes: &mut Vec<String>,
) -> Result<Predictor, Refusal> {
    let path = "learner.gradient_booster.model";
    let Some(mut model) = model else {
        return Err(Refusal::field(path, "nothing", "trees"));
    };
    let trees = std::mem::take(&mut model.trees);
    Refusal::check("trees", trees.count, options.limits.trees)?;
    if model.tree_info.len() != trees.count {
        return Err(Refusal::field(
            format!("{path}.tree_info"),
            format!("{} entries", model.tree_info.len()),
            format!("one for each of {} trees", trees.count),
        ));
    }
    if !weight_drop.is_empty() && weight_drop.len() != trees.count {
        return Err(Refusal::field(
            "learner.gradient_booster.weight_drop",
            format!("{} entries", weight_drop.len()),
            format!("one for each of {} trees", trees.count),
        ));
    }
    let used = used_trees(learner, &model, groups, options.rounds)?.min(trees.count);
    if used < trees.count {
        notes.push(format!(
            "Training was stopped early: {used} of {} trees are used, up to the best round.",
            trees.count
        ));
    }
    if let Some(refusal) = trees.refusal
        && trees.made.len() < used
    {
        return Err(refusal);
    }
    let mut made = trees.made;
    made.truncate(used);
    for (at, tree) in made.iter_mut().enumerate() {
        let group = u32::try_from(model.tree_info[at]).map_err(|_| {
            Refusal::field(format!("{path}.tree_info[{at}]"), model.tree_info[at], "a class")
        })?;
        tree.target = Target::Group(group);
        tree.weight = weight_drop.get(at).map_or(1.0, |weight| f64::from(*weight));
    }
    Ok(Predictor::Trees(Box::new(Ensemble {
        features,
        groups,
        comparison: Comparison::Less32,
        absent: vec![Absent::Nan; features],
        category_sets: trees.category_sets,
        trees: made,
        vote: Vote { sum: Sum::F32FromBase, base, divisor: 1.0 },
        link,
    })))
}

/// How many trees belong to the rounds that count.
fn used_trees(
    learner: &Learner,
    model: &BoosterModel,
    groups: usize,
    rounds: Rounds,
) -> Result<usize, Refusal> {
    let Some(text) = learner.attributes.get("best_iteration").filter(|_| rounds == Rounds::Best)
    else {
        return Ok(usize::MAX);
    };
    let path = "learner.attributes.best_iteration";
    let best: usize =
        text.trim().parse().map_err(|_| Refusal::field(path, text, "a whole number from 0"))?;
    let end = best.saturating_add(1);
    // From 2.1 on the file says where each round begins.
    if let Some(until) = model.iteration_indptr.get(end) {
        return usize::try_from(*until).map_err(|_| {
            Refusal::field(format!("iteration_indptr[{end}]"), until, "a number of trees")
        });
    }
    let parallel =
        match model.gbtree_model_param.as_ref().and_then(|one| one.num_parallel_tree.as_ref()) {
            Some(text) => text.trim().parse::<usize>().map_or(1, |parallel| parallel.max(1)),
            None => 1,
        };
    Ok(end.saturating_mul(groups).saturating_mul(parallel))
}
