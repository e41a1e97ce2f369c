//! What the spot optimizer recommends, pool by pool, with everything the rank rests on.

use std::collections::BTreeMap;

use facts::names::{InstanceType, Zone, ZoneId};
use jiff::Timestamp;
use learning::Horizon;
use learning::cross_customer::Level;
use market::{AdvisorBucket, MarketSlice, PriceBasis};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::{Bytes, Fraction, PoolRisk, SafetyScore, Usd, UsdPerHour};

use super::capacity::useful_vcpu;
use super::evidence::SpotEvidence;
use crate::learned::LearnedRow;
use crate::scoring::{Basis, Component, InterruptionProbability, PoolScore, Profile};

/// A pool that is worth using.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SpotRecommendation {
    /// Its place, from 1.
    pub rank: u32,
    /// The type.
    pub instance_type: InstanceType,
    /// The zone; absent where no price tells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<Zone>,
    /// The zone by the identifier that all accounts share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone_id: Option<ZoneId>,
    /// Processors.
    pub vcpu: u32,
    /// Memory.
    pub memory: Bytes,
    /// What an instance costs.
    pub usd_per_hour: UsdPerHour,
    /// `spot_history` (its own price) or `advisor_30d_average`.
    pub price_basis: String,
    /// When the price was seen.
    pub price_at: Option<Timestamp>,
    /// What an instance costs On-Demand; `null` when unknown.
    pub on_demand_usd_per_hour: Option<UsdPerHour>,
    /// From when the On-Demand price is known.
    pub on_demand_at: Option<Timestamp>,
    /// How much cheaper spot is, in percent of On-Demand; `null` when unknown.
    pub savings_percent: Option<f64>,
    /// 1 is safe; what layer 1 tests.
    pub safety_score: SafetyScore,
    /// 1 is dangerous: one less the safety score.
    pub risk_score: PoolRisk,
    /// The safety score with the class worth less the older it is; pools are ranked by it.
    pub aged_safety_score: SafetyScore,
    /// How likely an instance is interrupted within each horizon.
    pub interruption_probability: BTreeMap<Horizon, InterruptionProbability>,
    /// The parts of the score.
    pub components: Vec<ScoreComponent>,
    /// What a processor costs when interruptions are counted.
    pub full_cost: FullCost,
    /// What the advisor says.
    pub advisor: AdvisorEvidence,
    /// What reported interruptions say; absent where nothing is known of the pool and its relatives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub learned: Option<LearnedEvidence>,
    /// What one instance saves in a month (730 hours) over the same one On-Demand; `null` when
    /// unknown. The figures of several pools do not add up.
    pub estimated_savings_usd_per_month: Option<Usd>,
}

/// A part of a score.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ScoreComponent {
    /// Which.
    pub name: Component,
    /// 0 (unsafe) to 1 (safe).
    pub value: f64,
    /// Its weight, 0 to 1.
    pub weight: f64,
    /// What the value rests on.
    pub basis: Basis,
    /// The evidence in words.
    pub evidence: String,
}

/// What a processor costs for an hour.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FullCost {
    /// Its price, with as many processors counted as the cluster's memory lets be used.
    pub usd_per_vcpu_hour: UsdPerHour,
    /// What interruptions are expected to cost.
    pub interruption_usd_per_vcpu_hour: UsdPerHour,
    /// Both together.
    pub full_usd_per_vcpu_hour: UsdPerHour,
    /// Interruptions that are expected in 1,000 hours, the age of the class considered.
    pub interruptions_per_1000_hours: f64,
    /// What one interruption costs per processor, by the policy.
    pub interruption_cost_usd_per_vcpu: Usd,
}

/// What the advisor says of the type in the region.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AdvisorEvidence {
    /// The class, 0 to 4.
    pub bucket: AdvisorBucket,
    /// How much of the capacity was interrupted in the trailing month.
    pub label: String,
    /// When it was observed.
    pub observed_at: Option<Timestamp>,
    /// How old that is, in hours.
    pub age_hours: Option<f64>,
    /// How much of the class is still worth something at that age, 0 to 1.
    pub class_kept: Fraction,
}

/// What reported interruptions say of a pool.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LearnedEvidence {
    /// Interruptions that are expected in 1,000 instance-hours.
    pub interruptions_per_1000_hours: f64,
    /// Lower end of the 90 % interval of that.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// How much of it the pool's own reports are, 0 to 1; the rest are its class and its relatives.
    pub own_weight: f64,
    /// The live status.
    pub status: Level,
    /// Whether customers share the pool by its zone's name, which may mean another place in another
    /// account.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shared_by_zone_name: bool,
}

impl From<LearnedRow> for LearnedEvidence {
    fn from(row: LearnedRow) -> LearnedEvidence {
        LearnedEvidence {
            interruptions_per_1000_hours: row.events_per_1000h,
            low: row.low,
            high: row.high,
            own_weight: row.own_weight,
            status: row.level,
            shared_by_zone_name: row.by_name,
        }
    }
}

/// Describes one pool; `None` for a row without price or score.
pub(super) fn recommend(
    slice: &MarketSlice,
    row: usize,
    score: &PoolScore,
    profile: &Profile,
    evidence: &SpotEvidence,
) -> Option<SpotRecommendation> {
    let view = slice.pool(row)?;
    let price = view.price?;
    let bucket = view.advisor_bucket?;
    let of_type = usize::try_from(*slice.pools.type_row.get(row)?).ok()?;
    let scoring = &evidence.scoring;
    let useful = useful_vcpu(view.vcpu, view.memory, f64::from(scoring.gib_per_vcpu));
    let lost = scoring.interruption_cost_usd_per_vcpu;
    let per_vcpu = rate(price.per_hour().dollars() / useful);
    let interruptions = rate(score.aged_hazard * lost.dollars());
    let saved = view.on_demand.map(|list| list - price);
    Some(SpotRecommendation {
        rank: 0,
        instance_type: view.instance_type.clone(),
        zone: view.zone.cloned(),
        zone_id: view.zone_id.cloned(),
        vcpu: view.vcpu,
        memory: view.memory,
        usd_per_hour: price,
        price_basis: basis_name(view.price_basis).to_owned(),
        price_at: *slice.pools.price_at.get(row)?,
        on_demand_usd_per_hour: view.on_demand,
        on_demand_at: *slice.types.on_demand_at.get(of_type)?,
        savings_percent: view.on_demand.zip(saved).map(|(list, saved)| {
            rounded(saved.per_hour().dollars() / list.per_hour().dollars() * 100.0, 1e1)
        }),
        safety_score: score.safety,
        risk_score: PoolRisk::new(Fraction::clamped(rounded(score.safety.as_risk().value(), 1e6))),
        aged_safety_score: score.aged_safety,
        interruption_probability: Horizon::ALL
            .into_iter()
            .map(|horizon| (horizon, score.interruption(horizon)))
            .collect(),
        components: profile
            .components()
            .map(|(name, weight)| {
                let one = score.value(name);
                ScoreComponent {
                    name,
                    value: rounded(one.value, 1e6),
                    weight: rounded(weight, 1e9),
                    basis: one.basis,
                    evidence: describe(slice, row, name, one.basis, profile),
                }
            })
            .collect(),
        full_cost: FullCost {
            usd_per_vcpu_hour: per_vcpu,
            interruption_usd_per_vcpu_hour: interruptions,
            full_usd_per_vcpu_hour: per_vcpu + interruptions,
            interruptions_per_1000_hours: rounded(score.aged_hazard * 1000.0, 1e6),
            interruption_cost_usd_per_vcpu: lost,
        },
        learned: score.learned.map(LearnedEvidence::from),
        advisor: AdvisorEvidence {
            bucket,
            label: bucket_label(bucket).to_owned(),
            observed_at: *slice.types.advisor_at.get(of_type)?,
            age_hours: view.advisor_age.map(|age| rounded(age.0, 1e1)),
            class_kept: Fraction::clamped(rounded(score.class_kept, 1e6)),
        },
        estimated_savings_usd_per_month: saved.map(UsdPerHour::per_month),
    })
}

/// How a price basis is called on the wire.
pub(super) fn basis_name(basis: PriceBasis) -> &'static str {
    match basis {
        PriceBasis::SpotHistory => "spot_history",
        PriceBasis::Advisor30dAverage => "advisor_30d_average",
        PriceBasis::Unknown => "unknown",
    }
}

/// A rate from dollars; amounts out of range count as 0, which prices cannot reach.
pub(super) fn rate(dollars: f64) -> UsdPerHour {
    UsdPerHour::new(Usd::from_dollars(dollars).unwrap_or(Usd::ZERO))
}

/// A number rounded to a multiple of `1 / scale`.
pub(super) fn rounded(number: f64, scale: f64) -> f64 {
    (number * scale).round() / scale
}

fn bucket_label(bucket: AdvisorBucket) -> &'static str {
    match bucket.index() {
        0 => "<5 %",
        1 => "5-10 %",
        2 => "10-15 %",
        3 => "15-20 %",
        _ => ">20 %",
    }
}

/// The evidence of a component in words.
fn describe(
    slice: &MarketSlice,
    row: usize,
    component: Component,
    basis: Basis,
    profile: &Profile,
) -> String {
    let Some(view) = slice.pool(row) else { return String::new() };
    match (component, basis) {
        (Component::Customer, Basis::Prior) => format!(
            "no interruptions and no exposure were reported; the advisor component stands in \
             (feedback weight {})",
            profile.feedback_weight
        ),
        (Component::Volatility, Basis::Prior) => {
            "no price history of a day or more in the last 7 days; the advisor component stands in"
                .to_owned()
        }
        (_, Basis::Prior) => "nothing is known; the advisor component stands in".to_owned(),
        (Component::Advisor, _) => {
            let label = view.advisor_bucket.map_or("unknown", bucket_label);
            let days = view.advisor_age.map_or(0.0, |age| age.0 / 24.0);
            format!("{label} interrupted in the trailing month, observed {days:.0} days ago")
        }
        (Component::Volatility, _) => {
            let variation = rounded(view.variation_7d.unwrap_or(0.0), 1e6);
            let hours = slice.pools.known_hours_7d.get(row).copied().unwrap_or(0.0);
            format!("standard deviation over mean {variation} in {hours:.0} of the last 168 hours")
        }
        (Component::PriceGap, _) => match (view.price, view.on_demand) {
            (Some(spot), Some(list)) => format!("spot {spot}, On-Demand {list}"),
            _ => String::new(),
        },
        (Component::TimeOfDay, _) => slice.local_time.as_ref().map_or_else(String::new, |local| {
            format!(
                "hour {} of weekday {} (0 is Monday), {}",
                local.hour, local.day_of_week, local.time_zone
            )
        }),
        (Component::Structural, _) => format!("{} processors, catalogue", view.vcpu),
        (Component::Customer, _) => "reported interruptions and exposure".to_owned(),
    }
}
