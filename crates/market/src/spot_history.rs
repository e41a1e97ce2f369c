//! Spot price history as `DescribeSpotPriceHistory` answers it.
//!
//! API: <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeSpotPriceHistory.html>.
//! A row says "from this instant the price is this". Pages may stand one after another in one
//! file, rows come newest first, and all products of a type share one answer.

use std::collections::BTreeMap;
use std::fmt;

use facts::names::ZoneId;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use units::UsdPerHour;

use crate::fields::{name, zone};
use crate::json_scalar::{Record, Scalar};
use crate::report::{Rejected, Tally, check_size};
use crate::spot_row::{Sink, SpotTexts};
use crate::{ImportError, ImportReport, Limits, Origin, Place, Product, SeriesKey, SpotRow};

/// One price of one series, from an instant on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpotPoint {
    /// Position in [`SpotFile::series`].
    pub series: u32,
    /// From when the price is in force, in milliseconds since 1970.
    pub at_ms: i64,
    /// The price, above zero.
    pub price: UsdPerHour,
}

/// Parsed spot prices: a dictionary of series and narrow points that refer to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpotFile {
    /// The series, in order of first appearance.
    pub series: Vec<SeriesKey>,
    /// Zone identifiers that the file gives for zone names of its account.
    pub zone_ids: BTreeMap<facts::names::Zone, ZoneId>,
    /// Every believable price, in the order of the file.
    pub points: Vec<SpotPoint>,
    /// Where it came from.
    pub origin: Origin,
    /// What became of its rows.
    pub report: ImportReport,
}

/// Collects rows of any format into a [`SpotFile`].
pub(crate) struct Collector {
    tally: Tally,
    positions: BTreeMap<SeriesKey, u32>,
    series: Vec<SeriesKey>,
    zone_ids: BTreeMap<facts::names::Zone, ZoneId>,
    points: Vec<SpotPoint>,
}

impl Collector {
    pub(crate) fn new(limits: &Limits) -> Collector {
        Collector {
            tally: Tally::new(limits),
            positions: BTreeMap::new(),
            series: Vec::new(),
            zone_ids: BTreeMap::new(),
            points: Vec::new(),
        }
    }

    pub(crate) fn add(
        &mut self,
        row: Result<SpotRow, Rejected>,
        place: &dyn Fn() -> String,
    ) -> Result<(), ImportError> {
        let keyed = row.and_then(|row| {
            let operating_system =
                row.product.operating_system().ok_or(Rejected::Skip(match row.product {
                    Product::SuseLinux => "product SUSE Linux",
                    _ => "product Red Hat Enterprise Linux",
                }))?;
            let SpotRow { region, place, instance_type, .. } = row;
            let key = SeriesKey { region, operating_system, instance_type, place };
            Ok((key, row.zone_id, row.at_ms, row.price))
        });
        let Some((key, zone_id, at_ms, price)) = self.tally.row(keyed, place)? else {
            return Ok(());
        };
        if let (Place::Zone(zone), Some(id)) = (&key.place, zone_id) {
            self.zone_ids.insert(zone.clone(), id);
        }
        // Files are mostly sorted by series, so the last one is the likely one.
        let last = self.points.last().map(|point| point.series);
        let same = last.filter(|last| self.series.get(*last as usize) == Some(&key));
        let series = match same.or_else(|| self.positions.get(&key).copied()) {
            Some(position) => position,
            None => {
                let position = u32::try_from(self.series.len()).map_err(|_| {
                    ImportError::TooLarge { what: "series", limit: u64::from(u32::MAX) }
                })?;
                self.positions.insert(key.clone(), position);
                self.series.push(key);
                position
            }
        };
        self.points.push(SpotPoint { series, at_ms, price });
        Ok(())
    }

    pub(crate) fn finish(self, origin: &Origin) -> SpotFile {
        SpotFile {
            series: self.series,
            zone_ids: self.zone_ids,
            points: self.points,
            origin: origin.clone(),
            report: self.tally.finish(),
        }
    }
}

/// Reads one or several `DescribeSpotPriceHistory` answers standing one after another.
///
/// # Errors
/// Broken JSON, another shape, or more than the limits allow.
pub fn parse_spot_history(
    bytes: &[u8],
    origin: &Origin,
    limits: &Limits,
) -> Result<SpotFile, ImportError> {
    let mut collector = Collector::new(limits);
    each_json_row(bytes, origin, limits, &mut |row, place| collector.add(row, place))?;
    Ok(collector.finish(origin))
}

/// Hands every row of the answers to a sink.
pub(crate) fn each_json_row(
    bytes: &[u8],
    origin: &Origin,
    limits: &Limits,
    sink: Sink<'_>,
) -> Result<(), ImportError> {
    const EXPECTED: &str = "DescribeSpotPriceHistory answers {\"SpotPriceHistory\": [...]}";
    check_size(bytes, limits)?;
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut reading = Reading { sink, origin, refused: None, has_list: false };
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    loop {
        let read = Document(&mut reading).deserialize(&mut reader);
        if let Some(refused) = reading.refused.take() {
            return Err(refused);
        }
        read.map_err(|error| ImportError::json(&error, EXPECTED))?;
        if !reading.has_list {
            return Err(ImportError::Json {
                line: 1,
                column: 1,
                detail: "no key `SpotPriceHistory`".to_owned(),
                expected: EXPECTED,
            });
        }
        if reader.end().is_ok() {
            return Ok(());
        }
    }
}

struct Reading<'a> {
    sink: Sink<'a>,
    origin: &'a Origin,
    refused: Option<ImportError>,
    has_list: bool,
}

impl Reading<'_> {
    fn spot_row(&self, record: &Record) -> Result<SpotRow, Rejected> {
        if record.is_empty() {
            return Err(Rejected::Bad("expected an object with SpotPrice".to_owned()));
        }
        let text = |field: &str| match record.get(field) {
            Scalar::Text(text) => Ok(text.as_str()),
            other => Err(Rejected::Bad(format!("{field} is {other}; expected a text"))),
        };
        let product = name(text("ProductDescription")?)?;
        let (region, zone) = zone(text("AvailabilityZone")?)?;
        let texts = SpotTexts {
            instance_type: text("InstanceType")?,
            product,
            region,
            place: Place::Zone(zone),
            zone_id: record.get("AvailabilityZoneId").text(),
            at: text("Timestamp")?,
            price: text("SpotPrice")?,
        };
        texts.row(self.origin)
    }
}

/// One answer: an object that holds the list, or the bare list.
struct Document<'a, 'b>(&'a mut Reading<'b>);

impl<'de> DeserializeSeed<'de> for Document<'_, '_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Document<'_, '_> {
    type Value = ();
    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an answer with SpotPriceHistory")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
        while let Some(key) = fields.next_key::<String>()? {
            if key == "SpotPriceHistory" {
                fields.next_value_seed(Document(&mut *self.0))?;
            } else {
                fields.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> Result<(), A::Error> {
        self.0.has_list = true;
        let mut position = 0_u64;
        while let Some(record) = rows.next_element::<Record>()? {
            let row = self.0.spot_row(&record);
            if let Err(refused) = (self.0.sink)(row, &|| format!("row {position}")) {
                self.0.refused = Some(refused);
                return Err(A::Error::custom("too many rows"));
            }
            position += 1;
        }
        Ok(())
    }
}
