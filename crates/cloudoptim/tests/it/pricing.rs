//! Prices from a fake AWS into the store of the real binary, and out of it again.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::Value;
use testkit::{ACCESS_KEY_ID, FakeAws, SECRET_ACCESS_KEY, generated};

use crate::{Server, binary, code, folder};

/// A fake with some pools and days of one region, until the present.
#[expect(clippy::disallowed_methods, reason = "the real binary has the real time")]
pub(crate) fn fake(pools: usize, days: i64) -> FakeAws {
    let now = Timestamp::now();
    FakeAws::start(generated(&"us-east-1".parse().unwrap(), pools, days, now, 11)).unwrap()
}

/// The real binary on a folder, with the fake as its AWS.
pub(crate) fn with_fake(fake: &FakeAws, data: &Path) -> Command {
    let url = fake.url();
    let mut command = binary();
    command
        .env("CLOUDOPTIM_DATA_DIR", data)
        .env("SPOT_ADVISOR_URL", format!("{url}/advisor.json"))
        .env("PRICE_LIST_URL", &url)
        .env("AWS_ENDPOINT_URL_EC2", format!("{url}/ec2/{{region}}/"))
        .env("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID)
        .env("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY)
        .env("CLOUDOPTIM_JOB_LEASE", "1")
        .env("PRICING_DATA_RETRY_BACKOFF", "0.01")
        .stdin(Stdio::null());
    command
}

pub(crate) fn serve(fake: &FakeAws, data: &Path, settings: &[(&str, &str)]) -> Server {
    let mut command = with_fake(fake, data);
    command.args(["serve", "--port", "0"]).envs(settings.iter().copied());
    Server::of(command)
}

pub(crate) fn json(answer: (u16, String)) -> Value {
    serde_json::from_str(&answer.1).unwrap_or_else(|error| panic!("{error}: {answer:?}"))
}

/// Asks until the answer is as wished.
pub(crate) fn when(server: &Server, path: &str, wish: impl Fn(&Value) -> bool) -> Value {
    let start = Instant::now();
    loop {
        let answer = json(server.ask(&format!("GET {path}"), ""));
        if wish(&answer) {
            return answer;
        }
        assert!(start.elapsed() < Duration::from_secs(60), "{answer}");
        std::thread::sleep(Duration::from_millis(30));
    }
}

#[test]
fn prices_are_fetched_exported_and_imported_elsewhere() {
    let here = folder("fetch");
    let fake = fake(10, 5);
    let run = |data: &str, arguments: &[&str]| {
        with_fake(&fake, &here.join(data)).arg("pricing").args(arguments).output().unwrap()
    };
    let said = |output: &std::process::Output| String::from_utf8_lossy(&output.stderr).into_owned();
    let prices = fake.world().spot.len();
    let fetched = run("a", &["fetch", "spot", "-o", "json"]);
    assert_eq!(code(&fetched), 0, "{fetched:?}");
    let status: Value = serde_json::from_slice(&fetched.stdout).unwrap();
    assert_eq!(status["records_inserted"], prices);
    assert!(said(&run("a", &["fetch", "spot"])).contains(" 0 new"));
    assert_eq!(code(&run("a", &["fetch", "advisor"])), 0);
    assert_eq!(code(&run("a", &["fetch", "on-demand"])), 0);
    let wrong = run("a", &["fetch", "spot", "--from", "yesterday"]);
    assert_eq!(code(&wrong), 2);
    assert!(said(&wrong).contains("start_date"), "{wrong:?}");

    let file = here.join("spot.csv.gz").display().to_string();
    assert_eq!(code(&run("a", &["export", "spot", "--to", &file])), 0);
    let imported = run("b", &["import", &file]);
    assert!(said(&imported).contains(&format!("{prices} new")), "{imported:?}");
    let lines = run("a", &["export", "advisor", "--format", "jsonl"]);
    let lines = String::from_utf8(lines.stdout).unwrap();
    assert_eq!(lines.lines().count(), 10);
    assert!(lines.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()));
}

#[test]
fn a_server_fetches_public_prices_by_itself_and_others_when_asked() {
    let here = folder("serve_fetches");
    let fake = fake(10, 5);
    let mut command = with_fake(&fake, &here);
    // A machine without credentials.
    command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
    command.env("AWS_CONFIG_FILE", "/nowhere").env("AWS_SHARED_CREDENTIALS_FILE", "/nowhere");
    command.env_remove("CLOUDOPTIM_NO_FETCH").args(["serve", "--port", "0"]);
    let server = Server::of(command);
    let stats = "/api/v1/ml/pricing/stats";
    let found = when(&server, stats, |stats| {
        stats["spot_advisor_count"] == 10 && stats["on_demand_prices_count"] != 0
    });
    assert_eq!(found["spot_prices_count"], 0);
    assert_eq!(server.stop(), 0);

    // Credentials are there, and nothing is fetched that nobody asks for.
    let asked = fake.count("Advisor");
    let server = serve(&fake, &here, &[]);
    let body = r#"{"data_type":"spot_prices","regions":["us-east-1"]}"#;
    let started = json(server.ask("POST /api/v1/ml/pricing/fetch", body));
    let path = format!("/api/v1/ml/pricing/fetch/{}", started["task_id"].as_str().unwrap());
    let ended = when(&server, &path, |status| status["completed_at"].is_string());
    assert_eq!(ended["status"], "completed", "{ended}");
    assert_eq!(ended["records_inserted"], fake.world().spot.len());
    let log = json(server.ask(&format!("GET {path}/log"), ""));
    assert!(log[0]["message"].as_str().unwrap().contains("us-east-1"), "{log}");
    assert_eq!(server.stop(), 0);
    assert_eq!(fake.count("Advisor"), asked);
}

/// What the server's market has of spot prices.
fn spot_rows(health: &Value) -> u64 {
    let parts = health["market"].as_array().unwrap();
    let spot = parts.iter().find(|part| part["dataset"] == "spot_history");
    spot.map_or(0, |part| part["rows"].as_u64().unwrap())
}

#[test]
fn decisions_follow_what_is_kept() {
    let here = folder("follow");
    let fake = fake(30, 20);
    let health = "/api/v1/ml/health";
    let ask = r#"{"current_state":{"region":"us-east-1","nodes":[],"pods":[]}}"#;
    let server = serve(&fake, &here, &[]);
    assert_eq!(spot_rows(&json(server.ask(&format!("GET {health}"), ""))), 0);
    let before = json(server.ask("POST /api/v1/ml/decision/spot-optimize", ask));
    assert!(before["evidence"].is_object(), "{before}");
    // Another process brings prices into the same database.
    let mut fetched = with_fake(&fake, &here);
    fetched.args(["pricing", "fetch", "spot", "--from"]);
    let start = (fake.world().now - jiff::SignedDuration::from_hours(20 * 24)).to_string();
    let fetched = fetched.arg(&start).output().unwrap();
    assert_eq!(code(&fetched), 0, "{fetched:?}");
    let pools = fake
        .world()
        .spot
        .iter()
        .filter(|row| row.at > fake.world().now - jiff::SignedDuration::from_hours(230));
    let least = pools.count() as u64;
    let seen = when(&server, health, |health| spot_rows(health) >= least);
    // Older prices are kept, and decisions do not look at them.
    assert!(spot_rows(&seen) < fake.world().spot.len() as u64, "{seen}");
    let after = json(server.ask("POST /api/v1/ml/decision/spot-optimize", ask));
    assert_ne!(before["evidence"]["market_digest"], after["evidence"]["market_digest"]);
    assert!(after.to_string().contains("us-east-1b"), "{after}");
    assert_eq!(server.stop(), 0);

    assert!(here.join("market.bin").is_file());
    for spoil in [false, true] {
        if spoil {
            std::fs::write(here.join("market.bin"), "cloudoptim market 1\nand nothing of it")
                .unwrap();
        }
        let server = serve(&fake, &here, &[]);
        let again = json(server.ask(&format!("GET {health}"), ""));
        assert_eq!(spot_rows(&again), spot_rows(&seen));
        assert_eq!(server.stop(), 0);
    }
}

#[test]
fn answers_are_the_same_with_redis_without_and_after_its_end() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    drop(listener);
    let redis = Command::new("redis-server")
        .args(["--port", &port, "--bind", "127.0.0.1", "--save", ""])
        .stdout(Stdio::null())
        .spawn();
    let Ok(mut redis) = redis else {
        println!("skipped: there is no redis-server");
        return;
    };
    let here = folder("redis");
    let fake = fake(10, 3);
    for what in ["advisor", "on-demand", "spot"] {
        let fetched = with_fake(&fake, &here).args(["pricing", "fetch", what]).output().unwrap();
        assert_eq!(code(&fetched), 0, "{fetched:?}");
    }
    let without = serve(&fake, &here, &[]);
    let mut command = with_fake(&fake, &here);
    command.env("REDIS_HOST", "127.0.0.1").env("REDIS_PORT", &port);
    command.args(["serve", "--port", "0"]);
    let with = Server::of(command);
    when(&with, "/api/v1/ml/health", |health| health["redis"] == "up");
    let questions = [
        "GET /api/v1/ml/pricing/spot-advisor?region=us-east-1",
        "GET /api/v1/ml/pricing/on-demand?format=csv",
        "GET /api/v1/ml/pricing/spot?instance_type=m5.large&region=us-east-1&end_date=2100-01-01",
        "GET /api/v1/ml/pricing/spot?instance_type=m5.large&region=us-east-1",
    ];
    let expected: Vec<_> = questions.iter().map(|question| without.ask(question, "")).collect();
    let same = || {
        for (question, expected) in questions.iter().zip(&expected) {
            assert_eq!(expected.0, 200, "{expected:?}");
            // Once made, once found.
            assert_eq!(&with.ask(question, ""), expected);
            assert_eq!(&with.ask(question, ""), expected);
        }
    };
    same();
    redis.kill().unwrap();
    redis.wait().unwrap();
    same();
    when(&with, "/api/v1/ml/health", |health| health["redis"] == "down");
    assert_eq!((with.stop(), without.stop()), (0, 0));
}
