//! Any bytes to the reader of XGBoost's UBJ, and rows to what it accepts: `cargo +nightly fuzz run xgboost_ubj`.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| fuzz::read_and_ask(inference::read_xgboost_ubj, bytes));
