//! Reports of interruptions and exposure, what follows from them, and rebalance jobs.

use std::sync::Arc;

use app::App;
use app::access::Caller;
use app::learning::calendar::{NewSeason, Season};
use app::learning::exposure::ExposureAnswer;
use app::learning::overriding::{NewOverride, OverriddenPool};
use app::learning::patterns::Patterns;
use app::learning::quality::QualityReport;
use app::learning::rebalance::{JobDone, JobFailed, RebalanceItem};
use app::learning::stats::{FeedbackWeight, LearningStats};
use app::learning::status::PoolStatus;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use store::{InterruptionFilter, RebalanceFilter, RebalanceStatus};

use crate::body::{self, LARGEST_PAGE};
use crate::list::{self, Listing};
use crate::problem::Problem;
use crate::table::{FormatQuery, ListFormat, Table};

const INTERRUPTIONS: Table = Table {
    name: "interruptions",
    first: &["interruption_timestamp", "instance_type", "availability_zone", "region", "event"],
};
const LEVELS: Table = Table {
    name: "pool-levels",
    first: &["changed_at", "instance_type", "zone", "region", "from_level", "to_level", "cause"],
};
const JOBS: Table = Table {
    name: "rebalance-jobs",
    first: &[
        "job_id",
        "status",
        "customer_id",
        "cluster_id",
        "source_instance_type",
        "source_availability_zone",
        "region",
        "instances",
        "target_instance_type",
        "target_availability_zone",
    ],
};
const SEASONS: Table = Table { name: "calendar", first: &["name", "from", "until", "factor"] };

/// Which reports.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct InterruptionQuery {
    /// Only of this customer; who is no platform sees its own whatever this says.
    customer_id: Option<String>,
    /// Only of this type.
    instance_type: Option<String>,
    /// Only of this region.
    region: Option<String>,
    /// Only those that happened at or after this instant.
    since: Option<Timestamp>,
    /// Only those that happened before this instant.
    until: Option<Timestamp>,
    /// `json`, `csv` or `jsonl`; by `Accept` when absent.
    format: Option<ListFormat>,
    /// How many, 1 to 500; 50 when absent.
    limit: Option<u64>,
    /// How many are passed over.
    offset: Option<u64>,
}

/// Which pool.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PoolQuery {
    /// The type.
    instance_type: String,
    /// The zone, by the caller's name of it or by its id.
    #[serde(alias = "availability_zone")]
    az: String,
    /// The region; that of the zone when absent.
    region: Option<String>,
}

/// Of which pool, and how.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LevelQuery {
    /// Only of the pool of this type; with `az` and `region`.
    instance_type: Option<String>,
    /// In this zone.
    #[serde(alias = "availability_zone")]
    az: Option<String>,
    /// Of this region.
    region: Option<String>,
    /// `json`, `csv` or `jsonl`; by `Accept` when absent.
    format: Option<ListFormat>,
    /// How many, 1 to 500; 50 when absent.
    limit: Option<u64>,
    /// How many are passed over.
    offset: Option<u64>,
}

/// Which jobs.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct JobQuery {
    /// `PENDING`, `IN_PROGRESS`, `COMPLETED`, `FAILED` or `EXPIRED`.
    status: Option<String>,
    /// Only of this customer; who is no platform sees its own whatever this says.
    customer_id: Option<String>,
    /// Only of this region.
    region: Option<String>,
    /// `json`, `csv` or `jsonl`; by `Accept` when absent.
    format: Option<ListFormat>,
    /// How many, 1 to 500; 50 when absent.
    limit: Option<u64>,
    /// How many are passed over.
    offset: Option<u64>,
}

/// `POST /feedback/interruption`.
pub(crate) async fn report(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    content: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let key = body::idempotency_key(&headers)?.map(str::to_owned);
    let reports: Value = body::json(&headers, &content?)?;
    let is_list = reports.is_array();
    let mut answers = app.report_interruptions(reports, key.as_deref(), &caller).await?;
    if is_list {
        return Ok(Json(answers).into_response());
    }
    let Some(answer) = answers.pop() else {
        return Err(Problem::from(app::Error::Internal("a report without an answer".to_owned())));
    };
    let known = answer.known;
    let mut response = Json(answer).into_response();
    if known {
        response.headers_mut().insert("idempotent-replayed", HeaderValue::from_static("true"));
    }
    Ok(response)
}

/// `GET /feedback/interruptions`.
pub(crate) async fn interruptions(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    listing: Listing,
    query: Result<Query<InterruptionQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(query) = query.map_err(|rejection| body::wrong_query(&rejection))?;
    let (limit, offset) = page(query.limit, query.offset);
    let filter = InterruptionFilter {
        customer_id: query.customer_id,
        instance_type: query.instance_type,
        region: query.region,
        since: query.since,
        until: query.until,
        offset,
        limit,
    };
    let (rows, total) = app.interruptions(&filter, &caller).await?;
    listing.page(INTERRUPTIONS, query.format, (&rows, total), (limit, offset))
}

/// `POST /feedback/exposure`.
pub(crate) async fn expose(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    content: Result<Bytes, BytesRejection>,
) -> Result<Json<ExposureAnswer>, Problem> {
    let exposure: Value = body::json(&headers, &content?)?;
    Ok(Json(app.report_exposure(exposure, &caller).await?))
}

/// `GET /feedback/patterns/{instance_type}`.
pub(crate) async fn patterns(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(instance_type): Path<String>,
) -> Result<Json<Patterns>, Problem> {
    Ok(Json(app.patterns(&instance_type, &caller).await?))
}

/// `GET /feedback/stats`.
pub(crate) async fn stats(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<LearningStats>, Problem> {
    Ok(Json(app.learning_stats(&caller).await?))
}

/// `GET /feedback/weight`.
pub(crate) async fn weight(State(app): State<Arc<App>>) -> Result<Json<FeedbackWeight>, Problem> {
    Ok(Json(app.current_weight().await?))
}

/// `GET /feedback/quality`.
pub(crate) async fn quality(State(app): State<Arc<App>>) -> Result<Json<QualityReport>, Problem> {
    Ok(Json(app.learning_quality().await?))
}

/// `GET /feedback/pool-status`.
pub(crate) async fn pool_status(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    query: Result<Query<PoolQuery>, QueryRejection>,
) -> Result<Json<PoolStatus>, Problem> {
    let Query(query) = query.map_err(|rejection| body::wrong_query(&rejection))?;
    let region = query.region.as_deref();
    Ok(Json(app.pool_status(&query.instance_type, &query.az, region, &caller).await?))
}

/// `PUT /feedback/pool-status/override`.
pub(crate) async fn set_override(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    content: Result<Bytes, BytesRejection>,
) -> Result<Json<PoolStatus>, Problem> {
    let wanted: NewOverride = body::json(&headers, &content?)?;
    Ok(Json(app.override_level(&wanted, &caller).await?))
}

/// `DELETE /feedback/pool-status/override`.
pub(crate) async fn end_override(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    query: Result<Query<OverriddenPool>, QueryRejection>,
) -> Result<Json<PoolStatus>, Problem> {
    let Query(of) = query.map_err(|rejection| body::wrong_query(&rejection))?;
    Ok(Json(app.end_override(&of, &caller).await?))
}

/// `GET /feedback/levels`.
pub(crate) async fn levels(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    listing: Listing,
    query: Result<Query<LevelQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(query) = query.map_err(|rejection| body::wrong_query(&rejection))?;
    let (limit, offset) = page(query.limit, query.offset);
    let of = match (&query.instance_type, &query.az, &query.region) {
        (None, None, None) => None,
        (Some(kind), Some(az), Some(region)) => Some((region.as_str(), az.as_str(), kind.as_str())),
        _ => {
            let detail = "name a pool by `instance_type`, `az` and `region` together, or by none";
            return Err(Problem::new(StatusCode::BAD_REQUEST, "invalid_query", detail.to_owned()));
        }
    };
    let (rows, total) = app.level_changes(of, (limit, offset), &caller).await?;
    listing.page(LEVELS, query.format, (&rows, total), (limit, offset))
}

/// `GET /feedback/calendar`.
pub(crate) async fn calendar(
    State(app): State<Arc<App>>,
    listing: Listing,
    query: Result<Query<FormatQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(query) = query.map_err(|rejection| body::wrong_query(&rejection))?;
    listing.whole(SEASONS, query.format, &app.calendar().await?)
}

/// `POST /feedback/calendar`.
pub(crate) async fn add_season(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    content: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let wanted: NewSeason = body::json(&headers, &content?)?;
    let made: Season = app.add_season(&wanted, &caller).await?;
    Ok(list::created(&format!("/api/v1/ml/feedback/calendar/{}", made.entry_id), &made))
}

/// `DELETE /feedback/calendar/{entry_id}`.
pub(crate) async fn remove_season(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(entry_id): Path<String>,
) -> Result<Json<Season>, Problem> {
    Ok(Json(app.remove_season(&entry_id, &caller).await?))
}

/// `GET /rebalance/jobs`.
pub(crate) async fn jobs(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    listing: Listing,
    query: Result<Query<JobQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(query) = query.map_err(|rejection| body::wrong_query(&rejection))?;
    let (limit, offset) = page(query.limit, query.offset);
    let status = match query.status.as_deref() {
        None => None,
        Some(name) => Some(RebalanceStatus::from_name(name).ok_or_else(|| {
            let names = RebalanceStatus::ALL.map(RebalanceStatus::name).join(", ");
            let detail = format!("status: expected one of {names}");
            Problem::new(StatusCode::BAD_REQUEST, "invalid_query", detail)
        })?),
    };
    let filter = RebalanceFilter {
        customer_id: query.customer_id,
        status,
        region: query.region,
        offset,
        limit,
    };
    let (rows, total) = app.rebalance_jobs(&filter, &caller).await?;
    listing.page(JOBS, query.format, (&rows, total), (limit, offset))
}

/// `POST /rebalance/jobs/{job_id}/claim`.
pub(crate) async fn claim(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(job_id): Path<String>,
) -> Result<Json<RebalanceItem>, Problem> {
    Ok(Json(app.claim_job(&job_id, &caller).await?))
}

/// `POST /rebalance/jobs/{job_id}/complete`.
pub(crate) async fn complete(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(job_id): Path<String>,
    headers: HeaderMap,
    content: Result<Bytes, BytesRejection>,
) -> Result<Json<RebalanceItem>, Problem> {
    let content = content?;
    // Nothing need be said of a job that is done.
    let said: JobDone =
        if content.is_empty() { JobDone::default() } else { body::json(&headers, &content)? };
    Ok(Json(app.complete_job(&job_id, &said, &caller).await?))
}

/// `POST /rebalance/jobs/{job_id}/fail`.
pub(crate) async fn fail(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(job_id): Path<String>,
    headers: HeaderMap,
    content: Result<Bytes, BytesRejection>,
) -> Result<Json<RebalanceItem>, Problem> {
    let said: JobFailed = body::json(&headers, &content?)?;
    Ok(Json(app.fail_job(&job_id, &said, &caller).await?))
}

fn page(limit: Option<u64>, offset: Option<u64>) -> (u64, u64) {
    (limit.unwrap_or(50).clamp(1, LARGEST_PAGE), offset.unwrap_or(0))
}
