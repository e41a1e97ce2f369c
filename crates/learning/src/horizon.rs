//! How far a probability looks ahead.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A time within which an interruption may happen.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub enum Horizon {
    /// One hour.
    #[serde(rename = "1h")]
    Hour,
    /// Six hours.
    #[serde(rename = "6h")]
    SixHours,
    /// A day.
    #[serde(rename = "24h")]
    Day,
    /// Thirty days, 720 hours.
    #[serde(rename = "30d")]
    Month,
}

impl Horizon {
    /// Every horizon, nearest first.
    pub const ALL: [Horizon; 4] = [Horizon::Hour, Horizon::SixHours, Horizon::Day, Horizon::Month];

    /// Its length in hours.
    #[must_use]
    pub const fn hours(self) -> f64 {
        match self {
            Horizon::Hour => 1.0,
            Horizon::SixHours => 6.0,
            Horizon::Day => 24.0,
            Horizon::Month => 720.0,
        }
    }
}
