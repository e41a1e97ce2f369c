//! What a report says of pool, customer and time, read and checked: what is wrong is named by field.

use facts::names::{InstanceType, NameError, Region, Zone, ZoneId};
use jiff::Timestamp;

use super::event::NewInterruption;
use super::sees_customers;
use crate::access::{Caller, Role, is_name};
use crate::gaps::field;
use crate::{Error, FieldError};

/// Whose reports a caller sees; `None` for those of everybody. Who lost what is the platform's to know;
/// who is neither tenant nor platform sees what nobody's key said.
pub(crate) fn reports_seen_by(caller: &Caller) -> Option<String> {
    if let Some(own) = caller.confined_to() {
        return Some(own.to_owned());
    }
    (!sees_customers(caller)).then(|| caller.customer_id.clone().unwrap_or_default())
}

/// The longest text of a report, in bytes.
const LONGEST_TEXT: usize = 200;

/// Where a pool is, as it was named.
#[derive(Debug)]
pub(super) struct PoolPlace {
    pub(super) instance_type: InstanceType,
    pub(super) zone: Zone,
    pub(super) zone_id: Option<ZoneId>,
    pub(super) region: Region,
}

/// Reads a pool from its type, zone, zone id and region, in this order.
pub(super) fn place(named: [&Option<String>; 4], at: &str) -> Result<PoolPlace, Error> {
    let [instance_type, zone, zone_id, region] = named;
    let missing = |name: &str, what: &str| field(&format!("{at}/{name}"), "required", what);
    let wrong = |name: &str, what: String| field(&format!("{at}/{name}"), "invalid", &what);
    let instance_type: InstanceType = instance_type
        .as_deref()
        .ok_or_else(|| missing("instance_type", "is missing; expected such as m5.large"))?
        .parse()
        .map_err(|error: NameError| wrong("instance_type", error.to_string()))?;
    let zone: Zone = zone
        .as_deref()
        .ok_or_else(|| missing("availability_zone", "is missing; expected such as us-east-1a"))?
        .parse()
        .map_err(|error: NameError| wrong("availability_zone", error.to_string()))?;
    let zone_id = match zone_id.as_deref().filter(|id| !id.is_empty()) {
        None => None,
        Some(id) => {
            let id: Result<ZoneId, _> = id.parse();
            Some(id.map_err(|error| wrong("zone_id", error.to_string()))?)
        }
    };
    let of_zone = zone.region();
    let region: Region = match region.as_deref() {
        None => of_zone
            .clone()
            .ok_or_else(|| missing("region", "is missing, and the zone tells none"))?,
        Some(region) => {
            region.parse().map_err(|error: NameError| wrong("region", error.to_string()))?
        }
    };
    if of_zone.as_ref().is_some_and(|of_zone| *of_zone != region) {
        return Err(wrong("region", format!("is `{region}`, but the zone `{zone}` is elsewhere")));
    }
    Ok(PoolPlace { instance_type, zone, zone_id, region })
}

/// Whose a report is, and who stands for that.
pub(super) fn whose(
    named: Option<&str>,
    caller: &Caller,
    at: &str,
) -> Result<(Option<String>, &'static str), Error> {
    if named.is_some_and(|name| !is_name(name)) {
        return Err(field(at, "invalid", "expected the name of a customer, 1 to 200 bytes"));
    }
    let own = caller.customer_id.as_deref();
    if caller.role == Role::Tenant {
        if named.is_some_and(|name| Some(name) != own) {
            return Err(field(at, "mismatch", "the key speaks for another customer"));
        }
        return Ok((own.map(str::to_owned), "own_key"));
    }
    let customer = named.or(own).map(str::to_owned);
    let vouched_by = match &customer {
        // What nobody's name stands on is the installation's own.
        None => "own_key",
        Some(_) if sees_customers(caller) => "platform",
        Some(_) => "nobody",
    };
    Ok((customer, vouched_by))
}

pub(super) fn short(text: Option<&str>, at: &str) -> Result<(), Error> {
    match text {
        Some(text) if text.len() > LONGEST_TEXT || text.contains(char::is_control) => Err(field(
            at,
            "invalid",
            &format!("expected at most {LONGEST_TEXT} bytes without control characters"),
        )),
        _ => Ok(()),
    }
}

/// The weekday and hour of a report: by its instant, else as it says.
pub(super) fn week(
    report: &NewInterruption,
    happened_at: Timestamp,
    at: &str,
) -> Result<(u8, u8), Error> {
    let when = happened_at.to_zoned(jiff::tz::TimeZone::UTC);
    let by_instant = (
        u8::try_from(when.weekday().to_monday_zero_offset()).unwrap_or(0),
        u8::try_from(when.hour()).unwrap_or(0),
    );
    if report.interruption_timestamp.is_some() {
        return Ok(by_instant);
    }
    let day = report.day_of_week.unwrap_or(by_instant.0);
    let hour = report.hour_of_day.unwrap_or(by_instant.1);
    let mut errors = Vec::new();
    let mut wrong = |name: &str, detail: &str| {
        errors.push(FieldError {
            pointer: format!("{at}/{name}"),
            code: "out_of_range",
            detail: detail.to_owned(),
        });
    };
    if day > 6 {
        wrong("day_of_week", "expected 0 (Monday) to 6 (Sunday)");
    }
    if hour > 23 {
        wrong("hour_of_day", "expected 0 to 23");
    }
    if errors.is_empty() { Ok((day, hour)) } else { Err(Error::Invalid(errors)) }
}
