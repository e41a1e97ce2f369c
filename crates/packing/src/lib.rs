//! Vector packing with proven bounds, over integers only.
//!
//! This crate refuses to know what a pod, a node, a price list or a cluster is.
