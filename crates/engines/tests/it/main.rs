//! Engines as a caller sees them: text in, decisions out.

mod allocation;
mod golden;
