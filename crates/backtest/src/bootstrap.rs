//! Intervals by drawing whole days again: what happens within a day hangs together, days much less.
//!
//! Block bootstrap with days as blocks (Efron and Tibshirani 1993, chapter 8; Künsch 1989); percentile
//! ends. A day that was replayed in part weighs as much as was replayed of it.

use learning::random::Random;

/// Fewer days say nothing of how days differ.
pub(crate) const LEAST_DAYS: usize = 5;

/// How often each day of each run is drawn, for every resample. Runs are drawn apart, so that each
/// keeps its length.
pub(crate) fn resamples(days: &[usize], count: u32, seed: u64) -> Vec<Vec<Vec<u32>>> {
    let mut draws = Random::new(seed);
    (0..count)
        .map(|_| {
            days.iter()
                .map(|days| {
                    let mut counts = vec![0_u32; *days];
                    for _ in 0..*days {
                        let day = draws.below(*days);
                        counts[day] += 1;
                    }
                    counts
                })
                .collect()
        })
        .collect()
}

/// The ends between which 95 % of the resampled sums lie. `values` and `weights` are by run and day;
/// each resampled run is scaled to the weight that the run has.
pub(crate) fn interval(
    values: &[Vec<f64>],
    weights: &[Vec<f64>],
    resamples: &[Vec<Vec<u32>>],
) -> Option<(f64, f64)> {
    let mut sums: Vec<f64> = resamples
        .iter()
        .map(|runs| {
            let of_run = |((values, weights), counts): ((&Vec<f64>, &Vec<f64>), &Vec<u32>)| {
                let (mut value, mut weight, mut whole) = (0.0, 0.0, 0.0);
                for ((day, of_day), count) in values.iter().zip(weights).zip(counts) {
                    value += day * f64::from(*count);
                    weight += of_day * f64::from(*count);
                    whole += of_day;
                }
                if weight > 0.0 { value / weight * whole } else { 0.0 }
            };
            values.iter().zip(weights).zip(runs).map(of_run).sum::<f64>()
        })
        .collect();
    if sums.is_empty() {
        return None;
    }
    sums.sort_by(f64::total_cmp);
    let at = |share: f64| sums[((sums.len() - 1) as f64 * share).round() as usize];
    Some((at(0.025), at(0.975)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_days_have_no_spread_and_short_ones_weigh_less() {
        let drawn = resamples(&[6], 500, 7);
        assert!(drawn.iter().all(|one| one[0].iter().sum::<u32>() == 6));
        assert_eq!(drawn, resamples(&[6], 500, 7));
        assert_ne!(drawn, resamples(&[6], 500, 8));
        let weights = vec![vec![24.0, 24.0, 24.0, 24.0, 24.0, 6.0]];
        let values = vec![weights[0].iter().map(|hours| hours * 2.0).collect()];
        let (low, high) = interval(&values, &weights, &drawn).unwrap();
        assert!((low - 252.0).abs() < 1e-9 && (high - 252.0).abs() < 1e-9);
    }

    #[test]
    fn the_interval_of_a_mean_is_as_wide_as_it_should_be() {
        // Forty days of 0 and 1 in turn: the sum has a standard deviation of √40/2.
        let values = vec![(0..40).map(|day| f64::from(day % 2)).collect::<Vec<f64>>()];
        let weights = vec![vec![1.0; 40]];
        let (low, high) = interval(&values, &weights, &resamples(&[40], 4000, 1)).unwrap();
        let half = 1.96 * 10.0_f64.sqrt();
        assert!((low - (20.0 - half)).abs() < 1.0 && (high - (20.0 + half)).abs() < 1.0);
    }
}
