//! Clusters are scanned by themselves, what is found is kept, and people say what becomes of it.

use std::sync::Arc;
use std::time::Duration;

use app::App;
use app::access::Caller;
use app::findings::{FindingChange, FindingItem, Wish};
use app::outcomes::{NewOutcome, OutcomeWord};
use app::scans::{PLAN_SCANS, SCAN_CLUSTER};
use app::toggles::{ToggleChange, ToggleChanges};
use jiff::{SignedDuration, Timestamp};
use jobs::{Runner, RunnerConfig};
use serde_json::{Value, json};
use store::{FindingFilter, JobFilter, JobState, Store};
use tokio::sync::watch;
use units::Usd;

use crate::clusters::{cluster, keep, place, place_on, tenant};
use crate::fetch::sources;
use crate::registry::postgres;

const DAY: SignedDuration = SignedDuration::from_hours(24);

/// Works on all that is queued, on so many servers.
#[allow(clippy::disallowed_methods, reason = "the handles are kept and awaited")]
async fn work(app: &Arc<App>, servers: usize) {
    let (stop, stopped) = watch::channel(false);
    let mut running = Vec::new();
    for number in 0..servers {
        let config = RunnerConfig {
            poll: Duration::from_millis(5),
            ..RunnerConfig::new(format!("server {number}"))
        };
        let (store, clock) = (app.store().clone(), app.clock().clone());
        let work = app::work::work_with(sources(&store, &clock), Some(Arc::clone(app)));
        let runner = Runner::new(store, clock, config, app::work::all_kinds(), work);
        running.push(tokio::spawn(runner.run(stopped.clone())));
    }
    let in_flight = JobFilter { in_flight: true, limit: 1, ..JobFilter::default() };
    let mut idle = 0;
    for _ in 0..2000 {
        tokio::time::sleep(Duration::from_millis(10)).await;
        idle = if app.store().jobs(&in_flight).await.unwrap().is_empty() { idle + 1 } else { 0 };
        // A schedule fires within the first few looks.
        if idle == 10 {
            break;
        }
    }
    stop.send(true).unwrap();
    for one in running {
        one.await.unwrap();
    }
}

async fn scan(app: &Arc<App>) {
    assert!(app.plan_scans().await.unwrap() > 0);
    work(app, 1).await;
}

async fn findings(app: &Arc<App>, caller: &Caller) -> Vec<FindingItem> {
    let filter = FindingFilter {
        decision_type: Some("volume_cleanup".to_owned()),
        limit: 10,
        ..FindingFilter::default()
    };
    app.findings(&filter, caller).await.unwrap().0
}

async fn state(app: &Arc<App>, caller: &Caller) -> String {
    let found = findings(app, caller).await;
    assert_eq!(found.len(), 1, "{found:?}");
    found[0].state.clone()
}

fn toggles(changes: Value) -> ToggleChanges {
    serde_json::from_value(changes).unwrap()
}

fn outcome(word: OutcomeWord) -> NewOutcome {
    NewOutcome {
        outcome: word,
        findings: None,
        until: None,
        step: None,
        reason: None,
        savings_usd_per_month: None,
        window: None,
    }
}

#[tokio::test]
async fn what_scans_find_lives_until_it_is_gone_or_settled() {
    let (app, hand) = place().await;
    let acme = tenant("acme");
    keep(&app, false, &acme).await;
    scan(&app).await;
    let first = findings(&app, &acme).await.remove(0);
    assert_eq!((first.state.as_str(), first.state_by.as_str()), ("open", "scan"));
    assert_eq!(first.finding, "unattached_volume:vol-orphan");
    assert!(findings(&app, &tenant("zeta")).await.is_empty());
    // The decision behind it was kept, and its customer sees it.
    app.decision(&first.decision_id, &acme).await.unwrap();
    assert_eq!(app.plan_scans().await.unwrap(), 0, "nothing is due so soon");

    let change = |state, until| FindingChange { state, until, note: Some("why".to_owned()) };
    let id = first.finding_id.as_str();
    let later = app.clock().now() + DAY + DAY + SignedDuration::from_hours(1);
    assert!(app.change_finding(id, &change(Wish::Dismissed, None), &acme).await.is_err());
    assert!(app.change_finding(id, &change(Wish::Accepted, Some(later)), &acme).await.is_err());
    assert!(app.change_finding(id, &change(Wish::Accepted, None), &tenant("zeta")).await.is_err());
    let dismissed = app.change_finding(id, &change(Wish::Dismissed, Some(later)), &acme).await;
    assert_eq!(dismissed.unwrap().dismissed_until, Some(later));
    for expected in ["dismissed", "dismissed", "open"] {
        hand.advance(DAY);
        keep(&app, false, &acme).await;
        scan(&app).await;
        assert_eq!(state(&app, &acme).await, expected);
    }
    let seen = findings(&app, &acme).await.remove(0);
    assert_eq!(seen.first_seen, first.first_seen);
    assert_eq!(seen.last_seen, app.clock().now());

    let accepted = app.change_finding(id, &change(Wish::Accepted, None), &acme).await.unwrap();
    assert_eq!((accepted.state.as_str(), accepted.state_by.as_str()), ("accepted", "key of acme"));
    hand.advance(DAY);
    keep(&app, true, &acme).await;
    scan(&app).await;
    assert_eq!(state(&app, &acme).await, "resolved");
    assert!(app.change_finding(id, &change(Wish::Accepted, None), &acme).await.is_err());
    hand.advance(DAY);
    keep(&app, false, &acme).await;
    scan(&app).await;
    assert_eq!(state(&app, &acme).await, "open", "it came back");
    let notes = app.store().audit(200, 0).await.unwrap();
    assert_eq!(notes.iter().filter(|note| note.action == "finding.change").count(), 2);
}

#[tokio::test]
async fn scans_come_by_themselves_once_on_several_servers() {
    let memory = Store::in_memory().await.unwrap();
    for store in [Some(memory), postgres().await].into_iter().flatten() {
        scans_come_once(store).await;
    }
}

async fn scans_come_once(store: Store) {
    let (app, hand) = place_on(store);
    for customer in ["acme", "zeta"] {
        keep(&app, false, &tenant(customer)).await;
    }
    app.see_to_scans(true).await.unwrap();
    app.see_to_scans(true).await.unwrap();
    let schedules = app.store().schedules().await.unwrap();
    assert_eq!((schedules.len(), schedules[0].kind.as_str()), (1, PLAN_SCANS));
    hand.advance(SignedDuration::from_mins(16));
    work(&app, 3).await;
    let of_kind = async |kind: &str| {
        let filter = JobFilter { kind: Some(kind.to_owned()), limit: 10, ..JobFilter::default() };
        app.store().jobs(&filter).await.unwrap()
    };
    assert_eq!(of_kind(PLAN_SCANS).await.len(), 1);
    let scans = of_kind(SCAN_CLUSTER).await;
    assert_eq!(scans.len(), 2, "one for each cluster and customer");
    assert!(scans.iter().all(|job| job.state == JobState::Completed), "{scans:?}");
    let kept = app.store().scans().await.unwrap();
    assert_eq!(kept.len(), 2 * engines::registry::BUILT_IN.len());
    assert_eq!(findings(&app, &Caller::development()).await.len(), 2);
    // Without pods nothing is known of nodes, whatever packing says of them.
    let all = FindingFilter { limit: 10, ..FindingFilter::default() };
    let (all, _) = app.findings(&all, &Caller::development()).await.unwrap();
    assert!(all.iter().all(|one| one.decision_type != "bin_pack"), "{all:?}");
    // Only what is due: one feature scans every six hours.
    hand.advance(SignedDuration::from_hours(7));
    work(&app, 2).await;
    let scans = of_kind(SCAN_CLUSTER).await;
    assert_eq!(scans.len(), 4);
    assert_eq!(scans[0].payload["engines"], json!(["noisy_neighbor"]));
    // A snapshot that was looked at and is old says nothing new.
    hand.advance(SignedDuration::from_hours(48));
    assert_eq!(app.plan_scans().await.unwrap(), 0);
    app.see_to_scans(false).await.unwrap();
    assert!(!app.store().schedules().await.unwrap()[0].enabled);
}

#[tokio::test]
async fn nothing_is_gone_that_could_not_be_seen() {
    let (app, hand) = place().await;
    let acme = tenant("acme");
    keep(&app, false, &acme).await;
    scan(&app).await;
    let complete = |is: bool| json!({ "complete": is, "items": {} });
    for (volumes, policies, expected) in [
        (None, true, "open"),
        (Some(complete(false)), true, "open"),
        (Some(complete(true)), false, "resolved"),
    ] {
        hand.advance(DAY);
        let mut snapshot = cluster(app.clock().now(), false);
        match volumes {
            Some(volumes) => snapshot["volumes"] = volumes,
            None => drop(snapshot.as_object_mut().unwrap().remove("volumes")),
        }
        snapshot["policies"] = complete(policies);
        app.keep_snapshot("shop", snapshot.to_string().into_bytes(), &acme).await.unwrap();
        scan(&app).await;
        assert_eq!(state(&app, &acme).await, expected);
    }
}

#[tokio::test]
async fn a_scan_that_is_cut_off_makes_the_same_decisions_again() {
    let (app, hand) = place().await;
    let acme = tenant("acme");
    keep(&app, false, &acme).await;
    app.plan_scans().await.unwrap();
    // A worker settles what it looks at, and is gone.
    let now = app.clock().now();
    let until = now + SignedDuration::from_mins(1);
    let taken = app.store().claim_job("gone", &[SCAN_CLUSTER], until, now).await.unwrap().unwrap();
    let newest = app.snapshots("shop", &acme, 1, 0).await.unwrap().0.remove(0);
    let settled =
        json!({ "snapshot_id": newest.snapshot_id, "taken_at": newest.taken_at, "now": now });
    let step = store::Progress {
        job_id: taken.job_id,
        fence: taken.fence,
        cursor: settled,
        done_units: 0,
        all_units: None,
        lease_until: until,
    };
    app.store().advance_job(&step, 0).await.unwrap();
    hand.advance(SignedDuration::from_hours(1));
    keep(&app, true, &acme).await;
    work(&app, 1).await;
    let found = findings(&app, &acme).await;
    assert_eq!((found.len(), found[0].last_seen), (1, newest.taken_at));
    let decision: Value =
        serde_json::from_slice(&app.decision(&found[0].decision_id, &acme).await.unwrap()).unwrap();
    assert_eq!(decision["decided_at"].as_str().unwrap().parse::<Timestamp>().unwrap(), now);
}

#[tokio::test]
async fn what_is_switched_off_is_left_out_and_thresholds_count() {
    let (app, _) = place().await;
    let acme = tenant("acme");
    let admin = Caller::development();
    let set = async |changes: Value, seen| app.set_toggles(&toggles(changes), seen, &admin).await;
    let before = app.toggles().await.unwrap();
    let items = before.items();
    assert_eq!(items.len(), engines::registry::BUILT_IN.len());
    assert_eq!(items["image_bloat_analysis"].options["bloat_threshold_mb"], 500.0);
    assert_eq!(items["image_bloat_analysis"].auto_scan_interval_hours, Some(168));
    assert_eq!(items["shadow_it_detection"].options["min_age_days"], 7.0);
    let noisy = &items["noisy_neighbor_detection"];
    assert_eq!(noisy.options["bandwidth_outlier_multiplier"], 10.0);
    assert_eq!((noisy.enabled, noisy.auto_scan_interval_hours), (true, Some(6)));
    assert_eq!(items["ipv4_cost_tracking"].description, "Track IPv4 public IP costs");

    // What was answered can be sent back.
    let same: ToggleChanges =
        serde_json::from_value(serde_json::to_value(&items).unwrap()).unwrap();
    let unchanged = app.set_toggles(&same, Some(0), &admin).await.unwrap();
    assert_eq!(unchanged, before);

    let off = json!({ "ipv4_cost_tracking": { "enabled": false, "auto_scan_interval_hours": null },
                      "volume_cleanup": { "delete_after_days": 90 } });
    let after = set(off, Some(0)).await.unwrap();
    assert_eq!(after.revision, 1);
    assert_eq!(after.items()["volume_cleanup"].options["delete_after_days"], 90);
    assert!(matches!(set(json!({}), Some(0)).await, Err(app::Error::Outdated(_))));
    for (wrong, pointer) in [
        (json!({ "ipv4": {} }), "/ipv4"),
        (json!({ "volume_cleanup": { "delete_after": 1 } }), "/volume_cleanup/delete_after"),
        (
            json!({ "volume_cleanup": { "auto_scan_interval_hours": 0 } }),
            "/volume_cleanup/auto_scan_interval_hours",
        ),
        (json!({ "volume_cleanup": { "description": "x" } }), "/volume_cleanup/description"),
    ] {
        let Err(app::Error::Invalid(fields)) = set(wrong, None).await else { panic!("{pointer}") };
        assert_eq!(fields[0].pointer, pointer);
    }

    let decide = async |requirements: Value| {
        let state = cluster(app.clock().now(), false);
        let body = json!({ "current_state": state, "requirements": requirements }).to_string();
        app.answer_all(body.into_bytes(), &acme).await.unwrap()
    };
    let policy = async |requirements: Value| {
        let report = decide(requirements).await;
        let volumes = report.decisions.iter().find(|one| one.decision_type == "volume_cleanup");
        let bundle = app.bundle(&volumes.unwrap().decision_id, &acme).await.unwrap();
        serde_json::from_str::<Value>(bundle.policy.get()).unwrap()
    };
    let report = decide(json!({})).await;
    assert!(report.decisions.iter().all(|one| one.decision_type != "ipv4_cost"));
    assert_eq!(report.left_out[0].feature, "ipv4_cost_tracking");
    assert_eq!(policy(json!({})).await["delete_after_days"], 90.0);
    let own = json!({ "volume-cleanup": { "delete_after_days": 45, "convert": false } });
    let own = policy(own).await;
    assert_eq!((&own["delete_after_days"], &own["convert"]), (&json!(45.0), &json!(false)));
    // A field of which the caller says nothing stays as it is set.
    assert_eq!(
        policy(json!({ "volume_cleanup": { "convert": false } })).await["delete_after_days"],
        90.0
    );

    // A change back leaves no trace, and scans leave out what is off.
    let back = set(json!({ "volume_cleanup": { "delete_after_days": null } }), None).await.unwrap();
    assert!(back.items()["volume_cleanup"].options.is_empty());
    keep(&app, false, &acme).await;
    scan(&app).await;
    let scans = app.store().scans().await.unwrap();
    assert!(scans.iter().all(|scan| scan.decision_type != "ipv4_cost"));
    let change = ToggleChange { enabled: Some(true), ..ToggleChange::default() };
    let on = ToggleChanges::from([("ipv4_cost_tracking".to_owned(), change)]);
    app.set_toggles(&on, None, &admin).await.unwrap();
    let notes = app.store().audit(200, 0).await.unwrap();
    assert_eq!(notes.iter().filter(|note| note.action == "toggles.set").count(), 3);
}

#[tokio::test]
async fn outcomes_settle_findings_and_add_up() {
    let (app, hand) = place().await;
    let acme = tenant("acme");
    keep(&app, false, &acme).await;
    scan(&app).await;
    let decision = findings(&app, &acme).await.remove(0).decision_id;
    let note = async |wanted: &NewOutcome, key: Option<&str>, caller: &Caller| {
        app.note_outcome(&decision, wanted, key, caller).await
    };
    let applied = outcome(OutcomeWord::Applied);
    assert!(note(&applied, None, &tenant("zeta")).await.is_err(), "another customer's decision");
    let first = note(&applied, Some("k-1"), &acme).await.unwrap();
    assert_eq!(first.findings, ["unattached_volume:vol-orphan"]);
    assert_eq!(state(&app, &acme).await, "applied");
    let again = note(&applied, Some("k-1"), &acme).await.unwrap();
    assert!(again.known && again.outcome_id == first.outcome_id);
    let other = note(&outcome(OutcomeWord::Accepted), Some("k-1"), &acme).await;
    assert!(matches!(other, Err(app::Error::Conflict(_))));
    let failed = NewOutcome {
        step: Some(1),
        reason: Some("no right".to_owned()),
        ..outcome(OutcomeWord::Failed)
    };
    note(&failed, None, &acme).await.unwrap();
    let open = findings(&app, &acme).await.remove(0);
    assert_eq!(open.state, "open");
    assert_eq!(open.note.as_deref(), Some("step 1 failed: no right"));
    let until = Some(app.clock().now() + DAY);
    let dismissed = NewOutcome { until, ..outcome(OutcomeWord::Dismissed) };
    note(&dismissed, Some("k-2"), &acme).await.unwrap();
    assert_eq!(state(&app, &acme).await, "dismissed");
    hand.advance(DAY);
    assert!(note(&dismissed, Some("k-2"), &acme).await.unwrap().known, "also when it is over");

    let realised = async || {
        let body = json!({ "current_state": cluster(app.clock().now(), false) }).to_string();
        let report = app.answer_all(body.into_bytes(), &acme).await.unwrap();
        report.realised_savings_usd_per_month
    };
    assert_eq!(realised().await, None, "nothing was measured");
    let window = serde_json::from_value(json!({
        "from": "2026-02-01T00:00:00Z", "until": "2026-02-08T00:00:00Z" }));
    let window = Some(window.unwrap());
    for dollars in [5, 4] {
        let savings_usd_per_month = Some(Usd::from_nanos(dollars * 1_000_000_000));
        let measured =
            NewOutcome { savings_usd_per_month, window, ..outcome(OutcomeWord::Measured) };
        hand.advance(DAY);
        note(&measured, None, &acme).await.unwrap();
    }
    // The newest measurement of the same thing counts.
    assert_eq!(realised().await, Some(Usd::from_nanos(4_000_000_000)));

    let check = async |wanted: NewOutcome, pointer: &str| {
        let Err(app::Error::Invalid(fields)) = note(&wanted, None, &acme).await else {
            panic!("{pointer}")
        };
        assert_eq!(fields[0].pointer, pointer);
    };
    check(outcome(OutcomeWord::Measured), "/savings_usd_per_month").await;
    check(outcome(OutcomeWord::Failed), "/reason").await;
    check(outcome(OutcomeWord::Dismissed), "/until").await;
    check(NewOutcome { step: Some(1), ..applied.clone() }, "/step").await;
    check(NewOutcome { window, ..applied.clone() }, "/window").await;
    check(NewOutcome { findings: Some(vec!["x".to_owned()]), ..applied }, "/findings/0").await;
}
