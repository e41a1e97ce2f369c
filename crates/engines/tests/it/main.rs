//! Engines as a caller sees them: text in, decisions out.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by a panic")]

mod allocation;
mod asking;
mod cost_allocation;
mod finding_laws;
mod golden;
mod office_year;
mod packing_laws;
mod packing_mutations;
mod packing_world;
mod real_advisor;
mod rendered_objects;
mod rightsizing_backtest;
mod rightsizing_laws;
mod schemas;
#[path = "../../benches/backtest/series.rs"]
#[allow(dead_code, reason = "the bench looks at more")]
mod series;
mod spot_laws;
mod spot_model;
