//! What channels are to be told when its time comes.

use jiff::Timestamp;
use sqlx::types::Uuid;
use sqlx::{FromRow, QueryBuilder};

use crate::database::{reading, writing};
use crate::notifications::deliveries::{DeliveryRow, insert};
use crate::notifications::events::{EVENT, EventRow, RawEvent};
use crate::values::{At, signed, unsigned};
use crate::{Store, StoreError};

/// An event with the channels that want it, and when each is to be told.
#[derive(Clone, Debug)]
pub struct Offer {
    /// The event.
    pub event_id: Uuid,
    /// What it happened to.
    pub dedupe_key: String,
    /// Channels and instants.
    pub wanted: Vec<(Uuid, Timestamp)>,
}

/// Something that a channel is to be told now.
#[derive(Clone, Debug)]
pub struct Pending {
    /// The latest event.
    pub event: EventRow,
    /// Earlier ones of the same thing that it has replaced.
    pub repeats: u64,
    /// When the channel was last told the same of the same thing.
    pub told_at: Option<Timestamp>,
}

#[derive(FromRow)]
struct RawPending {
    #[sqlx(flatten)]
    event: RawEvent,
    repeats: i64,
    told_at: Option<At>,
}

impl Store {
    /// Notes who wants events, each once, whichever server was quicker.
    ///
    /// # Errors
    /// The database did not take it.
    pub async fn offer_events(&self, offers: &[Offer]) -> Result<(), StoreError> {
        writing!(self, transaction => {
            for offer in offers {
                let mine = sqlx::query(
                    "UPDATE notification_events SET offered = TRUE WHERE event_id = $1 AND NOT offered",
                )
                .bind(offer.event_id)
                .execute(&mut *transaction)
                .await?
                .rows_affected()
                    > 0;
                if !mine {
                    continue;
                }
                for (channel, due_at) in &offer.wanted {
                    // The time of the first one stays: what comes again and again is not put off for ever.
                    sqlx::query(
                        "INSERT INTO notification_pending (channel_id, dedupe_key, event_id, due_at, repeats) \
                         VALUES ($1, $2, $3, $4, 0) \
                         ON CONFLICT (channel_id, dedupe_key) DO UPDATE SET event_id = excluded.event_id, \
                           repeats = notification_pending.repeats + 1",
                    )
                    .bind(*channel)
                    .bind(offer.dedupe_key.as_str())
                    .bind(offer.event_id)
                    .bind(At(*due_at))
                    .execute(&mut *transaction)
                    .await?;
                }
            }
        });
        Ok(())
    }

    /// Channels that are to be told something by now.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn channels_due(&self, now: Timestamp) -> Result<Vec<Uuid>, StoreError> {
        Ok(reading!(self, pool => {
            sqlx::query_scalar(
                "SELECT DISTINCT channel_id FROM notification_pending WHERE due_at <= $1",
            )
            .bind(At(now))
            .fetch_all(pool)
            .await?
        }))
    }

    /// What a channel is to be told by now, the oldest first.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn pending(
        &self,
        channel_id: Uuid,
        now: Timestamp,
        limit: u64,
    ) -> Result<Vec<Pending>, StoreError> {
        let columns: Vec<String> =
            EVENT.split(',').map(|column| format!("event.{}", column.trim())).collect();
        let rows: Vec<RawPending> = reading!(self, pool => {
            let mut query = QueryBuilder::new("SELECT ");
            query.push(columns.join(", "));
            query.push(
                ", pending.repeats, told.told_at FROM notification_pending pending \
                 JOIN notification_events event ON event.event_id = pending.event_id \
                 LEFT JOIN notification_told told ON told.channel_id = pending.channel_id \
                   AND told.dedupe_key = pending.dedupe_key AND told.event_type = event.event_type \
                 WHERE pending.channel_id = ",
            );
            query.push_bind(channel_id);
            query.push(" AND pending.due_at <= ").push_bind(At(now));
            query.push(" ORDER BY event.occurred_at, event.event_id LIMIT ");
            query.push_bind(signed(limit));
            query.build_query_as().fetch_all(pool).await?
        });
        let row = |raw: RawPending| Pending {
            event: raw.event.into(),
            repeats: unsigned(raw.repeats),
            told_at: raw.told_at.map(|at| at.0),
        };
        Ok(rows.into_iter().map(row).collect())
    }

    /// Puts off what a channel has heard of lately.
    ///
    /// # Errors
    /// The database did not take it.
    pub async fn put_off(
        &self,
        channel_id: Uuid,
        later: &[(String, Timestamp)],
    ) -> Result<(), StoreError> {
        writing!(self, transaction => {
            for (key, due_at) in later {
                sqlx::query(
                    "UPDATE notification_pending SET due_at = $1 WHERE channel_id = $2 AND dedupe_key = $3",
                )
                .bind(At(*due_at))
                .bind(channel_id)
                .bind(key.as_str())
                .execute(&mut *transaction)
                .await?;
            }
        });
        Ok(())
    }

    /// Makes a delivery of what was pending. `false`, and nothing is done, when something of it has changed
    /// meanwhile or another server was quicker.
    ///
    /// # Errors
    /// The database did not take it.
    pub async fn make_delivery(
        &self,
        delivery: &DeliveryRow,
        taken: &[Pending],
    ) -> Result<bool, StoreError> {
        writing!(self, transaction => {
            for pending in taken {
                let event = &pending.event;
                let mine = sqlx::query(
                    "DELETE FROM notification_pending \
                     WHERE channel_id = $1 AND dedupe_key = $2 AND event_id = $3",
                )
                .bind(delivery.channel_id)
                .bind(event.dedupe_key.as_str())
                .bind(event.event_id)
                .execute(&mut *transaction)
                .await?
                .rows_affected();
                if mine == 0 {
                    // What is not committed is undone.
                    return Ok(false);
                }
                sqlx::query(
                    "INSERT INTO notification_told (channel_id, dedupe_key, event_type, told_at) \
                     VALUES ($1, $2, $3, $4) ON CONFLICT (channel_id, dedupe_key, event_type) \
                     DO UPDATE SET told_at = excluded.told_at",
                )
                .bind(delivery.channel_id)
                .bind(event.dedupe_key.as_str())
                .bind(event.event_type.as_str())
                .bind(At(delivery.created_at))
                .execute(&mut *transaction)
                .await?;
            }
            insert!(transaction, delivery);
        });
        Ok(true)
    }
}
