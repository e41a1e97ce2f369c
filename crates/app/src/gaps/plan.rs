//! In which order gaps are filled: a list of ranges, each fetched day by day.

use std::collections::{BTreeMap, BTreeSet};

use facts::names::Region;
use jiff::{SignedDuration, Timestamp};
use market::Product;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Window;
use super::survey::{GapKind, PoolGap};
use crate::fetch::SpotRange;

/// Days of one part: enough to ask for several at once, few enough that the order is felt.
const BLOCK_DAYS: i64 = 7;

const DAY: i64 = 24 * 60 * 60;

/// What is filled first, after what the model needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// The newest prices, which decisions need most.
    #[default]
    NewestFirst,
    /// The oldest prices, which AWS forgets first.
    OldestFirst,
}

/// A range that is fetched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Part {
    pub(crate) regions: Vec<Region>,
    /// Sorted.
    pub(crate) instance_types: Vec<String>,
    pub(crate) products: Vec<Product>,
    pub(crate) start: Timestamp,
    pub(crate) end: Timestamp,
}

impl Part {
    pub(crate) fn range(&self) -> SpotRange {
        SpotRange {
            regions: self.regions.clone(),
            instance_types: self.instance_types.clone(),
            products: self.products.clone(),
            start: self.start,
            end: self.end,
        }
    }
}

/// What is asked for together: behind the model's types or not, which block, which types.
type Together<'a> = (bool, i64, BTreeSet<&'a str>);

/// The parts that fill every gap that can be. Types of the model come first.
pub(crate) fn parts(
    gaps: &[PoolGap],
    products: &[Product],
    is_of_model: impl Fn(&str) -> bool,
    priority: Priority,
) -> Vec<Part> {
    let open = || gaps.iter().filter(|gap| gap.kind == GapKind::Fillable);
    let Some(last) = open().map(|gap| gap.until).max() else { return Vec::new() };
    // By tier, block (0 is the newest) and region: types and the stretch that they need.
    let mut needs: BTreeMap<(bool, i64, &Region), (BTreeSet<&str>, Window)> = BTreeMap::new();
    for gap in open() {
        let tier = !is_of_model(&gap.instance_type);
        let days = (day_of(gap.from), day_of_end(gap.until));
        let (newest, oldest) = (block(days.1 - 1, last), block(days.0, last));
        for block in newest..=oldest {
            let limits = block_days(block, last);
            let from = gap.from.max(start_of(limits.0.max(days.0)));
            let until = gap.until.min(start_of(limits.1.min(days.1)));
            let need = needs
                .entry((tier, block, &gap.region))
                .or_insert_with(|| (BTreeSet::new(), Window { from, until }));
            need.0.insert(&gap.instance_type);
            need.1.from = need.1.from.min(from);
            need.1.until = need.1.until.max(until);
        }
    }
    // Regions that need the same are asked for together.
    let mut joined: BTreeMap<Together<'_>, (Vec<Region>, Window)> = BTreeMap::new();
    for ((tier, block, region), (types, window)) in needs {
        let key = (tier, priority.place(block), types);
        let known = joined.entry(key).or_insert_with(|| (Vec::new(), window));
        known.0.push(region.clone());
        known.1.from = known.1.from.min(window.from);
        known.1.until = known.1.until.max(window.until);
    }
    joined
        .into_iter()
        .map(|((_, _, types), (regions, window))| Part {
            regions,
            instance_types: types.into_iter().map(str::to_owned).collect(),
            products: products.to_vec(),
            start: window.from,
            end: window.until,
        })
        .collect()
}

impl Priority {
    fn place(self, block: i64) -> i64 {
        match self {
            Priority::NewestFirst => block,
            Priority::OldestFirst => -block,
        }
    }
}

fn day_of(at: Timestamp) -> i64 {
    at.as_second().div_euclid(DAY)
}

/// The day after the last one that has a part of what ends here.
fn day_of_end(at: Timestamp) -> i64 {
    at.as_second().saturating_sub(1).div_euclid(DAY) + 1
}

fn start_of(day: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH
        .saturating_add(SignedDuration::from_hours(24 * day))
        .unwrap_or(Timestamp::MAX)
}

/// How many blocks before the last one a day lies.
fn block(day: i64, last: Timestamp) -> i64 {
    (day_of_end(last) - 1 - day).div_euclid(BLOCK_DAYS)
}

/// The first day of a block and the one after its last.
fn block_days(block: i64, last: Timestamp) -> (i64, i64) {
    let end = day_of_end(last) - block * BLOCK_DAYS;
    (end - BLOCK_DAYS, end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gap(region: &str, named: &str, from: &str, until: &str) -> PoolGap {
        PoolGap {
            region: region.parse().unwrap(),
            instance_type: named.to_owned(),
            zone: None,
            product: Product::LinuxUnix,
            from: from.parse().unwrap(),
            until: until.parse().unwrap(),
            kind: GapKind::Fillable,
            permanent: false,
            pools: 1,
        }
    }

    fn shown(parts: &[Part]) -> Vec<String> {
        let line = |part: &Part| {
            let regions: Vec<&str> = part.regions.iter().map(Region::as_str).collect();
            let types = part.instance_types.join("+");
            format!("{} {types} {} {}", regions.join("+"), part.start, part.end)
        };
        parts.iter().map(line).collect()
    }

    #[test]
    fn the_model_comes_first_and_then_the_newest() {
        let (from, until) = ("2026-01-01T05:00:00Z", "2026-01-12T18:00:00Z");
        let gaps = [
            gap("us-east-1", "m5.large", from, until),
            gap("us-east-1", "c5.large", from, until),
            gap("us-east-1", "r5.large", "2026-01-10T00:00:00Z", until),
        ];
        let model = |named: &str| named == "c5.large";
        let found = parts(&gaps, &[Product::LinuxUnix], model, Priority::NewestFirst);
        let expected = [
            "us-east-1 c5.large 2026-01-06T00:00:00Z 2026-01-12T18:00:00Z",
            "us-east-1 c5.large 2026-01-01T05:00:00Z 2026-01-06T00:00:00Z",
            "us-east-1 m5.large+r5.large 2026-01-06T00:00:00Z 2026-01-12T18:00:00Z",
            "us-east-1 m5.large 2026-01-01T05:00:00Z 2026-01-06T00:00:00Z",
        ];
        assert_eq!(shown(&found), expected);
        let found = parts(&gaps[1..2], &[Product::LinuxUnix], model, Priority::OldestFirst);
        assert_eq!(shown(&found), [expected[1], expected[0]]);
    }

    #[test]
    fn regions_with_the_same_need_are_asked_together() {
        let (from, until) = ("2026-01-01T00:00:00Z", "2026-01-03T00:00:00Z");
        let mut gaps = vec![
            gap("us-east-1", "m5.large", from, until),
            gap("eu-west-1", "m5.large", from, until),
        ];
        let joined = parts(&gaps, &[Product::LinuxUnix], |_| false, Priority::NewestFirst);
        assert_eq!(shown(&joined), [format!("eu-west-1+us-east-1 m5.large {from} {until}")]);
        for one in &mut gaps {
            one.kind = GapKind::TooOld;
        }
        assert!(parts(&gaps, &[Product::LinuxUnix], |_| false, Priority::NewestFirst).is_empty());
    }
}
