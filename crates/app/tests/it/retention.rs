//! Old prices go when the operator asks for it, and only then.

use std::time::Duration;

use app::retention::SHORTEST_DAYS;
use clock::Clock;
use jiff::SignedDuration;
use store::{PriceBatch, PriceSeries, ScheduleRow};
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

    let due = ScheduleRow { next_run_at: now - SignedDuration::from_mins(1), ..made[0].clone() };
    let note = store.audit(1, 0).await.unwrap().remove(0);
    store.set_schedule(&due, &note).await.unwrap();
    for _ in 0..3000 {
        if place.stored().await < 4 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // The price of 100 days ago was in force 91 days ago.
    assert_eq!(place.stored().await, 2);

    place.app.keep_spot_prices_for(None).await.unwrap();
    assert!(!store.schedules().await.unwrap()[0].enabled);
    place.stop().await;
}
