//! Whether the steps of a pipeline fit each other.

use super::{all_finite, part, same_length};
use crate::refusal::Refusal;
use crate::{AffineOrder, Limits, Step, Unknown};

/// Checks steps that are given rows of `width` cells, and tells how many cells come out.
pub(super) fn chain(
    steps: &[Step],
    mut width: usize,
    path: &str,
    limits: &Limits,
    parts: &mut usize,
) -> Result<usize, Refusal> {
    for (at, step) in steps.iter().enumerate() {
        let path = format!("{path}.steps[{at}]");
        if let Some(expected) = step.features_in() {
            same_length(&format!("{path}: columns"), width, expected)?;
        }
        check(step, width, &path, limits, parts)?;
        width = step.features_out(width);
        Refusal::check("columns of a pipeline", width, limits.features)?;
    }
    Ok(width)
}

fn check(
    step: &Step,
    width: usize,
    path: &str,
    limits: &Limits,
    parts: &mut usize,
) -> Result<(), Refusal> {
    part(parts, limits)?;
    match step {
        Step::Affine(affine) => {
            same_length(&format!("{path}.factor"), affine.factor.len(), width)?;
            all_finite(&format!("{path}.shift"), &affine.shift)?;
            all_finite(&format!("{path}.factor"), &affine.factor)?;
            let divides = affine.order == AffineOrder::SubtractDivide;
            match affine.factor.iter().position(|factor| divides && *factor == 0.0) {
                Some(at) => Err(Refusal::field(format!("{path}.factor[{at}]"), 0, "not 0")),
                None => match affine.clip {
                    // `clamp` would panic.
                    Some((low, high)) if !matches!(low.partial_cmp(&high), Some(o) if o.is_le()) => {
                        Err(Refusal::field(format!("{path}.clip"), low, format!("at most {high}")))
                    }
                    _ => Ok(()),
                },
            }
        }
        Step::OneHot(one_hot) => {
            for lengths in [one_hot.places.len(), one_hot.widths.len(), one_hot.unknown.len()] {
                same_length(path, lengths, width)?;
            }
            for (at, places) in one_hot.places.iter().enumerate() {
                let path = format!("{path}.columns[{at}]");
                let inside = |place: f64| place >= 0.0 && place < f64::from(one_hot.widths[at]);
                same_length(&path, places.len(), one_hot.columns[at].values.len())?;
                let unknown = match one_hot.unknown[at] {
                    Unknown::As(place) => Some(place),
                    Unknown::Refuse | Unknown::Nothing => None,
                };
                let all = places.iter().flatten().map(|place| f64::from(*place)).chain(unknown);
                if let Some(place) = all.into_iter().find(|place| !inside(*place)) {
                    let width = one_hot.widths[at];
                    return Err(Refusal::field(path, place, format!("a place below {width}")));
                }
            }
            Ok(())
        }
        Step::Ordinal(ordinal) => {
            same_length(path, ordinal.codes.len(), width)?;
            for (at, codes) in ordinal.codes.iter().enumerate() {
                let path = format!("{path}.columns[{at}]");
                same_length(&path, codes.len(), ordinal.columns[at].values.len())?;
            }
            Ok(())
        }
        Step::Impute(impute) => in_range(&impute.indicators, width, path),
        Step::Select(columns) => in_range(columns, width, path),
        Step::Parallel { branches, .. } => {
            for (at, branch) in branches.iter().enumerate() {
                let path = format!("{path}.branches[{at}]");
                in_range(&branch.columns, width, &path)?;
                Refusal::check("columns of a pipeline", branch.columns.len(), limits.features)?;
                chain(&branch.steps, branch.columns.len(), &path, limits, parts)?;
            }
            Ok(())
        }
        Step::Normalize(_) | Step::Round32 => Ok(()),
    }
}

fn in_range(columns: &[u32], width: usize, path: &str) -> Result<(), Refusal> {
    match columns.iter().find(|column| **column as usize >= width) {
        Some(column) => {
            Err(Refusal::field(path, format!("column {column}"), format!("one below {width}")))
        }
        None => Ok(()),
    }
}
