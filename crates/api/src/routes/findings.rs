//! Findings, features and what became of decisions.

use std::sync::Arc;

use app::App;
use app::access::Caller;
use app::findings::{FindingChange, FindingItem, state_of};
use app::outcomes::NewOutcome;
use app::toggles::{ToggleChanges, Toggles};
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use schemars::JsonSchema;
use serde::Deserialize;
use store::FindingFilter;

use crate::body::{self, LARGEST_PAGE};
use crate::list;
use crate::problem::Problem;
use crate::routes::pricing::ListFormat;

/// The most findings of one export.
const LARGEST_EXPORT: u64 = 100_000;

/// Which findings, and how.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FindingQuery {
    /// Only of this customer; a tenant sees its own whatever this says.
    customer_id: Option<String>,
    /// Only of this cluster.
    #[serde(alias = "cluster")]
    cluster_id: Option<String>,
    /// Only of this decision, such as `volume_cleanup`.
    #[serde(alias = "decision_type")]
    engine: Option<String>,
    /// Only in this part of the bill, such as `storage`.
    #[serde(alias = "cost_category")]
    category: Option<String>,
    /// Only in this state: `open`, `dismissed`, `accepted`, `applied` or `resolved`.
    state: Option<String>,
    /// Only those that this owner answers for.
    owner: Option<String>,
    /// `csv` or `jsonl` for a file of all that fit; a page as JSON when absent.
    format: Option<ListFormat>,
    /// How many, 1 to 500; 50 when absent, and of a file as many as there are.
    limit: Option<u64>,
    /// How many are passed over.
    offset: Option<u64>,
}

/// `GET /findings`.
pub(crate) async fn all(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    query: Result<Query<FindingQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(query) = query.map_err(|rejection| body::wrong_query(&rejection))?;
    let format = query.format.unwrap_or(ListFormat::Json);
    let limit = match format {
        ListFormat::Json => query.limit.unwrap_or(50).clamp(1, LARGEST_PAGE),
        _ => query.limit.unwrap_or(LARGEST_EXPORT).clamp(1, LARGEST_EXPORT),
    };
    let offset = query.offset.unwrap_or(0);
    let filter = FindingFilter {
        customer_id: query.customer_id.clone(),
        cluster_id: query.cluster_id.clone(),
        decision_type: query.engine.as_deref().map(|name| name.replace('-', "_")),
        cost_category: query.category.clone(),
        state: query.state.as_deref().map(state_of).transpose()?,
        owner: query.owner.clone(),
        offset,
        limit,
    };
    let (items, total) = app.findings(&filter, &caller).await?;
    let mut response = list::page(&items, total, &path(&query), limit, offset);
    let (kind, name, text) = match format {
        ListFormat::Json => return Ok(response),
        ListFormat::Csv => ("text/csv; charset=utf-8", "findings.csv", csv_of(&items)?),
        ListFormat::Jsonl => ("application/jsonl", "findings.jsonl", jsonl_of(&items)?),
    };
    *response.body_mut() = text.into();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    if let Ok(value) = HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    Ok(response)
}

/// `GET /findings/{finding_id}`.
pub(crate) async fn one(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(finding_id): Path<String>,
) -> Result<Json<FindingItem>, Problem> {
    Ok(Json(app.finding(&finding_id, &caller).await?))
}

/// `PATCH /findings/{finding_id}`.
pub(crate) async fn change(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(finding_id): Path<String>,
    headers: HeaderMap,
    content: Result<Bytes, BytesRejection>,
) -> Result<Json<FindingItem>, Problem> {
    let change: FindingChange = body::json(&headers, &content?)?;
    Ok(Json(app.change_finding(&finding_id, &change, &caller).await?))
}

/// `POST /decisions/{id}/outcome`.
pub(crate) async fn outcome(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(decision_id): Path<String>,
    headers: HeaderMap,
    content: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let wanted: NewOutcome = body::json(&headers, &content?)?;
    let key = body::idempotency_key(&headers)?;
    let noted = app.note_outcome(&decision_id, &wanted, key, &caller).await?;
    let mut response = (StatusCode::CREATED, Json(&noted)).into_response();
    if noted.known {
        response.headers_mut().insert("idempotent-replayed", HeaderValue::from_static("true"));
    }
    Ok(response)
}

/// `GET /features/toggles`.
pub(crate) async fn toggles(State(app): State<Arc<App>>) -> Result<Response, Problem> {
    Ok(tagged(&app.toggles().await?))
}

/// `PUT /features/toggles`.
pub(crate) async fn set_toggles(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    content: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let changes: ToggleChanges = body::json(&headers, &content?)?;
    let seen = seen_revision(&headers)?;
    Ok(tagged(&app.set_toggles(&changes, seen, &caller).await?))
}

fn tagged(toggles: &Toggles) -> Response {
    let mut response = Json(toggles.items()).into_response();
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{}\"", toggles.revision)) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

/// The revision that the caller goes by; `None` where it names none. A tag that this server has never
/// given is no revision that could still be there.
fn seen_revision(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    let Some(sent) = headers.get(header::IF_MATCH) else { return Ok(None) };
    let sent = sent.to_str().unwrap_or_default().trim();
    if sent == "*" {
        return Ok(None);
    }
    let tag = sent.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    tag.and_then(|tag| tag.parse().ok()).map(Some).ok_or_else(|| {
        let detail = "If-Match: expected the ETag of the features as they were read".to_owned();
        Problem::new(StatusCode::PRECONDITION_FAILED, "outdated", detail)
    })
}

fn path(query: &FindingQuery) -> String {
    let mut path = "/api/v1/ml/findings?".to_owned();
    for (name, value) in [
        ("customer_id", &query.customer_id),
        ("cluster_id", &query.cluster_id),
        ("engine", &query.engine),
        ("category", &query.category),
        ("state", &query.state),
        ("owner", &query.owner),
    ] {
        if let Some(value) = value {
            path.push_str(&format!("{name}={}&", list::escaped(value)));
        }
    }
    match query.format {
        Some(ListFormat::Csv) => path.push_str("format=csv&"),
        Some(ListFormat::Jsonl) => path.push_str("format=jsonl&"),
        _ => {}
    }
    path
}

fn internal(error: &dyn std::fmt::Display) -> Problem {
    app::Error::Internal(error.to_string()).into()
}

fn jsonl_of(items: &[FindingItem]) -> Result<Vec<u8>, Problem> {
    let mut text = Vec::new();
    for item in items {
        serde_json::to_writer(&mut text, item).map_err(|error| internal(&error))?;
        text.push(b'\n');
    }
    Ok(text)
}

const COLUMNS: [&str; 17] = [
    "finding_id",
    "cluster_id",
    "customer_id",
    "decision_type",
    "finding",
    "state",
    "state_since",
    "dismissed_until",
    "subject_kind",
    "subject_name",
    "cost_category",
    "summary",
    "owner",
    "savings_usd_per_month",
    "confidence",
    "first_seen",
    "last_seen",
];

fn csv_of(items: &[FindingItem]) -> Result<Vec<u8>, Problem> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(COLUMNS).map_err(|error| internal(&error))?;
    for item in items {
        let category = serde_json::to_value(item.cost_category).unwrap_or_default();
        let until = item.dismissed_until.map(|at| at.to_string()).unwrap_or_default();
        let savings = item.savings_usd_per_month.map(|usd| usd.dollars().to_string());
        let row = [
            item.finding_id.as_str(),
            &item.cluster_id,
            item.customer_id.as_deref().unwrap_or_default(),
            &item.decision_type,
            &item.finding,
            &item.state,
            &item.state_since.to_string(),
            &until,
            &item.subject.kind,
            &item.subject.name,
            category.as_str().unwrap_or_default(),
            &item.summary,
            item.owner.as_deref().unwrap_or_default(),
            savings.as_deref().unwrap_or_default(),
            &item.confidence.value().to_string(),
            &item.first_seen.to_string(),
            &item.last_seen.to_string(),
        ];
        writer.write_record(row.map(harmless)).map_err(|error| internal(&error))?;
    }
    writer.into_inner().map_err(|error| internal(&error))
}

/// A text that a spreadsheet does not take for a formula.
fn harmless(text: &str) -> String {
    let is_number = text.parse::<f64>().is_ok();
    if !is_number && text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        format!("'{text}")
    } else {
        text.to_owned()
    }
}
