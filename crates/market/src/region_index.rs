//! The index of the bulk price list: which regions have an offer file, and where.
//!
//! Format: <https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/ps-region-index-file.html>.

use std::collections::BTreeMap;

use facts::names::Region;
use serde::Deserialize;

use crate::error::shown;
use crate::fields::name;
use crate::json_scalar::Record;
use crate::report::{Rejected, Tally, check_size};
use crate::{ImportError, ImportReport, Limits};

/// Where the offer file of each region lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegionIndex {
    /// The path of the file in force, by region: it contains the version, so an equal path means
    /// an equal file.
    pub paths: BTreeMap<Region, String>,
    /// What became of the entries.
    pub report: ImportReport,
}

#[derive(Deserialize)]
struct Raw {
    regions: BTreeMap<String, Record>,
}

/// Reads a region index.
///
/// # Errors
/// Broken JSON, no `regions`, or more than the limits allow.
pub fn parse_region_index(bytes: &[u8], limits: &Limits) -> Result<RegionIndex, ImportError> {
    check_size(bytes, limits)?;
    let raw: Raw = serde_json::from_slice(bytes)
        .map_err(|error| ImportError::json(&error, "a price list index {regions: {...}}"))?;
    let mut tally = Tally::new(limits);
    let mut paths = BTreeMap::new();
    for (code, entry) in raw.regions {
        let row = (|| {
            let region: Region = name(&code)?;
            let path = entry.get("currentVersionUrl").text();
            // A path and nothing else: a name of another machine is not followed.
            if !path.starts_with('/') || path.starts_with("//") || path.contains("..") {
                return Err(Rejected::Bad(format!(
                    "currentVersionUrl is `{}`; expected a path such as /offers/v1.0/aws/…",
                    shown(path)
                )));
            }
            Ok((region, path.to_owned()))
        })();
        paths.extend(tally.row(row, || code.clone())?);
    }
    Ok(RegionIndex { paths, report: tally.finish() })
}
