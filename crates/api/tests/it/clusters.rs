//! Snapshots of clusters over HTTP.

use super::*;

const PATH: &str = "/api/v1/ml/clusters/shop%201/snapshots";

#[tokio::test]
async fn a_snapshot_is_kept_once_and_found_again() {
    let server = server().await;
    let body = r#"{"taken_at":"2026-07-31T00:00:00Z","nodes":[{"name":"a"}],"pods":[]}"#;
    let kept = post(&server, PATH, body).await;
    assert_eq!(kept.status(), StatusCode::CREATED);
    assert!(!kept.headers().contains_key("idempotent-replayed"));
    let place = kept.headers()["location"].to_str().unwrap().to_owned();
    let kept = json_of(kept).await;
    assert_eq!(kept["sections"], json!({ "nodes": 1, "pods": 0 }));
    let again = post(&server, PATH, body).await;
    assert_eq!(again.headers()["idempotent-replayed"], "true");
    assert_eq!(json_of(again).await["snapshot_id"], kept["snapshot_id"]);
    assert_eq!(bytes(get(&server, &place).await).await, body.as_bytes());

    let clusters = get(&server, "/api/v1/ml/clusters").await;
    assert_eq!(clusters.headers()["x-total-count"], "1");
    let clusters = json_of(clusters).await;
    assert_eq!(clusters[0]["cluster_id"], "shop 1");
    assert_eq!(clusters[0]["age_seconds"], 86_400);
    assert_eq!(clusters[0]["is_stale"], false);
    assert_eq!(json_of(get(&server, PATH).await).await[0], kept);
    let none = get(&server, "/api/v1/ml/clusters/other/snapshots").await;
    assert_eq!(none.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_is_wrong_with_a_snapshot_is_named() {
    let server = server().await;
    let check = async |body: &str, pointer: &str| {
        let answer = post(&server, PATH, body).await;
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{body}");
        let problem = json_of(answer).await;
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
    };
    check(r#"{"cluster_id":"other"}"#, "/cluster_id").await;
    check(r#"{"taken_at":"2026-08-02T00:00:00Z"}"#, "/taken_at").await;
    check(r#"{"nodes":7}"#, "/nodes").await;
    check("[]", "").await;
    assert_eq!(json_of(get(&server, "/api/v1/ml/clusters").await).await, json!([]));
}
