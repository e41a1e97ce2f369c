//! The two databases, opened and brought up to date.
//!
//! Statements are written once and run on either; where the databases differ, both texts stand
//! beside each other in the method that needs them.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{PgPool, SqlitePool};

use crate::StoreError;

/// How long a statement waits for another process before it fails.
const BUSY: Duration = Duration::from_secs(10);

/// How long a connection to PostgreSQL is waited for: who asks then hears that the database is away.
const CONNECTION_PATIENCE: Duration = Duration::from_secs(2);

/// An open database.
#[derive(Clone, Debug)]
pub(crate) enum Database {
    Postgres(PgPool),
    Sqlite(Sqlite),
}

/// SQLite takes one writer at a time and any number of readers.
#[derive(Clone, Debug)]
pub(crate) struct Sqlite {
    pub(crate) readers: SqlitePool,
    pub(crate) writer: SqlitePool,
}

/// Runs one expression on a connection pool of either database: the same text, checked for both.
macro_rules! reading {
    ($store:expr, $pool:ident => $body:expr) => {
        match &$store.database {
            $crate::database::Database::Postgres(pool) => {
                let $pool = pool;
                $body
            }
            $crate::database::Database::Sqlite(pools) => {
                let $pool = &pools.readers;
                $body
            }
        }
    };
}

/// Runs one expression in a transaction that is committed at its end and rolled back when it fails.
macro_rules! writing {
    ($store:expr, $transaction:ident => $body:expr) => {
        match &$store.database {
            $crate::database::Database::Postgres(pool) => {
                #[allow(unused_mut)]
                let mut $transaction = pool.begin().await?;
                let value = $body;
                $transaction.commit().await?;
                value
            }
            $crate::database::Database::Sqlite(pools) => {
                #[allow(unused_mut)]
                let mut $transaction = pools.writer.begin_with("BEGIN IMMEDIATE").await?;
                let value = $body;
                $transaction.commit().await?;
                value
            }
        }
    };
}

pub(crate) use {reading, writing};

impl Sqlite {
    /// The database in a file, made where there is none.
    pub(crate) async fn open(path: &Path) -> Result<Sqlite, StoreError> {
        let options = settings(SqliteConnectOptions::new().filename(path).create_if_missing(true));
        let writer = pool(1).connect_with(options.clone()).await?;
        migrate_sqlite(&writer).await?;
        let readers = pool(4).connect_with(options.read_only(true)).await?;
        Ok(Sqlite { readers, writer })
    }

    /// A database that is gone with its one connection, which everybody shares.
    pub(crate) async fn in_memory() -> Result<Sqlite, StoreError> {
        let writer =
            pool(1).connect_with(settings(SqliteConnectOptions::new().in_memory(true))).await?;
        migrate_sqlite(&writer).await?;
        Ok(Sqlite { readers: writer.clone(), writer })
    }

    /// Whether readers and writers share one connection.
    pub(crate) fn is_shared(&self) -> bool {
        self.readers.options().get_max_connections() == 1
    }
}

fn pool(connections: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .min_connections(1)
        .max_connections(connections)
        .idle_timeout(None)
        .max_lifetime(None)
        // A file does not hang up, so asking each time whether it has is a turn for nothing.
        .test_before_acquire(false)
}

fn settings(options: SqliteConnectOptions) -> SqliteConnectOptions {
    options
        .journal_mode(SqliteJournalMode::Wal)
        // What was promised is on the disk: commits are grouped, so this costs one wait for many.
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(BUSY)
        .foreign_keys(true)
        .pragma("cache_size", "-65536")
        .pragma("temp_store", "memory")
}

async fn migrate_sqlite(pool: &SqlitePool) -> Result<(), StoreError> {
    sqlx::migrate!("./migrations/sqlite").run(pool).await.map_err(StoreError::from_migration)
}

/// Where a PostgreSQL server is, and who asks.
#[derive(Clone)]
pub enum PostgresServer {
    /// All in one address: `postgres://user:password@host:port/database`.
    Url(String),
    /// In parts.
    Parts {
        /// The host's name or address.
        host: String,
        /// The port.
        port: u16,
        /// The database.
        database: String,
        /// Who asks.
        user: String,
        /// Its password, where one is needed.
        password: Option<String>,
    },
}

impl fmt::Debug for PostgresServer {
    /// Without what is secret.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PostgresServer::Url(_) => formatter.write_str("PostgresServer::Url"),
            PostgresServer::Parts { host, port, database, .. } => {
                write!(formatter, "{host}:{port}/{database}")
            }
        }
    }
}

impl PostgresServer {
    fn options(&self) -> Result<PgConnectOptions, StoreError> {
        Ok(match self {
            PostgresServer::Url(url) => url.parse::<PgConnectOptions>()?,
            PostgresServer::Parts { host, port, database, user, password } => {
                let options = PgConnectOptions::new()
                    .host(host)
                    .port(*port)
                    .database(database)
                    .username(user);
                match password {
                    Some(password) => options.password(password),
                    None => options,
                }
            }
        })
    }
}

/// Connects to PostgreSQL and brings it up to date. Two servers that start at once wait for each
/// other.
pub(crate) async fn postgres(
    server: &PostgresServer,
    connections: u32,
) -> Result<PgPool, StoreError> {
    let options = server.options()?.application_name("cloudoptim");
    let pool = PgPoolOptions::new()
        .max_connections(connections.max(2))
        .acquire_timeout(CONNECTION_PATIENCE)
        .connect_with(options)
        .await?;
    sqlx::migrate!("./migrations/postgres").run(&pool).await.map_err(StoreError::from_migration)?;
    Ok(pool)
}
