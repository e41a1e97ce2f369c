//! What clusters cost, as their newest snapshots show them.

use std::sync::Arc;

use engines::cost_allocation::{self, CostReport, CostsBy};
use engines::price_book::PriceBook;
use facts::cluster::ClusterState;
use jiff::Timestamp;
use market::Market;

use crate::access::Caller;
use crate::gaps::field;
use crate::{App, Error};

/// What a cluster costs on a market.
#[must_use]
pub fn costs(
    state: &ClusterState,
    by: &CostsBy,
    book: &PriceBook,
    market: &Market,
    now: Timestamp,
) -> CostReport {
    let prices = cost_allocation::need(state, now).gather(market);
    cost_allocation::allocate(state, by, &prices, book, now)
}

impl App {
    /// What a cluster costs now, as its newest snapshot shows it.
    ///
    /// # Errors
    /// `by` says nothing that is known, there is no snapshot that the caller may see, or the store
    /// does not answer.
    pub async fn cluster_costs(
        self: &Arc<Self>,
        cluster_id: &str,
        by: &str,
        caller: &Caller,
    ) -> Result<CostReport, Error> {
        let by: CostsBy = by.parse().map_err(|wrong: String| field("/by", "invalid", &wrong))?;
        let newest = self.snapshots(cluster_id, caller, 1, 0).await?.0;
        let newest = newest.into_iter().next();
        let none = || Error::NotFound(format!("there is no snapshot of `{cluster_id}`"));
        let newest = newest.ok_or_else(none)?;
        let content = self.snapshot(cluster_id, &newest.snapshot_id, caller).await?;
        let permit = self.compute.acquire().await;
        let _permit = permit.map_err(|_| Error::Unavailable("shutting down".to_owned()))?;
        let (desk, now) = (self.desk(), self.clock.now());
        let work = tokio::task::spawn_blocking(move || -> Result<CostReport, Error> {
            let state = ClusterState::from_json(&content)?.value;
            Ok(costs(&state, &by, &PriceBook::default(), desk.market(), now))
        });
        let report =
            work.await.map_err(|_| Error::Internal("sharing costs failed".to_owned()))??;
        Ok(CostReport {
            cluster_id: Some(newest.cluster_id),
            taken_at: Some(newest.taken_at),
            ..report
        })
    }
}
