//! Whether the server lives, is ready, and what it offers.

use std::sync::Arc;

use app::App;
use app::meters::Metrics;
use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use crate::document;
use crate::problem::Problem;

/// The state of the server.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Health {
    /// `healthy` or `degraded`.
    status: &'static str,
    /// `up` or `down`.
    database: &'static str,
    /// `up`, `down` (answers are the same and made anew) or `not_configured`.
    redis: &'static str,
    /// Models that serve predictions.
    models_loaded: usize,
    /// The build.
    build: &'static str,
    /// What the market knows, and how old it is.
    market: Vec<MarketAge>,
}

/// One dataset of the market.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct MarketAge {
    /// Which dataset.
    #[schemars(with = "String")]
    dataset: market::Dataset,
    /// The newest observation in it.
    newest: Timestamp,
    /// Its age in hours.
    age_hours: f64,
    /// How many rows it has.
    rows: u64,
}

/// `GET /api/v1/ml/health`.
pub(crate) async fn health(State(app): State<Arc<App>>) -> Response {
    let up = app.store().ping().await.is_ok();
    let now = app.clock().now();
    let desk = app.desk();
    let market = desk.market().provenance().iter().map(|part| MarketAge {
        dataset: part.dataset,
        newest: part.newest,
        age_hours: (now.duration_since(part.newest).as_secs() as f64 / 360.0).round() / 10.0,
        rows: part.rows,
    });
    let health = Health {
        status: if up { "healthy" } else { "degraded" },
        database: if up { "up" } else { "down" },
        redis: match app.cache().is_up().await {
            None => "not_configured",
            Some(true) => "up",
            Some(false) => "down",
        },
        models_loaded: app.models_loaded(),
        build: app::BUILD,
        market: market.collect(),
    };
    let status = if up { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(health)).into_response()
}

/// `GET /api/v1/ml/metrics`.
pub(crate) async fn metrics(State(app): State<Arc<App>>) -> Json<Metrics> {
    Json(app.metrics())
}

/// `GET /livez`.
pub(crate) async fn livez() -> &'static str {
    "ok\n"
}

/// `GET /readyz`.
pub(crate) async fn readyz(State(app): State<Arc<App>>) -> Result<&'static str, Problem> {
    match app.store().ping().await {
        Ok(()) => Ok("ok\n"),
        Err(error) => {
            tracing::warn!(%error, "not ready");
            let detail = "the database does not answer".to_owned();
            Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not_ready", detail))
        }
    }
}

/// `GET /api/v1/openapi.json`.
pub(crate) async fn openapi() -> Response {
    let json = document::openapi().to_string();
    ([(header::CONTENT_TYPE, "application/json")], json).into_response()
}
