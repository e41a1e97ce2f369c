//! Engines as a caller sees them: text in, decisions out.

mod allocation;
mod golden;
mod packing_laws;
mod packing_world;
mod real_advisor;
mod spot_laws;
