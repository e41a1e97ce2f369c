//! What may be asked to be fetched, and what is wrong with a request.

use std::fmt::Display;
use std::str::FromStr;

use facts::names::{OperatingSystem, Region};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use market::{Market, Product};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{DataType, FetchPrices, matches_any};
use crate::{Error, FieldError};

/// How long ago a fetch of spot prices begins when nobody says.
const USUAL_SPAN: SignedDuration = SignedDuration::from_hours(7 * 24);

/// The most patterns of one request.
const MOST_PATTERNS: usize = 1000;

/// Rows a day of one pool and product, between those of calm and of busy pools.
const ROWS_OF_A_POOL_DAY: f64 = 2.4;

/// Zones of a region whose zones are not known.
const USUAL_ZONES: u64 = 3;

/// What is to be fetched.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FetchRequest {
    /// What.
    pub data_type: DataType,
    /// Names of types, or patterns such as `m5.*`; all types when absent or empty.
    #[serde(default)]
    pub instance_types: Vec<String>,
    /// Regions such as `us-east-1`. Spot prices need at least one; without any, On-Demand prices are
    /// fetched of every region, which takes long, and the advisor's word on all.
    #[serde(default)]
    pub regions: Vec<String>,
    /// Spot prices from this day (`YYYY-MM-DD`, UTC) or instant (RFC 3339) on; seven days before the
    /// end when absent. AWS answers nothing from more than 90 days ago.
    pub start_date: Option<String>,
    /// Up to before this day or instant; now when absent.
    pub end_date: Option<String>,
    /// Product descriptions such as `Linux/UNIX`; all when absent or empty.
    #[serde(default)]
    pub products: Vec<String>,
}

/// The request as a job does it, and what was changed about it.
pub(crate) fn checked(
    request: &FetchRequest,
    asked: &str,
    market: &Market,
    now: Timestamp,
) -> Result<(FetchPrices, Vec<String>), Error> {
    let mut wrong = Wrong::default();
    let regions: Vec<Region> = wrong.each("regions", &request.regions);
    let products: Vec<Product> = wrong.each("products", &request.products);
    for (position, pattern) in request.instance_types.iter().enumerate() {
        if !is_pattern(pattern) {
            let detail = format!(
                "`{}` is neither an instance type nor a pattern such as m5.*",
                pattern.chars().take(60).collect::<String>()
            );
            wrong.add(format!("/instance_types/{position}"), "invalid", detail);
        }
    }
    if request.instance_types.len() > MOST_PATTERNS {
        let detail = format!("has more than {MOST_PATTERNS} entries; use patterns");
        wrong.add("/instance_types".to_owned(), "too_many", detail);
    }
    let spot = request.data_type == DataType::SpotPrices;
    if spot && regions.is_empty() && request.regions.is_empty() {
        let detail = "name at least one region, such as us-east-1".to_owned();
        wrong.add("/regions".to_owned(), "required", detail);
    }
    let asked_end = wrong.instant("end_date", request.end_date.as_deref());
    let asked_start = wrong.instant("start_date", request.start_date.as_deref());
    let mut end = asked_end.unwrap_or(now);
    let mut start = asked_start.unwrap_or_else(|| end.checked_sub(USUAL_SPAN).unwrap_or(end));
    let mut notes = Vec::new();
    if spot && start >= end {
        let detail = format!("{start} is not before the end, {end}");
        wrong.add("/start_date".to_owned(), "invalid", detail);
    }
    if spot && end > now {
        notes.push(format!("the end lies ahead; prices are fetched up to {now}"));
        end = now;
    }
    let horizon = now - SignedDuration::from_hours(24 * aws::SPOT_HISTORY_DAYS);
    if spot && start < horizon {
        notes.push(format!(
            "AWS answers no spot prices from before {horizon}; what is missing there stays missing"
        ));
        start = horizon;
        if end <= horizon {
            let detail = format!("lies before {horizon}, and AWS answers nothing from then");
            wrong.add("/end_date".to_owned(), "too_old", detail);
        }
    }
    wrong.result()?;
    let mut wanted = FetchPrices {
        data_type: request.data_type,
        instance_types: request.instance_types.clone(),
        regions,
        start,
        end,
        products,
        estimated_records: None,
        asked: asked.to_owned(),
    };
    wanted.estimated_records = spot.then(|| expected_rows(market, &wanted)).flatten();
    Ok((wanted, notes))
}

/// How many rows spot prices have by the usual cadence, from the pools that the market knows.
fn expected_rows(market: &Market, wanted: &FetchPrices) -> Option<u64> {
    let (start, end) = (wanted.start.as_second(), wanted.end.as_second());
    let days = (end - start) as f64 / (24.0 * 3600.0);
    let products =
        if wanted.products.is_empty() { Product::ALL.len() } else { wanted.products.len() };
    let mut pools = 0;
    for region in &wanted.regions {
        let system = OperatingSystem::Linux;
        let types = market.instances().iter().filter(|instance| {
            let named = &instance.instance_type;
            matches_any(&wanted.instance_types, named.as_str())
                && market.on_demand(named, region, system, wanted.end).is_some()
        });
        pools += types.count() as u64 * USUAL_ZONES;
    }
    // The market may know no list price in a region; then nobody can say.
    (pools > 0).then(|| (pools as f64 * products as f64 * days * ROWS_OF_A_POOL_DAY).ceil() as u64)
}
/// What was found to be wrong with a request.
#[derive(Default)]
struct Wrong {
    fields: Vec<FieldError>,
}

impl Wrong {
    fn add(&mut self, pointer: String, code: &'static str, detail: String) {
        self.fields.push(FieldError { pointer, code, detail });
    }

    fn each<T: FromStr>(&mut self, field: &str, texts: &[String]) -> Vec<T>
    where
        T::Err: Display,
    {
        let mut found = Vec::new();
        for (position, text) in texts.iter().enumerate() {
            match text.parse::<T>() {
                Ok(value) => found.push(value),
                Err(error) => {
                    self.add(format!("/{field}/{position}"), "invalid", error.to_string())
                }
            }
        }
        found
    }

    fn instant(&mut self, field: &str, text: Option<&str>) -> Option<Timestamp> {
        let text = text?;
        let found = day_or_instant(text);
        if found.is_none() {
            let shown: String = text.chars().take(60).collect();
            let detail = format!(
                "`{shown}` is neither a day such as 2025-11-28 nor an instant such as \
                 2025-11-28T00:00:00Z"
            );
            self.add(format!("/{field}"), "invalid", detail);
        }
        found
    }

    fn result(self) -> Result<(), Error> {
        if self.fields.is_empty() { Ok(()) } else { Err(Error::Invalid(self.fields)) }
    }
}

/// A day, which stands for its start (UTC), or an instant.
#[must_use]
pub fn day_or_instant(text: &str) -> Option<Timestamp> {
    let day = || {
        let day: Date = text.parse().ok()?;
        day.to_zoned(TimeZone::UTC).ok().map(|start| start.timestamp())
    };
    text.parse().ok().or_else(day)
}

fn is_pattern(text: &str) -> bool {
    let fits = |byte: u8| {
        byte.is_ascii_lowercase()
            || byte.is_ascii_digit()
            || matches!(byte, b'.' | b'-' | b'*' | b'?')
    };
    !text.is_empty() && text.len() <= 64 && text.bytes().all(fits)
}
