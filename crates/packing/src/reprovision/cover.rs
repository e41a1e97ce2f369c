//! Multisets of forms whose capacities add up to the total demand, cheapest
//! first.
//!
//! Best-first search: every partial multiset is ordered by its cost plus the
//! dual price of what is still uncovered, so completed covers come out in
//! ascending cost, and the key at the top of the queue is at any moment a valid
//! lower bound on every packing.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::problem::{Amounts, Ready};
use crate::bound::{PRICE_SCALE, ResourcePrices};
use crate::work::Work;

struct Partial {
    parent: u32,
    form: u32,
    cost: i64,
    missing: Amounts,
}

/// The queue of partial covers.
pub(crate) struct Covers<'r> {
    ready: &'r Ready,
    prices: Vec<ResourcePrices>,
    nodes: Vec<Partial>,
    queue: BinaryHeap<Reverse<(i64, Reverse<i64>, u32)>>,
    limit: i64,
    most: usize,
    /// Forms in branching order; the position is what `form` above stores.
    order: Vec<u32>,
}

impl<'r> Covers<'r> {
    /// Covers of `missing` that cost less than `limit`, at most `most` partial
    /// ones kept. Every entry of `prices` must be respected by all forms.
    pub(crate) fn new(
        ready: &'r Ready,
        prices: Vec<ResourcePrices>,
        missing: Amounts,
        limit: i64,
        most: usize,
    ) -> Self {
        let mut order: Vec<u32> = (0..ready.forms.len() as u32).collect();
        order.sort_by_key(|&f| Reverse(ready.forms[f as usize].cost));
        let mut covers =
            Self { ready, prices, nodes: Vec::new(), queue: BinaryHeap::new(), limit, most, order };
        covers.push(Partial { parent: u32::MAX, form: 0, cost: 0, missing });
        covers
    }

    /// The next cover as (cost, forms), in ascending cost; `None` once nothing
    /// below the limit is left or the search is too large.
    pub(crate) fn next(&mut self, work: &mut Work<'_>) -> Option<(i64, Vec<u32>)> {
        loop {
            if self.nodes.len() >= self.most {
                return None;
            }
            let Reverse((_, _, at)) = *self.queue.peek()?;
            let node = &self.nodes[at as usize];
            if node.missing.iter().all(|&m| m <= 0) {
                self.queue.pop();
                return Some((self.nodes[at as usize].cost, self.forms_of(at)));
            }
            if !work.spend(20 * self.order.len() as u64) {
                return None;
            }
            self.queue.pop();
            let (from, cost, missing) = (node.form, node.cost, node.missing);
            for position in from..self.order.len() as u32 {
                let form = &self.ready.forms[self.order[position as usize] as usize];
                let mut rest = missing;
                for r in 0..self.ready.dims {
                    rest[r] -= form.capacity[r];
                }
                self.push(Partial {
                    parent: at,
                    form: position,
                    cost: cost + form.cost,
                    missing: rest,
                });
            }
        }
    }

    /// Whether nothing below the limit is left.
    pub(crate) fn is_exhausted(&self) -> bool {
        self.queue.is_empty()
    }

    fn push(&mut self, node: Partial) {
        let dims = self.ready.dims;
        let scale = i128::from(PRICE_SCALE);
        let rest = self
            .prices
            .iter()
            .map(|p| (p.value(&node.missing[..dims]) + scale - 1) / scale)
            .max()
            .unwrap_or(0);
        let key = i128::from(node.cost) + rest;
        if key < i128::from(self.limit) {
            self.queue.push(Reverse((key as i64, Reverse(node.cost), self.nodes.len() as u32)));
            self.nodes.push(node);
        }
    }

    fn forms_of(&self, mut at: u32) -> Vec<u32> {
        let mut forms = Vec::new();
        while self.nodes[at as usize].parent != u32::MAX {
            forms.push(self.order[self.nodes[at as usize].form as usize]);
            at = self.nodes[at as usize].parent;
        }
        forms
    }
}

/// Good covers of `missing` below `limit` without a proof, cheapest first: keeps
/// only the `width` most promising partial covers of each size.
pub(crate) fn beam(
    ready: &Ready,
    prices: &[ResourcePrices],
    missing: Amounts,
    limit: i64,
    width: usize,
    work: &mut Work<'_>,
) -> Vec<(i64, Vec<u32>)> {
    let scale = i128::from(PRICE_SCALE);
    let promise = |cost: i64, missing: &Amounts| {
        let rest = prices.iter().map(|p| p.value(&missing[..ready.dims]) / scale).max();
        i128::from(cost) + rest.unwrap_or(0)
    };
    let mut covers: Vec<(i64, Vec<u32>)> = Vec::new();
    let mut front: Vec<(i128, i64, Vec<u32>, Amounts)> =
        vec![(promise(0, &missing), 0, Vec::new(), missing)];
    while !front.is_empty() && work.spend((front.len() * ready.forms.len() * 20) as u64) {
        let mut next = Vec::new();
        for (_, cost, forms, missing) in front {
            if missing.iter().all(|&m| m <= 0) {
                covers.push((cost, forms));
                continue;
            }
            // Dearest first and then never dearer: every multiset once.
            let top = forms.last().copied().unwrap_or(ready.forms.len() as u32 - 1);
            for form in 0..=top {
                let mut rest = missing;
                for r in 0..ready.dims {
                    rest[r] -= ready.forms[form as usize].capacity[r];
                }
                let cost = cost + ready.forms[form as usize].cost;
                let key = promise(cost, &rest);
                if key < i128::from(limit) {
                    next.push((key, cost, forms.clone(), rest, form));
                }
            }
        }
        next.sort_by(|a, b| (a.0, b.1, a.4).cmp(&(b.0, a.1, b.4)));
        next.truncate(width);
        front = next
            .into_iter()
            .map(|(key, cost, mut forms, rest, form)| {
                forms.push(form);
                (key, cost, forms, rest)
            })
            .collect();
    }
    covers.sort();
    covers
}

/// For every dimension alone, the best price all forms respect.
pub(crate) fn single_prices(ready: &Ready) -> Vec<ResourcePrices> {
    let one = |r: usize| {
        let mut price = vec![0_i64; ready.dims];
        let offers = ready.forms.iter().filter(|form| form.capacity[r] > 0);
        let least = offers
            .map(|form| {
                i128::from(form.cost) * i128::from(PRICE_SCALE) / i128::from(form.capacity[r])
            })
            .min();
        price[r] = least.map_or(0, |p| i64::try_from(p).unwrap_or(i64::MAX));
        ResourcePrices(price)
    };
    (0..ready.dims).map(one).collect()
}
