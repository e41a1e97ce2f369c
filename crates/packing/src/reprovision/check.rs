//! Checking a packing against its problem from the beginning.

use super::problem::{Problem, Solution};

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
