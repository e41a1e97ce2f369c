//! Predictions as they were made, in one order for everybody, and what became of them.

mod copied;
pub(crate) mod forgotten;
pub(crate) mod shadows;

use std::borrow::Cow;
use std::sync::Arc;

use jiff::Timestamp;
use sqlx::types::{Json, Uuid};
use sqlx::{FromRow, QueryBuilder};

use crate::database::{Database, reading, writing};
use crate::values::{At, signed, unsigned};
use crate::{Store, StoreError};

/// A prediction. Its texts are shared: a call has one of most of them for thousands of predictions.
#[derive(Clone, Debug, PartialEq)]
pub struct PredictionRow {
    /// The model that made it; nil for the baseline.
    pub model_id: Uuid,
    /// Its name, which begins with the instant.
    pub prediction_id: Uuid,
    /// Its place in the order of all predictions, from 1 on; given when it is kept.
    pub sequence: u64,
    /// Such as `spot_interruption`.
    pub prediction_type: Cow<'static, str>,
    /// The customer whose key asked; empty for others.
    pub customer_id: Arc<str>,
    /// The pool.
    pub pool: PredictedPool,
    /// How far it looks ahead, in seconds.
    pub horizon_seconds: u64,
    /// A probability, or dollars an hour, as the type says.
    pub value: f64,
    /// Lower end of its 90 % interval, where there is one.
    pub low: Option<f64>,
    /// Upper end.
    pub high: Option<f64>,
    /// What the same quantity was at the time, where it can be known: the price.
    pub last_value: Option<f64>,
    /// How sure the answer is, 0 to 1.
    pub confidence: f64,
    /// The features, where the caller gave them.
    pub features: Option<serde_json::Value>,
    /// When it was made.
    pub created_at: Timestamp,
    /// What happened: 1 or 0 for an event, else the value.
    pub outcome: Option<f64>,
    /// When that was known.
    pub outcome_at: Option<Timestamp>,
    /// The model that answered, where this was no answer but a shadow of one: both have one name.
    pub shadow_of: Option<Uuid>,
}

/// What a prediction is about; empty where it says nothing of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PredictedPool {
    /// The instance type.
    pub instance_type: Arc<str>,
    /// The region.
    pub region: Arc<str>,
    /// The zone.
    pub zone: Arc<str>,
    /// The operating system.
    pub operating_system: Cow<'static, str>,
}

/// Which predictions are wanted.
#[derive(Clone, Debug, Default)]
pub struct PredictionFilter {
    /// Of one model only; nil is the baseline.
    pub model_id: Option<Uuid>,
    /// Of one customer only.
    pub customer_id: Option<String>,
    /// Of one type only.
    pub prediction_type: Option<String>,
    /// Made at or after this instant.
    pub since: Option<Timestamp>,
    /// Made before this instant.
    pub until: Option<Timestamp>,
    /// Only those whose outcome is known, or only others.
    pub resolved: Option<bool>,
    /// Only answers, or only shadows of them.
    pub shadows: Option<bool>,
    /// Only those behind this place, in order; without it the newest come first.
    pub after_sequence: Option<u64>,
    /// How many are passed over.
    pub offset: u64,
    /// How many at the most.
    pub limit: u64,
}

#[derive(FromRow)]
pub(super) struct Raw {
    model_id: Uuid,
    prediction_id: Uuid,
    sequence: i64,
    prediction_type: String,
    customer_id: String,
    instance_type: String,
    region: String,
    zone: String,
    operating_system: String,
    horizon_seconds: i64,
    value: f64,
    low: Option<f64>,
    high: Option<f64>,
    last_value: Option<f64>,
    confidence_score: f64,
    features: Option<Json<serde_json::Value>>,
    created_at: At,
    outcome: Option<f64>,
    outcome_at: Option<At>,
    shadow_of: Option<Uuid>,
}

impl From<Raw> for PredictionRow {
    fn from(raw: Raw) -> PredictionRow {
        PredictionRow {
            model_id: raw.model_id,
            prediction_id: raw.prediction_id,
            sequence: unsigned(raw.sequence),
            prediction_type: raw.prediction_type.into(),
            customer_id: raw.customer_id.into(),
            pool: PredictedPool {
                instance_type: raw.instance_type.into(),
                region: raw.region.into(),
                zone: raw.zone.into(),
                operating_system: raw.operating_system.into(),
            },
            horizon_seconds: unsigned(raw.horizon_seconds),
            value: raw.value,
            low: raw.low,
            high: raw.high,
            last_value: raw.last_value,
            confidence: raw.confidence_score,
            features: raw.features.map(|json| json.0),
            created_at: raw.created_at.0,
            outcome: raw.outcome,
            outcome_at: raw.outcome_at.map(|at| at.0),
            shadow_of: raw.shadow_of,
        }
    }
}

/// What is written of a prediction when it is made.
const COLUMNS: &str = "(model_id, prediction_id, sequence, prediction_type, customer_id, instance_type, \
     region, zone, operating_system, horizon_seconds, value, low, high, last_value, confidence_score, \
     features, created_at, shadow_of)";

/// The rows that one statement takes: far below the variables that either database allows.
const ROWS_AT_ONCE: usize = 1000;

/// Takes so many places in the order; the last one of them.
macro_rules! places {
    ($transaction:ident, $count:expr) => {{
        let (last,): (i64,) = sqlx::query_as(
            "UPDATE prediction_counter SET last_sequence = last_sequence + $1 WHERE counter = 1 \
             RETURNING last_sequence",
        )
        .bind(signed($count as u64))
        .fetch_one(&mut *$transaction)
        .await?;
        last
    }};
}

use places;

/// The conditions of a filter behind `FROM predictions`.
macro_rules! push_conditions {
    ($query:ident, $filter:expr) => {
        let mut word = " WHERE ";
        let mut and = || std::mem::replace(&mut word, " AND ");
        if let Some(model_id) = $filter.model_id {
            $query.push(and()).push("model_id = ").push_bind(model_id);
        }
        if let Some(customer_id) = &$filter.customer_id {
            $query.push(and()).push("customer_id = ").push_bind(customer_id.as_str());
        }
        if let Some(kind) = &$filter.prediction_type {
            $query.push(and()).push("prediction_type = ").push_bind(kind.as_str());
        }
        if let Some(since) = $filter.since {
            $query.push(and()).push("created_at >= ").push_bind(At(since));
        }
        if let Some(until) = $filter.until {
            $query.push(and()).push("created_at < ").push_bind(At(until));
        }
        match $filter.resolved {
            Some(true) => drop($query.push(and()).push("outcome IS NOT NULL")),
            Some(false) => drop($query.push(and()).push("outcome IS NULL")),
            None => {}
        }
        match $filter.shadows {
            Some(true) => drop($query.push(and()).push("shadow_of IS NOT NULL")),
            Some(false) => drop($query.push(and()).push("shadow_of IS NULL")),
            None => {}
        }
        if let Some(after) = $filter.after_sequence {
            $query.push(and()).push("sequence > ").push_bind(signed(after));
        }
    };
}

impl Store {
    /// Keeps predictions and gives them their places, which everybody sees in the order of their
    /// numbers: whoever adds some waits for the one before. Those that are there already are left as
    /// they are. The last place.
    ///
    /// # Errors
    /// The database did not take them; none is kept then.
    pub async fn keep_predictions<'a, I>(&self, rows: I) -> Result<u64, StoreError>
    where
        I: IntoIterator<Item = &'a PredictionRow, IntoIter: Clone + Send>,
    {
        let rows = rows.into_iter();
        let count = rows.clone().count();
        let last = match &self.database {
            Database::Postgres(pool) => copied::keep(pool, rows, count).await?,
            Database::Sqlite(pools) => {
                let mut transaction = pools.writer.begin_with("BEGIN IMMEDIATE").await?;
                let last = places!(transaction, count);
                let mut numbered = (last - count as i64 + 1..).zip(rows).peekable();
                while numbered.peek().is_some() {
                    let mut insert = QueryBuilder::new("INSERT INTO predictions ");
                    let chunk = numbered.by_ref().take(ROWS_AT_ONCE);
                    insert.push(COLUMNS).push_values(chunk, |mut values, (sequence, row)| {
                        values
                            .push_bind(row.model_id)
                            .push_bind(row.prediction_id)
                            .push_bind(sequence)
                            .push_bind(row.prediction_type.as_ref())
                            .push_bind(row.customer_id.as_ref())
                            .push_bind(row.pool.instance_type.as_ref())
                            .push_bind(row.pool.region.as_ref())
                            .push_bind(row.pool.zone.as_ref())
                            .push_bind(row.pool.operating_system.as_ref())
                            .push_bind(signed(row.horizon_seconds))
                            .push_bind(row.value)
                            .push_bind(row.low)
                            .push_bind(row.high)
                            .push_bind(row.last_value)
                            .push_bind(row.confidence)
                            .push_bind(row.features.as_ref().map(Json))
                            .push_bind(At(row.created_at))
                            .push_bind(row.shadow_of);
                    });
                    insert.push(" ON CONFLICT (model_id, prediction_id) DO NOTHING");
                    insert.build().execute(&mut *transaction).await?;
                }
                transaction.commit().await?;
                last
            }
        };
        self.predicted.send_modify(|count| *count += 1);
        Ok(unsigned(last))
    }

    /// The last place that was given out; 0 before the first.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn last_prediction(&self) -> Result<u64, StoreError> {
        let (last,): (i64,) = reading!(self, pool => {
            sqlx::query_as("SELECT last_sequence FROM prediction_counter WHERE counter = 1")
                .fetch_one(pool)
                .await?
        });
        Ok(unsigned(last))
    }

    /// Predictions.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn predictions(
        &self,
        filter: &PredictionFilter,
    ) -> Result<Vec<PredictionRow>, StoreError> {
        let rows: Vec<Raw> = reading!(self, pool => {
            let mut query = QueryBuilder::new("SELECT * FROM predictions");
            push_conditions!(query, filter);
            query.push(match filter.after_sequence {
                Some(_) => " ORDER BY sequence LIMIT ",
                None => " ORDER BY created_at DESC, sequence DESC LIMIT ",
            });
            query.push_bind(signed(filter.limit)).push(" OFFSET ").push_bind(signed(filter.offset));
            query.build_query_as().fetch_all(pool).await?
        });
        Ok(rows.into_iter().map(PredictionRow::from).collect())
    }

    /// How many predictions there are.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn count_predictions(&self, filter: &PredictionFilter) -> Result<u64, StoreError> {
        let count: i64 = reading!(self, pool => {
            let mut query = QueryBuilder::new("SELECT count(*) FROM predictions");
            push_conditions!(query, filter);
            query.build_query_scalar().fetch_one(pool).await?
        });
        Ok(unsigned(count))
    }

    /// Notes what became of predictions, each by model, name and outcome, and of their shadows. How many
    /// were still open, shadows apart; the first outcome of a prediction stands.
    ///
    /// # Errors
    /// The database does not answer; none is noted then.
    pub async fn resolve_predictions(
        &self,
        outcomes: &[(Uuid, Uuid, f64)],
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        Ok(writing!(self, transaction => {
            let mut resolved = 0;
            let shadows: Vec<(Uuid,)> = sqlx::query_as(shadows::EVER).fetch_all(&mut *transaction).await?;
            for (model_id, prediction_id, outcome) in outcomes {
                resolved += sqlx::query(
                    "UPDATE predictions SET outcome = $1, outcome_at = $2 \
                     WHERE model_id = $3 AND prediction_id = $4 AND outcome IS NULL",
                )
                .bind(outcome)
                .bind(At(now))
                .bind(model_id)
                .bind(prediction_id)
                .execute(&mut *transaction)
                .await?
                .rows_affected();
                for (shadow,) in &shadows {
                    sqlx::query(shadows::RESOLVE)
                        .bind(outcome)
                        .bind(At(now))
                        .bind(shadow)
                        .bind(prediction_id)
                        .bind(model_id)
                        .execute(&mut *transaction)
                        .await?;
                }
            }
            resolved
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whoever measures models looks every minute: it must not cost more with every prediction.
    #[tokio::test]
    async fn known_outcomes_are_found_by_an_index_of_their_own() {
        let store = Store::in_memory().await.unwrap();
        let Database::Sqlite(pools) = &store.database else { panic!("a store in memory") };
        let filter = PredictionFilter {
            model_id: Some(Uuid::nil()),
            resolved: Some(true),
            ..PredictionFilter::default()
        };
        let mut query = QueryBuilder::new("EXPLAIN QUERY PLAN SELECT * FROM predictions");
        push_conditions!(query, filter);
        query.push(" ORDER BY created_at DESC, sequence DESC LIMIT 10");
        let plan: Vec<(i64, i64, i64, String)> =
            query.build_query_as().fetch_all(&pools.readers).await.unwrap();
        assert!(plan[0].3.contains("predictions_resolved"), "{plan:?}");
    }
}
