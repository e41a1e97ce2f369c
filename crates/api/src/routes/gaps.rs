//! Gaps in the prices: looking for them, filling them, watching that.

use std::sync::Arc;

use app::App;
use app::access::Caller;
use app::gaps::{Analysis, AnalyzeRequest, FillRequest, GapStatus};
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use axum::response::Response;
use axum::{Extension, Json};

use crate::body::{self, LogQuery, PageQuery};
use crate::list::{self, Listing};
use crate::problem::Problem;
use crate::table::Table;

const GAPS: Table = Table { name: "gaps", first: &["gap_id", "model_id", "status"] };

/// `POST /gap-filler/analyze`.
pub(crate) async fn analyze(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Analysis>, Problem> {
    let request: AnalyzeRequest = body::json(&headers, &body?)?;
    Ok(Json(app.analyze_gaps(&request).await?))
}

/// `POST /gap-filler/fill`.
pub(crate) async fn fill(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let request: FillRequest = body::json(&headers, &body?)?;
    let key = body::idempotency_key(&headers)?;
    let started = app.fill_gaps(&request, key, &caller).await?;
    let place = format!("/api/v1/ml/gap-filler/status/{}", started.gap_id);
    Ok(list::accepted(&place, &started, started.known))
}

/// `GET /gap-filler/status/{gap_id}`.
pub(crate) async fn status(
    State(app): State<Arc<App>>,
    Path(gap_id): Path<String>,
) -> Result<Json<GapStatus>, Problem> {
    Ok(Json(app.gap_status(&gap_id).await?))
}

/// `GET /gap-filler/history`.
pub(crate) async fn history(
    State(app): State<Arc<App>>,
    listing: Listing,
    query: Result<Query<PageQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(page) = query.map_err(|rejection| body::wrong_query(&rejection))?;
    let (limit, offset) = (page.limit(20), page.offset());
    let (items, total) = app.gap_history(limit, offset).await?;
    listing.page(GAPS, page.format, (&items, total), (limit, offset))
}

/// `GET /gap-filler/log/{gap_id}`.
pub(crate) async fn log(
    State(app): State<Arc<App>>,
    Path(gap_id): Path<String>,
    listing: Listing,
    query: Result<Query<LogQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(query) = query.map_err(|rejection| body::wrong_query(&rejection))?;
    listing.log(&query, &app.gap_log(&gap_id, query.after(), query.limit()).await?)
}

/// `POST /gap-filler/cancel/{gap_id}`.
pub(crate) async fn cancel(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(gap_id): Path<String>,
) -> Result<Json<GapStatus>, Problem> {
    Ok(Json(app.cancel_gap(&gap_id, &caller).await?))
}
