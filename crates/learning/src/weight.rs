//! How much reported history counts, by instance-hours.

use units::{Fraction, Weights, WeightsError};

/// Instance-hours at which the weight changes how it grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Milestone {
    /// 10,000 hours: history begins to count.
    TenThousand,
    /// 50,000 hours: a weight of 0.10.
    FiftyThousand,
    /// 200,000 hours: a weight of 0.15.
    TwoHundredThousand,
    /// 500,000 hours: a weight of 0.25, which is the most.
    HalfAMillion,
}

/// How far history has come.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// The last milestone that was reached.
    pub reached: Option<Milestone>,
    /// The one ahead; `None` behind the last.
    pub next: Option<Milestone>,
    /// The share of the way from the one to the other in hours; 1 behind the last.
    pub share: Fraction,
}

impl Milestone {
    /// Every milestone, nearest first.
    pub const ALL: [Milestone; 4] = [
        Milestone::TenThousand,
        Milestone::FiftyThousand,
        Milestone::TwoHundredThousand,
        Milestone::HalfAMillion,
    ];

    /// The instance-hours at which it is reached.
    #[must_use]
    pub const fn hours(self) -> u64 {
        match self {
            Milestone::TenThousand => 10_000,
            Milestone::FiftyThousand => 50_000,
            Milestone::TwoHundredThousand => 200_000,
            Milestone::HalfAMillion => 500_000,
        }
    }
}

/// The weight of the customer component, 0 to 0.25, by instance-hours of reported exposure.
///
/// Nothing below 10,000 hours, where it starts at 0.02; then straight lines through 0.10 at
/// 50,000, 0.15 at 200,000 and 0.25 from 500,000 on. Twelve decimals.
#[must_use]
pub fn feedback_weight(hours: u64) -> f64 {
    let line = |base: f64, rise: f64, from: Milestone, to: Milestone| {
        let (from, to) = (from.hours(), to.hours());
        let weight = base + rise * (hours - from) as f64 / (to - from) as f64;
        // So that the weights at milestones are the numbers that stand above.
        (weight * 1e12).round() / 1e12
    };
    match hours {
        0..10_000 => 0.0,
        // The first line points at the origin; it is entered where history begins to count.
        10_000..50_000 => (hours as f64 / 50_000.0 * 0.10 * 1e12).round() / 1e12,
        50_000..200_000 => {
            line(0.10, 0.05, Milestone::FiftyThousand, Milestone::TwoHundredThousand)
        }
        200_000..500_000 => {
            line(0.15, 0.10, Milestone::TwoHundredThousand, Milestone::HalfAMillion)
        }
        _ => 0.25,
    }
}

/// The weights of advisor, volatility, structure and customer in the adaptive profile:
/// `0.60 − w`, 0.30, 0.10 and `w`. History takes from the advisor alone, so that the sum stays 1.
///
/// # Errors
/// None for any number of hours; the type of the weights proves it when they are made.
pub fn adaptive_weights(hours: u64) -> Result<Weights<4>, WeightsError> {
    let own = feedback_weight(hours);
    Weights::new([0.60 - own, 0.30, 0.10, own])
}

/// Which milestone lies ahead and how far it is.
#[must_use]
pub fn progress(hours: u64) -> Progress {
    let reached = Milestone::ALL.into_iter().rev().find(|milestone| milestone.hours() <= hours);
    let next = Milestone::ALL.into_iter().find(|milestone| milestone.hours() > hours);
    let start = reached.map_or(0, Milestone::hours);
    let share = next.map_or(1.0, |next| (hours - start) as f64 / (next.hours() - start) as f64);
    Progress { reached, next, share: Fraction::clamped(share) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn it_is_exact_at_the_milestones() {
        let check =
            |hours: u64, expected: f64| assert_eq!(feedback_weight(hours), expected, "{hours}");
        check(0, 0.0);
        check(9_999, 0.0);
        check(10_000, 0.02);
        check(49_999, 0.099_998);
        check(50_000, 0.10);
        check(125_000, 0.125);
        check(200_000, 0.15);
        check(350_000, 0.20);
        check(499_999, 0.249_999_666_667);
        check(500_000, 0.25);
        check(u64::MAX, 0.25);
    }

    #[test]
    fn progress_is_counted_from_the_milestone_before() {
        let check =
            |hours: u64, reached: Option<Milestone>, next: Option<Milestone>, share: f64| {
                let share = Fraction::clamped(share);
                assert_eq!(progress(hours), Progress { reached, next, share }, "{hours}");
            };
        check(2_500, None, Some(Milestone::TenThousand), 0.25);
        check(125_000, Some(Milestone::FiftyThousand), Some(Milestone::TwoHundredThousand), 0.5);
        check(500_000, Some(Milestone::HalfAMillion), None, 1.0);
        check(u64::MAX, Some(Milestone::HalfAMillion), None, 1.0);
    }

    proptest! {
        #[test]
        fn weights_sum_to_one_and_grow(few in 0_u64..700_000, many in any::<u64>()) {
            for hours in [few, many] {
                let weights = adaptive_weights(hours).unwrap();
                prop_assert!((weights.values().iter().sum::<f64>() - 1.0).abs() < 1e-12);
                prop_assert!(feedback_weight(hours) <= feedback_weight(hours.saturating_add(1)));
            }
        }
    }
}
