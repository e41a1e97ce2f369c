//! Spot prices of a range of time, fetched by any job: region by region and day by day.
//!
//! A unit is one day (UTC) of one region. Several units are open at once; each page is kept in one
//! transaction with the place of every open unit, so that a job that was killed goes on behind the
//! last kept page, and its counts are exact.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use aws::{Page, SpotCursor, SpotQuery};
use facts::names::Region;
use jiff::{SignedDuration, Timestamp};
use jobs::{JobFailure, Running};
use market::{Place, Product, SpotRow};
use serde::{Deserialize, Serialize};
use store::{PriceBatch, PriceSeries, QuarantinedRow};
use tokio::sync::Mutex;
use tokio::task::JoinSet;

use super::PriceSources;
use super::failure::{Remedy, remedy};

/// The most instance types or patterns of one question to AWS.
const TYPES_AT_ONCE: usize = 200;

/// How often a unit starts again because AWS forgot its page.
const RESTARTS: u32 = 3;

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
    next: u64,
    /// Units that were begun, and where they go on.
    open: BTreeMap<u64, SpotCursor>,
    /// Regions that could not be had, with the reason.
    pub given_up: BTreeMap<Region, String>,
    /// Rows that came.
    pub read: u64,
    /// Rows of them that were not believed.
    pub quarantined: u64,
}

/// How a job stands, as it is written together with the rows of a page.
#[derive(Clone, Debug)]
pub struct Standing<C> {
    /// Where the job goes on.
    pub cursor: C,
    /// Units that are done.
    pub done_units: u64,
    /// Units in all, where that is known.
    pub all_units: Option<u64>,
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
    fn unit(&self, number: u64) -> Option<(SpotQuery, SpotCursor)> {
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

/// Fetches a range as a part of a job, from where an earlier try got to (at first
/// [`SpotFront::default`]). `standing` says what the job's cursor and counts are for each front.
///
/// A region that cannot be had is noted in [`SpotFront::given_up`], and the others are fetched.
///
/// # Errors
/// What ends the try of the job: called off, another worker's, throttled beyond patience, no
/// credentials, a database that does not answer.
pub async fn fetch_spot<C, F>(
    sources: &PriceSources,
    running: &Running,
    range: &SpotRange,
    from: SpotFront,
    standing: F,
) -> Result<SpotFront, JobFailure>
where
    C: Serialize,
    F: Fn(&SpotFront) -> Standing<C> + Send + Sync + 'static,
{
    let waiting = from.open.keys().copied().collect();
    let work = Arc::new(Work {
        sources: sources.clone(),
        running: running.clone(),
        range: range.clone(),
        waiting: std::sync::Mutex::new(waiting),
        front: Mutex::new(from),
        standing: Box::new(move |running, front| {
            let standing = standing(front);
            running.step(&standing.cursor, standing.done_units, standing.all_units)
        }),
    });
    // When this future is dropped, so are the lanes.
    let mut lanes = JoinSet::new();
    for _ in 0..sources.lanes.max(1) {
        let work = Arc::clone(&work);
        lanes.spawn(async move { work.lane().await });
    }
    while let Some(lane) = lanes.join_next().await {
        lane.unwrap_or_else(|error| Err(JobFailure::Later(error.to_string(), None)))?;
    }
    let front = work.front.lock().await;
    Ok(front.clone())
}

type Step = dyn Fn(&Running, &SpotFront) -> Result<store::Progress, JobFailure> + Send + Sync;

/// What the lanes of one try share.
struct Work {
    sources: PriceSources,
    running: Running,
    range: SpotRange,
    /// Units that an earlier try left open and nobody works on yet.
    waiting: std::sync::Mutex<Vec<u64>>,
    front: Mutex<SpotFront>,
    standing: Box<Step>,
}

impl Work {
    /// Works off one unit after another.
    async fn lane(&self) -> Result<(), JobFailure> {
        while let Some((number, query, cursor)) = self.take().await {
            self.running.go_on()?;
            self.unit(number, &query, cursor).await?;
        }
        Ok(())
    }

    async fn take(&self) -> Option<(u64, SpotQuery, SpotCursor)> {
        let mut front = self.front.lock().await;
        loop {
            let left = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let number = left.unwrap_or(front.next);
            let (query, start) = self.range.unit(number)?;
            if number >= self.range.units() {
                return None;
            }
            let given_up = front.given_up.contains_key(&query.region);
            if left.is_none() {
                front.next += 1;
            }
            if given_up {
                front.open.remove(&number);
                continue;
            }
            let cursor = front.open.entry(number).or_insert(start).clone();
            return Some((number, query, cursor));
        }
    }

    async fn unit(
        &self,
        number: u64,
        query: &SpotQuery,
        mut cursor: SpotCursor,
    ) -> Result<(), JobFailure> {
        let (mut rows, mut inserted, mut restarts) = (0, 0, 0);
        let region = &query.region;
        loop {
            self.running.go_on()?;
            let page = match self.sources.aws.spot_prices(query, &cursor).await {
                Ok(page) => page,
                Err(aws::Error::StaleCursor { .. }) if restarts < RESTARTS => {
                    restarts += 1;
                    cursor = cursor.restarted();
                    continue;
                }
                Err(error) => match remedy(region.as_str(), &error) {
                    Remedy::Skip(why) => return self.give_up(region, number, why).await,
                    Remedy::End(failure) => return Err(failure),
                },
            };
            let next = page.next.clone();
            rows += page.report.rows_read;
            inserted += self.keep(number, region, page).await?;
            match next {
                Some(next) => cursor = next,
                None => break,
            }
        }
        let day = cursor.from.strftime("%Y-%m-%d");
        self.running.log(&format!("{region} {day}: {rows} rows, {inserted} new")).await
    }

    /// Keeps a page; how many of its rows were new.
    async fn keep(
        &self,
        number: u64,
        region: &Region,
        page: Page<SpotRow, SpotCursor>,
    ) -> Result<u64, JobFailure> {
        let now = self.sources.clock.now();
        let mut front = self.front.lock().await;
        let mut after = front.clone();
        after.read += page.report.rows_read;
        after.quarantined += page.report.quarantined;
        match &page.next {
            Some(next) => after.open.insert(number, next.clone()),
            None => after.open.remove(&number),
        };
        let progress = (self.standing)(&self.running, &after)?;
        let batch = batch(region, page, now);
        let kept = self.sources.store.keep_prices(&batch, Some(&progress), now).await?;
        *front = after;
        Ok(kept.inserted)
    }

    async fn give_up(&self, region: &Region, number: u64, why: String) -> Result<(), JobFailure> {
        let mut front = self.front.lock().await;
        let mut after = front.clone();
        after.open.remove(&number);
        let first = after.given_up.insert(region.clone(), why.clone()).is_none();
        let progress = (self.standing)(&self.running, &after)?;
        self.sources.store.advance_job(&progress, 0).await?;
        *front = after;
        drop(front);
        if first {
            self.running.log(&format!("{why}; the region is left out")).await
        } else {
            Ok(())
        }
    }
}

fn batch(region: &Region, page: Page<SpotRow, SpotCursor>, now: Timestamp) -> PriceBatch {
    let mut batch = PriceBatch::default();
    for row in page.rows {
        let at = Timestamp::from_millisecond(row.at_ms).unwrap_or(now);
        let series = PriceSeries {
            instance_type: row.instance_type.into(),
            zone: match row.place {
                Place::Zone(zone) => zone.into(),
                Place::ZoneId(id) => id.into(),
                Place::Region => row.region.clone().into(),
            },
            zone_id: row.zone_id.map(String::from),
            region: row.region.into(),
            product: row.product.description().to_owned(),
        };
        batch.push(series, at, row.price);
    }
    for row in page.report.quarantine {
        batch.distrust(QuarantinedRow {
            dataset: "spot_prices".to_owned(),
            source: format!("DescribeSpotPriceHistory {region}"),
            reason: row.reason,
            content: row.place,
            found_at: now,
        });
    }
    batch
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
