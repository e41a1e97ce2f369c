//! Opening what the command line names.

use std::sync::Arc;

use app::App;
use app::decide::Desk;
use app::gaps::GapSettings;
use app::models::folder::ModelFolder;
use app::predict::keeper::Keeper;
use app::stored_market::StoredMarket;
use clock::Clock;
use market::{Market, MarketBuilder};
use store::{PostgresServer, Store};
use tokio::sync::watch;

use crate::cli::Database;
use crate::exit::Failure;
use crate::input;

impl Database {
    /// The store, made and brought up to date where needed.
    pub(crate) async fn open(&self) -> Result<Store, Failure> {
        let failed = |error: store::StoreError| Failure::Database(error.to_string());
        if let Some(server) = self.server() {
            return Store::connect(&server, self.db_pool_size).await.map_err(failed);
        }
        std::fs::create_dir_all(&self.data)
            .map_err(|source| Failure::File { path: input::shown(&self.data), source })?;
        Store::open(&self.data.join("cloudoptim.sqlite")).await.map_err(failed)
    }

    /// What is opened, for people; no secrets.
    pub(crate) fn shown(&self) -> String {
        match self.server() {
            Some(PostgresServer::Parts { host, port, database, .. }) => {
                format!("PostgreSQL {host}:{port}/{database}")
            }
            Some(PostgresServer::Url(_)) => "PostgreSQL, by its address".to_owned(),
            None => self.data.join("cloudoptim.sqlite").display().to_string(),
        }
    }

    fn server(&self) -> Option<PostgresServer> {
        if let Some(url) = &self.database_url {
            return Some(PostgresServer::Url(url.clone()));
        }
        Some(PostgresServer::Parts {
            host: self.db_host.clone()?,
            port: self.db_port,
            database: self.db_name.clone(),
            user: self.db_user.clone(),
            password: self.db_password.clone(),
        })
    }
}

/// Runs something on the store that the command line names, as the server would.
pub(crate) fn with_app<T>(
    database: &Database,
    work: impl AsyncFnOnce(Arc<App>) -> Result<T, Failure>,
) -> Result<T, Failure> {
    over(database, MarketBuilder::new().build(), GapSettings::default(), work)
}

/// The same, where instance types must be known that have no prices yet.
pub(crate) fn with_known_types<T>(
    database: &Database,
    settings: GapSettings,
    work: impl AsyncFnOnce(Arc<App>) -> Result<T, Failure>,
) -> Result<T, Failure> {
    over(database, market::bundled(), settings, work)
}

/// The same, with a folder of model files.
pub(crate) fn with_models<T>(
    database: &Database,
    folder: ModelFolder,
    work: impl AsyncFnOnce(Arc<App>) -> Result<T, Failure>,
) -> Result<T, Failure> {
    on_store(database, async |store| {
        let app = App::new(Desk::new(MarketBuilder::new().build()), store, Clock::system());
        work(Arc::new(app.with_model_folder(folder))).await
    })
}

/// The same on the prices that are kept, with the active models loaded; predictions are kept too.
pub(crate) fn with_market<T>(
    database: &Database,
    folder: ModelFolder,
    work: impl AsyncFnOnce(Arc<App>) -> Result<T, Failure>,
) -> Result<T, Failure> {
    on_store(database, async |store| {
        let clock = Clock::system();
        let stored = StoredMarket::open(&store, None, None, clock.now()).await;
        let stored = stored.map_err(|error| Failure::Database(error.to_string()))?;
        let (keeper, waiting) = Keeper::new();
        let app = App::new(Desk::over(Arc::clone(stored.market())), store.clone(), clock);
        let app = Arc::new(app.with_model_folder(folder).with_keeper(keeper));
        app.reload_models().await?;
        let done = work(app).await;
        // There is nothing to wait for: what was predicted is written, and that is the end.
        let (_stop, stopped) = watch::channel(true);
        waiting.write(store, stopped).await;
        done
    })
}

fn over<T>(
    database: &Database,
    market: Market,
    settings: GapSettings,
    work: impl AsyncFnOnce(Arc<App>) -> Result<T, Failure>,
) -> Result<T, Failure> {
    on_store(database, async |store| {
        let app = App::new(Desk::new(market), store, Clock::system());
        work(Arc::new(app.with_gap_settings(settings))).await
    })
}

fn on_store<T>(
    database: &Database,
    work: impl AsyncFnOnce(Store) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Database(format!("no threads: {error}")))?;
    runtime.block_on(async {
        let store = database.open().await?;
        let done = work(store.clone()).await;
        store.close().await;
        done
    })
}
