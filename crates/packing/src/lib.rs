//! Vector packing with proven bounds, over integers only.
//!
//! For callers that translate a real world (machines, workloads, prices) into
//! integers and want back a cheap plan, the proof how far from the best it can
//! be, and the exact amount of search that produced it.
//!
//! * [`placement`]: items on existing nodes under capacity and topology rules.
//! * [`consolidate`](mod@consolidate): which nodes to empty and where their items go.
//! * [`reprovision`](mod@reprovision): buying bins of variable size from scratch.
//! * [`bound`]: lower bounds with proofs an independent program can check.
//! * [`work`]: counted search effort; there is no clock in this crate.
//!
//! Money and resources are `i64` at the border; a search may use floating point
//! as a guide, but every bound is derived again in integers, rounded to the
//! safe side, before it is published.
//!
//! This crate refuses to know what a pod, a node, a price list or a cluster is.
//! It reads no clock, file or environment, draws no entropy, and gives the same
//! bytes for the same input and the same work budget.

pub mod bound;
pub mod consolidate;
mod index_set;
pub mod placement;
mod random;
pub mod reprovision;
mod simplex;
pub mod work;

pub use index_set::IndexSet;
