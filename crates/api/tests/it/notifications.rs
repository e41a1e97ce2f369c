//! What happens reaches whoever wants to hear it: signed, once, and for as long as it takes.

use clock::Hand;
use jiff::SignedDuration;
use notify::guard::Rules;
use notify::{MailServer, Secret, Sender, signature};
use store::{JobEnd, NewJob, Uuid};
use testkit::{FakeMail, FakeReceiver};

use super::findings::found;
use super::*;

const CHANNELS: &str = "/api/v1/ml/notifications/channels";
const DELIVERIES: &str = "/api/v1/ml/notifications/deliveries";

struct Fixture {
    app: Arc<App>,
    router: Router,
    hand: Hand,
    receiver: FakeReceiver,
    mail: FakeMail,
}

async fn fixture() -> Fixture {
    let (clock, hand) = Clock::manual("2026-08-01T00:00:00Z".parse().unwrap());
    let (receiver, mail) = (FakeReceiver::start().unwrap(), FakeMail::start().unwrap());
    let rules = Rules::allowing(["127.0.0.0/8"]).unwrap();
    let server = MailServer::new(&mail.url(), "CloudOptim <cost@example.com>").unwrap();
    let sender = Sender::new(rules, Some(server));
    let store = Store::in_memory().await.unwrap();
    let app = App::new(Desk::new(market::bundled()), store, clock).with_sender(sender);
    let app = app.with_public_address(Some("https://cloudoptim.example.com"));
    let app = Arc::new(app);
    Fixture { router: api::router(Arc::clone(&app)), app, hand, receiver, mail }
}

impl Fixture {
    async fn channel(&self, body: &Value) -> Value {
        let made = post(&self.router, CHANNELS, &body.to_string()).await;
        assert_eq!(made.status(), StatusCode::CREATED, "{:?}", json_of(made).await);
        json_of(made).await
    }

    async fn rounds(&self, minutes: i64) -> u64 {
        self.hand.advance(SignedDuration::from_mins(minutes));
        self.app.deliver_due_notices().await.unwrap()
    }

    async fn log(&self) -> Vec<Value> {
        json_of(get(&self.router, DELIVERIES).await).await.as_array().unwrap().clone()
    }

    /// Conditions, watched for a cluster whose only snapshot was taken when the clock began.
    async fn snapshot(&self) {
        let state = json!({ "nodes": [], "taken_at": self.app.clock().now() });
        let path = "/api/v1/ml/clusters/shop/snapshots";
        let kept = post(&self.router, path, &state.to_string()).await;
        assert_eq!(kept.status(), StatusCode::CREATED);
    }
}

async fn send(router: &Router, method: &str, path: &str, body: &Value) -> Response<Body> {
    let request =
        Request::builder().method(method).uri(path).header("content-type", "application/json");
    ask(router, request.body(Body::from(body.to_string())).unwrap()).await
}

#[tokio::test]
async fn a_stale_snapshot_is_told_when_it_is_and_when_it_is_no_more() {
    let fixture = fixture().await;
    let url = fixture.receiver.url("/hook?token=hidden");
    let made = fixture.channel(&json!({ "name": "ops", "kind": "webhook", "url": url })).await;
    let secret = Secret::parse(made["secret"].as_str().unwrap()).unwrap();
    fixture.snapshot().await;
    assert_eq!(fixture.app.watch_conditions().await.unwrap(), 0);
    fixture.hand.advance(SignedDuration::from_hours(49));
    for _ in 0..3 {
        assert_eq!(fixture.app.watch_conditions().await.unwrap(), 1);
        fixture.rounds(15).await;
    }
    let alerts = json_of(get(&fixture.router, "/api/v1/ml/alerts").await).await;
    assert_eq!(alerts[0]["event_type"], "snapshot.stale");
    let posted = fixture.receiver.posted();
    assert_eq!(posted.len(), 1, "it is told once, however often it is seen");
    let (message, body) = (&posted[0], &posted[0].body);
    let body_read: Value = serde_json::from_str(body).unwrap();
    assert_eq!(body_read["type"], "snapshot.stale");
    assert_eq!(body_read["data"]["details"]["age_hours"], 49);
    assert_eq!(body_read["data"]["link"], "https://cloudoptim.example.com/api/v1/ml/clusters");
    let sent_at = message.header("webhook-timestamp").parse().unwrap();
    let sent_at = jiff::Timestamp::from_second(sent_at).unwrap();
    let expected = signature(&[secret], message.header("webhook-id"), sent_at, body);
    assert_eq!(message.header("webhook-signature"), expected);

    fixture.snapshot().await;
    assert_eq!(fixture.app.watch_conditions().await.unwrap(), 0);
    fixture.rounds(1).await;
    let posted = fixture.receiver.posted();
    let last: Value = serde_json::from_str(&posted[1].body).unwrap();
    assert_eq!(last["type"], "snapshot.fresh");
    assert!(
        json_of(get(&fixture.router, "/api/v1/ml/alerts").await)
            .await
            .as_array()
            .unwrap()
            .is_empty()
    );
    let events = json_of(
        get(&fixture.router, "/api/v1/ml/notifications/events?event_type=snapshot.*").await,
    )
    .await;
    let kinds: Vec<&str> = events
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["event_type"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["snapshot.fresh", "snapshot.stale"]);
    let of = async |kind: &str| {
        let path = format!("/api/v1/ml/notifications/events?event_type={kind}");
        json_of(get(&fixture.router, &path).await).await
    };
    assert_eq!(of("*").await.as_array().unwrap().len(), 2);
    assert_eq!(of("snapshot.stale").await.as_array().unwrap().len(), 1);
    for wrong in ["snapshot", "snapshot*", "snapshot.stail", ""] {
        assert_eq!(of(wrong).await["errors"][0]["pointer"], "/event_type", "{wrong}");
    }
    // The token of the address is shown nowhere.
    for path in [CHANNELS, DELIVERIES, "/api/v1/ml/audit"] {
        let text = String::from_utf8(bytes(get(&fixture.router, path).await).await).unwrap();
        assert!(!text.contains("hidden") && !text.contains("whsec_"), "{path}: {text}");
    }
}

#[tokio::test]
async fn findings_of_one_scan_are_one_message() {
    let fixture = fixture().await;
    let url = fixture.receiver.url("/services/T/B/secret");
    fixture
        .channel(&json!({
            "name": "finops", "kind": "slack", "url": url,
            "wants": { "events": ["finding.*"], "minimum_savings_usd_per_month": 10 },
        }))
        .await;
    let decision = uuid();
    let names = [("a", Some(50.0)), ("b", Some(5.0)), ("c", None)];
    found(&fixture.app, &decision, &names).await;
    assert_eq!(fixture.rounds(0).await, 1);
    let posted = fixture.receiver.posted();
    assert_eq!(posted.len(), 1);
    let body: Value = serde_json::from_str(&posted[0].body).unwrap();
    // Five dollars are too few; what is unknown may be much.
    assert!(body["text"].as_str().unwrap().starts_with("2 notices"), "{body}");
    assert_eq!(posted[0].header("webhook-signature"), "", "Slack has no secret to check it with");
    assert_eq!(fixture.rounds(10).await, 0);
    let shown = json_of(get(&fixture.router, &format!("{CHANNELS}/finops")).await).await;
    assert!(shown["goes_to"].as_str().unwrap().ends_with("/…"), "{shown}");
}

#[tokio::test]
async fn a_digest_waits_for_its_time() {
    let fixture = fixture().await;
    let wants = json!({ "events": ["*"], "digest_minutes": 60 });
    let url = fixture.receiver.url("/teams");
    fixture.channel(&json!({ "name": "daily", "kind": "teams", "url": url, "wants": wants })).await;
    fixture.hand.advance(SignedDuration::from_mins(5));
    found(&fixture.app, &uuid(), &[("a", Some(50.0)), ("b", Some(5.0))]).await;
    assert_eq!(fixture.rounds(0).await, 0);
    assert_eq!(fixture.rounds(54).await, 0);
    assert_eq!(fixture.rounds(1).await, 1);
    let body: Value = serde_json::from_str(&fixture.receiver.posted()[0].body).unwrap();
    assert_eq!(body["attachments"][0]["content"]["type"], "AdaptiveCard");
}

#[tokio::test]
async fn a_message_is_tried_again_and_known_by_its_name() {
    let fixture = fixture().await;
    let url = fixture.receiver.url("/hook");
    fixture.channel(&json!({ "name": "ops", "kind": "webhook", "url": url })).await;
    fixture.receiver.answer(500, &[]);
    fixture.receiver.answer(429, &["Retry-After: 900"]);
    fixture.receiver.answer(302, &["Location: http://169.254.169.254/"]);
    found(&fixture.app, &uuid(), &[("a", Some(50.0))]).await;
    assert_eq!(fixture.rounds(0).await, 1);
    assert_eq!(fixture.rounds(0).await, 0, "not at once");
    assert_eq!(fixture.rounds(1).await, 1);
    assert_eq!(fixture.rounds(14).await, 0, "the receiver asked to be left alone");
    assert_eq!(fixture.rounds(2).await, 1);
    assert_eq!(fixture.rounds(5).await, 1);
    let posted = fixture.receiver.posted();
    assert_eq!(posted.len(), 4);
    assert!(posted.iter().all(|one| one.path == "/hook"), "nobody follows");
    let names: Vec<&str> = posted.iter().map(|one| one.header("webhook-id")).collect();
    assert!(names.iter().all(|name| *name == names[0]), "{names:?}");
    assert!(posted.windows(2).all(|pair| {
        pair[0].header("webhook-signature") != pair[1].header("webhook-signature")
    }));
    let log = fixture.log().await;
    assert_eq!((&log[0]["state"], &log[0]["attempts"]), (&json!("delivered"), &json!(4)));
    let path = format!("{DELIVERIES}/{}", log[0]["delivery_id"].as_str().unwrap());
    let details = json_of(get(&fixture.router, &path).await).await;
    let tries: Vec<&Value> =
        details["tries"].as_array().unwrap().iter().map(|one| &one["status"]).collect();
    assert_eq!(tries, [500, 429, 302, 204]);
    assert!(!details.to_string().contains("nobody shows this"), "answers are not echoed");

    let again = post(&fixture.router, &format!("{path}/replay"), "{}").await;
    assert_eq!(again.status(), StatusCode::ACCEPTED);
    assert_eq!(fixture.rounds(0).await, 1);
    assert_eq!(fixture.receiver.posted()[4].header("webhook-id"), names[0]);
}

#[tokio::test]
async fn a_server_that_stops_leaves_what_waits_to_the_next() {
    let fixture = fixture().await;
    let url = fixture.receiver.url("/hook");
    for number in 0..20 {
        let name = format!("ops-{number}");
        fixture.channel(&json!({ "name": name, "kind": "webhook", "url": url })).await;
    }
    found(&fixture.app, &uuid(), &[("a", Some(50.0))]).await;
    let (_stop, stopped) = tokio::sync::watch::channel(true);
    Arc::clone(&fixture.app).deliver_notices(stopped).await;
    assert_eq!(fixture.receiver.posted().len(), 0);
    assert_eq!(fixture.rounds(0).await, 20);
    assert_eq!(fixture.receiver.posted().len(), 20);
}

#[tokio::test]
async fn a_receiver_that_is_gone_is_asked_no_more() {
    let fixture = fixture().await;
    let url = fixture.receiver.url("/hook");
    fixture.channel(&json!({ "name": "ops", "kind": "webhook", "url": url })).await;
    fixture.receiver.answer(410, &[]);
    found(&fixture.app, &uuid(), &[("a", Some(50.0))]).await;
    assert_eq!(fixture.rounds(0).await, 1);
    let path = format!("{CHANNELS}/ops");
    let shown = json_of(get(&fixture.router, &path).await).await;
    assert_eq!(shown["enabled"], false);
    assert!(shown["disabled_reason"].as_str().unwrap().contains("410"), "{shown}");
    fixture.hand.advance(SignedDuration::from_mins(1));
    found(&fixture.app, &uuid(), &[("z", Some(50.0)), ("b", Some(50.0))]).await;
    assert_eq!(fixture.rounds(60).await, 0);
    let on = send(&fixture.router, "PATCH", &path, &json!({ "enabled": true })).await;
    assert_eq!(json_of(on).await.get("disabled_reason"), None);
}

#[tokio::test]
async fn a_channel_can_be_tried_and_its_secret_renewed() {
    let fixture = fixture().await;
    let url = fixture.receiver.url("/hook");
    let made = fixture.channel(&json!({ "name": "ops", "kind": "webhook", "url": url })).await;
    let path = format!("{CHANNELS}/{}", made["channel_id"].as_str().unwrap());
    let renewed = post(&fixture.router, &format!("{path}/secret"), "{}").await;
    assert_eq!(renewed.headers()["cache-control"], "no-store");
    let renewed = json_of(renewed).await;
    assert_ne!(renewed["secret"], made["secret"]);
    let tried = json_of(post(&fixture.router, &format!("{path}/test"), "{}").await).await;
    assert_eq!(tried["state"], "delivered", "{tried}");
    let signatures = |at: usize| {
        let posted = fixture.receiver.posted();
        posted[at].header("webhook-signature").split(' ').count()
    };
    assert_eq!(signatures(0), 2, "the one before counts for a day");
    fixture.hand.advance(SignedDuration::from_hours(25));
    fixture.receiver.answer(404, &[]);
    let tried = json_of(post(&fixture.router, &format!("{path}/test"), "{}").await).await;
    assert_eq!((&tried["state"], &tried["status"]), (&json!("given_up"), &json!(404)));
    assert_eq!(signatures(1), 1);
    assert_eq!(fixture.rounds(60).await, 0, "a test is not tried again");
    let removed = send(&fixture.router, "DELETE", &path, &json!({})).await;
    assert_eq!(removed.status(), StatusCode::OK);
    assert_eq!(fixture.log().await.len(), 2, "the log stays");
    assert_eq!(get(&fixture.router, &path).await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn mail_reaches_people_and_what_is_refused_is_said() {
    let fixture = fixture().await;
    let to = json!(["Ana <ana@example.com>", "bo@example.com"]);
    fixture.channel(&json!({ "name": "people", "kind": "email", "to": to })).await;
    found(&fixture.app, &uuid(), &[("a", Some(50.0))]).await;
    assert_eq!(fixture.rounds(0).await, 1);
    let letters = fixture.mail.letters();
    assert_eq!(letters.len(), 1, "{:?}", fixture.log().await);
    assert!(letters[0].contains("RCPT TO:<ana@example.com>"), "{}", letters[0]);
    assert!(letters[0].contains("RCPT TO:<bo@example.com>"));
    assert!(letters[0].contains("finding.opened"), "{}", letters[0]);
    fixture.mail.refuse(Some("550 nobody of this name"));
    let tried = post(&fixture.router, &format!("{CHANNELS}/people/test"), "{}").await;
    let tried = json_of(tried).await;
    assert_eq!(tried["state"], "given_up");
    assert!(tried["error"].as_str().unwrap().contains("refuses"), "{tried}");
}

#[tokio::test]
async fn what_cannot_be_meant_is_refused_by_its_field() {
    let fixture = fixture().await;
    let check = async |body: Value, pointer: &str| {
        let answer = post(&fixture.router, CHANNELS, &body.to_string()).await;
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{body}");
        let problem = json_of(answer).await;
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
    };
    let hook = |url: &str| json!({ "name": "x", "kind": "webhook", "url": url });
    check(hook("http://10.0.0.1/"), "/url").await;
    check(hook("https://169.254.169.254/"), "/url").await;
    check(hook("https://user:secret@example.com/"), "/url").await;
    check(json!({ "name": "x", "kind": "webhook" }), "/url").await;
    check(json!({ "name": "", "kind": "slack", "url": "https://a.example/" }), "/name").await;
    check(json!({ "name": "x", "kind": "email", "to": ["nobody"] }), "/to").await;
    check(json!({ "name": "x", "kind": "email", "url": "https://a.example/" }), "/url").await;
    let mut with = hook("https://a.example/");
    with["secret"] = json!("whsec_short");
    check(with, "/secret").await;
    let mut with = hook("https://a.example/");
    with["wants"] = json!({ "events": ["finding.opend"] });
    check(with, "/wants/events/0").await;
    fixture.channel(&hook("https://a.example/")).await;
    let twice = post(&fixture.router, CHANNELS, &hook("https://b.example/").to_string()).await;
    assert_eq!(twice.status(), StatusCode::CONFLICT);
    let moved = json!({ "url": "http://127.0.0.1.nip.example:81/" });
    let moved = send(&fixture.router, "PATCH", &format!("{CHANNELS}/x"), &moved).await;
    assert_eq!(moved.status(), StatusCode::OK, "it is judged when it is contacted");
    let tried = json_of(post(&fixture.router, &format!("{CHANNELS}/x/test"), "{}").await).await;
    assert_eq!(tried["state"], "given_up", "{tried}");
}

#[tokio::test]
async fn the_core_platform_gets_everything_as_the_operator_has_set_it() {
    let fixture = fixture().await;
    let secret = Secret::of_bytes(&[5; 32]).unwrap().hand_out();
    let url = fixture.receiver.url("/events");
    // Whatever somebody has made under its name before.
    fixture.channel(&json!({ "name": "core-platform", "kind": "slack", "url": url })).await;
    for _ in 0..2 {
        fixture.app.see_to_core_platform(Some(&url), Some(&secret)).await.unwrap();
    }
    let channels = json_of(get(&fixture.router, CHANNELS).await).await;
    assert_eq!(channels.as_array().unwrap().len(), 1);
    assert_eq!(channels[0]["kind"], "webhook");
    found(&fixture.app, &uuid(), &[("a", Some(50.0))]).await;
    assert_eq!(fixture.rounds(0).await, 1);
    assert_ne!(fixture.receiver.posted()[0].header("webhook-signature"), "");
    let other = fixture.receiver.url("/other");
    fixture.app.see_to_core_platform(Some(&other), Some(&secret)).await.unwrap();
    let tried = post(&fixture.router, &format!("{CHANNELS}/core-platform/test"), "{}").await;
    assert_eq!(json_of(tried).await["state"], "delivered");
    let paths: Vec<String> = fixture.receiver.posted().into_iter().map(|one| one.path).collect();
    assert_eq!(paths, ["/events", "/other"]);
    assert!(
        fixture.app.see_to_core_platform(Some("http://10.0.0.1/"), Some(&secret)).await.is_err()
    );
}

fn uuid() -> String {
    "0198c0de-0000-7000-8000-00000000abcd".to_owned()
}

#[tokio::test]
async fn a_cluster_on_a_risky_pool_is_told_of_until_it_leaves() {
    let fixture = fixture().await;
    let (now, region) = (fixture.app.clock().now(), "us-east-1".parse().unwrap());
    let desk = fixture.app.desk();
    let of_class = |wanted: usize| {
        let types = [
            "c5.large",
            "m5.large",
            "m4.large",
            "p3.2xlarge",
            "g4dn.xlarge",
            "c5d.large",
            "g5.xlarge",
            "g6.xlarge",
            "c6gn.large",
            "m7a.large",
            "p4d.24xlarge",
            "x1e.xlarge",
        ];
        let class = |name: &&str| {
            let system = facts::names::OperatingSystem::Linux;
            let quote = desk.market().advisor(&name.parse().unwrap(), &region, system, now)?;
            Some(usize::from(quote.bucket?.index()))
        };
        types.into_iter().find(|name| class(name) == Some(wanted)).unwrap()
    };
    let (risky, calm) = (of_class(4), of_class(0));
    let node = |name: &str, instance_type: &str, bought: &str| {
        json!({ "name": name, "instance_type": instance_type, "zone": "us-east-1a",
                "capacity_type": bought })
    };
    let send = async |nodes: Value| {
        fixture.hand.advance(SignedDuration::from_mins(1));
        let state = json!({ "nodes": nodes, "region": "us-east-1" });
        let path = "/api/v1/ml/clusters/shop/snapshots";
        assert_eq!(
            post(&fixture.router, path, &state.to_string()).await.status(),
            StatusCode::CREATED
        );
        fixture.app.watch_conditions().await.unwrap()
    };
    let listed = async || json_of(get(&fixture.router, "/api/v1/ml/alerts").await).await;
    // Capacity at the list price is not taken back.
    assert_eq!(send(json!([node("a", risky, "on_demand"), node("b", calm, "spot")])).await, 0);
    assert_eq!(send(json!([node("a", risky, "spot"), node("b", calm, "spot")])).await, 1);
    let alerts = listed().await;
    assert_eq!(alerts[0]["event_type"], "pool.risky");
    assert!(alerts[0]["title"].as_str().unwrap().contains(risky), "{alerts}");
    assert_eq!(send(json!([node("b", calm, "spot")])).await, 0);
    assert_eq!(listed().await, json!([]));

    // Snapshots that do not show all nodes cannot say that it has left.
    assert_eq!(send(json!([node("a", risky, "spot")])).await, 1);
    let some = json!({ "complete": false, "items": [node("b", calm, "spot")] });
    assert_eq!(send(some.clone()).await, 1);
    fixture.hand.advance(SignedDuration::from_hours(48));
    assert_eq!(send(some).await, 0, "not seen for as long as a snapshot counts");
}

#[tokio::test]
async fn prices_that_do_not_come_are_told_of_whoever_else_fetches_some() {
    let fixture = fixture().await;
    let (app, store) = (&fixture.app, fixture.app.store());
    app.fetch_public_prices(&["us-east-1".parse().unwrap()]).await.unwrap();
    assert_eq!(app.watch_conditions().await.unwrap(), 0, "they were asked for just now");
    let fetch = async |number: u128, created_by: &str| {
        let now = app.clock().now();
        let job = NewJob {
            job_id: Uuid::from_u128(number),
            kind: "fetch_prices".to_owned(),
            dedupe_key: None,
            payload: json!({}),
            priority: 0,
            max_attempts: 1,
            run_at: now,
            all_units: None,
            created_by: created_by.to_owned(),
        };
        store.add_job(&job, now).await.unwrap().unwrap();
    };
    fixture.hand.advance(SignedDuration::from_hours(5));
    assert_eq!(app.watch_conditions().await.unwrap(), 1, "the hourly ones");
    let alerts = json_of(get(&fixture.router, "/api/v1/ml/alerts").await).await;
    assert_eq!(alerts[0]["event_type"], "prices.stale");
    assert_eq!(alerts[0]["alert_key"], "prices:renew the Spot Advisor");

    fetch(1, "schedule renew the Spot Advisor").await;
    let now = app.clock().now();
    let job = store.claim_job("here", &["fetch_prices"], now, now).await.unwrap().unwrap();
    store.end_job(job.job_id, job.fence, &JobEnd::Completed, None, now).await.unwrap();
    for number in 2..600 {
        fetch(number, "somebody").await;
    }
    assert_eq!(app.watch_conditions().await.unwrap(), 0, "one has come");
    let alerts = json_of(get(&fixture.router, "/api/v1/ml/alerts").await).await;
    assert_eq!(alerts, json!([]));
}
