//! What is missing of some pools in a window: from the store, sorted by what can be done about it.

use std::collections::{BTreeMap, BTreeSet};

use facts::names::Region;
use jiff::{SignedDuration, Timestamp};
use market::Product;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::{KnownSeries, Store, StoreError};

use super::missing::{self, LONGEST_SILENCE};
use super::{Part, Window};

/// Zones of a region of which no pool is known.
const USUAL_ZONES: u64 = 3;

/// Series whose instants are held at once.
const AT_ONCE: usize = 2000;

/// What can be done about a gap.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum GapKind {
    /// AWS has not been asked for it.
    Fillable,
    /// Permanent: AWS keeps 90 days of spot prices, and this is older.
    TooOld,
    /// Permanent: AWS was asked for it and had no row, as for a pool that did not exist yet.
    NoneAtAws,
}

/// A gap of one pool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PoolGap {
    /// The region.
    #[schemars(with = "String")]
    pub region: Region,
    /// The type.
    pub instance_type: String,
    /// The zone; `null` where the type has no prices in the region at all, so that its zones are not
    /// known.
    pub zone: Option<String>,
    /// The product.
    #[schemars(with = "String")]
    pub product: Product,
    /// Since when there is no price.
    pub from: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// What can be done about it.
    pub kind: GapKind,
    /// Whether it can never be filled.
    pub permanent: bool,
    /// Pools that it stands for; more than one where zones are not known.
    #[serde(skip)]
    pub(crate) pools: u64,
}

/// How much is missing. Of hours, those of each pool count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Extent {
    /// Pools that were looked at: by type, zone and product. Where zones are not known, their usual
    /// number.
    pub pools: u64,
    /// Gaps.
    pub gaps: u64,
    /// Hours of pools that were looked at.
    pub pool_hours: f64,
    /// Hours without a price.
    pub missing_hours: f64,
    /// Of these, hours that AWS has not been asked for.
    pub fillable_hours: f64,
    /// Of these, hours from before the 90 days that AWS keeps: permanent.
    pub too_old_hours: f64,
    /// Of these, hours that AWS was asked for and has no row of: permanent.
    pub none_at_aws_hours: f64,
    /// Hours with prices, in percent of all.
    pub coverage_percent: f64,
}

/// What was found.
#[derive(Clone, Debug, Default)]
pub(crate) struct Survey {
    /// By region, type, zone, product and time.
    pub(crate) gaps: Vec<PoolGap>,
    pub(crate) pools: u64,
    pub(crate) window_hours: f64,
    /// Rows within the window.
    pub(crate) rows: u64,
}

impl Survey {
    /// Pools whose zones are not known.
    pub(crate) fn guessed_pools(&self) -> u64 {
        let types = self.gaps.iter().filter(|gap| gap.zone.is_none());
        // A gap that reaches beyond the horizon is listed in two parts.
        let mut pools: Vec<_> =
            types.map(|gap| (&gap.region, &gap.instance_type, gap.product, gap.pools)).collect();
        pools.dedup();
        pools.iter().map(|pool| pool.3).sum()
    }

    /// Several surveys of one window as one.
    pub(crate) fn joined(parts: Vec<Survey>) -> Survey {
        let mut whole = Survey::default();
        for part in parts {
            whole.gaps.extend(part.gaps);
            whole.pools += part.pools;
            whole.rows += part.rows;
            whole.window_hours = part.window_hours;
        }
        whole
    }
}

/// Pools and a window.
pub(crate) struct Question<'a> {
    pub(crate) regions: &'a [Region],
    pub(crate) instance_types: &'a [String],
    pub(crate) products: &'a [Product],
    pub(crate) window: Window,
    /// Nothing from before can be had.
    pub(crate) horizon: Timestamp,
    /// What AWS was asked for before.
    pub(crate) asked: &'a [Part],
}

/// Looks for gaps.
pub(crate) async fn survey(store: &Store, question: &Question<'_>) -> Result<Survey, StoreError> {
    let window = question.window;
    let mut found = Survey { window_hours: hours(window), ..Survey::default() };
    let wanted: BTreeSet<&str> = question.instance_types.iter().map(String::as_str).collect();
    let products: Vec<&str> = question.products.iter().map(|one| one.description()).collect();
    for region in question.regions {
        let all = store.series_in_region(region.as_str(), &products).await?;
        let zones: BTreeSet<&str> = all.iter().map(|span| span.series.zone.as_str()).collect();
        let usual_zones = if zones.is_empty() { USUAL_ZONES } else { zones.len() as u64 };
        let known: Vec<&KnownSeries> =
            all.iter().filter(|span| wanted.contains(span.series.instance_type.as_str())).collect();
        let mut unknown: BTreeSet<(&str, Product)> = BTreeSet::new();
        for product in question.products {
            unknown.extend(wanted.iter().map(|named| (*named, *product)));
        }
        for chunk in known.chunks(AT_ONCE) {
            let instants = instants(store, chunk, window).await?;
            for span in chunk {
                let Ok(product) = span.series.product.parse::<Product>() else { continue };
                unknown.remove(&(span.series.instance_type.as_str(), product));
                let empty = Vec::new();
                let instants = instants.get(&span.series_id).unwrap_or(&empty);
                found.pools += 1;
                found.rows +=
                    instants.iter().filter(|at| window.from <= **at && **at < window.until).count()
                        as u64;
                let zone = Some(span.series.zone.as_str());
                for gap in missing::gaps(instants, window) {
                    let named = span.series.instance_type.as_str();
                    let pool = Pool { region, named, zone, product, pools: 1 };
                    pool.sort(gap, question, &mut found.gaps);
                }
            }
        }
        for (named, product) in unknown {
            found.pools += usual_zones;
            let pool = Pool { region, named, zone: None, product, pools: usual_zones };
            pool.sort(window, question, &mut found.gaps);
        }
    }
    Ok(found)
}

async fn instants(
    store: &Store,
    spans: &[&KnownSeries],
    window: Window,
) -> Result<BTreeMap<i64, Vec<Timestamp>>, StoreError> {
    let from = window.from.saturating_sub(LONGEST_SILENCE).unwrap_or(window.from);
    let until = window.until.saturating_add(LONGEST_SILENCE).unwrap_or(window.until);
    let ids: Vec<i64> = spans
        .iter()
        .filter(|span| span.oldest < until && span.newest >= from)
        .map(|span| span.series_id)
        .collect();
    store.price_instants(&ids, from, until).await
}

/// A pool, or all pools of a type whose zones are not known.
struct Pool<'a> {
    region: &'a Region,
    named: &'a str,
    zone: Option<&'a str>,
    product: Product,
    pools: u64,
}

impl Pool<'_> {
    /// Splits a gap by what can be done about each part of it.
    fn sort(&self, gap: Window, question: &Question<'_>, into: &mut Vec<PoolGap>) {
        let (old, young) = missing::split(gap, question.horizon);
        let mut parts: Vec<(Window, GapKind)> = Vec::new();
        parts.extend(old.map(|window| (window, GapKind::TooOld)));
        // What is open yet, and whether something was taken away from it.
        let mut open: Vec<(Window, bool)> =
            young.map(|window| (window, false)).into_iter().collect();
        for part in question.asked.iter().filter(|part| self.is_in(part)) {
            let whole = Window { from: part.start, until: part.end };
            let mut still_open = Vec::new();
            for (window, touched) in open {
                let (common, rest) = missing::overlap(window, whole);
                parts.extend(common.map(|window| (window, GapKind::NoneAtAws)));
                let touched = touched || common.is_some();
                still_open.extend(rest.into_iter().flatten().map(|rest| (rest, touched)));
            }
            open = still_open;
        }
        // What is left of a gap beside what AWS was asked for is one only where it is long enough.
        open.retain(|(window, touched)| !touched || length(*window) > LONGEST_SILENCE);
        parts.extend(open.into_iter().map(|(window, _)| (window, GapKind::Fillable)));
        parts.sort_by_key(|(window, _)| window.from);
        // What several fills have asked for is one gap where it touches.
        parts.dedup_by(|next, last| {
            let touches = last.1 == next.1 && last.0.until == next.0.from;
            if touches {
                last.0.until = next.0.until;
            }
            touches
        });
        into.extend(parts.into_iter().map(|(window, kind)| PoolGap {
            region: self.region.clone(),
            instance_type: self.named.to_owned(),
            zone: self.zone.map(str::to_owned),
            product: self.product,
            from: window.from,
            until: window.until,
            kind,
            permanent: kind != GapKind::Fillable,
            pools: self.pools,
        }));
    }

    fn is_in(&self, part: &Part) -> bool {
        part.regions.contains(self.region)
            && part.products.contains(&self.product)
            && part.instance_types.binary_search_by(|one| one.as_str().cmp(self.named)).is_ok()
    }
}

/// How much a survey found to be missing.
pub(crate) fn extent_of(survey: &Survey) -> Extent {
    let hours_of = |kind: GapKind| -> f64 {
        let gaps = survey.gaps.iter().filter(|gap| gap.kind == kind);
        gaps.map(PoolGap::pool_hours).sum()
    };
    let (fillable, too_old, none) =
        (hours_of(GapKind::Fillable), hours_of(GapKind::TooOld), hours_of(GapKind::NoneAtAws));
    let missing = fillable + too_old + none;
    let all = survey.pools as f64 * survey.window_hours;
    Extent {
        pools: survey.pools,
        gaps: survey.gaps.len() as u64,
        pool_hours: tenths(all),
        missing_hours: tenths(missing),
        fillable_hours: tenths(fillable),
        too_old_hours: tenths(too_old),
        none_at_aws_hours: tenths(none),
        coverage_percent: covered_percent(all, missing),
    }
}

/// Hours that are not missing, in percent of all; rounded down, so that only what is whole is 100.
pub(crate) fn covered_percent(all: f64, missing: f64) -> f64 {
    if missing <= 0.0 || all <= 0.0 {
        return 100.0;
    }
    let covered = (all - missing).max(0.0) / all;
    (covered * 10_000.0).floor().min(9_999.0) / 100.0
}

impl PoolGap {
    /// Hours that are missing, of every pool it stands for.
    pub(crate) fn pool_hours(&self) -> f64 {
        self.pools as f64 * hours(Window { from: self.from, until: self.until })
    }
}

fn length(window: Window) -> SignedDuration {
    window.until.duration_since(window.from)
}

fn hours(window: Window) -> f64 {
    length(window).as_secs_f64().max(0.0) / 3600.0
}

fn tenths(value: f64) -> f64 {
    // An empty sum is a negative zero.
    (value * 10.0).round() / 10.0 + 0.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_whole_is_a_hundred_percent() {
        let check = |all: f64, missing: f64, expected: f64| {
            assert_eq!(covered_percent(all, missing), expected, "{missing} of {all}");
        };
        check(1_502.733_333, 0.0, 100.0);
        check(1_000_000.0, 0.1, 99.99);
        check(100.0, 25.0, 75.0);
        check(100.0, 100.0, 0.0);
        check(100.0, 100.1, 0.0);
        check(0.0, 0.0, 100.0);
    }
}
