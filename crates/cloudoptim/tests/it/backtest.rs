//! Policies over files: tables, JSON, pages, and what is refused.

use serde_json::Value;

use super::*;

const EVENTS: &str = "timestamp,instance_type,zone,event\n\
    2026-07-26T03:00:00Z,m5.large,us-east-1a,interruption\n\
    2026-07-26T05:00:00Z,m5.large,us-east-1a,return\n\
    2026-07-27T03:00:00Z,m5.large,us-east-1b,interruption\n\
    2026-07-27T05:00:00Z,m5.large,us-east-1b,return\n";

/// A cent an hour above or below five cents, from a day before on.
const PRICES: &str = "timestamp,az,instance_type,usd_per_hour\n\
    2026-07-25T12:00:00Z,us-east-1a,m5.large,0.04\n\
    2026-07-25T12:00:00Z,us-east-1b,m5.large,0.06\n\
    2026-07-26T20:00:00Z,us-east-1a,m5.large,0.04\n\
    2026-07-26T20:00:00Z,us-east-1b,m5.large,0.06\n";

fn with(here: &Path, more: &[&str]) -> Output {
    let path = |name: &str| here.join(name).display().to_string();
    let (events, market) = (path("events.csv"), path("prices-2026-07-28.csv"));
    let mut arguments = vec!["backtest", "-e", &events, "-m", &market];
    arguments.extend([
        "--instances",
        "2",
        "--startup",
        "0",
        "--step",
        "3600",
        "--interruption-cost",
        "0.1",
        "--from",
        "2026-07-26T00:00:00Z",
        "--until",
        "2026-07-28T00:00:00Z",
    ]);
    arguments.extend(more);
    run(&arguments)
}

fn prepared(name: &str) -> PathBuf {
    let here = folder(name);
    std::fs::write(here.join("events.csv"), EVENTS).unwrap();
    std::fs::write(here.join("prices-2026-07-28.csv"), PRICES).unwrap();
    here
}

#[test]
fn policies_are_compared_and_the_same_files_give_the_same_bytes() {
    let here = prepared("backtest");
    let page = here.join("report.html");
    let more = ["--policy", "lowest_price", "--policy", "hindsight_optimum", "-o", "json"];
    let html = ["--html", page.to_str().unwrap()];
    let first = with(&here, &[&more[..], &html[..]].concat());
    assert_eq!(code(&first), 0, "{first:?}");
    let report: Value = serde_json::from_slice(&first.stdout).unwrap();
    let policies = report["runs"][0]["policies"].as_array().unwrap();
    assert_eq!(policies.len(), 2);
    // Both in the cheaper pool; from its outage on in the other one, until that one goes, when they
    // come back: 3 + 21 hours at 4 cents, 24 at 6.
    let lowest = &policies[0];
    assert_eq!(lowest["policy"], "lowest_price");
    assert_eq!(lowest["interruptions"]["value"], 4.0);
    let near = |found: &Value, expected: f64| (found.as_f64().unwrap() - expected).abs() < 1e-6;
    assert!(near(&lowest["full_cost_usd"]["value"], 2.0 * 24.0 * (0.04 + 0.06) + 4.0 * 0.1));
    assert_eq!(lowest["unavailable_hours"]["value"], 0.0);
    // Whoever knows leaves an hour before the outage, and comes back behind it.
    let best = &policies[1];
    assert!(near(&best["full_cost_usd"]["value"], 2.0 * (45.0 * 0.04 + 3.0 * 0.06)));
    assert_eq!(with(&here, &more).stdout, first.stdout);
    let page = std::fs::read_to_string(page).unwrap();
    assert!(page.starts_with("<!doctype html>") && page.contains("<svg"));

    let table = with(&here, &[]);
    let table = String::from_utf8(table.stdout).unwrap();
    assert!(table.contains("price_capacity") && table.contains("Regret $"), "{table}");
    let rows = with(&here, &["-o", "csv"]);
    let rows = String::from_utf8(rows.stdout).unwrap();
    assert!(rows.starts_with("run,policy,full_cost_usd,") && rows.lines().count() == 10, "{rows}");
}

#[test]
fn what_is_missing_is_said_and_nothing_stands_in() {
    let here = prepared("backtest_refused");
    let path = |name: &str| here.join(name).display().to_string();
    let events = path("events.csv");
    let refused = run(&["backtest", "-e", &events]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(code(&refused), 2, "{said}");
    assert!(said.contains("no spot price is known") && said.contains("spot_share"), "{said}");
    let assumed = run(&["backtest", "-e", &events, "--spot-share", "0.4"]);
    let said = String::from_utf8_lossy(&assumed.stderr).into_owned();
    assert_eq!(code(&assumed), 0, "{said}");
    assert!(said.contains("40 % of On-Demand"), "{said}");
    let check = |arguments: &[&str], expected: i32, word: &str| {
        let output =
            run(&[&["backtest", "-e", &events, "--spot-share", "0.4"], arguments].concat());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(code(&output), expected, "{said}");
        assert!(said.contains(word), "{said}");
    };
    check(&["--policy", "cheapest"], 2, "known are lowest_price");
    check(&["--instances", "0"], 2, "instances: expected 1 to 10000");
    check(&["-e", &path("nothing.csv")], 4, "nothing.csv");
    std::fs::write(here.join("other.csv"), "a,b\n1,2\n").unwrap();
    check(&["-e", &path("other.csv")], 3, "without other.csv");
}

#[test]
fn public_traces_are_replayed_where_they_are() {
    let traces = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/reference/preemption/spot-traces/preemption/1-node/aws-04-19-2023");
    if !traces.is_dir() {
        eprintln!("skipped: the public data is not here");
        return;
    }
    let traces = traces.display().to_string();
    let output = run(&[
        "backtest",
        "-e",
        &traces,
        "--spot-share",
        "0.3",
        "--later-list-prices",
        "-o",
        "csv",
        "--policy",
        "on_demand_only",
        "--policy",
        "price_capacity",
    ]);
    assert_eq!(code(&output), 0, "{output:?}");
    assert_eq!(String::from_utf8(output.stdout).unwrap().lines().count(), 3);
}
