//! Messages on their way, and what became of them.

use jiff::Timestamp;
use serde_json::Value;
use sqlx::types::{Json, Uuid};
use sqlx::{FromRow, QueryBuilder};

use crate::access::{AuditRow, audit};
use crate::database::{reading, writing};
use crate::values::{At, signed, unsigned};
use crate::{Store, StoreError};

/// Where a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryState {
    /// It is to be tried, for the first time or again.
    Waiting,
    /// It is there.
    Delivered,
    /// It was tried as often as it might, or cannot be delivered.
    GivenUp,
}

impl DeliveryState {
    /// Every state.
    pub const ALL: [DeliveryState; 3] =
        [DeliveryState::Waiting, DeliveryState::Delivered, DeliveryState::GivenUp];

    /// As it is stored and written.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            DeliveryState::Waiting => "waiting",
            DeliveryState::Delivered => "delivered",
            DeliveryState::GivenUp => "given_up",
        }
    }

    /// The state of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<DeliveryState> {
        DeliveryState::ALL.into_iter().find(|state| state.name() == name)
    }
}

/// A message on its way.
#[derive(Clone, Debug, PartialEq)]
pub struct DeliveryRow {
    /// Its name in other calls.
    pub delivery_id: Uuid,
    /// Where it goes.
    pub channel_id: Uuid,
    /// What it says.
    pub message: Value,
    /// In one line.
    pub headline: String,
    /// How many things it tells.
    pub events: u64,
    /// Where it is.
    pub state: DeliveryState,
    /// How often it was tried.
    pub attempts: u32,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it is tried next.
    pub next_try_at: Timestamp,
    /// When it was delivered or given up.
    pub ended_at: Option<Timestamp>,
    /// What the receiver said last, where it speaks HTTP.
    pub status: Option<u16>,
    /// What went wrong last.
    pub error: Option<String>,
}

/// One try of a message.
#[derive(Clone, Debug, PartialEq)]
pub struct AttemptRow {
    /// Of which message.
    pub delivery_id: Uuid,
    /// Which one, from 1.
    pub attempt: u32,
    /// When.
    pub tried_at: Timestamp,
    /// How long it took.
    pub milliseconds: u64,
    /// What the receiver said.
    pub status: Option<u16>,
    /// What went wrong; nothing where it arrived.
    pub error: Option<String>,
}

/// What a try makes of a message.
#[derive(Clone, Debug, PartialEq)]
pub enum AttemptEnd {
    /// It is there.
    Delivered,
    /// It is tried again.
    Again(Timestamp),
    /// It is given up. Where the receiver wants nothing more, its channel is switched off for this reason.
    GivenUp(Option<String>),
}

/// Which deliveries are wanted: the newest first.
#[derive(Clone, Debug, Default)]
pub struct DeliveryFilter {
    /// To one channel.
    pub channel_id: Option<Uuid>,
    /// In one state.
    pub state: Option<DeliveryState>,
    /// How many are passed over.
    pub offset: u64,
    /// How many are given at most.
    pub limit: u64,
}

#[derive(FromRow)]
struct RawDelivery {
    delivery_id: Uuid,
    channel_id: Uuid,
    message: Json<Value>,
    headline: String,
    events: i64,
    state: String,
    attempts: i64,
    created_at: At,
    next_try_at: At,
    ended_at: Option<At>,
    status: Option<i64>,
    error: Option<String>,
}

impl TryFrom<RawDelivery> for DeliveryRow {
    type Error = StoreError;

    fn try_from(raw: RawDelivery) -> Result<DeliveryRow, StoreError> {
        let state = DeliveryState::from_name(&raw.state).ok_or_else(|| StoreError::Damaged {
            what: format!("delivery {}", raw.delivery_id),
            why: format!("`{}` is no state", raw.state),
        })?;
        Ok(DeliveryRow {
            delivery_id: raw.delivery_id,
            channel_id: raw.channel_id,
            message: raw.message.0,
            headline: raw.headline,
            events: unsigned(raw.events),
            state,
            attempts: u32::try_from(raw.attempts).unwrap_or(u32::MAX),
            created_at: raw.created_at.0,
            next_try_at: raw.next_try_at.0,
            ended_at: raw.ended_at.map(|at| at.0),
            status: raw.status.and_then(|status| u16::try_from(status).ok()),
            error: raw.error,
        })
    }
}

#[derive(FromRow)]
struct RawAttempt {
    delivery_id: Uuid,
    attempt: i64,
    tried_at: At,
    milliseconds: i64,
    status: Option<i64>,
    error: Option<String>,
}

pub(crate) const INSERT: &str = "INSERT INTO notification_deliveries (delivery_id, channel_id, message, \
       headline, events, state, attempts, created_at, next_try_at, ended_at, status, error) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";

const NOTE_ATTEMPT: &str = "INSERT INTO notification_attempts (delivery_id, attempt, tried_at, \
       milliseconds, status, error) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING";

macro_rules! insert {
    ($transaction:ident, $row:expr) => {{
        let row: &$crate::notifications::deliveries::DeliveryRow = $row;
        sqlx::query($crate::notifications::deliveries::INSERT)
            .bind(row.delivery_id)
            .bind(row.channel_id)
            .bind(sqlx::types::Json(&row.message))
            .bind(row.headline.as_str())
            .bind($crate::values::signed(row.events))
            .bind(row.state.name())
            .bind(i64::from(row.attempts))
            .bind($crate::values::At(row.created_at))
            .bind($crate::values::At(row.next_try_at))
            .bind(row.ended_at.map($crate::values::At))
            .bind(row.status.map(i64::from))
            .bind(row.error.as_deref())
            .execute(&mut *$transaction)
            .await?;
    }};
}

pub(crate) use insert;

impl Store {
    /// Keeps a message that was put together beside the queue: a test, or one that is sent again. It is
    /// noted.
    ///
    /// # Errors
    /// The database did not take it.
    pub async fn add_delivery(
        &self,
        row: &DeliveryRow,
        attempt: Option<&AttemptRow>,
        note: &AuditRow,
    ) -> Result<(), StoreError> {
        writing!(self, transaction => {
            insert!(transaction, row);
            if let Some(attempt) = attempt {
                note_attempt(attempt).execute(&mut *transaction).await?;
            }
            audit!(transaction, note);
        });
        Ok(())
    }

    /// Takes messages that are to be tried by now, the longest waiting first. Nobody else tries them until
    /// `until`, so whoever is lost with one costs time and nothing more.
    ///
    /// # Errors
    /// The database did not take it.
    pub async fn claim_deliveries(
        &self,
        now: Timestamp,
        until: Timestamp,
        limit: u64,
    ) -> Result<Vec<DeliveryRow>, StoreError> {
        let waiting: Vec<RawDelivery> = reading!(self, pool => {
            sqlx::query_as(
                "SELECT * FROM notification_deliveries WHERE state = 'waiting' AND next_try_at <= $1 \
                 ORDER BY next_try_at LIMIT $2",
            )
            .bind(At(now))
            .bind(signed(limit))
            .fetch_all(pool)
            .await?
        });
        if waiting.is_empty() {
            return Ok(Vec::new());
        }
        let mine: Vec<Uuid> = writing!(self, transaction => {
            let mut mine = Vec::new();
            for raw in &waiting {
                let taken = sqlx::query(
                    "UPDATE notification_deliveries SET attempts = attempts + 1, next_try_at = $1 \
                     WHERE delivery_id = $2 AND state = 'waiting' AND attempts = $3 AND next_try_at = $4",
                )
                .bind(At(until))
                .bind(raw.delivery_id)
                .bind(raw.attempts)
                .bind(raw.next_try_at)
                .execute(&mut *transaction)
                .await?
                .rows_affected();
                if taken > 0 {
                    mine.push(raw.delivery_id);
                }
            }
            mine
        });
        let taken = waiting.into_iter().filter(|raw| mine.contains(&raw.delivery_id));
        let counted = |raw| {
            let row = DeliveryRow::try_from(raw)?;
            Ok(DeliveryRow { attempts: row.attempts + 1, next_try_at: until, ..row })
        };
        taken.map(counted).collect()
    }

    /// Notes what became of a try. One that was overtaken by another changes nothing but the log.
    ///
    /// # Errors
    /// The database did not take it.
    pub async fn end_attempt(
        &self,
        attempt: &AttemptRow,
        end: &AttemptEnd,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let (state, ended, next) = match end {
            AttemptEnd::Delivered => (DeliveryState::Delivered, Some(now), now),
            AttemptEnd::Again(at) => (DeliveryState::Waiting, None, *at),
            AttemptEnd::GivenUp(_) => (DeliveryState::GivenUp, Some(now), now),
        };
        writing!(self, transaction => {
            note_attempt(attempt).execute(&mut *transaction).await?;
            sqlx::query(
                "UPDATE notification_deliveries SET state = $1, ended_at = $2, next_try_at = $3, \
                   status = $4, error = $5 \
                 WHERE delivery_id = $6 AND attempts = $7 AND state = 'waiting'",
            )
            .bind(state.name())
            .bind(ended.map(At))
            .bind(At(next))
            .bind(attempt.status.map(i64::from))
            .bind(attempt.error.as_deref())
            .bind(attempt.delivery_id)
            .bind(i64::from(attempt.attempt))
            .execute(&mut *transaction)
            .await?;
            if let AttemptEnd::GivenUp(Some(reason)) = end {
                sqlx::query(
                    "UPDATE notification_channels SET enabled = FALSE, disabled_reason = $1, \
                       changed_at = $2, revision = revision + 1 \
                     WHERE enabled AND channel_id = \
                       (SELECT channel_id FROM notification_deliveries WHERE delivery_id = $3)",
                )
                .bind(reason.as_str())
                .bind(At(now))
                .bind(attempt.delivery_id)
                .execute(&mut *transaction)
                .await?;
            }
        });
        Ok(())
    }

    /// Deliveries, the newest first.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn deliveries(
        &self,
        filter: &DeliveryFilter,
    ) -> Result<Vec<DeliveryRow>, StoreError> {
        let rows: Vec<RawDelivery> = reading!(self, pool => {
            let mut query =
                QueryBuilder::new("SELECT * FROM notification_deliveries WHERE TRUE");
            if let Some(channel) = filter.channel_id {
                query.push(" AND channel_id = ").push_bind(channel);
            }
            if let Some(state) = filter.state {
                query.push(" AND state = ").push_bind(state.name());
            }
            query.push(" ORDER BY created_at DESC, delivery_id DESC LIMIT ");
            query.push_bind(signed(filter.limit));
            query.push(" OFFSET ").push_bind(signed(filter.offset));
            query.build_query_as().fetch_all(pool).await?
        });
        rows.into_iter().map(DeliveryRow::try_from).collect()
    }

    /// One delivery, with its tries.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn delivery(
        &self,
        delivery_id: Uuid,
    ) -> Result<Option<(DeliveryRow, Vec<AttemptRow>)>, StoreError> {
        let (row, attempts): (Option<RawDelivery>, Vec<RawAttempt>) = reading!(self, pool => {
            let row = sqlx::query_as("SELECT * FROM notification_deliveries WHERE delivery_id = $1")
                .bind(delivery_id)
                .fetch_optional(pool)
                .await?;
            let attempts = sqlx::query_as(
                "SELECT * FROM notification_attempts WHERE delivery_id = $1 ORDER BY attempt",
            )
            .bind(delivery_id)
            .fetch_all(pool)
            .await?;
            (row, attempts)
        });
        let attempt = |raw: RawAttempt| AttemptRow {
            delivery_id: raw.delivery_id,
            attempt: u32::try_from(raw.attempt).unwrap_or(u32::MAX),
            tried_at: raw.tried_at.0,
            milliseconds: unsigned(raw.milliseconds),
            status: raw.status.and_then(|status| u16::try_from(status).ok()),
            error: raw.error,
        };
        let Some(row) = row else { return Ok(None) };
        Ok(Some((row.try_into()?, attempts.into_iter().map(attempt).collect())))
    }
}

fn note_attempt<'q, D>(attempt: &'q AttemptRow) -> sqlx::query::Query<'q, D, D::Arguments>
where
    D: sqlx::Database,
    Uuid: sqlx::Encode<'q, D> + sqlx::Type<D>,
    i64: sqlx::Encode<'q, D> + sqlx::Type<D>,
    At: sqlx::Encode<'q, D> + sqlx::Type<D>,
    Option<i64>: sqlx::Encode<'q, D> + sqlx::Type<D>,
    Option<&'q str>: sqlx::Encode<'q, D> + sqlx::Type<D>,
{
    sqlx::query(NOTE_ATTEMPT)
        .bind(attempt.delivery_id)
        .bind(i64::from(attempt.attempt))
        .bind(At(attempt.tried_at))
        .bind(signed(attempt.milliseconds))
        .bind(attempt.status.map(i64::from))
        .bind(attempt.error.as_deref())
}
