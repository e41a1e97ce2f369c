//! What stands around the made-up cluster: its account, what its pods say to each other, what they
//! use, and what has been left behind. Each engine finds something here.

use facts::cluster::{Histogram, Measured};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

/// Who made it all up.
const SOURCE: &str = "demo, made up";
const NAMESPACE: &str = "demo";

/// Lays everything around a cluster; dates are counted from an instant.
pub(super) fn add(state: &mut Value, now: Timestamp) {
    let ago = |days: i64| now.saturating_sub(SignedDuration::from_hours(24 * days)).ok();
    let section = |items: Value| json!({"source": SOURCE, "complete": true, "items": items});
    mark_kills(state, now);
    state["volumes"]["items"]["ebs_volumes"] = volumes(&ago);
    state["workloads"] = section(workloads(&ago));
    state["network"] = section(json!({"services": [
        {"name": "shop-api", "namespace": NAMESPACE, "uid": "demo-service-api", "kind": "ClusterIP",
         "selector": {"app": "shop-api"}},
        {"name": "shop-web", "namespace": NAMESPACE, "uid": "demo-service-web", "kind": "LoadBalancer",
         "selector": {"app": "shop-web"}, "load_balancers": ["demo-shop.elb.amazonaws.com"]},
    ]}));
    state["traffic"] = section(traffic(state, now));
    state["usage"] = section(json!({"histories": histories(state, now)}));
    state["images"] = section(images());
    state["accounts"] = section(json!([account(state, &ago)]));
}

/// Two pods were killed for their memory this morning.
fn mark_kills(state: &mut Value, now: Timestamp) {
    let at = now.saturating_sub(SignedDuration::from_hours(3)).ok();
    let pods = state["pods"]["items"].as_array_mut().into_iter().flatten();
    for pod in pods.filter(|pod| pod["labels"]["app"] == "reports") {
        let container = &mut pod["containers"][0];
        container["limits"] = json!({"memory": "512Mi"});
        container["restarts"] = json!(2);
        container["last_terminated"] =
            json!({"reason": "OOMKilled", "exit_code": 137, "finished_at": at});
    }
}

fn workloads(ago: &dyn Fn(i64) -> Option<Timestamp>) -> Value {
    let all = [
        ("shop-web", NAMESPACE, 6),
        ("shop-api", NAMESPACE, 6),
        ("search", NAMESPACE, 3),
        ("mailer", NAMESPACE, 2),
        ("reports", NAMESPACE, 2),
        ("preview", "dev", 4),
    ];
    let deployment = |(name, namespace, replicas): (&str, &str, i64)| {
        json!({
            "kind": "Deployment", "name": name, "namespace": namespace, "replicas": replicas,
            "uid": format!("demo-workload-{name}"), "created_at": ago(300),
        })
    };
    all.into_iter().map(deployment).collect()
}

/// A day of traffic: pages ask the interface next door as often as the one across the border, and
/// the nightly import reads its files through the NAT gateway.
fn traffic(state: &Value, now: Timestamp) -> Value {
    let names = |app: &str| -> Vec<(String, String)> {
        let pods = state["pods"]["items"].as_array().into_iter().flatten();
        let text = |value: &Value| value.as_str().unwrap_or("").to_owned();
        pods.filter(|pod| pod["labels"]["app"] == app)
            .map(|pod| (text(&pod["name"]), text(&pod["node"])))
            .collect()
    };
    let pod = |name: &str| json!({"namespace": NAMESPACE, "pod": name});
    let mut flows = Vec::new();
    for (web, node) in names("shop-web") {
        // Pages of the first zone are asked a little more often.
        let first = ["demo-node-1", "demo-node-4", "demo-node-7"].contains(&node.as_str());
        let bytes: i64 = if first { 4_400_000_000 } else { 3_400_000_000 };
        for (api, _) in names("shop-api") {
            flows.push(json!({
                "source": pod(&web), "destination": pod(&api), "through": "demo/shop-api",
                "bytes": bytes,
            }));
        }
    }
    for (search, _) in names("search") {
        for (mailer, _) in names("mailer") {
            let bytes = 1_000_000_000_i64;
            flows
                .push(json!({"source": pod(&search), "destination": pod(&mailer), "bytes": bytes}));
        }
    }
    flows.push(json!({
        "source": pod("nightly-import"), "destination": {"cloud_service": "S3"},
        "bytes": 120_000_000_000_i64,
    }));
    let from = now.saturating_sub(SignedDuration::from_hours(24)).ok();
    json!({"from": from, "until": now, "flows": flows})
}

/// Three weeks of pods that use a fifth of what they ask for.
fn histories(state: &Value, now: Timestamp) -> Vec<Value> {
    const DAYS: i64 = 21;
    const MEBIBYTE: f64 = 1_048_576.0;
    let at = |days: i64| now.saturating_sub(SignedDuration::from_hours(24 * days)).ok();
    let pods = state["pods"]["items"].as_array().into_iter().flatten();
    let idle = pods.filter(|pod| pod["labels"]["app"] == "shop-api");
    let of = |pod: &Value| {
        let (mut cpu, mut memory) = (Histogram::default(), Histogram::default());
        for sample in 0..24 * DAYS {
            let swing = (sample % 7) as f64;
            cpu.add(Measured::Cpu, 0.08 + 0.01 * swing, 1.0);
            memory.add(Measured::Memory, (260.0 + 5.0 * swing) * MEBIBYTE, 1.0);
        }
        let peak = |day: i64| {
            let bytes = format!("{}Mi", 290 + day % 4 * 5);
            json!({"from": at(DAYS - day), "bytes": bytes})
        };
        json!({
            "namespace": NAMESPACE, "pod": pod["name"], "container": "shop-api",
            "first_at": at(DAYS), "last_at": now, "cpu": cpu, "memory": memory,
            "memory_peaks": (0..DAYS).map(peak).collect::<Vec<Value>>(),
        })
    };
    idle.map(of).collect()
}

fn images() -> Value {
    let layer = |command: &str, bytes: i64| json!({"command": command, "compressed_bytes": bytes, "digest": format!("sha256:demo-{bytes}")});
    json!([{
        "names": ["demo/shop-api:41"], "size_bytes": 1_350_000_000_i64, "nodes": 3, "user": "",
        "history": [
            layer("ADD file:base in /", 55_000_000),
            layer("RUN apt-get update && apt-get install -y build-essential libpq-dev", 210_000_000),
            layer("RUN pip install -r requirements.txt", 95_000_000),
            layer("COPY dir:app in /app", 61_000_000),
            layer("RUN chown -R app /app", 60_000_000),
        ],
    }])
}

fn volumes(ago: &dyn Fn(i64) -> Option<Timestamp>) -> Value {
    let volume = |id: &str, kind: &str, size: i64, holder: Option<&str>, tags: Value| {
        json!({
            "id": id, "kind": kind, "size_gib": size, "zone": "us-east-1a", "tags": tags,
            "state": if holder.is_some() { "in-use" } else { "available" },
            "attached_to": holder.into_iter().collect::<Vec<_>>(), "created_at": ago(400),
        })
    };
    json!([
        volume("vol-demo-orders", "gp2", 500, Some("i-demo-node-4"), json!({"team": "shop"})),
        volume("vol-demo-old-search", "gp3", 800, None, json!({"owner": "ana"})),
        volume("vol-demo-scratch", "gp2", 120, None, json!({})),
    ])
}

/// An account with a machine that was a node once, a build machine of somebody's, a load balancer
/// without targets, and an address that nothing has.
fn account(state: &Value, ago: &dyn Fn(i64) -> Option<Timestamp>) -> Value {
    let machine = |id: &str, of_type: &Value, zone: &Value, tags: Value| {
        json!({
            "id": id, "instance_type": of_type, "zone": zone, "state": "running", "tags": tags,
            "launched_at": ago(90), "capacity_type": "on_demand",
        })
    };
    let owned = json!({format!("kubernetes.io/cluster/{}", super::CLUSTER): "owned"});
    let nodes = state["nodes"]["items"].as_array().into_iter().flatten();
    let mut instances: Vec<Value> = nodes
        .map(|node| {
            let id = format!("i-{}", node["name"].as_str().unwrap_or("?"));
            machine(&id, &node["instance_type"], &node["zone"], owned.clone())
        })
        .collect();
    let zone = json!("us-east-1b");
    instances.push(machine("i-demo-ghost", &json!("m5.xlarge"), &zone, owned.clone()));
    let mut build =
        machine("i-demo-build", &json!("c5.2xlarge"), &zone, json!({"Name": "ci", "owner": "ben"}));
    build["public_ip"] = json!("198.51.100.7");
    instances.push(build);
    let balancer = |name: &str, targets: i64| {
        json!({
            "name": name, "dns": format!("{name}.elb.amazonaws.com"), "kind": "network",
            "scheme": "internet-facing", "zones": ["us-east-1a", "us-east-1b"],
            "created_at": ago(200), "targets": targets,
        })
    };
    json!({
        "id": "000000000000",
        "instances": instances,
        "addresses": [
            {"public_ip": "198.51.100.20", "allocation": "eipalloc-demo-unused", "pool": "amazon",
             "tags": {"owner": "ana"}},
            {"public_ip": "198.51.100.30", "allocation": "eipalloc-demo-nat", "pool": "amazon",
             "association": "eipassoc-demo", "network_interface": "eni-demo-nat"},
        ],
        "network_interfaces": [{
            "id": "eni-demo-nat", "status": "in-use", "kind": "nat_gateway",
            "public_ips": [{"public_ip": "198.51.100.30", "allocation": "eipalloc-demo-nat"}],
        }],
        "load_balancers": [balancer("demo-shop", 6), balancer("demo-forgotten", 0)],
        "nat_gateways": [{
            "id": "nat-demo", "state": "available", "vpc": "vpc-demo", "zone": "us-east-1a",
            "created_at": ago(400), "tags": owned,
            "public_ips": [{"public_ip": "198.51.100.30", "allocation": "eipalloc-demo-nat"}],
        }],
        "snapshots": [],
        "repositories": [{"name": "shop-api", "uri": "demo/shop-api", "images": [
            {"digest": "sha256:demo-live", "tags": ["41"], "size_bytes": 481_000_000_i64,
             "pushed_at": ago(20), "last_pulled_at": ago(1)},
            {"digest": "sha256:demo-old", "size_bytes": 9_600_000_000_i64, "pushed_at": ago(250)},
        ]}],
        "trail": [
            {"name": "DetachVolume", "at": ago(75), "who": "ana", "resources": ["vol-demo-old-search"]},
            {"name": "CreateLoadBalancer", "at": ago(200), "who": "carla",
             "resources": ["demo-forgotten"]},
        ],
    })
}
