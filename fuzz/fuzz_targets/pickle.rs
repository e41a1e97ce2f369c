//! Any bytes to the reader of pickles and to what is lowered from them:
//! `cargo +nightly fuzz run pickle`.
#![no_main]

use inference::{BundleLimits, Limits, ReadOptions};
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
    let limits = Limits { bytes: 1 << 20, ..Limits::default() };
    let options = ReadOptions { limits, ..ReadOptions::default() };
    let _ = inference::read_pickle(bytes, &options);
    let bundle = BundleLimits { bytes: 1 << 20, ..BundleLimits::default() };
    if let Ok(files) = inference::read_archive(bytes, &bundle) {
        let _ = inference::read_bundle(&files, &options);
    }
});
