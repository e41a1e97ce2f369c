//! The nouns: the cluster, the market, our own records and the contract of a decision.
//!
//! This crate holds types and their validation, and no behaviour beyond it.
//! It refuses to know how facts are fetched, stored, drawn or decided upon.

pub mod action;
pub mod bound;
pub mod cluster;
pub mod decision;
pub mod finding;
pub mod names;
pub mod reason;
