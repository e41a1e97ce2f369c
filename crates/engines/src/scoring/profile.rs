//! Scoring profiles: named, versioned sets of weights that add up to one.

use std::fmt;

use facts::decision::ScoringProfile;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::{Fraction, Weights, WeightsError};

use learning::feedback_weight;

/// Which profile scores pools.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum ProfileName {
    /// Public data alone: 0.60 advisor, 0.25 volatility, 0.10 price gap, 0.05 time of day.
    PublicData,
    /// `0.60 − w` advisor, 0.30 volatility, 0.10 structural and `w` the customer's own history.
    #[default]
    Adaptive,
    /// One less the probability of an interruption within 30 days, by what was reported of the pool and
    /// its relatives; by the advisor's class alone where nothing was.
    Calibrated,
}

/// A part of a score.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Component {
    /// How often the type was interrupted in the region, as published.
    Advisor,
    /// How restless the price is.
    Volatility,
    /// How far spot is below On-Demand.
    PriceGap,
    /// The local hour.
    TimeOfDay,
    /// What the machine is.
    Structural,
    /// The customer's own interruptions.
    Customer,
}

impl Component {
    /// Every component, in the order of every list of six.
    pub const ALL: [Component; 6] = [
        Component::Advisor,
        Component::Volatility,
        Component::PriceGap,
        Component::TimeOfDay,
        Component::Structural,
        Component::Customer,
    ];

    /// Its name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Component::Advisor => "advisor",
            Component::Volatility => "volatility",
            Component::PriceGap => "price_gap",
            Component::TimeOfDay => "time_of_day",
            Component::Structural => "structural",
            Component::Customer => "customer",
        }
    }
}

/// A weighted formula.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Profile {
    /// Which.
    pub name: ProfileName,
    /// Changes whenever the formula or its table does.
    pub version: &'static str,
    /// The weight of what was reported: 0 to 0.25, and 1 where nothing else counts.
    pub feedback_weight: f64,
    weights: Weights<6>,
}

/// Why there is no such profile.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ProfileError {
    /// The weights are none.
    #[error(transparent)]
    Weights(#[from] WeightsError),
}

impl Profile {
    /// A profile with so many instance-hours of the customer's own history.
    ///
    /// # Errors
    /// Weights that do not add up to one.
    pub fn new(name: ProfileName, feedback_hours: u64) -> Result<Profile, ProfileError> {
        let (feedback_weight, weights) = match name {
            ProfileName::PublicData => (0.0, [0.60, 0.25, 0.10, 0.05, 0.0, 0.0]),
            ProfileName::Adaptive => {
                let own = feedback_weight(feedback_hours);
                (own, [0.60 - own, 0.30, 0.0, 0.0, 0.10, own])
            }
            ProfileName::Calibrated => (1.0, [0.0, 0.0, 0.0, 0.0, 0.0, 1.0]),
        };
        Ok(Profile { name, version: "1", feedback_weight, weights: Weights::new(weights)? })
    }

    /// The components that belong to the profile, with their weights. The customer component of
    /// the adaptive profile belongs to it also while its weight is 0.
    pub fn components(&self) -> impl Iterator<Item = (Component, f64)> + '_ {
        Component::ALL.into_iter().zip(self.weights.values().iter().copied()).filter(
            |(component, weight)| {
                *weight > 0.0
                    || (*component == Component::Customer && self.name == ProfileName::Adaptive)
            },
        )
    }

    /// The weighted mean of six values in the order of [`Component::ALL`].
    #[must_use]
    pub fn mean(&self, values: [f64; 6]) -> Fraction {
        self.weights.mean(values.map(Fraction::clamped))
    }

    /// The profile as answers show it.
    #[must_use]
    pub fn spelled_out(&self) -> ScoringProfile {
        ScoringProfile {
            name: self.name.to_string(),
            version: self.version.to_owned(),
            weights: self
                .components()
                .map(|(component, weight)| {
                    (component.name().to_owned(), (weight * 1e9).round() / 1e9)
                })
                .collect(),
            feedback_weight: self.feedback_weight,
        }
    }
}

impl fmt::Display for ProfileName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            ProfileName::PublicData => "public_data",
            ProfileName::Adaptive => "adaptive",
            ProfileName::Calibrated => "calibrated",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn weights_add_up_to_one_for_all_hours(hours in 0_u64..2_000_000, exact in any::<u64>()) {
            for hours in [hours, exact] {
                for name in [ProfileName::PublicData, ProfileName::Adaptive, ProfileName::Calibrated] {
                    let profile = Profile::new(name, hours).unwrap();
                    let sum: f64 = profile.components().map(|(_, weight)| weight).sum();
                    prop_assert!((sum - 1.0).abs() < 1e-12);
                }
            }
        }
    }

    #[test]
    fn feedback_takes_from_the_advisor_only() {
        let weights =
            |hours| Profile::new(ProfileName::Adaptive, hours).unwrap().spelled_out().weights;
        let (none, much) = (weights(0), weights(500_000));
        assert_eq!((none["advisor"], none["customer"]), (0.6, 0.0));
        assert_eq!((much["advisor"], much["customer"]), (0.35, 0.25));
        assert_eq!((much["volatility"], much["structural"]), (0.3, 0.1));
    }
}
