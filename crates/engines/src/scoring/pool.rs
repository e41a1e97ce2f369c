//! The score of one pool of a market slice.

use market::{AdvisorBucket, MarketSlice, PriceBasis};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::{Fraction, SafetyScore};

use super::customer::{Observed, component_of_hazard, customer_component, posterior_hazard};
use super::interruption::{Horizon, InterruptionProbability, RegionPrior, class_kept, probability};
use super::profile::{Component, Profile};
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
    /// Interruptions per hour by the class as published and the customer's own history.
    pub hazard: f64,
    /// The same with the class worth less the older it is: what the expected cost uses.
    pub aged_hazard: f64,
    /// Standard deviation of the logarithm of the hazard.
    pub log_spread: f64,
    /// How much of the class is still worth something, 0 to 1.
    pub class_kept: f64,
    /// The components in the order of [`Component::ALL`].
    pub values: [ComponentValue; 6],
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
        probability(self.hazard, self.log_spread, horizon)
    }

    /// The same pool with the hazard per hour that a model gives it, in the place of the class's: it
    /// supplies the probabilities and the expected cost, as published and aged alike, and, where that
    /// is asked for, the advisor component of the score.
    #[must_use]
    pub fn by_model(mut self, hazard: f64, as_advisor: bool, profile: &Profile) -> PoolScore {
        self.hazard = hazard;
        self.aged_hazard = hazard;
        if as_advisor {
            let component = component_of_hazard(hazard);
            self.values = self.values.map(|one| match one.basis {
                Basis::Prior => ComponentValue { value: component, ..one },
                _ => one,
            });
            self.values[0] = ComponentValue { value: component, basis: Basis::Model };
            let safety =
                SafetyScore::new(six_decimals(profile.mean(self.values.map(|one| one.value))));
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
    observed: Option<Observed>,
) -> Option<PoolScore> {
    let view = slice.pool(row)?;
    let bucket = view.advisor_bucket?;
    let kept = class_kept(view.advisor_age.map_or(0.0, |age| age.0));
    let advisor = advisor_component(bucket);
    let values = Component::ALL.map(|component| {
        evidence(slice, row, component, bucket, observed)
            .unwrap_or(ComponentValue { value: advisor, basis: Basis::Prior })
    });
    let safety = profile.mean(values.map(|one| one.value));
    let aged_advisor = region.aged_component(bucket, kept);
    let mut aged = values.map(|one| match one.basis {
        Basis::Prior => aged_advisor,
        _ => one.value,
    });
    aged[0] = aged_advisor;
    // What a customer saw for itself does not age with the advisor's file.
    let own = posterior_hazard(bucket, observed);
    let aged_hazard = match observed {
        Some(_) => own,
        None => region.aged_hazard(bucket, kept),
    };
    Some(PoolScore {
        safety: SafetyScore::new(six_decimals(safety)),
        aged_safety: SafetyScore::new(six_decimals(profile.mean(aged))),
        hazard: own,
        aged_hazard,
        log_spread: region.log_spread(kept),
        class_kept: kept,
        values,
    })
}

/// What the slice says of a component; `None` where it says nothing.
fn evidence(
    slice: &MarketSlice,
    row: usize,
    component: Component,
    bucket: AdvisorBucket,
    observed: Option<Observed>,
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
        Component::Customer => {
            observed?;
            seen(customer_component(bucket, observed))
        }
    }
}

/// Scores have six decimals, so that a difference in the last bit never decides a comparison.
fn six_decimals(share: Fraction) -> Fraction {
    Fraction::clamped((share.value() * 1e6).round() / 1e6)
}
