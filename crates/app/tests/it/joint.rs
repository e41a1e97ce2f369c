//! Every engine at once: each dollar counts once.

use app::decide::Desk;
use app::joint::{JointReport, JointRequest};
use jiff::Timestamp;
use market::bundled;
use serde_json::json;
use units::Usd;

fn report(body: &serde_json::Value) -> JointReport {
    let now: Timestamp = "2026-08-01T12:00:00Z".parse().unwrap();
    let text = body.to_string();
    let request = JointRequest::from_json(text.as_bytes()).unwrap();
    Desk::new(bundled()).decide_all(&request, now, None, None).unwrap().report
}

/// Two nodes of which one could go, both resting at weekends, and things outside of the cluster.
fn state() -> serde_json::Value {
    let node = |name: &str, zone: &str| {
        json!({
            "name": name, "uid": name, "instance_type": "m5.large", "zone": zone,
            "capacity_type": "on_demand", "provider_id": format!("aws:///{zone}/i-{name}"),
            "created_at": "2026-01-01T00:00:00Z",
            "allocatable": {"cpu": "1930m", "memory": "7Gi", "pods": 29},
        })
    };
    let pod = |name: &str, node: &str| {
        json!({
            "name": name, "uid": name, "namespace": "dev", "node": node, "ready": true,
            "labels": {"app": "api", "pod-template-hash": "h"}, "created_at": "2026-01-01T00:00:00Z",
            "owner": {"kind": "ReplicaSet", "name": "api-h"},
            "containers": [{"name": "api", "requests": {"cpu": "200m", "memory": "256Mi"}}],
        })
    };
    json!({
        "cluster_id": "dev", "region": "us-east-1",
        "nodes": [node("a", "us-east-1a"), node("b", "us-east-1a")],
        "pods": [pod("api-1", "a"), pod("api-2", "b")],
        "policies": {"items": {}},
        "workloads": [{"kind": "Deployment", "name": "api", "uid": "d", "namespace": "dev",
            "replicas": 2, "created_at": "2026-01-01T00:00:00Z"}],
        "volumes": {"items": {"ebs_volumes": [
            {"id": "vol-1", "kind": "gp2", "size_gib": 100, "state": "in-use", "attached_to": ["i-x"],
             "created_at": "2026-01-01T00:00:00Z"}]}},
        "accounts": [{
            "addresses": [{"public_ip": "3.0.0.1", "allocation": "eipalloc-1"}],
            "network_interfaces": [],
            "load_balancers": [{"name": "lb", "dns": "lb.elb", "kind": "classic", "targets": 0,
                "created_at": "2026-01-01T00:00:00Z"}],
        }],
    })
}

#[test]
fn each_dollar_counts_once() {
    let report = report(&json!({"current_state": state()}));
    let sum: Usd = report.items.iter().map(|item| item.counted_savings_usd_per_month).sum();
    assert_eq!(sum, report.effective_savings_usd_per_month);
    assert_eq!(report.by_category.values().copied().sum::<Usd>(), sum);
    let decisions: Usd = report.decisions.iter().map(|one| one.counted_savings_usd_per_month).sum();
    assert_eq!(decisions, sum);
    let of = |decision: &str| {
        let found = report.decisions.iter().find(|one| one.decision_type == decision).unwrap();
        (found.own_savings_usd_per_month.unwrap(), found.counted_savings_usd_per_month)
    };
    // Working hours free two nodes by themselves (one stays), and none beyond the one that packing
    // has taken away before: one node is left, and one stays in any case.
    let (own, counted) = of("schedule");
    assert!(own > Usd::ZERO, "{own}");
    assert_eq!(counted, Usd::ZERO);
    let (own, counted) = of("bin_pack");
    assert_eq!(own, counted);
    // The volume is named by two engines and counts with the one that has a remedy.
    let of_volume: Vec<Usd> = report
        .items
        .iter()
        .filter(|item| item.subject.name == "vol-1")
        .map(|item| item.counted_savings_usd_per_month)
        .collect();
    assert_eq!(of_volume.iter().filter(|saved| **saved > Usd::ZERO).count(), 1, "{of_volume:?}");
    // Never more than what the machines cost.
    let machines: Usd = "0.192".parse::<Usd>().unwrap();
    let month = Usd::from_nanos(machines.nanos() * 730);
    let compute = report.by_category[&facts::finding::CostCategory::Compute];
    assert!(compute <= month, "{compute} of {month}");
    let ranks: Vec<u64> = report.items.iter().map(|item| item.rank).collect();
    assert_eq!(ranks, (1..=report.items.len() as u64).collect::<Vec<_>>());
}

#[test]
fn engines_are_chosen_and_mistakes_are_named() {
    let chosen = report(&json!({"current_state": state(), "engines": ["ipv4-cost", "shadow_it"]}));
    let names: Vec<&str> = chosen.decisions.iter().map(|one| one.decision_type.as_str()).collect();
    assert_eq!(names, ["ipv4_cost", "shadow_it"]);
    let wrong = |body: serde_json::Value| {
        let now: Timestamp = "2026-08-01T12:00:00Z".parse().unwrap();
        let text = body.to_string();
        match JointRequest::from_json(text.as_bytes()) {
            Err(error) => error.pointer,
            Ok(request) => {
                let done = Desk::new(bundled()).decide_all(&request, now, None, None);
                done.err().unwrap().pointer
            }
        }
    };
    assert_eq!(wrong(json!({"current_state": {}, "engines": ["nobody"]})), "/engines/nobody");
    assert_eq!(
        wrong(json!({"current_state": {}, "requirements": {"bin_pack": {"mode": 1}}})),
        "/requirements/bin_pack/mode"
    );
    assert_eq!(wrong(json!({"current_state": {"nodes": 1}})), "/current_state/nodes");
}
