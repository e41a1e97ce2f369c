//! Models by record.

use std::sync::Arc;

use app::App;
use app::access::Caller;
use app::models::{ModelItem, NewModel};
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use axum::response::Response;
use axum::{Extension, Json};
use schemars::JsonSchema;
use serde::Deserialize;
use store::ModelFilter;

use crate::body::{self, LARGEST_PAGE};
use crate::list;
use crate::problem::Problem;

/// Which models.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ModelQuery {
    /// Only active ones, or only others.
    active: Option<bool>,
    /// How many, 1 to 500; 50 when absent.
    limit: Option<u64>,
    /// How many are passed over.
    offset: Option<u64>,
}

/// `POST /models`.
pub(crate) async fn record(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let wanted: NewModel = body::json(&headers, &body?)?;
    let model = app.record_model(&wanted, &caller).await?;
    Ok(list::created(&format!("/api/v1/ml/models/{}", model.model_id), &model))
}

/// `GET /models/list`.
pub(crate) async fn all(
    State(app): State<Arc<App>>,
    query: Result<Query<ModelQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(query) = query.map_err(|rejection| body::wrong_query(&rejection))?;
    let limit = query.limit.unwrap_or(50).clamp(1, LARGEST_PAGE);
    let offset = query.offset.unwrap_or(0);
    let filter = ModelFilter { active: query.active, limit, offset, ..ModelFilter::default() };
    let (models, total) = app.models(&filter).await?;
    let mut path = "/api/v1/ml/models/list?".to_owned();
    if let Some(active) = query.active {
        path.push_str(&format!("active={active}&"));
    }
    Ok(list::page(&models, total, &path, limit, offset))
}

/// `GET /models/{model_id}`.
pub(crate) async fn one(
    State(app): State<Arc<App>>,
    Path(model_id): Path<String>,
) -> Result<Json<ModelItem>, Problem> {
    Ok(Json(app.model(&model_id).await?))
}
