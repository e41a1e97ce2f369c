//! The exponential function from additions and multiplications only.
//!
//! The one of the standard library is the platform's own and may differ in the last bit between
//! machines; a replayed decision must not.

/// `e^x`. Exact to about 1e-13 relative for |x| ≤ 50; 0 and infinity far outside; 1 for NaN.
#[must_use]
pub fn exp(x: f64) -> f64 {
    let [power] = exp_each([x]);
    power
}

/// `e^x` of each, to the same bits: the steps of several numbers do not wait for each other.
#[must_use]
pub(super) fn exp_each<const N: usize>(xs: [f64; N]) -> [f64; N] {
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
    fn it_agrees_with_the_platform() {
        for step in -500..=500_i32 {
            let x = f64::from(step) / 10.0;
            let relative = exp(x) / x.exp() - 1.0;
            assert!(relative.abs() < 1e-12, "{x}: {relative}");
        }
        assert_eq!(exp(0.0), 1.0);
        assert_eq!(exp(-1e9), 0.0);
        assert_eq!(exp(1e9), f64::INFINITY);
        assert_eq!(exp(f64::NAN), 1.0);
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
}
