//! Gaps in the spot prices that are kept, and filling them from AWS.
//!
//! A gap is a stretch of one pool and product without any price that is longer than AWS ever leaves
//! between two rows. It is found from the instants of what is stored, not from counts of rows.
//! This module refuses to know how pages are fetched.

mod analyze;
mod estimate;
mod fill;
mod missing;
mod plan;
mod scope;
mod status;
mod survey;
mod work;

use facts::names::Region;
use jiff::Timestamp;
use market::Product;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use analyze::{Analysis, AnalyzeRequest};
pub(crate) use analyze::{days_before, horizon};
pub use estimate::Estimate;
pub use fill::{FillRequest, FillStarted, Priority};
pub use missing::LONGEST_SILENCE;
pub(crate) use plan::Part;
pub use scope::PatternMatches;
pub(crate) use scope::{Scope, Wanted, field};
pub use status::{GapItem, GapStatus};
pub(crate) use status::{eta, percent};
pub use survey::{Extent, GapKind, PoolGap};
pub(crate) use survey::{Question, Survey, extent_of, survey};
pub use work::Outcome;
pub(crate) use work::fill_gap;

/// The kind of job that fills gaps.
pub const FILL_GAP: &str = "fill_gap";

/// How gaps are looked for and filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GapSettings {
    /// Whether gaps may be filled at all.
    pub enabled: bool,
    /// How many days back an analysis looks when nobody says.
    pub default_lookback_days: u32,
    /// How many days back an analysis or a fill may look.
    pub max_lookback_days: u32,
}

impl Default for GapSettings {
    fn default() -> GapSettings {
        GapSettings {
            enabled: true,
            default_lookback_days: 15,
            max_lookback_days: aws::SPOT_HISTORY_DAYS as u32,
        }
    }
}

/// A stretch of time; its start belongs to it, its end does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Window {
    /// The start.
    pub from: Timestamp,
    /// The end.
    pub until: Timestamp,
}

/// The payload of a job that fills gaps: everything it needs, so that every try does the same.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct FillGap {
    /// What is to be complete in the end.
    pub(crate) window: Window,
    pub(crate) regions: Vec<Region>,
    pub(crate) instance_types: Vec<String>,
    pub(crate) products: Vec<Product>,
    /// What is fetched, in this order.
    pub(crate) parts: Vec<Part>,
    /// What was missing when the fill was asked for.
    pub(crate) found: Extent,
    /// Pools of `found` whose zones were guessed.
    pub(crate) guessed_pools: u64,
    pub(crate) estimate: Estimate,
    /// Digest of the request as it was sent.
    pub(crate) asked: String,
}
