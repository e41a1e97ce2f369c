//! Decisions as files: every golden case of every engine, and names that would like to be commands.

use serde_json::{Value, json};

use super::*;

/// The files that a decision is rendered to, by name.
fn rendered(
    decision: &str,
    input: &Path,
    policy: Option<&Path>,
    to: &str,
) -> Vec<(String, String)> {
    let folder = folder(to);
    let mut command = binary();
    command.args(["decide", decision, "--now", "2026-08-01T12:00:00Z", "-o", "json"]);
    command.arg("-i").arg(input).arg("--render").arg(&folder);
    if let Some(policy) = policy {
        command.arg("-p").arg(policy);
    }
    let output = command.output().unwrap();
    assert!(matches!(code(&output), 0 | 3), "{}: {output:?}", input.display());
    let mut files = Vec::new();
    let mut look = vec![folder.clone()];
    while let Some(next) = look.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                look.push(path);
            } else {
                let name = path.strip_prefix(&folder).unwrap().display().to_string();
                files.push((name, std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    files.sort();
    files
}

fn is_valid_shell(script: &str) -> bool {
    let mut shell = Command::new("sh").arg("-n").stdin(Stdio::piped()).spawn().unwrap();
    shell.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    shell.wait().unwrap().success()
}

#[test]
fn golden_cases_are_rendered_to_files_that_hold_together() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../engines/tests/golden");
    let decisions = [
        ("bin_packing", "bin-pack"),
        ("ghost_probe", "ghost-probe"),
        ("image_bloat_analyzer", "image-bloat"),
        ("ipv4_cost_tracker", "ipv4-cost"),
        ("network_optimizer", "network-optimize"),
        ("noisy_neighbor_detector", "noisy-neighbor"),
        ("office_hours_scheduler", "schedule"),
        ("oomkilled_remediation", "oomkilled-remediate"),
        ("rightsizing", "rightsize"),
        ("shadow_it_tracker", "shadow-it"),
        ("volume_cleanup", "volume-cleanup"),
    ];
    let mut kinds = std::collections::BTreeMap::new();
    for (engine, decision) in decisions {
        for case in std::fs::read_dir(golden.join(engine)).unwrap() {
            let case = case.unwrap().path();
            let policy = case.join("policy.json");
            let policy = policy.exists().then_some(policy.as_path());
            let input = case.join("input.json");
            for (name, content) in rendered(decision, &input, policy, "rendered-golden") {
                let end = name.rsplit('.').next().unwrap().to_owned();
                *kinds.entry(end.clone()).or_insert(0) += 1;
                match end.as_str() {
                    "sh" => assert!(is_valid_shell(&content), "{}: {content}", case.display()),
                    "json" => {
                        let value: Value = serde_json::from_str(&content).unwrap();
                        // A plan has no annotations, and a list of operations adds them.
                        let id = match &value {
                            Value::Array(operations) => &operations[operations.len() - 2]["value"],
                            plan if name == "plan.json" => &plan["decision_id"],
                            _ => &value["metadata"]["annotations"]["cloudoptim.io/decision-id"],
                        };
                        assert!(id.is_string(), "{name}: {value}");
                    }
                    "csv" => {
                        assert!(content.starts_with("step,action,kind,id,arn,owner,"), "{content}")
                    }
                    "md" => assert!(content.starts_with("# "), "{content}"),
                    _ => panic!("{name}"),
                }
            }
        }
    }
    for kind in ["sh", "json", "csv", "md"] {
        assert!(kinds.get(kind).is_some_and(|count| *count > 3) || kind == "md", "{kinds:?}");
    }
}

#[test]
fn names_from_outside_never_become_commands() {
    let here = folder("rendered-hostile");
    let hostile = "vol-0'; touch pwned; $(touch pwned) `touch pwned`\n#";
    let state = json!({
        "nodes": [{"name": "n1", "provider_id": "aws:///us-east-1a/i-1"}],
        "accounts": [{"trail": [{"name": "DetachVolume", "at": "2026-01-01T00:00:00Z", "resources": [hostile]}]}],
        "volumes": {"items": {"ebs_volumes": [
            {"id": hostile, "kind": "gp3", "size_gib": 8, "state": "available", "created_at": "2025-01-01T00:00:00Z"}],
            "volumes": [{"name": "pv", "handle": "vol-1"}]}},
    });
    let input = here.join("input.json");
    std::fs::write(&input, state.to_string()).unwrap();
    let files = rendered("volume-cleanup", &input, None, "rendered-hostile-files");
    let script = &files.iter().find(|(name, _)| name == "aws.sh").unwrap().1;
    assert!(script.contains("delete-volume"), "{script}");
    assert!(is_valid_shell(script));
    // A stand-in for `aws` that permits everything and does nothing: only it may be run.
    let tools = here.join("tools");
    std::fs::create_dir_all(&tools).unwrap();
    let stand_in = tools.join("aws");
    std::fs::write(&stand_in, "#!/bin/sh\necho DryRunOperation\n").unwrap();
    std::fs::set_permissions(&stand_in, std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .unwrap();
    let path = format!("{}:{}", tools.display(), std::env::var("PATH").unwrap());
    let mut shell = Command::new("sh");
    shell.current_dir(&here).env("PATH", path).env("APPLY", "yes").arg("-c").arg(script);
    let output = shell.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(!here.join("pwned").exists(), "a name was run");
}
