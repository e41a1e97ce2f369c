//! Predictions: kept to the last one, compared with what happened, seen by their own customer only.

use std::sync::Arc;

use app::App;
use app::access::{Caller, Role};
use app::decide::Desk;
use app::models::ModelType;
use app::models::folder::ModelFolder;
use app::performance::{Outcome, Outcomes};
use app::predict::keeper::{Keeper, Waiting};
use app::predict::{GivenRequest, GivenRows, PoolQuery};
use clock::{Clock, Hand};
use jiff::{SignedDuration, Timestamp};
use market::{Limits, Market, MarketFile, Origin, PRICE_FEATURES, parse};
use serde_json::json;
use store::{PredictionFilter, PredictionRow, Store, Uuid};
use testkit::{Made, made_model};
use tokio::sync::watch;

use crate::registry::{LARGEST, Registry, new, pool, scratch, spot};

const START: &str = "2026-08-01T00:00:00Z";

fn start() -> Timestamp {
    START.parse().unwrap()
}

/// A registry whose predictions wait for a writer, and the hand of its clock.
async fn kept(market: Market) -> (Registry, Waiting, Hand) {
    let (clock, hand) = Clock::manual(start());
    let (keeper, waiting) = Keeper::new();
    let folder = scratch();
    let app = App::new(Desk::new(market), Store::in_memory().await.unwrap(), clock);
    let app = app.with_keeper(keeper).with_model_folder(ModelFolder::new(&folder, LARGEST));
    (Registry { app: Arc::new(app), folder }, waiting, hand)
}

/// Writes everything that waits.
async fn write(app: &App, waiting: Waiting) {
    let (_stop, stopped) = watch::channel(true);
    waiting.write(app.store().clone(), stopped).await;
}

fn pools(count: usize) -> Vec<PoolQuery<'static>> {
    std::iter::repeat_with(pool).take(count).collect()
}

#[tokio::test]
async fn everything_that_found_room_is_kept_when_the_server_stops() {
    let (place, waiting, _) = kept(market::bundled()).await;
    let (app, caller) = (&place.app, Caller::command_line());
    let many = pools(7_000);
    for _ in 0..3 {
        app.predict_interruptions(&many, None, &caller).unwrap();
    }
    let (stop, stopped) = watch::channel(false);
    let mut writing = tokio::task::JoinSet::new();
    writing.spawn(waiting.write(app.store().clone(), stopped));
    app.predict_interruptions(&many, None, &caller).unwrap();
    stop.send(true).unwrap();
    writing.join_all().await;
    let keeper = app.keeper().unwrap();
    assert_eq!((keeper.kept(), keeper.dropped()), (28_000, 0));
    let stored = app.store().count_predictions(&PredictionFilter::default()).await.unwrap();
    assert_eq!((stored, app.store().last_prediction().await.unwrap()), (28_000, 28_000));
    // The writer is gone: what comes now is counted, not lost in silence.
    app.predict_interruptions(&pools(3), None, &caller).unwrap();
    assert_eq!((keeper.kept(), keeper.dropped()), (28_000, 3));
}

#[tokio::test]
async fn what_finds_no_room_is_answered_all_the_same_and_counted() {
    let (place, waiting, _) = kept(market::bundled()).await;
    let (app, caller) = (&place.app, Caller::command_line());
    let many = pools(50_000);
    for _ in 0..5 {
        let found = app.predict_interruptions(&many, None, &caller).unwrap();
        assert_eq!(found.predictions.len(), 50_000);
    }
    let keeper = app.keeper().unwrap();
    assert_eq!((keeper.kept(), keeper.dropped()), (0, 50_000));
    drop(waiting);
    app.predict_interruptions(&pools(1), None, &caller).unwrap();
    assert_eq!(keeper.dropped(), 50_001);
    let too_many = pools(50_001);
    let refused = app.predict_interruptions(&too_many, None, &caller);
    assert!(matches!(refused, Err(app::Error::Invalid(_))));
}

#[tokio::test]
async fn outcomes_become_measures_of_the_model_that_was_asked() {
    let (place, waiting, hand) = kept(market::bundled()).await;
    let bytes = made_model(&["x"], true, Made::Probability(0.5), 0);
    let model = place.upload(&new("1", ModelType::SpotPredictor, true), &bytes).await.unwrap();
    let caller = Caller::command_line();
    let logit = |probability: f64| Some((probability / (1.0 - probability)).ln());
    let said = [0.9, 0.8, 0.3, 0.1];
    let rows = GivenRows::ByPosition(said.map(|one| vec![logit(one)]).to_vec());
    let request = GivenRequest { model_type: ModelType::SpotPredictor, rows };
    let answers = place.app.predict_rows(&request, &caller).unwrap().predictions;
    for (answer, said) in answers.iter().zip(said) {
        assert!((answer.value.unwrap() - said).abs() < 1e-6);
    }
    write(&place.app, waiting).await;
    let id = Some(model.model_id.as_str());
    let before = place.app.performance(id).await.unwrap();
    assert_eq!((before.predictions_count, before.resolved_count, before.accuracy), (4, 0, None));
    let expected = [0.9, 0.8, 0.7, 0.9].iter().sum::<f64>() / 4.0;
    assert!((before.drift.expected_accuracy.unwrap() - expected).abs() < 1e-6);

    hand.advance(SignedDuration::from_hours(1));
    let outcome = |at: usize, occurred| Outcome {
        prediction_id: answers[at].prediction_id.to_string(),
        model_id: Some(model.model_id.clone()),
        occurred: Some(occurred),
        value: None,
    };
    let stranger = Outcome { model_id: None, ..outcome(0, true) };
    let happened = [outcome(0, true), outcome(1, false), outcome(2, true), outcome(3, false)];
    let outcomes = Outcomes { outcomes: [&happened[..], &[stranger]].concat() };
    let noted = place.app.note_outcomes(&outcomes).await.unwrap();
    assert_eq!((noted.resolved, noted.ignored), (4, 1));
    let again = Outcomes { outcomes: vec![outcome(0, false)] };
    assert_eq!(place.app.note_outcomes(&again).await.unwrap().resolved, 0, "the first one stands");
    let found = place.app.performance(id).await.unwrap();
    assert_eq!((found.resolved_count, found.measured_count), (4, 4));
    assert_eq!((found.accuracy, found.precision, found.recall), (Some(0.5), Some(0.5), Some(0.5)));
    let brier = found.probabilities.unwrap().brier_score;
    assert!((brier - (0.01 + 0.64 + 0.49 + 0.01) / 4.0).abs() < 1e-6, "{brier}");
    assert!(found.values.is_none() && found.alerts.is_empty(), "{:?}", found.alerts);
    assert_eq!(place.app.performance(None).await.unwrap().predictions_count, 0);

    let nothing = Outcome { occurred: None, ..outcome(0, true) };
    let nameless = Outcome { prediction_id: "x".to_owned(), ..outcome(0, true) };
    for (wrong, pointer) in [(nothing, "/outcomes/0"), (nameless, "/outcomes/0/prediction_id")] {
        match place.app.note_outcomes(&Outcomes { outcomes: vec![wrong] }).await {
            Err(app::Error::Invalid(errors)) => assert_eq!(errors[0].pointer, pointer),
            other => panic!("{other:?}"),
        }
    }
}

/// A market in which m5.large of one zone has these prices, by hours from the start.
fn priced(prices: &[(i64, f64)]) -> Market {
    let mut text = "timestamp,az,instance_type,usd_per_hour\n".to_owned();
    for (hours, price) in prices {
        let at = start() + SignedDuration::from_hours(*hours);
        text.push_str(&format!("{at},us-east-1a,m5.large,{price}\n"));
    }
    let origin = Origin::new("test", start() + SignedDuration::from_hours(100));
    match parse(text.as_bytes(), &origin, &Limits::default()).unwrap() {
        MarketFile::Spot(file) => market::bundled().with_spot(file),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn predicted_prices_are_compared_once_the_market_knows_them() {
    let before = [(-30, 0.03), (-2, 0.04)];
    let (place, waiting, hand) = kept(priced(&before)).await;
    let names: Vec<&str> = PRICE_FEATURES.iter().map(|feature| feature.name).collect();
    // The first feature is the change of the last hour, which is none.
    let bytes = made_model(&names, true, Made::Value(0.5_f64.ln()), 0);
    let model = place.upload(&new("1", ModelType::PricePredictor, true), &bytes).await.unwrap();
    let caller = Caller::command_line();
    let pools = pools(1);
    let found = place.app.predict_prices(&pools, &caller).unwrap();
    let predicted = found.predictions[0].predicted_price.unwrap();
    assert!((predicted - 0.02).abs() < 1e-6, "{found:?}");
    write(&place.app, waiting).await;
    assert_eq!(place.app.resolve_prices().await.unwrap(), 0, "it lies ahead");
    hand.advance(SignedDuration::from_hours(30));
    assert_eq!(place.app.resolve_prices().await.unwrap(), 0, "nobody looked at the price since");
    // However many are made meanwhile, the one that is due is found.
    let store = place.app.store();
    let all = PredictionFilter { limit: 1, ..PredictionFilter::default() };
    let row = store.predictions(&all).await.unwrap().remove(0);
    let later: Vec<PredictionRow> = (1..=20_000)
        .map(|number| PredictionRow {
            prediction_id: Uuid::from_u128(number),
            created_at: place.app.clock().now(),
            ..row.clone()
        })
        .collect();
    store.keep_predictions(&later).await.unwrap();
    let after = [&before[..], &[(20, 0.025), (29, 0.05)]].concat();
    place.app.set_market(Arc::new(priced(&after)));
    assert_eq!(place.app.resolve_prices().await.unwrap(), 1);
    let values = place.app.performance(Some(&model.model_id)).await.unwrap().values.unwrap();
    assert!((values.mean_absolute_error - 0.005).abs() < 1e-6, "{values:?}");
    let relative = values.relative_to_last_value.unwrap();
    assert!((relative - 0.005 / 0.015).abs() < 1e-4, "{values:?}");
    assert_eq!(place.app.resolve_prices().await.unwrap(), 0);
}

#[tokio::test]
async fn a_tenant_sees_its_own_predictions() {
    let (place, waiting, _) = kept(market::bundled()).await;
    place.upload(&new("1", ModelType::SpotPredictor, true), &spot(0.25)).await.unwrap();
    let tenant = |customer: Option<&str>| Caller {
        name: "key".to_owned(),
        role: Role::Tenant,
        customer_id: customer.map(str::to_owned),
    };
    for customer in [Some("acme"), Some("acme"), Some("other")] {
        place.app.predict_interruptions(&pools(1), None, &tenant(customer)).unwrap();
    }
    place.app.predict_interruptions(&pools(1), None, &Caller::command_line()).unwrap();
    write(&place.app, waiting).await;
    for (caller, expected) in [
        (tenant(Some("acme")), 2),
        (tenant(Some("other")), 1),
        (tenant(Some("nobody")), 0),
        (tenant(None), 0),
        (Caller::command_line(), 4),
    ] {
        let (rows, total) = place.app.prediction_history(None, 100, 0, &caller).await.unwrap();
        assert_eq!((rows.len() as u64, total), (expected, expected), "{caller:?}");
    }
}

#[tokio::test]
async fn without_a_model_the_class_answers_and_says_how_sure_it_is() {
    let (place, _waiting, _) = kept(market::bundled()).await;
    let pools = pools(1);
    let found = place.app.predict_interruptions(&pools, None, &Caller::command_line()).unwrap();
    let one = &found.predictions[0];
    assert!(found.model.is_none());
    let (low, high) = (one.low.unwrap(), one.high.unwrap());
    assert!(low < one.interruption_probability && one.interruption_probability < high);
    assert!((one.confidence - (1.0 - (high - low))).abs() < 1e-5);
    let all = &one.probabilities;
    assert!(all.hour < all.six_hours && all.six_hours < all.day && all.day < all.month);
    assert_eq!((one.interruption_probability, one.recommendation), (all.day, "use"));
}

#[tokio::test]
async fn a_model_whose_answers_have_moved_is_told_of_until_it_is_active_no_more() {
    let (place, waiting, hand) = kept(market::bundled()).await;
    let bytes = made_model(&["x"], true, Made::Probability(0.5), 0);
    let model = place.upload(&new("1", ModelType::SpotPredictor, true), &bytes).await.unwrap();
    let caller = Caller::command_line();
    let ask = |center: f64| {
        let row = |number: u32| vec![Some(center + f64::from(number % 100) / 50.0)];
        let rows = GivenRows::ByPosition((0..1000).map(row).collect());
        let request = GivenRequest { model_type: ModelType::SpotPredictor, rows };
        place.app.predict_rows(&request, &caller).unwrap();
    };
    ask(-2.0);
    assert_eq!(place.app.watch_conditions().await.unwrap(), 0);
    hand.advance(SignedDuration::from_hours(1));
    ask(1.0);
    write(&place.app, waiting).await;
    let performance = place.app.performance(Some(&model.model_id)).await.unwrap();
    assert!(performance.alerts[0].starts_with("drift"), "{:?}", performance.alerts);
    assert_eq!(place.app.watch_conditions().await.unwrap(), 1);
    let alerts = place.app.alerts(&caller).await.unwrap();
    assert_eq!(alerts[0].event_type, "model.drifting");
    assert!(alerts[0].title.contains("stability index"), "{}", alerts[0].title);

    hand.advance(SignedDuration::from_hours(1));
    place.upload(&new("2", ModelType::SpotPredictor, true), &bytes).await.unwrap();
    assert_eq!(place.app.watch_conditions().await.unwrap(), 0);
    let events = place.app.store().events_to_offer(10).await.unwrap();
    let kinds: Vec<&str> = events.iter().map(|event| event.event_type.as_str()).collect();
    assert_eq!(kinds, ["model.drifting", "model.steady"]);
}

#[tokio::test]
async fn pools_of_all_clusters_are_one_question_whatever_their_zones_are_called() {
    let (place, waiting, _) = kept(market::bundled()).await;
    let app = &place.app;
    place.upload(&new("1", ModelType::SpotPredictor, true), &spot(0.5)).await.unwrap();
    for (cluster, other) in [("shop", "eu-west-1b"), ("bank", "nowhere")] {
        let node = |zone: &str| {
            json!({ "name": zone, "instance_type": "m5.large", "zone": zone,
                    "capacity_type": "spot" })
        };
        let state = json!({ "region": "us-east-1", "nodes": [node("us-east-1a"), node(other)] });
        let state = state.to_string().into_bytes();
        app.keep_snapshot(cluster, state, &Caller::command_line()).await.unwrap();
    }
    assert_eq!(app.watch_conditions().await.unwrap(), 4, "two pools of each of two clusters");
    write(app, waiting).await;
    let all = PredictionFilter { limit: 10, ..PredictionFilter::default() };
    let asked = app.store().predictions(&all).await.unwrap();
    let mut zones: Vec<&str> = asked.iter().map(|row| &*row.pool.zone).collect();
    zones.sort_unstable();
    assert_eq!(zones, ["", "", "us-east-1a"], "each pool once, without zones that are none");
}
