//! Keys and the record of changes.

use store::{ApiKeyRow, AuditRow, Uuid};

use crate::backends;
use crate::prices::at;

#[tokio::test]
async fn keys_are_kept_and_every_change_is_noted() {
    for backend in backends::all().await {
        let (store, name) = (&backend.store, backend.name);
        let key = ApiKeyRow {
            key_id: Uuid::from_u128(1),
            shown_prefix: "cok_test_ab".to_owned(),
            label: "collector".to_owned(),
            role: "tenant".to_owned(),
            customer_id: Some("acme".to_owned()),
            created_by: "admin".to_owned(),
            created_at: at(0),
            expires_at: Some(at(10)),
            revoked_at: None,
        };
        let note = |action: &str, hour| AuditRow {
            happened_at: at(hour),
            actor: "admin".to_owned(),
            action: action.to_owned(),
            subject: key.key_id.to_string(),
            detail: serde_json::json!({"label": "collector"}),
        };
        store.add_key(&key, [7; 32], &note("api_key.create", 0)).await.unwrap();
        assert_eq!(store.keys().await.unwrap(), [(key.clone(), [7; 32])], "{name}");
        assert!(store.revoke_key(key.key_id, &note("api_key.revoke", 5)).await.unwrap(), "{name}");
        assert!(!store.revoke_key(key.key_id, &note("api_key.revoke", 6)).await.unwrap(), "{name}");
        assert_eq!(store.keys().await.unwrap()[0].0.revoked_at, Some(at(5)), "{name}");
        let audit = store.audit(10, 0).await.unwrap();
        assert_eq!(audit, [note("api_key.revoke", 5), note("api_key.create", 0)], "{name}");
        store.note(&note("access.refused", 7)).await.unwrap();
        assert_eq!(store.audit(1, 0).await.unwrap(), [note("access.refused", 7)], "{name}");
    }
}

/// What is noted of a change in tests.
pub(crate) fn note(action: &str, hour: i64) -> AuditRow {
    AuditRow {
        happened_at: at(hour),
        actor: "test".to_owned(),
        action: action.to_owned(),
        subject: "something".to_owned(),
        detail: serde_json::json!({}),
    }
}

/// The actions that were noted, the newest first.
pub(crate) async fn noted(store: &store::Store) -> Vec<String> {
    store.audit(100, 0).await.unwrap().into_iter().map(|row| row.action).collect()
}
