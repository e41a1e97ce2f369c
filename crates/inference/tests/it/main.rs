//! Models in, predictions out.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails where it panics")]

mod bundles;
mod hostile_models;
mod pickles;
