//! One tree of XGBoost: parallel arrays into nodes.

use super::xgboost_document::RawTree;
use crate::refusal::Refusal;
use crate::{CategorySet, Node, Target, Tree};

/// What the feature of a node says that was pruned away.
const DELETED: i64 = 0x7fff_ffff;

/// Makes a tree of the first group, and adds its category sets to those of the ensemble.
pub(super) fn tree(raw: &RawTree, at: usize, sets: &mut Vec<CategorySet>) -> Result<Tree, Refusal> {
    let path = format!("learner.gradient_booster.model.trees[{at}]");
    if let Some(size) = &raw.tree_param.size_leaf_vector
        && !matches!(size.as_str(), "0" | "1")
    {
        return Err(Refusal::unsupported(
            "multi_strategy",
            "multi_output_tree",
            "train with `one_output_per_tree`",
        ));
    }
    let count = raw.left_children.len();
    for (name, found) in [
        ("right_children", raw.right_children.len()),
        ("split_conditions", raw.split_conditions.len()),
        ("split_indices", raw.split_indices.len()),
        ("default_left", raw.default_left.len()),
    ] {
        if found != count {
            return Err(Refusal::field(
                format!("{path}.{name}"),
                format!("{found} entries"),
                format!("{count}, as in left_children"),
            ));
        }
    }
    let set_of = category_sets(raw, &path, count, sets)?;
    // Nodes that were pruned away keep their place in the file; they get none here.
    let deleted = |node: usize| raw.left_children[node] == -1 && raw.split_indices[node] == DELETED;
    let mut places = vec![u32::MAX; count];
    let mut next = 0;
    for (node, place) in places.iter_mut().enumerate() {
        if !deleted(node) {
            *place = next;
            next += 1;
        }
    }
    let mut tree = Tree { target: Target::Group(0), weight: 1.0, ..Tree::default() };
    tree.nodes.reserve_exact(next as usize);
    let leaves = (0..count).filter(|node| raw.left_children[*node] == -1 && !deleted(*node));
    tree.leaf_values.reserve_exact(leaves.count());
    for node in 0..count {
        if deleted(node) {
            continue;
        }
        let (left, right) = (raw.left_children[node], raw.right_children[node]);
        if left == -1 {
            if right != -1 {
                return Err(wrong(at, node, format!("right child {right}"), "-1, as on the left"));
            }
            let leaf = tree.leaf_values.len() as u32;
            tree.leaf_values.push(f64::from(raw.split_conditions[node].0));
            tree.nodes.push(Node::Leaf { leaf });
            continue;
        }
        let child = |child: i64| {
            let place = usize::try_from(child).ok().and_then(|child| places.get(child).copied());
            place.filter(|place| *place != u32::MAX).ok_or_else(|| {
                wrong(at, node, format!("child {child}"), &format!("a node below {count}"))
            })
        };
        let (left, right) = (child(left)?, child(right)?);
        let feature = u32::try_from(raw.split_indices[node]).map_err(|_| {
            wrong(at, node, format!("feature {}", raw.split_indices[node]), "a number from 0")
        })?;
        let default_left = raw.default_left[node].0;
        tree.nodes.push(match set_of.get(node).copied().flatten() {
            // Members go to the right.
            Some(set) => Node::Member {
                feature,
                set,
                missing_is_true: !default_left,
                when_true: right,
                when_false: left,
            },
            None => Node::Split {
                feature,
                threshold: f64::from(raw.split_conditions[node].0),
                missing_is_true: default_left,
                when_true: left,
                when_false: right,
            },
        });
    }
    Ok(tree)
}

fn wrong(tree: usize, node: usize, found: String, expected: &str) -> Refusal {
    Refusal::Tree { tree, node, found, expected: expected.to_owned() }
}

/// For each node the number of its category set; empty where the tree has none.
fn category_sets(
    raw: &RawTree,
    path: &str,
    count: usize,
    sets: &mut Vec<CategorySet>,
) -> Result<Vec<Option<u32>>, Refusal> {
    let categorical = raw.split_type.iter().filter(|flag| flag.0).count();
    if categorical == 0 && raw.categories_nodes.is_empty() {
        return Ok(Vec::new());
    }
    let nodes = raw.categories_nodes.len();
    if raw.split_type.len() != count
        || nodes != categorical
        || raw.categories_segments.len() != nodes
        || raw.categories_sizes.len() != nodes
    {
        return Err(Refusal::field(
            format!("{path}.categories_nodes"),
            format!("{nodes} nodes, {categorical} categorical splits"),
            "as many nodes, segments and sizes as categorical splits",
        ));
    }
    let mut set_of = vec![None; count];
    for ((node, from), size) in
        raw.categories_nodes.iter().zip(&raw.categories_segments).zip(&raw.categories_sizes)
    {
        let range = usize::try_from(*from).ok().zip(usize::try_from(*size).ok());
        let categories =
            range.and_then(|(from, size)| raw.categories.get(from..from.checked_add(size)?));
        let (Some(categories), Some(place)) =
            (categories, usize::try_from(*node).ok().and_then(|node| set_of.get_mut(node)))
        else {
            return Err(Refusal::field(
                format!("{path}.categories_segments"),
                format!("node {node}, {size} categories from {from}"),
                format!("a part of the {} categories", raw.categories.len()),
            ));
        };
        let mut members = Vec::with_capacity(categories.len());
        for category in categories {
            match u32::try_from(*category) {
                Ok(category) if category < 1 << 24 => members.push(category),
                _ => {
                    return Err(Refusal::field(
                        format!("{path}.categories"),
                        category,
                        "a category from 0 to 2^24 - 1",
                    ));
                }
            }
        }
        *place = Some(sets.len() as u32);
        sets.push(CategorySet::of(members));
    }
    Ok(set_of)
}
