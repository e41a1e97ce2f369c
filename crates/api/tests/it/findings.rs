//! Findings, features and outcomes over HTTP.

use store::{FindingRow, FindingState, NewJob, Progress, Scan, ScanRow, Uuid};

use super::*;

const TOGGLES: &str = "/api/v1/ml/features/toggles";

async fn put(router: &Router, if_match: Option<&str>, body: &Value) -> Response<Body> {
    let mut request = Request::put(TOGGLES).header("content-type", "application/json");
    if let Some(tag) = if_match {
        request = request.header("if-match", tag);
    }
    ask(router, request.body(Body::from(body.to_string())).unwrap()).await
}

async fn patch(router: &Router, path: &str, body: &Value) -> Response<Body> {
    let request = Request::patch(path).header("content-type", "application/json");
    ask(router, request.body(Body::from(body.to_string())).unwrap()).await
}

#[tokio::test]
async fn toggles_are_changed_by_whoever_saw_the_newest() {
    let server = server().await;
    let read = get(&server, TOGGLES).await;
    assert_eq!(read.headers()["etag"], "\"0\"");
    let all = json_of(read).await;
    let bloat = json!({
        "enabled": true, "description": "Analyze container image sizes",
        "auto_scan_interval_hours": 168, "decision_type": "image_bloat", "bloat_threshold_mb": 500.0,
    });
    assert_eq!(all["image_bloat_analysis"], bloat);
    let change = json!({ "image_bloat_analysis": { "bloat_threshold_mb": 750 } });
    let changed = put(&server, Some("\"0\""), &change).await;
    assert_eq!(
        (changed.status(), &changed.headers()["etag"]),
        (StatusCode::OK, &"\"1\"".parse().unwrap())
    );
    assert_eq!(json_of(changed).await["image_bloat_analysis"]["bloat_threshold_mb"], 750);
    for tag in ["\"0\"", "\"abc\"", "W/\"1\""] {
        let late = put(&server, Some(tag), &change).await;
        assert_eq!(late.status(), StatusCode::PRECONDITION_FAILED, "{tag}");
        assert_eq!(late.headers()["content-type"], "application/problem+json");
        assert_eq!(json_of(late).await["code"], "outdated");
    }
    // All that was read can be written back, with one thing changed.
    let mut all = json_of(get(&server, TOGGLES).await).await;
    all["ipv4_cost_tracking"]["enabled"] = false.into();
    let changed = put(&server, Some("\"1\""), &all).await;
    assert_eq!(changed.headers()["etag"], "\"2\"");
    assert_eq!(json_of(changed).await["image_bloat_analysis"]["changed_by"], "development");
    assert_eq!(put(&server, Some("*"), &all).await.status(), StatusCode::OK);
    let wrong = put(&server, None, &json!({ "ipv4_cost_tracking": { "enabled": 1 } })).await;
    assert_eq!(json_of(wrong).await["errors"][0]["pointer"], "/ipv4_cost_tracking/enabled");

    let mut body: Value = serde_json::from_str(&two_nodes(None)).unwrap();
    body["requirements"] = json!({});
    let report = json_of(post(&server, "/api/v1/ml/decision/all", &body.to_string()).await).await;
    assert_eq!(report["left_out"][0]["decision_type"], "ipv4_cost");
    assert_eq!(report["realised_savings_usd_per_month"], Value::Null);
    let audit = json_of(get(&server, "/api/v1/ml/audit").await).await;
    assert_eq!(audit[0]["action"], "toggles.set");
    assert_eq!(audit[0]["detail"]["ipv4_cost_tracking"]["enabled"], false);
}

/// Keeps findings as a scan would.
pub(super) async fn found(app: &App, decision_id: &str, names: &[(&str, Option<f64>)]) {
    let now = app.clock().now();
    let decision_id: Uuid = decision_id.parse().unwrap();
    let row = |(number, (name, dollars)): (usize, &(&str, Option<f64>))| FindingRow {
        cluster_id: "test".to_owned(),
        customer_id: None,
        finding_id: Uuid::from_u128(number as u128 + 1),
        decision_type: "bin_pack".to_owned(),
        finding: (*name).to_owned(),
        state: FindingState::Open,
        state_since: now,
        state_by: "scan".to_owned(),
        dismissed_until: None,
        note: None,
        subject: json!({ "kind": "Node", "name": name }),
        cost_category: "compute".to_owned(),
        summary: "=1+1, \"quoted\"".to_owned(),
        owner: Some("team a".to_owned()),
        savings: dollars.and_then(units::Usd::from_dollars),
        confidence: 0.5,
        requires_review: false,
        decision_id,
        first_seen_at: now,
        last_seen_at: now,
        seen_in: Vec::new(),
    };
    let found: Vec<FindingRow> = names.iter().enumerate().map(row).collect();
    let row = ScanRow {
        cluster_id: "test".to_owned(),
        customer_id: None,
        decision_type: "bin_pack".to_owned(),
        snapshot_id: Uuid::from_u128(1),
        decision_id,
        seen_at: now,
        scanned_at: now,
        found: found.len() as u64,
    };
    let job = NewJob {
        job_id: Uuid::from_u128(u128::from(now.as_microsecond().unsigned_abs())),
        kind: "scan_cluster".to_owned(),
        dedupe_key: None,
        payload: json!({}),
        priority: 5,
        max_attempts: 1,
        run_at: now,
        all_units: None,
        created_by: "test".to_owned(),
    };
    app.store().add_job(&job, now).await.unwrap().unwrap();
    let taken = app.store().claim_job("test", &["scan_cluster"], now, now).await.unwrap().unwrap();
    let progress = Progress {
        job_id: taken.job_id,
        fence: taken.fence,
        cursor: json!({}),
        done_units: 1,
        all_units: None,
        lease_until: now,
    };
    let scan = Scan { row, found, whole: true, seen_in: Vec::new() };
    let told = app::notifications::of_finding;
    app.store().keep_scans(&[scan], &progress, told).await.unwrap();
}

#[tokio::test]
async fn use_of_features_is_counted_with_what_became_of_findings() {
    let (app, server) = app_and_router().await;
    let decision = post(&server, "/api/v1/ml/decision/bin-pack", &two_nodes(None)).await;
    let id = json_of(decision).await["decision_id"].as_str().unwrap().to_owned();
    post(&server, "/api/v1/ml/decision/bin-pack", &two_nodes(Some("again"))).await;
    found(&app, &id, &[("node:a", Some(146.0)), ("node:b", None), ("node:c", Some(2.5))]).await;
    let accepted = json!({ "state": "accepted" });
    let path = "/api/v1/ml/findings/00000000-0000-0000-0000-000000000001";
    assert_eq!(patch(&server, path, &accepted).await.status(), StatusCode::OK);
    let measured = json!({ "outcome": "measured", "savings_usd_per_month": 100,
        "window": { "from": "2026-07-01T00:00:00Z", "until": "2026-07-31T00:00:00Z" } });
    let noted = format!("/api/v1/ml/decisions/{id}/outcome");
    assert_eq!(post(&server, &noted, &measured.to_string()).await.status(), StatusCode::CREATED);
    let usage = json_of(get(&server, "/api/v1/ml/features/usage").await).await;
    assert_eq!(usage.as_array().unwrap().len(), 12, "one for each engine");
    let of = |name: &str| {
        usage.as_array().unwrap().iter().find(|one| one["decision_type"] == name).unwrap()
    };
    let expected = json!({
        "feature": "bin_pack", "decision_type": "bin_pack", "decisions": 2,
        "decisions_with_savings": 2, "clusters": 1, "last_day": "2026-08-01", "open": 2,
        "accepted": 1, "dismissed": 0, "applied": 0, "resolved": 0, "acceptance_ratio": 1.0,
        "open_savings_usd_per_month": 148.5, "open_unknown_savings": 1,
        "realised_savings_usd_per_month": 100.0,
    });
    assert_eq!(of("bin_pack"), &expected);
    assert_eq!(of("ipv4_cost")["last_day"], Value::Null);
    let before = get(&server, "/api/v1/ml/features/usage?from=2026-07-01&until=2026-07-31").await;
    let before = json_of(before).await;
    assert!(before.as_array().unwrap().iter().all(|one| one["decisions"] == 0), "{before}");
    let wrong = get(&server, "/api/v1/ml/features/usage?from=2026-08-02").await;
    assert_eq!(json_of(wrong).await["errors"][0]["pointer"], "/from");
}

#[tokio::test]
async fn findings_are_listed_exported_and_settled() {
    let (app, server) = app_and_router().await;
    let decision = post(&server, "/api/v1/ml/decision/bin-pack", &two_nodes(None)).await;
    let id = json_of(decision).await["decision_id"].as_str().unwrap().to_owned();
    found(&app, &id, &[("node:a", Some(146.0)), ("node:b", None), ("node:c", Some(2.5))]).await;

    let page = get(&server, "/api/v1/ml/findings?engine=bin-pack&owner=team%20a&limit=2").await;
    assert_eq!(page.headers()["x-total-count"], "3");
    let link = page.headers()["link"].to_str().unwrap().to_owned();
    assert!(
        link.contains("/api/v1/ml/findings?engine=bin-pack&owner=team%20a&limit=2&offset=2"),
        "{link}"
    );
    let page = json_of(page).await;
    assert_eq!(page[0]["finding"], "node:a");
    assert_eq!(page[0]["savings_usd_per_month"], 146.0);
    assert_eq!(page[0]["subject"]["kind"], "Node");
    for (query, count) in [
        ("category=compute&state=open&cluster_id=test", "3"),
        ("category=storage", "0"),
        ("state=dismissed", "0"),
        ("engine=volume_cleanup", "0"),
    ] {
        let list = get(&server, &format!("/api/v1/ml/findings?{query}")).await;
        assert_eq!(list.headers()["x-total-count"], count, "{query}");
    }
    let wrong = get(&server, "/api/v1/ml/findings?state=gone").await;
    assert_eq!(wrong.status(), StatusCode::BAD_REQUEST);

    let file = get(&server, "/api/v1/ml/findings?format=csv").await;
    assert_eq!(file.headers()["content-type"], "text/csv; charset=utf-8");
    assert_eq!(file.headers()["x-total-count"], "3");
    let file = String::from_utf8(bytes(file).await).unwrap();
    assert_eq!(file.lines().count(), 4);
    assert!(file.starts_with("finding_id,cluster_id,"), "{file}");
    assert!(file.contains("\"'=1+1, \"\"quoted\"\"\""), "no formula for a spreadsheet: {file}");
    let lines = get(&server, "/api/v1/ml/findings?format=jsonl&limit=2").await;
    let lines = String::from_utf8(bytes(lines).await).unwrap();
    assert_eq!(lines.lines().count(), 2);
    let first: Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    assert_eq!(first, page[0]);

    let path = format!("/api/v1/ml/findings/{}", page[0]["finding_id"].as_str().unwrap());
    let until = "2026-09-01T00:00:00Z";
    let change = json!({ "state": "dismissed", "until": until, "note": "later" });
    let changed = json_of(patch(&server, &path, &change).await).await;
    assert_eq!(
        (&changed["state"], &changed["dismissed_until"]),
        (&json!("dismissed"), &json!(until))
    );
    let accepted = json_of(patch(&server, &path, &json!({ "state": "accepted" })).await).await;
    assert_eq!(accepted["dismissed_until"], Value::Null);
    let wrong = patch(&server, &path, &json!({ "state": "resolved" })).await;
    assert_eq!(json_of(wrong).await["errors"][0]["pointer"], "/state");
    let none = "/api/v1/ml/findings/00000000-0000-0000-0000-0000000000ff";
    assert_eq!(get(&server, none).await.status(), StatusCode::NOT_FOUND);
    assert_eq!(json_of(get(&server, &path).await).await, accepted);
}

#[tokio::test]
async fn an_outcome_is_noted_once_by_its_key() {
    let (app, server) = app_and_router().await;
    let decision =
        json_of(post(&server, "/api/v1/ml/decision/bin-pack", &two_nodes(None)).await).await;
    let id = decision["decision_id"].as_str().unwrap();
    let name = decision["recommendations"][0]["node"]["name"].as_str().unwrap();
    let finding = format!("node:{name}");
    found(&app, id, &[(&finding, Some(146.0))]).await;
    let path = format!("/api/v1/ml/decisions/{id}/outcome");
    let note = async |key: &str, body: Value| {
        let request = Request::post(&path).header("idempotency-key", key);
        ask(&server, request.body(Body::from(body.to_string())).unwrap()).await
    };
    let first = note("k", json!({ "outcome": "applied" })).await;
    assert_eq!(first.status(), StatusCode::CREATED);
    let first = json_of(first).await;
    assert_eq!(first["findings"], json!([finding]));
    let again = note("k", json!({ "outcome": "applied" })).await;
    assert_eq!(again.headers()["idempotent-replayed"], "true");
    assert_eq!(json_of(again).await, first);
    let clash = note("k", json!({ "outcome": "accepted" })).await;
    assert_eq!(clash.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let list = json_of(get(&server, "/api/v1/ml/findings?state=applied").await).await;
    assert_eq!(list[0]["finding"], finding);
    let window = json!({ "from": "2026-07-01T00:00:00Z", "until": "2026-07-31T00:00:00Z" });
    let measured =
        json!({ "outcome": "measured", "savings_usd_per_month": 140.5, "window": window });
    assert_eq!(note("m", measured).await.status(), StatusCode::CREATED);
    let mut body: Value = serde_json::from_str(&two_nodes(None)).unwrap();
    body["requirements"] = json!({});
    let report = json_of(post(&server, "/api/v1/ml/decision/all", &body.to_string()).await).await;
    assert_eq!(report["realised_savings_usd_per_month"], 140.5);
    let wrong = note("w", json!({ "outcome": "lost" })).await;
    assert_eq!(json_of(wrong).await["errors"][0]["pointer"], "/outcome");
    let none = "/api/v1/ml/decisions/019b8082-9480-7ca5-9a1c-5271be8264ff/outcome";
    assert_eq!(
        post(&server, none, r#"{"outcome":"applied"}"#).await.status(),
        StatusCode::NOT_FOUND
    );
}
