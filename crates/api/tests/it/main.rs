//! The HTTP interface, asked in process.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod access;
mod backtests;
mod clusters;
mod contract;
mod data;
mod exports;
mod feedback;
mod fetch;
mod findings;
mod live;
mod live_decisions;
mod models;
mod notifications;
mod predictions;
mod pricing;

use std::path::PathBuf;
use std::sync::Arc;

use app::App;
use app::bundle::Bundle;
use app::decide::Desk;
use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response, StatusCode};
use clock::Clock;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use store::Store;
use tower::ServiceExt;

async fn server() -> Router {
    app_and_router().await.1
}

async fn app_and_router() -> (Arc<App>, Router) {
    let now = "2026-08-01T00:00:00Z".parse().unwrap();
    let store = Store::in_memory().await.unwrap();
    let app = Arc::new(App::new(Desk::new(market::bundled()), store, Clock::fixed(now)));
    (Arc::clone(&app), api::router(app))
}

async fn ask(router: &Router, request: Request<Body>) -> Response<Body> {
    router.clone().oneshot(request).await.unwrap()
}

async fn get(router: &Router, path: &str) -> Response<Body> {
    ask(router, Request::get(path).body(Body::empty()).unwrap()).await
}

async fn post(router: &Router, path: &str, body: &str) -> Response<Body> {
    let request = Request::post(path).header("content-type", "application/json");
    ask(router, request.body(Body::from(body.to_owned())).unwrap()).await
}

async fn bytes(response: Response<Body>) -> Vec<u8> {
    response.into_body().collect().await.unwrap().to_bytes().to_vec()
}

async fn json_of(response: Response<Body>) -> Value {
    serde_json::from_slice(&bytes(response).await).unwrap()
}

fn two_nodes(request_id: Option<&str>) -> String {
    json!({
        "request_id": request_id,
        "cluster_id": "test",
        "current_state": {
            "nodes": [
                { "name": "a", "cpu": "4", "memory": "16Gi", "usd_per_hour": 0.2 },
                { "name": "b", "cpu": "4", "memory": "16Gi", "usd_per_hour": 0.2 },
            ],
            "pods": [
                { "name": "x", "node": "a", "cpu": "1", "memory": "1Gi" },
                { "name": "y", "node": "b", "cpu": "1", "memory": "1Gi" },
            ],
        },
        "requirements": { "effort": "fast" },
    })
    .to_string()
}

#[tokio::test]
async fn a_decision_is_answered_kept_and_reproduced() {
    let server = server().await;
    let answer = post(&server, "/api/v1/ml/decision/bin-pack", &two_nodes(None)).await;
    assert_eq!(answer.status(), StatusCode::OK);
    let answer = bytes(answer).await;
    let decision: Value = serde_json::from_slice(&answer).unwrap();
    assert_eq!(decision["estimated_savings"], 146.0);
    assert_eq!(decision["execution_plan"][0]["action"], "cordon_node");
    let id = decision["decision_id"].as_str().unwrap();

    let kept = bytes(get(&server, &format!("/api/v1/ml/decisions/{id}")).await).await;
    assert_eq!(kept, answer);
    let bundle = bytes(get(&server, &format!("/api/v1/ml/decisions/{id}/bundle")).await).await;
    let bundle: Bundle = serde_json::from_slice(&bundle).unwrap();
    let replay = bundle.replay().unwrap();
    assert!(replay.identical && replay.outcome.json == answer);

    let list = get(&server, "/api/v1/ml/decisions/history?cluster_id=test").await;
    assert_eq!(list.headers()["x-total-count"], "1");
    let list = json_of(list).await;
    assert_eq!(list[0]["execution_id"], id);
    assert_eq!(list[0]["estimated_savings"], 146.0);
}

#[tokio::test]
async fn files_come_with_a_decision_when_they_are_asked_for() {
    let server = server().await;
    let path = "/api/v1/ml/decision/bin-pack";
    let with = bytes(post(&server, &format!("{path}?render=all"), &two_nodes(None)).await).await;
    let mut decision: Value = serde_json::from_slice(&with).unwrap();
    let rendered = decision.as_object_mut().unwrap().remove("rendered").unwrap();
    let id = decision["decision_id"].as_str().unwrap().to_owned();
    let files = json_of(get(&server, &format!("/api/v1/ml/decisions/{id}/rendered")).await).await;
    assert_eq!(rendered, files);
    assert!(files.as_array().unwrap().iter().any(|file| file["kind"] == "script"));

    // What is kept is the decision alone.
    let kept = json_of(get(&server, &format!("/api/v1/ml/decisions/{id}")).await).await;
    assert_eq!(kept, decision);
    let some = format!("/api/v1/ml/decisions/{id}?render=script,patch");
    let some = json_of(get(&server, &some).await).await;
    assert!(some["rendered"].as_array().unwrap().iter().all(|file| file["kind"] == "script"));

    let wrong = post(&server, &format!("{path}?render=helm"), &two_nodes(None)).await;
    assert_eq!(wrong.status(), StatusCode::BAD_REQUEST);
    let wrong = json_of(wrong).await;
    assert!(wrong["detail"].as_str().unwrap().contains("`helm`"), "{wrong}");
}

#[tokio::test]
async fn the_dispatching_route_reads_the_decision_type() {
    let server = server().await;
    let mut body: Value = serde_json::from_str(&two_nodes(None)).unwrap();
    body["decision_type"] = "bin_pack".into();
    let answer = post(&server, "/api/v1/ml/decision", &body.to_string()).await;
    assert_eq!(json_of(answer).await["decision_type"], "bin_pack");
    let answer = post(&server, "/api/v1/ml/decision/spot-optimize", &body.to_string()).await;
    assert_eq!(json_of(answer).await["errors"][0]["code"], "mismatch");
}

#[tokio::test]
async fn a_request_id_is_answered_once() {
    let server = server().await;
    let path = "/api/v1/ml/decision/bin-pack";
    let first = bytes(post(&server, path, &two_nodes(Some("r-1"))).await).await;
    let again = post(&server, path, &two_nodes(Some("r-1"))).await;
    assert_eq!(again.headers()["idempotent-replayed"], "true");
    assert_eq!(bytes(again).await, first);
    let other = two_nodes(Some("r-1")).replace("16Gi", "17Gi");
    let clash = post(&server, path, &other).await;
    assert_eq!(clash.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(json_of(clash).await["code"], "request_id_reused");
}

#[tokio::test]
async fn bad_requests_get_a_problem_that_names_the_field() {
    let server = server().await;
    let check = async |body: &str, status: u16, pointer: &str, part: &str| {
        let answer = post(&server, "/api/v1/ml/decision/bin-pack", body).await;
        assert_eq!(answer.status().as_u16(), status, "{body}");
        assert_eq!(answer.headers()["content-type"], "application/problem+json");
        let problem = json_of(answer).await;
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
        assert!(problem["errors"][0]["detail"].as_str().unwrap().contains(part), "{problem}");
    };
    check("", 400, "", "expected a JSON object").await;
    check("{", 400, "", "EOF").await;
    check("{}", 400, "", "current_state").await;
    check(r#"{"current_state":[]}"#, 400, "/current_state", "expected a JSON object").await;
    check(
        r#"{"current_state":{"pods":[{"cpu":-1}]}}"#,
        400,
        "/current_state/pods/0/cpu",
        "negative",
    )
    .await;
    check(r#"{"current_state":{"pods":[{"cpu":NaN}]}}"#, 400, "/current_state", "expected").await;
    check(
        r#"{"current_state":{},"requirements":{"efort":"fast"}}"#,
        400,
        "/requirements/efort",
        "unknown field",
    )
    .await;
    check(
        r#"{"current_state":{},"constraints":{"max_vcpu":"x"}}"#,
        400,
        "/constraints/max_vcpu",
        "invalid type",
    )
    .await;
    let deep =
        format!(r#"{{"current_state":{{"pods":{}1{}}}}}"#, "[".repeat(5000), "]".repeat(5000));
    let answer = post(&server, "/api/v1/ml/decision/bin-pack", &deep).await;
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn everything_else_is_a_problem_too() {
    let server = server().await;
    let nowhere = get(&server, "/api/v1/nowhere").await;
    assert_eq!(nowhere.status(), StatusCode::NOT_FOUND);
    assert_eq!(json_of(nowhere).await["code"], "no_such_route");
    let method = get(&server, "/api/v1/ml/decision").await;
    assert_eq!(method.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(json_of(method).await["code"], "method_not_allowed");
    let unknown = post(&server, "/api/v1/ml/decision/no-such", "{\"current_state\":{}}").await;
    assert_eq!(unknown.status(), StatusCode::NOT_FOUND);
    let missing = get(&server, "/api/v1/ml/decisions/019b8082-9480-7ca5-9a1c-5271be8264b1").await;
    assert_eq!(missing.status(), StatusCode::NOT_FOUND);
    let query = get(&server, "/api/v1/ml/decisions/history?limit=-1").await;
    assert_eq!(query.status(), StatusCode::BAD_REQUEST);
    let kind = Request::post("/api/v1/ml/decision").header("content-type", "text/plain");
    let kind = ask(&server, kind.body(Body::from("{}")).unwrap()).await;
    assert_eq!(kind.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
}

#[tokio::test]
async fn the_server_tells_how_it_is() {
    let server = server().await;
    assert_eq!(get(&server, "/livez").await.status(), StatusCode::OK);
    assert_eq!(get(&server, "/readyz").await.status(), StatusCode::OK);
    let health = json_of(get(&server, "/api/v1/ml/health").await).await;
    assert_eq!((&health["status"], &health["database"]), (&json!("healthy"), &json!("up")));
    assert!(health["market"].as_array().unwrap().len() >= 3);
    for page in ["/", "/api"] {
        let answer = get(&server, page).await;
        assert!(answer.headers().contains_key("content-security-policy"));
        let text = String::from_utf8(bytes(answer).await).unwrap();
        assert!(
            text.starts_with("<!doctype html>")
                && !text.contains("http://")
                && !text.contains("https://")
        );
    }
}

#[test]
fn openapi_is_the_committed_document() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../openapi.json");
    let document = serde_json::to_string_pretty(&api::openapi()).unwrap() + "\n";
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &document).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(document == committed, "openapi.json is stale; `cargo xtask regenerate` writes it");
}

#[test]
fn every_route_is_in_the_document() {
    let document = api::openapi();
    for route in api::ROUTES {
        let operation = &document["paths"][route.path][route.method];
        assert_eq!(operation["operationId"], route.operation, "{}", route.path);
    }
    let text = document.to_string();
    for reference in text.split("\"$ref\":\"#/components/schemas/").skip(1) {
        let name = reference.split('"').next().unwrap();
        assert!(
            document["components"]["schemas"].get(name).is_some(),
            "{name} is referred to and missing"
        );
    }
}
