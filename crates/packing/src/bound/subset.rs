//! A bound from whole bins: the cheapest choice of existing and new bins whose
//! capacities add up to the demand.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::{ExistingBin, PRICE_SCALE, ResourcePrices, UnlimitedBin};

/// Identical optional bins.
struct Group {
    capacity: Vec<i64>,
    cost: i64,
    count: i64,
    /// `min(0, cost − price of the capacity)`, scaled.
    gain: i128,
}

/// No choice of bins that contains all that must stay and covers `demand` in
/// every dimension costs less than the returned value, which is at most
/// `ceiling`. `prices`, which every unlimited bin respects, guide the search and
/// affect only how far it gets; at most `most` partial choices are looked at.
///
/// Best-first over groups of identical bins; the key of a partial subset is its
/// cost plus the priced remainder less what the undecided bins could still
/// save, so the smallest key in the queue is a valid bound at any moment. A
/// second program checks a value by showing that every branch ends with a key
/// of at least the value before the demand is covered.
#[must_use]
pub fn subset_bound(
    demand: &[i128],
    (existing, unlimited): (&[ExistingBin<'_>], &[UnlimitedBin<'_>]),
    prices: &ResourcePrices,
    ceiling: i64,
    most: usize,
) -> i64 {
    let sound = prices.0.len() == demand.len()
        && prices.0.iter().all(|&p| p >= 0)
        && unlimited.iter().all(|bin| prices.respects(*bin));
    if !sound {
        return 0;
    }
    let scale = i128::from(PRICE_SCALE);
    let mut missing: Vec<i128> = demand.to_vec();
    let mut paid = 0_i128;
    let mut optional: Vec<(&[i64], i64)> = Vec::new();
    for bin in existing {
        if bin.must_stay {
            paid += i128::from(bin.cost);
            for (sum, &c) in missing.iter_mut().zip(bin.capacity) {
                *sum -= i128::from(c.max(0));
            }
        } else {
            optional.push((bin.capacity, bin.cost));
        }
    }
    optional.sort_unstable();
    let mut groups: Vec<Group> = optional
        .chunk_by(|a, b| a == b)
        .map(|same| Group {
            capacity: same[0].0.iter().map(|&c| c.max(0)).collect(),
            cost: same[0].1,
            count: same.len() as i64,
            gain: (i128::from(same[0].1) * scale - prices.value(same[0].0)).min(0),
        })
        .collect();
    groups.extend(undominated(unlimited).map(|bin| {
        let needed = missing.iter().zip(bin.capacity).filter(|(_, c)| **c > 0);
        let needed = needed.map(|(&m, &c)| (m.max(0) + i128::from(c) - 1) / i128::from(c)).max();
        let affordable = ceiling.checked_div(bin.cost).unwrap_or(i64::MAX);
        let count = needed.map_or(0, |n| i64::try_from(n).unwrap_or(i64::MAX));
        Group {
            capacity: bin.capacity.to_vec(),
            cost: bin.cost,
            count: count.min(affordable),
            gain: 0,
        }
    }));
    // Large groups and dear bins first: they decide most.
    groups.sort_by_key(|g| Reverse(i128::from(g.cost) * i128::from(g.count)));
    let mut gains = vec![0_i128; groups.len() + 1];
    for at in (0..groups.len()).rev() {
        gains[at] = gains[at + 1] + groups[at].gain * i128::from(groups[at].count);
    }
    let key = |at: usize, cost: i128, missing: &[i128]| {
        let pairs = prices.0.iter().zip(missing);
        let rest = pairs.fold(gains[at], |sum, (&p, &m)| {
            sum.saturating_add(i128::from(p).saturating_mul(m.max(0)))
        });
        cost + rest.max(0).div_euclid(scale)
    };
    let mut nodes: Vec<(usize, i128, Vec<i128>)> = vec![(0, paid, missing)];
    let first = key(0, paid, &nodes[0].2);
    let mut queue = BinaryHeap::from([Reverse((first, Reverse(0_usize), 0_usize))]);
    while let Some(&Reverse((bound, _, index))) = queue.peek() {
        if bound >= i128::from(ceiling) || nodes.len() > most {
            return i64::try_from(bound).unwrap_or(i64::MAX).min(ceiling);
        }
        queue.pop();
        let (at, cost, missing) = nodes[index].clone();
        if missing.iter().all(|&m| m <= 0) {
            return i64::try_from(cost).unwrap_or(i64::MAX).min(ceiling);
        }
        let Some(group) = groups.get(at) else {
            // Nothing left to add: this branch covers nothing.
            continue;
        };
        let mut rest = missing;
        let mut total = cost;
        for _ in 0..=group.count {
            let key = key(at + 1, total, &rest).max(bound);
            if key < i128::from(ceiling) {
                queue.push(Reverse((key, Reverse(at + 1), nodes.len())));
                nodes.push((at + 1, total, rest.clone()));
            }
            if rest.iter().all(|&m| m <= 0) {
                break;
            }
            total += i128::from(group.cost);
            for (r, &c) in rest.iter_mut().zip(&group.capacity) {
                *r -= i128::from(c);
            }
        }
    }
    ceiling
}

/// Bins of which none is at least as large and at most as dear as another.
fn undominated<'b>(bins: &'b [UnlimitedBin<'b>]) -> impl Iterator<Item = &'b UnlimitedBin<'b>> {
    let as_good = |one: &UnlimitedBin<'_>, other: &UnlimitedBin<'_>| {
        one.cost <= other.cost && one.capacity.iter().zip(other.capacity).all(|(a, b)| a >= b)
    };
    bins.iter().enumerate().filter_map(move |(at, bin)| {
        let replaced = bins.iter().enumerate().any(|(place, other)| {
            // Of two that are alike the first stays.
            place != at && as_good(other, bin) && (place < at || !as_good(bin, other))
        });
        (!replaced).then_some(bin)
    })
}
