//! Shares written down: pools of the answer, whole instances, and the layers that they keep.

use facts::decision::{AllocatedPool, LayerVerdict, PriceUsed};
use facts::names::CapacityType;
use learning::cross_customer::Level;
use units::Fraction;

use super::Scene;
use super::capacity::Capacity;
use super::recommendation::{basis_name, rate, rounded};
use super::shares::{OfferedPool, OnDemandOffer};
use crate::allocation::Solution;
use crate::safety::{self, Holding, SafetyLimits};

/// A proposed allocation.
pub(super) struct Proposal {
    pub pools: Vec<AllocatedPool>,
    pub layers: Vec<LayerVerdict>,
    pub prices: Vec<PriceUsed>,
    /// What a processor costs for an hour, without interruptions.
    pub price: f64,
}

/// Writes a solution down.
pub(super) fn propose(
    scene: &Scene<'_>,
    capacity: &Capacity,
    solution: &Solution,
    pools: &[OfferedPool],
    on_demand: &OnDemandOffer,
) -> Proposal {
    let mut found =
        Proposal { pools: Vec::new(), layers: Vec::new(), prices: Vec::new(), price: 0.0 };
    let mut spot_share = 0.0;
    for (offer, share) in &solution.spot {
        let Some(pool) = pools.get(*offer) else { continue };
        // Nine decimals; On-Demand takes up the rest, so that the shares add up to one.
        let share = rounded(*share, 1e9);
        spot_share += share;
        found.price += share * pool.price;
        found.pools.extend(spot_pool(scene, capacity, pool, share));
        found.prices.extend(spot_price(scene, pool));
    }
    let share = rounded((1.0 - spot_share).max(0.0), 1e9);
    if share > 0.0 {
        found.price += share * on_demand.price;
        found.pools.push(AllocatedPool {
            instance_type: on_demand.instance_type.to_string(),
            zone: None,
            capacity_type: CapacityType::OnDemand,
            share: Fraction::clamped(share),
            vcpu: rounded(share * capacity.vcpu, 1e6),
            usd_per_vcpu_hour: Some(rate(on_demand.price)),
            full_usd_per_vcpu_hour: Some(rate(on_demand.price)),
            price_basis: Some("list_price".to_owned()),
            nodes: Some(whole(share * capacity.vcpu, on_demand.useful)),
            safety_score: None,
            layers: Vec::new(),
        });
        found.prices.push(PriceUsed {
            item: format!("{} on_demand {}", on_demand.instance_type, scene.slice.region),
            usd_per_hour: on_demand.usd_per_hour,
            basis: "list_price".to_owned(),
            observed_at: on_demand.observed_at,
        });
    }
    found.layers = safety::measure(&holdings(&found.pools, scene.watched()), &scene.policy.layers);
    found
}

/// Layers that no longer hold when every pool holds whole instances, with what they measure then.
/// `useful` tells the useful processors of an instance of each pool, `watched` whether reports are
/// kept.
pub(super) fn broken_in_whole_nodes(
    pools: &[AllocatedPool],
    useful: &[f64],
    watched: bool,
    limits: &SafetyLimits,
) -> Vec<LayerVerdict> {
    let sizes: Vec<f64> = pools
        .iter()
        .zip(useful)
        .map(|(pool, useful)| pool.nodes.unwrap_or(0) as f64 * useful)
        .collect();
    let total: f64 = sizes.iter().sum();
    let mut held = holdings(pools, watched);
    for (holding, size) in held.iter_mut().zip(&sizes) {
        holding.share = size / total.max(1e-9);
    }
    let mut layers = safety::measure(&held, limits);
    layers.retain(|layer| !layer.holds);
    layers
}

fn holdings(pools: &[AllocatedPool], watched: bool) -> Vec<Holding<'_>> {
    pools
        .iter()
        .map(|pool| Holding {
            zone: pool.zone.as_deref(),
            share: pool.share.value(),
            spot: (pool.capacity_type == CapacityType::Spot)
                .then(|| pool.safety_score.map(units::SafetyScore::value)),
            // Nothing is proposed in a pool that is not normal.
            level: watched.then_some(Level::Normal),
        })
        .collect()
}

fn spot_pool(
    scene: &Scene<'_>,
    capacity: &Capacity,
    pool: &OfferedPool,
    share: f64,
) -> Option<AllocatedPool> {
    let view = scene.slice.pool(pool.row)?;
    let score = scene.evidence.offered_scores.score(pool.row)?;
    Some(AllocatedPool {
        instance_type: view.instance_type.to_string(),
        zone: Some(pool.zone.to_string()),
        capacity_type: CapacityType::Spot,
        share: Fraction::clamped(share),
        vcpu: rounded(share * capacity.vcpu, 1e6),
        usd_per_vcpu_hour: Some(rate(pool.price)),
        full_usd_per_vcpu_hour: Some(rate(pool.full)),
        price_basis: Some(basis_name(view.price_basis).to_owned()),
        nodes: Some(whole(share * capacity.vcpu, pool.useful)),
        safety_score: Some(score.safety),
        layers: safety::of_pool(
            share,
            Some(score.safety.value()),
            scene.watched().then(|| score.level()),
            &scene.policy.layers,
        ),
    })
}

fn spot_price(scene: &Scene<'_>, pool: &OfferedPool) -> Option<PriceUsed> {
    let view = scene.slice.pool(pool.row)?;
    Some(PriceUsed {
        item: format!("{} spot {}", view.instance_type, pool.zone),
        usd_per_hour: view.price?,
        basis: basis_name(view.price_basis).to_owned(),
        observed_at: scene.slice.pools.price_at.get(pool.row).copied().flatten(),
    })
}

/// How many instances of a size hold an amount; a billionth over a whole number is that number.
fn whole(amount: f64, size: f64) -> u64 {
    // Both are positive and capacities end at a billion processors.
    (amount / size.max(1e-9) - 1e-6).ceil().max(1.0) as u64
}
