//! Operations: where pure decisions meet what is kept and what is asked.
//!
//! One file per verb. This crate refuses to know status codes, SQL and command lines.

pub mod access;
pub mod answer;
pub mod backtests;
pub mod bundle;
pub mod clusters;
pub mod costs;
pub mod coverage;
pub mod decide;
pub mod error;
pub mod feature_usage;
pub mod fetch;
mod finding_costs;
pub mod findings;
pub mod gaps;
pub mod history;
mod ids;
pub mod joint;
mod kept;
pub mod learning;
pub mod live;
pub mod meters;
pub mod models;
pub mod notifications;
pub mod outcomes;
mod own_schedules;
pub mod performance;
pub mod permalinks;
pub mod predict;
pub mod pricing;
pub mod records;
pub mod refresh;
mod remembered;
pub mod retention;
pub mod scans;
pub mod stored_market;
pub mod toggles;
pub mod work;

use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use cache::Cache;
use clock::Clock;
use market::Market;
use store::Store;
use tokio::sync::{Semaphore, watch};

pub use error::{Error, FieldError};

use decide::Desk;
use stored_market::StoredMarket;

/// The build that answers, as it is written into evidence: two builds with the same text give the
/// same bytes.
pub const BUILD: &str = match option_env!("CLOUDOPTIM_BUILD") {
    Some(build) => build,
    None => concat!("cloudoptim ", env!("CARGO_PKG_VERSION")),
};

/// The least time between two markets.
const SWAP_PAUSE: Duration = Duration::from_millis(300);

/// After so many looks without news the market is put by.
const PUT_BY_AFTER: u32 = 10;

/// Everything that operations work on.
pub struct App {
    desk: RwLock<Arc<Desk>>,
    store: Store,
    clock: Clock,
    cache: Cache,
    /// Long decisions that may run at once.
    compute: Semaphore,
    gate: access::Gate,
    gap_settings: gaps::GapSettings,
    cluster_settings: clusters::ClusterSettings,
    sender: notify::Sender,
    public_address: String,
    models: models::serving::Models,
    tables: predict::Tables,
    keeper: Option<predict::keeper::Keeper>,
    shadows: Option<predict::shadow::Shadows>,
    seen_features: Arc<performance::features::SeenFeatures>,
    writer: OnceLock<store::Uuid>,
    threads: usize,
    live: live::Live,
    meters: meters::Meters,
    learning: Arc<learning::Learning>,
    learning_settings: learning::LearningSettings,
}

impl App {
    /// An application over a market and a store.
    #[must_use]
    pub fn new(desk: Desk, store: Store, clock: Clock) -> App {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        App {
            desk: RwLock::new(Arc::new(desk)),
            store,
            clock,
            cache: Cache::none(),
            compute: Semaphore::new(cores),
            gate: access::Gate::default(),
            gap_settings: gaps::GapSettings::default(),
            cluster_settings: clusters::ClusterSettings::default(),
            sender: notify::Sender::default(),
            public_address: String::new(),
            models: models::serving::Models::default(),
            tables: predict::Tables::default(),
            keeper: None,
            shadows: None,
            seen_features: Arc::default(),
            writer: OnceLock::new(),
            threads: cores,
            live: live::Live::default(),
            meters: meters::Meters::default(),
            learning: Arc::default(),
            learning_settings: learning::LearningSettings::default(),
        }
    }

    /// The same, looking for gaps and filling them as these say.
    #[must_use]
    pub fn with_gap_settings(self, gap_settings: gaps::GapSettings) -> App {
        App { gap_settings, ..self }
    }

    /// The same, telling what happens through this.
    #[must_use]
    pub fn with_sender(self, sender: notify::Sender) -> App {
        App { sender, ..self }
    }

    /// The same, with a folder in which files of models are kept.
    #[must_use]
    pub fn with_model_folder(self, folder: models::folder::ModelFolder) -> App {
        App { models: models::serving::Models::in_folder(folder), ..self }
    }

    /// The same, with its predictions handed to a keeper.
    #[must_use]
    pub fn with_keeper(self, keeper: predict::keeper::Keeper) -> App {
        App { keeper: Some(keeper), ..self }
    }

    /// The same, asking shadows what was answered.
    #[must_use]
    pub fn with_shadows(self, shadows: predict::shadow::Shadows) -> App {
        App { shadows: Some(shadows), ..self }
    }

    /// The way to the shadow of a type, where there is one.
    fn shadows_of(&self, kind: models::ModelType) -> Option<&predict::shadow::Shadows> {
        self.shadows.as_ref().filter(|shadows| shadows.wanted(kind))
    }

    /// What keeps predictions; `None` where nothing does.
    #[must_use]
    pub fn keeper(&self) -> Option<&predict::keeper::Keeper> {
        self.keeper.as_ref()
    }

    fn keep_predictions(&self, rows: Vec<store::PredictionRow>) {
        if let Some(keeper) = self.keeper.as_ref().filter(|_| !rows.is_empty()) {
            keeper.keep(rows);
        }
    }

    /// The same application with a cache that it shares with others.
    #[must_use]
    pub fn with_cache(self, cache: Cache) -> App {
        App { cache, ..self }
    }

    /// The cache.
    #[must_use]
    pub fn cache(&self) -> &Cache {
        &self.cache
    }

    /// The market that decisions are made on, as it is now: who holds it decides on one market to
    /// the end.
    #[must_use]
    pub fn desk(&self) -> Arc<Desk> {
        Arc::clone(&self.desk.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts another market in the place of the one that decisions are made on. What was gathered from
    /// and answered on the old one is forgotten.
    pub fn set_market(&self, market: Arc<Market>) {
        self.exchange_desk(Some(market));
    }

    /// Another market, or another model, or both: whoever comes last sees the latest of either.
    fn exchange_desk(&self, market: Option<Arc<Market>>) {
        let mut desk = self.desk.write().unwrap_or_else(PoisonError::into_inner);
        let market = market.unwrap_or_else(|| Arc::clone(desk.shared_market()));
        let served = self.active_model(models::ModelType::SpotPredictor);
        let asked = served.and_then(|served| {
            let (keeper, shadows) = (self.keeper.as_ref(), self.shadows.as_ref());
            models::asking::AskedModel::of(&served, keeper, shadows, &self.seen_features)
        });
        *desk = Arc::new(Desk::over(market).asking(asked));
    }

    /// Forgets what was gathered and answered, because something else than the market has changed.
    fn renew_desk(&self) {
        self.exchange_desk(None);
    }

    /// Lets decisions follow what is kept, until the server stops.
    pub async fn follow_store(&self, mut stored: StoredMarket, mut stop: watch::Receiver<bool>) {
        let mut news = self.store.news();
        stored.put_by().await;
        let mut quiet = 0_u32;
        loop {
            tokio::select! {
                () = news.next() => {}
                () = self.cache.hear() => {}
                _ = stop.wait_for(|stop| *stop) => break,
            }
            match stored.follow(self.clock.now()).await {
                Ok(true) => {
                    self.set_market(Arc::clone(stored.market()));
                    quiet = 0;
                    // Who hears of it and finds nothing new says nothing, so this ends.
                    self.cache.tell().await;
                    // Batches that come one after another are seen together.
                    tokio::time::sleep(SWAP_PAUSE).await;
                }
                Ok(false) => quiet = quiet.saturating_add(1),
                Err(error) => {
                    tracing::warn!(%error, "the market is not up to date");
                    tokio::time::sleep(SWAP_PAUSE).await;
                }
            }
            if quiet == PUT_BY_AFTER {
                stored.put_by().await;
            }
        }
        stored.put_by().await;
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
