//! Scans: the newest snapshot of each cluster is looked at again and again, each engine at its own
//! interval, and what is found becomes findings.
//!
//! One schedule looks four times an hour who is due and queues one job for each such cluster. While a
//! cluster's job is in flight there is no second one, whichever server works on it. A job settles first
//! what it looks at and as of when, so that a second try makes the same decisions under the same names.

mod plan;
mod work;

use jobs::JobFailure;
use serde::{Deserialize, Serialize};

use crate::Error;

pub(crate) use plan::plan_scans;
pub(crate) use work::scan_cluster;

/// The kind of job that finds out what is due.
pub const PLAN_SCANS: &str = "plan_scans";

/// The kind of job that scans one cluster.
pub const SCAN_CLUSTER: &str = "scan_cluster";

/// The payload of a job that scans a cluster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct ScanCluster {
    customer_id: Option<String>,
    cluster_id: String,
    /// Decisions that are due.
    engines: Vec<String>,
}

/// A snapshot was read before it was kept, so what is wrong with it now will be again.
fn failure(error: Error) -> JobFailure {
    match error {
        Error::Unavailable(why) => JobFailure::Later(why, None),
        Error::Invalid(fields) => {
            let first = fields.into_iter().next();
            let why = first.map_or_else(
                || "the snapshot cannot be used".to_owned(),
                |field| format!("{}: {}", field.pointer, field.detail),
            );
            JobFailure::Never(why)
        }
        other => JobFailure::Later(other.to_string(), None),
    }
}
