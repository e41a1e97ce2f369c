//! Model files in, the library's own answers out.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails where it panics")]

mod arbitrary_bytes;
mod bundles;
mod cases;
mod drawn;
mod golden;
mod hostile_models;
mod laws;
mod mutated;
mod pickles;
mod pipelines;
mod refused;
mod structure;
mod trained;
