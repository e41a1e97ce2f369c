//! The collector: it may only read, and what it gathers becomes a snapshot.

use std::collections::BTreeSet;

use serde_json::Value;

use super::*;

fn objects() -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/collector/collector.yaml");
    serde_saphyr::from_multiple(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn of_kind(kind: &str) -> Value {
    objects().into_iter().find(|object| object["kind"] == kind).unwrap()
}

fn texts(list: &Value) -> Vec<String> {
    list.as_array().unwrap().iter().map(|one| one.as_str().unwrap().to_owned()).collect()
}

fn pod() -> Value {
    of_kind("CronJob")["spec"]["jobTemplate"]["spec"]["template"]["spec"].clone()
}

fn kinds() -> Vec<String> {
    let variables = pod()["initContainers"][0]["env"].clone();
    let kinds =
        variables.as_array().unwrap().iter().find(|one| one["name"] == "KINDS").unwrap().clone();
    kinds["value"].as_str().unwrap().split_whitespace().map(str::to_owned).collect()
}

#[test]
fn the_collector_may_read_what_it_asks_for_and_nothing_else() {
    let mut allowed = BTreeSet::new();
    for rule in of_kind("ClusterRole")["rules"].as_array().unwrap() {
        assert_eq!(texts(&rule["verbs"]), ["get", "list"]);
        for group in texts(&rule["apiGroups"]) {
            for resource in texts(&rule["resources"]) {
                let is_metric = group == "metrics.k8s.io";
                allowed.insert(if is_metric { format!("{resource}.{group}") } else { resource });
            }
        }
    }
    assert_eq!(allowed, kinds().into_iter().collect());
    for secret in ["*", "secrets", "configmaps", "pods/log", "pods/exec"] {
        assert!(!allowed.contains(secret));
    }
    let pod = pod();
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
    for list in ["initContainers", "containers"] {
        for container in pod[list].as_array().unwrap() {
            let locked = &container["securityContext"];
            assert_eq!(locked["readOnlyRootFilesystem"], true, "{}", container["name"]);
            assert_eq!(locked["allowPrivilegeEscalation"], false, "{}", container["name"]);
        }
    }
}

/// Runs a container's script with the folder in the place of `/work`, and our own `kubectl`.
fn run_script(container: &Value, folder: &Path) -> Output {
    let script = container["args"][0].as_str().unwrap();
    let script = script.replace("/work", &folder.display().to_string());
    let programs = folder.join("programs");
    let own = Path::new(env!("CARGO_BIN_EXE_cloudoptim")).parent().unwrap();
    let path = std::env::var("PATH").unwrap();
    let path = format!("{}:{}:{path}", programs.display(), own.display());
    let mut command = Command::new("sh");
    command.args(["-c", &script]).env("PATH", path).env("KINDS", kinds().join(" "));
    command.env("CLUSTER_ID", "collected").env("REGION", "us-east-1");
    command.output().unwrap()
}

#[test]
fn what_the_collector_gathers_becomes_a_snapshot() {
    let folder = folder("collector");
    let programs = folder.join("programs");
    std::fs::create_dir_all(&programs).unwrap();
    // A cluster of one node and one pod; without Karpenter and metrics-server.
    let kubectl = r#"#!/bin/sh
list() { echo "{\"apiVersion\": \"v1\", \"kind\": \"List\", \"items\": [$1]}"; }
case "$2" in
  nodes) list '{"apiVersion":"v1","kind":"Node","metadata":{"name":"n","uid":"1"},"status":{"allocatable":{"cpu":"2","memory":"4Gi"}}}' ;;
  pods) list '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p","namespace":"a","uid":"2"},"spec":{"nodeName":"n","containers":[{"name":"c"}]},"status":{"phase":"Running"}}' ;;
  nodepools|nodeclaims|*.metrics.k8s.io) echo "the server does not have a resource type \"$2\"" >&2; exit 1 ;;
  *) list "" ;;
esac
"#;
    let program = programs.join("kubectl");
    std::fs::write(&program, kubectl).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&program, mode).unwrap();

    let pod = pod();
    let read = run_script(&pod["initContainers"][0], &folder);
    assert!(read.status.success(), "{read:?}");
    assert!(String::from_utf8_lossy(&read.stderr).contains("nodepools"), "{read:?}");
    let assembled = run_script(&pod["initContainers"][1], &folder);
    assert!(assembled.status.success(), "{assembled:?}");
    let state: Value =
        serde_json::from_slice(&std::fs::read(folder.join("state")).unwrap()).unwrap();
    assert_eq!(state["cluster_id"], "collected");
    assert_eq!(state["nodes"]["items"][0]["name"], "n");
    assert_eq!(state["pods"]["items"][0]["name"], "p");
    assert_eq!(state["policies"]["complete"], true);

    // A cluster whose pods cannot be read gives no snapshot at all.
    std::fs::write(
        &program,
        kubectl.replace("  pods)", "  unpods)").replace("nodepools|", "pods|nodepools|"),
    )
    .unwrap();
    assert!(!run_script(&pod["initContainers"][0], &folder).status.success());
}
