//! AWS as a source of facts: spot prices, list prices, the Spot Advisor, instance types, zones.
//!
//! Requests are signed by hand, sent over one client, tried again within bounds, and read by the
//! parsers of [`market`]; what leaves are the market's own rows, page by page with a cursor that can
//! be stored. This crate refuses to know who keeps the rows, when they are fetched, and what they
//! are for.

use std::sync::Arc;

use clock::Clock;
use market::Limits;

mod bucket;
mod config;
mod credentials;
mod ec2;
mod error;
mod instance_types;
mod pace;
mod page;
mod products;
mod public_files;
mod redact;
mod request;
mod spot_history;
mod verdict;

pub use bucket::{Bucket, Stored};
pub use config::{AwsConfig, Keys, Secret};
pub use error::Error;
pub use page::{Cursor, Page};
pub use public_files::Fetched;
pub use spot_history::{SPOT_HISTORY_DAYS, SpotCursor, SpotQuery};

/// Quarantined rows that the report of one page shows; more are counted only.
const SHOWN: usize = 100;

/// Rows of one answer, which AWS limits to a thousand.
const ROWS: u64 = 100_000;

/// Every source of one account. Cheap to clone; clones share connections, credentials and pace.
#[derive(Clone)]
pub struct Aws {
    requester: Arc<request::Requester>,
}

impl Aws {
    /// The sources under a configuration. Nothing is asked of anybody yet.
    ///
    /// # Errors
    /// [`Error::Configuration`] when a setting cannot work.
    pub fn new(config: AwsConfig, clock: Clock) -> Result<Aws, Error> {
        Ok(Aws { requester: Arc::new(request::Requester::new(config, clock)?) })
    }

    fn page_limits(&self) -> Limits {
        Limits {
            bytes: self.requester.config.answer_bytes,
            rows: ROWS,
            shown: SHOWN,
            ..Limits::default()
        }
    }
}

impl std::fmt::Debug for Aws {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Aws")
    }
}
