//! What every engine that looks for waste says of each thing it found.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::{Confidence, Usd};

use crate::action::Target;

/// Something that costs more than it needs to, or that somebody should look at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// Its name, the same each time the same thing is found: kind of the finding, then the subject.
    pub finding: String,
    /// What it is about.
    pub subject: Target,
    /// Which part of the bill it lies in.
    pub cost_category: CostCategory,
    /// What was found and what to do, in one sentence.
    pub summary: String,
    /// What the subject costs a month of 730 hours now; `null` when unknown.
    pub cost_usd_per_month: Option<Usd>,
    /// What would be saved a month; `null` when unknown, 0 when the finding is no matter of money.
    pub savings_usd_per_month: Option<Usd>,
    /// How the two figures come about, or why they are unknown.
    pub formula: String,
    /// How sure the finding is, 0 to 1.
    pub confidence: Confidence,
    /// Whether a person has to look before anything is done.
    pub requires_review: bool,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review_reason: Option<String>,
    /// Who made it or answers for it, as far as tags or CloudTrail tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// What speaks for it, one sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub because: Vec<String>,
}

/// Parts of a bill. Savings of different parts never overlap.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum CostCategory {
    /// Machines.
    Compute,
    /// Volumes and snapshots.
    Storage,
    /// Public addresses.
    Addresses,
    /// Load balancers, gateways and endpoints.
    NetworkDevices,
    /// Bytes that are billed for being moved.
    Transfer,
    /// Registries of images.
    Images,
    /// Managed databases.
    Databases,
}
