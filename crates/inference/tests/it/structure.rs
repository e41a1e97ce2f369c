//! A tree that is none is refused, and the place is named.

use inference::{Limits, Node, Tree, validate};

use crate::drawn;

fn split(when_true: u32, when_false: u32) -> Node {
    Node::Split { feature: 0, threshold: 0.5, missing_is_true: false, when_true, when_false }
}

fn leaf(leaf: u32) -> Node {
    Node::Leaf { leaf }
}

fn refusal(nodes: Vec<Node>, leaf_values: Vec<f64>) -> String {
    let mut ensemble = drawn::ensemble(1);
    let whole =
        Tree { nodes: vec![leaf(0)], leaf_values: vec![1.0], weight: 1.0, ..Tree::default() };
    ensemble.trees = vec![whole.clone(), Tree { nodes, leaf_values, ..whole }];
    match validate(&drawn::model(ensemble), &Limits { depth: 3, ..Limits::default() }) {
        Ok(()) => "accepted".to_owned(),
        Err(refusal) => refusal.to_string(),
    }
}

#[test]
fn what_is_no_tree_is_refused_with_its_place() {
    let check = |nodes: Vec<Node>, values: Vec<f64>, expected: &str| {
        let found = refusal(nodes, values);
        assert!(found.contains(expected), "{found}; expected {expected}");
    };
    let two = vec![1.0, 2.0];
    check(vec![split(1, 2), leaf(0), leaf(1)], two.clone(), "accepted");
    check(vec![], vec![], "tree 1, node 0: found no node");
    check(vec![split(0, 1), leaf(0)], vec![1.0], "tree 1, node 0: found a second way to it");
    check(vec![split(1, 1), leaf(0)], vec![1.0], "node 1: found a second way to it");
    check(vec![split(1, 9), leaf(0)], vec![1.0], "node 9: found a child outside of the tree");
    check(vec![split(1, 2), leaf(0), leaf(1), leaf(2)], vec![1.0; 3], "node 3: found no way to it");
    check(vec![split(1, 2), leaf(0), leaf(0)], vec![1.0], "node 1: found leaf 0 again");
    check(vec![split(1, 2), leaf(0), leaf(5)], two.clone(), "node 2: found leaf 5");
    check(vec![split(1, 2), leaf(0), leaf(1)], vec![1.0, f64::NAN], "node 2: found the value NaN");
    check(vec![split(1, 2), leaf(0), leaf(1)], vec![1.0; 3], "found 3 values of leaves");
    let far = Node::Split {
        feature: 99,
        threshold: 0.5,
        missing_is_true: false,
        when_true: 1,
        when_false: 2,
    };
    check(
        vec![far, leaf(0), leaf(1)],
        two.clone(),
        "node 0: found feature 99; expected a feature below 5",
    );
    let open = Node::Split {
        feature: 0,
        threshold: f64::NAN,
        missing_is_true: false,
        when_true: 1,
        when_false: 2,
    };
    check(vec![open, leaf(0), leaf(1)], two.clone(), "node 0: found the threshold NaN");
    let set =
        Node::Member { feature: 0, set: 3, missing_is_true: false, when_true: 1, when_false: 2 };
    check(vec![set, leaf(0), leaf(1)], two, "node 0: found category set 3");
    let deep = (0..5).flat_map(|at| [split(2 * at + 2, 2 * at + 1), leaf(at)]).chain([leaf(5)]);
    check(deep.collect(), vec![1.0; 6], "found depth 4; expected at most 3");
}
