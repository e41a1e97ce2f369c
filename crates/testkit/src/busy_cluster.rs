//! A large snapshot with something for every engine, for measurements.

use serde_json::{Value, json};

/// A snapshot of a cluster and an account with something for every engine. Of the flows one in 500 is heavy, as
/// where a few pods carry most of the traffic.
#[must_use]
pub fn busy_cluster(nodes: usize, pods: usize, flows: usize) -> Value {
    let zones = ["us-east-1a", "us-east-1b", "us-east-1c"];
    let workloads = pods / 10;
    let spaces = ["dev", "shop", "team-a", "team-b"];
    let space = |workload: usize| spaces[workload % spaces.len()];
    let all_nodes: Vec<Value> = (0..nodes)
        .map(|at| {
            json!({
                "name": format!("node-{at}"), "zone": zones[at % 3], "instance_type": "m5.2xlarge",
                "provider_id": format!("aws:///{}/i-{at}", zones[at % 3]),
                "allocatable": {"cpu": "7910m", "memory": "29Gi", "pods": 58},
            })
        })
        .collect();
    let all_pods: Vec<Value> = (0..pods)
        .map(|at| {
            let workload = at % workloads;
            let mut container = json!({
                "name": "main", "image": "shop/api:1",
                "requests": {"cpu": "200m", "memory": "512Mi"}, "limits": {"memory": "512Mi"},
            });
            if at % 50 == 0 {
                container["last_terminated"] =
                    json!({"reason": "OOMKilled", "exit_code": 137, "finished_at": "2026-08-01T09:00:00Z"});
            }
            json!({
                "name": format!("w{workload}-h-{at}"), "namespace": space(workload), "uid": format!("u{at}"),
                "node": format!("node-{}", at % nodes), "ip": format!("10.{}.{}.{}", at >> 16, (at >> 8) & 255, at & 255),
                "labels": {"app": format!("w{workload}"), "pod-template-hash": "h"},
                "owner": {"kind": "ReplicaSet", "name": format!("w{workload}-h")},
                "containers": [container],
            })
        })
        .collect();
    let all_workloads: Vec<Value> = (0..workloads)
        .map(|at| json!({"kind": "Deployment", "name": format!("w{at}"), "namespace": space(at), "replicas": 10, "uid": format!("d{at}"), "created_at": "2026-01-01T00:00:00Z"}))
        .collect();
    let all_flows: Vec<Value> = (0..flows)
        .map(|at| {
            let (from, to) = (at.wrapping_mul(7_919) % pods, at.wrapping_mul(104_729) % pods);
            json!({
                "source": {"address": format!("10.{}.{}.{}", from >> 16, (from >> 8) & 255, from & 255)},
                "destination": {"address": format!("10.{}.{}.{}", to >> 16, (to >> 8) & 255, to & 255)},
                "bytes": if at % 500 == 0 { 20_000_000_000_u64 } else { 100_000 * (1 + at as u64 % 997) },
            })
        })
        .collect();
    let histories: Vec<Value> = (0..workloads)
        .map(|at| {
            let peaks: Vec<Value> = (0..14)
                .map(|day| json!({"from": format!("2026-07-{:02}T00:00:00Z", 18 + day), "bytes": format!("{}Mi", 200 + (at * 31 + day * 17) % 90)}))
                .collect();
            let weights: Vec<f64> = (0..60).map(|bucket| f64::from(60 - bucket)).collect();
            json!({
                "namespace": space(at), "workload": format!("Deployment/w{at}"), "container": "main",
                "first_at": "2026-07-18T00:00:00Z", "last_at": "2026-08-01T00:00:00Z",
                "cpu": {"weights": weights, "samples": 20_160, "peak": 1.5}, "memory_peaks": peaks,
            })
        })
        .collect();
    let services: Vec<Value> = (0..workloads / 4)
        .map(|at| json!({"name": format!("w{at}"), "namespace": space(at), "kind": "ClusterIP", "selector": {"app": format!("w{at}")}}))
        .collect();
    let instances: Vec<Value> = (0..nodes * 5 / 4)
        .map(|at| json!({"id": format!("i-{at}"), "instance_type": "m5.2xlarge", "state": "running", "zone": zones[at % 3], "launched_at": "2026-01-01T00:00:00Z", "public_ip": format!("3.{}.{}.{}", at >> 16, (at >> 8) & 255, at & 255), "tags": {"kubernetes.io/cluster/shop": "owned"}}))
        .collect();
    let volumes: Vec<Value> = (0..nodes * 2)
        .map(|at| json!({"id": format!("vol-{at}"), "kind": if at % 3 == 0 { "gp2" } else { "gp3" }, "size_gib": 100, "state": if at % 5 == 0 { "available" } else { "in-use" }, "attached_to": if at % 5 == 0 { vec![] } else { vec![format!("i-{}", at % nodes)] }, "created_at": "2026-01-01T00:00:00Z"}))
        .collect();
    let images: Vec<Value> = (0..500)
        .map(|at| json!({"names": [format!("shop/app-{at}:1")], "size_bytes": 900_000_000 + at, "nodes": 3, "history": (0..12).map(|step| json!({"command": "RUN apt-get install -y gcc", "compressed_bytes": 20_000_000, "digest": format!("sha256:{}", (at * step) % 97)})).collect::<Vec<_>>()}))
        .collect();
    json!({
        "cluster_id": "shop", "region": "us-east-1", "nodes": all_nodes, "pods": all_pods,
        "workloads": all_workloads, "network": {"items": {"services": services}},
        "traffic": {"items": {"from": "2026-07-31T00:00:00Z", "until": "2026-08-01T00:00:00Z", "flows": all_flows}},
        "usage": {"items": {"histories": histories}}, "volumes": {"items": {"ebs_volumes": volumes}},
        "images": images,
        "accounts": [{"instances": instances, "addresses": (0..200).map(|at| json!({"public_ip": format!("52.0.0.{at}"), "allocation": format!("eipalloc-{at}")})).collect::<Vec<_>>(), "network_interfaces": [], "snapshots": []}],
    })
}
