//! Engines as a caller sees them: text in, decisions out.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails where it panics")]

mod allocation;
mod golden;
mod real_advisor;
mod spot_laws;
