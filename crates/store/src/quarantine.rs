//! Rows that were not believed, with the reason.

use jiff::Timestamp;
use sqlx::{FromRow, Postgres, Sqlite};

use crate::database::{Database, reading};
use crate::values::{At, signed};
use crate::{Store, StoreError};

/// A row that was not believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuarantinedRow {
    /// The dataset that it came for.
    pub dataset: String,
    /// Where it came from.
    pub source: String,
    /// Why it was not believed.
    pub reason: String,
    /// The row as it came, shortened.
    pub content: String,
    /// When.
    pub found_at: Timestamp,
}

#[derive(FromRow)]
struct Raw {
    dataset: String,
    source: String,
    reason: String,
    content: String,
    found_at: At,
}

/// Keeps rows that were not believed inside of a transaction.
macro_rules! set_apart {
    ($database:ty, $transaction:ident, $rows:expr) => {
        for chunk in $rows.chunks(500) {
            let mut insert = sqlx::QueryBuilder::<$database>::new(
                "INSERT INTO quarantined_rows (dataset, source, reason, content, found_at) ",
            );
            insert.push_values(chunk, |mut row, one| {
                row.push_bind(one.dataset.as_str())
                    .push_bind(one.source.as_str())
                    .push_bind(one.reason.as_str())
                    .push_bind(one.content.as_str())
                    .push_bind($crate::values::At(one.found_at));
            });
            insert.build().execute(&mut *$transaction).await?;
        }
    };
}

pub(crate) use set_apart;

impl Store {
    /// Keeps rows that were not believed.
    ///
    /// # Errors
    /// The database did not take them.
    pub async fn quarantine(&self, rows: &[QuarantinedRow]) -> Result<(), StoreError> {
        match &self.database {
            Database::Postgres(pool) => {
                let mut transaction = pool.begin().await?;
                set_apart!(Postgres, transaction, rows);
                transaction.commit().await?;
            }
            Database::Sqlite(pools) => {
                let mut transaction = pools.writer.begin_with("BEGIN IMMEDIATE").await?;
                set_apart!(Sqlite, transaction, rows);
                transaction.commit().await?;
            }
        }
        Ok(())
    }

    /// Rows that were not believed, the newest first.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn quarantined(
        &self,
        dataset: &str,
        limit: u64,
    ) -> Result<Vec<QuarantinedRow>, StoreError> {
        let rows: Vec<Raw> = reading!(self, pool => {
            sqlx::query_as(
                "SELECT dataset, source, reason, content, found_at FROM quarantined_rows \
                 WHERE dataset = $1 ORDER BY found_at DESC, quarantine_id DESC LIMIT $2",
            )
            .bind(dataset)
            .bind(signed(limit))
            .fetch_all(pool)
            .await?
        });
        let row = |raw: Raw| QuarantinedRow {
            dataset: raw.dataset,
            source: raw.source,
            reason: raw.reason,
            content: raw.content,
            found_at: raw.found_at.0,
        };
        Ok(rows.into_iter().map(row).collect())
    }
}
