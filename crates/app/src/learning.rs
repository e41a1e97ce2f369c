//! What interruptions teach: reports and exposure come in, and what follows from both goes out: risks,
//! levels, jobs and patterns.
//!
//! Everything is kept in the store first. What is held in memory is a sum over it that every server
//! forms for itself, in the one order that the store gave to reports and exposure.

mod batch;
pub mod calendar;
mod checked;
mod event;
mod exposing;
pub mod exposure;
pub mod interruption;
mod levels;
pub mod overriding;
pub mod patterns;
mod pool;
pub mod quality;
pub mod rebalance;
mod seen;
mod state;
pub mod stats;
pub mod status;
mod summary;
mod targets;
mod word;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::SignedDuration;
use learning::cross_customer::AlarmBudget;
use tokio::sync::watch;

use crate::access::{Caller, Role};
use crate::gaps::field;
use crate::{App, Error};

pub(crate) use checked::reports_seen_by;
pub(crate) use exposing::{Between, shown as shown_exposure};
pub(crate) use state::State;
pub(crate) use word::Learned;

/// How reports are learned from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LearningSettings {
    /// Rebalance jobs that may be made within an hour, over all pools and customers.
    pub jobs_per_hour: u64,
    /// How long a claimed job stays its claimer's.
    pub lease: SignedDuration,
    /// How often a healthy pool may be taken for a risky one.
    pub budget: AlarmBudget,
}

impl Default for LearningSettings {
    fn default() -> LearningSettings {
        LearningSettings {
            jobs_per_hour: 1_000,
            lease: SignedDuration::from_mins(15),
            budget: AlarmBudget::default(),
        }
    }
}

/// What is held in memory, and who may change it.
#[derive(Default)]
pub(crate) struct Learning {
    state: Mutex<State>,
    /// Whoever follows the store holds this until it is through.
    turn: tokio::sync::Mutex<()>,
    batch: batch::Batch,
    /// Reports without a name of their own that this process has seen.
    reports: std::sync::atomic::AtomicU64,
    patterns: patterns::Remembered,
}

/// Between two looks at levels that fall by themselves.
const LOOK_EVERY: std::time::Duration = std::time::Duration::from_secs(5);

/// Reports of so long ago are held one by one.
pub(crate) const RECENT: SignedDuration = SignedDuration::from_hours(72);

impl Learning {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl App {
    /// The same, learning as these say.
    #[must_use]
    pub fn with_learning_settings(self, learning_settings: LearningSettings) -> App {
        self.learning.state().budget = learning_settings.budget;
        App { learning_settings, ..self }
    }

    /// Brings what is held in memory up to what is kept.
    ///
    /// # Errors
    /// A store that does not answer.
    pub(crate) async fn catch_up(&self) -> Result<(), Error> {
        let _turn = self.learning.turn.lock().await;
        let now = self.clock.now();
        let market = Arc::clone(self.desk().shared_market());
        let begun = self.learning.state().sequence();
        let mut sequence = match begun {
            Some(sequence) => sequence,
            None => {
                let all = self.store.load_feedback(now, RECENT, None).await?;
                let levels = self.store.pool_levels().await?;
                let calendar = self.store.calendar().await?;
                let sequence = all.sequence;
                let mut state = self.learning.state();
                state.load(all, levels, now);
                state.set_calendar(calendar);
                sequence
            }
        };
        loop {
            let followed = self.store.feedback_after(sequence).await?;
            if followed.sequence == sequence {
                break;
            }
            sequence = followed.sequence;
            let anew = self.learning.state().follow(&followed, now);
            for customer in anew {
                let all = self.store.load_feedback(now, RECENT, Some(&customer)).await?;
                self.learning.state().load_customer(&customer, all, now);
            }
        }
        self.learning.state().renew_priors(&market, now);
        Ok(())
    }

    /// Follows reports, lets levels fall and rise, and writes down what was learned, until the server
    /// stops.
    pub async fn follow_feedback(self: &Arc<Self>, mut stop: watch::Receiver<bool>) {
        let mut news = self.store.news_of_feedback();
        let mut looks = tokio::time::interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            // What the signal to stop holds must not be held while something is waited for.
            let is_news = tokio::select! {
                _ = looks.tick() => false,
                () = news.next() => true,
                _ = stop.wait_for(|stop| *stop) => break,
            };
            // What this server was told itself it has followed already.
            let done = if is_news { self.catch_up().await } else { self.look_after_levels().await };
            if let Err(error) = done {
                tracing::warn!(%error, "what was reported could not be followed");
                tokio::time::sleep(LOOK_EVERY).await;
            }
        }
    }

    /// One look: what came in elsewhere, levels that have fallen, jobs that wait for the next hour, and
    /// what other programs read.
    ///
    /// # Errors
    /// A store that does not answer.
    pub async fn look_after_levels(self: &Arc<Self>) -> Result<(), Error> {
        self.catch_up().await?;
        let levels = self.store.pool_levels().await?;
        let calendar = self.store.calendar().await?;
        let now = self.clock.now();
        let pools = {
            let mut state = self.learning.state();
            state.set_levels(levels);
            state.set_calendar(calendar);
            state.forget_old(now);
            state.restless_pools(now)
        };
        self.see_to_levels(&pools).await?;
        self.store.expire_rebalance_jobs(now).await?;
        self.see_to_waiting_jobs().await?;
        self.write_down(now).await
    }
}

/// The longest text that is kept of what somebody says, in bytes.
const LONGEST_TEXT: usize = 2_000;

/// What somebody says, where it says anything and can be kept.
fn said_text(text: &str, at: &str) -> Result<String, Error> {
    let is_fit = !text.trim().is_empty() && text.len() <= LONGEST_TEXT && !text.contains('\0');
    let detail = format!("expected a text of 1 to {LONGEST_TEXT} bytes");
    if is_fit { Ok(text.to_owned()) } else { Err(field(at, "invalid", &detail)) }
}

/// Whether a caller may see who other customers are.
pub(crate) fn sees_customers(caller: &Caller) -> bool {
    caller.role == Role::Platform || *caller == Caller::development()
}
