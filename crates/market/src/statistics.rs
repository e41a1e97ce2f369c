//! Time-weighted statistics of one price series up to one instant.
//!
//! A price is known from an observation until the next one, but no longer than `max_age`: beyond
//! that the series has a hole, and a hole has no weight.
//! Nothing after the instant is looked at.

use units::UsdPerHour;

use crate::series::Series;

const HOUR_MS: i64 = 3_600_000;

/// Statistics of a window that ends at the instant asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct WindowStatistics {
    /// Time-weighted mean; `None` when the price was known for no time at all.
    pub(crate) mean: Option<UsdPerHour>,
    /// Time-weighted standard deviation over the mean.
    pub(crate) variation: Option<f64>,
    /// Lowest price in force in the window, the present one included.
    pub(crate) lowest: Option<UsdPerHour>,
    /// Highest price in force in the window, the present one included.
    pub(crate) highest: Option<UsdPerHour>,
    /// Changes in the window; repetitions of a price are none.
    pub(crate) changes: u32,
    /// Hours of the window for which the price is known.
    pub(crate) known_hours: f64,
}

/// The statistics over `(at_ms − hours, at_ms]`.
pub(crate) fn window(
    series: Series<'_>,
    at_ms: i64,
    hours: i64,
    max_age_ms: i64,
) -> WindowStatistics {
    let start = at_ms.saturating_sub(hours.saturating_mul(HOUR_MS));
    let first_change = series.in_force(start).unwrap_or(0);
    let last_change = series.in_force(at_ms).map_or(0, |position| position + 1);
    let mut known = Weighted::default();
    let (mut lowest, mut highest) = (None, None);
    let mut changes = 0_u32;
    for position in first_change..last_change {
        let (Some(from), Some(price)) =
            (series.change_at.get(position), series.change_price.get(position))
        else {
            break;
        };
        let until = series.change_at.get(position + 1).map_or(at_ms, |next| (*next).min(at_ms));
        let weight = known_time(series.repeat_at, (*from, until), start, max_age_ms);
        if *from > start && position > 0 {
            changes = changes.saturating_add(1);
        }
        // The present price counts toward the extremes even when it is in force for no time yet.
        if weight > 0 || position + 1 == last_change {
            lowest = Some(lowest.map_or(*price, |low: UsdPerHour| low.min(*price)));
            highest = Some(highest.map_or(*price, |high: UsdPerHour| high.max(*price)));
        }
        known.add(price.nanos(), weight);
    }
    WindowStatistics {
        mean: known.mean().map(UsdPerHour::from_nanos),
        variation: known.variation(),
        lowest,
        highest,
        changes,
        known_hours: rounded(known.weight as f64 / HOUR_MS as f64),
    }
}

/// A number with nine decimals, which survives being written as JSON and read again.
pub(crate) fn rounded(number: f64) -> f64 {
    (number * 1e9).round() / 1e9
}

/// Hours between two instants, never negative.
pub(crate) fn hours_between(from_ms: i64, until_ms: i64) -> f64 {
    rounded(until_ms.saturating_sub(from_ms).max(0) as f64 / HOUR_MS as f64)
}

/// For how many milliseconds after `start` a price that was in force in `span` is known, when it
/// was seen again at the instants of `repeats`.
fn known_time(repeats: &[i64], span: (i64, i64), start: i64, max_age_ms: i64) -> i64 {
    let (from, until) = span;
    let first = repeats.partition_point(|at| *at <= from);
    let last = repeats.partition_point(|at| *at < until);
    let mut seen = from;
    let mut total = 0_i64;
    let repeats = repeats.get(first..last).unwrap_or(&[]);
    for next in repeats.iter().copied().chain([until]) {
        let known_until = next.min(seen.saturating_add(max_age_ms));
        total = total.saturating_add(known_until.saturating_sub(seen.max(start)).max(0));
        seen = next;
    }
    total
}

/// Weighted first and second moments in integers, so that the order of addition has no say.
#[derive(Default)]
struct Weighted {
    weight: i64,
    first: i128,
    entries: Vec<(i64, i64)>,
}

impl Weighted {
    fn add(&mut self, value: i64, weight: i64) {
        if weight > 0 {
            self.weight = self.weight.saturating_add(weight);
            self.first = self.first.saturating_add(i128::from(value) * i128::from(weight));
            self.entries.push((value, weight));
        }
    }

    fn mean(&self) -> Option<i64> {
        if self.weight == 0 {
            return None;
        }
        i64::try_from(self.first / i128::from(self.weight)).ok()
    }

    fn variation(&self) -> Option<f64> {
        if self.weight == 0 || self.first <= 0 {
            return None;
        }
        let mean = self.first as f64 / self.weight as f64;
        // Deviations from the mean, not a difference of squares: a flat series must give 0.
        let squares: f64 = self
            .entries
            .iter()
            .map(|(value, weight)| (*value as f64 - mean).powi(2) * *weight as f64)
            .sum();
        Some(rounded((squares / self.weight as f64).sqrt() / mean))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 24 * HOUR_MS;

    fn check(
        changes: &[(i64, i64)],
        repeats: &[i64],
        at_hours: i64,
        expected: (Option<i64>, Option<f64>, u32, f64),
    ) {
        let change_at: Vec<i64> = changes.iter().map(|(hour, _)| hour * HOUR_MS).collect();
        let change_price: Vec<UsdPerHour> =
            changes.iter().map(|(_, nanos)| UsdPerHour::from_nanos(*nanos)).collect();
        let repeat_at: Vec<i64> = repeats.iter().map(|hour| hour * HOUR_MS).collect();
        let series =
            Series { change_at: &change_at, change_price: &change_price, repeat_at: &repeat_at };
        let found = window(series, at_hours * HOUR_MS, 168, 2 * DAY);
        assert_eq!(
            (found.mean.map(UsdPerHour::nanos), found.variation, found.changes, found.known_hours),
            expected,
            "{changes:?} {repeats:?} at {at_hours}"
        );
    }

    #[test]
    fn prices_count_by_the_time_they_were_in_force() {
        check(&[(0, 100), (10, 200)], &[], 20, (Some(150), Some(0.333_333_333), 1, 20.0));
        check(&[(0, 100), (15, 200)], &[], 20, (Some(125), Some(0.346_410_162), 1, 20.0));
    }

    #[test]
    fn a_repeated_price_is_no_event() {
        check(&[(0, 100)], &[24, 48, 72], 80, (Some(100), Some(0.0), 0, 80.0));
    }

    #[test]
    fn a_hole_has_no_weight() {
        check(&[(0, 100), (100, 300)], &[], 148, (Some(200), Some(0.5), 1, 96.0));
    }

    #[test]
    fn only_the_window_counts() {
        check(
            &[(0, 900), (24, 100)],
            &[48, 72, 96, 120, 144, 168, 192],
            200,
            (Some(100), Some(0.0), 0, 168.0),
        );
        check(&[(0, 100)], &[], 500, (None, None, 0, 0.0));
        check(&[(10, 100)], &[], 10, (None, None, 0, 0.0));
        check(&[(10, 100)], &[], 5, (None, None, 0, 0.0));
        check(&[], &[], 5, (None, None, 0, 0.0));
    }
}
