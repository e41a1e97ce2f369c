//! How much of the capacity should be spot when it is decided which zones must be wide.
//!
//! The cost of the cheapest fill is convex and piecewise linear in the spot share, so that tangents
//! lead to its minimum in finitely many steps, and the last two of them prove it.

use super::zone_fill::{Fill, TINY, ZoneOffers, fill};
use super::{Limits, Work};

/// The best spot share.
pub(super) struct Minimum {
    /// The spot share of the total capacity; 0 where On-Demand alone is cheapest.
    pub spot: f64,
    /// What the unit of capacity costs, On-Demand included.
    pub cost: f64,
    /// The largest spot share that the limits allow.
    pub most_spot: f64,
    amounts: Vec<f64>,
}

impl Minimum {
    /// How many zones hold at least a share of the spot capacity.
    pub(super) fn wide_zones(&self, share: f64) -> usize {
        self.amounts.iter().filter(|amount| **amount >= share * self.spot - TINY).count()
    }

    /// Offers with their shares.
    pub(super) fn shares(&self, zones: &[ZoneOffers], max_pool: f64) -> Vec<(usize, f64)> {
        let zones = zones.iter().zip(&self.amounts);
        zones.flat_map(|(zone, amount)| zone.shares(*amount, max_pool)).collect()
    }
}

/// A point of the cost curve with a tangent.
struct Point {
    spot: f64,
    cost: f64,
    slope: f64,
    amounts: Vec<f64>,
}

/// The cheapest spot share; `None` when no spot capacity can keep the limits, or work ran out
/// before anything was found.
pub(super) fn minimum(
    zones: &[ZoneOffers],
    wide: &[bool],
    on_demand: f64,
    limits: &Limits,
    work: &mut Work<'_>,
) -> Option<Minimum> {
    let most = most_spot(zones, wide, limits);
    if most <= 1e-6 {
        return None;
    }
    let mut at = |spot: f64| -> Option<Point> {
        if !work.spend() {
            return None;
        }
        let Fill { amounts, cost, slope } = fill(zones, wide, spot, limits)?;
        let cost = cost + on_demand * (1.0 - spot);
        Some(Point { spot, cost, slope: slope - on_demand, amounts })
    };
    let done = |point: Point| {
        let Point { spot, cost, amounts, .. } = point;
        Some(Minimum { spot, cost, most_spot: most, amounts })
    };
    let mut high = at(most)?;
    if high.slope <= 0.0 {
        return done(high);
    }
    // As long as no pool is full, cost is proportional to the share: one point tells the slope.
    let straight = 0.5 * most.min(limits.max_pool / limits.max_zone);
    let Some(mut low) = at(straight) else { return done(high) };
    if low.cost >= on_demand {
        let nothing = Minimum {
            spot: 0.0,
            cost: on_demand,
            most_spot: most,
            amounts: vec![0.0; zones.len()],
        };
        return Some(nothing);
    }
    low.slope = (low.cost - on_demand) / low.spot;
    loop {
        // Where the two tangents meet, nothing between lies below.
        let gap = low.slope - high.slope;
        let meet = (high.cost - low.cost + low.slope * low.spot - high.slope * high.spot) / gap;
        let bound = low.cost + low.slope * (meet - low.spot);
        let best = low.cost.min(high.cost);
        if gap >= 0.0 || best <= bound + 1e-13 || meet <= low.spot || meet >= high.spot {
            break;
        }
        let Some(point) = at(meet) else { break };
        let proven = point.cost <= bound + 1e-13;
        if proven {
            return done(point);
        }
        if point.slope <= 0.0 { low = point } else { high = point }
    }
    done(if low.cost <= high.cost { low } else { high })
}

/// The largest spot share at which the amounts still find room, wide zones included.
fn most_spot(zones: &[ZoneOffers], wide: &[bool], limits: &Limits) -> f64 {
    let fits = |spot: f64| {
        let mut room = 0.0;
        for (zone, wide) in zones.iter().zip(wide) {
            let own = zone.room(limits.max_pool).min(limits.max_zone * spot);
            if *wide && own < limits.min_zone * spot - TINY {
                return false;
            }
            room += own;
        }
        room >= spot - TINY
    };
    if fits(limits.max_spot) {
        return limits.max_spot;
    }
    // Room grows slower than the share does, so what fits is an interval from 0 on.
    let (mut fitting, mut too_much) = (0.0, limits.max_spot);
    for _ in 0..60 {
        let middle = 0.5 * (fitting + too_much);
        if fits(middle) { fitting = middle } else { too_much = middle }
    }
    fitting
}
