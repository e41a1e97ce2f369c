//! A predictor with its trees compiled, and how its parts hand rows to each other.

use super::apply::{Value, apply};
use super::instructions::Instructions;
use super::rank::Number;
use super::trees::Trees;
use crate::{Calibrator, Linear, Predictor, Step};

/// Rows that go through a pipeline together.
const BLOCK: usize = 256;

/// A predictor with its trees compiled.
#[derive(Clone, Debug)]
pub(super) enum Part {
    Trees(Box<Trees>),
    Linear(Linear),
    Curve(Calibrator),
    Constant(Vec<f64>),
    Pipeline { steps: Vec<Step>, last: Box<Part>, last_features: usize },
    Calibrated { members: Vec<(Part, Vec<Calibrator>)> },
    Mean { members: Vec<(f64, Part)> },
}

impl Part {
    pub(super) fn new(predictor: &Predictor, instructions: Instructions) -> Part {
        match predictor {
            Predictor::Trees(ensemble) => Part::Trees(Box::new(Trees::new(ensemble, instructions))),
            Predictor::Linear(linear) => Part::Linear(linear.clone()),
            Predictor::Curve(curve) => Part::Curve(curve.clone()),
            Predictor::Constant { answer, .. } => Part::Constant(answer.clone()),
            Predictor::Pipeline { steps, last } => Part::Pipeline {
                steps: steps.clone(),
                last_features: last.features().unwrap_or(0),
                last: Box::new(Part::new(last, instructions)),
            },
            Predictor::Calibrated(calibrated) => Part::Calibrated {
                members: calibrated
                    .members
                    .iter()
                    .map(|one| (Part::new(&one.scores, instructions), one.curves.clone()))
                    .collect(),
            },
            Predictor::Mean { members } => Part::Mean {
                members: members
                    .iter()
                    .map(|(weight, one)| (*weight, Part::new(one, instructions)))
                    .collect(),
            },
        }
    }

    pub(super) fn layout(&self) -> Option<&'static str> {
        match self {
            Part::Trees(trees) => Some(trees.layout()),
            Part::Pipeline { last, .. } => last.layout(),
            Part::Calibrated { members } => members.first().and_then(|(part, _)| part.layout()),
            Part::Mean { members } => members.first().and_then(|(_, part)| part.layout()),
            Part::Linear(_) | Part::Curve(_) | Part::Constant(_) => None,
        }
    }

    /// Answers rows of `features` numbers; `into` tells how many rows there are.
    pub(super) fn answer<V: Number>(&self, rows: &[V], features: usize, into: &mut [f64]) {
        match self {
            Part::Trees(trees) => trees.predict(rows, into),
            Part::Linear(linear) => {
                let mut wide = Vec::with_capacity(features);
                for (row, into) in rows.chunks(features.max(1)).zip(into.chunks_mut(linear.groups))
                {
                    wide.clear();
                    wide.extend(row.iter().map(|value| value.wide()));
                    linear.predict(&wide, into);
                }
            }
            Part::Curve(curve) => {
                for (value, into) in rows.iter().zip(into) {
                    *into = curve.at(value.wide());
                }
            }
            Part::Constant(answer) => {
                into.chunks_mut(answer.len().max(1)).for_each(|into| into.copy_from_slice(answer));
            }
            Part::Pipeline { .. } => {
                let values: Vec<Value<'_>> =
                    rows.iter().map(|value| Value::Number(value.wide())).collect();
                self.answer_values(&values, features, into);
            }
            Part::Calibrated { members } => {
                let outputs = members.first().map_or(1, |(_, curves)| curves.len());
                mean(members, into, |(scores, curves), answers| {
                    scores.answer(rows, features, answers);
                    answers.chunks_mut(outputs).for_each(|one| calibrate(curves, one));
                    1.0 / members.len() as f64
                });
            }
            Part::Mean { members } => mean(members, into, |(weight, part), answers| {
                part.answer(rows, features, answers);
                *weight
            }),
        }
    }

    /// Answers rows that may hold texts.
    pub(super) fn answer_values(&self, rows: &[Value<'_>], features: usize, into: &mut [f64]) {
        match self {
            Part::Pipeline { steps, last, last_features } => {
                let count = rows.len() / features.max(1);
                let outputs = into.len() / count.max(1);
                let blocks = rows.chunks(BLOCK * features);
                for (rows, into) in blocks.zip(into.chunks_mut((BLOCK * outputs).max(1))) {
                    through(steps, last, *last_features, rows, features, into);
                }
            }
            Part::Calibrated { members } => {
                let outputs = members.first().map_or(1, |(_, curves)| curves.len());
                mean(members, into, |(scores, curves), answers| {
                    scores.answer_values(rows, features, answers);
                    answers.chunks_mut(outputs).for_each(|one| calibrate(curves, one));
                    1.0 / members.len() as f64
                });
            }
            Part::Mean { members } => mean(members, into, |(weight, part), answers| {
                part.answer_values(rows, features, answers);
                *weight
            }),
            Part::Trees(_) | Part::Linear(_) | Part::Curve(_) | Part::Constant(_) => {
                let width = features;
                through(&[], self, width, rows, features, into);
            }
        }
    }
}

/// Takes rows through steps to a predictor; the answer of a row that a step refuses is NaN.
fn through(
    steps: &[Step],
    last: &Part,
    last_features: usize,
    rows: &[Value<'_>],
    features: usize,
    into: &mut [f64],
) {
    let count = rows.len() / features.max(1);
    let mut changed = Vec::with_capacity(count * last_features);
    let mut refused = Vec::new();
    for (at, row) in rows.chunks(features.max(1)).enumerate() {
        let mut row = Some(row.to_vec());
        for step in steps {
            row = row.and_then(|row| apply(step, row));
        }
        let numbers: Option<Vec<f64>> =
            row.and_then(|row| row.iter().map(|value| value.number()).collect());
        match numbers {
            Some(numbers) => changed.extend(numbers),
            None => {
                refused.push(at);
                changed.extend(std::iter::repeat_n(f64::NAN, last_features));
            }
        }
    }
    last.answer(&changed, last_features, into);
    let outputs = into.len() / count.max(1);
    for at in refused {
        into[at * outputs..][..outputs].fill(f64::NAN);
    }
}

fn mean<M>(members: &[M], into: &mut [f64], mut answer: impl FnMut(&M, &mut [f64]) -> f64) {
    into.fill(0.0);
    let mut answers = vec![0.0; into.len()];
    for member in members {
        let weight = answer(member, &mut answers);
        for (sum, answer) in into.iter_mut().zip(&answers) {
            *sum += weight * answer;
        }
    }
}

/// Each score through its curve; several are divided by their sum.
fn calibrate(curves: &[Calibrator], scores: &mut [f64]) {
    for (score, curve) in scores.iter_mut().zip(curves) {
        *score = curve.at(*score);
    }
    if scores.len() > 1 {
        crate::Link::Shares.apply(scores);
    }
}
