//! Fetches over HTTP: asked for, watched, called off.

use std::sync::Arc;

use app::App;
use app::decide::Desk;
use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use clock::Clock;
use serde_json::{Value, json};
use store::Store;

use crate::{ask, get, json_of};

const FETCH: &str = "/api/v1/ml/pricing/fetch";

async fn server() -> Router {
    let store = Store::in_memory().await.unwrap();
    let clock = Clock::fixed("2026-08-01T00:00:00Z".parse().unwrap());
    api::router(Arc::new(App::new(Desk::new(market::bundled()), store, clock)))
}

async fn post(
    server: &Router,
    path: &str,
    key: Option<&str>,
    body: &Value,
) -> axum::response::Response {
    let mut request = Request::post(path).header("content-type", "application/json");
    if let Some(key) = key {
        request = request.header("idempotency-key", key);
    }
    ask(server, request.body(Body::from(body.to_string())).unwrap()).await
}

fn day() -> Value {
    json!({
        "data_type": "spot_prices", "instance_types": ["m5.*"], "regions": ["us-east-1"],
        "start_date": "2026-07-01", "end_date": "2026-07-03",
    })
}

#[tokio::test]
async fn a_fetch_is_made_watched_and_called_off() {
    let server = server().await;
    let answer = post(&server, FETCH, Some("mine"), &day()).await;
    assert_eq!(answer.status(), StatusCode::ACCEPTED);
    let place = answer.headers()["location"].to_str().unwrap().to_owned();
    let started = json_of(answer).await;
    assert_eq!(started["status"], "queued");
    assert!(started["estimated_records"].as_u64().unwrap() > 0, "{started}");
    assert_eq!(place, format!("{FETCH}/{}", started["task_id"].as_str().unwrap()));

    let again = post(&server, FETCH, Some("mine"), &day()).await;
    assert_eq!(again.headers()["idempotent-replayed"], "true");
    assert_eq!(json_of(again).await["task_id"], started["task_id"]);
    // While it is in flight, the same under another name is the same job.
    let same = post(&server, FETCH, None, &day()).await;
    assert_eq!(json_of(same).await["task_id"], started["task_id"]);
    let mut other = day();
    other["regions"] = json!(["eu-west-1"]);
    let other = post(&server, FETCH, Some("mine"), &other).await;
    assert_eq!(other.status(), StatusCode::UNPROCESSABLE_ENTITY);

    let status = json_of(get(&server, &place).await).await;
    assert_eq!(status["units_total"], 2);
    assert_eq!(status["percent_complete"], 0.0);
    assert_eq!(status["eta_seconds"], Value::Null);
    assert_eq!(json_of(get(&server, &format!("{place}/log")).await).await, json!([]));
    let cancelled =
        json_of(post(&server, &format!("{place}/cancel"), None, &json!({})).await).await;
    assert_eq!(cancelled["status"], "cancelled");
    let list = json_of(get(&server, FETCH).await).await;
    assert_eq!(list, json!([cancelled]));
    let missing = get(&server, &format!("{FETCH}/{}", "0".repeat(32))).await;
    assert_eq!(missing.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_wrong_fetch_is_told_what_is_wrong() {
    let server = server().await;
    for (field, value, pointer) in [
        ("data_type", json!("weather"), "/data_type"),
        ("regions", json!([]), "/regions"),
        ("regions", json!("us-east-1"), "/regions"),
        ("start_date", json!("yesterday"), "/start_date"),
        ("end_date", json!("2019-01-01"), "/start_date"),
        ("colour", json!("red"), "/colour"),
    ] {
        let mut body = day();
        body[field] = value;
        let answer = post(&server, FETCH, None, &body).await;
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{body}");
        let problem = json_of(answer).await;
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
    }
    let long = post(&server, FETCH, Some(&"k".repeat(256)), &day()).await;
    assert_eq!(long.status(), StatusCode::BAD_REQUEST);
}
