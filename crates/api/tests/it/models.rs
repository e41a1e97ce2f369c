//! Models by record.

use super::*;

fn model(version: &str, active: bool) -> String {
    json!({
        "model_name": "spot", "model_version": version, "model_type": "spot_predictor",
        "trained_until_date": "2026-07-01", "active": active,
        "metadata": { "instance_types": ["m5.*"], "regions": ["us-east-1"] },
    })
    .to_string()
}

#[tokio::test]
async fn a_model_is_recorded_listed_and_found() {
    let server = server().await;
    let made = post(&server, "/api/v1/ml/models", &model("1", true)).await;
    assert_eq!(made.status(), StatusCode::CREATED);
    let place = made.headers()["location"].to_str().unwrap().to_owned();
    let made = json_of(made).await;
    assert_eq!((&made["name"], &made["trained_until"]), (&json!("spot"), &json!("2026-07-01")));
    assert_eq!(json_of(get(&server, &place).await).await, made);
    let twice = post(&server, "/api/v1/ml/models", &model("1", false)).await;
    assert_eq!(twice.status(), StatusCode::CONFLICT);
    post(&server, "/api/v1/ml/models", &model("2", true)).await;
    let active = get(&server, "/api/v1/ml/models/list?active=true").await;
    assert_eq!(active.headers()["x-total-count"], "1");
    assert_eq!(json_of(active).await[0]["version"], "2");
    let first = get(&server, "/api/v1/ml/models/list?limit=1").await;
    let next = "</api/v1/ml/models/list?limit=1&offset=1>; rel=\"next\"";
    assert_eq!(
        (&first.headers()["x-total-count"], &first.headers()["link"]),
        (&"2".parse().unwrap(), &next.parse().unwrap())
    );
    post(&server, "/api/v1/ml/models", &model("1", false).replace("\"spot\"", "\"a & b\"")).await;
    post(&server, "/api/v1/ml/models", &model("2", false).replace("\"spot\"", "\"a & b\"")).await;
    let named = get(&server, "/api/v1/ml/models/list?name=a%20%26%20b&limit=1").await;
    let next = "</api/v1/ml/models/list?name=a%20%26%20b&limit=1&offset=1>; rel=\"next\"";
    assert_eq!(named.headers()["link"], next, "the next page is one of the same list");
    let missing = get(&server, "/api/v1/ml/models/019b8082-9480-7ca5-9a1c-5271be8264b1").await;
    assert_eq!(missing.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn wrong_fields_of_a_model_are_named() {
    let server = server().await;
    let check = async |change: fn(&mut Value), pointer: &str| {
        let mut body: Value = serde_json::from_str(&model("1", false)).unwrap();
        change(&mut body);
        let problem = json_of(post(&server, "/api/v1/ml/models", &body.to_string()).await).await;
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
    };
    check(|body| body["model_name"] = json!(""), "/model_name").await;
    check(|body| body["model_type"] = json!("oracle"), "/model_type").await;
    check(|body| body["trained_until_date"] = json!("July"), "/trained_until_date").await;
    check(|body| body["metadata"]["regions"] = json!("us-east-1"), "/metadata/regions").await;
}

#[tokio::test]
async fn a_shadow_needs_a_file_and_a_model() {
    let server = server().await;
    let made = json_of(post(&server, "/api/v1/ml/models", &model("1", false)).await).await;
    assert_eq!(made["shadow"], false);
    let own = format!("/api/v1/ml/models/{}/shadow", made["model_id"].as_str().unwrap());
    let refused = post(&server, &own, "").await;
    assert_eq!(refused.status(), StatusCode::CONFLICT, "it is known by record only");
    let unknown = "/api/v1/ml/models/019b8082-9480-7ca5-9a1c-5271be8264b1/shadow";
    assert_eq!(post(&server, unknown, "").await.status(), StatusCode::NOT_FOUND);
}
