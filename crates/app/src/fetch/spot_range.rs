//! Which spot prices a job fetches, in units that several lanes can share, and how far it got.

use std::collections::BTreeMap;

use aws::{SpotCursor, SpotQuery};
use facts::names::Region;
use jiff::{SignedDuration, Timestamp};
use market::Product;
use serde::{Deserialize, Serialize};

/// The most instance types or patterns of one question to AWS.
const TYPES_AT_ONCE: usize = 200;

/// Which spot prices are fetched. It must not change while a job works on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpotRange {
    /// The regions.
    pub regions: Vec<Region>,
    /// Names of types, or patterns such as `m5.*`; all types when empty.
    pub instance_types: Vec<String>,
    /// The products; all when empty.
    pub products: Vec<Product>,
    /// From this instant on. The price that was in force then comes too, with its own instant.
    pub start: Timestamp,
    /// Up to this instant.
    pub end: Timestamp,
}

/// How far a range was worked off: what a job keeps as its cursor, or as a part of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpotFront {
    /// The first unit that nobody has begun.
    pub(super) next: u64,
    /// Units that were begun, and where they go on.
    pub(super) open: BTreeMap<u64, SpotCursor>,
    /// Regions that could not be had, with the reason.
    pub given_up: BTreeMap<Region, String>,
    /// Rows that came.
    pub read: u64,
    /// Rows of them that were not believed.
    pub quarantined: u64,
}

impl SpotRange {
    /// How many units it has: days by regions by groups of types.
    #[must_use]
    pub fn units(&self) -> u64 {
        self.days() * self.regions.len() as u64 * self.groups()
    }

    fn days(&self) -> u64 {
        if self.end <= self.start {
            return 0;
        }
        let last = self.end.as_second().saturating_sub(1).div_euclid(DAY);
        u64::try_from(last - self.start.as_second().div_euclid(DAY) + 1).unwrap_or(0)
    }

    fn groups(&self) -> u64 {
        self.instance_types.len().div_ceil(TYPES_AT_ONCE).max(1) as u64
    }

    /// What a unit asks for. Neighbours are of different regions, because AWS limits each region on
    /// its own; the oldest day comes first, because it is the one that AWS forgets first.
    pub(super) fn unit(&self, number: u64) -> Option<(SpotQuery, SpotCursor)> {
        let regions = self.regions.len() as u64;
        let group = usize::try_from(number % self.groups()).ok()?;
        let number = number / self.groups();
        let region = self.regions.get(usize::try_from(number.checked_rem(regions)?).ok()?)?;
        let day = i64::try_from(number / regions).ok()?;
        let first = self.start.as_second().div_euclid(DAY) * DAY;
        let start = Timestamp::from_second(first).ok()? + SignedDuration::from_hours(24 * day);
        let end = start + SignedDuration::from_hours(24);
        let query = SpotQuery {
            region: region.clone(),
            instance_types: self
                .instance_types
                .chunks(TYPES_AT_ONCE)
                .nth(group)
                .map_or_else(Vec::new, <[String]>::to_vec),
            products: self.products.clone(),
            zones: Vec::new(),
        };
        Some((query, SpotCursor::start(start.max(self.start), end.min(self.end))))
    }
}

const DAY: i64 = 24 * 60 * 60;

impl SpotFront {
    /// Units that are done, or given up.
    #[must_use]
    pub fn done(&self) -> u64 {
        self.next.saturating_sub(self.open.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(start: &str, end: &str, regions: &[&str], types: usize) -> SpotRange {
        SpotRange {
            regions: regions.iter().map(|name| name.parse().unwrap()).collect(),
            instance_types: (0..types).map(|number| format!("m{number}.large")).collect(),
            products: vec![Product::LinuxUnix],
            start: start.parse().unwrap(),
            end: end.parse().unwrap(),
        }
    }

    #[test]
    fn units_cover_the_range_once() {
        let check = |start: &str, end: &str, regions: &[&str], types: usize, units: u64| {
            let range = range(start, end, regions, types);
            assert_eq!(range.units(), units, "{start} {end}");
            let mut spans: BTreeMap<_, Vec<(Timestamp, Timestamp)>> = BTreeMap::new();
            for number in 0..units {
                let (query, cursor) = range.unit(number).unwrap();
                let key = (query.region, query.instance_types);
                spans.entry(key).or_default().push((cursor.from, cursor.until));
            }
            for spans in spans.values() {
                assert_eq!(spans[0].0, range.start);
                assert_eq!(spans[spans.len() - 1].1, range.end);
                assert!(spans.windows(2).all(|pair| pair[0].1 == pair[1].0), "{spans:?}");
                assert!(spans.iter().all(|(from, until)| from < until));
            }
        };
        let two = ["us-east-1", "eu-west-1"];
        check("2026-01-01T00:00:00Z", "2026-01-04T00:00:00Z", &two, 0, 6);
        check("2026-01-01T22:30:00Z", "2026-01-03T00:00:01Z", &two, 3, 6);
        check("2026-01-01T22:30:00Z", "2026-01-01T23:00:00Z", &two, 201, 4);
        check("2026-01-02T00:00:00Z", "2026-01-02T00:00:00Z", &two, 1, 0);
        check("2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z", &[], 1, 0);
    }
}
