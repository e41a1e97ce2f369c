//! How alike two orders are.

/// Spearman's rank correlation (Spearman 1904): 1 for the same order, −1 for the opposite, and no number
/// where all values of a side are equal. Equal values share the mean of their ranks; values are compared
/// to nine decimals.
#[must_use]
pub fn rank_correlation(a: &[f64], b: &[f64]) -> f64 {
    let (a, b) = (ranks(a), ranks(b));
    let mean = (a.len() as f64 - 1.0) / 2.0;
    let product =
        |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - mean) * (b - mean)).sum::<f64>();
    product(&a, &b) / (product(&a, &a) * product(&b, &b)).sqrt()
}

/// Ranks from 0.
fn ranks(values: &[f64]) -> Vec<f64> {
    let rounded: Vec<i64> = values.iter().map(|value| (value * 1e9).round() as i64).collect();
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by_key(|at| rounded[*at]);
    let mut ranks = vec![0.0; values.len()];
    let mut before = 0;
    for same in order.chunk_by(|a, b| rounded[*a] == rounded[*b]) {
        let rank = before as f64 + (same.len() as f64 - 1.0) / 2.0;
        same.iter().for_each(|at| ranks[*at] = rank);
        before += same.len();
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_are_compared() {
        let check = |a: &[f64], b: &[f64], expected: f64| {
            assert!((rank_correlation(a, b) - expected).abs() < 1e-12, "{a:?} {b:?}");
        };
        check(&[1.0, 2.0, 3.0], &[10.0, 20.0, 90.0], 1.0);
        check(&[1.0, 2.0, 3.0], &[3.0, 2.0, 1.0], -1.0);
        // Ranks 0.5, 0.5, 2 beside 0, 1, 2.
        check(&[1.0, 1.0, 3.0], &[1.0, 2.0, 3.0], 0.75_f64.sqrt());
        assert!(rank_correlation(&[1.0, 1.0], &[1.0, 2.0]).is_nan());
        assert!(rank_correlation(&[], &[]).is_nan());
    }
}
