//! Discounted evidence as one running sum, for the many pools of the many customers of a server.
//!
//! A [`History`](crate::History) holds every day; this holds two numbers. Each day's weight is a whole
//! number of parts of the weight of the day on which the sum was begun, so that what is added can be
//! taken away again, and the order in which reports come makes no difference to the last bit.

use jiff::Timestamp;

use crate::elementary::exp;
use crate::history::{Evidence, HALF_LIFE_DAYS, day_of};

/// Interruptions and exposure of one pool, discounted by age.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RunningEvidence {
    /// Weighted interruptions, in parts.
    interruptions: u128,
    /// Weighted instance-seconds, in parts.
    exposure_seconds: u128,
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

impl RunningEvidence {
    /// Counts what happened on a day: days are numbered from 1970 on, by UTC.
    pub fn add(&mut self, origin: Origin, day: i64, interruptions: u64, exposure_seconds: u64) {
        let weight = origin.weight(day);
        let more = |sum: u128, count: u64| sum.saturating_add(weight.saturating_mul(count.into()));
        self.interruptions = more(self.interruptions, interruptions);
        self.exposure_seconds = more(self.exposure_seconds, exposure_seconds);
    }

    /// What the sum is worth at an instant.
    #[must_use]
    pub fn discounted(&self, origin: Origin, now: Timestamp) -> Evidence {
        let today = origin.half_lives(day_of(now.as_second())) + f64::from(PARTS);
        let scale = exp(-today * std::f64::consts::LN_2);
        Evidence {
            interruptions: self.interruptions as f64 * scale,
            exposure_hours: self.exposure_seconds as f64 * scale / 3600.0,
        }
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
            let (mut history, mut sum, mut turned) =
                (History::default(), RunningEvidence::default(), RunningEvidence::default());
            for (day, interruptions, seconds) in &reports {
                history.add(*day, *interruptions, *seconds);
                sum.add(origin, *day, *interruptions, *seconds);
            }
            for (day, interruptions, seconds) in reports.iter().rev() {
                turned.add(origin, *day, *interruptions, *seconds);
            }
            prop_assert_eq!(sum, turned);
            let now = at((900 + later) * 86_400);
            let (whole, found) = (history.discounted(now), sum.discounted(origin, now));
            let near = |a: f64, b: f64| (a - b).abs() <= 1e-9 * b.abs() + 1e-9;
            prop_assert!(near(found.interruptions, whole.interruptions), "{found:?} {whole:?}");
            prop_assert!(near(found.exposure_hours, whole.exposure_hours), "{found:?} {whole:?}");
        }
    }
}
