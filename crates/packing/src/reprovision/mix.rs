//! Choosing how many bins of each form to buy from the continuous cover, then
//! fitting everything into them.
//!
//! Works where items are many, small and all different: the continuous cover is
//! then nearly reachable, and what remains is to fill given bins tightly.

use super::cover::{Covers, beam, single_prices};
use super::fit::Fitter;
use super::load::{Load, Packing};
use super::problem::{Amounts, MAX_DIMS, Ready};
use crate::bound::{PRICE_SCALE, ResourcePrices};
use crate::random::Random;
use crate::simplex::{Lp, Sense};
use crate::work::Work;

/// Shares by which the demand is inflated before bins are chosen.
const SLACKS: [f64; 13] =
    [0.0, 0.001, 0.002, 0.003, 0.0045, 0.006, 0.008, 0.011, 0.015, 0.021, 0.03, 0.05, 0.08];

/// Below this many items every mix is worth exchanges from the start.
const FEW_ITEMS: u64 = 300;

/// Tries mixes of forms; the cheapest complete packing is kept in `best`.
/// Returns a lower bound from the cheapest cover (0 if none was proven).
pub(crate) fn shape_mix(
    ready: &Ready,
    prices: &ResourcePrices,
    best: &mut Packing,
    tries: u32,
    work: &mut Work<'_>,
) -> i64 {
    let total = ready.demand();
    if total.iter().any(|&d| d > 1 << 61) || ready.forms.is_empty() || ready.any_limit {
        return 0;
    }
    let mut all_prices = single_prices(ready);
    all_prices.push(prices.clone());
    let mut mix = Mix {
        ready,
        prices: all_prices,
        fitter: Fitter::new(ready, &weights(ready, prices)),
        need: ready.kinds.iter().map(|kind| kind.count).collect(),
        total: total.iter().map(|&d| d as f64).collect(),
        random: Random::new(11),
        proven: 0,
    };
    if ready.items() <= FEW_ITEMS {
        for slack in SLACKS {
            mix.attempt(slack, tries, true, best, work);
        }
        return mix.proven;
    }
    // First a slack that needs no exchanges, then back down with them. A
    // single try has no time for slacks that rarely succeed.
    let first = if tries == 1 { 4 } else { 0 };
    let quick = (first..SLACKS.len()).find(|&at| mix.attempt(SLACKS[at], 1, false, best, work));
    let mut failed = 0;
    for at in (first..quick.unwrap_or(SLACKS.len())).rev() {
        if mix.attempt(SLACKS[at], tries.div_ceil(8), true, best, work) {
            failed = 0;
        } else {
            failed += 1;
        }
        if failed == 3 {
            break;
        }
    }
    mix.proven
}

struct Mix<'r> {
    ready: &'r Ready,
    prices: Vec<ResourcePrices>,
    fitter: Fitter<'r>,
    need: Vec<u32>,
    total: Vec<f64>,
    random: Random,
    proven: i64,
}

impl Mix<'_> {
    /// Tries up to `tries` covers of the demand inflated by `slack`; true if
    /// one of them held everything.
    fn attempt(
        &mut self,
        slack: f64,
        tries: u32,
        exchange: bool,
        best: &mut Packing,
        work: &mut Work<'_>,
    ) -> bool {
        let ready = self.ready;
        let mut missing: Amounts = [0; MAX_DIMS];
        for r in 0..ready.dims {
            missing[r] = (self.total[r] * (1.0 + slack)).ceil() as i64;
        }
        let base = whole_part(ready, &missing);
        for &form in &base {
            for r in 0..ready.dims {
                missing[r] -= ready.forms[form as usize].capacity[r];
            }
        }
        let fixed: i64 = base.iter().map(|&f| ready.forms[f as usize].cost).sum();
        let least = self
            .prices
            .iter()
            .map(|p| (p.value(&missing[..ready.dims]) / i128::from(PRICE_SCALE)) as i64);
        let least = least.max().unwrap_or(0);
        let limit = best.cost(ready).saturating_sub(fixed);
        let whole = fixed.saturating_add(least);
        let small = ready.items() <= FEW_ITEMS;
        let plain = slack == 0.0 && base.is_empty() && small;
        let mut covers = Vec::new();
        // A narrow window of costs first keeps the queue small.
        for window in [whole / 300, whole / 60, i64::MAX / 4] {
            let limit = limit.min(least.saturating_add(window));
            let most = if small { 400_000 } else { 60_000 };
            covers = self.exact_covers(missing, limit, tries, plain, most, work);
            if !covers.is_empty() || !small || work.is_spent() {
                break;
            }
        }
        if covers.is_empty() {
            let limit = limit.min(least.saturating_add(limit / 10 + 1));
            covers = beam(ready, &self.prices, missing, limit, 30, work);
        }
        let mut failed_cost = 0;
        for (attempt, (cost, forms)) in covers.iter().take(tries as usize).enumerate() {
            // A cover that costs the same as one that failed is rarely better.
            if *cost == failed_cost && attempt % 4 != 0 {
                continue;
            }
            failed_cost = *cost;
            let forms = base.iter().chain(forms);
            let bins: Vec<Load> = forms.map(|&form| Load::empty(ready, form)).collect();
            if self.fill(&bins, exchange, best, work) {
                return true;
            }
            if work.is_spent() {
                return false;
            }
        }
        false
    }

    /// The cheapest covers in order; the first of the plain demand is a bound.
    fn exact_covers(
        &mut self,
        missing: Amounts,
        limit: i64,
        tries: u32,
        plain: bool,
        most: usize,
        work: &mut Work<'_>,
    ) -> Vec<(i64, Vec<u32>)> {
        let mut search = Covers::new(self.ready, self.prices.clone(), missing, limit, most);
        let mut covers: Vec<(i64, Vec<u32>)> = Vec::new();
        while covers.len() < tries as usize {
            match search.next(work) {
                Some(cover) => covers.push(cover),
                None => break,
            }
        }
        if plain {
            // Nothing below the limit is as good a proof as a cheapest cover.
            let none = if search.is_exhausted() { limit } else { 0 };
            self.proven = self.proven.max(covers.first().map_or(none, |first| first.0));
        }
        covers
    }

    fn fill(
        &mut self,
        bins: &[Load],
        exchange: bool,
        best: &mut Packing,
        work: &mut Work<'_>,
    ) -> bool {
        let ready = self.ready;
        let near = if exchange { 40 + ready.items() / 200 } else { 8 };
        for noise in [0.0, 0.15, 0.1] {
            let mut packing =
                self.fitter.fit(bins.to_vec(), &self.need, noise, &mut self.random, work);
            // Exchanges place some dozens of small items, not hundreds.
            if packing.missing() <= near {
                self.fitter.squeeze(&mut packing, if exchange { 4 } else { 1 }, work);
            }
            if packing.left_over.is_empty() {
                packing.shrink(ready);
                if packing.beats(ready, best) {
                    *best = packing;
                }
                return true;
            }
        }
        false
    }
}

/// Cost share of every dimension under the prices.
pub(crate) fn weights(ready: &Ready, prices: &ResourcePrices) -> Vec<f64> {
    let demand = ready.demand();
    let share: Vec<f64> =
        prices.0.iter().zip(&demand).map(|(&p, &d)| p as f64 * d as f64).collect();
    let sum = share.iter().sum::<f64>().max(1e-9);
    // A little weight for free dimensions keeps them from filling up unseen.
    share.iter().map(|s| s / sum + 0.02).collect()
}

/// The whole parts of the continuous cover's solution, less two bins of the
/// costliest form, whose room the integer search may use better.
fn whole_part(ready: &Ready, missing: &Amounts) -> Vec<u32> {
    let dims = ready.dims;
    let mut scale = [1.0_f64; MAX_DIMS];
    for form in &ready.forms {
        for r in 0..dims {
            scale[r] = scale[r].max(form.capacity[r] as f64);
        }
    }
    let dearest = ready.forms.iter().map(|f| f.cost).max().unwrap_or(1) as f64;
    let rows: Vec<(Sense, f64)> =
        (0..dims).map(|r| (Sense::AtLeast, missing[r] as f64 / scale[r])).collect();
    let mut lp = Lp::new(&rows, &vec![100.0; dims]);
    for form in &ready.forms {
        let entries: Vec<(u32, f64)> = (0..dims)
            .filter(|&r| form.capacity[r] > 0)
            .map(|r| (r as u32, form.capacity[r] as f64 / scale[r]))
            .collect();
        lp.add(form.cost as f64 / dearest, f64::INFINITY, &entries);
    }
    lp.primal(&mut Work::new(10_000_000));
    let mut forms: Vec<u32> = Vec::new();
    for (column, value) in lp.solution() {
        if column >= 2 * dims {
            let whole = (value + 1e-7).floor() as usize;
            forms.extend(std::iter::repeat_n((column - 2 * dims) as u32, whole));
        }
    }
    forms.sort_by_key(|&f| ready.forms[f as usize].cost);
    forms.truncate(forms.len().saturating_sub(2));
    forms
}
