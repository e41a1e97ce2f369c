//! The catalogue and prices that the product knows before it has fetched anything.
//!
//! Facts of public files, gathered under open licences; each table names its sources. They are as
//! old as their dates say, and every quote from them carries that date.

use jiff::Timestamp;

use crate::{
    Limits, Market, MarketBuilder, MarketFile, Origin, parse_advisor_matrix, parse_catalogue,
    parse_on_demand, parse_on_demand_matrix,
};

const INSTANCES: &str = include_str!("../data/instances.csv");
const ON_DEMAND: &str = include_str!("../data/on_demand.csv");
const ON_DEMAND_CHANGES: &str = include_str!("../data/on_demand_changes.csv");
const ADVISOR: &str = include_str!("../data/advisor.csv");

/// The market of the bundled tables. Reading them takes some tens of milliseconds; keep it.
#[must_use]
pub fn bundled() -> Market {
    let mut builder = MarketBuilder::new();
    for file in bundled_files() {
        builder.add(file);
    }
    builder.build()
}

/// The bundled tables, parsed. A table that could not be read would be missing; a test holds that
/// none is.
#[must_use]
pub fn bundled_files() -> Vec<MarketFile> {
    let limits = Limits::default();
    let (instances, prices) = (header(INSTANCES), header(ON_DEMAND));
    let (changes, advisor) = (header(ON_DEMAND_CHANGES), header(ADVISOR));
    [
        parse_catalogue(INSTANCES.as_bytes(), &instances, &limits).map(MarketFile::Catalogue),
        parse_on_demand_matrix(ON_DEMAND.as_bytes(), &prices, &limits).map(MarketFile::OnDemand),
        parse_on_demand(ON_DEMAND_CHANGES.as_bytes(), &changes, &limits).map(MarketFile::OnDemand),
        parse_advisor_matrix(ADVISOR.as_bytes(), &advisor, &limits).map(MarketFile::Advisor),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// A digest of the bundled tables in hexadecimal: builds with the same tables have the same.
#[must_use]
pub fn bundled_digest() -> String {
    let mut hasher = blake3::Hasher::new();
    for table in [INSTANCES, ON_DEMAND, ON_DEMAND_CHANGES, ADVISOR] {
        hasher.update(&(table.len() as u64).to_le_bytes()).update(table.as_bytes());
    }
    hasher.finalize().to_hex().to_string()
}

/// Source and date from the remarks `# source: …` and `# observed_at: …` at the head of a table.
fn header(table: &str) -> Origin {
    let remark = |key: &str| {
        table
            .lines()
            .take_while(|line| line.starts_with('#'))
            .find_map(|line| line.strip_prefix("# ")?.strip_prefix(key)?.strip_prefix(": "))
    };
    let observed_at = remark("observed_at").and_then(|text| text.parse().ok());
    Origin::new(remark("source").unwrap_or("bundled"), observed_at.unwrap_or(Timestamp::UNIX_EPOCH))
}
