//! Scans: the newest snapshot of each cluster is looked at again and again, each engine at its own
//! interval, and what is found becomes findings.
//!
//! One schedule looks every few minutes who is due and queues one job for each such cluster. While a
//! cluster's job is in flight there is no second one, whichever server works on it. A job settles first
//! what it looks at and as of when, so that a second try makes the same decisions under the same names.

use std::collections::BTreeMap;
use std::sync::Arc;

use facts::decision::Decision;
use jiff::{SignedDuration, Timestamp};
use jobs::{JobFailure, Running, next_run};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use store::{ClusterRow, FindingRow, FindingState, NewJob, Scan, ScanRow, ScheduleRow, Uuid};

use crate::access::Caller;
use crate::ids::{named_id, timed_id};
use crate::joint::JointItem;
use crate::joint::items::of_decision;
use crate::{App, Error};

/// The kind of job that finds out what is due.
pub const PLAN_SCANS: &str = "plan_scans";

/// The kind of job that scans one cluster.
pub const SCAN_CLUSTER: &str = "scan_cluster";

const SCHEDULE: &str = "scan clusters";
const CRON: &str = "*/5 * * * *";

/// Who changes the state of findings when nobody does.
const BY_SCAN: &str = "scan";

/// How often a try may fail before the job does.
const MAX_ATTEMPTS: u32 = 5;

/// Clusters of one look into the store.
const CLUSTERS_AT_ONCE: u64 = 500;

/// The payload of a job that scans a cluster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct ScanCluster {
    customer_id: Option<String>,
    cluster_id: String,
    /// Decisions that are due.
    engines: Vec<String>,
}

/// What a scan looks at, settled when it begins.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Settled {
    snapshot_id: String,
    taken_at: Timestamp,
    now: Timestamp,
}

impl App {
    /// Has clusters scanned by themselves, or not.
    ///
    /// # Errors
    /// A store that does not answer.
    pub async fn see_to_scans(&self, enabled: bool) -> Result<(), Error> {
        let known = self.store.schedules().await?.into_iter().find(|row| row.name == SCHEDULE);
        if known.as_ref().map_or(!enabled, |row| row.enabled == enabled && row.cron == CRON) {
            return Ok(());
        }
        let now = self.clock.now();
        let caller = Caller::server();
        let schedule_id =
            known.map_or_else(|| timed_id(now, SCHEDULE.as_bytes()), |known| known.schedule_id);
        let row = ScheduleRow {
            schedule_id,
            name: SCHEDULE.to_owned(),
            kind: PLAN_SCANS.to_owned(),
            payload: json!({}),
            cron: CRON.to_owned(),
            enabled,
            next_run_at: next_run(CRON, now).map_err(|error| Error::Internal(error.to_string()))?,
            last_run_at: None,
            created_by: caller.name.clone(),
            created_at: now,
        };
        let detail = json!({ "enabled": enabled });
        let note = self.note(&caller, "schedule.set", SCHEDULE.to_owned(), detail);
        self.store.set_schedule(&row, &note).await?;
        Ok(())
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

/// Works on a job that scans a cluster.
pub(crate) async fn scan_cluster(app: &Arc<App>, running: &Running) -> Result<(), JobFailure> {
    let wanted: ScanCluster = running.payload()?;
    let customer = wanted.customer_id.as_deref().unwrap_or_default();
    let all = Some(wanted.engines.len() as u64);
    let mut content = None;
    let mut settled: Option<Settled> = running.cursor()?;
    if let Some(settled) = &settled {
        content = of_snapshot(app, &wanted, settled).await?;
    }
    if content.is_none() {
        let newest = app.store().snapshots(&wanted.cluster_id, Some(customer), 1, 0).await?.0;
        let Some(newest) = newest.into_iter().next() else {
            return Err(JobFailure::Never("no snapshot of the cluster is kept".to_owned()));
        };
        let begun = Settled {
            snapshot_id: newest.snapshot_id.to_string(),
            taken_at: newest.taken_at,
            now: app.clock().now(),
        };
        app.store().advance_job(&running.step(&begun, 0, all)?, 0).await?;
        content = of_snapshot(app, &wanted, &begun).await?;
        settled = Some(begun);
    }
    let (Some(content), Some(settled)) = (content, settled) else {
        return Err(JobFailure::Later("the snapshot went meanwhile".to_owned(), None));
    };
    running.go_on()?;
    let body = body(&wanted, &content)?;
    let joint = app.decide_and_keep_all(body, wanted.customer_id.as_deref(), settled.now).await;
    let joint = joint.map_err(failure)?;
    let scans: Vec<Scan> =
        joint.outcomes.iter().map(|outcome| scan(&wanted, &settled, &outcome.decision)).collect();
    let found: u64 = scans.iter().map(|scan| scan.row.found).sum();
    let done = scans.len() as u64;
    app.store().keep_scans(&scans, &running.step(&settled, done, all)?).await?;
    let words = format!(
        "{done} engines found {found} things at `{}` as of {}",
        wanted.cluster_id, settled.taken_at
    );
    running.log(&words).await
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

async fn of_snapshot(
    app: &Arc<App>,
    wanted: &ScanCluster,
    settled: &Settled,
) -> Result<Option<Vec<u8>>, JobFailure> {
    let customer = wanted.customer_id.as_deref().unwrap_or_default();
    let id: Uuid = settled
        .snapshot_id
        .parse()
        .map_err(|_| JobFailure::Never("the cursor names no snapshot".to_owned()))?;
    Ok(app.store().snapshot_content(&wanted.cluster_id, Some(customer), id).await?)
}

/// The request for everything that is due.
fn body(wanted: &ScanCluster, content: &[u8]) -> Result<Vec<u8>, JobFailure> {
    let never = |error: serde_json::Error| JobFailure::Never(error.to_string());
    let current_state: &RawValue = serde_json::from_slice(content).map_err(never)?;
    #[derive(Serialize)]
    struct Request<'a> {
        cluster_id: &'a str,
        engines: &'a [String],
        current_state: &'a RawValue,
    }
    let request =
        Request { cluster_id: &wanted.cluster_id, engines: &wanted.engines, current_state };
    serde_json::to_vec(&request).map_err(never)
}

fn scan(wanted: &ScanCluster, settled: &Settled, decision: &Decision<Box<RawValue>>) -> Scan {
    let decision_id: Uuid = decision.decision_id.parse().unwrap_or_default();
    let sections = &decision.evidence.sections;
    let seen_in: Vec<String> =
        sections.iter().filter(|one| one.supplied).map(|one| one.section.to_string()).collect();
    let row = |item: JointItem| FindingRow {
        cluster_id: wanted.cluster_id.clone(),
        customer_id: wanted.customer_id.clone(),
        finding_id: finding_id(wanted, &item),
        decision_type: item.decision_type,
        finding: item.finding,
        state: FindingState::Open,
        state_since: settled.now,
        state_by: BY_SCAN.to_owned(),
        dismissed_until: None,
        note: None,
        subject: serde_json::to_value(&item.subject).unwrap_or_default(),
        cost_category: word(&item.cost_category),
        summary: item.summary,
        owner: item.owner,
        savings: item.own_savings_usd_per_month,
        confidence: item.confidence.value(),
        requires_review: item.requires_review,
        decision_id,
        first_seen_at: settled.taken_at,
        last_seen_at: settled.taken_at,
        seen_in: seen_in.clone(),
    };
    // Of two of one name the first one, which saves most, stands for both.
    let mut found: BTreeMap<String, FindingRow> = BTreeMap::new();
    for item in of_decision(decision) {
        found.entry(item.finding.clone()).or_insert_with(|| row(item));
    }
    let found: Vec<FindingRow> = found.into_values().collect();
    let is_answered = decision.verdict.confidence_score.value() > 0.0;
    let is_cut = decision.evidence.work.stopped_at.is_some();
    let is_part = sections.iter().any(|one| one.complete == Some(false));
    Scan {
        row: ScanRow {
            cluster_id: wanted.cluster_id.clone(),
            customer_id: wanted.customer_id.clone(),
            decision_type: decision.decision_type.clone(),
            snapshot_id: settled.snapshot_id.parse().unwrap_or_default(),
            decision_id,
            seen_at: settled.taken_at,
            scanned_at: settled.now,
            found: found.len() as u64,
        },
        found,
        whole: is_answered && !is_cut && !is_part,
        seen_in,
    }
}

fn finding_id(wanted: &ScanCluster, item: &JointItem) -> Uuid {
    let customer = wanted.customer_id.as_deref().unwrap_or_default();
    let own = format!("{}\u{0}{}\u{0}{}", wanted.cluster_id, item.decision_type, item.finding);
    named_id("finding", customer, &own)
}

fn word<T: Serialize>(value: &T) -> String {
    let word = serde_json::to_value(value).unwrap_or_default();
    match word {
        Value::String(word) => word,
        other => other.to_string(),
    }
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
