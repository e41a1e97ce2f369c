//! Features that have moved are named, and nothing is said of them before enough rows have come.

use app::access::Caller;
use app::models::ModelType;
use app::performance::FeatureDrift;
use app::predict::{GivenRequest, GivenRows};
use store::Store;
use testkit::{Made, made_model};

use crate::registry::{Registry, new, postgres, scratch};

const SPOT: ModelType = ModelType::SpotPredictor;

/// Asks about rows whose second feature lies about a center, and whose third is sometimes missing.
fn ask(place: &Registry, calls: usize, center: f64, missing_every: usize) {
    for call in 0..calls {
        let row = |at: usize| {
            let noise = ((call * 50 + at) * 37 % 101) as f64 / 101.0;
            let third = (!at.is_multiple_of(missing_every)).then_some(noise);
            vec![Some(noise), Some(center + noise), third]
        };
        let rows = GivenRows::ByPosition((0..50).map(row).collect());
        let request = GivenRequest { model_type: SPOT, rows };
        place.app.predict_rows(&request, &Caller::command_line()).unwrap();
    }
}

#[tokio::test]
async fn a_feature_that_has_moved_is_named() {
    let mut stores = vec![Store::in_memory().await.unwrap()];
    stores.extend(postgres().await);
    for store in stores {
        let folder = scratch();
        let place = Registry::over(store.clone(), folder.clone());
        let bytes = made_model(&["calm", "moved", "missing"], true, Made::Probability(0.5), 0);
        let model = place.upload(&new("1", SPOT, true), &bytes).await.unwrap();
        let features = async |place: &Registry| {
            place.app.keep_seen_features().await.unwrap();
            place.app.performance(Some(&model.model_id)).await.unwrap().features
        };
        assert_eq!(features(&place).await, [], "nobody has asked");
        ask(&place, 10, 0.0, 10);
        let early = features(&place).await;
        assert_eq!(
            (early.len(), early[0].stability_index, early[0].reference_count),
            (3, None, 500)
        );
        assert!(early[0].reason.unwrap().contains("1,000"));
        ask(&place, 10, 0.0, 10);
        let learnt = features(&place).await;
        assert_eq!((learnt[0].reference_count, learnt[0].recent_count), (1000, 0));
        assert!(learnt[0].reason.unwrap().contains("100"));
        ask(&place, 20, 0.0, 10);
        let calm = features(&place).await;
        let small = |one: &FeatureDrift| one.stability_index.is_some_and(|index| index < 0.1);
        assert!(calm.iter().all(small), "{calm:?}");

        // Another server counts beside this one, by the same bins.
        let other = Registry::over(store.clone(), folder);
        other.app.reload_models().await.unwrap();
        other.app.keep_seen_features().await.unwrap();
        ask(&other, 1, 0.0, 10);
        other.app.keep_seen_features().await.unwrap();
        ask(&other, 60, 2.0, 1);
        let found = features(&other).await;
        assert_eq!(found[0].recent_count, 4000);
        let index = |at: usize| found[at].stability_index.unwrap();
        assert!(index(0) < 0.1 && index(1) > 0.25 && index(2) > 0.25, "{found:?}");
        let performance = place.app.performance(Some(&model.model_id)).await.unwrap();
        let named: Vec<bool> =
            performance.alerts.iter().map(|alert| alert.starts_with("drift of feature")).collect();
        assert_eq!(named, [true, true], "{:?}", performance.alerts);
    }
}
