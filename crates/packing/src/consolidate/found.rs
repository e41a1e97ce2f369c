//! The best plans of a search, and which of them is the answer.

use super::desk::Desk;

/// The answer has no more moves than the plain rule's plan where that makes the
/// nodes that stay dearer by at most this share. Where the plain rule does next to
/// nothing, its few moves are no measure.
const DEARER: f64 = 0.05;

/// The best plan within the moves of the plain rule, and the best of all.
pub(super) struct Found<'m> {
    gentle: Desk<'m>,
    any: Desk<'m>,
    /// Moves of the plain rule's plan.
    rule_moves: usize,
    per_move: f64,
}

/// Prices a plan: its cost, a little for every move, and many times as much for
/// moves beyond those of the plain rule.
pub(super) struct Judge {
    per_move: f64,
    per_extra_move: f64,
    rule_moves: usize,
}

impl<'m> Found<'m> {
    /// Begins with the plan that removes nothing and the plain rule's.
    pub(super) fn new(start: &Desk<'m>, rule: Desk<'m>) -> Self {
        let items = start.state.model().items().len().max(1) as f64;
        Self {
            any: rule.clone(),
            rule_moves: rule.moves(),
            gentle: rule,
            per_move: 0.002 * start.cost() as f64 / items,
        }
    }

    /// Keeps a copy of the plan where it is better.
    pub(super) fn learn(&mut self, plan: &Desk<'m>) {
        let price = |desk: &Desk<'_>| desk.cost() as f64 + self.per_move * desk.moves() as f64;
        let new = price(plan);
        let gentler = plan.moves() <= self.rule_moves && new < price(&self.gentle);
        let cheaper = new < price(&self.any);
        if gentler {
            self.gentle.copy_from(plan);
        }
        if cheaper {
            self.any.copy_from(plan);
        }
    }

    /// The answer so far.
    pub(super) fn chosen(&self) -> &Desk<'m> {
        if self.is_gentle() { &self.gentle } else { &self.any }
    }

    /// Below which cost a plan with so many moves would be the answer.
    pub(super) fn ceiling(&self, moves: usize) -> f64 {
        let cost = self.chosen().cost() as f64;
        if moves > self.rule_moves && self.is_gentle() { cost / (1.0 + DEARER) } else { cost }
    }

    /// How a walk prices plans; `times` is what a move beyond the plain rule's costs
    /// beside the others.
    pub(super) fn judge(&self, times: f64) -> Judge {
        let times = if self.is_gentle() { times } else { 20.0 };
        Judge {
            per_move: self.per_move,
            per_extra_move: times * self.per_move,
            rule_moves: self.rule_moves,
        }
    }

    fn is_gentle(&self) -> bool {
        self.gentle.cost() as f64 <= (1.0 + DEARER) * self.any.cost() as f64
    }
}

impl Judge {
    pub(super) fn price(&self, desk: &Desk<'_>) -> f64 {
        let extra = desk.moves().saturating_sub(self.rule_moves) as f64;
        desk.cost() as f64 + self.per_move * desk.moves() as f64 + self.per_extra_move * extra
    }
}
