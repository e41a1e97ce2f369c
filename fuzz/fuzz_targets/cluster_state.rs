//! Any bytes as a cluster state: `cargo +nightly fuzz run cluster_state`.
#![no_main]

use facts::cluster::ClusterState;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(decoded) = ClusterState::from_json(bytes) {
        let _ = decoded.value.sections();
    }
});
