//! The most valuable contents of one bin, for every form at once.
//!
//! A table over a coarse grid of two dimensions, demands rounded down, bounds
//! from above what any remaining classes can add to a partly filled bin. The
//! first table bounds every form at once; depth-first search with the tables
//! of the remaining classes as its bound finds exact contents. All in
//! integers, so the bounds are proofs.

use super::problem::{Amounts, Ready};
use crate::work::Work;

/// Most grid cells, and most cells over all classes.
const MOST_CELLS: usize = 20_000;
const MOST_TABLE: usize = 12_000_000;

/// What pricing says about one form.
#[derive(Debug, Clone)]
pub(crate) struct Offer {
    pub(crate) form: u32,
    /// No contents are worth more.
    pub(crate) most: i64,
    /// Contents found and their worth; empty if none beats the threshold.
    pub(crate) contents: Vec<(u32, u32)>,
    pub(crate) worth: i64,
}

/// Grid, tables and scratch for one problem.
pub(crate) struct Pricer<'r> {
    ready: &'r Ready,
    axes: [usize; 2],
    unit: [i64; 2],
    size: [usize; 2],
    /// Kinds, largest first; the order of the tables.
    order: Vec<u32>,
    tables: Vec<i64>,
    /// Kinds of the current group with value and need, in table order.
    live: Vec<(u32, i64, u32)>,
}

struct Search<'p, 'r> {
    pricer: &'p Pricer<'r>,
    form: u32,
    best: i64,
    best_counts: Vec<u32>,
    counts: Vec<u32>,
    nodes: u64,
    most_nodes: u64,
}

impl<'r> Pricer<'r> {
    /// `weight[r]` says how much dimension `r` matters; the two weightiest
    /// become the grid. `None` if the classes are too many for tables or too
    /// small for a grid to see them.
    pub(crate) fn new(ready: &'r Ready, weight: &[f64]) -> Option<Self> {
        let mut by_weight: Vec<usize> = (0..ready.dims).collect();
        by_weight.sort_by(|&a, &b| weight[b].total_cmp(&weight[a]).then(a.cmp(&b)));
        let axes = [by_weight[0], *by_weight.get(1).unwrap_or(&by_weight[0])];
        let top = axes.map(|r| ready.forms.iter().map(|f| f.capacity[r]).max().unwrap_or(0));
        let side = if axes[0] == axes[1] { [MOST_CELLS / 4, 1] } else { [140, 140] };
        let mut unit = [1_i64; 2];
        for a in 0..2 {
            unit[a] =
                if side[a] == 1 { i64::MAX } else { best_unit(ready, axes[a], top[a], side[a]) };
        }
        let size = [0, 1].map(|a| (top[a] / unit[a]) as usize + 1);
        let order = super::greedy::by_size(ready);
        let cells = size[0] * size[1];
        if cells > MOST_CELLS * 2 || cells * (ready.kinds.len() + 1) > MOST_TABLE {
            return None;
        }
        Some(Self { ready, axes, unit, size, order, tables: Vec::new(), live: Vec::new() })
    }

    /// Prices all forms: `value` per kind (>= 0), `need` per kind (contents use
    /// at most that many), and the worth a form's contents must exceed.
    /// Searches at most `most_nodes` per form, and only the `searches` forms
    /// with the highest worth per cost.
    pub(crate) fn price(
        &mut self,
        value: &[i64],
        need: &[u32],
        threshold: &[i64],
        searches: usize,
        most_nodes: u64,
        work: &mut Work<'_>,
    ) -> Vec<Offer> {
        let mut offers: Vec<Offer> = Vec::with_capacity(self.ready.forms.len());
        let groups = self.ready.forms.iter().map(|f| f.group).max().map_or(0, |g| g + 1);
        for group in 0..groups {
            let forms: Vec<u32> = (0..self.ready.forms.len() as u32)
                .filter(|&f| self.ready.forms[f as usize].group == group)
                .collect();
            self.build(&forms, value, need, work);
            let mut found: Vec<Offer> = forms
                .iter()
                .map(|&form| Offer {
                    form,
                    most: self.bound(0, &self.ready.forms[form as usize].capacity),
                    contents: Vec::new(),
                    worth: 0,
                })
                .collect();
            let ratio = |o: &Offer| o.most as f64 / self.ready.forms[o.form as usize].cost as f64;
            found.sort_by(|a, b| ratio(b).total_cmp(&ratio(a)).then(a.form.cmp(&b.form)));
            for offer in found.iter_mut().take(searches) {
                if offer.most > threshold[offer.form as usize] {
                    self.search(offer, threshold[offer.form as usize], most_nodes, work);
                }
            }
            offers.append(&mut found);
        }
        offers
    }

    fn build(&mut self, forms: &[u32], value: &[i64], need: &[u32], work: &mut Work<'_>) {
        let ready = self.ready;
        self.live.clear();
        for &kind in &self.order {
            let most = need[kind as usize].min(ready.kinds[kind as usize].per_bin);
            let open = forms.iter().any(|&form| ready.allows(kind, form));
            if value[kind as usize] > 0 && most > 0 && open {
                self.live.push((kind, value[kind as usize], most));
            }
        }
        let cells = self.size[0] * self.size[1];
        self.tables.clear();
        self.tables.resize(cells * (self.live.len() + 1), 0);
        for at in (0..self.live.len()).rev() {
            let (kind, worth, most) = self.live[at];
            let demand = &ready.kinds[kind as usize].demand;
            let step = [0, 1].map(|a| (demand[self.axes[a]] / self.unit[a]) as usize);
            let (low, high) = self.tables.split_at_mut((at + 1) * cells);
            let table = &mut low[at * cells..];
            table.copy_from_slice(&high[..cells]);
            let passes = add_copies(table, self.size, step, worth, most);
            work.spend(passes * cells as u64 / 3);
        }
    }

    /// What the kinds from `at` on can add at most with this room left.
    #[inline]
    fn bound(&self, at: usize, rest: &Amounts) -> i64 {
        let x = (rest[self.axes[0]] / self.unit[0]) as usize;
        let y = (rest[self.axes[1]] / self.unit[1]) as usize;
        self.tables[(at * self.size[0] + x) * self.size[1] + y]
    }

    fn search(&self, offer: &mut Offer, threshold: i64, most_nodes: u64, work: &mut Work<'_>) {
        let mut search = Search {
            pricer: self,
            form: offer.form,
            best: threshold,
            best_counts: Vec::new(),
            counts: vec![0; self.live.len()],
            nodes: 0,
            most_nodes,
        };
        search.go(0, &self.ready.forms[offer.form as usize].capacity, 0);
        work.spend(search.nodes * 4);
        if search.nodes < most_nodes {
            // Complete: nothing beats what was found, or the threshold.
            offer.most = offer.most.min(search.best);
        }
        if !search.best_counts.is_empty() {
            offer.worth = search.best;
            let counts = search.best_counts.iter().enumerate().filter(|c| *c.1 > 0);
            offer.contents = counts.map(|(at, &n)| (self.live[at].0, n)).collect();
        }
    }
}

impl Search<'_, '_> {
    fn go(&mut self, at: usize, rest: &Amounts, worth: i64) {
        if worth > self.best {
            self.best = worth;
            self.best_counts.clone_from(&self.counts);
        }
        let Some(&(kind, value, most)) = self.pricer.live.get(at) else {
            return;
        };
        let ready = self.pricer.ready;
        let demand = &ready.kinds[kind as usize].demand;
        let mut copies = if self.may_hold(at, kind) { most } else { 0 };
        for r in 0..ready.dims {
            if demand[r] > 0 {
                copies = copies.min(u32::try_from(rest[r] / demand[r]).unwrap_or(u32::MAX));
            }
        }
        loop {
            self.nodes += 1;
            if self.nodes >= self.most_nodes {
                break;
            }
            let mut after = *rest;
            for r in 0..ready.dims {
                after[r] -= demand[r] * i64::from(copies);
            }
            let total = worth + value * i64::from(copies);
            if total + self.pricer.bound(at + 1, &after) > self.best {
                self.counts[at] = copies;
                self.go(at + 1, &after, total);
                self.counts[at] = 0;
            }
            if copies == 0 {
                break;
            }
            copies -= 1;
        }
    }

    fn may_hold(&self, at: usize, kind: u32) -> bool {
        let ready = self.pricer.ready;
        if !ready.allows(kind, self.form) {
            return false;
        }
        let conflicts = &ready.kinds[kind as usize].conflicts;
        conflicts.is_empty()
            || !(0..at).any(|k| {
                self.counts[k] > 0 && conflicts.binary_search(&self.pricer.live[k].0).is_ok()
            })
    }
}

/// Adds up to `most` copies of one class to a table; returns the passes made.
fn add_copies(table: &mut [i64], size: [usize; 2], step: [usize; 2], worth: i64, most: u32) -> u64 {
    let [dx, dy] = step;
    let (w, h) = (size[0], size[1]);
    if dx == 0 && dy == 0 {
        // The grid cannot see the class: it may always be there in full.
        let all = worth.saturating_mul(i64::from(most));
        for cell in table.iter_mut() {
            *cell = cell.saturating_add(all);
        }
        return 1;
    }
    if dx >= w || dy >= h {
        return 0;
    }
    let fit = ((w - 1).checked_div(dx).unwrap_or(usize::MAX))
        .min((h - 1).checked_div(dy).unwrap_or(usize::MAX));
    let mut left = (most as usize).min(fit);
    let mut passes = 0;
    let mut chunk = 1;
    // Binary splitting: 1, 2, 4 … copies at a time reach every number up to
    // the limit.
    while left > 0 {
        let n = chunk.min(left);
        left -= n;
        chunk *= 2;
        passes += 1;
        let (sx, sy, gain) = (dx * n, dy * n, worth.saturating_mul(n as i64));
        if sx >= w || sy >= h {
            continue;
        }
        for x in (sx..w).rev() {
            if sx > 0 {
                let (from, to) = table.split_at_mut(x * h);
                let from = &from[(x - sx) * h..(x - sx) * h + h - sy];
                for (out, base) in to[sy..h].iter_mut().zip(from) {
                    *out = (*out).max(base + gain);
                }
            } else {
                let row = &mut table[x * h..(x + 1) * h];
                for y in (sy..h).rev() {
                    row[y] = row[y].max(row[y - sy] + gain);
                }
            }
        }
    }
    passes
}

/// A grid unit near `top / side` that cuts least off the demands.
fn best_unit(ready: &Ready, dim: usize, top: i64, side: usize) -> i64 {
    let side = side as i64;
    let mut best = (f64::INFINITY, 1);
    for cells in side * 3 / 5..=side {
        for unit in [top / cells + 1, (top / cells + 1) / 50 * 50, (top / cells + 127) / 128 * 128]
        {
            if unit < 1 || top / unit > side {
                continue;
            }
            let lost: f64 = ready
                .kinds
                .iter()
                .map(|kind| (kind.demand[dim] % unit) as f64 * f64::from(kind.count))
                .sum();
            if lost < best.0 {
                best = (lost, unit);
            }
        }
    }
    if best.0.is_finite() { best.1 } else { top / side + 1 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reprovision::problem::{Class, Problem, Shape, prepare};

    fn brute(ready: &Ready, form: u32, value: &[i64]) -> i64 {
        fn go(ready: &Ready, kind: usize, rest: Amounts, value: &[i64]) -> i64 {
            if kind == ready.kinds.len() {
                return 0;
            }
            let facts = &ready.kinds[kind];
            let mut best = 0;
            let mut rest = rest;
            for n in 0..=facts.per_bin {
                best = best.max(i64::from(n) * value[kind] + go(ready, kind + 1, rest, value));
                for r in 0..ready.dims {
                    rest[r] -= facts.demand[r];
                }
                if rest.iter().any(|&x| x < 0) {
                    break;
                }
            }
            best
        }
        go(ready, 0, ready.forms[form as usize].capacity, value)
    }

    #[test]
    fn pricing_is_exact_and_never_below_the_optimum() {
        let mut random = crate::random::Random::new(5);
        for case in 0..200 {
            let dims = 2 + case % 2;
            let class = |random: &mut crate::random::Random| Class {
                demand: (0..dims).map(|_| 1 + random.below(900) as i64).collect(),
                count: 1 + random.below(4) as u32,
                ..Class::default()
            };
            let shape = |random: &mut crate::random::Random| Shape {
                capacity: (0..dims).map(|_| 900 + random.below(2000) as i64).collect(),
                cost: 1_000 + random.below(2_000) as i64,
                available: None,
            };
            let problem = Problem {
                dims,
                classes: (0..6).map(|_| class(&mut random)).collect(),
                shapes: (0..3).map(|_| shape(&mut random)).collect(),
            };
            let ready = prepare(&problem).expect("sound");
            let value: Vec<i64> = ready.kinds.iter().map(|_| random.below(800) as i64).collect();
            let need: Vec<u32> = ready.kinds.iter().map(|k| k.count).collect();
            let mut pricer = Pricer::new(&ready, &[1.0, 0.9, 0.1]).expect("small");
            let zero = vec![0; ready.forms.len()];
            let coarse = pricer.price(&value, &need, &zero, 0, 0, &mut Work::new(u64::MAX));
            let exact = pricer.price(&value, &need, &zero, 9, u64::MAX, &mut Work::new(u64::MAX));
            for offer in coarse {
                assert!(offer.most >= brute(&ready, offer.form, &value));
            }
            for offer in exact {
                assert_eq!(offer.most, brute(&ready, offer.form, &value));
                assert_eq!(offer.worth, offer.most);
            }
        }
    }
}
