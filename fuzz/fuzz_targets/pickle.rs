//! Any bytes to the reader of pickles and joblib files, and rows to what is lowered from them:
//! `cargo +nightly fuzz run pickle`.
#![no_main]

use inference::Pickled;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    // Small enough that the memory limit of the fuzzer means something.
    let limits = pickle::Limits { bytes: 1 << 20, array_bytes: 1 << 20, ..pickle::Limits::default() };
    if let Some(compression) = pickle::compression(bytes) {
        let _ = pickle::decompress(bytes, compression, &limits);
    }
    if let Ok(graph) = pickle::read(bytes, &limits) {
        let root = graph.root();
        let _ = (root.array("array"), root.number("number"), root.bytes("bytes"));
    }
    if let Ok(Pickled::Model(model)) = inference::read_pickle(bytes, &fuzz::options()) {
        fuzz::ask(&model, true);
    }
});
