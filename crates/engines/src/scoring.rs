//! How safe a spot pool is, as a weighted formula whose every part can be shown.
//!
//! For the spot optimizer and for whoever shows or stores pool scores. It turns the facts of a
//! market slice into a safety score, a hazard and interruption probabilities.
//! It refuses to know clusters, policies and allocations, and invents no evidence: what is missing
//! takes the prior and says so. The tables are explained in `docs/spot-scores.md`.

mod customer;
mod interruption;
mod pool;
mod profile;
mod table;

pub use customer::{component_of_hazard, safety_of_hazard};
pub use interruption::{
    InterruptionProbability, RegionPrior, class_kept, probabilities, probability,
};
pub use pool::{Basis, ComponentValue, PoolScore, score_pool};
pub use profile::{Component, Profile, ProfileError, ProfileName};
pub use table::{
    advisor_component, gap_component, structural_component, time_component, volatility_component,
};
