//! The report: what leaves this crate, as JSON writes it.

use jiff::Timestamp;
use jiff::civil::Date;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::{Fraction, Usd, UsdPerHour};

use crate::episode::{Measured, PoolKey};
use crate::hindsight::Bound;
use crate::input::LeftOutFile;
use crate::policy::PolicyName;
use crate::settings::Settings;
use crate::world::{LeftOutPool, PriceHours};

/// A back-test.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// Changes when the form of the report does.
    pub report_version: u32,
    /// A digest of everything that was read, and the seed of the intervals.
    pub digest: String,
    /// The version of the market that prices and classes came from.
    pub market_version: String,
    /// What was assumed.
    pub settings: Settings,
    /// One for each episode.
    pub runs: Vec<RunReport>,
    /// All runs together.
    pub together: Vec<PolicyReport>,
    /// Episodes that could not be priced and files that could not be read.
    pub left_out: Vec<LeftOutFile>,
    /// What one should know of all of it.
    pub notes: Vec<String>,
}

/// The replay of one episode.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunReport {
    /// What it is called.
    pub name: String,
    /// What the capacity says.
    pub measured: Measured,
    /// When it begins.
    #[schemars(with = "String")]
    pub from: Timestamp,
    /// When it is over.
    #[schemars(with = "String")]
    pub until: Timestamp,
    /// The length of a step in seconds.
    pub step_seconds: u32,
    /// How many steps.
    pub steps: u64,
    /// A digest of what was read for it.
    pub digest: String,
    /// The pools.
    pub pools: Vec<PoolReport>,
    /// Pools that could not be priced.
    pub left_out: Vec<LeftOutPool>,
    /// Whether the hindsight optimum could have been reached.
    pub hindsight: Bound,
    /// The policies.
    pub policies: Vec<PolicyReport>,
    /// The days.
    pub days: Vec<DayRow>,
    /// What one should know.
    pub notes: Vec<String>,
}

/// A pool of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PoolReport {
    /// Which.
    #[serde(flatten)]
    pub pool: PoolKey,
    /// The share of the asked capacity that there was, over all steps.
    pub capacity_share: Fraction,
    /// How often capacity went.
    pub losses: u64,
    /// The time-weighted mean of the spot price.
    pub mean_spot_usd_per_hour: UsdPerHour,
    /// For how many hours the price was what.
    pub price_hours: PriceHours,
    /// The list price when the run began.
    pub on_demand_usd_per_hour: UsdPerHour,
    /// When the list price became known, where that was later.
    #[schemars(with = "Option<String>")]
    pub list_price_of: Option<Timestamp>,
    /// The Spot Advisor's class when the run began, 0 (fewest interruptions) to 4.
    pub advisor_class: Option<u8>,
    /// Why there is no class.
    pub advisor_class_reason: Option<String>,
}

/// A policy in a run, or in all of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PolicyReport {
    /// Which.
    pub policy: PolicyName,
    /// Instances, interruptions and missing time, in dollars.
    pub full_cost_usd: Estimate,
    /// What instances cost.
    pub compute_usd: Estimate,
    /// What interruptions cost.
    pub interruption_usd: Usd,
    /// What missing time costs.
    pub unavailable_usd: Usd,
    /// Instances that were taken back.
    pub interruptions: Estimate,
    /// Hours of instances that were missing.
    pub unavailable_hours: Estimate,
    /// The share of the wanted instance-hours that were missing.
    pub unavailable_share: Fraction,
    /// Full cost above the hindsight optimum, in dollars.
    pub regret_usd: Estimate,
    /// Full cost above that of `public_data` on the same days, in dollars: what learning is worth where
    /// it is negative. `None` where that policy was not compared.
    pub above_public_data_usd: Option<Estimate>,
    /// Full cost over that of On-Demand alone; `None` where that costs nothing.
    pub cost_to_on_demand: Option<f64>,
    /// The share of the paid instance-hours that were On-Demand.
    pub on_demand_share: Fraction,
    /// Requests for spot instances of one pool at one step.
    pub requests: u64,
    /// Those that were not granted in full.
    pub refusals: u64,
}

/// A number with the interval in which it lies with 95 % when days are drawn again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Estimate {
    /// As it was.
    pub value: f64,
    /// The lower end.
    pub low: Option<f64>,
    /// The upper end.
    pub high: Option<f64>,
    /// Why there is no interval.
    pub reason: Option<String>,
}

/// A day of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DayRow {
    /// The day by UTC.
    #[schemars(with = "String")]
    pub day: Date,
    /// How many hours of it were replayed.
    pub hours: f64,
    /// Full cost of each policy in the order of the run's policies.
    pub full_cost_usd: Vec<Usd>,
    /// Interruptions.
    pub interruptions: Vec<u64>,
    /// Hours of instances that were missing.
    pub unavailable_hours: Vec<f64>,
}

/// The rows of a report, as lists show them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SummaryRow {
    /// The run; `all` for all together.
    pub run: String,
    /// The policy.
    pub policy: PolicyName,
    /// Full cost in dollars.
    pub full_cost_usd: f64,
    /// The lower end of its interval.
    pub full_cost_low: Option<f64>,
    /// The upper end of its interval.
    pub full_cost_high: Option<f64>,
    /// What instances cost.
    pub compute_usd: f64,
    /// Instances that were taken back.
    pub interruptions: u64,
    /// The lower end of its interval.
    pub interruptions_low: Option<f64>,
    /// The upper end of its interval.
    pub interruptions_high: Option<f64>,
    /// Hours of instances that were missing.
    pub unavailable_hours: f64,
    /// The lower end of its interval.
    pub unavailable_hours_low: Option<f64>,
    /// The upper end of its interval.
    pub unavailable_hours_high: Option<f64>,
    /// Full cost above the hindsight optimum.
    pub regret_usd: f64,
    /// The lower end of its interval.
    pub regret_low: Option<f64>,
    /// The upper end of its interval.
    pub regret_high: Option<f64>,
    /// The share of the paid instance-hours that were On-Demand.
    pub on_demand_share: f64,
}
