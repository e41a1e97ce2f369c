//! Hearing that prices have changed, or predictions or decisions were made, whoever did it.

use std::time::Duration;

use sqlx::PgPool;
use sqlx::postgres::PgListener;
use sqlx::types::Uuid;
use tokio::sync::watch;

use crate::database::{Database, reading};
use crate::{Store, StoreError};

/// The channels on which the tables of PostgreSQL tell of themselves.
const OF_PRICES: &str = "cloudoptim_prices";
const OF_PREDICTIONS: &str = "cloudoptim_predictions";
const OF_DECISIONS: &str = "cloudoptim_decisions";

/// How long a look at SQLite may be put off: another process may have written to the file.
const SQLITE_PATIENCE: Duration = Duration::from_millis(300);

/// How long a look at PostgreSQL may be put off when its word is lost.
const POSTGRES_PATIENCE: Duration = Duration::from_secs(5);

/// Waits for changes of one kind.
pub struct News {
    channel: &'static str,
    here: watch::Receiver<u64>,
    elsewhere: Option<PgPool>,
    listener: Option<PgListener>,
}

impl News {
    /// Waits until there may be something new: at once when this process changed it or PostgreSQL tells
    /// of it, and every now and then without a word.
    pub async fn next(&mut self) {
        let Some(pool) = &self.elsewhere else {
            let _ = tokio::time::timeout(SQLITE_PATIENCE, self.here.changed()).await;
            return;
        };
        if self.listener.is_none() {
            self.listener = listen(pool, self.channel).await;
        }
        let patience = tokio::time::sleep(POSTGRES_PATIENCE);
        let Some(listener) = &mut self.listener else {
            tokio::select! {
                _ = self.here.changed() => {}
                () = patience => {}
            }
            return;
        };
        tokio::select! {
            _ = self.here.changed() => {}
            () = patience => {}
            heard = listener.try_recv() => {
                // Without a connection something may have been missed, and a new one is made.
                if !matches!(heard, Ok(Some(_))) {
                    self.listener = None;
                }
            }
        }
    }
}

async fn listen(pool: &PgPool, channel: &str) -> Option<PgListener> {
    let mut listener = PgListener::connect_with(pool).await.ok()?;
    listener.listen(channel).await.ok()?;
    Some(listener)
}

impl Store {
    /// Hears of changes of prices from now on, which are worth a look at [`Store::totals`].
    #[must_use]
    pub fn news(&self) -> News {
        self.news_of(OF_PRICES, &self.changes)
    }

    /// Hears of new predictions from now on.
    #[must_use]
    pub fn news_of_predictions(&self) -> News {
        self.news_of(OF_PREDICTIONS, &self.predicted)
    }

    /// Hears of new decisions from now on.
    #[must_use]
    pub fn news_of_decisions(&self) -> News {
        self.news_of(OF_DECISIONS, &self.decided)
    }

    pub(crate) fn news_of(&self, channel: &'static str, here: &watch::Sender<u64>) -> News {
        let elsewhere = match &self.database {
            Database::Postgres(pool) => Some(pool.clone()),
            Database::Sqlite(_) => None,
        };
        News { channel, here: here.subscribe(), elsewhere, listener: None }
    }

    /// Tells this process that prices have changed.
    pub(crate) fn tell(&self) {
        self.changes.send_modify(|count| *count += 1);
    }

    /// The name of this database, which no other one has.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn installation(&self) -> Result<Uuid, StoreError> {
        let (name,): (Uuid,) = reading!(self, pool => {
            sqlx::query_as("SELECT installation_id FROM installation").fetch_one(pool).await?
        });
        Ok(name)
    }
}
