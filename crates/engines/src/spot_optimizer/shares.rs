//! From judged pools to shares: what is offered to the allocation, and what it makes of them.

use std::collections::BTreeSet;

use facts::names::{InstanceType, Zone};
use facts::reason::ReasonCode;
use units::UsdPerHour;

use super::Scene;
use super::candidates::{Judged, dollars_per_vcpu};
use super::capacity::{Capacity, useful_vcpu};
use crate::allocation::{Offer, Problem, Solution, solve};
use crate::engine::WorkLimit;

/// A pool that may hold capacity.
#[derive(Clone, Debug)]
pub(super) struct OfferedPool {
    pub row: usize,
    pub zone: Zone,
    /// Whether the policy and not a price says that the type is offered in the zone.
    pub zone_assumed: bool,
    /// Price of a useful processor in dollars per hour.
    pub price: f64,
    /// The same with the expected cost of interruptions.
    pub full: f64,
    /// Useful processors of one instance.
    pub useful: f64,
}

/// The cheapest way to buy On-Demand.
#[derive(Clone, Debug)]
pub(super) struct OnDemandOffer {
    pub instance_type: InstanceType,
    pub usd_per_hour: UsdPerHour,
    pub observed_at: Option<jiff::Timestamp>,
    /// Price of a useful processor in dollars per hour.
    pub price: f64,
    /// Useful processors of one instance.
    pub useful: f64,
}

/// What can be had.
#[derive(Debug)]
pub(super) struct Offers {
    pub pools: Vec<OfferedPool>,
    pub on_demand: Option<OnDemandOffer>,
    /// Pools that pass but whose zone is not known.
    pub zone_unknown: u64,
    /// Pools of which one instance alone is more than a pool may hold.
    pub too_large: u64,
}

/// Collects what can be had for a capacity.
pub(super) fn offers(scene: &Scene<'_>, judged: &Judged, capacity: &Capacity) -> Offers {
    let mut found = Offers { pools: Vec::new(), on_demand: None, zone_unknown: 0, too_large: 0 };
    let largest = scene.policy.layers.max_pool_share.value() * capacity.vcpu;
    let lost = scene.evidence.scoring.interruption_cost_usd_per_vcpu.dollars();
    for &row in &judged.eligible {
        let row = row as usize;
        let Some(view) = scene.slice.pool(row) else { continue };
        let Some(score) = scene.evidence.offered_scores.score(row) else { continue };
        let Some(price) = dollars_per_vcpu(&view, capacity.gib_per_vcpu) else { continue };
        let useful = useful_vcpu(view.vcpu, view.memory, capacity.gib_per_vcpu);
        let blocked = &scene.policy.instance_types.blocked_zones;
        // A zone that is known by its identifier alone is called by it.
        let by_id = || view.zone_id.and_then(|id| id.as_str().parse::<Zone>().ok());
        let zones: Vec<(Zone, bool)> = match view.zone.cloned().or_else(by_id) {
            Some(zone) => vec![(zone, false)],
            None => {
                let assumed = scene.policy.assume_zones.iter();
                assumed
                    .filter(|zone| !blocked.contains(*zone))
                    .map(|zone| (zone.clone(), true))
                    .collect()
            }
        };
        if zones.is_empty() {
            found.zone_unknown += 1;
            continue;
        }
        if useful > largest * (1.0 + 1e-9) {
            found.too_large += 1;
            continue;
        }
        found.pools.extend(zones.into_iter().map(|(zone, zone_assumed)| OfferedPool {
            row,
            zone,
            zone_assumed,
            price,
            full: price + score.aged_hazard * lost,
            useful,
        }));
    }
    found.on_demand = on_demand(scene, judged, capacity);
    found
}

/// The type whose useful processor is cheapest at list price, among those that the policy allows
/// and that are not out of proportion to the cluster.
fn on_demand(scene: &Scene<'_>, judged: &Judged, capacity: &Capacity) -> Option<OnDemandOffer> {
    let types = &scene.slice.types;
    let unfit =
        |code: ReasonCode| matches!(code, ReasonCode::ExcludedByPolicy | ReasonCode::TooSmall);
    let refused = judged.refused.iter().filter(|(_, code)| !unfit(*code)).map(|(row, _)| *row);
    let rows: BTreeSet<u32> = judged
        .eligible
        .iter()
        .copied()
        .chain(refused)
        .filter_map(|row| scene.slice.pools.type_row.get(row as usize).copied())
        .collect();
    let offers = rows.into_iter().filter_map(|of_type| {
        let of_type = of_type as usize;
        let list = (*types.on_demand.get(of_type)?)?;
        let (vcpu, memory) = (*types.vcpu.get(of_type)?, *types.memory.get(of_type)?);
        let useful = useful_vcpu(vcpu, memory, capacity.gib_per_vcpu);
        Some(OnDemandOffer {
            instance_type: types.instance_type.get(of_type)?.clone(),
            usd_per_hour: list,
            observed_at: types.on_demand_at.get(of_type).copied().flatten(),
            price: list.per_hour().dollars() / useful,
            useful,
        })
    });
    // A machine larger than what a pool may hold is taken only where there is no smaller one; among
    // equally cheap ones the smallest is, and types are in order beyond that.
    let largest = scene.policy.layers.max_pool_share.value() * capacity.vcpu;
    offers.min_by(|a, b| {
        let too_large = |offer: &OnDemandOffer| offer.useful > largest;
        too_large(a)
            .cmp(&too_large(b))
            .then_with(|| a.price.total_cmp(&b.price))
            .then_with(|| a.useful.total_cmp(&b.useful))
    })
}

/// Shares the capacity out.
pub(super) fn share_out(
    scene: &Scene<'_>,
    pools: &[OfferedPool],
    on_demand: &OnDemandOffer,
    work: WorkLimit<'_>,
) -> Solution {
    let zones: BTreeSet<&Zone> = pools.iter().map(|pool| &pool.zone).collect();
    let zones: Vec<&Zone> = zones.into_iter().collect();
    let offers: Vec<Offer> = pools
        .iter()
        .filter_map(|pool| {
            Some(Offer { zone: zones.binary_search(&&pool.zone).ok()?, cost: pool.full })
        })
        .collect();
    let problem = Problem {
        offers: &offers,
        zones: zones.len(),
        on_demand: on_demand.price,
        limits: scene.policy.layers,
    };
    solve(&problem, work)
}
