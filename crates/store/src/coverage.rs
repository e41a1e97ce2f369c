//! When pools have prices: what is there, so that others can tell what is not.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sqlx::QueryBuilder;

use crate::database::reading;
use crate::series::{KnownSeries, SERIES, SERIES_AT_ONCE, SeriesRow};
use crate::values::{At, unsigned};
use crate::{Store, StoreError};

impl Store {
    /// Every series of a region, by type, zone and product; of all products when none is named.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn series_in_region(
        &self,
        region: &str,
        products: &[&str],
    ) -> Result<Vec<KnownSeries>, StoreError> {
        let rows: Vec<SeriesRow> = reading!(self, pool => {
            let mut query = QueryBuilder::new(SERIES);
            query.push(" WHERE region = ").push_bind(region);
            if !products.is_empty() {
                query.push(" AND product IN (");
                let mut list = query.separated(", ");
                for product in products {
                    list.push_bind(*product);
                }
                query.push(")");
            }
            query.push(" ORDER BY instance_type, zone, product");
            query.build_query_as().fetch_all(pool).await?
        });
        Ok(rows.into_iter().map(KnownSeries::from).collect())
    }

    /// The instants of the prices of some series from an instant on, up to before another; those of one
    /// series in order. Series without any are left out.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn price_instants(
        &self,
        series_ids: &[i64],
        from: Timestamp,
        until: Timestamp,
    ) -> Result<BTreeMap<i64, Vec<Timestamp>>, StoreError> {
        let mut found: BTreeMap<i64, Vec<Timestamp>> = BTreeMap::new();
        for chunk in series_ids.chunks(SERIES_AT_ONCE) {
            let rows: Vec<(i64, At)> = reading!(self, pool => {
                let mut query = QueryBuilder::new(
                    "SELECT series_id, observed_at FROM price_points WHERE series_id IN (",
                );
                let mut list = query.separated(", ");
                for series_id in chunk {
                    list.push_bind(*series_id);
                }
                query.push(") AND observed_at >= ").push_bind(At(from));
                query.push(" AND observed_at < ").push_bind(At(until));
                query.push(" ORDER BY series_id, observed_at");
                query.build_query_as().fetch_all(pool).await?
            });
            for (series_id, at) in rows {
                found.entry(series_id).or_default().push(at.0);
            }
        }
        Ok(found)
    }

    /// Instance types that have any price, spot or On-Demand, in any of some regions; sorted.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn priced_types(&self, regions: &[&str]) -> Result<Vec<String>, StoreError> {
        if regions.is_empty() {
            return Ok(Vec::new());
        }
        let rows: Vec<(String,)> = reading!(self, pool => {
            let mut query = QueryBuilder::new("");
            for (table, link) in [("price_series", ""), ("on_demand_points", " UNION ")] {
                query.push(link).push("SELECT instance_type FROM ").push(table);
                query.push(" WHERE region IN (");
                let mut list = query.separated(", ");
                for region in regions {
                    list.push_bind(*region);
                }
                query.push(")");
            }
            query.push(" ORDER BY 1").build_query_as().fetch_all(pool).await?
        });
        Ok(rows.into_iter().map(|row| row.0).collect())
    }

    /// Regions of which spot prices are kept, with the number of series of each; sorted.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn priced_regions(&self) -> Result<Vec<(String, u64)>, StoreError> {
        let rows: Vec<(String, i64)> = reading!(self, pool => {
            sqlx::query_as(
                "SELECT region, count(*) FROM price_series GROUP BY region ORDER BY region",
            )
            .fetch_all(pool)
            .await?
        });
        Ok(rows.into_iter().map(|(region, count)| (region, unsigned(count))).collect())
    }
}
