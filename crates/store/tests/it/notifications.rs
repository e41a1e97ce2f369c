//! Events are told once, to whoever wants them, and tried until they are there.

use jiff::Timestamp;
use serde_json::json;
use store::{
    AttemptEnd, AttemptRow, AuditRow, ChannelRow, DeliveryFilter, DeliveryRow, DeliveryState,
    EventFilter, EventRow, Offer, Store, Uuid,
};

use crate::backends;

fn at(minute: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + 60 * minute).unwrap()
}

fn note() -> AuditRow {
    AuditRow {
        happened_at: at(0),
        actor: "test".to_owned(),
        action: "channel.test".to_owned(),
        subject: "it".to_owned(),
        detail: json!({}),
    }
}

fn channel(number: u128, name: &str) -> ChannelRow {
    ChannelRow {
        channel_id: Uuid::from_u128(number),
        name: name.to_owned(),
        kind: "webhook".to_owned(),
        target: json!({ "url": "https://example.com/" }),
        rules: json!({ "events": ["*"] }),
        enabled: true,
        disabled_reason: None,
        revision: 0,
        created_by: "test".to_owned(),
        created_at: at(0),
        changed_at: at(0),
    }
}

fn event(number: u128, event_type: &str, key: &str, minute: i64) -> EventRow {
    EventRow {
        event_id: Uuid::from_u128(number),
        event_type: event_type.to_owned(),
        dedupe_key: key.to_owned(),
        severity: "warning".to_owned(),
        customer_id: (key == "mine").then(|| "acme".to_owned()),
        cluster_id: Some("shop".to_owned()),
        title: format!("{event_type} of {key}"),
        facts: json!([{ "name": "cluster", "value": "shop" }]),
        detail: json!({ "number": number as u64 }),
        link: Some("/somewhere".to_owned()),
        occurred_at: at(minute),
    }
}

fn delivery(number: u128, channel: u128, minute: i64) -> DeliveryRow {
    DeliveryRow {
        delivery_id: Uuid::from_u128(number),
        channel_id: Uuid::from_u128(channel),
        message: json!({ "message_id": "m", "notices": [] }),
        headline: "something".to_owned(),
        events: 1,
        state: DeliveryState::Waiting,
        attempts: 0,
        created_at: at(minute),
        next_try_at: at(minute),
        ended_at: None,
        status: None,
        error: None,
    }
}

fn offer(event: &EventRow, channel: u128, minute: i64) -> Offer {
    Offer {
        event_id: event.event_id,
        dedupe_key: event.dedupe_key.clone(),
        wanted: vec![(Uuid::from_u128(channel), at(minute))],
    }
}

#[tokio::test]
async fn channels_are_changed_by_whoever_saw_the_newest() {
    for backend in backends::all().await {
        let (store, name) = (&backend.store, backend.name);
        let first = channel(1, "finops");
        assert!(store.add_channel(&first, &note()).await.unwrap(), "{name}");
        assert!(!store.add_channel(&channel(2, "finops"), &note()).await.unwrap(), "{name}");
        assert_eq!(store.channels().await.unwrap(), std::slice::from_ref(&first), "{name}");
        let changed = ChannelRow {
            kind: "slack".to_owned(),
            enabled: false,
            rules: json!({ "events": [] }),
            ..first.clone()
        };
        assert!(store.change_channel(&changed, &note()).await.unwrap(), "{name}");
        assert!(!store.change_channel(&changed, &note()).await.unwrap(), "{name}: read too early");
        let kept = ChannelRow { revision: 1, ..changed };
        assert_eq!(store.channels().await.unwrap(), [kept], "{name}");
        store.add_delivery(&delivery(5, 1, 0), None, &note()).await.unwrap();
        assert!(store.remove_channel(first.channel_id, &note()).await.unwrap(), "{name}");
        assert!(!store.remove_channel(first.channel_id, &note()).await.unwrap(), "{name}");
        let (row, _) = store.delivery(Uuid::from_u128(5)).await.unwrap().unwrap();
        assert_eq!(row.state, DeliveryState::GivenUp, "{name}: nobody is there any more");
        assert_eq!(store.audit(10, 0).await.unwrap().len(), 4, "{name}: each change, once");
        assert!(!format!("{first:?}").contains("example.com"));
    }
}

#[tokio::test]
async fn of_what_comes_back_and_forth_the_latest_word_waits() {
    for backend in backends::all().await {
        let (store, name) = (&backend.store, backend.name);
        store.add_channel(&channel(1, "finops"), &note()).await.unwrap();
        let (first, second) = (event(1, "pool.risky", "a", 1), event(2, "pool.calm", "a", 2));
        let other = event(3, "job.failed", "mine", 3);
        store.tell_events(&[first.clone(), second.clone(), other.clone()]).await.unwrap();
        store.tell_events(std::slice::from_ref(&first)).await.unwrap();
        assert_eq!(
            store.events_to_offer(10).await.unwrap(),
            [first.clone(), second.clone(), other.clone()],
            "{name}: each once, the oldest first"
        );
        let offers = [offer(&first, 1, 10), offer(&second, 1, 20), offer(&other, 1, 30)];
        store.offer_events(&offers).await.unwrap();
        // Another server was as quick.
        store.offer_events(&offers).await.unwrap();
        assert!(store.events_to_offer(10).await.unwrap().is_empty(), "{name}");
        assert!(store.channels_due(at(9)).await.unwrap().is_empty(), "{name}");
        assert_eq!(store.channels_due(at(10)).await.unwrap(), [Uuid::from_u128(1)], "{name}");
        let due = store.pending(Uuid::from_u128(1), at(15), 10).await.unwrap();
        assert_eq!(due.len(), 1, "{name}: the other one's time has not come");
        assert_eq!((&due[0].event, due[0].repeats), (&second, 1), "{name}");
        assert_eq!(due[0].told_at, None, "{name}");

        assert!(store.make_delivery(&delivery(7, 1, 15), &due).await.unwrap(), "{name}");
        assert!(
            !store.make_delivery(&delivery(8, 1, 15), &due).await.unwrap(),
            "{name}: somebody else was quicker, and nothing is done"
        );
        assert!(store.delivery(Uuid::from_u128(8)).await.unwrap().is_none(), "{name}");

        let again = event(4, "pool.calm", "a", 40);
        store.tell_events(std::slice::from_ref(&again)).await.unwrap();
        store.offer_events(&[offer(&again, 1, 40)]).await.unwrap();
        let due = store.pending(Uuid::from_u128(1), at(50), 10).await.unwrap();
        let told: Vec<Option<Timestamp>> = due.iter().map(|one| one.told_at).collect();
        assert_eq!(told, [None, Some(at(15))], "{name}: it was told already");
        store.put_off(Uuid::from_u128(1), &[("a".to_owned(), at(90))]).await.unwrap();
        let due = store.pending(Uuid::from_u128(1), at(50), 10).await.unwrap();
        assert_eq!(due.len(), 1, "{name}");

        let listed = async |filter: EventFilter| {
            let filter = EventFilter { limit: 10, ..filter };
            let rows = store.events(&filter).await.unwrap();
            rows.into_iter().map(|row| row.event_id.as_u128()).collect::<Vec<_>>()
        };
        assert_eq!(listed(EventFilter::default()).await, [4, 3, 2, 1], "{name}");
        let customer_id = Some("acme".to_owned());
        assert_eq!(
            listed(EventFilter { customer_id, ..EventFilter::default() }).await,
            [3],
            "{name}"
        );
        let event_type = Some("pool.".to_owned());
        assert_eq!(
            listed(EventFilter { event_type, ..EventFilter::default() }).await,
            [4, 2, 1],
            "{name}"
        );
        let event_type = Some("pool.calm".to_owned());
        assert_eq!(
            listed(EventFilter { event_type, ..EventFilter::default() }).await,
            [4, 2],
            "{name}"
        );
        // What still waits is kept, however old.
        store.forget_notices(at(1000)).await.unwrap();
        assert_eq!(listed(EventFilter::default()).await, [4, 3], "{name}");
    }
}

async fn claimed(store: &Store, minute: i64) -> Vec<u128> {
    let rows = store.claim_deliveries(at(minute), at(minute + 1), 10).await.unwrap();
    rows.into_iter().map(|row| row.delivery_id.as_u128()).collect()
}

fn attempt(number: u128, which: u32, error: Option<&str>) -> AttemptRow {
    AttemptRow {
        delivery_id: Uuid::from_u128(number),
        attempt: which,
        tried_at: at(0),
        milliseconds: 12,
        status: error.is_some().then_some(503),
        error: error.map(str::to_owned),
    }
}

#[tokio::test]
async fn a_message_is_tried_by_one_at_a_time_until_it_ends() {
    for backend in backends::all().await {
        let (store, name) = (&backend.store, backend.name);
        store.add_channel(&channel(1, "finops"), &note()).await.unwrap();
        for number in [7, 8] {
            store.add_delivery(&delivery(number, 1, 0), None, &note()).await.unwrap();
        }
        let mut both = claimed(store, 0).await;
        both.sort_unstable();
        assert_eq!(both, [7, 8], "{name}");
        assert!(claimed(store, 0).await.is_empty(), "{name}: somebody is at it");
        // Whoever had it was lost, and the next one tries.
        assert_eq!(claimed(store, 2).await.len(), 2, "{name}");

        store.end_attempt(&attempt(7, 2, None), &AttemptEnd::Delivered, at(2)).await.unwrap();
        // The word of whoever was thought lost comes late.
        let late = attempt(7, 1, Some("no answer"));
        store.end_attempt(&late, &AttemptEnd::Again(at(3)), at(2)).await.unwrap();
        let (row, tries) = store.delivery(Uuid::from_u128(7)).await.unwrap().unwrap();
        assert_eq!((row.state, row.ended_at), (DeliveryState::Delivered, Some(at(2))), "{name}");
        assert_eq!(tries, [late, attempt(7, 2, None)], "{name}");

        let refused = attempt(8, 2, Some("not now"));
        store.end_attempt(&refused, &AttemptEnd::Again(at(30)), at(2)).await.unwrap();
        assert!(claimed(store, 29).await.is_empty(), "{name}");
        assert_eq!(claimed(store, 30).await, [8], "{name}");
        let gone = attempt(8, 3, Some("gone"));
        let end = AttemptEnd::GivenUp(Some("the receiver is gone".to_owned()));
        store.end_attempt(&gone, &end, at(31)).await.unwrap();
        let channels = store.channels().await.unwrap();
        assert!(!channels[0].enabled, "{name}");
        assert_eq!(channels[0].disabled_reason.as_deref(), Some("the receiver is gone"), "{name}");

        let listed = async |state: Option<DeliveryState>| {
            let filter = DeliveryFilter { state, limit: 10, ..DeliveryFilter::default() };
            store.deliveries(&filter).await.unwrap().len()
        };
        assert_eq!(listed(None).await, 2, "{name}");
        assert_eq!(listed(Some(DeliveryState::GivenUp)).await, 1, "{name}");
        assert_eq!(listed(Some(DeliveryState::Waiting)).await, 0, "{name}");
        store.forget_notices(at(10)).await.unwrap();
        assert_eq!(listed(None).await, 0, "{name}");
        assert!(store.delivery(Uuid::from_u128(7)).await.unwrap().is_none(), "{name}");
    }
}

#[tokio::test]
async fn conditions_are_told_when_they_begin_and_when_they_end() {
    for backend in backends::all().await {
        let (store, name) = (&backend.store, backend.name);
        let stale = |number, minute| event(number, "snapshot.stale", "mine", minute);
        store.judge_conditions(&[stale(1, 1)], &[], at(1)).await.unwrap();
        store.judge_conditions(&[stale(2, 2)], &[], at(2)).await.unwrap();
        let alerts = store.alerts(Some("acme")).await.unwrap();
        assert_eq!((alerts[0].since, alerts[0].seen_at), (at(1), at(2)), "{name}");
        assert!(store.alerts(Some("other")).await.unwrap().is_empty(), "{name}");
        let fresh = |number| event(number, "snapshot.fresh", "mine", 3);
        store.judge_conditions(&[], &[fresh(3)], at(3)).await.unwrap();
        store.judge_conditions(&[], &[fresh(4)], at(4)).await.unwrap();
        assert!(store.alerts(None).await.unwrap().is_empty(), "{name}");
        let told = store.events_to_offer(10).await.unwrap();
        let told: Vec<u128> = told.into_iter().map(|row| row.event_id.as_u128()).collect();
        assert_eq!(told, [1, 3], "{name}: its beginning and its end");
    }
}
