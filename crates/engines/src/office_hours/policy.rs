//! What an operator may choose about working hours.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::{Date, Weekday};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What an operator may choose.
///
/// `environment`, `office_hours`, `scale_down_replicas` and `scale_down_instance_count` are the short
/// form: one schedule for every namespace of one environment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OfficePolicy {
    /// Only namespaces of this environment (by their label `environment` or `env`, or by their
    /// name); when absent, those of development, test and staging.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// The hours of the default schedule.
    pub office_hours: OfficeHours,
    /// IANA zone of the default schedule, such as `Europe/Berlin`.
    pub time_zone: String,
    /// Further schedules by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub schedules: BTreeMap<String, Schedule>,
    /// The schedule of a namespace, by name; goes before the default one.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub namespaces: BTreeMap<String, String>,
    /// The schedule of a workload, by `namespace/name`; goes before that of its namespace.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub workloads: BTreeMap<String, String>,
    /// Namespaces that take no part.
    pub excluded_namespaces: BTreeSet<String>,
    /// Replicas outside of working hours.
    pub scale_down_replicas: i64,
    /// Nodes that stay whatever becomes empty.
    pub scale_down_instance_count: u64,
    /// Days off of the default schedule.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub holidays: BTreeSet<Date>,
    /// Calendars of the snapshot that the default schedule takes its days off from.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub calendars: BTreeSet<String>,
    /// Minutes after it was made in which a workload is left alone.
    pub grace_minutes: f64,
}

impl Default for OfficePolicy {
    fn default() -> OfficePolicy {
        OfficePolicy {
            environment: None,
            office_hours: OfficeHours::default(),
            time_zone: "UTC".to_owned(),
            schedules: BTreeMap::new(),
            namespaces: BTreeMap::new(),
            workloads: BTreeMap::new(),
            excluded_namespaces: ["kube-node-lease", "kube-public", "kube-system"]
                .map(str::to_owned)
                .into(),
            scale_down_replicas: 0,
            scale_down_instance_count: 1,
            holidays: BTreeSet::new(),
            calendars: BTreeSet::new(),
            grace_minutes: 15.0,
        }
    }
}

/// Limits of a caller.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OfficeConstraints {
    /// Further namespaces that take no part.
    pub excluded_namespaces: BTreeSet<String>,
    /// At least so many replicas stay.
    pub min_replicas: Option<i64>,
    /// At least so many nodes stay.
    pub min_nodes: Option<u64>,
}

/// Hours of weekdays and weekends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OfficeHours {
    /// Monday to Friday.
    pub weekdays: WindowHours,
    /// Saturday and Sunday.
    pub weekends: WeekendHours,
}

impl Default for OfficeHours {
    fn default() -> OfficeHours {
        OfficeHours {
            weekdays: WindowHours { start: ClockTime(8 * 60), end: ClockTime(18 * 60) },
            weekends: WeekendHours {
                enabled: false,
                start: ClockTime(8 * 60),
                end: ClockTime(18 * 60),
            },
        }
    }
}

/// From when to when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WindowHours {
    /// Such as `08:00`.
    pub start: ClockTime,
    /// Such as `18:00`; before the start it is that of the next day.
    pub end: ClockTime,
}

/// Whether and when there are working hours at weekends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct WeekendHours {
    /// Whether there are any.
    pub enabled: bool,
    /// From when.
    pub start: ClockTime,
    /// Until when.
    pub end: ClockTime,
}

impl Default for WeekendHours {
    fn default() -> WeekendHours {
        OfficeHours::default().weekends
    }
}

/// A schedule with a name of its own.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Schedule {
    /// IANA zone; that of the default schedule when empty.
    pub time_zone: String,
    /// Windows of working hours; they may overlap.
    pub windows: Vec<Window>,
    /// Days off.
    pub holidays: BTreeSet<Date>,
    /// Calendars of the snapshot that it takes its days off from.
    pub calendars: BTreeSet<String>,
    /// Stretches in which everything runs, whatever the windows say.
    pub always_up: Vec<AbsoluteRange>,
    /// Stretches in which nothing runs, whatever the windows say; they go before `always_up`.
    pub always_down: Vec<AbsoluteRange>,
}

/// A window of working hours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// Days on which it starts; every day when empty.
    #[serde(default)]
    pub days: BTreeSet<Day>,
    /// Only the first (1) to fifth such day of a month, or the last (−1); every one when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nth: Option<i8>,
    /// Only these days of a month; every one when empty.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub days_of_month: BTreeSet<i8>,
    /// From when.
    pub start: ClockTime,
    /// Until when; not after the start it is that of the next day, and `24:00` is midnight.
    pub end: ClockTime,
}

/// A stretch of time between two instants, half-open.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(deny_unknown_fields)]
pub struct AbsoluteRange {
    /// From when.
    pub from: Timestamp,
    /// Until when.
    pub until: Timestamp,
}

/// Days of the week.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Day {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

impl Day {
    /// The day of a date.
    #[must_use]
    pub fn of(date: Date) -> Day {
        match date.weekday() {
            Weekday::Monday => Day::Monday,
            Weekday::Tuesday => Day::Tuesday,
            Weekday::Wednesday => Day::Wednesday,
            Weekday::Thursday => Day::Thursday,
            Weekday::Friday => Day::Friday,
            Weekday::Saturday => Day::Saturday,
            Weekday::Sunday => Day::Sunday,
        }
    }

    /// Monday to Friday.
    #[must_use]
    pub fn weekdays() -> BTreeSet<Day> {
        [Day::Monday, Day::Tuesday, Day::Wednesday, Day::Thursday, Day::Friday].into()
    }

    /// Saturday and Sunday.
    #[must_use]
    pub fn weekend() -> BTreeSet<Day> {
        [Day::Saturday, Day::Sunday].into()
    }

    /// The three letters that people write: `Mon`.
    #[must_use]
    pub fn of_letters(text: &str) -> Option<Day> {
        Some(match text.get(..3)?.to_ascii_lowercase().as_str() {
            "mon" => Day::Monday,
            "tue" => Day::Tuesday,
            "wed" => Day::Wednesday,
            "thu" => Day::Thursday,
            "fri" => Day::Friday,
            "sat" => Day::Saturday,
            "sun" => Day::Sunday,
            _ => return None,
        })
    }
}

/// A time of the day in minutes after midnight, 0 to 1,440; written as `HH:MM`.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct ClockTime(pub u16);

impl FromStr for ClockTime {
    type Err = String;
    fn from_str(text: &str) -> Result<ClockTime, String> {
        let wrong = || format!("`{text}` is no time of the day such as 08:00 or 24:00");
        let (hours, minutes) = text.split_once(':').ok_or_else(wrong)?;
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if hours.is_empty()
            || hours.len() > 2
            || minutes.len() != 2
            || !digits(hours)
            || !digits(minutes)
        {
            return Err(wrong());
        }
        let (hours, minutes): (u16, u16) =
            (hours.parse().map_err(|_| wrong())?, minutes.parse().map_err(|_| wrong())?);
        let total = hours * 60 + minutes;
        if minutes > 59 || total > 24 * 60 {
            return Err(wrong());
        }
        Ok(ClockTime(total))
    }
}

impl TryFrom<String> for ClockTime {
    type Error = String;
    fn try_from(text: String) -> Result<ClockTime, String> {
        text.parse()
    }
}

impl From<ClockTime> for String {
    fn from(time: ClockTime) -> String {
        time.to_string()
    }
}

impl fmt::Display for ClockTime {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_or_refused() {
        for (text, minutes) in [("08:00", 480), ("8:05", 485), ("00:00", 0), ("24:00", 1_440)] {
            assert_eq!(text.parse::<ClockTime>().unwrap().0, minutes);
        }
        for text in ["", "8", "24:01", "12:60", "-1:00", "1:5", "aa:bb", "123:00"] {
            assert!(text.parse::<ClockTime>().is_err(), "{text}");
        }
    }
}
