//! Who is due: each engine at its own interval, at each cluster.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use jobs::{JobFailure, Running};
use serde_json::json;
use store::{ClusterRow, NewJob, ScanRow};

use super::{PLAN_SCANS, SCAN_CLUSTER, ScanCluster, failure};
use crate::ids::{named_id, timed_id};
use crate::own_schedules::OwnSchedule;
use crate::{App, Error};

const SCHEDULE: &str = "scan clusters";
const CRON: &str = "*/15 * * * *";

/// How often a try may fail before the job does.
const MAX_ATTEMPTS: u32 = 5;

/// Clusters of one look into the store.
const CLUSTERS_AT_ONCE: u64 = 500;

impl App {
    /// Has clusters scanned by themselves, or not.
    ///
    /// # Errors
    /// A store that does not answer.
    pub async fn see_to_scans(&self, enabled: bool) -> Result<(), Error> {
        self.see_to(OwnSchedule {
            name: SCHEDULE,
            kind: PLAN_SCANS,
            payload: json!({}),
            cron: CRON,
            enabled: Some(enabled),
        })
        .await
    }

    /// Queues a scan of every cluster of which something is due; how many.
    ///
    /// # Errors
    /// A store that does not answer.
    pub async fn plan_scans(&self) -> Result<u64, Error> {
        let now = self.clock.now();
        let toggles = self.toggles().await?;
        let scans: BTreeMap<_, ScanRow> = self
            .store
            .scans()
            .await?
            .into_iter()
            .map(|scan| {
                let key = (scan.cluster_id.clone(), scan.customer_id.clone());
                ((key, scan.decision_type.clone()), scan)
            })
            .collect();
        let (mut queued, mut offset) = (0, 0);
        loop {
            let (clusters, total) = self.store.clusters(None, CLUSTERS_AT_ONCE, offset).await?;
            for cluster in &clusters {
                let is_due = |decision: &str, hours: u64| {
                    let key = (cluster.cluster_id.clone(), cluster.customer_id.clone());
                    let last = scans.get(&(key, decision.to_owned()));
                    let stale_after = self.cluster_settings.stale_after;
                    last.is_none_or(|last| is_due(cluster, last, hours, stale_after, now))
                };
                let due = toggles.features().iter().filter(|feature| {
                    feature.enabled
                        && feature
                            .scan_interval_hours
                            .is_some_and(|hours| is_due(feature.decision, hours))
                });
                let engines: Vec<String> = due.map(|one| one.decision.to_owned()).collect();
                if !engines.is_empty() {
                    let job = job(cluster, engines, now)?;
                    queued += u64::from(self.store.add_job(&job, now).await?.is_ok());
                }
            }
            offset += CLUSTERS_AT_ONCE;
            if offset >= total {
                return Ok(queued);
            }
        }
    }
}

/// Works on a job that finds out what is due.
pub(crate) async fn plan_scans(app: &Arc<App>, running: &Running) -> Result<(), JobFailure> {
    let queued = app.plan_scans().await.map_err(failure)?;
    if queued > 0 {
        running.log(&format!("{queued} scans of clusters were queued")).await?;
    }
    Ok(())
}

/// Whether an engine that has looked at a cluster before has to again: its interval is over, and what it
/// would look at is either new or not too old to say anything.
fn is_due(
    cluster: &ClusterRow,
    last: &ScanRow,
    hours: u64,
    stale_after: SignedDuration,
    now: Timestamp,
) -> bool {
    let interval = SignedDuration::from_hours(i64::try_from(hours).unwrap_or(i64::MAX / 3600));
    let is_fresh = now.duration_since(cluster.taken_at) <= stale_after;
    now.duration_since(last.scanned_at) >= interval && (is_fresh || cluster.taken_at > last.seen_at)
}

fn job(cluster: &ClusterRow, engines: Vec<String>, now: Timestamp) -> Result<NewJob, Error> {
    let customer = cluster.customer_id.as_deref().unwrap_or_default();
    let of_cluster = named_id(SCAN_CLUSTER, customer, &cluster.cluster_id);
    let all_units = Some(engines.len() as u64);
    let payload = ScanCluster {
        customer_id: cluster.customer_id.clone(),
        cluster_id: cluster.cluster_id.clone(),
        engines,
    };
    Ok(NewJob {
        job_id: timed_id(now, of_cluster.as_bytes()),
        kind: SCAN_CLUSTER.to_owned(),
        dedupe_key: Some(of_cluster.to_string()),
        payload: serde_json::to_value(&payload)
            .map_err(|error| Error::Internal(error.to_string()))?,
        priority: 6,
        max_attempts: MAX_ATTEMPTS,
        run_at: now,
        all_units,
        created_by: format!("schedule {SCHEDULE}"),
    })
}
