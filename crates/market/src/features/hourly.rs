//! The price of one pool at every full hour back from an instant, over a week.

use units::UsdPerHour;

use crate::series::Series;
use crate::statistics::hours_between;

const HOUR_MS: i64 = 3_600_000;

/// The longest look back.
const HOURS: usize = 168;

/// Prices by how many hours ago; NaN where none was known.
pub(super) struct Hourly {
    /// The present price.
    pub(super) price: UsdPerHour,
    /// Changes in the week.
    pub(super) changes: u32,
    /// Hours since the last change.
    pub(super) hours_since_change: f64,
    /// Logarithms of the prices over the present one: 0 hours ago, 1 hour ago, …
    logs: [f64; HOURS + 1],
}

impl Hourly {
    /// `None` where no price is known at the instant, or only one that was seen too long before it.
    pub(super) fn of(series: Series<'_>, at_ms: i64, max_age_ms: i64) -> Option<Hourly> {
        let mut change = series.in_force(at_ms)?;
        let price = *series.change_price.get(change)?;
        if at_ms - series.last_seen(at_ms)? > max_age_ms {
            return None;
        }
        let start = at_ms - HOURS as i64 * HOUR_MS;
        let newest = series.change_at.get(..=change)?;
        let since = *newest.last()?;
        // The first price of all is no change.
        let first = newest.partition_point(|at| *at <= start).max(1);
        let changes = newest.len().saturating_sub(first);
        let mut repeat = series.repeat_at.partition_point(|at| *at <= at_ms);
        let mut logs = [f64::NAN; HOURS + 1];
        let present = price.nanos() as f64;
        'hours: for (hours, log) in logs.iter_mut().enumerate() {
            let then = at_ms - hours as i64 * HOUR_MS;
            while series.change_at.get(change).is_some_and(|at| *at > then) {
                match change.checked_sub(1) {
                    Some(before) => change = before,
                    None => break 'hours,
                }
            }
            while repeat > 0 && series.repeat_at.get(repeat - 1).is_some_and(|at| *at > then) {
                repeat -= 1;
            }
            let (Some(changed), Some(paid)) =
                (series.change_at.get(change), series.change_price.get(change))
            else {
                break;
            };
            let repeated = repeat.checked_sub(1).and_then(|last| series.repeat_at.get(last));
            let seen = repeated.map_or(*changed, |at| (*at).max(*changed));
            if then - seen <= max_age_ms {
                // Equal prices give exactly 0, whatever the logarithm's last bit.
                *log = if *paid == price { 0.0 } else { (paid.nanos() as f64 / present).ln() };
            }
        }
        Some(Hourly {
            price,
            changes: u32::try_from(changes).unwrap_or(u32::MAX),
            hours_since_change: hours_between(since, at_ms),
            logs,
        })
    }

    /// The logarithm of the price so many hours ago over the present one.
    pub(super) fn log_lag(&self, hours: usize) -> f64 {
        self.logs.get(hours).copied().unwrap_or(f64::NAN)
    }

    /// The logarithm of the mean price of so many hours over the present one.
    pub(super) fn log_mean(&self, hours: usize) -> f64 {
        let (sum, count) = self
            .known(hours)
            .fold((0.0, 0.0), |(sum, count): (f64, f64), log| (sum + log.exp(), count + 1.0));
        if count > 0.0 { (sum / count).ln() } else { f64::NAN }
    }

    /// The standard deviation of the price's logarithm over so many hours.
    pub(super) fn log_spread(&self, hours: usize) -> f64 {
        let (sum, count) = self
            .known(hours)
            .fold((0.0, 0.0), |(sum, count): (f64, f64), log| (sum + log, count + 1.0));
        if count < 2.0 {
            return f64::NAN;
        }
        let mean = sum / count;
        let squares: f64 = self.known(hours).map(|log| (log - mean) * (log - mean)).sum();
        (squares / count).sqrt()
    }

    /// The lowest and the highest price of the week over the present one, as logarithms.
    pub(super) fn log_extremes(&self) -> (f64, f64) {
        let fold = |pick: fn(f64, f64) -> f64| self.known(HOURS + 1).fold(f64::NAN, pick);
        (fold(f64::min), fold(f64::max))
    }

    /// The known prices of the latest hours, the present one among them.
    fn known(&self, hours: usize) -> impl Iterator<Item = f64> {
        self.logs.iter().take(hours).copied().filter(|log| !log.is_nan())
    }
}
