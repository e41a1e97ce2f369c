//! Gaps and refreshes with the real binary and a fake AWS.

use std::path::Path;
use std::process::Output;

use serde_json::Value;
use testkit::FakeAws;

use crate::pricing::{fake, json, serve, when, with_fake};
use crate::{code, folder};

fn run(fake: &FakeAws, data: &Path, arguments: &[&str]) -> Output {
    with_fake(fake, data).args(arguments).output().unwrap()
}

fn value(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

const POOLS: [&str; 6] = ["-r", "us-east-1", "-t", "m5.large", "-t", "c5.large"];

#[test]
fn gaps_are_found_and_filled_from_the_command_line() {
    let data = folder("gaps");
    let fake = fake(20, 20);
    let run = |arguments: &[&str]| run(&fake, &data, arguments);
    let pools = |front: &[&'static str], rest: &[&'static str]| [front, &POOLS, rest].concat();
    let before = run(&pools(&["gap", "analyze"], &["-o", "json"]));
    assert_eq!(code(&before), 0, "{before:?}");
    assert_eq!(value(&before)["extent"]["coverage_percent"], 0.0);
    assert!(said(&before).contains("m5.large fits 1 known type"), "{before:?}");
    let wrong = run(&["gap", "analyze", "-r", "us-east-1", "-t", "zz.*"]);
    assert_eq!(code(&wrong), 2);
    assert!(said(&wrong).contains("zz.*"), "{wrong:?}");
    let filled = run(&pools(&["gap", "fill"], &["-o", "json"]));
    assert_eq!(code(&filled), 0, "{filled:?}");
    let filled = value(&filled);
    assert_eq!(filled["outcome"]["remaining_hours"], 0.0);
    assert_eq!(filled["outcome"]["found"]["pools"], 4, "two types in two zones");
    let id = filled["gap_id"].as_str().unwrap();
    assert_eq!(value(&run(&["gap", "status", id, "-o", "json"])), filled);
    let after = value(&run(&pools(&["gap", "analyze"], &["-o", "json"])));
    assert_eq!(
        (&after["extent"]["coverage_percent"], &after["gaps_total"]),
        (&100.0.into(), &0.into())
    );
    let history = run(&["gap", "history", "-o", "csv"]);
    let lines = String::from_utf8(history.stdout).unwrap();
    assert!(lines.lines().nth(1).unwrap().starts_with(&format!("{id},completed,")), "{lines}");
    let table = String::from_utf8(run(&["gap", "log", id]).stdout).unwrap();
    assert!(table.contains("part 1 of"), "{table}");
    assert_eq!(code(&run(&["gap", "status", "nonsense"])), 4);
    let mut off = with_fake(&fake, &data);
    let off = off.env("GAP_FILLER_ENABLED", "false").args(pools(&["gap", "fill"], &[]));
    let off = off.output().unwrap();
    assert_eq!(code(&off), 1);
    assert!(said(&off).contains("switched off"), "{off:?}");
}

#[test]
fn refreshes_are_run_and_scheduled_from_the_command_line() {
    let data = folder("refresh");
    let fake = fake(10, 10);
    let run = |arguments: &[&str]| run(&fake, &data, arguments);
    let done = run(&["refresh", "trigger", "-r", "us-east-1", "--auto-activate", "-o", "json"]);
    assert_eq!(code(&done), 0, "{done:?}");
    let status = value(&done);
    assert_eq!(status["outcome"]["activation"]["activated"], false);
    assert_eq!(status["outcome"]["activation"]["reason"], "there is no active model");
    let id = status["refresh_id"].as_str().unwrap();
    assert_eq!(value(&run(&["refresh", "status", id, "-o", "json"])), status);
    let stats = value(&run(&["pricing", "stats", "-o", "json"]));
    assert!(stats["spot_advisor_count"].as_u64().unwrap() > 0, "{stats}");
    let history = value(&run(&["refresh", "history", "-o", "json"]));
    assert_eq!(history[0]["refresh_id"], id);
    let set = run(&["refresh", "schedule", "set", "weekly", "--time", "03:30", "-o", "json"]);
    assert_eq!(code(&set), 0, "{set:?}");
    let set = value(&set);
    assert_eq!(set["cron"], "30 3 * * 1");
    let schedule = set["schedule_id"].as_str().unwrap();
    assert_eq!(code(&run(&["refresh", "schedule", "disable", schedule])), 0);
    let list = value(&run(&["refresh", "schedule", "list", "-o", "json"]));
    assert_eq!((&list[0]["enabled"], &list[0]["next_run_at"]), (&false.into(), &Value::Null));
    assert_eq!(code(&run(&["refresh", "schedule", "remove", schedule])), 0);
    assert_eq!(code(&run(&["refresh", "schedule", "remove", schedule])), 4);
    let wrong = run(&["refresh", "schedule", "set", "cron", "--cron", "nightly"]);
    assert_eq!(code(&wrong), 2, "{wrong:?}");
}

#[test]
fn the_server_fills_in_the_background_and_refreshes_as_the_environment_says() {
    let data = folder("gaps_served");
    let fake = fake(10, 20);
    let server = serve(&fake, &data, &[("AUTO_REFRESH_ENABLED", "true")]);
    let body = r#"{"instance_types":["m5.large"],"regions":["us-east-1"]}"#;
    let begun = json(server.ask("POST /api/v1/ml/gap-filler/fill", body));
    let path = format!("/api/v1/ml/gap-filler/status/{}", begun["gap_id"].as_str().unwrap());
    let status = when(&server, &path, |status| status["completed_at"] != Value::Null);
    assert_eq!(status["status"], "completed", "{status}");
    assert!(status["records_filled"].as_u64().unwrap() > 0);
    let schedules = json(server.ask("GET /api/v1/ml/schedules", ""));
    let auto = schedules.as_array().unwrap().iter().find(|one| one["kind"] == "refresh_model");
    assert_eq!(auto.unwrap()["cron"], "0 2 * * *");
    assert_eq!(server.stop(), 0);
}
