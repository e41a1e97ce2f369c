//! What a model's bytes are: read, checked, compiled, and compared with what its type is for.
//!
//! Nothing in the bytes is executed. A file that is not taken is refused with the stage it got to and
//! the place in it that stands against it.

use inference::{
    BundleLimits, Engine, Instructions, Meaning, Model, Pickled, Predictor, ReadOptions, Refusal,
    read_any, read_archive, read_bundle,
};
use market::{Feature, PRICE_FEATURES, SPOT_FEATURES};
use serde_json::{Map, Value, json};

use super::ModelType;
use crate::{Error, FieldError};

/// A model that was read.
#[derive(Clone, Debug)]
pub struct ReadModel {
    /// What answers.
    pub engine: Engine,
    /// Where it comes from and how large it is, for people.
    pub description: Value,
    /// What its training wrote about it, where it came with that.
    pub metadata: Option<Map<String, Value>>,
    /// The names of its features, where it has them.
    pub feature_names: Option<Vec<String>>,
}

/// Where the features of a model come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// The server knows them: for each, its place in the signature of the type.
    Known(Vec<usize>),
    /// The caller gives them in the request.
    Given,
}

impl Input {
    /// `server` or `request`.
    #[must_use]
    pub fn from_where(&self) -> &'static str {
        match self {
            Input::Known(_) => "server",
            Input::Given => "request",
        }
    }
}

/// How far a file got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Parsed,
    Validated,
}

/// Reads a model, or a bundle of a model with what was saved beside it.
///
/// # Errors
/// The stage that it did not reach, and why.
pub fn read(bytes: &[u8]) -> Result<ReadModel, Error> {
    let options = ReadOptions::default();
    let is_archive = is_zip(bytes) || is_tar(bytes);
    let (model, metadata, importance, files) = if is_archive {
        let limits = BundleLimits::default();
        let packed = read_archive(bytes, &limits).map_err(|why| refused(Stage::Parsed, &why))?;
        let bundle = read_bundle(&packed, &options).map_err(|why| refused(Stage::Parsed, &why))?;
        (bundle.model, bundle.metadata, bundle.importance, bundle.files)
    } else {
        let read = read_any(bytes, &options).map_err(|why| refused(Stage::Parsed, &why))?;
        match read {
            Pickled::Model(model) => (*model, None, Vec::new(), Vec::new()),
            Pickled::Steps { .. } | Pickled::Labels(_) => {
                return Err(wrong(
                    "not_a_model",
                    "parsed: it holds a scaler or encoders and no model; put them into one zip or \
                     tar with the model"
                        .to_owned(),
                ));
            }
        }
    };
    let engine = Engine::new(&model, &options.limits, Instructions::best())
        .map_err(|why| refused(Stage::Validated, &why))?;
    let mut description = described(&model, &engine);
    if !importance.is_empty() {
        description["importance"] = importance.into_iter().collect();
    }
    if !files.is_empty() {
        description["files"] = files
            .into_iter()
            .map(|(name, role)| json!({ "name": name, "used_as": role }))
            .collect();
    }
    let names = model.signature.names();
    let feature_names = names.map(|names| names.into_iter().map(str::to_owned).collect());
    Ok(ReadModel { engine, description, metadata, feature_names })
}

/// Where a model of a type gets its features, or why it cannot be one of that type.
///
/// # Errors
/// An answer that the type has no use for.
pub fn input_of(model: &ReadModel, kind: ModelType) -> Result<Input, Error> {
    let signature = model.engine.signature();
    let fits = match kind {
        ModelType::SpotPredictor => match &signature.meaning {
            Meaning::ProbabilityOfSecond { .. } | Meaning::Values { outputs: 1 } => true,
            Meaning::Probabilities { classes } => classes.len() == 2,
            _ => false,
        },
        ModelType::PricePredictor | ModelType::ResourceForecaster => {
            matches!(signature.meaning, Meaning::Values { .. })
        }
    };
    if !fits {
        let expected = match kind {
            ModelType::SpotPredictor => "one probability, of an interruption",
            ModelType::PricePredictor => {
                "one number, the logarithm of the price after the horizon over the present one"
            }
            ModelType::ResourceForecaster => "numbers",
        };
        let detail = format!(
            "validated: a {} answers with {expected}; this one has {}",
            kind.name(),
            meaning(&signature.meaning)
        );
        return Err(wrong("signature", detail));
    }
    let known: &[Feature] = match kind {
        ModelType::SpotPredictor => SPOT_FEATURES,
        ModelType::PricePredictor => PRICE_FEATURES,
        ModelType::ResourceForecaster => return Ok(Input::Given),
    };
    let place = |name: &String| known.iter().position(|feature| feature.name == name);
    Ok(match &model.feature_names {
        Some(names) => {
            names.iter().map(place).collect::<Option<_>>().map_or(Input::Given, Input::Known)
        }
        None if signature.features.len() == known.len() => Input::Known((0..known.len()).collect()),
        None => Input::Given,
    })
}

fn described(model: &Model, engine: &Engine) -> Value {
    let signature = &model.signature;
    let unnamed = |at: usize| format!("feature {at}");
    let features: Vec<String> = signature
        .features
        .iter()
        .enumerate()
        .map(|(at, feature)| feature.name.clone().unwrap_or_else(|| unnamed(at)))
        .collect();
    let classes = signature.meaning.classes().unwrap_or(&[]);
    let (trees, nodes) = trees_of(&model.predictor);
    json!({
        "format": model.source.format,
        "library_version": model.source.version,
        "objective": model.source.objective,
        "notes": model.source.notes,
        "features": features,
        "features_named": model.signature.names().is_some(),
        "answers": meaning(&signature.meaning),
        "outputs": engine.outputs(),
        "classes": classes.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "layout": engine.layout(),
        "trees": trees,
        "nodes": nodes,
    })
}

/// How many trees there are, and how many nodes they have together.
fn trees_of(predictor: &Predictor) -> (usize, usize) {
    let sum = |all: &mut dyn Iterator<Item = &Predictor>| {
        all.map(trees_of).fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
    };
    match predictor {
        Predictor::Trees(ensemble) => {
            (ensemble.trees.len(), ensemble.trees.iter().map(|tree| tree.nodes.len()).sum())
        }
        Predictor::Linear(_) | Predictor::Curve(_) | Predictor::Constant { .. } => (0, 0),
        Predictor::Pipeline { last, .. } => trees_of(last),
        Predictor::Calibrated(all) => sum(&mut all.members.iter().map(|one| &one.scores)),
        Predictor::Mean { members } => sum(&mut members.iter().map(|(_, one)| one)),
    }
}

fn meaning(meaning: &Meaning) -> String {
    match meaning {
        Meaning::Values { outputs: 1 } => "a number".to_owned(),
        Meaning::Values { outputs } => format!("{outputs} numbers"),
        Meaning::ProbabilityOfSecond { .. } => "the probability of the second class".to_owned(),
        Meaning::Probabilities { classes } => format!("probabilities of {} classes", classes.len()),
        Meaning::Scores { classes } => format!("scores of {} classes", classes.len()),
    }
}

fn is_zip(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06")
}

/// A tar says so at byte 257; a gzipped one is told from a compressed pickle by what is inside, which
/// the reader of archives finds out.
fn is_tar(bytes: &[u8]) -> bool {
    let is_plain = |bytes: &[u8]| bytes.get(257..262) == Some(b"ustar");
    is_plain(bytes)
        || (market::is_gzip(bytes)
            && read_archive(bytes, &BundleLimits::default()).is_ok_and(|files| !files.is_empty()))
}

fn refused(stage: Stage, refusal: &Refusal) -> Error {
    let (code, stage) = match stage {
        Stage::Parsed => ("unreadable", "parsed"),
        Stage::Validated => ("malformed", "validated"),
    };
    wrong(code, format!("{stage}: {refusal}"))
}

fn wrong(code: &'static str, detail: String) -> Error {
    Error::Invalid(vec![FieldError { pointer: "/file".to_owned(), code, detail }])
}
