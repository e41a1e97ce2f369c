//! Spot prices of a range of time, fetched by any job: region by region and day by day.
//!
//! A unit is one day (UTC) of one region. Several units are open at once; each page is kept in one
//! transaction with the place of every open unit, so that a job that was killed goes on behind the
//! last kept page, and its counts are exact.

use std::sync::{Arc, PoisonError};

use aws::{Page, SpotCursor, SpotQuery};
use facts::names::Region;
use jiff::Timestamp;
use jobs::{JobFailure, Running};
use market::{Place, SpotRow};
use serde::Serialize;
use store::{PriceBatch, PriceSeries, QuarantinedRow};
use tokio::sync::Mutex;
use tokio::task::JoinSet;

use super::failure::{Remedy, remedy};
use super::{PriceSources, SpotFront, SpotRange};

/// How often a unit starts again because AWS forgot its page.
const RESTARTS: u32 = 3;

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
