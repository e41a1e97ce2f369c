//! Spot prices from tables with a header: our own export, and the open data sets in use.

use facts::names::OperatingSystem;

use crate::csv_table::{Row, Table};
use crate::fields::{name, operating_system, zone};
use crate::report::Rejected;
use crate::spot_history::Collector;
use crate::spot_row::{Sink, SpotTexts};
use crate::{ImportError, Limits, Origin, Place, Product, SpotFile, SpotRow};

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
    let mut collector = Collector::new(limits);
    each_csv_row(bytes, None, origin, limits, &mut |row, place| collector.add(row, place))?;
    Ok(collector.finish(origin))
}

/// Hands every row of the table to a sink. Where a row names neither product nor operating system,
/// it is of the given product.
pub(crate) fn each_csv_row(
    bytes: &[u8],
    without_product: Option<Product>,
    origin: &Origin,
    limits: &Limits,
    sink: Sink<'_>,
) -> Result<(), ImportError> {
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
    while let Some((line, row)) = table.next_row()? {
        sink(columns.read(row, without_product, origin), &|| format!("line {line}"))?;
    }
    Ok(())
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
    fn read(
        &self,
        row: Row<'_>,
        without_product: Option<Product>,
        origin: &Origin,
    ) -> Result<SpotRow, Rejected> {
        let product = match (row.text(self.product)?, row.text(self.operating_system)?) {
            ("", "") => without_product.unwrap_or(Product::LinuxUnix),
            ("", system) => match operating_system(system)? {
                OperatingSystem::Linux => Product::LinuxUnix,
                OperatingSystem::Windows => Product::Windows,
            },
            (product, _) => name(product)?,
        };
        let zone_id = row.text(self.zone_id)?;
        let (region, place) = match (row.text(self.zone)?, row.text(self.region)?) {
            ("", "") => return Err(Rejected::Bad("neither zone nor region is given".to_owned())),
            ("", region) if zone_id.is_empty() => (name(region)?, Place::Region),
            ("", region) => (name(region)?, Place::ZoneId(name(zone_id)?)),
            // A given region is believed: zones of wavelength sites do not name theirs.
            (zone, region) if !region.is_empty() => (name(region)?, Place::Zone(name(zone)?)),
            (text, _) => {
                let (region, zone) = zone(text)?;
                (region, Place::Zone(zone))
            }
        };
        let texts = SpotTexts {
            instance_type: row.need(self.instance_type, "instance_type")?,
            product,
            region,
            place,
            zone_id,
            at: row.need(self.time, "the timestamp")?,
            price: row.need(self.price, "the price")?,
        };
        texts.row(origin)
    }
}
