//! Making, listing and revoking keys.

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::{ApiKeyRow, AuditRow};

use super::secret::Secret;
use super::{Caller, Role};
use crate::ids::timed_id;
use crate::{App, Error, FieldError};

/// The longest label or name of a customer, in bytes.
const LONGEST_NAME: usize = 200;

/// A key that is to be made.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("examples" = [{ "label": "collector", "role": "operator", "expires_in_days": 365 }]))]
pub struct NewKey {
    /// What it is for, in your words.
    pub label: String,
    /// What it may do.
    pub role: Role,
    /// The customer it speaks for; needed for tenants, and for no other role.
    #[serde(default)]
    pub customer_id: Option<String>,
    /// From when on it is worth nothing; never when absent.
    #[serde(default)]
    pub expires_at: Option<Timestamp>,
    /// The same, in days from now.
    #[serde(default)]
    pub expires_in_days: Option<u32>,
}

/// A key as it may be shown.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct KeyItem {
    /// Its name.
    pub key_id: String,
    /// Its beginning, by which its owner knows it again.
    pub shown_prefix: String,
    /// What it is for.
    pub label: String,
    /// What it may do.
    pub role: String,
    /// The customer it speaks for.
    pub customer_id: Option<String>,
    /// `active`, `expired` or `revoked`.
    pub status: &'static str,
    /// Who made it.
    pub created_by: String,
    /// When.
    pub created_at: Timestamp,
    /// From when on it is worth nothing.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

/// A key that was made. Its text is shown here, once, and kept nowhere.
#[derive(Serialize, JsonSchema)]
pub struct MadeKey {
    /// The key itself. It cannot be shown again.
    pub key: String,
    /// What is kept of it.
    #[serde(flatten)]
    pub item: KeyItem,
}

impl App {
    /// Makes a key.
    ///
    /// # Errors
    /// Fields that are wrong, a store that does not answer.
    pub async fn make_key(&self, wanted: &NewKey, caller: &Caller) -> Result<MadeKey, Error> {
        let now = self.clock.now();
        let expires_at = checked(wanted, now)?;
        let secret = Secret::draw(wanted.role)?;
        let digest = secret.digest();
        let shown_prefix = secret.shown_prefix().unwrap_or_default().to_owned();
        let key = ApiKeyRow {
            key_id: timed_id(now, digest.as_bytes()),
            shown_prefix,
            label: wanted.label.trim().to_owned(),
            role: wanted.role.name().to_owned(),
            customer_id: wanted.customer_id.clone(),
            created_by: caller.name.clone(),
            created_at: now,
            expires_at,
            revoked_at: None,
        };
        let detail = json!({
            "label": key.label, "role": key.role, "customer_id": key.customer_id,
            "shown_prefix": key.shown_prefix, "expires_at": key.expires_at,
        });
        let note = self.note(caller, "api_key.create", key.key_id.to_string(), detail);
        self.store.add_key(&key, *digest.as_bytes(), &note).await?;
        self.gate.forget();
        Ok(MadeKey { key: secret.hand_out(), item: item(key, now) })
    }

    /// All keys without their secrets, the newest first.
    ///
    /// # Errors
    /// A store that does not answer.
    pub async fn keys(&self) -> Result<Vec<KeyItem>, Error> {
        let now = self.clock.now();
        Ok(self.store.keys().await?.into_iter().map(|(key, _)| item(key, now)).collect())
    }

    /// Makes a key worth nothing, here at once and on other servers within seconds. `name` is its
    /// identifier or the part of it that is shown.
    ///
    /// # Errors
    /// No such key, or none that is worth anything; a store that does not answer.
    pub async fn revoke_key(&self, name: &str, caller: &Caller) -> Result<KeyItem, Error> {
        let unknown = || {
            let shown: String = name.chars().take(60).collect();
            Error::NotFound(format!("there is no key `{shown}` that could be revoked"))
        };
        let named = |key: &ApiKeyRow| key.shown_prefix == name || key.key_id.to_string() == name;
        let keys = self.store.keys().await?;
        let (mut key, _) = keys.into_iter().find(|(key, _)| named(key)).ok_or_else(unknown)?;
        let detail = json!({ "label": key.label, "shown_prefix": key.shown_prefix });
        let note = self.note(caller, "api_key.revoke", key.key_id.to_string(), detail);
        if !self.store.revoke_key(key.key_id, &note).await? {
            return Err(unknown());
        }
        self.gate.forget();
        key.revoked_at = Some(note.happened_at);
        Ok(item(key, note.happened_at))
    }

    /// What was changed and what was refused, the newest first.
    ///
    /// # Errors
    /// A store that does not answer.
    pub async fn audit(&self, limit: u64, offset: u64) -> Result<Vec<AuditRow>, Error> {
        Ok(self.store.audit(limit, offset).await?)
    }
}

/// Whether a text can be a label, or the name of a customer.
pub(crate) fn is_name(text: &str) -> bool {
    !text.trim().is_empty() && text.len() <= LONGEST_NAME && !text.contains(char::is_control)
}

/// When the key ends, where everything about it is right.
fn checked(wanted: &NewKey, now: Timestamp) -> Result<Option<Timestamp>, Error> {
    let mut errors = Vec::new();
    let mut wrong = |pointer: &str, detail: String| {
        errors.push(FieldError { pointer: pointer.to_owned(), code: "invalid", detail });
    };
    let names = format!("expected 1 to {LONGEST_NAME} bytes of text without control characters");
    if !is_name(&wanted.label) {
        wrong("/label", names.clone());
    }
    match (wanted.role, wanted.customer_id.as_deref()) {
        (Role::Tenant, None) => {
            wrong("/customer_id", "a tenant's key speaks for a customer; name it".to_owned());
        }
        (Role::Tenant, Some(customer)) if !is_name(customer) => wrong("/customer_id", names),
        (Role::Tenant, Some(_)) | (_, None) => {}
        (role, Some(_)) => {
            let detail = format!("a key of the role {} speaks for no single customer", role.name());
            wrong("/customer_id", detail);
        }
    }
    let expires_at = match (wanted.expires_at, wanted.expires_in_days) {
        (Some(_), Some(_)) => {
            wrong("/expires_in_days", "give this or expires_at, not both".to_owned());
            None
        }
        (at, None) => at,
        (None, Some(days)) => {
            let after = SignedDuration::from_hours(24 * i64::from(days));
            now.checked_add(after).ok()
        }
    };
    if expires_at.is_some_and(|end| end <= now) {
        wrong("/expires_at", format!("expected an instant after {now}"));
    }
    if errors.is_empty() { Ok(expires_at) } else { Err(Error::Invalid(errors)) }
}

fn item(key: ApiKeyRow, now: Timestamp) -> KeyItem {
    let status = if key.revoked_at.is_some() {
        "revoked"
    } else if key.expires_at.is_some_and(|end| end <= now) {
        "expired"
    } else {
        "active"
    };
    KeyItem {
        key_id: key.key_id.to_string(),
        shown_prefix: key.shown_prefix,
        label: key.label,
        role: key.role,
        customer_id: key.customer_id,
        status,
        created_by: key.created_by,
        created_at: key.created_at,
        expires_at: key.expires_at,
        revoked_at: key.revoked_at,
    }
}
