//! The checker catches plans that were tampered with.

use checker::Violation;
use engines::prepared::ErasedDecision;
use facts::action::Action;
use facts::reason::ReasonCode;
use serde_json::{Value, json};
use units::UsdPerHour;

use crate::packing_world::{decide, violations};

/// Two nodes that can be emptied onto the third, which is nearly full then, and a full fourth.
fn snapshot() -> Value {
    let node = |name: &str, cpu: &str, price: f64| {
        json!({"name": name, "uid": format!("id-{name}"), "usd_per_hour": price,
               "allocatable": {"cpu": cpu, "memory": "32Gi", "pods": 58}})
    };
    let pod = |name: &str, node: &str, cpu: &str| {
        json!({"name": name, "namespace": "shop", "uid": format!("id-{name}"), "node": node,
               "owner": {"kind": "ReplicaSet", "name": name}, "requests": {"cpu": cpu, "memory": "1Gi"}})
    };
    let pinned = |name: &str, node: &str, cpu: &str| {
        let mut made = pod(name, node, cpu);
        made["annotations"] = json!({"karpenter.sh/do-not-disrupt": "true"});
        made
    };
    json!({
        "nodes": [node("a", "4", 0.2), node("b", "4", 0.2), node("c", "8", 0.4), node("d", "4", 0.2)],
        "pods": [pod("x", "a", "2"), pod("y", "b", "2"), pinned("z", "c", "3"), pinned("w", "d", "4")],
        "policies": {"items": {}}, "volumes": {"items": {}},
    })
}

fn check(what: &str, change: impl FnOnce(&mut ErasedDecision), expected: ReasonCode) {
    let snapshot = snapshot();
    let mut decision = decide(&snapshot, &json!({"replace": false}));
    assert!(violations(&snapshot, &decision).is_empty(), "{what}: the plan itself is wrong");
    assert_eq!(decision.verdict.execution_plan.len(), 6, "{what}: the plan is another one");
    change(&mut decision);
    let found: Vec<Violation> = violations(&snapshot, &decision);
    assert!(found.iter().any(|one| one.code == expected), "{what}: {found:#?}");
    assert!(checker::objects(&found), "{what}");
}

fn drains(decision: &mut ErasedDecision) -> Vec<&mut Vec<facts::action::Eviction>> {
    let steps = decision.verdict.execution_plan.iter_mut();
    let evictions = steps.filter_map(|step| match &mut step.action {
        Action::DrainNode { evictions, .. } => Some(evictions),
        _ => None,
    });
    evictions.collect()
}

fn renumber(decision: &mut ErasedDecision) {
    for (at, step) in decision.verdict.execution_plan.iter_mut().enumerate() {
        step.step = at as u32 + 1;
    }
}

#[test]
fn a_plan_that_leaves_a_pod_behind_is_caught() {
    let forget = |decision: &mut ErasedDecision| {
        drains(decision)[0].clear();
    };
    check("an eviction is missing", forget, ReasonCode::StepOrder);
}

#[test]
fn steps_in_another_order_are_caught() {
    let swap = |a: usize, b: usize| {
        move |decision: &mut ErasedDecision| {
            decision.verdict.execution_plan.swap(a, b);
            renumber(decision);
        }
    };
    check("terminated before it is drained", swap(2, 3), ReasonCode::StepOrder);
    check("drained before it is cordoned", swap(0, 2), ReasonCode::StepOrder);
    let wrong_numbers = |decision: &mut ErasedDecision| decision.verdict.execution_plan[0].step = 7;
    check("a number is wrong", wrong_numbers, ReasonCode::StepOrder);
}

#[test]
fn places_that_are_no_places_are_caught() {
    let to = |name: &'static str| {
        move |decision: &mut ErasedDecision| {
            drains(decision)[0][0].expected_node = Some(name.to_owned());
        }
    };
    check("to a full node", to("d"), ReasonCode::InsufficientResource);
    check("to a node that goes", to("b"), ReasonCode::NodeUnschedulable);
    check("to no node", to("nowhere"), ReasonCode::FitsNowhere);
}

#[test]
fn other_objects_of_the_same_name_are_caught() {
    let pod = |decision: &mut ErasedDecision| {
        drains(decision)[0][0].uid = Some("another".to_owned());
    };
    check("another pod", pod, ReasonCode::UnknownTarget);
    let node = |decision: &mut ErasedDecision| {
        decision.verdict.execution_plan[0].target.uid = Some("another".to_owned());
    };
    check("another node", node, ReasonCode::UnknownTarget);
}

#[test]
fn pods_that_may_not_go_are_caught() {
    let evict_pinned = |decision: &mut ErasedDecision| {
        let mut drains = drains(decision);
        let mut more = drains[0][0].clone();
        more.pod = "w".to_owned();
        more.uid = Some("id-w".to_owned());
        drains[0].push(more);
    };
    check("a pod of another node", evict_pinned, ReasonCode::UnknownTarget);
    let hurried = |decision: &mut ErasedDecision| {
        let terminate = decision.verdict.execution_plan.iter_mut();
        for step in terminate.filter(|step| step.action == Action::TerminateNode) {
            step.target.name = "d".to_owned();
            step.target.uid = Some("id-d".to_owned());
        }
    };
    check("a node with pods", hurried, ReasonCode::StepOrder);
}

#[test]
fn figures_and_bounds_that_are_made_up_are_caught() {
    let raise = |decision: &mut ErasedDecision| {
        if let Some(bound) = &mut decision.evidence.bound {
            let plan = bound.plan_cost_usd_per_hour.map_or(0, UsdPerHour::nanos);
            let lower = bound.lower_bound_usd_per_hour.map_or(0, UsdPerHour::nanos);
            let claim = UsdPerHour::from_nanos(lower + 1 + plan / 1000);
            bound.plan_cost_usd_per_hour = Some(claim);
            bound.lower_bound_usd_per_hour = Some(claim);
            bound.gap = Some(0.0);
        }
    };
    check("a bound that is too high", raise, ReasonCode::CertificateInvalid);
    let above = |decision: &mut ErasedDecision| {
        if let Some(bound) = &mut decision.evidence.bound {
            bound.plan_cost_usd_per_hour = Some(UsdPerHour::from_nanos(1));
        }
    };
    check("a plan below its bound", above, ReasonCode::CertificateInvalid);
    let small = |decision: &mut ErasedDecision| {
        let bound = decision.evidence.bound.as_mut();
        if let Some(certificate) = bound.and_then(|bound| bound.certificate.as_mut()) {
            certificate.existing[0].capacity[0] = 1;
        }
    };
    check("a node made smaller", small, ReasonCode::CertificateInvalid);
    let generous = |decision: &mut ErasedDecision| {
        let saved = decision.verdict.estimated_savings.unwrap();
        decision.verdict.estimated_savings = Some(saved + saved);
    };
    check("savings doubled", generous, ReasonCode::FigureMismatch);
}
