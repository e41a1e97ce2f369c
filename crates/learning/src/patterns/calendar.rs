//! Seasons as an operator enters them, and what was seen while they lasted.

use jiff::Timestamp;

use super::{Finding, LEAST_EXPECTED, Rate, deviations, overall};
use crate::class_prior::OVER_DISPERSION;
use crate::history::Evidence;

/// A time in which an operator expects more or fewer interruptions.
#[derive(Clone, Debug, PartialEq)]
pub struct CalendarEntry {
    /// Its name, such as the end of a quarter.
    pub name: String,
    /// Its first instant.
    pub from: Timestamp,
    /// The first instant behind it.
    pub until: Timestamp,
    /// What the hazard is multiplied by, above 0.
    pub factor: f64,
}

/// The factor of the hazard at an instant: the highest of the entries that hold it, 1 without any.
/// Entries with a factor that is no number above 0 are not looked at.
#[must_use]
pub fn factor_at(entries: &[CalendarEntry], at: Timestamp) -> f64 {
    entries
        .iter()
        .filter(|entry| entry.from <= at && at < entry.until)
        .filter(|entry| entry.factor.is_finite() && entry.factor > 0.0)
        .map(|entry| entry.factor)
        .reduce(f64::max)
        .unwrap_or(1.0)
}

/// The factor that past occurrences of an entry show: the rate while it lasted over the rate
/// otherwise, with the rate itself. It is shown beside what the operator says and replaces nothing.
#[must_use]
pub fn observed_factor(during: Evidence, otherwise: Evidence) -> Finding<(f64, Rate)> {
    let during = during.believable();
    let interruptions = during.interruptions.round() as u64;
    let Some(usual) = overall(otherwise).filter(|_| during.exposure_hours > 0.0) else {
        return Finding::NotEnoughData { interruptions, needed: None };
    };
    let expected = usual * during.exposure_hours;
    if expected / OVER_DISPERSION < LEAST_EXPECTED {
        let needed = (LEAST_EXPECTED * OVER_DISPERSION).ceil() as u64;
        return Finding::NotEnoughData { interruptions, needed: Some(needed) };
    }
    let rate = Rate::of(interruptions, during.exposure_hours, usual);
    let found = (rate.per_hour / usual, rate);
    if deviations(interruptions, expected).abs() >= 2.0 {
        Finding::Pattern(found)
    } else {
        Finding::NoPattern(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(from: i64, until: i64, factor: f64) -> CalendarEntry {
        let at = |second| Timestamp::from_second(second).unwrap();
        CalendarEntry { name: "sale".to_owned(), from: at(from), until: at(until), factor }
    }

    #[test]
    fn the_highest_factor_holds_and_none_is_made_up() {
        let entries = [entry(0, 100, 1.5), entry(50, 60, 2.5), entry(0, 100, f64::NAN)];
        let check = |second: i64, wanted: f64| {
            let at = Timestamp::from_second(second).unwrap();
            assert_eq!(factor_at(&entries, at), wanted, "{second}");
        };
        check(-1, 1.0);
        check(0, 1.5);
        check(50, 2.5);
        check(60, 1.5);
        check(100, 1.0);
    }

    #[test]
    fn what_was_seen_is_shown_when_it_suffices() {
        let evidence = |interruptions, exposure_hours| Evidence { interruptions, exposure_hours };
        let usual = evidence(100.0, 100_000.0);
        let Finding::Pattern((factor, _)) = observed_factor(evidence(60.0, 20_000.0), usual) else {
            panic!("no pattern")
        };
        assert!((2.0..3.0).contains(&factor), "{factor}");
        let few = observed_factor(evidence(5.0, 1_000.0), usual);
        assert_eq!(few, Finding::NotEnoughData { interruptions: 5, needed: Some(10) });
    }
}
