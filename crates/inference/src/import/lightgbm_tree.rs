//! One tree of a LightGBM text model.

use std::str::FromStr;

use super::lightgbm::Section;
use crate::refusal::Refusal;
use crate::{Absent, CategorySet, Node, Target, Tree};

const CATEGORICAL: u8 = 1;
const DEFAULT_LEFT: u8 = 2;

/// Makes a tree; adds its category sets to those of the ensemble, and what its splits say about
/// missing values to what is known of each feature.
pub(super) fn tree(
    section: &Section<'_>,
    at: usize,
    group: u32,
    sets: &mut Vec<CategorySet>,
    absent: &mut [Option<Absent>],
) -> Result<Tree, Refusal> {
    if section.get("is_linear").is_some_and(|(_, value)| *value != "0") {
        return Err(Refusal::unsupported(
            "tree with linear leaves",
            format!("Tree={at}"),
            "train with `linear_tree=false`",
        ));
    }
    let leaves: usize = one(section, at, "num_leaves")?;
    let leaf_values: Vec<f64> = list(section, at, "leaf_value", leaves)?;
    let mut tree =
        Tree { target: Target::Group(group), weight: 1.0, leaf_values, nodes: Vec::new() };
    if leaves <= 1 {
        tree.nodes.push(Node::Leaf { leaf: 0 });
        return Ok(tree);
    }
    let splits = leaves - 1;
    let features: Vec<u32> = list(section, at, "split_feature", splits)?;
    let thresholds: Vec<f64> = list(section, at, "threshold", splits)?;
    let decisions: Vec<u8> = list(section, at, "decision_type", splits)?;
    let left: Vec<i32> = list(section, at, "left_child", splits)?;
    let right: Vec<i32> = list(section, at, "right_child", splits)?;
    let first_set = sets.len();
    categories(section, at, sets)?;
    // Splits come first, then leaves: leaf `n` is written as `-1 - n`.
    let place = |child: i32| -> u32 {
        if child < 0 {
            (splits as u32).saturating_add((-1 - i64::from(child)) as u32)
        } else {
            child as u32
        }
    };
    tree.nodes.reserve(splits + leaves);
    for node in 0..splits {
        let feature = features[node];
        let (when_true, when_false) = (place(left[node]), place(right[node]));
        if decisions[node] & CATEGORICAL != 0 {
            let set = thresholds[node];
            if !(set >= 0.0 && set < (sets.len() - first_set) as f64) {
                return Err(wrong(at, node, set, "one of the category sets of the tree"));
            }
            let set = (first_set + set as usize) as u32;
            // What is missing is no member.
            tree.nodes.push(Node::Member {
                feature,
                set,
                missing_is_true: false,
                when_true,
                when_false,
            });
            continue;
        }
        let threshold = thresholds[node];
        let default_left = decisions[node] & DEFAULT_LEFT != 0;
        let (kind, missing_is_true) = match decisions[node] >> 2 & 3 {
            // No value was missing in training: NaN counts as 0.
            0 => (Absent::Nan, threshold >= 0.0),
            1 => (Absent::NearZero, default_left),
            2 => (Absent::Nan, default_left),
            _ => {
                return Err(wrong(
                    at,
                    node,
                    format!("decision_type {}", decisions[node]),
                    "none, zero or NaN as what is missing",
                ));
            }
        };
        if let Some(known) = absent.get_mut(feature as usize) {
            if known.is_some_and(|known| known != kind) {
                return Err(Refusal::unsupported(
                    "feature for which zero is missing in some trees only:",
                    format!("feature {feature}, from Tree={at} on"),
                    "train all trees with the same `zero_as_missing`",
                ));
            }
            *known = Some(kind);
        }
        tree.nodes.push(Node::Split { feature, threshold, missing_is_true, when_true, when_false });
    }
    tree.nodes.extend((0..leaves as u32).map(|leaf| Node::Leaf { leaf }));
    Ok(tree)
}

/// Sets of categories: words of bits, and where each set begins.
fn categories(
    section: &Section<'_>,
    at: usize,
    sets: &mut Vec<CategorySet>,
) -> Result<(), Refusal> {
    let count: usize = match section.get("num_cat") {
        Some(_) => one(section, at, "num_cat")?,
        None => 0,
    };
    if count == 0 {
        return Ok(());
    }
    let boundaries: Vec<usize> = list(section, at, "cat_boundaries", count.saturating_add(1))?;
    let words: Vec<u32> = match boundaries.last() {
        Some(last) => list(section, at, "cat_threshold", *last)?,
        None => Vec::new(),
    };
    for pair in boundaries.windows(2) {
        let Some(members) = words.get(pair[0]..pair[1]) else {
            return Err(Refusal::field(
                format!("Tree={at}, cat_boundaries"),
                format!("{} to {}", pair[0], pair[1]),
                format!("ascending numbers up to {}", words.len()),
            ));
        };
        sets.push(CategorySet {
            members: members.to_vec(),
            cut_below_zero: true,
            ..CategorySet::default()
        });
    }
    Ok(())
}

fn wrong(tree: usize, node: usize, found: impl std::fmt::Display, expected: &str) -> Refusal {
    Refusal::Tree { tree, node, found: found.to_string(), expected: expected.to_owned() }
}

fn one<T: FromStr>(section: &Section<'_>, at: usize, key: &'static str) -> Result<T, Refusal> {
    let (line, text) = section
        .get(key)
        .ok_or_else(|| Refusal::field(format!("Tree={at}, {key}"), "nothing", "a number"))?;
    text.parse()
        .map_err(|_| Refusal::field(format!("line {line}, Tree={at}, {key}"), text, "a number"))
}

/// Exactly `count` numbers.
fn list<T: FromStr>(
    section: &Section<'_>,
    at: usize,
    key: &'static str,
    count: usize,
) -> Result<Vec<T>, Refusal> {
    let (line, text) = section.get(key).ok_or_else(|| {
        Refusal::field(format!("Tree={at}, {key}"), "nothing", format!("{count} numbers"))
    })?;
    let path = || format!("line {line}, Tree={at}, {key}");
    let mut numbers = Vec::with_capacity(count.min(text.len()));
    for word in text.split_ascii_whitespace() {
        let number = word
            .parse()
            .map_err(|_| Refusal::field(path(), word, "a number that fits the field"))?;
        numbers.push(number);
    }
    if numbers.len() != count {
        return Err(Refusal::field(
            path(),
            format!("{} numbers", numbers.len()),
            format!("{count}"),
        ));
    }
    Ok(numbers)
}
