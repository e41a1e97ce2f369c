//! One spot price as a flat row with everything that its source said, for whoever keeps rows.
//!
//! The market itself prices Linux and Windows only; a store keeps every product it was given.

use std::fmt;
use std::str::FromStr;

use facts::names::{InstanceType, OperatingSystem, Region, ZoneId};
use serde::{Deserialize, Serialize};
use units::UsdPerHour;

use crate::error::shown;
use crate::fields::{instance_type, instant, name, spot_price};
use crate::report::{Rejected, Tally};
use crate::spot_csv::each_csv_row;
use crate::spot_history::each_json_row;
use crate::{ImportError, ImportReport, Limits, Origin, Place, gunzip, is_gzip};

/// What a spot price was quoted for: the product descriptions of `DescribeSpotPriceHistory`.
/// Amazon marks the same product `(Amazon VPC)` in accounts that once had EC2-Classic.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Product {
    /// `Linux/UNIX`.
    LinuxUnix,
    /// `Windows`.
    Windows,
    /// `SUSE Linux`.
    SuseLinux,
    /// `Red Hat Enterprise Linux`.
    RedHatEnterpriseLinux,
}

/// A text that names no product.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a product description such as Linux/UNIX")]
pub struct ProductError(String);

/// One spot price: from an instant on, in one place, for one product.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpotRow {
    /// The region.
    pub region: Region,
    /// The zone, as exactly as the source says.
    pub place: Place,
    /// The identifier of the zone that all accounts share, where the source gives it.
    pub zone_id: Option<ZoneId>,
    /// The instance type.
    pub instance_type: InstanceType,
    /// The product.
    pub product: Product,
    /// From when the price is in force, in milliseconds since 1970.
    pub at_ms: i64,
    /// The price, above zero.
    pub price: UsdPerHour,
}

/// Flat rows of one file or page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpotRows {
    /// Every believable row, in the order of the source.
    pub rows: Vec<SpotRow>,
    /// What became of the rows.
    pub report: ImportReport,
}

/// What a parser hands each row to, with its place for the report.
pub(crate) type Sink<'a> =
    &'a mut dyn FnMut(Result<SpotRow, Rejected>, &dyn Fn() -> String) -> Result<(), ImportError>;

/// The texts of one row, whatever the format.
pub(crate) struct SpotTexts<'a> {
    pub(crate) instance_type: &'a str,
    pub(crate) product: Product,
    pub(crate) region: Region,
    pub(crate) place: Place,
    pub(crate) zone_id: &'a str,
    pub(crate) at: &'a str,
    pub(crate) price: &'a str,
}

impl SpotTexts<'_> {
    pub(crate) fn row(self, origin: &Origin) -> Result<SpotRow, Rejected> {
        Ok(SpotRow {
            zone_id: if self.zone_id.is_empty() { None } else { Some(name(self.zone_id)?) },
            region: self.region,
            place: self.place,
            instance_type: instance_type(self.instance_type)?,
            product: self.product,
            at_ms: instant(self.at, origin.observed_at)?,
            price: spot_price(self.price)?,
        })
    }
}

/// Reads spot prices of every product: `DescribeSpotPriceHistory` answers in JSON, or a table with
/// a header (see [`crate::parse_spot_csv`]), compressed or not.
///
/// Rows without a product are of the given one.
///
/// # Errors
/// Broken content, another format, or more than the limits allow.
pub fn parse_spot_rows(
    bytes: &[u8],
    without_product: Product,
    origin: &Origin,
    limits: &Limits,
) -> Result<SpotRows, ImportError> {
    let unpacked;
    let mut content = bytes;
    if is_gzip(bytes) {
        unpacked = gunzip(bytes, limits)?;
        content = &unpacked;
    }
    let mut tally = Tally::new(limits);
    let mut rows = Vec::new();
    let mut sink = |row: Result<SpotRow, Rejected>, place: &dyn Fn() -> String| {
        rows.extend(tally.row(row, place)?);
        Ok(())
    };
    let first = content.iter().find(|byte| !byte.is_ascii_whitespace());
    if matches!(first, Some(b'{' | b'[')) {
        each_json_row(content, origin, limits, &mut sink)?;
    } else {
        each_csv_row(content, Some(without_product), origin, limits, &mut sink)?;
    }
    Ok(SpotRows { rows, report: tally.finish() })
}

impl Product {
    /// Every product.
    pub const ALL: [Product; 4] =
        [Product::LinuxUnix, Product::Windows, Product::SuseLinux, Product::RedHatEnterpriseLinux];

    /// The description as Amazon writes it.
    #[must_use]
    pub const fn description(self) -> &'static str {
        match self {
            Product::LinuxUnix => "Linux/UNIX",
            Product::Windows => "Windows",
            Product::SuseLinux => "SUSE Linux",
            Product::RedHatEnterpriseLinux => "Red Hat Enterprise Linux",
        }
    }

    /// The operating system that the market prices under this name; `None` for licensed Linux.
    #[must_use]
    pub const fn operating_system(self) -> Option<OperatingSystem> {
        match self {
            Product::LinuxUnix => Some(OperatingSystem::Linux),
            Product::Windows => Some(OperatingSystem::Windows),
            Product::SuseLinux | Product::RedHatEnterpriseLinux => None,
        }
    }
}

impl FromStr for Product {
    type Err = ProductError;
    fn from_str(text: &str) -> Result<Product, ProductError> {
        let base = text.strip_suffix("(Amazon VPC)").map_or(text, str::trim_end);
        Product::ALL
            .into_iter()
            .find(|product| product.description() == base)
            .ok_or_else(|| ProductError(shown(text)))
    }
}

impl TryFrom<String> for Product {
    type Error = ProductError;
    fn try_from(text: String) -> Result<Product, ProductError> {
        text.parse()
    }
}

impl From<Product> for String {
    fn from(product: Product) -> String {
        product.description().to_owned()
    }
}

impl fmt::Display for Product {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.description())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_are_told_apart() {
        let check = |text: &str, expected: Option<Product>| {
            assert_eq!(text.parse().ok(), expected, "{text}");
        };
        check("Linux/UNIX", Some(Product::LinuxUnix));
        check("Linux/UNIX (Amazon VPC)", Some(Product::LinuxUnix));
        check("Windows (Amazon VPC)", Some(Product::Windows));
        check("SUSE Linux", Some(Product::SuseLinux));
        check("Red Hat Enterprise Linux (Amazon VPC)", Some(Product::RedHatEnterpriseLinux));
        check("Linux", None);
        check("", None);
        assert_eq!(Product::SuseLinux.operating_system(), None);
    }
}
