//! Whatever the bytes, readers answer or refuse.

use inference::{
    BundleLimits, Engine, Instructions, Limits, ReadOptions, Rounds, read_any, read_archive,
    read_bundle, read_lightgbm, read_onnx, read_pickle, read_xgboost_json, read_xgboost_ubj,
};
use proptest::prelude::*;

use crate::cases::{cases, golden};

fn every_reader(bytes: &[u8]) {
    let options = ReadOptions { limits: Limits::default(), rounds: Rounds::All };
    let readers = [read_xgboost_json, read_xgboost_ubj, read_lightgbm, read_onnx];
    for reader in readers {
        if let Ok(model) = reader(bytes, &options) {
            let _ = Engine::new(&model, &options.limits, Instructions::portable());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn arbitrary_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        every_reader(&bytes);
    }

    #[test]
    fn arbitrary_ubj(bytes in "[\\[\\]{}$#iUIlLdDSCZTFN\u{0}-\u{7f}]{0,200}") {
        every_reader(bytes.as_bytes());
    }

    #[test]
    fn arbitrary_lines(lines in "tree\n(version=v[234]|num_class=[0-9]{1,20}|Tree=[0-9]|num_leaves=[0-9]{1,20}|leaf_value=[0-9 .e-]{0,30}|max_feature_idx=[0-9]{1,20}|end of trees|\n){0,40}") {
        every_reader(lines.as_bytes());
    }
}

/// What fuzzing found once, by the reader: refused, or answering with numbers.
#[test]
fn every_finding_is_read_again() {
    let options = ReadOptions::default();
    let mut count = 0;
    for folder in std::fs::read_dir(golden().with_file_name("hostile")).unwrap() {
        for entry in std::fs::read_dir(folder.unwrap().path()).unwrap() {
            let bytes = std::fs::read(entry.unwrap().path()).unwrap();
            count += 1;
            every_reader(&bytes);
            let _ = read_pickle(&bytes, &options);
            let _ = read_any(&bytes, &options);
            if let Ok(files) = read_archive(&bytes, &BundleLimits::default())
                && let Ok(bundle) = read_bundle(&files, &options)
            {
                let engine =
                    Engine::new(&bundle.model, &options.limits, Instructions::best()).unwrap();
                let rows = vec![0.5; engine.signature().features.len() * 70];
                let answers = engine.predict(&rows, 1).unwrap();
                assert!(!answers.iter().any(|answer| answer.is_infinite()));
            }
        }
    }
    assert!(count >= 4, "{count} files");
}

#[test]
fn every_golden_file_cut_anywhere() {
    for case in cases(&golden()).iter().step_by(6) {
        for end in (0..case.file.len()).step_by(case.file.len() / 40 + 1) {
            every_reader(&case.file[..end]);
        }
    }
}

#[test]
fn few_bytes_do_not_ask_for_much() {
    // Lengths and nesting beyond the file.
    let long = b"{L\x00\x00\x00\x00\x00\x00\x00\x07learner[$d#L\x7f\xff\xff\xff\xff\xff\xff\xff";
    let empty = b"{i\x07learner[$Z#l\x7f\xff\xff\xff";
    every_reader(long);
    every_reader(empty);
    every_reader(&b"[".repeat(1 << 20));
    every_reader("[".repeat(1 << 20).as_bytes());
    every_reader(b"{\"a\":".repeat(1 << 18).as_slice());
    every_reader(b"tree\nversion=v4\nnum_class=1\nmax_feature_idx=3\nTree=0\nnum_leaves=18446744073709551615\nleaf_value=1\nend of trees\n");
}
