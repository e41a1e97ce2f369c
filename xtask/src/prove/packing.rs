//! Packing on the public trace and on generated pods, through the command line: decided, checked by
//! the second judge, replayed.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

use serde_json::{Value, json};

use super::Setting;
use super::product::Ran;

#[path = "../../../crates/packing/benches/measure/data.rs"]
#[allow(dead_code, reason = "the measurement of the core uses the rest")]
mod data;

/// The instant of every decision: the bundled prices are known by then.
const NOW: &str = "2026-08-01T00:00:00Z";

/// A question, and what its answer must reach.
struct Case {
    name: String,
    state: Value,
    policy: Value,
    market: Vec<String>,
    required_gap: Option<f64>,
    /// Whether the gap is required of the mean of all such cases, not of each.
    sample: bool,
    required_seconds: f64,
    /// Moves of the plan that drains nodes under half use, first fit.
    rule_moves: Option<usize>,
}

/// What came of it.
struct Measured {
    gap: Option<f64>,
    moves: usize,
    ran: Ran,
    checked: bool,
    replayed: bool,
}

pub(super) fn run(setting: &Setting) -> Result<String, String> {
    let mut text = heading();
    let mut missed = Vec::new();
    let (mut samples, mut most_mean) = (Vec::new(), 0.0);
    text.push_str(
        "\n## One by one\n\n\
         | case | gap to the bound | at most | moves | plain rule's moves | CPU s | wall s | CPU s at most | peak MiB | check | replay |\n\
         |---|---|---|---|---|---|---|---|---|---|---|\n",
    );
    for case in reprovisioning(setting).into_iter().chain(draining(setting)).chain([wide(setting)?])
    {
        let found = measure(setting, &case)?;
        row(&mut text, &case, &found);
        judge(&case, &found, &mut missed);
        if let (true, Some(most)) = (case.sample, case.required_gap) {
            samples.push(found.gap.unwrap_or(f64::INFINITY));
            most_mean = most;
        }
    }
    let mean = samples.iter().sum::<f64>() / samples.len().max(1) as f64;
    let _ = writeln!(
        text,
        "\nMean gap of the {} samples of 100 pods: {} (at most {}).",
        samples.len(),
        percent(mean),
        percent(most_mean)
    );
    if mean > most_mean {
        missed.push("the mean of the samples of 100 pods".to_owned());
    }
    text.push_str(
        "\n## Many small pods, seeds 1 to 20\n\n\
         | pods | mean gap | worst gap | at most (mean) | longest CPU s | at most | check | replay |\n\
         |---|---|---|---|---|---|---|---|\n",
    );
    for (count, most, seconds) in [(100, 0.05, 1.0), (1_000, 0.03, 2.0), (8_000, 0.035, 10.0)] {
        let (mut gaps, mut longest, mut sound) = (Vec::new(), 0.0_f64, (true, true));
        for seed in 1..=20 {
            let case = small(setting, count, seed);
            let found = measure(setting, &case)?;
            gaps.push(found.gap.unwrap_or(f64::INFINITY));
            longest = longest.max(found.ran.cpu_seconds);
            sound = (sound.0 && found.checked, sound.1 && found.replayed);
        }
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let worst = gaps.iter().fold(0.0_f64, |most, gap| most.max(*gap));
        let _ = writeln!(
            text,
            "| {count} | {} | {} | {} | {longest:.2} | {seconds} | {} | {} |",
            percent(mean),
            percent(worst),
            percent(most),
            yes(sound.0),
            yes(sound.1)
        );
        if mean > most || longest > seconds || sound != (true, true) {
            missed.push(format!("small pods, {count}"));
        }
    }
    importer(setting, &mut text, &mut missed)?;
    let _ = writeln!(
        text,
        "\n{}",
        if missed.is_empty() {
            "Everything is within its limits.".to_owned()
        } else {
            format!("Beyond a limit: {}.", missed.join("; "))
        }
    );
    Ok(text)
}

fn heading() -> String {
    let output = |program: &str, arguments: &[&str]| {
        let said = std::process::Command::new(program).args(arguments).output();
        said.map(|said| String::from_utf8_lossy(&said.stdout).trim().to_owned()).unwrap_or_default()
    };
    let commit = output("git", &["rev-parse", "--short", "HEAD"]);
    let date = output("date", &["-u", "+%Y-%m-%d"]);
    let cores = output("nproc", &[]);
    let model = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = model.lines().find_map(|line| line.strip_prefix("model name\t: ")).unwrap_or("?");
    format!(
        "# Packing, measured\n\n\
         Written by `cargo xtask prove packing` on {date} at commit {commit}, on {cores} shared cores ({model}).\n\
         Every case is decided by `cloudoptim decide bin-pack`, judged by `cloudoptim check` and made again by `cloudoptim replay`.\n\
         Pods and nodes: the openb trace (processors and memory; requests for GPUs are left out), and the generator of many small pods.\n\
         Times include reading the snapshot and writing the answer.\n"
    )
}

fn reprovisioning(setting: &Setting) -> Vec<Case> {
    let large = data::machines(&setting.reference, 32);
    let fits = |pod: &[i64; 2]| {
        large.iter().any(|one| pod[0] <= one.capacity[0] && pod[1] <= one.capacity[1])
    };
    let pods: Vec<[i64; 2]> =
        data::openb_pods(&setting.reference).into_iter().filter(fits).collect();
    [(100, 0.005, 5.0), (1_000, 0.003, 20.0), (7_802, 0.003, 30.0)]
        .map(|(count, gap, seconds)| Case {
            name: format!("openb anew, {count} pods"),
            state: waiting(&pods[..count]),
            policy: anew(32),
            market: Vec::new(),
            required_gap: Some(gap),
            sample: false,
            required_seconds: seconds,
            rule_moves: None,
        })
        .into()
}

fn small(_: &Setting, count: usize, seed: u64) -> Case {
    Case {
        name: format!("small pods anew, {count}, seed {seed}"),
        state: waiting(&data::small_pods(count, seed)),
        policy: anew(16),
        market: Vec::new(),
        required_gap: None,
        sample: false,
        required_seconds: 10.0,
        rule_moves: None,
    }
}

/// The whole cluster planned anew on x86 m, c and r types; every node carries a daemon set.
fn anew(most_vcpu: u32) -> Value {
    json!({
        "mode": "reprovision",
        "effort": "best",
        "instance_types": {
            "architectures": ["amd64"], "categories": ["m", "c", "r"], "max_vcpu": most_vcpu,
        },
        "new_nodes": { "overhead": { "cpu": "150m", "memory": "300Mi" }, "max_pods": 107 },
    })
}

/// Pods that wait, as objects with containers.
fn waiting(pods: &[[i64; 2]]) -> Value {
    let pod = |(at, pod): (usize, &[i64; 2])| {
        json!({
            "name": format!("pod-{at}"), "uid": format!("pod-{at}"), "phase": "Pending",
            "owner": { "kind": "ReplicaSet", "name": format!("set-{}", at / 10) },
            "containers": [{ "name": "main", "requests": requests(pod) }],
        })
    };
    json!({
        "cluster_id": "proof", "region": "us-east-1", "nodes": [],
        "pods": pods.iter().enumerate().map(pod).collect::<Vec<_>>(),
    })
}

fn requests(pod: &[i64; 2]) -> Value {
    json!({ "cpu": format!("{}m", pod[0]), "memory": format!("{}Mi", pod[1]) })
}

fn draining(setting: &Setting) -> Vec<Case> {
    let (nodes, pods) =
        (data::openb_nodes(&setting.reference), data::openb_pods(&setting.reference));
    // Small samples scatter, and some have no better plan as long as pods of nodes that stay do not
    // move: of those the mean is judged, and each is shown.
    let small = (1..=12).chain([16, 24]).map(|seed| (100, 26, seed, 0.025, 15.0));
    let samples = small.chain([
        (100, 27, 31, 0.025, 15.0),
        (1_000, 284, 3, 0.063, 40.0),
        (1_000, 284, 5, 0.063, 40.0),
        (8_152, 1_523, 0, 0.041, 60.0),
    ]);
    let case = |(pod_count, node_count, seed, gap, seconds)| {
        let (nodes, pods) = data::shuffled((&nodes, &pods), seed);
        let (nodes, pods) = (&nodes[..node_count], &pods[..pod_count]);
        let placed = data::placed(nodes, pods);
        let node = |(at, node): (usize, &[i64; 2])| {
            json!({
                "name": format!("node-{at}"), "uid": format!("node-{at}"),
                "allocatable": { "cpu": format!("{}m", node[0]), "memory": format!("{}Mi", node[1]), "pods": 1000 },
            })
        };
        let pod = |(at, (pod, node)): (usize, &([i64; 2], u32))| {
            json!({
                "name": format!("pod-{at}"), "uid": format!("pod-{at}"),
                "node": format!("node-{node}"),
                "owner": { "kind": "ReplicaSet", "name": format!("set-{}", at / 10) },
                "containers": [{ "name": "main", "requests": requests(pod) }],
            })
        };
        Case {
            name: format!(
                "openb drained, {} pods on {node_count} nodes, sample {seed}",
                placed.len()
            ),
            state: json!({
                "cluster_id": "proof", "region": "us-east-1",
                "nodes": nodes.iter().enumerate().map(node).collect::<Vec<_>>(),
                "pods": placed.iter().enumerate().map(pod).collect::<Vec<_>>(),
            }),
            policy: json!({
                "effort": "best", "replace": false,
                "node_price": { "usd_per_vcpu_hour": 0.0316, "usd_per_gib_hour": 0.0042 },
            }),
            market: Vec::new(),
            required_gap: Some(gap),
            sample: pod_count == 100,
            required_seconds: seconds,
            rule_moves: Some(rule_moves(nodes, &placed)),
        }
    };
    samples.map(case).collect()
}

/// Moves of the plain rule: nodes under half use, the emptiest first, each drained onto the first
/// nodes with room when all of its pods find some.
fn rule_moves(nodes: &[[i64; 2]], placed: &[([i64; 2], u32)]) -> usize {
    use packing::IndexSet;
    use packing::consolidate::{Gates, drain_under_half};
    use packing::placement::{ClassRules, Item, Model, Node, Parts};
    use packing::work::Work;
    let parts = Parts {
        dims: 2,
        nodes: nodes
            .iter()
            .map(|node| Node {
                capacity: node.to_vec(),
                cost: node[0] * 31_600 + node[1] * 4_200_000 / 1_024,
                removable: true,
                kind: 0,
                domains: Vec::new(),
            })
            .collect(),
        items: (0_u32..)
            .zip(placed)
            .map(|(class, (_, node))| Item { class, home: Some(*node), movable: true, weight: 1 })
            .collect(),
        classes: placed
            .iter()
            .map(|(pod, _)| ClassRules {
                demand: pod.to_vec(),
                allowed: IndexSet::All,
                groups: Vec::new(),
            })
            .collect(),
        groups: Vec::new(),
    };
    let plan = Model::new(parts).map(|model| {
        drain_under_half(&model, &Gates::default(), &mut Work::new(u64::MAX)).moves.len()
    });
    plan.unwrap_or(0)
}

/// 20,000 pods in fifths with rules between pods, on 400 made-up types in three zones.
fn wide(setting: &Setting) -> Result<Case, String> {
    let mut catalogue = "instance_type,vcpu,memory_mib,arch,max_pods,allocatable_cpu_milli,allocatable_memory_mib,current_generation\n".to_owned();
    let mut prices = "instance_type,region,operating_system,usd_per_hour\n".to_owned();
    for at in 1..=400 {
        let price = f64::from(at) * 0.3;
        let name = format!("w1.size{at}");
        let _ = writeln!(
            catalogue,
            "{name},{at},{},amd64,{},{},{},true",
            at * 2048,
            at * 10,
            at * 1000 - 100,
            at * 2048 - 10
        );
        let _ = writeln!(prices, "{name},us-east-1,Linux,{price:.1}");
    }
    let mut market = Vec::new();
    for (name, content) in
        [("catalogue-2026-07-31.csv", catalogue), ("prices-2026-07-31.csv", prices)]
    {
        let file = setting.scratch.join(name);
        std::fs::write(&file, content).map_err(|error| error.to_string())?;
        market.push(file.display().to_string());
    }
    const ZONE: &str = "topology.kubernetes.io/zone";
    const HOST: &str = "kubernetes.io/hostname";
    let pods = data::wide_pods();
    let pod = |(at, pod): (usize, &[i64; 2])| {
        let letter = char::from(b'a' + (at / 5 % 7) as u8).to_string();
        let kind = (at % 5).to_string();
        let selector = json!({ "match_labels": { "app": letter, "kind": kind } });
        let terms =
            |key: &str| json!({ "required": [{ "topology_key": key, "selector": selector }] });
        let spread =
            |key: &str| json!([{ "topology_key": key, "max_skew": 1, "selector": selector }]);
        let mut made = json!({
            "name": format!("pod-{at}"), "uid": format!("pod-{at}"), "phase": "Pending",
            "labels": { "app": letter, "kind": kind },
            "owner": { "kind": "ReplicaSet", "name": format!("set-{at}") },
            "containers": [{ "name": "main", "requests": requests(pod) }],
        });
        match at % 5 {
            1 => made["topology_spread"] = spread(ZONE),
            2 => made["topology_spread"] = spread(HOST),
            3 => made["affinity"] = json!({ "pod": terms(ZONE) }),
            4 => made["affinity"] = json!({ "pod_anti": terms(HOST) }),
            _ => {}
        }
        made
    };
    let node = |zone: &str| {
        json!({
            "name": format!("seed-{zone}"), "uid": format!("seed-{zone}"), "zone": zone,
            "architecture": "amd64", "usd_per_hour": 0.3,
            "allocatable": { "cpu": "100m", "memory": "100Mi", "pods": 1 },
        })
    };
    let zones = ["us-east-1a", "us-east-1b", "us-east-1c"].map(node);
    Ok(Case {
        name: "20,000 pods in fifths on 400 types".to_owned(),
        state: json!({
            "cluster_id": "proof", "region": "us-east-1",
            "nodes": zones,
            "pods": pods.iter().enumerate().map(pod).collect::<Vec<_>>(),
        }),
        policy: json!({
            "mode": "reprovision", "effort": "fast",
            "instance_types": { "architectures": ["amd64"], "families": ["w1"] },
        }),
        market,
        required_gap: None,
        sample: false,
        required_seconds: 20.0,
        rule_moves: None,
    })
}

fn measure(setting: &Setting, case: &Case) -> Result<Measured, String> {
    let path = |name: &str| setting.scratch.join(name).display().to_string();
    let written = |name: &str, value: &Value| {
        std::fs::write(path(name), value.to_string()).map_err(|error| error.to_string())
    };
    written("state.json", &case.state)?;
    written("policy.json", &case.policy)?;
    let (state, policy, bundle) = (path("state.json"), path("policy.json"), path("bundle.json"));
    let mut arguments = vec![
        "decide", "bin-pack", "--input", &state, "--policy", &policy, "--now", NOW, "-o", "json",
        "--record", &bundle,
    ];
    for file in &case.market {
        arguments.extend(["--market", file]);
    }
    let answer = path("decision.json");
    let ran = setting.ran(&arguments, Path::new(&answer))?;
    if ran.code != 0 {
        return Err(format!("{}: decide ended with {}", case.name, ran.code));
    }
    let text = std::fs::read(&answer).map_err(|error| error.to_string())?;
    let decision: Value = serde_json::from_slice(&text).map_err(|error| error.to_string())?;
    let check = ["check", "--input", &state, "--decision", &answer];
    let checked = setting.ran(&check, &setting.scratch.join("checked"))?.code == 0;
    let again = setting.scratch.join("again.json");
    let replay = setting.ran(&["replay", &bundle], &again)?;
    let steps = decision["execution_plan"].as_array().cloned().unwrap_or_default();
    let moves = steps.iter().filter_map(|step| step["evictions"].as_array()).map(Vec::len).sum();
    Ok(Measured {
        gap: decision["evidence"]["bound"]["gap"].as_f64(),
        moves,
        checked,
        replayed: replay.code == 0 && std::fs::read(&again).is_ok_and(|bytes| bytes == text),
        ran,
    })
}

fn row(text: &mut String, case: &Case, found: &Measured) {
    let or_dash = |value: Option<String>| value.unwrap_or_else(|| "–".to_owned());
    let _ = writeln!(
        text,
        "| {} | {} | {} | {} | {} | {:.2} | {:.2} | {} | {:.0} | {} | {} |",
        case.name,
        or_dash(found.gap.map(percent)),
        or_dash(case.required_gap.map(percent)),
        found.moves,
        or_dash(case.rule_moves.map(|moves| moves.to_string())),
        found.ran.cpu_seconds,
        found.ran.wall_seconds,
        case.required_seconds,
        found.ran.peak_mib,
        yes(found.checked),
        yes(found.replayed),
    );
    eprintln!("{}", text.lines().last().unwrap_or_default());
}

fn judge(case: &Case, found: &Measured, missed: &mut Vec<String>) {
    let gap = case.sample
        || case.required_gap.is_none_or(|most| found.gap.is_some_and(|gap| gap <= most));
    let moves = case.rule_moves.is_none_or(|most| found.moves <= most);
    // Searches use one thread: on an idle core both times are the same.
    let time = found.ran.cpu_seconds <= case.required_seconds;
    let memory = found.ran.peak_mib <= 1024.0;
    if !(gap && moves && time && memory && found.checked && found.replayed) {
        missed.push(case.name.clone());
    }
}

/// A gigabyte of `kubectl` output, made of the pods of a real cluster.
fn importer(setting: &Setting, text: &mut String, missed: &mut Vec<String>) -> Result<(), String> {
    let dump = setting.reference.join("k8s/eks-dump");
    let failed = |error: std::io::Error| format!("{}: {error}", dump.display());
    let mut pods: Vec<Value> = Vec::new();
    for file in std::fs::read_dir(&dump).map_err(failed)?.flatten() {
        let bytes = std::fs::read(file.path()).map_err(failed)?;
        let list: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        if list["kind"] == "PodList" {
            pods.extend(list["items"].as_array().cloned().unwrap_or_default());
        }
    }
    let path = setting.scratch.join("pods.json");
    let mut file = std::io::BufWriter::new(std::fs::File::create(&path).map_err(failed)?);
    let (mut written, mut count) = (0_usize, 0_usize);
    file.write_all(b"{\"kind\":\"PodList\",\"apiVersion\":\"v1\",\"items\":[").map_err(failed)?;
    while written < 1_000_000_000 {
        let mut pod = pods[count % pods.len()].clone();
        pod["metadata"]["name"] = format!("pod-{count}").into();
        pod["metadata"]["uid"] = format!("uid-{count}").into();
        let line = pod.to_string();
        file.write_all(if count == 0 { b"\n" } else { b",\n" }).map_err(failed)?;
        file.write_all(line.as_bytes()).map_err(failed)?;
        written += line.len() + 2;
        count += 1;
    }
    file.write_all(b"\n]}\n").and_then(|()| file.flush()).map_err(failed)?;
    drop(file);
    let input = path.display().to_string();
    let ran =
        setting.ran(&["snapshot", &input, "--at", NOW], &setting.scratch.join("state.json"))?;
    let _ = writeln!(
        text,
        "\n## Importing a gigabyte\n\n\
         `cloudoptim snapshot` on {count} pods ({written} bytes): {:.1} s of CPU, {:.1} s of wall time (at most 60), {:.0} MiB at the peak (at most 1024), exit code {}.",
        ran.cpu_seconds, ran.wall_seconds, ran.peak_mib, ran.code
    );
    if ran.wall_seconds > 60.0 || ran.peak_mib > 1024.0 || ran.code != 0 {
        missed.push("importing a gigabyte".to_owned());
    }
    let _ = std::fs::remove_file(path);
    Ok(())
}

fn percent(share: f64) -> String {
    format!("{:.3} %", share * 100.0)
}

fn yes(holds: bool) -> &'static str {
    if holds { "passes" } else { "**fails**" }
}
