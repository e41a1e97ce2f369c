//! What a format allows and this crate does not compute is refused by its name.

use inference::{Limits, ReadOptions, read_lightgbm, read_onnx, read_xgboost_json};

use crate::cases::{Case, cases, golden};

fn file(name: &str) -> Case {
    cases(&golden()).into_iter().find(|case| case.name == name).unwrap()
}

fn replaced(name: &str, from: &str, to: &str) -> Vec<u8> {
    let text = String::from_utf8(file(name).file).unwrap();
    assert!(text.contains(from), "{name} has no {from}");
    text.replace(from, to).into_bytes()
}

#[test]
fn by_name() {
    let options = ReadOptions::default();
    let xgboost = |from: &str, to: &str| {
        let bytes = replaced("new-xgboost-squared-json", from, to);
        read_xgboost_json(&bytes, &options).unwrap_err().to_string()
    };
    let named = xgboost("\"reg:squarederror\"", "\"reg:mine\"");
    assert!(named.starts_with("objective `reg:mine` is not supported"), "{named}");
    let named = xgboost("\"name\":\"gbtree\"", "\"name\":\"gbforest\"");
    assert!(named.starts_with("booster `gbforest` is not supported"), "{named}");
    let named = xgboost("\"size_leaf_vector\":\"1\"", "\"size_leaf_vector\":\"2\"");
    assert!(named.contains("multi_output_tree"), "{named}");
    let lightgbm = |from: &str, to: &str| {
        let bytes = replaced("new-lightgbm-binary", from, to);
        read_lightgbm(&bytes, &options).unwrap_err().to_string()
    };
    let named = lightgbm("is_linear=0", "is_linear=1");
    assert!(named.starts_with("tree with linear leaves `Tree=0` is not supported"), "{named}");
    let named = lightgbm("version=v4", "version=v9");
    assert!(named.starts_with("version `v9` is not supported"), "{named}");
    let named = lightgbm("objective=binary", "objective=mine");
    assert!(named.starts_with("objective `mine sigmoid:1` is not supported"), "{named}");
    let mut onnx = file("new-onnx-tree").file;
    let name = b"TreeEnsembleClassifier";
    for at in 0..onnx.len() - name.len() {
        if onnx[at..].starts_with(name) {
            onnx[at..at + 4].copy_from_slice(b"Bush");
        }
    }
    let named = read_onnx(&onnx, &options).unwrap_err().to_string();
    assert!(named.starts_with("operator `ai.onnx.ml.BushEnsembleClassifier`"), "{named}");
}

#[test]
fn beyond_the_limits() {
    let model = file("new-lightgbm-three").file;
    let with = |limits: Limits| {
        let options = ReadOptions { limits, ..ReadOptions::default() };
        read_lightgbm(&model, &options).unwrap_err().to_string()
    };
    let limits = Limits::default();
    assert!(with(Limits { bytes: 10, ..limits }).starts_with("bytes: "));
    assert!(
        with(Limits { trees: 3, ..limits }).starts_with("trees: 4 is more than the limit of 3")
    );
    assert!(with(Limits { features: 5, ..limits }).starts_with("features: 6"));
    assert!(with(Limits { groups: 2, ..limits }).starts_with("classes or outputs: 3"));
}
