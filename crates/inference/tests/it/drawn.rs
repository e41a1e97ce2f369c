//! Ensembles that are drawn: every comparison, sum and kind of split, trees of any shape.

use inference::{
    Absent, CategorySet, Comparison, Ensemble, Link, Meaning, Model, Node, Outside, Predictor,
    Signature, Source, Sum, Target, Tree, Vote,
};

/// Numbers per row.
pub(crate) const FEATURES: usize = 5;

/// An ensemble that passes every check.
pub(crate) fn ensemble(seed: u64) -> Ensemble {
    let mut draw = fastrand::Rng::with_seed(seed);
    let comparison =
        [Comparison::Less32, Comparison::AtMost32, Comparison::AtMost64][draw.usize(..3)];
    let groups = draw.usize(1..4);
    let sum =
        [Sum::F32FromBase, Sum::F32ThenBase, Sum::F64FromBase, Sum::F64ThenBase][draw.usize(..4)];
    let absent = (0..FEATURES).map(|_| match draw.u32(..6) {
        0 => Absent::NearZero,
        1 => Absent::Equal(1.0),
        _ => Absent::Nan,
    });
    let absent = absent.collect();
    let category_sets = (0..3)
        .map(|at| CategorySet {
            outside: if at == 2 { Outside::MissingUnlessKnown(vec![0xff]) } else { Outside::False },
            cut_below_zero: at == 1,
            ..CategorySet::of((0..40).filter(|_| draw.bool()).collect::<Vec<u32>>())
        })
        .collect();
    let count = draw.usize(..12);
    let trees = (0..count).map(|_| tree(&mut draw, comparison, groups)).collect();
    let base = (0..groups).map(|_| f64::from(draw.f32())).collect();
    let divisor = if sum == Sum::F64ThenBase { 3.0 } else { 1.0 };
    let vote = Vote { sum, base, divisor };
    let link = [Link::Identity, Link::Logistic { scale: 1.5 }, Link::Softmax][draw.usize(..3)];
    Ensemble { features: FEATURES, groups, comparison, absent, category_sets, trees, vote, link }
}

/// The same as a model of values.
pub(crate) fn model(ensemble: Ensemble) -> Model {
    let outputs = ensemble.groups;
    Model {
        signature: Signature::numbers(FEATURES, &[], Meaning::Values { outputs }),
        predictor: Predictor::Trees(Box::new(ensemble)),
        source: Source::default(),
    }
}

fn tree(draw: &mut fastrand::Rng, comparison: Comparison, groups: usize) -> Tree {
    let target =
        if draw.u32(..4) == 0 { Target::All } else { Target::Group(draw.u32(..groups as u32)) };
    let mut tree = Tree { target, weight: f64::from(draw.f32()), ..Tree::default() };
    // Leaves are split until there are enough: deep and flat trees, some with a single leaf, some
    // too large for masks.
    let splits = [0, 1, 5, 40, 300][draw.usize(..5)];
    tree.nodes.push(Node::Leaf { leaf: 0 });
    let deep = draw.bool();
    let mut open = vec![0_usize];
    for _ in 0..splits {
        let at = if deep { open.len() - 1 } else { draw.usize(..open.len()) };
        let place = open.swap_remove(at);
        let next = tree.nodes.len() as u32;
        tree.nodes[place] = split(draw, comparison, next);
        tree.nodes.extend([Node::Leaf { leaf: 0 }, Node::Leaf { leaf: 0 }]);
        open.extend([next as usize, next as usize + 1]);
    }
    let mut leaves = 0;
    for node in &mut tree.nodes {
        if let Node::Leaf { leaf } = node {
            *leaf = leaves;
            leaves += 1;
        }
    }
    let count = leaves as usize * tree.leaf_width(groups);
    tree.leaf_values = (0..count).map(|_| f64::from(draw.f32()) - 0.5).collect();
    tree
}

fn split(draw: &mut fastrand::Rng, comparison: Comparison, next: u32) -> Node {
    let (feature, missing_is_true) = (draw.u32(..FEATURES as u32), draw.bool());
    let (when_true, when_false) = if draw.bool() { (next, next + 1) } else { (next + 1, next) };
    if draw.u32(..6) == 0 {
        let set = draw.u32(..3);
        return Node::Member { feature, set, missing_is_true, when_true, when_false };
    }
    let threshold = match comparison {
        Comparison::Less32 => f64::from(draw.f32() * 4.0 - 2.0),
        _ if draw.u32(..20) == 0 => f64::INFINITY,
        _ => draw.f64() * 4.0 - 2.0,
    };
    // Thresholds that rows meet exactly.
    let threshold = if draw.bool() { (threshold * 4.0).round() / 4.0 } else { threshold };
    Node::Split { feature, threshold, missing_is_true, when_true, when_false }
}

/// Rows that meet thresholds exactly, miss values, and go out of every range.
pub(crate) fn rows(seed: u64, count: usize) -> Vec<f64> {
    let mut draw = fastrand::Rng::with_seed(seed);
    let one = |_| match draw.u32(..12) {
        0 => f64::NAN,
        1 => 0.0,
        2 => -0.0,
        3 => f64::INFINITY,
        4 => f64::NEG_INFINITY,
        5 => f64::from(draw.u32(..60)),
        6 => -draw.f64(),
        7..9 => (draw.f64() * 16.0 - 8.0).round() / 4.0,
        _ => draw.f64() * 4.0 - 2.0,
    };
    (0..count * FEATURES).map(one).collect()
}
