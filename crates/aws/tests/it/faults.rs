//! Each fault, at the start and without end: what is tried again, how often, and what is reported.

use std::time::{Duration, Instant};

use aws::{AwsConfig, Error};
use testkit::{FakeAws, Fault, Rule};

use crate::{all, aws, aws_with, query, quick, region, small, sorted, window};

const OPERATION: &str = "DescribeSpotPriceHistory";

/// Faults that pass, in every form.
fn passing() -> Vec<Fault> {
    vec![
        Fault::Status(500, "InternalError".to_owned()),
        Fault::Status(502, String::new()),
        Fault::Status(503, "Unavailable".to_owned()),
        Fault::Status(429, String::new()),
        Fault::Status(400, "Throttling".to_owned()),
        Fault::Throttle(None),
        Fault::Truncated,
        Fault::BrokenChunks,
        Fault::HalfText,
        Fault::Reset,
        Fault::ResetHalfway,
        Fault::Hang,
    ]
}

#[tokio::test]
async fn what_passes_is_tried_again_and_the_rows_are_those_of_a_good_day() {
    let fake = FakeAws::start(small()).unwrap();
    let (good, pages, _) = all(&aws(&fake), &query(), window(90)).await.unwrap();
    for fault in passing() {
        let before = fake.count(OPERATION);
        fake.calm();
        fake.script(Rule::at(OPERATION, before + 1..=before + 2, fault.clone()));
        let config = match fault {
            Fault::Hang => AwsConfig { read_timeout: Duration::from_millis(400), ..quick(&fake) },
            _ => quick(&fake),
        };
        let (rows, ..) = all(&aws_with(config), &query(), window(90))
            .await
            .unwrap_or_else(|error| panic!("{fault:?}: {error}"));
        assert_eq!(sorted(&rows), sorted(&good), "{fault:?}");
        assert_eq!(fake.count(OPERATION) - before, u64::from(pages) + 2, "{fault:?}");
    }
}

#[tokio::test]
async fn what_does_not_pass_is_reported_by_its_kind_after_a_bounded_number_of_attempts() {
    let fake = FakeAws::start(small()).unwrap();
    for fault in passing() {
        let before = fake.count(OPERATION);
        fake.calm();
        fake.script(Rule::always(OPERATION, fault.clone()));
        let config = AwsConfig { attempts: 3, read_timeout: silence(&fault), ..quick(&fake) };
        let error = aws_with(config).spot_prices(&query(), &window(90)).await.unwrap_err();
        let fits = match fault {
            Fault::Throttle(_) | Fault::Status(400 | 429, _) => {
                matches!(error, Error::Throttled { attempts: 3, .. })
            }
            Fault::Status(..) => matches!(error, Error::Unavailable { attempts: 3, .. }),
            Fault::Reset | Fault::Hang => matches!(error, Error::Unreachable { attempts: 3, .. }),
            _ => matches!(error, Error::Cut { attempts: 3, .. }),
        };
        assert!(fits && error.passes(), "{fault:?}: {error:?}");
        assert_eq!(fake.count(OPERATION) - before, 3, "{fault:?}");
    }
}

#[tokio::test]
async fn what_cannot_pass_is_asked_once() {
    let fake = FakeAws::start(small()).unwrap();
    let check = async |fault: Fault, fits: fn(&Error) -> bool, part: &str| {
        let before = fake.count(OPERATION);
        fake.calm();
        fake.script(Rule::always(OPERATION, fault.clone()));
        let error = aws(&fake).spot_prices(&query(), &window(90)).await.unwrap_err();
        assert!(fits(&error) && !error.passes(), "{fault:?}: {error:?}");
        assert!(error.to_string().contains(part), "{fault:?}: {error}");
        assert_eq!(fake.count(OPERATION) - before, 1, "{fault:?}");
    };
    let wrong = |error: &Error| matches!(error, Error::WrongBody { .. });
    let denied = |error: &Error| matches!(error, Error::Denied { .. });
    let refused = |error: &Error| matches!(error, Error::Refused { .. });
    check(Fault::Html, wrong, "Sign in").await;
    check(Fault::WrongShape, wrong, "<Other>").await;
    check(Fault::Status(403, "UnauthorizedOperation".to_owned()), denied, "Unauthorized").await;
    check(Fault::Status(401, "AuthFailure".to_owned()), denied, "AuthFailure").await;
    check(Fault::Status(400, "InvalidParameterValue".to_owned()), refused, "on purpose").await;
    check(Fault::Status(404, String::new()), refused, "status 404").await;
    let skewed = |error: &Error| matches!(error, Error::ClockSkew { skew: Some(_), .. });
    check(Fault::SkewedClock(-7200), skewed, "120 min 0 s ahead of AWS").await;
}

#[tokio::test]
async fn retry_after_is_waited_for_and_a_long_one_is_handed_on() {
    let fake = FakeAws::start(small()).unwrap();
    fake.script(Rule::at(OPERATION, 1..=1, Fault::Throttle(Some(1))));
    let start = Instant::now();
    all(&aws(&fake), &query(), window(90)).await.unwrap();
    assert!(start.elapsed() >= Duration::from_secs(1), "{:?}", start.elapsed());
    fake.calm();
    fake.script(Rule::always(OPERATION, Fault::Throttle(Some(3600))));
    let before = fake.count(OPERATION);
    let error = all(&aws(&fake), &query(), window(90)).await.unwrap_err();
    assert_eq!(error.retry_after(), Some(Duration::from_secs(3600)), "{error}");
    assert_eq!(fake.count(OPERATION) - before, 1);
}

#[tokio::test]
async fn a_slow_answer_is_read_as_long_as_it_flows() {
    let fake = FakeAws::start(small()).unwrap();
    fake.script(Rule::always("DescribeAvailabilityZones", Fault::Slow(Duration::from_millis(30))));
    assert_eq!(aws(&fake).zones(&region()).await.unwrap().rows.len(), 6);
    // Pieces that always come in time do not keep an answer alive for ever.
    let config =
        AwsConfig { answer_timeout: Duration::from_millis(120), attempts: 2, ..quick(&fake) };
    let error = aws_with(config).zones(&region()).await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { attempts: 2, .. }), "{error}");
}

#[tokio::test]
async fn nobody_there() {
    let fake = FakeAws::start(small()).unwrap();
    let config = quick(&fake);
    drop(fake);
    // Whoever connects first after the end is let in once and turned away.
    tokio::time::sleep(Duration::from_millis(50)).await;
    let error = aws_with(AwsConfig { attempts: 2, ..config }).advisor(None).await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { attempts: 2, .. }), "{error}");
}

#[tokio::test]
async fn regions_share_a_bounded_number_of_requests() {
    let fake = FakeAws::start(small()).unwrap();
    fake.script(Rule::always("DescribeAvailabilityZones", Fault::Slow(Duration::from_millis(10))));
    // Each answer takes 100 ms: eight of them, two at a time, take 400 ms at least.
    let aws = aws_with(AwsConfig { parallelism: 2, ..quick(&fake) });
    let start = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for number in 1..=8 {
        let aws = aws.clone();
        let region = format!("xx-east-{number}").parse().unwrap();
        tasks.spawn(async move { aws.zones(&region).await.map(|page| page.rows.len()) });
    }
    while let Some(done) = tasks.join_next().await {
        assert_eq!(done.unwrap().unwrap(), 0);
    }
    let took = start.elapsed();
    assert!(took >= Duration::from_millis(390), "{took:?}");
    assert_eq!(fake.count("DescribeAvailabilityZones"), 8);
}

#[tokio::test]
async fn throttling_slows_down_everybody_who_asks_the_same_place() {
    let fake = FakeAws::start(small()).unwrap();
    let aws = aws_with(AwsConfig { slowdown: Duration::from_millis(60), ..quick(&fake) });
    fake.script(Rule::at("DescribeAvailabilityZones", 1..=1, Fault::Throttle(None)));
    aws.zones(&region()).await.unwrap();
    // The next ones of this region wait for their turns, those of another do not.
    let start = Instant::now();
    for _ in 0..4 {
        aws.zones(&region()).await.unwrap();
    }
    let slowed = start.elapsed();
    assert!(slowed >= Duration::from_millis(120), "{slowed:?}");
    let start = Instant::now();
    for _ in 0..4 {
        aws.zones(&"eu-west-1".parse().unwrap()).await.unwrap();
    }
    assert!(start.elapsed() < slowed, "{:?} {slowed:?}", start.elapsed());
}

/// How long silence is borne: long, since other tests share the machine, unless silence is the fault.
fn silence(fault: &Fault) -> Duration {
    Duration::from_millis(if matches!(fault, Fault::Hang) { 150 } else { 20_000 })
}
