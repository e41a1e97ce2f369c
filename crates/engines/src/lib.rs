//! Decision engines: pure functions from facts to decisions.
//!
//! An engine reads a cluster and the evidence that it declared, and answers with recommendations,
//! refusals, a plan and proof.
//! This crate refuses to know where evidence is kept, who asks, and what time it is.

pub mod account_view;
mod address_index;
pub mod allocation;
pub mod bin_packing;
pub mod commitments;
pub mod cost_allocation;
pub mod engine;
pub mod findings;
pub mod ghost_probe;
pub mod image_bloat;
pub mod ipv4_cost;
pub mod learned;
pub mod machine_prices;
pub mod name_index;
pub mod network_optimizer;
pub mod noisy_neighbor;
pub mod office_hours;
pub mod oom_remediation;
pub mod policy;
pub mod prepared;
pub mod price_book;
pub mod registry;
pub mod request;
pub mod rightsizing;
pub mod safety;
pub mod scheduling;
pub mod scoring;
pub mod shadow_it;
pub mod spot_model;
pub mod spot_optimizer;
pub mod traffic_view;
mod undone;
pub mod volume_cleanup;
