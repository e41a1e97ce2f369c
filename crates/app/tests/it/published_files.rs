//! The published files, served by the fake, end in the store with the counts of the folder's README,
//! where that folder lies beside the workspace.

use app::fetch::{DataType, FetchRequest};
use app::pricing::keep_file;
use clock::Clock;
use jiff::SignedDuration;
use market::{Limits, Origin};
use store::Store;
use testkit::{from_reference, published_folder};

use crate::fetch::{Place, keys, request};

#[tokio::test]
async fn spot_history_ends_in_the_store() {
    let Some(folder) = published_folder() else { return };
    // AWS answers for ninety days only: a longer table is fetched by jobs of several days, as it
    // would have been at the time.
    let check = async |file: &str, region: &str, count: u64, days_before_its_end: &[i64]| {
        let store = Store::in_memory().await.unwrap();
        let (mut inserted, mut stored) = (0, 0);
        for days in days_before_its_end {
            let world = from_reference(&folder, &[file]).unwrap();
            let days = SignedDuration::from_hours(24 * days);
            let clock = Clock::fixed(world.now - days + SignedDuration::from_secs(1));
            let start = clock.now() - SignedDuration::from_hours(90 * 24);
            let place = Place::over(store.clone(), world, keys(), clock);
            let wanted = FetchRequest {
                start_date: Some(start.to_string()),
                ..request(DataType::SpotPrices, &[region])
            };
            let task = place.ask(&wanted).await;
            let status = place.end(&task).await;
            assert_eq!(status.status, "completed", "{file}: {status:?}");
            assert_eq!(status.records_quarantined, 0, "{file}");
            inserted += status.records_inserted;
            stored = place.stop().await.price_stats().await.unwrap().spot_prices_count;
        }
        assert_eq!((inserted, stored), (count, count), "{file}");
    };
    check("spot-us-east-1-c5a.2xlarge-linux-2023-11-11_2023-12-30.csv", "us-east-1", 869, &[0])
        .await;
    check("spot-us-east-1-other-os-2021-03_04.csv.gz", "us-east-1", 10_092, &[0]).await;
    check("spot-us-east-1-linux-2024-01-bursts.csv.gz", "us-east-1", 14_551, &[0]).await;
    check("spot-eu-west-3-linux-2020-02-29_2020-05-31.csv", "eu-west-3", 2_433, &[30, 0]).await;
    check("spot-sa-east-1-linux-2019-12-31_2020-03-30.csv.gz", "sa-east-1", 54_046, &[0]).await;
    check("spot-us-east-1-linux-2021-03-02_2021-04-30.csv.gz", "us-east-1", 168_223, &[0]).await;
}

#[tokio::test]
async fn the_advisor_and_the_price_list_end_in_the_store() {
    let Some(folder) = published_folder() else { return };
    let none = ["spot-us-east-1-c5a.2xlarge-linux-2023-11-11_2023-12-30.csv"];
    let world = from_reference(&folder, &none).unwrap();
    let clock = Clock::fixed("2026-08-01T00:00:00Z".parse().unwrap());
    let place = Place::at(world, &[], keys(), clock).await;
    let advisor = place.ask(&request(DataType::SpotAdvisor, &[])).await;
    assert_eq!(place.end(&advisor).await.records_inserted, 14_962 + 10_361);
    let list = place.ask(&request(DataType::OnDemandPrices, &[])).await;
    let status = place.end(&list).await;
    assert_eq!(status.status, "completed", "{status:?}");
    // Of five products one has a price that counts, and one has lost its price.
    let counts = (status.records_fetched, status.records_inserted, status.records_quarantined);
    assert_eq!(counts, (5, 1, 1));
    assert_eq!(place.app.price_stats().await.unwrap().spot_advisor_count, 14_962 + 10_361);
    place.stop().await;
}

#[tokio::test]
async fn on_demand_tables_end_in_the_store() {
    let Some(folder) = published_folder() else { return };
    let now = "2026-08-01T00:00:00Z".parse().unwrap();
    let check = async |file: &str, count: u64| {
        let store = Store::in_memory().await.unwrap();
        let bytes = std::fs::read(folder.join("on-demand").join(file)).unwrap();
        let parsed = market::parse(&bytes, &Origin::new(file, now), &Limits::default()).unwrap();
        let kept = keep_file(&store, &parsed, now, |_| {}).await.unwrap();
        assert_eq!((kept.rows.inserted, kept.rows.changed, kept.quarantined), (count, 0, 0));
        assert_eq!(store.totals().await.unwrap()[0].rows, count, "{file}");
    };
    // 93 of its 11,346 prices stand twice, once for each architecture of a type.
    check("ec2-linux-ondemand-2024-04.csv.gz", 11_253).await;
    check("ec2-linux-ondemand-us-east-1-2026-07.csv", 1_367).await;
    check("ec2-linux-ondemand-us-east-1-changes-2022-2026.csv.gz", 1_395).await;
    check("ec2-linux-ondemand-reserved-2017.csv.gz", 263).await;
}
