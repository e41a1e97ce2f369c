//! What holds for every engine that finds things, whatever the cluster and the account.

use std::collections::BTreeSet;

use engines::engine::{Sightings, Sources};
use engines::prepared::{AnyEngine, ErasedDecision};
use engines::registry::BUILT_IN;
use market::Market;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};
use units::Usd;

use crate::asking::{asked, now};
use crate::golden::market_of;

/// Engines that give findings: all but the two that have laws of their own.
pub(crate) fn finders() -> impl Iterator<Item = &'static dyn AnyEngine> {
    let own = ["spot_optimizer", "bin_packing"];
    BUILT_IN.iter().copied().filter(move |engine| !own.contains(&engine.name()))
}

fn market() -> &'static Market {
    static MARKET: std::sync::OnceLock<Market> = std::sync::OnceLock::new();
    let case = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden/ghost_probe/a_ghost_and_others");
    MARKET.get_or_init(|| market_of(&case, now()))
}

pub(crate) fn decide(
    engine: &dyn AnyEngine,
    state: &Value,
    constraints: Option<&Value>,
) -> (ErasedDecision, Vec<checker::Violation>) {
    // Some volumes have been watched for long, by their name.
    let first_seen =
        |_: &str, id: &str| id.ends_with('0').then(|| "2026-06-01T00:00:00Z".parse().unwrap());
    let sightings = Some(Sightings { first_seen: &first_seen });
    asked(engine, state, None, constraints, &Sources { sightings, ..Sources::of(market()) })
}

fn findings(decision: &ErasedDecision) -> BTreeSet<String> {
    let names = decision.verdict.recommendations.iter().map(|raw| {
        let value: Value = serde_json::from_str(raw.get()).unwrap();
        value["finding"].as_str().unwrap().to_owned()
    });
    names.collect()
}

const TYPES: [&str; 4] = ["m5.large", "m5.xlarge", "c5.large", "x9.unknown"];
const ZONES: [&str; 3] = ["us-east-1a", "us-east-1b", "us-east-1c"];

fn tags() -> impl Strategy<Value = Value> {
    select(vec![
        json!({}),
        json!({"kubernetes.io/cluster/shop": "owned"}),
        json!({"kubernetes.io/cluster/other": "owned"}),
        json!({"cloudoptim:ignore": "true"}),
        json!({"backup": "true"}),
        json!({"owner": "ana"}),
    ])
}

fn dates() -> impl Strategy<Value = &'static str> {
    select(vec![
        "2024-01-01T00:00:00Z",
        "2026-07-01T00:00:00Z",
        "2026-07-30T00:00:00Z",
        "2026-08-01T11:55:00Z",
    ])
}

prop_compose! {
    fn instance()(
        id in 0..12_u32, of_type in select(TYPES.to_vec()), zone in select(ZONES.to_vec()),
        state in select(vec!["running", "running", "stopped", "terminated"]),
        launched in dates(), tags in tags(), public in any::<bool>(), spot in any::<bool>(),
    ) -> Value {
        let mut one = json!({
            "id": format!("i-{id}"), "instance_type": of_type, "zone": zone, "state": state,
            "launched_at": launched, "tags": tags,
            "capacity_type": if spot { "spot" } else { "on_demand" },
        });
        if public {
            one["public_ip"] = json!(format!("3.0.0.{id}"));
        }
        one
    }
}

prop_compose! {
    fn volume()(
        id in 0..30_u32, kind in select(vec!["gp2", "gp3", "io1", "odd"]), size in 1..3_000_i64,
        attached in any::<bool>(), holder in 0..12_u32, created in dates(), tags in tags(),
    ) -> Value {
        json!({
            "id": format!("vol-{id}"), "kind": kind, "size_gib": size, "zone": "us-east-1a",
            "state": if attached { "in-use" } else { "available" },
            "attached_to": if attached { vec![format!("i-{holder}")] } else { vec![] },
            "created_at": created, "tags": tags, "iops": size * 3,
        })
    }
}

prop_compose! {
    fn address()(id in 0..20_u32, bound in any::<bool>(), own in any::<bool>(), tags in tags()) -> Value {
        json!({
            "public_ip": format!("3.0.1.{id}"), "allocation": format!("eipalloc-{id}"), "tags": tags,
            "association": if bound { Some("eipassoc") } else { None },
            "pool": if own { "ipv4pool-ec2-1" } else { "amazon" },
        })
    }
}

prop_compose! {
    fn balancer()(
        id in 0..8_u32, targets in proptest::option::of(0..3_u32), kind in select(vec!["classic", "network"]),
        facing in any::<bool>(), created in dates(), tags in tags(),
    ) -> Value {
        json!({
            "name": format!("lb-{id}"), "dns": format!("lb-{id}.elb"), "kind": kind, "targets": targets,
            "scheme": if facing { "internet-facing" } else { "internal" }, "zones": ["us-east-1a"],
            "created_at": created, "tags": tags,
        })
    }
}

prop_compose! {
    fn pod()(
        id in 0..40_u32, node in 0..5_usize, owner in 0..6_u32, kind in select(vec!["ReplicaSet", "StatefulSet", "DaemonSet"]),
        space in select(vec!["dev", "shop"]), killed in select(vec!["", "", "OOMKilled", "Error"]),
        limit in proptest::option::of(64..2_048_u32), request in proptest::option::of(32..64_u32),
    ) -> Value {
        let mut container = json!({"name": "main", "requests": {}, "limits": {}});
        if let Some(limit) = limit {
            container["limits"] = json!({"memory": format!("{limit}Mi")});
        }
        if let Some(request) = request {
            container["requests"] = json!({"memory": format!("{request}Mi")});
        }
        if !killed.is_empty() {
            container["last_terminated"] =
                json!({"reason": killed, "exit_code": 137, "finished_at": "2026-08-01T09:00:00Z"});
        }
        json!({
            "name": format!("pod-{id}"), "namespace": space, "uid": format!("u-{id}"),
            "node": format!("n-{node}"), "labels": {"app": format!("w{owner}"), "pod-template-hash": "h"},
            "owner": {"kind": kind, "name": if kind == "ReplicaSet" { format!("w{owner}-h") } else { format!("w{owner}") }},
            "containers": [container],
        })
    }
}

prop_compose! {
    fn flow()(from in 0..40_u32, to in 0..40_u32, a in select(vec!["dev", "shop"]), b in select(vec!["dev", "shop"]),
        gigabytes in 0..400_u64, out in select(vec!["", "", "S3", "internet"])) -> Value {
        let destination = match out {
            "" => json!({"namespace": b, "pod": format!("pod-{to}")}),
            "internet" => json!({"internet": true, "address": "1.2.3.4"}),
            service => json!({"cloud_service": service}),
        };
        json!({"source": {"namespace": a, "pod": format!("pod-{from}")}, "destination": destination, "bytes": gigabytes * 1_000_000_000})
    }
}

prop_compose! {
    fn stored()(id in 0..20_u32, tagged in any::<bool>(), pushed in dates(), pulled in proptest::option::of(dates()), size in 1..2_000_000_000_i64) -> Value {
        json!({"digest": format!("sha256:{id}"), "tags": if tagged { vec!["t"] } else { vec![] }, "pushed_at": pushed, "last_pulled_at": pulled, "size_bytes": size})
    }
}

fn list<S: Strategy>(one: S, most: usize) -> impl Strategy<Value = Vec<S::Value>>
where
    S::Value: Clone + std::fmt::Debug,
{
    proptest::collection::vec(one, 0..most)
}

/// Keeps the first of those with the same name: what to do with doubles is another matter.
fn unique(items: Vec<Value>, key: &str) -> Vec<Value> {
    let mut seen = BTreeSet::new();
    items.into_iter().filter(|one| seen.insert(one[key].to_string())).collect()
}

pub(crate) fn worlds() -> impl Strategy<Value = Value> {
    let account =
        (list(instance(), 12), list(address(), 12), list(balancer(), 8), list(stored(), 12));
    let cluster = (list(pod(), 40), list(flow(), 60), list(volume(), 20));
    let workloads = list((0..6_u32, select(vec!["dev", "shop"]), 0..4_i64), 8);
    (account, cluster, workloads).prop_map(
        |((instances, addresses, balancers, images), (pods, flows, volumes), workloads)| {
            let nodes: Vec<Value> = (0..5)
                .map(|node| {
                    json!({"name": format!("n-{node}"), "instance_type": "m5.large", "zone": ZONES[node % 3],
                        "provider_id": format!("aws:///us-east-1a/i-{node}"), "allocatable": {"memory": "8Gi", "cpu": "2"}})
                })
                .collect();
            let workloads = workloads.into_iter().map(|(id, space, replicas)| {
                json!({"kind": "Deployment", "name": format!("w{id}"), "namespace": space, "replicas": replicas,
                    "created_at": "2026-01-01T00:00:00Z", "uid": format!("u-{space}-{id}")})
            });
            json!({
                "cluster_id": "shop", "region": "us-east-1", "nodes": nodes, "pods": unique(pods, "name"),
                "workloads": unique(workloads.collect(), "uid"),
                "network": {"items": {"services": [{"name": "w1", "namespace": "shop", "kind": "ClusterIP", "selector": {"app": "w1"}}]}},
                "traffic": {"items": {"from": "2026-07-31T00:00:00Z", "until": "2026-08-01T00:00:00Z", "flows": flows}},
                "volumes": {"items": {"ebs_volumes": unique(volumes, "id")}},
                "images": [{"names": ["a:1"], "size_bytes": 900_000_000, "nodes": 1, "history": [{"command": "RUN pip install x", "compressed_bytes": 90_000_000}]}],
                "accounts": [{
                    "instances": unique(instances, "id"), "addresses": unique(addresses, "public_ip"),
                    "load_balancers": unique(balancers, "name"), "snapshots": [],
                    "nat_gateways": [{"id": "nat-1", "state": "available", "vpc": "vpc-1", "zone": "us-east-1a"}],
                    "repositories": [{"name": "r", "images": unique(images, "digest")}],
                }],
            })
        },
    )
}

/// The same lists from their other ends.
fn reversed(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().rev().map(reversed).collect(),
        Value::Object(fields) => Value::Object(
            fields.iter().map(|(name, value)| (name.clone(), reversed(value))).collect(),
        ),
        other => other.clone(),
    }
}

/// Limits of a caller that are stricter than every default.
fn strict(engine: &str) -> Value {
    match engine {
        "ghost_probe" => json!({"min_grace_hours": 10_000, "excluded_tags": ["owner"]}),
        "volume_cleanup" => json!({"min_delete_after_days": 100, "excluded_tags": ["owner"]}),
        "network_optimizer" => json!({"min_gb_per_day": 100, "move_pods": false}),
        "oomkilled_remediation" => json!({"max_memory": "300Mi", "max_kills": 1}),
        "ipv4_cost_tracker" => json!({"excluded_tags": ["owner"]}),
        "shadow_it_tracker" => json!({"min_age_days": 100, "excluded_tags": ["owner"]}),
        "noisy_neighbor_detector" => {
            json!({"min_outlier_multiplier": 50, "least_gb_per_month": 5_000})
        }
        "image_bloat_analyzer" => json!({"min_bloat_threshold_mb": 950, "min_unused_days": 400}),
        "office_hours_scheduler" => json!({"excluded_namespaces": ["dev"], "min_nodes": 3}),
        _ => json!({}),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn findings_are_the_same_in_any_order_and_never_save_more_than_is_paid(state in worlds()) {
        for engine in finders() {
            let (decision, violations) = decide(engine, &state, None);
            let again = decide(engine, &state, None).0;
            let bytes = |one: &ErasedDecision| serde_json::to_string(one).unwrap();
            prop_assert_eq!(bytes(&decision), bytes(&again), "{} twice", engine.name());
            let other = decide(engine, &reversed(&state), None).0;
            prop_assert_eq!(findings(&decision), findings(&other), "{}", engine.name());
            let saved = |one: &ErasedDecision| one.verdict.estimated_savings;
            prop_assert_eq!(saved(&decision), saved(&other), "{}", engine.name());
            if let (Some(saved), Some(before)) =
                (saved(&decision), decision.verdict.savings.before_usd_per_hour)
            {
                let rounding = Usd::from_nanos(1_000_000);
                prop_assert!(saved <= before.per_month() + rounding, "{}", engine.name());
                prop_assert!(saved >= Usd::ZERO, "{}", engine.name());
            }
            prop_assert!(violations.is_empty(), "{}: {violations:#?}", engine.name());
            // Everything that is named is named once.
            prop_assert_eq!(findings(&decision).len(), decision.verdict.recommendations.len());
        }
    }

    #[test]
    fn a_stricter_caller_never_gets_more(state in worlds()) {
        for engine in finders() {
            let free = decide(engine, &state, None).0;
            let bound = decide(engine, &state, Some(&strict(engine.name()))).0;
            prop_assert!(
                findings(&bound).is_subset(&findings(&free)),
                "{}: {:?}", engine.name(), findings(&bound).difference(&findings(&free))
            );
            let saved = |one: &ErasedDecision| one.verdict.estimated_savings;
            if let (Some(bound), Some(free)) = (saved(&bound), saved(&free)) {
                prop_assert!(bound <= free, "{}", engine.name());
            }
        }
    }
}

#[test]
fn nothing_in_is_nothing_out() {
    for engine in finders() {
        for state in [
            json!({}),
            reversed(
                &json!({"nodes": [], "pods": [], "accounts": [], "workloads": [], "images": []}),
            ),
        ] {
            let (decision, violations) = decide(engine, &state, None);
            assert!(decision.verdict.recommendations.is_empty(), "{}", engine.name());
            assert!(decision.verdict.execution_plan.is_empty(), "{}", engine.name());
            assert!(violations.is_empty(), "{}", engine.name());
            let saved = decision.verdict.estimated_savings;
            assert!(saved.is_none_or(|saved| saved == Usd::ZERO), "{}", engine.name());
        }
    }
}
