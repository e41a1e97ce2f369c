//! Logistic regression, small and exact enough to give the same numbers everywhere.

use crate::elementary::logistic;

/// What was known, what came of it, and how much that counts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outcome<const N: usize> {
    /// What was known; a constant among it where one is wanted.
    pub known: [f64; N],
    /// Whether it happened.
    pub happened: bool,
    /// How much it counts, above 0: overlapping windows count in parts.
    pub weight: f64,
}

/// What coefficients are drawn toward, and how strongly: the inverse variance of a normal prior.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ridge<const N: usize> {
    /// The coefficients without outcomes.
    pub toward: [f64; N],
    /// Inverse variances, above 0.
    pub strength: [f64; N],
}

/// The coefficients with the highest posterior density, by Newton's method with halved steps
/// (Hastie, Tibshirani and Friedman, The Elements of Statistical Learning, section 4.4). Outcomes
/// with a number that is none are left out. The same outcomes in another order give the same
/// coefficients but for rounding.
#[must_use]
pub fn fitted<const N: usize>(outcomes: &[Outcome<N>], ridge: &Ridge<N>) -> [f64; N] {
    let mut coefficients = ridge.toward;
    let mut value = objective(outcomes, ridge, &coefficients);
    for _ in 0..MOST_STEPS {
        let Some(step) = newton_step(outcomes, ridge, &coefficients) else { break };
        let mut share = 1.0;
        let better = loop {
            let tried: [f64; N] = std::array::from_fn(|at| coefficients[at] + share * step[at]);
            let then = objective(outcomes, ridge, &tried);
            if then < value {
                break Some((tried, then));
            }
            share /= 2.0;
            if share < 1e-6 {
                break None;
            }
        };
        let Some((tried, then)) = better else { break };
        let gained = value - then;
        (coefficients, value) = (tried, then);
        if gained < 1e-10 * value.abs().max(1.0) {
            break;
        }
    }
    coefficients
}

/// What a linear form says as a probability.
#[must_use]
pub fn predicted<const N: usize>(coefficients: &[f64; N], known: &[f64; N]) -> f64 {
    logistic(linear(coefficients, known))
}

const MOST_STEPS: u32 = 50;

fn linear<const N: usize>(coefficients: &[f64; N], known: &[f64; N]) -> f64 {
    coefficients.iter().zip(known).map(|(coefficient, known)| coefficient * known).sum()
}

fn usable<const N: usize>(outcome: &Outcome<N>) -> bool {
    outcome.weight > 0.0
        && outcome.weight.is_finite()
        && outcome.known.iter().all(|known| known.is_finite())
}

/// Minus the logarithm of the posterior density, up to a constant.
fn objective<const N: usize>(
    outcomes: &[Outcome<N>],
    ridge: &Ridge<N>,
    coefficients: &[f64; N],
) -> f64 {
    let loss: f64 = outcomes
        .iter()
        .filter(|outcome| usable(outcome))
        .map(|outcome| {
            let odds = linear(coefficients, &outcome.known);
            let against = if outcome.happened { -odds } else { odds };
            // ln(1 + e^a), without overflow.
            let loss = against.max(0.0) + crate::ln(1.0 + crate::exp(-against.abs()));
            outcome.weight * loss
        })
        .sum();
    let prior: f64 = (0..N)
        .map(|at| ridge.strength[at] * (coefficients[at] - ridge.toward[at]).powi(2) / 2.0)
        .sum();
    loss + prior
}

fn newton_step<const N: usize>(
    outcomes: &[Outcome<N>],
    ridge: &Ridge<N>,
    coefficients: &[f64; N],
) -> Option<[f64; N]> {
    let mut curvature = [[0.0; N]; N];
    let mut downhill = [0.0; N];
    for at in 0..N {
        curvature[at][at] = ridge.strength[at];
        downhill[at] = -ridge.strength[at] * (coefficients[at] - ridge.toward[at]);
    }
    for outcome in outcomes.iter().filter(|outcome| usable(outcome)) {
        let probability = predicted(coefficients, &outcome.known);
        let off = f64::from(u8::from(outcome.happened)) - probability;
        let bend = outcome.weight * probability * (1.0 - probability);
        for row in 0..N {
            downhill[row] += outcome.weight * off * outcome.known[row];
            for (sum, known) in curvature[row].iter_mut().zip(outcome.known).take(row + 1) {
                *sum += bend * outcome.known[row] * known;
            }
        }
    }
    solved(curvature, downhill)
}

/// `matrix⁻¹·right` by Cholesky's decomposition of the lower triangle; `None` where the matrix is
/// not positive definite.
fn solved<const N: usize>(mut matrix: [[f64; N]; N], mut right: [f64; N]) -> Option<[f64; N]> {
    for row in 0..N {
        for column in 0..=row {
            let inner: f64 = (0..column).map(|at| matrix[row][at] * matrix[column][at]).sum();
            let rest = matrix[row][column] - inner;
            if row == column {
                if rest.is_nan() || rest <= 0.0 {
                    return None;
                }
                matrix[row][row] = rest.sqrt();
            } else {
                matrix[row][column] = rest / matrix[column][column];
            }
        }
        let inner: f64 = (0..row).map(|at| matrix[row][at] * right[at]).sum();
        right[row] = (right[row] - inner) / matrix[row][row];
    }
    for row in (0..N).rev() {
        let inner: f64 = (row + 1..N).map(|at| matrix[at][row] * right[at]).sum();
        right[row] = (right[row] - inner) / matrix[row][row];
    }
    Some(right)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcomes() -> Vec<Outcome<2>> {
        // Three of four at 1, one of four at −1: odds of 3 and of a third.
        let pattern = [(1.0, 3), (-1.0, 1)];
        pattern
            .into_iter()
            .flat_map(|(known, hits)| {
                (0..4).map(move |at| Outcome {
                    known: [1.0, known],
                    happened: at < hits,
                    weight: 1.0,
                })
            })
            .collect()
    }

    #[test]
    fn odds_are_found() {
        let ridge = Ridge { toward: [0.0; 2], strength: [1e-9; 2] };
        let found = fitted(&outcomes(), &ridge);
        assert!(found[0].abs() < 1e-6 && (found[1] - 3.0_f64.ln()).abs() < 1e-6, "{found:?}");
        assert!((predicted(&found, &[1.0, 1.0]) - 0.75).abs() < 1e-6);
    }

    #[test]
    fn without_outcomes_the_prior_stands() {
        let ridge = Ridge { toward: [0.5, -2.0], strength: [1.0; 2] };
        assert_eq!(fitted(&[], &ridge), [0.5, -2.0]);
        let nonsense = Outcome { known: [f64::NAN, 1.0], happened: true, weight: 1.0 };
        assert_eq!(fitted(&[nonsense], &ridge), [0.5, -2.0]);
        // What always happens has no largest likelihood; the prior bounds it.
        let always = Outcome { known: [1.0, 0.0], happened: true, weight: 1.0 };
        let found = fitted(&[always; 100], &ridge);
        assert!(found[0] > 3.0 && found[0] < 10.0, "{found:?}");
    }

    #[test]
    fn order_does_not_matter() {
        let ridge = Ridge { toward: [0.0; 2], strength: [0.1; 2] };
        let mut turned = outcomes();
        let found = fitted(&turned, &ridge);
        turned.reverse();
        let again = fitted(&turned, &ridge);
        assert!(found.iter().zip(again).all(|(a, b)| (a - b).abs() < 1e-9));
    }
}
