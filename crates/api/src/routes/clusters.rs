//! Snapshots of clusters: keeping them, and which there are.

use std::sync::Arc;

use app::App;
use app::access::Caller;
use axum::Extension;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;

use crate::body::{self, PageQuery};
use crate::list::{self, Listing};
use crate::problem::Problem;
use crate::table::Table;

const CLUSTERS: Table = Table { name: "clusters", first: &["cluster_id", "customer_id"] };

const SNAPSHOTS: Table = Table { name: "snapshots", first: &["snapshot_id", "cluster_id"] };

/// `POST /clusters/{cluster_id}/snapshots`.
pub(crate) async fn keep(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(cluster_id): Path<String>,
    headers: HeaderMap,
    content: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    body::must_be_json(&headers)?;
    let kept = app.keep_snapshot(&cluster_id, content?, &caller).await?;
    let place = format!(
        "/api/v1/ml/clusters/{}/snapshots/{}",
        list::escaped(&cluster_id),
        kept.snapshot_id
    );
    let mut response = list::created(&place, &kept);
    if kept.known {
        response.headers_mut().insert("idempotent-replayed", HeaderValue::from_static("true"));
    }
    Ok(response)
}

/// `GET /clusters`.
pub(crate) async fn all(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    listing: Listing,
    query: Result<Query<PageQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(page) = query.map_err(|rejection| body::wrong_query(&rejection))?;
    let (limit, offset) = (page.limit(50), page.offset());
    let (items, total) = app.clusters(&caller, limit, offset).await?;
    listing.page(CLUSTERS, page.format, (&items, total), (limit, offset))
}

/// `GET /clusters/{cluster_id}/snapshots`.
pub(crate) async fn snapshots(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(cluster_id): Path<String>,
    listing: Listing,
    query: Result<Query<PageQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(page) = query.map_err(|rejection| body::wrong_query(&rejection))?;
    let (limit, offset) = (page.limit(50), page.offset());
    let (items, total) = app.snapshots(&cluster_id, &caller, limit, offset).await?;
    listing.page(SNAPSHOTS, page.format, (&items, total), (limit, offset))
}

/// `GET /clusters/{cluster_id}/snapshots/{snapshot_id}`.
pub(crate) async fn snapshot(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path((cluster_id, snapshot_id)): Path<(String, String)>,
) -> Result<Response, Problem> {
    Ok(body::written(app.snapshot(&cluster_id, &snapshot_id, &caller).await?))
}
