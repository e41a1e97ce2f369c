//! Reports that come together are kept together: one transaction, one look at what follows from it, and
//! an answer for each.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use store::InterruptionRow;
use tokio::sync::oneshot;

use super::pool::PoolKey;
use crate::{App, Error};

/// Reports that wait to be kept.
#[derive(Default)]
pub(crate) struct Batch {
    waiting: Mutex<Vec<Waiting>>,
    writer: tokio::sync::Mutex<()>,
}

struct Waiting {
    rows: Vec<InterruptionRow>,
    done: oneshot::Sender<Result<Vec<bool>, String>>,
}

/// Reports that one transaction takes.
const LARGEST: usize = 10_000;

impl App {
    /// Keeps reports, and looks at the levels of their pools; for each report, whether it is new.
    #[expect(
        clippy::disallowed_methods,
        reason = "who hangs up must not take along what others wait for; everybody else awaits it"
    )]
    pub(super) async fn keep_reports(
        self: &Arc<Self>,
        rows: Vec<InterruptionRow>,
    ) -> Result<Vec<bool>, Error> {
        let (done, kept) = oneshot::channel();
        let batch = &self.learning.batch;
        batch.waiting.lock().unwrap_or_else(PoisonError::into_inner).push(Waiting { rows, done });
        let app = Arc::clone(self);
        let written = tokio::spawn(async move { app.write_waiting_reports().await });
        written.await.map_err(|_| Error::Internal("writing reports failed".to_owned()))?;
        match kept.await {
            Ok(Ok(kept)) => Ok(kept),
            Ok(Err(error)) => Err(Error::Unavailable(error)),
            Err(_) => Err(Error::Unavailable("shutting down".to_owned())),
        }
    }

    async fn write_waiting_reports(self: Arc<Self>) {
        let batch = &self.learning.batch;
        let _turn = batch.writer.lock().await;
        let group = {
            let mut waiting = batch.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            let mut rows = 0;
            let fits = |one: &&Waiting| {
                rows += one.rows.len();
                rows <= LARGEST
            };
            let many = waiting.iter().take_while(fits).count().max(1).min(waiting.len());
            waiting.drain(..many).collect::<Vec<Waiting>>()
        };
        if group.is_empty() {
            return;
        }
        let rows: Vec<InterruptionRow> =
            group.iter().flat_map(|one| one.rows.iter().cloned()).collect();
        let done = self.write_reports(&rows).await;
        let mut kept = done.map(Vec::into_iter);
        for one in group {
            let answer = match &mut kept {
                Ok(kept) => Ok(kept.by_ref().take(one.rows.len()).collect()),
                Err(error) => Err(error.to_string()),
            };
            // Nobody may be waiting any more; the report is kept all the same.
            let _ = one.done.send(answer);
        }
    }

    async fn write_reports(self: &Arc<Self>, rows: &[InterruptionRow]) -> Result<Vec<bool>, Error> {
        let kept = self.store.add_interruptions(rows).await?;
        self.catch_up().await?;
        let touched: BTreeSet<PoolKey> = {
            let state = self.learning.state();
            let key = |row: &InterruptionRow| {
                let customer = state.names.known(row.customer_id.as_deref().unwrap_or_default());
                state.key(customer, (&row.region, &row.availability_zone, &row.instance_type))
            };
            rows.iter().filter_map(key).collect()
        };
        self.see_to_levels(&touched.into_iter().collect::<Vec<_>>()).await?;
        Ok(kept)
    }
}
