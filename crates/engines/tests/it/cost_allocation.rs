//! What a cluster costs: a golden case, and what holds for every cluster.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use engines::cost_allocation::{CostReport, CostRow, CostsBy, allocate, need};
use engines::price_book::PriceBook;
use facts::cluster::{ClusterState, Node};
use market::Market;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};
use units::UsdPerHour;

use crate::asking::now;
use crate::golden::market_of;

const EVERY: [&str; 4] = ["namespace", "label:team", "workload", "node_pool"];

fn market() -> &'static Market {
    static MARKET: std::sync::OnceLock<Market> = std::sync::OnceLock::new();
    MARKET.get_or_init(market::bundled)
}

fn costs(state: &ClusterState, by: &str, market: &Market) -> CostReport {
    let by: CostsBy = by.parse().unwrap();
    let prices = need(state, now()).gather(market);
    allocate(state, &by, &prices, &PriceBook::default(), now())
}

#[test]
fn costs_are_the_golden_ones() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/cost_allocation");
    for entry in fs::read_dir(root).unwrap() {
        let case = entry.unwrap().path();
        let market = market_of(&case, now());
        let input = fs::read(case.join("input.json")).unwrap();
        let state = ClusterState::from_json(&input).unwrap().value;
        let reports: BTreeMap<&str, CostReport> =
            EVERY.into_iter().map(|by| (by, costs(&state, by, &market))).collect();
        let json = format!("{}\n", serde_json::to_string_pretty(&reports).unwrap());
        let mut text = String::new();
        for (by, report) in &reports {
            let _ = writeln!(text, "by {by}");
            for row in report.rows.iter().chain([&report.total]) {
                let _ = writeln!(text, "  {}", line(row));
            }
        }
        for warning in &reports["namespace"].warnings {
            let _ = writeln!(text, "{}", warning.message);
        }
        for (file, content) in [("costs.json", json), ("costs.txt", text)] {
            let path = case.join(file);
            if std::env::var_os("UPDATE_GOLDEN").is_some() {
                fs::write(&path, &content).unwrap();
            } else {
                let differs = format!("{} differs; see UPDATE_GOLDEN", path.display());
                assert_eq!(fs::read_to_string(&path).unwrap_or_default(), content, "{differs}");
            }
        }
    }
}

fn line(row: &CostRow) -> String {
    let shown = |rate: Option<UsdPerHour>| {
        rate.map_or_else(|| "?".to_owned(), |rate| rate.per_hour().to_string())
    };
    format!(
        "{:24} {:>2} pods  {:>12} list  {:>12} effective  {}",
        row.group,
        row.pods,
        shown(row.usd_per_hour),
        shown(row.effective_usd_per_hour),
        row.reason.as_deref().unwrap_or_default()
    )
}

prop_compose! {
    fn node(at: usize)(
        of_type in select(vec!["m5.large", "c5.xlarge", "x9.unknown"]),
        zone in select(vec!["us-east-1a", "us-east-1b"]),
        pool in select(vec!["a", "b"]), spot in any::<bool>(),
        stated in proptest::option::of(select(vec![0.0, 0.1, 0.333_333_333, 7.0])),
        cpu in 0..9_u64, memory in 0..33_u64, kept in 0..3_u64, gpu in 0..2_u64,
    ) -> Value {
        let size = |cpu: u64, memory: u64| json!({
            "cpu": cpu.to_string(), "memory": format!("{memory}Gi"), "nvidia.com/gpu": gpu.to_string(),
        });
        json!({
            "name": format!("n{at}"), "instance_type": of_type, "zone": zone, "node_pool": pool,
            "capacity_type": if spot { "spot" } else { "on_demand" }, "usd_per_hour": stated,
            "capacity": size(cpu, memory),
            "allocatable": size(cpu.saturating_sub(kept), memory.saturating_sub(kept)),
        })
    }
}

prop_compose! {
    fn pod(at: usize)(
        on in proptest::option::of(0..8_usize), namespace in select(vec!["a", "b", "c"]),
        team in proptest::option::of(select(vec!["red", "blue"])),
        owner in proptest::option::of(select(vec!["web", "db"])),
        phase in select(vec!["Running", "Pending", "Succeeded"]),
        cpu in 0..5_000_u64, memory in 0..9_000_u64, gpu in 0..2_u64, claim in any::<bool>(),
    ) -> Value {
        json!({
            "name": format!("p{at}"), "namespace": namespace, "phase": phase,
            "node": on.map(|at| format!("n{at}")),
            "labels": team.map_or_else(|| json!({ "app": "x" }), |team| json!({ "team": team, "app": "y" })),
            "owner": owner.map(|name| json!({ "kind": "ReplicaSet", "name": name })),
            "volume_claims": if claim { vec!["data"] } else { vec![] },
            "requests": {
                "cpu": format!("{cpu}m"), "memory": format!("{memory}Mi"), "nvidia.com/gpu": gpu.to_string(),
            },
        })
    }
}

fn clusters() -> impl Strategy<Value = Value> {
    let nodes = (0..6_usize).prop_flat_map(|count| (0..count).map(node).collect::<Vec<_>>());
    let pods = (0..14_usize).prop_flat_map(|count| (0..count).map(pod).collect::<Vec<_>>());
    let reserved = proptest::option::of(1..4_u64);
    (nodes, pods, reserved).prop_map(|(nodes, pods, reserved)| {
        let commitments = reserved.map(|count| {
            json!([
                { "kind": "reserved_instances", "instance_type": "m5", "count": count },
                { "kind": "negotiated_discount", "discount": 0.07 },
            ])
        });
        json!({
            "region": "us-east-1", "nodes": nodes, "pods": pods, "commitments": commitments,
            "volumes": { "items": {
                "volumes": [
                    { "name": "one", "claim": "a/data", "handle": "vol-1" },
                    { "name": "two", "claim": "b/data", "handle": "vol-2" },
                ],
                "ebs_volumes": [{ "id": "vol-1", "kind": "gp3", "size_gib": 33 }],
            } },
            "network": { "items": { "services": [
                { "name": "s", "namespace": "a", "kind": "LoadBalancer", "selector": { "app": "y" },
                  "load_balancers": ["x.example"] },
            ] } },
            "accounts": [{ "load_balancers": [{ "dns": "x.example", "kind": "network" }] }],
        })
    })
}

fn state(value: &Value) -> ClusterState {
    ClusterState::from_json(value.to_string().as_bytes()).unwrap().value
}

fn rate(rate: Option<UsdPerHour>) -> i64 {
    rate.map_or(0, UsdPerHour::nanos)
}

/// Whatever a row is made of adds up to it.
fn adds_up(row: &CostRow) {
    let machines = rate(row.on_demand_usd_per_hour) + rate(row.spot_usd_per_hour);
    let parts = [row.cpu_usd_per_hour, row.memory_usd_per_hour, row.gpu_usd_per_hour];
    assert_eq!(parts.into_iter().map(rate).sum::<i64>(), machines, "{row:?}");
    let beside = rate(row.storage_usd_per_hour) + rate(row.load_balancer_usd_per_hour);
    assert_eq!(machines + beside, rate(row.usd_per_hour), "{row:?}");
    assert!(rate(row.idle_usd_per_hour) + rate(row.system_usd_per_hour) <= machines, "{row:?}");
    let unknown = row.unpriced + row.effective_unknown + row.unmeasured;
    assert_eq!(row.reason.is_some(), unknown > 0, "{row:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn rows_add_up_to_what_nodes_and_things_cost(cluster in clusters()) {
        let state = state(&cluster);
        let prices = need(&state, now()).gather(market());
        let price = |node: &Node| node.usd_per_hour.or_else(|| {
            let machine = engines::machine_prices::Machine::of_node(&state, node)?;
            prices.usd_per_hour(&machine)
        });
        let nodes: i64 = state.node_items().iter().filter_map(price).map(UsdPerHour::nanos).sum();
        // 33 GiB of gp3 at 0.08 dollars a month, and the hour of a load balancer.
        let things = UsdPerHour::of_month("2.64".parse().unwrap()).nanos() + 22_500_000;
        for by in EVERY {
            let report = costs(&state, by, market());
            prop_assert_eq!(rate(report.total.usd_per_hour), nodes + things);
            let listed = report.rows.iter().map(|row| rate(row.usd_per_hour)).sum::<i64>();
            prop_assert_eq!(listed, nodes + things);
            let paid = report.rows.iter().map(|row| rate(row.effective_usd_per_hour)).sum::<i64>();
            prop_assert_eq!(paid, rate(report.total.effective_usd_per_hour));
            prop_assert!(paid <= listed);
            let pods: u64 = report.rows.iter().map(|row| row.pods).sum();
            prop_assert_eq!(pods, report.pods);
            report.rows.iter().chain([&report.total]).for_each(adds_up);
            let unpriced: u64 = report.rows.iter().map(|row| row.unpriced).sum();
            prop_assert_eq!(unpriced, report.total.unpriced);
            prop_assert!(report.total.unpriced > 0, "the second volume has no price");
        }
    }

    #[test]
    fn order_is_irrelevant_and_the_same_gives_the_same(cluster in clusters()) {
        let mut turned = cluster.clone();
        for list in ["nodes", "pods"] {
            turned[list].as_array_mut().unwrap().reverse();
        }
        for by in EVERY {
            let first = costs(&state(&cluster), by, market());
            prop_assert_eq!(&first, &costs(&state(&cluster), by, market()));
            prop_assert_eq!(&first, &costs(&state(&turned), by, market()));
        }
    }
}

#[test]
fn nothing_in_nothing_out() {
    let report = costs(&ClusterState::default(), "namespace", market());
    assert_eq!(report.rows, []);
    assert_eq!((report.nodes, report.pods), (0, 0));
    let missing = ["`nodes` was not supplied", "`pods` was not supplied"];
    assert!(missing.iter().all(|text| report.warnings.iter().any(|one| one.message == *text)));
}
