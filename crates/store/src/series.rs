//! The dictionary of series and their points, as narrow columns: for whoever holds a market in memory
//! or writes everything out.

use jiff::Timestamp;
use sqlx::{FromRow, QueryBuilder, Sqlite};
use units::UsdPerHour;

use crate::database::{Database, reading};
use crate::prices::PriceSeries;
use crate::values::{At, signed, unsigned};
use crate::{Store, StoreError};

/// A series of the dictionary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownSeries {
    /// Its number in this database.
    pub series_id: i64,
    /// What it is about.
    pub series: PriceSeries,
    /// The instant of its first point.
    pub oldest: Timestamp,
    /// The instant of its last point.
    pub newest: Timestamp,
    /// The revision of the spot prices with which its points changed last.
    pub revision: u64,
}

/// From this instant the price of a series is this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeriesPoint {
    /// The series.
    pub series_id: i64,
    /// From when.
    pub observed_at: Timestamp,
    /// The price.
    pub price: UsdPerHour,
}

/// A row of the dictionary.
#[derive(FromRow)]
pub(crate) struct SeriesRow {
    series_id: i64,
    instance_type: String,
    zone: String,
    zone_id: Option<String>,
    region: String,
    product: String,
    oldest: At,
    newest: At,
    revision: i64,
}

/// Reads [`SeriesRow`]s.
pub(crate) const SERIES: &str = "SELECT series_id, instance_type, zone, zone_id, region, product, \
     oldest, newest, revision FROM price_series";

/// Series of one statement on SQLite, which limits its variables.
pub(crate) const SERIES_AT_ONCE: usize = 500;

impl From<SeriesRow> for KnownSeries {
    fn from(row: SeriesRow) -> KnownSeries {
        KnownSeries {
            series_id: row.series_id,
            series: PriceSeries {
                instance_type: row.instance_type,
                zone: row.zone,
                zone_id: row.zone_id,
                region: row.region,
                product: row.product,
            },
            oldest: row.oldest.0,
            newest: row.newest.0,
            revision: unsigned(row.revision),
        }
    }
}

impl Store {
    /// The series whose points changed after a revision of the spot prices (0 for all), by number.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn price_series(&self, after: u64) -> Result<Vec<KnownSeries>, StoreError> {
        let rows: Vec<SeriesRow> = reading!(self, pool => {
            let mut query = QueryBuilder::new(SERIES);
            query.push(" WHERE revision > ").push_bind(signed(after)).push(" ORDER BY series_id");
            query.build_query_as().fetch_all(pool).await?
        });
        Ok(rows.into_iter().map(KnownSeries::from).collect())
    }

    /// The points of some series from an instant up to before another, in no order.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn price_points(
        &self,
        series: &[i64],
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<SeriesPoint>, StoreError> {
        let mut points = Vec::new();
        match &self.database {
            Database::Postgres(pool) => {
                let rows: Vec<(i64, At, i64)> = sqlx::query_as(
                    "SELECT series_id, observed_at, nanos FROM price_points \
                     WHERE series_id = ANY($1) AND observed_at >= $2 AND observed_at < $3",
                )
                .bind(series)
                .bind(At(from))
                .bind(At(until))
                .fetch_all(pool)
                .await?;
                points.extend(rows.into_iter().map(point));
            }
            Database::Sqlite(pools) => {
                for chunk in series.chunks(SERIES_AT_ONCE) {
                    let mut query = QueryBuilder::<Sqlite>::new(
                        "SELECT series_id, observed_at, nanos FROM price_points WHERE series_id IN (",
                    );
                    let mut list = query.separated(", ");
                    for series_id in chunk {
                        list.push_bind(*series_id);
                    }
                    query.push(") AND observed_at >= ").push_bind(At(from));
                    query.push(" AND observed_at < ").push_bind(At(until));
                    let rows: Vec<(i64, At, i64)> =
                        query.build_query_as().fetch_all(&pools.readers).await?;
                    points.extend(rows.into_iter().map(point));
                }
            }
        }
        Ok(points)
    }
}

fn point((series_id, observed_at, nanos): (i64, At, i64)) -> SeriesPoint {
    SeriesPoint { series_id, observed_at: observed_at.0, price: UsdPerHour::from_nanos(nanos) }
}
