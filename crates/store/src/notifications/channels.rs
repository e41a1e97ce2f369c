//! Where notices go.

use jiff::Timestamp;
use serde_json::Value;
use sqlx::FromRow;
use sqlx::types::{Json, Uuid};

use crate::access::{AuditRow, audit};
use crate::database::{reading, writing};
use crate::values::{At, signed, unsigned};
use crate::{Store, StoreError};

/// A place where notices go.
#[derive(Clone, PartialEq)]
pub struct ChannelRow {
    /// Its name in other calls.
    pub channel_id: Uuid,
    /// What people call it; unique.
    pub name: String,
    /// `webhook`, `slack`, `teams` or `email`.
    pub kind: String,
    /// Where that is; secret in parts.
    pub target: Value,
    /// What it wants to hear of, and how often.
    pub rules: Value,
    /// Whether anything is sent.
    pub enabled: bool,
    /// Why the server itself has switched it off.
    pub disabled_reason: Option<String>,
    /// How often it was changed.
    pub revision: u64,
    /// Who made it.
    pub created_by: String,
    /// When.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub changed_at: Timestamp,
}

impl std::fmt::Debug for ChannelRow {
    /// Without where it goes.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "ChannelRow {} ({})", self.name, self.kind)
    }
}

#[derive(FromRow)]
struct RawChannel {
    channel_id: Uuid,
    name: String,
    kind: String,
    target: Json<Value>,
    rules: Json<Value>,
    enabled: bool,
    disabled_reason: Option<String>,
    revision: i64,
    created_by: String,
    created_at: At,
    changed_at: At,
}

impl From<RawChannel> for ChannelRow {
    fn from(raw: RawChannel) -> ChannelRow {
        ChannelRow {
            channel_id: raw.channel_id,
            name: raw.name,
            kind: raw.kind,
            target: raw.target.0,
            rules: raw.rules.0,
            enabled: raw.enabled,
            disabled_reason: raw.disabled_reason,
            revision: unsigned(raw.revision),
            created_by: raw.created_by,
            created_at: raw.created_at.0,
            changed_at: raw.changed_at.0,
        }
    }
}

impl Store {
    /// Keeps a new channel, and notes that. `false` when there is one of this name.
    ///
    /// # Errors
    /// The database did not take it.
    pub async fn add_channel(&self, row: &ChannelRow, note: &AuditRow) -> Result<bool, StoreError> {
        Ok(writing!(self, transaction => {
            let made = sqlx::query(
                "INSERT INTO notification_channels (channel_id, name, kind, target, rules, enabled, \
                   disabled_reason, revision, created_by, created_at, changed_at) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT DO NOTHING",
            )
            .bind(row.channel_id)
            .bind(row.name.as_str())
            .bind(row.kind.as_str())
            .bind(Json(&row.target))
            .bind(Json(&row.rules))
            .bind(row.enabled)
            .bind(row.disabled_reason.as_deref())
            .bind(signed(row.revision))
            .bind(row.created_by.as_str())
            .bind(At(row.created_at))
            .bind(At(row.changed_at))
            .execute(&mut *transaction)
            .await?
            .rows_affected()
                > 0;
            if made {
                audit!(transaction, note);
            }
            made
        }))
    }

    /// Changes a channel that was read at the revision of the row, all of it but its name, and notes
    /// that. `false` when somebody else was quicker, or it is gone.
    ///
    /// # Errors
    /// The database did not take it.
    pub async fn change_channel(
        &self,
        row: &ChannelRow,
        note: &AuditRow,
    ) -> Result<bool, StoreError> {
        Ok(writing!(self, transaction => {
            let changed = sqlx::query(
                "UPDATE notification_channels SET kind = $1, target = $2, rules = $3, enabled = $4, \
                   disabled_reason = $5, changed_at = $6, revision = revision + 1 \
                 WHERE channel_id = $7 AND revision = $8",
            )
            .bind(row.kind.as_str())
            .bind(Json(&row.target))
            .bind(Json(&row.rules))
            .bind(row.enabled)
            .bind(row.disabled_reason.as_deref())
            .bind(At(row.changed_at))
            .bind(row.channel_id)
            .bind(signed(row.revision))
            .execute(&mut *transaction)
            .await?
            .rows_affected()
                > 0;
            if changed {
                audit!(transaction, note);
            }
            changed
        }))
    }

    /// Removes a channel with all that waits for it; the log of what was sent stays. `false` when there
    /// is none.
    ///
    /// # Errors
    /// The database did not take it.
    pub async fn remove_channel(
        &self,
        channel_id: Uuid,
        note: &AuditRow,
    ) -> Result<bool, StoreError> {
        Ok(writing!(self, transaction => {
            let removed = sqlx::query("DELETE FROM notification_channels WHERE channel_id = $1")
                .bind(channel_id)
                .execute(&mut *transaction)
                .await?
                .rows_affected()
                > 0;
            if removed {
                for statement in [
                    "DELETE FROM notification_pending WHERE channel_id = $1",
                    "DELETE FROM notification_told WHERE channel_id = $1",
                    "UPDATE notification_deliveries SET state = 'given_up', ended_at = $2, \
                       error = 'the channel was removed' \
                     WHERE channel_id = $1 AND state = 'waiting'",
                ] {
                    let query = sqlx::query(statement).bind(channel_id);
                    let query = match statement.contains("$2") {
                        true => query.bind(At(note.happened_at)),
                        false => query,
                    };
                    query.execute(&mut *transaction).await?;
                }
                audit!(transaction, note);
            }
            removed
        }))
    }

    /// Every channel by name.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn channels(&self) -> Result<Vec<ChannelRow>, StoreError> {
        let rows: Vec<RawChannel> = reading!(self, pool => {
            sqlx::query_as("SELECT * FROM notification_channels ORDER BY name").fetch_all(pool).await?
        });
        Ok(rows.into_iter().map(ChannelRow::from).collect())
    }
}
