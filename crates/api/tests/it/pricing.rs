//! Prices over HTTP.

use std::sync::Arc;

use app::App;
use app::decide::Desk;
use axum::http::StatusCode;
use clock::Clock;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use store::{PriceBatch, PriceSeries, Store};
use units::UsdPerHour;

use crate::{ask, bytes, get, json_of};

/// A server that keeps 48 hours of one pool, the last hour of which is cheap.
async fn server() -> axum::Router {
    let now: Timestamp = "2026-08-01T00:00:00Z".parse().unwrap();
    let store = Store::in_memory().await.unwrap();
    let mut batch = PriceBatch::default();
    for hour in 0..48_i64 {
        let series = PriceSeries {
            instance_type: "m5.large".to_owned(),
            zone: "us-east-1a".to_owned(),
            zone_id: None,
            region: "us-east-1".to_owned(),
            product: "Linux/UNIX".to_owned(),
        };
        let price = UsdPerHour::from_nanos(if hour == 47 { 1_000_000 } else { 40_000_000 + hour });
        batch.push(series, now - SignedDuration::from_hours(48 - hour), price);
    }
    store.keep_prices(&batch, None, now).await.unwrap();
    api::router(Arc::new(App::new(Desk::new(market::bundled()), store, Clock::fixed(now))))
}

const POOL: &str = "/api/v1/ml/pricing/spot?instance_type=m5.large&region=us-east-1";

#[tokio::test]
async fn prices_are_read_by_range_by_instant_and_thinned() {
    let server = server().await;
    let all = json_of(get(&server, POOL).await).await;
    assert_eq!(all.as_array().unwrap().len(), 48);
    assert_eq!(
        all[47],
        json!({
            "instance_type": "m5.large", "az": "us-east-1a", "region": "us-east-1",
            "product_description": "Linux/UNIX", "spot_price": 0.001,
            "timestamp": "2026-07-31T23:00:00Z",
        })
    );
    let day = format!("{POOL}&start_date=2026-07-30&end_date=2026-07-31");
    assert_eq!(json_of(get(&server, &day).await).await.as_array().unwrap().len(), 24);
    let then = format!("{POOL}&as_of=2026-07-30T05:30:00Z");
    let then = json_of(get(&server, &then).await).await;
    assert_eq!(then[0]["timestamp"], "2026-07-30T05:00:00Z");
    let few = json_of(get(&server, &format!("{POOL}&max_points=6")).await).await;
    assert!(few.as_array().unwrap().len() <= 8, "{few}");
    assert!(few.as_array().unwrap().iter().any(|row| row["spot_price"] == 0.001), "{few}");
    let csv = bytes(get(&server, &format!("{POOL}&limit=2&format=csv")).await).await;
    let csv = String::from_utf8(csv).unwrap();
    assert_eq!(csv.lines().count(), 3, "{csv}");
    assert!(csv.starts_with("instance_type,az,region,product_description,spot_price,timestamp"));
}

#[tokio::test]
async fn wrong_questions_are_told_what_is_wrong() {
    let server = server().await;
    for (query, part) in [
        ("?region=us-east-1", "instance_type"),
        ("?instance_type=m5.large&region=us-east-1&start_date=yesterday", "start_date"),
        ("?instance_type=m5.large&region=us-east-1&limit=-1", "limit"),
        ("?instance_type=m5.large&region=us-east-1&colour=red", "colour"),
        (
            "?instance_type=m5.large&region=us-east-1&start_date=2026-07-31&end_date=2026-07-30",
            "after end_date",
        ),
    ] {
        let answer = get(&server, &format!("/api/v1/ml/pricing/spot{query}")).await;
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{query}");
        let problem = json_of(answer).await;
        assert!(problem["detail"].as_str().unwrap().contains(part), "{problem}");
    }
}

#[tokio::test]
async fn counts_are_exact_and_cost_nothing_when_known() {
    let server = server().await;
    let answer = get(&server, "/api/v1/ml/pricing/stats").await;
    let tag = answer.headers()["etag"].clone();
    let stats = json_of(answer).await;
    assert_eq!(stats["spot_prices_count"], 48);
    assert_eq!(stats["coverage"]["instance_types"], 1);
    assert_eq!(stats["coverage"]["date_range"]["newest"], "2026-07-31T23:00:00Z");
    let again = axum::http::Request::get("/api/v1/ml/pricing/stats").header("if-none-match", tag);
    let again = ask(&server, again.body(axum::body::Body::empty()).unwrap()).await;
    assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
    let none = json_of(get(&server, "/api/v1/ml/pricing/on-demand?region=us-east-1").await).await;
    assert_eq!(none, json!([]));
}

#[tokio::test]
async fn coverage_shows_spans_and_days_without_prices() {
    let server = server().await;
    let spans = json_of(get(&server, "/api/v1/ml/pricing/coverage").await).await;
    assert_eq!(
        spans,
        json!([{
            "instance_type": "m5.large", "region": "us-east-1", "product_description": "Linux/UNIX",
            "zones": 1, "oldest": "2026-07-30T00:00:00Z", "newest": "2026-07-31T23:00:00Z",
            "days": null,
        }])
    );
    let days = "/api/v1/ml/pricing/coverage?instance_type=c5.large,m5.*&region=us-east-1&start_date=2026-07-29";
    let days = json_of(get(&server, days).await).await;
    let day = |date: &str, records: u64, zones: u64| json!({ "date": date, "records": records, "zones": zones });
    assert_eq!(
        days[0]["days"],
        json!([day("2026-07-29", 0, 0), day("2026-07-30", 24, 1), day("2026-07-31", 24, 1)])
    );
    let none = "/api/v1/ml/pricing/coverage?region=eu-west-1";
    assert_eq!(json_of(get(&server, none).await).await, json!([]));
    let long = get(&server, "/api/v1/ml/pricing/coverage?start_date=2020-01-01").await;
    assert_eq!(long.status(), StatusCode::BAD_REQUEST);
}
