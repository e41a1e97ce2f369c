//! Predictions for pools: from the active model where there is one, from the interruption class else.
//!
//! What is answered is kept behind the answer: a queue takes it, and a writer puts it into the store.

mod baseline;
pub(crate) mod features;
mod given;
mod interruptions;
pub mod keeper;
mod pool;
mod prices;
pub mod shadow;
mod written;

use std::sync::{Arc, Mutex, PoisonError};

use facts::names::{OperatingSystem, Region};
use jiff::{SignedDuration, Timestamp};
use market::{FeatureTable, Market, SliceRequest};
use schemars::JsonSchema;
use serde::Serialize;
use store::Uuid;

pub(crate) use pool::{Ids, MOST_POOLS};

pub use given::{GivenRequest, GivenRows, PredictedRows};
pub use interruptions::{Probabilities, SpotPrediction};
pub use pool::{PoolQuery, PoolsRequest, PredictedPools};
pub use prices::PricePrediction;

/// Features change with the minute.
const STEP: SignedDuration = SignedDuration::from_mins(1);

/// Tables of features that are kept at once.
const MOST_TABLES: usize = 64;

/// Which model answered.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct AnsweringModel {
    /// Its name in all other records.
    pub model_id: String,
    /// What people call it.
    pub name: String,
    /// Which version of it.
    pub version: String,
}

/// Where a prediction comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// The active model.
    Model,
    /// The hazard of the Spot Advisor's interruption class.
    InterruptionClass,
    /// The present price stays.
    LastPrice,
}

/// The model of the records of a baseline.
pub(crate) const BASELINE: Uuid = Uuid::nil();

/// Feature tables by market, region, system and minute; old ones go as a whole.
#[derive(Default)]
pub(crate) struct Tables {
    kept: Mutex<Vec<Arc<FeatureTable>>>,
    /// The market that they are of.
    version: Mutex<String>,
}

impl Tables {
    /// The table of a region as of a minute.
    pub(crate) fn of(
        &self,
        market: &Market,
        region: &Region,
        operating_system: OperatingSystem,
        now: Timestamp,
    ) -> Arc<FeatureTable> {
        let as_of = to_the_minute(now);
        let lock = || self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        {
            let mut version = self.version.lock().unwrap_or_else(PoisonError::into_inner);
            if *version != market.version() {
                market.version().clone_into(&mut version);
                lock().clear();
            }
        }
        let fits = |table: &&Arc<FeatureTable>| {
            table.as_of() == as_of
                && table.region() == region
                && table.operating_system() == operating_system
        };
        if let Some(found) = lock().iter().find(fits) {
            return Arc::clone(found);
        }
        let table = Arc::new(market.features(&request(region, operating_system, as_of)));
        let mut kept = lock();
        kept.retain(|table| table.as_of() == as_of);
        if kept.len() >= MOST_TABLES {
            kept.clear();
        }
        kept.push(Arc::clone(&table));
        table
    }
}

/// Tables for the pools of one call: pools of a region come one after another, and the kept tables are
/// locked once for all of them.
pub(super) struct TablesOfCall<'a> {
    tables: &'a Tables,
    market: &'a Market,
    now: Timestamp,
    last: Option<Arc<FeatureTable>>,
}

impl<'a> TablesOfCall<'a> {
    fn new(tables: &'a Tables, market: &'a Market, now: Timestamp) -> TablesOfCall<'a> {
        TablesOfCall { tables, market, now, last: None }
    }

    /// The table of a region.
    fn of(&mut self, region: &Region, operating_system: OperatingSystem) -> Arc<FeatureTable> {
        let fits = |table: &&Arc<FeatureTable>| {
            table.region() == region && table.operating_system() == operating_system
        };
        if let Some(table) = self.last.as_ref().filter(fits) {
            return Arc::clone(table);
        }
        let table = self.tables.of(self.market, region, operating_system, self.now);
        self.last = Some(Arc::clone(&table));
        table
    }
}

/// The question for a region as of an instant.
fn request(region: &Region, operating_system: OperatingSystem, as_of: Timestamp) -> SliceRequest {
    SliceRequest { operating_system, ..SliceRequest::new(region.clone(), as_of) }
}

/// The start of the minute.
fn to_the_minute(now: Timestamp) -> Timestamp {
    let second = now.as_second();
    Timestamp::from_second(second - second.rem_euclid(STEP.as_secs())).unwrap_or(now)
}
