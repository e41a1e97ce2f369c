//! Weighted sums of features.

use crate::Link;

/// `link(intercept[group] + Σ weight[group][feature] · feature)`, in f64.
///
/// For two classes a single group with [`Link::Logistic`] gives the probability of the second.
#[derive(Clone, Debug, PartialEq)]
pub struct Linear {
    /// Numbers per row.
    pub features: usize,
    /// Sums per row; at least 1.
    pub groups: usize,
    /// `weights[group · features + feature]`; finite.
    pub weights: Vec<f64>,
    /// As many as `groups`; finite.
    pub intercepts: Vec<f64>,
    /// From the sums to the answer.
    pub link: Link,
    /// What a missing feature counts as. `None` gives no number (NaN) then, as scikit-learn refuses
    /// such rows; XGBoost's linear booster counts it as 0.
    pub missing: Option<f64>,
}

impl Linear {
    /// The answer for one row of `features` numbers, written into `groups` places.
    pub(crate) fn predict(&self, row: &[f64], into: &mut [f64]) {
        for (group, place) in into.iter_mut().enumerate() {
            let weights = self.weights.get(group * self.features..).unwrap_or_default();
            let mut sum = self.intercepts.get(group).copied().unwrap_or(0.0);
            for (value, weight) in row.iter().zip(weights) {
                let value = if value.is_nan() { self.missing.unwrap_or(*value) } else { *value };
                sum += value * weight;
            }
            *place = sum.clamp(f64::MIN, f64::MAX);
        }
        self.link.apply(into);
    }
}
