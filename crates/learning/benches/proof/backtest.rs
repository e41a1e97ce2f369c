//! Interruption within 1, 6 and 24 hours from events alone, beside the age of the up-spell.
//!
//! Two splits: every pool is scored by a model that never saw it, in three turns (the pools by name,
//! every third one left out); and the last two fifths of every trace by what the first three teach.

use std::collections::BTreeMap;

use learning::random::Random;
use learning::{
    Gamma, Horizon, Known, LearnedRisk, OVER_DISPERSION, Outcome, RecencyModel, Ridge, Weighed,
    fitted, known, never_falling,
};
use units::Fraction;

use crate::measures::{self, Resolved};
use crate::traces::{Decision, HORIZONS};

/// How decisions are parted into those that teach and those that are scored.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Split {
    /// Every third pool by name is scored by what the others teach, in three turns.
    Pool,
    /// The last two fifths of every trace are scored by what the first three teach.
    Time,
}

/// The forecasts of one horizon under one split, in one order.
#[derive(Default)]
pub(crate) struct Forecasts {
    pub(crate) model: Vec<Resolved>,
    pub(crate) age: Vec<Resolved>,
    pub(crate) base: Vec<Resolved>,
    /// Decisions of a pool within one horizon share their outcome nearly always.
    pub(crate) windows: Vec<(usize, i64)>,
}

pub(crate) fn forecasts(decisions: &[Decision], split: Split, horizon: usize) -> Forecasts {
    let hours = HORIZONS[horizon];
    let mut found = Forecasts::default();
    for turn in 0..if split == Split::Pool { 3 } else { 1 } {
        let teaches = |one: &Decision| match split {
            Split::Pool => one.pool % 3 != turn,
            Split::Time => (one.second + hours * 3600) * 5 < one.length * 3,
        };
        let scored = |one: &Decision| match split {
            Split::Pool => one.pool % 3 == turn,
            Split::Time => one.second * 5 >= one.length * 3,
        };
        let lessons: Vec<(&Decision, bool)> = resolved(decisions, horizon, teaches);
        let model = learned(&lessons, horizon);
        let ages = by_age(&lessons);
        let losses = lessons.iter().filter(|(_, lost)| *lost).count();
        let rate = losses as f64 / lessons.len() as f64;
        for (one, lost) in resolved(decisions, horizon, scored) {
            let resolved = |forecast| Resolved { forecast, happened: lost, day: one.day };
            found.model.push(resolved(said(&model, one, horizon)));
            found.age.push(resolved(of_age(&ages, one)));
            found.base.push(resolved(rate));
            found.windows.push((one.pool, one.second / (hours * 3600)));
        }
    }
    found
}

pub(crate) fn resolved(
    decisions: &[Decision],
    horizon: usize,
    wanted: impl Fn(&Decision) -> bool,
) -> Vec<(&Decision, bool)> {
    let wanted = decisions.iter().filter(|one| wanted(one));
    wanted.filter_map(|one| one.lost[horizon].map(|lost| (one, lost))).collect()
}

/// The mean hazard of the pools that teach is the prior of all pools; coefficients are drawn toward
/// 0 by a normal of deviation 1, and overlapping windows count as many as fit beside each other.
pub(crate) fn learned(lessons: &[(&Decision, bool)], horizon: usize) -> RecencyModel {
    let last: BTreeMap<usize, (f64, f64)> =
        lessons.iter().map(|(one, _)| (one.pool, one.past)).collect();
    let losses: f64 = last.values().map(|past| past.0).sum();
    let hazard = losses / last.values().map(|past| past.1).sum::<f64>();
    let outcomes: Vec<Outcome<9>> = lessons
        .iter()
        .map(|(one, lost)| Outcome {
            known: known(&belief(one, hazard), &one.recency),
            happened: *lost,
            weight: 0.25 / HORIZONS[horizon] as f64,
        })
        .collect();
    let mut strength = [1.0; 9];
    strength[0] = 1e-3;
    let mut coefficients: [Known; 3] = [[0.0; 9]; 3];
    coefficients[horizon] = fitted(&outcomes, &Ridge { toward: [0.0; 9], strength });
    RecencyModel { hazard, coefficients }
}

/// What is believed of a pool by its own past in the trace, after a prior of the mean hazard.
fn belief(one: &Decision, hazard: f64) -> LearnedRisk {
    let prior = Gamma::with_mean(hazard, 1.25);
    let belief = prior.after(one.past.0 / OVER_DISPERSION, one.past.1 / OVER_DISPERSION);
    let own_weight = Fraction::clamped(1.0 - prior.hours / belief.hours);
    LearnedRisk { belief, prior_hazard: hazard, own_weight }
}

pub(crate) fn said(model: &RecencyModel, one: &Decision, horizon: usize) -> f64 {
    let belief = belief(one, model.hazard);
    model.probability(&belief, &one.recency, Horizon::ALL[horizon]).value()
}

/// Ages from the longest to the shortest, with the frequency that never falls.
fn by_age(lessons: &[(&Decision, bool)]) -> Vec<(f64, f64)> {
    let mut sorted: Vec<(f64, bool)> =
        lessons.iter().map(|(one, lost)| (-one.recency.known[0], *lost)).collect();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    let steps: Vec<Weighed> = sorted
        .chunk_by(|a, b| a.0 == b.0)
        .map(|same| Weighed {
            value: same.iter().filter(|one| one.1).count() as f64 / same.len() as f64,
            weight: same.len() as f64,
        })
        .collect();
    sorted.dedup_by(|a, b| a.0 == b.0);
    sorted.iter().map(|one| one.0).zip(never_falling(&steps)).collect()
}

fn of_age(ages: &[(f64, f64)], one: &Decision) -> f64 {
    let at = ages.partition_point(|step| step.0 < -one.recency.known[0]);
    ages[at.min(ages.len() - 1)].1
}

/// The mean calibration error of twenty draws of outcomes that are what the forecast says.
pub(crate) fn perfect(list: &[Resolved], windows: &[(usize, i64)]) -> f64 {
    let mut random = Random::new(3);
    let mut sum = 0.0;
    for _ in 0..20 {
        let mut draws: BTreeMap<(usize, i64), f64> = BTreeMap::new();
        let drawn: Vec<Resolved> = list
            .iter()
            .zip(windows)
            .map(|(one, window)| {
                let draw = *draws.entry(*window).or_insert_with(|| random.unit());
                Resolved { happened: draw < one.forecast, ..*one }
            })
            .collect();
        sum += measures::calibration(&drawn).0;
    }
    sum / 20.0
}
