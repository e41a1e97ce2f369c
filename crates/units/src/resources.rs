//! Kubernetes resource amounts and the grammar in which people write them.
//!
//! Grammar: <https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/>

use std::fmt;
use std::ops::{Add, AddAssign, Sub};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Why a text is not a resource quantity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QuantityError {
    /// The text does not follow the quantity grammar.
    #[error("`{0}` is not a Kubernetes quantity such as 250m, 1.5 or 2Gi")]
    Grammar(String),
    /// The amount is negative.
    #[error("`{0}` is negative; a resource amount is 0 or more")]
    Negative(String),
    /// The amount is larger than any machine.
    #[error("`{0}` is larger than any machine (2^62)")]
    TooLarge(String),
}

/// The largest amount that is believed, in thousandths: 2^62.
const LARGEST_MILLI: i128 = 1 << 62;

/// A resource amount in thousandths, as the quantity grammar can express it.
///
/// Finer amounts are rounded up, as Kubernetes does when it stores them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Quantity {
    milli: i128,
}

impl Quantity {
    /// Reads a quantity: a decimal number with a binary (`Ki`…`Ei`) or decimal suffix
    /// (`n u m k M G T P E`, or an exponent).
    ///
    /// # Errors
    /// The text, with what is wrong about it.
    pub fn parse(text: &str) -> Result<Quantity, QuantityError> {
        match Quantity::plain(text.as_bytes()) {
            Some(quantity) => Ok(quantity),
            None => Quantity::in_full(text),
        }
    }

    /// The usual forms, such as `250m`, `2` and `512Mi`: a short whole number and a common suffix.
    fn plain(text: &[u8]) -> Option<Quantity> {
        let end = text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
        let (number, suffix) = text.split_at(end);
        if !(1..=9).contains(&number.len()) {
            return None;
        }
        let value = number.iter().fold(0_u64, |value, byte| value * 10 + u64::from(byte - b'0'));
        let milli = match suffix {
            b"" => value * 1000,
            b"m" => value,
            b"Ki" => value * (1000 << 10),
            b"Mi" => value * (1000 << 20),
            _ if number.len() > 6 => return None,
            b"Gi" => value * (1000 << 30),
            _ => return None,
        };
        Some(Quantity { milli: i128::from(milli) })
    }

    fn in_full(text: &str) -> Result<Quantity, QuantityError> {
        let shown = || text.chars().take(40).collect::<String>();
        let grammar = || QuantityError::Grammar(shown());
        let trimmed = text.trim();
        let unsigned = trimmed.strip_prefix(['+', '-']).unwrap_or(trimmed);
        let negative = trimmed.starts_with('-');
        let end = unsigned
            .bytes()
            .position(|byte| !(byte.is_ascii_digit() || byte == b'.'))
            .unwrap_or(unsigned.len());
        let (number, suffix) = unsigned.split_at(end);
        let (whole, decimals) = number.split_once('.').unwrap_or((number, ""));
        if (whole.is_empty() && decimals.is_empty()) || decimals.contains('.') {
            return Err(grammar());
        }
        let Multiplier { numerator, denominator } = Multiplier::of(suffix).ok_or_else(grammar)?;
        let too_large = || QuantityError::TooLarge(shown());
        if whole.len() > 20 || decimals.len() > 20 {
            // Trailing zeros and leading zeros aside, so many digits name no machine.
            return Err(too_large());
        }
        let digits = |part: &str| {
            part.bytes().fold(0_i128, |value, byte| value * 10 + i128::from(byte - b'0'))
        };
        let scale = 10_i128.pow(decimals.len() as u32);
        let value = digits(whole) * scale + digits(decimals);
        // value / scale * numerator / denominator * 1000, rounded up.
        let scaled = value
            .checked_mul(numerator)
            .and_then(|scaled| scaled.checked_mul(1000))
            .ok_or_else(too_large)?;
        let divisor = scale.checked_mul(denominator).ok_or_else(too_large)?;
        let milli = scaled / divisor + i128::from(scaled % divisor != 0);
        if milli > LARGEST_MILLI {
            return Err(too_large());
        }
        if negative && milli > 0 {
            return Err(QuantityError::Negative(shown()));
        }
        Ok(Quantity { milli })
    }

    /// A whole number of units.
    #[must_use]
    pub fn whole(units: u64) -> Quantity {
        Quantity { milli: i128::from(units) * 1000 }
    }

    /// The amount in thousandths of a unit.
    #[must_use]
    pub fn milli(self) -> i64 {
        self.milli.clamp(0, LARGEST_MILLI) as i64
    }

    /// The amount in whole units, rounded up.
    #[must_use]
    pub fn units(self) -> i64 {
        let milli = self.milli.clamp(0, LARGEST_MILLI) as i64;
        milli / 1000 + i64::from(milli % 1000 != 0)
    }
}

/// A suffix as a ratio of two integers.
struct Multiplier {
    numerator: i128,
    denominator: i128,
}

impl Multiplier {
    fn of(suffix: &str) -> Option<Multiplier> {
        let up = |numerator: i128| Some(Multiplier { numerator, denominator: 1 });
        let down = |denominator: i128| Some(Multiplier { numerator: 1, denominator });
        match suffix {
            "" => up(1),
            "m" => down(1_000),
            "u" => down(1_000_000),
            "n" => down(1_000_000_000),
            "k" => up(1_000),
            "M" => up(1_000_000),
            "G" => up(1_000_000_000),
            "T" => up(1_000_000_000_000),
            "P" => up(1_000_000_000_000_000),
            "E" => up(1_000_000_000_000_000_000),
            "Ki" => up(1 << 10),
            "Mi" => up(1 << 20),
            "Gi" => up(1 << 30),
            "Ti" => up(1 << 40),
            "Pi" => up(1 << 50),
            "Ei" => up(1 << 60),
            _ => {
                let exponent: i32 = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
                let power = 10_i128.checked_pow(exponent.unsigned_abs().min(30))?;
                if exponent < 0 { down(power) } else { up(power) }
            }
        }
    }
}

/// Thousandths of a virtual processor.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct MilliCpu(pub i64);

/// Bytes of memory or of disk.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Bytes(pub i64);

impl Bytes {
    /// Kubernetes counts in binary: 1 Mi is 1,048,576 bytes.
    #[must_use]
    pub const fn from_mib(mib: i64) -> Bytes {
        Bytes(mib.saturating_mul(1 << 20))
    }

    /// The amount in gibibytes, for people and for prices per GiB.
    #[must_use]
    pub fn gib(self) -> f64 {
        self.0 as f64 / (1_u64 << 30) as f64
    }
}

impl MilliCpu {
    /// The amount in whole processors, for people and for prices per processor.
    #[must_use]
    pub fn cores(self) -> f64 {
        self.0 as f64 / 1000.0
    }
}

macro_rules! arithmetic {
    ($amount:ident) => {
        impl Add for $amount {
            type Output = $amount;
            fn add(self, other: $amount) -> $amount {
                $amount(self.0.saturating_add(other.0))
            }
        }
        impl Sub for $amount {
            type Output = $amount;
            fn sub(self, other: $amount) -> $amount {
                $amount(self.0.saturating_sub(other.0))
            }
        }
        impl AddAssign for $amount {
            fn add_assign(&mut self, other: $amount) {
                *self = *self + other;
            }
        }
    };
}
arithmetic!(MilliCpu);
arithmetic!(Bytes);

impl fmt::Display for MilliCpu {
    /// Whole processors as a number, parts as thousandths: `2`, `250m`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 % 1000 == 0 {
            write!(formatter, "{}", self.0 / 1000)
        } else {
            write!(formatter, "{}m", self.0)
        }
    }
}

impl fmt::Display for Bytes {
    /// The largest binary suffix that loses nothing: `2Gi`, `300Mi`, `1471840Ki`, `18181869946`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (suffix, shift) in [("Ti", 40), ("Gi", 30), ("Mi", 20), ("Ki", 10)] {
            if self.0 != 0 && self.0 % (1_i64 << shift) == 0 {
                return write!(formatter, "{}{suffix}", self.0 >> shift);
            }
        }
        write!(formatter, "{}", self.0)
    }
}

/// Reads a quantity from a JSON number of units or from a quantity text.
struct QuantityVisitor;

impl de::Visitor<'_> for QuantityVisitor {
    type Value = Quantity;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .write_str("a Kubernetes quantity such as \"250m\" or \"2Gi\", or a number of units")
    }
    fn visit_str<E: de::Error>(self, text: &str) -> Result<Quantity, E> {
        Quantity::parse(text).map_err(E::custom)
    }
    fn visit_u64<E: de::Error>(self, units: u64) -> Result<Quantity, E> {
        if i128::from(units) * 1000 > LARGEST_MILLI {
            return Err(E::custom(QuantityError::TooLarge(units.to_string())));
        }
        Ok(Quantity::whole(units))
    }
    fn visit_i64<E: de::Error>(self, units: i64) -> Result<Quantity, E> {
        match u64::try_from(units) {
            Ok(units) => self.visit_u64(units),
            Err(_) => Err(E::custom(QuantityError::Negative(units.to_string()))),
        }
    }
    fn visit_f64<E: de::Error>(self, units: f64) -> Result<Quantity, E> {
        if units.is_nan() {
            return Err(E::custom(QuantityError::Grammar("NaN".to_owned())));
        }
        if units < 0.0 {
            return Err(E::custom(QuantityError::Negative(units.to_string())));
        }
        let milli = (units * 1000.0).ceil();
        if milli > LARGEST_MILLI as f64 {
            return Err(E::custom(QuantityError::TooLarge(units.to_string())));
        }
        Ok(Quantity { milli: milli as i128 })
    }
}

impl<'de> Deserialize<'de> for Quantity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Quantity, D::Error> {
        deserializer.deserialize_any(QuantityVisitor)
    }
}

impl<'de> Deserialize<'de> for MilliCpu {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<MilliCpu, D::Error> {
        Quantity::deserialize(deserializer).map(|quantity| MilliCpu(quantity.milli()))
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Bytes, D::Error> {
        Quantity::deserialize(deserializer).map(|quantity| Bytes(quantity.units()))
    }
}

impl Serialize for MilliCpu {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

macro_rules! quantity_schema {
    ($amount:ident, $description:literal) => {
        impl schemars::JsonSchema for $amount {
            fn inline_schema() -> bool {
                true
            }
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($amount).into()
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": ["string", "number"], "description": $description })
            }
        }
    };
}
quantity_schema!(
    MilliCpu,
    "Processors as a Kubernetes quantity (`250m`) or a number of processors."
);
quantity_schema!(Bytes, "Bytes as a Kubernetes quantity (`2Gi`) or a number of bytes.");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_follow_the_kubernetes_grammar() {
        let check = |text: &str, milli: Option<i64>| {
            assert_eq!(Quantity::parse(text).ok().map(Quantity::milli), milli, "{text}");
        };
        check("250m", Some(250));
        check("1.5", Some(1500));
        check("2", Some(2000));
        check("1Ki", Some(1_024_000));
        check("128974848", Some(128_974_848_000));
        check("129e6", Some(129_000_000_000));
        check("1E3", Some(1_000_000));
        check("100n", Some(1)); // rounded up
        check("1e-3", Some(1));
        check("-0", Some(0));
        check("-1", None);
        check("", None);
        check("Gi", None);
        check("1.2.3", None);
        check("1 Gi", None);
        check("NaN", None);
        check("1e400", None);
        check("99999999999999999999E", None);
    }

    #[test]
    fn the_quick_way_reads_as_the_full_one() {
        for suffix in ["", "m", "Ki", "Mi", "Gi"] {
            for number in ["0", "7", "0250", "65536", "999999", "1000000", "999999999"] {
                let text = format!("{number}{suffix}");
                if let Some(quick) = Quantity::plain(text.as_bytes()) {
                    assert_eq!(Ok(quick), Quantity::in_full(&text), "{text}");
                }
            }
        }
        assert!(Quantity::plain(b"250m").is_some());
        for text in ["", "m", "1.5", "+1", "1E3", "9999999999", "1000000Gi"] {
            assert_eq!(Quantity::plain(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn amounts_print_without_loss() {
        let check = |bytes: i64, text: &str| assert_eq!(Bytes(bytes).to_string(), text);
        check(1_471_840 << 10, "1471840Ki");
        check(2 << 30, "2Gi");
        check(18_181_869_946, "18181869946");
        check(0, "0");
        assert_eq!(MilliCpu(1930).to_string(), "1930m");
        assert_eq!(MilliCpu(2000).to_string(), "2");
    }
}
