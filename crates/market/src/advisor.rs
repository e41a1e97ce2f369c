//! The Spot Instance Advisor file: how often spot capacity of a type was taken back in a region
//! during the trailing month, and what it saved over On-Demand.
//!
//! Source: <https://spot-bid-advisor.s3.amazonaws.com/spot-advisor-data.json>, described at
//! <https://aws.amazon.com/ec2/spot/instance-advisor/>. Keys come in any order, savings may be
//! negative, and a type or operating system may be absent from a region.

use std::collections::BTreeMap;
use std::fmt;

use facts::names::{InstanceType, OperatingSystem, Region};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};

use crate::fields::{name, operating_system};
use crate::json_scalar::{Record, Scalar};
use crate::report::{Rejected, Tally, check_size};
use crate::{ImportError, ImportReport, Limits, Origin};

/// How often capacity was taken back in the trailing month, in five classes: 0 is under 5 %,
/// then 5–10, 10–15, 15–20, and 4 is over 20 %.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, JsonSchema,
)]
#[serde(try_from = "u8", into = "u8")]
#[schemars(with = "u8")]
pub struct AdvisorBucket(u8);

/// Why a number is no class of the advisor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not an advisor class between 0 and 4")]
pub struct BucketError(u8);

/// What the advisor says of one type in one region for one operating system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdvisorRow {
    /// The region.
    pub region: Region,
    /// The operating system.
    pub operating_system: OperatingSystem,
    /// The instance type.
    pub instance_type: InstanceType,
    /// The class; `None` when the file uses an index that it does not define.
    pub bucket: Option<AdvisorBucket>,
    /// Trailing 30-day mean saving over On-Demand in percent, −1000 to 100; negative where spot
    /// was dearer. `None` when the file does not say.
    pub savings_percent: Option<i16>,
    /// When the file was observed.
    pub observed_at: Timestamp,
}

/// A parsed advisor file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdvisorFile {
    /// Every believable row, in the order of the file.
    pub rows: Vec<AdvisorRow>,
    /// Where it came from.
    pub origin: Origin,
    /// What became of its rows.
    pub report: ImportReport,
}

impl AdvisorBucket {
    /// Every class, safest first.
    pub const ALL: [AdvisorBucket; 5] =
        [AdvisorBucket(0), AdvisorBucket(1), AdvisorBucket(2), AdvisorBucket(3), AdvisorBucket(4)];

    /// The class as a number, 0 (rarest interruptions) to 4.
    #[must_use]
    pub const fn index(self) -> u8 {
        self.0
    }

    /// The class that a range belongs to by its upper end in percent, as the file's `ranges` give
    /// it: 5, 11, 16, 22 and 100 in every vintage so far.
    fn from_upper_end(percent: i64) -> AdvisorBucket {
        match percent {
            ..=5 => AdvisorBucket(0),
            6..=11 => AdvisorBucket(1),
            12..=16 => AdvisorBucket(2),
            17..=22 => AdvisorBucket(3),
            _ => AdvisorBucket(4),
        }
    }
}

impl TryFrom<u8> for AdvisorBucket {
    type Error = BucketError;
    fn try_from(index: u8) -> Result<AdvisorBucket, BucketError> {
        if index <= 4 { Ok(AdvisorBucket(index)) } else { Err(BucketError(index)) }
    }
}

impl From<AdvisorBucket> for u8 {
    fn from(bucket: AdvisorBucket) -> u8 {
        bucket.0
    }
}

impl fmt::Display for AdvisorBucket {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self.0 {
            0 => "<5%",
            1 => "5-10%",
            2 => "10-15%",
            3 => "15-20%",
            _ => ">20%",
        })
    }
}

/// Reads an advisor file of any vintage.
///
/// # Errors
/// Broken JSON, no `spot_advisor` object, or more than the limits allow.
pub fn parse_advisor(
    bytes: &[u8],
    origin: &Origin,
    limits: &Limits,
) -> Result<AdvisorFile, ImportError> {
    const EXPECTED: &str = "a Spot Advisor object {ranges, instance_types, spot_advisor}";
    check_size(bytes, limits)?;
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut raw = RawFile::new(limits);
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let read = reader.deserialize_map(&mut raw).and_then(|()| reader.end());
    if let Some(refused) = raw.refused {
        return Err(refused);
    }
    read.map_err(|error| ImportError::json(&error, EXPECTED))?;
    if !raw.has_advice {
        return Err(ImportError::Json {
            line: 1,
            column: 1,
            detail: "no key `spot_advisor`".to_owned(),
            expected: EXPECTED,
        });
    }
    // The ranges may stand after the rows that refer to them, so indexes are resolved at the end.
    let ranges = raw.ranges;
    let bucket_of = |index: i64| match ranges.get(&index) {
        Some(upper_end) => Some(AdvisorBucket::from_upper_end(*upper_end)),
        None if ranges.is_empty() => AdvisorBucket::try_from(u8::try_from(index).ok()?).ok(),
        None => None,
    };
    let rows = raw
        .rows
        .into_iter()
        .map(|row| AdvisorRow {
            bucket: row.index.and_then(bucket_of),
            region: row.region,
            operating_system: row.operating_system,
            instance_type: row.instance_type,
            savings_percent: row.savings_percent,
            observed_at: origin.observed_at,
        })
        .collect();
    Ok(AdvisorFile { rows, origin: origin.clone(), report: raw.tally.finish() })
}

struct RawRow {
    region: Region,
    operating_system: OperatingSystem,
    instance_type: InstanceType,
    index: Option<i64>,
    savings_percent: Option<i16>,
}

struct RawFile {
    tally: Tally,
    rows: Vec<RawRow>,
    ranges: BTreeMap<i64, i64>,
    has_advice: bool,
    refused: Option<ImportError>,
}

impl RawFile {
    fn new(limits: &Limits) -> RawFile {
        RawFile {
            tally: Tally::new(limits),
            rows: Vec::new(),
            ranges: BTreeMap::new(),
            has_advice: false,
            refused: None,
        }
    }

    /// Counts one entry of the file; an error only when there are too many.
    fn count<E: Error>(
        &mut self,
        row: Result<RawRow, Rejected>,
        place: impl FnOnce() -> String,
    ) -> Result<(), E> {
        match self.tally.row(row, place) {
            Ok(row) => {
                self.rows.extend(row);
                Ok(())
            }
            Err(refused) => {
                self.refused = Some(refused);
                Err(E::custom("too many rows"))
            }
        }
    }
}

fn raw_row([region, system, instance]: [&str; 3], entry: &Record) -> Result<RawRow, Rejected> {
    let savings_percent = match entry.get("s") {
        Scalar::Missing => None,
        other => Some(
            other
                .whole()
                .filter(|percent| (-1000..=100).contains(percent))
                .and_then(|percent| i16::try_from(percent).ok())
                .ok_or_else(|| {
                    Rejected::Bad(format!("s is {other}; expected percent from -1000 to 100"))
                })?,
        ),
    };
    let index = match entry.get("r") {
        Scalar::Missing => None,
        other => Some(other.whole().ok_or_else(|| {
            Rejected::Bad(format!("r is {other}; expected the index of a range"))
        })?),
    };
    if savings_percent.is_none() && index.is_none() {
        return Err(Rejected::Bad("expected an object with s and r".to_owned()));
    }
    Ok(RawRow {
        operating_system: operating_system(system)?,
        region: name(region)?,
        instance_type: name(instance)?,
        index,
        savings_percent,
    })
}

impl<'de> Visitor<'de> for &mut RawFile {
    type Value = ();
    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
        while let Some(key) = fields.next_key::<String>()? {
            match key.as_str() {
                "ranges" => {
                    for range in fields.next_value::<Vec<Record>>()? {
                        let whole = |name| range.get(name).whole();
                        if let (Some(index), Some(max)) = (whole("index"), whole("max")) {
                            self.ranges.insert(index, max);
                        }
                    }
                }
                "spot_advisor" => {
                    self.has_advice = true;
                    fields.next_value_seed(Level { file: self, place: Vec::new() })?;
                }
                _ => {
                    fields.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

/// One level of region → operating system → type, all of which are objects keyed by a name.
struct Level<'a> {
    file: &'a mut RawFile,
    place: Vec<String>,
}

impl<'de> DeserializeSeed<'de> for Level<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Level<'_> {
    /// A region or operating system that is no object is one bad row; the advice itself must be.
    fn odd<E: Error>(self) -> Result<(), E> {
        if self.place.is_empty() {
            return Err(E::custom("spot_advisor is not an object"));
        }
        let reason = "expected an object keyed by operating system or type".to_owned();
        self.file.count(Err(Rejected::Bad(reason)), || self.place.join(" / "))
    }
}

impl<'de> Visitor<'de> for Level<'_> {
    type Value = ();
    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object keyed by region, then operating system, then type")
    }
    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.odd()
    }
    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        self.odd()
    }
    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        self.odd()
    }
    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        self.odd()
    }
    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        self.odd()
    }
    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        self.odd()
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        self.odd()
    }
    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
        while let Some(key) = fields.next_key::<String>()? {
            if let [region, system] = self.place.as_slice() {
                let entry = fields.next_value::<Record>()?;
                let place = [region.as_str(), system.as_str(), key.as_str()];
                self.file.count(raw_row(place, &entry), || place.join(" / "))?;
            } else {
                let mut place = self.place.clone();
                place.push(key);
                fields.next_value_seed(Level { file: &mut *self.file, place })?;
            }
        }
        Ok(())
    }
}
