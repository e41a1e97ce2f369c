//! Spot prices from tables with a header: our own export, and the open data sets in use.

use crate::csv_table::{Row, Table};
use crate::fields::{instance_type, instant, name, operating_system, price, product, zone};
use crate::report::Rejected;
use crate::spot_history::{Collector, SpotRow};
use crate::{ImportError, Limits, Origin, Place, SeriesKey, SpotFile};

pub(crate) const TIME_COLUMNS: &[&str] = &["timestamp", "time", "timestamp_utc"];
pub(crate) const PRICE_COLUMNS: &[&str] = &["usd_per_hour", "spot_usd_per_hour", "spot_price"];
pub(crate) const ZONE_COLUMNS: &[&str] = &["az", "zone", "availability_zone"];
pub(crate) const ZONE_ID_COLUMNS: &[&str] = &["az_id", "zone_id", "availability_zone_id"];

/// Reads `timestamp, az | az_id | region, instance_type, usd_per_hour` with an optional `product`
/// or `operating_system` (Linux when absent). Timestamps need an offset.
///
/// # Errors
/// A missing column, or more than the limits allow.
pub fn parse_spot_csv(
    bytes: &[u8],
    origin: &Origin,
    limits: &Limits,
) -> Result<SpotFile, ImportError> {
    let mut table = Table::open(bytes, limits)?;
    let columns = Columns {
        time: table.need(TIME_COLUMNS, "timestamp")?,
        instance_type: table.need(&["instance_type", "instancetype"], "instance_type")?,
        price: table.need(PRICE_COLUMNS, "usd_per_hour or spot_usd_per_hour")?,
        zone: table.column(ZONE_COLUMNS),
        zone_id: table.column(ZONE_ID_COLUMNS),
        region: table.column(&["region"]),
        product: table.column(&["product", "product_description"]),
        operating_system: table.column(&["operating_system", "os"]),
    };
    if columns.zone.is_none() {
        // Without a zone name the region cannot be told from the row.
        table.need(&["region"], "az, or region")?;
    }
    let mut collector = Collector::new(limits);
    while let Some((line, row)) = table.next_row()? {
        collector.add(columns.read(row, origin), || format!("line {line}"))?;
    }
    Ok(collector.finish(origin))
}

struct Columns {
    time: usize,
    instance_type: usize,
    price: usize,
    zone: Option<usize>,
    zone_id: Option<usize>,
    region: Option<usize>,
    product: Option<usize>,
    operating_system: Option<usize>,
}

impl Columns {
    fn read(&self, row: Row<'_>, origin: &Origin) -> Result<SpotRow, Rejected> {
        let operating_system = match row.text(self.product)? {
            "" => operating_system(row.text(self.operating_system)?)?,
            text => product(text)?,
        };
        let zone_id = match row.text(self.zone_id)? {
            "" => None,
            text => Some(name(text)?),
        };
        let (region, place) = match (row.text(self.zone)?, row.text(self.region)?) {
            ("", "") => return Err(Rejected::Bad("neither zone nor region is given".to_owned())),
            ("", region) => (name(region)?, zone_id.clone().map_or(Place::Region, Place::ZoneId)),
            // A given region is believed: zones of wavelength sites do not name theirs.
            (zone, region) if !region.is_empty() => (name(region)?, Place::Zone(name(zone)?)),
            (text, _) => {
                let (region, zone) = zone(text)?;
                (region, Place::Zone(zone))
            }
        };
        Ok(SpotRow {
            key: SeriesKey {
                region,
                operating_system,
                instance_type: instance_type(row.need(self.instance_type, "instance_type")?)?,
                place,
            },
            zone_id,
            at_ms: instant(row.need(self.time, "the timestamp")?, origin.observed_at)?,
            price: price(row.need(self.price, "the price")?)?,
        })
    }
}
