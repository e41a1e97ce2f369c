//! Opening what the command line names.

use std::sync::Arc;

use app::App;
use app::decide::Desk;
use app::gaps::GapSettings;
use clock::Clock;
use market::{Market, MarketBuilder};
use store::{PostgresServer, Store};

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

fn over<T>(
    database: &Database,
    market: Market,
    settings: GapSettings,
    work: impl AsyncFnOnce(Arc<App>) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Database(format!("no threads: {error}")))?;
    runtime.block_on(async {
        let store = database.open().await?;
        let app = App::new(Desk::new(market), store.clone(), Clock::system());
        let app = Arc::new(app.with_gap_settings(settings));
        let done = work(app).await;
        store.close().await;
        done
    })
}
