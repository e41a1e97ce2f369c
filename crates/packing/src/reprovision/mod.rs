//! Buying bins of variable size for all items, from scratch.
//!
//! For callers that may choose any number of bins from a list of shapes. It
//! refuses to know what the dimensions mean; whatever every bin carries must
//! already be taken off the capacities.

#![allow(
    clippy::needless_range_loop,
    reason = "amounts have a fixed width of which only the first `dims` entries count"
)]

mod check;
mod columns;
mod cover;
mod fit;
mod greedy;
mod load;
mod mix;
mod pricing;
mod problem;

pub use check::{verify, verify_bound};
pub use problem::{Bin, Class, MAX_DIMS, Problem, ProblemError, Shape, Solution};

use crate::bound::{Bound, PRICE_SCALE, Proof, ResourcePrices, UnlimitedBin, resource_prices};
use crate::work::{Effort, Work};
use columns::Columns;
use load::Packing;
use pricing::Pricer;
use problem::{Ready, prepare};

/// The work budget that fits an effort: measured on one core of a 2-core cloud
/// machine `Fast` answers 1 000 items within 0.1 s, `Balanced` ends within
/// about 2 s and `Best` within about 10 s; the phases inside are limited one by
/// one, so most problems end sooner.
#[must_use]
pub fn budget(effort: Effort) -> u64 {
    match effort {
        Effort::Fast => 2_000_000_000,
        Effort::Balanced => 1_000_000_000,
        Effort::Best => 8_000_000_000,
    }
}

/// Packs every item into bought bins as cheaply as the work allows.
///
/// # Errors
/// The first part of the problem that is out of range.
pub fn reprovision(
    problem: &Problem,
    effort: Effort,
    work: &mut Work<'_>,
) -> Result<Solution, ProblemError> {
    let ready = prepare(problem)?;
    let (prices, value) = continuous_bound(&ready);
    let mut bound = Bound { value, proof: Proof::Resources(prices.clone()) };
    let mut best = first_answer(&ready, &prices, work);
    if !ready.kinds.is_empty() && ready.items() > 5 * best.bins.len() as u64 {
        work.phase(QUICK_MIX + QUICK_MIX_PER_ITEM * ready.items());
        mix::shape_mix(&ready, &prices, &mut best, 1, work);
        work.phase(u64::MAX);
    }
    if effort > Effort::Fast && !ready.kinds.is_empty() {
        search(problem, &ready, &prices, effort, &mut best, &mut bound, work);
    }
    if best.missing() > 0 {
        bound = placed_bound(problem, &ready, &best);
    }
    let mut bins: Vec<Bin> = best
        .bins
        .iter()
        .map(|bin| {
            let mut contents: Vec<(u32, u32)> =
                bin.contents.iter().map(|c| (ready.kinds[c.0 as usize].origin, c.1)).collect();
            contents.sort_unstable();
            Bin { shape: ready.forms[bin.form as usize].origin, contents }
        })
        .collect();
    bins.sort_by(|a, b| (a.shape, &a.contents).cmp(&(b.shape, &b.contents)));
    let mut unplaced = ready.hopeless.clone();
    unplaced.extend(best.left_over.iter().map(|c| (ready.kinds[c.0 as usize].origin, c.1)));
    unplaced.sort_unstable();
    Ok(Solution {
        bins,
        cost: best.cost(&ready),
        unplaced,
        bound,
        found_by: best.found_by,
        work_used: work.used(),
        cancelled: work.is_cancelled(),
    })
}

/// Work units after which no further single form is tried.
const FIRST_ANSWER: u64 = 40_000_000;

/// Work units of the mix that belongs to the first answer.
const QUICK_MIX: u64 = 25_000_000;
const QUICK_MIX_PER_ITEM: u64 = 15_000;

/// Work units of the phases of an effort.
struct Phases {
    generate: u64,
    dive: u64,
    mix: u64,
    renew: u64,
    tries: u32,
}

const BALANCED: Phases = Phases {
    generate: 400_000_000,
    dive: 150_000_000,
    mix: 150_000_000,
    renew: 150_000_000,
    tries: 8,
};

const BEST: Phases = Phases {
    generate: 5_000_000_000,
    dive: 1_500_000_000,
    mix: 700_000_000,
    renew: 600_000_000,
    tries: 40,
};

/// The searches beyond the first answer.
fn search(
    problem: &Problem,
    ready: &Ready,
    prices: &ResourcePrices,
    effort: Effort,
    best: &mut Packing,
    bound: &mut Bound,
    work: &mut Work<'_>,
) {
    let phases = if effort == Effort::Best { BEST } else { BALANCED };
    let weight = mix::weights(ready, prices);
    // With few items per bin contents are worth enumerating; with many the
    // continuous cover is nearly exact and a grid is too coarse to see items.
    let per_bin = ready.items() / best.bins.len().max(1) as u64;
    let mut columns = if per_bin <= 10 || per_bin <= 30 && ready.kinds.len() <= 60 {
        Pricer::new(ready, &weight).map(|pricer| Columns::new(ready, pricer))
    } else {
        None
    };
    let mut proven = 0;
    let mix_first = per_bin > 10 || columns.is_none();
    if mix_first {
        work.phase(phases.mix);
        proven = mix::shape_mix(ready, prices, best, phases.tries, work);
    }
    if let Some(columns) = &mut columns {
        let share = if per_bin <= 10 { 1 } else { 2 };
        columns.learn(best);
        work.phase(phases.generate / share);
        let root = columns.root(&unit_values(ready, prices), work);
        work.phase(phases.dive / share);
        columns.dives(&root, best, 12, work);
        let near = best.cost(ready) - best.cost(ready) / 300 <= columns.bound;
        if !mix_first && !near {
            work.phase(phases.mix / 3);
            proven = mix::shape_mix(ready, prices, best, phases.tries, work);
        }
        work.phase(phases.renew / share);
        columns.renew(best, work);
    }
    work.phase(u64::MAX);
    if proven > bound.value {
        *bound = Bound { value: proven, proof: Proof::Cover(prices.clone()) };
    }
    if let Some(columns) = columns.filter(|columns| columns.bound > bound.value) {
        let mut duals = vec![0; problem.classes.len()];
        for (kind, &dual) in ready.kinds.iter().zip(&columns.duals) {
            duals[kind.origin as usize] = dual;
        }
        let better = Bound { value: columns.bound, proof: Proof::Contents(duals) };
        // A bound is published only after it survived its own check.
        if check::bound_holds(ready, &better) {
            *bound = better;
        }
    }
}

/// The continuous bound of the items that were placed, for when supply ran out.
fn placed_bound(problem: &Problem, ready: &Ready, best: &Packing) -> Bound {
    let mut placed = problem.clone();
    for &(class, _) in &ready.hopeless {
        placed.classes[class as usize].count = 0;
    }
    for &(kind, copies) in &best.left_over {
        let origin = ready.kinds[kind as usize].origin as usize;
        placed.classes[origin].count = placed.classes[origin].count.saturating_sub(copies);
    }
    match prepare(&placed) {
        Ok(ready) => {
            let (prices, value) = continuous_bound(&ready);
            Bound { value, proof: Proof::Resources(prices) }
        }
        Err(_) => Bound { value: 0, proof: Proof::Resources(ResourcePrices(Vec::new())) },
    }
}

fn continuous_bound(ready: &Ready) -> (ResourcePrices, i64) {
    let demand = ready.demand();
    let bins: Vec<UnlimitedBin<'_>> = ready
        .forms
        .iter()
        .map(|form| UnlimitedBin { capacity: &form.capacity[..ready.dims], cost: form.cost })
        .collect();
    let prices = resource_prices(&demand, &[], &bins);
    let bound = prices.bound(&demand, &[], &bins);
    (prices, bound)
}

/// What one item of each kind is worth at the resource prices, in whole money.
fn unit_values(ready: &Ready, prices: &ResourcePrices) -> Vec<f64> {
    let scale = PRICE_SCALE as f64;
    let worth = |kind: &problem::Kind| prices.value(&kind.demand[..ready.dims]) as f64 / scale;
    ready.kinds.iter().map(worth).collect()
}

fn first_answer(ready: &Ready, prices: &ResourcePrices, work: &mut Work<'_>) -> Packing {
    let mut best = greedy::keep_forms(ready);
    work.spend(ready.items() * 100);
    let order = greedy::by_size(ready);
    // The cheapest forms per priced content are the likely winners.
    let mut forms: Vec<(f64, u32)> = ready
        .forms
        .iter()
        .enumerate()
        .map(|(at, form)| {
            let worth = prices.value(&form.capacity[..ready.dims]) as f64;
            (form.cost as f64 / worth.max(1.0), at as u32)
        })
        .collect();
    forms.sort_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)));
    for &(_, form) in forms.iter().take(12) {
        if work.used() > FIRST_ANSWER {
            break;
        }
        let packing = greedy::one_form(ready, form, &order);
        work.spend(ready.kinds.len() as u64 * packing.bins.len() as u64 * 4);
        if packing.beats(ready, &best) {
            best = packing;
        }
    }
    let value = unit_values(ready, prices);
    let per_bin = ready.items() as usize / best.bins.len().max(1) + 1;
    if ready.kinds.len() * ready.forms.len() * per_bin * per_bin < 2_000_000 {
        let packing = greedy::best_value(ready, &value);
        work.spend((ready.kinds.len() * ready.forms.len() * 100) as u64);
        if packing.beats(ready, &best) {
            best = packing;
        }
    }
    best
}
