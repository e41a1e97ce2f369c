//! Prices per time. Only a rate times a duration makes money.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Mul, Sub};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Fraction, Usd};

/// Hours in the month that every monthly figure means: a year of 8,760 hours over twelve.
pub const HOURS_PER_MONTH: Hours = Hours(730.0);

/// A duration in hours.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Hours(pub f64);

/// Dollars per hour, exact to a billionth of a dollar.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, JsonSchema,
)]
#[serde(transparent)]
pub struct UsdPerHour(Usd);

impl UsdPerHour {
    /// Costs nothing. A price that is not known is `Option::None`, never this.
    pub const ZERO: UsdPerHour = UsdPerHour(Usd::ZERO);

    /// The rate that costs this amount in one hour.
    #[must_use]
    pub const fn new(amount: Usd) -> UsdPerHour {
        UsdPerHour(amount)
    }

    /// A rate in billionths of a dollar per hour.
    #[must_use]
    pub const fn from_nanos(nanos: i64) -> UsdPerHour {
        UsdPerHour(Usd::from_nanos(nanos))
    }

    /// The rate in billionths of a dollar per hour.
    #[must_use]
    pub const fn nanos(self) -> i64 {
        self.0.nanos()
    }

    /// What one hour costs.
    #[must_use]
    pub const fn per_hour(self) -> Usd {
        self.0
    }

    /// The rate that costs this amount in a month of 730 hours, rounded to a billionth.
    #[must_use]
    pub const fn of_month(amount: Usd) -> UsdPerHour {
        UsdPerHour(Usd::from_nanos(divided(amount.nanos(), 730)))
    }

    /// What a month of 730 hours costs.
    #[must_use]
    pub fn per_month(self) -> Usd {
        self * HOURS_PER_MONTH
    }

    /// The share of this rate, for a discount or a split.
    #[must_use]
    pub fn scaled(self, share: Fraction) -> UsdPerHour {
        UsdPerHour(Usd::from_dollars(self.0.dollars() * share.value()).unwrap_or(self.0))
    }
}

/// Division of whole numbers, rounded half away from zero.
const fn divided(amount: i64, by: i64) -> i64 {
    let half = if amount < 0 { -(by / 2) } else { by / 2 };
    amount.saturating_add(half) / by
}

impl Mul<Hours> for UsdPerHour {
    type Output = Usd;
    fn mul(self, hours: Hours) -> Usd {
        // Whole hours stay exact; parts of an hour are rounded to a billionth of a dollar.
        if hours.0.fract() == 0.0 && hours.0.abs() < 1e12 {
            return Usd::from_nanos(self.0.nanos().saturating_mul(hours.0 as i64));
        }
        Usd::from_dollars(self.0.dollars() * hours.0).unwrap_or(Usd::ZERO)
    }
}

impl Mul<u64> for UsdPerHour {
    type Output = UsdPerHour;
    fn mul(self, count: u64) -> UsdPerHour {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        UsdPerHour::from_nanos(self.0.nanos().saturating_mul(count))
    }
}

impl Add for UsdPerHour {
    type Output = UsdPerHour;
    fn add(self, other: UsdPerHour) -> UsdPerHour {
        UsdPerHour(self.0 + other.0)
    }
}

impl Sub for UsdPerHour {
    type Output = UsdPerHour;
    fn sub(self, other: UsdPerHour) -> UsdPerHour {
        UsdPerHour(self.0 - other.0)
    }
}

impl AddAssign for UsdPerHour {
    fn add_assign(&mut self, other: UsdPerHour) {
        *self = *self + other;
    }
}

impl Sum for UsdPerHour {
    fn sum<I: Iterator<Item = UsdPerHour>>(rates: I) -> UsdPerHour {
        rates.fold(UsdPerHour::ZERO, Add::add)
    }
}

impl fmt::Display for UsdPerHour {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/h", self.0)
    }
}

impl fmt::Debug for UsdPerHour {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "${self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_is_730_hours() {
        let check = |per_hour: &str, per_month: &str| {
            let rate = UsdPerHour::new(per_hour.parse().unwrap());
            assert_eq!(rate.per_month(), per_month.parse().unwrap(), "{per_hour}");
        };
        check("0.005", "3.65");
        check("0.252", "183.96");
        check("0.504", "367.92");
        check("0.192", "140.16");
    }
}
