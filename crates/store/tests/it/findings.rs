//! Findings live from when they are first seen until they are gone or settled.

use serde_json::json;
use store::{
    AuditRow, EventRow, FindingCount, FindingFilter, FindingRow, FindingState, NewJob, OutcomeRow,
    Progress, Scan, ScanRow, Settlement, Store, StoreError, ToggleRow, Uuid,
};
use units::Usd;

use crate::backends;
use crate::snapshots::day;

fn finding(name: &str, number: i64, dollars: i64) -> FindingRow {
    FindingRow {
        cluster_id: "prod".to_owned(),
        customer_id: Some("acme".to_owned()),
        finding_id: Uuid::from_u128(u128::from(name.as_bytes()[0])),
        decision_type: "volume_cleanup".to_owned(),
        finding: name.to_owned(),
        state: FindingState::Open,
        state_since: day(number),
        state_by: "scan".to_owned(),
        dismissed_until: None,
        note: None,
        subject: json!({ "kind": "Volume", "name": name }),
        cost_category: "storage".to_owned(),
        summary: "look at it".to_owned(),
        owner: (name == "a").then(|| "team-a".to_owned()),
        savings: (dollars > 0).then(|| Usd::from_nanos(dollars * 1_000_000_000)),
        confidence: 0.5,
        requires_review: true,
        decision_id: decision(number),
        first_seen_at: day(number),
        last_seen_at: day(number),
        seen_in: vec!["volumes".to_owned()],
    }
}

fn decision(number: i64) -> Uuid {
    Uuid::from_u128(1000 + u128::try_from(number).unwrap())
}

/// A scan of the snapshot of a day.
fn scan(number: i64, found: &[(&str, i64)], whole: bool) -> Scan {
    let found: Vec<FindingRow> =
        found.iter().map(|(name, dollars)| finding(name, number, *dollars)).collect();
    let row = ScanRow {
        cluster_id: "prod".to_owned(),
        customer_id: Some("acme".to_owned()),
        decision_type: "volume_cleanup".to_owned(),
        snapshot_id: Uuid::from_u128(7),
        decision_id: decision(number),
        seen_at: day(number),
        scanned_at: day(number),
        found: found.len() as u64,
    };
    Scan { row, found, whole, seen_in: vec!["volumes".to_owned()] }
}

fn note(action: &str) -> AuditRow {
    AuditRow {
        happened_at: day(0),
        actor: "test".to_owned(),
        action: action.to_owned(),
        subject: "it".to_owned(),
        detail: json!({}),
    }
}

/// A job that is worked on, as one of its steps.
async fn progress(store: &Store) -> Progress {
    let job = NewJob {
        job_id: Uuid::from_u128(1),
        kind: "scan_cluster".to_owned(),
        dedupe_key: None,
        payload: json!({}),
        priority: 5,
        max_attempts: 5,
        run_at: day(0),
        all_units: None,
        created_by: "test".to_owned(),
    };
    store.add_job(&job, day(0)).await.unwrap().unwrap();
    let taken =
        store.claim_job("test", &["scan_cluster"], day(900), day(0)).await.unwrap().unwrap();
    Progress {
        job_id: taken.job_id,
        fence: taken.fence,
        cursor: json!({}),
        done_units: 1,
        all_units: None,
        lease_until: day(900),
    }
}

async fn all(store: &Store) -> Vec<FindingRow> {
    let filter = FindingFilter { limit: 10, ..FindingFilter::default() };
    store.findings(&filter).await.unwrap().0
}

async fn states(store: &Store) -> String {
    let mut rows = all(store).await;
    rows.sort_by(|a, b| a.finding.cmp(&b.finding));
    let words: Vec<String> =
        rows.iter().map(|row| format!("{} {}", row.finding, row.state.name())).collect();
    words.join(", ")
}

async fn settle(store: &Store, name: &str, state: FindingState, number: i64, until: Option<i64>) {
    let row = all(store).await.into_iter().find(|row| row.finding == name).unwrap();
    let settlement = Settlement {
        state,
        until: until.map(day),
        note: Some("why".to_owned()),
        by: "ann".to_owned(),
        at: day(number),
    };
    assert!(store.settle_finding(&row, &settlement, &note("finding.settle")).await.unwrap());
    assert!(
        !store.settle_finding(&row, &settlement, &note("finding.settle")).await.unwrap(),
        "{}: what was seen is old by now",
        store.kind()
    );
}

#[tokio::test]
async fn a_finding_goes_through_its_life() {
    use FindingState::{Accepted, Applied, Dismissed};
    for backend in backends::all().await {
        let (store, name) = (&backend.store, backend.name);
        let step = progress(store).await;
        let keep = async |number: i64, found: &[(&str, i64)], whole: bool| {
            store.keep_scans(&[scan(number, found, whole)], &step, |_| None).await.unwrap();
            states(store).await
        };
        assert_eq!(keep(1, &[("a", 5), ("b", 0), ("c", 9)], true).await, "a open, b open, c open");
        let rows = all(store).await;
        let order: Vec<&str> = rows.iter().map(|row| row.finding.as_str()).collect();
        assert_eq!(order, ["c", "a", "b"], "{name}: most savings first, unknown last");
        assert_eq!(rows[1], finding("a", 1, 5), "{name}");
        settle(store, "a", Accepted, 1, None).await;
        settle(store, "b", Dismissed, 1, Some(10)).await;
        // Not everything could be seen: nothing is gone.
        assert_eq!(keep(2, &[("a", 6)], false).await, "a accepted, b dismissed, c open", "{name}");
        // Nor where the section in which they lie is missing.
        let without = Scan { seen_in: Vec::new(), ..scan(2, &[], true) };
        store.keep_scans(&[without], &step, |_| None).await.unwrap();
        assert_eq!(states(store).await, "a accepted, b dismissed, c open", "{name}");
        assert_eq!(
            keep(3, &[("a", 7)], true).await,
            "a accepted, b resolved, c resolved",
            "{name}: gone"
        );
        let a = all(store).await.into_iter().find(|row| row.finding == "a").unwrap();
        assert_eq!((a.first_seen_at, a.last_seen_at), (day(1), day(3)), "{name}");
        assert_eq!((a.savings, a.decision_id), (finding("a", 3, 7).savings, decision(3)), "{name}");
        assert_eq!((a.state_by.as_str(), a.note.as_deref()), ("ann", Some("why")), "{name}");
        // An older snapshot says nothing about what is now.
        assert_eq!(keep(2, &[], true).await, "a accepted, b resolved, c resolved", "{name}");
        // What comes back is open again, unless nobody wants to hear of it yet.
        let back = [("a", 7), ("b", 1), ("c", 9)];
        assert_eq!(keep(4, &back, true).await, "a accepted, b dismissed, c open", "{name}");
        assert_eq!(keep(11, &back, true).await, "a accepted, b open, c open", "{name}");
        // What is said to be done and is still there later was not done.
        settle(store, "a", Applied, 12, None).await;
        assert_eq!(keep(12, &back, true).await, "a applied, b open, c open", "{name}");
        assert_eq!(keep(13, &back, true).await, "a open, b open, c open", "{name}");
        let scans = store.scans().await.unwrap();
        assert_eq!((scans.len(), scans[0].seen_at, scans[0].found), (1, day(13), 3), "{name}");
        // A worker whose lease went to another changes nothing.
        let lost = Progress { fence: step.fence + 1, ..step.clone() };
        let kept = store.keep_scans(&[scan(14, &[], true)], &lost, |_| None).await;
        assert!(matches!(kept, Err(StoreError::LeaseLost)), "{name}");
        assert_eq!(states(store).await, "a open, b open, c open", "{name}");
        assert_eq!(store.scans().await.unwrap()[0].seen_at, day(13), "{name}");
    }
}

#[tokio::test]
async fn findings_are_found_by_what_they_are() {
    for backend in backends::all().await {
        let (store, name) = (&backend.store, backend.name);
        let step = progress(store).await;
        store.keep_scans(&[scan(1, &[("a", 5), ("b", 6)], true)], &step, |_| None).await.unwrap();
        let count = async |filter: FindingFilter| {
            store.findings(&FindingFilter { limit: 1, ..filter }).await.unwrap().1
        };
        let text = |text: &str| Some(text.to_owned());
        let none = FindingFilter::default;
        assert_eq!(count(none()).await, 2, "{name}");
        assert_eq!(count(FindingFilter { owner: text("team-a"), ..none() }).await, 1, "{name}");
        assert_eq!(count(FindingFilter { cost_category: text("storage"), ..none() }).await, 2);
        assert_eq!(count(FindingFilter { cluster_id: text("other"), ..none() }).await, 0, "{name}");
        assert_eq!(count(FindingFilter { customer_id: text("zeta"), ..none() }).await, 0, "{name}");
        assert_eq!(count(FindingFilter { decision_type: text("bin_pack"), ..none() }).await, 0);
        let open = Some(FindingState::Open);
        assert_eq!(count(FindingFilter { state: open, ..none() }).await, 2, "{name}");
        let id = finding("a", 1, 5).finding_id;
        assert!(store.finding(id, Some("acme")).await.unwrap().is_some(), "{name}");
        assert!(store.finding(id, Some("zeta")).await.unwrap().is_none(), "{name}");
    }
}

#[tokio::test]
async fn findings_are_counted_by_what_became_of_them() {
    for backend in backends::all().await {
        let (store, name) = (&backend.store, backend.name);
        let step = progress(store).await;
        let found = scan(1, &[("a", 5), ("b", 6), ("c", 0)], true);
        store.keep_scans(&[found], &step, |_| None).await.unwrap();
        settle(store, "b", FindingState::Accepted, 2, None).await;
        let count = |state, findings, dollars: i64, unknown_savings| FindingCount {
            decision_type: "volume_cleanup".to_owned(),
            state,
            findings,
            savings: Usd::from_nanos(dollars * 1_000_000_000),
            unknown_savings,
        };
        let expected = [count(FindingState::Accepted, 1, 6, 0), count(FindingState::Open, 2, 5, 1)];
        for customer in [None, Some("acme")] {
            assert_eq!(store.count_findings(customer).await.unwrap(), expected, "{name}");
        }
        assert!(store.count_findings(Some("zeta")).await.unwrap().is_empty(), "{name}");
    }
}

#[tokio::test]
async fn outcomes_are_kept_once_and_settle_findings() {
    for backend in backends::all().await {
        let (store, name) = (&backend.store, backend.name);
        let step = progress(store).await;
        store.keep_scans(&[scan(1, &[("a", 5), ("b", 6)], true)], &step, |_| None).await.unwrap();
        let outcome = |number: u128, word: &str, dollars: Option<i64>| OutcomeRow {
            cluster_id: "prod".to_owned(),
            customer_id: Some("acme".to_owned()),
            outcome_id: Uuid::from_u128(number),
            decision_id: decision(1),
            decision_type: "volume_cleanup".to_owned(),
            outcome: word.to_owned(),
            asked: word.to_owned(),
            findings: vec!["a".to_owned()],
            detail: json!({ "k": 1 }),
            savings: dollars.map(|dollars| Usd::from_nanos(dollars * 1_000_000_000)),
            noted_at: day(i64::try_from(number).unwrap()),
            noted_by: "ann".to_owned(),
        };
        let applied = Settlement {
            state: FindingState::Applied,
            until: None,
            note: None,
            by: "ann".to_owned(),
            at: day(2),
        };
        let audit = note("outcome");
        let first = outcome(2, "applied", None);
        assert_eq!(store.add_outcome(&first, Some(&applied), &audit).await.unwrap(), None);
        assert_eq!(states(store).await, "a applied, b open", "{name}");
        let again = OutcomeRow { asked: "other".to_owned(), ..first.clone() };
        let known = store.add_outcome(&again, None, &audit).await.unwrap();
        assert_eq!(known, Some(first), "{name}: as it was");
        for (number, dollars) in [(3, 4), (4, 5)] {
            let measured = outcome(number, "measured", Some(dollars));
            assert_eq!(store.add_outcome(&measured, None, &audit).await.unwrap(), None, "{name}");
        }
        let measured = store.measured_outcomes("prod", Some("acme"), 10).await.unwrap();
        assert_eq!(measured.len(), 2, "{name}");
        assert_eq!(measured[0], outcome(4, "measured", Some(5)), "{name}: the newest first");
        assert!(store.measured_outcomes("prod", None, 10).await.unwrap().is_empty(), "{name}");
        for (customer, most, expected) in
            [(None, 10, 2), (Some("acme"), 10, 2), (Some("zeta"), 10, 0), (None, 1, 1)]
        {
            let all = store.all_measured_outcomes(customer, most).await.unwrap();
            assert_eq!(all, measured[..expected], "{name}: {customer:?}");
        }
    }
}

#[tokio::test]
async fn only_who_saw_the_newest_toggles_changes_them() {
    for backend in backends::all().await {
        let (store, name) = (&backend.store, backend.name);
        let row = |hours: Option<u64>| ToggleRow {
            feature: "image_bloat_analysis".to_owned(),
            enabled: hours.is_some(),
            scan_interval_hours: hours,
            settings: json!({ "bloat_threshold_mb": 500 }),
            changed_by: "ann".to_owned(),
            changed_at: day(1),
        };
        assert_eq!(store.toggles().await.unwrap(), (Vec::new(), 0), "{name}");
        let audit = note("toggles.set");
        let (first, second) = ([row(Some(6))], [row(None)]);
        let (one, two) = tokio::join!(
            store.set_toggles(&first, Some(0), &audit),
            store.set_toggles(&second, Some(0), &audit),
        );
        let mut both = [one.unwrap(), two.unwrap()];
        both.sort_unstable();
        assert_eq!(both, [None, Some(1)], "{name}: one of two was quicker");
        assert_eq!(store.audit(10, 0).await.unwrap().len(), 1, "{name}: and is noted");
        assert_eq!(store.set_toggles(&first, None, &audit).await.unwrap(), Some(2), "{name}");
        assert_eq!(store.toggles().await.unwrap(), (vec![row(Some(6))], 2), "{name}");
    }
}

#[tokio::test]
async fn a_scan_tells_of_what_it_changes_and_of_nothing_else() {
    for backend in backends::all().await {
        let (store, name) = (&backend.store, backend.name);
        let step = progress(store).await;
        let told = |row: &FindingRow| {
            Some(EventRow {
                event_id: Uuid::from_u128(
                    row.finding_id.as_u128() << 32
                        | u128::from(row.state_since.as_second().unsigned_abs()),
                ),
                event_type: format!("finding.{}", row.state.name()),
                dedupe_key: row.finding.clone(),
                severity: "info".to_owned(),
                customer_id: row.customer_id.clone(),
                cluster_id: Some(row.cluster_id.clone()),
                title: String::new(),
                facts: json!([]),
                detail: json!({}),
                link: None,
                occurred_at: row.state_since,
            })
        };
        let scanned = async |number: i64, found: &[(&str, i64)]| {
            store.keep_scans(&[scan(number, found, true)], &step, told).await.unwrap();
            let events = store.events_to_offer(20).await.unwrap();
            let words = events.iter().map(|one| format!("{} {}", one.event_type, one.dedupe_key));
            words.collect::<Vec<_>>()
        };
        let first = ["finding.open a", "finding.open b"];
        assert_eq!(scanned(1, &[("a", 5), ("b", 6)]).await, first, "{name}");
        assert_eq!(scanned(2, &[("a", 5), ("b", 7)]).await, first, "{name}: seen again is no news");
        let second = [first[0], first[1], "finding.resolved b"];
        assert_eq!(scanned(3, &[("a", 5)]).await, second, "{name}");
        // A job that lost its lease tells nothing.
        let lost = Progress { fence: 0, ..step.clone() };
        let kept = store.keep_scans(&[scan(4, &[("c", 1)], true)], &lost, told).await;
        assert!(matches!(kept, Err(StoreError::LeaseLost)), "{name}");
        assert_eq!(store.events_to_offer(20).await.unwrap().len(), 3, "{name}");
    }
}
