//! Asking for a back-test.

use std::sync::Arc;

use backtest::{POLICIES, PolicyName};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::{BacktestRow, NewJob, Uuid};

use super::status::word;
use super::{BacktestRequest, RUN_BACKTEST};
use crate::access::Caller;
use crate::gaps::field;
use crate::ids::{named_id, timed_id};
use crate::{App, Error};

/// The longest name.
const LONGEST_NAME: usize = 200;

/// A back-test that was begun.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct BacktestStarted {
    /// Its name.
    pub backtest_id: String,
    /// `queued`, `in_progress`, `completed`, `failed` or `cancelled`.
    pub status: &'static str,
    /// The policies that are compared.
    pub policies: Vec<PolicyName>,
    /// Episodes that are replayed.
    pub episodes: Vec<String>,
    /// Whether it was there before.
    #[serde(skip)]
    pub known: bool,
}

/// What a job needs to know; the request lies beside it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct RunBacktest {
    pub(super) backtest_id: String,
    /// Whoever is told of its failure.
    customer_id: Option<String>,
}

impl App {
    /// Has policies compared in the background. `key`, the caller's own name for the request, gives the
    /// same back-test again.
    ///
    /// # Errors
    /// Fields that are wrong, or a store that does not answer. While the same is at work, no second one
    /// is made.
    pub async fn start_backtest(
        self: &Arc<Self>,
        request: BacktestRequest,
        key: Option<&str>,
        caller: &Caller,
    ) -> Result<BacktestStarted, Error> {
        let now = self.clock.now();
        let label = request.name.clone().unwrap_or_default();
        if label.len() > LONGEST_NAME || label.contains('\0') {
            let detail = format!("expected at most {LONGEST_NAME} bytes");
            return Err(field("/name", "invalid", &detail));
        }
        let content =
            serde_json::to_vec(&request).map_err(|error| Error::Internal(error.to_string()))?;
        let customer = caller.customer_id.clone();
        let asked = blake3::hash(&content).to_hex()[..32].to_owned();
        let name = key.map(|key| named_id(RUN_BACKTEST, &caller.name, key));
        if let Some(known) = self.named_backtest(name, &asked, caller).await? {
            return Ok(known);
        }
        let stretch = (request.from, request.until);
        let stored =
            self.stored_events(request.stored_interruptions.as_ref(), stretch, caller).await?;
        let policies = policies(&request.policies);
        let read = tokio::task::spawn_blocking(move || {
            let read = request.episodes(stored)?;
            Ok::<_, Error>(read.episodes.into_iter().map(|one| one.name).collect::<Vec<String>>())
        });
        let episodes =
            read.await.map_err(|_| Error::Internal("reading events failed".to_owned()))??;
        let backtest_id = name.unwrap_or_else(|| timed_id(now, &own(&customer, &asked)));
        let row = BacktestRow {
            backtest_id,
            customer_id: customer.clone(),
            name: label,
            policies: policies.iter().map(ToString::to_string).collect(),
            asked: asked.clone(),
            requested_by: caller.name.clone(),
            created_at: now,
        };
        let payload =
            RunBacktest { backtest_id: backtest_id.to_string(), customer_id: customer.clone() };
        let job = NewJob {
            job_id: backtest_id,
            kind: RUN_BACKTEST.to_owned(),
            dedupe_key: Some(format!("{} {asked}", customer.as_deref().unwrap_or_default())),
            payload: serde_json::to_value(payload)
                .map_err(|error| Error::Internal(error.to_string()))?,
            priority: 6,
            max_attempts: 2,
            run_at: now,
            all_units: Some(1),
            created_by: caller.name.clone(),
        };
        let (id, known) = match self.store.add_backtest(&row, &content, &job).await? {
            Ok(()) => (backtest_id, false),
            Err(known) => (known, true),
        };
        let status = match self.store.job(id).await? {
            Some(job) => word(job.state),
            None => "queued",
        };
        Ok(BacktestStarted { backtest_id: id.to_string(), status, policies, episodes, known })
    }

    /// The back-test of this name, where it was asked for with the same request.
    async fn named_backtest(
        &self,
        name: Option<Uuid>,
        asked: &str,
        caller: &Caller,
    ) -> Result<Option<BacktestStarted>, Error> {
        let Some(name) = name else { return Ok(None) };
        let customer = caller.customer_id.as_deref();
        let Some(row) = self.store.backtest(name, None).await? else { return Ok(None) };
        if row.asked != asked || row.customer_id.as_deref() != customer {
            return Err(Error::Conflict(
                "this Idempotency-Key was used for another request; give this one a new key"
                    .to_owned(),
            ));
        }
        let job = self.store.job(row.backtest_id).await?;
        Ok(Some(BacktestStarted {
            backtest_id: row.backtest_id.to_string(),
            status: job.map_or("queued", |job| word(job.state)),
            policies: row.policies.iter().filter_map(|word| word.parse().ok()).collect(),
            episodes: Vec::new(),
            known: true,
        }))
    }
}

/// The policies that are meant, in the order of the list.
fn policies(wanted: &[PolicyName]) -> Vec<PolicyName> {
    let meant = |name: &PolicyName| wanted.is_empty() || wanted.contains(name);
    POLICIES.iter().map(|entry| entry.name).filter(meant).collect()
}

fn own(customer: &Option<String>, asked: &str) -> Vec<u8> {
    [customer.as_deref().unwrap_or_default().as_bytes(), &[0], asked.as_bytes()].concat()
}
