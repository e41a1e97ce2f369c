//! Column generation over bin contents, and diving to whole bins.
//!
//! The master program covers every class by columns (a form with contents);
//! its duals price new columns. At any moment scaling the duals until no bin
//! is worth more than it costs gives a valid bound (Farley 1990); duals are
//! smoothed towards the best ones known (Wentges 1997). Whole bins come from
//! diving: take the whole parts, round up the fullest remainder, price again.

use std::collections::BTreeSet;

use super::load::{Load, Packing};
use super::pricing::{Offer, Pricer};
use super::problem::Ready;
use crate::random::Random;
use crate::simplex::{Lp, Sense};
use crate::work::Work;

/// Share of the best known duals in the point that is priced.
const SMOOTHING: f64 = 0.3;
/// Work of one run of column generation at most, by phase.
const NODES_PER_SEARCH: u64 = 20_000;

/// A form with contents that fit it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Column {
    form: u32,
    contents: Vec<(u32, u32)>,
}

/// The pool of columns and the best proof so far.
pub(crate) struct Columns<'r> {
    ready: &'r Ready,
    pricer: Pricer<'r>,
    pool: Vec<Column>,
    known: BTreeSet<Column>,
    /// Duals that every bin respects, and the bound they give.
    pub(crate) duals: Vec<i64>,
    pub(crate) bound: i64,
}

/// A master program over the pool for some remaining needs.
#[derive(Clone)]
pub(crate) struct Master {
    lp: Lp,
    /// Pool index of the first column not yet in the program.
    loaded: usize,
    need: Vec<u32>,
    supply: Vec<u32>,
    limited: Vec<u32>,
}

impl<'r> Columns<'r> {
    /// An empty pool.
    pub(crate) fn new(ready: &'r Ready, pricer: Pricer<'r>) -> Self {
        Self {
            ready,
            pricer,
            pool: Vec::new(),
            known: BTreeSet::new(),
            duals: vec![0; ready.kinds.len()],
            bound: 0,
        }
    }

    /// Adds the bins of a packing to the pool.
    pub(crate) fn learn(&mut self, packing: &Packing) {
        for bin in &packing.bins {
            self.add(bin.form, bin.contents.clone());
        }
    }

    /// Solves the continuous program over everything, improving `bound`.
    /// `value`: first guess of what each kind is worth, in whole money.
    pub(crate) fn root(&mut self, value: &[f64], work: &mut Work<'_>) -> Master {
        let need: Vec<u32> = self.ready.kinds.iter().map(|kind| kind.count).collect();
        let supply: Vec<u32> = self.ready.forms.iter().map(|form| form.available).collect();
        let mut root = self.master(need, supply);
        let mut start: Vec<f64> = value.iter().map(|v| v / SCALE).collect();
        start.resize(self.ready.kinds.len() + root.limited.len(), 0.0);
        self.generate(&mut root, 5_000, Some(start), work);
        root
    }

    /// Dives from the root up to `most` times; the best packing is kept.
    pub(crate) fn dives(
        &mut self,
        root: &Master,
        best: &mut Packing,
        most: u32,
        work: &mut Work<'_>,
    ) {
        let mut random = Random::new(23);
        for dive in 0..most {
            if work.is_spent() || best.left_over.is_empty() && best.cost(self.ready) <= self.bound {
                return;
            }
            let shake = if dive == 0 { 0.0 } else { 0.15 + 0.05 * f64::from(dive % 6) };
            let limit = if best.left_over.is_empty() { best.cost(self.ready) } else { i64::MAX };
            if let Some(packing) = self.dive(root.clone(), limit, shake, &mut random, work)
                && packing.beats(self.ready, best)
            {
                *best = packing;
            }
        }
    }

    /// Frees random groups of bins and dives for their contents again, until
    /// the work ends or the bound is met.
    pub(crate) fn renew(&mut self, best: &mut Packing, work: &mut Work<'_>) {
        let mut random = Random::new(37);
        let waste = |bin: &Load, duals: &[i64], ready: &Ready| {
            let worth: i64 =
                bin.contents.iter().map(|c| duals[c.0 as usize] * i64::from(c.1)).sum();
            (ready.forms[bin.form as usize].cost - worth) as f64
        };
        let mut size = 12_usize;
        while !work.is_spent() && best.left_over.is_empty() && best.cost(self.ready) > self.bound {
            work.spend(best.bins.len() as u64 * 10 + 1000);
            // Wasteful bins first, with enough noise to try every mixture.
            let mut keyed: Vec<(f64, usize)> = best
                .bins
                .iter()
                .enumerate()
                .map(|(at, bin)| {
                    let lost = waste(bin, &self.duals, self.ready).max(1.0);
                    (lost.ln() + 2.5 * random.normal(), at)
                })
                .collect();
            keyed.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
            let mut out: Vec<usize> = keyed.iter().take(size).map(|k| k.1).collect();
            out.sort_unstable();
            if !self.renew_once(best, &out, &mut random, work) {
                size = 8 + random.below(40);
            }
        }
    }

    fn renew_once(
        &mut self,
        best: &mut Packing,
        out: &[usize],
        random: &mut Random,
        work: &mut Work<'_>,
    ) -> bool {
        let mut need = vec![0_u32; self.ready.kinds.len()];
        let mut kept = Packing::default();
        let mut freed = 0_i64;
        for (at, bin) in best.bins.iter().enumerate() {
            if out.binary_search(&at).is_ok() {
                for c in &bin.contents {
                    need[c.0 as usize] += c.1;
                }
                freed += self.ready.forms[bin.form as usize].cost;
                self.add(bin.form, bin.contents.clone());
            } else {
                kept.bins.push(bin.clone());
            }
        }
        let supply = kept.supply(self.ready);
        let mut master = self.master(need, supply);
        self.generate(&mut master, 30, None, work);
        match self.dive(master, freed, 0.15, random, work) {
            Some(packing) => {
                kept.bins.extend(packing.bins);
                best.bins = kept.bins;
                best.found_by = "columns";
                true
            }
            None => false,
        }
    }

    fn add(&mut self, form: u32, mut contents: Vec<(u32, u32)>) -> bool {
        contents.sort_unstable();
        let column = Column { form, contents };
        if !column.contents.is_empty() && self.known.insert(column.clone()) {
            self.pool.push(column);
            return true;
        }
        false
    }

    fn master(&self, need: Vec<u32>, supply: Vec<u32>) -> Master {
        let limited: Vec<u32> = (0..self.ready.forms.len() as u32)
            .filter(|&form| self.ready.forms[form as usize].available != u32::MAX)
            .collect();
        let mut rows: Vec<(Sense, f64)> =
            need.iter().enumerate().map(|(kind, &n)| (Sense::AtLeast, shaken(kind, n))).collect();
        rows.extend(limited.iter().map(|&f| (Sense::AtMost, f64::from(supply[f as usize]))));
        let dearest = self.ready.forms.iter().map(|f| f.cost).max().unwrap_or(1);
        let penalty = vec![dearest as f64 / SCALE * 3.0; rows.len()];
        let mut master = Master { lp: Lp::new(&rows, &penalty), loaded: 0, need, supply, limited };
        self.load(&mut master);
        master
    }

    /// Brings the columns found since into the program.
    fn load(&self, master: &mut Master) {
        for column in &self.pool[master.loaded..] {
            let mut entries: Vec<(u32, f64)> =
                column.contents.iter().map(|c| (c.0, f64::from(c.1))).collect();
            if let Some(row) = master.limited.iter().position(|&f| f == column.form) {
                entries.push(((self.ready.kinds.len() + row) as u32, 1.0));
            }
            let cost = self.ready.forms[column.form as usize].cost as f64 / SCALE;
            master.lp.add(cost, f64::INFINITY, &entries);
        }
        master.loaded = self.pool.len();
    }

    /// Adds columns until none improves the continuous program; true if that
    /// was reached. At the root every pricing also gives a bound.
    fn generate(
        &mut self,
        master: &mut Master,
        rounds: u32,
        start: Option<Vec<f64>>,
        work: &mut Work<'_>,
    ) -> bool {
        let root = start.is_some();
        let kinds = self.ready.kinds.len();
        let mut center = start;
        // Many classes: the first programs know little, the center more.
        let smoothing = if kinds > 150 { 0.6 } else { SMOOTHING };
        let mut smooth = root;
        for round in 0..rounds {
            self.load(master);
            if !master.lp.primal(work) {
                return false;
            }
            let duals: Vec<f64> = master.lp.duals().to_vec();
            let point: Vec<f64> = match (&center, smooth) {
                (Some(center), true) => duals
                    .iter()
                    .zip(center)
                    .map(|(d, c)| (1.0 - smoothing) * d + smoothing * c)
                    .collect(),
                _ => duals.clone(),
            };
            let value: Vec<i64> = point[..kinds].iter().map(|&d| self.in_money(d)).collect();
            let threshold = self.thresholds(&point[kinds..], &master.limited);
            let need = if root { self.full_need() } else { master.need.clone() };
            let searches = if round % 4 == 3 || kinds > 150 { 64 } else { 10 };
            let offers =
                self.pricer.price(&value, &need, &threshold, searches, NODES_PER_SEARCH, work);
            let bound = if root { self.farley(&value, &offers) } else { 0 };
            if bound > self.bound {
                self.bound = bound;
                center = Some(point);
            }
            let real: Vec<i64> = duals[..kinds].iter().map(|&d| self.in_money(d)).collect();
            let real_threshold = self.thresholds(&duals[kinds..], &master.limited);
            let mut added = false;
            for offer in &offers {
                let worth: i64 =
                    offer.contents.iter().map(|c| real[c.0 as usize] * i64::from(c.1)).sum();
                let supplied = master.supply[offer.form as usize] > 0;
                if supplied && worth > real_threshold[offer.form as usize] + 20 {
                    added |= self.add(offer.form, offer.contents.clone());
                }
            }
            if work.is_spent() {
                return false;
            }
            if root && master.lp.objective() * SCALE <= self.bound as f64 * 1.000_000_1 {
                return true;
            }
            if !added {
                if !smooth || !root {
                    if searches < 64 {
                        // Only the likeliest forms were searched: look at all once.
                        let offers = self.pricer.price(
                            &real,
                            &need,
                            &real_threshold,
                            64,
                            NODES_PER_SEARCH * 5,
                            work,
                        );
                        let mut more = false;
                        for offer in offers.iter().filter(|o| !o.contents.is_empty()) {
                            more |= self.add(offer.form, offer.contents.clone());
                        }
                        if root {
                            let bound = self.farley(&real, &offers);
                            self.bound = self.bound.max(bound);
                        }
                        if more {
                            continue;
                        }
                    }
                    return true;
                }
                smooth = false;
            }
        }
        false
    }

    /// A dual as whole money, at most the penalty, so that sums stay in range.
    fn in_money(&self, dual: f64) -> i64 {
        let dearest = self.ready.forms.iter().map(|form| form.cost).max().unwrap_or(0);
        ((dual.max(0.0) * SCALE) as i64).min(3 * dearest)
    }

    fn full_need(&self) -> Vec<u32> {
        self.ready.kinds.iter().map(|kind| kind.count).collect()
    }

    /// What the contents of a form must be worth to improve the program: its
    /// cost, plus the rent of a limited form.
    fn thresholds(&self, rent: &[f64], limited: &[u32]) -> Vec<i64> {
        let mut out: Vec<i64> = self.ready.forms.iter().map(|form| form.cost).collect();
        for (row, &form) in limited.iter().enumerate() {
            out[form as usize] += (-rent[row] * SCALE).max(0.0) as i64;
        }
        out
    }

    /// The bound the prices give after scaling them down until no bin is worth
    /// more than it costs; keeps the scaled prices if they are the best so far.
    /// Limited forms are treated as unlimited, which is safe.
    fn farley(&mut self, value: &[i64], offers: &[Offer]) -> i64 {
        let cost = |form: u32| self.ready.forms[form as usize].cost;
        let worst = offers.iter().max_by(|a, b| {
            let left = i128::from(a.most) * i128::from(cost(b.form));
            let right = i128::from(b.most) * i128::from(cost(a.form));
            left.cmp(&right)
        });
        let Some(worst) = worst else {
            return 0;
        };
        let (top, bottom) = if worst.most > cost(worst.form) {
            (i128::from(cost(worst.form)), i128::from(worst.most))
        } else {
            (1, 1)
        };
        let scaled: Vec<i64> =
            value.iter().map(|&v| (i128::from(v) * top / bottom) as i64).collect();
        let pairs = scaled.iter().zip(&self.ready.kinds);
        let total: i128 = pairs.map(|(&v, k)| i128::from(v) * i128::from(k.count)).sum();
        let total = i64::try_from(total).unwrap_or(0);
        if total > self.bound {
            self.duals = scaled;
        }
        total
    }

    /// Rounds a solved master to whole bins. `None` when it cannot end below
    /// `limit`.
    fn dive(
        &mut self,
        mut master: Master,
        limit: i64,
        shake: f64,
        random: &mut Random,
        work: &mut Work<'_>,
    ) -> Option<Packing> {
        let first = 2 * (master.need.len() + master.limited.len());
        let mut bins: Vec<Load> = Vec::new();
        let mut spent = 0_i64;
        loop {
            if master.need.iter().all(|&n| n == 0) {
                break;
            }
            let objective = (master.lp.objective() * SCALE) as i64;
            if work.is_spent() || spent.saturating_add(objective) >= limit.saturating_sub(1) {
                return None;
            }
            let solution = master.lp.solution();
            let columns = solution.iter().filter(|s| s.0 >= first);
            let mut picks: Vec<(usize, u32)> = columns
                .clone()
                .filter(|s| s.1 >= 1.0 - 1e-3)
                .map(|s| (s.0 - first, (s.1 + 1e-3) as u32))
                .collect();
            if picks.is_empty() {
                let key = |s: &(usize, f64), random: &mut Random| {
                    s.1 + if shake > 0.0 { shake * random.normal() } else { 0.0 }
                };
                let mut chosen: Option<(f64, usize)> = None;
                for s in columns {
                    let k = key(s, random);
                    if chosen.is_none_or(|c| k > c.0) {
                        chosen = Some((k, s.0 - first));
                    }
                }
                picks.push((chosen?.1, 1));
            }
            for (index, times) in picks {
                let column = self.pool[index].clone();
                for _ in 0..times {
                    if !self.take(&column, &mut master, &mut bins, &mut spent) {
                        break;
                    }
                }
            }
            let mut rhs: Vec<f64> =
                master.need.iter().enumerate().map(|(kind, &n)| shaken(kind, n)).collect();
            rhs.extend(master.limited.iter().map(|&f| f64::from(master.supply[f as usize])));
            master.lp.set_rhs(&rhs);
            if !master.lp.dual(work) {
                let (need, supply) = (master.need.clone(), master.supply.clone());
                master = self.master(need, supply);
            }
            self.generate(&mut master, 12, None, work);
        }
        // Every bin took the cheapest form in supply when it was bought.
        let packing = Packing { bins, left_over: Vec::new(), found_by: "columns" };
        (packing.cost(self.ready) < limit).then_some(packing)
    }

    /// Buys one bin of a column, cut to what is still needed.
    fn take(
        &self,
        column: &Column,
        master: &mut Master,
        bins: &mut Vec<Load>,
        spent: &mut i64,
    ) -> bool {
        if master.supply[column.form as usize] == 0 {
            return false;
        }
        let mut bin = Load::empty(self.ready, column.form);
        for &(kind, copies) in &column.contents {
            bin.put(self.ready, kind, copies.min(master.need[kind as usize]));
        }
        if bin.contents.is_empty() {
            return false;
        }
        for c in &bin.contents {
            master.need[c.0 as usize] -= c.1;
        }
        let form = bin.cheapest_form(self.ready, &master.supply);
        bin.reform(self.ready, form);
        let supply = &mut master.supply[form as usize];
        if *supply != u32::MAX {
            *supply -= 1;
        }
        *spent += self.ready.forms[form as usize].cost;
        bins.push(bin);
        true
    }
}

/// Money is divided by this in floating point (nano-dollars to dollars).
const SCALE: f64 = 1e9;

/// A need with a tiny, different excess per class: whole needs make the program
/// so degenerate that the simplex stalls.
fn shaken(kind: usize, need: u32) -> f64 {
    f64::from(need) + 1e-6 * (1.0 + (kind * 7_919 % 101) as f64 / 101.0)
}
