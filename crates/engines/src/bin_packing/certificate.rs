//! The bound of the packing core in the words of the contract.

use facts::bound::{Bound, CandidateCapacity, Certificate, ExistingCapacity};
use packing::bound::{PRICE_SCALE, ResourcePrices};
use units::UsdPerHour;

/// A bound that is known.
pub(super) fn known(lower: i64, plan: i64, certificate: Certificate) -> Bound {
    let gap = (lower > 0).then(|| (plan - lower) as f64 / lower as f64);
    Bound {
        lower_bound_usd_per_hour: Some(UsdPerHour::from_nanos(lower)),
        plan_cost_usd_per_hour: Some(UsdPerHour::from_nanos(plan)),
        gap,
        reason: gap.is_none().then(|| "the bound is zero: nothing has to be paid for".to_owned()),
        certificate: Some(certificate),
    }
}

/// A bound that is not.
pub(super) fn unknown(reason: &str) -> Bound {
    Bound {
        lower_bound_usd_per_hour: None,
        plan_cost_usd_per_hour: None,
        gap: None,
        reason: Some(reason.to_owned()),
        certificate: None,
    }
}

/// The proof by resource prices.
pub(super) fn by_resources(
    dimensions: &[String],
    prices: &ResourcePrices,
    candidates: Vec<CandidateCapacity>,
    existing: Vec<ExistingCapacity>,
) -> Certificate {
    Certificate {
        resources: dimensions.to_vec(),
        scale: PRICE_SCALE as u64,
        resource_duals: prices.0.iter().map(|price| unsigned(*price)).collect(),
        class_duals: Vec::new(),
        candidates,
        existing,
    }
}

/// Amounts of the model as they are written; what is overdrawn offers nothing.
pub(super) fn amounts(vector: &[i64]) -> Vec<u64> {
    vector.iter().map(|amount| unsigned(*amount)).collect()
}

pub(super) fn unsigned(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}
