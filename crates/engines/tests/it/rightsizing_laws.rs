//! What holds for every answer on sizes, whatever the cluster and its history.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use engines::engine::Sources;
use engines::prepared::ErasedDecision;
use engines::rightsizing::Rightsizing;
use market::Market;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};
use units::Usd;

use crate::asking::{asked, now};
use crate::golden::market_of;

fn golden(case: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/rightsizing").join(case)
}

fn market() -> &'static Market {
    static MARKET: std::sync::OnceLock<Market> = std::sync::OnceLock::new();
    MARKET.get_or_init(|| market_of(&golden("v_spot"), now()))
}

/// Asks, and lets the plan checker look at the answer.
pub(crate) fn decide(
    state: &Value,
    policy: Value,
    limits: &Value,
) -> (ErasedDecision, Vec<checker::Violation>) {
    asked(&Rightsizing, state, Some(&policy), Some(limits), &Sources::of(market()))
}

fn findings(decision: &ErasedDecision) -> Vec<Value> {
    let all = decision.verdict.recommendations.iter();
    all.map(|raw| serde_json::from_str(raw.get()).unwrap()).collect()
}

fn names(decision: &ErasedDecision) -> BTreeSet<String> {
    findings(decision).iter().map(|one| one["finding"].as_str().unwrap().to_owned()).collect()
}

const TYPES: [&str; 5] = ["m6i.large", "m6i.xlarge", "m6i.2xlarge", "r6i.xlarge", "x9.unknown"];

prop_compose! {
    fn node(id: usize)(
        of_type in select(TYPES.to_vec()), pool in select(vec!["", "main", "data"]),
        spot in any::<bool>(), peace in prop::bool::weighted(0.05), cpu in 2..8_u32, gib in 6..30_u32,
    ) -> Value {
        let mut one = json!({
            "name": format!("n{id}"), "uid": format!("u-n{id}"), "instance_type": of_type,
            "zone": "us-east-1a", "capacity_type": if spot { "spot" } else { "on_demand" },
            "allocatable": {"cpu": cpu.to_string(), "memory": format!("{gib}Gi"), "pods": 58},
        });
        if !pool.is_empty() {
            one["node_pool"] = json!(pool);
        }
        if peace {
            one["annotations"] = json!({"karpenter.sh/do-not-disrupt": "true"});
        }
        one
    }
}

prop_compose! {
    fn pod(id: usize)(
        node in 0..5_usize, owner in 0..8_usize, cpu in proptest::option::of(10..4_000_u32),
        mib in proptest::option::of(32..8_192_u32), limit in proptest::option::of(1..4_u32),
        killed in prop::bool::weighted(0.1), java in prop::bool::weighted(0.1),
    ) -> Value {
        let mut container = json!({"name": "app", "requests": {}, "limits": {}});
        if let Some(cpu) = cpu {
            container["requests"]["cpu"] = json!(format!("{cpu}m"));
            if let Some(times) = limit {
                container["limits"]["cpu"] = json!(format!("{}m", cpu * times));
            }
        }
        if let Some(mib) = mib {
            container["requests"]["memory"] = json!(format!("{mib}Mi"));
            if let Some(times) = limit {
                container["limits"]["memory"] = json!(format!("{}Mi", mib * times));
            }
        }
        if killed {
            container["last_terminated"] = json!({"reason": "OOMKilled", "exit_code": 137});
        }
        if java {
            container["image"] = json!("registry/openjdk:21");
        }
        let (kind, name) = match owner {
            0 => ("StatefulSet", "w0".to_owned()),
            1 => ("DaemonSet", "w1".to_owned()),
            2 => ("Job", format!("w2-2976{:04}", id % 3)),
            owner => ("ReplicaSet", format!("w{owner}-5d9f8c6b5")),
        };
        json!({
            "name": format!("p{id}"), "namespace": "shop", "uid": format!("u-p{id}"),
            "node": format!("n{node}"), "labels": {"pod-template-hash": "5d9f8c6b5"},
            "owner": {"kind": kind, "name": name}, "containers": [container],
        })
    }
}

prop_compose! {
    fn history(id: usize)(
        known in prop::bool::weighted(0.8), days in 1..40_i64, base in 20..6_000_i64, spread in 1..40_i64,
        seed in 0..1_000_i64, cores in 1..4_000_u32, samples in select(vec![20_u64, 200, 2_000]),
        throttled in prop::bool::weighted(0.1), grows in prop::bool::weighted(0.1),
    ) -> Option<Value> {
        known.then(|| {
            let first = now().checked_sub(jiff::SignedDuration::from_hours(24 * days)).unwrap();
            let peak = |day: i64| {
                let drift = if grows { base * day / 10 } else { 0 };
                base + drift + base * ((seed + day * 7_919) % spread) / 100
            };
            let mut cpu = facts::cluster::Histogram::default();
            let mut memory = facts::cluster::Histogram::default();
            for at in 0..samples {
                let share = f64::from(u32::try_from(at % 17).unwrap()) / 17.0;
                cpu.add(facts::cluster::Measured::Cpu, f64::from(cores) / 1_000.0 * share, 1.0);
                let mib = peak(i64::try_from(at).unwrap() % days);
                memory.add(facts::cluster::Measured::Memory, mib as f64 * 1_048_576.0 * share, 1.0);
            }
            let peaks: Vec<Value> = (0..days)
                .map(|day| json!({
                    "from": first.checked_add(jiff::SignedDuration::from_hours(24 * day)).unwrap(),
                    "bytes": format!("{}Mi", peak(day)),
                }))
                .collect();
            json!({
                "namespace": "shop", "pod": format!("p{id}"), "container": "app", "first_at": first,
                "last_at": now(), "cpu": cpu, "memory": memory, "memory_peaks": peaks,
                "throttled": if throttled { Some(0.3) } else { None },
            })
        })
    }
}

pub(crate) fn worlds() -> impl Strategy<Value = Value> {
    let nodes: Vec<_> = (0..5).map(node).collect();
    let pods: Vec<_> = (0..24).map(|id| (pod(id), history(id))).collect();
    (nodes, pods, 0..4_usize, any::<bool>()).prop_map(|(nodes, pods, scaled, reserved)| {
        let (pods, histories): (Vec<Value>, Vec<Option<Value>>) = pods.into_iter().unzip();
        let workloads: Vec<Value> = (0..8)
            .map(|owner| {
                let kind = ["StatefulSet", "DaemonSet", "CronJob"].get(owner).unwrap_or(&"Deployment");
                let mut one = json!({"kind": kind, "name": format!("w{owner}"), "namespace": "shop",
                    "uid": format!("u-w{owner}")});
                if owner == scaled + 3 {
                    one["autoscaler"] = json!({"kind": "HorizontalPodAutoscaler", "name": "h",
                        "resources": ["cpu"], "target_utilization": {"cpu": 70}});
                }
                one
            })
            .collect();
        let section = |items: Value| json!({"source": "law", "complete": true, "items": items});
        let mut state = json!({
            "region": "us-east-1", "nodes": section(json!(nodes)), "pods": section(json!(pods)),
            "workloads": section(json!(workloads)),
            "usage": section(json!({"histories": histories.into_iter().flatten().collect::<Vec<_>>()})),
        });
        if reserved {
            state["commitments"] = section(json!([{"kind": "reserved_instances",
                "instance_type": "m6i", "count": 2, "ends_at": "2027-01-01T00:00:00Z"}]));
        }
        state
    })
}

/// The same snapshot with every list the other way round.
fn reversed(state: &Value) -> Value {
    let mut state = state.clone();
    for part in ["nodes", "pods", "workloads"] {
        if let Some(items) = state[part]["items"].as_array_mut() {
            items.reverse();
        }
    }
    if let Some(items) = state["usage"]["items"]["histories"].as_array_mut() {
        items.reverse();
    }
    state
}

fn limits() -> impl Strategy<Value = Value> {
    select(vec![
        json!({"min_days": 30}),
        json!({"tolerance": 0.5}),
        json!({"excluded_namespaces": ["shop"]}),
        json!({"blocked_instance_types": ["m6i.large", "m5.large", "t3.large", "c6i.large"]}),
        json!({"allowed_instance_types": ["m6i.xlarge", "r6i.large"]}),
        json!({"min_cpu_cores": 4}),
        json!({"max_memory_gb": 16.0}),
        json!({"containers": false}),
        json!({"instances": false}),
    ])
}

pub(crate) fn policies() -> impl Strategy<Value = Value> {
    select(vec![
        json!({}),
        json!({"cpu_limits": "remove", "memory_limits": "keep_ratio"}),
        json!({"cpu_limits": "keep_ratio", "memory_limits": "keep", "upsizes_first": false}),
        json!({"workload_class": "web"}),
        json!({"workload_class": "database", "min_saving_share": 0.3}),
    ])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn sizes_are_the_same_in_any_order_and_the_checker_stays_silent(
        state in worlds(), policy in policies(),
    ) {
        let (decision, violations) = decide(&state, policy.clone(), &json!({}));
        let bytes = |one: &ErasedDecision| serde_json::to_string(&one.verdict).unwrap();
        prop_assert_eq!(bytes(&decision), bytes(&decide(&state, policy.clone(), &json!({})).0));
        prop_assert_eq!(bytes(&decision), bytes(&decide(&reversed(&state), policy, &json!({})).0));
        prop_assert!(violations.is_empty(), "{violations:#?}");
        let savings = &decision.verdict.savings;
        if let (Some(saved), Some(before)) =
            (decision.verdict.estimated_savings, savings.before_usd_per_hour)
        {
            prop_assert!(saved <= before.per_month() + Usd::from_nanos(1_000_000));
        }
    }

    #[test]
    fn a_stricter_caller_never_gets_more_sizes(
        state in worlds(), policy in policies(), limits in limits(),
    ) {
        let free = names(&decide(&state, policy.clone(), &json!({})).0);
        let bound = names(&decide(&state, policy, &limits).0);
        prop_assert!(bound.is_subset(&free), "{limits}: {:?}", bound.difference(&free));
    }

    #[test]
    fn nothing_falls_below_what_was_used(state in worlds()) {
        let decision = decide(&state, json!({}), &json!({})).0;
        for one in findings(&decision).iter().filter(|one| one["size_of"] == "container") {
            let amount = |list: &Value, name: &str| {
                list[name].as_str().map(|text| units::Quantity::parse(text).unwrap().milli())
            };
            for name in ["cpu", "memory"] {
                let (request, limit) =
                    (amount(&one["requests"], name), amount(&one["limits"], name));
                prop_assert!(limit.is_none_or(|limit| request.is_none_or(|request| request <= limit)));
            }
            // The last day's peak is the last of the history's peaks.
            let owner = one["subject"]["name"].as_str().unwrap();
            let of_owner = |history: &&Value| {
                let pods = state["pods"]["items"].as_array().unwrap();
                let pod = pods.iter().find(|pod| pod["name"] == history["pod"]).unwrap();
                let by = pod["owner"]["name"].as_str().unwrap();
                by == owner || by.strip_prefix(owner).is_some_and(|rest| rest.starts_with('-'))
            };
            let histories = state["usage"]["items"]["histories"].as_array().unwrap();
            let peaks = histories.iter().filter(of_owner).filter_map(|history| {
                let last = history["memory_peaks"].as_array()?.last()?;
                Some(units::Quantity::parse(last["bytes"].as_str()?).unwrap().milli())
            });
            let changed = one["requests"]["memory"] != one["requests_before"]["memory"];
            if let Some(peak) = peaks.max().filter(|_| changed) {
                prop_assert!(amount(&one["requests"], "memory").unwrap() >= peak);
            }
        }
    }
}

#[test]
fn what_metrics_server_says_of_one_instant_changes_nothing() {
    let mut state: Value =
        serde_json::from_str(&fs::read_to_string(golden("a_smaller/input.json")).unwrap()).unwrap();
    state["usage"]["items"] = json!({"containers": [{"namespace": "shop",
        "pod": "web-7d9f8c6b5-aaa00", "container": "app", "used": {"cpu": "1900m", "memory": "1900Mi"}}]});
    let (decision, violations) = decide(&state, json!({}), &json!({}));
    assert!(decision.verdict.recommendations.is_empty() && violations.is_empty());
    assert!(decision.verdict.execution_plan.is_empty());
}

#[test]
fn the_checker_is_silent_about_every_golden_and_not_about_mutations() {
    let mut cases: Vec<_> =
        fs::read_dir(golden("")).unwrap().flatten().map(|entry| entry.path()).collect();
    cases.sort();
    let mut objections = 0;
    for case in &cases {
        let read = |name: &str| {
            let text = fs::read_to_string(case.join(name)).ok()?;
            Some(serde_json::from_str::<Value>(&text).unwrap())
        };
        let state = read("input.json").unwrap();
        let policy = read("policy.json").unwrap_or_else(|| json!({}));
        let (decision, violations) = decide(&state, policy, &json!({}));
        assert!(violations.is_empty(), "{}: {violations:#?}", case.display());
        let typed = facts::cluster::decode(state.to_string().as_bytes()).unwrap().value;
        for at in 0..decision.verdict.execution_plan.len() {
            use facts::action::Action;
            let mut other =
                decide(&state, read("policy.json").unwrap_or_else(|| json!({})), &json!({})).0;
            let step = &mut other.verdict.execution_plan[at];
            match &mut step.action {
                Action::ResizeInstance { allocatable, .. } => {
                    allocatable.memory = Some(units::Bytes(1))
                }
                Action::ResizeContainer { requests_before, .. } => {
                    requests_before.cpu = Some(units::MilliCpu(123_456));
                }
                _ => continue,
            }
            assert!(
                checker::objects(&checker::check(&typed, &other)),
                "{} step {at}",
                case.display()
            );
            objections += 1;
        }
    }
    assert!(objections > 20, "{objections}");
}
