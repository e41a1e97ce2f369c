//! What became of decisions, as whoever carried them out says.

use jiff::Timestamp;
use sqlx::FromRow;
use sqlx::types::{Json, Uuid};
use units::Usd;

use crate::access::{AuditRow, audit};
use crate::database::{reading, writing};
use crate::findings::{SETTLE, Settlement};
use crate::snapshots::named;
use crate::values::{At, signed};
use crate::{Store, StoreError};

/// What became of a decision.
#[derive(Clone, Debug, PartialEq)]
pub struct OutcomeRow {
    /// The cluster that the decision is about; empty where nobody named it.
    pub cluster_id: String,
    /// Whose decision it is.
    pub customer_id: Option<String>,
    /// Its name.
    pub outcome_id: Uuid,
    /// The decision.
    pub decision_id: Uuid,
    /// What had been asked for.
    pub decision_type: String,
    /// `accepted`, `dismissed`, `applied`, `failed` or `measured`.
    pub outcome: String,
    /// Digest of the request as it was sent.
    pub asked: String,
    /// The findings that are meant, by the engine's names.
    pub findings: Vec<String>,
    /// The rest of what was said.
    pub detail: serde_json::Value,
    /// Dollars a month that were measured.
    pub savings: Option<Usd>,
    /// When it was said.
    pub noted_at: Timestamp,
    /// By whom.
    pub noted_by: String,
}

#[derive(FromRow)]
pub(crate) struct Raw {
    cluster_id: String,
    customer_id: String,
    outcome_id: Uuid,
    decision_id: Uuid,
    decision_type: String,
    outcome: String,
    asked: String,
    findings: Json<Vec<String>>,
    detail: Json<serde_json::Value>,
    savings_nanos: Option<i64>,
    noted_at: At,
    noted_by: String,
}

impl From<Raw> for OutcomeRow {
    fn from(raw: Raw) -> OutcomeRow {
        OutcomeRow {
            cluster_id: raw.cluster_id,
            customer_id: named(raw.customer_id),
            outcome_id: raw.outcome_id,
            decision_id: raw.decision_id,
            decision_type: raw.decision_type,
            outcome: raw.outcome,
            asked: raw.asked,
            findings: raw.findings.0,
            detail: raw.detail.0,
            savings: raw.savings_nanos.map(Usd::from_nanos),
            noted_at: raw.noted_at.0,
            noted_by: raw.noted_by,
        }
    }
}

impl Store {
    /// Keeps an outcome, puts the findings that it is about in another state, and notes that. The one
    /// that was there before under the same name, where there is one; nothing is changed then.
    ///
    /// # Errors
    /// The database did not take it.
    pub async fn add_outcome(
        &self,
        row: &OutcomeRow,
        settlement: Option<&Settlement>,
        note: &AuditRow,
    ) -> Result<Option<OutcomeRow>, StoreError> {
        let customer = row.customer_id.as_deref().unwrap_or_default();
        let settle = format!(
            "{SETTLE} cluster_id = $6 AND customer_id = $7 AND decision_type = $8 \
             AND finding = $9 AND state <> 'resolved'"
        );
        let known: Option<Raw> = writing!(self, transaction => {
            let added = sqlx::query(
                "INSERT INTO decision_outcomes (cluster_id, customer_id, outcome_id, decision_id, \
                   decision_type, outcome, asked, findings, detail, savings_nanos, noted_at, noted_by) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT DO NOTHING",
            )
            .bind(row.cluster_id.as_str())
            .bind(customer)
            .bind(row.outcome_id)
            .bind(row.decision_id)
            .bind(row.decision_type.as_str())
            .bind(row.outcome.as_str())
            .bind(row.asked.as_str())
            .bind(Json(&row.findings))
            .bind(Json(&row.detail))
            .bind(row.savings.map(Usd::nanos))
            .bind(At(row.noted_at))
            .bind(row.noted_by.as_str())
            .execute(&mut *transaction)
            .await?
            .rows_affected()
                > 0;
            if added {
                for finding in settlement.iter().flat_map(|_| &row.findings) {
                    let Some(to) = settlement else { continue };
                    sqlx::query(sqlx::AssertSqlSafe(settle.as_str()))
                        .bind(to.state.name())
                        .bind(to.until.map(At))
                        .bind(to.note.as_deref())
                        .bind(to.by.as_str())
                        .bind(At(to.at))
                        .bind(row.cluster_id.as_str())
                        .bind(customer)
                        .bind(row.decision_type.as_str())
                        .bind(finding.as_str())
                        .execute(&mut *transaction)
                        .await?;
                }
                audit!(transaction, note);
                None
            } else {
                sqlx::query_as(
                    "SELECT * FROM decision_outcomes \
                     WHERE cluster_id = $1 AND customer_id = $2 AND outcome_id = $3",
                )
                .bind(row.cluster_id.as_str())
                .bind(customer)
                .bind(row.outcome_id)
                .fetch_optional(&mut *transaction)
                .await?
            }
        });
        Ok(known.map(OutcomeRow::from))
    }

    /// One outcome of a customer, whatever decision it is about.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn outcome(
        &self,
        outcome_id: Uuid,
        customer_id: Option<&str>,
    ) -> Result<Option<OutcomeRow>, StoreError> {
        let row: Option<Raw> = reading!(self, pool => {
            sqlx::query_as(
                "SELECT * FROM decision_outcomes WHERE outcome_id = $1 AND customer_id = $2 LIMIT 1",
            )
            .bind(outcome_id)
            .bind(customer_id.unwrap_or_default())
            .fetch_optional(pool)
            .await?
        });
        Ok(row.map(OutcomeRow::from))
    }

    /// What was measured at a cluster of this customer, the newest first, so many at the most.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn measured_outcomes(
        &self,
        cluster_id: &str,
        customer_id: Option<&str>,
        most: u64,
    ) -> Result<Vec<OutcomeRow>, StoreError> {
        let rows: Vec<Raw> = reading!(self, pool => {
            sqlx::query_as(
                "SELECT * FROM decision_outcomes WHERE cluster_id = $1 AND customer_id = $2 \
                 AND outcome = 'measured' ORDER BY noted_at DESC, outcome_id DESC LIMIT $3",
            )
            .bind(cluster_id)
            .bind(customer_id.unwrap_or_default())
            .bind(signed(most))
            .fetch_all(pool)
            .await?
        });
        Ok(rows.into_iter().map(OutcomeRow::from).collect())
    }
}
