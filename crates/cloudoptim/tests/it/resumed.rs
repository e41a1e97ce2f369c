//! Fills that are killed end with what an undisturbed one has.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use jiff::SignedDuration;
use serde_json::{Value, json};
use testkit::{FakeAws, Fault, Rule};

use crate::pricing::{fake, json, serve, with_fake};
use crate::{Server, code, folder};

/// How many times the server is killed here; `cargo xtask prove pricing` does it more often.
const KILLS: u64 = 3;

/// Every price that a store has, in an order of its own.
fn table(mut export: Command) -> Vec<String> {
    let output = export.args(["pricing", "export", "spot"]).output().unwrap();
    assert_eq!(code(&output), 0, "{output:?}");
    let mut lines: Vec<String> =
        String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

/// Every price that the fake has, as the same table.
fn expected(fake: &FakeAws, data: &Path) -> Vec<String> {
    let start = start(fake);
    let mut command = with_fake(fake, data);
    let done = command.args(["pricing", "fetch", "spot", "--from", &start]).output().unwrap();
    assert_eq!(code(&done), 0, "{done:?}");
    let table = table(with_fake(fake, data));
    assert_eq!(table.len(), fake.world().spot.len() + 1);
    table
}

fn start(fake: &FakeAws) -> String {
    (fake.world().now - SignedDuration::from_hours(100 * 24)).to_string()
}

/// Asks for the fill and gives the path of its job.
fn ask(server: &Server, fake: &FakeAws) -> String {
    let body = json!({
        "data_type": "spot_prices", "regions": ["us-east-1"], "start_date": start(fake),
    });
    let started = json(server.ask("POST /api/v1/ml/pricing/fetch", &body.to_string()));
    format!("/api/v1/ml/pricing/fetch/{}", started["task_id"].as_str().unwrap())
}

fn until(server: &Server, path: &str, wish: impl Fn(&Value) -> bool) -> Value {
    for _ in 0..6000 {
        let status = json(server.ask(&format!("GET {path}"), ""));
        if wish(&status) {
            return status;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("{:?}", server.ask(&format!("GET {path}"), ""));
}

/// Rows that a job has added, by the contract's word for its kind.
fn inserted(status: &Value) -> u64 {
    let count = status.get("records_inserted").or_else(|| status.get("records_filled"));
    count.and_then(Value::as_u64).unwrap()
}

/// Asks for gaps to be filled and gives the path of the fill.
fn ask_for_gaps(server: &Server, fake: &FakeAws) -> String {
    let types: std::collections::BTreeSet<&str> =
        fake.world().spot.iter().map(|row| &*row.instance_type).collect();
    let body = json!({
        "instance_types": types, "regions": ["us-east-1"], "gap_start_date": start(fake),
    });
    let started = json(server.ask("POST /api/v1/ml/gap-filler/fill", &body.to_string()));
    format!("/api/v1/ml/gap-filler/status/{}", started["gap_id"].as_str().unwrap())
}

#[test]
fn a_killed_fetch_ends_with_the_table_of_an_undisturbed_one() {
    killed("killed_fetch", ask);
}

#[test]
fn a_killed_fill_of_gaps_ends_with_the_table_of_an_undisturbed_fetch() {
    let ended = killed("killed_gaps", ask_for_gaps);
    let outcome = &ended["outcome"];
    assert_eq!(outcome["records_filled"], ended["records_filled"]);
    assert_eq!(outcome["remaining_hours"], 0.0, "{outcome}");
    // From before the ninety days that AWS keeps.
    assert!(outcome["left"]["too_old_hours"].as_f64().unwrap() > 0.0, "{outcome}");
}

/// Kills a server again and again while it works on a job; how the job ended.
fn killed(name: &str, ask: fn(&Server, &FakeAws) -> String) -> Value {
    let here = folder(name);
    let fake = fake(20, 90);
    let undisturbed = expected(&fake, &here.join("undisturbed"));
    let all = fake.world().spot.len() as u64;
    // The first price of each pool is older than the window and comes as the price in force.
    fake.script(Rule::always("DescribeSpotPriceHistory", Fault::Slow(Duration::from_millis(2))));
    let data = here.join("killed");
    let mut server = serve(&fake, &data, &[]);
    let path = ask(&server, &fake);
    for kill in 1..=KILLS {
        until(&server, &path, |status| inserted(status) >= all * kill / (KILLS + 1));
        server.process.kill().unwrap();
        server.process.wait().unwrap();
        server = serve(&fake, &data, &[]);
    }
    let ended = until(&server, &path, |status| status["completed_at"].is_string());
    assert_eq!((&ended["status"], inserted(&ended)), (&json!("completed"), all), "{ended}");
    let stats = json(server.ask("GET /api/v1/ml/pricing/stats", ""));
    assert_eq!(stats["spot_prices_count"], all);
    assert_eq!(server.stop(), 0);
    assert_eq!(table(with_fake(&fake, &data)), undisturbed);
    ended
}

/// The address of an empty database of its own, where there is a server and `psql` to make it.
fn database() -> Option<String> {
    let Ok(server) = std::env::var("TEST_POSTGRES") else {
        println!("skipped: TEST_POSTGRES is not set");
        return None;
    };
    let name = format!("shared_{}", std::process::id());
    let create = format!("CREATE DATABASE {name}");
    let mut psql = Command::new("psql");
    match psql.args(["-qd", &format!("{server}/postgres"), "-c", &create]).status() {
        Ok(status) => assert!(status.success()),
        Err(error) => {
            println!("skipped: psql: {error}");
            return None;
        }
    }
    Some(format!("{server}/{name}"))
}

#[test]
fn two_servers_share_the_jobs_and_see_the_same_market() {
    let Some(url) = database() else { return };
    let here = folder("shared");
    let fake = fake(20, 20);
    let start = |data: &str| {
        let mut command = with_fake(&fake, &here.join(data));
        command.env("DATABASE_URL", &url).args(["serve", "--port", "0"]);
        Server::of(command)
    };
    let (mut one, two) = (start("one"), start("two"));
    fake.script(Rule::always("DescribeSpotPriceHistory", Fault::Slow(Duration::from_millis(3))));
    let ask = |pattern: &str| {
        let body = json!({
            "data_type": "spot_prices", "regions": ["us-east-1"], "instance_types": [pattern],
            "start_date": (fake.world().now - SignedDuration::from_hours(21 * 24)).to_string(),
        });
        let started = json(two.ask("POST /api/v1/ml/pricing/fetch", &body.to_string()));
        format!("/api/v1/ml/pricing/fetch/{}", started["task_id"].as_str().unwrap())
    };
    let paths: Vec<String> = ["m5.*", "c5.*", "r5.*", "m6g.*", "c7a.*"].map(ask).to_vec();
    // More jobs than one server takes at once: one of them is killed in the middle of its own.
    until(&two, &paths[0], |status| inserted(status) > 0);
    one.process.kill().unwrap();
    one.process.wait().unwrap();
    let ended = paths.iter().map(|path| {
        let status = until(&two, path, |status| status["completed_at"].is_string());
        assert_eq!(status["status"], "completed", "{status}");
        inserted(&status)
    });
    let all = fake.world().spot.len() as u64;
    assert_eq!(ended.sum::<u64>(), all);
    let one = start("one");
    let market = |server: &Server| {
        let health = json(server.ask("GET /api/v1/ml/health", ""));
        health["market"].as_array().unwrap().iter().map(|part| part["rows"].clone()).collect()
    };
    let expected: Vec<Value> = market(&one);
    until(&two, "/api/v1/ml/health", |_| market(&two) == expected);
    assert_eq!((one.stop(), two.stop()), (0, 0));
}
