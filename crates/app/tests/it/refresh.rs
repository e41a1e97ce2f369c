//! Refreshes: what they fetch and record, and when they come by themselves.

use std::time::Duration;

use app::Error;
use app::access::Caller;
use app::models::activation::RollbackRequest;
use app::models::{ModelItem, ModelType, NewModel};
use app::notifications::WATCH_CONDITIONS;
use app::refresh::{AutoRefresh, NewSchedule, RefreshRequest, RefreshStatus, ScheduleType};
use aws::Keys;
use clock::Clock;
use jiff::SignedDuration;
use store::{JobFilter, ScheduleRow};
use testkit::{Fault, Rule};

use crate::fetch::{Place, keys, start, world};
use crate::registry::spot;

const REGION: &str = "us-east-1";

async fn model(place: &Place, version: &str, active: bool) -> ModelItem {
    let metadata = serde_json::json!({"instance_types": ["m5.*"], "regions": [REGION]});
    let model = NewModel {
        model_name: "spot".to_owned(),
        model_version: version.to_owned(),
        model_type: ModelType::SpotPredictor,
        trained_until_date: "2026-01-01".parse().unwrap(),
        active,
        metadata: metadata.as_object().cloned(),
    };
    place.app.record_model(&model, &Caller::command_line()).await.unwrap()
}

async fn over(place: &Place, refresh_id: &str) -> RefreshStatus {
    for _ in 0..3000 {
        if let Ok(status) = place.app.refresh_status(refresh_id).await
            && status.completed_at.is_some()
        {
            return status;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{:?}", place.app.refresh_status(refresh_id).await);
}

/// A model whose file is there.
async fn uploaded(place: &Place, version: &str, active: bool, bytes: &[u8]) -> ModelItem {
    let mut incoming = place.app.begin_model_file().unwrap();
    incoming.write(bytes).unwrap();
    let wanted = crate::registry::new(version, ModelType::SpotPredictor, active);
    let caller = Caller::command_line();
    place.app.upload_model(&wanted, "model.json", incoming, &caller).await.unwrap()
}

#[tokio::test]
async fn a_model_that_answers_on_the_new_data_becomes_active_on_wish() {
    let place = Place::new(world(), &[], keys()).await;
    let old = uploaded(&place, "1", true, &spot(0.25)).await;
    let new = uploaded(&place, "2", false, &spot(0.5)).await;
    let wished = |auto_activate| RefreshRequest {
        model_id: Some(new.model_id.clone()),
        regions: vec!["us-east-1".to_owned()],
        instance_types: vec!["*".to_owned()],
        auto_activate,
        ..RefreshRequest::default()
    };
    let active = async |model: &ModelItem| place.app.model(&model.model_id).await.unwrap().active;
    let found = refreshed(&place, &wished(false)).await.outcome.unwrap().activation;
    assert!(found.validated && !found.activated, "{found:?}");
    assert!(found.reason.contains("answers for 10 pools"), "{found:?}");
    assert!(active(&old).await && !active(&new).await);

    let found = refreshed(&place, &wished(true)).await.outcome.unwrap().activation;
    assert!(found.validated && found.activated, "{found:?}");
    assert!(!active(&old).await && active(&new).await);
    place.app.reload_models().await.unwrap();
    let back = RollbackRequest { model_type: ModelType::SpotPredictor };
    place.app.roll_back_model(&back, &Caller::command_line()).await.unwrap();
    assert!(active(&old).await, "the one before can be gone back to");
    place.stop().await;
}

async fn refreshed(place: &Place, request: &RefreshRequest) -> RefreshStatus {
    let started = place.app.trigger_refresh(request, None, &Caller::command_line()).await.unwrap();
    over(place, &started.refresh_id).await
}

#[tokio::test]
async fn a_refresh_brings_all_prices_and_leaves_the_model_as_it_is() {
    let place = Place::new(world(), &[], keys()).await;
    let old = model(&place, "1", true).await;
    let new = model(&place, "2", false).await;
    let request = RefreshRequest {
        model_id: Some(new.model_id.clone()),
        // The model's own metadata names m5 only.
        instance_types: vec!["*".to_owned()],
        auto_activate: true,
        ..RefreshRequest::default()
    };
    let status = refreshed(&place, &request).await;
    assert_eq!(status.status, "completed", "{status:?}");
    assert_eq!(status.percent_complete, 100.0);
    let outcome = status.outcome.unwrap();
    let stats = place.app.price_stats().await.unwrap();
    assert!(stats.spot_prices_count > 0 && stats.spot_advisor_count > 0);
    assert!(stats.on_demand_prices_count > 0);
    let stored = stats.spot_prices_count + stats.spot_advisor_count + stats.on_demand_prices_count;
    assert_eq!(outcome.records_inserted, stored, "every row that is new is counted once");
    assert_eq!(status.records_inserted, stored);
    assert!(status.records_fetched >= stored);
    assert_eq!(outcome.coverage.pools, 10);
    assert_eq!(outcome.coverage.coverage_percent, 100.0);
    assert!(outcome.activation.asked && !outcome.activation.activated);
    assert!(outcome.activation.reason.contains("validated"), "{:?}", outcome.activation);
    let (old, new) = (
        place.app.model(&old.model_id).await.unwrap(),
        place.app.model(&new.model_id).await.unwrap(),
    );
    assert!(old.active && !new.active);
    assert!(old.last_refresh_date.is_none() && new.last_refresh_date.is_some());
    let (list, total) = place.app.refresh_history(Some(&new.model_id), 10, 0).await.unwrap();
    assert_eq!((total, list[0].status, list[0].refresh_type.as_str()), (1, "completed", "manual"));
    assert!(list[0].duration_seconds.is_some());
    assert_eq!(place.app.refresh_history(Some(&old.model_id), 10, 0).await.unwrap().1, 0);
    place.stop().await;
}

#[tokio::test]
async fn a_refresh_goes_on_at_the_next_server_and_counts_exactly() {
    let slow = Rule::always("DescribeSpotPriceHistory", Fault::Slow(Duration::from_millis(4)));
    let mut place = Place::new(world(), &[slow], keys()).await;
    let request = RefreshRequest {
        instance_types: vec!["*".to_owned()],
        regions: vec![REGION.to_owned()],
        ..RefreshRequest::default()
    };
    let caller = Caller::command_line();
    let started = place.app.trigger_refresh(&request, Some("mine"), &caller).await.unwrap();
    for rows in [1, 40, 80] {
        for _ in 0..3000 {
            let status = place.app.refresh_status(&started.refresh_id).await.unwrap();
            if status.records_inserted >= rows {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        place.stop.send(true).unwrap();
        place.running.await.unwrap();
        let (stop, running) =
            start(&place.fake, place.app.store(), keys(), place.app.clock().clone());
        place = Place { stop, running, ..place };
    }
    let status = over(&place, &started.refresh_id).await;
    assert_eq!(status.status, "completed", "{status:?}");
    let stats = place.app.price_stats().await.unwrap();
    let stored = stats.spot_prices_count + stats.spot_advisor_count + stats.on_demand_prices_count;
    assert_eq!(status.records_inserted, stored);
    let again = place.app.trigger_refresh(&request, Some("mine"), &caller).await.unwrap();
    assert!(again.known && again.refresh_id == started.refresh_id);
    place.stop().await;
}

#[tokio::test]
async fn without_credentials_a_refresh_says_so() {
    let place = Place::new(world(), &[], Keys::None).await;
    let request = RefreshRequest { regions: vec![REGION.to_owned()], ..RefreshRequest::default() };
    let status = refreshed(&place, &request).await;
    assert_eq!(status.status, "failed");
    assert!(status.error_message.unwrap().contains("credentials"));
    place.stop().await;
}

#[tokio::test]
async fn wrong_requests_are_named() {
    let place = Place::new(world(), &[], keys()).await;
    let check = async |request: RefreshRequest, pointer: &str| {
        let asked = place.app.trigger_refresh(&request, None, &Caller::command_line()).await;
        let Err(Error::Invalid(fields)) = asked else { panic!("{request:?} was taken") };
        assert_eq!(fields[0].pointer, pointer, "{fields:?}");
    };
    let east = || RefreshRequest { regions: vec![REGION.to_owned()], ..RefreshRequest::default() };
    check(RefreshRequest::default(), "/regions").await;
    check(
        RefreshRequest { instance_types: vec!["zz.*".to_owned()], ..east() },
        "/instance_types/0",
    )
    .await;
    check(
        RefreshRequest { refresh_from_date: Some("soon".to_owned()), ..east() },
        "/refresh_from_date",
    )
    .await;
    check(
        RefreshRequest { refresh_to_date: Some("2020-01-01".to_owned()), ..east() },
        "/refresh_from_date",
    )
    .await;
    place.stop().await;
}

fn daily(name: &str) -> NewSchedule {
    NewSchedule {
        name: Some(name.to_owned()),
        model_id: None,
        schedule_type: ScheduleType::Daily,
        time: Some("02:00".to_owned()),
        day_of_week: None,
        cron: None,
        lookback_days: Some(7),
        instance_types: Vec::new(),
        regions: Vec::new(),
        auto_activate: false,
        enabled: true,
    }
}

#[tokio::test]
async fn schedules_are_made_changed_switched_and_removed() {
    let place = Place::new(world(), &[], keys()).await;
    let caller = Caller::command_line();
    let made = place.app.schedule_refresh(&daily("nightly"), &caller).await.unwrap();
    assert_eq!((made.cron.as_str(), made.enabled), ("0 2 * * *", true));
    assert!(made.next_run_at.unwrap() > Clock::system().now());
    let later = NewSchedule { time: Some("04:30".to_owned()), ..daily("nightly") };
    let changed = place.app.schedule_refresh(&later, &caller).await.unwrap();
    assert_eq!((&changed.schedule_id, changed.cron.as_str()), (&made.schedule_id, "30 4 * * *"));
    let off = place.app.switch_schedule(&made.schedule_id, false, &caller).await.unwrap();
    assert_eq!((off.enabled, off.next_run_at), (false, None));
    let on = place.app.switch_schedule(&made.schedule_id, true, &caller).await.unwrap();
    assert!(on.next_run_at.is_some());
    assert_eq!(place.app.schedules().await.unwrap().len(), 1);
    place.app.remove_schedule(&made.schedule_id, &caller).await.unwrap();
    assert!(place.app.schedules().await.unwrap().is_empty());
    let gone = place.app.switch_schedule(&made.schedule_id, true, &caller).await;
    assert!(matches!(gone, Err(Error::NotFound(_))));
    let wrong = NewSchedule { lookback_days: Some(91), ..daily("long") };
    assert!(matches!(place.app.schedule_refresh(&wrong, &caller).await, Err(Error::Invalid(_))));
    place.stop().await;
}

#[tokio::test]
async fn a_missed_schedule_fires_once_whichever_server_sees_it() {
    let place = Place::new(world(), &[], keys()).await;
    let (stop, second) = start(&place.fake, place.app.store(), keys(), place.app.clock().clone());
    model(&place, "1", true).await;
    let caller = Caller::command_line();
    let made = place.app.schedule_refresh(&daily("nightly"), &caller).await.unwrap();
    // Three days were missed.
    let store = place.app.store();
    let row = store.schedules().await.unwrap().remove(0);
    let missed = Clock::system().now() - SignedDuration::from_hours(72);
    let row = ScheduleRow { next_run_at: missed, ..row };
    let note = store.audit(1, 0).await.unwrap().remove(0);
    store.set_schedule(&row, &note).await.unwrap();
    let mut list = Vec::new();
    for _ in 0..3000 {
        list = place.app.refresh_history(None, 10, 0).await.unwrap().0;
        if list.first().is_some_and(|one| one.completed_at.is_some()) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(list.len(), 1, "{list:?}");
    assert_eq!((list[0].status, list[0].refresh_type.as_str()), ("completed", "scheduled"));
    assert_eq!(list[0].triggered_by.as_deref(), Some("schedule nightly"));
    let status = place.app.refresh_status(&list[0].refresh_id).await.unwrap();
    let outcome = status.outcome.unwrap();
    // What the active model names: three types in one zone.
    assert_eq!((outcome.models.len(), outcome.coverage.pools), (1, 3));
    let jobs = store.jobs(&JobFilter { limit: 10, ..JobFilter::default() }).await.unwrap();
    assert_eq!(jobs.len(), 1);
    let after = place.app.schedules().await.unwrap();
    assert_eq!(after[0].schedule_id, made.schedule_id);
    assert!(after[0].last_run_at.is_some());
    assert!(after[0].next_run_at.unwrap() > Clock::system().now());
    stop.send(true).unwrap();
    second.await.unwrap();
    place.stop().await;
}

#[tokio::test]
async fn the_environment_switches_auto_refresh_on_and_off() {
    let place = Place::new(world(), &[], keys()).await;
    let on = AutoRefresh { enabled: true, cron: "0 2 * * *".to_owned(), lookback_days: 7 };
    let off = AutoRefresh { enabled: false, ..on.clone() };
    place.app.see_to_auto_refresh(&off).await.unwrap();
    assert!(place.app.schedules().await.unwrap().is_empty());
    place.app.see_to_auto_refresh(&on).await.unwrap();
    let first = place.app.schedules().await.unwrap();
    assert_eq!((first.len(), first[0].enabled), (1, true));
    // A restart changes nothing, so a missed time is not forgotten.
    place.app.see_to_auto_refresh(&on).await.unwrap();
    let second = place.app.schedules().await.unwrap();
    assert_eq!(second[0].next_run_at, first[0].next_run_at);
    assert_eq!(place.app.audit(10, 0).await.unwrap().len(), 1);
    let weekly = AutoRefresh { cron: "0 2 * * 0".to_owned(), ..on.clone() };
    place.app.see_to_auto_refresh(&weekly).await.unwrap();
    let changed = place.app.schedules().await.unwrap();
    assert_eq!((changed.len(), changed[0].cron.as_str()), (1, "0 2 * * 0"));
    place.app.see_to_auto_refresh(&off).await.unwrap();
    assert!(!place.app.schedules().await.unwrap()[0].enabled);
    let wrong = AutoRefresh { cron: "nightly".to_owned(), ..on };
    assert!(matches!(place.app.see_to_auto_refresh(&wrong).await, Err(Error::Invalid(_))));
    place.stop().await;
}

#[tokio::test]
async fn a_watch_that_somebody_switched_off_stays_off() {
    let place = Place::new(world(), &[], keys()).await;
    let caller = Caller::command_line();
    let watch = async || {
        place.app.see_to_watching().await.unwrap();
        place.app.schedules().await.unwrap().remove(0)
    };
    let made = watch().await;
    assert_eq!((made.kind.as_str(), made.enabled), (WATCH_CONDITIONS, true));
    assert_eq!(watch().await.next_run_at, made.next_run_at);
    place.app.switch_schedule(&made.schedule_id, false, &caller).await.unwrap();
    // The server starts again.
    let after = watch().await;
    assert_eq!((after.schedule_id, after.enabled), (made.schedule_id, false));
    // Nor does a refresh take its place by taking its name.
    let taken = place.app.schedule_refresh(&daily(&made.name), &caller).await;
    assert!(matches!(taken, Err(Error::Taken(_))), "{taken:?}");
    place.stop().await;
}

#[tokio::test]
async fn a_renewal_that_somebody_switched_off_stays_off() {
    let place = Place::new(world(), &[], keys()).await;
    let regions = [REGION.parse().unwrap()];
    place.app.fetch_public_prices(&regions).await.unwrap();
    let made = place.app.schedules().await.unwrap();
    assert_eq!(made.iter().filter(|one| one.enabled).count(), 2);
    let caller = Caller::command_line();
    place.app.switch_schedule(&made[0].schedule_id, false, &caller).await.unwrap();
    // The server starts again.
    place.app.fetch_public_prices(&regions).await.unwrap();
    let enabled = async || -> Vec<bool> {
        place.app.schedules().await.unwrap().iter().map(|one| one.enabled).collect()
    };
    assert_eq!(enabled().await, [false, true]);
    // With `--no-fetch`, and then without.
    place.app.keep_public_prices().await.unwrap();
    assert_eq!(enabled().await, [false]);
    place.app.fetch_public_prices(&regions).await.unwrap();
    assert_eq!(enabled().await, [false, true]);
    place.stop().await;
}
