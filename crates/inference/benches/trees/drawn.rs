//! Rows, labels and an ensemble that are drawn, always the same ones.

use inference::{
    Absent, Comparison, Ensemble, Link, Meaning, Model, Node, Predictor, Signature, Source, Sum,
    Target, Tree, Vote,
};

/// Rows of numbers with a few missing ones.
pub(crate) fn rows(count: usize, features: usize) -> Vec<f32> {
    let mut draw = fastrand::Rng::with_seed(17);
    (0..count * features)
        .map(|_| if draw.u32(..20) == 0 { f32::NAN } else { draw.f32() * 4.0 - 2.0 })
        .collect()
}

/// Something to be learnt from them.
pub(crate) fn labels(rows: &[f32], features: usize) -> Vec<f32> {
    let mut draw = fastrand::Rng::with_seed(18);
    rows.chunks(features)
        .map(|row| {
            let at = |feature: usize| if row[feature].is_nan() { 0.3 } else { row[feature] };
            let waves: f32 = (0..features - 1).map(|f| (at(f) * at(f + 1) * 2.0).sin()).sum();
            if waves + at(0) + draw.f32() * 2.0 - 1.0 > 0.0 { 1.0 } else { 0.0 }
        })
        .collect()
}

/// An ensemble of perfect trees with so many different cuts of each feature.
pub(crate) fn model(trees: usize, depth: u32, features: usize, cuts: u32) -> Model {
    let mut draw = fastrand::Rng::with_seed(19);
    let trees = (0..trees).map(|_| tree(&mut draw, depth, features, cuts)).collect();
    let ensemble = Ensemble {
        features,
        groups: 1,
        comparison: Comparison::Less32,
        absent: vec![Absent::Nan; features],
        category_sets: Vec::new(),
        trees,
        vote: Vote { sum: Sum::F32FromBase, base: vec![0.0], divisor: 1.0 },
        link: Link::Logistic { scale: 1.0 },
    };
    Model {
        signature: Signature::numbers(features, &[], Meaning::counted_classes(2)),
        predictor: Predictor::Trees(Box::new(ensemble)),
        source: Source::default(),
    }
}

fn tree(draw: &mut fastrand::Rng, depth: u32, features: usize, cuts: u32) -> Tree {
    let splits = (1_u32 << depth) - 1;
    let mut tree = Tree { target: Target::Group(0), weight: 1.0, ..Tree::default() };
    for at in 0..splits {
        tree.nodes.push(Node::Split {
            feature: draw.u32(..features as u32),
            threshold: f64::from(draw.u32(1..cuts) as f32 / cuts as f32 * 4.0 - 2.0),
            missing_is_true: draw.bool(),
            when_true: 2 * at + 1,
            when_false: 2 * at + 2,
        });
    }
    for leaf in 0..=splits {
        tree.nodes.push(Node::Leaf { leaf });
        tree.leaf_values.push(f64::from(draw.f32() - 0.5) / 10.0);
    }
    tree
}
