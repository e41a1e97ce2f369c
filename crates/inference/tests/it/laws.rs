//! What holds for every ensemble: all kernels give the same bits, and they are those of walking the
//! representation by the words of its documentation.

use inference::{Comparison, Engine, Ensemble, Instructions, Limits, Node, Sum, Target};
use proptest::prelude::*;

use crate::drawn;

/// An answer before the link, by the documentation of [`Ensemble`].
fn walked(ensemble: &Ensemble, row: &[f64]) -> Vec<f64> {
    let narrow = matches!(ensemble.vote.sum, Sum::F32FromBase | Sum::F32ThenBase);
    let from_base = matches!(ensemble.vote.sum, Sum::F32FromBase | Sum::F64FromBase);
    let mut sums: Vec<f64> =
        ensemble.vote.base.iter().map(|base| if from_base { *base } else { 0.0 }).collect();
    for tree in &ensemble.trees {
        let mut at = 0;
        let leaf = loop {
            let (goes, when_true, when_false) = match tree.nodes[at] {
                Node::Leaf { leaf } => break leaf as usize,
                Node::Split { feature, threshold, missing_is_true, when_true, when_false } => {
                    let x = row[feature as usize];
                    let missing = ensemble.absent[feature as usize].is_missing(x);
                    let compared = match ensemble.comparison {
                        Comparison::Less32 => (x as f32) < threshold as f32,
                        Comparison::AtMost32 => f64::from(x as f32) <= threshold,
                        Comparison::AtMost64 => x <= threshold,
                    };
                    (if missing { missing_is_true } else { compared }, when_true, when_false)
                }
                Node::Member { feature, set, missing_is_true, when_true, when_false } => {
                    let x = row[feature as usize];
                    let missing = ensemble.absent[feature as usize].is_missing(x);
                    let inside = ensemble.category_sets[set as usize].contains(x);
                    let inside = if missing { None } else { inside };
                    (inside.unwrap_or(missing_is_true), when_true, when_false)
                }
            };
            at = (if goes { when_true } else { when_false }) as usize;
        };
        let width = tree.leaf_width(ensemble.groups);
        let first = match tree.target {
            Target::Group(group) => group as usize,
            Target::All => 0,
        };
        for (value, sum) in tree.leaf_values[leaf * width..][..width].iter().zip(&mut sums[first..])
        {
            *sum = if narrow {
                f64::from(*sum as f32 + *value as f32 * tree.weight as f32)
            } else {
                *sum + value * tree.weight
            };
        }
    }
    for (sum, base) in sums.iter_mut().zip(&ensemble.vote.base) {
        *sum = match ensemble.vote.sum {
            Sum::F32FromBase | Sum::F64FromBase => *sum,
            Sum::F32ThenBase => f64::from(*sum as f32 + *base as f32),
            Sum::F64ThenBase => *sum / ensemble.vote.divisor + base,
        };
    }
    ensemble.link.apply(&mut sums);
    sums
}

fn bits(numbers: &[f64]) -> Vec<u64> {
    numbers.iter().map(|number| number.to_bits()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_kernel_gives_the_bits_of_the_definition(seed: u64, count in 1_usize..200) {
        let ensemble = drawn::ensemble(seed);
        let rows = drawn::rows(seed ^ 1, count);
        let expected: Vec<f64> =
            rows.chunks(drawn::FEATURES).flat_map(|row| walked(&ensemble, row)).collect();
        let model = drawn::model(ensemble);
        for kind in [Instructions::best(), Instructions::without_avx512(), Instructions::portable()] {
            let engine = Engine::new(&model, &Limits::default(), kind).unwrap();
            let whole = engine.predict(&rows, 1).unwrap();
            prop_assert_eq!(bits(&whole), bits(&expected), "{}", kind.name());
            let mut one = vec![0.0; engine.outputs()];
            for (row, whole) in rows.chunks(drawn::FEATURES).zip(whole.chunks(engine.outputs())) {
                engine.predict_one(row, &mut one).unwrap();
                prop_assert_eq!(bits(&one), bits(whole), "{} alone", kind.name());
            }
        }
    }
}

#[test]
fn neither_threads_nor_the_width_of_numbers_change_an_answer() {
    let model = drawn::model(drawn::ensemble(5));
    let engine = Engine::new(&model, &Limits::default(), Instructions::best()).unwrap();
    let narrow: Vec<f32> = drawn::rows(6, 5_000).iter().map(|x| *x as f32).collect();
    let wide: Vec<f64> = narrow.iter().map(|x| f64::from(*x)).collect();
    let expected = bits(&engine.predict(&wide, 1).unwrap());
    for threads in [0, 2, 3, 7] {
        assert_eq!(bits(&engine.predict(&wide, threads).unwrap()), expected);
    }
    assert_eq!(bits(&engine.predict(&narrow, 1).unwrap()), expected);
}

#[test]
fn thousands_of_cuts_are_split_over_bytes() {
    let mut ensemble = drawn::ensemble(0);
    let mut seed = 1;
    while ensemble.trees.iter().map(|tree| tree.nodes.len()).sum::<usize>() < 1_500
        || ensemble.trees.iter().all(|tree| tree.nodes.len() > 500)
    {
        ensemble = drawn::ensemble(seed);
        seed += 1;
    }
    // Few leaves each, but many different thresholds.
    let small: Vec<_> = (seed..seed + 4_000)
        .filter_map(|seed| {
            let other = drawn::ensemble(seed);
            let fits = other.comparison == ensemble.comparison && other.groups == ensemble.groups;
            fits.then_some(other.trees)
        })
        .flatten()
        .filter(|tree| tree.nodes.len() < 100)
        .take(400)
        .collect();
    assert!(small.len() > 200);
    ensemble.trees.extend(small);
    let rows = drawn::rows(9, 300);
    let expected: Vec<f64> =
        rows.chunks(drawn::FEATURES).flat_map(|row| walked(&ensemble, row)).collect();
    let model = drawn::model(ensemble);
    for kind in [Instructions::best(), Instructions::without_avx512(), Instructions::portable()] {
        let engine = Engine::new(&model, &Limits::default(), kind).unwrap();
        assert_ne!(engine.layout(), Some("8-bit ranks, 32-bit sums"));
        assert_eq!(bits(&engine.predict(&rows, 1).unwrap()), bits(&expected), "{}", kind.name());
    }
}
