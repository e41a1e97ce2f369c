//! What stands in the features of models: how the first rows lay, and how later ones do, hour by hour.
//!
//! What a bin means is known to whoever counts; here they are texts.

use jiff::Timestamp;
use sqlx::types::{Json, Uuid};

use crate::database::{reading, writing};
use crate::values::{At, signed, unsigned};
use crate::{Store, StoreError};

/// Counts of one hour of one server.
#[derive(Clone, Debug, PartialEq)]
pub struct FeatureCounts {
    /// The start of the hour.
    pub hour: Timestamp,
    /// Rows that were counted.
    pub rows: u64,
    /// How many of them lay in each bin of each feature.
    pub bins: serde_json::Value,
}

const LEARN: &str = "INSERT INTO feature_references (model_id, row_count, features, learnt_at) \
     VALUES ($1, $2, $3, $4) ON CONFLICT (model_id) DO NOTHING";

const COUNT: &str = "INSERT INTO feature_counts (model_id, hour, writer, row_count, bins) \
     VALUES ($1, $2, $3, $4, $5) ON CONFLICT (model_id, hour, writer) DO UPDATE SET \
       row_count = excluded.row_count, bins = excluded.bins";

impl Store {
    /// Keeps how the first rows of a model lay. Where that is known already, it stays.
    ///
    /// # Errors
    /// The database did not take it.
    pub async fn learn_features(
        &self,
        model_id: Uuid,
        rows: u64,
        features: &serde_json::Value,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        writing!(self, transaction => {
            sqlx::query(LEARN)
                .bind(model_id)
                .bind(signed(rows))
                .bind(Json(features))
                .bind(At(now))
                .execute(&mut *transaction)
                .await?;
        });
        Ok(())
    }

    /// How many first rows of a model there were, and how they lay; `None` where that is not known yet.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn feature_reference(
        &self,
        model_id: Uuid,
    ) -> Result<Option<(u64, serde_json::Value)>, StoreError> {
        let row: Option<(i64, Json<serde_json::Value>)> = reading!(self, pool => {
            sqlx::query_as("SELECT row_count, features FROM feature_references WHERE model_id = $1")
                .bind(model_id)
                .fetch_optional(pool)
                .await?
        });
        Ok(row.map(|(rows, features)| (unsigned(rows), features.0)))
    }

    /// Keeps what a server has counted in an hour so far, in the place of what it had before, and
    /// forgets hours before another one.
    ///
    /// # Errors
    /// The database did not take it.
    pub async fn count_features(
        &self,
        model_id: Uuid,
        writer: Uuid,
        counts: &FeatureCounts,
        forget_before: Timestamp,
    ) -> Result<(), StoreError> {
        writing!(self, transaction => {
            sqlx::query(COUNT)
                .bind(model_id)
                .bind(At(counts.hour))
                .bind(writer)
                .bind(signed(counts.rows))
                .bind(Json(&counts.bins))
                .execute(&mut *transaction)
                .await?;
            sqlx::query("DELETE FROM feature_counts WHERE model_id = $1 AND hour < $2")
                .bind(model_id)
                .bind(At(forget_before))
                .execute(&mut *transaction)
                .await?;
        });
        Ok(())
    }

    /// What was counted of a model, the newest hour first.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn feature_counts(
        &self,
        model_id: Uuid,
        limit: u64,
    ) -> Result<Vec<FeatureCounts>, StoreError> {
        let rows: Vec<(At, i64, Json<serde_json::Value>)> = reading!(self, pool => {
            sqlx::query_as(
                "SELECT hour, row_count, bins FROM feature_counts WHERE model_id = $1 \
                 ORDER BY hour DESC, writer LIMIT $2",
            )
            .bind(model_id)
            .bind(signed(limit))
            .fetch_all(pool)
            .await?
        });
        let counts = |(hour, rows, bins): (At, i64, Json<serde_json::Value>)| FeatureCounts {
            hour: hour.0,
            rows: unsigned(rows),
            bins: bins.0,
        };
        Ok(rows.into_iter().map(counts).collect())
    }
}
