//! How much there is of each dataset, kept in step with the rows.

use jiff::Timestamp;
use sqlx::FromRow;

use crate::database::reading;
use crate::values::{At, unsigned};
use crate::{Store, StoreError};

/// How much there is of a dataset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatasetTotals {
    /// `spot_prices`, `on_demand_prices` or `spot_advisor`.
    pub dataset: String,
    /// Rows.
    pub rows: u64,
    /// Different instance types.
    pub instance_types: u64,
    /// Different regions.
    pub regions: u64,
    /// The oldest instant that a row speaks of.
    pub oldest: Option<Timestamp>,
    /// The newest instant that a row speaks of.
    pub newest: Option<Timestamp>,
    /// When rows were last added or changed.
    pub updated_at: Timestamp,
    /// Grows whenever rows are added or changed.
    pub revision: u64,
}

/// What a transaction adds to the totals.
pub(crate) struct Change {
    pub(crate) rows: i64,
    /// Types and regions there are now, where they may have become more.
    pub(crate) coverage: Option<(i64, i64)>,
    pub(crate) oldest: Option<Timestamp>,
    pub(crate) newest: Option<Timestamp>,
}

pub(crate) const RAISE: &str = "INSERT INTO dataset_totals \
     (dataset, row_count, instance_types, regions, oldest, newest, updated_at, revision) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, 1) \
     ON CONFLICT (dataset) DO UPDATE SET \
     row_count = dataset_totals.row_count + excluded.row_count, \
     instance_types = CASE WHEN excluded.instance_types > dataset_totals.instance_types \
       THEN excluded.instance_types ELSE dataset_totals.instance_types END, \
     regions = CASE WHEN excluded.regions > dataset_totals.regions \
       THEN excluded.regions ELSE dataset_totals.regions END, \
     oldest = CASE WHEN dataset_totals.oldest <= excluded.oldest \
       THEN dataset_totals.oldest ELSE coalesce(excluded.oldest, dataset_totals.oldest) END, \
     newest = CASE WHEN dataset_totals.newest >= excluded.newest \
       THEN dataset_totals.newest ELSE coalesce(excluded.newest, dataset_totals.newest) END, \
     updated_at = excluded.updated_at, revision = dataset_totals.revision + 1 \
     RETURNING revision";

/// Adds a change to the totals inside of a transaction; the revision of the dataset that it makes.
/// The row stays locked until the transaction ends, so that revisions are committed in their order.
macro_rules! raise {
    ($transaction:ident, $dataset:expr, $change:expr, $now:expr) => {{
        let (types, regions) = $change.coverage.unwrap_or((0, 0));
        let (revision,): (i64,) = sqlx::query_as($crate::totals::RAISE)
            .bind($dataset)
            .bind($change.rows)
            .bind(types)
            .bind(regions)
            .bind($change.oldest.map($crate::values::At))
            .bind($change.newest.map($crate::values::At))
            .bind($crate::values::At($now))
            .fetch_one(&mut *$transaction)
            .await?;
        revision
    }};
}

pub(crate) use raise;

#[derive(FromRow)]
struct TotalsRow {
    dataset: String,
    row_count: i64,
    instance_types: i64,
    regions: i64,
    oldest: Option<At>,
    newest: Option<At>,
    updated_at: At,
    revision: i64,
}

impl Store {
    /// The totals of every dataset of which there is anything, by name.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn totals(&self) -> Result<Vec<DatasetTotals>, StoreError> {
        let rows: Vec<TotalsRow> = reading!(self, pool => {
            sqlx::query_as("SELECT * FROM dataset_totals ORDER BY dataset").fetch_all(pool).await?
        });
        let row = |row: TotalsRow| DatasetTotals {
            dataset: row.dataset,
            rows: unsigned(row.row_count),
            instance_types: unsigned(row.instance_types),
            regions: unsigned(row.regions),
            oldest: row.oldest.map(|at| at.0),
            newest: row.newest.map(|at| at.0),
            updated_at: row.updated_at.0,
            revision: unsigned(row.revision),
        };
        Ok(rows.into_iter().map(row).collect())
    }
}
