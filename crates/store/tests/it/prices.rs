//! Prices are kept once each and counted exactly.

use jiff::{SignedDuration, Timestamp};
use store::{
    AdvisorPoint, Ingested, ListFilter, OnDemandPoint, PriceBatch, PriceFilter, PriceSeries, Store,
};
use units::UsdPerHour;

use crate::backends;

pub(crate) fn at(hour: i64) -> Timestamp {
    "2026-01-01T00:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_hours(hour)
}

fn series(kind: &str, zone: &str) -> PriceSeries {
    PriceSeries {
        instance_type: kind.to_owned(),
        zone: zone.to_owned(),
        zone_id: None,
        region: "us-east-1".to_owned(),
        product: "Linux/UNIX".to_owned(),
    }
}

/// So many hours of two pools; prices in billionths follow the hour.
pub(crate) fn batch(hours: std::ops::Range<i64>) -> PriceBatch {
    let mut batch = PriceBatch::default();
    for hour in hours {
        for (kind, zone) in [("m5.large", "us-east-1a"), ("c5.large", "us-east-1b")] {
            let price = UsdPerHour::from_nanos(30_000_001 + hour);
            batch.push(series(kind, zone), at(hour), price);
        }
    }
    batch
}

pub(crate) async fn all_of(store: &Store, kind: &str) -> Vec<(Timestamp, i64)> {
    let filter = PriceFilter {
        instance_type: kind.to_owned(),
        region: "us-east-1".to_owned(),
        zone: None,
        product: None,
        from: Timestamp::MIN,
        until: at(1_000_000),
        limit: 1_000_000,
    };
    let rows = store.spot_prices(&filter).await.unwrap();
    rows.into_iter().map(|row| (row.observed_at, row.price.nanos())).collect()
}

#[tokio::test]
async fn prices_are_kept_once_and_counted_exactly() {
    for backend in backends::all().await {
        let (store, name) = (&backend.store, backend.name);
        let first = store.keep_prices(&batch(0..700), None, at(0)).await.unwrap();
        assert_eq!(first, Ingested { inserted: 1400, changed: 0, unchanged: 0 }, "{name}");
        let again = store.keep_prices(&batch(0..700), None, at(1)).await.unwrap();
        assert_eq!(again, Ingested { inserted: 0, changed: 0, unchanged: 1400 }, "{name}");
        let overlap = store.keep_prices(&batch(600..710), None, at(2)).await.unwrap();
        assert_eq!(overlap, Ingested { inserted: 20, changed: 0, unchanged: 200 }, "{name}");
        let rows = all_of(store, "m5.large").await;
        assert_eq!(rows.len(), 710, "{name}");
        assert_eq!(rows[709], (at(709), 30_000_710), "{name}: exact to a billionth");
        let totals = store.totals().await.unwrap();
        assert_eq!(totals.len(), 1, "{name}");
        assert_eq!((totals[0].rows, totals[0].instance_types, totals[0].regions), (1420, 2, 1));
        assert_eq!((totals[0].oldest, totals[0].newest), (Some(at(0)), Some(at(709))), "{name}");
    }
}

#[tokio::test]
async fn of_two_prices_for_one_instant_the_later_one_stands() {
    for backend in backends::all().await {
        let (store, name) = (&backend.store, backend.name);
        let mut twice = PriceBatch::default();
        for nanos in [5, 7] {
            twice.push(series("m5.large", "us-east-1a"), at(0), UsdPerHour::from_nanos(nanos));
        }
        let kept = store.keep_prices(&twice, None, at(0)).await.unwrap();
        assert_eq!(kept.inserted, 1, "{name}");
        let mut later = PriceBatch::default();
        later.push(series("m5.large", "us-east-1a"), at(0), UsdPerHour::from_nanos(9));
        let kept = store.keep_prices(&later, None, at(0)).await.unwrap();
        assert_eq!(kept, Ingested { inserted: 0, changed: 1, unchanged: 0 }, "{name}");
        assert_eq!(all_of(store, "m5.large").await, [(at(0), 9)], "{name}");
    }
}

#[tokio::test]
async fn a_range_is_half_open_and_limited() {
    for backend in backends::all().await {
        let store = &backend.store;
        store.keep_prices(&batch(0..48), None, at(0)).await.unwrap();
        let filter = PriceFilter {
            instance_type: "m5.large".to_owned(),
            region: "us-east-1".to_owned(),
            zone: Some("us-east-1a".to_owned()),
            product: Some("Linux/UNIX".to_owned()),
            from: at(10),
            until: at(20),
            limit: 100,
        };
        let rows = store.spot_prices(&filter).await.unwrap();
        assert_eq!(rows.len(), 10, "{}", backend.name);
        assert_eq!(rows[0].observed_at, at(10));
        let few = store.spot_prices(&PriceFilter { limit: 3, ..filter.clone() }).await.unwrap();
        assert_eq!(few.len(), 3);
        let nowhere = PriceFilter { zone: Some("us-east-1z".to_owned()), ..filter };
        assert!(store.spot_prices(&nowhere).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn the_price_in_force_is_the_last_one_before() {
    for backend in backends::all().await {
        let (store, name) = (&backend.store, backend.name);
        let mut batch = PriceBatch::default();
        for (zone, hour, nanos) in
            [("us-east-1a", 0, 10), ("us-east-1a", 5, 11), ("us-east-1b", 3, 20)]
        {
            batch.push(series("m5.large", zone), at(hour), UsdPerHour::from_nanos(nanos));
        }
        store.keep_prices(&batch, None, at(9)).await.unwrap();
        for (hour, expected) in [(2, vec![10]), (4, vec![10, 20]), (5, vec![11, 20])] {
            let found = store.spot_prices_at("m5.large", "us-east-1", at(hour)).await.unwrap();
            let prices: Vec<i64> = found.iter().map(|row| row.price.nanos()).collect();
            assert_eq!(prices, expected, "{name} at {hour}");
        }
    }
}

#[tokio::test]
async fn forgetting_keeps_the_price_in_force() {
    for backend in backends::all().await {
        let (store, name) = (&backend.store, backend.name);
        store.keep_prices(&batch(0..10), None, at(10)).await.unwrap();
        let limit = at(6) + SignedDuration::from_mins(30);
        let first = store.forget_prices(limit, 0, 1, at(11)).await.unwrap();
        assert_eq!(first.prices, 6, "{name}");
        let after = first.last_series.unwrap();
        let second = store.forget_prices(limit, after, 10, at(11)).await.unwrap();
        assert_eq!(second.prices, 6, "{name}");
        let end = store.forget_prices(limit, second.last_series.unwrap(), 10, at(11)).await;
        assert_eq!(end.unwrap(), store::Forgotten::default(), "{name}");
        for kind in ["m5.large", "c5.large"] {
            let instants: Vec<Timestamp> =
                all_of(store, kind).await.into_iter().map(|(at, _)| at).collect();
            assert_eq!(instants, [at(6), at(7), at(8), at(9)], "{name}");
        }
        let totals = &store.totals().await.unwrap()[0];
        assert_eq!((totals.rows, totals.oldest), (8, Some(at(6))), "{name}");
        let again = store.forget_prices(limit, 0, 10, at(12)).await.unwrap();
        assert_eq!(again.prices, 0, "{name}: what is in force stays");
    }
}

#[tokio::test]
async fn list_prices_and_advice_keep_only_what_changed() {
    for backend in backends::all().await {
        let (store, name) = (&backend.store, backend.name);
        let list = |hour: i64, nanos: i64| OnDemandPoint {
            instance_type: "m5.large".to_owned(),
            region: "us-east-1".to_owned(),
            operating_system: "Linux".to_owned(),
            tenancy: "shared".to_owned(),
            effective_at: at(hour),
            price: UsdPerHour::from_nanos(nanos),
            source: "test".to_owned(),
        };
        let kept =
            store.keep_on_demand(&[list(0, 96), list(9, 95), list(0, 97)], None, at(9)).await;
        assert_eq!(kept.unwrap().inserted, 2, "{name}");
        let kept = store.keep_on_demand(&[list(0, 97), list(9, 94)], None, at(10)).await.unwrap();
        assert_eq!(kept, Ingested { inserted: 0, changed: 1, unchanged: 1 }, "{name}");
        let filter = ListFilter { limit: 10, ..ListFilter::default() };
        let rows = store.on_demand(&filter).await.unwrap();
        let prices: Vec<i64> = rows.iter().map(|row| row.price.nanos()).collect();
        assert_eq!(prices, [97, 94], "{name}");

        let advice = |hour: i64, bucket: u8, saved: Option<i32>| AdvisorPoint {
            instance_type: "m5.large".to_owned(),
            region: "us-east-1".to_owned(),
            operating_system: "Linux".to_owned(),
            observed_at: at(hour),
            bucket,
            savings_percent: saved,
        };
        for (hour, bucket, saved, inserted) in
            [(0, 1, Some(60), 1), (1, 1, Some(60), 0), (2, 2, Some(60), 1), (3, 2, None, 1)]
        {
            let kept =
                store.keep_advisor(&[advice(hour, bucket, saved)], None, at(hour)).await.unwrap();
            assert_eq!(kept.inserted, inserted, "{name} at {hour}");
        }
        assert_eq!(store.advisor(&filter).await.unwrap(), [advice(3, 2, None)], "{name}");
        let elsewhere = ListFilter { region: Some("eu-west-1".to_owned()), ..filter };
        assert!(store.advisor(&elsewhere).await.unwrap().is_empty(), "{name}");
    }
}

#[tokio::test]
async fn what_is_there_is_told_by_series_and_instant() {
    for backend in backends::all().await {
        let (store, name) = (&backend.store, backend.name);
        store.keep_prices(&batch(0..10), None, at(0)).await.unwrap();
        let mut other = PriceBatch::default();
        let windows =
            PriceSeries { product: "Windows".to_owned(), ..series("m5.large", "us-east-1a") };
        other.push(windows, at(3), UsdPerHour::from_nanos(1));
        let west =
            PriceSeries { region: "eu-west-1".to_owned(), ..series("r5.large", "eu-west-1a") };
        other.push(west, at(3), UsdPerHour::from_nanos(1));
        store.keep_prices(&other, None, at(0)).await.unwrap();
        let linux = store.series_in_region("us-east-1", &["Linux/UNIX"]).await.unwrap();
        let types: Vec<&str> =
            linux.iter().map(|span| span.series.instance_type.as_str()).collect();
        assert_eq!(types, ["c5.large", "m5.large"], "{name}");
        assert_eq!((linux[0].oldest, linux[0].newest), (at(0), at(9)), "{name}");
        assert_eq!(store.series_in_region("us-east-1", &[]).await.unwrap().len(), 3, "{name}");
        let ids: Vec<i64> = linux.iter().map(|span| span.series_id).collect();
        let instants = store.price_instants(&ids, at(2), at(5)).await.unwrap();
        assert_eq!(instants[&ids[0]], [at(2), at(3), at(4)], "{name}");
        assert_eq!(instants.len(), 2, "{name}");
        assert!(store.price_instants(&ids, at(50), at(60)).await.unwrap().is_empty(), "{name}");
        assert!(store.price_instants(&[], at(0), at(60)).await.unwrap().is_empty(), "{name}");
        let row = OnDemandPoint {
            instance_type: "z1d.large".to_owned(),
            region: "us-east-1".to_owned(),
            operating_system: "Linux".to_owned(),
            tenancy: "shared".to_owned(),
            effective_at: at(0),
            price: UsdPerHour::from_nanos(5),
            source: "test".to_owned(),
        };
        store.keep_on_demand(&[row], None, at(0)).await.unwrap();
        let known = store.priced_types(&["us-east-1"]).await.unwrap();
        assert_eq!(known, ["c5.large", "m5.large", "z1d.large"], "{name}");
        assert!(store.priced_types(&[]).await.unwrap().is_empty(), "{name}");
        let regions = store.priced_regions().await.unwrap();
        assert_eq!(regions, [("eu-west-1".to_owned(), 1), ("us-east-1".to_owned(), 3)], "{name}");
    }
}
