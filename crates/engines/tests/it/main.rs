//! Engines as a caller sees them: text in, decisions out.

mod allocation;
mod golden;
mod real_advisor;
mod spot_laws;
