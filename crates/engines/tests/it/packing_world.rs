//! Small made-up clusters in which every scheduling rule occurs, and the way to an answer on them.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use checker::Violation;
use engines::engine::Sources;
use engines::prepared::{AnyEngine, ErasedDecision, Run};
use engines::registry::BUILT_IN;
use engines::request::DecisionRequest;
use facts::cluster::ClusterState;
use jiff::Timestamp;
use market::{Limits, Market, MarketBuilder, MarketFile, Origin, bundled_files, parse};
use proptest::prelude::*;
use serde_json::value::RawValue;
use serde_json::{Value, json};

const ZONE: &str = "topology.kubernetes.io/zone";
const HOST: &str = "kubernetes.io/hostname";

/// Type, processors (milli), memory (MiB), list price.
const TYPES: [(&str, u32, u32, f64); 5] = [
    ("c6i.large", 1930, 3100, 0.085),
    ("m6i.large", 1930, 7100, 0.096),
    ("m6i.xlarge", 3920, 14_800, 0.192),
    ("m6i.2xlarge", 7910, 30_000, 0.384),
    ("r6i.xlarge", 3920, 30_000, 0.252),
];

#[derive(Clone, Debug)]
pub(crate) struct MadeNode {
    of_type: usize,
    zone: u8,
    /// 0 for plain, further numbers for a trait each.
    oddity: u8,
    max_pods: u8,
}

#[derive(Clone, Debug)]
pub(crate) struct MadePod {
    cpu: u16,
    memory: u16,
    node: u8,
    app: u8,
    rule: u8,
    mark: u8,
}

/// A cluster to be written down.
#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) nodes: Vec<MadeNode>,
    pub(crate) pods: Vec<MadePod>,
    budgets: Vec<(u8, u8)>,
    volumes: Vec<u8>,
}

/// Clusters of up to so many nodes and pods.
pub(crate) fn worlds(nodes: usize, pods: usize) -> impl Strategy<Value = World> {
    let node = (0..TYPES.len(), 0_u8..3, 0_u8..16, 2_u8..20)
        .prop_map(|(of_type, zone, oddity, max_pods)| MadeNode { of_type, zone, oddity, max_pods });
    let pod = (50_u16..1500, 64_u16..4096, any::<u8>(), 0_u8..4, 0_u8..24, 0_u8..24).prop_map(
        |(cpu, memory, node, app, rule, mark)| MadePod { cpu, memory, node, app, rule, mark },
    );
    (
        proptest::collection::vec(node, 0..=nodes),
        proptest::collection::vec(pod, 0..=pods),
        proptest::collection::vec((0_u8..4, 0_u8..3), 0..3),
        proptest::collection::vec(0_u8..4, 3),
    )
        .prop_map(|(nodes, pods, budgets, volumes)| World { nodes, pods, budgets, volumes })
}

impl World {
    /// The snapshot; backwards, nodes and pods are listed from the end.
    pub(crate) fn snapshot(&self, backwards: bool) -> Value {
        let mut nodes: Vec<Value> =
            self.nodes.iter().enumerate().map(|(at, node)| node_of(at, node)).collect();
        let mut pods: Vec<Value> =
            self.pods.iter().enumerate().map(|(at, pod)| self.pod_of(at, pod)).collect();
        for at in 0..nodes.len() {
            pods.push(json!({
                "name": format!("agent-{at}"), "namespace": "kube-system", "uid": format!("d{at}"),
                "owner": {"kind": "DaemonSet", "name": "agent"}, "node": format!("n{at:02}"),
                "requests": {"cpu": "50m", "memory": "64Mi"}, "tolerations": [{"operator": "Exists"}],
            }));
        }
        if backwards {
            nodes.reverse();
            pods.reverse();
        }
        let budgets: Vec<Value> = self
            .budgets
            .iter()
            .enumerate()
            .map(|(at, (app, allowed))| {
                json!({"name": format!("b{at}"), "namespace": "shop", "disruptions_allowed": allowed,
                       "selector": {"match_labels": {"app": format!("app-{app}")}}})
            })
            .collect();
        let (claims, volumes): (Vec<Value>, Vec<Value>) = self
            .volumes
            .iter()
            .enumerate()
            .map(|(at, zone)| {
                let place = [json!({"key": ZONE, "operator": "In", "values": [zone_name(*zone)]})];
                let affinity = match zone {
                    3 => json!([]),
                    _ => json!([{"match_expressions": place}]),
                };
                (
                    json!({"name": format!("c{at}"), "namespace": "shop", "volume": format!("v{at}")}),
                    json!({"name": format!("v{at}"), "driver": "ebs", "node_affinity": affinity}),
                )
            })
            .unzip();
        let limits: Vec<Value> = (0..self.nodes.len())
            .map(|at| json!({"node": format!("n{at:02}"), "driver": "ebs", "count": 1}))
            .collect();
        json!({
            "region": "us-east-1", "nodes": nodes, "pods": pods,
            "policies": {"items": {"disruption_budgets": budgets}},
            "volumes": {"items": {"claims": claims, "volumes": volumes, "attach_limits": limits}},
        })
    }

    fn pod_of(&self, at: usize, pod: &MadePod) -> Value {
        let app = json!({"match_labels": {"app": format!("app-{}", pod.app)}});
        let near = |key: &str| json!([{"topology_key": key, "selector": app}]);
        let spread = |key: &str| {
            json!([{"topology_key": key, "max_skew": 1, "when_unsatisfiable": "DoNotSchedule",
                    "selector": app}])
        };
        let requests =
            json!({"cpu": format!("{}m", pod.cpu), "memory": format!("{}Mi", pod.memory)});
        let mut made = json!({
            "name": format!("p{at:02}"), "namespace": "shop", "uid": format!("u{at}"),
            "owner": {"kind": "ReplicaSet", "name": format!("app-{}", pod.app)},
            "labels": {"app": format!("app-{}", pod.app)}, "requests": requests,
        });
        if !self.nodes.is_empty() && !pod.node.is_multiple_of(16) {
            let home = usize::from(pod.node) % self.nodes.len();
            made["node"] = json!(format!("n{home:02}"));
        } else {
            made["phase"] = json!("Pending");
        }
        match pod.rule {
            0 | 1 => made["affinity"] = json!({"pod_anti": {"required": near(HOST)}}),
            2 => made["affinity"] = json!({"pod_anti": {"required": near(ZONE)}}),
            3 => made["affinity"] = json!({"pod": {"required": near(HOST)}}),
            4 => made["affinity"] = json!({"pod": {"required": near(ZONE)}}),
            5 | 6 => made["topology_spread"] = spread(ZONE),
            7 => made["topology_spread"] = spread(HOST),
            8 | 9 => {
                made["containers"] =
                    json!([{"name": "main", "requests": {}, "host_ports": [{"port": 9100}]}]);
            }
            10 => made["node_selector"] = json!({"disk": "ssd"}),
            11 => made["tolerations"] = json!([{"operator": "Exists"}]),
            12 => made["volume_claims"] = json!([format!("c{}", at % 3)]),
            13 => made["volume_claims"] = json!(["lost"]),
            14 => made["overhead"] = json!({"cpu": "100m"}),
            15 => made["requests"]["nvidia.com/gpu"] = json!(1),
            _ => {}
        }
        match pod.mark {
            0 => made["annotations"] = json!({"karpenter.sh/do-not-disrupt": "true"}),
            1 => made["owner"] = Value::Null,
            2 => made["priority"] = json!(1_000_000_000),
            3 => made["termination_grace_seconds"] = json!(600),
            4 => made["deleted_at"] = json!("2026-08-01T11:59:00Z"),
            _ => {}
        }
        made
    }
}

fn zone_name(zone: u8) -> String {
    format!("us-east-1{}", char::from(b'a' + zone % 3))
}

fn node_of(at: usize, node: &MadeNode) -> Value {
    let (name, cpu, memory, _) = TYPES[node.of_type];
    let mut made = json!({
        "name": format!("n{at:02}"), "uid": format!("id-{at}"), "instance_type": name,
        "zone": zone_name(node.zone), "capacity_type": "on_demand", "architecture": "amd64",
        "allocatable": {"cpu": format!("{cpu}m"), "memory": format!("{memory}Mi"),
                        "pods": node.max_pods},
    });
    match node.oddity {
        0 => made["taints"] = json!([{"key": "team", "value": "data", "effect": "NoSchedule"}]),
        1 => made["unschedulable"] = json!(true),
        2 => made["conditions"] = json!([{"type": "Ready", "status": "False"}]),
        3 => made["annotations"] = json!({"karpenter.sh/do-not-disrupt": "true"}),
        4 => made["created_at"] = json!("2026-08-01T11:58:00Z"),
        5..=7 => made["labels"] = json!({"disk": "ssd"}),
        8 => made["allocatable"]["nvidia.com/gpu"] = json!(1),
        9 => made["usd_per_hour"] = json!(0.05),
        _ => {}
    }
    made
}

pub(crate) fn now() -> Timestamp {
    "2026-08-01T12:00:00Z".parse().unwrap()
}

fn market() -> &'static Market {
    static MARKET: OnceLock<Market> = OnceLock::new();
    MARKET.get_or_init(|| {
        let mut prices = "instance_type,linux us-east-1@2026-07-20T00:00:00Z\n".to_owned();
        let mut builder = MarketBuilder::new();
        for file in bundled_files() {
            if let MarketFile::Catalogue(mut file) = file {
                let named = |name: &str| TYPES.iter().any(|one| one.0 == name);
                file.instances.retain(|one| named(one.instance_type.as_str()));
                builder.add(MarketFile::Catalogue(file));
            }
        }
        for (name, _, _, price) in TYPES {
            prices.push_str(&format!("{name},{price}\n"));
        }
        let origin = Origin::new("made up", now());
        builder.add(parse(prices.as_bytes(), &origin, &Limits::default()).unwrap());
        builder.build()
    })
}

/// The answer to a snapshot under a policy.
pub(crate) fn decide(snapshot: &Value, policy: &Value) -> ErasedDecision {
    decide_at(now(), snapshot, policy).1
}

/// The answer at an instant, and whether it holds for that hour.
pub(crate) fn decide_at(
    now: Timestamp,
    snapshot: &Value,
    policy: &Value,
) -> (bool, ErasedDecision) {
    let engine: &dyn AnyEngine =
        *BUILT_IN.iter().find(|engine| engine.name() == "bin_packing").unwrap();
    let raw = |value: &Value| RawValue::from_string(value.to_string()).unwrap();
    let (input, policy) = (raw(snapshot), raw(policy));
    let request = DecisionRequest {
        request_id: None,
        cluster_id: None,
        decision_type: None,
        current_state: &input,
        requirements: Some(&policy),
        constraints: None,
    };
    let prepared = engine.prepare(&request).unwrap();
    let evidence = prepared.gather(now, &Sources::of(market()));
    let run = Run {
        now,
        build: "laws",
        request_id: None,
        cluster_id: None,
        input_digest: blake3::hash(b"the same for all"),
        stop_after: None,
        cancelled: None,
    };
    (prepared.is_steady(now), prepared.decide(&evidence, &run).unwrap())
}

/// The snapshot as the checker reads it.
pub(crate) fn state(snapshot: &Value) -> ClusterState {
    ClusterState::from_json(snapshot.to_string().as_bytes()).unwrap().value
}

/// What the checker says of an answer.
pub(crate) fn violations(snapshot: &Value, decision: &ErasedDecision) -> Vec<Violation> {
    checker::check(&state(snapshot), decision)
}

/// The names of the nodes that a plan takes away.
pub(crate) fn removed(decision: &ErasedDecision) -> Vec<String> {
    let steps = decision.verdict.execution_plan.iter();
    let gone = steps.filter(|step| step.action == facts::action::Action::TerminateNode);
    gone.map(|step| step.target.name.clone()).collect()
}

/// The cluster after the plan, as far as nodes existed before it.
pub(crate) fn carried_out(snapshot: &Value, decision: &ErasedDecision) -> Value {
    let mut after = snapshot.clone();
    let gone = removed(decision);
    let mut moved: BTreeMap<String, Option<String>> = BTreeMap::new();
    for step in &decision.verdict.execution_plan {
        if let facts::action::Action::DrainNode { evictions, .. } = &step.action {
            for one in evictions {
                moved.insert(one.pod.clone(), one.expected_node.clone());
            }
        }
    }
    let on = |value: &Value, key: &str| gone.iter().any(|name| value[key] == name.as_str());
    if let Some(nodes) = after["nodes"].as_array_mut() {
        nodes.retain(|node| !on(node, "name"));
    }
    if let Some(pods) = after["pods"].as_array_mut() {
        for pod in pods.iter_mut() {
            let to = pod["name"].as_str().and_then(|name| moved.get(name)).cloned();
            if let Some(to) = to {
                pod["node"] = json!(to);
            }
        }
        // What is left on a node that is gone went with it.
        pods.retain(|pod| !on(pod, "node"));
    }
    after
}
