//! Things that happened and that somebody might want to hear of.

use jiff::Timestamp;
use serde_json::Value;
use sqlx::types::{Json, Uuid};
use sqlx::{FromRow, QueryBuilder};

use crate::database::{reading, writing};
use crate::snapshots::named;
use crate::values::{At, signed};
use crate::{Store, StoreError};

/// Something that happened.
#[derive(Clone, Debug, PartialEq)]
pub struct EventRow {
    /// Its name.
    pub event_id: Uuid,
    /// What kind of thing, such as `finding.opened`.
    pub event_type: String,
    /// The thing that it happened to: what comes back and forth has one key.
    pub dedupe_key: String,
    /// `info`, `warning` or `critical`.
    pub severity: String,
    /// Whose it is.
    pub customer_id: Option<String>,
    /// At which cluster.
    pub cluster_id: Option<String>,
    /// One sentence.
    pub title: String,
    /// Words and what they are, as JSON.
    pub facts: Value,
    /// What programs want to know.
    pub detail: Value,
    /// Where more about it is, as a path of this server.
    pub link: Option<String>,
    /// When it happened.
    pub occurred_at: Timestamp,
}

/// Which events are wanted: the newest first.
#[derive(Clone, Debug, Default)]
pub struct EventFilter {
    /// Of one customer.
    pub customer_id: Option<String>,
    /// At one cluster.
    pub cluster_id: Option<String>,
    /// Of one kind, or, where it ends with a dot, of all kinds that begin so.
    pub event_type: Option<String>,
    /// How many are passed over.
    pub offset: u64,
    /// How many are given at most.
    pub limit: u64,
}

#[derive(FromRow)]
pub(crate) struct RawEvent {
    pub(crate) event_id: Uuid,
    event_type: String,
    dedupe_key: String,
    severity: String,
    customer_id: String,
    cluster_id: String,
    title: String,
    facts: Json<Value>,
    detail: Json<Value>,
    link: Option<String>,
    occurred_at: At,
}

impl From<RawEvent> for EventRow {
    fn from(raw: RawEvent) -> EventRow {
        EventRow {
            event_id: raw.event_id,
            event_type: raw.event_type,
            dedupe_key: raw.dedupe_key,
            severity: raw.severity,
            customer_id: named(raw.customer_id),
            cluster_id: named(raw.cluster_id),
            title: raw.title,
            facts: raw.facts.0,
            detail: raw.detail.0,
            link: raw.link,
            occurred_at: raw.occurred_at.0,
        }
    }
}

pub(crate) const EVENT: &str = "event_id, event_type, dedupe_key, severity, customer_id, cluster_id, \
     title, facts, detail, link, occurred_at";

pub(crate) const KEEP: &str = "INSERT INTO notification_events (event_id, event_type, dedupe_key, severity, \
       customer_id, cluster_id, title, facts, detail, link, occurred_at, offered) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, FALSE) ON CONFLICT DO NOTHING";

/// Writes an event inside of the transaction that makes it happen.
macro_rules! tell {
    ($transaction:ident, $row:expr) => {{
        let row: &$crate::notifications::events::EventRow = $row;
        sqlx::query($crate::notifications::events::KEEP)
            .bind(row.event_id)
            .bind(row.event_type.as_str())
            .bind(row.dedupe_key.as_str())
            .bind(row.severity.as_str())
            .bind(row.customer_id.as_deref().unwrap_or_default())
            .bind(row.cluster_id.as_deref().unwrap_or_default())
            .bind(row.title.as_str())
            .bind(sqlx::types::Json(&row.facts))
            .bind(sqlx::types::Json(&row.detail))
            .bind(row.link.as_deref())
            .bind($crate::values::At(row.occurred_at))
            .execute(&mut *$transaction)
            .await?;
    }};
}

pub(crate) use tell;

impl Store {
    /// Writes events that come with no other change; those that are there stay as they are.
    ///
    /// # Errors
    /// The database did not take them.
    pub async fn tell_events(&self, events: &[EventRow]) -> Result<(), StoreError> {
        writing!(self, transaction => {
            for event in events {
                tell!(transaction, event);
            }
        });
        Ok(())
    }

    /// Events, the newest first.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn events(&self, filter: &EventFilter) -> Result<Vec<EventRow>, StoreError> {
        let rows: Vec<RawEvent> = reading!(self, pool => {
            let mut query = QueryBuilder::new("SELECT ");
            query.push(EVENT).push(" FROM notification_events WHERE TRUE");
            if let Some(customer) = &filter.customer_id {
                query.push(" AND customer_id = ").push_bind(customer.as_str());
            }
            if let Some(cluster) = &filter.cluster_id {
                query.push(" AND cluster_id = ").push_bind(cluster.as_str());
            }
            match filter.event_type.as_deref() {
                None => {}
                Some(start) if start.ends_with('.') => {
                    query.push(" AND substr(event_type, 1, ");
                    query.push_bind(i32::try_from(start.len()).unwrap_or(i32::MAX));
                    query.push(") = ").push_bind(start);
                }
                Some(whole) => {
                    query.push(" AND event_type = ").push_bind(whole);
                }
            }
            query.push(" ORDER BY occurred_at DESC, event_id DESC LIMIT ");
            query.push_bind(signed(filter.limit));
            query.push(" OFFSET ").push_bind(signed(filter.offset));
            query.build_query_as().fetch_all(pool).await?
        });
        Ok(rows.into_iter().map(EventRow::from).collect())
    }

    /// Events of which channels were not asked yet whether they want them, the oldest first.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn events_to_offer(&self, limit: u64) -> Result<Vec<EventRow>, StoreError> {
        let rows: Vec<RawEvent> = reading!(self, pool => {
            let mut query = QueryBuilder::new("SELECT ");
            query.push(EVENT);
            query.push(" FROM notification_events WHERE NOT offered ORDER BY occurred_at, event_id LIMIT ");
            query.push_bind(signed(limit));
            query.build_query_as().fetch_all(pool).await?
        });
        Ok(rows.into_iter().map(EventRow::from).collect())
    }

    /// Forgets events, ended deliveries with their tries, and what was told, from before an instant.
    ///
    /// # Errors
    /// The database did not take it.
    pub async fn forget_notices(&self, before: Timestamp) -> Result<(), StoreError> {
        writing!(self, transaction => {
            for statement in [
                "DELETE FROM notification_attempts WHERE delivery_id IN (SELECT delivery_id \
                   FROM notification_deliveries WHERE created_at < $1 AND state <> 'waiting')",
                "DELETE FROM notification_deliveries WHERE created_at < $1 AND state <> 'waiting'",
                "DELETE FROM notification_told WHERE told_at < $1",
                "DELETE FROM notification_events WHERE occurred_at < $1 AND offered AND event_id NOT IN \
                   (SELECT event_id FROM notification_pending)",
            ] {
                sqlx::query(statement).bind(At(before)).execute(&mut *transaction).await?;
            }
        });
        Ok(())
    }
}
