//! Recorded answers of AWS and published images, through the command line.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

fn reference(part: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/reference").join(part);
    let found = path.exists().then_some(path);
    if found.is_none() {
        eprintln!("skipped: there is no public data at ../shared/reference/{part}");
    }
    found
}

fn run(arguments: &[&str]) -> Value {
    let out = Command::new(env!("CARGO_BIN_EXE_cloudoptim")).args(arguments).output().unwrap();
    assert!(out.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&out.stderr));
    serde_json::from_slice(&out.stdout).unwrap()
}

/// A snapshot of files, and the decision on it.
fn decide(decision: &str, files: &[PathBuf]) -> (Value, Value) {
    let folder = tempfile();
    let mut arguments = vec!["snapshot", "--at", "2026-08-01T00:00:00Z"];
    arguments.extend(files.iter().map(|file| file.to_str().unwrap()));
    let snapshot = run(&arguments);
    let path = folder.join("snapshot.json");
    std::fs::write(&path, snapshot.to_string()).unwrap();
    let input = path.to_str().unwrap();
    let now = "2026-08-01T00:00:00Z";
    let decision = run(&["decide", decision, "-i", input, "--now", now, "-o", "json"]);
    std::fs::remove_dir_all(folder).unwrap();
    (snapshot, decision)
}

fn tempfile() -> PathBuf {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let name = format!("inventory-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn found<'a>(
    decision: &'a Value,
    part: &'a str,
    value: &'a str,
) -> impl Iterator<Item = &'a Value> {
    let all = decision["recommendations"].as_array().unwrap().iter();
    all.filter(move |one| one[part] == value)
}

#[test]
fn unattached_volumes_are_marked_and_none_is_deleted() {
    let Some(folder) = reference("aws-inventory/merged") else { return };
    let files = ["Volumes.json", "Snapshots.json", "Reservations.json"].map(|one| folder.join(one));
    let (_, decision) = decide("volume-cleanup", &files);
    let marked: Vec<&Value> = found(&decision, "stage", "mark").collect();
    // Seven volumes without an attachment, as the data's own description counts them; they have
    // 127 GiB, for 15.04 dollars a month of storage.
    assert_eq!(marked.len(), 7, "{marked:#?}");
    let gib: i64 = marked.iter().map(|one| one["size_gib"].as_i64().unwrap()).sum();
    assert_eq!(gib, 127);
    let storage: f64 = marked
        .iter()
        .map(|one| {
            let rate = match one["volume_type"].as_str().unwrap() {
                "gp2" => 0.10,
                "gp3" => 0.08,
                _ => 0.125,
            };
            rate * one["size_gib"].as_f64().unwrap()
        })
        .sum();
    assert!((storage - 15.04).abs() < 0.005, "{storage}");
    for one in &marked {
        let rate = one["formula"].as_str().unwrap();
        assert!(rate.contains("GiB × $"), "{rate}");
        assert_eq!(one["savings_usd_per_month"], 0.0, "nothing is saved by a mark");
    }
    let plan = decision["execution_plan"].as_array().unwrap();
    assert!(plan.iter().all(|step| step["action"] != "delete_volume"), "{plan:#?}");
}

#[test]
fn idle_addresses_and_balancers_are_those_of_the_plain_rule() {
    let Some(folder) = reference("aws-inventory/merged") else { return };
    let addresses =
        ["Addresses.json", "NetworkInterfaces.json", "NatGateways.json", "Reservations.json"];
    let (_, decision) = decide("ipv4-cost", &addresses.map(|one| folder.join(one)));
    let idle: Vec<&Value> = found(&decision, "remedy", "release").collect();
    assert_eq!(idle.len(), 6, "{idle:#?}");
    let saved: f64 = idle.iter().map(|one| one["savings_usd_per_month"].as_f64().unwrap()).sum();
    assert!((saved - 6.0 * 3.65).abs() < 1e-6, "{saved}");
    let (snapshot, decision) = decide(
        "shadow-it",
        &["LoadBalancerDescriptions.json", "LoadBalancers.json", "Reservations.json"]
            .map(|one| folder.join(one)),
    );
    assert_eq!(found(&decision, "resource", "idle_load_balancer").count(), 9);
    let instances = snapshot["accounts"]["items"].as_array().unwrap().iter();
    let states: Vec<String> = instances
        .flat_map(|account| account["instances"].as_array().into_iter().flatten())
        .map(|one| one["state"].as_str().unwrap().to_owned())
        .collect();
    let count = |state: &str| states.iter().filter(|one| *one == state).count();
    assert_eq!((states.len(), count("stopped"), count("terminated")), (91, 12, 17));
    // What is terminated is no longer there.
    assert_eq!(found(&decision, "resource", "stopped_instance").count(), 12);
}

#[test]
fn images_have_the_published_sizes() {
    let Some(folder) = reference("images") else { return };
    let (full, decision) =
        decide("image-bloat", &[folder.join("official-python-3.9-linux-amd64.json")]);
    let size =
        |snapshot: &Value| snapshot["images"]["items"][0]["compressed_bytes"].as_i64().unwrap();
    assert_eq!(size(&full), 350_453_206);
    let one = found(&decision, "finding", "large_image:python:3.9").next().unwrap();
    let layer = &one["advice"][0];
    assert_eq!(layer["kind"], "multi_stage_build");
    assert_eq!(layer["at_most_bytes"], 196_877_237, "the layer of build dependencies, 56 %");
    assert!(one["advice"].as_array().unwrap().iter().any(|one| one["kind"] == "slim_base"));
    let (slim, _) =
        decide("image-bloat", &[folder.join("official-python-3.9-slim-linux-amd64.json")]);
    let share = size(&slim) as f64 / size(&full) as f64;
    assert!((share - 0.135).abs() < 0.0005, "{share}");
    let saved = folder.join("dive-test-docker-save");
    let files = ["manifest.json", "config.json", "files.csv"].map(|one| saved.join(one));
    let (snapshot, decision) = decide("image-bloat", &files);
    let contents = &snapshot["images"]["items"][0]["contents"];
    assert_eq!(contents["file_bytes"], 1_220_598);
    assert_eq!(contents["overwritten_bytes"], 12_810, "the same path again");
    assert_eq!(found(&decision, "finding", "large_image:dive-test:latest").count(), 1);
}

#[test]
fn containers_are_out_of_memory_by_their_reason_alone() {
    let Some(folder) = reference("k8s/fixtures/Pod") else { return };
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let killed = files.iter().filter(|file| file.to_str().unwrap().contains("oomkilled"));
    let killed: Vec<PathBuf> = killed.cloned().collect();
    assert!(!killed.is_empty());
    // The recordings are years old: look that far back.
    let folder = tempfile();
    let snapshot = {
        let mut arguments = vec!["snapshot"];
        arguments.extend(files.iter().map(|file| file.to_str().unwrap()));
        run(&arguments)
    };
    let (input, policy) = (folder.join("snapshot.json"), folder.join("policy.json"));
    std::fs::write(&input, snapshot.to_string()).unwrap();
    std::fs::write(&policy, r#"{"window_hours": 1000000}"#).unwrap();
    let decision = run(&[
        "decide",
        "oomkilled-remediate",
        "-i",
        input.to_str().unwrap(),
        "-p",
        policy.to_str().unwrap(),
        "--now",
        "2026-08-01T00:00:00Z",
        "-o",
        "json",
    ]);
    std::fs::remove_dir_all(folder).unwrap();
    let names = |part: &str, code: Option<&str>| -> Vec<String> {
        let all = decision[part].as_array().unwrap().iter();
        all.filter(|one| code.is_none_or(|code| one["code"] == code))
            .map(ToString::to_string)
            .collect()
    };
    let about = [names("recommendations", None), names("rejected", Some("no_workload"))].concat();
    // Every recording of a kill is found, whatever its exit code (they say 1).
    assert_eq!(about.len(), killed.len(), "{about:#?}");
    // Code 137 with another reason is none.
    let others = names("rejected", Some("not_out_of_memory"));
    assert!(others.iter().all(|one| one.contains("`Error`")), "{others:#?}");
    assert!(!others.is_empty());
}
