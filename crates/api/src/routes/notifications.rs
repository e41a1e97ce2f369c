//! Where notices go, what happened, what was sent, and what stands.

use std::sync::Arc;

use app::App;
use app::access::Caller;
use app::notifications::{
    ChannelChange, ChannelItem, DeliveryDetails, DeliveryItem, MadeChannel, NewChannel,
    delivery_state_of,
};
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use schemars::JsonSchema;
use serde::Deserialize;
use store::EventFilter;

use crate::body::{self, LARGEST_PAGE};
use crate::list::{self, Listing};
use crate::problem::Problem;
use crate::table::{FormatQuery, ListFormat, Table};

const CHANNELS: Table =
    Table { name: "channels", first: &["channel_id", "name", "kind", "goes_to", "enabled"] };

const DELIVERIES: Table = Table {
    name: "deliveries",
    first: &["delivery_id", "channel", "headline", "events", "state", "attempts", "created_at"],
};

const EVENTS: Table = Table {
    name: "events",
    first: &["event_id", "occurred_at", "event_type", "severity", "cluster_id", "title"],
};

const ALERTS: Table =
    Table { name: "alerts", first: &["since", "event_type", "severity", "cluster_id", "title"] };

/// Which deliveries.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeliveryQuery {
    /// Only to this channel, by its name or identifier.
    channel: Option<String>,
    /// Only in this state: `waiting`, `delivered` or `given_up`.
    state: Option<String>,
    /// `json`, `csv` or `jsonl`; by `Accept` when absent.
    format: Option<ListFormat>,
    /// How many, 1 to 500; 50 when absent.
    limit: Option<u64>,
    /// How many are passed over.
    offset: Option<u64>,
}

/// Which events.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EventQuery {
    /// Only of this customer; a tenant sees its own whatever this says.
    customer_id: Option<String>,
    /// Only at this cluster.
    cluster_id: Option<String>,
    /// Only of this kind, such as `finding.opened`, or of this group, such as `finding.*`; `*` is all.
    event_type: Option<String>,
    /// `json`, `csv` or `jsonl`; by `Accept` when absent.
    format: Option<ListFormat>,
    /// How many, 1 to 500; 50 when absent.
    limit: Option<u64>,
    /// How many are passed over.
    offset: Option<u64>,
}

/// `POST /notifications/channels`.
pub(crate) async fn make(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    content: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let wanted: NewChannel = body::json(&headers, &content?)?;
    let made = app.make_channel(&wanted, &caller).await?;
    let place = format!("/api/v1/ml/notifications/channels/{}", made.item.channel_id);
    Ok(unstored(list::created(&place, &made)))
}

/// `GET /notifications/channels`.
pub(crate) async fn all(
    State(app): State<Arc<App>>,
    listing: Listing,
    query: Result<Query<FormatQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(query) = query.map_err(|rejection| body::wrong_query(&rejection))?;
    listing.whole(CHANNELS, query.format, &app.channels().await?)
}

/// `GET /notifications/channels/{channel}`.
pub(crate) async fn one(
    State(app): State<Arc<App>>,
    Path(channel): Path<String>,
) -> Result<Json<ChannelItem>, Problem> {
    Ok(Json(app.channel(&channel).await?))
}

/// `PATCH /notifications/channels/{channel}`.
pub(crate) async fn change(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(channel): Path<String>,
    headers: HeaderMap,
    content: Result<Bytes, BytesRejection>,
) -> Result<Json<ChannelItem>, Problem> {
    let change: ChannelChange = body::json(&headers, &content?)?;
    Ok(Json(app.change_channel(&channel, &change, &caller).await?))
}

/// `DELETE /notifications/channels/{channel}`.
pub(crate) async fn remove(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(channel): Path<String>,
) -> Result<Json<ChannelItem>, Problem> {
    Ok(Json(app.remove_channel(&channel, &caller).await?))
}

/// `POST /notifications/channels/{channel}/secret`.
pub(crate) async fn renew_secret(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(channel): Path<String>,
) -> Result<Response, Problem> {
    let made: MadeChannel = app.renew_channel_secret(&channel, &caller).await?;
    Ok(unstored(Json(made).into_response()))
}

/// `POST /notifications/channels/{channel}/test`.
pub(crate) async fn test(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(channel): Path<String>,
) -> Result<Json<DeliveryItem>, Problem> {
    Ok(Json(app.test_channel(&channel, &caller).await?))
}

/// `GET /notifications/deliveries`.
pub(crate) async fn deliveries(
    State(app): State<Arc<App>>,
    listing: Listing,
    query: Result<Query<DeliveryQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(query) = query.map_err(|rejection| body::wrong_query(&rejection))?;
    let (limit, offset) = page(query.limit, query.offset);
    let state = query.state.as_deref().map(delivery_state_of).transpose()?;
    let items = app.deliveries(query.channel.as_deref(), state, (limit, offset)).await?;
    listing.part(DELIVERIES, query.format, &items, (limit, offset))
}

/// `GET /notifications/deliveries/{delivery_id}`.
pub(crate) async fn delivery(
    State(app): State<Arc<App>>,
    Path(delivery_id): Path<String>,
) -> Result<Json<DeliveryDetails>, Problem> {
    Ok(Json(app.delivery_details(&delivery_id).await?))
}

/// `POST /notifications/deliveries/{delivery_id}/replay`.
pub(crate) async fn replay(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(delivery_id): Path<String>,
) -> Result<Response, Problem> {
    let made = app.deliver_again(&delivery_id, &caller).await?;
    Ok((StatusCode::ACCEPTED, Json(made)).into_response())
}

/// `GET /notifications/events`.
pub(crate) async fn events(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    listing: Listing,
    query: Result<Query<EventQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(query) = query.map_err(|rejection| body::wrong_query(&rejection))?;
    let (limit, offset) = page(query.limit, query.offset);
    let filter = EventFilter {
        customer_id: query.customer_id,
        cluster_id: query.cluster_id,
        event_type: query.event_type,
        offset,
        limit,
    };
    let items = app.events(&filter, &caller).await?;
    listing.part(EVENTS, query.format, &items, (limit, offset))
}

/// `GET /alerts`.
pub(crate) async fn alerts(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    listing: Listing,
    query: Result<Query<FormatQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(query) = query.map_err(|rejection| body::wrong_query(&rejection))?;
    listing.whole(ALERTS, query.format, &app.alerts(&caller).await?)
}

fn page(limit: Option<u64>, offset: Option<u64>) -> (u64, u64) {
    (limit.unwrap_or(50).clamp(1, LARGEST_PAGE), offset.unwrap_or(0))
}

/// An answer with a secret in it is kept by nobody on the way.
fn unstored(mut response: Response) -> Response {
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
