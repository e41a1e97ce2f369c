//! A lower bound on what any plan can cost, with a proof that needs no trust.
//!
//! The proof is a set of prices, one per unit of resource or one per class of pods. If no candidate
//! machine can hold pods worth more than the machine costs, then all pods together cannot be housed
//! for less than what they are worth. See `docs/packing-bound.md`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::UsdPerHour;

/// How far a plan can be from the cheapest one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Bound {
    /// No plan that obeys the policy costs less; `null` when unknown.
    pub lower_bound_usd_per_hour: Option<UsdPerHour>,
    /// What the plan costs; `null` when unknown.
    pub plan_cost_usd_per_hour: Option<UsdPerHour>,
    /// `plan cost / lower bound − 1`; `null` when unknown.
    pub gap: Option<f64>,
    /// Why something is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The proof; absent when there is no bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<Certificate>,
}

/// A proof of a lower bound, in integers.
///
/// Amounts are in the units that [`Certificate::resources`] names. Prices are in billionths of a
/// dollar per hour and rounded toward what is provable.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Certificate {
    /// What kind of proof it is.
    pub method: ProofMethod,
    /// The resources that are counted, in the order of every vector below: `cpu` (milli), `memory`
    /// (bytes), `pods`, and further names.
    pub resources: Vec<String>,
    /// What prices are divided by: a dual of `d` means `d / scale` billionths per unit.
    pub scale: u64,
    /// Price of one unit of each resource (divided by `scale`). Used for every pod that has no
    /// class price below, and for existing nodes.
    pub resource_duals: Vec<u64>,
    /// Price of one pod of a class; empty when resource prices alone are the proof.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub class_duals: Vec<ClassDual>,
    /// Every machine that the plan may buy, in any number.
    pub candidates: Vec<CandidateCapacity>,
    /// Machines that exist and may stay, by node name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub existing: Vec<ExistingCapacity>,
}

/// How a bound is proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProofMethod {
    /// No machine can hold resources worth more than it costs, at these prices per unit.
    ResourcePrices,
    /// No machine can hold pods worth more than it costs, at these prices per pod.
    ClassPrices,
    /// No choice of whole machines that is large enough for all pods costs less. The prices per
    /// unit only guide the search that shows it.
    WholeMachines,
}

/// The worth of one pod of a class.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ClassDual {
    /// What one pod of the class needs.
    pub demand: Vec<u64>,
    /// How many there are.
    pub count: u64,
    /// What one is worth, in billionths of a dollar per hour.
    pub dual: u64,
}

/// A machine that may be bought.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CandidateCapacity {
    /// The instance type.
    pub instance_type: String,
    /// What it offers to pods, after daemon sets.
    pub capacity: Vec<u64>,
    /// What it costs, in billionths of a dollar per hour.
    pub nanos_per_hour: u64,
}

/// A machine that exists.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ExistingCapacity {
    /// The node.
    pub node: String,
    /// What it offers to the pods that may move, after those that may not.
    pub capacity: Vec<u64>,
    /// What it costs, in billionths of a dollar per hour.
    pub nanos_per_hour: u64,
    /// Whether the plan must keep it.
    pub must_stay: bool,
}
