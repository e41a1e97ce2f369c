//! Reports and exposure are kept once and seen in one order; levels and jobs change together.

use jiff::{SignedDuration, Timestamp};
use learning::cross_customer::Level;
use serde_json::json;
use sqlx::{Connection, PgConnection, Row};
use store::{
    AdjustmentRow, AuditRow, CalendarRow, ExposureEnd, ExposureRow, ExposureSource,
    InterruptionEvent, InterruptionFilter, InterruptionRow, JobClaim, LearningStatsRow,
    LevelChange, LevelKey, LevelRow, OverrideRow, PostgresServer, RebalanceEnd, RebalanceFilter,
    RebalanceRow, RebalanceStatus, Store, Uuid,
};

use crate::backends;

const HOUR: SignedDuration = SignedDuration::from_hours(1);

fn at(minute: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + 60 * minute).unwrap()
}

fn note() -> AuditRow {
    AuditRow {
        happened_at: at(0),
        actor: "test".to_owned(),
        action: "learning.test".to_owned(),
        subject: "it".to_owned(),
        detail: json!({}),
    }
}

fn report(number: u128, customer: &str, minute: i64) -> InterruptionRow {
    InterruptionRow {
        customer_id: (!customer.is_empty()).then(|| customer.to_owned()),
        interruption_id: Uuid::from_u128(number),
        sequence: 0,
        event: InterruptionEvent::Interruption,
        cluster_id: "prod".to_owned(),
        instance_id: Some(format!("i-{number}")),
        instance_type: "m5.large".to_owned(),
        availability_zone: "us-east-1a".to_owned(),
        region: "us-east-1".to_owned(),
        zone_id: Some("use1-az4".to_owned()),
        workload_type: Some("web".to_owned()),
        happened_at: at(minute),
        weekday_hour: (4, 8),
        was_predicted: Some(false),
        risk_at_deployment: Some(0.25),
        recovery_seconds: Some(120),
        customer_impact: None,
        vouched_by: "own_key".to_owned(),
        reported_by: "test".to_owned(),
        received_at: at(minute),
    }
}

fn exposure(number: u128, source: ExposureSource, from: i64, until: i64) -> ExposureRow {
    ExposureRow {
        customer_id: Some("acme".to_owned()),
        exposure_id: Uuid::from_u128(number),
        sequence: 0,
        cluster_id: "prod".to_owned(),
        instance_type: "m5.large".to_owned(),
        availability_zone: "us-east-1a".to_owned(),
        region: "us-east-1".to_owned(),
        zone_id: None,
        workload_type: "web".to_owned(),
        instances: 3,
        from: at(from),
        until: at(until),
        source,
        reported_by: "test".to_owned(),
        received_at: at(until),
    }
}

fn key() -> LevelKey {
    LevelKey {
        region: "us-east-1".to_owned(),
        zone_key: "use1-az4".to_owned(),
        instance_type: "m5.large".to_owned(),
    }
}

fn change(from: &str, to: &str, minute: i64) -> LevelChange {
    LevelChange {
        to: LevelRow {
            key: key(),
            level: to.to_owned(),
            episode_id: Some(Uuid::from_u128(9)),
            since: at(minute),
            falls_at: Some(at(minute + 60)),
            customers: 3,
            interruptions: 4,
            last_at: Some(at(minute)),
            overridden: None,
        },
        from: from.to_owned(),
        at: at(minute),
        cause: "reports".to_owned(),
        detail: json!({ "customers": 3 }),
    }
}

fn job(number: u128, customer: &str, minute: i64) -> RebalanceRow {
    RebalanceRow {
        job_id: Uuid::from_u128(number),
        customer_id: Some(customer.to_owned()),
        cluster_id: Some("prod".to_owned()),
        source_instance_type: "m5.large".to_owned(),
        source_availability_zone: "us-east-1a".to_owned(),
        source_zone_key: "use1-az4".to_owned(),
        region: "us-east-1".to_owned(),
        instances: 5,
        episode_id: Uuid::from_u128(9),
        reason: "3 customers lost capacity".to_owned(),
        priority: "HIGH".to_owned(),
        status: RebalanceStatus::Pending,
        target_instance_type: Some("m6i.large".to_owned()),
        target_availability_zone: None,
        target_reason: "the safest".to_owned(),
        created_at: at(minute),
        started_at: None,
        claimed_by: None,
        lease_until: None,
        attempts: 0,
        completed_at: None,
        error_message: None,
        outcome: None,
    }
}

#[tokio::test]
async fn a_report_counts_once_and_everybody_sees_one_order() {
    for backend in backends::all().await {
        let store = &backend.store;
        let first = store.add_interruptions(&[report(1, "acme", 0), report(2, "", 1)]).await;
        assert_eq!(first.unwrap(), [true, true], "{}", backend.name);
        let again = [report(1, "acme", 0), report(3, "other", 2), report(3, "other", 2)];
        assert_eq!(store.add_interruptions(&again).await.unwrap(), [false, true, false]);
        let followed = store.feedback_after(0).await.unwrap();
        let names: Vec<u128> =
            followed.reports.iter().map(|row| row.interruption_id.as_u128()).collect();
        assert_eq!(names, [1, 2, 3], "{}", backend.name);
        assert!(followed.reports.windows(2).all(|pair| pair[0].sequence < pair[1].sequence));
        assert_eq!(store.feedback_after(followed.sequence).await.unwrap().reports, []);
        let mut whole = report(1, "acme", 0);
        whole.sequence = followed.reports[0].sequence;
        assert_eq!(followed.reports[0], whole);

        let all = store.load_feedback(at(3), HOUR, None).await.unwrap();
        assert_eq!(all.sequence, followed.sequence);
        let counts: u64 = all.days.iter().map(|day| day.interruptions).sum();
        assert_eq!((counts, all.recent.len(), all.zones.len()), (3, 3, 3));
        let one = store.load_feedback(at(3), HOUR, Some("acme")).await.unwrap();
        assert_eq!((one.days.len(), one.recent.len()), (1, 1));
        assert_eq!(one.zones[0].zone_id, "use1-az4");

        let (hours, workloads, customers) = store.pattern_sums("m5.large").await.unwrap();
        assert_eq!((hours[0].cell, hours[0].interruptions), (4 * 24 + 8, 3));
        assert_eq!((workloads[0].interruptions, workloads[0].recovery_seconds), (3, 360));
        assert_eq!(customers, 3);
        let filter = InterruptionFilter {
            customer_id: Some("other".to_owned()),
            limit: 10,
            ..InterruptionFilter::default()
        };
        let (rows, total) = store.interruptions(&filter).await.unwrap();
        assert_eq!((rows[0].interruption_id.as_u128(), total), (3, 1));
    }
}

#[tokio::test]
async fn no_stretch_of_exposure_counts_twice() {
    for backend in backends::all().await {
        let store = &backend.store;
        let hours = async || {
            let all = store.load_feedback(at(600), HOUR * 24, None).await.unwrap();
            let seconds: u64 = all.days.iter().map(|day| day.exposure_seconds).sum();
            (seconds / 3600, all.days.iter().map(|day| day.most_instances).max())
        };
        // Snapshots show three hours until the cluster reports itself from the second hour on.
        let shown = exposure(1, ExposureSource::Snapshot, 0, 180);
        let added = store.add_exposures(std::slice::from_ref(&shown)).await.unwrap();
        assert_eq!(added, [ExposureEnd::Added], "{}", backend.name);
        assert_eq!(hours().await, (9, Some(3)));
        let said = exposure(2, ExposureSource::Reported, 60, 120);
        let ends = store.add_exposures(&[said.clone(), said.clone()]).await.unwrap();
        assert_eq!(ends, [ExposureEnd::Added, ExposureEnd::Known]);
        assert_eq!(hours().await.0, 6, "one shown hour and one reported hour of three instances");
        let overlapping = exposure(3, ExposureSource::Reported, 90, 150);
        let [ExposureEnd::Overlaps(known)] =
            &store.add_exposures(&[overlapping]).await.unwrap()[..]
        else {
            panic!("{}: an overlap was taken", backend.name)
        };
        assert_eq!((known.from, known.until), (at(60), at(120)));
        let other = ExposureRow {
            workload_type: "batch".to_owned(),
            ..exposure(4, ExposureSource::Reported, 90, 150)
        };
        assert_eq!(store.add_exposures(&[other]).await.unwrap(), [ExposureEnd::Added]);
        assert_eq!(hours().await.0, 9);
        // What a later snapshot shows of a time that is reported does not count.
        let late = exposure(5, ExposureSource::Snapshot, 180, 240);
        assert_eq!(store.add_exposures(&[late]).await.unwrap(), [ExposureEnd::Known]);
        assert_eq!(hours().await.0, 9);
        let cut = store.feedback_after(0).await.unwrap().exposures;
        let cut = cut.iter().find(|row| row.exposure_id == Uuid::from_u128(1)).unwrap();
        assert_eq!((cut.source, cut.until), (ExposureSource::SnapshotCut, at(60)));
    }
}

#[tokio::test]
async fn a_level_changes_once_and_with_its_jobs() {
    for backend in backends::all().await {
        let store = &backend.store;
        let to = change("NORMAL", "CONFIRMED_RISKY", 0);
        let jobs = [job(1, "a", 0), job(2, "b", 0), job(3, "c", 0)];
        assert_eq!(store.change_level(&to, &jobs, 2, None).await.unwrap(), Some(2), "the budget");
        // Whoever goes by what was there before changes nothing.
        assert_eq!(store.change_level(&to, &jobs, 9, None).await.unwrap(), None);
        assert_eq!(store.add_rebalance_jobs(&jobs, at(30), 2).await.unwrap(), 0);
        assert_eq!(store.add_rebalance_jobs(&jobs, at(90), 2).await.unwrap(), 1);
        assert_eq!(
            store.add_rebalance_jobs(&jobs, at(200), 9).await.unwrap(),
            0,
            "once an episode"
        );
        let episode = Uuid::from_u128(9);
        let who = store.customers_with_jobs(episode).await.unwrap();
        assert_eq!(who.into_iter().collect::<Vec<_>>(), ["a", "b", "c"], "{}", backend.name);
        assert_eq!(store.pool_level(&key()).await.unwrap().unwrap(), to.to);

        let mut word = change("CONFIRMED_RISKY", "CONFIRMED_RISKY", 5);
        word.cause = "override".to_owned();
        word.to.overridden = Some(OverrideRow {
            level: "NORMAL".to_owned(),
            until: at(100),
            by: "op".to_owned(),
            reason: "a test".to_owned(),
        });
        let done = store.change_level(&word, &[], 0, Some(&note())).await.unwrap();
        assert_eq!(done, Some(0));
        assert_eq!(store.pool_levels().await.unwrap(), [word.to.clone()]);
        let (changes, total) = store.level_changes(Some(&key()), 10, 0).await.unwrap();
        assert_eq!((changes[0].cause.as_str(), total), ("override", 2));
        assert_eq!(changes[1].detail, json!({ "customers": 3 }));
    }
}

#[tokio::test]
async fn a_job_is_one_claimers_until_its_lease_ends() {
    for backend in backends::all().await {
        let store = &backend.store;
        let jobs = [job(1, "a", 0), job(2, "b", 1)];
        let to = change("NORMAL", "CONFIRMED_RISKY", 0);
        store.change_level(&to, &jobs, 9, None).await.unwrap();
        let id = Uuid::from_u128(1);
        let claim = async |customer: Option<&str>, by: &str, minute: i64| {
            store.claim_rebalance_job(id, customer, by, HOUR, at(minute)).await.unwrap()
        };
        assert_eq!(claim(Some("b"), "b", 0).await, JobClaim::Unknown, "another customer's");
        let JobClaim::Done(held) = claim(None, "platform", 0).await else { panic!("unclaimed") };
        assert_eq!((held.attempts, held.lease_until), (1, Some(at(60))));
        assert!(matches!(claim(Some("a"), "a", 30).await, JobClaim::Refused(_)));
        let JobClaim::Done(longer) = claim(None, "platform", 30).await else { panic!("lost") };
        assert_eq!((longer.attempts, longer.lease_until), (1, Some(at(90))));
        let JobClaim::Done(other) = claim(Some("a"), "a", 95).await else { panic!("unended") };
        assert_eq!((other.attempts, other.started_at), (2, Some(at(0))));
        let end = RebalanceEnd {
            status: RebalanceStatus::Failed,
            error_message: Some("no capacity".to_owned()),
            outcome: None,
        };
        let finish =
            async |by: &str| store.end_rebalance_job(id, None, by, &end, at(96)).await.unwrap();
        assert!(matches!(finish("platform").await, JobClaim::Refused(_)), "{}", backend.name);
        assert!(matches!(finish("a").await, JobClaim::Done(_)));
        assert!(matches!(finish("a").await, JobClaim::Done(_)), "the same end again");
        assert!(matches!(claim(None, "platform", 300).await, JobClaim::Refused(_)));

        let third = job(3, "c", 2);
        assert_eq!(store.add_rebalance_jobs(&[third], at(2), 9).await.unwrap(), 1);
        let id = Uuid::from_u128(3);
        store.claim_rebalance_job(id, None, "c", HOUR, at(90)).await.unwrap();
        let moved = RebalanceEnd {
            status: RebalanceStatus::Completed,
            error_message: None,
            outcome: Some(json!({ "moved_instances": 4, "interrupted_instances": null })),
        };
        store.end_rebalance_job(id, None, "c", &moved, at(91)).await.unwrap();

        assert_eq!(store.expire_rebalance_jobs(at(97)).await.unwrap(), 0, "the pool is not normal");
        let over = change("CONFIRMED_RISKY", "NORMAL", 97);
        store.change_level(&over, &[], 9, None).await.unwrap();
        assert_eq!(store.expire_rebalance_jobs(at(97)).await.unwrap(), 1);
        assert_eq!(store.expire_rebalance_jobs(at(98)).await.unwrap(), 0);
        let counts = store.rebalance_counts(None).await.unwrap();
        assert_eq!((counts.made, counts.completed, counts.failed, counts.expired), (3, 1, 1, 1));
        assert_eq!((counts.moved, counts.interrupted), (4, 0), "{}", backend.name);
        assert_eq!(store.rebalance_counts(Some("a")).await.unwrap().made, 1);
        let filter = RebalanceFilter { limit: 10, ..RebalanceFilter::default() };
        let (rows, total) = store.rebalance_jobs(&filter).await.unwrap();
        let states: Vec<&str> = rows.iter().map(|row| row.status.name()).collect();
        assert_eq!((states, total), (vec!["FAILED", "EXPIRED", "COMPLETED"], 3));
        let own = RebalanceFilter {
            customer_id: Some("b".to_owned()),
            status: Some(RebalanceStatus::Expired),
            region: Some("us-east-1".to_owned()),
            ..filter
        };
        assert_eq!(store.rebalance_jobs(&own).await.unwrap().1, 1);
    }
}

#[tokio::test]
async fn summaries_and_seasons_are_kept() {
    for backend in backends::all().await {
        let store = &backend.store;
        store.keep_adjustments(&[adjustment(0.9), adjustment(0.8)][..1]).await.unwrap();
        store.keep_adjustments(&[adjustment(0.7)]).await.unwrap();
        let stats = LearningStatsRow {
            instance_hours: 60_000,
            interruptions: 3,
            feedback_weight: 0.1,
            prediction_accuracy: None,
            confidence: Some(0.5),
            updated_at: at(0),
        };
        store.keep_learning_stats(&stats).await.unwrap();
        store.keep_learning_stats(&stats).await.unwrap();
        let season = CalendarRow {
            entry_id: Uuid::from_u128(5),
            name: "black_friday".to_owned(),
            from: at(0),
            until: at(60),
            factor: 2.5,
            created_by: "op".to_owned(),
            created_at: at(0),
        };
        store.add_calendar_entry(&season, &note()).await.unwrap();
        assert_eq!(
            store.calendar().await.unwrap(),
            std::slice::from_ref(&season),
            "{}",
            backend.name
        );
        assert!(store.remove_calendar_entry(season.entry_id, &note()).await.unwrap());
        assert!(!store.remove_calendar_entry(season.entry_id, &note()).await.unwrap());
    }
}

fn adjustment(learned: f64) -> AdjustmentRow {
    AdjustmentRow {
        adjustment_id: Uuid::from_u128(7),
        instance_type: "m5.large".to_owned(),
        availability_zone: "use1-az4".to_owned(),
        region: "us-east-1".to_owned(),
        base: 0.95,
        learned,
        confidence: 0.5,
        observations: 1_000,
        interruptions: 3,
        updated_at: at(0),
    }
}

/// The functions and views of PostgreSQL say what the server says.
#[expect(clippy::disallowed_methods, reason = "the database goes by its own clock")]
#[tokio::test]
async fn functions_of_the_database_agree_with_the_program() {
    let Some(url) = backends::postgres().await else { return };
    let store = Store::connect(&PostgresServer::Url(url.clone()), 2).await.unwrap();
    let mut connection = PgConnection::connect(&url).await.unwrap();
    for hours in [0_u64, 9_999, 10_000, 49_999, 50_000, 125_000, 200_000, 350_000, 499_999, 500_000]
    {
        let row = sqlx::query("SELECT calculate_feedback_weight($1, 7)::float8")
            .bind(i64::try_from(hours).unwrap())
            .fetch_one(&mut connection)
            .await
            .unwrap();
        let found: f64 = row.get(0);
        assert_eq!(found, learning::feedback_weight(hours), "{hours}");
    }
    let now = Timestamp::now();
    let ago = |minutes: i64| now - SignedDuration::from_mins(minutes);
    let recent = |number: u128, customer: &str| InterruptionRow {
        happened_at: ago(5),
        ..report(number, customer, 0)
    };
    let reports = [recent(1, "a"), recent(2, "b"), recent(3, "b")];
    store.add_interruptions(&reports).await.unwrap();
    store.keep_adjustments(&[adjustment(0.7)]).await.unwrap();
    let mut to = change("NORMAL", "CONFIRMED_RISKY", 0);
    to.to.falls_at = Some(now + SignedDuration::from_mins(50));
    store.change_level(&to, &[job(1, "c", 0), job(2, "d", 0)], 9, None).await.unwrap();
    let status = async |connection: &mut PgConnection| {
        let text = "SELECT risk_level, affected_clients_count, risk_score \
                    FROM get_pool_risk_status('m5.large', 'use1-az4', 'us-east-1')";
        let row = sqlx::query(text).fetch_one(connection).await.unwrap();
        (row.get::<String, _>(0), row.get::<i64, _>(1), row.get::<f64, _>(2))
    };
    let (level, customers, risk) = status(&mut connection).await;
    assert_eq!((level.as_str(), customers), ("CONFIRMED_RISKY", 3));
    let expected =
        Level::ConfirmedRisky.raised(units::PoolRisk::new(units::Fraction::clamped(0.3)));
    assert!((risk - expected.value()).abs() < 1e-9);
    // A level that nobody has looked at since falls all the same.
    let mut late = to.clone();
    late.from = "CONFIRMED_RISKY".to_owned();
    late.to.falls_at = Some(ago(10));
    store.change_level(&late, &[], 9, None).await.unwrap();
    assert_eq!(status(&mut connection).await.0, "UNCERTAIN");
    late.to.falls_at = Some(ago(70));
    store.change_level(&late, &[], 9, None).await.unwrap();
    assert_eq!(status(&mut connection).await.0, "NORMAL");
    let pending = sqlx::query("SELECT job_id FROM get_pending_rebalance_jobs()")
        .fetch_all(&mut connection)
        .await
        .unwrap();
    assert_eq!(pending.len(), 2);
    let summary = sqlx::query("SELECT * FROM cross_client_pattern_summary")
        .fetch_all(&mut connection)
        .await
        .unwrap();
    assert_eq!(summary.len(), 1);
    assert_eq!(summary[0].get::<String, _>("availability_zone"), "use1-az4");
    assert_eq!(summary[0].get::<i64, _>("affected_clients_count"), 2);
    assert_eq!(summary[0].get::<i64, _>("interruptions_in_window"), 3);
    store.close().await;
}
