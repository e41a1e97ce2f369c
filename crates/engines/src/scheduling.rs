//! A cluster's pods, nodes and rules reduced to the integers that the packing core works on.
//!
//! Everything that Kubernetes' scheduler would refuse is a rule of the model; wishes are not.
//! This module knows nothing of prices and decides nothing.

pub mod compile;
pub mod demand;
pub mod eviction;
mod groups;
pub mod guards;
mod kinds;
pub mod matching;
mod storage;

pub use compile::{Compiled, NodeTerms, PodRef, compile};
pub use groups::GroupMeaning;
