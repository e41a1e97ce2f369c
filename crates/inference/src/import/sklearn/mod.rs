//! Pickles and joblib files of estimators, lowered without running them.
//!
//! The crate `pickle` makes a graph of inert nodes of the bytes; here the attributes are taken out
//! of it that an estimator's own `predict` would use. What an estimator does by default is done;
//! whatever else is asked of it is refused by its name.

mod boosters;
mod boosting;
mod calibration;
mod columns;
mod encoders;
mod forests;
mod histogram;
mod imputers;
mod labels;
mod linear;
mod lowering;
mod pipeline;
mod scalers;
mod signature;
mod trees;

use std::borrow::Cow;

use pickle::{Graph, Value};

use crate::refusal::Refusal;
use crate::{Label, Model, Predictor, ReadOptions, Source, Step, validate};

use lowering::{Asked, Estimator, Lowering};

/// What a pickle or joblib file holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Pickled {
    /// An estimator that predicts.
    Model(Box<Model>),
    /// A transformer: steps for rows of `features` cells.
    Steps {
        /// Cells of a row.
        features: usize,
        /// What is done to it.
        steps: Vec<Step>,
    },
    /// Label encoders: one, or a dictionary of them.
    Labels(Vec<Encoding>),
}

/// What a label encoder learnt.
#[derive(Clone, Debug, PartialEq)]
pub struct Encoding {
    /// The column under whose name it was saved; `None` for an encoder alone.
    pub column: Option<String>,
    /// The labels in the order of their codes.
    pub labels: Vec<Label>,
}

/// Reads whatever of a model a pickle or joblib file holds, compressed or not.
///
/// # Errors
/// What `pickle` refuses, with the byte; an estimator, parameter or loss that is not computed here,
/// by its name; a structure that [`validate`] refuses.
pub fn read_pickle(bytes: &[u8], options: &ReadOptions) -> Result<Pickled, Refusal> {
    let limits = &options.limits;
    let caps = pickle::Limits { bytes: limits.bytes, ..pickle::Limits::default() };
    let content = match pickle::compression(bytes) {
        Some(how) => Cow::Owned(pickle::decompress(bytes, how, &caps)?),
        None => Cow::Borrowed(bytes),
    };
    let graph = pickle::read(&content, &caps)?;
    let compressed = if matches!(content, Cow::Owned(_)) { "compressed " } else { "" };
    lowered(&graph, content.len(), compressed, options)
}

fn lowered(
    graph: &Graph<'_>,
    length: usize,
    compressed: &str,
    options: &ReadOptions,
) -> Result<Pickled, Refusal> {
    let limits = &options.limits;
    let root = graph.root();
    let mut lowering = Lowering::new(options, length);
    if let Some(encoders) = labels::encoders(root, &mut lowering)? {
        return Ok(Pickled::Labels(encoders));
    }
    if pipeline::is_transformer(root)? {
        let (steps, features) = pipeline::transformer(root, &mut lowering)?;
        // The checks of steps are those of a model that they lead to.
        let width = steps.iter().fold(features, |width, step| step.features_out(width));
        let nothing = Predictor::Constant { features: width, answer: vec![0.0] };
        let predictor = Predictor::Pipeline { steps: steps.clone(), last: Box::new(nothing) };
        let meaning = crate::Meaning::Values { outputs: 1 };
        let signature = signature::of(root, &predictor, features, None, meaning)?;
        validate(&Model { signature, predictor, source: Source::default() }, limits)?;
        return Ok(Pickled::Steps { features, steps });
    }
    let Estimator { predictor, features, columns, meaning, version, notes } =
        pipeline::estimator(root, Asked::Answers, &mut lowering)?;
    let signature = signature::of(root, &predictor, features, columns, meaning)?;
    let source = Source {
        format: format!("{compressed}pickle of {}", library(root)),
        version: version.or(sklearn_version(root)?),
        objective: root.class().and_then(|class| class.rsplit('.').next()).map(str::to_owned),
        notes,
    };
    let model = Model { signature, predictor, source };
    validate(&model, limits)?;
    Ok(Pickled::Model(Box::new(model)))
}

fn library(root: Value<'_>) -> &'static str {
    match root.class().and_then(|class| class.split('.').next()) {
        Some("xgboost") => "xgboost",
        Some("lightgbm") => "lightgbm",
        _ => "scikit-learn",
    }
}

fn sklearn_version(root: Value<'_>) -> Result<Option<String>, Refusal> {
    let version = root.attribute("_sklearn_version")?;
    Ok(version.and_then(|version| version.text("a version").ok()).map(str::to_owned))
}

impl From<pickle::Refusal> for Refusal {
    fn from(refusal: pickle::Refusal) -> Refusal {
        Refusal::Syntax {
            format: "pickle",
            at: format!("byte {}", refusal.offset),
            detail: refusal.reason.to_string(),
        }
    }
}
