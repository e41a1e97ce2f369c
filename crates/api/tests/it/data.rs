//! Gaps, refreshes and schedules over HTTP. No worker runs here, so work stays where it was put.

use super::*;

const GAPS: &str = "/api/v1/ml/gap-filler";
const REFRESH: &str = "/api/v1/ml/refresh";

fn pools() -> String {
    json!({ "instance_types": ["m5.*"], "regions": ["us-east-1"] }).to_string()
}

async fn post_named(router: &Router, path: &str, key: &str, body: &str) -> Response<Body> {
    let request = Request::post(path).header("idempotency-key", key);
    ask(router, request.body(Body::from(body.to_owned())).unwrap()).await
}

#[tokio::test]
async fn an_analysis_has_the_fields_of_the_contract() {
    let server = server().await;
    let answer = post(&server, &format!("{GAPS}/analyze"), &pools()).await;
    assert_eq!(answer.status(), StatusCode::OK);
    let found = json_of(answer).await;
    assert_eq!(found["current_date"], "2026-08-01");
    assert_eq!((&found["trained_until"], &found["gap_days"]), (&Value::Null, &Value::Null));
    assert_eq!(found["required_data_types"], json!(["spot_prices", "on_demand_prices"]));
    assert!(found["estimated_records"].as_u64().unwrap() > 0);
    assert_eq!(found["estimate"]["basis"], "default");
    assert_eq!(found["patterns"][0]["pattern"], "m5.*");
    assert!(found["patterns"][0]["matches"].as_u64().unwrap() > 3);
    assert_eq!(found["gaps"][0]["kind"], "fillable");
    let body = r#"{"instance_types":["zz.*"],"regions":["us-east-1"]}"#;
    let wrong = json_of(post(&server, &format!("{GAPS}/analyze"), body).await).await;
    assert_eq!(wrong["errors"][0]["code"], "no_match");
}

#[tokio::test]
async fn a_fill_is_begun_watched_and_called_off() {
    let server = server().await;
    let path = format!("{GAPS}/fill");
    let begun = post_named(&server, &path, "mine", &pools()).await;
    assert_eq!(begun.status(), StatusCode::ACCEPTED);
    let place = begun.headers()["location"].to_str().unwrap().to_owned();
    let begun = json_of(begun).await;
    assert_eq!(begun["status"], "filling");
    assert!(begun["estimated_duration_minutes"].as_u64().unwrap() >= 1);
    let again = post_named(&server, &path, "mine", &pools()).await;
    assert_eq!(again.headers()["idempotent-replayed"], "true");
    assert_eq!(json_of(again).await["gap_id"], begun["gap_id"]);
    let same = post(&server, &path, &pools()).await;
    assert_eq!(same.headers()["idempotent-replayed"], "true", "the same is being filled");
    assert_eq!(json_of(same).await["gap_id"], begun["gap_id"]);
    let status = json_of(get(&server, &place).await).await;
    assert_eq!(status["status"], "pending");
    assert_eq!(
        (&status["eta_seconds"], &status["eta_reason"]),
        (&Value::Null, &json!("it waits for a worker"))
    );
    assert_eq!(status["records_filled"], 0);
    assert!(status["records_expected"].as_u64().unwrap() > 0);
    let id = begun["gap_id"].as_str().unwrap();
    assert_eq!(json_of(get(&server, &format!("{GAPS}/log/{id}")).await).await, json!([]));
    let off = json_of(post(&server, &format!("{GAPS}/cancel/{id}"), "").await).await;
    assert_eq!(off["status"], "cancelled");
    let list = get(&server, &format!("{GAPS}/history?limit=5")).await;
    assert_eq!(list.headers()["x-total-count"], "1");
    let list = json_of(list).await;
    assert_eq!((&list[0]["gap_id"], &list[0]["status"]), (&begun["gap_id"], &json!("cancelled")));
    assert_eq!(list[0]["gap_days"], 15);
    let missing = get(&server, &format!("{GAPS}/status/nonsense")).await;
    assert_eq!(missing.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_refresh_is_begun_and_watched() {
    let server = server().await;
    let mut body: Value = serde_json::from_str(&pools()).unwrap();
    body["auto_activate"] = true.into();
    let begun = post(&server, &format!("{REFRESH}/trigger"), &body.to_string()).await;
    assert_eq!(begun.status(), StatusCode::ACCEPTED);
    let place = begun.headers()["location"].to_str().unwrap().to_owned();
    let begun = json_of(begun).await;
    assert_eq!(begun["status"], "in_progress");
    assert_eq!(begun["notes"], json!([]), "nothing stands against the wish");
    let status = json_of(get(&server, &place).await).await;
    assert_eq!(
        (&status["status"], &status["percent_complete"]),
        (&json!("in_progress"), &json!(0.0))
    );
    assert_eq!(status["triggered_by"], "development");
    let list = json_of(get(&server, &format!("{REFRESH}/history")).await).await;
    assert_eq!(list[0]["refresh_id"], begun["refresh_id"]);
    let unknown = "model_id=019b8082-9480-7ca5-9a1c-5271be8264b1";
    let missing = get(&server, &format!("{REFRESH}/history?{unknown}")).await;
    assert_eq!(missing.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn schedules_are_made_switched_and_removed() {
    let server = server().await;
    let path = format!("{REFRESH}/schedule");
    let body = r#"{"schedule_type":"weekly","time":"02:00","lookback_days":7,"enabled":true}"#;
    let made = post(&server, &path, body).await;
    assert_eq!(made.status(), StatusCode::CREATED);
    let place = made.headers()["location"].to_str().unwrap().to_owned();
    let made = json_of(made).await;
    // The first Monday after a Saturday.
    assert_eq!(made["next_run_at"], "2026-08-03T02:00:00Z");
    assert_eq!(json_of(get(&server, &place).await).await, made);
    let off = json_of(post(&server, &format!("{place}/disable"), "").await).await;
    assert_eq!((&off["enabled"], &off["next_run_at"]), (&json!(false), &Value::Null));
    let on = json_of(post(&server, &format!("{place}/enable"), "").await).await;
    assert_eq!(on["next_run_at"], made["next_run_at"]);
    let list = json_of(get(&server, "/api/v1/ml/schedules").await).await;
    assert_eq!(list.as_array().unwrap().len(), 1);
    let removed = ask(&server, Request::delete(&place).body(Body::empty()).unwrap()).await;
    assert_eq!(removed.status(), StatusCode::OK);
    assert_eq!(get(&server, &place).await.status(), StatusCode::NOT_FOUND);
    let wrong = post(&server, &path, r#"{"schedule_type":"daily","time":"25:00"}"#).await;
    assert_eq!(json_of(wrong).await["errors"][0]["pointer"], "/time");
    let audit = json_of(get(&server, "/api/v1/ml/audit").await).await;
    let actions: Vec<&str> =
        audit.as_array().unwrap().iter().map(|row| row["action"].as_str().unwrap()).collect();
    let expected = ["schedule.remove", "schedule.switch", "schedule.switch", "schedule.set"];
    assert_eq!(actions, expected);
}
