//! Predictions in one order, and what became of them.

use store::{
    ModelFile, ModelRow, NotDeleted, PredictedPool, PredictionFilter, PredictionRow, Store, Uuid,
};

use crate::access::note;
use crate::backends;
use crate::prices::at;

pub(crate) fn prediction(model: u128, number: u128, second: i64) -> PredictionRow {
    PredictionRow {
        model_id: Uuid::from_u128(model),
        prediction_id: Uuid::from_u128(number),
        sequence: 0,
        prediction_type: "spot_interruption".into(),
        customer_id: if number.is_multiple_of(2) { "acme" } else { "" }.into(),
        pool: PredictedPool {
            instance_type: "m5.large".into(),
            region: "us-east-1".into(),
            zone: "us-east-1a".into(),
            operating_system: "linux".into(),
        },
        horizon_seconds: 3600,
        value: 0.25,
        low: Some(0.125),
        high: None,
        last_value: None,
        confidence: 0.5,
        features: (number == 3).then(|| serde_json::json!({"age_hours": 2.5})),
        created_at: at(second),
        outcome: None,
        outcome_at: None,
        shadow_of: None,
    }
}

async fn sequences(store: &Store, filter: &PredictionFilter) -> Vec<u64> {
    let filter = PredictionFilter { limit: 10_000, ..filter.clone() };
    let rows = store.predictions(&filter).await.unwrap();
    assert_eq!(rows.len() as u64, store.count_predictions(&filter).await.unwrap());
    rows.iter().map(|row| row.sequence).collect()
}

#[tokio::test]
async fn predictions_come_back_in_one_order() {
    for backend in backends::all().await {
        let (store, name) = (&backend.store, backend.name);
        let first = [prediction(7, 1, 10), prediction(0, 2, 10), prediction(7, 3, 20)];
        assert_eq!(store.keep_predictions(&first).await.unwrap(), 3, "{name}");
        let many: Vec<_> = (10..2510).map(|number| prediction(8, number, 30)).collect();
        assert_eq!(store.keep_predictions(&many).await.unwrap(), 2503, "{name}");
        assert_eq!(store.last_prediction().await.unwrap(), 2503, "{name}");

        let all = PredictionFilter { after_sequence: Some(0), ..Default::default() };
        assert_eq!(sequences(store, &all).await, (1..=2503).collect::<Vec<_>>(), "{name}");
        let of = |number| PredictionFilter {
            model_id: Some(Uuid::from_u128(number)),
            ..Default::default()
        };
        assert_eq!(sequences(store, &of(7)).await, [3, 1], "{name}: the newest first");
        assert_eq!(sequences(store, &of(0)).await, [2], "{name}");
        let since = PredictionFilter { since: Some(at(20)), until: Some(at(30)), ..of(7) };
        assert_eq!(sequences(store, &since).await, [3], "{name}");
        let acme = PredictionFilter { customer_id: Some("acme".to_owned()), ..Default::default() };
        assert_eq!(sequences(store, &acme).await.len(), 1251, "{name}");

        let behind = PredictionFilter { limit: 1, offset: 1, ..all.clone() };
        let row = store.predictions(&PredictionFilter { offset: 2, ..behind }).await.unwrap();
        assert_eq!(row, [PredictionRow { sequence: 3, ..prediction(7, 3, 20) }], "{name}");
    }
}

#[tokio::test]
async fn what_is_there_already_is_left_as_it_is() {
    for backend in backends::all().await {
        let (store, name) = (&backend.store, backend.name);
        store.keep_predictions(&[prediction(7, 3, 10), prediction(7, 4, 10)]).await.unwrap();
        let changed = PredictionRow { value: 0.75, ..prediction(7, 4, 20) };
        let again = [changed, prediction(7, 5, 20), prediction(8, 4, 20), prediction(7, 5, 30)];
        assert_eq!(store.keep_predictions(&again).await.unwrap(), 6, "{name}");
        let all =
            PredictionFilter { after_sequence: Some(0), limit: 9, ..PredictionFilter::default() };
        let kept = |sequence, row| PredictionRow { sequence, ..row };
        let wanted = [
            kept(1, prediction(7, 3, 10)),
            kept(2, prediction(7, 4, 10)),
            kept(4, prediction(7, 5, 20)),
            kept(5, prediction(8, 4, 20)),
        ];
        assert_eq!(store.predictions(&all).await.unwrap(), wanted, "{name}");
    }
}

#[tokio::test]
async fn the_first_outcome_stands() {
    for backend in backends::all().await {
        let (store, name) = (&backend.store, backend.name);
        store.keep_predictions(&[prediction(7, 1, 10), prediction(7, 2, 11)]).await.unwrap();
        let (model, one) = (Uuid::from_u128(7), Uuid::from_u128(1));
        let resolve = async |outcome: f64| {
            let outcomes = [(model, one, outcome), (model, Uuid::from_u128(99), 1.0)];
            store.resolve_predictions(&outcomes, at(50)).await.unwrap()
        };
        assert_eq!(resolve(1.0).await, 1, "{name}");
        assert_eq!(resolve(0.0).await, 0, "{name}: it was known already");
        let known = PredictionFilter { resolved: Some(true), limit: 9, ..Default::default() };
        let rows = store.predictions(&known).await.unwrap();
        let found: Vec<_> =
            rows.iter().map(|row| (row.prediction_id, row.outcome, row.outcome_at)).collect();
        assert_eq!(found, [(one, Some(1.0), Some(at(50)))], "{name}");
        let open = PredictionFilter { resolved: Some(false), ..Default::default() };
        assert_eq!(sequences(store, &open).await, [2], "{name}");
    }
}

#[tokio::test]
async fn every_writer_waits_for_the_one_before() {
    for backend in backends::all().await {
        let (store, name) = (&backend.store, backend.name);
        let mut news = store.news_of_predictions();
        let mut writers = tokio::task::JoinSet::new();
        for writer in 0..8_u128 {
            let store = store.clone();
            writers.spawn(async move {
                for turn in 0..5 {
                    let number = 1_000 * writer + 10 * turn;
                    let rows: Vec<_> =
                        (0..3).map(|one| prediction(writer, number + one, 5)).collect();
                    store.keep_predictions(&rows).await.unwrap();
                }
            });
        }
        writers.join_all().await;
        news.next().await;
        let all = PredictionFilter { after_sequence: Some(0), ..Default::default() };
        assert_eq!(sequences(store, &all).await, (1..=120).collect::<Vec<_>>(), "{name}");
    }
}

pub(crate) fn model(number: u128, digest: &str) -> ModelRow {
    ModelRow {
        model_id: Uuid::from_u128(number),
        name: "spot".to_owned(),
        version: number.to_string(),
        model_type: "spot_predictor".to_owned(),
        trained_until: jiff::civil::date(2026, 7, 1),
        uploaded_at: at(i64::try_from(number).unwrap()),
        uploaded_by: None,
        active: false,
        metadata: None,
        last_refresh_at: None,
        file: Some(ModelFile {
            name: "model.json".to_owned(),
            digest: digest.to_owned(),
            bytes: 1234,
            path: format!("sha256/{digest}"),
        }),
        description: Some(serde_json::json!({"format": "xgboost_json"})),
        shadow: false,
    }
}

#[tokio::test]
async fn a_file_goes_with_the_last_model_that_has_it() {
    for backend in backends::all().await {
        let (store, name) = (&backend.store, backend.name);
        for (number, digest) in [(1, "aa"), (2, "aa"), (3, "bb")] {
            let added = store.add_model(&model(number, digest), &note("model.upload", 0)).await;
            assert!(added.unwrap(), "{name}");
        }
        let id = Uuid::from_u128;
        assert_eq!(store.model(id(3)).await.unwrap(), Some(model(3, "bb")), "{name}");
        let mut digests = store.model_digests().await.unwrap();
        digests.sort();
        assert_eq!(digests, ["aa", "bb"], "{name}");
        store.activate_model(id(1), &note("model.activate", 10)).await.unwrap();
        store.activate_model(id(3), &note("model.activate", 20)).await.unwrap();
        store.activate_model(id(3), &note("model.activate", 30)).await.unwrap();
        let delete =
            async |number| store.delete_model(id(number), &note("model.delete", 40)).await.unwrap();
        assert_eq!(delete(3).await, Err(NotDeleted::Active), "{name}");
        assert_eq!(delete(9).await, Err(NotDeleted::Unknown), "{name}");
        assert_eq!(delete(1).await, Ok(None), "{name}: another model has the same file");
        assert_eq!(delete(2).await, Ok(Some("aa".to_owned())), "{name}");
        let history = store.activations("spot_predictor", 9).await.unwrap();
        let found: Vec<_> =
            history.iter().map(|row| (row.model_id, row.previous_id, row.activated_at)).collect();
        let expected = [(id(3), Some(id(1)), at(20)), (id(1), None, at(10))];
        assert_eq!(found, expected, "{name}: what was active already is no change");
    }
}

#[tokio::test]
async fn a_shadow_of_an_answer_has_its_name_and_its_outcome() {
    for backend in backends::all().await {
        let (store, name) = (&backend.store, backend.name);
        let id = Uuid::from_u128;
        for number in [1, 2, 3] {
            store.add_model(&model(number, "aa"), &note("model.upload", 0)).await.unwrap();
        }
        store.activate_model(id(1), &note("model.activate", 5)).await.unwrap();
        let shadow = async |number, shadow| {
            store.set_shadow(id(number), shadow, &note("model.shadow", 10)).await.unwrap()
        };
        assert_eq!(shadow(9, true).await, None, "{name}");
        assert_eq!(shadow(2, true).await, Some(true), "{name}");
        assert_eq!(shadow(2, true).await, Some(false), "{name}");
        assert_eq!(shadow(1, true).await, Some(false), "{name}: it answers");
        assert!(store.model(id(2)).await.unwrap().unwrap().shadow, "{name}");
        let refused = store.delete_model(id(2), &note("model.delete", 40)).await.unwrap();
        assert_eq!(refused, Err(NotDeleted::Shadow), "{name}");

        let of = |number, second| PredictionRow {
            shadow_of: Some(id(1)),
            value: 0.75,
            ..prediction(2, number, second)
        };
        let longer = PredictionRow { horizon_seconds: 7200, ..of(6, 10) };
        let rows = [prediction(1, 4, 10), prediction(1, 5, 10), prediction(1, 6, 10)];
        store.keep_predictions(&rows).await.unwrap();
        store.keep_predictions(&[of(4, 10), of(5, 10), longer, of(7, 10)]).await.unwrap();
        let outcomes = [(id(1), id(4), 1.0), (id(1), id(6), 1.0)];
        assert_eq!(store.resolve_predictions(&outcomes, at(50)).await.unwrap(), 2, "{name}");
        let mut pairs = store.shadow_pairs(id(2), 10).await.unwrap();
        pairs.sort_by_key(|pair| pair.outcome.is_none());
        let found = pairs.iter();
        let found = found.map(|pair| (pair.answered_by, pair.answer, pair.shadow, pair.outcome));
        let wanted = [(id(1), 0.25, 0.75, Some(1.0)), (id(1), 0.25, 0.75, None)];
        assert_eq!(found.collect::<Vec<_>>(), wanted, "{name}: of one horizon only");
        let filter = |shadows| PredictionFilter { shadows: Some(shadows), ..Default::default() };
        assert_eq!(sequences(store, &filter(true)).await.len(), 4, "{name}");
        assert_eq!(sequences(store, &filter(false)).await.len(), 3, "{name}");
        let known = PredictionFilter { resolved: Some(true), ..filter(true) };
        assert_eq!(sequences(store, &known).await.len(), 1, "{name}: its own horizon only");

        store.activate_model(id(3), &note("model.activate", 60)).await.unwrap();
        assert_eq!(shadow(2, false).await, Some(false), "{name}: it was ended");
    }
}

#[tokio::test]
async fn features_are_counted_by_each_server_for_itself() {
    for backend in backends::all().await {
        let (store, name) = (&backend.store, backend.name);
        let model = Uuid::from_u128(1);
        let counts = |second, rows| store::FeatureCounts {
            hour: at(second),
            rows,
            bins: serde_json::json!([[rows, 0]]),
        };
        assert_eq!(store.feature_reference(model).await.unwrap(), None, "{name}");
        let bins = serde_json::json!([{"name": "x"}]);
        store.learn_features(model, 9, &bins, at(0)).await.unwrap();
        store.learn_features(model, 8, &serde_json::json!([]), at(1)).await.unwrap();
        let kept = store.feature_reference(model).await.unwrap();
        assert_eq!(kept, Some((9, bins)), "{name}: the first stands");
        let count = async |writer, counts| {
            let writer = Uuid::from_u128(writer);
            store.count_features(model, writer, &counts, at(10)).await.unwrap();
        };
        count(1, counts(3600, 5)).await;
        count(2, counts(3600, 7)).await;
        count(1, counts(3600, 6)).await;
        count(1, counts(5, 4)).await;
        let found = store.feature_counts(model, 10).await.unwrap();
        assert_eq!(found, [counts(3600, 6), counts(3600, 7)], "{name}");
    }
}
