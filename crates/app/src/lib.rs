//! Operations: where pure decisions meet what is kept and what is asked.
//!
//! One file per verb. This crate refuses to know status codes, SQL and command lines.

pub mod access;
pub mod answer;
pub mod bundle;
pub mod decide;
pub mod error;
pub mod fetch;
pub mod gaps;
pub mod history;
mod ids;
mod kept;
pub mod models;
pub mod pricing;
pub mod refresh;
pub mod retention;
pub mod work;

use clock::Clock;
use store::Store;
use tokio::sync::Semaphore;

pub use error::{Error, FieldError};

use decide::Desk;

/// The build that answers, as it is written into evidence: two builds with the same text give the
/// same bytes.
pub const BUILD: &str = match option_env!("CLOUDOPTIM_BUILD") {
    Some(build) => build,
    None => concat!("cloudoptim ", env!("CARGO_PKG_VERSION")),
};

/// Everything that operations work on.
pub struct App {
    desk: Desk,
    store: Store,
    clock: Clock,
    /// Long decisions that may run at once.
    compute: Semaphore,
    gate: access::Gate,
    gap_settings: gaps::GapSettings,
}

impl App {
    /// An application over a market and a store.
    #[must_use]
    pub fn new(desk: Desk, store: Store, clock: Clock) -> App {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        App {
            desk,
            store,
            clock,
            compute: Semaphore::new(cores),
            gate: access::Gate::default(),
            gap_settings: gaps::GapSettings::default(),
        }
    }

    /// The same, looking for gaps and filling them as these say.
    #[must_use]
    pub fn with_gap_settings(self, gap_settings: gaps::GapSettings) -> App {
        App { gap_settings, ..self }
    }

    /// The market that decisions are made on.
    #[must_use]
    pub fn desk(&self) -> &Desk {
        &self.desk
    }

    /// The clock.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The store.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }
}
