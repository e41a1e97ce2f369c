//! Any bytes to what unpacks zips and tars, and to what makes a model of their files:
//! `cargo +nightly fuzz run bundle`.
#![no_main]

use inference::BundleLimits;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let limits = BundleLimits { bytes: 1 << 20, ..BundleLimits::default() };
    let Ok(files) = inference::read_archive(bytes, &limits) else { return };
    if let Ok(bundle) = inference::read_bundle(&files, &fuzz::options()) {
        fuzz::ask(&bundle.model, true);
    }
});
