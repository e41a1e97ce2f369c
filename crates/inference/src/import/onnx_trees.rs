//! `TreeEnsembleClassifier` and `TreeEnsembleRegressor` of ONNX-ML, versions 1 to 4.
//!
//! <https://onnx.ai/onnx/operators/onnx_aionnxml_TreeEnsembleClassifier.html>

use std::collections::{BTreeMap, BTreeSet};

use super::onnx_messages::NodeProto;
use super::onnx_wire::{Floats, Ints};
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

/// A node as the lists of the operator have it.
#[derive(Clone, Copy)]
struct Entry<'a> {
    number: i64,
    feature: i64,
    when_true: i64,
    when_false: i64,
    value: f32,
    mode: &'a [u8],
    missing_is_true: bool,
}

/// Makes an ensemble of the operator.
///
/// The lists are followed side by side, tree by tree, and none is copied: only a file whose trees are
/// mixed up has its nodes put in order first.
pub(super) fn ensemble(
    node: &NodeProto<'_>,
    features: usize,
    leaves: Leaves<'_>,
    limits: &Limits,
) -> Result<Ensemble, Refusal> {
    let count = counted(node, limits)?;
    let trees = Runs::of(node.ints("nodes_treeids"));
    Refusal::check("trees", trees.distinct.len(), limits.trees)?;
    let mut weights = Weights::of(node, &leaves, &trees)?;
    let mut ensemble = Ensemble {
        features,
        groups: leaves.groups,
        comparison: Comparison::AtMost32,
        absent: vec![Absent::Nan; features],
        category_sets: Vec::new(),
        trees: Vec::with_capacity(trees.distinct.len()),
        vote: Vote {
            sum: if leaves.average { Sum::F64ThenBase } else { Sum::F32ThenBase },
            divisor: if leaves.average { trees.distinct.len().max(1) as f64 } else { 1.0 },
            base: leaves.base,
        },
        link: leaves.link,
    };
    let mut all = node.ints("nodes_treeids").zip(entries(node)).peekable();
    if trees.in_order {
        let mut of_tree = Vec::new();
        while let Some((id, first)) = all.next() {
            of_tree.clear();
            of_tree.push(first);
            while let Some((_, next)) = all.next_if(|(next, _)| *next == id) {
                of_tree.push(next);
            }
            let at = ensemble.trees.len();
            ensemble.trees.push(tree(at, &mut of_tree, weights.of_tree(id), leaves.groups)?);
        }
    } else {
        let place_of: BTreeMap<i64, usize> =
            trees.distinct.iter().enumerate().map(|(place, id)| (*id, place)).collect();
        let mut of_trees: Vec<Vec<Entry<'_>>> = vec![Vec::new(); trees.distinct.len()];
        for (id, entry) in all {
            of_trees[place_of[&id]].push(entry);
        }
        for (at, mut of_tree) in of_trees.into_iter().enumerate() {
            let own = weights.of_tree(trees.distinct[at]);
            ensemble.trees.push(tree(at, &mut of_tree, own, leaves.groups)?);
        }
    }
    debug_assert!(ensemble.trees.len() <= count);
    let left = weights.left();
    if left > 0 {
        return Err(not_leaves(leaves.prefix, left));
    }
    Ok(ensemble)
}

fn not_leaves(prefix: &str, count: usize) -> Refusal {
    Refusal::field(
        format!("{prefix}_nodeids"),
        format!("{count} weights of nodes that are no leaves"),
        "leaves",
    )
}

/// How many nodes there are, where every list has as many.
fn counted(node: &NodeProto<'_>, limits: &Limits) -> Result<usize, Refusal> {
    let count = node.counts("nodes_treeids").ints;
    Refusal::check("nodes", count, limits.nodes)?;
    let same = |name: &'static str, found: usize| {
        if found == count {
            return Ok(());
        }
        Err(Refusal::field(name, format!("{found} entries"), format!("{count}, as nodes_treeids")))
    };
    for name in ["nodes_nodeids", "nodes_featureids", "nodes_truenodeids", "nodes_falsenodeids"] {
        same(name, node.counts(name).ints)?;
    }
    same("nodes_values", node.counts("nodes_values").floats)?;
    same("nodes_modes", node.counts("nodes_modes").texts)?;
    match node.counts("nodes_missing_value_tracks_true").ints {
        0 => {}
        found => same("nodes_missing_value_tracks_true", found)?,
    }
    Ok(count)
}

/// The nodes, in the order of the file.
fn entries<'a>(node: &NodeProto<'a>) -> impl Iterator<Item = Entry<'a>> + use<'a> {
    let ways = node.ints("nodes_truenodeids").zip(node.ints("nodes_falsenodeids"));
    let tests = node.ints("nodes_featureids").zip(node.floats("nodes_values"));
    let missing = node.ints("nodes_missing_value_tracks_true").chain(std::iter::repeat(0));
    node.ints("nodes_nodeids")
        .zip(node.strings("nodes_modes"))
        .zip(tests)
        .zip(ways)
        .zip(missing)
        .map(|((((number, mode), (feature, value)), (when_true, when_false)), missing)| Entry {
            number,
            feature,
            when_true,
            when_false,
            value,
            mode,
            missing_is_true: missing != 0,
        })
}

/// The trees that a list names.
struct Runs {
    /// Their numbers, in the order in which they come first.
    distinct: Vec<i64>,
    /// Whether all entries of a tree stand together.
    in_order: bool,
}

impl Runs {
    fn of(ids: impl Iterator<Item = i64>) -> Runs {
        let mut runs = Runs { distinct: Vec::new(), in_order: true };
        let mut seen = BTreeSet::new();
        let mut last = None;
        for id in ids {
            if last == Some(id) {
                continue;
            }
            last = Some(id);
            if seen.insert(id) {
                runs.distinct.push(id);
            } else {
                runs.in_order = false;
            }
        }
        runs
    }
}

/// Makes a tree of its nodes and of the weights of its leaves, which are in the order of nodes.
fn tree(
    at: usize,
    entries: &mut [Entry<'_>],
    weights: Vec<(i64, Option<u32>, f64)>,
    groups: usize,
) -> Result<Tree, Refusal> {
    if !entries.is_sorted_by_key(|entry| entry.number) {
        entries.sort_by_key(|entry| entry.number);
    }
    let entries: &[Entry<'_>] = entries;
    if let Some(pair) = entries.windows(2).position(|pair| pair[0].number == pair[1].number) {
        let again = entries[pair].number;
        return Err(wrong(at, pair, format!("number {again} again"), "numbers once"));
    }
    let child = |place: usize, number: i64| {
        // Mostly nodes are numbered from 0 without a gap.
        let guess = usize::try_from(number)
            .ok()
            .filter(|guess| entries.get(*guess).is_some_and(|entry| entry.number == number));
        let found = guess
            .or_else(|| entries.binary_search_by_key(&number, |entry| entry.number).ok())
            .map(|found| found as u32);
        found.ok_or_else(|| wrong(at, place, format!("child {number}"), "a node of the tree"))
    };
    // The root is nobody's child; it has to come first.
    let mut is_child = vec![false; entries.len()];
    let mut tree = Tree { weight: 1.0, ..Tree::default() };
    tree.nodes.reserve_exact(entries.len());
    let mut found: Vec<(u32, u32, f64)> = Vec::new();
    let mut leaves = 0;
    let mut next = weights.as_slice();
    for (place, entry) in entries.iter().enumerate() {
        if entry.mode == b"LEAF" {
            while let Some(((number, group, value), rest)) = next.split_first() {
                if *number != entry.number {
                    break;
                }
                found.extend(group.map(|group| (leaves, group, *value)));
                next = rest;
            }
            tree.nodes.push(Node::Leaf { leaf: leaves });
            leaves += 1;
            continue;
        }
        let (yes, no) = (child(place, entry.when_true)?, child(place, entry.when_false)?);
        is_child[yes as usize] = true;
        is_child[no as usize] = true;
        let feature = u32::try_from(entry.feature).map_err(|_| {
            wrong(at, place, format!("feature {}", entry.feature), "a number from 0")
        })?;
        let made = split(entry.mode, feature, entry.value, entry.missing_is_true, yes, no);
        tree.nodes.push(made.ok_or_else(|| {
            Refusal::unsupported(
                "mode of a node",
                String::from_utf8_lossy(entry.mode),
                "BRANCH_LEQ, BRANCH_LT, BRANCH_GT, BRANCH_GTE and LEAF are",
            )
        })?);
    }
    if let Some((number, ..)) = next.first() {
        return Err(wrong(at, 0, format!("a weight of node {number}"), "weights of leaves"));
    }
    root_first(&mut tree.nodes, &is_child).ok_or_else(|| {
        wrong(at, 0, "no single root".to_owned(), "one node that is nobody's child")
    })?;
    leaf_values(&mut tree, leaves as usize, &found, groups);
    Ok(tree)
}

fn wrong(tree: usize, node: usize, found: String, expected: &str) -> Refusal {
    Refusal::Tree { tree, node, found, expected: expected.to_owned() }
}

/// What each leaf adds to which sum, tree by tree.
enum Weights<'a> {
    /// In the order of the trees: read where it stands.
    InOrder {
        trees: std::iter::Peekable<Ints<'a>>,
        rest: Rest<'a>,
        group_of: &'a dyn Fn(i64) -> Option<Option<u32>>,
    },
    /// Put in order, by tree.
    Sorted(BTreeMap<i64, Vec<(i64, Option<u32>, f64)>>),
}

/// The nodes, the numbers of sums and the weights.
type Rest<'a> = std::iter::Zip<std::iter::Zip<Ints<'a>, Ints<'a>>, Floats<'a>>;

impl<'a> Weights<'a> {
    fn of(node: &NodeProto<'a>, leaves: &Leaves<'a>, trees: &Runs) -> Result<Weights<'a>, Refusal> {
        let name = |end: &str| format!("{}_{end}", leaves.prefix);
        let ids = || node.ints(&name("treeids"));
        let rest = || {
            let sums = node.ints(&name("nodeids")).zip(node.ints(&name("ids")));
            sums.zip(node.floats(&name("weights")))
        };
        let count = node.counts(&name("treeids")).ints;
        let others = [
            node.counts(&name("nodeids")).ints,
            node.counts(&name("ids")).ints,
            node.counts(&name("weights")).floats,
        ];
        if let Some(other) = others.into_iter().find(|other| *other != count) {
            return Err(Refusal::field(
                name("treeids"),
                format!("{count} entries"),
                format!("as many as in the other lists: {other}"),
            ));
        }
        if let Some(id) = node.ints(&name("ids")).find(|id| (leaves.group_of)(*id).is_none()) {
            return Err(Refusal::field(name("ids"), id, format!("below {}", leaves.groups)));
        }
        let own = Runs::of(ids());
        let mut known = trees.distinct.iter();
        let follows = own.distinct.iter().all(|id| known.any(|tree| tree == id));
        if trees.in_order && own.in_order && follows {
            let (trees, rest) = (ids().peekable(), rest());
            return Ok(Weights::InOrder { trees, rest, group_of: leaves.group_of });
        }
        let mut sorted: BTreeMap<i64, Vec<(i64, Option<u32>, f64)>> = BTreeMap::new();
        for (tree, ((number, id), weight)) in ids().zip(rest()) {
            let group = (leaves.group_of)(id).flatten();
            sorted.entry(tree).or_default().push((number, group, f64::from(weight)));
        }
        Ok(Weights::Sorted(sorted))
    }

    /// Those of a tree, in the order of its nodes; each tree is asked for once.
    fn of_tree(&mut self, tree: i64) -> Vec<(i64, Option<u32>, f64)> {
        let mut own = match self {
            Weights::Sorted(sorted) => sorted.remove(&tree).unwrap_or_default(),
            Weights::InOrder { trees, rest, group_of } => {
                let mut own = Vec::new();
                while trees.next_if_eq(&tree).is_some() {
                    let Some(((number, id), weight)) = rest.next() else { break };
                    own.push((number, group_of(id).flatten(), f64::from(weight)));
                }
                own
            }
        };
        // Those of one leaf keep the order of the file, in which they are added up.
        if !own.is_sorted_by_key(|one| one.0) {
            own.sort_by_key(|one| one.0);
        }
        own
    }

    /// How many belong to no tree.
    fn left(&mut self) -> usize {
        match self {
            Weights::Sorted(sorted) => sorted.values().map(Vec::len).sum(),
            Weights::InOrder { trees, .. } => trees.count(),
        }
    }
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

/// One number per leaf where all leaves go into one sum, and else one for each sum. `found` has leaf,
/// sum and weight, in the order of leaves.
fn leaf_values(tree: &mut Tree, leaves: usize, found: &[(u32, u32, f64)], groups: usize) {
    let first = found.first().map_or(0, |(_, group, _)| *group);
    let once = found.windows(2).all(|pair| pair[0].0 != pair[1].0);
    if once && found.iter().all(|(_, group, _)| *group == first) {
        tree.target = Target::Group(first);
        tree.leaf_values = vec![0.0; leaves];
        for (leaf, _, value) in found {
            tree.leaf_values[*leaf as usize] = *value;
        }
        return;
    }
    tree.target = Target::All;
    tree.leaf_values = vec![0.0; leaves * groups];
    for (leaf, group, value) in found {
        tree.leaf_values[*leaf as usize * groups + *group as usize] += value;
    }
}
