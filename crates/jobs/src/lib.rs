//! Work that outlives a process: taken under a lease, resumed by whoever is there, made by schedules.
//!
//! Every job may be run twice and goes on where the last kept step ended. A worker whose lease went to
//! another can write nothing more; the store sees to that.
//! This crate refuses to know what a job does.

mod runner;
mod running;
mod schedule;

pub use runner::{Runner, RunnerConfig, Try};
pub use running::{JobFailure, Running};
pub use schedule::{CronError, next_run};
