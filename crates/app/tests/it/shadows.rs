//! A shadow is asked what was answered, and changes nothing of it.

use std::sync::Arc;
use std::time::Duration;

use app::App;
use app::Error;
use app::access::Caller;
use app::decide::Desk;
use app::models::ModelType;
use app::models::activation::RollbackRequest;
use app::models::folder::ModelFolder;
use app::performance::{Outcome, Outcomes};
use app::predict::keeper::{Keeper, Waiting};
use app::predict::shadow::{Questions, Shadows};
use app::predict::{GivenRequest, GivenRows};
use clock::Clock;
use market::PRICE_FEATURES;
use store::{ModelFilter, PredictionFilter, Store, Uuid};
use testkit::{Made, made_model};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::model_decides::decided;
use crate::registry::{LARGEST, Registry, new, pool, postgres, scratch, spot};

const SPOT: ModelType = ModelType::SpotPredictor;

/// A registry with a keeper and shadows, whose other ends wait.
fn place(store: Store) -> (Registry, Waiting, Questions) {
    let clock = Clock::fixed("2026-08-01T00:00:00Z".parse().unwrap());
    let (keeper, waiting) = Keeper::new();
    let (shadows, questions) = Shadows::new();
    let folder = scratch();
    let app = App::new(Desk::new(market::bundled()), store, clock);
    let app = app.with_keeper(keeper).with_shadows(shadows);
    let app = Arc::new(app.with_model_folder(ModelFolder::new(&folder, LARGEST)));
    (Registry { app, folder }, waiting, questions)
}

/// Has shadows say so many predictions or more, and keeps everything. How many.
async fn shadows_say(place: &Registry, many: u64, waiting: Waiting, questions: Questions) -> u64 {
    let (stop, stopped) = watch::channel(false);
    let mut asking = JoinSet::new();
    asking.spawn(Arc::clone(&place.app).ask_shadows(questions, stopped));
    for _ in 0..3000 {
        if place.app.metrics().shadow_predictions_made >= many {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    stop.send(true).unwrap();
    asking.join_all().await;
    let made = place.app.metrics().shadow_predictions_made;
    assert!(made >= many, "{made}");
    let (_stop, stopped) = watch::channel(true);
    waiting.write(place.app.store().clone(), stopped).await;
    made
}

/// The answer for two pools as it leaves, without the names that every call has anew.
fn bytes(place: &Registry) -> String {
    let pools = [pool(), pool()];
    let found = place.app.predict_interruptions(&pools, None, &Caller::command_line()).unwrap();
    let mut text = String::from_utf8(found.json().unwrap()).unwrap();
    for one in &found.predictions {
        text = text.replace(&one.prediction_id.to_string(), "");
    }
    text
}

#[tokio::test]
async fn answers_and_decisions_are_the_same_with_a_shadow_and_both_are_compared() {
    let mut stores = vec![Store::in_memory().await.unwrap()];
    stores.extend(postgres().await);
    for store in stores {
        let (place, waiting, questions) = place(store);
        let caller = Caller::command_line();
        place.upload(&new("1", SPOT, true), &spot(0.25)).await.unwrap();
        let other = place.upload(&new("2", SPOT, false), &spot(0.75)).await.unwrap();
        let active = place.app.served_models().remove(0).model_id;
        let again = || place.app.set_market(Arc::new(market::bundled()));
        let (answer, decision) = (bytes(&place), decided(&place).await);
        assert_eq!(
            place.app.begin_shadow(&other.model_id, &caller).await.unwrap().status,
            "shadow"
        );
        again();
        assert_eq!(bytes(&place), answer, "byte for byte");
        let shadowed = decided(&place).await;
        for part in ["evidence", "recommendations", "rejected", "input_hash"] {
            assert_eq!(shadowed[part], decision[part], "{part}");
        }
        let filter = ModelFilter { asked: true, limit: 9, ..ModelFilter::default() };
        assert_eq!(place.app.store().models(&filter).await.unwrap().1, 2);
        let asked = place.app.metrics();
        assert_eq!((asked.shadow_predictions_made, asked.models_loaded), (0, 1));

        // What decisions ask is every pool of the region with a price.
        let of = |model_id| PredictionFilter {
            model_id: Some(model_id),
            limit: 50_000,
            ..Default::default()
        };
        // Behind the two pools of the call come all pools that the decision asked about.
        let made = shadows_say(&place, 3, waiting, questions).await;
        let id: Uuid = other.model_id.parse().unwrap();
        let said = place.app.store().predictions(&of(id)).await.unwrap();
        assert!(said.iter().all(|row| row.shadow_of == Some(active) && row.customer_id.is_empty()));
        let (listed, total) = place.app.prediction_history(None, 500, 0, &caller).await.unwrap();
        assert!(total > 0 && listed.iter().all(|row| row.shadow_of.is_none()));

        let answers = place.app.store().predictions(&of(active)).await.unwrap();
        assert_eq!(answers.len() as u64, 2 * made, "the same before and with the shadow");
        let outcome = |at: usize, occurred| Outcome {
            prediction_id: answers[at].prediction_id.to_string(),
            model_id: Some(active.to_string()),
            occurred: Some(occurred),
            value: None,
        };
        let mirrored: Vec<usize> = (0..answers.len())
            .filter(|at| said.iter().any(|row| row.prediction_id == answers[*at].prediction_id))
            .take(2)
            .collect();
        let outcomes = vec![outcome(mirrored[0], true), outcome(mirrored[1], false)];
        let noted = place.app.note_outcomes(&Outcomes { outcomes }).await.unwrap();
        assert_eq!(noted.resolved, 2, "shadows are not counted");
        let found = place.app.performance(Some(&other.model_id)).await.unwrap();
        assert_eq!((found.predictions_count, found.resolved_count), (made, 2));
        let compared = &found.comparisons[0];
        assert_eq!(compared.model_id, Some(active.to_string()));
        assert_eq!(compared.compared_count as u64, made);
        assert_eq!(compared.agreement, Some(0.0), "one says rather not, the other rather yes");
        assert!((compared.mean_absolute_difference - 0.5).abs() < 1e-6);
        assert!((compared.brier_score.unwrap() - (0.0625 + 0.5625) / 2.0).abs() < 1e-6);
        assert!((compared.answered_brier_score.unwrap() - 0.3125).abs() < 1e-6);
        assert!(
            place.app.performance(Some(&active.to_string())).await.unwrap().comparisons.is_empty()
        );
    }
}

fn refused(error: &Error) -> bool {
    matches!(error, Error::Taken(_))
}

#[tokio::test]
async fn one_of_a_type_is_a_shadow_until_another_model_answers() {
    let (place, _waiting, _questions) = place(Store::in_memory().await.unwrap());
    let caller = Caller::command_line();
    let mut ids = Vec::new();
    for version in ["1", "2", "3"] {
        let model = place.upload(&new(version, SPOT, version == "1"), &spot(0.25)).await.unwrap();
        ids.push(model.model_id);
    }
    let begin = async |at: usize| place.app.begin_shadow(&ids[at], &caller).await;
    let shadow = || place.app.shadow_model(SPOT).map(|model| model.model_id.to_string());
    assert!(refused(&begin(0).await.unwrap_err()), "it answers");
    begin(1).await.unwrap();
    assert_eq!(begin(1).await.unwrap().status, "already_shadow");
    assert_eq!(shadow().as_ref(), Some(&ids[1]));
    begin(2).await.unwrap();
    assert_eq!(shadow().as_ref(), Some(&ids[2]));
    let all = ModelFilter { limit: 9, ..ModelFilter::default() };
    let listed = place.app.models(&all).await.unwrap().0;
    assert_eq!(listed.iter().filter(|model| model.shadow).count(), 1);
    assert!(refused(&place.app.delete_model(&ids[2], &caller).await.unwrap_err()));

    place.activate(&ids[0]).await.unwrap();
    assert_eq!(shadow().as_ref(), Some(&ids[2]), "nothing has changed");
    place.activate(&ids[2]).await.unwrap();
    assert_eq!(shadow(), None, "it answers now");
    begin(1).await.unwrap();
    place.app.roll_back_model(&RollbackRequest { model_type: SPOT }, &caller).await.unwrap();
    assert_eq!(shadow(), None);
    begin(1).await.unwrap();
    assert_eq!(place.app.end_shadow(&ids[1], &caller).await.unwrap().status, "ended");
    assert_eq!(place.app.end_shadow(&ids[1], &caller).await.unwrap().status, "no_shadow");
    assert_eq!(shadow(), None);
    place.app.delete_model(&ids[1], &caller).await.unwrap();
}

#[tokio::test]
async fn without_an_active_model_a_shadow_is_compared_with_the_baseline() {
    let (place, waiting, questions) = place(Store::in_memory().await.unwrap());
    let caller = Caller::command_line();
    let names: Vec<&str> = PRICE_FEATURES.iter().map(|feature| feature.name).collect();
    let price = made_model(&names, true, Made::Value(0.5_f64.ln()), 0);
    for (kind, bytes) in [(SPOT, spot(0.25)), (ModelType::PricePredictor, price)] {
        let named =
            app::models::NewModel { model_name: kind.name().to_owned(), ..new("1", kind, false) };
        let model = place.upload(&named, &bytes).await.unwrap();
        place.app.begin_shadow(&model.model_id, &caller).await.unwrap();
    }
    let pools = [pool()];
    place.app.predict_interruptions(&pools, None, &caller).unwrap();
    let prices = place.app.predict_prices(&pools, &caller).unwrap();
    let known = u64::from(prices.predictions[0].predicted_price.is_some());
    shadows_say(&place, 1 + known, waiting, questions).await;
    let spot = place.app.shadow_model(SPOT).unwrap().model_id.to_string();
    let found = place.app.performance(Some(&spot)).await.unwrap();
    let compared = &found.comparisons[0];
    assert_eq!((compared.model_id.as_deref(), compared.compared_count), (None, 1));
    // The baseline answers for a day; a quarter an hour is near certainty by then.
    assert_eq!(compared.agreement, Some(0.0));
}

#[tokio::test]
async fn rows_go_by_the_names_of_features_and_what_finds_no_room_is_counted() {
    let (place, waiting, questions) = place(Store::in_memory().await.unwrap());
    let caller = Caller::command_line();
    let one = made_model(&["x", "y"], true, Made::Probability(0.5), 0);
    let two = made_model(&["y", "x"], true, Made::Probability(0.5), 0);
    place.upload(&new("1", SPOT, true), &one).await.unwrap();
    let other = place.upload(&new("2", SPOT, false), &two).await.unwrap();
    place.app.begin_shadow(&other.model_id, &caller).await.unwrap();
    let rows = |count: usize| {
        let rows = GivenRows::ByPosition(vec![vec![Some(0.0), Some(2.0)]; count]);
        GivenRequest { model_type: SPOT, rows }
    };
    place.app.predict_rows(&rows(35_000), &caller).unwrap();
    place.app.predict_rows(&rows(30_000), &caller).unwrap();
    let metrics = place.app.metrics();
    assert_eq!(metrics.shadow_predictions_dropped, 30_000);
    shadows_say(&place, 35_000, waiting, questions).await;
    let found = place.app.performance(Some(&other.model_id)).await.unwrap();
    assert_eq!(found.comparisons[0].compared_count, 20_000, "the newest");
    assert!(found.comparisons[0].mean_absolute_difference > 0.1, "the first feature is another");
}
