//! Rows that cannot be believed are set aside with a reason; the page and its good rows stay.

use aws::{Cursor, Fetched};
use facts::names::OperatingSystem;
use market::Quarantined;
use testkit::{FakeAws, Fault, POISONED_ROWS, Rule};

use crate::{all, aws, query, region, small, sorted, window};

fn reasons(quarantine: &[Quarantined], expected: &[&str]) {
    for part in expected {
        assert!(
            quarantine.iter().any(|row| row.reason.contains(part)),
            "{part} is not among {quarantine:?}"
        );
    }
}

#[tokio::test]
async fn spot_rows() {
    let fake = FakeAws::start(small()).unwrap();
    let (good, ..) = all(&aws(&fake), &query(), window(90)).await.unwrap();
    fake.script(Rule::always("DescribeSpotPriceHistory", Fault::Poison));
    let page = aws(&fake).spot_prices(&query(), &window(90)).await.unwrap();
    assert_eq!(sorted(&page.rows), sorted(&good));
    let report = page.report;
    assert_eq!(report.quarantined, POISONED_ROWS);
    assert_eq!(report.quarantine.len() as u64, POISONED_ROWS);
    assert_eq!(report.rows_read, report.rows_used + POISONED_ROWS);
    let expected = [
        "is not between 0 and",
        "NaN",
        "spot price 4000",
        "moon base",
        "is not one of us-east-1",
        "`yesterday` is not an instant",
        "lies after the file was read",
        "Plan 9",
    ];
    reasons(&report.quarantine, &expected);
}

#[tokio::test]
async fn products_and_advice() {
    let fake = FakeAws::start(small()).unwrap();
    fake.script(Rule::always("GetProducts", Fault::Poison));
    fake.script(Rule::always("Advisor", Fault::Poison));
    let aws = aws(&fake);
    let page =
        aws.products(&region(), OperatingSystem::Linux, None, &Cursor::first()).await.unwrap();
    assert_eq!((page.rows.len(), page.report.quarantined), (10, 3), "{:?}", page.report);
    reasons(&page.report.quarantine, &["not JSON", "is not between 0 and", "NaN"]);
    let Fetched::New { content, .. } = aws.advisor(None).await.unwrap() else {
        panic!("nothing was known")
    };
    assert_eq!((content.rows.len(), content.report.quarantined), (10, 4), "{:?}", content.report);
    reasons(&content.report.quarantine, &["s is 170", "s is `NaN`", "not a type", "s and r"]);
}
