//! Decisions are kept once, whole, and found again.

use store::{DecisionFilter, DecisionRecord, Part};

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
