//! What is kept: one store, with every statement of SQL inside.
//!
//! Transactions begin and end inside of one method. Instants come in as arguments.
//! This crate refuses to know what a decision means.

mod commit;
mod decisions;
mod values;

use commit::{Commits, Writer};

pub use commit::Receipt;
pub use decisions::{DecisionFilter, DecisionRecord, DecisionSummary, Part, StoredDecision};

use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection, SqliteConnection, SqlitePool};

/// A store. Handles are cheap to clone and share one set of connections.
#[derive(Clone, Debug)]
pub struct Store {
    readers: SqlitePool,
    commits: Commits,
}

/// Why the store did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database answered with an error or not at all.
    #[error("the database does not answer as it should: {0}")]
    Database(#[from] sqlx::Error),
    /// The database was written by a newer version.
    #[error("the database cannot be brought to this version: {0}")]
    Migration(#[from] sqlx::migrate::MigrateError),
    /// What was kept cannot be read any more.
    #[error("{what} is damaged: {why}")]
    Damaged {
        /// The thing.
        what: String,
        /// What is wrong with it.
        why: String,
    },
    /// The store is shutting down.
    #[error("the store is closed")]
    Closed,
}

/// How long a statement waits for another process before it fails.
const BUSY: Duration = Duration::from_secs(10);

impl Store {
    /// Opens the store in a file, making and bringing it up to date as needed.
    ///
    /// # Errors
    /// A file that cannot be opened, or that a newer version has written.
    pub async fn open(path: &Path) -> Result<Store, StoreError> {
        let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
        Store::with(options, 4).await
    }

    /// A store that is gone when the last handle is.
    ///
    /// # Errors
    /// No memory.
    pub async fn in_memory() -> Result<Store, StoreError> {
        let options = SqliteConnectOptions::new().in_memory(true);
        Store::with(options, 1).await
    }

    async fn with(options: SqliteConnectOptions, readers: u32) -> Result<Store, StoreError> {
        // An answer leaves only when its commit is on the disk, so every commit is synchronous;
        // commits are grouped, so that this costs one wait for many answers.
        let options = options
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY)
            .foreign_keys(true);
        let readers = SqlitePoolOptions::new()
            .min_connections(1)
            .max_connections(readers)
            .idle_timeout(None)
            .max_lifetime(None)
            // A file does not hang up, so asking each time whether it has is a turn for nothing.
            .test_before_acquire(false)
            .connect_with(options.clone())
            .await?;
        sqlx::migrate!("./migrations/sqlite").run(&readers).await?;
        let writer = if readers.options().get_max_connections() == 1 {
            // A database in memory belongs to its one connection.
            Writer::Shared(readers.clone())
        } else {
            Writer::Own(SqliteConnection::connect_with(&options).await?)
        };
        Ok(Store { readers, commits: Commits::start(writer) })
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// It does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        sqlx::query("SELECT 1").execute(&self.readers).await?;
        Ok(())
    }

    /// Waits for what is being written and closes every connection.
    pub async fn close(self) {
        self.commits.close().await;
        self.readers.close().await;
    }
}
