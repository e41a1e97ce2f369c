//! Any bytes to every reader of models, and rows to what they accept: `cargo +nightly fuzz run models`.
#![no_main]

use inference::{
    Engine, Instructions, Limits, ReadOptions, read_lightgbm, read_onnx, read_xgboost_json,
    read_xgboost_ubj,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits { features: 1_000, groups: 100, ..Limits::default() };
    let options = ReadOptions { limits, ..ReadOptions::default() };
    for reader in [read_xgboost_json, read_xgboost_ubj, read_lightgbm, read_onnx] {
        let Ok(model) = reader(bytes, &options) else { continue };
        let Ok(engine) = Engine::new(&model, &limits, Instructions::best()) else { continue };
        let features = engine.signature().features.len();
        let answers = engine.predict(&vec![0.5; features * 70], 1);
        if let Ok(answers) = answers {
            assert!(answers.iter().all(|answer| answer.is_finite()));
        }
    }
});
