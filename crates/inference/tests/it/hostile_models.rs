//! Pickled models that were changed, or that ask for what is not computed here.

use std::path::Path;

use inference::{Engine, Instructions, Limits, Pickled, ReadOptions, read_any, read_pickle};

fn golden(file: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/pickles").join(file))
        .unwrap()
}

fn refused(content: &[u8]) -> String {
    match read_pickle(content, &ReadOptions::default()) {
        Ok(found) => panic!("read as {found:?}"),
        Err(refusal) => refusal.to_string(),
    }
}

/// `from` replaced by `into` of the same length, at its first place.
fn replaced(content: &[u8], from: &[u8], into: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), into.len());
    let at = content.windows(from.len()).position(|window| window == from).unwrap();
    let mut changed = content.to_vec();
    changed[at..at + into.len()].copy_from_slice(into);
    changed
}

#[test]
fn what_is_not_computed_is_refused_by_name() {
    let boosting = golden("new/boosting_huber.pkl");
    let said = refused(&replaced(&boosting, b"huber", b"cauch"));
    assert!(said.contains("loss `cauch` is not supported"), "{said}");
    let histogram = golden("new/hist_poisson.pkl");
    let said = refused(&replaced(&histogram, b"poisson", b"tweedie"));
    assert!(said.contains("loss `tweedie` is not supported"), "{said}");
    let encoder = golden("new/columns_logistic.pkl");
    let said = refused(&replaced(&encoder, b"ignore", b"ignora"));
    assert!(said.contains("handle_unknown `ignora` is not supported"), "{said}");
    let boosted = golden("new/boosting_zero.pkl");
    let said = refused(&replaced(&boosted, b"zero", b"none"));
    assert!(said.contains("first estimator (init)"), "{said}");
    // A file that holds no estimator.
    for (content, found) in [
        (&b"\x80\x04K\x07."[..], "the integer 7"),
        (b"\x80\x04]K\x01a.", "a list of 1"),
        (b"\x80\x02csklearn.tree._tree\nTree\n.", "the name `sklearn.tree._tree.Tree`"),
    ] {
        let said = refused(content);
        assert!(said.contains(&format!("content `{found}` is not supported")), "{said}");
    }
    let said = refused(b"\x80\x02csklearn.pipeline\nPipeline\n)\x81.");
    assert!(said.contains("an object with `steps` is expected"), "{said}");
}

#[test]
fn absurd_numbers_take_no_memory() {
    // A scaler that does nothing to 2^60 columns, and a forest over as many.
    let columns = b"X\x0e\0\0\0n_features_in_\x8a\x08\0\0\0\0\0\0\0\x10";
    for (class, more) in [
        (
            &b"csklearn.preprocessing._data\nStandardScaler\n"[..],
            &b"X\x09\0\0\0with_mean\x89X\x08\0\0\0with_std\x89"[..],
        ),
        (
            b"csklearn.ensemble._forest\nRandomForestRegressor\n",
            b"X\x0a\0\0\0n_outputs_K\x01X\x0b\0\0\0estimators_]",
        ),
    ] {
        let content = [b"\x80\x02", class, b")\x81}(", columns, more, b"ub."].concat();
        let said = refused(&content);
        assert!(said.contains("features: 1152921504606846976 is more than"), "{said}");
    }
}

#[test]
fn arrays_that_are_used_over_and_over_are_refused() {
    // A thousand scalers with the same array of ten thousand numbers.
    let mut numbers = b"\x80\x04cnumpy.core.numeric\n_frombuffer\n(B\x80\x38\x01\0".to_vec();
    numbers.extend_from_slice(&[0; 80_000]);
    numbers
        .extend_from_slice(b"cnumpy\ndtype\n\x8c\x02f8\x89\x88\x87RM\x10\x27\x85\x8c\x01CtRq\x000");
    let mut content = numbers;
    content.extend_from_slice(b"csklearn.pipeline\nPipeline\n)\x81}\x8c\x05steps](");
    for _ in 0..1000 {
        content.extend_from_slice(b"N");
        content.extend_from_slice(b"csklearn.preprocessing._data\nStandardScaler\n)\x81}(");
        content.extend_from_slice(
            b"\x8c\x0en_features_in_M\x10\x27\x8c\x05mean_h\0\x8c\x06scale_h\0ub\x86",
        );
    }
    content.extend_from_slice(b"esb.");
    let said = refused(&content);
    assert!(said.contains("arrays are used repeatedly"), "{said}");
}

#[test]
fn pipelines_in_pipelines_end() {
    // Each pipeline has the one before twice: 2^100 estimators for whoever follows all of them.
    let mut content = b"\x80\x02(csklearn.preprocessing._data\nStandardScaler\n)\x81q\x00".to_vec();
    for level in 0..100_u8 {
        content.extend_from_slice(b"csklearn.pipeline\nPipeline\n)\x81}X\x05\0\0\0steps](");
        content.extend_from_slice(&[b'N', b'h', level, 0x86, b'N', b'h', level, 0x86]);
        content.extend_from_slice(&[b'e', b's', b'b', b'q', level + 1]);
    }
    content.extend_from_slice(b"1h\x64.");
    assert!(content.len() < 10_000);
    let said = refused(&content);
    assert!(said.contains("within one another") || said.contains("estimators"), "{said}");
}

#[test]
fn changed_models_are_refused_or_answer() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/pickles");
    let mut random = fastrand::Rng::with_seed(11);
    let wanted = std::env::var("MODEL_MUTATIONS").ok().and_then(|text| text.parse().ok());
    let (mut tried, mut read) = (0, 0);
    for set in ["new", "old"] {
        let mut paths: Vec<_> = std::fs::read_dir(folder.join(set))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        paths.sort();
        for path in paths.iter().filter(|path| path.extension().is_some_and(|end| end == "pkl")) {
            let genuine = std::fs::read(path).unwrap();
            for _ in 0..wanted.unwrap_or(24) {
                let mut content = genuine.clone();
                for _ in 0..random.usize(1..4) {
                    let at = random.usize(..content.len());
                    content[at] = random.u8(..);
                }
                tried += 1;
                let Ok(Pickled::Model(model)) = read_any(&content, &ReadOptions::default()) else {
                    continue;
                };
                read += 1;
                let engine = Engine::new(&model, &Limits::default(), Instructions::best()).unwrap();
                let row = vec![0.5; model.signature.features.len()];
                let answer = engine.predict(&row, 1).unwrap();
                assert_eq!(answer.len(), model.predictor.outputs(), "{}", path.display());
                assert!(!answer.iter().any(|one| one.is_infinite()), "{}", path.display());
            }
        }
    }
    println!("| pkl | {tried} | {read} | {} |", tried - read);
    assert!(tried >= 2_000 && read > 100, "{read} of {tried} were read");
}
