//! Refreshing a model's data: prices are fetched, their coverage is reckoned anew, and when that was
//! done is recorded. The weights of a model never change here.

mod ask;
mod schedule;
mod status;
mod validate;
mod work;

use facts::names::Region;
use jiff::Timestamp;
use market::Product;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::fetch::SpotRange;
use crate::gaps::Window;

pub use ask::{RefreshRequest, RefreshStarted};
pub use schedule::{AutoRefresh, NewSchedule, ScheduleItem, ScheduleType};
pub use status::{RefreshItem, RefreshStatus};
pub(crate) use work::refresh_model;
pub use work::{Activation, RefreshOutcome};

/// The kind of job that refreshes.
pub const REFRESH_MODEL: &str = "refresh_model";

/// The payload of a job that refreshes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct RefreshModel {
    /// The model; every active one when `None`.
    pub(crate) model_id: Option<String>,
    pub(crate) stretch: Stretch,
    /// Names or patterns; what the model names when empty, else all.
    pub(crate) instance_types: Vec<String>,
    /// What the models name when empty, else those that have prices.
    pub(crate) regions: Vec<Region>,
    pub(crate) products: Vec<Product>,
    pub(crate) auto_activate: bool,
    /// `manual`, `scheduled` or `auto`.
    pub(crate) refresh_type: String,
    pub(crate) triggered_by: Option<String>,
    /// Digest of the request as it was sent.
    pub(crate) asked: String,
}

/// Which days are fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Stretch {
    /// These.
    Fixed(Window),
    /// So many days before the refresh begins.
    LastDays(u32),
}

/// What a refresh fetches, settled when it begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Settled {
    pub(crate) range: SpotRange,
    /// The models whose data it is.
    pub(crate) models: Vec<String>,
    pub(crate) begun_at: Timestamp,
}
