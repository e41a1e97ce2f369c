//! Predictions over HTTP, where no model is active.

use super::*;

const INTERRUPTION: &str = "/api/v1/ml/predict/spot-interruption";

#[tokio::test]
async fn a_server_without_a_model_answers() {
    let server = server().await;
    let pool = json!({ "instance_type": "m5.large", "region": "us-east-1", "az": "us-east-1a" });
    let one = json_of(post(&server, INTERRUPTION, &pool.to_string()).await).await;
    assert_eq!((&one["basis"], &one["model"]), (&json!("interruption_class"), &Value::Null));
    assert_eq!((&one["horizon"], &one["recommendation"]), (&json!("24h"), &json!("use")));
    assert_eq!(one["interruption_probability"], one["probabilities"]["24h"]);
    let running = json!({
        "instance_type": "m5.large", "region": "us-east-1",
        "launch_time": "2026-07-01T00:00:00Z",
    });
    let pools = json!({ "pools": [pool, running], "horizon": "30d" });
    let many = json_of(post(&server, INTERRUPTION, &pools.to_string()).await).await;
    let many = many["predictions"].as_array().unwrap();
    assert_eq!(many[0]["interruption_probability"], one["probabilities"]["30d"]);
    assert_eq!(many[1]["recommendation"], "keep");
    let prices = json!({ "model_type": "price_predictor", "pools": [pool] }).to_string();
    let prices = json_of(post(&server, "/api/v1/ml/predict", &prices).await).await;
    assert_eq!(prices["predictions"][0]["predicted_price"], Value::Null, "no price is made up");
    let rows = json!({ "model_type": "resource_forecaster", "rows": [[1.0]] }).to_string();
    let rows = post(&server, "/api/v1/ml/predict", &rows).await;
    assert_eq!(rows.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn wrong_pools_are_named_by_their_place() {
    let server = server().await;
    let check = async |body: Value, pointer: &str| {
        let answer = post(&server, INTERRUPTION, &body.to_string()).await;
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{body}");
        assert_eq!(json_of(answer).await["errors"][0]["pointer"], pointer, "{body}");
    };
    let pool = |az: &str| json!({ "instance_type": "m5.large", "region": "us-east-1", "az": az });
    check(pool("us-west-2a"), "/az").await;
    check(json!({ "pools": [pool("us-west-2a")] }), "/pools/0/az").await;
    check(json!({ "pools": [pool("us-east-1a"), pool("x")] }), "/pools/1/az").await;
    check(json!({ "pools": [] }), "/pools").await;
    let mut free = pool("us-east-1a");
    free["spot_price"] = json!(0);
    check(free, "/spot_price").await;
}
