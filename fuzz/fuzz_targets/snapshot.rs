//! Any bytes to the snapshot importer: `cargo +nightly fuzz run snapshot`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use snapshot::{Importer, Options};

fuzz_target!(|bytes: &[u8]| {
    let mut importer = Importer::new(Options::default());
    let _ = importer.add("fuzz", bytes);
    let _ = importer.finish();
});
