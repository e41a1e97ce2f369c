//! Letting go of old prices, where somebody asked for that. Nothing else deletes a price.

use jiff::Timestamp;

use crate::database::{reading, writing};
use crate::values::{At, signed};
use crate::{Store, StoreError};

/// How far forgetting got.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// Prices that went.
    pub prices: u64,
    /// The last series that was looked at; `None` when there is none left to look at.
    pub last_series: Option<i64>,
}

const OLD_SERIES: &str = "SELECT series_id FROM price_series WHERE oldest < $1 AND series_id > $2 \
     ORDER BY series_id LIMIT $3";

/// The price that was in force at the limit stays: without it the time until the next change would
/// have none.
const FORGET: &str = "DELETE FROM price_points WHERE series_id = $1 AND observed_at < ( \
     SELECT max(l.observed_at) FROM price_points l WHERE l.series_id = $1 AND l.observed_at <= $2)";

const BEGIN_LATER: &str = "UPDATE price_series SET oldest = ( \
     SELECT min(p.observed_at) FROM price_points p WHERE p.series_id = $1) WHERE series_id = $1";

const LOWER: &str = "UPDATE dataset_totals SET row_count = row_count - $1, \
     oldest = (SELECT min(s.oldest) FROM price_series s), updated_at = $2 \
     WHERE dataset = 'spot_prices'";

impl Store {
    /// Deletes spot prices that were replaced by newer ones before an instant, series by series: at
    /// most so many, behind a series (0 for the first ones).
    ///
    /// # Errors
    /// The database does not answer; series that were finished before stay so.
    pub async fn forget_prices(
        &self,
        before: Timestamp,
        after_series: i64,
        most_series: u64,
        now: Timestamp,
    ) -> Result<Forgotten, StoreError> {
        let series: Vec<(i64,)> = reading!(self, pool => {
            sqlx::query_as(OLD_SERIES)
                .bind(At(before))
                .bind(after_series)
                .bind(signed(most_series))
                .fetch_all(pool)
                .await?
        });
        let mut forgotten = Forgotten::default();
        for (series_id,) in series {
            forgotten.prices += writing!(self, transaction => {
                let deleted = sqlx::query(FORGET)
                    .bind(series_id)
                    .bind(At(before))
                    .execute(&mut *transaction)
                    .await?
                    .rows_affected();
                if deleted > 0 {
                    sqlx::query(BEGIN_LATER).bind(series_id).execute(&mut *transaction).await?;
                    sqlx::query(LOWER)
                        .bind(signed(deleted))
                        .bind(At(now))
                        .execute(&mut *transaction)
                        .await?;
                }
                deleted
            });
            forgotten.last_series = Some(series_id);
        }
        Ok(forgotten)
    }
}
