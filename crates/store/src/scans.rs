//! What a scan found becomes findings: new ones, ones seen again, ones that are gone.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use sqlx::FromRow;
use sqlx::types::{Json, Uuid};

use crate::database::{reading, writing};
use crate::findings::{FindingRow, FindingState, Raw};
use crate::jobs::{Progress, advance};
use crate::notifications::events::{EventRow, tell};
use crate::snapshots::named;
use crate::values::{At, signed, unsigned};
use crate::{Store, StoreError};

/// A scan of a cluster by one engine.
#[derive(Clone, Debug, PartialEq)]
pub struct ScanRow {
    /// The cluster.
    pub cluster_id: String,
    /// Whose it is.
    pub customer_id: Option<String>,
    /// What was asked for.
    pub decision_type: String,
    /// The snapshot that was looked at.
    pub snapshot_id: Uuid,
    /// The decision.
    pub decision_id: Uuid,
    /// When the snapshot was taken.
    pub seen_at: Timestamp,
    /// When it was looked at.
    pub scanned_at: Timestamp,
    /// How much was found.
    pub found: u64,
}

/// A scan with what it found.
#[derive(Clone, Debug, PartialEq)]
pub struct Scan {
    /// The scan.
    pub row: ScanRow,
    /// What it found. Of each, the state is that of one that is new.
    pub found: Vec<FindingRow>,
    /// Whether everything that the snapshot has could be looked at: what is not found is gone then.
    pub whole: bool,
    /// The sections that the snapshot has.
    pub seen_in: Vec<String>,
}

#[derive(FromRow)]
struct RawScan {
    cluster_id: String,
    customer_id: String,
    decision_type: String,
    snapshot_id: Uuid,
    decision_id: Uuid,
    seen_at: At,
    scanned_at: At,
    found: i64,
}

const KEEP_SCAN: &str = "INSERT INTO scans (cluster_id, customer_id, decision_type, snapshot_id, \
       decision_id, seen_at, scanned_at, found) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) \
     ON CONFLICT (cluster_id, customer_id, decision_type) DO UPDATE SET \
       snapshot_id = excluded.snapshot_id, decision_id = excluded.decision_id, \
       seen_at = excluded.seen_at, scanned_at = excluded.scanned_at, found = excluded.found \
     WHERE excluded.seen_at >= scans.seen_at";

const KEEP_FINDING: &str = "INSERT INTO findings (cluster_id, customer_id, finding_id, decision_type, \
       finding, state, state_since, state_by, dismissed_until, note, subject, cost_category, summary, \
       owner, savings_nanos, confidence, requires_review, decision_id, first_seen_at, last_seen_at, \
       seen_in) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, \
       $21) \
     ON CONFLICT (cluster_id, customer_id, finding_id) DO UPDATE SET state = excluded.state, \
       state_since = excluded.state_since, state_by = excluded.state_by, \
       dismissed_until = excluded.dismissed_until, note = excluded.note, \
       subject = excluded.subject, cost_category = excluded.cost_category, \
       summary = excluded.summary, owner = excluded.owner, savings_nanos = excluded.savings_nanos, \
       confidence = excluded.confidence, requires_review = excluded.requires_review, \
       decision_id = excluded.decision_id, last_seen_at = excluded.last_seen_at, \
       seen_in = excluded.seen_in";

/// Findings of one engine at one cluster. PostgreSQL holds the rows, so that nobody settles one between
/// this look and the change.
const KNOWN: &str = "SELECT * FROM findings \
     WHERE cluster_id = $1 AND customer_id = $2 AND decision_type = $3";

impl Store {
    /// Keeps what scans of one cluster found, together with the progress of the job that made them. A
    /// scan of an older snapshot than the last one changes nothing. Of each finding whose state changes
    /// `told` says what is to be told.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`] when the job is another worker's, or the database did not take it.
    pub async fn keep_scans(
        &self,
        scans: &[Scan],
        progress: &Progress,
        told: impl Fn(&FindingRow) -> Option<EventRow>,
    ) -> Result<(), StoreError> {
        let known = match self.kind() {
            "postgresql" => format!("{KNOWN} FOR UPDATE"),
            _ => KNOWN.to_owned(),
        };
        writing!(self, transaction => {
            for scan in scans {
                let row = &scan.row;
                let customer = row.customer_id.as_deref().unwrap_or_default();
                let newest = sqlx::query(KEEP_SCAN)
                    .bind(row.cluster_id.as_str())
                    .bind(customer)
                    .bind(row.decision_type.as_str())
                    .bind(row.snapshot_id)
                    .bind(row.decision_id)
                    .bind(At(row.seen_at))
                    .bind(At(row.scanned_at))
                    .bind(signed(row.found))
                    .execute(&mut *transaction)
                    .await?
                    .rows_affected()
                    > 0;
                if !newest {
                    continue;
                }
                let known: Vec<Raw> = sqlx::query_as(sqlx::AssertSqlSafe(known.as_str()))
                    .bind(row.cluster_id.as_str())
                    .bind(customer)
                    .bind(row.decision_type.as_str())
                    .fetch_all(&mut *transaction)
                    .await?;
                let known = known.into_iter().map(|raw| (raw.finding.clone(), raw.into()));
                for finding in changes(scan, &known.collect()) {
                    sqlx::query(KEEP_FINDING)
                        .bind(finding.cluster_id.as_str())
                        .bind(customer)
                        .bind(finding.finding_id)
                        .bind(finding.decision_type.as_str())
                        .bind(finding.finding.as_str())
                        .bind(finding.state.name())
                        .bind(At(finding.state_since))
                        .bind(finding.state_by.as_str())
                        .bind(finding.dismissed_until.map(At))
                        .bind(finding.note.as_deref())
                        .bind(Json(&finding.subject))
                        .bind(finding.cost_category.as_str())
                        .bind(finding.summary.as_str())
                        .bind(finding.owner.as_deref())
                        .bind(finding.savings.map(units::Usd::nanos))
                        .bind(finding.confidence)
                        .bind(finding.requires_review)
                        .bind(finding.decision_id)
                        .bind(At(finding.first_seen_at))
                        .bind(At(finding.last_seen_at))
                        .bind(Json(&finding.seen_in))
                        .execute(&mut *transaction)
                        .await?;
                    let is_news = finding.state_since == row.scanned_at;
                    if let Some(event) = is_news.then(|| told(&finding)).flatten() {
                        tell!(transaction, &event);
                    }
                }
            }
            advance!(transaction, progress, scans.len() as u64);
        });
        Ok(())
    }

    /// The newest scan of each cluster by each engine.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn scans(&self) -> Result<Vec<ScanRow>, StoreError> {
        let rows: Vec<RawScan> = reading!(self, pool => {
            sqlx::query_as("SELECT * FROM scans ORDER BY cluster_id, customer_id, decision_type")
                .fetch_all(pool)
                .await?
        });
        let row = |raw: RawScan| ScanRow {
            cluster_id: raw.cluster_id,
            customer_id: named(raw.customer_id),
            decision_type: raw.decision_type,
            snapshot_id: raw.snapshot_id,
            decision_id: raw.decision_id,
            seen_at: raw.seen_at.0,
            scanned_at: raw.scanned_at.0,
            found: unsigned(raw.found),
        };
        Ok(rows.into_iter().map(row).collect())
    }
}

/// The findings that a scan changes, as they are afterwards.
fn changes(scan: &Scan, known: &BTreeMap<String, FindingRow>) -> Vec<FindingRow> {
    let at = scan.row.scanned_at;
    let mut changed: Vec<FindingRow> = scan
        .found
        .iter()
        .map(|new| match known.get(&new.finding) {
            Some(old) => seen_again(old, new, at),
            None => new.clone(),
        })
        .collect();
    if scan.whole {
        let found: BTreeSet<&str> = scan.found.iter().map(|one| one.finding.as_str()).collect();
        let gone = known.values().filter(|old| {
            old.state != FindingState::Resolved
                && old.last_seen_at < scan.row.seen_at
                && !found.contains(old.finding.as_str())
                && old.seen_in.iter().all(|section| scan.seen_in.contains(section))
        });
        changed.extend(gone.map(|old| FindingRow {
            state: FindingState::Resolved,
            state_since: at,
            state_by: "scan".to_owned(),
            note: None,
            ..old.clone()
        }));
    }
    changed
}

fn seen_again(old: &FindingRow, new: &FindingRow, at: Timestamp) -> FindingRow {
    let still_dismissed = old.dismissed_until.is_some_and(|until| until > at);
    let state = match old.state {
        FindingState::Open | FindingState::Accepted => old.state,
        // A dismissal outlasts that the thing was gone for a while.
        FindingState::Dismissed | FindingState::Resolved if still_dismissed => {
            FindingState::Dismissed
        }
        FindingState::Dismissed | FindingState::Resolved => FindingState::Open,
        // What a snapshot from before it was done shows is no news.
        FindingState::Applied if new.last_seen_at <= old.state_since => FindingState::Applied,
        FindingState::Applied => FindingState::Open,
    };
    let same = state == old.state;
    FindingRow {
        state,
        state_since: if same { old.state_since } else { at },
        state_by: if same { old.state_by.clone() } else { "scan".to_owned() },
        dismissed_until: old.dismissed_until.filter(|_| state == FindingState::Dismissed),
        note: old.note.clone().filter(|_| same),
        first_seen_at: old.first_seen_at,
        finding_id: old.finding_id,
        ..new.clone()
    }
}
