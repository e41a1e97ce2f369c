//! Whether the parts of a predictor fit each other.

use super::{all_finite, ensemble, part, same_length, step};
use crate::refusal::Refusal;
use crate::{Calibrator, Limits, Predictor};

/// Checks a predictor that is given rows of `width` cells.
pub(super) fn check(
    predictor: &Predictor,
    width: usize,
    path: &str,
    limits: &Limits,
    parts: &mut usize,
) -> Result<(), Refusal> {
    part(parts, limits)?;
    match predictor {
        Predictor::Trees(trees) => {
            same_length(&format!("{path}: columns"), width, trees.features)?;
            ensemble::check(trees, path, limits)
        }
        Predictor::Linear(linear) => {
            same_length(&format!("{path}: columns"), width, linear.features)?;
            Refusal::check("classes or outputs", linear.groups, limits.groups)?;
            let weights = linear.features.saturating_mul(linear.groups);
            same_length(&format!("{path}.weights"), linear.weights.len(), weights)?;
            same_length(&format!("{path}.intercepts"), linear.intercepts.len(), linear.groups)?;
            all_finite(&format!("{path}.weights"), &linear.weights)?;
            all_finite(&format!("{path}.intercepts"), &linear.intercepts)?;
            ensemble::link(linear.link, path)
        }
        Predictor::Curve(curve) => {
            same_length(&format!("{path}: columns"), width, 1)?;
            calibrator(curve, path)
        }
        Predictor::Constant { features, answer } => {
            same_length(&format!("{path}: columns"), width, *features)?;
            Refusal::check("classes or outputs", answer.len(), limits.groups)?;
            all_finite(&format!("{path}.answer"), answer)
        }
        Predictor::Pipeline { steps, last } => {
            let width = step::chain(steps, width, path, limits, parts)?;
            check(last, width, &format!("{path}.last"), limits, parts)
        }
        Predictor::Calibrated(calibrated) => {
            let outputs = predictor.outputs();
            at_least_one(path, calibrated.members.len())?;
            for (at, member) in calibrated.members.iter().enumerate() {
                let path = format!("{path}.members[{at}]");
                check(&member.scores, width, &path, limits, parts)?;
                same_length(&format!("{path}.curves"), member.curves.len(), outputs)?;
                same_length(&format!("{path}.scores"), member.scores.outputs(), outputs)?;
                for curve in &member.curves {
                    calibrator(curve, &path)?;
                }
            }
            Ok(())
        }
        Predictor::Mean { members } => {
            at_least_one(path, members.len())?;
            let outputs = predictor.outputs();
            let mut total = 0.0;
            for (at, (weight, member)) in members.iter().enumerate() {
                let path = format!("{path}.members[{at}]");
                check(member, width, &path, limits, parts)?;
                same_length(&format!("{path}: outputs"), member.outputs(), outputs)?;
                if !(*weight >= 0.0 && *weight <= 1.0) {
                    return Err(Refusal::field(path, weight, "a weight between 0 and 1"));
                }
                total += weight;
            }
            if (total - 1.0).abs() > 1e-6 {
                return Err(Refusal::field(path, total, "weights that sum up to 1"));
            }
            Ok(())
        }
    }
}

fn at_least_one(path: &str, members: usize) -> Result<(), Refusal> {
    if members == 0 {
        return Err(Refusal::field(format!("{path}.members"), "none", "at least one"));
    }
    Ok(())
}

fn calibrator(curve: &Calibrator, path: &str) -> Result<(), Refusal> {
    match curve {
        Calibrator::Sigmoid { slope, intercept } => {
            all_finite(&format!("{path}: sigmoid"), &[*slope, *intercept])
        }
        Calibrator::Isotonic { x, y, .. } => {
            same_length(&format!("{path}: points"), y.len(), x.len())?;
            at_least_one(path, x.len())?;
            all_finite(&format!("{path}: x"), x)?;
            all_finite(&format!("{path}: y"), y)?;
            match x.windows(2).position(|pair| pair[0] >= pair[1]) {
                Some(at) => Err(Refusal::field(
                    format!("{path}: x[{}]", at + 1),
                    x[at + 1],
                    format!("more than {}", x[at]),
                )),
                None => Ok(()),
            }
        }
    }
}
