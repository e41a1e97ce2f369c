//! What is kept: one store, with every statement of SQL inside.
//!
//! PostgreSQL and SQLite behave alike; one suite of tests holds both to it. Transactions begin and end
//! inside of one method. Instants come in as arguments.
//! This crate refuses to know what a decision means.

mod access;
mod backtests;
mod commit;
mod coverage;
mod database;
mod decisions;
mod feature_usage;
mod features;
mod findings;
mod gaps;
mod job_log;
mod jobs;
mod learning;
mod list_prices;
mod models;
mod news;
mod notifications;
mod outcomes;
mod predictions;
mod prices;
mod quarantine;
mod retention;
mod scans;
mod schedules;
mod series;
mod sightings;
mod snapshots;
mod toggles;
mod totals;
mod values;

pub use access::{ApiKeyRow, AuditRow};
pub use backtests::BacktestRow;
pub use commit::Receipt;
pub use database::PostgresServer;
pub use decisions::{
    DecisionFilter, DecisionRecord, DecisionSummary, OrderPart, OrderedDecision, Part, SaidOutcome,
    StoredDecision,
};
pub use feature_usage::{FindingCount, UsageRow};
pub use features::FeatureCounts;
pub use findings::{FindingFilter, FindingRow, FindingState, Settlement};
pub use gaps::{GapRow, RefreshRow};
pub use jobs::{JobEnd, JobFilter, JobRow, JobState, NewJob, Progress};
pub use learning::{
    AdjustmentRow, CalendarRow, ExposureEnd, ExposureRow, ExposureSource, Followed, HourRow,
    InterruptionEvent, InterruptionFilter, InterruptionRow, JobClaim, LearningStatsRow,
    LevelChange, LevelChangeRow, LevelKey, LevelRow, LoadedFeedback, OverrideRow, PoolDay,
    RebalanceCounts, RebalanceEnd, RebalanceFilter, RebalanceRow, RebalanceStatus, WorkloadRow,
    ZoneName,
};
pub use list_prices::{AdvisorPoint, ListFilter, OnDemandPoint};
pub use models::{ActivationRow, ModelFile, ModelFilter, ModelRow, NotDeleted};
pub use news::News;
pub use notifications::alerts::AlertRow;
pub use notifications::channels::ChannelRow;
pub use notifications::deliveries::{
    AttemptEnd, AttemptRow, DeliveryFilter, DeliveryRow, DeliveryState,
};
pub use notifications::events::{EventFilter, EventRow};
pub use notifications::pending::{Offer, Pending};
pub use outcomes::OutcomeRow;
pub use predictions::forgotten::{FIRST_PREDICTIONS, ForgottenPredictions};
pub use predictions::shadows::ShadowPair;
pub use predictions::{PredictedPool, PredictionFilter, PredictionRow};
pub use prices::{Ingested, PriceBatch, PriceFilter, PricePoint, PriceSeries, SpotPriceRow};
pub use quarantine::QuarantinedRow;
pub use retention::Forgotten;
pub use scans::{Scan, ScanRow};
pub use schedules::ScheduleRow;
pub use series::{KnownSeries, SeriesPoint};
pub use sightings::{Seen, Sighting};
pub use snapshots::{ClusterRow, SnapshotRow};
pub use sqlx::types::Uuid;
pub use toggles::ToggleRow;
pub use totals::DatasetTotals;

use std::path::Path;
use std::sync::Arc;

use commit::Commits;
use database::{Database, Sqlite, reading};

/// A store. Handles are cheap to clone and share one set of connections.
#[derive(Clone, Debug)]
pub struct Store {
    database: Database,
    commits: Commits,
    /// How often this process has changed prices.
    changes: Arc<tokio::sync::watch::Sender<u64>>,
    /// How often this process has kept predictions.
    predicted: Arc<tokio::sync::watch::Sender<u64>>,
    decided: Arc<tokio::sync::watch::Sender<u64>>,
    /// How often this process has kept reports or exposure, or changed a level.
    fed: Arc<tokio::sync::watch::Sender<u64>>,
}

/// Why the store did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database answered with an error or not at all.
    #[error("the database does not answer as it should: {0}")]
    Database(#[from] sqlx::Error),
    /// The database was written by a newer version, or its tables are not the ones that were made.
    #[error("the database cannot be brought to this version: {0}")]
    Migration(String),
    /// What was kept cannot be read any more.
    #[error("{what} is damaged: {why}")]
    Damaged {
        /// The thing.
        what: String,
        /// What is wrong with it.
        why: String,
    },
    /// The job went to another worker, or somebody ended it.
    #[error("the job is another worker's by now")]
    LeaseLost,
    /// The store is shutting down.
    #[error("the store is closed")]
    Closed,
}

impl StoreError {
    fn from_migration(error: sqlx::migrate::MigrateError) -> StoreError {
        use sqlx::migrate::MigrateError;
        StoreError::Migration(match error {
            MigrateError::VersionMissing(version) => format!(
                "it has step {version}, which this version does not know; it was written by a newer \
                 version, so use that one or restore a backup"
            ),
            MigrateError::VersionMismatch(version) => {
                format!("step {version} of its tables was made by another build")
            }
            other => other.to_string(),
        })
    }
}

impl Store {
    /// Opens the store in a file, making and bringing it up to date as needed.
    ///
    /// # Errors
    /// A file that cannot be opened, or that a newer version has written.
    pub async fn open(path: &Path) -> Result<Store, StoreError> {
        Store::over(Database::Sqlite(Sqlite::open(path).await?)).await
    }

    /// A store that is gone when the last handle is.
    ///
    /// # Errors
    /// No memory.
    pub async fn in_memory() -> Result<Store, StoreError> {
        Store::over(Database::Sqlite(Sqlite::in_memory().await?)).await
    }

    /// Connects to PostgreSQL, version 15 or newer, and brings its tables up to date.
    ///
    /// # Errors
    /// A server that does not answer or lets nobody in, or tables that a newer version has made.
    pub async fn connect(server: &PostgresServer, connections: u32) -> Result<Store, StoreError> {
        let pool = database::postgres(server, connections).await?;
        Store::over(Database::Postgres(pool)).await
    }

    async fn over(database: Database) -> Result<Store, StoreError> {
        let commits = Commits::start(&database).await?;
        Ok(Store {
            database,
            commits,
            changes: Arc::default(),
            predicted: Arc::default(),
            decided: Arc::default(),
            fed: Arc::default(),
        })
    }

    /// What the database is: `postgresql` or `sqlite`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self.database {
            Database::Postgres(_) => "postgresql",
            Database::Sqlite(_) => "sqlite",
        }
    }

    /// Connections to the database that are open.
    #[must_use]
    pub fn connections(&self) -> u32 {
        match &self.database {
            Database::Postgres(pool) => pool.size(),
            Database::Sqlite(pools) => pools.readers.size() + pools.writer.size(),
        }
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// It does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        reading!(self, pool => sqlx::query("SELECT 1").execute(pool).await.map(|_| ()))?;
        Ok(())
    }

    /// Waits for what is being written and closes every connection.
    pub async fn close(self) {
        self.commits.close().await;
        match self.database {
            Database::Postgres(pool) => pool.close().await,
            Database::Sqlite(pools) => {
                pools.readers.close().await;
                pools.writer.close().await;
            }
        }
    }
}
