//! Asking for prices to be fetched, and watching that.

use std::sync::Arc;

use app::App;
use app::access::Caller;
use app::fetch::{FetchRequest, FetchStatus};
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use axum::response::Response;
use axum::{Extension, Json};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::body::{self, LARGEST_PAGE, LogQuery};
use crate::list::{self, Listing};
use crate::problem::Problem;
use crate::table::{ListFormat, Table};

const FETCHES: Table = Table { name: "fetches", first: &["task_id", "status"] };

/// Which jobs.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FetchQuery {
    /// How many, 1 to 500; 50 when absent.
    limit: Option<u64>,
    /// How many are passed over.
    offset: Option<u64>,
    /// `json`, `csv` or `jsonl`; by `Accept` when absent.
    format: Option<ListFormat>,
}

/// `POST /pricing/fetch`.
pub(crate) async fn start(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let request: FetchRequest = body::json(&headers, &body?)?;
    let key = body::idempotency_key(&headers)?;
    let started = app.start_fetch(&request, key, &caller.name).await?;
    let place = format!("/api/v1/ml/pricing/fetch/{}", started.task_id);
    Ok(list::accepted(&place, &started, started.known))
}

/// `GET /pricing/fetch`.
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    listing: Listing,
    query: Result<Query<FetchQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(query) = query.map_err(|rejection| body::wrong_query(&rejection))?;
    let limit = query.limit.unwrap_or(50).clamp(1, LARGEST_PAGE);
    let offset = query.offset.unwrap_or(0);
    let rows = app.fetches(limit, offset).await?;
    listing.part(FETCHES, query.format, &rows, (limit, offset))
}

/// `GET /pricing/fetch/{task_id}`.
pub(crate) async fn status(
    State(app): State<Arc<App>>,
    Path(task_id): Path<String>,
) -> Result<Json<FetchStatus>, Problem> {
    Ok(Json(app.fetch_status(&task_id).await?))
}

/// `GET /pricing/fetch/{task_id}/log`.
pub(crate) async fn log(
    State(app): State<Arc<App>>,
    Path(task_id): Path<String>,
    listing: Listing,
    query: Result<Query<LogQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(query) = query.map_err(|rejection| body::wrong_query(&rejection))?;
    listing.log(&query, &app.fetch_log(&task_id, query.after(), query.limit()).await?)
}

/// `POST /pricing/fetch/{task_id}/cancel`.
pub(crate) async fn cancel(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(task_id): Path<String>,
) -> Result<Json<FetchStatus>, Problem> {
    Ok(Json(app.cancel_fetch(&task_id, &caller).await?))
}
