//! The score of one pool of a market slice.

use learning::cross_customer::Level;
use learning::{Horizon, bucket_hazard};
use market::{AdvisorBucket, MarketSlice, PriceBasis};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::{Fraction, SafetyScore};

use crate::learned::LearnedRow;

use super::customer::{component_of_hazard, safety_of_hazard};
use super::interruption::{InterruptionProbability, RegionPrior, class_kept, probability};
use super::profile::{Component, Profile, ProfileName};
use super::table::{
    advisor_component, gap_component, structural_component, time_component, volatility_component,
};

/// A price history shorter than this says nothing about how restless a price is.
const LEAST_KNOWN_HOURS: f64 = 24.0;

/// The score of a pool.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PoolScore {
    /// How safe it is by the advisor's class as published: what layer 1 tests.
    pub safety: SafetyScore,
    /// The same with the class worth less the older it is: what ranks.
    pub aged_safety: SafetyScore,
    /// Interruptions per hour by the class as published and what was reported.
    pub hazard: f64,
    /// The same with the class worth less the older it is: what the expected cost uses.
    pub aged_hazard: f64,
    /// Standard deviation of the logarithm of the hazard.
    pub log_spread: f64,
    /// How much of the class is still worth something, 0 to 1.
    pub class_kept: f64,
    /// The components in the order of [`Component::ALL`].
    pub values: [ComponentValue; 6],
    /// What was reported, where anything was.
    pub learned: Option<LearnedRow>,
}

/// The value of a component and what it rests on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ComponentValue {
    /// 0 (unsafe) to 1 (safe).
    pub value: f64,
    /// What it rests on.
    pub basis: Basis,
}

/// What a value rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// Observed for this pool or type.
    Observed,
    /// An average over 30 days and all zones of the region.
    Average,
    /// Properties of the type in the catalogue.
    Catalogue,
    /// The active model says so.
    Model,
    /// There is no evidence; the advisor component stands in.
    Prior,
}

impl PoolScore {
    /// The probability of an interruption within a horizon: the estimate by the class as
    /// published, the interval widened by the age of the class.
    #[must_use]
    pub fn interruption(&self, horizon: Horizon) -> InterruptionProbability {
        let Some(learned) = &self.learned else {
            return probability(self.hazard, self.log_spread, horizon);
        };
        let steady = |hazard: f64| probability(hazard, 0.0, horizon).probability.value();
        let soon = learned.soon.and_then(|[hour, six, day]| match horizon {
            Horizon::Hour => Some(hour),
            Horizon::SixHours => Some(six),
            Horizon::Day => Some(day),
            Horizon::Month => None,
        });
        let expected = soon.unwrap_or_else(|| steady(self.hazard));
        InterruptionProbability {
            probability: Fraction::clamped(expected),
            low: Fraction::clamped(steady(learned.low / 1000.0).min(expected)),
            high: Fraction::clamped(steady(learned.high / 1000.0).max(expected)),
        }
    }

    /// The live status of the pool, where reports are kept.
    #[must_use]
    pub fn level(&self) -> Level {
        self.learned.map_or(Level::Normal, |learned| learned.level)
    }

    /// The same pool with the hazard per hour that a model gives it, in the place of the class's: it
    /// supplies the probabilities and the expected cost, as published and aged alike, and, where that
    /// is asked for, the advisor component of the score.
    #[must_use]
    pub fn by_model(mut self, hazard: f64, as_advisor: bool, profile: &Profile) -> PoolScore {
        self.hazard = hazard;
        self.aged_hazard = hazard;
        // The interval is that of the class again: how good a model is shows in no interval of reports.
        self.learned = self.learned.map(|row| {
            let factor = hazard * 1000.0 / row.events_per_1000h.max(1e-12);
            LearnedRow { low: row.low * factor, high: row.high * factor, soon: None, ..row }
        });
        if as_advisor {
            let component = component_of_hazard(hazard);
            self.values = self.values.map(|one| match one.basis {
                Basis::Prior => ComponentValue { value: component, ..one },
                _ => one,
            });
            self.values[0] = ComponentValue { value: component, basis: Basis::Model };
            let mean = profile.mean(self.values.map(|one| one.value));
            let safety = raised(self.level(), SafetyScore::new(six_decimals(mean)));
            self.safety = safety;
            self.aged_safety = safety;
        }
        self
    }

    /// The value of a component.
    #[must_use]
    pub fn value(&self, component: Component) -> ComponentValue {
        // The order of the enumeration is that of the list.
        self.values[component as usize]
    }
}

/// Scores one pool; `None` where the advisor has no class for it, since nothing is known then of
/// how often it is interrupted.
#[must_use]
pub fn score_pool(
    slice: &MarketSlice,
    row: usize,
    profile: &Profile,
    region: &RegionPrior,
    learned: Option<&LearnedRow>,
) -> Option<PoolScore> {
    let view = slice.pool(row)?;
    let bucket = view.advisor_bucket?;
    let kept = class_kept(view.advisor_age.map_or(0.0, |age| age.0));
    let advisor = advisor_component(bucket);
    let reported = learned.map(|learned| learned.events_per_1000h / 1000.0);
    let hazard = reported.unwrap_or_else(|| bucket_hazard(bucket));
    // What was seen does not age with the advisor's file.
    let aged_hazard = reported.unwrap_or_else(|| region.aged_hazard(bucket, kept));
    let mut values = Component::ALL.map(|component| {
        evidence(slice, row, component, bucket, reported)
            .unwrap_or(ComponentValue { value: advisor, basis: Basis::Prior })
    });
    let aged_advisor = region.aged_component(bucket, kept);
    let mut aged = values.map(|one| match one.basis {
        Basis::Prior => aged_advisor,
        _ => one.value,
    });
    aged[0] = aged_advisor;
    if profile.name == ProfileName::Calibrated {
        let customer = Component::Customer as usize;
        values[customer].value = safety_of_hazard(hazard);
        aged[customer] = safety_of_hazard(aged_hazard);
    }
    let level = learned.map_or(Level::Normal, |learned| learned.level);
    let safety =
        |values: [f64; 6]| raised(level, SafetyScore::new(six_decimals(profile.mean(values))));
    Some(PoolScore {
        safety: safety(values.map(|one| one.value)),
        aged_safety: safety(aged),
        hazard,
        aged_hazard,
        log_spread: region.log_spread(kept),
        class_kept: kept,
        values,
        learned: learned.copied(),
    })
}

/// The safety of a pool while its live status lasts.
fn raised(level: Level, safety: SafetyScore) -> SafetyScore {
    match level {
        Level::Normal => safety,
        _ => SafetyScore::new(six_decimals(Fraction::clamped(
            1.0 - level.raised(safety.as_risk()).value(),
        ))),
    }
}

/// What the slice says of a component; `None` where it says nothing.
fn evidence(
    slice: &MarketSlice,
    row: usize,
    component: Component,
    bucket: AdvisorBucket,
    reported: Option<f64>,
) -> Option<ComponentValue> {
    let view = slice.pool(row)?;
    let seen = |value| Some(ComponentValue { value, basis: Basis::Observed });
    match component {
        Component::Advisor => seen(advisor_component(bucket)),
        Component::Volatility => {
            let known = *slice.pools.known_hours_7d.get(row)?;
            let variation = view.variation_7d.filter(|_| known >= LEAST_KNOWN_HOURS)?;
            seen(volatility_component(variation))
        }
        Component::PriceGap => {
            let (spot, list) = (view.price?, view.on_demand?);
            let basis = match view.price_basis {
                PriceBasis::SpotHistory => Basis::Observed,
                PriceBasis::Advisor30dAverage | PriceBasis::Unknown => Basis::Average,
            };
            let value = gap_component(spot.per_hour().dollars(), list.per_hour().dollars());
            Some(ComponentValue { value, basis })
        }
        Component::TimeOfDay => seen(time_component(slice.local_time.as_ref()?)),
        Component::Structural => {
            let of_type = usize::try_from(*slice.pools.type_row.get(row)?).ok()?;
            let value = structural_component(
                view.vcpu,
                *slice.types.current_generation.get(of_type)?,
                *slice.types.accelerated.get(of_type)?,
                *slice.types.bare_metal.get(of_type)?,
            );
            Some(ComponentValue { value, basis: Basis::Catalogue })
        }
        Component::Customer => seen(component_of_hazard(reported?)),
    }
}

/// Scores have six decimals, so that a difference in the last bit never decides a comparison.
fn six_decimals(share: Fraction) -> Fraction {
    Fraction::clamped((share.value() * 1e6).round() / 1e6)
}
