//! A small revised simplex with bounded variables and a dense basis inverse.
//!
//! For the covering programs of this crate: `min c·x`, rows `A x >= b` or
//! `A x <= b` with `b >= 0`, `0 <= x <= upper`, few rows (at most some
//! hundreds), columns added while solving. Floating point: callers use the
//! answers as guides and re-derive every published number in integers.

use crate::work::Work;

/// Direction of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sense {
    /// `A x >= b`; a penalty column covers what is missing.
    AtLeast,
    /// `A x <= b`.
    AtMost,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Basic,
    Lower,
    Upper,
}

const REFACTOR_EVERY: u32 = 120;
const ZERO: f64 = 1e-9;

/// The program and its current basis.
#[derive(Debug, Clone)]
pub(crate) struct Lp {
    rows: usize,
    rhs: Vec<f64>,
    start: Vec<u32>,
    entry_row: Vec<u32>,
    entry: Vec<f64>,
    cost: Vec<f64>,
    upper: Vec<f64>,
    place: Vec<Place>,
    basis: Vec<u32>,
    inverse: Vec<f64>,
    value: Vec<f64>,
    duals: Vec<f64>,
    column: Vec<f64>,
    pivots: u32,
    tolerance: f64,
}

impl Lp {
    /// A program with these rows. `penalty` is the cost of leaving one unit of
    /// an `AtLeast` row uncovered. Columns `0..rows` are the covers or slacks,
    /// `rows..2·rows` the surpluses.
    pub(crate) fn new(rows: &[(Sense, f64)], penalty: &[f64]) -> Self {
        let count = rows.len();
        let mut lp = Self {
            rows: count,
            rhs: rows.iter().map(|row| row.1.max(0.0)).collect(),
            start: vec![0],
            entry_row: Vec::new(),
            entry: Vec::new(),
            cost: Vec::new(),
            upper: Vec::new(),
            place: Vec::new(),
            basis: (0..count as u32).collect(),
            inverse: vec![0.0; count * count],
            value: Vec::new(),
            duals: Vec::new(),
            column: vec![0.0; count],
            pivots: 0,
            tolerance: 1e-9,
        };
        for (row, (sense, _)) in rows.iter().enumerate() {
            let cost = if *sense == Sense::AtLeast { penalty[row] } else { 0.0 };
            lp.add(cost, f64::INFINITY, &[(row as u32, 1.0)]);
            lp.place[row] = Place::Basic;
            lp.inverse[row * count + row] = 1.0;
        }
        for (row, (sense, _)) in rows.iter().enumerate() {
            let upper = if *sense == Sense::AtLeast { f64::INFINITY } else { 0.0 };
            lp.add(0.0, upper, &[(row as u32, -1.0)]);
        }
        lp.value = lp.rhs.clone();
        lp.duals = lp.cost[..count].to_vec();
        lp
    }

    /// Adds a column at zero and returns its index.
    pub(crate) fn add(&mut self, cost: f64, upper: f64, entries: &[(u32, f64)]) -> usize {
        for &(row, value) in entries {
            self.entry_row.push(row);
            self.entry.push(value);
        }
        self.start.push(self.entry.len() as u32);
        self.cost.push(cost);
        self.upper.push(upper);
        self.place.push(Place::Lower);
        // Reduced costs are compared relative to the size of the costs.
        self.tolerance = self.tolerance.max(cost.abs().min(1e12) * 1e-10);
        self.cost.len() - 1
    }

    /// Dual value per row.
    pub(crate) fn duals(&self) -> &[f64] {
        &self.duals
    }

    /// Objective of the current basis.
    pub(crate) fn objective(&self) -> f64 {
        let upper = self.place.iter().enumerate().filter(|p| *p.1 == Place::Upper);
        let at_upper: f64 = upper.map(|(j, _)| self.cost[j] * self.upper[j]).sum();
        let basic = self.basis.iter().zip(&self.value);
        at_upper + basic.map(|(&j, v)| self.cost[j as usize] * v).sum::<f64>()
    }

    /// Non-zero columns with their values.
    pub(crate) fn solution(&self) -> Vec<(usize, f64)> {
        let mut out: Vec<(usize, f64)> = self
            .basis
            .iter()
            .zip(&self.value)
            .filter(|(_, v)| **v > ZERO)
            .map(|(&j, &v)| (j as usize, v))
            .collect();
        for (j, place) in self.place.iter().enumerate() {
            if *place == Place::Upper && self.upper[j] > 0.0 {
                out.push((j, self.upper[j]));
            }
        }
        out.sort_unstable_by_key(|pair| pair.0);
        out
    }

    /// Lowers the right-hand sides to new values (>= 0) and keeps the basis;
    /// the basic values may become negative, [`Lp::dual`] repairs them.
    pub(crate) fn set_rhs(&mut self, rhs: &[f64]) {
        self.rhs.copy_from_slice(rhs);
        self.recompute_values();
    }

    /// Primal simplex from the current (primal feasible) basis to optimality.
    /// False if the work ended first; the basis is then still primal feasible.
    pub(crate) fn primal(&mut self, work: &mut Work<'_>) -> bool {
        let mut stalled = 0_u32;
        for _ in 0..200_000 {
            let Some((enter, slope)) = self.cheapest(stalled > 60) else {
                return true;
            };
            if !work.spend(self.step_cost()) {
                return false;
            }
            self.load(enter);
            let rising = slope < 0.0;
            let sign = if rising { 1.0 } else { -1.0 };
            let mut step = self.upper[enter];
            let mut leave: Option<(usize, bool)> = None;
            let mut size = 0.0_f64;
            for row in 0..self.rows {
                let rate = self.column[row] * sign;
                let (limit, to_upper) = if rate > ZERO {
                    (self.value[row].max(0.0) / rate, false)
                } else if rate < -ZERO && self.upper[self.basis[row] as usize].is_finite() {
                    let room = self.upper[self.basis[row] as usize] - self.value[row];
                    (room.max(0.0) / -rate, true)
                } else {
                    continue;
                };
                // Among near-ties the largest pivot keeps the inverse healthy.
                if limit < step - 1e-12 || limit <= step + 1e-12 && rate.abs() > size {
                    step = step.min(limit);
                    leave = Some((row, to_upper));
                    size = rate.abs();
                }
            }
            if !step.is_finite() {
                return true;
            }
            stalled = if step > 1e-11 { 0 } else { stalled + 1 };
            for row in 0..self.rows {
                self.value[row] -= step * sign * self.column[row];
            }
            match leave {
                None => self.place[enter] = if rising { Place::Upper } else { Place::Lower },
                Some((row, to_upper)) => {
                    let at = if rising { step } else { self.upper[enter] - step };
                    self.swap(row, enter, slope, to_upper, at);
                }
            }
        }
        false
    }

    /// Dual simplex from a dual feasible basis with negative basic values.
    /// False if the work ended or a row cannot be repaired.
    pub(crate) fn dual(&mut self, work: &mut Work<'_>) -> bool {
        for _ in 0..20_000 {
            let worst = (0..self.rows)
                .filter(|&row| self.value[row] < -1e-7)
                .min_by(|&a, &b| self.value[a].total_cmp(&self.value[b]));
            let Some(row) = worst else {
                return true;
            };
            if !work.spend(self.step_cost()) {
                return false;
            }
            let mut best: Option<(usize, f64, f64)> = None;
            for j in 0..self.cost.len() {
                if self.place[j] != Place::Lower || self.upper[j] == 0.0 {
                    continue;
                }
                let rate = self.row_entry(row, j);
                if rate < -1e-7 {
                    let reduced = self.reduced(j).max(0.0);
                    let ratio = reduced / -rate;
                    if best.is_none_or(|(_, r, size)| {
                        ratio < r - 1e-12 || ratio <= r + 1e-12 && -rate > size
                    }) {
                        best = Some((j, ratio, -rate));
                    }
                }
            }
            let Some((enter, _, _)) = best else {
                return false;
            };
            self.load(enter);
            let step = self.value[row] / self.column[row];
            for at in 0..self.rows {
                self.value[at] -= step * self.column[at];
            }
            let slope = self.reduced(enter);
            self.swap(row, enter, slope, false, step);
        }
        false
    }

    /// Pivots between fresh inverses: never dearer than the pivots themselves.
    fn refactor_every(&self) -> u32 {
        REFACTOR_EVERY.max(self.rows as u32)
    }

    /// Rough number of work units of one pivot.
    fn step_cost(&self) -> u64 {
        // The occasional fresh inverse is spread over the pivots.
        let fresh = self.rows * self.rows * self.rows / (4 * self.refactor_every() as usize);
        (self.rows * self.rows / 4 + fresh + self.entry.len() / 2 + 1) as u64
    }

    fn entries(&self, j: usize) -> impl Iterator<Item = (usize, f64)> + '_ {
        let range = self.start[j] as usize..self.start[j + 1] as usize;
        range.map(|at| (self.entry_row[at] as usize, self.entry[at]))
    }

    fn reduced(&self, j: usize) -> f64 {
        self.cost[j] - self.entries(j).map(|(r, v)| self.duals[r] * v).sum::<f64>()
    }

    fn row_entry(&self, row: usize, j: usize) -> f64 {
        let inverse = &self.inverse[row * self.rows..(row + 1) * self.rows];
        self.entries(j).map(|(r, v)| inverse[r] * v).sum()
    }

    /// The entering column and its reduced cost: steepest, or first when
    /// `bland` (which cannot cycle).
    fn cheapest(&self, bland: bool) -> Option<(usize, f64)> {
        let mut best: Option<(usize, f64)> = None;
        for j in 0..self.cost.len() {
            let place = self.place[j];
            if place == Place::Basic || self.upper[j] == 0.0 {
                continue;
            }
            let slope = self.reduced(j);
            let improves = match place {
                Place::Upper => slope > self.tolerance,
                _ => slope < -self.tolerance,
            };
            if improves && best.is_none_or(|(_, s)| slope.abs() > s.abs()) {
                best = Some((j, slope));
                if bland {
                    break;
                }
            }
        }
        best
    }

    /// `self.column = B⁻¹ A_j`.
    fn load(&mut self, j: usize) {
        let rows = self.rows;
        self.column.fill(0.0);
        for at in self.start[j] as usize..self.start[j + 1] as usize {
            let (r, v) = (self.entry_row[at] as usize, self.entry[at]);
            for (row, out) in self.column.iter_mut().enumerate() {
                *out += self.inverse[row * rows + r] * v;
            }
        }
    }

    fn swap(&mut self, row: usize, enter: usize, slope: f64, to_upper: bool, at: f64) {
        let rows = self.rows;
        let leaving = self.basis[row] as usize;
        self.place[leaving] = if to_upper { Place::Upper } else { Place::Lower };
        self.place[enter] = Place::Basic;
        self.basis[row] = enter as u32;
        self.value[row] = at;
        let pivot = self.column[row];
        let mut pivot_row = self.inverse[row * rows..(row + 1) * rows].to_vec();
        for entry in &mut pivot_row {
            *entry /= pivot;
        }
        for (dual, entry) in self.duals.iter_mut().zip(&pivot_row) {
            *dual += slope * entry;
        }
        for (other, out) in self.inverse.chunks_exact_mut(rows).enumerate() {
            let factor = self.column[other];
            if other == row {
                out.copy_from_slice(&pivot_row);
            } else if factor != 0.0 {
                for (o, p) in out.iter_mut().zip(&pivot_row) {
                    *o -= factor * p;
                }
            }
        }
        self.pivots += 1;
        if self.pivots.is_multiple_of(self.refactor_every()) {
            self.refactor();
        }
    }

    /// Inverts the basis afresh (Gauss–Jordan with row pivoting); keeps the
    /// updated inverse if the basis looks singular.
    fn refactor(&mut self) {
        let n = self.rows;
        let mut left = vec![0.0; n * n];
        for (position, &j) in self.basis.iter().enumerate() {
            for (row, value) in self.entries(j as usize) {
                left[row * n + position] = value;
            }
        }
        let mut right = vec![0.0; n * n];
        for i in 0..n {
            right[i * n + i] = 1.0;
        }
        for i in 0..n {
            let best =
                (i..n).max_by(|&a, &b| left[a * n + i].abs().total_cmp(&left[b * n + i].abs()));
            let Some(best) = best.filter(|&b| left[b * n + i].abs() > 1e-11) else {
                return;
            };
            if best != i {
                for k in 0..n {
                    left.swap(i * n + k, best * n + k);
                    right.swap(i * n + k, best * n + k);
                }
            }
            let pivot = 1.0 / left[i * n + i];
            for k in 0..n {
                left[i * n + k] *= pivot;
                right[i * n + k] *= pivot;
            }
            let left_row = left[i * n..(i + 1) * n].to_vec();
            let right_row = right[i * n..(i + 1) * n].to_vec();
            for r in (0..n).filter(|&r| r != i) {
                let factor = left[r * n + i];
                if factor != 0.0 {
                    for k in 0..n {
                        left[r * n + k] -= factor * left_row[k];
                        right[r * n + k] -= factor * right_row[k];
                    }
                }
            }
        }
        self.inverse = right;
        self.recompute_values();
        for k in 0..n {
            self.duals[k] = (0..n)
                .map(|row| self.cost[self.basis[row] as usize] * self.inverse[row * n + k])
                .sum();
        }
    }

    fn recompute_values(&mut self) {
        let mut rhs = self.rhs.clone();
        for j in 0..self.cost.len() {
            if self.place[j] == Place::Upper && self.upper[j] > 0.0 {
                for (row, value) in self.entries(j) {
                    rhs[row] -= value * self.upper[j];
                }
            }
        }
        for (out, inverse) in self.value.iter_mut().zip(self.inverse.chunks_exact(self.rows)) {
            *out = inverse.iter().zip(&rhs).map(|(a, b)| a * b).sum();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Entries<'a> = &'a [(u32, f64)];

    fn check(rows: &[(Sense, f64)], columns: &[(f64, f64, Entries<'_>)], objective: f64) {
        let mut lp = Lp::new(rows, &vec![1000.0; rows.len()]);
        for (cost, upper, entries) in columns {
            lp.add(*cost, *upper, entries);
        }
        assert!(lp.primal(&mut Work::new(1 << 30)));
        assert!((lp.objective() - objective).abs() < 1e-6, "{}", lp.objective());
        // Strong duality with the bound terms of the capped columns.
        let mut dual: f64 = lp.duals().iter().zip(rows).map(|(y, r)| y * r.1).sum();
        for (cost, upper, entries) in columns {
            let price: f64 = entries.iter().map(|&(r, v)| lp.duals()[r as usize] * v).sum();
            if upper.is_finite() {
                dual += (cost - price).min(0.0) * upper;
            } else {
                assert!(price <= cost + 1e-6);
            }
        }
        assert!((dual - objective).abs() < 1e-6, "dual {dual}");
    }

    #[test]
    fn small_programs() {
        let free = f64::INFINITY;
        check(&[(Sense::AtLeast, 4.0)], &[(3.0, free, &[(0, 2.0)])], 6.0);
        check(
            &[(Sense::AtLeast, 4.0), (Sense::AtLeast, 6.0)],
            &[(2.0, free, &[(0, 1.0), (1, 3.0)]), (2.0, free, &[(0, 3.0), (1, 1.0)])],
            5.0,
        );
        check(
            &[(Sense::AtLeast, 10.0)],
            &[(1.0, 3.0, &[(0, 2.0)]), (5.0, free, &[(0, 1.0)])],
            23.0,
        );
        check(
            &[(Sense::AtLeast, 10.0), (Sense::AtMost, 4.0)],
            &[(1.0, free, &[(0, 2.0), (1, 1.0)]), (5.0, free, &[(0, 1.0)])],
            14.0,
        );
    }
}
