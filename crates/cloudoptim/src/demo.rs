//! A made-up cluster for newcomers: every name says that it is one.

mod surroundings;

use facts::names::{OperatingSystem, Region};
use jiff::{SignedDuration, Timestamp};
use market::{InstanceFilter, Limits, Market, MarketFile, Origin};
use serde_json::{Value, json};

/// The name of the cluster.
pub(crate) const CLUSTER: &str = "demo-cluster-made-up";

/// What the pods of a ReplicaSet are told apart by.
const HASH: &str = "7c9d5f";

/// Requests about a snapshot that are answered when the demo starts.
pub(crate) fn requests(state: &Value) -> Vec<(&'static str, Value)> {
    let body = |requirements: Value| json!({ "cluster_id": CLUSTER, "current_state": state, "requirements": requirements });
    vec![
        ("bin-pack", body(json!({}))),
        ("bin-pack", body(json!({ "mode": "reprovision" }))),
        ("spot-optimize", body(json!({}))),
    ]
}

/// Nine nodes in three zones, grown over a year and never tidied up: some nearly empty, one with a
/// pod that must not be disturbed, a database with a zonal volume and a budget; and what stands
/// around them at an instant.
pub(crate) fn state(now: Timestamp) -> Value {
    let mut nodes = Vec::new();
    let mut pods = Vec::new();
    let types = [
        ("m5.2xlarge", "7910m", "29Gi"),
        ("m5.2xlarge", "7910m", "29Gi"),
        ("m5.xlarge", "3920m", "14Gi"),
    ];
    for at in 0..9 {
        let zone = ["us-east-1a", "us-east-1b", "us-east-1c"][at % 3];
        let (kind, cpu, memory) = types[at % types.len()];
        let name = format!("demo-node-{}", at + 1);
        nodes.push(json!({
            "name": name, "uid": format!("demo-{at}"), "instance_type": kind, "zone": zone,
            "provider_id": format!("aws:///{zone}/i-{name}"),
            "architecture": "amd64", "operating_system": "linux", "capacity_type": "on_demand",
            "allocatable": { "cpu": cpu, "memory": memory, "pods": 58 },
            "labels": { "demo": "made-up" },
        }));
        pods.push(pod(
            &format!("log-agent-{at}"),
            &name,
            "DaemonSet",
            "log-agent",
            "100m",
            "200Mi",
        ));
    }
    let mut add = |app: &str, count: usize, on: &[usize], cpu: &str, memory: &str| {
        for at in 0..count {
            let node = format!("demo-node-{}", on[at % on.len()]);
            pods.push(pod(&format!("{app}-{at}"), &node, "ReplicaSet", app, cpu, memory));
        }
    };
    add("shop-web", 6, &[1, 2, 4, 5, 7, 8], "500m", "1Gi");
    add("shop-api", 6, &[1, 2, 4], "750m", "1536Mi");
    add("search", 3, &[5, 7, 8], "1", "3Gi");
    add("mailer", 2, &[3, 6], "100m", "256Mi");
    add("reports", 2, &[9, 6], "250m", "512Mi");
    let mut database = pod("orders-db-0", "demo-node-4", "StatefulSet", "orders-db", "2", "8Gi");
    database["volume_claims"] = json!(["data-orders-db-0"]);
    database["termination_grace_seconds"] = json!(120);
    pods.push(database);
    let mut import = pod("nightly-import", "demo-node-9", "Job", "nightly-import", "500m", "1Gi");
    import["annotations"] = json!({ "karpenter.sh/do-not-disrupt": "true" });
    pods.push(import);
    for at in 0..4 {
        let node = format!("demo-node-{}", [3, 6][at % 2]);
        let name = format!("preview-{at}");
        let mut preview = pod(&name, &node, "ReplicaSet", "preview", "500m", "1Gi");
        preview["namespace"] = json!("dev");
        pods.push(preview);
    }
    let mut state = json!({
        "schema": "cloudoptim/cluster-state/v1",
        "cluster_id": CLUSTER,
        "region": "us-east-1",
        "nodes": { "source": "demo, made up", "complete": true, "items": nodes },
        "pods": { "source": "demo, made up", "complete": true, "items": pods },
        "policies": { "source": "demo, made up", "complete": true, "items": {
            "disruption_budgets": [{
                "name": "orders-db", "namespace": "demo", "max_unavailable": 1,
                "selector": { "match_labels": { "app": "orders-db" } },
            }],
        } },
        "volumes": { "source": "demo, made up", "complete": true, "items": {
            "claims": [{ "name": "data-orders-db-0", "namespace": "demo", "volume": "pv-demo" }],
            "volumes": [{ "name": "pv-demo", "driver": "ebs.csi.aws.com", "node_affinity": [{
                "match_expressions": [{
                    "key": "topology.kubernetes.io/zone", "operator": "In", "values": ["us-east-1a"],
                }],
            }] }],
        } },
    });
    surroundings::add(&mut state, now);
    state
}

fn pod(name: &str, node: &str, owner: &str, app: &str, cpu: &str, memory: &str) -> Value {
    let mut labels = json!({ "app": app });
    let mut made_by = app.to_owned();
    if owner == "ReplicaSet" {
        // As Deployments name theirs.
        labels["pod-template-hash"] = json!(HASH);
        made_by = format!("{app}-{HASH}");
    }
    json!({
        "name": name, "namespace": "demo", "uid": format!("demo-pod-{name}"), "node": node,
        "labels": labels,
        "owner": { "kind": owner, "name": made_by },
        "containers": [{ "name": app, "requests": { "cpu": cpu, "memory": memory } }],
    })
}

/// Spot prices of the last hours, made up from the averages that the advisor publishes: one zone a
/// little cheaper, one a little dearer.
pub(crate) fn market_file(bundled: &Market, now: Timestamp) -> Option<MarketFile> {
    let region: Region = "us-east-1".parse().ok()?;
    let mut table = String::from("timestamp,az,instance_type,usd_per_hour\n");
    for instance in bundled.candidates(&InstanceFilter::default()) {
        let name = &instance.instance_type;
        let system = OperatingSystem::Linux;
        let list = bundled.on_demand(name, &region, system, now);
        let saved = bundled.advisor(name, &region, system, now).and_then(|one| one.savings_percent);
        let (Some(list), Some(saved)) = (list, saved) else { continue };
        for (at, zone) in ["us-east-1a", "us-east-1b", "us-east-1c"].iter().enumerate() {
            let factor = (1.0 - f64::from(saved) / 100.0) * (0.97 + 0.03 * at as f64);
            let price = list.price.per_hour().dollars() * factor;
            for hours in [150, 20, 2] {
                let instant = now.checked_sub(SignedDuration::from_hours(hours)).ok()?;
                table.push_str(&format!("{instant},{zone},{name},{price:.6}\n"));
            }
        }
    }
    let origin = Origin::new("demo, made up", now);
    market::parse(table.as_bytes(), &origin, &Limits::default()).ok()
}
