//! Counted search effort.
//!
//! Every search of this crate is limited by a number of work units, never by a
//! clock, so that the same input and budget give the same answer on every
//! machine. A caller that must stop for another reason passes a `cancel` check;
//! the count at which it fired is the budget that reproduces the result.

/// How often, in units, the `cancel` check is asked.
const POLL_EVERY: u64 = 1 << 16;

/// A work budget and what has been used of it.
///
/// One unit is roughly one elementary step (one capacity comparison, one table
/// cell); about 1–5 ns on one core of a current server.
pub struct Work<'a> {
    budget: u64,
    used: u64,
    /// End of the current phase; phases depend on the effort, never on the
    /// budget, so a smaller budget cuts the same path short.
    phase_end: u64,
    next_poll: u64,
    cancel: Option<&'a dyn Fn() -> bool>,
    cancelled: bool,
}

impl<'a> Work<'a> {
    /// A budget of `budget` units without a cancel check.
    #[must_use]
    pub fn new(budget: u64) -> Self {
        Self {
            budget,
            used: 0,
            phase_end: u64::MAX,
            next_poll: POLL_EVERY,
            cancel: None,
            cancelled: false,
        }
    }

    /// A budget of `budget` units and a check that is asked about every 65 536
    /// units. Once it returns true the search ends as if the budget had just
    /// been exceeded: `Work::new(work.used())` replays it.
    #[must_use]
    pub fn with_cancel(budget: u64, cancel: &'a dyn Fn() -> bool) -> Self {
        Self { cancel: Some(cancel), ..Self::new(budget) }
    }

    /// Counts `units`; false once they exceed the budget, and from then on
    /// nothing more is counted.
    pub fn spend(&mut self, units: u64) -> bool {
        if self.is_spent() {
            return false;
        }
        self.used = self.used.saturating_add(units);
        if self.used >= self.next_poll {
            self.next_poll = self.used.saturating_add(POLL_EVERY);
            if self.cancel.is_some_and(|cancel| cancel()) {
                self.cancelled = true;
                // One less: the step just counted is the one that ends it.
                self.budget = self.used.saturating_sub(1);
            }
        }
        !self.is_spent()
    }

    /// True once no further unit may be spent (in the current phase).
    #[must_use]
    pub fn is_spent(&self) -> bool {
        self.is_exhausted() || self.used >= self.phase_end
    }

    /// Begins a phase of at most `units`, ending any earlier one.
    pub(crate) fn phase(&mut self, units: u64) {
        self.phase_end = self.used.saturating_add(units);
    }

    /// Units used so far. As the budget of another run this number reproduces
    /// the answer exactly, whether the search ended by itself, by its budget or
    /// by the cancel check (in the last two cases the step that went over the
    /// budget is counted one unit short).
    #[must_use]
    pub fn used(&self) -> u64 {
        if self.is_exhausted() { self.used.saturating_sub(1) } else { self.used }
    }

    fn is_exhausted(&self) -> bool {
        self.used > self.budget
    }

    /// True if the cancel check ended the search.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.cancelled
    }
}

/// How hard to search. The names fix the order of the phases and their shares,
/// so that a replay with a smaller budget walks the same path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Effort {
    /// One deterministic, nearly linear pass.
    Fast,
    /// Seconds on one core for thousands of items.
    #[default]
    Balanced,
    /// Everything this crate can do.
    Best,
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[test]
    fn a_cancelled_count_replays_as_a_budget() {
        let asked = Cell::new(0);
        let cancel = || {
            asked.set(asked.get() + 1);
            asked.get() == 3
        };
        let steps = |work: &mut Work<'_>| {
            let mut count = 0_u32;
            while work.spend(777) {
                count += 1;
            }
            count
        };
        let mut first = Work::with_cancel(u64::MAX, &cancel);
        let count = steps(&mut first);
        assert!(first.is_cancelled());
        let mut again = Work::new(first.used());
        assert_eq!(steps(&mut again), count);
        assert_eq!(again.used(), first.used());
        assert!(!again.is_cancelled());
    }

    #[test]
    fn nothing_is_counted_after_the_end() {
        let mut work = Work::new(10);
        assert!(work.spend(9));
        assert!(!work.spend(5));
        assert!(!work.spend(5));
        assert_eq!(work.used(), 13);
    }
}
