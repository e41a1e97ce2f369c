//! Placing all items into a given list of bins: largest first where the demand
//! points, then chains of ejections for what found no room.

use super::load::{Load, Packing};
use super::problem::{MAX_DIMS, Ready};
use crate::random::Random;
use crate::work::Work;

/// Fixed reciprocal scales and the item order of one problem.
pub(crate) struct Fitter<'r> {
    ready: &'r Ready,
    scale: [f64; MAX_DIMS],
    /// Kinds, largest first.
    order: Vec<u32>,
    size: Vec<f64>,
}

impl<'r> Fitter<'r> {
    /// `weight[r]`: how much dimension `r` matters (its share of the cost).
    pub(crate) fn new(ready: &'r Ready, weight: &[f64]) -> Self {
        let demand = ready.demand();
        let mut scale = [0.0; MAX_DIMS];
        for r in 0..ready.dims {
            scale[r] = weight[r] / (demand[r] as f64).max(1.0);
        }
        let size: Vec<f64> = ready
            .kinds
            .iter()
            .map(|kind| {
                let shares = (0..ready.dims).map(|r| kind.demand[r] as f64 * scale[r]);
                shares.clone().sum::<f64>() + shares.fold(0.0, f64::max)
            })
            .collect();
        let mut order: Vec<u32> = (0..ready.kinds.len() as u32).collect();
        order.sort_by(|&a, &b| size[b as usize].total_cmp(&size[a as usize]).then(a.cmp(&b)));
        Self { ready, scale, order, size }
    }

    /// Size of a kind in the measure used for ordering.
    pub(crate) fn size(&self, kind: u32) -> f64 {
        self.size[kind as usize]
    }

    /// Places `items` (kind, copies) into `bins`; what is left over is in the
    /// packing. `noise` shakes the order (0 for none).
    pub(crate) fn fit(
        &self,
        bins: Vec<Load>,
        need: &[u32],
        noise: f64,
        random: &mut Random,
        work: &mut Work<'_>,
    ) -> Packing {
        let ready = self.ready;
        let mut packing = Packing { bins, left_over: Vec::new(), found_by: "shape mix" };
        let mut order: Vec<u32> =
            self.order.iter().copied().filter(|&k| need[k as usize] > 0).collect();
        if noise > 0.0 {
            let mut keyed: Vec<(f64, u32)> = order
                .iter()
                .map(|&k| (self.size(k) * (noise * random.normal()).exp(), k))
                .collect();
            keyed.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
            order = keyed.into_iter().map(|pair| pair.1).collect();
        }
        let cost = (packing.bins.len() * 4 + 1) as u64;
        for kind in order {
            for copy in 0..need[kind as usize] {
                work.spend(cost);
                match self.best_bin(&packing.bins, kind) {
                    Some(bin) => packing.bins[bin].put(ready, kind, 1),
                    None => {
                        packing.left_over.push((kind, need[kind as usize] - copy));
                        break;
                    }
                }
            }
        }
        packing
    }

    /// The bin whose remaining room points most nearly where the demand does.
    fn best_bin(&self, bins: &[Load], kind: u32) -> Option<usize> {
        let demand = &self.ready.kinds[kind as usize].demand;
        let mut best: Option<(f64, usize)> = None;
        for (at, bin) in bins.iter().enumerate() {
            if !bin.takes(self.ready, kind) {
                continue;
            }
            let (mut dot, mut own) = (0.0, 1e-30);
            for r in 0..self.ready.dims {
                let (d, f) = (demand[r] as f64 * self.scale[r], bin.rest[r] as f64 * self.scale[r]);
                dot += d * f;
                own += f * f;
            }
            let value = dot / own.sqrt();
            if best.is_none_or(|b| value > b.0) {
                best = Some((value, at));
            }
        }
        best.map(|b| b.1)
    }

    /// Tries to place what is left over by moving items between bins: the
    /// left-over item enters a bin, one or two smaller ones leave it and find
    /// room elsewhere, or stay over if they are smaller in all.
    pub(crate) fn squeeze(&self, packing: &mut Packing, rounds: u32, work: &mut Work<'_>) {
        for _ in 0..rounds {
            if packing.left_over.is_empty() {
                return;
            }
            let mut over: Vec<u32> = Vec::new();
            for &(kind, copies) in &packing.left_over {
                over.extend(std::iter::repeat_n(kind, copies as usize));
            }
            over.sort_by(|&a, &b| self.size(b).total_cmp(&self.size(a)).then(a.cmp(&b)));
            let mut rest: Vec<u32> = Vec::new();
            let mut progress = false;
            for kind in over {
                if work.is_spent() || rest.len() > 40 {
                    rest.push(kind);
                    continue;
                }
                match self.insert_by_exchange(packing, kind, work) {
                    Some(out) => {
                        progress = true;
                        rest.extend(out);
                    }
                    None => rest.push(kind),
                }
            }
            rest.sort_unstable();
            packing.left_over =
                rest.chunk_by(|a, b| a == b).map(|c| (c[0], c.len() as u32)).collect();
            if !progress {
                return;
            }
        }
    }

    /// Inserts one item; the inner `Option` is a smaller item that had to leave.
    fn insert_by_exchange(
        &self,
        packing: &mut Packing,
        kind: u32,
        work: &mut Work<'_>,
    ) -> Option<Option<u32>> {
        let ready = self.ready;
        if let Some(bin) = self.best_bin(&packing.bins, kind) {
            packing.bins[bin].put(ready, kind, 1);
            return Some(None);
        }
        let mut smallest: Option<(f64, usize, u32)> = None;
        for at in 0..packing.bins.len() {
            let contents = packing.bins[at].contents.clone();
            work.spend(contents.len() as u64 * 8);
            for &(out, _) in &contents {
                if out == kind {
                    continue;
                }
                packing.bins[at].take(ready, out);
                let enters = packing.bins[at].takes(ready, kind);
                if enters {
                    work.spend(packing.bins.len() as u64 * 4);
                    packing.bins[at].put(ready, kind, 1);
                    if let Some(to) = self.best_bin(&packing.bins, out) {
                        packing.bins[to].put(ready, out, 1);
                        return Some(None);
                    }
                    let size = self.size(out);
                    if size < self.size(kind) * 0.999 && smallest.is_none_or(|s| size < s.0) {
                        smallest = Some((size, at, out));
                    }
                    packing.bins[at].take(ready, kind);
                }
                packing.bins[at].put(ready, out, 1);
            }
        }
        let (_, at, out) = smallest?;
        packing.bins[at].take(ready, out);
        packing.bins[at].put(ready, kind, 1);
        Some(Some(out))
    }
}
