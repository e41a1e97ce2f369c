//! What clusters cost, and whose it is.

use std::sync::Arc;

use app::App;
use app::access::Caller;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::body;
use crate::focus::FocusRow;
use crate::focus::costs::{COSTS_FOCUS, CostColumns, rows};
use crate::list::Listing;
use crate::problem::Problem;
use crate::table::{ListFormat, Table};

const COSTS: Table = Table {
    name: "costs",
    first: &["group", "pods", "usd_per_hour", "usd_per_month", "effective_usd_per_hour"],
};

/// How costs are divided and written.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CostsQuery {
    /// `namespace` (when absent), `label:<key>`, `workload` or `node_pool`.
    by: Option<String>,
    /// The report as `json`; its rows as `csv` or `jsonl`, or as rows of FOCUS 1.2 with `focus`; by
    /// `Accept` when absent.
    format: Option<CostsFormat>,
}

/// How costs are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum CostsFormat {
    Json,
    Csv,
    Jsonl,
    Focus,
}

/// `GET /clusters/{cluster_id}/costs`.
pub(crate) async fn costs(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(cluster_id): Path<String>,
    listing: Listing,
    query: Result<Query<CostsQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(query) = query.map_err(|rejection| body::wrong_query(&rejection))?;
    let by = query.by.as_deref().unwrap_or("namespace");
    let report = app.cluster_costs(&cluster_id, by, &caller).await?;
    let format = listing.format(query.format.map(|named| match named {
        CostsFormat::Json => ListFormat::Json,
        CostsFormat::Csv | CostsFormat::Focus => ListFormat::Csv,
        CostsFormat::Jsonl => ListFormat::Jsonl,
    }));
    if query.format == Some(CostsFormat::Focus) {
        let rows: Vec<FocusRow<CostColumns>> = rows(&report);
        return listing.whole(COSTS_FOCUS, Some(format), &rows);
    }
    if format == ListFormat::Json {
        let mut response = Json(report).into_response();
        response.headers_mut().insert(header::VARY, HeaderValue::from_static("accept"));
        return Ok(response);
    }
    listing.whole(COSTS, Some(format), &report.rows)
}
