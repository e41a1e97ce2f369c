//! The real binary, end to end.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod backtest;
mod collector;
mod data;
mod inventory;
mod keys;
mod killed_uploads;
mod models;
mod notifications;
mod pricing;
mod rendered;
mod resumed;
mod simulate;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

fn binary() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cloudoptim"));
    for name in [
        "DB_HOST",
        "DATABASE_URL",
        "CLOUDOPTIM_DATA_DIR",
        "AUTO_REFRESH_ENABLED",
        "GAP_FILLER_ENABLED",
    ] {
        command.env_remove(name);
    }
    command.env_remove("ML_SERVER_PORT").env_remove("ML_SERVER_HOST").env("NO_COLOR", "1");
    // No test asks AWS itself; those that fetch do so from a fake.
    command.env("CLOUDOPTIM_NO_FETCH", "true").env("AWS_EC2_METADATA_DISABLED", "true");
    command
}

fn folder(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).unwrap();
    path
}

fn run(arguments: &[&str]) -> Output {
    binary().args(arguments).stdin(Stdio::null()).output().unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

const KUBECTL: &str = r#"{"kind":"List","items":[
  {"kind":"Node","metadata":{"name":"a","uid":"na","labels":{"node.kubernetes.io/instance-type":"m5.large","topology.kubernetes.io/zone":"us-east-1a","topology.kubernetes.io/region":"us-east-1","kubernetes.io/arch":"amd64"}},"status":{"allocatable":{"cpu":"1930m","memory":"7Gi","pods":"29"}}},
  {"kind":"Node","metadata":{"name":"b","uid":"nb","labels":{"node.kubernetes.io/instance-type":"m5.large","topology.kubernetes.io/zone":"us-east-1a","topology.kubernetes.io/region":"us-east-1","kubernetes.io/arch":"amd64"}},"status":{"allocatable":{"cpu":"1930m","memory":"7Gi","pods":"29"}}},
  {"kind":"Pod","metadata":{"name":"x","namespace":"d","uid":"px","ownerReferences":[{"kind":"ReplicaSet","name":"r","controller":true}]},"spec":{"nodeName":"a","containers":[{"name":"c","resources":{"requests":{"cpu":"500m","memory":"1Gi"}}}]},"status":{"phase":"Running"}},
  {"kind":"Pod","metadata":{"name":"y","namespace":"d","uid":"py","ownerReferences":[{"kind":"ReplicaSet","name":"r","controller":true}]},"spec":{"nodeName":"b","containers":[{"name":"c","resources":{"requests":{"cpu":"500m","memory":"1Gi"}}}]},"status":{"phase":"Running"}}]}"#;

#[test]
fn kubectl_output_becomes_a_decision_that_checks_and_replays() {
    let here = folder("whole_way");
    let path = |name: &str| here.join(name).display().to_string();
    std::fs::write(path("cluster.json"), KUBECTL).unwrap();
    let state = run(&["snapshot", &path("cluster.json"), "--at", "2026-08-01T00:00:00Z"]);
    assert_eq!(code(&state), 0, "{state:?}");
    std::fs::write(path("state.json"), &state.stdout).unwrap();

    // Emptying alone, so that the figures follow from one price.
    std::fs::write(path("policy.json"), r#"{"replace":false}"#).unwrap();
    let state = path("state.json");
    let decide = |output: &str| {
        let (bundle, policy) = (path("bundle.json"), path("policy.json"));
        run(&[
            "decide",
            "bin-pack",
            "-i",
            &state,
            "--now",
            "2026-08-01T00:00:00Z",
            "--record",
            &bundle,
            "-p",
            &policy,
            "-o",
            output,
        ])
    };
    let decision = decide("json");
    assert_eq!(code(&decision), 0, "{decision:?}");
    assert!(decision.stderr.is_empty(), "standard error is for people: {decision:?}");
    let parsed: serde_json::Value = serde_json::from_slice(&decision.stdout).unwrap();
    // One m5.large at $0.096 an hour.
    assert_eq!(parsed["estimated_savings"], 70.08);
    assert_eq!(parsed["evidence"]["bound"]["gap"], 0.0);

    std::fs::write(path("decision.json"), &decision.stdout).unwrap();
    assert_eq!(code(&run(&["check", "-i", &state, "-d", &path("decision.json")])), 0);
    let replay = run(&["replay", &path("bundle.json")]);
    assert_eq!((code(&replay), &replay.stdout), (0, &decision.stdout));

    // Whoever keeps bundles can replay them after an upgrade that decides alike.
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/replay_bundle.json");
    let bundle = std::fs::read(path("bundle.json")).unwrap();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&golden, &bundle).unwrap();
    }
    assert_eq!(
        String::from_utf8(bundle).unwrap(),
        std::fs::read_to_string(&golden).unwrap(),
        "bundles changed; see how with UPDATE_GOLDEN=1 and git diff"
    );

    let forged = String::from_utf8(decision.stdout.clone()).unwrap().replacen(
        "drain_node",
        "reboot_node",
        1,
    );
    std::fs::write(path("forged.json"), forged).unwrap();
    assert_eq!(code(&run(&["check", "-i", &state, "-d", &path("forged.json")])), 2);
    let forged = String::from_utf8(decision.stdout.clone()).unwrap().replacen(
        "\"estimated_savings\":70.08",
        "\"estimated_savings\":170.08",
        1,
    );
    std::fs::write(path("forged.json"), forged).unwrap();
    assert_eq!(code(&run(&["check", "-i", &state, "-d", &path("forged.json")])), 10);

    let table = String::from_utf8(decide("table").stdout).unwrap();
    assert!(table.contains("saves $70.08 a month") && table.contains("Proven"), "{table}");
    let csv = String::from_utf8(decide("csv").stdout).unwrap();
    assert!(csv.lines().nth(1).unwrap().starts_with("remove_node,"), "{csv}");
    assert!(String::from_utf8(decide("yaml").stdout).unwrap().contains("estimated_savings: 70.08"));
}

#[test]
fn exit_codes_and_messages_say_what_is_wrong() {
    let here = folder("mistakes");
    let check = |arguments: &[&str], expected: i32, part: &str| {
        let output = run(arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(code(&output), expected, "{arguments:?}: {said}");
        assert!(said.contains(part), "{arguments:?}: {said}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
    };
    let bad = here.join("bad.json").display().to_string();
    std::fs::write(&bad, r#"{"pods":[{"name":"a","cpu":"lots"}]}"#).unwrap();
    check(&["decide", "no-such", "-i", &bad], 2, "known decisions: spot-optimize, bin-pack");
    check(&["decide", "bin-pack", "-i", "no such file"], 4, "no such file");
    check(&["decide", "bin-pack", "-i", &bad], 2, "/pods/0/cpu");
    check(&["replay", &bad], 2, "missing field");
    check(&["decide", "bin-pack", "--now", "yesterday"], 2, "--now");
    let data = here.join("data").display().to_string();
    check(&["serve", "--host", "0.0.0.0", "--data", &data], 1, "cloudoptim keys create");
}

#[test]
fn completions_exist_for_every_shell() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let output = run(&["completions", shell]);
        assert!(code(&output) == 0 && output.stdout.len() > 500, "{shell}");
    }
}

struct Server {
    process: Child,
    port: u16,
}

/// A test that failed leaves no server behind.
impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Server {
    fn start(arguments: &[&str]) -> Server {
        let mut command = binary();
        command.args(["serve", "--port", "0"]).args(arguments);
        Server::of(command)
    }

    fn of(mut command: Command) -> Server {
        let mut process = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let address = lines
            .by_ref()
            .map(Result::unwrap)
            .find(|line| line.contains("answers on http://"))
            .unwrap();
        let port = address.rsplit(':').next().unwrap().parse().unwrap();
        // Whoever writes to a closed pipe ends; so the rest is read to the end.
        std::thread::spawn(move || lines.for_each(drop));
        Server { process, port }
    }

    fn ask(&self, head: &str, body: &str) -> (u16, String) {
        self.ask_as("", head, body)
    }

    /// Asks with a further header, `name: value` and a line's end.
    fn ask_as(&self, header: &str, head: &str, body: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        write!(
            stream,
            "{head} HTTP/1.1\r\nhost: localhost\r\n{header}connection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
        (status, answer.split_once("\r\n\r\n").unwrap().1.to_owned())
    }

    fn stop(mut self) -> i32 {
        let id = self.process.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        self.process.wait().unwrap().code().unwrap()
    }
}

#[test]
fn what_was_answered_is_there_after_a_kill() {
    let data = folder("durable").display().to_string();
    let body = r#"{"current_state":{"nodes":[{"name":"a","cpu":4,"memory":"8Gi"}],"pods":[]},"requirements":{"effort":"fast"}}"#;
    let mut server = Server::start(&["--data", &data]);
    let (status, answer) = server.ask("POST /api/v1/ml/decision/bin-pack", body);
    assert_eq!(status, 200, "{answer}");
    server.process.kill().unwrap();
    server.process.wait().unwrap();

    let decision: serde_json::Value = serde_json::from_str(&answer).unwrap();
    let server = Server::start(&["--data", &data]);
    let path = format!("GET /api/v1/ml/decisions/{}", decision["decision_id"].as_str().unwrap());
    assert_eq!(server.ask(&path, ""), (200, answer));
    assert_eq!(server.stop(), 0);
}

#[test]
fn the_demo_decides_at_once_and_says_what_it_is() {
    let server = Server::start(&["--demo"]);
    let (status, list) = server.ask("GET /api/v1/ml/decisions/history", "");
    let list: serde_json::Value = serde_json::from_str(&list).unwrap();
    assert_eq!(status, 200);
    assert!(list.as_array().unwrap().len() >= 3, "{list}");
    for decision in list.as_array().unwrap() {
        assert!(decision["cluster_id"].as_str().unwrap().contains("made-up"));
        let first =
            ["bin_pack", "spot_optimize"].contains(&decision["decision_type"].as_str().unwrap());
        assert!(!first || decision["estimated_savings"].as_f64().unwrap() > 0.0, "{decision}");
    }
    // The scan that is planned at the start finds something by every engine.
    let found = || -> std::collections::BTreeSet<String> {
        let (_, findings) = server.ask("GET /api/v1/ml/findings?limit=200", "");
        let findings: serde_json::Value = serde_json::from_str(&findings).unwrap();
        let types = findings.as_array().unwrap().iter().map(|one| one["decision_type"].as_str());
        types.map(|name| name.unwrap().to_owned()).collect()
    };
    let until = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while found().is_empty() && std::time::Instant::now() < until {
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    assert_eq!(found().len(), 12, "{:?}", found());
    let (status, clusters) = server.ask("GET /api/v1/ml/clusters", "");
    assert!(status == 200 && clusters.contains("made-up"), "{clusters}");
    assert_eq!(server.stop(), 0);
}

#[test]
fn prices_of_files_are_kept_once_and_served() {
    let here = folder("pricing");
    let data = here.join("data").display().to_string();
    let file = here.join("spot-2026-07-31.csv").display().to_string();
    let rows = "timestamp,az,instance_type,usd_per_hour\n\
        2026-07-30T00:00:00Z,us-east-1a,m5.large,0.0391\n\
        2026-07-31T00:00:00Z,us-east-1a,m5.large,0.0392\n\
        2026-07-31T00:00:00Z,us-east-1b,m5.large,-1\n";
    std::fs::write(&file, rows).unwrap();
    let import = || run(&["pricing", "import", &file, "--data", &data]);
    // One row is not believed, so the import is a partial one.
    let first = import();
    assert_eq!(code(&first), 3, "{first:?}");
    let said = String::from_utf8_lossy(&first.stderr).into_owned();
    assert!(said.contains("2 new") && said.contains("1 not believed"), "{said}");
    let again = String::from_utf8_lossy(&import().stderr).into_owned();
    assert!(again.contains("0 new") && again.contains("2 known"), "{again}");
    let stats = run(&["pricing", "stats", "-o", "json", "--data", &data]);
    let stats: serde_json::Value = serde_json::from_slice(&stats.stdout).unwrap();
    assert_eq!(stats["spot_prices_count"], 2);
    let server = Server::start(&["--data", &data]);
    let path = "GET /api/v1/ml/pricing/spot?instance_type=m5.large&region=us-east-1&start_date=2026-07-01&end_date=2026-08-01";
    let (status, prices) = server.ask(path, "");
    assert_eq!(status, 200, "{prices}");
    let prices: serde_json::Value = serde_json::from_str(&prices).unwrap();
    assert_eq!(prices[1]["spot_price"], 0.0392);
    assert_eq!(server.stop(), 0);
}
