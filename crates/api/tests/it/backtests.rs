//! Back-tests over HTTP: asked for, run by a worker, read as JSON and as a page.

use std::time::Duration;

use app::fetch::PriceSources;
use aws::{Aws, AwsConfig};
use jobs::{Runner, RunnerConfig};
use store::JobFilter;
use tokio::sync::watch;

use super::*;

const BACKTESTS: &str = "/api/v1/ml/backtests";

fn outage(settings: &Value) -> Value {
    let event = |at: &str, zone: &str, event: &str| json!({ "timestamp": at, "instance_type": "m5.large", "zone": zone, "event": event });
    json!({
        "name": "<b>outage</b>",
        "policies": ["lowest_price", "on_demand_only", "hindsight_optimum"],
        "events": [
            event("2026-07-26T03:00:00Z", "us-east-1a", "interruption"),
            event("2026-07-26T05:00:00Z", "us-east-1a", "return"),
            event("2026-07-27T03:00:00Z", "us-east-1b", "interruption"),
            event("2026-07-27T05:00:00Z", "us-east-1b", "return"),
        ],
        "from": "2026-07-26T00:00:00Z",
        "until": "2026-07-28T00:00:00Z",
        "settings": settings,
    })
}

fn priced() -> Value {
    json!({ "instances": 4, "startup_seconds": 0, "step_seconds": 3600, "spot_share": 0.5, "interruption_cost_usd": 0.25 })
}

#[allow(clippy::disallowed_methods, reason = "the handle is kept and awaited")]
async fn worked_off(app: &Arc<App>) {
    let poll = Duration::from_millis(5);
    let config = RunnerConfig { poll, ..RunnerConfig::new("server".to_owned()) };
    let (store, clock) = (app.store().clone(), app.clock().clone());
    let sources = PriceSources {
        store: store.clone(),
        aws: Aws::new(AwsConfig::at("http://127.0.0.1:9"), clock.clone()).unwrap(),
        clock: clock.clone(),
        lanes: 1,
        models: None,
    };
    let work = app::work::work_with(sources, Some(Arc::clone(app)));
    let runner = Runner::new(store, clock, config, vec![app::backtests::RUN_BACKTEST], work);
    let (stop, stopped) = watch::channel(false);
    let running = tokio::spawn(runner.run(stopped));
    let in_flight = JobFilter { in_flight: true, limit: 1, ..JobFilter::default() };
    for _ in 0..3000 {
        if app.store().jobs(&in_flight).await.unwrap().is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    stop.send(true).unwrap();
    running.await.unwrap();
}

#[tokio::test]
async fn a_back_test_is_asked_for_run_and_read() {
    let (app, server) = app_and_router().await;
    let answer = post(&server, BACKTESTS, &outage(&priced()).to_string()).await;
    assert_eq!(answer.status(), StatusCode::ACCEPTED);
    let place = answer.headers()["location"].to_str().unwrap().to_owned();
    let started = json_of(answer).await;
    assert_eq!(started["status"], "queued");
    assert_eq!(place, format!("{BACKTESTS}/{}", started["backtest_id"].as_str().unwrap()));
    // The same again while it waits is the same back-test.
    let again = post(&server, BACKTESTS, &outage(&priced()).to_string()).await;
    assert_eq!(again.headers()["idempotent-replayed"], "true");
    let waiting = json_of(get(&server, &place).await).await;
    assert_eq!((&waiting["status"], &waiting["report"]), (&json!("queued"), &Value::Null));
    let page = get(&server, &format!("{place}?format=html")).await;
    assert_eq!(page.status(), StatusCode::CONFLICT);

    worked_off(&app).await;
    let done = json_of(get(&server, &place).await).await;
    assert_eq!(done["status"], "completed", "{done}");
    let run = &done["report"]["runs"][0];
    assert_eq!(run["pools"].as_array().unwrap().len(), 2, "{run}");
    let of = |policy: &str| {
        let policies = run["policies"].as_array().unwrap();
        policies.iter().find(|one| one["policy"] == policy).unwrap()
    };
    // All four are in the first pool, and go to the second and back with the outages.
    assert_eq!(of("lowest_price")["interruptions"]["value"], 8.0);
    // 4 × 48 h × 0.048 dollars and 8 × 0.25.
    assert_eq!(of("lowest_price")["full_cost_usd"]["value"], 11.216);
    assert_eq!(of("on_demand_only")["full_cost_usd"]["value"], 18.432);
    assert_eq!(of("hindsight_optimum")["interruptions"]["value"], 0.0);
    assert!(of("lowest_price")["regret_usd"]["reason"].as_str().unwrap().contains("2 days"));

    let page = get(&server, &format!("{place}?format=html")).await;
    assert!(page.headers()["content-type"].to_str().unwrap().starts_with("text/html"));
    assert!(page.headers().contains_key("content-security-policy"));
    let page = String::from_utf8(bytes(page).await).unwrap();
    assert!(page.contains("&lt;b&gt;outage&lt;/b&gt;") && !page.contains("<b>outage"), "not text");
    let accepting = Request::get(&place).header("accept", "text/html,application/xhtml+xml");
    let accepted = ask(&server, accepting.body(Body::empty()).unwrap()).await;
    assert_eq!(String::from_utf8(bytes(accepted).await).unwrap(), page);
    let list = json_of(get(&server, BACKTESTS).await).await;
    assert_eq!(
        (list[0]["status"].as_str(), list.as_array().unwrap().len()),
        (Some("completed"), 1)
    );
}

#[tokio::test]
async fn kept_reports_are_replayed() {
    let (app, server) = app_and_router().await;
    let report = |number: usize, zone: &str, at: &str| {
        json!({
            "instance_id": format!("i-{number}"), "instance_type": "m5.large",
            "availability_zone": zone, "interruption_timestamp": at,
        })
    };
    let reports = json!([
        report(1, "us-east-1a", "2026-07-26T03:00:00Z"),
        report(2, "us-east-1b", "2026-07-27T03:00:00Z"),
    ]);
    let kept = post(&server, "/api/v1/ml/feedback/interruption", &reports.to_string()).await;
    assert_eq!(kept.status(), StatusCode::OK);
    let mut settings = priced();
    settings["down_for_seconds"] = json!(7200);
    let mut wanted = outage(&settings);
    wanted.as_object_mut().unwrap().remove("events");
    wanted["stored_interruptions"] = json!({});
    let answer = json_of(post(&server, BACKTESTS, &wanted.to_string()).await).await;
    worked_off(&app).await;
    let place = format!("{BACKTESTS}/{}", answer["backtest_id"].as_str().unwrap());
    let done = json_of(get(&server, &place).await).await;
    assert_eq!(done["status"], "completed", "{done}");
    let policies = done["report"]["runs"][0]["policies"].as_array().unwrap();
    let cheapest = policies.iter().find(|one| one["policy"] == "lowest_price").unwrap();
    // The same outages as those that were sent as events.
    assert_eq!(cheapest["interruptions"]["value"], 8.0);
}

#[tokio::test]
async fn what_cannot_be_replayed_says_which_field() {
    let (app, server) = app_and_router().await;
    let check = async |body: Value, pointer: &str| {
        let answer = post(&server, BACKTESTS, &body.to_string()).await;
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{pointer}");
        let problem = json_of(answer).await;
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
    };
    check(json!({}), "/events").await;
    check(outage(&json!({ "instances": 0 })), "/settings/instances").await;
    check(json!({ "policies": ["cheapest"] }), "/policies/0").await;
    let mut open = outage(&priced());
    open["events"].as_array_mut().unwrap().pop();
    check(open, "/events").await;
    // Whether prices are known is seen when it runs: the reason stands in the answer.
    let unpriced = json!({ "instances": 4 });
    let answer = json_of(post(&server, BACKTESTS, &outage(&unpriced).to_string()).await).await;
    worked_off(&app).await;
    let place = format!("{BACKTESTS}/{}", answer["backtest_id"].as_str().unwrap());
    let failed = json_of(get(&server, &place).await).await;
    assert_eq!(failed["status"], "failed");
    assert!(failed["error_message"].as_str().unwrap().contains("spot_share"), "{failed}");
}

#[tokio::test]
async fn a_tenant_sees_its_own_alone() {
    use app::access::{Caller, NewKey, Role};
    let (app, server) = app_and_router().await;
    let mut keys = Vec::new();
    for customer in ["acme", "other"] {
        let key = NewKey {
            label: customer.to_owned(),
            role: Role::Tenant,
            customer_id: Some(customer.to_owned()),
            expires_at: None,
            expires_in_days: None,
        };
        keys.push(app.make_key(&key, &Caller::command_line()).await.unwrap().key);
    }
    let as_tenant = async |key: &str, method: &str, path: &str, body: String| {
        let request = Request::builder().method(method).uri(path);
        let request = request.header("x-api-key", key).header("content-type", "application/json");
        ask(&server, request.body(Body::from(body)).unwrap()).await
    };
    let made = as_tenant(&keys[0], "POST", BACKTESTS, outage(&priced()).to_string()).await;
    let place = made.headers()["location"].to_str().unwrap().to_owned();
    let seen = async |key: &str| as_tenant(key, "GET", &place, String::new()).await.status();
    assert_eq!(seen(&keys[0]).await, StatusCode::OK);
    assert_eq!(seen(&keys[1]).await, StatusCode::NOT_FOUND);
    let list = as_tenant(&keys[1], "GET", BACKTESTS, String::new()).await;
    assert_eq!(json_of(list).await, json!([]));
}
