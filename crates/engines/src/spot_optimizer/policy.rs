//! What an operator may choose about spot capacity.

use std::collections::BTreeSet;

use facts::names::{Architecture, InstanceType, OperatingSystem, Zone};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::{Bytes, Fraction, Hours, Usd};

use crate::safety::SafetyLimits;
use crate::scoring::ProfileName;

/// How pools are scored, chosen and given shares.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SpotPolicy {
    /// Which profile scores pools.
    pub profile: ProfileName,
    /// Instance-hours of the customer's own history; they decide the feedback weight.
    pub feedback_hours: u64,
    /// Which operating system is priced.
    pub operating_system: OperatingSystem,
    /// Which types and zones may be used.
    pub instance_types: SpotChoice,
    /// How many pools are recommended; 0 for all that pass.
    pub top: u32,
    /// How many zones of one type are recommended, so that the set is wide; 0 for all.
    pub pools_per_type: u32,
    /// How many refused pools are listed, best first; 0 for all. The others are counted by reason.
    pub rejected_limit: u32,
    /// Whether shares are given to pools, or pools only ranked.
    pub allocate: bool,
    /// The capacity that is shared out, in processors, in the place of what the cluster says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capacity_vcpu: Option<Vcpu>,
    /// What the cluster says its capacity is.
    pub capacity_basis: CapacityBasis,
    /// The five safety layers.
    pub layers: SafetyLimits,
    /// What it costs when spot capacity is taken back, per processor that is lost: work that is
    /// done again, caches that are cold, requests that fail.
    pub interruption_cost_usd_per_vcpu: Usd,
    /// The share of the full cost that a change of the allocation must save. It does not hold back
    /// a change away from an allocation that breaks a layer.
    pub hysteresis: Fraction,
    /// Whether 30-day averages stand in where there is no spot price of a pool itself.
    pub accept_average_prices: bool,
    /// A spot price that was not seen for longer is no longer one.
    pub max_price_age_hours: Hours,
    /// An advisor class that is older counts as unknown.
    pub max_advisor_age_days: f64,
    /// Whether the advisor component of the score is read off the active model's probability in the
    /// place of the published class. Without an active model it makes no difference.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub model_as_advisor: bool,
    /// Zones in which a pool of unknown zone is taken to be offered at its average price. Without
    /// them such a pool is ranked and gets no share, since layer 2 cannot be verified.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub assume_zones: BTreeSet<Zone>,
}

impl Default for SpotPolicy {
    fn default() -> SpotPolicy {
        SpotPolicy {
            profile: ProfileName::Adaptive,
            feedback_hours: 0,
            operating_system: OperatingSystem::Linux,
            instance_types: SpotChoice::default(),
            top: 5,
            pools_per_type: 1,
            rejected_limit: 50,
            allocate: true,
            capacity_vcpu: None,
            capacity_basis: CapacityBasis::Nodes,
            layers: SafetyLimits::default(),
            interruption_cost_usd_per_vcpu: Usd::from_nanos(500_000_000),
            hysteresis: Fraction::clamped(0.05),
            accept_average_prices: true,
            max_price_age_hours: Hours(48.0),
            max_advisor_age_days: 730.0,
            model_as_advisor: false,
            assume_zones: BTreeSet::new(),
        }
    }
}

/// Which types and zones may be used. Empty lists do not limit, except that the architectures are
/// then those that the cluster already has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SpotChoice {
    /// Only these architectures.
    pub architectures: BTreeSet<Architecture>,
    /// Only these families, such as `m7g`.
    pub families: BTreeSet<String>,
    /// None of these families.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub blocked_families: BTreeSet<String>,
    /// Only these categories, such as `m`, `c` and `r`.
    pub categories: BTreeSet<String>,
    /// Only these types.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub allowed_instance_types: BTreeSet<InstanceType>,
    /// None of these types.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub blocked_instance_types: BTreeSet<InstanceType>,
    /// At least so many processors.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_vcpu: Option<u32>,
    /// At most so many processors.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_vcpu: Option<u32>,
    /// At least so much memory as sold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_memory: Option<Bytes>,
    /// Only these zones. Where the list is empty and the cluster has nodes in as many zones as
    /// layer 2 asks for, those; else every zone of the region.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub zones: BTreeSet<Zone>,
    /// None of these zones.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub blocked_zones: BTreeSet<Zone>,
    /// Also what Amazon no longer lists as a current generation.
    pub previous_generations: bool,
    /// Also types on processor credits.
    pub burstable: bool,
    /// Also whole machines.
    pub bare_metal: bool,
    /// Also types with graphics processors or other accelerators.
    pub accelerated: bool,
}

/// What the capacity of a cluster is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CapacityBasis {
    /// What its nodes have, so that savings come from buying differently and not from packing
    /// tighter; what its pods request where there are no nodes.
    #[default]
    Nodes,
    /// What its active pods request, as if every node could be filled to the brim.
    Requests,
}

/// A number of processors, above 0.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "f64", into = "f64")]
#[schemars(with = "f64")]
pub struct Vcpu(f64);

/// Limits of a caller: each can only make the choice smaller or safer.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SpotConstraints {
    /// At least this safety score.
    pub min_safety_score: Option<Fraction>,
    /// At least so many zones.
    pub min_zones: Option<u32>,
    /// At most this share of the spot capacity in one zone.
    pub max_zone_share: Option<Fraction>,
    /// At most this share of the total capacity in one pool.
    pub max_pool_share: Option<Fraction>,
    /// At least this share On-Demand.
    pub min_on_demand_share: Option<Fraction>,
    /// At least so many processors.
    pub min_vcpu: Option<u32>,
    /// At most so many processors.
    pub max_vcpu: Option<u32>,
    /// None of these families.
    pub blocked_families: BTreeSet<String>,
    /// None of these types.
    pub blocked_instance_types: BTreeSet<InstanceType>,
    /// None of these zones.
    pub blocked_zones: BTreeSet<Zone>,
    /// At most so many pools are recommended.
    pub top: Option<u32>,
    /// `false` forbids 30-day averages as prices.
    pub accept_average_prices: Option<bool>,
}

impl SpotPolicy {
    /// Applies limits; none of them can loosen the policy.
    pub fn tighten(&mut self, limits: SpotConstraints) {
        let layers = &mut self.layers;
        at_least(&mut layers.min_safety_score, limits.min_safety_score);
        at_least(&mut layers.min_zones, limits.min_zones);
        at_most(&mut layers.max_zone_share, limits.max_zone_share);
        at_most(&mut layers.max_pool_share, limits.max_pool_share);
        at_least(&mut layers.min_on_demand_share, limits.min_on_demand_share);
        let choice = &mut self.instance_types;
        if let Some(limit) = limits.min_vcpu {
            choice.min_vcpu = Some(choice.min_vcpu.map_or(limit, |own| own.max(limit)));
        }
        if let Some(limit) = limits.max_vcpu {
            choice.max_vcpu = Some(choice.max_vcpu.map_or(limit, |own| own.min(limit)));
        }
        choice.blocked_families.extend(limits.blocked_families);
        choice.blocked_instance_types.extend(limits.blocked_instance_types);
        choice.blocked_zones.extend(limits.blocked_zones);
        if let Some(limit) = limits.top.filter(|limit| *limit > 0) {
            self.top = if self.top == 0 { limit } else { self.top.min(limit) };
        }
        if limits.accept_average_prices == Some(false) {
            self.accept_average_prices = false;
        }
    }
}

impl Vcpu {
    /// The number.
    #[must_use]
    pub const fn value(self) -> f64 {
        self.0
    }
}

impl TryFrom<f64> for Vcpu {
    type Error = String;
    fn try_from(value: f64) -> Result<Vcpu, String> {
        if value > 0.0 && value <= 1e9 {
            Ok(Vcpu(value))
        } else {
            Err(format!("{value} is not a number of processors above 0"))
        }
    }
}

impl From<Vcpu> for f64 {
    fn from(vcpu: Vcpu) -> f64 {
        vcpu.0
    }
}

fn at_least<T: PartialOrd>(own: &mut T, limit: Option<T>) {
    if let Some(limit) = limit.filter(|limit| limit > own) {
        *own = limit;
    }
}

fn at_most<T: PartialOrd>(own: &mut T, limit: Option<T>) {
    if let Some(limit) = limit.filter(|limit| limit < own) {
        *own = limit;
    }
}
