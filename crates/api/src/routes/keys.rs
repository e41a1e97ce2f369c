//! Access keys, and the record of what was changed by whom.

use std::sync::Arc;

use app::access::{Caller, KeyItem, NewKey, Role};
use app::{App, Error, FieldError};
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use axum::{Extension, Json};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use store::AuditRow;

use crate::body::{self, PageQuery};
use crate::list::{self, Listing};
use crate::problem::Problem;
use crate::table::{FormatQuery, Table};

const KEYS: Table = Table { name: "keys", first: &["key_id", "label", "role"] };

const AUDIT: Table =
    Table { name: "audit", first: &["happened_at", "actor", "action", "subject", "detail"] };

/// A change, or a call that was refused.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct AuditItem {
    /// When.
    happened_at: Timestamp,
    /// By whom.
    actor: String,
    /// Such as `api_key.create`.
    action: String,
    /// What it was done to.
    subject: String,
    /// More about it; no secrets.
    detail: Value,
}

/// `POST /keys`.
pub(crate) async fn make(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let wanted: NewKey = body::json(&headers, &body?)?;
    if wanted.role != Role::Admin && app.is_open().await? {
        return Err(Error::Invalid(vec![FieldError {
            pointer: "/role".to_owned(),
            code: "first_key",
            detail: "the first key must be an admin's: from then on only admins make keys"
                .to_owned(),
        }])
        .into());
    }
    let made = app.make_key(&wanted, &caller).await?;
    let mut response = list::created(&format!("/api/v1/ml/keys/{}", made.item.key_id), &made);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// `GET /keys`.
pub(crate) async fn all(
    State(app): State<Arc<App>>,
    listing: Listing,
    query: Result<Query<FormatQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(query) = query.map_err(|rejection| body::wrong_query(&rejection))?;
    listing.whole(KEYS, query.format, &app.keys().await?)
}

/// `DELETE /keys/{key_id}`.
pub(crate) async fn revoke(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(key_id): Path<String>,
) -> Result<Json<KeyItem>, Problem> {
    Ok(Json(app.revoke_key(&key_id, &caller).await?))
}

/// `GET /audit`.
pub(crate) async fn audit(
    State(app): State<Arc<App>>,
    listing: Listing,
    query: Result<Query<PageQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(page) = query.map_err(|rejection| body::wrong_query(&rejection))?;
    let (limit, offset) = (page.limit(100), page.offset());
    let rows = app.audit(limit, offset).await?;
    let item = |row: AuditRow| AuditItem {
        happened_at: row.happened_at,
        actor: row.actor,
        action: row.action,
        subject: row.subject,
        detail: row.detail,
    };
    let items: Vec<AuditItem> = rows.into_iter().map(item).collect();
    listing.part(AUDIT, page.format, &items, (limit, offset))
}
