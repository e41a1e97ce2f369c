//! Placement rules: a table of readable cases, and the incremental counters
//! against a slow recount.

use packing::IndexSet;
use packing::placement::{
    Blocked, ClassRules, Group, Item, Membership, Model, NO_DOMAIN, Node, Parts, Rule, State,
};
use proptest::prelude::*;

fn node(capacity: i64, zone: u32) -> Node {
    Node { capacity: vec![capacity], cost: 100, removable: true, kind: zone, domains: vec![zone] }
}

fn class(demand: i64, groups: &[(u32, bool, bool)]) -> ClassRules {
    ClassRules {
        demand: vec![demand],
        allowed: IndexSet::All,
        groups: groups
            .iter()
            .map(|&(group, carrier, target)| Membership { group, carrier, target })
            .collect(),
    }
}

fn item(class: u32, home: Option<u32>) -> Item {
    Item { class, home, movable: true, weight: 1 }
}

fn check(
    nodes: Vec<Node>,
    groups: Vec<Group>,
    classes: Vec<ClassRules>,
    items: &[(u32, Option<u32>)],
    test: (u32, u32),
    expected: Result<(), Blocked>,
) {
    let model = Model::new(Parts {
        dims: 1,
        nodes,
        items: items.iter().map(|&(class, home)| item(class, home)).collect(),
        classes,
        groups,
    })
    .expect("sound parts");
    assert_eq!(State::new(&model).can_enter(test.0, test.1), expected);
}

#[test]
fn rules_one_by_one() {
    let two = || vec![node(10, 0), node(10, 1)];
    let on = |key, rule| vec![Group { key, rule }];
    let spread = |min_domains| Rule::Spread { max_skew: 1, min_domains, eligible: vec![0, 1] };
    // Capacity is exact, and a zero demand fits anywhere.
    check(two(), vec![], vec![class(10, &[])], &[], (0, 0), Ok(()));
    check(two(), vec![], vec![class(11, &[])], &[], (0, 0), Err(Blocked::Capacity { dim: 0 }));
    check(two(), vec![], vec![class(11, &[]), class(0, &[])], &[(0, Some(0))], (1, 0), Ok(()));
    // Kinds.
    let picky = ClassRules { allowed: IndexSet::of(&[1]), ..class(1, &[]) };
    check(two(), vec![], vec![picky.clone()], &[], (0, 0), Err(Blocked::Kind));
    check(two(), vec![], vec![picky], &[], (0, 1), Ok(()));
    // Exclusive: carrier against target, in both directions, within the domain.
    let pair = || vec![class(1, &[(0, true, false)]), class(1, &[(0, false, true)])];
    let apart = Err(Blocked::Exclusive { group: 0 });
    check(two(), on(1, Rule::Exclusive), pair(), &[(0, Some(0))], (1, 0), apart);
    check(two(), on(1, Rule::Exclusive), pair(), &[(1, Some(0))], (0, 0), apart);
    check(two(), on(1, Rule::Exclusive), pair(), &[(1, Some(0))], (0, 1), Ok(()));
    check(two(), on(1, Rule::Exclusive), pair(), &[(1, Some(0))], (1, 0), Ok(()));
    // A port on the node.
    let port = || vec![class(1, &[(0, true, true)])];
    check(two(), on(0, Rule::Exclusive), port(), &[(0, Some(0))], (0, 0), apart);
    check(two(), on(0, Rule::Exclusive), port(), &[(0, Some(0))], (0, 1), Ok(()));
    // Together: needs a target, or is the first one itself.
    let apart = Err(Blocked::Together { group: 0 });
    check(two(), on(1, Rule::Together), pair(), &[], (0, 0), apart);
    check(two(), on(1, Rule::Together), pair(), &[(1, Some(0))], (0, 0), Ok(()));
    check(two(), on(1, Rule::Together), pair(), &[(1, Some(0))], (0, 1), apart);
    check(two(), on(1, Rule::Together), port(), &[], (0, 1), Ok(()));
    check(two(), on(1, Rule::Together), port(), &[(0, Some(0))], (0, 1), apart);
    // Spread: skew against the emptiest eligible domain.
    let uneven = Err(Blocked::Spread { group: 0 });
    check(two(), on(1, spread(0)), port(), &[(0, Some(0))], (0, 0), uneven);
    check(two(), on(1, spread(0)), port(), &[(0, Some(0))], (0, 1), Ok(()));
    check(two(), on(1, spread(0)), pair(), &[(1, Some(0)), (1, Some(0))], (0, 0), uneven);
    // Too few domains: the minimum counts as zero.
    let both = [(0, Some(0)), (0, Some(1))];
    check(two(), on(1, spread(2)), port(), &both, (0, 0), Ok(()));
    check(two(), on(1, spread(3)), port(), &both, (0, 0), uneven);
    // Nodes without the key: spread and together refuse, exclusive ignores.
    let bare = || vec![node(10, 0), node(10, NO_DOMAIN)];
    check(bare(), on(1, spread(0)), port(), &[], (0, 1), uneven);
    check(bare(), on(1, Rule::Together), port(), &[], (0, 1), apart);
    check(bare(), on(1, Rule::Exclusive), port(), &[(0, Some(1))], (0, 1), Ok(()));
}

#[test]
fn a_closed_node_takes_its_domain_out_of_the_spread() {
    let model = Model::new(Parts {
        dims: 1,
        nodes: vec![node(10, 0), node(10, 1)],
        items: vec![item(0, Some(0)), item(0, None)],
        classes: vec![class(1, &[(0, true, true)])],
        groups: vec![Group {
            key: 1,
            rule: Rule::Spread { max_skew: 1, min_domains: 0, eligible: vec![0, 1] },
        }],
    })
    .expect("sound parts");
    let mut state = State::new(&model);
    assert_eq!(state.can_place(1, 0), Err(Blocked::Spread { group: 0 }));
    state.close(1);
    assert_eq!(state.can_place(1, 1), Err(Blocked::Closed));
    assert_eq!(state.can_place(1, 0), Ok(()));
    state.reopen(1);
    assert_eq!(state.can_place(1, 0), Err(Blocked::Spread { group: 0 }));
}

/// Parts with all rule kinds over a few nodes, zones and classes.
fn parts() -> impl Strategy<Value = Parts> {
    let roles = prop::collection::vec((0..4_u32, any::<bool>(), any::<bool>()), 0..3);
    let classes = prop::collection::vec((0..4_i64, roles), 1..5);
    let nodes = prop::collection::vec((5..20_i64, 0..4_u32), 2..6);
    (nodes, classes, 1..3_u32, 0..4_u32).prop_map(|(nodes, classes, max_skew, min_domains)| {
        let zone = |z: u32| if z == 3 { NO_DOMAIN } else { z };
        Parts {
            dims: 1,
            nodes: nodes.iter().map(|&(c, z)| node(c, zone(z))).collect(),
            items: (0..12).map(|i| item(i % classes.len() as u32, None)).collect(),
            classes: classes.iter().map(|(d, roles)| class(*d, roles)).collect(),
            groups: vec![
                Group { key: 1, rule: Rule::Exclusive },
                Group { key: 1, rule: Rule::Together },
                Group {
                    key: 1,
                    rule: Rule::Spread { max_skew, min_domains, eligible: vec![0, 2] },
                },
                Group {
                    key: 0,
                    rule: Rule::Spread { max_skew, min_domains, eligible: (0..6).collect() },
                },
            ],
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// After any sequence of moves the answers equal those of a state built
    /// anew with the items where they are.
    #[test]
    fn counters_equal_a_recount(
        parts in parts(),
        steps in prop::collection::vec((0..12_u32, 0..6_u32, 0..5_u8), 1..60),
    ) {
        let model = Model::new(parts.clone()).expect("sound parts");
        let nodes = model.nodes().len() as u32;
        let mut state = State::new(&model);
        for (item, node, what) in steps {
            let node = node % nodes;
            match what {
                0 => state.close(node),
                1 => state.reopen(node),
                2 => _ = state.remove(item),
                _ => state.place(item, node),
            }
        }
        let mut moved = parts;
        for (index, item) in moved.items.iter_mut().enumerate() {
            item.home = state.node_of(index as u32);
        }
        let again = Model::new(moved).expect("sound parts");
        let mut recount = State::new(&again);
        (0..nodes).filter(|&n| !state.is_open(n)).for_each(|n| recount.close(n));
        for class in 0..model.classes().len() as u32 {
            for node in 0..nodes {
                prop_assert_eq!(state.can_enter(class, node), recount.can_enter(class, node));
                prop_assert_eq!(state.free(node), recount.free(node));
            }
        }
        for node in 0..nodes {
            let mut here: Vec<u32> = state.items_on(node).collect();
            here.sort_unstable();
            let mut there: Vec<u32> = recount.items_on(node).collect();
            there.sort_unstable();
            prop_assert_eq!(here, there);
        }
    }
}
