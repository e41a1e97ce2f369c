//! What jobs say of themselves, line by line.

use jiff::Timestamp;
use sqlx::types::Uuid;

use crate::database::{reading, writing};
use crate::values::{At, signed, unsigned};
use crate::{Store, StoreError};

impl Store {
    /// Writes a line into a job's log.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn log_of_job(
        &self,
        job_id: Uuid,
        message: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        writing!(self, transaction => {
            let line: Option<(i64,)> = sqlx::query_as(
                "UPDATE jobs SET log_lines = log_lines + 1 WHERE job_id = $1 RETURNING log_lines",
            )
            .bind(job_id)
            .fetch_optional(&mut *transaction)
            .await?;
            if let Some((line,)) = line {
                sqlx::query(
                    "INSERT INTO job_log (job_id, line, logged_at, message) VALUES ($1, $2, $3, $4)",
                )
                .bind(job_id)
                .bind(line)
                .bind(At(now))
                .bind(message)
                .execute(&mut *transaction)
                .await?;
            }
        });
        Ok(())
    }

    /// Lines of a job's log after a line, in order: number, instant and text.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn job_log(
        &self,
        job_id: Uuid,
        after: u64,
        limit: u64,
    ) -> Result<Vec<(u64, Timestamp, String)>, StoreError> {
        let rows: Vec<(i64, At, String)> = reading!(self, pool => {
            sqlx::query_as(
                "SELECT line, logged_at, message FROM job_log \
                 WHERE job_id = $1 AND line > $2 ORDER BY line LIMIT $3",
            )
            .bind(job_id)
            .bind(signed(after))
            .bind(signed(limit))
            .fetch_all(pool)
            .await?
        });
        Ok(rows.into_iter().map(|(line, at, text)| (unsigned(line), at.0, text)).collect())
    }
}
