//! Reports of interruptions, from the first one to the recovery of the pool.

use app::access::{Caller, NewKey, Role};
use clock::Hand;
use jiff::{SignedDuration, Timestamp};

use super::*;

const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// A server whose clock a test moves, and a key for each role and customer.
struct Fleet {
    app: Arc<App>,
    router: Router,
    hand: Hand,
    platform: String,
    tenants: Vec<(String, String)>,
}

async fn fleet(customers: &[&str]) -> Fleet {
    let now: Timestamp = "2026-08-01T12:00:00Z".parse().unwrap();
    let (clock, hand) = Clock::manual(now);
    let store = Store::in_memory().await.unwrap();
    let app = Arc::new(App::new(Desk::new(market::bundled()), store, clock));
    let router = api::router(Arc::clone(&app));
    let key = async |role: Role, customer: Option<&str>| {
        let wanted = NewKey {
            label: customer.unwrap_or("platform").to_owned(),
            role,
            customer_id: customer.map(str::to_owned),
            expires_at: None,
            expires_in_days: None,
        };
        app.make_key(&wanted, &Caller::command_line()).await.unwrap().key
    };
    let platform = key(Role::Platform, None).await;
    let mut tenants = Vec::new();
    for customer in customers {
        tenants.push(((*customer).to_owned(), key(Role::Tenant, Some(customer)).await));
    }
    Fleet { app, router, hand, platform, tenants }
}

impl Fleet {
    async fn send(&self, key: &str, method: &str, path: &str, body: &Value) -> (StatusCode, Value) {
        let request = Request::builder()
            .method(method)
            .uri(format!("/api/v1/ml/{path}"))
            .header("authorization", format!("Bearer {key}"))
            .header("content-type", "application/json");
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let response = ask(&self.router, request.body(Body::from(body)).unwrap()).await;
        let status = response.status();
        let bytes = bytes(response).await;
        (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
    }

    async fn get(&self, key: &str, path: &str) -> Value {
        let (status, body) = self.send(key, "GET", path, &Value::Null).await;
        assert_eq!(status, StatusCode::OK, "{path}: {body}");
        body
    }

    fn key(&self, customer: &str) -> &str {
        &self.tenants.iter().find(|(name, _)| name == customer).unwrap().1
    }

    /// Everybody had five instances in the pool for three days, and has them now.
    async fn everybody_is_there(&self) {
        let now = self.app.clock().now();
        let all: Vec<Value> = self
            .tenants
            .iter()
            .map(|(customer, _)| {
                json!({
                    "customer_id": customer, "cluster_id": format!("{customer}-prod"),
                    "instance_type": "m5.large", "availability_zone": "us-east-1a",
                    "zone_id": "use1-az4", "instances": 5,
                    "from": now - SignedDuration::from_hours(72), "until": now,
                })
            })
            .collect();
        let (status, answer) =
            self.send(&self.platform, "POST", "feedback/exposure", &json!(all)).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        assert_eq!(answer["added"], self.tenants.len(), "{answer}");
    }

    async fn lose(&self, customer: &str, instance: &str) -> Value {
        let report = json!({
            "cluster_id": format!("{customer}-prod"), "instance_id": instance,
            "instance_type": "m5.large", "availability_zone": "us-east-1a",
            "zone_id": "use1-az4", "region": "us-east-1", "workload_type": "web",
        });
        let key = self.key(customer);
        let (status, answer) = self.send(key, "POST", "feedback/interruption", &report).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        answer
    }

    async fn look(&self) {
        self.app.look_after_levels().await.unwrap();
    }
}

const STATUS: &str = "feedback/pool-status?instance_type=m5.large&az=us-east-1a&region=us-east-1";

#[tokio::test]
async fn a_burst_is_told_confirmed_and_recovers() {
    let fleet = fleet(&["a", "b", "c", "d", "e"]).await;
    fleet.everybody_is_there().await;
    let calm = fleet.get(&fleet.platform, STATUS).await;
    // The platform names zones by no account's names, so it asks by the id.
    let by_id = "feedback/pool-status?instance_type=m5.large&az=use1-az4&region=us-east-1";
    assert_eq!(calm["risk_level"], "NORMAL");

    let first = fleet.lose("a", "i-a1").await;
    assert_eq!(first["risk_level"], "NORMAL");
    assert_eq!(first["action_required"], "none");
    assert_eq!(first["pool_identifier"], "m5.large/use1-az4/us-east-1");
    fleet.hand.advance(SignedDuration::from_mins(2));
    let second = fleet.lose("b", "i-b1").await;
    assert_eq!(second["risk_level"], "UNCERTAIN", "{second}");
    assert_eq!(second["affected_clients_count"], Value::Null, "two are not told to a tenant");
    fleet.hand.advance(SignedDuration::from_mins(2));
    let third = fleet.lose("c", "i-c1").await;
    assert_eq!(third["risk_level"], "CONFIRMED_RISKY", "{third}");
    assert_eq!(third["action_required"], "proactive_rebalance");
    assert_eq!(third["affected_clients_count"], 3);
    assert!(third.get("clients_to_rebalance").is_none(), "a tenant knows nobody else");
    assert!(!third.to_string().contains("\"b\"") && !third.to_string().contains("\"d\""));
    let risks = [&first, &second, &third].map(|one| one["new_risk_score"].as_f64().unwrap());
    assert!(risks[0] < risks[1] && risks[1] < risks[2], "{risks:?}");

    let known = fleet.get(&fleet.platform, by_id).await;
    assert_eq!(known["affected_customer_ids"], json!(["a", "b", "c"]));

    // Whose snapshot shows nodes in the pool is told.
    let cluster = json!({
        "nodes": [{ "name": "n", "instance_type": "m5.large", "capacity_type": "spot",
                    "zone": "us-east-1a", "zone_id": "use1-az4" }],
        "pods": [],
    });
    let path = "clusters/d-prod/snapshots";
    assert!(fleet.send(fleet.key("d"), "POST", path, &cluster).await.0.is_success());
    fleet.app.watch_conditions().await.unwrap();
    let alerts = fleet.get(fleet.key("d"), "alerts").await;
    assert_eq!(alerts[0]["event_type"], "pool.risky", "{alerts}");

    // Jobs for the others only, each sees its own.
    let jobs = fleet.get(&fleet.platform, "rebalance/jobs").await;
    let mut whose: Vec<&str> =
        jobs.as_array().unwrap().iter().map(|job| job["customer_id"].as_str().unwrap()).collect();
    whose.sort_unstable();
    assert_eq!(whose, ["d", "e"]);
    let own = fleet.get(fleet.key("d"), "rebalance/jobs").await;
    assert_eq!(own.as_array().unwrap().len(), 1);
    assert_eq!(own[0]["cluster_id"], "d-prod");
    assert_eq!(own[0]["source_availability_zone"], "us-east-1a");
    assert_eq!(fleet.get(fleet.key("a"), "rebalance/jobs").await, json!([]));

    // A claim is one claimer's.
    let id = own[0]["job_id"].as_str().unwrap().to_owned();
    let claim = format!("rebalance/jobs/{id}/claim");
    assert_eq!(fleet.send(fleet.key("e"), "POST", &claim, &Value::Null).await.0, 404);
    let (status, claimed) = fleet.send(&fleet.platform, "POST", &claim, &Value::Null).await;
    assert_eq!((status, claimed["status"].as_str()), (StatusCode::OK, Some("IN_PROGRESS")));
    let (status, refused) = fleet.send(fleet.key("d"), "POST", &claim, &Value::Null).await;
    assert_eq!(status, StatusCode::CONFLICT, "{refused}");
    let done = json!({ "moved_instances": 5 });
    let complete = format!("rebalance/jobs/{id}/complete");
    let (status, ended) = fleet.send(&fleet.platform, "POST", &complete, &done).await;
    assert_eq!((status, ended["status"].as_str()), (StatusCode::OK, Some("COMPLETED")));

    // Each episode asks each customer once.
    fleet.lose("a", "i-a2").await;
    fleet.look().await;
    assert_eq!(fleet.get(&fleet.platform, "rebalance/jobs").await.as_array().unwrap().len(), 2);

    // The level falls by one an hour, and the job that nobody did expires.
    fleet.hand.advance(HOUR);
    fleet.look().await;
    assert_eq!(fleet.get(&fleet.platform, by_id).await["risk_level"], "UNCERTAIN");
    fleet.hand.advance(HOUR);
    fleet.look().await;
    let over = fleet.get(&fleet.platform, by_id).await;
    assert_eq!(over["risk_level"], "NORMAL");
    let risk = over["risk_score"].as_f64().unwrap();
    assert!(risk < risks[2] && risk > calm["risk_score"].as_f64().unwrap(), "{risk} {risks:?}");
    let jobs = fleet.get(fleet.key("e"), "rebalance/jobs").await;
    assert_eq!(jobs[0]["status"], "EXPIRED");
    let changes = fleet.get(fleet.key("d"), "feedback/levels").await;
    let steps: Vec<(&str, &str)> = changes
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["to_level"].as_str().unwrap(), one["cause"].as_str().unwrap()))
        .collect();
    let expected = [
        ("NORMAL", "time"),
        ("UNCERTAIN", "time"),
        ("CONFIRMED_RISKY", "reports"),
        ("UNCERTAIN", "reports"),
    ];
    assert_eq!(steps, expected);
}

#[tokio::test]
async fn one_customer_alone_moves_no_level() {
    let fleet = fleet(&["a", "b", "c"]).await;
    fleet.everybody_is_there().await;
    let flood: Vec<Value> = (0..2_000)
        .map(|number| {
            json!({
                "instance_id": format!("i-{number}"), "instance_type": "m5.large",
                "availability_zone": "us-east-1a", "zone_id": "use1-az4",
            })
        })
        .collect();
    let (status, _) =
        fleet.send(fleet.key("a"), "POST", "feedback/interruption", &json!(flood)).await;
    assert_eq!(status, StatusCode::OK);
    let seen = fleet.get(fleet.key("b"), STATUS).await;
    assert_eq!(seen["risk_level"], "NORMAL");
    // Another customer believes as many as there were instances, not two thousand.
    let risk = seen["risk_score"].as_f64().unwrap();
    assert!(risk < 0.75, "{risk}");
    // A report that an operator sends for a customer counts for no level.
    let report = json!({
        "customer_id": "b", "instance_type": "m5.large", "availability_zone": "us-east-1a",
        "zone_id": "use1-az4",
    });
    let refused = fleet.send(fleet.key("a"), "POST", "feedback/interruption", &report).await;
    assert_eq!(refused.0, StatusCode::BAD_REQUEST);
    assert_eq!(refused.1["errors"][0]["pointer"], "/customer_id");
}

#[tokio::test]
async fn decisions_avoid_a_pool_that_is_losing_instances() {
    let fleet = fleet(&["a", "b", "c", "d"]).await;
    let now = fleet.app.clock().now();
    let mut batch = store::PriceBatch::default();
    for (kind, price) in
        [("m5.large", 30_000_000), ("m5.xlarge", 60_000_000), ("m6i.large", 36_000_000)]
    {
        for zone in ["a", "b", "c"] {
            let series = store::PriceSeries {
                instance_type: kind.to_owned(),
                zone: format!("us-east-1{zone}"),
                zone_id: None,
                region: "us-east-1".to_owned(),
                product: "Linux/UNIX".to_owned(),
            };
            batch.push(series, now - HOUR, units::UsdPerHour::from_nanos(price));
        }
    }
    fleet.app.store().keep_prices(&batch, None, now).await.unwrap();
    let stored = app::stored_market::StoredMarket::open(fleet.app.store(), None, None, now);
    let stored = stored.await.unwrap();
    fleet.app.set_market(Arc::clone(stored.market()));
    fleet.everybody_is_there().await;
    let body = json!({
        "current_state": { "region": "us-east-1" },
        "requirements": {
            "allocate": false, "top": 0, "pools_per_type": 0, "rejected_limit": 0,
            "layers": { "min_safety_score": 0.0 },
            "instance_types": { "allowed_instance_types": ["m5.large", "m6i.large", "m5.xlarge"],
                                "previous_generations": true },
        },
    });
    let path = "decision/spot-optimize";
    let here = |decision: &Value, list: &str| {
        decision[list].as_array().unwrap().iter().any(|one| {
            one["instance_type"] == "m5.large" && one["zone"] == "us-east-1a"
                || one["subject"]["name"] == "m5.large/us-east-1a"
        })
    };
    let (status, before) = fleet.send(fleet.key("d"), "POST", path, &body).await;
    assert_eq!(status, StatusCode::OK, "{before}");
    assert!(here(&before, "recommendations"), "{before}");
    for customer in ["a", "b", "c"] {
        fleet.lose(customer, &format!("i-{customer}")).await;
    }
    let (_, during) = fleet.send(fleet.key("d"), "POST", path, &body).await;
    assert!(!here(&during, "recommendations") && here(&during, "rejected"), "{during}");
    let rejected = during["rejected"].as_array().unwrap();
    let one = rejected.iter().find(|one| one["subject"]["name"] == "m5.large/us-east-1a").unwrap();
    assert_eq!(one["code"], "pool_confirmed_risky");
    // The job of the customer that was spared leads elsewhere.
    let jobs = fleet.get(fleet.key("d"), "rebalance/jobs").await;
    assert_ne!(jobs[0]["target_instance_type"], Value::Null, "{jobs}");
    let id = during["decision_id"].as_str().unwrap();
    let request = Request::get(format!("/api/v1/ml/decisions/{id}/bundle"))
        .header("authorization", format!("Bearer {}", fleet.key("d")));
    let bundle = bytes(ask(&fleet.router, request.body(Body::empty()).unwrap()).await).await;
    let bundle: Bundle = serde_json::from_slice(&bundle).unwrap();
    let replay = bundle.replay().unwrap();
    let again: Value = serde_json::from_slice(&replay.outcome.json).unwrap();
    assert_eq!(again, during, "reports stand in the evidence");
    assert!(replay.identical);
}

#[tokio::test]
async fn what_is_wrong_is_named() {
    let fleet = fleet(&["a"]).await;
    let check = async |path: &str, body: Value, pointer: &str| {
        let (status, problem) = fleet.send(&fleet.platform, "POST", path, &body).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{problem}");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
    };
    let report = "feedback/interruption";
    check(report, json!({ "availability_zone": "us-east-1a" }), "/instance_type").await;
    check(report, json!([{ "instance_type": "m5.large", "availability_zone": "x" }]), "/0/region")
        .await;
    let mut wrong = json!({ "instance_type": "m5.large", "availability_zone": "us-east-1a" });
    wrong["region"] = json!("eu-west-1");
    check(report, wrong, "/region").await;
    check(report, json!({ "instance_id": "i-1" }), "/instance_type").await;
    let exposure = json!({
        "instance_type": "m5.large", "availability_zone": "us-east-1a", "instances": 1,
        "from": "2026-08-01T00:00:00Z", "until": "2026-07-01T00:00:00Z",
    });
    check("feedback/exposure", exposure, "/until").await;
}

#[tokio::test]
async fn what_an_operator_says_stands_until_its_end() {
    let fleet = fleet(&["a", "b"]).await;
    fleet.everybody_is_there().await;
    let operator = NewKey {
        label: "operator".to_owned(),
        role: Role::Operator,
        customer_id: None,
        expires_at: None,
        expires_in_days: None,
    };
    let operator = fleet.app.make_key(&operator, &Caller::command_line()).await.unwrap().key;
    let word = json!({
        "instance_type": "m5.large", "availability_zone": "us-east-1a", "zone_id": "use1-az4",
        "level": "CONFIRMED_RISKY", "until": "2026-08-01T14:00:00Z", "reason": "AWS said so",
    });
    let path = "feedback/pool-status/override";
    assert_eq!(fleet.send(fleet.key("a"), "PUT", path, &word).await.0, StatusCode::FORBIDDEN);
    let (status, said) = fleet.send(&operator, "PUT", path, &word).await;
    assert_eq!(status, StatusCode::OK, "{said}");
    assert_eq!(said["risk_level"], "CONFIRMED_RISKY");
    assert_eq!(said["override"]["reason"], "AWS said so");
    assert_eq!(fleet.get(&fleet.platform, "rebalance/jobs").await.as_array().unwrap().len(), 2);
    let end = format!("{path}?instance_type=m5.large&az=us-east-1a&zone_id=use1-az4");
    let (status, ended) = fleet.send(&operator, "DELETE", &end, &Value::Null).await;
    assert_eq!((status, &ended["risk_level"]), (StatusCode::OK, &json!("NORMAL")));
    let (status, _) = fleet.send(&operator, "DELETE", &end, &Value::Null).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let expired = fleet.get(&fleet.platform, "rebalance/jobs?status=expired").await;
    assert_eq!(expired.as_array().unwrap().len(), 2);

    // Said again it is another episode, and it ends by itself.
    fleet.hand.advance(SignedDuration::from_mins(1));
    assert_eq!(fleet.send(&operator, "PUT", path, &word).await.0, StatusCode::OK);
    let pending = fleet.get(&fleet.platform, "rebalance/jobs?status=pending").await;
    assert_eq!(pending.as_array().unwrap().len(), 2);
    fleet.hand.advance(HOUR + HOUR + HOUR);
    fleet.look().await;
    assert_eq!(fleet.get(fleet.key("a"), STATUS).await["risk_level"], "NORMAL");
    let pending = fleet.get(&fleet.platform, "rebalance/jobs?status=pending").await;
    assert_eq!(pending, json!([]));
    let changes = fleet.get(&fleet.platform, "feedback/levels").await;
    let causes: Vec<&str> =
        changes.as_array().unwrap().iter().map(|one| one["cause"].as_str().unwrap()).collect();
    assert_eq!(causes, ["override_end", "override", "override_end", "override"]);
}

#[tokio::test]
async fn the_weight_and_the_milestones_follow_from_hours() {
    let fleet = fleet(&["a", "b"]).await;
    fleet.everybody_is_there().await;
    let weight = fleet.get(fleet.key("a"), "feedback/weight").await;
    assert_eq!(weight["total_instance_hours"], 720);
    assert_eq!((&weight["feedback_weight"], &weight["progress"]), (&json!(0.0), &json!("7.2%")));
    let stats = fleet.get(fleet.key("a"), "feedback/stats").await;
    assert_eq!(stats["customers"], Value::Null, "two are not told to a tenant");
    assert_eq!(stats["milestones"]["month_3"], "pending");
    let patterns = fleet.get(fleet.key("a"), "feedback/patterns/m5.large").await;
    assert_eq!(patterns["temporal_patterns"]["hours_verdict"], "not_enough_data");
    let quality = fleet.get(&fleet.platform, "feedback/quality").await;
    assert_eq!(quality["all"]["cases"], 30.0, "{quality}");
    // The same exposure again, and one that overlaps it.
    let again = json!({
        "customer_id": "a", "cluster_id": "a-prod", "instance_type": "m5.large",
        "availability_zone": "us-east-1a", "zone_id": "use1-az4", "instances": 5,
        "from": "2026-07-29T12:00:00Z", "until": "2026-08-01T12:00:00Z",
    });
    let (_, known) = fleet.send(&fleet.platform, "POST", "feedback/exposure", &again).await;
    assert_eq!((&known["added"], &known["known"]), (&json!(0), &json!(1)), "{known}");
    let mut longer = again;
    longer["from"] = json!("2026-07-31T12:00:00Z");
    longer["instances"] = json!(6);
    let (_, known) = fleet.send(&fleet.platform, "POST", "feedback/exposure", &longer).await;
    assert_eq!(known["overlaps"].as_array().unwrap().len(), 1, "{known}");
}
