//! `TreeEnsembleClassifier` and `TreeEnsembleRegressor` of ONNX-ML, versions 1 to 4.
//!
//! <https://onnx.ai/onnx/operators/onnx_aionnxml_TreeEnsembleClassifier.html>

use std::collections::BTreeMap;

use super::onnx_messages::NodeProto;
use crate::refusal::Refusal;
use crate::{Absent, Comparison, Ensemble, Limits, Link, Node, Sum, Target, Tree, Vote};

/// What the leaves of an operator are called: by class or by target.
pub(super) struct Leaves<'a> {
    /// `class` or `target`: the beginning of the names of their attributes.
    pub(super) prefix: &'static str,
    /// For the number in the file: which sum it goes into; `None` where it is left out.
    pub(super) group_of: &'a dyn Fn(i64) -> Option<Option<u32>>,
    pub(super) groups: usize,
    pub(super) base: Vec<f64>,
    pub(super) link: Link,
    /// Whether the mean over the trees is asked for.
    pub(super) average: bool,
}

/// Makes an ensemble of the operator.
pub(super) fn ensemble(
    node: &NodeProto,
    features: usize,
    leaves: Leaves<'_>,
    limits: &Limits,
) -> Result<Ensemble, Refusal> {
    let tree_ids = node.ints("nodes_treeids");
    let count = tree_ids.len();
    Refusal::check("nodes", count, limits.nodes)?;
    let same = |name: &'static str, found: usize| {
        if found == count {
            return Ok(());
        }
        Err(Refusal::field(name, format!("{found} entries"), format!("{count}, as nodes_treeids")))
    };
    let node_ids = node.ints("nodes_nodeids");
    let feature_ids = node.ints("nodes_featureids");
    let when_true = node.ints("nodes_truenodeids");
    let when_false = node.ints("nodes_falsenodeids");
    let values = node.floats("nodes_values");
    let modes = node.strings("nodes_modes");
    let missing = node.ints("nodes_missing_value_tracks_true");
    same("nodes_nodeids", node_ids.len())?;
    same("nodes_featureids", feature_ids.len())?;
    same("nodes_truenodeids", when_true.len())?;
    same("nodes_falsenodeids", when_false.len())?;
    same("nodes_values", values.len())?;
    same("nodes_modes", modes.len())?;
    if !missing.is_empty() {
        same("nodes_missing_value_tracks_true", missing.len())?;
    }
    // Trees in the order of the file; for each the entries of its nodes, by their numbers.
    let mut order: Vec<(i64, BTreeMap<i64, usize>)> = Vec::new();
    let mut tree_of: BTreeMap<i64, usize> = BTreeMap::new();
    for at in 0..count {
        let tree = *tree_of.entry(tree_ids[at]).or_insert_with(|| {
            order.push((tree_ids[at], BTreeMap::new()));
            order.len() - 1
        });
        if order[tree].1.insert(node_ids[at], at).is_some() {
            return Err(wrong(tree, at, format!("number {} again", node_ids[at]), "numbers once"));
        }
    }
    Refusal::check("trees", order.len(), limits.trees)?;
    let weights = weights(node, &leaves)?;
    let mut ensemble = Ensemble {
        features,
        groups: leaves.groups,
        comparison: Comparison::AtMost32,
        absent: vec![Absent::Nan; features],
        category_sets: Vec::new(),
        trees: Vec::with_capacity(order.len()),
        vote: Vote {
            sum: if leaves.average { Sum::F64ThenBase } else { Sum::F32ThenBase },
            base: leaves.base,
            divisor: if leaves.average { order.len().max(1) as f64 } else { 1.0 },
        },
        link: leaves.link,
    };
    let mut used = 0;
    for (at, (tree_id, nodes)) in order.iter().enumerate() {
        let place_of: BTreeMap<usize, u32> =
            nodes.values().enumerate().map(|(place, entry)| (*entry, place as u32)).collect();
        // The root is nobody's child; it has to come first.
        let mut is_child = vec![false; nodes.len()];
        let mut tree = Tree { weight: 1.0, ..Tree::default() };
        let mut found: Vec<Vec<(u32, f64)>> = Vec::new();
        for entry in nodes.values() {
            let mode = modes[*entry].as_slice();
            if mode == b"LEAF" {
                let of_leaf = weights.get(&(*tree_id, node_ids[*entry]));
                used += usize::from(of_leaf.is_some());
                tree.nodes.push(Node::Leaf { leaf: found.len() as u32 });
                found.push(of_leaf.cloned().unwrap_or_default());
                continue;
            }
            let child = |number: i64| {
                let place = nodes.get(&number).and_then(|entry| place_of.get(entry)).copied();
                place.ok_or_else(|| {
                    wrong(at, *entry, format!("child {number}"), "a node of the tree")
                })
            };
            let (yes, no) = (child(when_true[*entry])?, child(when_false[*entry])?);
            is_child[yes as usize] = true;
            is_child[no as usize] = true;
            let feature = u32::try_from(feature_ids[*entry]).map_err(|_| {
                wrong(at, *entry, format!("feature {}", feature_ids[*entry]), "a number from 0")
            })?;
            let missing_is_true = missing.get(*entry).is_some_and(|flag| *flag != 0);
            tree.nodes.push(
                split(mode, feature, values[*entry], missing_is_true, yes, no).ok_or_else(
                    || {
                        Refusal::unsupported(
                            "mode of a node",
                            String::from_utf8_lossy(mode),
                            "BRANCH_LEQ, BRANCH_LT, BRANCH_GT, BRANCH_GTE and LEAF are",
                        )
                    },
                )?,
            );
        }
        root_first(&mut tree.nodes, &is_child).ok_or_else(|| {
            wrong(at, 0, "no single root".to_owned(), "one node that is nobody's child")
        })?;
        leaf_values(&mut tree, &found, leaves.groups);
        ensemble.trees.push(tree);
    }
    if used != weights.len() {
        return Err(Refusal::field(
            format!("{}_nodeids", leaves.prefix),
            format!("{} nodes that are no leaves", weights.len() - used),
            "leaves",
        ));
    }
    Ok(ensemble)
}

fn wrong(tree: usize, node: usize, found: String, expected: &str) -> Refusal {
    Refusal::Tree { tree, node, found, expected: expected.to_owned() }
}

type Weights = BTreeMap<(i64, i64), Vec<(u32, f64)>>;

/// What each leaf adds to which sum.
fn weights(node: &NodeProto, leaves: &Leaves<'_>) -> Result<Weights, Refusal> {
    let name = |end: &str| format!("{}_{end}", leaves.prefix);
    let trees = node.ints(&name("treeids"));
    let nodes = node.ints(&name("nodeids"));
    let ids = node.ints(&name("ids"));
    let weights = node.floats(&name("weights"));
    if nodes.len() != trees.len() || ids.len() != trees.len() || weights.len() != trees.len() {
        return Err(Refusal::field(
            name("treeids"),
            format!("{} entries", trees.len()),
            format!("as many as there are weights: {}", weights.len()),
        ));
    }
    let mut all = Weights::new();
    for at in 0..trees.len() {
        let Some(group) = (leaves.group_of)(ids[at]) else {
            return Err(Refusal::field(name("ids"), ids[at], format!("below {}", leaves.groups)));
        };
        let of_leaf = all.entry((trees[at], nodes[at])).or_default();
        if let Some(group) = group {
            of_leaf.push((group, f64::from(weights[at])));
        }
    }
    Ok(all)
}

/// A branch as `<=`: `<` is `<=` the next smaller number, and the others have their ways exchanged.
fn split(
    mode: &[u8],
    feature: u32,
    value: f32,
    missing_is_true: bool,
    yes: u32,
    no: u32,
) -> Option<Node> {
    let below = |threshold: f32| f64::from(threshold.next_down());
    let (threshold, exchanged) = match mode {
        b"BRANCH_LEQ" => (f64::from(value), false),
        b"BRANCH_LT" => (below(value), false),
        b"BRANCH_GT" => (f64::from(value), true),
        b"BRANCH_GTE" => (below(value), true),
        _ => return None,
    };
    Some(if exchanged {
        Node::Split {
            feature,
            threshold,
            missing_is_true: !missing_is_true,
            when_true: no,
            when_false: yes,
        }
    } else {
        Node::Split { feature, threshold, missing_is_true, when_true: yes, when_false: no }
    })
}

/// Exchanges the root with the first node.
fn root_first(nodes: &mut [Node], is_child: &[bool]) -> Option<()> {
    let mut roots = is_child.iter().enumerate().filter(|(_, child)| !**child).map(|(at, _)| at);
    let root = roots.next()?;
    if roots.next().is_some() {
        return None;
    }
    if root != 0 {
        nodes.swap(0, root);
        let renamed = |child: &mut u32| {
            if *child == 0 {
                *child = root as u32;
            }
        };
        for node in nodes {
            if let Node::Split { when_true, when_false, .. } = node {
                renamed(when_true);
                renamed(when_false);
            }
        }
    }
    Some(())
}

/// One number per leaf where all leaves go into one sum, and else one for each sum.
fn leaf_values(tree: &mut Tree, leaves: &[Vec<(u32, f64)>], groups: usize) {
    let first = leaves.iter().flatten().map(|(group, _)| *group).next().unwrap_or(0);
    let single = leaves.iter().all(|leaf| leaf.len() <= 1 && leaf.iter().all(|(g, _)| *g == first));
    if single {
        tree.target = Target::Group(first);
        tree.leaf_values =
            leaves.iter().map(|leaf| leaf.first().map_or(0.0, |(_, v)| *v)).collect();
        return;
    }
    tree.target = Target::All;
    tree.leaf_values = vec![0.0; leaves.len() * groups];
    for (leaf, into) in leaves.iter().zip(tree.leaf_values.chunks_mut(groups)) {
        for (group, value) in leaf {
            into[*group as usize] += value;
        }
    }
}
