//! Bins being filled.

use super::problem::{Amounts, Ready};

/// A bin with its contents and what is left of its form's capacity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Load {
    pub(crate) form: u32,
    pub(crate) rest: Amounts,
    /// (kind, copies), unordered, copies >= 1.
    pub(crate) contents: Vec<(u32, u32)>,
}

impl Load {
    pub(crate) fn empty(ready: &Ready, form: u32) -> Self {
        Self { form, rest: ready.forms[form as usize].capacity, contents: Vec::new() }
    }

    /// How many more copies of a kind fit.
    #[inline]
    pub(crate) fn room(&self, ready: &Ready, kind: u32) -> u32 {
        let facts = &ready.kinds[kind as usize];
        let mut most = facts.per_bin;
        for r in 0..ready.dims {
            if facts.demand[r] > self.rest[r] {
                return 0;
            }
        }
        if !ready.allows(kind, self.form) {
            return 0;
        }
        if most < facts.count {
            let have = self.contents.iter().find(|c| c.0 == kind).map_or(0, |c| c.1);
            most = most.saturating_sub(have);
        }
        if ready.any_conflict && self.clashes(ready, kind) {
            return 0;
        }
        for r in 0..ready.dims {
            if facts.demand[r] > 0 {
                most = most.min(u32::try_from(self.rest[r] / facts.demand[r]).unwrap_or(u32::MAX));
            }
        }
        most
    }

    /// Whether one more copy of a kind fits.
    #[inline]
    pub(crate) fn takes(&self, ready: &Ready, kind: u32) -> bool {
        let facts = &ready.kinds[kind as usize];
        for r in 0..ready.dims {
            if facts.demand[r] > self.rest[r] {
                return false;
            }
        }
        if facts.per_bin < facts.count
            && self.contents.iter().any(|c| c.0 == kind && c.1 >= facts.per_bin)
        {
            return false;
        }
        ready.allows(kind, self.form) && !(ready.any_conflict && self.clashes(ready, kind))
    }

    fn clashes(&self, ready: &Ready, kind: u32) -> bool {
        let conflicts = &ready.kinds[kind as usize].conflicts;
        !conflicts.is_empty() && self.contents.iter().any(|c| conflicts.binary_search(&c.0).is_ok())
    }

    pub(crate) fn put(&mut self, ready: &Ready, kind: u32, copies: u32) {
        if copies == 0 {
            return;
        }
        for r in 0..ready.dims {
            self.rest[r] -= ready.kinds[kind as usize].demand[r] * i64::from(copies);
        }
        match self.contents.iter_mut().find(|c| c.0 == kind) {
            Some(known) => known.1 += copies,
            None => self.contents.push((kind, copies)),
        }
    }

    /// Takes one copy out; the kind must be there.
    pub(crate) fn take(&mut self, ready: &Ready, kind: u32) {
        let Some(at) = self.contents.iter().position(|c| c.0 == kind) else {
            return;
        };
        for r in 0..ready.dims {
            self.rest[r] += ready.kinds[kind as usize].demand[r];
        }
        if self.contents[at].1 > 1 {
            self.contents[at].1 -= 1;
        } else {
            self.contents.swap_remove(at);
        }
    }

    /// The cheapest form that holds the contents, of those with `left` supply.
    pub(crate) fn cheapest_form(&self, ready: &Ready, left: &[u32]) -> u32 {
        let own = &ready.forms[self.form as usize];
        for (index, form) in ready.forms.iter().enumerate() {
            if form.cost >= own.cost {
                break;
            }
            let holds = (0..ready.dims).all(|r| form.capacity[r] >= own.capacity[r] - self.rest[r]);
            if holds
                && left[index] > 0
                && self.contents.iter().all(|c| ready.allows(c.0, index as u32))
            {
                return index as u32;
            }
        }
        self.form
    }

    /// Changes the form; the contents must fit the new one.
    pub(crate) fn reform(&mut self, ready: &Ready, form: u32) {
        let (old, new) = (&ready.forms[self.form as usize], &ready.forms[form as usize]);
        for r in 0..ready.dims {
            self.rest[r] += new.capacity[r] - old.capacity[r];
        }
        self.form = form;
    }
}

/// A set of bins, complete or not.
#[derive(Debug, Clone, Default)]
pub(crate) struct Packing {
    pub(crate) bins: Vec<Load>,
    /// (kind, copies) without a bin.
    pub(crate) left_over: Vec<(u32, u32)>,
    pub(crate) found_by: &'static str,
}

impl Packing {
    pub(crate) fn cost(&self, ready: &Ready) -> i64 {
        let costs = self.bins.iter().map(|bin| ready.forms[bin.form as usize].cost);
        costs.fold(0, i64::saturating_add)
    }

    pub(crate) fn missing(&self) -> u64 {
        self.left_over.iter().map(|c| u64::from(c.1)).sum()
    }

    /// Better: fewer items missing, then cheaper.
    pub(crate) fn beats(&self, ready: &Ready, other: &Self) -> bool {
        (self.missing(), self.cost(ready)) < (other.missing(), other.cost(ready))
    }

    /// Supply left per form.
    pub(crate) fn supply(&self, ready: &Ready) -> Vec<u32> {
        let mut left: Vec<u32> = ready.forms.iter().map(|form| form.available).collect();
        for bin in &self.bins {
            let entry = &mut left[bin.form as usize];
            if *entry != u32::MAX {
                *entry = entry.saturating_sub(1);
            }
        }
        left
    }

    /// Drops empty bins and replaces each form by the cheapest that still holds
    /// the contents.
    pub(crate) fn shrink(&mut self, ready: &Ready) {
        self.bins.retain(|bin| !bin.contents.is_empty());
        let mut left = self.supply(ready);
        for bin in &mut self.bins {
            let form = bin.cheapest_form(ready, &left);
            if form != bin.form {
                for (entry, step) in [(form, false), (bin.form, true)] {
                    let supply = &mut left[entry as usize];
                    if *supply != u32::MAX {
                        *supply = if step { *supply + 1 } else { *supply - 1 };
                    }
                }
                bin.reform(ready, form);
            }
        }
    }
}
