//! The advisor's scale, read at a hazard that was learned.

use learning::{Horizon, bucket_hazard, chance_within};
use market::AdvisorBucket;

use super::table::advisor_component;

/// The advisor's scale read at the probability of an interruption within 30 days that a hazard per hour
/// has: straight lines between the classes, level beyond them. At the hazard of a class it is that class's
/// component, so that reports which agree with it change nothing.
#[must_use]
pub fn component_of_hazard(hazard: f64) -> f64 {
    let here = chance_within(hazard, Horizon::Month);
    let knots = AdvisorBucket::ALL.map(|class| {
        (chance_within(bucket_hazard(class), Horizon::Month), advisor_component(class))
    });
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

/// The probability that an instance is not interrupted within 30 days at a hazard per hour.
#[must_use]
pub fn safety_of_hazard(hazard: f64) -> f64 {
    1.0 - chance_within(hazard, Horizon::Month)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_reads_as_itself_and_more_hazard_as_less_safe() {
        let mut last = 1.0;
        for class in AdvisorBucket::ALL {
            let found = component_of_hazard(bucket_hazard(class));
            assert!((found - advisor_component(class)).abs() < 1e-12, "{class}");
        }
        for step in 0..100_u32 {
            let found = component_of_hazard(f64::from(step) * 1e-5);
            assert!(found <= last, "{step}");
            last = found;
        }
        assert_eq!((component_of_hazard(0.0), component_of_hazard(1.0)), (1.0, 0.0));
    }
}
