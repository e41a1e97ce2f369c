//! Golden vectors: a model is compared with what its maker got before it is taken.

use app::Error;
use app::models::ModelType;
use app::models::golden::GOLDEN_VECTORS;
use serde_json::{Map, Value, json};
use testkit::{Made, made_model};

use crate::registry::{Registry, new};

fn metadata(vectors: Value) -> Option<Map<String, Value>> {
    Some(Map::from_iter([(GOLDEN_VECTORS.to_owned(), vectors)]))
}

#[tokio::test]
async fn vectors_are_compared_before_a_model_is_taken() {
    let registry = Registry::new().await;
    // The answer is the logit of a quarter, the first feature added to it.
    let model = made_model(&["a", "b"], true, Made::Probability(0.25), 0);
    let at_one = 1.0 / (1.0 + (3.0_f64.ln() - 1.0).exp());
    let try_out = |version: &'static str, vectors: Value| {
        let mut wanted = new(version, ModelType::SpotPredictor, false);
        wanted.metadata = metadata(vectors);
        (wanted, model.clone())
    };
    let refuse = |vectors: Value| try_out("1", vectors);
    let cases = [
        (json!([{"features": [0.0, 0.0], "answer": 0.75}]), "/0/answer", "expected 0.75"),
        (json!([{"features": [0.0], "answer": 0.25}]), "/0/features", "validated"),
        (json!([{"features": {"c": 1.0}, "answer": 0.25}]), "/0/features", "no feature `c`"),
        (json!([{"features": [0.0, 0.0], "answer": [0.2, 0.3]}]), "/0/answer", "2 answers"),
        (json!({"features": 1}), "", "expected a list"),
    ];
    for (vectors, place, part) in cases {
        let (wanted, bytes) = refuse(vectors.clone());
        let error = registry.upload(&wanted, &bytes).await.unwrap_err();
        let Error::Invalid(fields) = &error else { panic!("{error:?}") };
        assert_eq!(fields[0].pointer, format!("/metadata/{GOLDEN_VECTORS}{place}"), "{vectors}");
        assert!(fields[0].detail.contains(part), "{vectors}: {}", fields[0].detail);
    }
    assert_eq!(registry.count(None).await, 0);
    assert_eq!(registry.files(), Vec::<String>::new());
    let (wanted, bytes) = try_out(
        "1",
        json!([
            {"features": [0.0, null], "answer": 0.25},
            {"features": {"a": 1.0}, "answer": at_one},
        ]),
    );
    registry.upload(&wanted, &bytes).await.unwrap();
    assert_eq!(registry.count(None).await, 1);
}
