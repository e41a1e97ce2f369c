//! Keys, of which only digests are kept, and the record of what was changed by whom.

use jiff::Timestamp;
use sqlx::FromRow;
use sqlx::types::{Json, Uuid};

use crate::database::{reading, writing};
use crate::values::{At, signed};
use crate::{Store, StoreError};

/// A key without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKeyRow {
    /// Its name.
    pub key_id: Uuid,
    /// The part of the key that may be shown.
    pub shown_prefix: String,
    /// What it is for.
    pub label: String,
    /// `viewer`, `operator`, `admin`, `platform` or `tenant`.
    pub role: String,
    /// The customer that a tenant's key speaks for.
    pub customer_id: Option<String>,
    /// Who made it.
    pub created_by: String,
    /// When.
    pub created_at: Timestamp,
    /// From when on it is worth nothing.
    pub expires_at: Option<Timestamp>,
    /// When somebody made it worth nothing.
    pub revoked_at: Option<Timestamp>,
}

/// Something that was changed.
#[derive(Clone, Debug, PartialEq)]
pub struct AuditRow {
    /// When.
    pub happened_at: Timestamp,
    /// By whom.
    pub actor: String,
    /// Such as `api_key.create`.
    pub action: String,
    /// What it was done to.
    pub subject: String,
    /// More about it; no secrets.
    pub detail: serde_json::Value,
}

#[derive(FromRow)]
struct RawKey {
    key_id: Uuid,
    digest: Vec<u8>,
    shown_prefix: String,
    label: String,
    role: String,
    customer_id: Option<String>,
    created_by: String,
    created_at: At,
    expires_at: Option<At>,
    revoked_at: Option<At>,
}

impl RawKey {
    fn with_digest(self) -> Result<(ApiKeyRow, [u8; 32]), StoreError> {
        let digest = self.digest.try_into().map_err(|_| StoreError::Damaged {
            what: format!("key {}", self.key_id),
            why: "its digest has another length".to_owned(),
        })?;
        let key = ApiKeyRow {
            key_id: self.key_id,
            shown_prefix: self.shown_prefix,
            label: self.label,
            role: self.role,
            customer_id: self.customer_id,
            created_by: self.created_by,
            created_at: self.created_at.0,
            expires_at: self.expires_at.map(|at| at.0),
            revoked_at: self.revoked_at.map(|at| at.0),
        };
        Ok((key, digest))
    }
}

const KEY: &str = "key_id, digest, shown_prefix, label, role, customer_id, created_by, created_at, \
     expires_at, revoked_at";

pub(crate) const AUDIT: &str = "INSERT INTO audit_log (happened_at, actor, action, subject, detail) VALUES ($1, $2, $3, $4, $5)";

/// Notes a change inside of the transaction that makes it.
macro_rules! audit {
    ($transaction:ident, $row:expr) => {{
        let row: &$crate::access::AuditRow = $row;
        sqlx::query($crate::access::AUDIT)
            .bind($crate::values::At(row.happened_at))
            .bind(row.actor.as_str())
            .bind(row.action.as_str())
            .bind(row.subject.as_str())
            .bind(sqlx::types::Json(&row.detail))
            .execute(&mut *$transaction)
            .await?;
    }};
}

pub(crate) use audit;

impl Store {
    /// Keeps a key by the digest of its secret, and notes who made it.
    ///
    /// # Errors
    /// The database did not take it.
    pub async fn add_key(
        &self,
        key: &ApiKeyRow,
        digest: [u8; 32],
        note: &AuditRow,
    ) -> Result<(), StoreError> {
        writing!(self, transaction => {
            if let Some(customer) = &key.customer_id {
                sqlx::query(
                    "INSERT INTO customers (customer_id, display_name, created_at) \
                     VALUES ($1, $1, $2) ON CONFLICT DO NOTHING",
                )
                .bind(customer.as_str())
                .bind(At(key.created_at))
                .execute(&mut *transaction)
                .await?;
            }
            sqlx::query(
                "INSERT INTO api_keys (key_id, digest, shown_prefix, label, role, customer_id, \
                   created_by, created_at, expires_at) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            )
            .bind(key.key_id)
            .bind(digest.to_vec())
            .bind(key.shown_prefix.as_str())
            .bind(key.label.as_str())
            .bind(key.role.as_str())
            .bind(key.customer_id.as_deref())
            .bind(key.created_by.as_str())
            .bind(At(key.created_at))
            .bind(key.expires_at.map(At))
            .execute(&mut *transaction)
            .await?;
            audit!(transaction, note);
        });
        Ok(())
    }

    /// All keys with the digests of their secrets, the newest first; those that are worth nothing any
    /// more too.
    ///
    /// # Errors
    /// The database does not answer, or a digest is damaged.
    pub async fn keys(&self) -> Result<Vec<(ApiKeyRow, [u8; 32])>, StoreError> {
        let rows: Vec<RawKey> = reading!(self, pool => {
            sqlx::query_as(sqlx::AssertSqlSafe(format!(
                "SELECT {KEY} FROM api_keys ORDER BY created_at DESC, key_id"
            )))
            .fetch_all(pool)
            .await?
        });
        rows.into_iter().map(RawKey::with_digest).collect()
    }

    /// Makes a key worth nothing; `false` when there is none of this name that is worth anything.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn revoke_key(&self, key_id: Uuid, note: &AuditRow) -> Result<bool, StoreError> {
        Ok(writing!(self, transaction => {
            let revoked = sqlx::query(
                "UPDATE api_keys SET revoked_at = $1 WHERE key_id = $2 AND revoked_at IS NULL",
            )
            .bind(At(note.happened_at))
            .bind(key_id)
            .execute(&mut *transaction)
            .await?
            .rows_affected()
                > 0;
            if revoked {
                audit!(transaction, note);
            }
            revoked
        }))
    }

    /// Notes something that changes nothing else in the store, such as a call that was refused.
    ///
    /// # Errors
    /// The database did not take it.
    pub async fn note(&self, note: &AuditRow) -> Result<(), StoreError> {
        writing!(self, transaction => { audit!(transaction, note); });
        Ok(())
    }

    /// What was changed, the newest first.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn audit(&self, limit: u64, offset: u64) -> Result<Vec<AuditRow>, StoreError> {
        type Raw = (At, String, String, String, Json<serde_json::Value>);
        let rows: Vec<Raw> = reading!(self, pool => {
            sqlx::query_as(
                "SELECT happened_at, actor, action, subject, detail FROM audit_log \
                 ORDER BY audit_id DESC LIMIT $1 OFFSET $2",
            )
            .bind(signed(limit))
            .bind(signed(offset))
            .fetch_all(pool)
            .await?
        });
        let row = |(happened_at, actor, action, subject, detail): Raw| AuditRow {
            happened_at: happened_at.0,
            actor,
            action,
            subject,
            detail: detail.0,
        };
        Ok(rows.into_iter().map(row).collect())
    }
}
