//! Trees of `sklearn.tree`: the arrays of `Tree.__getstate__`.
//!
//! A node goes left where the feature, cut to 32 bits, is at most its threshold; a leaf has no left
//! child. Files of scikit-learn 1.3 and later say where missing values go; before, there were none.

use pickle::Value;

use crate::refusal::Refusal;
use crate::{Node, Target, Tree};

use super::lowering::Lowering;

/// What the leaves of a tree are read as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leaves {
    /// One value for each of this many outputs.
    Outputs(usize),
    /// Shares of this many classes; of two, the share of the second.
    Shares(usize),
}

/// The tree of a fitted `DecisionTree*` or `ExtraTree*`.
pub(super) fn of_estimator(
    estimator: Value<'_>,
    features: usize,
    leaves: Leaves,
    target: Target,
    weight: f64,
    lowering: &mut Lowering<'_>,
) -> Result<Tree, Refusal> {
    let value = estimator.required("tree_")?;
    if value.class() != Some("sklearn.tree._tree.Tree") {
        return Err(value.expected("a tree (`tree_`)").into());
    }
    lowering.tree(value)?;
    let declared = value.arguments().first().map(|count| count.count("n_features")).transpose()?;
    if declared != Some(features) {
        return Err(value.expected(&format!("a tree over {features} features")).into());
    }
    let state_nodes = value.required("nodes")?;
    let nodes = lowering.array(state_nodes, "nodes")?;
    let left = nodes.integer_field("left_child")?;
    let right = nodes.integer_field("right_child")?;
    let feature = nodes.integer_field("feature")?;
    let threshold = nodes.float_field("threshold")?;
    let missing_left = if nodes.has_field("missing_go_to_left") {
        nodes.integer_field("missing_go_to_left")?
    } else {
        vec![0; left.len()]
    };
    let values_value = value.required("values")?;
    let values = lowering.array(values_value, "values")?;
    let (count, outputs, classes) = match *values.shape() {
        [count, outputs, classes] => (count, outputs, classes),
        _ => return Err(values.expected("values of shape (nodes, outputs, classes)").into()),
    };
    let right_shape = match leaves {
        Leaves::Outputs(wanted) => outputs == wanted && classes == 1,
        Leaves::Shares(wanted) => outputs == 1 && classes == wanted,
    };
    if count != left.len() || !right_shape {
        return Err(values.expected(&format!("values of {count} nodes for {leaves:?}")).into());
    }
    let values = values.floats("values")?;
    let width = outputs.saturating_mul(classes);
    let mut tree =
        Tree { nodes: Vec::with_capacity(count), leaf_values: Vec::new(), target, weight };
    let mut leaf = 0_u32;
    let places = left.iter().zip(&right).zip(&feature).zip(&threshold).zip(&missing_left);
    for ((((left, right), feature), threshold), missing_left) in places {
        if *left == -1 {
            let at = tree.nodes.len().saturating_mul(width);
            let own = values.get(at..at.saturating_add(width)).unwrap_or_default();
            push_leaf(own, leaves, &mut tree.leaf_values);
            tree.nodes.push(Node::Leaf { leaf });
            leaf = leaf.saturating_add(1);
            continue;
        }
        let place = |number: &i64| {
            u32::try_from(*number).map_err(|_| state_nodes.expected("children and features from 0"))
        };
        tree.nodes.push(Node::Split {
            feature: place(feature)?,
            threshold: *threshold,
            missing_is_true: *missing_left != 0,
            when_true: place(left)?,
            when_false: place(right)?,
        });
    }
    Ok(tree)
}

/// Counts of classes (before 1.3) and shares of them (since) become shares alike.
fn push_leaf(own: &[f64], leaves: Leaves, into: &mut Vec<f64>) {
    match leaves {
        Leaves::Outputs(_) => into.extend_from_slice(own),
        Leaves::Shares(classes) => {
            let total: f64 = own.iter().sum();
            let total = if total == 0.0 { 1.0 } else { total };
            let shares = own.iter().map(|value| value / total);
            into.extend(shares.skip(usize::from(classes == 2)));
        }
    }
}
