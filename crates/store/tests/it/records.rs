//! Models, gaps, refreshes and quarantined rows.

use jiff::civil::date;
use store::{GapRow, ModelFilter, ModelRow, QuarantinedRow, RefreshRow, Store, Uuid};

use crate::access::{note, noted};
use crate::backends;
use crate::jobs::job;
use crate::prices::at;

fn model(number: u128, active: bool) -> ModelRow {
    ModelRow {
        model_id: Uuid::from_u128(number),
        name: "spot".to_owned(),
        version: number.to_string(),
        model_type: "spot_predictor".to_owned(),
        trained_until: date(2025, 10, 31),
        uploaded_at: at(i64::try_from(number).unwrap()),
        uploaded_by: Some("test".to_owned()),
        active,
        metadata: Some(serde_json::json!({"trees": 300})),
        last_refresh_at: None,
        file: None,
        description: None,
        shadow: false,
    }
}

async fn active(store: &Store) -> Vec<Uuid> {
    let filter = ModelFilter { active: Some(true), limit: 10, ..ModelFilter::default() };
    store.models(&filter).await.unwrap().0.into_iter().map(|model| model.model_id).collect()
}

#[tokio::test]
async fn one_model_of_a_type_is_active() {
    for backend in backends::all().await {
        let (store, name) = (&backend.store, backend.name);
        assert!(
            store.add_model(&model(1, true), &note("model.record", 0)).await.unwrap(),
            "{name}"
        );
        assert!(
            store.add_model(&model(2, false), &note("model.record", 0)).await.unwrap(),
            "{name}"
        );
        assert!(
            !store.add_model(&model(2, false), &note("model.record", 0)).await.unwrap(),
            "{name}: known already"
        );
        assert_eq!(store.model(Uuid::from_u128(1)).await.unwrap(), Some(model(1, true)), "{name}");
        let two = Uuid::from_u128(2);
        assert_eq!(
            store.activate_model(two, &note("model.activate", 0)).await.unwrap(),
            Some(Some(Uuid::from_u128(1)))
        );
        assert_eq!(active(store).await, [two], "{name}");
        assert_eq!(
            store.activate_model(Uuid::from_u128(9), &note("model.activate", 0)).await.unwrap(),
            None,
            "{name}"
        );
        assert_eq!(active(store).await, [two], "{name}");
        assert_eq!(
            noted(store).await,
            ["model.activate", "model.record", "model.record"],
            "{name}"
        );
        // Recorded as active, it takes the place of the one before.
        assert!(
            store.add_model(&model(3, true), &note("model.record", 3)).await.unwrap(),
            "{name}"
        );
        assert_eq!(active(store).await, [Uuid::from_u128(3)], "{name}");
        store.model_was_refreshed(two, at(9)).await.unwrap();
        assert_eq!(store.model(two).await.unwrap().unwrap().last_refresh_at, Some(at(9)), "{name}");
    }
}

#[tokio::test]
async fn a_gap_and_its_job_appear_together() {
    for backend in backends::all().await {
        let (store, name) = (&backend.store, backend.name);
        store.add_model(&model(1, true), &note("model.record", 0)).await.unwrap();
        let gap = |number| GapRow {
            gap_id: Uuid::from_u128(number),
            model_id: Some(Uuid::from_u128(1)),
            job_id: Uuid::from_u128(number),
            start: date(2025, 10, 31),
            end: date(2025, 11, 28),
            data_type: "spot_prices".to_owned(),
            regions: vec!["us-east-1".to_owned()],
            instance_types: vec!["m5.large".to_owned(), "c5.large".to_owned()],
            records_expected: Some(150_000),
            permanent_before: Some(at(0)),
            created_at: at(1),
            outcome: None,
        };
        assert_eq!(
            store.add_gap(&gap(10), &job(10, Some("same"))).await.unwrap(),
            Ok(()),
            "{name}"
        );
        let second = store.add_gap(&gap(11), &job(11, Some("same"))).await.unwrap();
        assert_eq!(second, Err(Uuid::from_u128(10)), "{name}: the same is being filled");
        assert_eq!(store.gap(Uuid::from_u128(10)).await.unwrap(), Some(gap(10)), "{name}");
        assert_eq!(store.gap(Uuid::from_u128(11)).await.unwrap(), None, "{name}");
        assert_eq!(store.gaps(10, 0).await.unwrap(), (vec![gap(10)], 1), "{name}");
        let refresh = RefreshRow {
            refresh_id: Uuid::from_u128(20),
            model_id: Some(Uuid::from_u128(1)),
            job_id: Uuid::from_u128(20),
            refresh_type: "manual".to_owned(),
            from: date(2025, 11, 21),
            to: date(2025, 11, 28),
            auto_activate: true,
            triggered_by: None,
            started_at: at(2),
            outcome: None,
        };
        assert_eq!(store.add_refresh(&refresh, &job(20, None)).await.unwrap(), Ok(()), "{name}");
        let known = store.add_refresh(&refresh, &job(20, None)).await.unwrap();
        assert_eq!(known, Err(Uuid::from_u128(20)), "{name}");
        let of_model = store.refreshes(Some(Uuid::from_u128(1)), 10, 0).await.unwrap();
        assert_eq!(of_model, (vec![refresh.clone()], 1), "{name}");
        assert_eq!(store.refreshes(Some(Uuid::from_u128(2)), 10, 0).await.unwrap(), (vec![], 0));
        // One that a schedule began is recorded when its job is, however often that is said.
        let own = RefreshRow { refresh_id: Uuid::from_u128(21), ..refresh };
        for _ in 0..2 {
            store.record_refresh(&own).await.unwrap();
        }
        assert_eq!(store.refreshes(None, 10, 0).await.unwrap().1, 2, "{name}");
        let outcome = serde_json::json!({"records": 5});
        for number in [10, 21] {
            store.keep_outcome(Uuid::from_u128(number), &outcome).await.unwrap();
        }
        let gap = store.gap(Uuid::from_u128(10)).await.unwrap().unwrap();
        let own = store.refresh(Uuid::from_u128(21)).await.unwrap().unwrap();
        assert_eq!((gap.outcome, own.outcome), (Some(outcome.clone()), Some(outcome)), "{name}");
    }
}

#[tokio::test]
async fn rows_that_were_not_believed_are_kept_with_the_reason() {
    for backend in backends::all().await {
        let store = &backend.store;
        let rows: Vec<QuarantinedRow> = (0..700)
            .map(|number| QuarantinedRow {
                dataset: "spot_prices".to_owned(),
                source: "DescribeSpotPriceHistory".to_owned(),
                reason: "negative price".to_owned(),
                content: format!("row {number}"),
                found_at: at(number),
            })
            .collect();
        store.quarantine(&rows).await.unwrap();
        let found = store.quarantined("spot_prices", 2).await.unwrap();
        assert_eq!(found, [rows[699].clone(), rows[698].clone()], "{}", backend.name);
        assert!(store.quarantined("other", 2).await.unwrap().is_empty(), "{}", backend.name);
    }
}

#[tokio::test]
async fn many_activations_at_once_leave_one_active() {
    for backend in backends::all().await {
        let (store, name) = (&backend.store, backend.name);
        for number in 1..=4 {
            store.add_model(&model(number, false), &note("model.record", 0)).await.unwrap();
        }
        let activate = async |number: u128| {
            for _ in 0..5 {
                let note = note("model.activate", 0);
                store.activate_model(Uuid::from_u128(number), &note).await.unwrap();
            }
        };
        tokio::join!(activate(1), activate(2), activate(3), activate(4));
        assert_eq!(active(store).await.len(), 1, "{name}");
    }
}
