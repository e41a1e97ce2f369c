//! How likely capacity is taken back: a hazard per hour from the advisor's class, probabilities
//! from the hazard, and how much a class is still worth as it ages.
//!
//! The advisor counts interruptions of the trailing month. A class with the middle `f` stands for
//! the hazard `−ln(1 − f)` per 730 hours.

use learning::{Horizon, MONTHLY, bucket_hazard, exp, exp_each};
use market::AdvisorBucket;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::Fraction;

use super::table::advisor_component;

/// Natural logarithms of [`MONTHLY`], written down for the same reason as [`exp`] is.
const MONTHLY_LN: [f64; 5] = [
    -3.676_247_257_954_176,
    -2.551_539_631_966_268_7,
    -2.013_418_678_039_948,
    -1.648_324_839_533_373_2,
    -0.842_150_990_724_732_9,
];

const MONTH_HOURS: f64 = units::HOURS_PER_MONTH.0;

/// Standard deviation of the logarithm of the hazard among pools of one class, as measured on
/// public preemption traces of nine pools.
const SPREAD_WITHIN_CLASS: f64 = 0.9;

/// How fast a class is forgotten: after 16 months (11,680 hours) the rank correlation of old and
/// new class was 0.36 over 11,898 pools, and `−ln 0.36 / 11,680` per hour gives that.
const FORGETTING_PER_HOUR: f64 = 1.021_651_247_531_981_4 / 11_680.0;

/// The 95th percentile of the normal distribution: 90 % lie between plus and minus it.
const NINETY_PERCENT: f64 = 1.644_853_626_951_472_2;

/// The probability that an instance is interrupted within a horizon, with an interval that holds
/// the pool's own probability nine times in ten.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct InterruptionProbability {
    /// The estimate, 0 to 1.
    pub probability: Fraction,
    /// The lower end of the 90 % interval.
    pub low: Fraction,
    /// The upper end of the 90 % interval.
    pub high: Fraction,
}

/// What is known of a region as a whole: where a class drifts to as it is forgotten.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RegionPrior {
    /// Mean of the advisor component over all types of the region, 0 to 1.
    pub component: f64,
    /// Mean hazard per hour.
    pub hazard: f64,
    /// Variance of the logarithm of the hazard between the region's classes.
    pub log_variance: f64,
}

impl RegionPrior {
    /// From how many types of the region are in each class. Without any, the middle class.
    #[must_use]
    pub fn of(bucket_counts: [u32; 5]) -> RegionPrior {
        let mut counts = bucket_counts.map(f64::from);
        if counts.iter().sum::<f64>() <= 0.0 {
            counts = [0.0, 0.0, 1.0, 0.0, 0.0];
        }
        let total: f64 = counts.iter().sum();
        let mean = |value: &dyn Fn(usize) -> f64| {
            counts.iter().enumerate().map(|(class, count)| count * value(class)).sum::<f64>()
                / total
        };
        let center = mean(&|class| MONTHLY_LN[class]);
        RegionPrior {
            component: mean(&|class| 1.0 - class as f64 / 4.0),
            hazard: mean(&|class| MONTHLY[class]) / MONTH_HOURS,
            log_variance: mean(&|class| (MONTHLY_LN[class] - center).powi(2)),
        }
    }

    /// The advisor component as far as a class of this age is still worth something.
    #[must_use]
    pub fn aged_component(&self, bucket: AdvisorBucket, kept: f64) -> f64 {
        self.component + kept * (advisor_component(bucket) - self.component)
    }

    /// The hazard per hour as far as a class of this age is still worth something.
    #[must_use]
    pub fn aged_hazard(&self, bucket: AdvisorBucket, kept: f64) -> f64 {
        self.hazard + kept * (bucket_hazard(bucket) - self.hazard)
    }

    /// Standard deviation of the logarithm of a pool's hazard: the spread within a class, and
    /// between classes as far as the class is forgotten.
    #[must_use]
    pub fn log_spread(&self, kept: f64) -> f64 {
        let forgotten = (1.0 - kept * kept).clamp(0.0, 1.0);
        (SPREAD_WITHIN_CLASS * SPREAD_WITHIN_CLASS + forgotten * self.log_variance).sqrt()
    }
}

/// How much of a class is still worth something at an age in hours: 1 when new, 0.36 after 16
/// months, half after eleven.
#[must_use]
pub fn class_kept(age_hours: f64) -> f64 {
    exp(-FORGETTING_PER_HOUR * age_hours.max(0.0))
}

/// The probability of at least one event within a horizon at a constant hazard, `1 − e^(−λH)`,
/// with the interval that the spread of the hazard's logarithm leaves. Nine decimals.
#[must_use]
pub fn probability(hazard: f64, log_spread: f64, horizon: Horizon) -> InterruptionProbability {
    let [probability] = probabilities(hazard, log_spread, [horizon]);
    probability
}

/// The same for several horizons, which is less work together.
#[must_use]
pub fn probabilities<const N: usize>(
    hazard: f64,
    log_spread: f64,
    horizons: [Horizon; N],
) -> [InterruptionProbability; N] {
    let at = |hazard: f64| {
        exp_each(horizons.map(|horizon| -hazard * horizon.hours()))
            .map(|survival| Fraction::clamped(((1.0 - survival) * 1e9).round() / 1e9))
    };
    let probability = at(hazard);
    let (low, high) = if log_spread == 0.0 {
        (probability, probability)
    } else {
        let factor = exp(NINETY_PERCENT * log_spread);
        (at(hazard / factor), at(hazard * factor))
    };
    std::array::from_fn(|horizon| InterruptionProbability {
        probability: probability[horizon],
        low: low[horizon],
        high: high[horizon],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_constants_are_the_formulas() {
        for class in 0..MONTHLY.len() {
            assert!((MONTHLY_LN[class] - MONTHLY[class].ln()).abs() < 1e-12, "{class}");
        }
        assert!((FORGETTING_PER_HOUR * 11_680.0 + 0.36_f64.ln()).abs() < 1e-12);
    }

    #[test]
    fn a_class_comes_back_as_its_middle_after_a_month() {
        let check = |class: usize, middle: f64| {
            let hazard = bucket_hazard(AdvisorBucket::ALL[class]);
            assert!((1.0 - exp(-hazard * 730.0) - middle).abs() < 1e-12, "{class}");
        };
        check(0, 0.025);
        check(2, 0.125);
        check(4, 0.35);
    }

    #[test]
    fn age_moves_a_class_to_the_mean_of_its_region() {
        let region = RegionPrior::of([10, 0, 0, 0, 30]);
        assert_eq!(region.component, 0.25);
        let best = AdvisorBucket::ALL[0];
        assert_eq!(region.aged_component(best, 1.0), 1.0);
        assert!((region.aged_component(best, class_kept(11_680.0)) - 0.52).abs() < 1e-12);
        assert!((region.aged_component(best, class_kept(1e9)) - 0.25).abs() < 1e-12);
        assert!(region.log_spread(0.3) > region.log_spread(0.9));
        assert_eq!(region.log_spread(1.0), 0.9);
        assert_eq!(RegionPrior::of([0; 5]).component, 0.5);
    }

    #[test]
    fn intervals_hold_the_estimate_and_grow_with_the_horizon() {
        let mut last = 0.0;
        for horizon in Horizon::ALL {
            let found = probability(bucket_hazard(AdvisorBucket::ALL[1]), 0.9, horizon);
            assert!(found.low < found.probability && found.probability < found.high);
            assert!(found.probability.value() > last);
            last = found.probability.value();
        }
    }
}
