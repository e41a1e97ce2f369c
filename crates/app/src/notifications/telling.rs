//! What there is to tell of changes: of findings, and of the ends of jobs.

use jiff::Timestamp;
use notify::Fact;
use serde_json::{Value, json};
use store::{EventRow, FindingRow, FindingState, JobEnd, JobRow};

use super::severity_of;
use crate::fetch::FETCH_PRICES;
use crate::gaps::FILL_GAP;
use crate::ids::timed_id;
use crate::refresh::REFRESH_MODEL;

/// The longest reason that is told.
const LONGEST_REASON: usize = 500;

/// What there is to tell of a finding whose state a scan has changed.
#[must_use]
pub fn of_finding(row: &FindingRow) -> Option<EventRow> {
    let event_type = match row.state {
        FindingState::Open => "finding.opened",
        FindingState::Resolved => "finding.resolved",
        _ => return None,
    };
    let savings = match row.savings {
        Some(savings) => format!("${:.2} a month", savings.dollars()),
        None => "unknown".to_owned(),
    };
    let mut facts = vec![
        fact("cluster", &row.cluster_id),
        fact("found by", &row.decision_type),
        fact("saves", &savings),
    ];
    facts.extend(row.owner.as_deref().map(|owner| fact("owner", owner)));
    facts.extend(row.requires_review.then(|| fact("before applying", "a person has to look")));
    let title = match row.state {
        FindingState::Resolved => format!("gone: {}", row.summary),
        _ => row.summary.clone(),
    };
    Some(EventRow {
        event_id: timed_id(row.state_since, format!("{event_type}{}", row.finding_id).as_bytes()),
        event_type: event_type.to_owned(),
        dedupe_key: format!("finding:{}", row.finding_id),
        severity: severity_of(event_type).name().to_owned(),
        customer_id: row.customer_id.clone(),
        cluster_id: Some(row.cluster_id.clone()),
        title,
        facts: json!(facts),
        detail: json!({
            "finding_id": row.finding_id.to_string(),
            "decision_id": row.decision_id.to_string(),
            "decision_type": row.decision_type,
            "state": row.state.name(),
            "subject": row.subject,
            "savings_usd_per_month": row.savings,
            "owner": row.owner,
        }),
        link: Some(format!("/api/v1/ml/findings/{}", row.finding_id)),
        occurred_at: row.state_since,
    })
}

/// What there is to tell of the end of a try of a job. What the server does by itself all the time is
/// told only where it fails.
pub(crate) fn of_job(job: &JobRow, end: &JobEnd, now: Timestamp) -> Option<EventRow> {
    let (event_type, reason) = match end {
        JobEnd::Failed(why) => {
            ("job.failed", Some(why.chars().take(LONGEST_REASON).collect::<String>()))
        }
        JobEnd::Completed if job.kind == REFRESH_MODEL => ("model.refreshed", None),
        JobEnd::Completed if [FETCH_PRICES, FILL_GAP].contains(&job.kind.as_str()) => {
            ("job.completed", None)
        }
        JobEnd::Completed | JobEnd::Cancelled | JobEnd::Again(..) => return None,
    };
    let of = |name: &str| job.payload.get(name).and_then(Value::as_str).map(str::to_owned);
    let what = job.kind.replace('_', " ");
    let title = match &reason {
        Some(why) => format!("the job `{what}` failed: {why}"),
        None => format!("the job `{what}` is done"),
    };
    let mut facts =
        vec![fact("job", &job.job_id.to_string()), fact("asked for by", &job.created_by)];
    facts.extend(of("cluster_id").map(|cluster| fact("cluster", &cluster)));
    let digest = blake3::hash(job.payload.to_string().as_bytes()).to_hex();
    Some(EventRow {
        event_id: timed_id(now, format!("{event_type}{}", job.job_id).as_bytes()),
        event_type: event_type.to_owned(),
        dedupe_key: format!("job:{}:{}", job.kind, &digest[..16]),
        severity: severity_of(event_type).name().to_owned(),
        customer_id: of("customer_id"),
        cluster_id: of("cluster_id"),
        title,
        facts: json!(facts),
        detail: json!({
            "job_id": job.job_id.to_string(),
            "kind": job.kind,
            "attempts": job.attempts,
            "reason": reason,
        }),
        link: Some(format!("/api/v1/ml/pricing/fetch/{}", job.job_id))
            .filter(|_| job.kind == FETCH_PRICES),
        occurred_at: now,
    })
}

pub(super) fn fact(name: &str, value: &str) -> Fact {
    Fact { name: name.to_owned(), value: value.to_owned() }
}
