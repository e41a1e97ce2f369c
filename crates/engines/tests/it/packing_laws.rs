//! What holds for every answer of the packing engine, whatever the cluster.

use engines::bin_packing::to_the_hour;
use facts::reason::ReasonCode;
use jiff::SignedDuration;
use proptest::prelude::*;
use serde_json::{Value, json};
use units::Usd;

use crate::packing_world::{carried_out, decide, decide_at, now, removed, violations, worlds};

/// Both modes at every effort, with and without new nodes.
fn policies() -> Vec<Value> {
    let mut policies = quick();
    policies.push(json!({"replace": false}));
    for mode in ["consolidate", "reprovision"] {
        for effort in ["balanced", "best"] {
            policies.push(json!({"mode": mode, "effort": effort}));
        }
    }
    policies
}

/// Those that answer at once, for laws that are tried on many clusters.
fn quick() -> Vec<Value> {
    vec![json!({"effort": "fast"}), json!({"mode": "reprovision", "effort": "fast"})]
}

fn draining() -> Value {
    json!({"effort": "fast", "replace": false})
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4))]

    #[test]
    fn the_checker_objects_to_nothing_however_long_the_search(world in worlds(4, 6)) {
        let snapshot = world.snapshot(false);
        for policy in policies() {
            let decision = decide(&snapshot, &policy);
            let found = violations(&snapshot, &decision);
            prop_assert!(found.is_empty(), "{policy} {found:#?} {:?}\n{snapshot}", decision.evidence.bound);
            let back = decide(&world.snapshot(true), &policy);
            let text = |decision| serde_json::to_string(decision).unwrap();
            prop_assert_eq!(text(&decision), text(&back));
        }
    }
}

proptest! {
    // Proofs by class are searched to their end, which takes its time without optimisation.
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn the_checker_objects_to_nothing(world in worlds(5, 9)) {
        let snapshot = world.snapshot(false);
        for policy in quick() {
            let decision = decide(&snapshot, &policy);
            let found = violations(&snapshot, &decision);
            prop_assert!(found.is_empty(), "{policy} {found:#?} {:?}\n{snapshot}", decision.evidence.bound);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn the_answer_is_the_same_again_and_in_any_order(world in worlds(6, 14)) {
        for policy in quick() {
            let there = decide(&world.snapshot(false), &policy);
            let again = decide(&world.snapshot(false), &policy);
            let back = decide(&world.snapshot(true), &policy);
            let text = |decision| serde_json::to_string(decision).unwrap();
            prop_assert_eq!(text(&there), text(&again));
            prop_assert_eq!(text(&there), text(&back));
        }
    }

    #[test]
    fn a_plan_costs_no_less_than_its_bound_and_saves_the_difference(world in worlds(6, 14)) {
        for policy in quick() {
            let decision = decide(&world.snapshot(false), &policy);
            let bound = decision.evidence.bound.as_ref().unwrap();
            if let (Some(lower), Some(plan)) =
                (bound.lower_bound_usd_per_hour, bound.plan_cost_usd_per_hour)
            {
                prop_assert!(lower <= plan, "{bound:?}");
                prop_assert_eq!(bound.certificate.is_none(), nothing_cheaper(&decision));
            }
            let savings = &decision.verdict.savings;
            let pair = savings.before_usd_per_hour.zip(savings.after_usd_per_hour);
            match (pair, decision.verdict.estimated_savings) {
                (Some((before, after)), Some(saved)) if !nothing_cheaper(&decision) => {
                    prop_assert_eq!(saved, (before - after).per_month());
                    prop_assert!(saved >= Usd::ZERO || !policy["mode"].eq("consolidate"));
                }
                (Some(_), Some(saved)) => prop_assert_eq!(saved, Usd::ZERO),
                (None, saved) => prop_assert!(saved.is_none()),
                (Some(_), None) => prop_assert!(false, "a saving is known and not said"),
            }
        }
    }

    #[test]
    fn a_steady_answer_is_the_same_all_hour(world in worlds(6, 14), minutes in (0_i64..60, 0_i64..60)) {
        let snapshot = world.snapshot(false);
        let at = |minute| to_the_hour(now()) + SignedDuration::from_mins(minute);
        for policy in quick() {
            let (steady, one) = decide_at(at(minutes.0), &snapshot, &policy);
            let (steady_too, other) = decide_at(at(minutes.1), &snapshot, &policy);
            prop_assert_eq!(steady, steady_too);
            if steady {
                let text = |verdict| serde_json::to_string(verdict).unwrap();
                prop_assert_eq!(text(&one.verdict), text(&other.verdict));
            }
        }
    }

    #[test]
    fn after_the_plan_no_empty_node_is_left_to_take(world in worlds(6, 14)) {
        let snapshot = world.snapshot(false);
        let first = decide(&snapshot, &draining());
        let after = carried_out(&snapshot, &first);
        let second = decide(&after, &draining());
        for one in &second.verdict.recommendations {
            prop_assert!(!one.get().contains(r#""reason":"empty""#), "{} {after:#}", one.get());
        }
    }

    #[test]
    fn a_stricter_policy_takes_no_more_nodes(world in worlds(6, 14), most in 0_u32..4, namespace in any::<bool>()) {
        let snapshot = world.snapshot(false);
        let free = removed(&decide(&snapshot, &draining()));
        let mut limited = draining();
        limited["max_removed_nodes"] = json!(most);
        let some = removed(&decide(&snapshot, &limited));
        prop_assert!(some.len() <= free.len().min(most as usize), "{some:?} {free:?}");
        let mut guarded = draining();
        guarded["protected_nodes"] = json!(free);
        let others = removed(&decide(&snapshot, &guarded));
        prop_assert!(others.iter().all(|node| !free.contains(node)));
        if namespace {
            let mut closed = draining();
            closed["protected_namespaces"] = json!(["shop"]);
            let empty = removed(&decide(&snapshot, &closed));
            prop_assert!(empty.len() <= free.len(), "{empty:?} {free:?}");
        }
    }

    #[test]
    fn fewer_moves_are_never_more_than_allowed(world in worlds(6, 14), most in 0_u32..6) {
        let snapshot = world.snapshot(false);
        let decision = decide(&snapshot, &json!({"max_moved_pods": most}));
        let moved: u32 =
            decision.verdict.execution_plan.iter().map(|step| step.blast_radius.pods).sum();
        prop_assert!(moved <= most);
    }
}

fn nothing_cheaper(decision: &engines::prepared::ErasedDecision) -> bool {
    decision.verdict.warnings.iter().any(|warning| warning.code == ReasonCode::NoSaving)
}

#[test]
fn nothing_in_gives_nothing_out() {
    for snapshot in [json!({}), json!({"nodes": [], "pods": []})] {
        for policy in policies() {
            let decision = decide(&snapshot, &policy);
            assert!(decision.verdict.recommendations.is_empty(), "{policy}");
            assert!(decision.verdict.execution_plan.is_empty(), "{policy}");
            assert!(decision.verdict.estimated_savings.is_none_or(|saved| saved == Usd::ZERO));
            assert!(violations(&snapshot, &decision).is_empty(), "{policy}");
        }
    }
}
