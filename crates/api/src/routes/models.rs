//! Models: taking them in, choosing which one answers, and how good each is.

use std::sync::Arc;

use app::App;
use app::access::Caller;
use app::models::activation::{ActivateRequest, Activated, ActivationItem, RollbackRequest};
use app::models::shadowing::Shadowed;
use app::models::upload::Deleted;
use app::models::{ModelItem, ModelType, NewModel};
use app::performance::Performance;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::ModelFilter;

use crate::body::{self, LARGEST_PAGE};
use crate::list::{self, Listing};
use crate::problem::Problem;
use crate::table::{ListFormat, Table};

const MODELS: Table =
    Table { name: "models", first: &["model_id", "name", "version", "model_type"] };

const ACTIVATIONS: Table = Table { name: "activations", first: &["activated_at", "model_id"] };

/// Which models.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ModelQuery {
    /// Only active ones, or only others.
    active: Option<bool>,
    /// Only versions of this name.
    name: Option<String>,
    /// How many, 1 to 500; 50 when absent.
    limit: Option<u64>,
    /// How many are passed over.
    offset: Option<u64>,
    /// `json`, `csv` or `jsonl`; by `Accept` when absent.
    format: Option<ListFormat>,
}

/// Which type.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TypeQuery {
    /// The type.
    model_type: ModelType,
    /// `json`, `csv` or `jsonl`; by `Accept` when absent.
    format: Option<ListFormat>,
}

/// Everything about a model.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ModelDetails {
    #[serde(flatten)]
    model: ModelItem,
    /// How good it is, as far as that was measured.
    performance_metrics: Performance,
    /// How much it is used.
    usage_stats: UsageStats,
}

/// How much a model is used.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct UsageStats {
    /// Predictions that it has made.
    predictions_count: u64,
    /// Predictions whose outcome is known.
    resolved_count: u64,
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
    listing: Listing,
    query: Result<Query<ModelQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(query) = query.map_err(|rejection| body::wrong_query(&rejection))?;
    let limit = query.limit.unwrap_or(50).clamp(1, LARGEST_PAGE);
    let offset = query.offset.unwrap_or(0);
    let filter = ModelFilter {
        active: query.active,
        name: query.name,
        limit,
        offset,
        ..ModelFilter::default()
    };
    let (models, total) = app.models(&filter).await?;
    listing.page(MODELS, query.format, (&models, total), (limit, offset))
}

/// `GET /models/{model_id}`.
pub(crate) async fn one(
    State(app): State<Arc<App>>,
    Path(model_id): Path<String>,
) -> Result<Json<ModelItem>, Problem> {
    Ok(Json(app.model(&model_id).await?))
}

/// `POST /models/activate`.
pub(crate) async fn activate(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Activated>, Problem> {
    let wanted: ActivateRequest = body::json(&headers, &body?)?;
    Ok(Json(app.activate_model(&wanted, &caller).await?))
}

/// `POST /models/rollback`.
pub(crate) async fn roll_back(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Activated>, Problem> {
    let wanted: RollbackRequest = body::json(&headers, &body?)?;
    Ok(Json(app.roll_back_model(&wanted, &caller).await?))
}

/// `POST /models/{model_id}/shadow`.
pub(crate) async fn begin_shadow(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(model_id): Path<String>,
) -> Result<Json<Shadowed>, Problem> {
    Ok(Json(app.begin_shadow(&model_id, &caller).await?))
}

/// `DELETE /models/{model_id}/shadow`.
pub(crate) async fn end_shadow(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(model_id): Path<String>,
) -> Result<Json<Shadowed>, Problem> {
    Ok(Json(app.end_shadow(&model_id, &caller).await?))
}

/// `GET /models/activations`.
pub(crate) async fn activations(
    State(app): State<Arc<App>>,
    listing: Listing,
    query: Result<Query<TypeQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(query) = query.map_err(|rejection| body::wrong_query(&rejection))?;
    let items: Vec<ActivationItem> = app.activations(query.model_type).await?;
    listing.whole(ACTIVATIONS, query.format, &items)
}

/// `DELETE /models/{model_id}`.
pub(crate) async fn delete(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(model_id): Path<String>,
) -> Result<Json<Deleted>, Problem> {
    Ok(Json(app.delete_model(&model_id, &caller).await?))
}

/// `GET /models/{model_id}/details`.
pub(crate) async fn details(
    State(app): State<Arc<App>>,
    Path(model_id): Path<String>,
) -> Result<Json<ModelDetails>, Problem> {
    let model = app.model(&model_id).await?;
    let performance_metrics = app.performance(Some(&model_id)).await?;
    let usage_stats = UsageStats {
        predictions_count: performance_metrics.predictions_count,
        resolved_count: performance_metrics.resolved_count,
    };
    Ok(Json(ModelDetails { model, performance_metrics, usage_stats }))
}

/// `GET /models/{model_id}/performance`; `baseline` is what answers without a model.
pub(crate) async fn performance(
    State(app): State<Arc<App>>,
    Path(model_id): Path<String>,
) -> Result<Json<Performance>, Problem> {
    let wanted = Some(model_id.as_str()).filter(|id| *id != "baseline");
    Ok(Json(app.performance(wanted).await?))
}

/// `GET /models/{model_id}/download`.
pub(crate) async fn download(
    State(app): State<Arc<App>>,
    Path(model_id): Path<String>,
) -> Result<Response, Problem> {
    let (name, bytes) = app.model_file(&model_id).await?;
    let plain = |letter: &char| letter.is_ascii_alphanumeric() || "._-".contains(*letter);
    let name: String = name.chars().filter(plain).collect();
    let mut response = bytes.into_response();
    let headers = response.headers_mut();
    let octets = HeaderValue::from_static("application/octet-stream");
    headers.insert(header::CONTENT_TYPE, octets);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Ok(value) = HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    Ok(response)
}
