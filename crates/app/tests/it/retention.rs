//! Old prices and old predictions go when the operator asks for it, and only then.

use std::time::Duration;

use app::retention::{SHORTEST_DAYS, SHORTEST_DAYS_OF_PREDICTIONS};
use clock::Clock;
use jiff::{SignedDuration, Timestamp};
use store::{
    FIRST_PREDICTIONS, PredictedPool, PredictionFilter, PredictionRow, PriceBatch, PriceSeries,
    ScheduleRow, Store, Uuid,
};
use units::UsdPerHour;

use crate::fetch::{Place, keys, world};

#[tokio::test]
async fn old_prices_go_when_asked_and_only_then() {
    let place = Place::new(world(), &[], keys()).await;
    let store = place.app.store();
    let now = Clock::system().now();
    let series = PriceSeries {
        instance_type: "m5.large".to_owned(),
        zone: "us-east-1a".to_owned(),
        zone_id: None,
        region: "us-east-1".to_owned(),
        product: "Linux/UNIX".to_owned(),
    };
    let mut batch = PriceBatch::default();
    for days in [300, 200, 100, 10] {
        let at = now - SignedDuration::from_hours(24 * days);
        batch.push(series.clone(), at, UsdPerHour::from_nanos(1_000 * days));
    }
    store.keep_prices(&batch, None, now).await.unwrap();

    place.app.keep_spot_prices_for(None).await.unwrap();
    assert!(store.schedules().await.unwrap().is_empty());
    assert!(place.app.keep_spot_prices_for(Some(SHORTEST_DAYS - 1)).await.is_err());
    place.app.keep_spot_prices_for(Some(SHORTEST_DAYS)).await.unwrap();
    place.app.keep_spot_prices_for(Some(SHORTEST_DAYS)).await.unwrap();
    let made = store.schedules().await.unwrap();
    assert_eq!((made.len(), made[0].enabled), (1, true), "asking twice changes nothing");
    assert_eq!(place.stored().await, 4, "nothing goes before its time");

    make_due(store, now).await;
    for _ in 0..3000 {
        if place.stored().await < 4 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // The price of 100 days ago was in force 91 days ago.
    assert_eq!(place.stored().await, 2);

    place.app.keep_spot_prices_for(None).await.unwrap();
    let off = store.schedules().await.unwrap().remove(0);
    let days = off.payload["older_than_days"].as_u64();
    assert_eq!((off.enabled, days), (false, Some(u64::from(SHORTEST_DAYS))));
    place.app.keep_spot_prices_for(Some(SHORTEST_DAYS + 1)).await.unwrap();
    let on = store.schedules().await.unwrap().remove(0);
    assert_eq!((on.enabled, on.schedule_id), (true, off.schedule_id));
    assert_eq!(on.payload["older_than_days"], SHORTEST_DAYS + 1);
    place.stop().await;
}

/// Has the only schedule run at once.
async fn make_due(store: &Store, now: Timestamp) {
    let made = store.schedules().await.unwrap().remove(0);
    let due = ScheduleRow { next_run_at: now - SignedDuration::from_mins(1), ..made };
    let note = store.audit(1, 0).await.unwrap().remove(0);
    store.set_schedule(&due, &note).await.unwrap();
}

/// Predictions of the baseline, made so many days ago.
fn predictions(count: u64, days: i64, now: Timestamp) -> Vec<PredictionRow> {
    let created_at = now - SignedDuration::from_hours(24 * days);
    let name = |number: u64| {
        let millis = u128::try_from(created_at.as_millisecond()).unwrap();
        Uuid::from_u128(millis << 80 | u128::from(number))
    };
    let row = |number: u64| PredictionRow {
        model_id: Uuid::nil(),
        prediction_id: name(number),
        sequence: 0,
        prediction_type: "spot_interruption".into(),
        customer_id: "".into(),
        pool: PredictedPool::default(),
        horizon_seconds: 3600,
        value: (number % 100) as f64 / 100.0,
        low: None,
        high: None,
        last_value: None,
        confidence: 0.5,
        features: None,
        created_at,
        outcome: None,
        outcome_at: None,
        shadow_of: None,
    };
    (0..count).map(row).collect()
}

#[tokio::test]
async fn old_predictions_go_and_what_is_said_of_all_of_them_stays_right() {
    let mut stores = vec![Store::in_memory().await.unwrap()];
    stores.extend(crate::registry::postgres().await);
    for store in stores {
        let clock = Clock::system();
        let now = clock.now();
        let place = Place::over(store.clone(), world(), keys(), clock);
        for (count, days) in [(FIRST_PREDICTIONS, 30), (5_000, 20), (1_000, 1)] {
            store.keep_predictions(&predictions(count, days, now)).await.unwrap();
        }
        let early = predictions(FIRST_PREDICTIONS + 1, 20, now).remove(0);
        let outcomes = [(Uuid::nil(), early.prediction_id, 1.0)];
        store.resolve_predictions(&outcomes, now).await.unwrap();
        let before = place.app.performance(None).await.unwrap();

        place.app.keep_predictions_for(None).await.unwrap();
        assert!(store.schedules().await.unwrap().is_empty());
        let too_few = Some(SHORTEST_DAYS_OF_PREDICTIONS - 1);
        assert!(place.app.keep_predictions_for(too_few).await.is_err());
        place.app.keep_predictions_for(Some(SHORTEST_DAYS_OF_PREDICTIONS)).await.unwrap();
        make_due(&store, now).await;
        let all = PredictionFilter::default();
        for _ in 0..3000 {
            if store.count_predictions(&all).await.unwrap() == 2_000 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(store.count_predictions(&all).await.unwrap(), 2_000);
        let after = place.app.performance(None).await.unwrap();
        assert_eq!((after.predictions_count, after.resolved_count), (7_000, 1));
        assert_eq!(after.predictions_count, before.predictions_count);
        assert_eq!(after.drift.stability_index, before.drift.stability_index);
        assert!(after.drift.stability_index.is_some());
        assert_eq!(after.measured_count, 0, "what is gone is not measured any more");
        place.stop().await;
    }
}
