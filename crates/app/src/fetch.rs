//! Fetching prices: a job that is asked for, watched and called off, and what it does.

mod ask;
mod failure;
mod lists;
mod renewal;
mod request;
mod spot_lanes;
mod spot_range;
mod status;

use aws::Aws;
use clock::Clock;
use facts::names::Region;
use jiff::Timestamp;
use jobs::{JobFailure, Running};
use market::Product;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::Store;

use crate::models::folder::ModelFolder;

pub use ask::{LogLine, Started};
pub use lists::{ListFront, ListRange};
pub(crate) use lists::{fetch_advisor, fetch_on_demand};
pub use request::{FetchRequest, day_or_instant};
pub use spot_lanes::{Standing, fetch_spot};
pub use spot_range::{SpotFront, SpotRange};
pub use status::{FetchStatus, seconds_left};

/// The kind of job that fetches prices.
pub const FETCH_PRICES: &str = "fetch_prices";

/// What jobs fetch from, and what they keep it in.
#[derive(Clone)]
pub struct PriceSources {
    /// Where prices are kept.
    pub store: Store,
    /// Where they come from.
    pub aws: Aws,
    /// The clock.
    pub clock: Clock,
    /// Questions of one job to AWS at once, at least 1.
    pub lanes: usize,
    /// Files of models, which a refresh validates; `None` where there are none.
    pub models: Option<ModelFolder>,
}

/// What is fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DataType {
    /// The history of spot prices; needs credentials.
    SpotPrices,
    /// On-Demand prices of the public price list.
    OnDemandPrices,
    /// The public Spot Advisor.
    SpotAdvisor,
}

/// The payload of a job that fetches prices.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FetchPrices {
    /// What is fetched.
    pub data_type: DataType,
    /// Names of types, or patterns such as `m5.*`; all types when empty.
    pub instance_types: Vec<String>,
    /// The regions; all when empty, which spot prices do not allow.
    pub regions: Vec<Region>,
    /// From this instant on; of spot prices only.
    pub start: Timestamp,
    /// Up to this instant.
    pub end: Timestamp,
    /// The products of spot prices; all when empty.
    pub products: Vec<Product>,
    /// How many rows are expected, by the usual cadence; `None` where nobody can say.
    pub estimated_records: Option<u64>,
    /// Digest of the request as it was sent.
    pub asked: String,
}

impl FetchPrices {
    /// The range of spot prices that is meant.
    #[must_use]
    pub fn spot_range(&self) -> SpotRange {
        SpotRange {
            regions: self.regions.clone(),
            instance_types: self.instance_types.clone(),
            products: self.products.clone(),
            start: self.start,
            end: self.end,
        }
    }

    /// The lists that are meant.
    fn list_range(&self) -> ListRange {
        ListRange { instance_types: self.instance_types.clone(), regions: self.regions.clone() }
    }

    /// Units of work, where they are known before it begins.
    fn units(&self) -> Option<u64> {
        match self.data_type {
            DataType::SpotPrices => Some(self.spot_range().units()),
            DataType::OnDemandPrices if self.regions.is_empty() => None,
            DataType::OnDemandPrices => Some(self.regions.len() as u64),
            DataType::SpotAdvisor => Some(1),
        }
    }
}

/// Works on a job of the kind [`FETCH_PRICES`].
///
/// # Errors
/// What ends the try of the job.
pub(crate) async fn fetch_prices(
    sources: &PriceSources,
    running: &Running,
) -> Result<(), JobFailure> {
    let wanted: FetchPrices = running.payload()?;
    let given_up = match wanted.data_type {
        DataType::SpotPrices => {
            let range = wanted.spot_range();
            let from: SpotFront = running.cursor()?.unwrap_or_default();
            let all = range.units();
            let standing = move |front: &SpotFront| Standing {
                cursor: front.clone(),
                done_units: front.done(),
                all_units: Some(all),
            };
            fetch_spot(sources, running, &range, from, standing).await?.given_up
        }
        DataType::OnDemandPrices | DataType::SpotAdvisor => {
            let from: ListFront = running.cursor()?.unwrap_or_default();
            let step = |front: &ListFront, all: Option<u64>| running.step(front, front.done(), all);
            let range = wanted.list_range();
            let front = match wanted.data_type {
                DataType::SpotAdvisor => {
                    fetch_advisor(sources, running, &range, from, &step).await?
                }
                _ => fetch_on_demand(sources, running, &range, from, &step).await?,
            };
            front.given_up
        }
    };
    if given_up.is_empty() {
        return Ok(());
    }
    let why: Vec<&str> = given_up.values().map(String::as_str).collect();
    Err(JobFailure::Never(format!("all else was fetched, but not {}", why.join("; "))))
}

/// Whether a name fits one of some patterns, in which `*` stands for any letters and `?` for one;
/// every name fits when there are none.
#[must_use]
pub fn matches_any(patterns: &[String], name: &str) -> bool {
    patterns.is_empty() || patterns.iter().any(|one| matches(one.as_bytes(), name.as_bytes()))
}

fn matches(pattern: &[u8], name: &[u8]) -> bool {
    match (pattern.split_first(), name.split_first()) {
        (None, None) => true,
        (Some((b'*', rest)), _) if matches(rest, name) => true,
        (Some((b'*', _)), Some((_, shorter))) => matches(pattern, shorter),
        (Some((b'?', rest)), Some((_, shorter))) => matches(rest, shorter),
        (Some((one, rest)), Some((other, shorter))) if one == other => matches(rest, shorter),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_as_those_of_aws_do() {
        let check = |pattern: &str, name: &str, fits: bool| {
            assert_eq!(matches_any(&[pattern.to_owned()], name), fits, "{pattern} {name}");
        };
        check("m5.*", "m5.large", true);
        check("m5.*", "m5a.large", false);
        check("m5*.large", "m5dn.large", true);
        check("*", "c7a.large", true);
        check("c?.large", "c5.large", true);
        check("c?.large", "c5a.large", false);
        check("m5.large", "m5.large", true);
        check("m5.large", "m5.xlarge", false);
        assert!(matches_any(&[], "anything"));
    }
}
