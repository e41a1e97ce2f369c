//! What a customer's own interruptions say of a pool.
//!
//! A Gamma prior with the mean of the advisor's class meets Poisson events (shrinkage): with
//! little exposure the class stands, with much the pool's own rate does.

use market::AdvisorBucket;

use super::exponential::exp;
use super::interruption::{Horizon, bucket_hazard};
use super::table::advisor_component;

/// Interruptions of a pool and the instance-hours in which they could have happened.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Observed {
    /// How often instances were taken back.
    pub interruptions: u64,
    /// Instance-hours at risk.
    pub exposure_hours: f64,
}

/// Variance over mean of daily counts: interruptions come in bursts, so that each tells less than
/// an independent one would.
const OVER_DISPERSION: f64 = 2.0;

/// Squared coefficient of variation of the hazard among pools of a class: `e^(0.9²) − 1`.
const VARIATION_WITHIN_CLASS: f64 = 1.25;

/// The hazard per hour of a pool of a class after what was observed:
/// `(n/φ + κm) / (e/φ + κ)` with `κ = 1/(cv²·m)`. Without exposure it is the class's own.
#[must_use]
pub fn posterior_hazard(bucket: AdvisorBucket, observed: Option<Observed>) -> f64 {
    let prior = bucket_hazard(bucket);
    let Some(observed) = observed else { return prior };
    let exposure = observed.exposure_hours;
    if !exposure.is_finite() || exposure < 0.0 {
        return prior;
    }
    let strength = 1.0 / (VARIATION_WITHIN_CLASS * prior);
    (observed.interruptions as f64 / OVER_DISPERSION + strength * prior)
        / (exposure / OVER_DISPERSION + strength)
}

/// The customer component: the advisor's scale, read at the posterior probability of an
/// interruption within 30 days, in straight lines between the classes and level beyond them.
/// Without observations, and with any that agree with the prior, it is the advisor component.
#[must_use]
pub fn customer_component(bucket: AdvisorBucket, observed: Option<Observed>) -> f64 {
    if observed.is_none() {
        return advisor_component(bucket);
    }
    component_of_hazard(posterior_hazard(bucket, observed))
}

/// The advisor's scale read at the probability of an interruption within 30 days that a hazard per hour
/// has: straight lines between the classes, level beyond them.
#[must_use]
pub fn component_of_hazard(hazard: f64) -> f64 {
    let within_30_days = |hazard: f64| 1.0 - exp(-hazard * Horizon::Month.hours());
    let here = within_30_days(hazard);
    let knots = AdvisorBucket::ALL
        .map(|class| (within_30_days(bucket_hazard(class)), advisor_component(class)));
    if here <= knots[0].0 {
        return knots[0].1;
    }
    for pair in knots.windows(2) {
        let ((from, high), (to, low)) = (pair[0], pair[1]);
        if here <= to {
            return high + (low - high) * (here - from) / (to - from);
        }
    }
    knots[4].1
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn evidence_equal_to_the_prior_changes_nothing(class in 0_usize..5, events in 1_u64..50) {
            let bucket = AdvisorBucket::ALL[class];
            let exposure_hours = events as f64 / bucket_hazard(bucket);
            let found = customer_component(bucket, Some(Observed { interruptions: events, exposure_hours }));
            prop_assert!((found - advisor_component(bucket)).abs() < 1e-9);
        }

        #[test]
        fn an_interruption_can_only_raise_risk(
            class in 0_usize..5, events in 0_u64..1000, exposure_hours in 0.0..1e7_f64,
        ) {
            let bucket = AdvisorBucket::ALL[class];
            let at = |interruptions| {
                let observed = Some(Observed { interruptions, exposure_hours });
                (posterior_hazard(bucket, observed), customer_component(bucket, observed))
            };
            let ((hazard, safety), (more_hazard, less_safety)) = (at(events), at(events + 1));
            prop_assert!(more_hazard > hazard && less_safety <= safety);
        }
    }

    #[test]
    fn nonsense_leaves_the_prior() {
        let bucket = AdvisorBucket::ALL[1];
        for exposure_hours in [f64::NAN, f64::INFINITY, -1.0] {
            let observed = Some(Observed { interruptions: 3, exposure_hours });
            assert_eq!(posterior_hazard(bucket, observed), bucket_hazard(bucket));
        }
        assert_eq!(customer_component(bucket, None), 0.75);
    }
}
