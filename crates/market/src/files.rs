//! Which format some bytes are, told from their content alone, and the right parser for it.

use serde::{Deserialize, Serialize};

use crate::csv_table::Table;
use crate::error::shown;
use crate::{
    AdvisorFile, CatalogueFile, ImportError, ImportReport, Limits, OnDemandFile, Origin, SpotFile,
    gunzip, is_gzip, on_demand, parse_advisor, parse_advisor_matrix, parse_catalogue,
    parse_on_demand, parse_on_demand_matrix, parse_price_list, parse_spot_csv, parse_spot_history,
    spot_csv,
};

/// The formats that this crate reads.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Any of the others, compressed.
    Gzip,
    /// The Spot Instance Advisor file.
    SpotAdvisor,
    /// `DescribeSpotPriceHistory` answers.
    SpotHistory,
    /// A table of spot prices.
    SpotCsv,
    /// A table of On-Demand prices, one price a row.
    OnDemandCsv,
    /// A bulk offer file or `GetProducts` answers.
    PriceList,
    /// A table of instance types.
    Catalogue,
    /// On-Demand prices, one type a row and one region a column.
    OnDemandMatrix,
    /// Advisor entries, one type a row and one region a column.
    AdvisorMatrix,
}

/// The content of one file, by dataset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MarketFile {
    /// Interruption classes and savings.
    Advisor(AdvisorFile),
    /// List prices.
    OnDemand(OnDemandFile),
    /// Spot prices.
    Spot(SpotFile),
    /// Instance types.
    Catalogue(CatalogueFile),
}

/// Tells the format from the content: the gzip magic, the first keys of JSON, or the header of a
/// table. `None` when it is none of them. Looks at the first 64 KiB, and through a JSON object's
/// keys no deeper than that.
#[must_use]
pub fn detect(bytes: &[u8]) -> Option<Format> {
    if is_gzip(bytes) {
        return Some(Format::Gzip);
    }
    let head = bytes.get(..64 << 10).unwrap_or(bytes);
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    match head.iter().find(|byte| !byte.is_ascii_whitespace())? {
        b'{' | b'[' => detect_json(bytes, head),
        _ => detect_table(head),
    }
}

/// Decompresses when needed, detects the format and parses.
///
/// # Errors
/// What the parser of the format refuses, or that the format is not known.
pub fn parse(bytes: &[u8], origin: &Origin, limits: &Limits) -> Result<MarketFile, ImportError> {
    let unpacked;
    let mut content = bytes;
    if is_gzip(bytes) {
        unpacked = gunzip(bytes, limits)?;
        content = &unpacked;
    }
    Ok(match detect(content) {
        Some(Format::SpotAdvisor) => MarketFile::Advisor(parse_advisor(content, origin, limits)?),
        Some(Format::AdvisorMatrix) => {
            MarketFile::Advisor(parse_advisor_matrix(content, origin, limits)?)
        }
        Some(Format::SpotHistory) => MarketFile::Spot(parse_spot_history(content, origin, limits)?),
        Some(Format::SpotCsv) => MarketFile::Spot(parse_spot_csv(content, origin, limits)?),
        Some(Format::OnDemandCsv) => {
            MarketFile::OnDemand(parse_on_demand(content, origin, limits)?)
        }
        Some(Format::OnDemandMatrix) => {
            MarketFile::OnDemand(parse_on_demand_matrix(content, origin, limits)?)
        }
        Some(Format::PriceList) => MarketFile::OnDemand(parse_price_list(content, origin, limits)?),
        Some(Format::Catalogue) => MarketFile::Catalogue(parse_catalogue(content, origin, limits)?),
        // Compressed twice is nobody's format.
        Some(Format::Gzip) | None => {
            let head = content.get(..60).unwrap_or(content);
            let starts_with = shown(&String::from_utf8_lossy(head));
            return Err(ImportError::UnknownFormat { starts_with });
        }
    })
}

impl MarketFile {
    /// What became of the rows.
    #[must_use]
    pub fn report(&self) -> &ImportReport {
        match self {
            MarketFile::Advisor(file) => &file.report,
            MarketFile::OnDemand(file) => &file.report,
            MarketFile::Spot(file) => &file.report,
            MarketFile::Catalogue(file) => &file.report,
        }
    }
}

fn detect_json(bytes: &[u8], head: &[u8]) -> Option<Format> {
    let has =
        |text: &[u8], key: &str| text.windows(key.len()).any(|window| window == key.as_bytes());
    let known = [
        ("\"SpotPriceHistory\"", Format::SpotHistory),
        ("\"SpotPrice\"", Format::SpotHistory),
        ("\"spot_advisor\"", Format::SpotAdvisor),
        ("\"offerCode\"", Format::PriceList),
        ("\"PriceList\"", Format::PriceList),
        ("\"product\"", Format::PriceList),
    ];
    if let Some((_, format)) = known.iter().find(|(key, _)| has(head, key)) {
        return Some(*format);
    }
    // The advisor's own key may stand behind the long list of types.
    (has(head, "\"instance_types\"") && has(bytes, "\"spot_advisor\""))
        .then_some(Format::SpotAdvisor)
}

fn detect_table(head: &[u8]) -> Option<Format> {
    let table = Table::open(head, &Limits::default()).ok()?;
    let has = |names: &[&str]| table.column(names).is_some();
    if !has(&["instance_type", "instancetype"]) {
        return None;
    }
    if table.header().iter().any(|name| name.contains('@')) {
        let advisor = table.header().iter().any(|name| name.starts_with("advisor "));
        return Some(if advisor { Format::AdvisorMatrix } else { Format::OnDemandMatrix });
    }
    if has(spot_csv::TIME_COLUMNS) && has(spot_csv::PRICE_COLUMNS) {
        return Some(Format::SpotCsv);
    }
    if has(&["vcpu"]) && has(&["memory_mib"]) {
        return Some(Format::Catalogue);
    }
    (has(&["region", "region_code"]) && has(on_demand::PRICE_COLUMNS))
        .then_some(Format::OnDemandCsv)
}
