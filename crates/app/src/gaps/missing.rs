//! Stretches without a price.

use jiff::{SignedDuration, Timestamp};

use super::Window;

/// The longest stretch between two rows of a pool that is no gap. AWS repeats an unchanged price about
/// once a day: of 168,223 rows of 1,182 pools in March and April 2021 the longest silence was 29.9
/// hours, and 99.9 % were shorter than 24.1 hours.
pub const LONGEST_SILENCE: SignedDuration = SignedDuration::from_hours(30);

/// The gaps of one series within a window. `instants` are those of its prices in order, from
/// [`LONGEST_SILENCE`] before the window to as long after it. The edges of the window stand for rows
/// where there is none beyond them.
pub(crate) fn gaps(instants: &[Timestamp], window: Window) -> Vec<Window> {
    let before = instants.iter().rev().find(|at| **at <= window.from);
    let after = instants.iter().find(|at| **at >= window.until);
    let inside = instants.iter().filter(|at| window.from < **at && **at < window.until);
    let mut found = Vec::new();
    let mut last = *before.unwrap_or(&window.from);
    for next in inside.chain([after.unwrap_or(&window.until)]) {
        if next.duration_since(last) > LONGEST_SILENCE {
            found.push(Window { from: last.max(window.from), until: (*next).min(window.until) });
        }
        last = *next;
    }
    found
}

/// The parts of a window before and from an instant on; an empty part is `None`.
pub(crate) fn split(window: Window, at: Timestamp) -> (Option<Window>, Option<Window>) {
    let whole =
        |from: Timestamp, until: Timestamp| (from < until).then_some(Window { from, until });
    (whole(window.from, window.until.min(at)), whole(window.from.max(at), window.until))
}

/// What two windows have in common, and what of the first one remains before and after it.
pub(crate) fn overlap(one: Window, other: Window) -> (Option<Window>, [Option<Window>; 2]) {
    let (before, rest) = split(one, other.from);
    let Some(rest) = rest else { return (None, [before, None]) };
    let (common, after) = split(rest, other.until);
    (common, [before, after])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hour: i64) -> Timestamp {
        "2026-01-01T00:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_hours(hour)
    }

    fn window(from: i64, until: i64) -> Window {
        Window { from: at(from), until: at(until) }
    }

    #[test]
    fn silences_longer_than_a_day_and_a_bit_are_gaps() {
        let check = |hours: &[i64], expected: &[(i64, i64)]| {
            let instants: Vec<Timestamp> = hours.iter().map(|hour| at(*hour)).collect();
            let found = gaps(&instants, window(0, 240));
            let expected: Vec<Window> =
                expected.iter().map(|(from, until)| window(*from, *until)).collect();
            assert_eq!(found, expected, "{hours:?}");
        };
        check(&[], &[(0, 240)]);
        // A row a day is whole, and so are thirty hours.
        check(&[-5, 19, 43, 73, 97, 120, 150, 170, 200, 225], &[]);
        check(&[-5, 19, 60, 80, 100, 120, 150, 170, 200, 225], &[(19, 60)]);
        // Before the first and after the last row.
        check(&[100, 124, 148], &[(0, 100), (148, 240)]);
        check(&[20, 40, 60, 80, 100, 120, 140, 160, 180, 200, 215], &[]);
        // Rows beyond the edges count as far as they reach.
        check(&[-20, 20, 40, 60, 80, 100, 120, 140, 160, 180, 200, 225], &[(0, 20)]);
        check(&[-2, 20, 40, 60, 80, 100, 120, 140, 160, 180, 215, 245], &[(180, 215)]);
        check(&[-2, 20, 40, 60, 80, 100, 120, 140, 160, 180, 200, 220, 255], &[(220, 240)]);
        check(&[0, 240], &[(0, 240)]);
    }

    #[test]
    fn windows_are_taken_apart() {
        let whole = window(0, 100);
        assert_eq!(split(whole, at(30)), (Some(window(0, 30)), Some(window(30, 100))));
        assert_eq!(split(whole, at(-5)), (None, Some(whole)));
        assert_eq!(split(whole, at(100)), (Some(whole), None));
        let check = |other: Window, common: Option<Window>, rest: [Option<Window>; 2]| {
            assert_eq!(overlap(whole, other), (common, rest), "{other:?}");
        };
        check(window(20, 40), Some(window(20, 40)), [Some(window(0, 20)), Some(window(40, 100))]);
        check(window(-20, 400), Some(whole), [None, None]);
        check(window(-20, 0), None, [None, Some(whole)]);
        check(window(100, 120), None, [Some(whole), None]);
        check(window(-20, 10), Some(window(0, 10)), [None, Some(window(10, 100))]);
    }
}
