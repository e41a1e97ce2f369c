//! Days on which nobody works, and other stretches that schedules respect.

use jiff::civil::Date;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A calendar of days off, such as a country's holidays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Calendar {
    /// Its name, by which schedules refer to it.
    pub name: String,
    /// Its days.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub days: Vec<DayOff>,
}

/// One day or several days in a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DayOff {
    /// What it is, such as `New Year`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// The first day.
    pub from: Date,
    /// The day after the last one.
    pub until: Date,
    /// Whether it comes back on the same days of every year.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub yearly: bool,
}
