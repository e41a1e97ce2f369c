//! Lower bounds that a second program can check with integers alone.
//!
//! A bound comes with dual prices. Whoever holds the input and the prices can
//! recompute the bound without trusting the search that found them; floating
//! point is used only to guess good prices.

mod subset;

pub use subset::subset_bound;

use crate::simplex::{Lp, Sense};
use crate::work::Work;

/// Fixed-point scale of resource prices: a stored price of `PRICE_SCALE` means
/// one unit of money per unit of the resource.
pub const PRICE_SCALE: i64 = 1 << 32;

/// A price per unit of every resource dimension (each >= 0, times
/// [`PRICE_SCALE`]).
///
/// For bins of unlimited supply the prices must satisfy
/// `Σ_r price_r · capacity_r <= cost · PRICE_SCALE` for each of them. Then
/// `Σ_r price_r · demand_r / PRICE_SCALE` is below the cost of any packing: the
/// dual of the continuous cover of the total demand, a valid dual feasible
/// function for vector packing (Caprara & Toth 2001).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourcePrices(pub Vec<i64>);

/// A bin that exists once: it may or must be paid for.
#[derive(Debug, Clone, Copy)]
pub struct ExistingBin<'a> {
    /// Most it can hold per dimension in any plan.
    pub capacity: &'a [i64],
    /// Cost per hour, >= 0.
    pub cost: i64,
    /// True if every plan pays for it.
    pub must_stay: bool,
}

/// A bin shape of unlimited supply.
#[derive(Debug, Clone, Copy)]
pub struct UnlimitedBin<'a> {
    /// Capacity per dimension.
    pub capacity: &'a [i64],
    /// Cost per hour, >= 0.
    pub cost: i64,
}

impl ResourcePrices {
    /// `Σ price · amount`, scaled by [`PRICE_SCALE`]; negative amounts count as 0.
    #[must_use]
    pub fn value(&self, amounts: &[i64]) -> i128 {
        let pairs = self.0.iter().zip(amounts);
        pairs.map(|(&p, &a)| i128::from(p) * i128::from(a.max(0))).sum()
    }

    /// Whether a bin of unlimited supply respects the prices.
    #[must_use]
    pub fn respects(&self, bin: UnlimitedBin<'_>) -> bool {
        self.0.iter().all(|&p| p >= 0)
            && self.value(bin.capacity) <= i128::from(bin.cost) * i128::from(PRICE_SCALE)
    }

    /// The bound `Σ u·D + Σ_must (c − u·C) + Σ_may min(0, c − u·C)` in whole
    /// money units, rounded down; 0 if an unlimited bin breaks the prices or
    /// the sum is negative. `demand` is what all plans must hold.
    #[must_use]
    pub fn bound(
        &self,
        demand: &[i128],
        existing: &[ExistingBin<'_>],
        unlimited: &[UnlimitedBin<'_>],
    ) -> i64 {
        if self.0.iter().any(|&p| p < 0) || !unlimited.iter().all(|bin| self.respects(*bin)) {
            return 0;
        }
        let pairs = self.0.iter().zip(demand);
        let mut total = pairs.fold(0_i128, |sum, (&p, &d)| {
            sum.saturating_add(i128::from(p).saturating_mul(d.max(0)))
        });
        for bin in existing {
            let rest = i128::from(bin.cost) * i128::from(PRICE_SCALE) - self.value(bin.capacity);
            total = total.saturating_add(if bin.must_stay { rest } else { rest.min(0) });
        }
        let whole = total.div_euclid(i128::from(PRICE_SCALE)).max(0);
        i64::try_from(whole).unwrap_or(i64::MAX)
    }
}

/// A lower bound with what proves it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bound {
    /// Nothing that satisfies the problem costs less, in whole money units.
    pub value: i64,
    /// What a checker needs.
    pub proof: Proof,
}

/// How a bound can be checked without the search that found it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// The value is [`ResourcePrices::bound`] of these prices: sums and
    /// comparisons only.
    Resources(ResourcePrices),
    /// One price per class (money per item, >= 0, index as in the problem):
    /// no contents of a bin may be worth more than the bin's cost, and the
    /// value is `Σ price · count` over the placed items. To check it, solve one
    /// bounded integer knapsack per shape. Quick way: order the classes, round
    /// demands down to a grid over two dimensions, and fill the table of best
    /// worths from the last class to the first; its entry for a shape's full
    /// capacity bounds the shape from above, and where that is not enough, a
    /// depth-first search bounded by the tables of the remaining classes ends
    /// soon.
    Contents(Vec<i64>),
    /// No choice of whole bins whose capacities add up to the total demand
    /// costs less than the value. To check it, enumerate partial choices and
    /// drop each whose cost plus the priced uncovered demand reaches the value.
    Cover(ResourcePrices),
}

/// Finds good prices: solves the continuous cover in floating point, rounds
/// down, and scales until every unlimited bin respects them.
#[must_use]
pub fn resource_prices(
    demand: &[i128],
    existing: &[ExistingBin<'_>],
    unlimited: &[UnlimitedBin<'_>],
) -> ResourcePrices {
    let dims = demand.len();
    let mut need: Vec<f64> = demand.iter().map(|&d| d as f64).collect();
    let mut scale = vec![1.0_f64; dims];
    let mut optional: Vec<(&[i64], i64)> = Vec::with_capacity(existing.len());
    for bin in existing {
        for (r, &c) in bin.capacity.iter().enumerate() {
            scale[r] = scale[r].max(c as f64);
            if bin.must_stay {
                need[r] -= c.max(0) as f64;
            }
        }
        if !bin.must_stay {
            optional.push((bin.capacity, bin.cost));
        }
    }
    for bin in unlimited {
        for (r, &c) in bin.capacity.iter().enumerate() {
            scale[r] = scale[r].max(c as f64);
        }
    }
    optional.sort_unstable();
    let rows: Vec<(Sense, f64)> =
        need.iter().zip(&scale).map(|(n, s)| (Sense::AtLeast, (n / s).max(0.0))).collect();
    let dearest = existing.iter().map(|b| b.cost).chain(unlimited.iter().map(|b| b.cost)).max();
    let money = dearest.unwrap_or(1).max(1) as f64;
    // A dimension the paid bins already cover must not get a price.
    let penalty: Vec<f64> = rows.iter().map(|row| if row.1 > 0.0 { 100.0 } else { 0.0 }).collect();
    let mut lp = Lp::new(&rows, &penalty);
    let mut column: Vec<(u32, f64)> = Vec::with_capacity(dims);
    let mut add = |lp: &mut Lp, capacity: &[i64], cost: i64, upper: f64| {
        column.clear();
        for (r, &c) in capacity.iter().enumerate().filter(|(_, c)| **c > 0) {
            column.push((r as u32, c as f64 / scale[r]));
        }
        lp.add(cost as f64 / money, upper, &column);
    };
    for same in optional.chunk_by(|a, b| a == b) {
        add(&mut lp, same[0].0, same[0].1, same.len() as f64);
    }
    for bin in unlimited {
        add(&mut lp, bin.capacity, bin.cost, f64::INFINITY);
    }
    // A handful of rows: a pivot costs next to nothing, and an early end would
    // still leave usable prices.
    lp.primal(&mut Work::new(50_000_000));
    let to_fixed = |(r, y): (usize, &f64)| {
        let price = y.max(0.0) / scale[r] * money * PRICE_SCALE as f64;
        if price.is_finite() { price.min(9e17) as i64 } else { 0 }
    };
    let mut prices = ResourcePrices(lp.duals().iter().enumerate().map(to_fixed).collect());
    for bin in unlimited {
        let price = prices.value(bin.capacity);
        let cost = i128::from(bin.cost.max(0)) * i128::from(PRICE_SCALE);
        if price > cost {
            for p in &mut prices.0 {
                *p = (i128::from(*p).saturating_mul(cost) / price) as i64;
            }
        }
    }
    prices
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(
        demand: &[i128],
        existing: &[(&[i64], i64, bool)],
        shapes: &[(&[i64], i64)],
        want: i64,
    ) {
        let existing: Vec<ExistingBin<'_>> = existing
            .iter()
            .map(|&(capacity, cost, must_stay)| ExistingBin { capacity, cost, must_stay })
            .collect();
        let shapes: Vec<UnlimitedBin<'_>> =
            shapes.iter().map(|&(capacity, cost)| UnlimitedBin { capacity, cost }).collect();
        let prices = resource_prices(demand, &existing, &shapes);
        let bound = prices.bound(demand, &existing, &shapes);
        // Rounding the prices down costs at most a few units of money.
        assert!((want - 3..=want).contains(&bound), "{bound} wanted {want}, {prices:?}");
    }

    #[test]
    fn bounds_of_small_cases() {
        check(&[100], &[], &[(&[10], 1_000)], 10_000);
        check(&[95, 30], &[], &[(&[10, 3], 1_000), (&[5, 30], 1_000)], 9_526);
        check(&[100], &[(&[60], 600, false), (&[60], 900, false)], &[], 1_200);
        check(&[100], &[(&[60], 600, false), (&[60], 900, true)], &[], 1_300);
        check(&[10], &[(&[60], 600, true)], &[], 600);
        check(&[100], &[(&[60], 600, false)], &[(&[10], 120)], 1_080);
    }
}
