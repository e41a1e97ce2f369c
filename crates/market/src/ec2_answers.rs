//! Answers of the EC2 query protocol: spot prices and zones, page by page.
//!
//! API: <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeSpotPriceHistory.html>
//! and `API_DescribeAvailabilityZones.html` beside it. Instance types have a module of their own.

use std::str::FromStr;

use facts::names::{Region, Zone, ZoneId};

use crate::fields::name;
use crate::report::{Rejected, Tally, check_size};
use crate::spot_row::SpotTexts;
use crate::xml::{Element, parse_xml};
use crate::{ImportError, Limits, Origin, Page, Place, SpotRow};

/// A zone by both of its names, as one account sees it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ZoneRow {
    /// The region.
    pub region: Region,
    /// The name in this account.
    pub zone: Zone,
    /// The identifier that all accounts share.
    pub zone_id: ZoneId,
    /// `availability-zone`, `local-zone` or `wavelength-zone`; empty when not said.
    pub kind: String,
}

/// Reads one `DescribeSpotPriceHistory` answer in XML that was asked of a region. A row of another
/// region is quarantined.
///
/// # Errors
/// Broken XML, another answer, or more than the limits allow.
pub fn parse_spot_page(
    bytes: &[u8],
    region: &Region,
    origin: &Origin,
    limits: &Limits,
) -> Result<Page<SpotRow>, ImportError> {
    const ROOT: &str = "DescribeSpotPriceHistoryResponse";
    let row = |item: &Element| {
        let zone: Zone = in_region(item.text(&["availabilityZone"]), region)?;
        let texts = SpotTexts {
            instance_type: item.text(&["instanceType"]),
            product: name(item.text(&["productDescription"]))?,
            region: region.clone(),
            place: Place::Zone(zone),
            zone_id: item.text(&["availabilityZoneId"]),
            at: item.text(&["timestamp"]),
            price: item.text(&["spotPrice"]),
        };
        texts.row(origin)
    };
    page(bytes, [ROOT, "spotPriceHistorySet", "a DescribeSpotPriceHistory answer"], limits, row)
}

/// Reads one `DescribeAvailabilityZones` answer in XML that was asked of a region.
///
/// # Errors
/// Broken XML, another answer, or more than the limits allow.
pub fn parse_zones(
    bytes: &[u8],
    region: &Region,
    limits: &Limits,
) -> Result<Page<ZoneRow>, ImportError> {
    const ROOT: &str = "DescribeAvailabilityZonesResponse";
    let row = |item: &Element| {
        Ok(ZoneRow {
            region: region.clone(),
            zone: in_region(item.text(&["zoneName"]), region)?,
            zone_id: name(item.text(&["zoneId"]))?,
            kind: item.text(&["zoneType"]).chars().take(40).collect(),
        })
    };
    page(bytes, [ROOT, "availabilityZoneInfo", "a DescribeAvailabilityZones answer"], limits, row)
}

/// Reads one page: the entries of a list under the root, and the token of the next page.
pub(crate) fn page<T>(
    bytes: &[u8],
    [root, list, expected]: [&'static str; 3],
    limits: &Limits,
    mut row: impl FnMut(&Element) -> Result<T, Rejected>,
) -> Result<Page<T>, ImportError> {
    check_size(bytes, limits)?;
    let answer = parse_xml(bytes, root, expected)?;
    if answer.child(list).is_none() {
        let detail = format!("no element `{list}`");
        return Err(ImportError::Xml { position: 0, detail, expected });
    }
    let mut tally = Tally::new(limits);
    let mut rows = Vec::new();
    for (position, item) in answer.items(&[list]).enumerate() {
        rows.extend(tally.row(row(item), || format!("row {position}"))?);
    }
    let token = answer.text(&["nextToken"]);
    let next_token = (!token.is_empty()).then(|| token.to_owned());
    Ok(Page { rows, report: tally.finish(), next_token })
}

/// A name that starts with the region's: zones of local sites are named after it too.
fn in_region<T: FromStr>(text: &str, region: &Region) -> Result<T, Rejected>
where
    T::Err: std::fmt::Display,
{
    let named = name(text)?;
    if !text.starts_with(region.as_str()) {
        return Err(Rejected::Bad(format!("zone `{text}` is not one of {region}")));
    }
    Ok(named)
}
