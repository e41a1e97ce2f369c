//! When a schedule is due next.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Why a text is no schedule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no cron expression such as `0 2 * * *` (minute, hour, day, month, weekday; UTC)")]
pub struct CronError(String);

/// The first due time after an instant, in UTC. Times that were missed do not count: there is one
/// next time, whatever happened before.
///
/// # Errors
/// A text that is no cron expression, or one that names no time to come.
pub fn next_run(cron: &str, after: Timestamp) -> Result<Timestamp, CronError> {
    let broken = || CronError(cron.chars().take(80).collect());
    let parsed: croner::Cron = cron.parse().map_err(|_| broken())?;
    let after = after.to_zoned(TimeZone::UTC);
    let next = parsed.find_next_occurrence(&after, false).map_err(|_| broken())?;
    Ok(next.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn due_times_follow_the_expression() {
        let check = |cron: &str, after: &str, expected: Option<&str>| {
            let found = next_run(cron, after.parse().unwrap()).ok().map(|next| next.to_string());
            assert_eq!(found.as_deref(), expected, "{cron} after {after}");
        };
        check("0 2 * * *", "2026-03-01T01:59:59Z", Some("2026-03-01T02:00:00Z"));
        check("0 2 * * *", "2026-03-01T02:00:00Z", Some("2026-03-02T02:00:00Z"));
        check("30 4 * * 1", "2026-03-01T00:00:00Z", Some("2026-03-02T04:30:00Z"));
        check("*/15 * * * *", "2026-03-01T00:07:00Z", Some("2026-03-01T00:15:00Z"));
        check("0 0 29 2 *", "2026-03-01T00:00:00Z", Some("2028-02-29T00:00:00Z"));
        check("daily at two", "2026-03-01T00:00:00Z", None);
    }
}
