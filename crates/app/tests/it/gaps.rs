//! Gaps: found by pool, filled from a fake AWS, counted exactly, permanent where AWS has nothing.

use app::Error;
use app::access::Caller;
use app::fetch::{DataType, FetchRequest};
use app::gaps::{AnalyzeRequest, FillRequest, GapKind, GapStatus, Priority};
use app::models::{ModelType, NewModel};
use clock::Clock;
use jiff::{SignedDuration, Timestamp};
use std::time::Duration;
use testkit::{Fault, Rule, World, generated};

use crate::fetch::{Place, keys, start};

const OPERATION: &str = "DescribeSpotPriceHistory";

/// Ten pools in one zone, with so many days of prices that end now.
fn days(days: i64) -> World {
    generated(&"us-east-1".parse().unwrap(), 10, days, Clock::system().now(), 7)
}

fn ago(days: i64) -> Timestamp {
    Clock::system().now() - SignedDuration::from_hours(24 * days)
}

fn types(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// The types of the world.
const TYPES: [&str; 10] = [
    "m5.large",
    "m5.xlarge",
    "m5.2xlarge",
    "c5.large",
    "c5.xlarge",
    "c5.2xlarge",
    "r5.large",
    "r5.xlarge",
    "m6g.large",
    "c7a.large",
];

fn analysis() -> AnalyzeRequest {
    AnalyzeRequest {
        instance_types: types(&TYPES),
        regions: types(&["us-east-1"]),
        ..AnalyzeRequest::default()
    }
}

fn fill(from: Timestamp) -> FillRequest {
    FillRequest {
        instance_types: types(&TYPES),
        regions: types(&["us-east-1"]),
        gap_start_date: Some(from.to_string()),
        ..FillRequest::default()
    }
}

async fn filled(place: &Place, request: &FillRequest) -> GapStatus {
    let caller = Caller::command_line();
    let started = place.app.fill_gaps(request, None, &caller).await.unwrap();
    over(place, &started.gap_id).await
}

async fn over(place: &Place, gap_id: &str) -> GapStatus {
    until(place, gap_id, |status| status.completed_at.is_some()).await
}

async fn until(place: &Place, gap_id: &str, wish: impl Fn(&GapStatus) -> bool) -> GapStatus {
    for _ in 0..3000 {
        let status = place.app.gap_status(gap_id).await.unwrap();
        if wish(&status) {
            return status;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{:?}", place.app.gap_status(gap_id).await);
}

async fn fetched(place: &Place, from: Timestamp, until: Timestamp) {
    let request = FetchRequest {
        data_type: DataType::SpotPrices,
        instance_types: Vec::new(),
        regions: types(&["us-east-1"]),
        start_date: Some(from.to_string()),
        end_date: Some(until.to_string()),
        products: Vec::new(),
    };
    let task = place.ask(&request).await;
    assert_eq!(place.end(&task).await.status, "completed");
}

#[tokio::test]
async fn an_empty_store_is_filled_and_counted_exactly() {
    let place = Place::new(days(20), &[], keys()).await;
    let before = place.app.analyze_gaps(&analysis()).await.unwrap();
    assert_eq!(before.estimate.basis, "default");
    assert!(before.gaps.iter().all(|gap| gap.zone.is_none()), "no zone is known yet");
    assert_eq!(before.extent.coverage_percent, 0.0);
    assert!(before.patterns.iter().all(|one| one.matches == 1), "{:?}", before.patterns);
    let status = filled(&place, &fill(ago(15))).await;
    assert_eq!(status.status, "completed", "{status:?}");
    assert_eq!(status.records_filled, place.stored().await);
    assert_eq!((status.percent_complete, status.eta_reason), (100.0, Some("it is over")));
    let outcome = status.outcome.clone().unwrap();
    assert_eq!((outcome.remaining_hours, outcome.permanent_hours), (0.0, 0.0), "{outcome:?}");
    assert_eq!(outcome.left.coverage_percent, 100.0);
    assert_eq!(outcome.records_filled, status.records_filled);
    // Of the ten pools that turned up everything was missing, and all of it is filled.
    assert_eq!((outcome.found.pools, outcome.filled_hours), (10, outcome.found.missing_hours));
    assert!((outcome.found.missing_hours - outcome.left.pool_hours).abs() < 0.2, "{outcome:?}");
    // Every row of those days is there: what AWS has, and nothing twice.
    let world = place.fake.world();
    let start = ago(15);
    let rows = world.spot.iter().filter(|row| row.at >= start).count() as u64;
    let in_force = 10;
    assert!((rows..=rows + in_force).contains(&status.records_filled), "{rows} {status:?}");
    let after = place.app.analyze_gaps(&analysis()).await.unwrap();
    assert_eq!(after.estimated_records, 0);
    assert_eq!(after.estimate.basis, "observed");
    let log = place.app.gap_log(&status.gap_id, 0, 1000).await.unwrap();
    assert!(log.iter().any(|line| line.message.starts_with("part 1 of")), "{log:?}");
    place.stop().await;
}

#[tokio::test]
async fn only_what_is_missing_is_asked_for() {
    let place = Place::new(days(20), &[], keys()).await;
    fetched(&place, ago(15), ago(10)).await;
    fetched(&place, ago(4), ago(0)).await;
    let found = place.app.analyze_gaps(&analysis()).await.unwrap();
    assert_eq!(found.gaps_total, 10, "{:?}", found.gaps);
    for gap in &found.gaps {
        assert_eq!((gap.kind, gap.permanent), (GapKind::Fillable, false));
        assert!(gap.from >= ago(12) && gap.until <= ago(3), "{gap:?}");
    }
    assert_eq!(found.estimate.basis, "observed");
    let asked = place.fake.count(OPERATION);
    let stored = place.stored().await;
    let status = filled(&place, &fill(ago(15))).await;
    assert_eq!(status.status, "completed");
    assert_eq!(status.records_filled, place.stored().await - stored);
    let asked = place.fake.count(OPERATION) - asked;
    assert!((6..=9).contains(&asked), "{asked} questions for six days of one region");
    assert_eq!(status.outcome.unwrap().left.gaps, 0);
    place.stop().await;
}

#[tokio::test]
async fn what_aws_does_not_have_is_permanent_and_not_asked_for_again() {
    let place = Place::new(days(8), &[], keys()).await;
    let status = filled(&place, &fill(ago(15))).await;
    assert_eq!(status.status, "completed");
    let outcome = status.outcome.clone().unwrap();
    assert!(outcome.left.none_at_aws_hours > 10.0 * 24.0 * 6.0, "{outcome:?}");
    assert_eq!(outcome.left.gaps, 10, "one of each pool, whatever parts it was asked for in");
    assert_eq!(outcome.remaining_hours, 0.0);
    assert_eq!(outcome.permanent_hours, outcome.left.missing_hours);
    let again = place.app.analyze_gaps(&analysis()).await.unwrap();
    assert!(again.gaps.iter().all(|gap| gap.kind == GapKind::NoneAtAws && gap.permanent));
    assert_eq!(again.estimated_records, 0);
    let asked = place.fake.count(OPERATION);
    let second = filled(&place, &fill(ago(15))).await;
    assert_eq!((second.status, second.units_total), ("completed", 0));
    assert_eq!(place.fake.count(OPERATION), asked);
    place.stop().await;
}

#[tokio::test]
async fn what_is_older_than_ninety_days_is_permanent() {
    let place = Place::new(days(2), &[], keys()).await;
    let request = FillRequest { instance_types: types(&["m5.large"]), ..fill(ago(100)) };
    let started = place.app.fill_gaps(&request, None, &Caller::command_line()).await.unwrap();
    assert!(started.notes[0].contains("90 days"), "{:?}", started.notes);
    assert!(started.permanent_before.is_some());
    let status = over(&place, &started.gap_id).await;
    let outcome = status.outcome.clone().unwrap();
    assert!(outcome.left.too_old_hours >= 9.9 * 24.0, "{outcome:?}");
    assert_eq!(outcome.remaining_hours, 0.0);
    let (list, total) = place.app.gap_history(10, 0).await.unwrap();
    assert_eq!((total, list[0].status, list[0].gap_days), (1, "completed", 101));
    place.stop().await;
}

#[tokio::test]
async fn a_fill_that_is_called_off_says_what_remains() {
    let silent = Rule::at(OPERATION, 4..=u64::MAX, Fault::Hang);
    let place = Place::new(days(20), &[silent], keys()).await;
    let caller = Caller::command_line();
    let started = place.app.fill_gaps(&fill(ago(15)), None, &caller).await.unwrap();
    let twice = place.app.fill_gaps(&fill(ago(15)), None, &caller).await.unwrap();
    assert_eq!((twice.known, &twice.gap_id), (true, &started.gap_id));
    until(&place, &started.gap_id, |status| status.records_filled > 0).await;
    place.app.cancel_gap(&started.gap_id, &caller).await.unwrap();
    let status = over(&place, &started.gap_id).await;
    assert_eq!(status.status, "cancelled");
    assert_eq!(status.records_filled, place.stored().await);
    place.stop().await;
}

#[tokio::test]
async fn a_region_that_cannot_be_had_remains() {
    let denied = Rule::always(OPERATION, Fault::Status(403, "UnauthorizedOperation".to_owned()));
    let place = Place::new(days(3), &[denied], keys()).await;
    let status = filled(&place, &fill(ago(2))).await;
    assert_eq!((status.status, status.records_filled), ("failed", 0));
    assert!(status.error_message.unwrap().contains("us-east-1"));
    let outcome = status.outcome.clone().unwrap();
    assert_eq!(outcome.remaining_hours, outcome.found.missing_hours);
    assert_eq!(outcome.permanent_hours, 0.0);
    place.stop().await;
}

#[tokio::test]
async fn a_fill_goes_on_at_the_next_server_and_ends_the_same() {
    let quiet = Place::new(days(20), &[], keys()).await;
    let undisturbed = filled(&quiet, &fill(ago(15))).await;
    let whole = quiet.stored().await;
    quiet.stop().await;
    let slow = Rule::always(OPERATION, Fault::Slow(Duration::from_millis(4)));
    let mut place = Place::new(days(20), &[slow], keys()).await;
    let caller = Caller::command_line();
    let request = fill(ago(15));
    let started = place.app.fill_gaps(&request, Some("mine"), &caller).await.unwrap();
    for rows in [1, 60, 150] {
        until(&place, &started.gap_id, |status| status.records_filled >= rows).await;
        place.stop.send(true).unwrap();
        place.running.await.unwrap();
        let (stop, running) =
            start(&place.fake, place.app.store(), keys(), place.app.clock().clone());
        place = Place { stop, running, ..place };
    }
    let status = over(&place, &started.gap_id).await;
    assert_eq!(status.status, "completed", "{status:?}");
    assert_eq!(status.records_filled, place.stored().await);
    // The worlds differ by the moments between their starts, so by a row or two of each pool.
    assert!(place.stored().await.abs_diff(whole) <= 20, "{whole} {status:?}");
    assert_eq!(status.outcome.unwrap().left.gaps, undisturbed.outcome.unwrap().left.gaps);
    // The same name gives the same fill.
    let again = place.app.fill_gaps(&request, Some("mine"), &caller).await.unwrap();
    assert_eq!((again.known, &again.gap_id), (true, &started.gap_id));
    let other = FillRequest { priority: Priority::OldestFirst, ..request };
    let other = place.app.fill_gaps(&other, Some("mine"), &caller).await;
    assert!(matches!(other, Err(Error::Conflict(_))));
    place.stop().await;
}

#[tokio::test]
async fn the_types_of_the_model_come_first() {
    let place = Place::new(days(12), &[], keys()).await;
    let metadata = serde_json::json!({"instance_types": ["r5.*"], "regions": ["us-east-1"]});
    let model = NewModel {
        model_name: "spot".to_owned(),
        model_version: "1".to_owned(),
        model_type: ModelType::SpotPredictor,
        trained_until_date: "2026-01-01".parse().unwrap(),
        active: true,
        metadata: metadata.as_object().cloned(),
    };
    let caller = Caller::command_line();
    let model = place.app.record_model(&model, &caller).await.unwrap();
    let found = place.app.analyze_gaps(&AnalyzeRequest::default()).await.unwrap();
    assert_eq!(found.model_id.as_ref(), Some(&model.model_id), "the active model is meant");
    assert!(found.gap_days.unwrap() > 90);
    assert!(found.gaps.iter().all(|gap| gap.instance_type.starts_with("r5.")));
    assert!(found.extent.too_old_hours > 0.0);
    let request = FillRequest { model_id: Some(model.model_id.clone()), ..fill(ago(9)) };
    let status = filled(&place, &request).await;
    assert_eq!(status.model_id, Some(model.model_id));
    let log = place.app.gap_log(&status.gap_id, 0, 1000).await.unwrap();
    let parts: Vec<&str> = log
        .iter()
        .map(|line| line.message.as_str())
        .filter(|line| line.starts_with("part "))
        .collect();
    let numbers: Vec<&str> =
        parts.iter().map(|line| &line[line.find(": ").unwrap() + 2..][..8]).collect();
    assert_eq!(numbers, ["2 types ", "2 types ", "8 types ", "8 types "], "{parts:?}");
    place.stop().await;
}

#[tokio::test]
async fn wrong_requests_are_named() {
    let place = Place::new(days(1), &[], keys()).await;
    let check = async |request: AnalyzeRequest, pointer: &str| {
        let Err(Error::Invalid(fields)) = place.app.analyze_gaps(&request).await else {
            panic!("{request:?} was taken")
        };
        assert_eq!(fields[0].pointer, pointer, "{fields:?}");
    };
    check(AnalyzeRequest::default(), "/regions").await;
    let east = || AnalyzeRequest { regions: types(&["us-east-1"]), ..AnalyzeRequest::default() };
    check(east(), "/instance_types").await;
    check(
        AnalyzeRequest { instance_types: types(&["m5.*", "zz.*"]), ..east() },
        "/instance_types/1",
    )
    .await;
    check(AnalyzeRequest { required_lookback_days: Some(91), ..east() }, "/required_lookback_days")
        .await;
    check(AnalyzeRequest { products: types(&["Plan 9"]), ..east() }, "/products/0").await;
    let missing = AnalyzeRequest { model_id: Some("nonsense".to_owned()), ..east() };
    assert!(matches!(place.app.analyze_gaps(&missing).await, Err(Error::NotFound(_))));
    let backwards = FillRequest { gap_end_date: Some("2020-01-01".to_owned()), ..fill(ago(3)) };
    let Err(Error::Invalid(fields)) =
        place.app.fill_gaps(&backwards, None, &Caller::command_line()).await
    else {
        panic!("it was taken")
    };
    assert_eq!(fields[0].pointer, "/gap_start_date");
    place.stop().await;
}
