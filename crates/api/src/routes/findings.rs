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
use jiff::civil::Date;
use schemars::JsonSchema;
use serde::Deserialize;
use store::FindingFilter;

use crate::body::{self, LARGEST_PAGE};
use crate::focus::FocusRow;
use crate::focus::findings::{self as focus, FINDINGS_FOCUS, FindingColumns};
use crate::list::Listing;
use crate::problem::Problem;
use crate::table::{ListFormat, Table};

const FINDINGS: Table = Table {
    name: "findings",
    first: &[
        "finding_id",
        "cluster_id",
        "customer_id",
        "decision_type",
        "finding",
        "state",
        "state_since",
        "dismissed_until",
        "subject.kind",
        "subject.name",
        "cost_category",
        "summary",
        "owner",
        "savings_usd_per_month",
        "confidence",
        "first_seen",
        "last_seen",
    ],
};

const USAGE: Table = Table {
    name: "feature-usage",
    first: &["feature", "decision_type", "decisions", "decisions_with_savings", "clusters"],
};

/// Of which days, and how.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UsageQuery {
    /// The first day (UTC); 30 days when absent.
    from: Option<Date>,
    /// The last day (UTC); today when absent.
    until: Option<Date>,
    /// Only of this customer; a tenant sees its own whatever this says.
    customer_id: Option<String>,
    /// `json`, `csv` or `jsonl`; by `Accept` when absent.
    format: Option<ListFormat>,
}

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
    /// `csv` or `jsonl` for a file of all that fit; `focus` for one of those that cost
    /// something, as rows of FOCUS 1.2; a page as `json` or by `Accept` when absent.
    format: Option<FindingFormat>,
    /// How many, 1 to 500; 50 when absent, and of a file as many as there are.
    limit: Option<u64>,
    /// How many are passed over.
    offset: Option<u64>,
}

/// How findings are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum FindingFormat {
    Json,
    Csv,
    Jsonl,
    Focus,
}

/// `GET /findings`.
pub(crate) async fn all(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    listing: Listing,
    query: Result<Query<FindingQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(query) = query.map_err(|rejection| body::wrong_query(&rejection))?;
    let named = query.format.map(FindingFormat::of_list);
    let format = listing.format(named);
    let limit = match format {
        ListFormat::Json => query.limit.unwrap_or(50).clamp(1, LARGEST_PAGE),
        _ => query.limit.unwrap_or(LARGEST_EXPORT).clamp(1, LARGEST_EXPORT),
    };
    let offset = query.offset.unwrap_or(0);
    let filter = FindingFilter {
        customer_id: query.customer_id,
        cluster_id: query.cluster_id,
        decision_type: query.engine.as_deref().map(|name| name.replace('-', "_")),
        cost_category: query.category,
        state: query.state.as_deref().map(state_of).transpose()?,
        owner: query.owner,
        offset,
        limit,
    };
    let (items, total) = app.findings(&filter, &caller).await?;
    if query.format != Some(FindingFormat::Focus) {
        return listing.page(FINDINGS, named, (&items, total), (limit, offset));
    }
    let mut costs = app.finding_costs(&items, &caller).await?;
    let row = |item: FindingItem| {
        let cost = costs.remove(&item.finding_id);
        focus::row(item, cost)
    };
    let rows: Vec<FocusRow<FindingColumns>> = items.into_iter().filter_map(row).collect();
    listing.page(FINDINGS_FOCUS, named, (&rows, total), (limit, offset))
}

impl FindingFormat {
    /// The format that it is of a list. Rows of FOCUS leave as CSV.
    fn of_list(self) -> ListFormat {
        match self {
            FindingFormat::Json => ListFormat::Json,
            FindingFormat::Csv | FindingFormat::Focus => ListFormat::Csv,
            FindingFormat::Jsonl => ListFormat::Jsonl,
        }
    }
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

/// `GET /features/usage`.
pub(crate) async fn usage(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    listing: Listing,
    query: Result<Query<UsageQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(query) = query.map_err(|rejection| body::wrong_query(&rejection))?;
    let days = (query.from, query.until);
    let items = app.feature_usage(days, query.customer_id.as_deref(), &caller).await?;
    listing.whole(USAGE, query.format, &items)
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
