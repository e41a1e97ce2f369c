//! Checking a packing against its problem from the beginning.

use super::cover::{Covers, single_prices};
use super::pricing::Pricer;
use super::problem::{MAX_DIMS, Problem, Ready, Solution, prepare};
use crate::bound::{Bound, Proof, UnlimitedBin};
use crate::work::Work;

/// Nodes per shape when contents are checked exactly.
const NODES: u64 = 20_000_000;

/// Whether the bound of a solution follows from its proof, in integers only.
/// False also where the check itself would take too long.
#[must_use]
pub fn verify_bound(problem: &Problem, solution: &Solution) -> bool {
    let mut placed = problem.clone();
    for &(class, copies) in &solution.unplaced {
        let Some(facts) = placed.classes.get_mut(class as usize) else {
            return false;
        };
        facts.count = facts.count.saturating_sub(copies);
    }
    prepare(&placed).is_ok_and(|ready| bound_holds(&ready, &solution.bound))
}

/// Whether a bound on packing everything in `ready` follows from its proof.
pub(crate) fn bound_holds(ready: &Ready, bound: &Bound) -> bool {
    let dims = ready.dims;
    let demand = ready.demand();
    let bins: Vec<UnlimitedBin<'_>> = ready
        .forms
        .iter()
        .map(|form| UnlimitedBin { capacity: &form.capacity[..dims], cost: form.cost })
        .collect();
    match &bound.proof {
        Proof::Resources(prices) => {
            prices.0.len() == dims && prices.bound(&demand, &[], &bins) >= bound.value
                || bound.value == 0
        }
        Proof::Contents(duals) => contents_hold(ready, duals, bound.value),
        Proof::Cover(prices) => {
            let mut missing = [0; MAX_DIMS];
            for r in 0..dims {
                let Ok(need) = i64::try_from(demand[r]) else {
                    return false;
                };
                missing[r] = need;
            }
            if prices.0.len() != dims || !bins.iter().all(|bin| prices.respects(*bin)) {
                return false;
            }
            let mut all = single_prices(ready);
            all.push(prices.clone());
            let mut covers = Covers::new(ready, all, missing, bound.value, 2_000_000);
            covers.next(&mut Work::new(u64::MAX)).is_none() && covers.is_exhausted()
        }
    }
}

fn contents_hold(ready: &Ready, duals: &[i64], value: i64) -> bool {
    let dearest = ready.forms.iter().map(|form| form.cost).max().unwrap_or(0);
    let mut worth = Vec::with_capacity(ready.kinds.len());
    for kind in &ready.kinds {
        match duals.get(kind.origin as usize) {
            // An item alone is a filling, so more than the dearest bin is wrong;
            // refusing it also keeps all sums in range.
            Some(&dual) if (0..=dearest).contains(&dual) => worth.push(dual),
            _ => return false,
        }
    }
    let need: Vec<u32> = ready.kinds.iter().map(|kind| kind.count).collect();
    let pairs = worth.iter().zip(&need);
    let total: i128 = pairs.map(|(&w, &n)| i128::from(w) * i128::from(n)).sum();
    let weight = vec![1.0; ready.dims];
    let Some(mut pricer) = Pricer::new(ready, &weight) else {
        return false;
    };
    let costs: Vec<i64> = ready.forms.iter().map(|form| form.cost).collect();
    let all = ready.forms.len();
    let offers = pricer.price(&worth, &need, &costs, all, NODES, &mut Work::new(u64::MAX));
    total >= i128::from(value)
        && offers.iter().all(|offer| offer.most <= ready.forms[offer.form as usize].cost)
}

/// Whether every bin respects its shape, every item is placed or listed as
/// unplaced, and the cost adds up. Does not check the bound.
#[must_use]
pub fn verify(problem: &Problem, solution: &Solution) -> bool {
    let mut seen = vec![0_u64; problem.classes.len()];
    let mut bought = vec![0_u64; problem.shapes.len()];
    let mut cost = 0_i64;
    for bin in &solution.bins {
        let Some(shape) = problem.shapes.get(bin.shape as usize) else {
            return false;
        };
        bought[bin.shape as usize] += 1;
        cost = cost.saturating_add(shape.cost);
        let mut used = vec![0_i128; problem.dims];
        for &(class, copies) in &bin.contents {
            let Some(facts) = problem.classes.get(class as usize) else {
                return false;
            };
            let crowded = facts.per_bin.is_some_and(|most| copies > most);
            let clash = bin.contents.iter().any(|other| {
                facts.conflicts.contains(&other.0) && (other.0 != class || copies > 1)
            });
            if crowded || clash || !facts.allowed.contains(bin.shape) {
                return false;
            }
            seen[class as usize] += u64::from(copies);
            for (sum, &need) in used.iter_mut().zip(&facts.demand) {
                *sum += i128::from(need) * i128::from(copies);
            }
        }
        if used.iter().zip(&shape.capacity).any(|(&u, &c)| u > i128::from(c)) {
            return false;
        }
    }
    for &(class, copies) in &solution.unplaced {
        let Some(count) = seen.get_mut(class as usize) else {
            return false;
        };
        *count += u64::from(copies);
    }
    let complete = problem.classes.iter().zip(&seen).all(|(c, &n)| u64::from(c.count) == n);
    let limits = problem.shapes.iter().zip(&bought);
    let supplied = limits.clone().all(|(s, &n)| s.available.is_none_or(|a| n <= u64::from(a)));
    complete && supplied && cost == solution.cost
}
