//! Decisions are kept once, whole, and found again.

use store::{
    DecisionFilter, DecisionRecord, OrderPart, OutcomeRow, Part, SaidOutcome, UsageRow, Uuid,
};
use units::Usd;

use crate::backends;

pub(crate) fn record(number: u8, request_id: Option<&str>) -> DecisionRecord {
    let part = |content: &[u8]| Part {
        digest: *blake3::hash(content).as_bytes(),
        content: content.into(),
    };
    DecisionRecord {
        decision_id: format!("019b8082-9480-7ca5-9a1c-5271be8264{number:02x}"),
        customer_id: None,
        cluster_id: "prod".to_owned(),
        decision_type: "bin_pack".to_owned(),
        engine_name: "bin_packing".to_owned(),
        engine_version: "1".to_owned(),
        build: "test".to_owned(),
        request_id: request_id.map(str::to_owned),
        decided_at: jiff::Timestamp::from_microsecond(1_767_225_600_123_456 + i64::from(number))
            .unwrap(),
        seed: "00".to_owned(),
        work_budget: u64::MAX,
        work_used: 7,
        work_stopped_at: None,
        input: part(b"{\"nodes\":[]}"),
        policy: part(b"{}"),
        evidence: part(&[number; 3]),
        answer_front: format!("{{\"decision_id\":{number},"),
        answer_rest: part(b"\"recommendations\":[{\"node\":\"a\"}]}"),
        savings: Some(units::Usd::from_nanos(1_500_000_000)),
        confidence: 0.5,
    }
}

#[tokio::test]
async fn what_is_kept_is_found_again() {
    for backend in backends::all().await {
        let (store, name) = (&backend.store, backend.name);
        store.keep_decision(record(1, Some("r"))).await.unwrap();
        store.keep_decision(record(2, None)).await.unwrap();
        let all = DecisionFilter { limit: 10, ..DecisionFilter::default() };
        let (found, total) = store.decisions(&all).await.unwrap();
        assert_eq!((total, found.len()), (2, 2), "{name}");
        assert_eq!(found[0].decision_id, record(2, None).decision_id, "{name}: the newest first");
        assert_eq!(found[1].decided_at, record(1, None).decided_at, "{name}: to the microsecond");
        let other = DecisionFilter { cluster_id: Some("other".to_owned()), ..all.clone() };
        assert_eq!(store.decisions(&other).await.unwrap().1, 0, "{name}");
        let whole = store.decision(&record(1, None).decision_id, None).await.unwrap().unwrap();
        assert_eq!(
            whole.answer, b"{\"decision_id\":1,\"recommendations\":[{\"node\":\"a\"}]}",
            "{name}"
        );
        assert_eq!(whole.input, b"{\"nodes\":[]}", "{name}");
        assert_eq!(whole.summary.savings, record(1, None).savings, "{name}");
        assert_eq!(whole.work_used, 7, "{name}");
        assert!(store.decision("no such name", None).await.unwrap().is_none(), "{name}");
        let since = jiff::Timestamp::UNIX_EPOCH;
        let answered = store.decision_of_request(None, "r", since).await.unwrap().unwrap();
        assert_eq!(answered.2, whole.answer, "{name}");
        assert!(store.decision_of_request(None, "other", since).await.unwrap().is_none(), "{name}");
    }
}

#[tokio::test]
async fn the_same_decision_is_kept_once() {
    for backend in backends::all().await {
        let store = &backend.store;
        let (one, two) = tokio::join!(
            store.keep_decision(record(1, None)),
            store.keep_decision(record(1, None))
        );
        assert!(one.is_ok() && two.is_ok(), "{}", backend.name);
        let filter = DecisionFilter { limit: 10, ..DecisionFilter::default() };
        assert_eq!(store.decisions(&filter).await.unwrap().1, 1, "{}", backend.name);
    }
}

#[tokio::test]
async fn a_customer_has_its_own_decisions() {
    for backend in backends::all().await {
        let (store, name) = (&backend.store, backend.name);
        let of = |customer: &str, number| DecisionRecord {
            customer_id: Some(customer.to_owned()),
            ..record(number, Some("r"))
        };
        // Two customers ask the same at the same instant: one name, two records.
        for one in [of("acme", 1), of("zeta", 1), of("acme", 2), record(3, None)] {
            store.keep_decision(one).await.unwrap();
        }
        let filter = |customer: Option<&str>| DecisionFilter {
            customer_id: customer.map(str::to_owned),
            limit: 10,
            ..DecisionFilter::default()
        };
        let (found, total) = store.decisions(&filter(Some("acme"))).await.unwrap();
        assert_eq!((found.len(), total), (2, 2), "{name}");
        assert!(found.iter().all(|one| one.customer_id.as_deref() == Some("acme")), "{name}");
        assert_eq!(store.decisions(&filter(None)).await.unwrap().1, 4, "{name}");
        let second = record(2, None).decision_id;
        assert!(store.decision(&second, Some("acme")).await.unwrap().is_some(), "{name}");
        assert!(store.decision(&second, Some("zeta")).await.unwrap().is_none(), "{name}");
        let since = jiff::Timestamp::UNIX_EPOCH;
        assert!(store.decision_of_request(Some("zeta"), "r", since).await.unwrap().is_some());
        assert!(store.decision_of_request(Some("other"), "r", since).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn decisions_are_in_one_order_and_filtered() {
    for backend in backends::all().await {
        let (store, name) = (&backend.store, backend.name);
        let mut of_acme = record(3, Some("third"));
        of_acme.customer_id = Some("acme".to_owned());
        of_acme.savings = None;
        let mut other = record(4, None);
        other.cluster_id = "other".to_owned();
        other.savings = Some(Usd::ZERO);
        for one in [record(1, None), record(2, Some("second")), of_acme, other] {
            store.keep_decision(one).await.unwrap();
        }
        // What is known already gets no second place.
        store.keep_decision(record(1, None)).await.unwrap();
        assert_eq!(store.last_decision().await.unwrap(), 4, "{name}");
        let places = async |filter: &DecisionFilter, part| {
            let found = store.decisions_in_order(filter, part).await.unwrap();
            found.iter().map(|one| one.sequence).collect::<Vec<_>>()
        };
        let all = DecisionFilter { limit: 10, ..DecisionFilter::default() };
        let two = DecisionFilter { limit: 2, ..all.clone() };
        assert_eq!(places(&two, OrderPart::Before(None)).await, [4, 3], "{name}");
        assert_eq!(places(&two, OrderPart::Before(Some(3))).await, [2, 1], "{name}");
        assert_eq!(places(&all, OrderPart::Between(1, 3)).await, [2, 3], "{name}");

        let outcome = OutcomeRow {
            cluster_id: "prod".to_owned(),
            customer_id: None,
            outcome_id: Uuid::from_u128(7),
            decision_id: record(2, None).decision_id.parse().unwrap(),
            decision_type: "bin_pack".to_owned(),
            outcome: "applied".to_owned(),
            asked: String::new(),
            findings: Vec::new(),
            detail: serde_json::json!({}),
            savings: None,
            noted_at: record(9, None).decided_at,
            noted_by: "ana".to_owned(),
        };
        let note = store::AuditRow {
            happened_at: outcome.noted_at,
            actor: "ana".to_owned(),
            action: "test".to_owned(),
            subject: String::new(),
            detail: serde_json::json!({}),
        };
        store.add_outcome(&outcome, None, &note).await.unwrap();
        let check = async |filter: DecisionFilter, expected: &[u64]| {
            assert_eq!(
                places(&filter, OrderPart::Before(None)).await,
                expected,
                "{name} {filter:?}"
            );
            let (rows, total) = store.decisions(&filter).await.unwrap();
            assert_eq!((rows.len(), total), (expected.len(), expected.len() as u64), "{name}");
            for one in store.decisions_in_order(&all, OrderPart::Before(None)).await.unwrap() {
                let said = matches!(filter.outcome, Some(SaidOutcome::This(_)));
                let told = expected.contains(&one.sequence);
                assert!(said || one.outcome.is_some() || filter.holds(&one.summary) == told);
            }
        };
        let text = |text: &str| Some(text.to_owned());
        check(DecisionFilter { cluster_id: text("other"), ..all.clone() }, &[4]).await;
        check(DecisionFilter { request_id: text("second"), ..all.clone() }, &[2]).await;
        check(DecisionFilter { customer_id: text("acme"), ..all.clone() }, &[3]).await;
        check(DecisionFilter { engine_name: text("none"), ..all.clone() }, &[]).await;
        let instant = Some(record(2, None).decided_at);
        check(DecisionFilter { from: instant, ..all.clone() }, &[4, 3, 2]).await;
        check(DecisionFilter { until: instant, ..all.clone() }, &[1]).await;
        check(DecisionFilter { has_savings: Some(true), ..all.clone() }, &[2, 1]).await;
        check(DecisionFilter { has_savings: Some(false), ..all.clone() }, &[4, 3]).await;
        let least = |nanos| Some(Usd::from_nanos(nanos));
        check(DecisionFilter { least_savings: least(0), ..all.clone() }, &[4, 2, 1]).await;
        check(DecisionFilter { least_savings: least(1_500_000_001), ..all.clone() }, &[]).await;
        let said = SaidOutcome::This("applied".to_owned());
        check(DecisionFilter { outcome: Some(said), ..all.clone() }, &[2]).await;
        let nothing = Some(SaidOutcome::Nothing);
        check(DecisionFilter { outcome: nothing, ..all.clone() }, &[4, 3, 1]).await;
    }
}

#[tokio::test]
async fn decisions_that_come_together_get_places_without_gaps() {
    for backend in backends::all().await {
        let (store, name) = (&backend.store, backend.name);
        let mut keeping = tokio::task::JoinSet::new();
        for number in 0..60 {
            let store = store.clone();
            // Every third one is there already, or will be.
            keeping.spawn(async move {
                store.keep_decision(record(number / 3 * 2 + number % 2, None)).await
            });
        }
        while let Some(kept) = keeping.join_next().await {
            kept.unwrap().unwrap();
        }
        let all = DecisionFilter { limit: 100, ..DecisionFilter::default() };
        let count = store.decisions(&all).await.unwrap().1;
        let found = store.decisions_in_order(&all, OrderPart::Between(0, 100)).await.unwrap();
        let places: Vec<u64> = found.iter().map(|one| one.sequence).collect();
        assert_eq!(places, (1..=count).collect::<Vec<_>>(), "{name}");
        assert_eq!(store.last_decision().await.unwrap(), count, "{name}");
    }
}

#[tokio::test]
async fn use_is_counted_by_decision_and_day() {
    for backend in backends::all().await {
        let (store, name) = (&backend.store, backend.name);
        let clusters = [
            (None, "prod"),
            (Some("a"), "b/c"),
            (Some("a/b"), "c"),
            (Some("a"), "b/c"),
            // Whoever names no cluster is at none.
            (Some("a"), ""),
        ];
        for (number, (customer, cluster)) in (1..).zip(clusters) {
            let savings = record(number, None).savings.filter(|_| customer.is_some());
            let one = DecisionRecord {
                customer_id: customer.map(str::to_owned),
                cluster_id: cluster.to_owned(),
                savings,
                ..record(number, None)
            };
            store.keep_decision(one).await.unwrap();
        }
        let day = |day: &str| day.parse().unwrap();
        let (last_day, next) = (day("2026-01-01"), day("2026-01-02"));
        let used = |decisions, with_savings, clusters| UsageRow {
            decision_type: "bin_pack".to_owned(),
            decisions,
            with_savings,
            clusters,
            last_day,
        };
        let found = store.feature_usage(None, (last_day, next)).await.unwrap();
        assert_eq!(found, [used(5, 4, 3)], "{name}");
        let found = store.feature_usage(Some("a"), (last_day, last_day)).await.unwrap();
        assert_eq!(found, [used(3, 3, 1)], "{name}");
        assert!(store.feature_usage(Some("zeta"), (last_day, next)).await.unwrap().is_empty());
        assert!(store.feature_usage(None, (next, next)).await.unwrap().is_empty(), "{name}");
    }
}
