//! Spot prices: windows, filters, pages, and cursors that outlive a process.

use aws::{Error, SpotCursor};
use jiff::SignedDuration;
use market::{Place, Product};
use testkit::{FakeAws, Fault, Rule, SpotPrice, World};

use crate::{all, aws, now, query, small, sorted, window};

const OPERATION: &str = "DescribeSpotPriceHistory";

#[tokio::test]
async fn a_window_is_read_to_its_end_and_every_field_is_kept() {
    let fake = FakeAws::start(small()).unwrap();
    let (rows, pages, quarantined) = all(&aws(&fake), &query(), window(90)).await.unwrap();
    let served = &fake.world().spot;
    assert!(served.len() > 200, "{}", served.len());
    assert_eq!((rows.len(), quarantined), (served.len(), 0));
    assert_eq!(u64::from(pages), fake.count(OPERATION));
    let mut expected: Vec<String> = served
        .iter()
        .map(|row| {
            let ms = row.at.as_millisecond();
            format!("{} {} {ms} {}", row.zone, row.instance_type, row.price)
        })
        .collect();
    let mut found: Vec<String> = rows
        .iter()
        .map(|row| {
            let Place::Zone(zone) = &row.place else { panic!("{row:?}") };
            assert_eq!(row.product, Product::LinuxUnix);
            assert_eq!(row.zone_id.as_ref().unwrap().as_str(), "gen1-az1");
            let dollars = row.price.nanos() as f64 / 1e9;
            format!("{zone} {} {} {dollars:.6}", row.instance_type, row.at_ms)
        })
        .collect();
    expected.sort();
    found.sort();
    assert_eq!(found, expected);
}

#[tokio::test]
async fn pages_are_of_a_thousand_and_a_stored_cursor_goes_on_where_it_stopped() {
    let fake = FakeAws::start(testkit::generated(&crate::region(), 50, 30, now(), 3)).unwrap();
    let (whole, pages, _) = all(&aws(&fake), &query(), window(90)).await.unwrap();
    assert!(pages >= 5, "{pages}");
    assert_eq!(pages as usize, whole.len().div_ceil(1000));
    // Another process reads each page, knowing nothing but the text of a cursor.
    let mut text = serde_json::to_string(&window(90)).unwrap();
    let mut rows = Vec::new();
    loop {
        let cursor: SpotCursor = serde_json::from_str(&text).unwrap();
        let page = aws(&fake).spot_prices(&query(), &cursor).await.unwrap();
        assert!(page.rows.len() <= 1000);
        rows.extend(page.rows);
        let Some(next) = page.next else { break };
        assert_eq!((next.from, next.until), (cursor.from, cursor.until));
        assert_eq!(next.page.pages, cursor.page.pages + 1);
        text = serde_json::to_string(&next).unwrap();
    }
    assert_eq!(rows, whole);
}

#[tokio::test]
async fn windows_and_filters_choose_rows() {
    let fake = FakeAws::start(small()).unwrap();
    let check = async |change: fn(&mut aws::SpotQuery), wanted: fn(&SpotPrice) -> bool| {
        let mut asked = query();
        change(&mut asked);
        let (rows, ..) = all(&aws(&fake), &asked, window(90)).await.unwrap();
        let expected = fake.world().spot.iter().filter(|row| wanted(row)).count();
        assert!(expected < fake.world().spot.len(), "filters nothing: {asked:?}");
        assert_eq!(rows.len(), expected, "{asked:?}");
    };
    check(
        |query| query.instance_types = vec!["m5.*".to_owned()],
        |row| row.instance_type.starts_with("m5."),
    )
    .await;
    check(
        |query| query.instance_types = vec!["c5.large".to_owned(), "r5.large".to_owned()],
        |row| matches!(&*row.instance_type, "c5.large" | "r5.large"),
    )
    .await;
    check(|query| query.products = vec![Product::Windows], |_| false).await;
    check(|query| query.zones = vec!["us-east-1f".parse().unwrap()], |_| false).await;
    // Two days, and for each pool the price in force before them.
    let (rows, ..) = all(&aws(&fake), &query(), window(2)).await.unwrap();
    let start = (now() - SignedDuration::from_hours(48)).as_millisecond();
    assert_eq!(rows.iter().filter(|row| row.at_ms < start).count(), 10);
    let inside = fake.world().spot.iter().filter(|row| row.at.as_millisecond() >= start).count();
    assert_eq!(rows.len(), inside + 10);
}

#[tokio::test]
async fn the_horizon_of_aws_is_ninety_days() {
    let world = testkit::generated(&crate::region(), 1, 200, now(), 5);
    let total = world.spot.len();
    let fake = FakeAws::start(World { zones: small().zones, ..world }).unwrap();
    let (rows, ..) = all(&aws(&fake), &query(), window(200)).await.unwrap();
    let oldest = now() - SignedDuration::from_hours(24 * aws::SPOT_HISTORY_DAYS);
    let older = rows.iter().filter(|row| row.at_ms < oldest.as_millisecond()).count();
    assert_eq!(older, 1, "the price in force at the horizon");
    assert!(rows.len() < total);
}

#[tokio::test]
async fn empty_pages_are_passed_and_repeating_ones_are_not() {
    let fake = FakeAws::start(small()).unwrap();
    let (whole, ..) = all(&aws(&fake), &query(), window(90)).await.unwrap();
    let start = fake.count(OPERATION);
    fake.script(Rule::at(OPERATION, start + 1..=start + 3, Fault::EmptyPage));
    let (rows, pages, _) = all(&aws(&fake), &query(), window(90)).await.unwrap();
    assert_eq!(sorted(&rows), sorted(&whole));
    assert_eq!(pages, 4);
    fake.calm();
    fake.script(Rule::always(OPERATION, Fault::SameToken));
    let error = all(&aws(&fake), &query(), window(90)).await.unwrap_err();
    assert!(matches!(error, Error::EndlessPages { .. }), "{error}");
    // A circle of more than one token ends at the limit of pages.
    fake.calm();
    fake.script(Rule::always(OPERATION, Fault::EmptyPage));
    let few = aws::AwsConfig { pages: 7, ..crate::quick(&fake) };
    let before = fake.count(OPERATION);
    let error = all(&crate::aws_with(few), &query(), window(90)).await.unwrap_err();
    assert!(matches!(error, Error::EndlessPages { .. }), "{error}");
    assert_eq!(fake.count(OPERATION) - before, 7);
}

#[tokio::test]
async fn a_token_of_yesterday_asks_for_a_new_start() {
    let fake = FakeAws::start(testkit::generated(&crate::region(), 20, 30, now(), 3)).unwrap();
    let aws = aws(&fake);
    let first = aws.spot_prices(&query(), &window(90)).await.unwrap();
    let second = first.next.unwrap();
    fake.script(Rule::at(OPERATION, 2..=2, Fault::StaleToken));
    let error = aws.spot_prices(&query(), &second).await.unwrap_err();
    assert!(matches!(error, Error::StaleCursor { .. }) && !error.passes(), "{error}");
    // EC2 also calls it an invalid parameter; a token of another query is one.
    let mut other = query();
    other.instance_types = vec!["m5.large".to_owned()];
    let error = aws.spot_prices(&other, &second).await.unwrap_err();
    assert!(matches!(error, Error::StaleCursor { .. }), "{error}");
    let again = aws.spot_prices(&query(), &second.restarted()).await.unwrap();
    assert_eq!(again.rows, first.rows);
}

#[tokio::test]
async fn questions_without_sense_are_not_asked() {
    let fake = FakeAws::start(small()).unwrap();
    let aws = aws(&fake);
    let check = async |query: aws::SpotQuery, cursor: SpotCursor, part: &str| {
        let error = aws.spot_prices(&query, &cursor).await.unwrap_err();
        assert!(matches!(error, Error::Configuration { .. }), "{error}");
        assert!(error.to_string().contains(part), "{error}");
    };
    let odd = |text: &str| aws::SpotQuery { instance_types: vec![text.to_owned()], ..query() };
    check(query(), SpotCursor::start(now(), now()), "is not before").await;
    check(odd("m5.large&Action=RunInstances"), window(1), "neither an instance type").await;
    check(odd(""), window(1), "neither an instance type").await;
    let many = aws::SpotQuery { instance_types: vec!["m5.*".to_owned(); 201], ..query() };
    check(many, window(1), "more than 200").await;
    assert_eq!(fake.seen(), []);
}

#[tokio::test]
async fn pages_are_as_large_as_is_said() {
    let fake = FakeAws::start(small()).unwrap();
    let config = aws::AwsConfig { page_rows: 50, ..crate::quick(&fake) };
    let (rows, pages, _) = all(&crate::aws_with(config), &query(), window(90)).await.unwrap();
    assert_eq!(rows.len(), fake.world().spot.len());
    assert_eq!(pages as usize, rows.len().div_ceil(50));
}
