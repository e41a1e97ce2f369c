//! A server's models over a folder of its own, for the tests of models and predictions.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use app::App;
use app::Error;
use app::access::Caller;
use app::decide::Desk;
use app::models::activation::ActivateRequest;
use app::models::folder::ModelFolder;
use app::models::{ModelItem, ModelType, NewModel};
use app::predict::PoolQuery;
use clock::Clock;
use facts::names::OperatingSystem;
use market::SPOT_FEATURES;
use store::{ModelFilter, PostgresServer, Store};
use testkit::{Made, made_model};

/// The most bytes of a model here.
pub(crate) const LARGEST: u64 = 1 << 20;

pub(crate) struct Registry {
    pub(crate) app: Arc<App>,
    pub(crate) folder: PathBuf,
}

pub(crate) fn scratch() -> PathBuf {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let name = format!("models-{}", NUMBER.fetch_add(1, Ordering::Relaxed));
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).unwrap();
    path
}

/// The server's own 17 features of a spot model.
pub(crate) fn spot_names() -> Vec<&'static str> {
    SPOT_FEATURES.iter().map(|feature| feature.name).collect()
}

/// A spot model that answers with one probability where the age of the pool is not known.
pub(crate) fn spot(probability: f64) -> Vec<u8> {
    made_model(&spot_names(), true, Made::Probability(probability), 0)
}

pub(crate) fn new(version: &str, model_type: ModelType, active: bool) -> NewModel {
    NewModel {
        model_name: "mine".to_owned(),
        model_version: version.to_owned(),
        model_type,
        trained_until_date: "2026-07-01".parse().unwrap(),
        active,
        metadata: None,
    }
}

/// One pool of the bundled tables.
pub(crate) fn pool() -> PoolQuery<'static> {
    PoolQuery {
        instance_type: "m5.large".into(),
        region: "us-east-1".into(),
        az: Some("us-east-1a".into()),
        operating_system: OperatingSystem::Linux,
        spot_price: None,
        launch_time: None,
    }
}

impl Registry {
    pub(crate) async fn new() -> Registry {
        Registry::over(Store::in_memory().await.unwrap(), scratch())
    }

    /// A server on a store and a folder that others may share.
    pub(crate) fn over(store: Store, folder: PathBuf) -> Registry {
        let now = "2026-08-01T00:00:00Z".parse().unwrap();
        let app = App::new(Desk::new(market::bundled()), store, Clock::fixed(now));
        let app = Arc::new(app.with_model_folder(ModelFolder::new(&folder, LARGEST)));
        Registry { app, folder }
    }

    pub(crate) async fn upload(&self, wanted: &NewModel, bytes: &[u8]) -> Result<ModelItem, Error> {
        let mut incoming = self.app.begin_model_file().unwrap();
        for chunk in bytes.chunks(1000) {
            incoming.write(chunk).unwrap();
        }
        self.app.upload_model(wanted, "model.json", incoming, &Caller::command_line()).await
    }

    pub(crate) async fn activate(
        &self,
        model_id: &str,
    ) -> Result<app::models::activation::Activated, Error> {
        let request = ActivateRequest { model_id: model_id.to_owned(), version: None };
        self.app.activate_model(&request, &Caller::command_line()).await
    }

    /// The names of all files of models: their digests, or what is on its way in.
    pub(crate) fn files(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut look = vec![self.folder.clone()];
        while let Some(folder) = look.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let entry = entry.unwrap();
                let name = entry.file_name().into_string().unwrap();
                if entry.file_type().unwrap().is_dir() {
                    look.push(entry.path());
                } else if name != "lock" {
                    found.push(name);
                }
            }
        }
        found.sort();
        found
    }

    pub(crate) async fn count(&self, active: Option<bool>) -> u64 {
        let filter = ModelFilter { active, limit: 1, ..ModelFilter::default() };
        self.app.models(&filter).await.unwrap().1
    }

    /// The probability for one pool, where the active model gives it.
    pub(crate) fn answer(&self) -> Option<f64> {
        let pools = [pool()];
        let found = self.app.predict_interruptions(&pools, None, &Caller::command_line()).unwrap();
        found.model.as_ref()?;
        // Its horizon is one hour, which is the one that is asked for.
        Some(found.predictions[0].interruption_probability)
    }
}

/// A PostgreSQL of its own, where there is a server and `psql` to make it.
pub(crate) async fn postgres() -> Option<Store> {
    let Ok(server) = std::env::var("TEST_POSTGRES") else {
        println!("TEST_POSTGRES is not set: PostgreSQL was left out");
        return None;
    };
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let name = format!("app_{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
    let create = format!("CREATE DATABASE {name}");
    let mut psql = Command::new("psql");
    match psql.args(["-qd", &format!("{server}/postgres"), "-c", &create]).status() {
        Ok(status) => assert!(status.success()),
        Err(error) => {
            println!("psql: {error}: PostgreSQL was left out");
            return None;
        }
    }
    let server = PostgresServer::Url(format!("{server}/{name}"));
    Some(Store::connect(&server, 8).await.unwrap())
}
