//! Discounted evidence as one running sum, for the many pools of the many customers of a server.
//!
//! A [`History`](crate::History) holds every day; this holds one number. Each day's weight is a whole
//! number of parts of the weight of the day on which the sum was begun, so that what is added can be
//! taken away again, and the order in which reports come makes no difference to the last bit.

use jiff::Timestamp;

use crate::elementary::exp;
use crate::history::{HALF_LIFE_DAYS, day_of};

/// Interruptions, or seconds of exposure, discounted by age.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RunningSum {
    parts: u128,
}

/// The day on which sums are begun: its weight is 1, and a younger day's is more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    day: i64,
}

/// Bits behind the point of a weight. A day that is forty half-lives older than the origin, six and a
/// half years, weighs nothing any more.
const PARTS: i32 = 40;

/// Half-lives behind the origin at which weights stop to grow, so that sums of any size fit: eight years
/// of a server that never starts anew.
const MOST_HALF_LIVES: f64 = 50.0;

impl Origin {
    /// The day of an instant (UTC).
    #[must_use]
    pub fn at(now: Timestamp) -> Origin {
        Origin { day: day_of(now.as_second()) }
    }

    fn half_lives(self, day: i64) -> f64 {
        ((day - self.day) as f64 / HALF_LIFE_DAYS).min(MOST_HALF_LIVES)
    }

    /// The weight of a day, in parts.
    #[must_use]
    pub fn weight(self, day: i64) -> u128 {
        let shift = self.half_lives(day) + f64::from(PARTS);
        // A conversion that cannot be out of range: at most 2^90 parts.
        exp(shift * std::f64::consts::LN_2).round() as u128
    }
}

impl RunningSum {
    /// Counts what happened on a day: days are numbered from 1970 on, by UTC.
    pub fn add(&mut self, origin: Origin, day: i64, count: u64) {
        let more = origin.weight(day).saturating_mul(count.into());
        self.parts = self.parts.saturating_add(more);
    }

    /// What the sum is worth at an instant.
    #[must_use]
    pub fn discounted(self, origin: Origin, now: Timestamp) -> f64 {
        let today = origin.half_lives(day_of(now.as_second())) + f64::from(PARTS);
        self.parts as f64 * exp(-today * std::f64::consts::LN_2)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::History;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    proptest! {
        #[test]
        fn it_is_worth_what_the_history_is(
            reports in prop::collection::vec((0_i64..900, 0_u64..20, 0_u64..900_000), 0..40),
            started in 0_i64..900, later in 0_i64..400,
        ) {
            let origin = Origin::at(at(started * 86_400));
            let (mut history, mut sums, mut turned) =
                (History::default(), [RunningSum::default(); 2], [RunningSum::default(); 2]);
            for (day, interruptions, seconds) in &reports {
                history.add(*day, *interruptions, *seconds);
                sums[0].add(origin, *day, *interruptions);
                sums[1].add(origin, *day, *seconds);
            }
            for (day, interruptions, seconds) in reports.iter().rev() {
                turned[0].add(origin, *day, *interruptions);
                turned[1].add(origin, *day, *seconds);
            }
            prop_assert_eq!(sums, turned);
            let now = at((900 + later) * 86_400);
            let whole = history.discounted(now);
            let found = sums.map(|sum| sum.discounted(origin, now));
            let near = |a: f64, b: f64| (a - b).abs() <= 1e-9 * b.abs() + 1e-9;
            prop_assert!(near(found[0], whole.interruptions), "{found:?} {whole:?}");
            prop_assert!(near(found[1] / 3600.0, whole.exposure_hours), "{found:?} {whole:?}");
        }
    }
}
