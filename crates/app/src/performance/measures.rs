//! How good probabilities and values were, once it is known what happened.
//!
//! Definitions: Brier (1950) for the mean squared error of probabilities; Siddiqi, "Credit Risk
//! Scorecards" (2006) for the population stability index and its usual limits of 0.1 and 0.25.

use schemars::JsonSchema;
use serde::Serialize;

/// What was said, and what happened.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Resolved {
    pub(crate) value: f64,
    pub(crate) outcome: f64,
    /// The same quantity when it was said.
    pub(crate) last_value: Option<f64>,
}

/// How good probabilities were.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct ProbabilityMeasures {
    /// Share of outcomes that lie on the side of one half that was said.
    pub accuracy: f64,
    /// Of what was said to happen, the share that did; `null` where nothing was.
    pub precision: Option<f64>,
    /// Of what happened, the share that was said; `null` where nothing did.
    pub recall: Option<f64>,
    /// Harmonic mean of both.
    pub f1_score: Option<f64>,
    /// Mean squared distance of probability and outcome: 0 is perfect.
    pub brier_score: f64,
    /// How much better than always saying the share of what happened: 1 is perfect, 0 no better;
    /// `null` where everything or nothing happened.
    pub brier_skill: Option<f64>,
    /// Mean distance of probability and frequency over the bins of the curve.
    pub calibration_error: f64,
    /// The curve: up to ten bins of equal size.
    pub calibration: Vec<CalibrationBin>,
}

/// Predictions of similar probability, and how often it happened.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, JsonSchema)]
pub struct CalibrationBin {
    /// Mean of what was said.
    pub predicted: f64,
    /// Share of what happened.
    pub observed: f64,
    /// How many.
    pub count: usize,
}

/// How good values were.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, JsonSchema)]
pub struct ValueMeasures {
    /// Mean absolute distance of value and outcome.
    pub mean_absolute_error: f64,
    /// The same over that of the last value, which is what a forecast has to beat: under 1 is better;
    /// `null` where the last value was always right or is not known.
    pub relative_to_last_value: Option<f64>,
}

/// Measures of probabilities; `None` without any.
pub(crate) fn of_probabilities(all: &[Resolved]) -> Option<ProbabilityMeasures> {
    if all.is_empty() {
        return None;
    }
    let count = all.len() as f64;
    let happened = |one: &Resolved| one.outcome >= 0.5;
    let said = |one: &Resolved| one.value >= 0.5;
    let share = |of: usize, among: usize| (among > 0).then(|| of as f64 / among as f64);
    let both = all.iter().filter(|one| said(one) && happened(one)).count();
    let precision = share(both, all.iter().filter(|one| said(one)).count());
    let recall = share(both, all.iter().filter(|one| happened(one)).count());
    let f1_score = precision.zip(recall).filter(|(p, r)| p + r > 0.0);
    let base = all.iter().map(|one| one.outcome).sum::<f64>() / count;
    let brier = all.iter().map(|one| (one.value - one.outcome).powi(2)).sum::<f64>() / count;
    let climate = base * (1.0 - base);
    let calibration = curve(all);
    let error = calibration
        .iter()
        .map(|bin| (bin.predicted - bin.observed).abs() * bin.count as f64 / count)
        .sum();
    Some(ProbabilityMeasures {
        accuracy: all.iter().filter(|one| said(one) == happened(one)).count() as f64 / count,
        precision,
        recall,
        f1_score: f1_score.map(|(p, r)| 2.0 * p * r / (p + r)),
        brier_score: brier,
        brier_skill: (climate > 0.0).then(|| 1.0 - brier / climate),
        calibration_error: error,
        calibration,
    })
}

fn curve(all: &[Resolved]) -> Vec<CalibrationBin> {
    let mut sorted = all.to_vec();
    sorted.sort_by(|a, b| a.value.total_cmp(&b.value).then(a.outcome.total_cmp(&b.outcome)));
    let bins = 10.min(sorted.len());
    (0..bins)
        .filter_map(|bin| {
            let part = &sorted[bin * sorted.len() / bins..(bin + 1) * sorted.len() / bins];
            let count = part.len();
            let mean =
                |read: fn(&Resolved) -> f64| part.iter().map(read).sum::<f64>() / count as f64;
            (count > 0).then(|| CalibrationBin {
                predicted: mean(|one| one.value),
                observed: mean(|one| one.outcome),
                count,
            })
        })
        .collect()
}

/// Measures of values; `None` without any.
pub(crate) fn of_values(all: &[Resolved]) -> Option<ValueMeasures> {
    if all.is_empty() {
        return None;
    }
    let error = |said: &dyn Fn(&Resolved) -> Option<f64>| -> Option<f64> {
        let sum: Option<f64> =
            all.iter().map(|one| said(one).map(|said| (said - one.outcome).abs())).sum();
        sum.map(|sum| sum / all.len() as f64)
    };
    let own = error(&|one| Some(one.value))?;
    let last = error(&|one| one.last_value).filter(|last| *last > 0.0);
    Some(ValueMeasures {
        mean_absolute_error: own,
        relative_to_last_value: last.map(|last| own / last),
    })
}

/// The population stability index of recent numbers against earlier ones, over ten bins that hold the
/// same share of the earlier ones. Under 0.1 nothing has changed, above 0.25 much has. `None` with
/// fewer than 100 on either side.
pub(crate) fn stability_index(earlier: &[f64], recent: &[f64]) -> Option<f64> {
    const FEWEST: usize = 100;
    if earlier.len() < FEWEST || recent.len() < FEWEST {
        return None;
    }
    let mut sorted = earlier.to_vec();
    sorted.sort_by(f64::total_cmp);
    let mut cuts: Vec<f64> = (1..10).map(|bin| sorted[bin * sorted.len() / 10]).collect();
    cuts.dedup();
    let counts = |all: &[f64]| -> Vec<u64> {
        let mut counts = vec![0; cuts.len() + 1];
        for value in all {
            counts[cuts.partition_point(|cut| cut <= value)] += 1;
        }
        counts
    };
    Some(index_of_counts(&counts(earlier), &counts(recent)))
}

/// The same index of numbers that were counted in the same bins.
pub(crate) fn index_of_counts(earlier: &[u64], recent: &[u64]) -> f64 {
    let shares = |counts: &[u64]| -> Vec<f64> {
        // Half a number in each bin keeps an empty one from being infinitely surprising.
        let total = counts.iter().sum::<u64>() as f64 + 0.5 * counts.len() as f64;
        counts.iter().map(|count| (*count as f64 + 0.5) / total).collect()
    };
    let (before, after) = (shares(earlier), shares(recent));
    before.iter().zip(&after).map(|(old, new)| (new - old) * (new / old).ln()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(pairs: &[(f64, f64)]) -> Vec<Resolved> {
        pairs
            .iter()
            .map(|&(value, outcome)| Resolved { value, outcome, last_value: None })
            .collect()
    }

    #[test]
    fn probabilities_are_measured_as_the_textbook_says() {
        let all = resolved(&[(0.9, 1.0), (0.8, 0.0), (0.3, 1.0), (0.1, 0.0)]);
        let found = of_probabilities(&all).unwrap();
        assert_eq!((found.accuracy, found.precision, found.recall), (0.5, Some(0.5), Some(0.5)));
        assert_eq!(found.f1_score, Some(0.5));
        assert!((found.brier_score - (0.01 + 0.64 + 0.49 + 0.01) / 4.0).abs() < 1e-12);
        assert!((found.brier_skill.unwrap() - (1.0 - 0.2875 / 0.25)).abs() < 1e-12);
        assert_eq!(found.calibration.iter().map(|bin| bin.count).sum::<usize>(), 4);
        assert_eq!(of_probabilities(&[]), None);
        let nothing = of_probabilities(&resolved(&[(0.1, 0.0)])).unwrap();
        assert_eq!((nothing.precision, nothing.recall, nothing.brier_skill), (None, None, None));
    }

    #[test]
    fn values_are_measured_against_the_last_one() {
        let one = |value, outcome, last| Resolved { value, outcome, last_value: Some(last) };
        let found = of_values(&[one(1.5, 2.0, 1.0), one(3.0, 3.0, 4.0)]).unwrap();
        assert_eq!(found.mean_absolute_error, 0.25);
        assert_eq!(found.relative_to_last_value, Some(0.25));
        assert_eq!(of_values(&[one(1.0, 1.0, 1.0)]).unwrap().relative_to_last_value, None);
    }

    #[test]
    fn a_shift_shows_and_noise_does_not() {
        let line =
            |from: f64| -> Vec<f64> { (0..500).map(|at| from + f64::from(at) / 500.0).collect() };
        assert!(stability_index(&line(0.0), &line(0.0)).unwrap() < 1e-9);
        assert!(stability_index(&line(0.0), &line(0.02)).unwrap() < 0.1);
        assert!(stability_index(&line(0.0), &line(0.5)).unwrap() > 0.25);
        assert_eq!(stability_index(&line(0.0), &[0.5]), None);
        // Numbers that never differ cannot be told apart, and nothing is divided by nothing.
        assert!(stability_index(&[1.0; 200], &[1.0; 200]).unwrap() < 1e-9);
    }
}
