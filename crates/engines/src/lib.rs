//! Decision engines: pure functions from facts to decisions.
//!
//! An engine reads a cluster and the evidence that it declared, and answers with recommendations,
//! refusals, a plan and proof.
//! This crate refuses to know where evidence is kept, who asks, and what time it is.

pub mod allocation;
pub mod bin_packing;
pub mod engine;
pub mod policy;
pub mod prepared;
pub mod registry;
pub mod request;
pub mod safety;
pub mod scheduling;
pub mod scoring;
pub mod spot_model;
pub mod spot_optimizer;
