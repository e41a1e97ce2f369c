//! Making decisions and looking them up.

use std::sync::Arc;

use app::App;
use app::access::Caller;
use app::bundle::Bundle;
use app::joint::JointReport;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use facts::decision::EngineName;
use jiff::Timestamp;
use render::Artefact;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::{DecisionFilter, DecisionSummary};
use units::{Confidence, Fraction, Usd};

use crate::body;
use crate::list::Listing;
use crate::problem::Problem;
use crate::rendering::RenderQuery;
use crate::table::{ListFormat, Table};

/// The most rows of one answer; more are asked for with `offset`.
const LARGEST_PAGE: u64 = 500;

const DECISIONS: Table = Table {
    name: "decisions",
    first: &["decision_id", "decision_type", "customer_id", "cluster_id", "executed_at"],
};

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// `POST /decision`: the body says what.
pub(crate) async fn decide(
    state: State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    query: Result<Query<RenderQuery>, QueryRejection>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    answer(state, &caller, None, query, &headers, body).await
}

/// `POST /decision/{decision}`: the path says what.
pub(crate) async fn decide_one(
    state: State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(decision): Path<String>,
    query: Result<Query<RenderQuery>, QueryRejection>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    answer(state, &caller, Some(&decision), query, &headers, body).await
}

/// `POST /decision/all`: everything at once.
pub(crate) async fn decide_all(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    content: Result<Bytes, BytesRejection>,
) -> Result<Json<JointReport>, Problem> {
    body::must_be_json(&headers)?;
    Ok(Json(app.answer_all(content?, &caller).await?))
}

async fn answer(
    State(app): State<Arc<App>>,
    caller: &Caller,
    decision: Option<&str>,
    query: Result<Query<RenderQuery>, QueryRejection>,
    headers: &HeaderMap,
    content: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    body::must_be_json(headers)?;
    let query = rendering(query)?;
    let answer = app.answer(decision, content?, caller).await?;
    let mut response = (StatusCode::OK, query.add_to(answer.json)?).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, JSON);
    if answer.repeated {
        response.headers_mut().insert("idempotent-replayed", HeaderValue::from_static("true"));
    }
    Ok(response)
}

fn rendering(query: Result<Query<RenderQuery>, QueryRejection>) -> Result<RenderQuery, Problem> {
    let Query(query) = query.map_err(|rejection| body::wrong_query(&rejection))?;
    query.check()?;
    Ok(query)
}

/// `GET /decisions/{id}`.
pub(crate) async fn get(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    query: Result<Query<RenderQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let query = rendering(query)?;
    let json = query.add_to(app.decision(&id, &caller).await?)?;
    Ok(([(header::CONTENT_TYPE, JSON)], json).into_response())
}

/// `GET /decisions/{id}/rendered`.
pub(crate) async fn rendered(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<Json<Vec<Artefact>>, Problem> {
    Ok(Json(app.rendered(&id, &caller).await?))
}

/// `GET /decisions/{id}/bundle`.
pub(crate) async fn bundle(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<Json<Bundle>, Problem> {
    Ok(Json(app.bundle(&id, &caller).await?))
}

/// Filters and paging.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct HistoryQuery {
    /// Only of this customer; a tenant sees its own whatever this says.
    customer_id: Option<String>,
    /// Only of this cluster.
    cluster_id: Option<String>,
    /// Only of this engine, by name.
    engine_id: Option<String>,
    /// Only of this type.
    decision_type: Option<String>,
    /// How many, 1 to 500; 50 when absent, and more than 500 is taken as 500.
    limit: Option<u64>,
    /// How many are passed over.
    offset: Option<u64>,
    /// `json`, `csv` or `jsonl`; by `Accept` when absent.
    format: Option<ListFormat>,
}

/// A decision in a list.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct HistoryRow {
    /// The decision's name.
    execution_id: String,
    /// The same.
    decision_id: String,
    /// What was asked for.
    decision_type: String,
    /// The customer whose key asked.
    customer_id: Option<String>,
    /// The cluster, where it was named.
    cluster_id: Option<String>,
    /// The caller's name for the request.
    request_id: Option<String>,
    /// Who answered.
    engine: EngineName,
    /// Dollars a month; `null` when unknown.
    estimated_savings: Option<Usd>,
    /// 0 to 1.
    confidence_score: Confidence,
    /// When.
    executed_at: Timestamp,
}

/// `GET /decisions/history`.
pub(crate) async fn history(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    listing: Listing,
    query: Result<Query<HistoryQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(query) = query.map_err(|rejection| body::wrong_query(&rejection))?;
    let (limit, offset) =
        (query.limit.unwrap_or(50).clamp(1, LARGEST_PAGE), query.offset.unwrap_or(0));
    let filter = DecisionFilter {
        customer_id: query.customer_id.clone(),
        cluster_id: query.cluster_id.clone(),
        decision_type: query.decision_type.clone(),
        engine_name: query.engine_id.clone(),
        offset,
        limit,
    };
    let (rows, total) = app.decisions(&filter, &caller).await?;
    let rows: Vec<HistoryRow> = rows.into_iter().map(row).collect();
    listing.page(DECISIONS, query.format, (&rows, total), (limit, offset))
}

fn row(summary: DecisionSummary) -> HistoryRow {
    HistoryRow {
        execution_id: summary.decision_id.clone(),
        decision_id: summary.decision_id,
        decision_type: summary.decision_type,
        customer_id: summary.customer_id,
        cluster_id: summary.cluster_id,
        request_id: summary.request_id,
        engine: EngineName { name: summary.engine_name, version: summary.engine_version },
        estimated_savings: summary.savings,
        confidence_score: Confidence::new(Fraction::clamped(summary.confidence)),
        executed_at: summary.decided_at,
    }
}
