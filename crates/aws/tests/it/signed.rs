//! The other signed sources, and what every signed request has in common.

use aws::{Aws, Cursor, Error, Keys, Secret};
use clock::Clock;
use facts::names::OperatingSystem;
use jiff::SignedDuration;
use testkit::{ACCESS_KEY_ID, FakeAws, World};

use crate::{aws, aws_with, now, query, quick, region, small, window};

#[tokio::test]
async fn instance_types_are_read_page_by_page() {
    let mut world = small();
    let ten = world.instance_types.clone();
    for copy in 0..23 {
        for entry in &ten {
            let mut entry = entry.clone();
            let name = entry["InstanceType"].as_str().unwrap().to_owned();
            entry["InstanceType"] = format!("x{copy}{name}").into();
            world.instance_types.push(entry);
        }
    }
    let fake = FakeAws::start(world).unwrap();
    let aws = aws(&fake);
    let mut cursor = Some(Cursor::first());
    let mut found = Vec::new();
    while let Some(place) = cursor {
        let page = aws.instance_types(&region(), &[], &place).await.unwrap();
        assert_eq!(page.report.quarantined, 0, "{:?}", page.report);
        found.extend(page.rows);
        cursor = page.next;
    }
    assert_eq!(found.len(), 240);
    assert_eq!(fake.count("DescribeInstanceTypes"), 3);
    let large = found.iter().find(|found| found.instance_type.as_str() == "m5.large").unwrap();
    assert_eq!((large.vcpu, large.memory.0 >> 20, large.max_pods), (2, 8192, Some(29)));
    assert_eq!((large.category.as_str(), large.network_mbps), ("m", Some(750)));
    assert_eq!(large.allocatable_cpu.unwrap().0, 1930);
    let some = ["m5.*".to_owned()];
    let page = aws.instance_types(&region(), &some, &Cursor::first()).await.unwrap();
    assert_eq!((page.rows.len(), page.next), (3, None));
}

#[tokio::test]
async fn zones_have_both_names() {
    let fake = FakeAws::start(small()).unwrap();
    let page = aws(&fake).zones(&region()).await.unwrap();
    let names: Vec<String> =
        page.rows.iter().map(|row| format!("{} {}", row.zone, row.zone_id)).collect();
    assert_eq!(names.first().unwrap(), "us-east-1a gen1-az1");
    assert_eq!(names.len(), 6);
    // Another region of the same account has none of them.
    let elsewhere = aws(&fake).zones(&"eu-west-1".parse().unwrap()).await.unwrap();
    assert_eq!(elsewhere.rows, []);
}

#[tokio::test]
async fn products_are_prices_of_one_operating_system() {
    let fake = FakeAws::start(small()).unwrap();
    let aws = aws(&fake);
    let first = Cursor::first();
    let page = aws.products(&region(), OperatingSystem::Linux, None, &first).await.unwrap();
    assert_eq!((page.rows.len(), page.report.quarantined, page.next), (10, 0, None));
    let named = "c7a.large".parse().unwrap();
    let page =
        aws.products(&region(), OperatingSystem::Windows, Some(&named), &first).await.unwrap();
    let row = page.rows.first().unwrap();
    assert_eq!(row.price.nanos(), 102_640_000);
    assert_eq!(row.operating_system, OperatingSystem::Windows);
}

#[tokio::test]
async fn a_wrong_secret_is_refused_without_being_told() {
    let fake = FakeAws::start(small()).unwrap();
    let token = "a-session-token-that-nobody-may-read-0123456789";
    let config = aws::AwsConfig {
        keys: Keys::Fixed {
            access_key_id: ACCESS_KEY_ID.to_owned(),
            secret_access_key: Secret::new("wrong/secret/wrong/secret/wrong/secret+0"),
            session_token: Some(Secret::new(token)),
        },
        ..quick(&fake)
    };
    let error = aws_with(config).spot_prices(&query(), &window(1)).await.unwrap_err();
    let Error::Denied { code, .. } = &error else { panic!("{error}") };
    assert_eq!(code, "SignatureDoesNotMatch");
    // The fake, as AWS, answers with the canonical request, which holds the token.
    let shown = format!("{error} {error:?}");
    assert!(!shown.contains(token) && !shown.contains("wrong/secret"), "{shown}");
    assert!(!shown.contains(ACCESS_KEY_ID), "{shown}");
    assert_eq!(fake.seen().len(), 1, "not tried again");
}

#[tokio::test]
async fn a_wrong_clock_is_told_by_how_much() {
    let tolerance = Some(SignedDuration::from_mins(5));
    let fake = FakeAws::start(World { clock_tolerance: tolerance, ..small() }).unwrap();
    let check = async |off: SignedDuration, part: &str| {
        let aws = Aws::new(quick(&fake), Clock::fixed(now() + off)).unwrap();
        let error = aws.zones(&region()).await.unwrap_err();
        assert!(matches!(error, Error::ClockSkew { .. }) && !error.passes(), "{error}");
        assert!(error.to_string().contains(part), "{error}");
    };
    check(SignedDuration::from_mins(61), "61 min 0 s ahead of AWS").await;
    check(SignedDuration::from_secs(-930), "15 min 30 s behind AWS").await;
    let close = Aws::new(quick(&fake), Clock::fixed(now() + SignedDuration::from_mins(4)));
    assert_eq!(close.unwrap().zones(&region()).await.unwrap().rows.len(), 6);
}

/// Jobs run on threads of a pool: every future must be able to move between them.
#[tokio::test]
async fn futures_may_move_between_threads() {
    fn may_move<T: Send>(future: T) -> T {
        future
    }
    let fake = FakeAws::start(small()).unwrap();
    let aws = aws(&fake);
    let (query, window, region, first) = (query(), window(1), region(), Cursor::first());
    may_move(aws.spot_prices(&query, &window)).await.unwrap();
    may_move(aws.instance_types(&region, &[], &first)).await.unwrap();
    may_move(aws.zones(&region)).await.unwrap();
    may_move(aws.advisor(None)).await.unwrap();
    let index = may_move(aws.price_list_regions()).await.unwrap();
    may_move(aws.price_list(&index, &region, None)).await.unwrap();
    may_move(aws.products(&region, OperatingSystem::Linux, None, &first)).await.unwrap();
}
