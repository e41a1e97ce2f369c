//! Scores and shares, each with its direction in its name.
//!
//! `SafetyScore` and `PoolRisk` meet only in [`PoolRisk::as_safety`] and [`SafetyScore::as_risk`].

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Why a number is not a share.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("{0} is not between 0 and 1")]
pub struct FractionError(pub f64);

/// A share between 0 and 1.
#[derive(
    Clone, Copy, PartialEq, PartialOrd, Debug, Default, Serialize, Deserialize, JsonSchema,
)]
#[serde(try_from = "f64", into = "f64")]
#[schemars(with = "f64")]
pub struct Fraction(f64);

impl Fraction {
    /// Nothing of the whole.
    pub const ZERO: Fraction = Fraction(0.0);
    /// All of the whole.
    pub const ONE: Fraction = Fraction(1.0);

    /// A share, refused when it is NaN or outside of 0 to 1.
    ///
    /// # Errors
    /// The number, when it is no share.
    pub fn new(value: f64) -> Result<Fraction, FractionError> {
        if (0.0..=1.0).contains(&value) { Ok(Fraction(value)) } else { Err(FractionError(value)) }
    }

    /// The nearest share; NaN becomes 0.
    #[must_use]
    pub fn clamped(value: f64) -> Fraction {
        Fraction(if value.is_nan() { 0.0 } else { value.clamp(0.0, 1.0) })
    }

    /// The share as a number between 0 and 1.
    #[must_use]
    pub const fn value(self) -> f64 {
        self.0
    }

    /// What is left of the whole.
    #[must_use]
    pub fn complement(self) -> Fraction {
        Fraction(1.0 - self.0)
    }
}

impl TryFrom<f64> for Fraction {
    type Error = FractionError;
    fn try_from(value: f64) -> Result<Fraction, FractionError> {
        Fraction::new(value)
    }
}

impl From<Fraction> for f64 {
    fn from(fraction: Fraction) -> f64 {
        fraction.0
    }
}

impl fmt::Display for Fraction {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, formatter)
    }
}

/// How safe a spot pool is: 1 is safe, 0 is not. Everything that ranks or filters pools uses it.
#[derive(Clone, Copy, PartialEq, PartialOrd, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct SafetyScore(Fraction);

/// How dangerous a spot pool is: 1 is dangerous, 0 is not. Shown beside the safety score.
#[derive(Clone, Copy, PartialEq, PartialOrd, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct PoolRisk(Fraction);

impl SafetyScore {
    /// A safety score from its share.
    #[must_use]
    pub const fn new(value: Fraction) -> SafetyScore {
        SafetyScore(value)
    }

    /// The score as a number, 1 being safe.
    #[must_use]
    pub const fn value(self) -> f64 {
        self.0.value()
    }

    /// The same statement in the other direction.
    #[must_use]
    pub fn as_risk(self) -> PoolRisk {
        PoolRisk(self.0.complement())
    }
}

impl PoolRisk {
    /// A risk from its share.
    #[must_use]
    pub const fn new(value: Fraction) -> PoolRisk {
        PoolRisk(value)
    }

    /// The risk as a number, 1 being dangerous.
    #[must_use]
    pub const fn value(self) -> f64 {
        self.0.value()
    }

    /// The same statement in the other direction.
    #[must_use]
    pub fn as_safety(self) -> SafetyScore {
        SafetyScore(self.0.complement())
    }
}

/// How sure an engine is of its whole answer, 0 to 1.
#[derive(Clone, Copy, PartialEq, PartialOrd, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Confidence(Fraction);

impl Confidence {
    /// A confidence from its share.
    #[must_use]
    pub const fn new(value: Fraction) -> Confidence {
        Confidence(value)
    }

    /// The confidence as a number.
    #[must_use]
    pub const fn value(self) -> f64 {
        self.0.value()
    }
}

/// Why a list of numbers is not a list of weights.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum WeightsError {
    /// The weights do not add up to one.
    #[error("weights add up to {0}, not to 1")]
    Sum(f64),
    /// A weight is negative, infinite or NaN.
    #[error("weight {0} is not between 0 and 1")]
    Range(f64),
}

/// `N` weights between 0 and 1 whose sum is 1 (to a billionth), so that the weighted mean of
/// shares is a share.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Weights<const N: usize>([f64; N]);

impl<const N: usize> Weights<N> {
    /// Weights, refused unless each is a share and all of them add up to one.
    ///
    /// # Errors
    /// The sum, or the weight that is no share.
    pub fn new(weights: [f64; N]) -> Result<Weights<N>, WeightsError> {
        if let Some(bad) = weights.iter().find(|weight| !(0.0..=1.0).contains(*weight)) {
            return Err(WeightsError::Range(*bad));
        }
        let sum: f64 = weights.iter().sum();
        if (sum - 1.0).abs() > 1e-9 {
            return Err(WeightsError::Sum(sum));
        }
        Ok(Weights(weights))
    }

    /// The weights in the order given.
    #[must_use]
    pub const fn values(&self) -> &[f64; N] {
        &self.0
    }

    /// The weighted mean of `N` shares.
    #[must_use]
    pub fn mean(&self, shares: [Fraction; N]) -> Fraction {
        Fraction::clamped(
            self.0.iter().zip(shares).map(|(weight, share)| weight * share.value()).sum(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_that_do_not_sum_to_one_are_refused() {
        assert!(Weights::new([0.6, 0.25, 0.1, 0.05]).is_ok());
        assert_eq!(Weights::new([0.5, 0.25]), Err(WeightsError::Sum(0.75)));
        assert!(Weights::new([1.5, -0.5]).is_err());
        assert!(Weights::new([f64::NAN, 1.0]).is_err());
    }

    #[test]
    fn safety_and_risk_are_complements() {
        let safety = SafetyScore::new(Fraction::clamped(0.75));
        assert_eq!(safety.as_risk().value(), 0.25);
        assert_eq!(safety.as_risk().as_safety(), safety);
    }

    #[test]
    fn no_share_lies_outside_of_zero_to_one() {
        assert!(Fraction::new(f64::NAN).is_err());
        assert!(Fraction::new(1.0001).is_err());
        assert_eq!(Fraction::clamped(f64::INFINITY), Fraction::ONE);
        assert_eq!(Fraction::clamped(f64::NAN), Fraction::ZERO);
    }
}
