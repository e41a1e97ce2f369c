//! Interruptions and exposure of a pool by day.
//!
//! Whole numbers under the day that they belong to: late reports and reports in another order leave
//! the same history to the last bit, and years of it stay small.

use std::collections::BTreeMap;

use jiff::Timestamp;

/// What happened to a pool, or to several together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    days: BTreeMap<i64, Day>,
}

/// Interruptions and the instance-hours in which they could have happened, discounted by age or not.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Evidence {
    /// How many instances were taken back.
    pub interruptions: f64,
    /// Instance-hours at risk.
    pub exposure_hours: f64,
}

/// One day, by UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Day {
    interruptions: u64,
    exposure_seconds: u64,
}

impl History {
    /// Counts an interruption.
    pub fn interrupted(&mut self, at: Timestamp) {
        self.add(day_of(at.as_second()), 1, 0);
    }

    /// Counts so many instances that were at risk from one instant to another; nothing where the
    /// second is not later.
    pub fn exposed(&mut self, instances: u32, from: Timestamp, until: Timestamp) {
        for (day, seconds) in exposed_days(instances, from, until) {
            self.add(day, 0, seconds);
        }
    }

    /// Counts what happened on a day; days are numbered from 1970 on, by UTC.
    pub fn add(&mut self, day: i64, interruptions: u64, exposure_seconds: u64) {
        let entry = self.days.entry(day).or_default();
        entry.interruptions = entry.interruptions.saturating_add(interruptions);
        entry.exposure_seconds = entry.exposure_seconds.saturating_add(exposure_seconds);
    }

    /// Counts all of another history too.
    pub fn include(&mut self, other: &History) {
        for (day, counts) in &other.days {
            self.add(*day, counts.interruptions, counts.exposure_seconds);
        }
    }

    /// Everything up to and including the day of an instant, each day worth half of one that is
    /// [`HALF_LIFE_DAYS`] younger.
    #[must_use]
    pub fn discounted(&self, now: Timestamp) -> Evidence {
        self.weighed(now, |age_days| {
            crate::exp(-age_days as f64 / HALF_LIFE_DAYS * std::f64::consts::LN_2)
        })
    }

    /// The same without discounting: what weights and milestones count.
    #[must_use]
    pub fn total(&self, now: Timestamp) -> Evidence {
        self.weighed(now, |_| 1.0)
    }

    fn weighed(&self, now: Timestamp, weight: impl Fn(i64) -> f64) -> Evidence {
        let today = day_of(now.as_second());
        let mut sum = Evidence::default();
        for (day, counts) in self.days.range(..=today) {
            let weight = weight(today - day);
            sum.interruptions += weight * counts.interruptions as f64;
            sum.exposure_hours += weight * counts.exposure_seconds as f64 / 3600.0;
        }
        sum
    }
}

impl Evidence {
    /// Both together.
    #[must_use]
    pub fn plus(self, other: Evidence) -> Evidence {
        Evidence {
            interruptions: self.interruptions + other.interruptions,
            exposure_hours: self.exposure_hours + other.exposure_hours,
        }
    }

    /// What is left without a part of it; never less than nothing.
    #[must_use]
    pub fn minus(self, part: Evidence) -> Evidence {
        Evidence {
            interruptions: (self.interruptions - part.interruptions).max(0.0),
            exposure_hours: (self.exposure_hours - part.exposure_hours).max(0.0),
        }
    }

    /// Evidence of which nothing is negative or no number; anything else counts as none.
    #[must_use]
    pub(crate) fn believable(self) -> Evidence {
        let sound = |number: f64| number.is_finite() && number >= 0.0;
        if sound(self.interruptions) && sound(self.exposure_hours) {
            self
        } else {
            Evidence::default()
        }
    }
}

/// After so many days what happened is worth half: seasons pass, single bad weeks do not.
pub const HALF_LIFE_DAYS: f64 = 60.0;

const DAY_SECONDS: i64 = 86_400;

/// The day (UTC) that a second since 1970 lies in, by number.
#[must_use]
pub fn day_of(second: i64) -> i64 {
    second.div_euclid(DAY_SECONDS)
}

/// Instance-seconds by day of so many instances from one instant to another; nothing where the second
/// is not later.
pub fn exposed_days(
    instances: u32,
    from: Timestamp,
    until: Timestamp,
) -> impl Iterator<Item = (i64, u64)> {
    let (mut from, until) = (from.as_second(), until.as_second());
    std::iter::from_fn(move || {
        if from >= until {
            return None;
        }
        let day = day_of(from);
        let end = until.min((day + 1).saturating_mul(DAY_SECONDS));
        let seconds = end.abs_diff(from).saturating_mul(u64::from(instances));
        from = end;
        Some((day, seconds))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn exposure_falls_on_the_days_it_covers() {
        let mut history = History::default();
        history.exposed(3, at(DAY_SECONDS - 3600), at(DAY_SECONDS + 7200));
        assert_eq!(history.days[&0].exposure_seconds, 3 * 3600);
        assert_eq!(history.days[&1].exposure_seconds, 3 * 7200);
        history.exposed(3, at(100), at(100));
        history.exposed(3, at(100), at(50));
        assert_eq!(history.total(at(DAY_SECONDS * 2)).exposure_hours, 9.0);
    }

    #[test]
    fn sixty_days_halve_and_the_future_does_not_count() {
        let mut history = History::default();
        history.interrupted(at(0));
        history.interrupted(at(61 * DAY_SECONDS));
        let evidence = history.discounted(at(60 * DAY_SECONDS));
        assert!((evidence.interruptions - 0.5).abs() < 1e-12, "{evidence:?}");
        assert_eq!(history.total(at(61 * DAY_SECONDS)).interruptions, 2.0);
    }

    proptest! {
        #[test]
        fn the_order_of_reports_does_not_matter(
            reports in prop::collection::vec((0_i64..30_000_000, any::<bool>(), 1_u32..50), 0..60),
            turn in 0_usize..60,
        ) {
            let gathered = |reports: &[(i64, bool, u32)]| {
                let mut history = History::default();
                for (second, interrupted, instances) in reports {
                    if *interrupted {
                        history.interrupted(at(*second));
                    } else {
                        history.exposed(*instances, at(*second), at(second + 200_000));
                    }
                }
                history
            };
            let mut other = reports.clone();
            other.reverse();
            other.rotate_left(turn.min(reports.len()));
            let (first, second) = (gathered(&reports), gathered(&other));
            prop_assert_eq!(&first, &second);
            let half = reports.len() / 2;
            let mut merged = gathered(&reports[half..]);
            merged.include(&gathered(&reports[..half]));
            prop_assert_eq!(first, merged);
        }
    }
}
