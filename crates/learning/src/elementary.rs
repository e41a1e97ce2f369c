//! Exponential and logarithm from additions and multiplications only.
//!
//! Those of the standard library are the platform's own and may differ in the last bit between
//! machines; what was learned must be the same on each.

/// `e^x`. Exact to about 1e-13 relative for |x| ≤ 50; 0 and infinity far outside; 1 for NaN.
#[must_use]
pub fn exp(x: f64) -> f64 {
    if x.is_nan() {
        return 1.0;
    }
    let size = x.abs();
    let power = if size > 709.0 {
        f64::INFINITY
    } else {
        let (mut small, mut squarings) = (size, 0);
        while small > 0.25 {
            small /= 2.0;
            squarings += 1;
        }
        let (mut term, mut sum) = (1.0, 1.0);
        for step in 1..=14_u32 {
            term *= small / f64::from(step);
            sum += term;
        }
        (0..squarings).fold(sum, |value: f64, _| value * value)
    };
    if x < 0.0 { 1.0 / power } else { power }
}

/// The natural logarithm. Exact to about 1e-15 of the larger of 1 and itself; minus infinity at 0
/// and below, and for NaN, so that a product with nothing in it counts as nothing.
#[must_use]
pub fn ln(x: f64) -> f64 {
    if x.is_nan() || x <= 0.0 {
        return f64::NEG_INFINITY;
    }
    if x.is_infinite() {
        return f64::INFINITY;
    }
    // Numbers below the smallest normal one are brought into its range first.
    let (x, shift) = if x < f64::MIN_POSITIVE { (x * TWO_TO_54, -54.0) } else { (x, 0.0) };
    let bits = x.to_bits();
    let mut exponent = f64::from((bits >> 52) as u32) - 1023.0 + shift;
    let mut mantissa = f64::from_bits((bits & ((1 << 52) - 1)) | (1023 << 52));
    if mantissa > std::f64::consts::SQRT_2 {
        mantissa /= 2.0;
        exponent += 1.0;
    }
    // ln m = 2·artanh((m − 1)/(m + 1)), whose argument is at most 0.172 here.
    let small = (mantissa - 1.0) / (mantissa + 1.0);
    let square = small * small;
    let series =
        (0..=10_u32).rev().fold(0.0, |sum, step| sum * square + 1.0 / f64::from(2 * step + 1));
    exponent * std::f64::consts::LN_2 + 2.0 * small * series
}

/// `1/(1 + e^−x)`: a probability from its log-odds.
#[must_use]
pub fn logistic(x: f64) -> f64 {
    1.0 / (1.0 + exp(-x))
}

/// `ln(p/(1 − p))`: log-odds from a probability, which is held a billionth off 0 and 1.
#[must_use]
pub fn logit(probability: f64) -> f64 {
    let probability = probability.clamp(1e-9, 1.0 - 1e-9);
    ln(probability / (1.0 - probability))
}

const TWO_TO_54: f64 = 18_014_398_509_481_984.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_agree_with_the_platform() {
        for step in -500..=500_i32 {
            let x = f64::from(step) / 10.0;
            assert!((exp(x) / x.exp() - 1.0).abs() < 1e-12, "{x}");
            let power = x.exp();
            assert!((ln(power) - x).abs() < 1e-14 * x.abs().max(1.0), "{x}");
            assert!((logistic(x) - 1.0 / (1.0 + (-x).exp())).abs() < 1e-12, "{x}");
        }
        assert_eq!((exp(0.0), ln(1.0)), (1.0, 0.0));
        assert_eq!((exp(-1e9), exp(f64::NAN)), (0.0, 1.0));
        assert_eq!((ln(0.0), ln(f64::NAN)), (f64::NEG_INFINITY, f64::NEG_INFINITY));
        assert!((ln(5e-324) - 5e-324_f64.ln()).abs() < 1e-10);
    }

    #[test]
    fn the_spot_optimizer_has_the_same_powers() {
        for step in -700..=700_i32 {
            let x = f64::from(step) * 0.937;
            assert_eq!(exp(x).to_bits(), engines::scoring::exp(x).to_bits(), "{x}");
        }
    }

    #[test]
    fn odds_and_probabilities_are_inverse() {
        for share in 1..100_u32 {
            let probability = f64::from(share) / 100.0;
            assert!((logistic(logit(probability)) - probability).abs() < 1e-12);
        }
        assert!(logit(0.0).is_finite() && logit(1.0).is_finite());
    }
}
