//! Choosing how many bins of each form to buy from the continuous cover, then
//! fitting everything into them.
//!
//! Works where items are many, small and all different: the continuous cover is
//! then nearly reachable, and what remains is to fill given bins tightly.

use super::cover::{Covers, single_prices};
use super::fit::{Fitter, Score};
use super::load::{Load, Packing};
use super::problem::{Amounts, MAX_DIMS, Ready};
use crate::bound::ResourcePrices;
use crate::random::Random;
use crate::simplex::{Lp, Sense};
use crate::work::Work;

/// Tries mixes with growing slack; returns the cheapest complete packing and a
/// lower bound from exhausted covers (0 if none).
pub(crate) fn shape_mix(
    ready: &Ready,
    prices: &ResourcePrices,
    best: &mut Packing,
    tries: u32,
    work: &mut Work<'_>,
) -> i64 {
    let weight = weights(ready, prices);
    let fitter = Fitter::new(ready, &weight);
    let need: Vec<u32> = ready.kinds.iter().map(|kind| kind.count).collect();
    let mut random = Random::new(11);
    let mut all_prices = single_prices(ready);
    all_prices.push(prices.clone());
    let mut proven = 0;
    let total = ready.demand();
    if total.iter().any(|&d| d > 1 << 61) || ready.forms.is_empty() || ready.any_limit {
        return 0;
    }
    // Slack steps: 0, then doubling-ish from 0.1 % to 5 %.
    for slack in [
        0.0, 0.001, 0.002, 0.003, 0.005, 0.007, 0.01, 0.014, 0.019, 0.026, 0.035, 0.05,
    ] {
        if work.is_spent() {
            break;
        }
        let mut missing: Amounts = [0; MAX_DIMS];
        for r in 0..ready.dims {
            missing[r] = (total[r] as f64 * (1.0 + slack)).ceil() as i64;
        }
        let base = whole_part(ready, &missing);
        for &form in &base {
            for r in 0..ready.dims {
                missing[r] -= ready.forms[form as usize].capacity[r];
            }
        }
        let fixed: i64 = base.iter().map(|&f| ready.forms[f as usize].cost).sum();
        let limit = best.cost(ready) - fixed;
        let mut covers = Covers::new(ready, all_prices.clone(), missing, limit, 200_000);
        let mut failed_cost = 0;
        for attempt in 0..tries {
            let Some((cost, forms)) = covers.next(work) else {
                break;
            };
            if slack == 0.0 && base.is_empty() && attempt == 0 {
                proven = cost;
            }
            // A cover that costs the same as one that failed is rarely better.
            if cost == failed_cost && attempt % 4 != 0 {
                continue;
            }
            failed_cost = cost;
            let bins: Vec<Load> = base
                .iter()
                .chain(&forms)
                .map(|&form| Load::empty(ready, form))
                .collect();
            for (score, noise) in [
                (Score::Cosine, 0.0),
                (Score::Tight, 0.0),
                (Score::Cosine, 0.15),
            ] {
                let mut packing = fitter.fit(bins.clone(), &need, score, noise, &mut random, work);
                if packing.missing() * 12 < ready.items() + 24 {
                    fitter.squeeze(&mut packing, 4, work);
                }
                if packing.left_over.is_empty() {
                    packing.shrink(ready);
                    if packing.beats(ready, best) {
                        *best = packing;
                    }
                    break;
                }
            }
            if best.cost(ready) <= fixed + cost || work.is_spent() {
                break;
            }
        }
    }
    proven
}

/// Cost share of every dimension under the prices.
pub(crate) fn weights(ready: &Ready, prices: &ResourcePrices) -> Vec<f64> {
    let demand = ready.demand();
    let share: Vec<f64> = prices
        .0
        .iter()
        .zip(&demand)
        .map(|(&p, &d)| p as f64 * d as f64)
        .collect();
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
    let rows: Vec<(Sense, f64)> = (0..dims)
        .map(|r| (Sense::AtLeast, missing[r] as f64 / scale[r]))
        .collect();
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
