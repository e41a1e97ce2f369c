//! Model files in, the library's own answers out.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails where it panics")]

mod arbitrary_bytes;
mod cases;
mod drawn;
mod golden;
mod laws;
mod mutated;
mod pipelines;
mod refused;
mod structure;
mod trained;
