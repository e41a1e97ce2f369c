//! A place for a server that is measured: a folder, a database that goes with it, and prices in it.

use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use store::{PostgresServer, PriceBatch, PriceSeries, Store};
use units::UsdPerHour;

use crate::{Connection, Server, drawn, program};

/// What may go wrong.
pub type Failure = Box<dyn std::error::Error>;

/// The region whose pools have prices, and their zones.
pub const REGION: &str = "us-east-1";
/// Zones of the region.
pub const ZONES: [&str; 3] = ["us-east-1a", "us-east-1b", "us-east-1c"];

/// Types with prices, and prices of each pool, three hours apart.
const TYPES: usize = 600;
const PRICES: i64 = 80;

/// A folder and a database: PostgreSQL where `TEST_POSTGRES` names a server, else SQLite.
pub struct Scratch {
    folder: PathBuf,
    server: Option<(String, String)>,
    runtime: tokio::runtime::Runtime,
}

impl Scratch {
    /// Makes both.
    ///
    /// # Errors
    /// The disk or the database refuses.
    pub fn new(name: &str) -> Result<Scratch, Failure> {
        let name = format!("{name}_{}", std::process::id());
        let folder = std::env::temp_dir().join(&name);
        std::fs::create_dir_all(&folder)?;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let server = match std::env::var("TEST_POSTGRES") {
            Ok(server) => {
                runtime.block_on(statement(&server, &format!("CREATE DATABASE {name}")))?;
                Some((server, name))
            }
            Err(_) => None,
        };
        Ok(Scratch { folder, server, runtime })
    }

    /// What the database is.
    #[must_use]
    pub fn database(&self) -> &'static str {
        if self.server.is_some() { "PostgreSQL" } else { "SQLite" }
    }

    /// Keeps prices of all pools.
    ///
    /// # Errors
    /// The database refuses.
    pub fn fill(&self) -> Result<(), Failure> {
        let end = last_hour()?;
        let pools = pools();
        self.runtime.block_on(async {
            let store = self.open().await?;
            for (at, (instance_type, zone)) in pools.iter().enumerate() {
                let mut batch = PriceBatch::default();
                for turn in 0..PRICES {
                    let series = PriceSeries {
                        instance_type: instance_type.clone(),
                        zone: (*zone).to_owned(),
                        zone_id: None,
                        region: REGION.to_owned(),
                        product: "Linux/UNIX".to_owned(),
                    };
                    let nanos = 10_000_000 + (at as i64 * 131 + turn * 17) % 90_000 * 10_000;
                    let at = end - SignedDuration::from_hours(3 * turn);
                    batch.push(series, at, UsdPerHour::from_nanos(nanos));
                }
                store.keep_prices(&batch, None, end).await?;
            }
            store.close().await;
            Ok(())
        })
    }

    /// Starts the server over it.
    ///
    /// # Errors
    /// It does not start.
    pub fn serve(&self) -> Result<Server, Failure> {
        let data = self.folder.display().to_string();
        let url = self.server.as_ref().map(|(server, name)| format!("{server}/{name}"));
        let mut arguments = vec!["serve", "--port", "0", "--no-fetch", "--data", &data];
        if let Some(url) = &url {
            arguments.extend(["--database-url", url]);
        }
        Ok(Server::start(&program("cloudoptim")?, &arguments)?)
    }

    /// How many predictions there are.
    ///
    /// # Errors
    /// The database does not answer.
    pub fn predictions(&self) -> Result<u64, Failure> {
        self.runtime.block_on(async {
            let store = self.open().await?;
            let count = store.count_predictions(&store::PredictionFilter::default()).await?;
            store.close().await;
            Ok(count)
        })
    }

    /// Waits until so many predictions were given a place in the database, or none came for a while.
    ///
    /// # Errors
    /// The database does not answer.
    pub fn wait_for_predictions(&self, wanted: u64) -> Result<(), Failure> {
        self.runtime.block_on(async {
            let store = self.open().await?;
            let (mut last, mut quiet) = (0, 0);
            while last < wanted && quiet < 100 {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                let now = store.last_prediction().await?;
                quiet = if now == last { quiet + 1 } else { 0 };
                last = now;
            }
            store.close().await;
            Ok(())
        })
    }

    /// Removes both.
    ///
    /// # Errors
    /// The disk or the database refuses.
    pub fn remove(self) -> Result<(), Failure> {
        std::fs::remove_dir_all(&self.folder)?;
        if let Some((server, name)) = &self.server {
            let drop = format!("DROP DATABASE {name} WITH (FORCE)");
            self.runtime.block_on(statement(server, &drop))?;
        }
        Ok(())
    }

    async fn open(&self) -> Result<Store, Failure> {
        Ok(match &self.server {
            Some((server, name)) => {
                Store::connect(&PostgresServer::Url(format!("{server}/{name}")), 2).await?
            }
            None => Store::open(&Path::new(&self.folder).join("cloudoptim.sqlite")).await?,
        })
    }
}

/// The pools that have prices: types that are known, so that they have list prices too.
#[must_use]
pub fn pools() -> Vec<(String, &'static str)> {
    let market = market::bundled();
    let types = market.instances().iter().take(TYPES);
    types.flat_map(|one| ZONES.map(|zone| (one.instance_type.as_str().to_owned(), zone))).collect()
}

/// Uploads a spot predictor of 300 trees of depth 6 and makes it the one that answers.
///
/// # Errors
/// The server refuses it.
pub fn activate_model(server: &Server) -> Result<(), Failure> {
    let names: Vec<&str> = market::SPOT_FEATURES.iter().map(|feature| feature.name).collect();
    let model = drawn::xgboost_json(300, 6, &names);
    let field = |name: &str, value: &str| {
        format!("--edge\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    let body = [
        field("model_name", "drawn"),
        field("model_version", "1"),
        field("model_type", "spot_predictor"),
        field("trained_until_date", "2026-01-01"),
        "--edge\r\ncontent-disposition: form-data; name=\"file\"; filename=\"model.json\"\r\n\r\n"
            .to_owned(),
        model,
        "\r\n--edge--\r\n".to_owned(),
    ]
    .concat();
    let mut connection = Connection::open(server.port)?;
    let answer = connection.ask(&format!(
        "POST /api/v1/ml/models/upload HTTP/1.1\r\nhost: localhost\r\ncontent-type: \
         multipart/form-data; boundary=edge\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    ))?;
    let made: serde_json::Value = serde_json::from_slice(answer)?;
    let wanted = serde_json::json!({ "model_id": made["model_id"] }).to_string();
    connection.ask(&crate::post("/api/v1/ml/models/activate", &wanted))?;
    Ok(())
}

/// The full hour before now: a market is made of the last days.
///
/// # Errors
/// A clock beyond all years.
#[expect(clippy::disallowed_methods, reason = "the server that is measured goes by the clock")]
pub fn last_hour() -> Result<Timestamp, Failure> {
    Ok(Timestamp::from_second(Timestamp::now().as_second() / 3_600 * 3_600)?)
}

/// Runs a statement on a server of PostgreSQL.
///
/// # Errors
/// The server refuses it.
pub async fn statement(server: &str, sql: &str) -> Result<(), Failure> {
    use sqlx::Connection as _;
    let mut connection = sqlx::PgConnection::connect(&format!("{server}/postgres")).await?;
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql.to_owned())).execute(&mut connection).await?;
    Ok(())
}
