//! What is counted while a graph is lowered, and what becomes of an estimator.

use std::collections::BTreeSet;

use pickle::{Array, Value};

use crate::refusal::Refusal;
use crate::{Feature, Limits, Meaning, Predictor, ReadOptions};

/// Estimators within estimators; a calibrated pipeline in a pipeline has four.
const DEEPEST: usize = 16;

/// Whether an estimator is asked for probabilities, or for what its decision function says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    Answers,
    /// As a calibration asks: the decision function where there is one.
    Scores,
}

/// An estimator that was lowered.
pub(crate) struct Estimator {
    pub(crate) predictor: Predictor,
    pub(crate) features: usize,
    /// The columns, where the estimator's own format describes them.
    pub(crate) columns: Option<Vec<Feature>>,
    pub(crate) meaning: Meaning,
    /// The version of the library, where the estimator's own format tells it.
    pub(crate) version: Option<String>,
    pub(crate) notes: Vec<String>,
}

impl Estimator {
    pub(crate) fn new(predictor: Predictor, features: usize, meaning: Meaning) -> Estimator {
        Estimator { predictor, features, columns: None, meaning, version: None, notes: Vec::new() }
    }
}

/// The counts of one file.
///
/// A graph may refer to the same array a million times, and what is lowered holds copies. No model
/// of a library uses an array twice, so all that is copied must not be more than the file itself.
pub(crate) struct Lowering<'l> {
    pub(crate) options: &'l ReadOptions,
    pub(crate) limits: &'l Limits,
    parts: usize,
    depth: usize,
    elements: usize,
    trees: BTreeSet<u32>,
}

impl<'l> Lowering<'l> {
    pub(crate) fn new(options: &'l ReadOptions, length: usize) -> Lowering<'l> {
        let limits = &options.limits;
        let elements = length.saturating_add(1024);
        Lowering {
            options,
            limits,
            parts: limits.parts,
            depth: 0,
            elements,
            trees: BTreeSet::new(),
        }
    }

    /// One estimator or transformer more, inside of those that are being lowered.
    pub(crate) fn enter(&mut self, value: Value<'_>) -> Result<(), Refusal> {
        self.depth = self.depth.saturating_add(1);
        if self.depth > DEEPEST {
            return Err(
                value.expected(&format!("at most {DEEPEST} estimators within one another"))
            )?;
        }
        let limit = self.limits.parts;
        let found = limit.saturating_add(1);
        self.parts = self.parts.checked_sub(1).ok_or(Refusal::TooLarge {
            what: "estimators",
            limit,
            found,
        })?;
        Ok(())
    }

    pub(crate) fn leave(&mut self) {
        self.depth = self.depth.saturating_sub(1);
    }

    /// How many features an estimator takes. Rows of that width are made without looking further,
    /// so this is where an absurd number ends.
    pub(crate) fn features(&self, value: Value<'_>) -> Result<usize, Refusal> {
        let features = value.required("n_features_in_")?.count("n_features_in_")?;
        Refusal::check("features", features, self.limits.features)?;
        Ok(features)
    }

    /// A tree, which no other part of the file may use as well.
    pub(crate) fn tree(&mut self, value: Value<'_>) -> Result<(), Refusal> {
        if self.trees.insert(value.identity()) {
            return Refusal::check("trees", self.trees.len(), self.limits.trees);
        }
        Err(value.expected("a tree that belongs to one place of one model").into())
    }

    pub(crate) fn charge(&mut self, count: usize, value: Value<'_>) -> Result<(), Refusal> {
        self.elements = self.elements.checked_sub(count).ok_or_else(|| {
            value.expected("no more numbers than the file has room for: arrays are used repeatedly")
        })?;
        Ok(())
    }

    /// The elements of an array attribute, as floats.
    pub(crate) fn floats(&mut self, value: Value<'_>, what: &str) -> Result<Vec<f64>, Refusal> {
        let array = self.array(value, what)?;
        Ok(array.floats(what)?)
    }

    /// An array attribute.
    pub(crate) fn array<'g>(&mut self, value: Value<'g>, what: &str) -> Result<Array<'g>, Refusal> {
        let array = value.array(what)?;
        self.charge(array.len(), value)?;
        Ok(array)
    }
}

/// The text of an attribute; `default` where the version of the library has it not.
pub(crate) fn text_or<'g>(
    value: Value<'g>,
    name: &str,
    default: &'g str,
) -> Result<&'g str, Refusal> {
    match value.attribute(name)? {
        Some(found) => Ok(found.text(name)?),
        None => Ok(default),
    }
}

/// The truth value of an attribute; `default` where the version of the library has it not.
pub(crate) fn flag_or(value: Value<'_>, name: &str, default: bool) -> Result<bool, Refusal> {
    match value.attribute(name)? {
        Some(found) => Ok(found.boolean(name)?),
        None => Ok(default),
    }
}

/// An attribute that is there and not `None`.
pub(crate) fn present<'g>(value: Value<'g>, name: &str) -> Result<Option<Value<'g>>, Refusal> {
    Ok(value.attribute(name)?.filter(|found| !found.is_none()))
}
