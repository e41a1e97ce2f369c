//! The Gamma distribution: what is believed of a rate.

use crate::elementary::{exp, ln};

/// The ends of an interval, lower first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

/// A belief about a rate per hour: `shape` events within `hours`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gamma {
    /// As many events as the belief is worth; above 0.
    pub shape: f64,
    /// The hours in which they would have happened; above 0.
    pub hours: f64,
}

impl Gamma {
    /// The belief with a mean per hour and a squared coefficient of variation, both above 0.
    #[must_use]
    pub fn with_mean(mean: f64, squared_variation: f64) -> Gamma {
        let shape = 1.0 / squared_variation;
        Gamma { shape, hours: shape / mean }
    }

    /// What is believed after so many further events in so many further hours: conjugacy of Gamma
    /// and Poisson (Gelman et al., Bayesian Data Analysis, 3rd edition, section 2.6).
    #[must_use]
    pub fn after(self, events: f64, hours: f64) -> Gamma {
        Gamma { shape: self.shape + events, hours: self.hours + hours }
    }

    /// The mean rate per hour.
    #[must_use]
    pub fn mean(self) -> f64 {
        self.shape / self.hours
    }

    /// Variance over squared mean.
    #[must_use]
    pub fn squared_variation(self) -> f64 {
        1.0 / self.shape
    }

    /// The rates between which the true one lies with 90 %, five on either side.
    #[must_use]
    pub fn ninety_percent(self) -> Interval {
        Interval { low: self.quantile(Side::Low), high: self.quantile(Side::High) }
    }

    fn quantile(self, side: Side) -> f64 {
        let (share, normal) = match side {
            Side::Low => (0.05, -NINETY_FIFTH),
            Side::High => (0.95, NINETY_FIFTH),
        };
        if self.shape > LARGE {
            // Wilson and Hilferty 1931: the cube root of a Gamma variable is nearly normal.
            let root = 1.0 - 1.0 / (9.0 * self.shape) + normal / (3.0 * self.shape.sqrt());
            return self.shape * root * root * root / self.hours;
        }
        // Newton's steps on the logarithm, within an interval that holds the answer and is halved where
        // a step would leave it: the same steps on every machine. The lower end suffices for shapes
        // from a twentieth on.
        let (mut low, mut high) = (-90.0, ln(self.shape + 6.0 * self.shape.sqrt() + 6.0));
        let ln_gamma = ln_gamma(self.shape);
        let mut at = (low + high) / 2.0;
        let small = (ln(share) + ln_gamma + ln(self.shape)) / self.shape;
        if small > low && small < high {
            // The first term of the series, which is nearly all of it far left.
            at = small;
        }
        for _ in 0..64 {
            let (found, slope) = lower_share(self.shape, exp(at), ln_gamma);
            if found < share {
                low = at;
            } else {
                high = at;
            }
            let next = at - (found - share) / slope;
            let before = at;
            at = if next > low && next < high { next } else { (low + high) / 2.0 };
            if (at - before).abs() < 1e-14 * before.abs().max(1.0) {
                break;
            }
        }
        exp(at) / self.hours
    }
}

/// The regularised lower incomplete gamma function `P(shape, x)`: by its series left of
/// `shape + 1`, by Lentz's continued fraction right of it (Press et al., Numerical Recipes, 3rd
/// edition, section 6.2). Beside it its slope over the logarithm of `x`.
fn lower_share(shape: f64, x: f64, ln_gamma: f64) -> (f64, f64) {
    if x <= 0.0 {
        return (0.0, 0.0);
    }
    let front = exp(shape * ln(x) - x - ln_gamma);
    if x < shape + 1.0 {
        let (mut term, mut sum, mut at) = (1.0 / shape, 1.0 / shape, shape);
        for _ in 0..STEPS {
            at += 1.0;
            term *= x / at;
            sum += term;
            if term < sum * 1e-16 {
                break;
            }
        }
        return ((front * sum).min(1.0), front);
    }
    let mut b = x + 1.0 - shape;
    let (mut c, mut d) = (1e300, 1.0 / b);
    let mut fraction = d;
    for step in 1..=STEPS {
        let step = f64::from(step);
        let a = -step * (step - shape);
        b += 2.0;
        d = 1.0 / (a * d + b);
        c = b + a / c;
        fraction *= d * c;
        if (d * c - 1.0).abs() < 1e-15 {
            break;
        }
    }
    ((1.0 - front * fraction).clamp(0.0, 1.0), front)
}

/// The logarithm of the gamma function for positive numbers: Lanczos' approximation with g = 7 and
/// nine terms (Godfrey 2001), to about 1e-14.
pub(crate) fn ln_gamma(x: f64) -> f64 {
    let x = x - 1.0;
    let sum = LANCZOS
        .iter()
        .zip(1_u32..)
        .fold(LANCZOS_FIRST, |sum, (term, at)| sum + term / (x + f64::from(at)));
    let t = x + 7.5;
    LN_ROOT_OF_TWO_PI + (x + 0.5) * ln(t) - t + ln(sum)
}

enum Side {
    Low,
    High,
}

/// The 95th percentile of the normal distribution.
const NINETY_FIFTH: f64 = 1.644_853_626_951_472_2;

/// From this shape on the normal approximation of the quantile is exact to a millionth.
const LARGE: f64 = 1_000.0;

/// Enough for every shape up to [`LARGE`].
const STEPS: u32 = 500;

const LN_ROOT_OF_TWO_PI: f64 = 0.918_938_533_204_672_8;
const LANCZOS_FIRST: f64 = 0.999_999_999_999_809_9;
const LANCZOS: [f64; 8] = [
    676.520_368_121_885_1,
    -1_259.139_216_722_402_8,
    771.323_428_777_653_1,
    -176.615_029_162_140_6,
    12.507_343_278_686_905,
    -0.138_571_095_265_720_12,
    9.984_369_578_019_572e-6,
    1.505_632_735_149_311_6e-7,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_tables() {
        // Half the 5th and 95th percentiles of chi-squared with 2, 10, 40 and 1.6 degrees of freedom.
        let check = |shape: f64, low: f64, high: f64| {
            let found = Gamma { shape, hours: 1.0 }.ninety_percent();
            assert!((found.low / low - 1.0).abs() < 2e-4, "{shape}: {found:?}");
            assert!((found.high / high - 1.0).abs() < 2e-4, "{shape}: {found:?}");
        };
        check(1.0, 0.051_293, 2.995_732);
        check(5.0, 1.970_150, 9.153_519);
        check(20.0, 13.254_65, 27.879_24);
        check(1_000.0, 948.56, 1_052.58);
        check(1_000.1, 948.66, 1_052.68);
    }

    #[test]
    fn steps_end_where_halving_does() {
        for step in 0..400_i32 {
            let shape = 0.05 * 1.025_f64.powi(step);
            for (side, share) in [(Side::Low, 0.05), (Side::High, 0.95)] {
                let (mut low, mut high) = (-90.0_f64, 8.0_f64);
                for _ in 0..70 {
                    let middle = (low + high) / 2.0;
                    let (found, _) = lower_share(shape, exp(middle), ln_gamma(shape));
                    if found < share {
                        low = middle;
                    } else {
                        high = middle;
                    }
                }
                let found = ln(Gamma { shape, hours: 1.0 }.quantile(side));
                assert!(
                    (found - low).abs() < 1e-10 * low.abs().max(1.0),
                    "{shape} {share}: {found} {low}"
                );
            }
        }
    }

    #[test]
    fn a_belief_is_its_mean_and_variation() {
        let belief = Gamma::with_mean(3e-4, 1.25);
        assert!((belief.mean() / 3e-4 - 1.0).abs() < 1e-12);
        assert!((belief.squared_variation() - 1.25).abs() < 1e-12);
        let interval = belief.ninety_percent();
        assert!(interval.low < belief.mean() && belief.mean() < interval.high);
        // Evidence at the mean leaves the mean and narrows the interval.
        let later = belief.after(30.0, 1e5);
        assert!((later.mean() / 3e-4 - 1.0).abs() < 1e-12);
        let narrower = later.ninety_percent();
        assert!(narrower.low > interval.low && narrower.high < interval.high);
    }
}
