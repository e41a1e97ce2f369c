//! Models from the file that comes in to the one that is deleted.

use std::sync::Arc;

use app::Error;
use app::access::Caller;
use app::models::ModelType;
use app::models::activation::{ActivateRequest, RollbackRequest};
use market::SPOT_FEATURES;
use serde_json::json;
use store::Store;
use testkit::{Made, made_model};
use tokio::task::JoinSet;

use crate::registry::{LARGEST, Registry, new, postgres, scratch, spot, spot_names};

const SPOT: ModelType = ModelType::SpotPredictor;

fn code(error: &Error) -> &'static str {
    match error {
        Error::Invalid(errors) => errors[0].code,
        Error::Taken(_) => "taken",
        Error::NotFound(_) => "not found",
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_model_is_taken_in_answers_and_goes() {
    let place = Registry::new().await;
    let caller = Caller::command_line();
    let back = RollbackRequest { model_type: SPOT };
    let one = place.upload(&new("1", SPOT, false), &spot(0.25)).await.unwrap();
    assert_eq!(one.description.as_ref().unwrap()["features_from"], "server");
    assert_eq!((place.count(None).await, place.answer()), (1, None), "it does not answer yet");
    assert_eq!(code(&place.app.roll_back_model(&back, &caller).await.unwrap_err()), "taken");

    let done = place.activate(&one.model_id).await.unwrap();
    assert_eq!((done.status, done.previous_active), ("activated", None));
    assert!((place.answer().unwrap() - 0.25).abs() < 1e-6);
    assert_eq!(place.activate(&one.model_id).await.unwrap().status, "already_active");

    let two = place.upload(&new("2", SPOT, true), &spot(0.5)).await.unwrap();
    assert!((place.answer().unwrap() - 0.5).abs() < 1e-6);
    let done = place.app.roll_back_model(&back, &caller).await.unwrap();
    assert_eq!(
        (done.model_id.as_str(), done.previous_active.as_deref()),
        (one.model_id.as_str(), Some(two.model_id.as_str()))
    );
    assert!((place.answer().unwrap() - 0.25).abs() < 1e-6);
    let history = place.app.activations(SPOT).await.unwrap();
    let ids: Vec<&str> = history.iter().map(|row| row.model_id.as_str()).collect();
    assert_eq!(ids, [&one.model_id, &two.model_id, &one.model_id], "an idle one is none");

    let bytes = place.app.model_file(&two.model_id).await.unwrap().1;
    assert_eq!(bytes, spot(0.5), "what comes back is what came in");
    let kept = place.app.delete_model(&one.model_id, &caller).await.unwrap_err();
    assert_eq!(code(&kept), "taken", "it answers");
    let gone = place.app.delete_model(&two.model_id, &caller).await.unwrap();
    assert_eq!((gone.status, gone.version.as_str()), ("deleted", "2"));
    assert_eq!(place.files(), [one.sha256.unwrap()]);
    let gone = place.app.delete_model(&two.model_id, &caller).await.unwrap_err();
    assert_eq!(code(&gone), "not found");
    let gone = place.app.roll_back_model(&back, &caller).await.unwrap_err();
    assert_eq!(code(&gone), "not found", "the one before was deleted");
}

#[tokio::test]
async fn a_version_may_be_asked_for_by_its_number() {
    let place = Registry::new().await;
    let one = place.upload(&new("1", SPOT, false), &spot(0.25)).await.unwrap();
    let request = |version: &str| ActivateRequest {
        model_id: one.model_id.clone(),
        version: Some(version.to_owned()),
    };
    let caller = Caller::command_line();
    let wrong = place.app.activate_model(&request("2"), &caller).await.unwrap_err();
    assert_eq!(code(&wrong), "mismatch");
    assert_eq!(place.answer(), None);
    place.app.activate_model(&request("1"), &caller).await.unwrap();
}

#[tokio::test]
async fn a_bundle_is_one_model() {
    let place = Registry::new().await;
    let names = spot_names();
    let metadata = json!({ "features": names, "horizon_hours": 6.0, "author": "somebody" });
    let mut builder = tar::Builder::new(Vec::new());
    let unnamed = made_model(&names, false, Made::Probability(0.125), 0);
    for (name, bytes) in
        [("a/model.json", unnamed), ("a/metadata.json", metadata.to_string().into_bytes())]
    {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        builder.append_data(&mut header, name, &*bytes).unwrap();
    }
    let wanted = new("1", SPOT, true);
    let model = place.upload(&wanted, &builder.into_inner().unwrap()).await.unwrap();
    assert_eq!(model.metadata.unwrap()["author"], "somebody");
    let description = model.description.unwrap();
    assert_eq!(description["features_named"], true, "{description}");
    assert_eq!(description["files"][0], json!({ "name": "a/model.json", "used_as": "model" }));
    let served = place.app.active_model(SPOT).unwrap();
    assert_eq!(served.horizon_hours, 6.0, "what the training wrote holds");
    assert!((place.answer().unwrap() - 0.125).abs() < 1e-6);
}

#[tokio::test]
async fn what_is_refused_leaves_neither_file_nor_row() {
    let place = Registry::new().await;
    let good = spot(0.25);
    let check = async |what: &str, wanted: app::models::NewModel, bytes: &[u8], expected: &str| {
        let error = place.upload(&wanted, bytes).await.unwrap_err();
        assert_eq!(code(&error), expected, "{what}: {error:?}");
        assert_eq!((place.count(None).await, place.files()), (0, vec![]), "{what}");
    };
    check("nothing", new("1", SPOT, true), b"", "unreadable").await;
    check("noise", new("1", SPOT, true), b"\x00\x01\x02\x03", "unreadable").await;
    check("a part", new("1", SPOT, true), &good[..good.len() / 2], "unreadable").await;
    check("a command", new("1", SPOT, true), b"cos\nsystem\n(S'id'\ntR.", "unreadable").await;
    check("a zip of nothing", new("1", SPOT, true), b"PK\x05\x06", "unreadable").await;
    let value = made_model(&["a"], true, Made::Value(1.0), 0);
    let probability = made_model(&["a"], true, Made::Probability(0.5), 0);
    check("a probability", new("1", ModelType::PricePredictor, true), &probability, "signature")
        .await;
    check(
        "no name",
        app::models::NewModel { model_name: " ".to_owned(), ..new("1", SPOT, true) },
        &value,
        "invalid",
    )
    .await;

    let mut incoming = place.app.begin_model_file().unwrap();
    assert_eq!(place.files().len(), 1, "it is on its way in");
    let mebibyte = vec![b'x'; LARGEST as usize];
    incoming.write(&mebibyte).unwrap();
    let error = incoming.write(b"x").unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::FileTooLarge);
    drop(incoming);
    assert_eq!(place.files(), Vec::<String>::new());

    let kept = place.upload(&new("1", SPOT, true), &good).await.unwrap();
    let twice = place.upload(&new("1", SPOT, true), &spot(0.5)).await.unwrap_err();
    assert_eq!(code(&twice), "taken");
    assert_eq!(place.files(), [kept.sha256.unwrap()]);
    assert!((place.answer().unwrap() - 0.25).abs() < 1e-6, "the first one goes on");
}

#[tokio::test]
async fn models_of_equal_bytes_share_a_file() {
    let place = Registry::new().await;
    let caller = Caller::command_line();
    let one = place.upload(&new("1", SPOT, false), &spot(0.25)).await.unwrap();
    let two = place.upload(&new("2", SPOT, false), &spot(0.25)).await.unwrap();
    assert_eq!(one.sha256, two.sha256);
    assert_eq!(place.files().len(), 1);
    place.app.delete_model(&one.model_id, &caller).await.unwrap();
    assert_eq!(place.files().len(), 1, "the other one needs it");
    place.activate(&two.model_id).await.unwrap();
    let three = place.upload(&new("3", SPOT, true), &spot(0.5)).await.unwrap();
    place.app.delete_model(&two.model_id, &caller).await.unwrap();
    assert_eq!(place.files(), [three.sha256.unwrap()]);
}

#[tokio::test]
async fn a_file_that_was_changed_is_not_activated_and_the_one_before_goes_on() {
    let place = Registry::new().await;
    place.upload(&new("1", SPOT, true), &spot(0.25)).await.unwrap();
    let two = place.upload(&new("2", SPOT, false), &spot(0.5)).await.unwrap();
    let digest = two.sha256.clone().unwrap();
    let path = place.folder.join("sha256").join(&digest[..2]).join(&digest);
    std::fs::write(&path, spot(0.75)).unwrap();
    let refused = place.activate(&two.model_id).await.unwrap_err();
    assert_eq!(code(&refused), "taken", "{refused:?}");
    std::fs::remove_file(&path).unwrap();
    assert_eq!(code(&place.activate(&two.model_id).await.unwrap_err()), "taken");
    assert!((place.answer().unwrap() - 0.25).abs() < 1e-6);
    assert_eq!(place.app.activations(SPOT).await.unwrap().len(), 1);
}

#[tokio::test]
async fn what_a_killed_server_left_is_swept_and_nothing_else() {
    let place = Registry::new().await;
    let kept = place.upload(&new("1", SPOT, true), &spot(0.25)).await.unwrap();
    let incoming = place.app.begin_model_file().unwrap();
    let orphan = place.folder.join("sha256/00");
    std::fs::create_dir_all(&orphan).unwrap();
    std::fs::write(orphan.join("00ff"), b"x").unwrap();
    std::fs::write(place.folder.join("incoming/1-0"), b"x").unwrap();
    assert_eq!(place.app.sweep_model_files().await.unwrap(), 2);
    assert_eq!(place.files().len(), 2, "what is being received stays");
    drop(incoming);
    assert_eq!(place.files(), [kept.sha256.unwrap()]);
}

#[tokio::test]
async fn another_server_follows_and_one_without_the_file_answers_as_without_a_model() {
    let place = Registry::new().await;
    let other = Registry::over(place.app.store().clone(), place.folder.clone());
    let blind = Registry::over(place.app.store().clone(), scratch());
    assert!(!other.app.reload_models().await.unwrap());
    place.upload(&new("1", SPOT, true), &spot(0.25)).await.unwrap();
    assert!(other.app.reload_models().await.unwrap());
    assert!((other.answer().unwrap() - 0.25).abs() < 1e-6);
    assert!(!blind.app.reload_models().await.unwrap());
    assert_eq!((blind.answer(), blind.app.models_loaded()), (None, 0));
    // Its operator brings the file, and it is activated there.
    let model = place.app.active_model(SPOT).unwrap();
    let target = blind.folder.join("sha256").join(&model.digest[..2]);
    std::fs::create_dir_all(&target).unwrap();
    std::fs::write(target.join(&model.digest), spot(0.25)).unwrap();
    blind.activate(&model.model_id.to_string()).await.unwrap();
    assert!((blind.answer().unwrap() - 0.25).abs() < 1e-6);
}

/// Sixty-four activations at once on one store, by two servers.
async fn activated_at_once(store: Store) {
    let place = Registry::over(store.clone(), scratch());
    let other = Registry::over(store, place.folder.clone());
    let mut models = Vec::new();
    for version in 0..8 {
        let wanted = new(&version.to_string(), SPOT, false);
        let bytes = spot(0.1 + 0.1 * f64::from(version));
        models.push(place.upload(&wanted, &bytes).await.unwrap().model_id);
    }
    let mut all = JoinSet::new();
    for at in 0..64 {
        let app = Arc::clone(if at % 2 == 0 { &place.app } else { &other.app });
        let model_id = models[at % models.len()].clone();
        all.spawn(async move {
            let request = ActivateRequest { model_id, version: None };
            app.activate_model(&request, &Caller::command_line()).await.unwrap()
        });
    }
    let done = all.join_all().await;
    assert_eq!(done.len(), 64);
    assert_eq!(place.count(Some(true)).await, 1);
    let history = place.app.activations(SPOT).await.unwrap();
    let active = &history[0].model_id;
    assert!(place.app.model(active).await.unwrap().active, "the last activation holds");
    for (later, earlier) in history.iter().zip(&history[1..]) {
        assert_eq!(later.previous_id.as_ref(), Some(&earlier.model_id), "each took one's place");
    }
    let changes = done.iter().filter(|one| one.status == "activated").count();
    assert_eq!(changes, history.len());
    for registry in [&place, &other] {
        registry.app.reload_models().await.unwrap();
        assert_eq!(registry.app.active_model(SPOT).unwrap().model_id.to_string(), *active);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_activations_at_once_one_holds() {
    activated_at_once(Store::in_memory().await.unwrap()).await;
    let file = scratch().join("store.sqlite");
    activated_at_once(Store::open(&file).await.unwrap()).await;
    if let Some(store) = postgres().await {
        activated_at_once(store).await;
    }
}

#[tokio::test]
async fn a_model_without_names_is_taken_for_the_servers_own_where_it_is_as_wide() {
    let place = Registry::new().await;
    let from = async |version: &str, names: &[&str], named: bool| {
        let bytes = made_model(names, named, Made::Probability(0.25), 0);
        let model = place.upload(&new(version, SPOT, false), &bytes).await.unwrap();
        model.description.unwrap()["features_from"].as_str().unwrap().to_owned()
    };
    let names = spot_names();
    assert_eq!(from("17 unnamed", &names, false).await, "server");
    assert_eq!(from("16 unnamed", &names[1..], false).await, "request");
    assert_eq!(from("some of them", &names[3..7], true).await, "server");
    assert_eq!(from("a stranger", &["price_ratio", "moon"], true).await, "request");
    assert_eq!(SPOT_FEATURES.len(), 17);
}
