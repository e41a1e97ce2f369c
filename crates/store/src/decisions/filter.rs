//! Which decisions are wanted, as a question to the database and of one that was just made.

use jiff::Timestamp;
use units::Usd;

use super::DecisionSummary;

/// Which decisions are wanted. Newest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DecisionFilter {
    /// Of one customer.
    pub customer_id: Option<String>,
    /// Of one cluster.
    pub cluster_id: Option<String>,
    /// Of one type.
    pub decision_type: Option<String>,
    /// Of one engine, by name.
    pub engine_name: Option<String>,
    /// Of one request, by the caller's name for it.
    pub request_id: Option<String>,
    /// Made at or after this instant.
    pub from: Option<Timestamp>,
    /// Made before this instant.
    pub until: Option<Timestamp>,
    /// Only those of which this was said last: an outcome, or nothing yet.
    pub outcome: Option<SaidOutcome>,
    /// Only those that save at least so many dollars a month; savings that are not known do not count.
    pub least_savings: Option<Usd>,
    /// Only those that save something, or only those that do not or do not know.
    pub has_savings: Option<bool>,
    /// How many are passed over.
    pub offset: u64,
    /// How many at the most.
    pub limit: u64,
}

/// What was said last of what became of a decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SaidOutcome {
    /// Nothing.
    Nothing,
    /// Such as `applied`.
    This(String),
}

impl DecisionFilter {
    /// Whether a decision that was just made is one of them. Of what becomes of it nothing was said yet.
    #[must_use]
    pub fn holds(&self, one: &DecisionSummary) -> bool {
        let same = |wanted: &Option<String>, is: Option<&str>| {
            wanted.as_deref().is_none_or(|wanted| is == Some(wanted))
        };
        let saves = one.savings.is_some_and(|savings| savings > Usd::ZERO);
        same(&self.customer_id, one.customer_id.as_deref())
            && same(&self.cluster_id, one.cluster_id.as_deref())
            && same(&self.decision_type, Some(&one.decision_type))
            && same(&self.engine_name, Some(&one.engine_name))
            && same(&self.request_id, one.request_id.as_deref())
            && self.from.is_none_or(|from| one.decided_at >= from)
            && self.until.is_none_or(|until| one.decided_at < until)
            && !matches!(self.outcome, Some(SaidOutcome::This(_)))
            && self.least_savings.is_none_or(|least| one.savings.is_some_and(|is| is >= least))
            && self.has_savings.is_none_or(|wanted| wanted == saves)
    }
}

/// What was said last of a decision.
pub(crate) const LAST_OUTCOME: &str = "(SELECT s.outcome FROM decision_outcomes s WHERE s.decision_id = d.decision_id \
     AND s.customer_id = d.customer_id ORDER BY s.noted_at DESC, s.outcome_id DESC LIMIT 1)";

macro_rules! push_filter {
    ($query:ident, $filter:expr) => {
        let mut word = " WHERE ";
        if let Some(customer) = &$filter.customer_id {
            // Said twice so that the index of customers' own decisions fits.
            $query
                .push(" WHERE d.customer_id <> '' AND d.customer_id = ")
                .push_bind(customer.as_str());
            word = " AND ";
        }
        push_conditions!($query, $filter, word);
        let _ = word;
    };
}

/// The conditions of a filter but for the customer, behind a word that becomes ` AND `.
macro_rules! push_conditions {
    ($query:ident, $filter:expr, $word:ident) => {
        for (column, value) in [
            ("d.cluster_id", &$filter.cluster_id),
            ("d.decision_type", &$filter.decision_type),
            ("d.engine_name", &$filter.engine_name),
            ("d.request_id", &$filter.request_id),
        ] {
            if let Some(value) = value {
                $query.push($word).push(column).push(" = ").push_bind(value.as_str());
                $word = " AND ";
            }
        }
        for (column, instant) in
            [("d.decided_at >= ", $filter.from), ("d.decided_at < ", $filter.until)]
        {
            if let Some(instant) = instant {
                $query.push($word).push(column).push_bind(crate::values::At(instant));
                $word = " AND ";
            }
        }
        if let Some(least) = $filter.least_savings {
            $query.push($word).push("d.savings_nanos >= ").push_bind(least.nanos());
            $word = " AND ";
        }
        if let Some(saves) = $filter.has_savings {
            let saving = if saves { "" } else { "NOT " };
            $query.push($word).push(saving).push("coalesce(d.savings_nanos, 0) > 0");
            $word = " AND ";
        }
        if let Some(outcome) = &$filter.outcome {
            $query.push($word).push(crate::decisions::filter::LAST_OUTCOME);
            match outcome {
                crate::decisions::SaidOutcome::Nothing => $query.push(" IS NULL"),
                crate::decisions::SaidOutcome::This(word) => {
                    $query.push(" = ").push_bind(word.as_str())
                }
            };
            $word = " AND ";
        }
    };
}

pub(super) use {push_conditions, push_filter};
