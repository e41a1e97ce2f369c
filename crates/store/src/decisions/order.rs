//! The order in which decisions were kept: one for everybody, whichever server keeps them.

use sqlx::{FromRow, QueryBuilder};

use super::filter::{LAST_OUTCOME, push_conditions};
use super::{DecisionFilter, DecisionSummary, SUMMARY, SummaryRow, summary};
use crate::database::reading;
use crate::values::{signed, unsigned};
use crate::{Store, StoreError};

/// Which part of the order of all decisions is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderPart {
    /// The newest ones, or those before a place, backwards.
    Before(Option<u64>),
    /// Those behind a place up to another one, forwards.
    Between(u64, u64),
}

/// A decision with its place in the order in which all of them were kept, from 1 on.
#[derive(Clone, Debug, PartialEq)]
pub struct OrderedDecision {
    /// Its place.
    pub sequence: u64,
    /// What it is.
    pub summary: DecisionSummary,
    /// What was said last of what became of it.
    pub outcome: Option<String>,
}

#[derive(FromRow)]
struct OrderedRow {
    sequence: i64,
    last_outcome: Option<String>,
    #[sqlx(flatten)]
    summary: SummaryRow,
}

impl Store {
    /// The last place in the order of decisions that was given out; 0 before the first.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn last_decision(&self) -> Result<u64, StoreError> {
        let (last,): (i64,) = reading!(self, pool => {
            sqlx::query_as("SELECT last_sequence FROM decision_counter WHERE counter = 1")
                .fetch_one(pool)
                .await?
        });
        Ok(unsigned(last))
    }

    /// Decisions by their places in the order in which they were kept. `offset` does not count.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn decisions_in_order(
        &self,
        filter: &DecisionFilter,
        part: OrderPart,
    ) -> Result<Vec<OrderedDecision>, StoreError> {
        let rows: Vec<OrderedRow> = reading!(self, pool => {
            let mut query = QueryBuilder::new(format!(
                "SELECT o.sequence, {LAST_OUTCOME} AS last_outcome, {SUMMARY} FROM decision_order o \
                 JOIN decisions d ON d.customer_id = o.customer_id AND d.cluster_id = o.cluster_id \
                   AND d.decision_id = o.decision_id"
            ));
            let mut word = " WHERE ";
            if let Some(customer) = &filter.customer_id {
                // Said twice so that the index of customers' own decisions fits.
                query.push(" WHERE o.customer_id <> '' AND o.customer_id = ");
                query.push_bind(customer.as_str());
                word = " AND ";
            }
            push_conditions!(query, filter, word);
            match part {
                OrderPart::Before(None) => {}
                OrderPart::Before(Some(place)) => {
                    query.push(word).push("o.sequence < ").push_bind(signed(place));
                }
                OrderPart::Between(after, last) => {
                    query.push(word).push("o.sequence > ").push_bind(signed(after));
                    query.push(" AND o.sequence <= ").push_bind(signed(last));
                }
            }
            query.push(match part {
                OrderPart::Before(_) => " ORDER BY o.sequence DESC LIMIT ",
                OrderPart::Between(..) => " ORDER BY o.sequence LIMIT ",
            });
            query.push_bind(signed(filter.limit));
            query.build_query_as().fetch_all(pool).await?
        });
        let ordered = |row: OrderedRow| OrderedDecision {
            sequence: unsigned(row.sequence),
            summary: summary(row.summary),
            outcome: row.last_outcome,
        };
        Ok(rows.into_iter().map(ordered).collect())
    }
}
