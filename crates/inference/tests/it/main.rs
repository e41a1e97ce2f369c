//! Model files in, the library's own answers out.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails where it panics")]

mod bundles;
mod cases;
mod golden;
mod hostile_models;
mod pickles;
mod trained;
