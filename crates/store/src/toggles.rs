//! Which features are switched on, and their own thresholds.

use jiff::Timestamp;
use sqlx::FromRow;
use sqlx::types::Json;

use crate::access::{AuditRow, audit};
use crate::database::{reading, writing};
use crate::values::{At, signed, unsigned};
use crate::{Store, StoreError};

/// A feature as somebody set it.
#[derive(Clone, Debug, PartialEq)]
pub struct ToggleRow {
    /// The feature, such as `ipv4_cost_tracking`.
    pub feature: String,
    /// Whether it is switched on.
    pub enabled: bool,
    /// How often it scans by itself; `None` when it does not.
    pub scan_interval_hours: Option<u64>,
    /// Its own thresholds.
    pub settings: serde_json::Value,
    /// Who set it.
    pub changed_by: String,
    /// When.
    pub changed_at: Timestamp,
}

#[derive(FromRow)]
struct Raw {
    feature: String,
    enabled: bool,
    scan_interval_hours: Option<i64>,
    settings: Json<serde_json::Value>,
    changed_by: String,
    changed_at: At,
}

impl Store {
    /// Every feature that somebody has set, by name, and how often that was done.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn toggles(&self) -> Result<(Vec<ToggleRow>, u64), StoreError> {
        let (revision, rows): (i64, Vec<Raw>) = reading!(self, pool => {
            // In this order a change between the two is seen as not yet counted, and a writer who goes by
            // the count is refused.
            let revision = sqlx::query_scalar(
                "SELECT revision FROM feature_toggle_counter WHERE counter = 1",
            )
            .fetch_one(pool)
            .await?;
            let rows = sqlx::query_as("SELECT * FROM feature_toggles ORDER BY feature")
                .fetch_all(pool)
                .await?;
            (revision, rows)
        });
        let row = |raw: Raw| ToggleRow {
            feature: raw.feature,
            enabled: raw.enabled,
            scan_interval_hours: raw.scan_interval_hours.map(unsigned),
            settings: raw.settings.0,
            changed_by: raw.changed_by,
            changed_at: raw.changed_at.0,
        };
        Ok((rows.into_iter().map(row).collect(), unsigned(revision)))
    }

    /// Sets features, and notes that. Where `expected` names how often that was done before and somebody
    /// else was quicker, nothing is changed: `None`. Else how often it was done by now.
    ///
    /// # Errors
    /// The database did not take it.
    pub async fn set_toggles(
        &self,
        rows: &[ToggleRow],
        expected: Option<u64>,
        note: &AuditRow,
    ) -> Result<Option<u64>, StoreError> {
        let revision: Option<i64> = writing!(self, transaction => {
            let counted: Option<i64> = match expected {
                Some(expected) => {
                    sqlx::query_scalar(
                        "UPDATE feature_toggle_counter SET revision = revision + 1 \
                         WHERE counter = 1 AND revision = $1 RETURNING revision",
                    )
                    .bind(signed(expected))
                    .fetch_optional(&mut *transaction)
                    .await?
                }
                None => {
                    sqlx::query_scalar(
                        "UPDATE feature_toggle_counter SET revision = revision + 1 \
                         WHERE counter = 1 RETURNING revision",
                    )
                    .fetch_optional(&mut *transaction)
                    .await?
                }
            };
            if counted.is_some() {
                for row in rows {
                    sqlx::query(
                        "INSERT INTO feature_toggles (feature, enabled, scan_interval_hours, settings, \
                           changed_by, changed_at) VALUES ($1, $2, $3, $4, $5, $6) \
                         ON CONFLICT (feature) DO UPDATE SET enabled = excluded.enabled, \
                           scan_interval_hours = excluded.scan_interval_hours, \
                           settings = excluded.settings, changed_by = excluded.changed_by, \
                           changed_at = excluded.changed_at",
                    )
                    .bind(row.feature.as_str())
                    .bind(row.enabled)
                    .bind(row.scan_interval_hours.map(signed))
                    .bind(Json(&row.settings))
                    .bind(row.changed_by.as_str())
                    .bind(At(row.changed_at))
                    .execute(&mut *transaction)
                    .await?;
                }
                audit!(transaction, note);
            }
            counted
        });
        Ok(revision.map(unsigned))
    }
}
