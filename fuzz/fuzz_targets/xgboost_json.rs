//! Any bytes to the reader of XGBoost's JSON, and rows to what it accepts: `cargo +nightly fuzz run xgboost_json`.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| fuzz::read_and_ask(inference::read_xgboost_json, bytes));
