//! One scan: the newest snapshot of a cluster, the engines that are due, and what they find.

use std::collections::BTreeMap;
use std::sync::Arc;

use facts::cluster::SectionName;
use facts::decision::Decision;
use jiff::Timestamp;
use jobs::{JobFailure, Running};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use store::{FindingRow, FindingState, Scan, ScanRow, Uuid};

use super::{ScanCluster, failure};
use crate::App;
use crate::ids::named_id;
use crate::joint::JointItem;
use crate::joint::items::of_decision;
use crate::notifications::of_finding;

/// Who changes the state of findings when nobody does.
const BY_SCAN: &str = "scan";

/// What a scan looks at, settled when it begins.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Settled {
    snapshot_id: String,
    taken_at: Timestamp,
    now: Timestamp,
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
    let progress = running.step(&settled, done, all)?;
    app.store().keep_scans(&scans, &progress, of_finding).await?;
    let words = format!(
        "{done} engines found {found} things at `{}` as of {}",
        wanted.cluster_id, settled.taken_at
    );
    running.log(&words).await
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
    let seen_in: Vec<String> = sections
        .iter()
        .filter(|one| one.supplied && has_things(one.section))
        .map(|one| one.section.to_string())
        .collect();
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
    // What is said without any confidence, because something is lacking, is no finding.
    let items = of_decision(decision).into_iter();
    for item in items.filter(|item| item.confidence.value() > 0.0) {
        found.entry(item.finding.clone()).or_insert_with(|| row(item));
    }
    let found: Vec<FindingRow> = found.into_values().collect();
    let is_answered = decision.verdict.confidence_score.value() > 0.0;
    let is_cut = decision.evidence.work.stopped_at.is_some();
    let is_part = sections.iter().any(|one| one.complete == Some(false) && has_things(one.section));
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

/// Whether a section lists things that something can be found at. The others say what may be done with
/// them: a rule that is missing hides nothing.
fn has_things(section: SectionName) -> bool {
    !matches!(section, SectionName::Policies | SectionName::Commitments | SectionName::Calendars)
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
