//! A market as bytes, for whoever wants to have it again quickly: little-endian columns behind a
//! version and a checksum. It is no archive; what does not fit is refused, and the market is built
//! from its sources again.

use facts::names::{InstanceType, OperatingSystem, Region, Zone, ZoneId};
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use units::UsdPerHour;

use crate::series::SeriesTable;
use crate::{AdvisorBucket, AdvisorRow, Market, OnDemandRow, Place, SeriesKey, digest};

/// What the bytes begin with. The number changes with the layout.
const MAGIC: &[u8; 20] = b"cloudoptim market 1\n";

/// Why bytes are no market.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    /// Another layout, or another kind of file.
    #[error("not a market of this version")]
    OtherFormat,
    /// Bytes were lost or changed.
    #[error("the checksum does not fit")]
    Damaged,
    /// The bytes are whole and say something that no market says.
    #[error("{0} cannot be read")]
    Unreadable(&'static str),
}

impl Market {
    /// The market as bytes, with a note of the caller's.
    #[must_use]
    pub fn to_bytes(&self, note: &str) -> Vec<u8> {
        let mut out = Writer { bytes: Vec::new() };
        out.text(note);
        // The derived forms name every field; these lists are short.
        out.text(&serde_json::to_string(&self.instances).unwrap_or_default());
        out.text(&serde_json::to_string(&self.provenance).unwrap_or_default());
        out.number(self.on_demand.len() as i64);
        for row in &self.on_demand {
            out.text(row.region.as_str());
            out.number(system_number(row.operating_system));
            out.text(row.instance_type.as_str());
            out.number(row.since_ms);
            out.number(row.price.nanos());
        }
        out.number(self.advisor.len() as i64);
        for row in &self.advisor {
            out.text(row.region.as_str());
            out.number(system_number(row.operating_system));
            out.text(row.instance_type.as_str());
            out.number(row.bucket.map_or(-1, |bucket| i64::from(bucket.index())));
            out.number(row.savings_percent.map_or(i64::MIN, i64::from));
            out.number(row.observed_at.as_microsecond());
        }
        out.number(self.spot.keys().len() as i64);
        for (position, key) in self.spot.keys().iter().enumerate() {
            out.text(key.region.as_str());
            out.number(system_number(key.operating_system));
            out.text(key.instance_type.as_str());
            match &key.place {
                Place::Zone(zone) => out.text(&format!("z{zone}")),
                Place::ZoneId(id) => out.text(&format!("i{id}")),
                Place::Region => out.text(""),
            }
            let series = self.spot.series(position);
            out.numbers(series.change_at);
            let prices: Vec<i64> = series.change_price.iter().map(|price| price.nanos()).collect();
            out.numbers(&prices);
            out.numbers(series.repeat_at);
        }
        out.number(self.zone_ids.len() as i64);
        for (zone, id) in &self.zone_ids {
            out.text(zone.as_str());
            out.text(id.as_str());
        }
        let mut whole = MAGIC.to_vec();
        whole.extend_from_slice(blake3::hash(&out.bytes).as_bytes());
        whole.extend_from_slice(&out.bytes);
        whole
    }

    /// The market of some bytes, and the note that was written with it.
    ///
    /// # Errors
    /// Another layout, a checksum that does not fit, or content that no market has.
    pub fn from_bytes(bytes: &[u8]) -> Result<(Market, String), SnapshotError> {
        let rest = bytes.strip_prefix(MAGIC.as_slice()).ok_or(SnapshotError::OtherFormat)?;
        let (checksum, content) = rest.split_at_checked(32).ok_or(SnapshotError::Damaged)?;
        if blake3::hash(content).as_bytes() != checksum {
            return Err(SnapshotError::Damaged);
        }
        let mut reader = Reader { rest: content };
        let note = reader.text("the note")?.to_owned();
        let instances = reader.json("instances")?;
        let provenance = reader.json("provenance")?;
        let on_demand = reader.rows("On-Demand prices", Reader::on_demand)?;
        let advisor = reader.rows("the Spot Advisor", Reader::advice)?;
        let mut spot = SeriesTable::default();
        for _ in 0..reader.length("series")? {
            let key = reader.series()?;
            let change_at = reader.numbers("changes")?;
            let prices = reader.numbers("prices")?;
            let repeats = reader.numbers("repetitions")?;
            if change_at.len() != prices.len() {
                return Err(SnapshotError::Unreadable("prices"));
            }
            let prices: Vec<UsdPerHour> = prices.into_iter().map(UsdPerHour::from_nanos).collect();
            spot.push(key, &change_at, &prices, &repeats);
        }
        let zone_ids = reader.rows("zones", |reader| {
            let zone: Zone = reader.name("zones")?;
            let id: ZoneId = reader.name("zones")?;
            Ok((zone, id))
        })?;
        let mut market = Market {
            instances,
            on_demand,
            advisor,
            spot,
            zone_ids,
            provenance,
            version: String::new(),
        };
        market.version = digest::of_market(&market);
        Ok((market, note))
    }
}

fn system_number(system: OperatingSystem) -> i64 {
    match system {
        OperatingSystem::Linux => 0,
        OperatingSystem::Windows => 1,
    }
}

struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    fn number(&mut self, number: i64) {
        self.bytes.extend_from_slice(&number.to_le_bytes());
    }

    fn text(&mut self, text: &str) {
        self.number(text.len() as i64);
        self.bytes.extend_from_slice(text.as_bytes());
    }

    fn numbers(&mut self, numbers: &[i64]) {
        self.number(numbers.len() as i64);
        for number in numbers {
            self.number(*number);
        }
    }
}

struct Reader<'a> {
    rest: &'a [u8],
}

type Read<T> = Result<T, SnapshotError>;

impl<'a> Reader<'a> {
    fn number(&mut self, what: &'static str) -> Read<i64> {
        let (number, rest) =
            self.rest.split_first_chunk::<8>().ok_or(SnapshotError::Unreadable(what))?;
        self.rest = rest;
        Ok(i64::from_le_bytes(*number))
    }

    /// A length, which is never more than what is left.
    fn length(&mut self, what: &'static str) -> Read<usize> {
        let length = usize::try_from(self.number(what)?).ok();
        length.filter(|length| *length <= self.rest.len()).ok_or(SnapshotError::Unreadable(what))
    }

    fn text(&mut self, what: &'static str) -> Read<&'a str> {
        let length = self.length(what)?;
        let (text, rest) =
            self.rest.split_at_checked(length).ok_or(SnapshotError::Unreadable(what))?;
        self.rest = rest;
        std::str::from_utf8(text).map_err(|_| SnapshotError::Unreadable(what))
    }

    fn numbers(&mut self, what: &'static str) -> Read<Vec<i64>> {
        let length = self.length(what)?;
        let (bytes, rest) = self
            .rest
            .split_at_checked(length.saturating_mul(8))
            .ok_or(SnapshotError::Unreadable(what))?;
        self.rest = rest;
        let (numbers, _) = bytes.as_chunks::<8>();
        Ok(numbers.iter().map(|bytes| i64::from_le_bytes(*bytes)).collect())
    }

    fn name<N: std::str::FromStr>(&mut self, what: &'static str) -> Read<N> {
        self.text(what)?.parse().map_err(|_| SnapshotError::Unreadable(what))
    }

    fn json<T: DeserializeOwned>(&mut self, what: &'static str) -> Read<T> {
        serde_json::from_str(self.text(what)?).map_err(|_| SnapshotError::Unreadable(what))
    }

    fn rows<T>(&mut self, what: &'static str, row: impl Fn(&mut Self) -> Read<T>) -> Read<Vec<T>> {
        let length = self.length(what)?;
        (0..length).map(|_| row(self)).collect()
    }

    fn region(&mut self) -> Read<Region> {
        self.name("a region")
    }

    fn system(&mut self) -> Read<OperatingSystem> {
        match self.number("an operating system")? {
            0 => Ok(OperatingSystem::Linux),
            1 => Ok(OperatingSystem::Windows),
            _ => Err(SnapshotError::Unreadable("an operating system")),
        }
    }

    fn on_demand(&mut self) -> Read<OnDemandRow> {
        Ok(OnDemandRow {
            region: self.region()?,
            operating_system: self.system()?,
            instance_type: self.name::<InstanceType>("a type")?,
            since_ms: self.number("a date")?,
            price: UsdPerHour::from_nanos(self.number("a price")?),
        })
    }

    fn advice(&mut self) -> Read<AdvisorRow> {
        let (region, operating_system) = (self.region()?, self.system()?);
        let instance_type = self.name::<InstanceType>("a type")?;
        let bucket = match self.number("a class")? {
            -1 => None,
            index => Some(
                u8::try_from(index)
                    .ok()
                    .and_then(|index| AdvisorBucket::try_from(index).ok())
                    .ok_or(SnapshotError::Unreadable("a class"))?,
            ),
        };
        let savings_percent = match self.number("savings")? {
            i64::MIN => None,
            percent => {
                Some(i16::try_from(percent).map_err(|_| SnapshotError::Unreadable("savings"))?)
            }
        };
        let observed_at = Timestamp::from_microsecond(self.number("an instant")?)
            .map_err(|_| SnapshotError::Unreadable("an instant"))?;
        Ok(AdvisorRow {
            region,
            operating_system,
            instance_type,
            bucket,
            savings_percent,
            observed_at,
        })
    }

    fn series(&mut self) -> Read<SeriesKey> {
        let (region, operating_system) = (self.region()?, self.system()?);
        let instance_type = self.name::<InstanceType>("a type")?;
        let place = self.text("a zone")?;
        let unreadable = || SnapshotError::Unreadable("a zone");
        let place = match place.split_at_checked(1) {
            None => Place::Region,
            Some(("z", zone)) => Place::Zone(zone.parse().map_err(|_| unreadable())?),
            Some(("i", id)) => Place::ZoneId(id.parse().map_err(|_| unreadable())?),
            Some(_) => return Err(unreadable()),
        };
        Ok(SeriesKey { region, operating_system, instance_type, place })
    }
}
