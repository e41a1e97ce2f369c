//! Any bytes to the reader of LightGBM's text, and rows to what it accepts: `cargo +nightly fuzz run lightgbm`.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| fuzz::read_and_ask(inference::read_lightgbm, bytes));
