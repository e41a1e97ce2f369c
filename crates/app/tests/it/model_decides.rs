//! Activating a model changes what is decided about spot capacity, and what the decision rests on.

use app::models::ModelType;
use serde_json::Value;

use crate::registry::{Registry, new, spot};
use app::access::Caller;

pub(crate) async fn decided(place: &Registry) -> Value {
    let body = serde_json::json!({
        "current_state": { "region": "us-east-1", "nodes": [], "pods": [] },
        "requirements": { "allocate": false, "top": 3, "model_as_advisor": true },
    });
    let body = body.to_string().into_bytes();
    let answer = place.app.answer(Some("spot-optimize"), body, &Caller::command_line()).await;
    serde_json::from_slice(&answer.unwrap().json).unwrap()
}

fn digest(decision: &Value) -> Option<&str> {
    decision["evidence"]["model_digest"].as_str()
}

#[tokio::test]
async fn a_model_that_is_activated_changes_the_decision_and_its_evidence() {
    let place = Registry::new().await;
    let before = decided(&place).await;
    assert_eq!(digest(&before), None);
    assert_eq!(before["recommendations"].as_array().unwrap().len(), 3);

    // Within an hour as likely as not: nothing passes the first layer any more.
    let risky = place.upload(&new("1", ModelType::SpotPredictor, true), &spot(0.5)).await.unwrap();
    let warned = decided(&place).await;
    assert_eq!(digest(&warned), risky.sha256.as_deref());
    assert_eq!(warned["recommendations"].as_array().unwrap().len(), 0);
    assert!(!warned["rejected"].as_array().unwrap().is_empty());
    let named = warned["evidence"]["data"].as_array().unwrap().iter();
    assert!(named.clone().any(|one| one["dataset"] == "spot_predictor"));

    let calm = place.upload(&new("2", ModelType::SpotPredictor, true), &spot(1e-6)).await.unwrap();
    let after = decided(&place).await;
    assert_eq!(digest(&after), calm.sha256.as_deref());
    let best = &after["recommendations"][0];
    let within_an_hour = &best["interruption_probability"]["1h"]["probability"];
    assert!((within_an_hour.as_f64().unwrap() - 1e-6).abs() < 1e-8, "{within_an_hour}");
    assert_ne!(before["evidence"]["market_digest"], after["evidence"]["market_digest"]);

    // The decision can be made again without the model: what it said is in the bundle.
    let id = after["decision_id"].as_str().unwrap();
    let bundle = place.app.bundle(id, &Caller::command_line()).await.unwrap();
    let again = bundle.replay().unwrap();
    assert!(again.identical, "the same bytes");
}
