//! Snapshots of a cluster show since when a volume is unattached, and decisions rest on that.

use std::sync::Arc;

use app::App;
use app::access::{Caller, Role};
use app::bundle::Bundle;
use app::clusters::ClusterSettings;
use app::decide::Desk;
use clock::{Clock, Hand};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use store::Store;

/// A server whose clock is moved by hand.
pub(crate) async fn place() -> (Arc<App>, Hand) {
    place_on(Store::in_memory().await.unwrap())
}

pub(crate) fn place_on(store: Store) -> (Arc<App>, Hand) {
    let start: Timestamp = "2026-03-01T00:00:00Z".parse().unwrap();
    let (clock, hand) = Clock::manual(start);
    let settings =
        ClusterSettings { stale_after: SignedDuration::from_hours(36), most_snapshots: 5 };
    let app = App::new(Desk::new(market::bundled()), store, clock);
    (Arc::new(app.with_cluster_settings(settings)), hand)
}

pub(crate) fn tenant(customer: &str) -> Caller {
    Caller {
        name: format!("key of {customer}"),
        role: Role::Tenant,
        customer_id: Some(customer.to_owned()),
    }
}

/// A cluster with one volume that may be attached.
pub(crate) fn cluster(taken_at: Timestamp, attached: bool) -> Value {
    let owned = json!({ "kubernetes.io/cluster/shop": "owned" });
    let (state, to) =
        if attached { ("in-use", json!(["i-node"])) } else { ("available", json!([])) };
    json!({
        "cluster_id": "shop",
        "taken_at": taken_at,
        "nodes": [{ "name": "n1", "instance_type": "m5.large", "provider_id": "aws:///us-east-1a/i-node" }],
        "accounts": [{
            "snapshots": [],
            "instances": [{ "id": "i-node", "instance_type": "m5.large", "state": "running", "tags": owned }],
        }],
        "volumes": { "items": { "ebs_volumes": [{
            "id": "vol-orphan", "kind": "gp3", "size_gib": 100, "state": state, "zone": "us-east-1a",
            "created_at": "2026-01-01T00:00:00Z", "attached_to": to, "tags": owned,
        }] } },
    })
}

pub(crate) async fn keep(app: &Arc<App>, attached: bool, caller: &Caller) {
    let snapshot = cluster(app.clock().now(), attached).to_string();
    app.keep_snapshot("shop", snapshot.into_bytes(), caller).await.unwrap();
}

const DAY: SignedDuration = SignedDuration::from_hours(24);

async fn stage(app: &Arc<App>, caller: &Caller) -> String {
    let body = json!({ "current_state": cluster(app.clock().now(), false) }).to_string();
    let answer = app.answer(Some("volume_cleanup"), body.into_bytes(), caller).await.unwrap();
    let decision: Value = serde_json::from_slice(&answer.json).unwrap();
    let id = decision["decision_id"].as_str().unwrap();
    let bundle: Bundle = app.bundle(id, caller).await.unwrap();
    assert!(bundle.replay().unwrap().identical, "the evidence is all that a replay needs");
    decision["recommendations"][0]["stage"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_volume_is_marked_waits_and_is_proposed_for_deletion() {
    let (app, hand) = place().await;
    let (acme, zeta) = (tenant("acme"), tenant("zeta"));
    assert_eq!(stage(&app, &acme).await, "mark");
    for day in 0..=30 {
        keep(&app, false, &acme).await;
        let expected = if day < 30 { "wait" } else { "snapshot_then_delete" };
        assert_eq!(stage(&app, &acme).await, expected, "day {day}");
        assert_eq!(stage(&app, &zeta).await, "mark", "another customer's records say nothing");
        hand.advance(DAY);
    }
    // The report on everything rests on the same records.
    let body = json!({ "current_state": cluster(app.clock().now(), false) }).to_string();
    let report = app.answer_all(body.into_bytes(), &acme).await.unwrap();
    let found = report.items.iter().find(|item| item.decision_type == "volume_cleanup").unwrap();
    assert!(found.own_savings_usd_per_month.is_some_and(|saved| saved > units::Usd::ZERO));
    // Once it was in use, the wait begins anew.
    keep(&app, true, &acme).await;
    assert_eq!(stage(&app, &acme).await, "mark");
    hand.advance(DAY);
    keep(&app, false, &acme).await;
    assert_eq!(stage(&app, &acme).await, "wait");
}

#[tokio::test]
async fn clusters_say_how_old_their_newest_snapshot_is() {
    let (app, hand) = place().await;
    let acme = tenant("acme");
    for _ in 0..8 {
        keep(&app, false, &acme).await;
        hand.advance(SignedDuration::from_hours(30));
    }
    let (clusters, total) = app.clusters(&acme, 10, 0).await.unwrap();
    assert_eq!((clusters.len(), total), (1, 1));
    assert_eq!((clusters[0].age_seconds, clusters[0].is_stale), (30 * 3600, false));
    assert_eq!(clusters[0].snapshots, 5, "the oldest ones go");
    let sections: Vec<u64> = clusters[0].sections.values().copied().collect();
    assert_eq!(sections, [1, 1, 1]);
    hand.advance(SignedDuration::from_hours(7));
    assert!(app.clusters(&Caller::development(), 10, 0).await.unwrap().0[0].is_stale);
    assert_eq!(app.clusters(&tenant("zeta"), 10, 0).await.unwrap().1, 0);
    assert!(app.snapshots("shop", &tenant("zeta"), 10, 0).await.is_err());
    let (snapshots, _) = app.snapshots("shop", &acme, 1, 0).await.unwrap();
    let content = app.snapshot("shop", &snapshots[0].snapshot_id, &acme).await.unwrap();
    assert_eq!(content, cluster(snapshots[0].taken_at, false).to_string().into_bytes());
}
