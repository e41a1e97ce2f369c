//! Who may call what.

use app::access::{Caller, KeyItem, MadeKey, NewKey, Role};

use super::*;

/// Every route and the roles that may call it; `open` needs no key at all.
const EXPECTED: &[(&str, &str, &str)] = &[
    ("post", "/api/v1/ml/decision", "operator admin platform tenant"),
    ("post", "/api/v1/ml/decision/{decision}", "operator admin platform tenant"),
    ("post", "/api/v1/ml/decision/all", "operator admin platform tenant"),
    ("get", "/api/v1/ml/decisions/history", "viewer operator admin platform tenant"),
    ("get", "/api/v1/ml/decisions/{id}", "viewer operator admin platform tenant"),
    ("get", "/api/v1/ml/decisions/{id}/rendered", "viewer operator admin platform tenant"),
    ("get", "/api/v1/ml/decisions/{id}/bundle", "viewer operator admin platform tenant"),
    ("post", "/api/v1/ml/decisions/{id}/outcome", "operator admin platform tenant"),
    ("get", "/api/v1/ml/findings", "viewer operator admin platform tenant"),
    ("get", "/api/v1/ml/findings/{finding_id}", "viewer operator admin platform tenant"),
    ("patch", "/api/v1/ml/findings/{finding_id}", "operator admin platform tenant"),
    ("get", "/api/v1/ml/alerts", "viewer operator admin platform tenant"),
    ("get", "/api/v1/ml/notifications/channels", "viewer operator admin platform"),
    ("post", "/api/v1/ml/notifications/channels", "admin"),
    ("get", "/api/v1/ml/notifications/channels/{channel}", "viewer operator admin platform"),
    ("patch", "/api/v1/ml/notifications/channels/{channel}", "admin"),
    ("delete", "/api/v1/ml/notifications/channels/{channel}", "admin"),
    ("post", "/api/v1/ml/notifications/channels/{channel}/secret", "admin"),
    ("post", "/api/v1/ml/notifications/channels/{channel}/test", "operator admin"),
    ("get", "/api/v1/ml/notifications/deliveries", "viewer operator admin platform"),
    ("get", "/api/v1/ml/notifications/deliveries/{delivery_id}", "viewer operator admin platform"),
    ("post", "/api/v1/ml/notifications/deliveries/{delivery_id}/replay", "operator admin"),
    ("get", "/api/v1/ml/notifications/events", "viewer operator admin platform tenant"),
    ("get", "/api/v1/ml/features/toggles", "viewer operator admin platform tenant"),
    ("get", "/api/v1/ml/features/usage", "viewer operator admin platform tenant"),
    ("put", "/api/v1/ml/features/toggles", "operator admin"),
    ("post", "/api/v1/ml/clusters/{cluster_id}/snapshots", "operator admin platform tenant"),
    ("get", "/api/v1/ml/clusters", "viewer operator admin platform tenant"),
    ("get", "/api/v1/ml/clusters/{cluster_id}/snapshots", "viewer operator admin platform tenant"),
    (
        "get",
        "/api/v1/ml/clusters/{cluster_id}/snapshots/{snapshot_id}",
        "viewer operator admin platform tenant",
    ),
    ("get", "/api/v1/ml/clusters/{cluster_id}/costs", "viewer operator admin platform tenant"),
    ("get", "/api/v1/ml/decisions", "viewer operator admin platform tenant"),
    ("get", "/api/v1/ml/decisions/live", "viewer operator admin platform tenant"),
    ("get", "/api/v1/ml/decisions/stream", "viewer operator admin platform tenant"),
    ("post", "/api/v1/ml/feedback/interruption", "operator admin platform tenant"),
    ("get", "/api/v1/ml/feedback/interruptions", "viewer operator admin platform tenant"),
    ("post", "/api/v1/ml/feedback/exposure", "operator admin platform tenant"),
    (
        "get",
        "/api/v1/ml/feedback/patterns/{instance_type}",
        "viewer operator admin platform tenant",
    ),
    ("get", "/api/v1/ml/feedback/stats", "viewer operator admin platform tenant"),
    ("get", "/api/v1/ml/feedback/weight", "viewer operator admin platform tenant"),
    ("get", "/api/v1/ml/feedback/quality", "viewer operator admin platform"),
    ("get", "/api/v1/ml/feedback/pool-status", "viewer operator admin platform tenant"),
    ("put", "/api/v1/ml/feedback/pool-status/override", "operator admin"),
    ("delete", "/api/v1/ml/feedback/pool-status/override", "operator admin"),
    ("get", "/api/v1/ml/feedback/levels", "viewer operator admin platform tenant"),
    ("get", "/api/v1/ml/feedback/calendar", "viewer operator admin platform tenant"),
    ("post", "/api/v1/ml/feedback/calendar", "operator admin"),
    ("delete", "/api/v1/ml/feedback/calendar/{entry_id}", "operator admin"),
    ("get", "/api/v1/ml/rebalance/jobs", "viewer operator admin platform tenant"),
    ("post", "/api/v1/ml/rebalance/jobs/{job_id}/claim", "operator admin platform tenant"),
    ("post", "/api/v1/ml/rebalance/jobs/{job_id}/complete", "operator admin platform tenant"),
    ("post", "/api/v1/ml/rebalance/jobs/{job_id}/fail", "operator admin platform tenant"),
    ("post", "/api/v1/ml/backtests", "operator admin platform tenant"),
    ("get", "/api/v1/ml/backtests", "viewer operator admin platform tenant"),
    ("get", "/api/v1/ml/backtests/{backtest_id}", "viewer operator admin platform tenant"),
    ("get", "/api/v1/ml/pricing/spot", "viewer operator admin platform tenant"),
    ("get", "/api/v1/ml/pricing/on-demand", "viewer operator admin platform tenant"),
    ("get", "/api/v1/ml/pricing/spot-advisor", "viewer operator admin platform tenant"),
    ("get", "/api/v1/ml/pricing/stats", "viewer operator admin platform tenant"),
    ("get", "/api/v1/ml/pricing/coverage", "viewer operator admin platform tenant"),
    ("post", "/api/v1/ml/pricing/fetch", "operator admin"),
    ("get", "/api/v1/ml/pricing/fetch", "viewer operator admin platform"),
    ("get", "/api/v1/ml/pricing/fetch/{task_id}", "viewer operator admin platform"),
    ("get", "/api/v1/ml/pricing/fetch/{task_id}/log", "viewer operator admin platform"),
    ("post", "/api/v1/ml/pricing/fetch/{task_id}/cancel", "operator admin"),
    ("post", "/api/v1/ml/models", "operator admin"),
    ("get", "/api/v1/ml/models/list", "viewer operator admin platform"),
    ("get", "/api/v1/ml/models/{model_id}", "viewer operator admin platform"),
    ("post", "/api/v1/ml/gap-filler/analyze", "viewer operator admin platform"),
    ("post", "/api/v1/ml/gap-filler/fill", "operator admin"),
    ("get", "/api/v1/ml/gap-filler/status/{gap_id}", "viewer operator admin platform"),
    ("get", "/api/v1/ml/gap-filler/history", "viewer operator admin platform"),
    ("get", "/api/v1/ml/gap-filler/log/{gap_id}", "viewer operator admin platform"),
    ("post", "/api/v1/ml/gap-filler/cancel/{gap_id}", "operator admin"),
    ("post", "/api/v1/ml/refresh/trigger", "operator admin"),
    ("get", "/api/v1/ml/refresh/status/{refresh_id}", "viewer operator admin platform"),
    ("get", "/api/v1/ml/refresh/history", "viewer operator admin platform"),
    ("get", "/api/v1/ml/refresh/log/{refresh_id}", "viewer operator admin platform"),
    ("post", "/api/v1/ml/refresh/cancel/{refresh_id}", "operator admin"),
    ("post", "/api/v1/ml/refresh/schedule", "operator admin"),
    ("get", "/api/v1/ml/schedules", "viewer operator admin platform"),
    ("get", "/api/v1/ml/schedules/{schedule_id}", "viewer operator admin platform"),
    ("post", "/api/v1/ml/schedules/{schedule_id}/enable", "operator admin"),
    ("post", "/api/v1/ml/schedules/{schedule_id}/disable", "operator admin"),
    ("delete", "/api/v1/ml/schedules/{schedule_id}", "operator admin"),
    ("post", "/api/v1/ml/models/upload", "operator admin"),
    ("post", "/api/v1/ml/models/activate", "operator admin"),
    ("post", "/api/v1/ml/models/{model_id}/shadow", "operator admin"),
    ("delete", "/api/v1/ml/models/{model_id}/shadow", "operator admin"),
    ("post", "/api/v1/ml/models/rollback", "operator admin"),
    ("get", "/api/v1/ml/models/activations", "viewer operator admin platform"),
    ("delete", "/api/v1/ml/models/{model_id}", "operator admin"),
    ("get", "/api/v1/ml/models/{model_id}/details", "viewer operator admin platform"),
    ("get", "/api/v1/ml/models/{model_id}/performance", "viewer operator admin platform"),
    ("get", "/api/v1/ml/models/{model_id}/download", "viewer operator admin platform"),
    ("post", "/api/v1/ml/predict/spot-interruption", "operator admin platform tenant"),
    ("post", "/api/v1/ml/predict", "operator admin platform tenant"),
    ("get", "/api/v1/ml/predictions/history", "viewer operator admin platform tenant"),
    ("post", "/api/v1/ml/predictions/outcomes", "operator admin"),
    ("get", "/api/v1/ml/predictions/live", "viewer operator admin platform tenant"),
    ("get", "/api/v1/ml/stream", "viewer operator admin platform tenant"),
    ("get", "/api/v1/ml/metrics", "viewer operator admin platform"),
    ("post", "/api/v1/ml/keys", "admin"),
    ("get", "/api/v1/ml/keys", "admin"),
    ("delete", "/api/v1/ml/keys/{key_id}", "admin"),
    ("get", "/api/v1/ml/audit", "admin"),
    ("get", "/api/v1/ml/health", "open"),
    ("get", "/livez", "open"),
    ("get", "/readyz", "open"),
    ("get", "/api/v1/openapi.json", "viewer operator admin platform tenant"),
    ("get", "/api", "open"),
    ("get", "/", "open"),
];

fn wanted(role: Role, label: &str) -> NewKey {
    NewKey {
        label: label.to_owned(),
        role,
        customer_id: (role == Role::Tenant).then(|| label.to_owned()),
        expires_at: None,
        expires_in_days: None,
    }
}

async fn make(app: &App, role: Role, label: &str) -> MadeKey {
    app.make_key(&wanted(role, label), &Caller::command_line()).await.unwrap()
}

async fn call(router: &Router, method: &str, path: &str, key: Option<&str>) -> Response<Body> {
    let mut request = Request::builder().method(method.to_uppercase().as_str()).uri(path);
    if let Some(key) = key {
        request = request.header("authorization", format!("Bearer {key}"));
    }
    ask(router, request.body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn every_route_lets_in_its_roles_and_nobody_else() {
    let (app, router) = app_and_router().await;
    let mut keys = Vec::new();
    for role in Role::ALL {
        keys.push((role, make(&app, role, role.name()).await.key));
    }
    for route in api::ROUTES {
        let entry = EXPECTED.iter().find(|entry| (entry.0, entry.1) == (route.method, route.path));
        let Some((method, path, roles)) = entry else {
            panic!("{} {} has no entry in the table of this test", route.method, route.path)
        };
        let open = *roles == "open";
        let without = call(&router, method, path, None).await.status();
        assert_eq!(without == StatusCode::UNAUTHORIZED, !open, "{method} {path}: {without}");
        let bad = call(&router, method, path, Some("cok_admin_guess")).await.status();
        assert_eq!(bad == StatusCode::UNAUTHORIZED, !open, "{method} {path}: {bad}");
        for (role, key) in &keys {
            let status = call(&router, method, path, Some(key)).await.status();
            let expected = open || roles.split(' ').any(|name| name == role.name());
            let let_in = status != StatusCode::FORBIDDEN && status != StatusCode::UNAUTHORIZED;
            assert_eq!(let_in, expected, "{method} {path} as {}: {status}", role.name());
        }
    }
    assert_eq!(EXPECTED.len(), api::ROUTES.len(), "the table names routes that are gone");
}

#[tokio::test]
async fn refusals_say_why_and_are_noted() {
    let (app, router) = app_and_router().await;
    let admin = make(&app, Role::Admin, "root").await.key;
    let viewer = make(&app, Role::Viewer, "wall").await.key;
    let none = call(&router, "get", "/api/v1/ml/pricing/stats", None).await;
    assert_eq!(none.headers()["www-authenticate"], "Bearer realm=\"cloudoptim\"");
    assert_eq!(json_of(none).await["code"], "key_required");
    let other = if admin.ends_with('x') { 'y' } else { 'x' };
    let unknown = format!("{}{other}", &admin[..admin.len() - 1]);
    let bad = call(&router, "get", "/api/v1/ml/pricing/stats", Some(&unknown)).await;
    assert_eq!(json_of(bad).await["code"], "key_invalid");
    let role = call(&router, "get", "/api/v1/ml/keys", Some(&viewer)).await;
    assert_eq!(role.status(), StatusCode::FORBIDDEN);
    let detail = json_of(role).await["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("viewer") && detail.contains("admin"), "{detail}");
    let by_header = Request::get("/api/v1/ml/audit?limit=3").header("x-api-key", &admin);
    let audit = json_of(ask(&router, by_header.body(Body::empty()).unwrap()).await).await;
    let subjects: Vec<&str> =
        audit.as_array().unwrap().iter().map(|row| row["subject"].as_str().unwrap()).collect();
    let stats = "GET /api/v1/ml/pricing/stats";
    assert_eq!(subjects, ["GET /api/v1/ml/keys", stats, stats]);
    let text = audit.to_string();
    for key in [&admin, &viewer, &unknown] {
        assert!(!text.contains(key.rsplit('_').next().unwrap()), "{text}");
    }
}

#[tokio::test]
async fn without_keys_everybody_is_let_in_and_the_first_key_ends_that() {
    let (_, router) = app_and_router().await;
    assert_eq!(get(&router, "/api/v1/ml/keys").await.status(), StatusCode::OK);
    let first = post(&router, "/api/v1/ml/keys", r#"{"label":"wall","role":"viewer"}"#).await;
    assert_eq!(json_of(first).await["errors"][0]["code"], "first_key");
    let made = post(&router, "/api/v1/ml/keys", r#"{"label":"root","role":"admin"}"#).await;
    assert_eq!(made.status(), StatusCode::CREATED);
    assert_eq!(made.headers()["cache-control"], "no-store");
    let place = made.headers()["location"].to_str().unwrap().to_owned();
    let made = json_of(made).await;
    let key = made["key"].as_str().unwrap().to_owned();
    assert_eq!(get(&router, "/api/v1/ml/keys").await.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(get(&router, "/api/v1/ml/health").await.status(), StatusCode::OK);
    let listed = bytes(call(&router, "get", "/api/v1/ml/keys", Some(&key)).await).await;
    let listed = String::from_utf8(listed).unwrap();
    assert!(listed.contains(made["shown_prefix"].as_str().unwrap()), "{listed}");
    assert!(!listed.contains(&key), "{listed}");
    // Its end does not open the server again.
    let revoked = call(&router, "delete", &place, Some(&key)).await;
    assert_eq!(json_of(revoked).await["status"], "revoked");
    for key in [None, Some(key.as_str())] {
        let after = call(&router, "get", "/api/v1/ml/keys", key).await;
        assert_eq!(after.status(), StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn keys_end_when_they_are_said_to() {
    let start = "2026-08-01T00:00:00Z".parse().unwrap();
    let (clock, hand) = Clock::manual(start);
    let store = Store::in_memory().await.unwrap();
    let app = Arc::new(App::new(Desk::new(market::bundled()), store.clone(), clock.clone()));
    let router = api::router(Arc::clone(&app));
    let short = NewKey { expires_in_days: Some(1), ..wanted(Role::Viewer, "short") };
    let short = app.make_key(&short, &Caller::command_line()).await.unwrap();
    let status =
        async || call(&router, "get", "/api/v1/ml/pricing/stats", Some(&short.key)).await.status();
    assert_eq!(status().await, StatusCode::OK);
    hand.advance(jiff::SignedDuration::from_hours(24));
    assert_eq!(status().await, StatusCode::UNAUTHORIZED);
    let listed: Vec<KeyItem> = app.keys().await.unwrap();
    assert_eq!(listed[0].status, "expired");
    // What another server changed counts here within seconds.
    let long = make(&app, Role::Viewer, "long").await;
    let other = App::new(Desk::new(market::bundled()), store, clock);
    let long_status =
        async || call(&router, "get", "/api/v1/ml/pricing/stats", Some(&long.key)).await.status();
    assert_eq!(long_status().await, StatusCode::OK);
    other.revoke_key(&long.item.shown_prefix, &Caller::command_line()).await.unwrap();
    hand.advance(jiff::SignedDuration::from_secs(3));
    assert_eq!(long_status().await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn wrong_fields_of_a_key_are_named() {
    let (_, router) = app_and_router().await;
    let check = async |body: &str, pointer: &str| {
        let answer = post(&router, "/api/v1/ml/keys", body).await;
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{body}");
        let problem = json_of(answer).await;
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
    };
    check(r#"{"label":" ","role":"admin"}"#, "/label").await;
    check(r#"{"label":"a","role":"root"}"#, "/role").await;
    check(r#"{"label":"a","role":"admin","customer_id":"acme"}"#, "/customer_id").await;
    check(r#"{"label":"a","role":"admin","expires_in_days":0}"#, "/expires_at").await;
    check(
        r#"{"label":"a","role":"admin","expires_at":"2027-01-01T00:00:00Z","expires_in_days":1}"#,
        "/expires_in_days",
    )
    .await;
    check(r#"{"label":"a","role":"admin","rights":"all"}"#, "/rights").await;
}

#[tokio::test]
async fn a_tenant_sees_its_own_decisions_only() {
    let (app, router) = app_and_router().await;
    let admin = make(&app, Role::Admin, "root").await.key;
    let acme = make(&app, Role::Tenant, "acme").await.key;
    let zeta = make(&app, Role::Tenant, "zeta").await.key;
    let decide = async |key: &str| {
        let request = Request::post("/api/v1/ml/decision/bin-pack")
            .header("x-api-key", key)
            .body(Body::from(two_nodes(Some("r-1"))))
            .unwrap();
        let answer = ask(&router, request).await;
        assert_eq!(answer.status(), StatusCode::OK);
        assert!(!answer.headers().contains_key("idempotent-replayed"));
        json_of(answer).await["decision_id"].as_str().unwrap().to_owned()
    };
    // The same name of a request, the same question: each has its own answer.
    let (of_acme, of_zeta) = (decide(&acme).await, decide(&zeta).await);
    let of_admin = decide(&admin).await;
    let count = async |key: &str, query: &str| {
        let path = format!("/api/v1/ml/decisions/history{query}");
        let answer = call(&router, "get", &path, Some(key)).await;
        answer.headers()["x-total-count"].to_str().unwrap().to_owned()
    };
    assert_eq!(count(&acme, "").await, "1");
    assert_eq!(count(&acme, "?customer_id=zeta").await, "1", "its own, whatever it asks for");
    assert_eq!(count(&admin, "").await, "3");
    assert_eq!(count(&admin, "?customer_id=zeta").await, "1");
    let list = json_of(call(&router, "get", "/api/v1/ml/decisions/history", Some(&acme)).await);
    assert_eq!(list.await[0]["customer_id"], "acme");
    for (id, key, expected) in [
        (&of_acme, &acme, StatusCode::OK),
        (&of_zeta, &zeta, StatusCode::OK),
        (&of_acme, &admin, StatusCode::OK),
        (&of_admin, &admin, StatusCode::OK),
    ] {
        for part in ["", "/bundle"] {
            let path = format!("/api/v1/ml/decisions/{id}{part}");
            assert_eq!(call(&router, "get", &path, Some(key)).await.status(), expected, "{path}");
        }
    }
    let only_admin = post_as(&router, &admin, "other").await;
    for part in ["", "/bundle"] {
        let path = format!("/api/v1/ml/decisions/{only_admin}{part}");
        let status = call(&router, "get", &path, Some(&acme)).await.status();
        assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
    }
}

async fn post_as(router: &Router, key: &str, cluster: &str) -> String {
    let body = two_nodes(None).replace("\"test\"", &format!("\"{cluster}\""));
    let request = Request::post("/api/v1/ml/decision/bin-pack").header("x-api-key", key);
    let answer = ask(router, request.body(Body::from(body)).unwrap()).await;
    json_of(answer).await["decision_id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn pages_of_other_sites_do_not_reach_a_server_without_keys() {
    let (_, router) = app_and_router().await;
    let check = async |site: &str, expected: StatusCode| {
        let request = Request::post("/api/v1/ml/keys").header("sec-fetch-site", site);
        let body = r#"{"label":" ","role":"admin"}"#;
        let answer = ask(&router, request.body(Body::from(body)).unwrap()).await;
        assert_eq!(answer.status(), expected, "{site}");
    };
    check("cross-site", StatusCode::FORBIDDEN).await;
    check("same-site", StatusCode::FORBIDDEN).await;
    // It gets as far as its body, which is wrong.
    check("same-origin", StatusCode::BAD_REQUEST).await;
    check("none", StatusCode::BAD_REQUEST).await;
}

#[tokio::test]
async fn a_platform_keeps_what_is_of_a_customer_for_that_customer() {
    let (app, router) = app_and_router().await;
    make(&app, Role::Admin, "root").await;
    let platform = make(&app, Role::Platform, "core").await.key;
    let (acme, other) =
        (make(&app, Role::Tenant, "acme").await.key, make(&app, Role::Tenant, "other").await.key);
    let send = async |path: &str, key: &str, customer: &str, body: &str| {
        let request = Request::post(path)
            .header("content-type", "application/json")
            .header("authorization", format!("Bearer {key}"))
            .header("x-customer-id", customer);
        ask(&router, request.body(Body::from(body.to_owned())).unwrap()).await
    };
    let snapshots = "/api/v1/ml/clusters/shop/snapshots";
    let kept = send(snapshots, &platform, "acme", r#"{"nodes":[]}"#).await;
    assert_eq!(json_of(kept).await["customer_id"], "acme");
    let decided = send("/api/v1/ml/decision/bin-pack", &platform, "acme", &two_nodes(None)).await;
    let id = json_of(decided).await["decision_id"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/ml/decisions/{id}");
    for (key, seen) in [(&acme, true), (&other, false), (&platform, true)] {
        let status = call(&router, "get", &path, Some(key)).await.status();
        assert_eq!(status == StatusCode::OK, seen, "{status}");
        let listed = json_of(call(&router, "get", "/api/v1/ml/clusters", Some(key)).await).await;
        assert_eq!(listed.as_array().unwrap().len(), usize::from(seen), "{listed}");
    }
    let foreign = send(snapshots, &other, "acme", r#"{"nodes":[]}"#).await;
    assert_eq!(json_of(foreign).await["errors"][0]["pointer"], "X-Customer-ID");
    let own = send(snapshots, &acme, "acme", r#"{"nodes":[]}"#).await;
    assert_eq!(own.status(), StatusCode::CREATED);

    // Two customers call their clusters alike: what is read is of the one that the call names.
    let node = r#"{"nodes":[{"name":"a","usd_per_hour":0.5}]}"#;
    send(snapshots, &platform, "other", node).await;
    let read = async |path: &str, customer: &str| {
        let request = Request::get(path)
            .header("authorization", format!("Bearer {platform}"))
            .header("x-customer-id", customer);
        json_of(ask(&router, request.body(Body::empty()).unwrap()).await).await
    };
    let costs = "/api/v1/ml/clusters/shop/costs";
    for (customer, nodes) in [("acme", 0), ("other", 1)] {
        assert_eq!(read(costs, customer).await["nodes"], nodes, "{customer}");
        let kept = read(snapshots, customer).await;
        let owners = kept.as_array().unwrap().iter().map(|one| one["customer_id"].clone());
        assert!(kept[0].is_object() && owners.into_iter().all(|owner| owner == customer), "{kept}");
    }
    assert_eq!(read(costs, "nobody").await["code"], "not_found");
}
