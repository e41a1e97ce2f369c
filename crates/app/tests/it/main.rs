//! Operations over an in-memory store and a fake AWS.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by a panic")]

mod clusters;
mod feature_drift;
mod fetch;
mod gaps;
mod golden_vectors;
mod joint;
mod model_decides;
mod models;
mod predictions;
mod published_files;
mod refresh;
mod registry;
mod retention;
mod scans;
mod shadows;
