//! Exact dollars: integer billionths, so that a six-decimal spot price loses nothing.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Neg, Sub};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Billionths of a dollar in one dollar.
const NANOS_PER_DOLLAR: i64 = 1_000_000_000;

/// An amount of United States dollars, exact to a billionth; about ±9.2 billion dollars.
///
/// On the wire it is a JSON number of dollars with at most nine decimals.
/// Arithmetic saturates at the ends of the range rather than wrapping.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Usd(i64);

/// Why a text or number is not an amount of money.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UsdError {
    /// The text is not a plain decimal number.
    #[error("`{0}` is not a decimal amount of dollars such as 0.0464")]
    NotDecimal(String),
    /// The amount does not fit in ±9.2 billion dollars.
    #[error("`{0}` is outside of the range of ±9.2 billion dollars")]
    OutOfRange(String),
}

impl Usd {
    /// No money at all. A price that is not known is `Option::None`, never this.
    pub const ZERO: Usd = Usd(0);

    /// An amount given in billionths of a dollar.
    #[must_use]
    pub const fn from_nanos(nanos: i64) -> Usd {
        Usd(nanos)
    }

    /// The amount in billionths of a dollar.
    #[must_use]
    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// The nearest representable amount; `None` for NaN, infinities and amounts out of range.
    #[must_use]
    pub fn from_dollars(dollars: f64) -> Option<Usd> {
        let nanos = dollars * NANOS_PER_DOLLAR as f64;
        // 2^63 as a float; the comparison also refuses NaN.
        (nanos.abs() < 9.223_372_036_854_776e18).then(|| Usd(nanos.round() as i64))
    }

    /// The amount in dollars, for ratios and for people; sums stay in integers.
    #[must_use]
    pub fn dollars(self) -> f64 {
        self.0 as f64 / NANOS_PER_DOLLAR as f64
    }
}

impl FromStr for Usd {
    type Err = UsdError;

    /// Reads a plain decimal such as `0.058200` exactly; digits past the ninth decimal are rounded
    /// half away from zero. Exponents, signs other than `-`, `NaN` and empty text are refused.
    fn from_str(text: &str) -> Result<Usd, UsdError> {
        let not_decimal = || UsdError::NotDecimal(text.chars().take(40).collect());
        let out_of_range = || UsdError::OutOfRange(text.chars().take(40).collect());
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (whole, decimals) = digits.split_once('.').unwrap_or((digits, ""));
        let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if (whole.is_empty() && decimals.is_empty()) || !all_digits(whole) || !all_digits(decimals)
        {
            return Err(not_decimal());
        }
        let mut nanos: i64 = 0;
        for byte in whole.bytes() {
            nanos = nanos
                .checked_mul(10)
                .and_then(|value| value.checked_add(i64::from(byte - b'0')))
                .ok_or_else(out_of_range)?;
        }
        nanos = nanos.checked_mul(NANOS_PER_DOLLAR).ok_or_else(out_of_range)?;
        let mut place = NANOS_PER_DOLLAR;
        for byte in decimals.bytes() {
            place /= 10;
            if place == 0 {
                nanos = nanos.checked_add(i64::from(byte >= b'5')).ok_or_else(out_of_range)?;
                break;
            }
            nanos = nanos.checked_add(i64::from(byte - b'0') * place).ok_or_else(out_of_range)?;
        }
        Ok(Usd(if negative { -nanos } else { nanos }))
    }
}

impl fmt::Display for Usd {
    /// Plain decimal with as many places as the amount needs, and at least two.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let magnitude = self.0.unsigned_abs();
        let sign = if self.0 < 0 { "-" } else { "" };
        let whole = magnitude / NANOS_PER_DOLLAR as u64;
        let decimals = format!("{:09}", magnitude % NANOS_PER_DOLLAR as u64);
        let shown = decimals.trim_end_matches('0').len().max(2);
        write!(formatter, "{sign}{whole}.{}", &decimals[..shown])
    }
}

impl fmt::Debug for Usd {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "${self}")
    }
}

impl Add for Usd {
    type Output = Usd;
    fn add(self, other: Usd) -> Usd {
        Usd(self.0.saturating_add(other.0))
    }
}

impl Sub for Usd {
    type Output = Usd;
    fn sub(self, other: Usd) -> Usd {
        Usd(self.0.saturating_sub(other.0))
    }
}

impl Neg for Usd {
    type Output = Usd;
    fn neg(self) -> Usd {
        Usd(self.0.saturating_neg())
    }
}

impl AddAssign for Usd {
    fn add_assign(&mut self, other: Usd) {
        *self = *self + other;
    }
}

impl Sum for Usd {
    fn sum<I: Iterator<Item = Usd>>(amounts: I) -> Usd {
        amounts.fold(Usd::ZERO, Add::add)
    }
}

impl Serialize for Usd {
    /// A number of dollars. Below about nine million dollars all nine decimals survive the trip
    /// through the double that JSON numbers are.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.dollars())
    }
}

impl<'de> Deserialize<'de> for Usd {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Usd, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Usd;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("dollars as a number, or as a decimal text such as \"0.0464\"")
            }
            fn visit_f64<E: de::Error>(self, value: f64) -> Result<Usd, E> {
                Usd::from_dollars(value).ok_or_else(|| E::custom("dollars out of range"))
            }
            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Usd, E> {
                self.visit_f64(value as f64)
            }
            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Usd, E> {
                self.visit_f64(value as f64)
            }
            fn visit_str<E: de::Error>(self, value: &str) -> Result<Usd, E> {
                value.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl schemars::JsonSchema for Usd {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Usd".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "number",
            "description": "United States dollars, at most nine decimals."
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimal_text_is_read_exactly() {
        let check = |text: &str, nanos: Option<i64>| {
            assert_eq!(text.parse::<Usd>().ok().map(Usd::nanos), nanos, "{text}");
        };
        check("0.058200", Some(58_200_000));
        check("0.10264", Some(102_640_000));
        check("0.0000000015", Some(2));
        check("-3.5", Some(-3_500_000_000));
        check(".5", Some(500_000_000));
        check("7", Some(7_000_000_000));
        check("9223372036.854775807", Some(i64::MAX));
        check("9223372037", None);
        check("", None);
        check("-", None);
        check("1e3", None);
        check("NaN", None);
        check("+1", None);
        check("1.2.3", None);
    }

    #[test]
    fn text_shows_every_decimal_and_at_least_two() {
        let check = |nanos: i64, text: &str| assert_eq!(Usd::from_nanos(nanos).to_string(), text);
        check(102_640_000, "0.10264");
        check(3_650_000_000, "3.65");
        check(-1, "-0.000000001");
        check(5_000_000_000, "5.00");
    }

    #[test]
    fn sums_stop_at_the_end_of_the_range() {
        let top = Usd::from_nanos(i64::MAX);
        assert_eq!(top + top, top);
        assert_eq!(Usd::from_dollars(f64::NAN), None);
        assert_eq!(Usd::from_dollars(1e300), None);
    }
}
