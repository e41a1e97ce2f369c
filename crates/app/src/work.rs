//! What jobs do: every kind on one screen.

use std::sync::Arc;

use jobs::{JobFailure, Running, Try};

use crate::fetch::{self, PriceSources};
use crate::{gaps, refresh};

/// The kinds of jobs that [`work`] can do.
pub const KINDS: &[&str] = &[fetch::FETCH_PRICES, gaps::FILL_GAP, refresh::REFRESH_MODEL];

/// Works on a job of any of the kinds.
#[must_use]
pub fn work(sources: PriceSources) -> Arc<dyn Fn(Running) -> Try + Send + Sync> {
    Arc::new(move |running| {
        let sources = sources.clone();
        Box::pin(async move {
            match running.job().kind.as_str() {
                fetch::FETCH_PRICES => fetch::fetch_prices(&sources, &running).await,
                gaps::FILL_GAP => gaps::fill_gap(&sources, &running).await,
                refresh::REFRESH_MODEL => refresh::refresh_model(&sources, &running).await,
                other => Err(JobFailure::Never(format!("nobody knows how to do `{other}`"))),
            }
        })
    })
}
