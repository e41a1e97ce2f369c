//! On-Demand list prices from tables with a header.
//!
//! Wanted columns: `instance_type`, `region`, a price, and when the file has one a date from which
//! the price was seen. Shared tenancy, Linux or Windows without other licences; everything else is
//! another product and is skipped.

use facts::names::{InstanceType, OperatingSystem, Region};
use units::UsdPerHour;

use crate::csv_table::{Row, Table};
use crate::fields::{ceil_ms, instance_type, instant, name, operating_system, price};
use crate::report::{Rejected, Tally};
use crate::{ImportError, ImportReport, Limits, Origin};

pub(crate) const PRICE_COLUMNS: &[&str] = &[
    "usd_per_hour",
    "ondemand_usd_per_hour",
    "on_demand_usd_per_hour",
    "usd_per_hour_effective",
    "price_usd_per_hour",
];

/// One list price, in force from an instant on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OnDemandRow {
    /// The region, or the zone group of a local zone (`us-east-1-bos-1`).
    pub region: Region,
    /// The operating system.
    pub operating_system: OperatingSystem,
    /// The instance type.
    pub instance_type: InstanceType,
    /// From when the price is known, in milliseconds since 1970.
    pub since_ms: i64,
    /// The price, above zero.
    pub price: UsdPerHour,
}

/// A parsed table or price list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnDemandFile {
    /// Every believable price, in the order of the file.
    pub rows: Vec<OnDemandRow>,
    /// Where it came from.
    pub origin: Origin,
    /// What became of its rows.
    pub report: ImportReport,
}

/// Reads a table of On-Demand prices.
///
/// Rows without a date are known from `origin.observed_at` on. A price of 0 means that none was
/// published and is skipped; a type listed once per architecture yields equal rows.
///
/// # Errors
/// A missing column, or more than the limits allow.
pub fn parse_on_demand(
    bytes: &[u8],
    origin: &Origin,
    limits: &Limits,
) -> Result<OnDemandFile, ImportError> {
    let mut table = Table::open(bytes, limits)?;
    let columns = Columns {
        instance_type: table.need(&["instance_type", "instancetype"], "instance_type")?,
        region: table.need(&["region", "region_code"], "region")?,
        price: table.need(PRICE_COLUMNS, "usd_per_hour or ondemand_usd_per_hour")?,
        since: table.column(&[
            "as_of_utc",
            "first_seen_utc",
            "effective_date",
            "effective_from",
            "observed_at",
            "as_of",
        ]),
        operating_system: table.column(&["operating_system", "os"]),
        tenancy: table.column(&["tenancy"]),
        term: table.column(&["term"]),
    };
    let mut tally = Tally::new(limits);
    let mut rows = Vec::new();
    while let Some((line, row)) = table.next_row()? {
        rows.extend(tally.row(columns.read(row, origin), || format!("line {line}"))?);
    }
    Ok(OnDemandFile { rows, origin: origin.clone(), report: tally.finish() })
}

struct Columns {
    instance_type: usize,
    region: usize,
    price: usize,
    since: Option<usize>,
    operating_system: Option<usize>,
    tenancy: Option<usize>,
    term: Option<usize>,
}

impl Columns {
    fn read(&self, row: Row<'_>, origin: &Origin) -> Result<OnDemandRow, Rejected> {
        if !matches!(row.text(self.tenancy)?, "" | "Shared" | "shared" | "default") {
            return Err(Rejected::Skip("not shared tenancy"));
        }
        if !matches!(row.text(self.term)?, "" | "ondemand" | "on_demand" | "OnDemand") {
            return Err(Rejected::Skip("reserved term"));
        }
        let since = row.text(self.since)?;
        Ok(OnDemandRow {
            instance_type: instance_type(row.need(self.instance_type, "instance_type")?)?,
            region: name(row.need(self.region, "region")?)?,
            operating_system: operating_system(row.text(self.operating_system)?)?,
            since_ms: if since.is_empty() {
                ceil_ms(origin.observed_at)
            } else {
                instant(since, origin.observed_at)?
            },
            price: price(row.need(self.price, "the price")?)?,
        })
    }
}
