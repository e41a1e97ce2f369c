//! The cheapest way to place a given amount of spot capacity when it is decided which zones must
//! be wide: a greedy fill, and how its cost changes with the amount.

use super::{Limits, Offer};

/// Amounts below this are nothing.
pub(super) const TINY: f64 = 1e-12;

/// What may be left over at the largest amount that is known to fit, since that was found to
/// [`TINY`] in each of several sums.
const SLACK: f64 = 1e-9;

/// The offers of one zone, cheapest first, as many as can ever be used.
#[derive(Clone, Debug, Default)]
pub(super) struct ZoneOffers {
    costs: Vec<f64>,
    offers: Vec<usize>,
}

impl ZoneOffers {
    pub(super) fn is_empty(&self) -> bool {
        self.costs.is_empty()
    }

    pub(super) fn cheapest(&self) -> f64 {
        self.costs.first().copied().unwrap_or(f64::INFINITY)
    }

    /// How much the zone can hold with so much in one pool.
    pub(super) fn room(&self, max_pool: f64) -> f64 {
        self.costs.len() as f64 * max_pool
    }

    /// The shares of its offers when it holds an amount.
    pub(super) fn shares(&self, amount: f64, max_pool: f64) -> Vec<(usize, f64)> {
        let mut left = amount;
        let mut shares = Vec::new();
        for offer in &self.offers {
            if left <= 1e-10 {
                break;
            }
            let share = left.min(max_pool);
            shares.push((*offer, share));
            left -= share;
        }
        shares
    }
}

/// Offers by zone. A zone never holds more than `max_zone × max_spot`, so that only its cheapest
/// offers up to that amount matter.
pub(super) fn by_zone(offers: &[Offer], zones: usize, limits: &Limits) -> Vec<ZoneOffers> {
    let mut sorted: Vec<(f64, usize)> = offers
        .iter()
        .enumerate()
        .filter(|(_, offer)| offer.cost.is_finite() && offer.zone < zones)
        .map(|(index, offer)| (offer.cost, index))
        .collect();
    sorted.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let useful = (limits.max_zone * limits.max_spot / limits.max_pool).ceil() + 1.0;
    let mut by_zone = vec![ZoneOffers::default(); zones];
    for (cost, index) in sorted {
        let zone = &mut by_zone[offers[index].zone];
        if (zone.costs.len() as f64) < useful {
            zone.costs.push(cost);
            zone.offers.push(index);
        }
    }
    by_zone
}

/// A fill.
pub(super) struct Fill {
    /// How much each zone holds.
    pub amounts: Vec<f64>,
    /// What all of it costs.
    pub cost: f64,
    /// A subgradient of the cost with respect to the amount.
    pub slope: f64,
}

/// How full a zone is.
#[derive(Clone, Copy, Default)]
struct Level {
    amount: f64,
    /// The pool that is filled next, and how much it holds already.
    pool: usize,
    held: f64,
    cost: f64,
}

impl Level {
    /// Adds an amount, cheapest pools first; `false` when there is no room.
    fn add(&mut self, zone: &ZoneOffers, mut amount: f64, max_pool: f64) -> bool {
        while amount > TINY {
            let Some(cost) = zone.costs.get(self.pool) else { return amount <= SLACK };
            let step = amount.min(max_pool - self.held);
            self.amount += step;
            self.held += step;
            self.cost += step * cost;
            amount -= step;
            if self.held >= max_pool - TINY {
                self.pool += 1;
                self.held = 0.0;
            }
        }
        true
    }

    /// What the next bit costs; infinite without room.
    fn next_cost(&self, zone: &ZoneOffers) -> f64 {
        zone.costs.get(self.pool).copied().unwrap_or(f64::INFINITY)
    }

    /// What the last bit cost; minus infinity when the zone holds nothing.
    fn last_cost(&self, zone: &ZoneOffers) -> f64 {
        if self.held > TINY {
            return self.next_cost(zone);
        }
        self.pool
            .checked_sub(1)
            .and_then(|last| zone.costs.get(last).copied())
            .unwrap_or(f64::NEG_INFINITY)
    }
}

/// Places `spot` at the least cost: what the wide zones must hold first, then bit by bit where the
/// next bit is cheapest. `None` when it cannot be placed.
pub(super) fn fill(
    zones: &[ZoneOffers],
    wide: &[bool],
    spot: f64,
    limits: &Limits,
) -> Option<Fill> {
    let most = limits.max_zone * spot;
    let mut levels = vec![Level::default(); zones.len()];
    let mut left = spot;
    for ((zone, level), wide) in zones.iter().zip(&mut levels).zip(wide) {
        if *wide {
            let least = limits.min_zone * spot;
            if least > most + TINY || !level.add(zone, least, limits.max_pool) {
                return None;
            }
            left -= least;
        }
    }
    if left < -SLACK {
        return None;
    }
    let mut marginal = f64::NEG_INFINITY;
    loop {
        let open = (0..zones.len()).filter(|at| levels[*at].amount < most - TINY);
        let cheapest = open
            .map(|at| (levels[at].next_cost(&zones[at]), at))
            .min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)))
            .filter(|(cost, _)| cost.is_finite());
        let Some((cost, at)) = cheapest else {
            if left > SLACK {
                return None;
            }
            break;
        };
        if left <= TINY {
            if marginal == f64::NEG_INFINITY {
                marginal = cost;
            }
            break;
        }
        let level = &mut levels[at];
        let step = left.min(most - level.amount).min(limits.max_pool - level.held);
        level.add(&zones[at], step, limits.max_pool);
        left -= step;
        marginal = cost;
    }
    Some(Fill {
        cost: levels.iter().map(|level| level.cost).sum(),
        slope: slope(zones, wide, &levels, marginal, limits),
        amounts: levels.iter().map(|level| level.amount).collect(),
    })
}

/// The dual price of the amount plus those of the zone limits that move with it.
fn slope(
    zones: &[ZoneOffers],
    wide: &[bool],
    levels: &[Level],
    marginal: f64,
    limits: &Limits,
) -> f64 {
    let marginal = if marginal.is_finite() {
        marginal
    } else {
        // Every zone is at its limit: any price does that lies above what the last bits cost.
        let last = zones.iter().zip(levels).map(|(zone, level)| level.last_cost(zone));
        last.filter(|cost| cost.is_finite()).fold(0.0, f64::max)
    };
    let mut slope = marginal;
    for ((zone, level), wide) in zones.iter().zip(levels).zip(wide) {
        let (last, next) = (level.last_cost(zone), level.next_cost(zone));
        let own = marginal.max(last).min(next);
        if own > marginal && *wide {
            slope += limits.min_zone * (own - marginal);
        } else if own < marginal {
            slope -= limits.max_zone * (marginal - own);
        }
    }
    slope
}
