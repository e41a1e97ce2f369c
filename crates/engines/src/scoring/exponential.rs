//! The exponential function from additions and multiplications only.
//!
//! The one of the standard library is the platform's own and may differ in the last bit between
//! machines; a replayed decision must not.

/// `e^x`. Exact to about 1e-13 relative for |x| ≤ 50; 0 and infinity far outside; 1 for NaN.
#[must_use]
pub fn exp(x: f64) -> f64 {
    if x.is_nan() {
        return 1.0;
    }
    if x < 0.0 {
        return 1.0 / exp(-x);
    }
    if x > 709.0 {
        return f64::INFINITY;
    }
    // Halve until the series converges quickly, then square as often.
    let mut small = x;
    let mut squarings = 0_u32;
    while small > 0.25 {
        small /= 2.0;
        squarings += 1;
    }
    let mut term = 1.0;
    let mut sum = 1.0;
    for step in 1..=14_u32 {
        term *= small / f64::from(step);
        sum += term;
    }
    (0..squarings).fold(sum, |value, _| value * value)
}

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
        assert_eq!(exp(f64::NAN), 1.0);
    }
}
