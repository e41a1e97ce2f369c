//! Objects of the Kubernetes API, as far as decisions need them.
//!
//! These structures are owned by Kubernetes and Karpenter; each becomes one of our facts.

pub(crate) mod checkpoint;
pub(crate) mod cluster_policy;
pub(crate) mod meta;
pub(crate) mod network;
pub(crate) mod node;
pub(crate) mod observed;
pub(crate) mod pod;
pub(crate) mod pod_rules;
pub(crate) mod volume;
pub(crate) mod workload;
