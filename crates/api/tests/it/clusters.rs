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

#[tokio::test]
async fn costs_of_the_newest_snapshot_are_shared_out() {
    let server = server().await;
    let costs = "/api/v1/ml/clusters/shop%201/costs";
    assert_eq!(get(&server, costs).await.status(), StatusCode::NOT_FOUND);
    let body = json!({
        "taken_at": "2026-07-31T00:00:00Z",
        "nodes": [{ "name": "a", "cpu": "4", "memory": "16Gi", "usd_per_hour": 0.4 }],
        "pods": [
            { "name": "x", "namespace": "red", "node": "a", "cpu": "2", "memory": "8Gi" },
            { "name": "y", "namespace": "blue", "node": "a", "cpu": "1", "memory": "4Gi",
              "labels": { "team": "sea" } },
        ],
    });
    post(&server, PATH, &body.to_string()).await;
    let report = json_of(get(&server, costs).await).await;
    assert_eq!(report["total"]["usd_per_hour"], 0.4);
    assert_eq!(report["rows"][0]["group"], "red");
    assert_eq!(report["rows"][0]["usd_per_hour"], 0.2);
    assert_eq!(report["cluster_id"], "shop 1");

    let file = get(&server, &format!("{costs}?by=label:team&format=csv")).await;
    assert!(file.headers()["content-disposition"].to_str().unwrap().contains("costs.csv"));
    let file = String::from_utf8(bytes(file).await).unwrap();
    assert!(file.starts_with("group,pods,usd_per_hour,"), "{file}");
    assert!(file.contains("\r\n__unallocated__,1,0.2,"), "{file}");
    let focus = get(&server, &format!("{costs}?by=label:team&format=focus")).await;
    let focus = String::from_utf8(bytes(focus).await).unwrap();
    assert!(
        focus.contains("Amazon Elastic Compute Cloud") && focus.contains("\"\"team\"\":\"\"sea")
    );
    assert!(
        focus.contains("2026-08-01T00:00:00Z,2026-08-01T00:00:00Z")
            || focus.contains("2026-08-01T01:00:00Z")
    );
    let lines = get(&server, &format!("{costs}?format=jsonl")).await;
    assert_eq!(bytes(lines).await.iter().filter(|byte| **byte == b'\n').count(), 3);

    let wrong = get(&server, &format!("{costs}?by=colour")).await;
    assert_eq!(wrong.status(), StatusCode::BAD_REQUEST);
    assert_eq!(json_of(wrong).await["errors"][0]["pointer"], "/by");
}
