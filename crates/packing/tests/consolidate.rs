//! Consolidation: laws on random models, and a few cases by hand.

use std::cell::Cell;

use packing::IndexSet;
use packing::consolidate::{
    Gates, Offer, consolidate, drain_under_half, replace, verify, verify_bound, verify_replacement,
};
use packing::placement::{ClassRules, Group, Item, Membership, Model, Node, Parts, Rule, State};
use packing::work::{Effort, Work};
use proptest::prelude::*;

fn node(capacity: &[i64], cost: i64, zone: u32) -> Node {
    Node { capacity: capacity.to_vec(), cost, removable: true, kind: 0, domains: vec![zone] }
}

/// Random clusters whose items sit where the rules allow, with or without rules.
fn cluster(rules: bool) -> impl Strategy<Value = Model> {
    let nodes = prop::collection::vec((8..30_i64, 8..30_i64, 1..100_i64, 0..3_u32), 2..9);
    let classes = prop::collection::vec((1..9_i64, 1..9_i64, 0..8_u32), 1..5);
    let items = prop::collection::vec((0..5_u32, 0..9_u32, 0..10_u8), 0..24);
    (nodes, classes, items).prop_map(move |(nodes, classes, items)| {
        let role = |group: u32| Membership { group, carrier: true, target: true };
        let mut parts = Parts {
            dims: 2,
            nodes: nodes.iter().map(|&(a, b, cost, zone)| node(&[a, b], cost, zone)).collect(),
            items: Vec::new(),
            classes: classes
                .iter()
                .map(|&(a, b, g)| ClassRules {
                    demand: vec![a, b],
                    allowed: IndexSet::All,
                    groups: if rules && g < 3 { vec![role(g)] } else { Vec::new() },
                })
                .collect(),
            groups: vec![
                Group { key: 0, rule: Rule::Exclusive },
                Group { key: 1, rule: Rule::Together },
                Group {
                    key: 1,
                    rule: Rule::Spread { max_skew: 2, min_domains: 0, eligible: vec![0, 1, 2] },
                },
            ],
        };
        for (class, home, pinned) in items {
            let class = class % parts.classes.len() as u32;
            let home = home % parts.nodes.len() as u32;
            parts.items.push(Item { class, home: None, movable: pinned > 0, weight: 3 });
            let model = Model::new(parts.clone()).expect("sound parts");
            let last = parts.items.len() - 1;
            if State::new(&model).can_place(last as u32, home).is_ok() {
                parts.items[last].home = Some(home);
            } else {
                parts.items.pop();
            }
        }
        Model::new(parts).expect("sound parts")
    })
}

/// The cheapest plan by trying every set of nodes and every way to place items.
fn brute(model: &Model) -> i64 {
    fn fits(state: &mut State<'_>, items: &[u32]) -> bool {
        let Some((&item, rest)) = items.split_first() else {
            return true;
        };
        for node in 0..state.model().nodes().len() as u32 {
            if state.can_place(item, node).is_ok() {
                state.place(item, node);
                let fine = fits(state, rest);
                state.remove(item);
                if fine {
                    return true;
                }
            }
        }
        false
    }
    let nodes = model.nodes().len();
    let mut best = model.total_cost();
    for set in 1_u32..1 << nodes {
        let mut state = State::new(model);
        let mut items = Vec::new();
        let mut cost = model.total_cost();
        for node in (0..nodes as u32).filter(|n| set >> n & 1 == 1) {
            items.extend(state.items_on(node));
            state.close(node);
            cost -= model.nodes()[node as usize].cost;
        }
        let pinned = items.iter().any(|&i| !model.items()[i as usize].movable);
        if cost < best && !pinned {
            for &item in &items {
                state.remove(item);
            }
            if fits(&mut state, &items) {
                best = cost;
            }
        }
    }
    best
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn plans_keep_all_rules(model in cluster(true), most in 0..9_u32) {
        for effort in [Effort::Fast, Effort::Balanced] {
            for gates in [Gates::default(), Gates { max_removed: Some(most), permitted: None }] {
                let plan = consolidate(&model, &gates, effort, &mut Work::new(3_000_000));
                prop_assert!(verify(&model, &gates, &plan), "{plan:?}");
                prop_assert!(verify_bound(&model, &gates, &plan.bound));
                prop_assert!(plan.bound.value <= plan.cost_after);
                let rule = drain_under_half(&model, &gates, &mut Work::new(u64::MAX));
                prop_assert!(verify(&model, &gates, &rule));
                prop_assert!(
                    plan.cost_after <= rule.cost_after || plan.moves.len() <= rule.moves.len()
                );
            }
        }
    }

    #[test]
    fn bounds_are_below_the_optimum_and_plans_near_it(model in cluster(false)) {
        prop_assume!(model.nodes().len() <= 6 && model.items().len() <= 10);
        let best = brute(&model);
        let plan =
            consolidate(&model, &Gates::default(), Effort::Balanced, &mut Work::new(10_000_000));
        prop_assert!(plan.bound.value <= best);
        prop_assert!(plan.cost_after >= best);
        // The search is not exact, but small cases it all but solves.
        prop_assert!((plan.cost_after - best) * 4 <= best.max(40), "{} {best}", plan.cost_after);
    }

    #[test]
    fn a_cancelled_search_replays(model in cluster(true), after in 1..30_u32) {
        let asked = Cell::new(0_u32);
        let cancel = || {
            asked.set(asked.get() + 1);
            asked.get() > after
        };
        let gates = Gates::default();
        let mut work = Work::with_cancel(4_000_000, &cancel);
        let plan = consolidate(&model, &gates, Effort::Balanced, &mut work);
        let mut again =
            consolidate(&model, &gates, Effort::Balanced, &mut Work::new(plan.work_used));
        again.cancelled = plan.cancelled;
        prop_assert_eq!(plan, again);
    }

    #[test]
    fn replacements_keep_all_rules(model in cluster(true), cost in 1..60_i64) {
        let offers = [Offer {
            capacity: vec![25, 25],
            cost,
            kind: 0,
            domains: vec![1],
            available: None,
        }];
        let gates = Gates::default();
        let found = replace(&model, &gates, &offers, Effort::Fast, &mut Work::new(50_000_000));
        if let Some(found) = found {
            prop_assert!(verify_replacement(&model, &gates, &offers, &found), "{found:?}");
        }
    }
}

#[test]
fn many_dear_nodes_become_few_cheap_ones() {
    let model = Model::new(Parts {
        dims: 2,
        nodes: vec![node(&[10, 10], 100, 0); 6],
        items: (0..6).map(|n| Item { class: 0, home: Some(n), movable: true, weight: 1 }).collect(),
        classes: vec![ClassRules {
            demand: vec![6, 6],
            allowed: IndexSet::All,
            groups: Vec::new(),
        }],
        groups: Vec::new(),
    })
    .expect("sound parts");
    let gates = Gates::default();
    // No node can be emptied onto the others.
    let plan = consolidate(&model, &gates, Effort::Balanced, &mut Work::new(1_000_000));
    assert_eq!(plan.saving(), 0);
    let offer =
        |cost| Offer { capacity: vec![18, 18], cost, kind: 0, domains: vec![0], available: None };
    let cheap = replace(&model, &gates, &[offer(150)], Effort::Fast, &mut Work::new(1 << 30));
    let cheap = cheap.expect("two bought nodes hold all six items");
    assert_eq!((cheap.cost_before, cheap.cost_after, cheap.bought.len()), (600, 300, 2));
    // The same price is not strictly cheaper.
    assert_eq!(replace(&model, &gates, &[offer(300)], Effort::Fast, &mut Work::new(1 << 30)), None);
}

#[test]
fn gates_and_pins_are_kept() {
    let check = |pinned: bool, permitted: Option<Vec<bool>>, removed: &[u32]| {
        let model = Model::new(Parts {
            dims: 1,
            nodes: vec![node(&[10], 100, 0), node(&[10], 90, 0)],
            items: vec![Item { class: 0, home: Some(0), movable: !pinned, weight: 1 }],
            classes: vec![ClassRules {
                demand: vec![4],
                allowed: IndexSet::All,
                groups: Vec::new(),
            }],
            groups: Vec::new(),
        })
        .expect("sound parts");
        let gates = Gates { max_removed: None, permitted };
        let plan = consolidate(&model, &gates, Effort::Balanced, &mut Work::new(10_000_000));
        assert_eq!(plan.removed, removed);
    };
    check(false, None, &[0]);
    check(true, None, &[1]);
    check(false, Some(vec![false, true]), &[1]);
    check(false, Some(vec![false, false]), &[]);
}
