//! Bulk offer files: given ones, and generated ones of any size that are never whole in memory.

use std::io::{self, Write};
use std::sync::Arc;

use facts::names::Region;

/// The offer file of one region.
#[derive(Clone, Debug)]
pub enum Offer {
    /// This content.
    Given(Arc<[u8]>),
    /// At least this many bytes, written while they are sent: one ordinary Linux product in forty,
    /// the others of the kinds that fill real files, and Reserved terms that nobody wants.
    Generated {
        /// How many.
        bytes: u64,
    },
}

/// Products of a generated file for each ordinary one; real files have more.
const KINDS: u64 = 40;

/// About what one product takes with its terms.
const BYTES_OF_A_PRODUCT: u64 = 2_800;

impl Offer {
    /// How many ordinary Linux prices the file has; `None` for a given one.
    #[must_use]
    pub fn ordinary(&self) -> Option<u64> {
        match self {
            Offer::Given(_) => None,
            Offer::Generated { bytes } => Some(products_of(*bytes).div_ceil(KINDS)),
        }
    }

    /// Writes the file.
    ///
    /// # Errors
    /// What the target reports.
    pub fn write(&self, region: &Region, target: &mut dyn Write) -> io::Result<()> {
        match self {
            Offer::Given(content) => target.write_all(content),
            Offer::Generated { bytes } => write_generated(region, products_of(*bytes), target),
        }
    }
}

fn products_of(bytes: u64) -> u64 {
    bytes.div_ceil(BYTES_OF_A_PRODUCT).max(KINDS)
}

fn write_generated(region: &Region, products: u64, target: &mut dyn Write) -> io::Result<()> {
    let last = products.saturating_sub(1);
    let comma = |position: u64| if position < last { "," } else { "" };
    write!(
        target,
        "{{\n  \"formatVersion\" : \"v1.0\",\n  \"offerCode\" : \"AmazonEC2\",\n  \
         \"version\" : \"20260701000000\",\n  \"products\" : {{\n"
    )?;
    for position in 0..products {
        let (system, tenancy) = match position % KINDS {
            0 => ("Linux", "Shared"),
            kind if kind % 3 == 1 => ("RHEL", "Shared"),
            kind if kind % 3 == 2 => ("Linux", "Dedicated"),
            _ => ("Windows", "Host"),
        };
        let family = position / KINDS;
        write!(
            target,
            "    \"SKU{position:012}\" : {{\n      \"sku\" : \"SKU{position:012}\",\n      \
             \"productFamily\" : \"Compute Instance\",\n      \"attributes\" : {{\n        \
             \"servicecode\" : \"AmazonEC2\",\n        \"regionCode\" : \"{region}\",\n        \
             \"instanceType\" : \"g{family}.large\",\n        \"operatingSystem\" : \"{system}\",\n        \
             \"tenancy\" : \"{tenancy}\",\n        \"capacitystatus\" : \"Used\",\n        \
             \"preInstalledSw\" : \"NA\",\n        \"licenseModel\" : \"No License required\",\n"
        )?;
        for filler in 0..18 {
            writeln!(target, "        \"attribute{filler:02}\" : \"a value of usual length\",")?;
        }
        write!(target, "        \"vcpu\" : \"2\"\n      }}\n    }}{}\n", comma(position))?;
    }
    write!(target, "  }},\n  \"terms\" : {{\n    \"OnDemand\" : {{\n")?;
    for position in 0..products {
        write_term(target, position, "JRTCKXETXF", "Hrs", comma(position))?;
    }
    write!(target, "    }},\n    \"Reserved\" : {{\n")?;
    for position in 0..products {
        write_term(target, position, "NQ3QZPMQV9", "Quantity", comma(position))?;
    }
    write!(target, "    }}\n  }}\n}}\n")
}

fn write_term(
    target: &mut dyn Write,
    position: u64,
    code: &str,
    unit: &str,
    comma: &str,
) -> io::Result<()> {
    let sku = format!("SKU{position:012}");
    write!(
        target,
        "      \"{sku}\" : {{\n        \"{sku}.{code}\" : {{\n          \"offerTermCode\" : \
         \"{code}\",\n          \"sku\" : \"{sku}\",\n          \"effectiveDate\" : \
         \"2026-07-01T00:00:00Z\",\n          \"priceDimensions\" : {{\n            \
         \"{sku}.{code}.6YS6EN2CT7\" : {{\n              \"rateCode\" : \
         \"{sku}.{code}.6YS6EN2CT7\",\n              \"description\" : \"$0.{:04} per hour of \
         generated capacity in the region of this file\",\n              \"beginRange\" : \"0\",\n\
                       \"endRange\" : \"Inf\",\n              \"unit\" : \"{unit}\",\n              \
         \"pricePerUnit\" : {{\n                \"USD\" : \"0.{:04}000000\"\n              }},\n\
                       \"appliesTo\" : [ ]\n            }}\n          }},\n          \
         \"termAttributes\" : {{ }}\n        }}\n      }}{comma}\n",
        position % 9000 + 1,
        position % 9000 + 1,
    )
}
