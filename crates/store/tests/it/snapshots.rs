//! Snapshots are kept by cluster and customer, and show since when things are as they are.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use store::{Seen, SnapshotRow, Store, Uuid};

use crate::backends;

const STATE: &str = "unattached_volume";

pub(crate) fn day(number: i64) -> Timestamp {
    let start: Timestamp = "2026-03-01T00:00:00Z".parse().unwrap();
    start + SignedDuration::from_hours(24 * number)
}

pub(crate) fn snapshot(customer: Option<&str>, number: i64) -> (SnapshotRow, Vec<u8>) {
    let content = format!("{{\"nodes\":[],\"day\":{number}}}").into_bytes();
    let row = SnapshotRow {
        cluster_id: "prod".to_owned(),
        customer_id: customer.map(str::to_owned),
        snapshot_id: Uuid::from_u128(u128::try_from(number).unwrap() + 1),
        digest: *blake3::hash(&content).as_bytes(),
        length: content.len() as u64,
        taken_at: day(number),
        received_at: day(number) + SignedDuration::from_mins(1),
        sections: json!({ "nodes": number }),
    };
    (row, content)
}

fn seen(number: i64, inside: &[&str], outside: &[&str], complete: bool) -> Seen {
    let set = |names: &[&str]| -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    };
    Seen {
        state: STATE.to_owned(),
        at: day(number),
        inside: set(inside),
        outside: set(outside),
        complete,
        longest_silence: None,
    }
}

async fn keep(store: &Store, number: i64, seen: &[Seen]) -> bool {
    let (row, content) = snapshot(Some("acme"), number);
    store.add_snapshot(&row, &content, seen, 3).await.unwrap()
}

#[tokio::test]
async fn the_newest_snapshots_are_kept_once_and_found_again() {
    for backend in backends::all().await {
        let (store, name) = (&backend.store, backend.name);
        for number in [1, 2, 0, 3] {
            assert!(keep(store, number, &[]).await, "{name}");
        }
        assert!(!keep(store, 3, &[]).await, "{name}: the same again");
        let (row, content) = snapshot(None, 9);
        store.add_snapshot(&row, &content, &[], 3).await.unwrap();

        let (clusters, total) = store.clusters(None, 10, 0).await.unwrap();
        assert_eq!((clusters.len(), total), (2, 2), "{name}: one for each customer");
        let (clusters, total) = store.clusters(Some("acme"), 10, 0).await.unwrap();
        assert_eq!((clusters.len(), total), (1, 1), "{name}");
        let newest = &clusters[0];
        assert_eq!((newest.taken_at, newest.snapshots), (day(3), 3), "{name}");
        assert_eq!(newest.sections, json!({ "nodes": 3 }), "{name}");
        assert!(store.clusters(Some("zeta"), 10, 0).await.unwrap().0.is_empty(), "{name}");

        let (found, total) = store.snapshots("prod", Some("acme"), 2, 0).await.unwrap();
        assert_eq!((found.len(), total), (2, 3), "{name}");
        let (row, content) = snapshot(Some("acme"), 3);
        assert_eq!(found[0], row, "{name}");
        let get = async |customer: Option<&str>, number: u128| {
            store.snapshot_content("prod", customer, Uuid::from_u128(number)).await.unwrap()
        };
        assert_eq!(get(Some("acme"), 4).await, Some(content), "{name}");
        assert_eq!(get(Some("zeta"), 4).await, None, "{name}: another customer's");
        assert_eq!(get(None, 1).await, None, "{name}: the oldest one went");
    }
}

#[tokio::test]
async fn what_is_seen_lasts_until_something_contradicts_it() {
    for backend in backends::all().await {
        let (store, name) = (&backend.store, backend.name);
        let since = async |id: &str| {
            let all = store.sightings("prod", Some("acme")).await.unwrap();
            all.into_iter().find(|one| one.object_id == id).map(|one| one.first_seen_at)
        };
        keep(store, 1, &[seen(1, &["a", "b", "c"], &[], true)]).await;
        keep(store, 2, &[seen(2, &["a", "b"], &["c"], true)]).await;
        assert_eq!(since("a").await, Some(day(1)), "{name}");
        assert_eq!(since("c").await, None, "{name}: in use again");
        // A part of all volumes: what is not among them may still be there.
        keep(store, 3, &[seen(3, &["c"], &["b"], false)]).await;
        assert_eq!(since("a").await, Some(day(1)), "{name}");
        assert_eq!(since("b").await, None, "{name}");
        assert_eq!(since("c").await, Some(day(3)), "{name}: from the beginning");
        // Nothing is said of volumes at all.
        keep(store, 4, &[]).await;
        assert_eq!(since("c").await, Some(day(3)), "{name}");
        keep(store, 6, &[seen(6, &["c"], &[], true)]).await;
        assert_eq!(since("a").await, None, "{name}: gone");
        // A snapshot that comes late shows that it was in use in between, and starts nothing.
        keep(store, 5, &[seen(5, &["d"], &["c"], true)]).await;
        assert_eq!(since("c").await, Some(day(6)), "{name}");
        assert_eq!(since("d").await, None, "{name}");
        // Of a long silence nobody can say what was in between.
        let heard = |number| Seen {
            longest_silence: Some(SignedDuration::from_hours(8 * 24)),
            ..seen(number, &["c"], &[], true)
        };
        keep(store, 14, &[heard(14)]).await;
        assert_eq!(since("c").await, Some(day(6)), "{name}: eight days");
        keep(store, 23, &[heard(23)]).await;
        assert_eq!(since("c").await, Some(day(23)), "{name}: nine days");
        assert!(store.sightings("prod", None).await.unwrap().is_empty(), "{name}: of nobody");
    }
}

#[tokio::test]
async fn snapshots_that_arrive_at_once_are_all_kept() {
    for backend in backends::all().await {
        let store = &backend.store;
        let shown = [1, 2, 3].map(|number| [seen(number, &["a"], &[], true)]);
        let kept = tokio::join!(
            keep(store, 1, &shown[0]),
            keep(store, 2, &shown[1]),
            keep(store, 3, &shown[2]),
        );
        assert_eq!(kept, (true, true, true), "{}", backend.name);
        let (clusters, _) = store.clusters(None, 10, 0).await.unwrap();
        assert_eq!((clusters[0].taken_at, clusters[0].snapshots), (day(3), 3), "{}", backend.name);
        let all = store.sightings("prod", Some("acme")).await.unwrap();
        assert_eq!(all.len(), 1, "{}", backend.name);
    }
}
