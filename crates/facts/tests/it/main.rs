//! The contracts as files: what callers script against changes only with a diff that a person reads.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::path::PathBuf;

use facts::action::Step;
use facts::cluster::ClusterState;
use facts::reason::ReasonCode;

fn golden(name: &str, actual: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, actual).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(actual, expected, "{name} differs; UPDATE_GOLDEN=1 accepts");
}

fn read(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn a_snapshot_with_every_section_is_written_as_it_was_read() {
    let text = read("cluster_state.json");
    let decoded = ClusterState::from_json(text.as_bytes()).unwrap();
    assert_eq!(decoded.unknown.total(), 0, "{:?}", decoded.unknown);
    assert!(decoded.value.sections().iter().all(|(_, summary)| summary.is_some()));
    let written = serde_json::to_string_pretty(&decoded.value).unwrap() + "\n";
    golden("cluster_state.json", &written);
}

#[test]
fn every_action_is_written_as_it_was_read() {
    let steps: Vec<Step> = serde_json::from_str(&read("actions.json")).unwrap();
    let actions: Vec<String> = steps
        .iter()
        .map(|step| {
            serde_json::to_value(&step.action).unwrap()["action"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(
        actions,
        [
            "launch_node",
            "cordon_node",
            "drain_node",
            "evict_pod",
            "terminate_node",
            "resize_container",
            "resize_instance",
            "scale_workload",
            "set_schedule",
            "patch_object",
            "snapshot_volume",
            "delete_volume",
            "modify_volume",
            "terminate_instance",
            "release_address",
            "create_endpoint",
            "delete_cloud_resource",
            "validate",
            "backup_state",
            "review",
        ]
    );
    golden("actions.json", &(serde_json::to_string_pretty(&steps).unwrap() + "\n"));
}

#[test]
fn an_unknown_action_is_refused() {
    let step = read("actions.json").replacen("cordon_node", "reboot_node", 1);
    let error = serde_json::from_str::<Vec<Step>>(&step).unwrap_err();
    assert!(error.to_string().contains("unknown variant `reboot_node`"), "{error}");
}

#[test]
fn reason_codes_keep_their_words_and_meanings() {
    let mut text = String::new();
    for code in ReasonCode::ALL {
        let word = serde_json::to_value(code).unwrap();
        text.push_str(&format!("{}: {}\n", word.as_str().unwrap(), code.meaning()));
    }
    golden("reason_codes.txt", &text);
}
