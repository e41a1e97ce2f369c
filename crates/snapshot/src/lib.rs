//! From what people have to a cluster snapshot.
//!
//! `kubectl get … -o json` or `-o yaml` of anything, files of `kubectl cluster-info dump`, and
//! answers of the AWS command line (machines, volumes, snapshots, addresses, interfaces, load
//! balancers, gateways, endpoints, databases, repositories, CloudTrail, commitments), in any order
//! and any mix; answers of Prometheus about a range of time, and what metrics-server and the Vertical
//! Pod Autoscaler know of use. What is of no use is named and counted.
//!
//! It refuses to know files, networks and clocks: bytes come in, a
//! [`ClusterState`](facts::cluster::ClusterState) goes out.

mod assemble;
mod aws;
mod cloud;
mod document;
mod flows;
mod ical;
mod images;
mod kubernetes;
mod lenient;
mod prometheus;
mod report;
mod use_over_time;
mod yaml;

pub use assemble::{Importer, Options};
pub use report::{ImportReport, Unusable};

/// Why an input could not be read any further. What was read before it is kept.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The bytes could not be had.
    #[error("{name}: cannot be read: {source}")]
    Read {
        /// The input.
        name: String,
        /// Why.
        source: std::io::Error,
    },
    /// The text is neither JSON nor YAML, or stops in the middle.
    #[error("{name}: {message}")]
    Malformed {
        /// The input.
        name: String,
        /// What is wrong and where.
        message: String,
    },
}
