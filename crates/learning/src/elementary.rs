//! Exponential and logarithm from additions and multiplications only.
//!
//! Those of the standard library are the platform's own and may differ in the last bit between
//! machines; what was learned must be the same on each.

/// `e^x`. Exact to about 1e-13 relative for |x| ≤ 50; 0 and infinity far outside; 1 for NaN.
#[must_use]
pub fn exp(x: f64) -> f64 {
    let [power] = exp_each([x]);
    power
}

/// `e^x` of each, to the same bits: the steps of several numbers do not wait for each other.
#[must_use]
pub fn exp_each<const N: usize>(xs: [f64; N]) -> [f64; N] {
    let sizes = xs.map(|x| x.abs().min(LARGEST));
    // Halved until the series converges quickly, then squared as often.
    let squarings = sizes.map(halvings);
    let mut small = sizes;
    for (small, squarings) in small.iter_mut().zip(&squarings) {
        *small *= power_of_half(*squarings);
    }
    let mut terms = [1.0; N];
    let mut powers = [1.0; N];
    for step in 1..=14_u32 {
        for at in 0..N {
            terms[at] *= small[at] / f64::from(step);
            powers[at] += terms[at];
        }
    }
    for turn in 0..squarings.into_iter().max().unwrap_or(0) {
        for at in 0..N {
            let squared = powers[at] * powers[at];
            powers[at] = if turn < squarings[at] { squared } else { powers[at] };
        }
    }
    std::array::from_fn(|at| {
        let power = if xs[at].abs() > LARGEST { f64::INFINITY } else { powers[at] };
        match xs[at] {
            x if x.is_nan() => 1.0,
            x if x < 0.0 => 1.0 / power,
            _ => power,
        }
    })
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

/// Above it the power is no number any more.
const LARGEST: f64 = 709.0;

/// How often a size, at most [`LARGEST`], is halved until it is a quarter or less.
fn halvings(size: f64) -> u32 {
    // The exponent of the next power of two that is not smaller: the size's own, and one more where
    // anything stands behind the first bit.
    let exponent = (size.to_bits() + ((1 << MANTISSA) - 1)) >> MANTISSA;
    (exponent as u32).saturating_sub(BIAS - 2)
}

/// 1 halved so often, up to a thousand times.
fn power_of_half(times: u32) -> f64 {
    f64::from_bits(u64::from(BIAS - times) << MANTISSA)
}

/// The bits of a double: those behind the exponent, and the exponent of 1.
const MANTISSA: u32 = f64::MANTISSA_DIGITS - 1;
const BIAS: u32 = f64::MAX_EXP as u32 - 1;

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
    fn sizes_are_halved_to_a_quarter() {
        let check = |size: f64, wanted: u32| {
            assert_eq!(halvings(size), wanted, "{size}");
            assert!(size * power_of_half(wanted) <= 0.25, "{size}");
            assert!(wanted == 0 || size * power_of_half(wanted - 1) > 0.25, "{size}");
        };
        check(0.0, 0);
        check(5e-324, 0);
        check(0.25, 0);
        check(0.25_f64.next_up(), 1);
        check(0.5, 1);
        check(1.0, 2);
        check(3.0, 4);
        check(709.0, 12);
    }

    #[test]
    fn several_have_the_bits_of_one_after_the_other() {
        let plainly = |x: f64| {
            let (mut small, mut squarings) = (x.abs(), 0);
            while small > 0.25 {
                small /= 2.0;
                squarings += 1;
            }
            let (mut term, mut sum) = (1.0, 1.0);
            for step in 1..=14_u32 {
                term *= small / f64::from(step);
                sum += term;
            }
            let power: f64 = (0..squarings).fold(sum, |value, _| value * value);
            if x < 0.0 { 1.0 / power } else { power }
        };
        for step in -700..=700_i32 {
            let x = f64::from(step) * 0.937;
            let all = [x, x / 700.0, x * x / 1e3, -3.5];
            let bits = |powers: [f64; 4]| powers.map(f64::to_bits);
            assert_eq!(bits(exp_each(all)), bits(all.map(plainly)), "{x}");
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
