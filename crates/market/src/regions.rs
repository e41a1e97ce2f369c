//! Regions: the display name that older price lists use, and the local time.

use facts::names::Region;

/// The table of regions. Kept by hand; its header says from which pages.
const TABLE: &str = include_str!("../data/regions.csv");

/// One region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RegionFacts {
    /// The code, such as `us-east-1`.
    pub code: &'static str,
    /// The name in price lists, such as `US East (N. Virginia)`.
    pub location: &'static str,
    /// The IANA time zone in which its load has day and night.
    pub time_zone: &'static str,
}

/// Every region of the table, sorted by code.
pub fn regions() -> impl Iterator<Item = RegionFacts> {
    TABLE.lines().filter(|line| !line.starts_with('#')).skip(1).filter_map(|line| {
        let mut cells = line.split(',');
        Some(RegionFacts {
            code: cells.next()?,
            location: cells.next()?,
            time_zone: cells.next()?.trim(),
        })
    })
}

/// The facts of a region. A local zone's group (`us-east-1-bos-1`) has those of its parent.
pub(crate) fn facts_of(region: &Region) -> Option<RegionFacts> {
    let code = region.as_str();
    regions()
        .filter(|facts| starts_with_code(code, facts.code))
        .max_by_key(|facts| facts.code.len())
}

/// The region of a price list's display name; Amazon writes both `EU` and `Europe`.
pub(crate) fn by_location(location: &str) -> Option<Region> {
    let wanted = location.replacen("Europe (", "EU (", 1);
    regions().find(|facts| facts.location == wanted)?.code.parse().ok()
}

fn starts_with_code(text: &str, code: &str) -> bool {
    text.strip_prefix(code).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}
