//! Decisions by filters, in pages, as they come, and where they are found again.

use app::access::Role;

use super::*;
use crate::live::{Events, Lively, NO_HEADER};

const LIVE: &str = "/api/v1/ml/decisions/live";
const AT: &str = "https://ml.example.com/api/v1/ml/decisions";

/// Has a cluster packed; the name of the decision.
async fn decide(server: &Lively, cluster: &str, key: Option<&str>) -> String {
    let mut body: Value = serde_json::from_str(&two_nodes(None)).unwrap();
    body["cluster_id"] = cluster.into();
    body["request_id"] = format!("of {cluster}").into();
    let mut request =
        Request::post("/api/v1/ml/decision/bin-pack").header("content-type", "application/json");
    if let Some(key) = key {
        request = request.header("x-api-key", key);
    }
    let answer = ask(&server.router, request.body(Body::from(body.to_string())).unwrap()).await;
    assert_eq!(answer.status(), StatusCode::OK);
    let place = answer.headers()["content-location"].to_str().unwrap().to_owned();
    let id = json_of(answer).await["decision_id"].as_str().unwrap().to_owned();
    assert_eq!(place, format!("{AT}/{id}"));
    id
}

async fn places(events: &mut Events, count: usize) -> Vec<u64> {
    let mut found = Vec::new();
    while found.len() < count {
        let (id, frame) = events.next().await.unwrap();
        assert_eq!((&frame["type"], frame["sequence"].as_u64()), (&json!("decision"), id));
        found.extend(id);
    }
    found
}

#[tokio::test]
async fn every_decision_says_where_it_is_found_again() {
    let server = Lively::new().await;
    let id = decide(&server, "a", None).await;
    let detail = get(&server.router, &format!("/api/v1/ml/decisions/{id}")).await;
    assert_eq!(detail.headers()["content-location"], format!("{AT}/{id}"));
    let links = detail.headers()["link"].to_str().unwrap().to_owned();
    assert!(links.contains(&format!("<{AT}/{id}>; rel=\"self\"")), "{links}");
    assert!(links.contains(&format!("<{AT}/{id}/rendered>; rel=\"alternate\"")), "{links}");
    let detail = json_of(detail).await;
    assert!(detail["rejected"].is_array() && detail["execution_plan"].is_array(), "{detail}");
    let listed = json_of(get(&server.router, "/api/v1/ml/decisions").await).await;
    assert_eq!(listed[0]["self"], format!("{AT}/{id}"));
    assert_eq!(listed[0]["rendered"], format!("{AT}/{id}/rendered"));
    assert_eq!((&listed[0]["sequence"], &listed[0]["outcome"]), (&json!(1), &Value::Null));
    let old = json_of(get(&server.router, "/api/v1/ml/decisions/history").await).await;
    assert_eq!(old[0]["self"], listed[0]["self"]);
    let mut body: Value = serde_json::from_str(&two_nodes(None)).unwrap();
    body["requirements"] = json!({});
    let all = post(&server.router, "/api/v1/ml/decision/all", &body.to_string()).await;
    let all = json_of(all).await;
    let one = &all["decisions"][0];
    assert_eq!(one["self"], format!("{AT}/{}", one["decision_id"].as_str().unwrap()));
    server.end().await;

    // Without an address of its own a server is where it was asked.
    let plain = super::server().await;
    let answer = post(&plain, "/api/v1/ml/decision/bin-pack", &two_nodes(None)).await;
    let place = answer.headers()["content-location"].to_str().unwrap().to_owned();
    assert!(place.starts_with("/api/v1/ml/decisions/"), "{place}");
    assert_eq!(get(&plain, &place).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn pages_stay_where_they_are_and_filters_hold() {
    let server = Lively::new().await;
    let mut ids = Vec::new();
    for cluster in ["a", "b", "c", "d", "e"] {
        ids.push(decide(&server, cluster, None).await);
    }
    let first = get(&server.router, "/api/v1/ml/decisions?limit=2&has_savings=true").await;
    let next = first.headers()["link"].to_str().unwrap().to_owned();
    let next = next.strip_prefix('<').unwrap().split('>').next().unwrap().to_owned();
    assert!(next.contains("has_savings=true") && next.contains("cursor=4"), "{next}");
    assert_eq!(json_of(first).await[1]["decision_id"], ids[3]);
    decide(&server, "f", None).await;
    let second = json_of(get(&server.router, &next).await).await;
    assert_eq!(
        (&second[0]["decision_id"], &second[1]["decision_id"]),
        (&json!(ids[2]), &json!(ids[1]))
    );

    let said = format!("/api/v1/ml/decisions/{}/outcome", ids[0]);
    let said = post(&server.router, &said, r#"{"outcome":"applied"}"#).await;
    assert_eq!(said.status(), StatusCode::CREATED);
    let count = async |query: &str| {
        let path = format!("/api/v1/ml/decisions?{query}");
        let list = json_of(get(&server.router, &path).await).await;
        let total = get(&server.router, &format!("/api/v1/ml/decisions/history?{query}")).await;
        let total: usize = total.headers()["x-total-count"].to_str().unwrap().parse().unwrap();
        assert_eq!(list.as_array().unwrap().len(), total, "{query}");
        total
    };
    assert_eq!(count("cluster_id=b").await, 1);
    assert_eq!(count("decision_type=bin-pack&engine_id=bin_packing").await, 6);
    assert_eq!(count("outcome=applied").await, 1);
    assert_eq!(count("outcome=none").await, 5);
    assert_eq!(count("min_savings=146").await, 6);
    assert_eq!(count("min_savings=146.01").await, 0);
    assert_eq!(count("has_savings=false").await, 0);
    assert_eq!(count("request_id=of%20c").await, 1);
    assert_eq!(count("from=2026-08-01T00:00:00Z").await, 6);
    assert_eq!(count("to=2026-08-01T00:00:00Z").await, 0);
    for wrong in ["outcome=lost", "from=yesterday", "min_savings=much", "colour=red"] {
        let answer = get(&server.router, &format!("/api/v1/ml/decisions?{wrong}")).await;
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{wrong}");
    }
    server.end().await;
}

#[tokio::test]
async fn decisions_are_told_as_they_are_made() {
    let server = Lively::new().await;
    let mut live = server.events(LIVE, NO_HEADER).await;
    assert_eq!(live.next().await.unwrap().1["type"], "hello");
    let mut some = server.events(&format!("{LIVE}?cluster_id=b"), NO_HEADER).await;
    some.next().await.unwrap();
    let mut ids = Vec::new();
    for cluster in ["a", "b", "c"] {
        ids.push(decide(&server, cluster, None).await);
    }
    let (_, told) = live.next().await.unwrap();
    assert_eq!(told["decision_id"], ids[0]);
    assert_eq!(told["self"], format!("{AT}/{}", ids[0]));
    assert_eq!(told["estimated_savings"], 146.0);
    assert_eq!(places(&mut live, 2).await, [2, 3]);
    assert_eq!(places(&mut some, 1).await, [2]);
    let again = "/api/v1/ml/decisions/stream?after=0&cluster_id=c";
    let mut again = server.events(again, NO_HEADER).await;
    again.next().await.unwrap();
    assert_eq!(places(&mut again, 1).await, [3]);
    server.end().await;
    assert!(live.next().await.is_none(), "the stream ends with the server");
}

#[tokio::test]
async fn a_tenant_hears_of_its_own_decisions_alone() {
    let server = Lively::new().await;
    let admin = server.key(Role::Admin, None).await;
    let acme = server.key(Role::Tenant, Some("acme")).await;
    let other = server.key(Role::Tenant, Some("other")).await;
    let mut live = server.events(&format!("{LIVE}?customer_id=other"), ("x-api-key", &acme)).await;
    live.next().await.unwrap();
    for (cluster, key) in [("a", &other), ("b", &acme), ("c", &admin), ("d", &acme)] {
        decide(&server, cluster, Some(key)).await;
    }
    assert_eq!(places(&mut live, 2).await, [2, 4]);
    let mut replayed = server.events(&format!("{LIVE}?after=0"), ("x-api-key", &acme)).await;
    replayed.next().await.unwrap();
    assert_eq!(places(&mut replayed, 2).await, [2, 4]);
    let list = Request::get("/api/v1/ml/decisions").header("x-api-key", &acme);
    let list = json_of(ask(&server.router, list.body(Body::empty()).unwrap()).await).await;
    assert_eq!(list.as_array().unwrap().len(), 2);
    server.end().await;
}
