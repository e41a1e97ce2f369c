//! The checks that a model passes before anything of it is evaluated.

mod ensemble;
mod predictor;
mod step;

use crate::refusal::Refusal;
use crate::{Limits, Meaning, Model};

/// Checks a whole model: every tree is one, every index is in range, every number that is computed
/// with is finite, and widths agree from the first step to the last output.
///
/// # Errors
/// The first thing that is wrong, with its place and what was expected there.
pub fn validate(model: &Model, limits: &Limits) -> Result<(), Refusal> {
    let features = model.signature.features.len();
    Refusal::check("features", features, limits.features)?;
    let mut parts = limits.parts;
    predictor::check(&model.predictor, features, "model", limits, &mut parts)?;
    let outputs = model.predictor.outputs();
    let meaning = &model.signature.meaning;
    if meaning.outputs() != outputs {
        return Err(Refusal::field(
            "signature",
            format!("a meaning for {} outputs", meaning.outputs()),
            format!("one for the {outputs} that the model has"),
        ));
    }
    let classes = meaning.classes().map_or(2, <[_]>::len);
    let wrong = match meaning {
        Meaning::ProbabilityOfSecond { .. } => classes != 2,
        _ => classes < 2,
    };
    if wrong || outputs == 0 {
        return Err(Refusal::field(
            "signature",
            format!("{outputs} outputs, {classes} classes"),
            "at least one output, and two or more classes",
        ));
    }
    Ok(())
}

/// A part of a model: how many are left is counted, so that a chain of parts ends.
fn part(parts: &mut usize, limits: &Limits) -> Result<(), Refusal> {
    *parts = parts.checked_sub(1).ok_or(Refusal::TooLarge {
        what: "steps and predictors",
        limit: limits.parts,
        found: limits.parts.saturating_add(1),
    })?;
    Ok(())
}

fn all_finite(path: &str, numbers: &[f64]) -> Result<(), Refusal> {
    match numbers.iter().position(|number| !number.is_finite()) {
        Some(at) => Err(Refusal::field(format!("{path}[{at}]"), numbers[at], "a finite number")),
        None => Ok(()),
    }
}

fn same_length(path: &str, found: usize, expected: usize) -> Result<(), Refusal> {
    if found == expected {
        return Ok(());
    }
    Err(Refusal::field(path, format!("{found} entries"), format!("{expected}")))
}
