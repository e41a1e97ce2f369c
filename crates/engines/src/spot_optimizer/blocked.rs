//! Why no spot capacity can be held: which layer stands in the way, with the numbers.

use std::collections::BTreeSet;

use facts::decision::LayerVerdict;
use facts::reason::ReasonCode;

use super::Scene;
use super::candidates::Judged;
use super::capacity::Capacity;
use super::remarks::reasons;
use super::shares::Offers;
use crate::safety::percent;

/// One thing that stands in the way.
pub(super) struct Block {
    pub code: ReasonCode,
    /// The layer whose limit cannot be kept, and what can be had at best; `None` where it is not a
    /// layer but the price.
    pub layer: Option<(u8, Option<f64>)>,
    pub message: String,
}

/// What stands in the way of spot capacity when an allocation came out without any.
pub(super) fn blocks(
    scene: &Scene<'_>,
    judged: &Judged,
    offers: &Offers,
    capacity: &Capacity,
) -> Vec<Block> {
    let limits = &scene.policy.layers;
    let mut found = Vec::new();
    let mut block = |code, layer, message| found.push(Block { code, layer, message });
    if judged.eligible.is_empty() {
        return vec![nothing_passes(scene, judged)];
    }
    // Where both are in the way, the one that stops more pools is the answer.
    if offers.zone_unknown > offers.too_large && offers.pools.is_empty() {
        block(
            ReasonCode::ZoneUnknown,
            Some((2, None)),
            format!(
                "the zone of {} usable pools is not known, since no spot price tells it, so the \
                 spread over zones cannot be verified; import spot prices, or name the zones in \
                 which types are offered in assume_zones",
                offers.zone_unknown
            ),
        );
        return found;
    }
    if offers.pools.is_empty() {
        block(
            ReasonCode::ClusterTooSmall,
            Some((3, smallest_share(scene, judged, capacity))),
            format!(
                "{} processors are too few: a single instance of any of {} usable pools is more \
                 than {} of them",
                capacity.vcpu,
                offers.too_large,
                percent(limits.max_pool_share.value())
            ),
        );
        return found;
    }
    let zones = offers.pools.iter().map(|pool| &pool.zone).collect::<BTreeSet<_>>().len();
    if (zones as f64) < f64::from(limits.min_zones) {
        let message = if offers.too_large > 0 {
            format!(
                "usable pools are in {zones} zones and {} are asked for; {} more pools are too \
                 large for {} processors",
                limits.min_zones, offers.too_large, capacity.vcpu
            )
        } else {
            format!("usable pools are in {zones} zones and {} are asked for", limits.min_zones)
        };
        block(ReasonCode::TooFewZones, Some((2, Some(zones as f64))), message);
    }
    found
}

/// What stands in the way when no pool passes. Pools that fail for their age alone would pass with
/// newer data, so that their age is the answer; else safety is, where it refused any.
fn nothing_passes(scene: &Scene<'_>, judged: &Judged) -> Block {
    let count = |code| judged.counts.get(&code).copied().unwrap_or(0);
    let (stale, unsafe_pools) =
        (count(ReasonCode::MarketStale), count(ReasonCode::SafetyBelowMinimum));
    let reasons = reasons(&judged.counts);
    if stale > 0 {
        return Block {
            code: ReasonCode::MarketStale,
            layer: None,
            message: format!(
                "{stale} pools would pass if their data were newer, and no other ({reasons})"
            ),
        };
    }
    if unsafe_pools > 0 {
        return Block {
            code: ReasonCode::TooFewPools,
            layer: Some((1, best_refused(scene, judged))),
            message: format!(
                "no pool passes; {unsafe_pools} are below the safety score {} ({reasons})",
                scene.policy.layers.min_safety_score
            ),
        };
    }
    let most =
        judged.counts.iter().max_by_key(|(code, count)| (**count, std::cmp::Reverse(**code)));
    let code = most.map_or(ReasonCode::TooFewPools, |(code, _)| *code);
    let by_status = matches!(code, ReasonCode::PoolConfirmedRisky | ReasonCode::PoolUncertain);
    Block {
        code,
        layer: by_status.then_some((5, None)),
        message: format!("no pool passes ({reasons})"),
    }
}

/// What stands in the way when enough zones have pools: the limits themselves, or the price.
pub(super) fn by_limits_or_price(scene: &Scene<'_>, most_spot: f64) -> Block {
    let limits = &scene.policy.layers;
    if most_spot <= 0.0 {
        return Block {
            code: ReasonCode::TooFewZones,
            layer: Some((2, None)),
            message: format!(
                "no spot capacity can keep {} zones with at least {} each and at most {}",
                limits.min_zones,
                percent(limits.min_zone_share.value()),
                percent(limits.max_zone_share.value())
            ),
        };
    }
    Block {
        code: ReasonCode::SpotNotCheaper,
        layer: None,
        message: "with the expected cost of interruptions, and spread as the layers ask, spot \
                  costs as much as On-Demand or more"
            .to_owned(),
    }
}

/// Marks the layers that stand in the way.
pub(super) fn mark(layers: &mut [LayerVerdict], blocks: &[Block]) {
    for block in blocks {
        let Some((number, measured)) = block.layer else { continue };
        let mut first = true;
        for layer in layers.iter_mut().filter(|layer| layer.layer == number) {
            // Of the two rules on zones, the number of zones is the one that stands in the way;
            // where zones are not known at all, neither can be verified.
            if !first && block.code != ReasonCode::ZoneUnknown {
                continue;
            }
            first = false;
            layer.holds = false;
            layer.measured = measured;
            layer.detail = format!("no spot capacity can keep it: {}", block.message);
        }
    }
}

/// The safest of the pools that are not safe enough.
fn best_refused(scene: &Scene<'_>, judged: &Judged) -> Option<f64> {
    judged
        .refused
        .iter()
        .filter(|(_, code)| *code == ReasonCode::SafetyBelowMinimum)
        .filter_map(|(row, _)| scene.evidence.offered_scores.score(*row as usize))
        .map(|score| score.safety.value())
        .max_by(f64::total_cmp)
}

/// The share that the smallest usable instance has of the capacity.
fn smallest_share(scene: &Scene<'_>, judged: &Judged, capacity: &Capacity) -> Option<f64> {
    judged
        .eligible
        .iter()
        .filter_map(|row| scene.slice.pool(*row as usize))
        .map(|view| {
            super::capacity::useful_vcpu(view.vcpu, view.memory, capacity.gib_per_vcpu)
                / capacity.vcpu
        })
        .min_by(f64::total_cmp)
}
