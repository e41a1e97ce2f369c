//! Back-tests: each is a record beside its job, written in the transaction that queues the job. What
//! was asked for and what came of it are kept compressed, and read by nobody who only lists them.

use jiff::Timestamp;
use sqlx::types::{Json, Uuid};
use sqlx::{FromRow, QueryBuilder};

use crate::database::{reading, writing};
use crate::jobs::{NewJob, Progress, advance, enqueue, in_flight};
use crate::snapshots::named;
use crate::values::{At, pack, signed, unpack, unsigned};
use crate::{Store, StoreError};

/// A back-test without its content.
#[derive(Clone, Debug, PartialEq)]
pub struct BacktestRow {
    /// Its name, and that of its job.
    pub backtest_id: Uuid,
    /// Whose it is.
    pub customer_id: Option<String>,
    /// What the caller calls it; empty when it has no name.
    pub name: String,
    /// The policies that are compared.
    pub policies: Vec<String>,
    /// Digest of the request as it was sent.
    pub asked: String,
    /// Who asked for it.
    pub requested_by: String,
    /// When it was asked for.
    pub created_at: Timestamp,
}

#[derive(FromRow)]
struct Raw {
    backtest_id: Uuid,
    customer_id: String,
    name: String,
    policies: Json<Vec<String>>,
    asked: String,
    requested_by: String,
    created_at: At,
}

impl From<Raw> for BacktestRow {
    fn from(raw: Raw) -> BacktestRow {
        BacktestRow {
            backtest_id: raw.backtest_id,
            customer_id: named(raw.customer_id),
            name: raw.name,
            policies: raw.policies.0,
            asked: raw.asked,
            requested_by: raw.requested_by,
            created_at: raw.created_at.0,
        }
    }
}

const COLUMNS: &str = "backtest_id, customer_id, name, policies, asked, requested_by, created_at";

impl Store {
    /// Records a back-test with its request, and queues the job that runs it. `Err(name)` inside is the
    /// job in flight that has the same key; then nothing is recorded.
    ///
    /// # Errors
    /// The database did not take it.
    pub async fn add_backtest(
        &self,
        row: &BacktestRow,
        request: &[u8],
        job: &NewJob,
    ) -> Result<Result<(), Uuid>, StoreError> {
        let packed = pack(request);
        Ok(writing!(self, transaction => {
            if enqueue!(transaction, job, row.created_at) {
                sqlx::query(
                    "INSERT INTO backtests (backtest_id, customer_id, name, policies, asked, \
                       request_length, request, requested_by, created_at) \
                     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
                )
                .bind(row.backtest_id)
                .bind(row.customer_id.as_deref().unwrap_or_default())
                .bind(row.name.as_str())
                .bind(Json(&row.policies))
                .bind(row.asked.as_str())
                .bind(signed(request.len() as u64))
                .bind(packed.as_slice())
                .bind(row.requested_by.as_str())
                .bind(At(row.created_at))
                .execute(&mut *transaction)
                .await?;
                Ok(())
            } else {
                Err(in_flight!(transaction, job).unwrap_or(job.job_id))
            }
        }))
    }

    /// One back-test; `None` when there is none of this name, or none of this customer where one is
    /// named.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn backtest(
        &self,
        backtest_id: Uuid,
        customer_id: Option<&str>,
    ) -> Result<Option<BacktestRow>, StoreError> {
        let row: Option<Raw> = reading!(self, pool => {
            let mut query = QueryBuilder::new(format!(
                "SELECT {COLUMNS} FROM backtests WHERE backtest_id = "
            ));
            query.push_bind(backtest_id);
            if let Some(customer) = customer_id {
                query.push(" AND customer_id = ").push_bind(customer);
            }
            query.build_query_as().fetch_optional(pool).await?
        });
        Ok(row.map(BacktestRow::from))
    }

    /// Back-tests, the newest first, of one customer or of all, and how many there are.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn backtests(
        &self,
        customer_id: Option<&str>,
        limit: u64,
        offset: u64,
    ) -> Result<(Vec<BacktestRow>, u64), StoreError> {
        let (rows, total): (Vec<Raw>, i64) = reading!(self, pool => {
            let mut query = QueryBuilder::new(format!("SELECT {COLUMNS} FROM backtests"));
            let mut count = QueryBuilder::new("SELECT count(*) FROM backtests");
            if let Some(customer) = customer_id {
                query.push(" WHERE customer_id = ").push_bind(customer);
                count.push(" WHERE customer_id = ").push_bind(customer);
            }
            query.push(" ORDER BY created_at DESC, backtest_id DESC LIMIT ");
            query.push_bind(signed(limit)).push(" OFFSET ").push_bind(signed(offset));
            let rows = query.build_query_as().fetch_all(pool).await?;
            (rows, count.build_query_scalar().fetch_one(pool).await?)
        });
        Ok((rows.into_iter().map(BacktestRow::from).collect(), unsigned(total)))
    }

    /// What a back-test was asked for, byte for byte.
    ///
    /// # Errors
    /// The database does not answer, or what it kept is damaged.
    pub async fn backtest_request(&self, backtest_id: Uuid) -> Result<Option<Vec<u8>>, StoreError> {
        let row: Option<(i64, Vec<u8>)> = reading!(self, pool => {
            sqlx::query_as("SELECT request_length, request FROM backtests WHERE backtest_id = $1")
                .bind(backtest_id)
                .fetch_optional(pool)
                .await?
        });
        row.map(|(length, packed)| unpack("the request of a back-test", &packed, length))
            .transpose()
    }

    /// The report on a back-test, byte for byte; `None` while there is none.
    ///
    /// # Errors
    /// The database does not answer, or what it kept is damaged.
    pub async fn backtest_report(&self, backtest_id: Uuid) -> Result<Option<Vec<u8>>, StoreError> {
        let row: Option<(i64, Vec<u8>)> = reading!(self, pool => {
            sqlx::query_as(
                "SELECT report_length, report FROM backtests \
                 WHERE backtest_id = $1 AND report IS NOT NULL",
            )
            .bind(backtest_id)
            .fetch_optional(pool)
            .await?
        });
        row.map(|(length, packed)| unpack("the report on a back-test", &packed, length)).transpose()
    }

    /// Keeps the report on a back-test together with the progress of its job.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`] when the job is another worker's, or the database did not take it.
    pub async fn keep_backtest_report(
        &self,
        backtest_id: Uuid,
        report: &[u8],
        progress: &Progress,
    ) -> Result<(), StoreError> {
        let packed = pack(report);
        writing!(self, transaction => {
            sqlx::query(
                "UPDATE backtests SET report_length = $1, report = $2 WHERE backtest_id = $3",
            )
            .bind(signed(report.len() as u64))
            .bind(packed.as_slice())
            .bind(backtest_id)
            .execute(&mut *transaction)
            .await?;
            advance!(transaction, progress, 0);
        });
        Ok(())
    }
}
