//! How good probabilities are: area under the curve, Brier score, calibration error, and intervals
//! of differences by resampling whole days.

use std::collections::BTreeMap;

use learning::random::Random;

/// A forecast that was resolved.
#[derive(Clone, Copy)]
pub(crate) struct Resolved {
    pub(crate) forecast: f64,
    pub(crate) happened: bool,
    /// The block that is resampled together.
    pub(crate) day: (usize, i64),
}

/// The 2.5th and the 97.5th percentile.
pub(crate) type Ends = (f64, f64);

pub(crate) fn brier(all: &[Resolved]) -> f64 {
    weighted_brier(all, |_| 1.0)
}

pub(crate) fn auc(all: &[Resolved]) -> f64 {
    weighted_auc(all, &by_forecast(all), |_| 1.0)
}

pub(crate) fn log_loss(all: &[Resolved]) -> f64 {
    let loss = |one: &Resolved| {
        let right = if one.happened { one.forecast } else { 1.0 - one.forecast };
        -right.clamp(1e-6, 1.0).ln()
    };
    all.iter().map(loss).sum::<f64>() / all.len() as f64
}

/// Mean distance of forecast and frequency in ten bins of equally many forecasts, with the bins.
pub(crate) fn calibration(all: &[Resolved]) -> (f64, Vec<(f64, f64)>) {
    let order = by_forecast(all);
    let mut bins = Vec::new();
    let mut error = 0.0;
    for bin in 0..10 {
        let part = &order[bin * order.len() / 10..(bin + 1) * order.len() / 10];
        if part.is_empty() {
            continue;
        }
        let mean = |value: &dyn Fn(&Resolved) -> f64| {
            part.iter().map(|at| value(&all[*at])).sum::<f64>() / part.len() as f64
        };
        let (said, was) =
            (mean(&|one| one.forecast), mean(&|one| f64::from(u8::from(one.happened))));
        error += (said - was).abs() * part.len() as f64 / all.len() as f64;
        bins.push((said, was));
    }
    (error, bins)
}

/// Intervals of `AUC(first) − AUC(second)` and `Brier(first) − Brier(second)` over resampled days.
/// Both lists are forecasts of the same outcomes in the same order.
pub(crate) fn differences(
    first: &[Resolved],
    second: &[Resolved],
    resamples: usize,
) -> (Ends, Ends) {
    let mut days: BTreeMap<(usize, i64), usize> = BTreeMap::new();
    for one in first {
        let next = days.len();
        days.entry(one.day).or_insert(next);
    }
    let block: Vec<usize> = first.iter().map(|one| days[&one.day]).collect();
    let orders = (by_forecast(first), by_forecast(second));
    let mut random = Random::new(5);
    let (mut aucs, mut briers) = (Vec::new(), Vec::new());
    for _ in 0..resamples {
        let mut times = vec![0.0; days.len()];
        for _ in 0..days.len() {
            times[random.below(days.len())] += 1.0;
        }
        let weight = |at: usize| times[block[at]];
        aucs.push(weighted_auc(first, &orders.0, weight) - weighted_auc(second, &orders.1, weight));
        briers.push(weighted_brier(first, weight) - weighted_brier(second, weight));
    }
    (ends(aucs), ends(briers))
}

fn ends(mut values: Vec<f64>) -> Ends {
    values.sort_by(f64::total_cmp);
    (values[values.len() * 25 / 1_000], values[values.len() * 975 / 1_000])
}

fn by_forecast(all: &[Resolved]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..all.len()).collect();
    order.sort_by(|a, b| all[*a].forecast.total_cmp(&all[*b].forecast));
    order
}

fn weighted_brier(all: &[Resolved], weight: impl Fn(usize) -> f64) -> f64 {
    let (mut sum, mut total) = (0.0, 0.0);
    for (at, one) in all.iter().enumerate() {
        let off = one.forecast - f64::from(u8::from(one.happened));
        sum += weight(at) * off * off;
        total += weight(at);
    }
    sum / total
}

/// The share of pairs, one that happened and one that did not, in the right order; equal forecasts
/// count half.
fn weighted_auc(all: &[Resolved], order: &[usize], weight: impl Fn(usize) -> f64) -> f64 {
    let (mut below, mut right, mut hits) = (0.0, 0.0, 0.0);
    for same in order.chunk_by(|a, b| all[*a].forecast == all[*b].forecast) {
        let (mut with, mut without) = (0.0, 0.0);
        for at in same {
            *(if all[*at].happened { &mut with } else { &mut without }) += weight(*at);
        }
        right += with * (below + without / 2.0);
        hits += with;
        below += without;
    }
    right / (hits * below)
}
