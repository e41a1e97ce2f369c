//! Shares of capacity for spot pools at the least expected cost under the safety layers, exactly.
//!
//! For engines that allocate. A pool is a zone and a cost here; On-Demand is one more cost.
//! It refuses to know what costs are made of, where pools come from, and who may use them: every
//! offer that is handed in may be used. `docs/spot-allocation.md` proves that the answer is optimal.

mod spot_share;
mod zone_fill;

use units::Fraction;

use crate::engine::WorkLimit;
use crate::safety::SafetyLimits;
use spot_share::Minimum;
use zone_fill::ZoneOffers;

/// A pool that may hold capacity.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Offer {
    /// Index of its zone, below [`Problem::zones`].
    pub zone: usize,
    /// What a unit of capacity costs for an hour, interruptions included; finite.
    pub cost: f64,
}

/// What is to be shared out: one unit of capacity.
#[derive(Clone, Copy, Debug)]
pub struct Problem<'a> {
    /// The pools.
    pub offers: &'a [Offer],
    /// How many zones there are.
    pub zones: usize,
    /// What a unit of On-Demand capacity costs for an hour; finite.
    pub on_demand: f64,
    /// Layers 2, 3 and 4. Layers 1 and 5 decide which pools are offered.
    pub limits: SafetyLimits,
}

/// The cheapest allocation.
#[derive(Clone, Debug, PartialEq)]
pub struct Solution {
    /// Offers with their share of the total capacity, above 0, in the order of the offers.
    pub spot: Vec<(usize, f64)>,
    /// The share of the total capacity that is On-Demand.
    pub on_demand: f64,
    /// What the unit of capacity costs for an hour.
    pub cost: f64,
    /// The largest spot share that the layers allow with these offers.
    pub most_spot: f64,
    /// Whether every choice of zones was looked at, so that nothing is cheaper.
    pub proven: bool,
    /// Work units spent: greedy fills.
    pub work: u64,
}

/// Finds the cheapest allocation that keeps layers 2, 3 and 4.
///
/// On-Demand alone always keeps them, so there is an answer for every problem. With offers that
/// cost no less than On-Demand it is On-Demand.
#[must_use]
pub fn solve(problem: &Problem<'_>, limit: WorkLimit<'_>) -> Solution {
    let limits = Limits::of(&problem.limits);
    let zones = zone_fill::by_zone(problem.offers, problem.zones, &limits);
    let mut work = Work { limit, used: 0, stopped: false };
    let mut best = Best { minimum: None, cost: problem.on_demand, most_spot: 0.0 };
    let usable = zones.iter().filter(|zone| !zone.is_empty()).count();
    if usable >= limits.min_zones && limits.possible() {
        search(&zones, problem.on_demand, &limits, &mut work, &mut best);
    }
    let mut spot = Vec::new();
    let mut on_demand = 1.0;
    if let Some(minimum) = &best.minimum {
        spot = minimum.shares(&zones, limits.max_pool);
        on_demand = 1.0 - spot.iter().map(|(_, share)| share).sum::<f64>();
    }
    spot.sort_unstable_by_key(|(offer, _)| *offer);
    Solution {
        spot,
        on_demand,
        cost: best.cost,
        most_spot: best.most_spot,
        proven: !work.stopped,
        work: work.used,
    }
}

/// The limits as plain numbers.
#[derive(Clone, Copy, Debug)]
struct Limits {
    min_zones: usize,
    min_zone: f64,
    max_zone: f64,
    max_pool: f64,
    max_spot: f64,
}

impl Limits {
    fn of(limits: &SafetyLimits) -> Limits {
        Limits {
            min_zones: limits.min_zones as usize,
            // A zone without any capacity never counts.
            min_zone: limits.min_zone_share.value().max(1e-6),
            max_zone: limits.max_zone_share.value(),
            max_pool: limits.max_pool_share.value(),
            max_spot: Fraction::complement(limits.min_on_demand_share).value(),
        }
    }

    /// Whether any spot capacity at all can keep limits like these.
    fn possible(&self) -> bool {
        self.max_pool > 0.0
            && self.max_spot > 0.0
            && self.min_zone <= self.max_zone
            && self.min_zones as f64 * self.min_zone <= 1.0 + zone_fill::TINY
    }
}

/// Work units spent and allowed.
struct Work<'a> {
    limit: WorkLimit<'a>,
    used: u64,
    stopped: bool,
}

impl Work<'_> {
    /// Spends a unit; `false` when there is none left.
    fn spend(&mut self) -> bool {
        let asked = || self.used % 256 == 255 && self.limit.cancelled.is_some_and(|stop| stop());
        if self.stopped || self.used >= self.limit.budget || asked() {
            self.stopped = true;
            return false;
        }
        self.used += 1;
        true
    }
}

/// The best allocation so far; On-Demand alone at first.
struct Best {
    minimum: Option<Minimum>,
    cost: f64,
    most_spot: f64,
}

impl Best {
    fn offer(&mut self, found: Minimum) {
        self.most_spot = self.most_spot.max(found.most_spot);
        if found.spot > 0.0 && found.cost < self.cost - 1e-15 {
            self.cost = found.cost;
            self.minimum = Some(found);
        }
    }
}

/// Looks at every choice of zones that must be wide. Without any such demand the cost is a lower
/// bound; where that answer happens to be wide enough, it is the answer.
fn search(
    zones: &[ZoneOffers],
    on_demand: f64,
    limits: &Limits,
    work: &mut Work<'_>,
    best: &mut Best,
) {
    let mut wide = vec![false; zones.len()];
    let Some(relaxed) = spot_share::minimum(zones, &wide, on_demand, limits, work) else {
        return;
    };
    if relaxed.spot > 0.0 && relaxed.wide_zones(limits.min_zone) >= limits.min_zones {
        best.offer(relaxed);
        return;
    }
    let bound = relaxed.cost;
    // Cheapest zones first, so that a good answer comes early.
    let mut order: Vec<usize> = (0..zones.len()).filter(|zone| !zones[*zone].is_empty()).collect();
    order.sort_by(|a, b| zones[*a].cheapest().total_cmp(&zones[*b].cheapest()).then(a.cmp(b)));
    let mut chosen: Vec<usize> = (0..limits.min_zones).collect();
    loop {
        wide.fill(false);
        for &position in &chosen {
            wide[order[position]] = true;
        }
        if let Some(found) = spot_share::minimum(zones, &wide, on_demand, limits, work) {
            best.offer(found);
        }
        // Nothing can cost less than the bound; what the layers allow is known by then as well,
        // unless the answer is On-Demand alone.
        let closed = best.minimum.is_some() && best.cost <= bound + 1e-15;
        if work.stopped || closed || !next_choice(&mut chosen, order.len()) {
            return;
        }
    }
}

/// The next choice of positions below `count` in lexicographic order; `false` after the last.
fn next_choice(chosen: &mut [usize], count: usize) -> bool {
    let length = chosen.len();
    let Some(at) = (0..length).rev().find(|at| chosen[*at] < count - (length - at)) else {
        return false;
    };
    chosen[at] += 1;
    for after in at + 1..length {
        chosen[after] = chosen[after - 1] + 1;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    const FREE: WorkLimit<'static> =
        WorkLimit { budget: 100_000, cancelled: None, replays_a_cut: false };

    fn solved(offers: &[(usize, f64)], on_demand: f64) -> Solution {
        let offers: Vec<Offer> =
            offers.iter().map(|(zone, cost)| Offer { zone: *zone, cost: *cost }).collect();
        let limits = SafetyLimits::default();
        solve(&Problem { offers: &offers, zones: 5, on_demand, limits }, FREE)
    }

    fn check(offers: &[(usize, f64)], on_demand: f64, spot: &[(usize, f64)], cost: f64) {
        let found = solved(offers, on_demand);
        assert_eq!(found.spot.len(), spot.len(), "{found:?}");
        for (have, want) in found.spot.iter().zip(spot) {
            assert!(have.0 == want.0 && (have.1 - want.1).abs() < 1e-9, "{found:?}");
        }
        assert!((found.cost - cost).abs() < 1e-9 && found.proven, "{found:?}");
    }

    #[test]
    fn the_cheapest_pools_are_filled_as_far_as_the_layers_allow() {
        // Two cheap zones may hold 0.85 − 2 × 0.085 between them only when the third has a tenth.
        check(
            &[(0, 1.0), (0, 1.0), (0, 1.0), (1, 1.1), (1, 1.1), (1, 1.1), (2, 5.0), (3, 6.0)],
            10.0,
            &[(0, 0.2), (1, 0.2), (2, 0.11), (3, 0.2), (4, 0.055), (6, 0.085)],
            0.51 + 0.255 * 1.1 + 0.085 * 5.0 + 0.15 * 10.0,
        );
    }

    #[test]
    fn without_three_zones_it_is_on_demand() {
        check(&[(0, 1.0), (1, 1.0)], 10.0, &[], 10.0);
        check(&[], 10.0, &[], 10.0);
    }

    #[test]
    fn pools_dearer_than_on_demand_are_used_only_for_the_sake_of_cheaper_ones() {
        check(&[(0, 9.0), (1, 9.0), (2, 10.0)], 8.0, &[], 8.0);
        // A tenth in a dear zone opens the way to two cheap ones; more of it would not pay.
        let found = solved(&[(0, 1.0), (1, 1.0), (2, 12.0)], 8.0);
        assert!((found.spot[2].1 / (1.0 - found.on_demand) - 0.1).abs() < 1e-9, "{found:?}");
    }

    #[test]
    fn few_pools_allow_less_spot() {
        let found = solved(&[(0, 1.0), (1, 1.0), (2, 1.0)], 8.0);
        assert!((found.most_spot - 0.6).abs() < 1e-9 && (found.on_demand - 0.4).abs() < 1e-9);
    }

    #[test]
    fn a_search_that_is_stopped_says_so_and_stays_feasible() {
        let offers = [Offer { zone: 0, cost: 1.0 }; 3];
        let problem = Problem {
            offers: &offers,
            zones: 1,
            on_demand: 2.0,
            limits: SafetyLimits {
                min_zones: 1,
                max_zone_share: Fraction::ONE,
                ..SafetyLimits::default()
            },
        };
        let found = solve(&problem, WorkLimit { budget: 0, cancelled: None, replays_a_cut: false });
        assert_eq!((found.on_demand, found.proven, found.work), (1.0, false, 0));
    }

    #[test]
    fn choices_are_all_visited_once() {
        let mut chosen = vec![0, 1, 2];
        let mut count = 1;
        while next_choice(&mut chosen, 6) {
            count += 1;
        }
        assert_eq!((count, chosen), (20, vec![3, 4, 5]));
        assert!(!next_choice(&mut [], 6));
    }
}
