//! Whether an allocation keeps the limits that it says it keeps.

use std::collections::BTreeMap;

use facts::decision::Verdict;
use facts::names::CapacityType;
use facts::reason::ReasonCode;

use crate::Violation;

/// Shares are rounded when they are written.
const ROUNDING: f64 = 1e-6;

/// Recomputes the five layers from the shares and compares them with what the answer says.
pub(crate) fn check<R>(verdict: &Verdict<R>, violations: &mut Vec<Violation>) {
    if verdict.allocation.is_empty() {
        return;
    }
    let mut note = |detail: String| {
        violations.push(Violation::overall(ReasonCode::FigureMismatch, detail));
    };
    let mut total = 0.0;
    let mut on_demand = 0.0;
    let mut least_safety = f64::INFINITY;
    let mut largest_pool: f64 = 0.0;
    let mut zones: BTreeMap<&str, f64> = BTreeMap::new();
    for pool in &verdict.allocation {
        let share = pool.share.value();
        total += share;
        if pool.capacity_type == CapacityType::OnDemand {
            on_demand += share;
            continue;
        }
        largest_pool = largest_pool.max(share);
        least_safety = least_safety.min(pool.safety_score.map_or(0.0, units::SafetyScore::value));
        *zones.entry(pool.zone.as_deref().unwrap_or("")).or_default() += share;
    }
    if (total - 1.0).abs() > ROUNDING {
        note(format!("the shares add up to {total}, not to 1"));
    }
    let spot = total - on_demand;
    for layer in verdict.layers.iter().filter(|layer| layer.holds) {
        let limit = layer.limit;
        let broken = match (layer.layer, layer.name.as_str()) {
            (1, _) => spot > ROUNDING && least_safety < limit - ROUNDING,
            (2, "zones") => {
                // What does not say from where a zone counts is held to the usual tenth.
                let counts_from = layer.counts_from_share.unwrap_or(0.10);
                let counts = |share: &&f64| **share >= counts_from * spot - ROUNDING;
                let wide = zones.values().filter(counts).count();
                spot > ROUNDING && (wide as f64) < limit
            }
            (2, _) => zones.values().any(|share| *share > limit * spot + ROUNDING),
            (3, _) => largest_pool > limit + ROUNDING,
            (4, _) => on_demand < limit - ROUNDING,
            _ => false,
        };
        if broken {
            note(format!("layer {} ({}) is said to hold and does not", layer.layer, layer.name));
        }
    }
}
