//! Refreshing the data of models, by hand and by schedule.

use std::sync::Arc;

use app::App;
use app::access::Caller;
use app::refresh::{NewSchedule, RefreshRequest, RefreshStatus, ScheduleItem};
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
use crate::table::{FormatQuery, ListFormat, Table};

const REFRESHES: Table = Table { name: "refreshes", first: &["refresh_id", "model_id", "status"] };

const SCHEDULES: Table = Table { name: "schedules", first: &["schedule_id", "name"] };

/// Which refreshes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RefreshQuery {
    /// Only of this model.
    model_id: Option<String>,
    /// How many, 1 to 500; 20 when absent.
    limit: Option<u64>,
    /// How many are passed over.
    offset: Option<u64>,
    /// `json`, `csv` or `jsonl`; by `Accept` when absent.
    format: Option<ListFormat>,
}

/// `POST /refresh/trigger`.
pub(crate) async fn trigger(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let request: RefreshRequest = body::json(&headers, &body?)?;
    let key = body::idempotency_key(&headers)?;
    let started = app.trigger_refresh(&request, key, &caller).await?;
    let place = format!("/api/v1/ml/refresh/status/{}", started.refresh_id);
    Ok(list::accepted(&place, &started, started.known))
}

/// `GET /refresh/status/{refresh_id}`.
pub(crate) async fn status(
    State(app): State<Arc<App>>,
    Path(refresh_id): Path<String>,
) -> Result<Json<RefreshStatus>, Problem> {
    Ok(Json(app.refresh_status(&refresh_id).await?))
}

/// `GET /refresh/history`.
pub(crate) async fn history(
    State(app): State<Arc<App>>,
    listing: Listing,
    query: Result<Query<RefreshQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(query) = query.map_err(|rejection| body::wrong_query(&rejection))?;
    let limit = query.limit.unwrap_or(20).clamp(1, LARGEST_PAGE);
    let offset = query.offset.unwrap_or(0);
    let model_id = query.model_id.as_deref();
    let (items, total) = app.refresh_history(model_id, limit, offset).await?;
    listing.page(REFRESHES, query.format, (&items, total), (limit, offset))
}

/// `GET /refresh/log/{refresh_id}`.
pub(crate) async fn log(
    State(app): State<Arc<App>>,
    Path(refresh_id): Path<String>,
    listing: Listing,
    query: Result<Query<LogQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(query) = query.map_err(|rejection| body::wrong_query(&rejection))?;
    listing.log(&query, &app.refresh_log(&refresh_id, query.after(), query.limit()).await?)
}

/// `POST /refresh/cancel/{refresh_id}`.
pub(crate) async fn cancel(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(refresh_id): Path<String>,
) -> Result<Json<RefreshStatus>, Problem> {
    Ok(Json(app.cancel_refresh(&refresh_id, &caller).await?))
}

/// `POST /refresh/schedule`.
pub(crate) async fn schedule(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let wanted: NewSchedule = body::json(&headers, &body?)?;
    let made = app.schedule_refresh(&wanted, &caller).await?;
    Ok(list::created(&format!("/api/v1/ml/schedules/{}", made.schedule_id), &made))
}

/// `GET /schedules`.
pub(crate) async fn schedules(
    State(app): State<Arc<App>>,
    listing: Listing,
    query: Result<Query<FormatQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(query) = query.map_err(|rejection| body::wrong_query(&rejection))?;
    listing.whole(SCHEDULES, query.format, &app.schedules().await?)
}

/// `GET /schedules/{schedule_id}`.
pub(crate) async fn one_schedule(
    State(app): State<Arc<App>>,
    Path(schedule_id): Path<String>,
) -> Result<Json<ScheduleItem>, Problem> {
    Ok(Json(app.schedule(&schedule_id).await?))
}

/// `POST /schedules/{schedule_id}/enable`.
pub(crate) async fn enable(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(schedule_id): Path<String>,
) -> Result<Json<ScheduleItem>, Problem> {
    Ok(Json(app.switch_schedule(&schedule_id, true, &caller).await?))
}

/// `POST /schedules/{schedule_id}/disable`.
pub(crate) async fn disable(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(schedule_id): Path<String>,
) -> Result<Json<ScheduleItem>, Problem> {
    Ok(Json(app.switch_schedule(&schedule_id, false, &caller).await?))
}

/// `DELETE /schedules/{schedule_id}`.
pub(crate) async fn remove(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(schedule_id): Path<String>,
) -> Result<Json<ScheduleItem>, Problem> {
    Ok(Json(app.remove_schedule(&schedule_id, &caller).await?))
}
