//! Predictions: asked for, listed, compared with what happened.

use std::sync::Arc;

use app::App;
use app::access::Caller;
use app::models::ModelType;
use app::performance::{Noted, Outcomes};
use app::predict::{
    GivenRequest, GivenRows, PoolsRequest, PredictedPools, PredictedRows, PricePrediction,
    SpotPrediction,
};
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, QueryRejection};
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::{PredictionRow, Uuid};

use crate::body::{self, LARGEST_PAGE};
use crate::list::Listing;
use crate::problem::Problem;
use crate::table::{ListFormat, Table};

const PREDICTIONS: Table = Table {
    name: "predictions",
    first: &[
        "prediction_id",
        "model_id",
        "prediction_type",
        "instance_type",
        "region",
        "az",
        "value",
    ],
};

/// Which predictions.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PredictionQuery {
    /// Of one model only; `baseline` for those that no model made.
    model_id: Option<String>,
    /// How many, 1 to 500; 100 when absent.
    limit: Option<u64>,
    /// How many are passed over.
    offset: Option<u64>,
    /// `json`, `csv` or `jsonl`; by `Accept` when absent.
    format: Option<ListFormat>,
}

/// A prediction as it was made.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct PredictionItem {
    prediction_id: String,
    /// `null` for the baseline.
    model_id: Option<String>,
    /// `spot_interruption`, `spot_price` or `resource_usage`.
    prediction_type: String,
    instance_type: String,
    region: String,
    az: String,
    /// A probability, or dollars an hour.
    value: f64,
    low: Option<f64>,
    high: Option<f64>,
    horizon_hours: f64,
    /// 0 to 1.
    confidence: f64,
    created_at: Timestamp,
    /// What happened, 1 or 0 for an event; `null` while it is not known.
    outcome: Option<f64>,
    outcome_at: Option<Timestamp>,
    /// Whether it was no answer, but what a shadow said beside the answer of the same name.
    shadow: bool,
}

/// What is asked of a model of any type.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("examples" = [{
    "model_type": "price_predictor",
    "pools": [{ "instance_type": "m5.large", "region": "us-east-1", "az": "us-east-1a" }]
}]))]
pub(crate) struct PredictRequest<'a> {
    /// The type.
    model_type: ModelType,
    /// Pools whose features the server knows: for `spot_predictor` and `price_predictor`.
    #[serde(default, borrow)]
    pools: Option<Vec<app::predict::PoolQuery<'a>>>,
    /// Rows of features, for a model with a signature of its own.
    #[serde(default)]
    rows: Option<GivenRows>,
}

/// What a model of any type answers.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum PredictAnswer<'a> {
    /// Interruptions.
    Interruptions(PredictedPools<SpotPrediction<'a>>),
    /// Prices.
    Prices(PredictedPools<PricePrediction<'a>>),
    /// Values for rows.
    Rows(PredictedRows),
}

/// One prediction of an interruption with the model that made it.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct OneInterruption<'a> {
    #[serde(flatten)]
    prediction: SpotPrediction<'a>,
    /// The model; `null` where none is active.
    model: Option<app::predict::AnsweringModel>,
    /// As of when the market was looked at.
    as_of: Timestamp,
}

/// `POST /predict/spot-interruption`.
pub(crate) async fn spot_interruption(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let body = body?;
    let request: PoolsRequest<'_> = body::json_of_bytes(&headers, &body)?;
    match &request {
        PoolsRequest::Many { pools, horizon } => {
            let answer = app.predict_interruptions(pools, *horizon, &caller)?;
            Ok(body::written(answer.json()?))
        }
        PoolsRequest::One(pool) => {
            let pools = std::slice::from_ref(pool);
            let PredictedPools { model, as_of, mut predictions } =
                app.predict_interruptions(pools, None, &caller).map_err(of_one)?;
            let Some(prediction) = predictions.pop() else {
                return Err(Problem::from(app::Error::Internal("no prediction".to_owned())));
            };
            Ok(Json(OneInterruption { prediction, model, as_of }).into_response())
        }
    }
}

/// `POST /predict`.
pub(crate) async fn predict(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let body = body?;
    let request: PredictRequest<'_> = body::json_of_bytes(&headers, &body)?;
    let one_of_both = |detail: &str| {
        Problem::from(app::Error::Invalid(vec![app::FieldError {
            pointer: String::new(),
            code: "invalid",
            detail: detail.to_owned(),
        }]))
    };
    let answer = match (&request.pools, request.rows, request.model_type) {
        (Some(pools), None, ModelType::SpotPredictor) => {
            PredictAnswer::Interruptions(app.predict_interruptions(pools, None, &caller)?)
        }
        (Some(pools), None, ModelType::PricePredictor) => {
            PredictAnswer::Prices(app.predict_prices(pools, &caller)?)
        }
        (None, Some(rows), model_type) => {
            let given = GivenRequest { model_type, rows };
            PredictAnswer::Rows(app.predict_rows(&given, &caller)?)
        }
        (Some(_), None, ModelType::ResourceForecaster) => {
            return Err(one_of_both("a resource_forecaster takes `rows`, not `pools`"));
        }
        _ => return Err(one_of_both("expected either `pools` or `rows`")),
    };
    Ok(match answer {
        PredictAnswer::Interruptions(answer) => body::written(answer.json()?),
        other => Json(other).into_response(),
    })
}

/// `GET /predictions/history`.
pub(crate) async fn history(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    listing: Listing,
    query: Result<Query<PredictionQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(query) = query.map_err(|rejection| body::wrong_query(&rejection))?;
    let limit = query.limit.unwrap_or(100).clamp(1, LARGEST_PAGE);
    let offset = query.offset.unwrap_or(0);
    let model_id = query.model_id.as_deref();
    let (rows, total) = app.prediction_history(model_id, limit, offset, &caller).await?;
    let items: Vec<PredictionItem> = rows.into_iter().map(item).collect();
    listing.page(PREDICTIONS, query.format, (&items, total), (limit, offset))
}

/// `POST /predictions/outcomes`.
pub(crate) async fn outcomes(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Noted>, Problem> {
    let wanted: Outcomes = body::json(&headers, &body?)?;
    Ok(Json(app.note_outcomes(&wanted).await?))
}

/// The pool is the body itself.
fn of_one(error: app::Error) -> app::Error {
    let app::Error::Invalid(mut errors) = error else { return error };
    for one in &mut errors {
        if let Some(own) = one.pointer.strip_prefix("/pools/0") {
            one.pointer = own.to_owned();
        }
    }
    app::Error::Invalid(errors)
}

fn item(row: PredictionRow) -> PredictionItem {
    PredictionItem {
        prediction_id: row.prediction_id.to_string(),
        model_id: (row.model_id != Uuid::nil()).then(|| row.model_id.to_string()),
        prediction_type: row.prediction_type.into_owned(),
        instance_type: row.pool.instance_type.to_string(),
        region: row.pool.region.to_string(),
        az: row.pool.zone.to_string(),
        value: row.value,
        low: row.low,
        high: row.high,
        horizon_hours: row.horizon_seconds as f64 / 3600.0,
        confidence: row.confidence,
        created_at: row.created_at,
        outcome: row.outcome,
        outcome_at: row.outcome_at,
        shadow: row.shadow_of.is_some(),
    }
}
