//! Items on existing nodes: capacity, allowed node kinds and topology rules,
//! all as integers, with constant-time tests and moves.
//!
//! For consolidation and for callers that simulate a scheduler. It refuses to
//! know where the rules come from; the caller interns labels, selectors, ports
//! and resources into the integers used here.

mod model;
mod state;

pub use model::{
    ClassRules, Group, Item, Membership, Model, ModelError, NO_DOMAIN, NODE_KEY, Node, Parts, Rule,
};
pub use state::{Blocked, State};
