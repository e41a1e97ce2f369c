//! What is rendered of decisions, held against the schemas of Kubernetes, Karpenter, KEDA and the
//! vertical autoscaler.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use engines::engine::Sources;
use engines::prepared::ErasedDecision;
use engines::registry::BUILT_IN;
use facts::action::{Action, Step, Target};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use render::{Artefact, render};
use serde_json::{Value, json};

use crate::asking::asked;
use crate::golden::{answer, sorted};
use crate::{finding_laws, packing_world, rightsizing_laws, schemas, spot_laws};

/// Every kind of file that decisions are rendered to: a name, or a folder.
const KINDS: [&str; 18] = [
    "aws.sh",
    "evictions/",
    "images.md",
    "neighbours.md",
    "neighbours/",
    "node-sizes.sh",
    "node-sizes/",
    "nodepool.json",
    "nodepool.patch.json",
    "nodes.sh",
    "patches.sh",
    "patches/",
    "plan.json",
    "resources.csv",
    "scale-now.sh",
    "schedules-without-keda/",
    "schedules/",
    "watch/",
];

/// What was seen over all decisions.
#[derive(Default)]
struct Seen {
    decisions: u32,
    kinds: BTreeSet<String>,
    patched: BTreeSet<String>,
    wrong: BTreeMap<String, String>,
}

impl Seen {
    fn look_at(&mut self, decision: &ErasedDecision, whose: &str) {
        self.decisions += 1;
        let recommendations: Vec<Value> = decision
            .verdict
            .recommendations
            .iter()
            .map(|raw| serde_json::from_str(raw.get()).unwrap())
            .collect();
        let files = render(decision, &recommendations);
        let names: BTreeSet<&str> = files.iter().map(|file| file.name.as_str()).collect();
        assert_eq!(names.len(), files.len(), "{whose}: {names:?}");
        for file in &files {
            assert!(!file.name.contains("..") && !file.name.starts_with('/'), "{}", file.name);
            let folder = file.name.split_once('/').map(|(folder, _)| format!("{folder}/"));
            self.kinds.insert(folder.unwrap_or_else(|| file.name.clone()));
            if let Err(error) = self.judge(decision, file, &names) {
                self.wrong.insert(
                    format!("{}: {error}", decision.decision_type),
                    format!("{whose}: {file:#?}"),
                );
            }
        }
    }

    /// What is wrong with a file.
    fn judge(
        &mut self,
        decision: &ErasedDecision,
        file: &Artefact,
        names: &BTreeSet<&str>,
    ) -> Result<(), String> {
        if !file.name.ends_with(".json") {
            let said = file.content.contains(&decision.decision_id);
            if !said && file.kind != "table" {
                return Err(format!("{} says not where it is from", file.name));
            }
            let words = file.content.split_whitespace();
            let lost =
                words.filter(|word| word.ends_with(".json")).find(|word| !names.contains(word));
            return lost.map_or(Ok(()), |lost| Err(format!("{} names {lost}", file.name)));
        }
        let value: Value = serde_json::from_str(&file.content).unwrap();
        carries_its_origin(decision, &value)?;
        let (folder, name) = file.name.split_once('/').unwrap_or(("", &file.name));
        match (folder, file.kind.as_str()) {
            (_, "plan") => {
                let steps: Result<Vec<Step>, _> =
                    serde_json::from_value(value["execution_plan"].clone());
                steps.map(|_| ()).map_err(|error| error.to_string())
            }
            (_, "kubernetes") => schemas::object(&value),
            ("patches", _) => {
                let number: usize = name[..3].parse().unwrap();
                let kind = &decision.verdict.execution_plan[number - 1].target.kind;
                self.patched.insert(kind.clone());
                schemas::merge_patch(kind, &value)
            }
            ("neighbours", _) => schemas::merge_patch(name.split('.').nth(1).unwrap(), &value),
            _ => schemas::operations(&value),
        }
    }
}

fn carries_its_origin(decision: &ErasedDecision, value: &Value) -> Result<(), String> {
    let own = |annotations: &Value| {
        let id = annotations["cloudoptim.io/decision-id"] == decision.decision_id.as_str();
        let until = annotations["cloudoptim.io/valid-until"].as_str();
        id && until.is_some_and(|until| until.parse::<jiff::Timestamp>().is_ok())
    };
    let carries = match value {
        Value::Array(operations) => {
            let added = |name: &str| {
                let path = format!("/metadata/annotations/cloudoptim.io~1{name}");
                let one = operations.iter().find(|one| one["path"] == path.as_str());
                one.map_or(Value::Null, |one| one["value"].clone())
            };
            own(&json!({
                "cloudoptim.io/decision-id": added("decision-id"),
                "cloudoptim.io/valid-until": added("valid-until"),
            }))
        }
        plan if plan.get("execution_plan").is_some() => {
            plan["decision_id"] == decision.decision_id.as_str() && plan["valid_until"].is_string()
        }
        object => {
            let items = object["items"].as_array().map_or(&[][..], Vec::as_slice);
            let mut all = items.iter().chain([object]);
            all.all(|one| own(&one["metadata"]["annotations"]))
        }
    };
    if carries { Ok(()) } else { Err(format!("it says not where it is from: {value}")) }
}

/// So many worlds, the same in each run.
fn made<S: Strategy>(strategy: &S, count: usize) -> Vec<S::Value> {
    let mut runner = TestRunner::deterministic();
    (0..count).map(|_| strategy.new_tree(&mut runner).unwrap().current()).collect()
}

/// The same cluster with pods of a CronJob, pods of nobody, and containers that are sidecars.
fn varied(mut state: Value) -> Value {
    for (at, pod) in state["pods"].as_array_mut().into_iter().flatten().enumerate() {
        match at % 6 {
            1 => pod["owner"] = json!({"kind": "Job", "name": "report-29760001"}),
            2 => {
                let containers = pod["containers"].take();
                pod["containers"] = json!([]);
                pod["init_containers"] = containers;
            }
            _ => {}
        }
        if at % 12 == 2 {
            pod["init_containers"][0]["sidecar"] = json!(true);
        }
    }
    if let Some(workloads) = state["workloads"].as_array_mut() {
        for namespace in ["dev", "shop"] {
            workloads.push(json!({
                "kind": "Job", "name": "report-29760001", "namespace": namespace,
                "owner": {"kind": "CronJob", "name": "report"},
            }));
            workloads.push(json!({"kind": "CronJob", "name": "report", "namespace": namespace}));
        }
    }
    state
}

/// The same plan with each drain as single evictions.
fn evicting(mut decision: ErasedDecision) -> ErasedDecision {
    let mut steps: Vec<Step> = Vec::new();
    for step in decision.verdict.execution_plan {
        let Action::DrainNode { grace_seconds, evictions } = &step.action else {
            steps.push(step);
            continue;
        };
        steps.extend(evictions.iter().map(|one| Step {
            action: Action::EvictPod {
                grace_seconds: one.grace_seconds.unwrap_or(*grace_seconds),
                expected_node: one.expected_node.clone(),
            },
            target: Target {
                kind: "Pod".to_owned(),
                namespace: Some(one.namespace.clone()),
                name: one.pod.clone(),
                uid: one.uid.clone(),
                arn: None,
            },
            ..step.clone()
        }));
    }
    for (step, number) in steps.iter_mut().zip(1..) {
        step.step = number;
    }
    decision.verdict.execution_plan = steps;
    decision
}

#[test]
fn whatever_is_rendered_is_what_its_schema_says() {
    let mut seen = Seen::default();
    for state in made(&finding_laws::worlds(), 90).into_iter().map(varied) {
        for engine in finding_laws::finders() {
            let decision = finding_laws::decide(engine, &state, None).0;
            seen.look_at(&decision, engine.name());
        }
    }
    for (state, policy) in made(&(rightsizing_laws::worlds(), rightsizing_laws::policies()), 60) {
        let decision = rightsizing_laws::decide(&state, policy, &json!({})).0;
        seen.look_at(&decision, "sizes");
    }
    for world in made(&packing_world::worlds(5, 16), 20) {
        for policy in [json!({}), json!({"mode": "reprovision"})] {
            let decision = packing_world::decide(&world.snapshot(false), &policy);
            seen.look_at(&decision, "packing");
            seen.look_at(&evicting(decision), "packing, pod by pod");
        }
    }
    let spot = BUILT_IN.iter().find(|engine| engine.name() == "spot_optimizer").unwrap();
    for (at, world) in made(&spot_laws::worlds(), 30).into_iter().enumerate() {
        let market = spot_laws::market(&world, false);
        let mut state = serde_json::to_value(spot_laws::state(&world, false)).unwrap();
        if at % 2 == 0 {
            state["policies"] = json!({"items": {"node_pools": [{"name": "main", "requirements": [
                {"key": "kubernetes.io/arch", "operator": "In", "values": ["amd64"]},
                {"key": "karpenter.k8s.aws/instance-category", "operator": "Exists"},
            ]}]}});
        }
        seen.look_at(&asked(*spot, &state, None, None, &Sources::of(&market)).0, "spot");
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    for engine in BUILT_IN {
        for case in sorted(&root.join(engine.name())).into_iter().filter(|path| path.is_dir()) {
            seen.look_at(&answer(*engine, &case), &case.display().to_string());
        }
    }
    assert!(seen.wrong.is_empty(), "{} kinds of mistake: {:#?}", seen.wrong.len(), seen.wrong);
    assert!(seen.decisions >= 1_000, "{}", seen.decisions);
    let kinds: Vec<&str> = seen.kinds.iter().map(String::as_str).collect();
    assert_eq!(kinds, KINDS);
    for kind in ["CronJob", "DaemonSet", "Deployment", "NodePool", "Service", "StatefulSet"] {
        assert!(seen.patched.contains(kind), "no {kind} was patched: {:?}", seen.patched);
    }
}

#[test]
fn a_field_that_no_schema_has_is_refused() {
    let vpa = |mode: &str| {
        json!({
            "apiVersion": "autoscaling.k8s.io/v1", "kind": "VerticalPodAutoscaler",
            "metadata": {"name": "web", "namespace": "shop"},
            "spec": {
                "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
                "updatePolicy": {mode: "Off"},
            },
        })
    };
    assert_eq!(schemas::object(&vpa("updateMode")), Ok(()));
    assert!(schemas::object(&vpa("updateMod")).unwrap_err().contains("updateMod"));
    let eviction = |field: &str, grace: Value| {
        json!({
            "apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "web-0"},
            "deleteOptions": {field: grace},
        })
    };
    assert_eq!(schemas::object(&eviction("gracePeriodSeconds", json!(90))), Ok(()));
    assert!(schemas::object(&eviction("gracePeriod", json!(90))).is_err());
    assert!(schemas::object(&eviction("gracePeriodSeconds", json!("90"))).is_err());
    let of_template =
        json!({"containers": [{"name": "app", "resources": {"limits": {"cpu": "1"}}}]});
    let deployment = json!({"spec": {"template": {"spec": of_template}}});
    let job = json!({"spec": {"jobTemplate": {"spec": {"template": {"spec": of_template}}}}});
    assert_eq!(schemas::merge_patch("Deployment", &deployment), Ok(()));
    assert_eq!(schemas::merge_patch("CronJob", &job), Ok(()));
    assert!(schemas::merge_patch("CronJob", &deployment).unwrap_err().contains("/spec/template"));
    assert!(schemas::merge_patch("Pod", &deployment).is_err());
    let wrong = json!({"spec": {"trafficDistributoin": "PreferSameZone"}});
    assert!(schemas::merge_patch("Service", &wrong).is_err());
    let gone = json!({"spec": {"trafficDistribution": null}});
    assert!(schemas::merge_patch("Service", &gone).is_err());
    let absent = json!({
        "apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "a"},
        "spec": {"jobTemplate": {"spec": {"template": {}}}},
    });
    assert!(schemas::object(&absent).unwrap_err().starts_with("absent: /spec/schedule"));
    let add = |key: &str| {
        json!([{"op": "add", "path": "/spec/template/spec/requirements/-",
            "value": {key: "zone", "operator": "In", "values": ["a"]}}])
    };
    assert_eq!(schemas::operations(&add("key")), Ok(()));
    assert!(schemas::operations(&add("kye")).is_err());
}
