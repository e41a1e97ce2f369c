//! Old predictions go in steps; the first ones of a model and all counts stay.

use store::{FIRST_PREDICTIONS, ForgottenPredictions, PredictionFilter, Uuid};

use crate::access::note;
use crate::backends;
use crate::predictions::{model, prediction};
use crate::prices::at;

#[tokio::test]
async fn old_predictions_go_in_steps_but_the_first_ones_stay() {
    for backend in backends::all().await {
        let (store, name) = (&backend.store, backend.name);
        let first = u128::from(FIRST_PREDICTIONS);
        let (one, gone) = (Uuid::from_u128(1), Uuid::from_u128(9));
        store.add_model(&model(1, "aa"), &note("model.upload", 0)).await.unwrap();
        let rows = |model: u128, numbers: std::ops::Range<u128>, second| -> Vec<_> {
            numbers.map(|number| prediction(model, number, second)).collect()
        };
        for (numbers, second) in [(0..first, 10), (first..first + 50, 20), (5000..5010, 90)] {
            store.keep_predictions(&rows(1, numbers, second)).await.unwrap();
        }
        // Of a model that is gone, of the baseline, and of one that has few.
        store.keep_predictions(&rows(9, 1..21, 10)).await.unwrap();
        store.keep_predictions(&rows(0, 0..20, 10)).await.unwrap();
        let resolved = [(one, Uuid::from_u128(first), 1.0), (one, Uuid::from_u128(3), 1.0)];
        store.resolve_predictions(&resolved, at(30)).await.unwrap();

        let step = async |model, most| store.forget_predictions(model, at(90), most).await.unwrap();
        let counted = |predictions, resolved| ForgottenPredictions { predictions, resolved };
        assert_eq!(step(one, 30).await.predictions, 30, "{name}");
        assert_eq!(step(one, 30).await.predictions, 20, "{name}: what is newer stays");
        assert_eq!(step(one, 30).await, counted(0, 0), "{name}");
        assert_eq!(store.forgotten_predictions(one).await.unwrap(), counted(50, 1), "{name}");
        let of = |model_id| PredictionFilter { model_id: Some(model_id), ..Default::default() };
        assert_eq!(store.count_predictions(&of(one)).await.unwrap(), 1010, "{name}");
        let kept = store.first_predictions(one).await.unwrap();
        let numbers: Vec<_> = kept.iter().map(|row| row.prediction_id.as_u128()).collect();
        assert_eq!(numbers, (0..first).collect::<Vec<_>>(), "{name}");

        assert_eq!(store.next_predicting_model(Uuid::nil()).await.unwrap(), Some(one), "{name}");
        assert_eq!(store.next_predicting_model(one).await.unwrap(), Some(gone), "{name}");
        assert_eq!(store.next_predicting_model(gone).await.unwrap(), None, "{name}");
        assert_eq!(step(Uuid::nil(), 30).await, counted(0, 0), "{name}: they are its first ones");
        assert_eq!(step(gone, 30).await, counted(20, 0), "{name}: nothing is compared with them");
        assert_eq!(store.forgotten_predictions(gone).await.unwrap(), counted(0, 0), "{name}");

        store.delete_model(one, &note("model.delete", 95)).await.unwrap().unwrap();
        assert_eq!(store.forgotten_predictions(one).await.unwrap(), counted(0, 0), "{name}");
    }
}
