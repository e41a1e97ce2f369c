//! Changes of prices are numbered, told of, and kept with the progress of their job.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use store::{
    AdvisorPoint, NewJob, PostgresServer, PriceBatch, PriceSeries, Progress, QuarantinedRow, Store,
    StoreError, Uuid,
};
use units::UsdPerHour;

use crate::backends;

fn at(hour: i64) -> Timestamp {
    "2026-01-01T00:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_hours(hour)
}

fn batch(points: &[(&str, i64, i64)]) -> PriceBatch {
    let mut batch = PriceBatch::default();
    for (zone, hour, nanos) in points {
        let series = PriceSeries {
            instance_type: "m5.large".to_owned(),
            zone: (*zone).to_owned(),
            zone_id: None,
            region: "us-east-1".to_owned(),
            product: "Linux/UNIX".to_owned(),
        };
        batch.push(series, at(*hour), UsdPerHour::from_nanos(*nanos));
    }
    batch
}

fn advice(hour: i64, bucket: u8) -> AdvisorPoint {
    AdvisorPoint {
        instance_type: "m5.large".to_owned(),
        region: "us-east-1".to_owned(),
        operating_system: "Linux".to_owned(),
        observed_at: at(hour),
        bucket,
        savings_percent: Some(50),
    }
}

async fn revision(store: &Store, dataset: &str) -> u64 {
    let totals = store.totals().await.unwrap();
    totals.iter().find(|one| one.dataset == dataset).map_or(0, |one| one.revision)
}

#[tokio::test]
async fn revisions_tell_which_series_changed() {
    for backend in backends::all().await {
        let (store, name) = (&backend.store, backend.name);
        let two = batch(&[("us-east-1a", 0, 10), ("us-east-1b", 0, 20), ("us-east-1b", 9, 21)]);
        store.keep_prices(&two, None, at(9)).await.unwrap();
        assert_eq!(revision(store, "spot_prices").await, 1, "{name}");
        // What was known changes nothing.
        store.keep_prices(&two, None, at(10)).await.unwrap();
        assert_eq!(revision(store, "spot_prices").await, 1, "{name}");
        store.keep_prices(&batch(&[("us-east-1b", 9, 22)]), None, at(11)).await.unwrap();
        assert_eq!(revision(store, "spot_prices").await, 2, "{name}");
        let zones = async |after: u64| -> Vec<String> {
            let known = store.price_series(after).await.unwrap();
            known.into_iter().map(|known| known.series.zone).collect()
        };
        assert_eq!(zones(0).await, ["us-east-1a", "us-east-1b"], "{name}");
        assert_eq!(zones(1).await, ["us-east-1b"], "{name}");
        assert!(zones(2).await.is_empty(), "{name}");

        let ids: Vec<i64> =
            store.price_series(0).await.unwrap().iter().map(|known| known.series_id).collect();
        let mut points = store.price_points(&ids, at(0), at(9)).await.unwrap();
        points.sort_by_key(|point| point.series_id);
        let prices: Vec<i64> = points.iter().map(|point| point.price.nanos()).collect();
        assert_eq!(prices, [10, 20], "{name}");
        let last = store.price_points(&ids[1..], at(9), Timestamp::MAX).await.unwrap();
        assert_eq!(last.len(), 1, "{name}");
        assert_eq!(last[0].price.nanos(), 22, "{name}");

        store.keep_advisor(&[advice(0, 1)], None, at(0)).await.unwrap();
        store.keep_advisor(&[advice(1, 1)], None, at(1)).await.unwrap();
        assert_eq!(revision(store, "spot_advisor").await, 1, "{name}");
        let installation = store.installation().await.unwrap();
        assert_eq!(store.installation().await.unwrap(), installation, "{name}");
    }
}

#[tokio::test]
async fn servers_hear_of_each_others_changes() {
    let Some(url) = backends::postgres().await else { return };
    let server = PostgresServer::Url(url);
    let one = Store::connect(&server, 4).await.unwrap();
    let other = Store::connect(&server, 4).await.unwrap();
    let mut news = one.news();
    // The first look makes the connection that listens.
    let _ = tokio::time::timeout(Duration::from_secs(1), news.next()).await;
    other.keep_prices(&batch(&[("us-east-1a", 0, 10)]), None, at(0)).await.unwrap();
    // Without a word it would be patient for longer.
    let heard = tokio::time::timeout(Duration::from_secs(3), news.next()).await;
    assert!(heard.is_ok());
}

#[tokio::test]
async fn rows_progress_and_what_is_distrusted_stand_or_fall_together() {
    for backend in backends::all().await {
        let (store, name) = (&backend.store, backend.name);
        let job = NewJob {
            job_id: Uuid::from_u128(1),
            kind: "fetch".to_owned(),
            dedupe_key: None,
            payload: serde_json::json!({}),
            priority: 0,
            max_attempts: 3,
            run_at: at(0),
            all_units: None,
            created_by: "test".to_owned(),
        };
        store.add_job(&job, at(0)).await.unwrap().unwrap();
        let job = store.claim_job("a", &["fetch"], at(1), at(0)).await.unwrap().unwrap();
        let progress = |fence| Progress {
            job_id: job.job_id,
            fence,
            cursor: serde_json::json!({ "page": 1 }),
            done_units: 1,
            all_units: Some(2),
            lease_until: at(2),
        };
        let mut prices = batch(&[("us-east-1a", 0, 10)]);
        prices.distrust(QuarantinedRow {
            dataset: "spot_prices".to_owned(),
            source: "test".to_owned(),
            reason: "price is -1".to_owned(),
            content: "row 2".to_owned(),
            found_at: at(0),
        });
        let lost = store.keep_prices(&prices, Some(&progress(job.fence - 1)), at(0)).await;
        assert!(matches!(lost, Err(StoreError::LeaseLost)), "{name}");
        let lost = store.keep_advisor(&[advice(0, 1)], Some(&progress(job.fence - 1)), at(0)).await;
        assert!(matches!(lost, Err(StoreError::LeaseLost)), "{name}");
        assert!(store.totals().await.unwrap().is_empty(), "{name}");
        assert!(store.quarantined("spot_prices", 9).await.unwrap().is_empty(), "{name}");

        store.keep_prices(&prices, Some(&progress(job.fence)), at(0)).await.unwrap();
        store.keep_advisor(&[advice(0, 1)], Some(&progress(job.fence)), at(0)).await.unwrap();
        assert_eq!(store.quarantined("spot_prices", 9).await.unwrap().len(), 1, "{name}");
        assert_eq!(store.job(job.job_id).await.unwrap().unwrap().row_count, 2, "{name}");
    }
}
