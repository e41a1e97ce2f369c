//! The databases that every case runs on.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::{Connection, PgConnection};
use store::{PostgresServer, Store};

static NUMBER: AtomicU32 = AtomicU32::new(0);

/// An empty store, and what is to be cleared away after it.
pub(crate) struct Backend {
    pub(crate) name: &'static str,
    pub(crate) store: Store,
    file: Option<PathBuf>,
}

impl Drop for Backend {
    fn drop(&mut self) {
        if let Some(folder) = &self.file {
            let _ = std::fs::remove_dir_all(folder);
        }
    }
}

/// An empty store of every kind.
pub(crate) async fn all() -> Vec<Backend> {
    let memory = Store::in_memory().await.unwrap();
    let folder = scratch();
    std::fs::create_dir_all(&folder).unwrap();
    let file = Store::open(&folder.join("store.sqlite")).await.unwrap();
    let mut all = vec![
        Backend { name: "sqlite in memory", store: memory, file: None },
        Backend { name: "sqlite in a file", store: file, file: Some(folder) },
    ];
    match postgres().await {
        Some(url) => {
            let store = Store::connect(&PostgresServer::Url(url), 4).await.unwrap();
            all.push(Backend { name: "postgresql", store, file: None });
        }
        None => eprintln!("TEST_POSTGRES is not set: PostgreSQL was left out"),
    }
    all
}

/// The address of an empty database of its own, where there is a server.
pub(crate) async fn postgres() -> Option<String> {
    let server = std::env::var("TEST_POSTGRES").ok()?;
    let name = format!("contract_{}_{}", std::process::id(), next());
    let mut connection = PgConnection::connect(&format!("{server}/postgres")).await.unwrap();
    let create = format!("CREATE DATABASE {name}");
    sqlx::raw_sql(sqlx::AssertSqlSafe(create)).execute(&mut connection).await.unwrap();
    Some(format!("{server}/{name}"))
}

/// A folder that nobody else has.
pub(crate) fn scratch() -> PathBuf {
    std::env::temp_dir().join(format!("cloudoptim-store-{}-{}", std::process::id(), next()))
}

fn next() -> u32 {
    NUMBER.fetch_add(1, Ordering::Relaxed)
}
