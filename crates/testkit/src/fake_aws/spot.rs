//! `DescribeSpotPriceHistory`: newest first, a thousand rows a page, and for each pool the row that
//! was in force when the window starts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

use super::query::{Form, Item, answer, matches_pattern};
use crate::{Fault, SpotPrice, World};

/// The most rows of one page.
const PAGE: usize = 1000;

/// Rows that [`Fault::Poison`] adds to a page.
pub const POISONED_ROWS: u64 = 8;

/// Answers by query, so that a page is a piece of a list and not a search.
#[derive(Default)]
pub(crate) struct Queries {
    by_text: Mutex<BTreeMap<String, Arc<Vec<usize>>>>,
}

impl Queries {
    /// One page as XML, or the code and message of a refusal.
    pub(crate) fn page(
        &self,
        world: &World,
        region: &str,
        form: &Form,
        fault: Option<&Fault>,
    ) -> Result<String, (&'static str, String)> {
        let most = form.number("MaxResults").unwrap_or(PAGE);
        if most == 0 || most > PAGE {
            return Err(("InvalidParameterValue", format!("MaxResults {most} is not 1 to {PAGE}")));
        }
        let query = format!("{region}?{}", form.without(&["NextToken", "MaxResults"]));
        let mark = fingerprint(&query);
        let start = match form.text("NextToken") {
            "" => 0,
            token => token
                .strip_prefix(&format!("{mark}-"))
                .and_then(|offset| offset.parse().ok())
                .ok_or_else(|| {
                    ("InvalidParameterValue", "Invalid value for nextToken".to_owned())
                })?,
        };
        let rows = self.rows(world, region, form, query)?;
        let mut items: Vec<Item> = rows
            .iter()
            .skip(start)
            .take(most)
            .filter_map(|position| world.spot.get(*position))
            .map(|row| item(world, row))
            .collect();
        let end = start + items.len();
        let mut next = (end < rows.len()).then(|| format!("{mark}-{end}"));
        match fault {
            Some(Fault::EmptyPage) => {
                items.clear();
                // The rows come with the page behind this one.
                next = Some(format!("{mark}-{start}"));
                if form.text("NextToken") == format!("{mark}-{start}") {
                    next = Some(format!("{mark}-0{start}"));
                }
            }
            Some(Fault::SameToken) => {
                let token = form.text("NextToken");
                next =
                    Some(if token.is_empty() { format!("{mark}-{end}") } else { token.to_owned() });
            }
            Some(Fault::Poison) => items.extend(poisoned(world, region)),
            _ => {}
        }
        let operation = "DescribeSpotPriceHistory";
        Ok(answer(operation, "spotPriceHistorySet", &items, next.as_deref()))
    }

    fn rows(
        &self,
        world: &World,
        region: &str,
        form: &Form,
        query: String,
    ) -> Result<Arc<Vec<usize>>, (&'static str, String)> {
        let mut by_text = self.by_text.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = by_text.get(&query) {
            return Ok(Arc::clone(known));
        }
        let found = Arc::new(select(world, region, form)?);
        by_text.insert(query, Arc::clone(&found));
        Ok(found)
    }
}

fn select(world: &World, region: &str, form: &Form) -> Result<Vec<usize>, (&'static str, String)> {
    let instant = |name: &str, otherwise: Timestamp| match form.text(name) {
        "" => Ok(otherwise),
        text => text
            .parse::<Timestamp>()
            .map_err(|_| ("InvalidParameterValue", format!("{name} is `{text}`"))),
    };
    let until = instant("EndTime", world.now)?.min(world.now);
    let oldest = world
        .horizon
        .map_or(Timestamp::MIN, |horizon| world.now.saturating_sub(horizon).unwrap_or(world.now));
    // Without a start only the prices in force are answered.
    let from = instant("StartTime", until)?.max(oldest);
    let wanted = Wanted {
        types: form.values("instance-type", "InstanceType"),
        products: form.values("product-description", "ProductDescription"),
        zones: form.values("availability-zone", "AvailabilityZone"),
    };
    let mut newest_first: Vec<usize> = (0..world.spot.len())
        .filter(|position| {
            world.spot.get(*position).is_some_and(|row| {
                row.at <= until && row.zone.starts_with(region) && wanted.has(row)
            })
        })
        .collect();
    newest_first.sort_by_key(|position| {
        let row = world.spot.get(*position);
        (std::cmp::Reverse(row.map(|row| row.at)), *position)
    });
    let mut in_force: BTreeSet<(&str, &str, &str)> = BTreeSet::new();
    newest_first.retain(|position| {
        let Some(row) = world.spot.get(*position) else { return false };
        row.at >= from || in_force.insert((&row.zone, &row.instance_type, &row.product))
    });
    Ok(newest_first)
}

struct Wanted {
    types: Vec<String>,
    products: Vec<String>,
    zones: Vec<String>,
}

impl Wanted {
    fn has(&self, row: &SpotPrice) -> bool {
        let any = |patterns: &[String], text: &str| {
            patterns.is_empty() || patterns.iter().any(|pattern| matches_pattern(pattern, text))
        };
        any(&self.types, &row.instance_type)
            && any(&self.products, &row.product)
            && any(&self.zones, &row.zone)
    }
}

fn item(world: &World, row: &SpotPrice) -> Item {
    let mut fields = vec![
        ("instanceType", row.instance_type.to_string()),
        ("productDescription", row.product.to_string()),
        ("spotPrice", row.price.to_string()),
        ("timestamp", format!("{:.3}", row.at)),
        ("availabilityZone", row.zone.to_string()),
    ];
    let zone_id = world.zone_id(&row.zone).map(|id| ("availabilityZoneId", id.to_owned()));
    fields.extend(zone_id);
    fields
}

/// One row of every kind that cannot be believed.
fn poisoned(world: &World, region: &str) -> Vec<Item> {
    let late = world.now.saturating_add(SignedDuration::from_hours(48)).unwrap_or(world.now);
    let zone = format!("{region}a");
    let row = |change: (&'static str, &str)| -> Item {
        let fields = [
            ("instanceType", "m5.large"),
            ("productDescription", "Linux/UNIX"),
            ("spotPrice", "0.040000"),
            ("timestamp", "2026-01-01T00:00:00.000Z"),
            ("availabilityZone", zone.as_str()),
        ];
        fields
            .into_iter()
            .map(|(name, value)| (name, if name == change.0 { change.1 } else { value }.to_owned()))
            .collect()
    };
    vec![
        row(("spotPrice", "-0.040000")),
        row(("spotPrice", "NaN")),
        row(("spotPrice", "4000.000000")),
        row(("availabilityZone", "moon base")),
        row(("availabilityZone", "xx-elsewhere-9a")),
        row(("timestamp", "yesterday")),
        row(("timestamp", &late.to_string())),
        row(("productDescription", "Plan 9")),
    ]
}

/// A short mark that ties a token to its query (FNV-1a).
pub(crate) fn fingerprint(text: &str) -> String {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{hash:016x}")
}
