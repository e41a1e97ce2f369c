//! Back-tests: recorded with their job, listed by customer, reported under the fence.

use store::{BacktestRow, Progress, StoreError, Uuid};

use crate::backends;
use crate::jobs::job;
use crate::prices::at;

fn row(number: u128, customer: Option<&str>) -> BacktestRow {
    BacktestRow {
        backtest_id: Uuid::from_u128(number),
        customer_id: customer.map(str::to_owned),
        name: format!("number {number}"),
        policies: vec!["lowest_price".to_owned(), "adaptive".to_owned()],
        asked: "digest".to_owned(),
        requested_by: "test".to_owned(),
        created_at: at(i64::try_from(number).unwrap()),
    }
}

#[tokio::test]
async fn a_back_test_is_recorded_once_and_reported_by_whoever_holds_its_job() {
    for backend in backends::all().await {
        let (store, name) = (&backend.store, backend.name);
        let request = b"{\"events\":[]}".repeat(100);
        let first = row(1, Some("acme"));
        let added = store.add_backtest(&first, &request, &job(1, Some("key"))).await.unwrap();
        assert_eq!(added, Ok(()), "{name}");
        // While the first waits, the same key is the same back-test.
        let again = store.add_backtest(&row(2, Some("acme")), &request, &job(2, Some("key"))).await;
        assert_eq!(again.unwrap(), Err(first.backtest_id), "{name}");
        store.add_backtest(&row(3, None), b"", &job(3, None)).await.unwrap().unwrap();

        assert_eq!(store.backtest(first.backtest_id, None).await.unwrap(), Some(first.clone()));
        assert_eq!(store.backtest(first.backtest_id, Some("other")).await.unwrap(), None, "{name}");
        let kept = store.backtest_request(first.backtest_id).await.unwrap();
        assert_eq!(kept, Some(request), "{name}");
        assert_eq!(
            store.backtest_request(row(3, None).backtest_id).await.unwrap(),
            Some(Vec::new())
        );
        let all = store.backtests(None, 10, 0).await.unwrap();
        assert_eq!(all, (vec![row(3, None), first.clone()], 2), "{name}: newest first");
        assert_eq!(store.backtests(None, 1, 1).await.unwrap().0, vec![first.clone()], "{name}");
        let own = store.backtests(Some("acme"), 10, 0).await.unwrap();
        assert_eq!(own, (vec![first.clone()], 1), "{name}");

        assert_eq!(store.backtest_report(first.backtest_id).await.unwrap(), None, "{name}");
        let taken = store.claim_job("a", &["fetch"], at(100), at(10)).await.unwrap().unwrap();
        assert_eq!(taken.job_id, first.backtest_id, "{name}");
        let progress = |fence: i64| Progress {
            job_id: first.backtest_id,
            fence,
            cursor: serde_json::Value::Null,
            done_units: 1,
            all_units: Some(1),
            lease_until: at(200),
        };
        let (stale, fresh) = (progress(taken.fence - 1), progress(taken.fence));
        let lost = store.keep_backtest_report(first.backtest_id, b"x", &stale).await;
        assert!(matches!(lost, Err(StoreError::LeaseLost)), "{name}");
        assert_eq!(store.backtest_report(first.backtest_id).await.unwrap(), None, "{name}");
        store.keep_backtest_report(first.backtest_id, b"report", &fresh).await.unwrap();
        let report = store.backtest_report(first.backtest_id).await.unwrap();
        assert_eq!(report.as_deref(), Some(b"report".as_slice()), "{name}");
    }
}
