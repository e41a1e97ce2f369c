//! Single values as public files write them: names, prices and instants, each refused with what
//! was expected.

use std::str::FromStr;

use facts::names::{InstanceType, OperatingSystem, Region, Zone};
use jiff::Timestamp;
use units::{Usd, UsdPerHour};

use crate::error::shown;
use crate::report::Rejected;

/// No instance costs more than this per hour; the dearest is near 400 dollars.
const DEAREST: UsdPerHour = UsdPerHour::from_nanos(100_000_000_000_000);

/// No spot capacity costs more than this per hour; the dearest is below 200 dollars.
const DEAREST_SPOT: UsdPerHour = UsdPerHour::from_nanos(1_000_000_000_000);

/// Clocks of different machines differ; a row may be this much younger than the file it is in.
const CLOCK_SLACK_MS: i64 = 3_600_000;

/// EC2 opened in August 2006: 2006-08-01T00:00:00Z in milliseconds.
const FIRST_MS: i64 = 1_154_390_400_000;

/// A name of any validated kind.
pub(crate) fn name<T: FromStr>(text: &str) -> Result<T, Rejected>
where
    T::Err: std::fmt::Display,
{
    text.parse().map_err(|error: T::Err| Rejected::Bad(shown(&error.to_string())))
}

/// A positive hourly price. Zero means "not published" in every public file and is skipped.
pub(crate) fn price(text: &str) -> Result<UsdPerHour, Rejected> {
    let text = text.strip_prefix('$').unwrap_or(text);
    let amount: Usd =
        text.parse().map_err(|error: units::UsdError| Rejected::Bad(shown(&error.to_string())))?;
    let price = UsdPerHour::new(amount);
    if price == UsdPerHour::ZERO {
        return Err(Rejected::Skip("price not published"));
    }
    if price < UsdPerHour::ZERO || price > DEAREST {
        return Err(Rejected::Bad(format!("price {price} is not between 0 and {DEAREST}")));
    }
    Ok(price)
}

/// A spot price, which is below any list price.
pub(crate) fn spot_price(text: &str) -> Result<UsdPerHour, Rejected> {
    let price = price(text)?;
    if price > DEAREST_SPOT {
        return Err(Rejected::Bad(format!("spot price {price} is above {DEAREST_SPOT}")));
    }
    Ok(price)
}

/// An instant with an offset, in whole milliseconds since 1970, rounded up so that it is never
/// taken for earlier than it was. It may not lie after the file was read.
pub(crate) fn instant(text: &str, observed_at: Timestamp) -> Result<i64, Rejected> {
    let instant: Timestamp = text.parse().map_err(|_| {
        Rejected::Bad(format!(
            "`{}` is not an instant with an offset such as 2026-01-31T13:00:00Z",
            shown(text)
        ))
    })?;
    let at = ceil_ms(instant);
    if at < FIRST_MS {
        return Err(Rejected::Bad(format!("{instant} lies before EC2 existed")));
    }
    if at > observed_at.as_millisecond().saturating_add(CLOCK_SLACK_MS) {
        return Err(Rejected::Bad(format!("{instant} lies after the file was read")));
    }
    Ok(at)
}

/// Milliseconds since 1970, rounded up.
pub(crate) fn ceil_ms(instant: Timestamp) -> i64 {
    let part = instant.subsec_nanosecond().rem_euclid(1_000_000);
    instant.as_millisecond().saturating_add(i64::from(part != 0))
}

/// The instant of a count of milliseconds; the ends of the range for absurd counts.
pub(crate) fn from_ms(at: i64) -> Timestamp {
    Timestamp::from_millisecond(at).unwrap_or(if at < 0 { Timestamp::MIN } else { Timestamp::MAX })
}

/// An operating system as price tables write it; licensed Linux distributions are other products.
pub(crate) fn operating_system(text: &str) -> Result<OperatingSystem, Rejected> {
    match text.to_ascii_lowercase().as_str() {
        "" | "linux" | "linux/unix" => Ok(OperatingSystem::Linux),
        "windows" => Ok(OperatingSystem::Windows),
        _ => Err(Rejected::Skip("other operating system")),
    }
}

/// The region that a zone belongs to, and the zone itself.
pub(crate) fn zone(text: &str) -> Result<(Region, Zone), Rejected> {
    let zone: Zone = name(text)?;
    let region = zone.region().ok_or_else(|| {
        Rejected::Bad(format!("`{zone}` does not name its region as us-east-1a does"))
    })?;
    Ok((region, zone))
}

/// An instance type.
pub(crate) fn instance_type(text: &str) -> Result<InstanceType, Rejected> {
    name(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-07-20T00:00:00Z".parse().unwrap()
    }

    #[test]
    fn prices_are_positive_and_believable() {
        let check = |text: &str, nanos: Option<i64>| {
            assert_eq!(price(text).ok().map(UsdPerHour::nanos), nanos, "{text}");
        };
        check("0.058200", Some(58_200_000));
        check("$0.10264", Some(102_640_000));
        check("0.0960000000", Some(96_000_000));
        check("0.0", None);
        check("0", None);
        check("-0.01", None);
        check("100000.01", None);
        check("NaN", None);
        check("", None);
        assert!(matches!(price("0.000"), Err(Rejected::Skip(_))));
    }

    #[test]
    fn instants_need_an_offset_and_are_never_early() {
        let check = |text: &str, ms: Option<i64>| {
            assert_eq!(instant(text, now()).ok(), ms, "{text}");
        };
        check("2020-03-29T22:53:28+00:00", Some(1_585_522_408_000));
        check("2020-03-29T22:53:28Z", Some(1_585_522_408_000));
        check("2020-03-29T22:53:28.123Z", Some(1_585_522_408_123));
        check("2020-03-29T22:53:28.1230001Z", Some(1_585_522_408_124));
        check("2020-03-30 00:53:28+02:00", Some(1_585_522_408_000));
        check("2020-03-29T22:53:28", None);
        check("2020-03-29", None);
        check("1970-01-01T00:00:00Z", None);
        check("2026-07-21T00:00:00Z", None);
    }
}
