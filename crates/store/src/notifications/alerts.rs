//! Conditions that last: told when they begin and when they end, and listed while they stand.

use jiff::Timestamp;
use sqlx::{FromRow, QueryBuilder};

use crate::database::{reading, writing};
use crate::notifications::events::{EventRow, tell};
use crate::snapshots::named;
use crate::values::At;
use crate::{Store, StoreError};

/// A condition that stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertRow {
    /// What stands, such as `snapshot:acme:shop`; the key of its events too.
    pub alert_key: String,
    /// The kind of event with which it began, such as `snapshot.stale`.
    pub event_type: String,
    /// Whose it is.
    pub customer_id: Option<String>,
    /// At which cluster.
    pub cluster_id: Option<String>,
    /// `warning` or `critical`.
    pub severity: String,
    /// One sentence, as of when it began.
    pub title: String,
    /// Since when.
    pub since: Timestamp,
    /// When it was last seen to stand.
    pub seen_at: Timestamp,
}

#[derive(FromRow)]
struct RawAlert {
    alert_key: String,
    event_type: String,
    customer_id: String,
    cluster_id: String,
    severity: String,
    title: String,
    since: At,
    seen_at: At,
}

impl Store {
    /// Says which conditions stand now and which do not, by the events that tell of them; those are kept
    /// where a condition begins or ends. The key of an event is that of its condition.
    ///
    /// # Errors
    /// The database did not take it.
    pub async fn judge_conditions(
        &self,
        standing: &[EventRow],
        ended: &[EventRow],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        writing!(self, transaction => {
            for event in standing {
                let begins = sqlx::query(
                    "INSERT INTO standing_alerts (alert_key, event_type, customer_id, cluster_id, severity, \
                       title, since, seen_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $7) ON CONFLICT DO NOTHING",
                )
                .bind(event.dedupe_key.as_str())
                .bind(event.event_type.as_str())
                .bind(event.customer_id.as_deref().unwrap_or_default())
                .bind(event.cluster_id.as_deref().unwrap_or_default())
                .bind(event.severity.as_str())
                .bind(event.title.as_str())
                .bind(At(now))
                .execute(&mut *transaction)
                .await?
                .rows_affected()
                    > 0;
                if begins {
                    tell!(transaction, event);
                } else {
                    sqlx::query("UPDATE standing_alerts SET seen_at = $1 WHERE alert_key = $2")
                        .bind(At(now))
                        .bind(event.dedupe_key.as_str())
                        .execute(&mut *transaction)
                        .await?;
                }
            }
            for event in ended {
                let ends = sqlx::query("DELETE FROM standing_alerts WHERE alert_key = $1")
                    .bind(event.dedupe_key.as_str())
                    .execute(&mut *transaction)
                    .await?
                    .rows_affected()
                    > 0;
                if ends {
                    tell!(transaction, event);
                }
            }
        });
        Ok(())
    }

    /// Conditions that stand, the newest first.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn alerts(&self, customer_id: Option<&str>) -> Result<Vec<AlertRow>, StoreError> {
        let rows: Vec<RawAlert> = reading!(self, pool => {
            let mut query = QueryBuilder::new("SELECT * FROM standing_alerts WHERE TRUE");
            if let Some(customer) = customer_id {
                query.push(" AND customer_id = ").push_bind(customer);
            }
            query.push(" ORDER BY since DESC, alert_key");
            query.build_query_as().fetch_all(pool).await?
        });
        let row = |raw: RawAlert| AlertRow {
            alert_key: raw.alert_key,
            event_type: raw.event_type,
            customer_id: named(raw.customer_id),
            cluster_id: named(raw.cluster_id),
            severity: raw.severity,
            title: raw.title,
            since: raw.since.0,
            seen_at: raw.seen_at.0,
        };
        Ok(rows.into_iter().map(row).collect())
    }
}
