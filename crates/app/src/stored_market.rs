//! The market in memory as the store has it: loaded once, followed from then on, and put by in a file
//! so that the next start is quick.

mod rows;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use market::Market;
use serde::{Deserialize, Serialize};
use store::Store;

use crate::Error;

/// The days of spot prices that decisions look at: statistics over a week, and two days for which a
/// price counts that was not seen again.
pub const SPOT_DAYS: i64 = 10;

/// After this time everything is loaded anew, so that old points go.
const RELOAD_AFTER: SignedDuration = SignedDuration::from_hours(24);

/// A market that follows the store.
pub struct StoredMarket {
    store: Store,
    file: Option<PathBuf>,
    market: Arc<Market>,
    seen: Seen,
    /// The version of the market that is in the file.
    put_by: Option<String>,
}

/// A market as a file had it, for whichever database and tables it was written.
pub struct PutBy {
    market: Market,
    seen: Seen,
}

/// Up to where the store was read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Seen {
    /// The name of the database.
    installation: String,
    /// Digest of the bundled tables.
    bundled: String,
    /// Revisions of the datasets; 0 before anything was read.
    spot: u64,
    on_demand: u64,
    advisor: u64,
    /// When everything was loaded.
    loaded_at: Option<Timestamp>,
}

impl StoredMarket {
    /// The market of a store. `file` is where it is put by, and `found` what was read there; one that
    /// does not fit is passed over.
    ///
    /// # Errors
    /// A store that does not answer.
    pub async fn open(
        store: &Store,
        file: Option<PathBuf>,
        found: Option<PutBy>,
        now: Timestamp,
    ) -> Result<StoredMarket, Error> {
        let seen = Seen {
            installation: store.installation().await?.to_string(),
            bundled: market::bundled_digest(),
            ..Seen::default()
        };
        let found = found.filter(|found| {
            let fits = (&found.seen.installation, &found.seen.bundled)
                == (&seen.installation, &seen.bundled);
            if !fits {
                tracing::info!("the market that was put by is of another database or version");
            }
            fits
        });
        let (market, seen, put_by) = match found {
            Some(PutBy { market, seen }) => {
                let version = market.version().to_owned();
                (market, seen, Some(version))
            }
            None => (market::bundled(), seen, None),
        };
        let mut opened =
            StoredMarket { store: store.clone(), file, market: Arc::new(market), seen, put_by };
        opened.follow(now).await?;
        Ok(opened)
    }

    /// The market.
    #[must_use]
    pub fn market(&self) -> &Arc<Market> {
        &self.market
    }

    /// Reads what is new in the store. Whether the market has changed.
    ///
    /// # Errors
    /// A store that does not answer; the market stays as it was.
    pub async fn follow(&mut self, now: Timestamp) -> Result<bool, Error> {
        let totals = self.store.totals().await?;
        let revision = |dataset: &str| {
            totals.iter().find(|one| one.dataset == dataset).map_or(0, |one| one.revision)
        };
        let mut seen = Seen {
            spot: revision("spot_prices"),
            on_demand: revision("on_demand_prices"),
            advisor: revision("spot_advisor"),
            ..self.seen.clone()
        };
        let is_old = |loaded: Timestamp| now.duration_since(loaded) > RELOAD_AFTER;
        let anew = self.seen.loaded_at.is_none_or(is_old) || seen.spot < self.seen.spot;
        if anew {
            seen.loaded_at = Some(now);
        }
        if seen == self.seen {
            return Ok(false);
        }
        let mut market = Arc::clone(&self.market);
        let lists = (seen.on_demand, seen.advisor) != (self.seen.on_demand, self.seen.advisor);
        if lists {
            market = Arc::new(market.with_lists_of(&rows::lists(&self.store, now).await?));
        }
        if anew || seen.spot != self.seen.spot {
            let after = if anew { 0 } else { self.seen.spot };
            let mut file = rows::spot(&self.store, after, now).await?;
            if anew {
                // A series that the store has no longer is forgotten.
                file.series.extend(market.spot_keys().iter().cloned());
            }
            market = Arc::new(market.with_spot(file));
        }
        let changed = market.version() != self.market.version();
        self.market = market;
        self.seen = seen;
        Ok(changed)
    }

    /// Puts the market by, if it is not in its file already.
    pub async fn put_by(&mut self) {
        let Some(file) = self.file.clone() else { return };
        if self.put_by.as_deref() == Some(self.market.version()) {
            return;
        }
        let (market, seen) = (Arc::clone(&self.market), self.seen.clone());
        let written = tokio::task::spawn_blocking(move || write(&file, &market, &seen)).await;
        match written {
            Ok(Ok(())) => self.put_by = Some(self.market.version().to_owned()),
            Ok(Err(error)) => tracing::warn!(%error, "the market could not be put by"),
            Err(error) => tracing::warn!(%error, "the market could not be put by"),
        }
    }
}

impl PutBy {
    /// Reads a file. It takes a while and needs no database, so that a start does both at once.
    #[must_use]
    pub fn read(file: &Path) -> Option<PutBy> {
        let bytes = std::fs::read(file).ok()?;
        let found = Market::from_bytes(&bytes).map_err(|error| error.to_string());
        let told = |(market, note): (Market, String)| {
            let seen = serde_json::from_str(&note).map_err(|error| error.to_string())?;
            Ok(PutBy { market, seen })
        };
        match found.and_then(told) {
            Ok(found) => Some(found),
            Err(why) => {
                tracing::info!(file = %file.display(), why, "the market is loaded from the database");
                None
            }
        }
    }
}

fn write(file: &Path, market: &Market, seen: &Seen) -> std::io::Result<()> {
    let note = serde_json::to_string(seen)?;
    let fresh = file.with_extension(format!("{}.new", std::process::id()));
    std::fs::write(&fresh, market.to_bytes(&note))?;
    std::fs::rename(&fresh, file)
}
