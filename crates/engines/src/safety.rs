//! The five safety layers of a spot allocation: limits, and what an allocation measures.
//!
//! For engines that propose or judge shares of capacity. It refuses to know prices, and never
//! relaxes a limit: a layer holds or it does not, with the numbers beside it.

use std::collections::BTreeMap;

use facts::decision::LayerVerdict;
use learning::cross_customer::Level;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::Fraction;

/// The limits of the layers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SafetyLimits {
    /// Layer 1: the least safety score of a pool with spot capacity.
    pub min_safety_score: Fraction,
    /// Layer 2: the least number of zones with at least `min_zone_share`.
    pub min_zones: u32,
    /// Layer 2: the share of the spot capacity from which a zone counts.
    pub min_zone_share: Fraction,
    /// Layer 2: the most that one zone may hold of the spot capacity.
    pub max_zone_share: Fraction,
    /// Layer 3: the most that one spot pool may hold of the total capacity.
    pub max_pool_share: Fraction,
    /// Layer 4: the least that On-Demand must hold of the total capacity.
    pub min_on_demand_share: Fraction,
}

impl Default for SafetyLimits {
    fn default() -> SafetyLimits {
        SafetyLimits {
            min_safety_score: Fraction::clamped(0.75),
            min_zones: 3,
            min_zone_share: Fraction::clamped(0.10),
            max_zone_share: Fraction::clamped(0.60),
            max_pool_share: Fraction::clamped(0.20),
            min_on_demand_share: Fraction::clamped(0.15),
        }
    }
}

/// The capacity that is held in one pool.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Holding<'a> {
    /// Its zone, where known; of no matter for On-Demand.
    pub zone: Option<&'a str>,
    /// Its share of the total capacity, 0 to 1.
    pub share: f64,
    /// The safety score of a spot pool where known; `None` for On-Demand.
    pub spot: Option<Option<f64>>,
    /// The live status of a spot pool; `None` where nobody keeps reports.
    pub level: Option<Level>,
}

/// Shares are computed in floating point and written with nine decimals.
pub const ROUNDING: f64 = 1e-7;

/// What the layers measure of an allocation whose shares add up to one.
#[must_use]
pub fn measure(holdings: &[Holding<'_>], limits: &SafetyLimits) -> Vec<LayerVerdict> {
    let spot: Vec<&Holding<'_>> =
        holdings.iter().filter(|one| one.spot.is_some() && one.share > ROUNDING).collect();
    let total: f64 = spot.iter().map(|one| one.share).sum();
    if spot.is_empty() {
        return without_spot(limits);
    }
    let mut zones: BTreeMap<&str, f64> = BTreeMap::new();
    for one in &spot {
        *zones.entry(one.zone.unwrap_or("")).or_default() += one.share / total;
    }
    let unknown = zones.remove("").unwrap_or(0.0);
    let wide_share = limits.min_zone_share.value();
    let wide = zones.values().filter(|share| **share >= wide_share - ROUNDING).count();
    let largest_zone = zones.values().copied().fold(0.0, f64::max);
    let largest_pool = spot.iter().map(|one| one.share).fold(0.0, f64::max);
    let scores = spot.iter().map(|one| one.spot.flatten());
    let least = scores.clone().flatten().fold(f64::INFINITY, f64::min);
    let unscored = scores.filter(Option::is_none).count();
    let zone_detail = |known: String| {
        if unknown > 0.0 {
            format!(
                "{known}; the zone of {} of it is not known, so this cannot be verified",
                percent(unknown)
            )
        } else {
            known
        }
    };
    vec![
        layer(
            (1, "pool_safety", "at_least"),
            least.is_finite().then_some(least),
            limits.min_safety_score.value(),
            unscored == 0 && least >= limits.min_safety_score.value() - ROUNDING,
            if unscored == 0 {
                format!("the least safe of {} spot pools", spot.len())
            } else {
                format!("{unscored} of {} spot pools have no safety score", spot.len())
            },
        ),
        LayerVerdict {
            counts_from_share: Some(wide_share),
            ..layer(
                (2, "zones", "at_least"),
                Some(wide as f64),
                f64::from(limits.min_zones),
                unknown <= 0.0 && wide as f64 >= f64::from(limits.min_zones),
                zone_detail(format!(
                    "zones that hold at least {} of the spot capacity",
                    percent(wide_share)
                )),
            )
        },
        layer(
            (2, "zone_concentration", "at_most"),
            Some(largest_zone),
            limits.max_zone_share.value(),
            unknown <= 0.0 && largest_zone <= limits.max_zone_share.value() + ROUNDING,
            zone_detail("the share of the spot capacity in its largest zone".to_owned()),
        ),
        layer(
            (3, "pool_concentration", "at_most"),
            Some(largest_pool),
            limits.max_pool_share.value(),
            largest_pool <= limits.max_pool_share.value() + ROUNDING,
            "the share of the total capacity in its largest spot pool".to_owned(),
        ),
        on_demand_floor(1.0 - total, limits),
        pool_status(&spot),
    ]
}

/// The share of the total capacity in pools that are confirmed to be losing instances.
fn pool_status(spot: &[&Holding<'_>]) -> LayerVerdict {
    let which = (5, "pool_status", "at_most");
    if spot.iter().all(|one| one.level.is_none()) {
        let detail = "the live status of the pools is not known; none is confirmed risky";
        return layer(which, None, 0.0, true, detail.to_owned());
    }
    let risky = spot.iter().filter(|one| one.level == Some(Level::ConfirmedRisky));
    let share: f64 = risky.map(|one| one.share).sum();
    let detail = "the share of the total capacity in pools that are confirmed risky by reports";
    layer(which, Some(share), 0.0, share <= ROUNDING, detail.to_owned())
}

/// Whether every layer holds.
#[must_use]
pub fn all_hold(layers: &[LayerVerdict]) -> bool {
    layers.iter().all(|layer| layer.holds)
}

/// What the layers that look at single pools say of one spot pool.
#[must_use]
pub fn of_pool(
    share: f64,
    safety: Option<f64>,
    level: Option<Level>,
    limits: &SafetyLimits,
) -> Vec<LayerVerdict> {
    let (least, most) = (limits.min_safety_score.value(), limits.max_pool_share.value());
    vec![
        layer(
            (1, "pool_safety", "at_least"),
            safety,
            least,
            safety.is_some_and(|safety| safety >= least - ROUNDING),
            "the safety score of the pool".to_owned(),
        ),
        layer(
            (3, "pool_concentration", "at_most"),
            Some(share),
            most,
            share <= most + ROUNDING,
            "the share of the total capacity in the pool".to_owned(),
        ),
        layer(
            (5, "pool_status", "at_most"),
            level.map(|level| if level == Level::ConfirmedRisky { share } else { 0.0 }),
            0.0,
            level != Some(Level::ConfirmedRisky) || share <= ROUNDING,
            match level {
                None => "the live status of the pool is not known".to_owned(),
                Some(level) => format!("the live status of the pool is {}", level.name()),
            },
        ),
    ]
}

/// A share as people read it.
#[must_use]
pub(crate) fn percent(share: f64) -> String {
    format!("{} %", (share * 1000.0).round() / 10.0)
}

fn without_spot(limits: &SafetyLimits) -> Vec<LayerVerdict> {
    let vacuous =
        |which, limit| layer(which, None, limit, true, "there is no spot capacity".to_owned());
    vec![
        vacuous((1, "pool_safety", "at_least"), limits.min_safety_score.value()),
        vacuous((2, "zones", "at_least"), f64::from(limits.min_zones)),
        vacuous((2, "zone_concentration", "at_most"), limits.max_zone_share.value()),
        vacuous((3, "pool_concentration", "at_most"), limits.max_pool_share.value()),
        on_demand_floor(1.0, limits),
        vacuous((5, "pool_status", "at_most"), 0.0),
    ]
}

fn on_demand_floor(share: f64, limits: &SafetyLimits) -> LayerVerdict {
    let least = limits.min_on_demand_share.value();
    layer(
        (4, "on_demand_floor", "at_least"),
        Some(share),
        least,
        share >= least - ROUNDING,
        "the share of the total capacity that is On-Demand".to_owned(),
    )
}

fn layer(
    (layer, name, comparison): (u8, &str, &str),
    measured: Option<f64>,
    limit: f64,
    holds: bool,
    detail: String,
) -> LayerVerdict {
    LayerVerdict {
        layer,
        name: name.to_owned(),
        measured: measured.map(|value| (value * 1e9).round() / 1e9),
        limit,
        comparison: comparison.to_owned(),
        counts_from_share: None,
        holds,
        detail,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spot(zone: &str, share: f64) -> Holding<'_> {
        Holding {
            zone: Some(zone).filter(|zone| !zone.is_empty()),
            share,
            spot: Some(Some(0.9)),
            level: None,
        }
    }

    fn broken(holdings: &[Holding<'_>]) -> Vec<String> {
        let layers = measure(holdings, &SafetyLimits::default());
        layers.into_iter().filter(|layer| !layer.holds).map(|layer| layer.name).collect()
    }

    #[test]
    fn each_layer_is_broken_by_what_it_forbids() {
        let check = |holdings: &[Holding<'_>], expected: &[&str]| {
            assert_eq!(broken(holdings), expected, "{holdings:?}");
        };
        let good =
            [spot("a", 0.2), spot("a", 0.2), spot("b", 0.2), spot("c", 0.2), spot("d", 0.05)];
        check(&good, &[]);
        check(&[], &[]);
        let mut unsafe_pool = good;
        unsafe_pool[4].spot = Some(Some(0.7));
        check(&unsafe_pool, &["pool_safety"]);
        unsafe_pool[4].spot = Some(None);
        check(&unsafe_pool, &["pool_safety"]);
        check(&[spot("a", 0.2), spot("a", 0.2), spot("b", 0.2), spot("b", 0.2)], &["zones"]);
        check(
            &[spot("a", 0.2), spot("a", 0.2), spot("a", 0.15), spot("b", 0.15), spot("c", 0.15)],
            &["zone_concentration"],
        );
        check(&[spot("a", 0.25), spot("b", 0.2), spot("c", 0.2)], &["pool_concentration"]);
        check(
            &[spot("a", 0.18), spot("a", 0.18), spot("b", 0.18), spot("b", 0.18), spot("c", 0.18)],
            &["on_demand_floor"],
        );
        check(&[spot("", 0.2)], &["zones", "zone_concentration"]);
        let mut watched = good;
        watched[1].level = Some(Level::Uncertain);
        check(&watched, &[]);
        watched[1].level = Some(Level::ConfirmedRisky);
        check(&watched, &["pool_status"]);
    }
}
