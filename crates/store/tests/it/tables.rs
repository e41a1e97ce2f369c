//! Both databases have the same tables, columns and indexes, and refuse what a newer version wrote.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::{Connection, PgConnection, SqliteConnection};
use store::{PostgresServer, Store, StoreError};

use crate::backends;

type Tables = BTreeMap<String, BTreeSet<String>>;

/// Views that exist for readers of PostgreSQL only, who know the names of the contract.
const POSTGRES_ONLY: [&str; 7] = [
    "cross_client_pattern_summary",
    "data_gaps",
    "decision_execution_log",
    "model_refresh_history",
    "on_demand_prices",
    "spot_advisor_data",
    "spot_prices",
];

async fn connect(url: &str) -> Result<Store, StoreError> {
    Store::connect(&PostgresServer::Url(url.to_owned()), 2).await
}

fn grouped(rows: Vec<(String, String)>) -> Tables {
    let mut tables = Tables::new();
    for (table, column) in rows {
        if !table.starts_with("_sqlx") && !POSTGRES_ONLY.contains(&table.as_str()) {
            tables.entry(table).or_default().insert(column);
        }
    }
    tables
}

#[tokio::test]
async fn tables_columns_and_indexes_are_the_same() {
    let Some(url) = backends::postgres().await else { return };
    connect(&url).await.unwrap().close().await;
    let folder = backends::scratch();
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("store.sqlite");
    Store::open(&file).await.unwrap().close().await;
    let mut postgres = PgConnection::connect(&url).await.unwrap();
    let mut sqlite =
        SqliteConnection::connect(&format!("sqlite://{}", file.display())).await.unwrap();
    let there: Vec<(String, String)> = sqlx::query_as(
        "SELECT table_name::text, column_name::text FROM information_schema.columns \
         WHERE table_schema = 'public'",
    )
    .fetch_all(&mut postgres)
    .await
    .unwrap();
    let here: Vec<(String, String)> = sqlx::query_as(
        "SELECT m.name, c.name FROM sqlite_schema m JOIN pragma_table_info(m.name) c \
         WHERE m.type IN ('table', 'view') AND m.name NOT LIKE 'sqlite_%'",
    )
    .fetch_all(&mut sqlite)
    .await
    .unwrap();
    assert_eq!(grouped(there), grouped(here));
    let there: Vec<(String,)> = sqlx::query_as(
        "SELECT indexname::text FROM pg_indexes WHERE schemaname = 'public' \
         AND indexname NOT LIKE '%_pkey' AND indexname NOT LIKE '%_key' ORDER BY 1",
    )
    .fetch_all(&mut postgres)
    .await
    .unwrap();
    let here: Vec<(String,)> = sqlx::query_as(
        "SELECT name FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL ORDER BY 1",
    )
    .fetch_all(&mut sqlite)
    .await
    .unwrap();
    assert_eq!(there, here);
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn two_servers_may_start_at_once() {
    let Some(url) = backends::postgres().await else { return };
    let (one, two) = tokio::join!(connect(&url), connect(&url));
    one.unwrap().ping().await.unwrap();
    two.unwrap().ping().await.unwrap();
}

#[tokio::test]
async fn what_a_newer_version_wrote_is_refused() {
    let folder = backends::scratch();
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("store.sqlite");
    Store::open(&file).await.unwrap().close().await;
    let mut sqlite =
        SqliteConnection::connect(&format!("sqlite://{}", file.display())).await.unwrap();
    sqlx::query(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         VALUES (9999, 'from the future', 1, x'00', 0)",
    )
    .execute(&mut sqlite)
    .await
    .unwrap();
    sqlite.close().await.unwrap();
    let refused = Store::open(&file).await;
    let Err(StoreError::Migration(why)) = refused else { panic!("it was opened") };
    assert!(why.contains("newer version"), "{why}");
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn prices_stand_under_the_names_of_the_contract() {
    let Some(url) = backends::postgres().await else { return };
    let store = connect(&url).await.unwrap();
    store.keep_prices(&crate::prices::batch(0..1), None, crate::prices::at(0)).await.unwrap();
    let mut postgres = PgConnection::connect(&url).await.unwrap();
    let row: (String, String, String, String) = sqlx::query_as(
        "SELECT instance_type, availability_zone, spot_price::text, product_description \
         FROM spot_prices WHERE instance_type = 'm5.large'",
    )
    .fetch_one(&mut postgres)
    .await
    .unwrap();
    assert_eq!(
        (row.0.as_str(), row.1.as_str(), row.2.parse::<f64>().unwrap(), row.3.as_str()),
        ("m5.large", "us-east-1a", 0.030_000_001, "Linux/UNIX")
    );
}

/// Columns by which other programs know the tables.
const CONTRACT: &[(&str, &str)] = &[
    (
        "ml_models",
        "model_id, model_name, model_version, model_type, trained_until_date, upload_date, uploaded_by, \
         active, model_file_path, model_metadata, performance_metrics",
    ),
    (
        "decision_engines",
        "engine_id, engine_name, engine_version, engine_type, upload_date, active, engine_file_path, \
         config, input_schema, output_schema",
    ),
    (
        "spot_prices",
        "price_id, instance_type, availability_zone, region, spot_price, timestamp, \
         product_description, created_at",
    ),
    (
        "on_demand_prices",
        "price_id, instance_type, region, hourly_price, operating_system, effective_date, created_at",
    ),
    (
        "spot_advisor_data",
        "advisor_id, instance_type, region, interruption_rate, savings_over_od, last_updated, raw_data",
    ),
    (
        "data_gaps",
        "gap_id, model_id, gap_start_date, gap_end_date, gap_days, data_type, regions, instance_types, \
         status, records_filled, records_expected, created_at, started_at, completed_at, error_message",
    ),
    (
        "model_refresh_history",
        "refresh_id, model_id, refresh_type, data_fetched_from, data_fetched_to, records_fetched, \
         status, triggered_by, started_at, completed_at, duration_seconds, error_message",
    ),
    (
        "predictions_log",
        "prediction_id, model_id, prediction_type, input_data, prediction_output, confidence_score, \
         created_at",
    ),
    (
        "decision_execution_log",
        "execution_id, engine_id, decision_type, cluster_id, input_state, recommendations, \
         confidence_score, estimated_savings, executed_at",
    ),
];

#[tokio::test]
async fn every_column_of_the_contract_can_be_read() {
    let Some(url) = backends::postgres().await else { return };
    connect(&url).await.unwrap().close().await;
    let mut postgres = PgConnection::connect(&url).await.unwrap();
    for (table, columns) in CONTRACT {
        let query = format!("SELECT {columns} FROM {table}");
        let found = sqlx::raw_sql(sqlx::AssertSqlSafe(query)).execute(&mut postgres).await;
        assert!(found.is_ok(), "{table}: {found:?}");
    }
}

#[tokio::test]
async fn a_decision_can_be_read_as_documents() {
    let Some(url) = backends::postgres().await else { return };
    let store = connect(&url).await.unwrap();
    store.keep_decision(crate::decisions::record(1, None)).await.unwrap();
    let mut postgres = PgConnection::connect(&url).await.unwrap();
    let row: (String, String, String) = sqlx::query_as(
        "SELECT input_state::text, recommendations::text, estimated_savings::text \
         FROM decision_execution_log WHERE cluster_id = 'prod'",
    )
    .fetch_one(&mut postgres)
    .await
    .unwrap();
    assert_eq!((row.0.as_str(), row.1.as_str()), ("{\"nodes\": []}", "[{\"node\": \"a\"}]"));
    assert_eq!(row.2.parse::<f64>().unwrap(), 1.5);
}
