//! What the spot prices cover.

use std::sync::Arc;

use app::App;
use app::coverage::{CoverageFilter, CoverageRow};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::Response;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::body;
use crate::list::Listing;
use crate::problem::Problem;
use crate::routes::pricing::instant;
use crate::table::{ListFormat, Table};

const COVERAGE: Table = Table {
    name: "coverage",
    first: &["instance_type", "region", "product_description", "zones", "oldest", "newest", "days"],
};

/// Which part of the coverage.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CoverageQuery {
    /// Types or patterns such as `m5.*`, with commas between them; all when absent.
    instance_type: Option<String>,
    /// One region.
    region: Option<String>,
    /// One product, such as `Linux/UNIX`.
    product_description: Option<String>,
    /// Count the prices of each day (UTC) from this day or instant on; without it only spans are
    /// answered, which costs nothing.
    start_date: Option<String>,
    /// Up to before this day or instant; now when absent.
    end_date: Option<String>,
    /// `json`, `csv` or `jsonl`; by `Accept` when absent.
    format: Option<ListFormat>,
}

/// `GET /pricing/coverage`.
pub(crate) async fn coverage(
    State(app): State<Arc<App>>,
    listing: Listing,
    query: Result<Query<CoverageQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(query) = query.map_err(|rejection| body::wrong_query(&rejection))?;
    let until = match &query.end_date {
        Some(text) => instant("end_date", text)?,
        None => app.clock().now(),
    };
    let from = query.start_date.as_deref().map(|text| instant("start_date", text)).transpose()?;
    let types = query.instance_type.as_deref().unwrap_or_default().split(',').map(str::trim);
    let filter = CoverageFilter {
        instance_types: types.filter(|name| !name.is_empty()).map(str::to_owned).collect(),
        region: query.region,
        product: query.product_description,
        days: from.map(|from| (from, until)),
    };
    let rows: Vec<CoverageRow> = app.coverage(&filter).await?;
    listing.whole(COVERAGE, query.format, &rows)
}
