//! The envelope of every answer: one shape around what each engine has to say.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::{Confidence, Fraction, Usd, UsdPerHour};

use crate::action::{Step, Target};
use crate::bound::Bound;
use crate::cluster::{SectionName, UnknownFields};
use crate::reason::ReasonCode;

/// An answer. `R` is what the engine recommends.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Decision<R> {
    /// The answer's own name. Its last part is a digest of everything the answer depends on.
    pub decision_id: String,
    /// The name that the caller gave to the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The cluster that the request was about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster_id: Option<String>,
    /// What was asked for, such as `bin_pack`.
    pub decision_type: String,
    /// Who answered.
    pub engine: EngineName,
    /// When the answer was made; everything that depends on time refers to this instant.
    pub decided_at: Timestamp,
    /// What the engine says.
    #[serde(flatten)]
    pub verdict: Verdict<R>,
    /// What the answer rests on.
    pub evidence: Evidence,
}

/// An engine and its version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EngineName {
    /// Such as `bin_packing`.
    pub name: String,
    /// Changes whenever the same input may be answered differently.
    pub version: String,
}

/// What an engine says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Verdict<R> {
    /// What should be done, best first.
    pub recommendations: Vec<R>,
    /// What was considered and refused, with the reason.
    pub rejected: Vec<Rejection>,
    /// What the reader should know.
    pub warnings: Vec<Warning>,
    /// The steps, in an order that is feasible at every intermediate state.
    pub execution_plan: Vec<Step>,
    /// Dollars per month (730 hours) of the plan as a whole; `null` when unknown.
    pub estimated_savings: Option<Usd>,
    /// How the savings come about.
    pub savings: Savings,
    /// How sure the engine is, 0 to 1.
    pub confidence_score: Confidence,
    /// Shares of capacity per pool, of an answer that allocates.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allocation: Vec<AllocatedPool>,
    /// The safety layers, of an answer that allocates.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub layers: Vec<LayerVerdict>,
    /// The proven bound, of an answer that packs; it is moved into the evidence.
    #[serde(skip)]
    pub bound: Option<Bound>,
    /// What the engine drew its numbers from; it is moved into the evidence.
    #[serde(skip)]
    pub sources: Vec<DataSource>,
    /// The scoring profile in use; it is moved into the evidence.
    #[serde(skip)]
    pub profile: Option<ScoringProfile>,
    /// Digest of the model that was asked; it is moved into the evidence.
    #[serde(skip)]
    pub model_digest: Option<String>,
    /// Work units spent; moved into the evidence.
    #[serde(skip)]
    pub work_used: u64,
    /// Whether something from outside cut the search short; moved into the evidence.
    #[serde(skip)]
    pub work_cut: bool,
}

impl<R> Default for Verdict<R> {
    /// Nothing to do and nothing known.
    fn default() -> Verdict<R> {
        Verdict {
            recommendations: Vec::new(),
            rejected: Vec::new(),
            warnings: Vec::new(),
            execution_plan: Vec::new(),
            estimated_savings: None,
            savings: Savings::default(),
            confidence_score: Confidence::new(Fraction::ZERO),
            allocation: Vec::new(),
            layers: Vec::new(),
            bound: None,
            sources: Vec::new(),
            profile: None,
            model_digest: None,
            work_used: 0,
            work_cut: false,
        }
    }
}

/// What was considered and refused.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Rejection {
    /// The candidate.
    pub subject: Target,
    /// Why.
    pub code: ReasonCode,
    /// What stands in the way: the one thing whose removal would change the outcome.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocking: Option<Target>,
    /// In words.
    pub detail: String,
    /// The numbers behind it: what was measured and what the limit is.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub numbers: BTreeMap<String, f64>,
}

/// What the reader should know.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Warning {
    /// What kind of remark.
    pub code: ReasonCode,
    /// In words.
    pub message: String,
    /// What it is about, where it is about one thing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Target>,
}

/// How the savings of a plan come about.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Savings {
    /// What the part of the cluster that was looked at costs now, per hour; `null` when unknown.
    pub before_usd_per_hour: Option<UsdPerHour>,
    /// What it costs when the plan has been carried out, per hour; `null` when unknown.
    pub after_usd_per_hour: Option<UsdPerHour>,
    /// How the monthly figure is computed, or why it is unknown.
    pub formula: String,
    /// Objects that are left out of the sums, since their price is unknown.
    pub unknown_prices: u64,
    /// The prices that were used.
    pub prices: Vec<PriceUsed>,
    /// Prices that are no prices of an hour, such as those of a gigabyte.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rates: Vec<RateUsed>,
    /// What the plan would save at list prices, where commitments or discounts make that another
    /// figure than the one that is really saved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub list_savings_usd_per_month: Option<Usd>,
}

/// A price of the price book that a sum was made with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RateUsed {
    /// What has this price, such as `gp3`.
    pub item: String,
    /// The price.
    pub usd: Usd,
    /// What it buys, such as `GB-month` or `GB`.
    pub unit: String,
    /// Where it comes from.
    pub source: String,
}

/// A price that a sum was made with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PriceUsed {
    /// What has this price, such as `m5.large on_demand us-east-1`.
    pub item: String,
    /// The price.
    pub usd_per_hour: UsdPerHour,
    /// Where it comes from: `list_price`, `spot_history`, `advisor_30d_average`, `assumed`,
    /// `stated` (by the caller).
    pub basis: String,
    /// When the price was observed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_at: Option<Timestamp>,
}

/// A share of the capacity.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AllocatedPool {
    /// The instance type.
    pub instance_type: String,
    /// The zone; absent when no zone is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// `spot` or `on_demand`.
    pub capacity_type: crate::names::CapacityType,
    /// The share of the total capacity.
    pub share: Fraction,
    /// The share in processors.
    pub vcpu: f64,
    /// The price of one processor for an hour.
    pub usd_per_vcpu_hour: Option<UsdPerHour>,
    /// The price with the expected cost of interruptions.
    pub full_usd_per_vcpu_hour: Option<UsdPerHour>,
    /// What the price is: `spot_history`, `advisor_30d_average`, `list_price`, `stated`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price_basis: Option<String>,
    /// How many whole instances hold the share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nodes: Option<u64>,
    /// The pool's safety; absent for On-Demand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub safety_score: Option<units::SafetyScore>,
    /// What the layers say of this pool.
    pub layers: Vec<LayerVerdict>,
}

/// What a safety layer measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LayerVerdict {
    /// 1 to 5.
    pub layer: u8,
    /// Such as `pool_safety`.
    pub name: String,
    /// The value that was measured.
    pub measured: Option<f64>,
    /// The limit that it is compared with.
    pub limit: f64,
    /// `at_least` or `at_most`.
    pub comparison: String,
    /// Where zones are counted: the share of the spot capacity, 0 to 1, from which a zone counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counts_from_share: Option<f64>,
    /// Whether the layer holds.
    pub holds: bool,
    /// In words.
    pub detail: String,
}

/// Where numbers came from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DataSource {
    /// Such as `spot_advisor`.
    pub dataset: String,
    /// Whose data it is.
    pub source: String,
    /// The oldest observation in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_from: Option<Timestamp>,
    /// The newest observation in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_until: Option<Timestamp>,
    /// The age of the newest observation when the answer was made, in hours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub age_hours: Option<f64>,
    /// How many rows it has.
    pub rows: u64,
}

/// A weighted formula, spelled out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ScoringProfile {
    /// Such as `adaptive`.
    pub name: String,
    /// Changes whenever the formula does.
    pub version: String,
    /// Component and weight; the weights add up to one.
    pub weights: BTreeMap<String, f64>,
    /// The feedback weight that went into the weights.
    pub feedback_weight: f64,
}

/// What an answer rests on: enough to reproduce it byte for byte.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Evidence {
    /// The build that answered.
    pub build: String,
    /// Digest of the snapshot as it was sent.
    pub input_digest: String,
    /// Digest of the policy in effect.
    pub policy_digest: String,
    /// Digest of the market slice; absent when none was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub market_digest: Option<String>,
    /// Digest of the model; absent when none was used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_digest: Option<String>,
    /// Where pseudo-random searches start: hexadecimal.
    pub seed: String,
    /// How long the search was, in counted work.
    pub work: WorkSpent,
    /// What the snapshot had to say, section by section.
    pub sections: Vec<SectionEvidence>,
    /// Fields of the snapshot that this version does not know.
    #[serde(default)]
    pub unknown_fields: UnknownFields,
    /// Where market numbers came from.
    pub data: Vec<DataSource>,
    /// The weighted formula in use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<ScoringProfile>,
    /// How far the plan can be from the cheapest one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bound: Option<Bound>,
}

/// How long a search was.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WorkSpent {
    /// The most work units that it might spend.
    pub budget: u64,
    /// The work units that it spent.
    pub used: u64,
    /// Where something from outside cut it short; a replay stops at the same count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped_at: Option<u64>,
}

/// What the snapshot had to say of one section.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SectionEvidence {
    /// The section.
    pub section: SectionName,
    /// Whether it was supplied at all.
    pub supplied: bool,
    /// By whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// When it was observed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_at: Option<Timestamp>,
    /// Whether it was all there is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub complete: Option<bool>,
    /// How many objects it had.
    pub items: u64,
}
