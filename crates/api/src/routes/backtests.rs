//! Back-tests: asked for, listed, read as JSON or as a page.

use std::sync::Arc;

use app::App;
use app::access::Caller;
use app::backtests::BacktestRequest;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{Html, IntoResponse, Response};
use axum::{Extension, Json};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::body::{self, PageQuery};
use crate::list::{self, Listing};
use crate::problem::Problem;
use crate::table::Table;

const BACKTESTS: Table = Table { name: "backtests", first: &["backtest_id", "name", "status"] };

/// How a report is written.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReportQuery {
    /// `json` or `html`; by `Accept` when absent.
    format: Option<ReportFormat>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum ReportFormat {
    Json,
    Html,
}

/// `POST /backtests`.
pub(crate) async fn start(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let request: BacktestRequest = body::json(&headers, &body?)?;
    let key = body::idempotency_key(&headers)?;
    let started = app.start_backtest(request, key, &caller).await?;
    let place = format!("/api/v1/ml/backtests/{}", started.backtest_id);
    Ok(list::accepted(&place, &started, started.known))
}

/// `GET /backtests`.
pub(crate) async fn all(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    listing: Listing,
    query: Result<Query<PageQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(page) = query.map_err(|rejection| body::wrong_query(&rejection))?;
    let (limit, offset) = (page.limit(50), page.offset());
    let (items, total) = app.backtests(&caller, limit, offset).await?;
    listing.page(BACKTESTS, page.format, (&items, total), (limit, offset))
}

/// `GET /backtests/{backtest_id}`.
pub(crate) async fn one(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(backtest_id): Path<String>,
    headers: HeaderMap,
    query: Result<Query<ReportQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(query) = query.map_err(|rejection| body::wrong_query(&rejection))?;
    let as_page = match query.format {
        Some(format) => format == ReportFormat::Html,
        None => prefers_a_page(&headers),
    };
    let mut response = if as_page {
        let mut page = Html(app.backtest_page(&backtest_id, &caller).await?).into_response();
        // The page has styles of its own and nothing else: whatever came into it stays text.
        page.headers_mut().insert(
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'"),
        );
        page
    } else {
        Json(app.backtest(&backtest_id, &caller).await?).into_response()
    };
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("accept"));
    Ok(response)
}

/// Whether HTML is named before JSON. Browsers name it first and programs do not.
fn prefers_a_page(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    let mut kinds = accept
        .unwrap_or_default()
        .split(',')
        .map(|part| part.split(';').next().unwrap_or_default().trim().to_ascii_lowercase());
    let first = kinds.find(|kind| kind == "text/html" || kind == "application/json");
    first.as_deref() == Some("text/html")
}
