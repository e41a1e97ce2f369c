//! How `cloudoptim serve` keeps snapshots of clusters and scans them.

use app::clusters::ClusterSettings;
use clap::Args;
use jiff::SignedDuration;

/// How snapshots are kept and scanned.
#[derive(Debug, Args)]
#[command(next_help_heading = "Clusters")]
pub(crate) struct ClusterArguments {
    /// Hours after which the newest snapshot of a cluster is too old to say how it is now.
    #[arg(long, env = "SNAPSHOT_STALE_AFTER_HOURS", value_name = "HOURS", default_value_t = 48,
          value_parser = clap::value_parser!(u32).range(1..=8760))]
    pub(crate) snapshot_stale_after_hours: u32,
    /// How many snapshots of a cluster are kept.
    #[arg(long, env = "SNAPSHOTS_KEPT", value_name = "COUNT", default_value_t = 60,
          value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) snapshots_kept: u32,
    /// Scan no cluster unless somebody asks.
    #[arg(long, env = "CLOUDOPTIM_NO_SCANS")]
    pub(crate) no_scans: bool,
}

impl ClusterArguments {
    pub(crate) fn settings(&self) -> ClusterSettings {
        ClusterSettings {
            stale_after: SignedDuration::from_hours(i64::from(self.snapshot_stale_after_hours)),
            most_snapshots: u64::from(self.snapshots_kept),
        }
    }
}
