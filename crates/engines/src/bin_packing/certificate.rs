//! The bound of the packing core in the words of the contract.

use facts::bound::{
    Bound, CandidateCapacity, Certificate, ClassDual, ExistingCapacity, ProofMethod,
};
use packing::bound::{PRICE_SCALE, Proof};
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

/// What the pods of a plan are, for a proof by classes: demand and number.
pub(super) type Classes<'a> = &'a [(Vec<i64>, u32)];

/// The proof of the packing core in the words of the contract.
pub(super) fn of_proof(
    dimensions: &[String],
    proof: &Proof,
    classes: Classes<'_>,
    candidates: Vec<CandidateCapacity>,
    existing: Vec<ExistingCapacity>,
) -> Certificate {
    let (method, prices, worth): (_, &[i64], &[i64]) = match proof {
        Proof::Resources(prices) => (ProofMethod::ResourcePrices, &prices.0, &[]),
        Proof::Cover(prices) => (ProofMethod::WholeMachines, &prices.0, &[]),
        Proof::Contents(worth) => (ProofMethod::ClassPrices, &[], worth),
    };
    let mut resource_duals: Vec<u64> = prices.iter().map(|price| unsigned(*price)).collect();
    resource_duals.resize(dimensions.len(), 0);
    Certificate {
        method,
        resources: dimensions.to_vec(),
        scale: PRICE_SCALE as u64,
        resource_duals,
        class_duals: classes
            .iter()
            .zip(worth)
            .map(|((demand, count), worth)| ClassDual {
                demand: amounts(demand),
                count: u64::from(*count),
                dual: unsigned(*worth),
            })
            .collect(),
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
