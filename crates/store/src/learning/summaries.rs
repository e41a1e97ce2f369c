//! What was learned, as other programs read it, and the sums behind patterns.

use jiff::Timestamp;
use sqlx::types::Uuid;
use sqlx::{FromRow, QueryBuilder};

use super::ROWS_AT_ONCE;
use crate::database::{reading, writing};
use crate::values::{At, signed, unsigned};
use crate::{Store, StoreError};

/// What was learned of a pool, as safety: 1 is safe.
#[derive(Clone, Debug, PartialEq)]
pub struct AdjustmentRow {
    /// Its name.
    pub adjustment_id: Uuid,
    /// The type.
    pub instance_type: String,
    /// The zone's id, or its name where no id is known.
    pub availability_zone: String,
    /// The region.
    pub region: String,
    /// What the class says.
    pub base: f64,
    /// What reports make of it.
    pub learned: f64,
    /// How much of it the pool's own reports are, 0 to 1.
    pub confidence: f64,
    /// Whole instance-hours at risk.
    pub observations: u64,
    /// Interruptions.
    pub interruptions: u64,
    /// When this was reckoned.
    pub updated_at: Timestamp,
}

/// What was learned altogether.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LearningStatsRow {
    /// Whole instance-hours at risk.
    pub instance_hours: u64,
    /// Interruptions.
    pub interruptions: u64,
    /// The feedback weight.
    pub feedback_weight: f64,
    /// Balanced accuracy of predictions whose outcome is known, where enough are.
    pub prediction_accuracy: Option<f64>,
    /// The mean confidence of pools.
    pub confidence: Option<f64>,
    /// When this was reckoned.
    pub updated_at: Timestamp,
}

/// What happened to a type in an hour of the week.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct HourRow {
    /// 0 is midnight on Monday, UTC.
    pub cell: i32,
    /// Interruptions.
    pub interruptions: i64,
    /// Instance-seconds at risk.
    pub exposure_seconds: i64,
}

/// What happened to a kind of workload on a type.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct WorkloadRow {
    /// The kind; empty where nobody said it.
    pub workload_type: String,
    /// Interruptions.
    pub interruptions: i64,
    /// Instance-seconds at risk.
    pub exposure_seconds: i64,
    /// Reports that say how long recovery took.
    pub recoveries: i64,
    /// The sum of that.
    pub recovery_seconds: i64,
}

impl Store {
    /// Keeps what was learned of pools, in the place of what was there.
    ///
    /// # Errors
    /// The database did not take it.
    pub async fn keep_adjustments(&self, rows: &[AdjustmentRow]) -> Result<(), StoreError> {
        if rows.is_empty() {
            return Ok(());
        }
        writing!(self, transaction => {
            for chunk in rows.chunks(ROWS_AT_ONCE) {
                let mut insert = QueryBuilder::new(
                    "INSERT INTO risk_score_adjustments (adjustment_id, instance_type, \
                       availability_zone, region, base_score, customer_adjustment, final_score, \
                       confidence, total_observations, interruption_count, last_updated, created_at) ",
                );
                insert.push_values(chunk, |mut values, row| {
                    values
                        .push_bind(row.adjustment_id)
                        .push_bind(row.instance_type.as_str())
                        .push_bind(row.availability_zone.as_str())
                        .push_bind(row.region.as_str())
                        .push_bind(row.base)
                        .push_bind(row.learned - row.base)
                        .push_bind(row.learned)
                        .push_bind(row.confidence)
                        .push_bind(signed(row.observations))
                        .push_bind(signed(row.interruptions))
                        .push_bind(At(row.updated_at))
                        .push_bind(At(row.updated_at));
                });
                insert.push(
                    " ON CONFLICT (instance_type, availability_zone, region) DO UPDATE SET \
                       base_score = excluded.base_score, \
                       customer_adjustment = excluded.customer_adjustment, \
                       final_score = excluded.final_score, confidence = excluded.confidence, \
                       total_observations = excluded.total_observations, \
                       interruption_count = excluded.interruption_count, \
                       last_updated = excluded.last_updated",
                );
                insert.build().execute(&mut *transaction).await?;
            }
        });
        Ok(())
    }

    /// Keeps what was learned altogether.
    ///
    /// # Errors
    /// The database did not take it.
    pub async fn keep_learning_stats(&self, row: &LearningStatsRow) -> Result<(), StoreError> {
        writing!(self, transaction => {
            sqlx::query(
                "INSERT INTO feedback_learning_stats (stat_id, total_instance_hours, \
                   total_interruptions, current_feedback_weight, prediction_accuracy, \
                   avg_confidence, last_updated) VALUES (1, $1, $2, $3, $4, $5, $6) \
                 ON CONFLICT (stat_id) DO UPDATE SET \
                   total_instance_hours = excluded.total_instance_hours, \
                   total_interruptions = excluded.total_interruptions, \
                   current_feedback_weight = excluded.current_feedback_weight, \
                   prediction_accuracy = excluded.prediction_accuracy, \
                   avg_confidence = excluded.avg_confidence, last_updated = excluded.last_updated",
            )
            .bind(signed(row.instance_hours))
            .bind(signed(row.interruptions))
            .bind(row.feedback_weight)
            .bind(row.prediction_accuracy)
            .bind(row.confidence)
            .bind(At(row.updated_at))
            .execute(&mut *transaction)
            .await?;
        });
        Ok(())
    }

    /// What happened to a type by hour of the week, by kind of workload, and how many customers told of
    /// it.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn pattern_sums(
        &self,
        instance_type: &str,
    ) -> Result<(Vec<HourRow>, Vec<WorkloadRow>, u64), StoreError> {
        Ok(reading!(self, pool => {
            let hours = sqlx::query_as(
                "SELECT cell, interruptions, exposure_seconds FROM pattern_hours \
                 WHERE instance_type = $1 ORDER BY cell",
            )
            .bind(instance_type)
            .fetch_all(pool)
            .await?;
            let workloads = sqlx::query_as(
                "SELECT workload_type, interruptions, exposure_seconds, recoveries, recovery_seconds \
                 FROM pattern_workloads WHERE instance_type = $1 ORDER BY workload_type",
            )
            .bind(instance_type)
            .fetch_all(pool)
            .await?;
            let (customers,): (i64,) = sqlx::query_as(
                "SELECT count(DISTINCT customer_id) FROM pool_days WHERE instance_type = $1",
            )
            .bind(instance_type)
            .fetch_one(pool)
            .await?;
            (hours, workloads, unsigned(customers))
        }))
    }
}
