//! Whether trees are trees, and their numbers numbers.

use super::{all_finite, same_length};
use crate::refusal::Refusal;
use crate::{Comparison, Ensemble, Limits, Link, Node, Outside, Sum, Target, Tree};

pub(super) fn check(ensemble: &Ensemble, path: &str, limits: &Limits) -> Result<(), Refusal> {
    let Ensemble { features, groups, trees, vote, .. } = ensemble;
    Refusal::check("features", *features, limits.features)?;
    Refusal::check("classes or outputs", *groups, limits.groups)?;
    Refusal::check("trees", trees.len(), limits.trees)?;
    let nodes = trees.iter().map(|tree| tree.nodes.len()).fold(0, usize::saturating_add);
    Refusal::check("nodes", nodes, limits.nodes)?;
    if *groups == 0 {
        return Err(Refusal::field(format!("{path}.groups"), 0, "at least one"));
    }
    same_length(&format!("{path}.absent"), ensemble.absent.len(), *features)?;
    same_length(&format!("{path}.base"), vote.base.len(), *groups)?;
    all_finite(&format!("{path}.base"), &vote.base)?;
    let averages = vote.divisor != 1.0;
    let needs_one = matches!(vote.sum, Sum::F32FromBase | Sum::F64FromBase);
    if !vote.divisor.is_finite() || vote.divisor == 0.0 || (averages && needs_one) {
        return Err(Refusal::field(
            format!("{path}.divisor"),
            vote.divisor,
            "a finite number other than 0, and 1 where sums begin with the base",
        ));
    }
    link(ensemble.link, path)?;
    for (at, set) in ensemble.category_sets.iter().enumerate() {
        let known = match &set.outside {
            Outside::False => 0,
            Outside::MissingUnlessKnown(known) => known.len(),
        };
        // A category is below 2^24 in every library: beyond, f32 cannot tell them apart.
        if set.members.len().max(known) > 1 << 19 {
            return Err(Refusal::field(
                format!("{path}.category_sets[{at}]"),
                format!("{} words", set.members.len().max(known)),
                "categories below 2^24",
            ));
        }
    }
    for (at, one) in trees.iter().enumerate() {
        tree(one, at, ensemble, limits)?;
    }
    largest_sum(ensemble, path)
}

/// No row can lead to a sum beyond the numbers of its width.
fn largest_sum(ensemble: &Ensemble, path: &str) -> Result<(), Refusal> {
    let mut largest: Vec<f64> = ensemble.vote.base.iter().map(|base| base.abs()).collect();
    for tree in &ensemble.trees {
        let width = tree.leaf_width(ensemble.groups);
        let first = match tree.target {
            Target::Group(group) => group as usize,
            Target::All => 0,
        };
        for (at, sum) in largest[first..].iter_mut().take(width).enumerate() {
            let of_group = tree.leaf_values.iter().skip(at).step_by(width);
            *sum += of_group.fold(0.0, |most: f64, leaf| most.max((leaf * tree.weight).abs()));
        }
    }
    let beyond = match ensemble.vote.sum {
        Sum::F32FromBase | Sum::F32ThenBase => f64::from(f32::MAX) / 2.0,
        Sum::F64FromBase | Sum::F64ThenBase => f64::MAX / 2.0,
    };
    let share = ensemble.vote.divisor.abs().min(1.0);
    match largest.iter().find(|sum| sum.is_nan() || **sum / share >= beyond) {
        Some(sum) => Err(Refusal::field(
            format!("{path}: leaves"),
            format!("a sum of up to {sum:e}"),
            format!("less than {beyond:e}"),
        )),
        None => Ok(()),
    }
}

/// Scales are positive numbers.
pub(super) fn link(link: Link, path: &str) -> Result<(), Refusal> {
    let right = match link {
        Link::Logistic { scale } | Link::LogisticShares { scale } => {
            scale.is_finite() && scale > 0.0
        }
        Link::Isolation { offset } => offset.is_finite(),
        _ => true,
    };
    if right {
        return Ok(());
    }
    Err(Refusal::field(format!("{path}.link"), format!("{link:?}"), "a finite, positive scale"))
}

fn tree(tree: &Tree, at: usize, ensemble: &Ensemble, limits: &Limits) -> Result<(), Refusal> {
    let wrong = |node: usize, found: String, expected: &str| Refusal::Tree {
        tree: at,
        node,
        found,
        expected: expected.to_owned(),
    };
    if tree.nodes.is_empty() {
        return Err(wrong(0, "no node".to_owned(), "a root"));
    }
    if let Target::Group(group) = tree.target
        && group as usize >= ensemble.groups
    {
        return Err(wrong(
            0,
            format!("group {group}"),
            &format!("a group below {}", ensemble.groups),
        ));
    }
    if !tree.weight.is_finite() {
        return Err(wrong(0, format!("the weight {}", tree.weight), "a finite one"));
    }
    let width = tree.leaf_width(ensemble.groups);
    let leaves = tree.leaf_values.len() / width;
    let mut reached = vec![false; tree.nodes.len()];
    let mut used = vec![false; leaves];
    // Places to visit, with the number of splits above them.
    let mut waiting = vec![(0_u32, 0_usize)];
    while let Some((place, depth)) = waiting.pop() {
        let place = place as usize;
        let Some(node) = tree.nodes.get(place) else {
            return Err(wrong(
                place,
                "a child outside of the tree".to_owned(),
                &format!("nodes below {}", tree.nodes.len()),
            ));
        };
        if std::mem::replace(&mut reached[place], true) {
            return Err(wrong(place, "a second way to it".to_owned(), "exactly one parent"));
        }
        if depth > limits.depth {
            return Err(wrong(
                place,
                format!("depth {depth}"),
                &format!("at most {}", limits.depth),
            ));
        }
        let (feature, children) = match *node {
            Node::Leaf { leaf } => {
                let Some(used) = used.get_mut(leaf as usize) else {
                    return Err(wrong(
                        place,
                        format!("leaf {leaf}"),
                        &format!("a leaf below {leaves}, {width} numbers each"),
                    ));
                };
                if std::mem::replace(used, true) {
                    return Err(wrong(place, format!("leaf {leaf} again"), "each leaf once"));
                }
                let values = &tree.leaf_values[leaf as usize * width..][..width];
                if let Some(value) = values.iter().find(|value| !fits(**value, ensemble)) {
                    return Err(wrong(place, format!("the value {value}"), "a finite value"));
                }
                continue;
            }
            Node::Split { feature, threshold, when_true, when_false, .. } => {
                if !threshold_fits(threshold, ensemble.comparison) {
                    return Err(wrong(
                        place,
                        format!("the threshold {threshold}"),
                        "a finite one, of 32 bits where 32 bits are compared with `<`",
                    ));
                }
                (feature, [when_true, when_false])
            }
            Node::Member { feature, set, when_true, when_false, .. } => {
                if set as usize >= ensemble.category_sets.len() {
                    return Err(wrong(
                        place,
                        format!("category set {set}"),
                        &format!("a set below {}", ensemble.category_sets.len()),
                    ));
                }
                (feature, [when_true, when_false])
            }
        };
        if feature as usize >= ensemble.features {
            return Err(wrong(
                place,
                format!("feature {feature}"),
                &format!("a feature below {}", ensemble.features),
            ));
        }
        waiting.extend(children.map(|child| (child, depth + 1)));
    }
    if let Some(orphan) = reached.iter().position(|reached| !reached) {
        return Err(wrong(orphan, "no way to it".to_owned(), "every node below the root"));
    }
    if used.iter().any(|used| !used) || tree.leaf_values.len() != leaves * width {
        return Err(wrong(
            0,
            format!("{} values of leaves", tree.leaf_values.len()),
            "as many as the leaves need",
        ));
    }
    Ok(())
}

/// What is summed in 32 bits is a number in 32 bits.
fn fits(value: f64, ensemble: &Ensemble) -> bool {
    match ensemble.vote.sum {
        Sum::F32FromBase | Sum::F32ThenBase => (value as f32).is_finite(),
        Sum::F64FromBase | Sum::F64ThenBase => value.is_finite(),
    }
}

fn threshold_fits(threshold: f64, comparison: Comparison) -> bool {
    match comparison {
        Comparison::Less32 => {
            threshold.is_finite() && f64::from(threshold as f32).to_bits() == threshold.to_bits()
        }
        // `<= +∞` separates numbers from what is missing.
        Comparison::AtMost32 | Comparison::AtMost64 => {
            threshold.is_finite() || threshold == f64::INFINITY
        }
    }
}
