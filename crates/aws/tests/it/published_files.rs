//! The published files, served by the fake and read over HTTP, where the folder with them lies
//! beside the workspace. The counts are those of the folder's README.

use std::collections::BTreeMap;

use aws::{Cursor, Fetched, SpotCursor, SpotQuery};
use clock::Clock;
use facts::names::OperatingSystem;
use jiff::Timestamp;
use market::Product;
use testkit::{FakeAws, from_reference, published_folder};

use crate::{all, aws, quick};

#[tokio::test]
async fn spot_history() {
    let Some(folder) = published_folder() else { return };
    let check = async |file: &str, region: &str, count: usize, pools: usize| {
        let fake = FakeAws::start(from_reference(&folder, &[file]).unwrap()).unwrap();
        let aws = aws::Aws::new(quick(&fake), Clock::fixed(fake.world().now)).unwrap();
        let query = SpotQuery {
            region: region.parse().unwrap(),
            instance_types: Vec::new(),
            products: Vec::new(),
            zones: Vec::new(),
        };
        let start: Timestamp = "2010-01-01T00:00:00Z".parse().unwrap();
        let end = fake.world().now + jiff::SignedDuration::from_secs(1);
        let window = SpotCursor::start(start, end);
        let (rows, pages, quarantined) = all(&aws, &query, window).await.unwrap();
        assert_eq!((rows.len(), quarantined), (count, 0), "{file}");
        assert_eq!(pages as usize, count.div_ceil(1000), "{file}");
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        for row in &rows {
            let pool = format!("{:?} {} {}", row.place, row.instance_type, row.product);
            *seen.entry(pool).or_default() += 1;
        }
        assert_eq!(seen.len(), pools, "{file}");
        rows
    };
    check("spot-eu-west-3-linux-2020-02-29_2020-05-31.csv", "eu-west-3", 2_433, 16).await;
    check("spot-us-east-1-c5a.2xlarge-linux-2023-11-11_2023-12-30.csv", "us-east-1", 869, 5).await;
    let other = check("spot-us-east-1-other-os-2021-03_04.csv.gz", "us-east-1", 10_092, 90).await;
    let of = |product: Product| other.iter().filter(|row| row.product == product).count();
    assert_eq!(of(Product::LinuxUnix), 0);
    assert!(Product::ALL.into_iter().skip(1).all(|product| of(product) > 0));
    check("spot-us-east-1-linux-2024-01-bursts.csv.gz", "us-east-1", 14_551, 3_601).await;
    check("spot-sa-east-1-linux-2019-12-31_2020-03-30.csv.gz", "sa-east-1", 54_046, 407).await;
}

#[tokio::test]
async fn advisor_price_list_and_samples() {
    let Some(folder) = published_folder() else { return };
    let none = ["spot-us-east-1-c5a.2xlarge-linux-2023-11-11_2023-12-30.csv"];
    let world = from_reference(&folder, &none).unwrap();
    let fake = FakeAws::start(world).unwrap();
    let aws = aws(&fake);
    let Fetched::New { content, .. } = aws.advisor(None).await.unwrap() else { panic!("new") };
    let of = |system: OperatingSystem| {
        content.rows.iter().filter(|row| row.operating_system == system).count()
    };
    assert_eq!((of(OperatingSystem::Linux), of(OperatingSystem::Windows)), (14_962, 10_361));
    assert_eq!(content.report.quarantined, 0);

    let index = aws.price_list_regions().await.unwrap();
    let mut products = 0;
    // The fragment of us-east-2 has lost the terms of its ordinary product.
    for (region, expected, without_price) in [("us-east-2", 3, 1), ("us-east-1", 2, 0)] {
        let region = region.parse().unwrap();
        let fetched = aws.price_list(&index, &region, None).await.unwrap();
        let Fetched::New { content, .. } = fetched else { panic!("new") };
        assert_eq!(content.report.rows_read, expected, "{region}");
        assert_eq!(content.report.quarantined, without_price, "{region}: {:?}", content.report);
        products += content.rows.len();
    }
    assert!(products >= 1, "{products}");

    let region = "us-east-1".parse().unwrap();
    let page = aws.instance_types(&region, &[], &Cursor::first()).await.unwrap();
    let skipped: u64 = page.report.skipped.values().sum();
    assert_eq!((page.report.rows_read, page.report.quarantined), (100, 0), "{:?}", page.report);
    assert_eq!(page.rows.len() as u64 + skipped, 100);
    let listed: Vec<_> =
        page.rows.iter().filter(|found| found.allocatable_memory.is_some()).collect();
    assert!(listed.len() >= 95, "{}", listed.len());
    let gpus = page.rows.iter().filter(|found| found.gpu.is_some()).count();
    assert!(gpus > 0, "{gpus}");

    let mut count = 0;
    for system in [OperatingSystem::Linux, OperatingSystem::Windows] {
        let page = aws.products(&region, system, None, &Cursor::first()).await.unwrap();
        assert_eq!(page.report.quarantined, 0, "{:?}", page.report);
        count += page.rows.len();
    }
    assert!(count > 0 && count <= 70, "{count}");
}
