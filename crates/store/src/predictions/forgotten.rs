//! Letting go of old predictions, where somebody asked for that, and how many there were.

use jiff::Timestamp;
use sqlx::types::Uuid;

use super::{PredictionRow, Raw};
use crate::database::{reading, writing};
use crate::values::{At, signed, unsigned};
use crate::{Store, StoreError};

/// The first predictions of a model stay for as long as it is there: newer ones are compared with them.
pub const FIRST_PREDICTIONS: u64 = 1_000;

/// Predictions that went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ForgottenPredictions {
    /// All of them.
    pub predictions: u64,
    /// Those whose outcome was known.
    pub resolved: u64,
}

const NEXT_MODEL: &str = "SELECT model_id FROM predictions WHERE model_id > $1 \
     ORDER BY model_id LIMIT 1";

/// The baseline has no record, and is there as long as the server is.
const IS_THERE: &str = "SELECT EXISTS (SELECT 1 FROM ml_models WHERE model_id = $1)";

/// The first ones by their names, which begin with the instant: the key of the table has them in this
/// order.
const FIRST: &str = "SELECT * FROM predictions WHERE model_id = $1 ORDER BY prediction_id LIMIT $2";

const LAST_OF_FIRST: &str = "SELECT prediction_id FROM predictions WHERE model_id = $1 \
     ORDER BY prediction_id LIMIT 1 OFFSET $2";

const FORGET: &str = "DELETE FROM predictions WHERE model_id = $1 AND prediction_id IN ( \
       SELECT p.prediction_id FROM predictions p \
       WHERE p.model_id = $1 AND p.prediction_id > $2 AND p.created_at < $3 \
       ORDER BY p.created_at LIMIT $4) \
     RETURNING outcome IS NOT NULL";

const COUNT: &str = "INSERT INTO forgotten_predictions (model_id, prediction_count, resolved_count) \
     VALUES ($1, $2, $3) ON CONFLICT (model_id) DO UPDATE SET \
       prediction_count = forgotten_predictions.prediction_count + excluded.prediction_count, \
       resolved_count = forgotten_predictions.resolved_count + excluded.resolved_count";

impl Store {
    /// The first predictions of a model, as they were made; they are never forgotten while it is there.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn first_predictions(
        &self,
        model_id: Uuid,
    ) -> Result<Vec<PredictionRow>, StoreError> {
        let rows: Vec<Raw> = reading!(self, pool => {
            sqlx::query_as(FIRST)
                .bind(model_id)
                .bind(signed(FIRST_PREDICTIONS))
                .fetch_all(pool)
                .await?
        });
        Ok(rows.into_iter().map(PredictionRow::from).collect())
    }

    /// The model with predictions whose name comes after another's; the baseline comes before all of
    /// them and is not given.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn next_predicting_model(&self, after: Uuid) -> Result<Option<Uuid>, StoreError> {
        let next: Option<(Uuid,)> = reading!(self, pool => {
            sqlx::query_as(NEXT_MODEL).bind(after).fetch_optional(pool).await?
        });
        Ok(next.map(|row| row.0))
    }

    /// Deletes predictions of a model that were made before an instant, at most so many, and counts
    /// them. Its [first ones](FIRST_PREDICTIONS) stay, unless the model itself is gone.
    ///
    /// # Errors
    /// The database does not answer; then none of this step has gone.
    pub async fn forget_predictions(
        &self,
        model_id: Uuid,
        before: Timestamp,
        most: u64,
    ) -> Result<ForgottenPredictions, StoreError> {
        Ok(writing!(self, transaction => {
            let (recorded,): (bool,) =
                sqlx::query_as(IS_THERE).bind(model_id).fetch_one(&mut *transaction).await?;
            let there = recorded || model_id.is_nil();
            let spared: Option<(Uuid,)> = if there {
                sqlx::query_as(LAST_OF_FIRST)
                    .bind(model_id)
                    .bind(signed(FIRST_PREDICTIONS - 1))
                    .fetch_optional(&mut *transaction)
                    .await?
            } else {
                Some((Uuid::nil(),))
            };
            match spared {
                // There are no more than the first ones.
                None => ForgottenPredictions::default(),
                Some((spared,)) => {
                    let gone: Vec<(bool,)> = sqlx::query_as(FORGET)
                        .bind(model_id)
                        .bind(spared)
                        .bind(At(before))
                        .bind(signed(most))
                        .fetch_all(&mut *transaction)
                        .await?;
                    let forgotten = ForgottenPredictions {
                        predictions: gone.len() as u64,
                        resolved: gone.iter().filter(|row| row.0).count() as u64,
                    };
                    if there && forgotten.predictions > 0 {
                        sqlx::query(COUNT)
                            .bind(model_id)
                            .bind(signed(forgotten.predictions))
                            .bind(signed(forgotten.resolved))
                            .execute(&mut *transaction)
                            .await?;
                    }
                    forgotten
                }
            }
        }))
    }

    /// How many predictions of a model are gone.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn forgotten_predictions(
        &self,
        model_id: Uuid,
    ) -> Result<ForgottenPredictions, StoreError> {
        let row: Option<(i64, i64)> = reading!(self, pool => {
            sqlx::query_as(
                "SELECT prediction_count, resolved_count FROM forgotten_predictions \
                 WHERE model_id = $1",
            )
            .bind(model_id)
            .fetch_optional(pool)
            .await?
        });
        Ok(row.map_or_else(ForgottenPredictions::default, |(predictions, resolved)| {
            ForgottenPredictions {
                predictions: unsigned(predictions),
                resolved: unsigned(resolved),
            }
        }))
    }
}
