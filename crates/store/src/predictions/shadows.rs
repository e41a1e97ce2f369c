//! Predictions of models that answered nobody, beside the answers that they are shadows of.

use sqlx::types::Uuid;

use crate::database::reading;
use crate::values::signed;
use crate::{Store, StoreError};

/// An answer, and what a shadow said of the same pool at the same instant and horizon.
#[derive(Clone, Debug, PartialEq)]
pub struct ShadowPair {
    /// The model that answered; nil for the baseline.
    pub answered_by: Uuid,
    /// Such as `spot_interruption`.
    pub prediction_type: String,
    /// What was answered.
    pub answer: f64,
    /// What the shadow said.
    pub shadow: f64,
    /// What the same quantity was at the time, where it can be known.
    pub last_value: Option<f64>,
    /// What happened, where that is known.
    pub outcome: Option<f64>,
}

/// Models that have ever been shadows: few, so that each outcome looks for its shadows by their key.
pub(super) const EVER: &str = "SELECT model_id FROM ml_models WHERE shadowed_at IS NOT NULL";

/// What happened within another horizon says nothing of this one.
pub(super) const RESOLVE: &str = "UPDATE predictions SET outcome = $1, outcome_at = $2 \
     WHERE model_id = $3 AND prediction_id = $4 AND shadow_of = $5 AND outcome IS NULL \
       AND horizon_seconds = (SELECT a.horizon_seconds FROM predictions a \
         WHERE a.model_id = $5 AND a.prediction_id = $4)";

const PAIRS: &str = "SELECT s.shadow_of, s.prediction_type, a.value, s.value, a.last_value, \
       COALESCE(a.outcome, s.outcome) \
     FROM (SELECT * FROM predictions WHERE model_id = $1 AND shadow_of IS NOT NULL \
           ORDER BY created_at DESC LIMIT $2) s \
     JOIN predictions a ON a.model_id = s.shadow_of AND a.prediction_id = s.prediction_id \
     WHERE a.horizon_seconds = s.horizon_seconds";

type Raw = (Uuid, String, f64, f64, Option<f64>, Option<f64>);

impl Store {
    /// The newest predictions of a model as a shadow, beside the answers; those of another horizon than
    /// their answer are left out.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn shadow_pairs(
        &self,
        model_id: Uuid,
        limit: u64,
    ) -> Result<Vec<ShadowPair>, StoreError> {
        let rows: Vec<Raw> = reading!(self, pool => {
            sqlx::query_as(PAIRS).bind(model_id).bind(signed(limit)).fetch_all(pool).await?
        });
        let pair = |(answered_by, prediction_type, answer, shadow, last_value, outcome): Raw| {
            ShadowPair { answered_by, prediction_type, answer, shadow, last_value, outcome }
        };
        Ok(rows.into_iter().map(pair).collect())
    }
}
