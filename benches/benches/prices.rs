//! Reading prices over HTTP where ten million are stored, beside a bare server with the same sizes.
//!
//! `cargo bench -p benches --bench prices` measures the embedded database;
//! `TEST_POSTGRES=postgres://postgres@127.0.0.1:5432` adds PostgreSQL. One connection asks both
//! servers in turn, so that what disturbs one disturbs the other.

use std::time::Instant;

use benches::scratch::{last_hour, statement};
use benches::{Connection, Server, build, program};
use jiff::{SignedDuration, Timestamp};
use store::{PostgresServer, PriceBatch, PriceSeries, Store};
use units::UsdPerHour;

type Failure = Box<dyn std::error::Error>;

/// Pools, and prices of each, six hours apart.
const POOLS: usize = 3_000;
const PRICES: usize = 3_334;
const ASKED: usize = 2_000;

fn main() -> Result<(), Failure> {
    build()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let end = last_hour()?;
    let folder = std::env::temp_dir().join(format!("cloudoptim-prices-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let data = folder.display().to_string();
    println!(
        "| database | prices | what | p50 µs | p99 µs | bare p50 µs | bare p99 µs | p99 beyond ms |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    let store = runtime.block_on(Store::open(&folder.join("cloudoptim.sqlite")))?;
    runtime.block_on(fill(store, end))?;
    measure("SQLite", &["--data", &data], end)?;
    let store = runtime.block_on(Store::open(&folder.join("cloudoptim.sqlite")))?;
    runtime.block_on(visible("SQLite", &["--data", &data], store, end))?;
    if let Ok(server) = std::env::var("TEST_POSTGRES") {
        let name = format!("prices_{}", std::process::id());
        runtime.block_on(statement(&server, &format!("CREATE DATABASE {name}")))?;
        let url = format!("{server}/{name}");
        let store = runtime.block_on(Store::connect(&PostgresServer::Url(url.clone()), 2))?;
        runtime.block_on(fill(store, end))?;
        measure("PostgreSQL", &["--database-url", &url], end)?;
        let store = runtime.block_on(Store::connect(&PostgresServer::Url(url.clone()), 2))?;
        runtime.block_on(visible("PostgreSQL", &["--database-url", &url], store, end))?;
        runtime.block_on(statement(&server, &format!("DROP DATABASE {name} WITH (FORCE)")))?;
    }
    std::fs::remove_dir_all(folder)?;
    Ok(())
}

async fn fill(store: Store, end: Timestamp) -> Result<(), Failure> {
    for pools in (0..POOLS).collect::<Vec<_>>().chunks(15) {
        let mut batch = PriceBatch::default();
        for pool in pools {
            let series = PriceSeries {
                instance_type: format!("m5.{}xlarge", pool % 30 + 1),
                zone: format!("us-east-{}{}", pool / 30 / 3 + 1, ["a", "b", "c"][pool / 30 % 3]),
                zone_id: None,
                region: format!("us-east-{}", pool / 30 / 3 + 1),
                product: "Linux/UNIX".to_owned(),
            };
            for turn in 0..PRICES as i64 {
                let nanos = 10_000_000 + (*pool as i64 * 131 + turn * 17) % 90_000 * 10_000;
                let at = end - SignedDuration::from_hours(6 * turn);
                batch.push(series.clone(), at, UsdPerHour::from_nanos(nanos));
            }
        }
        store.keep_prices(&batch, None, end).await?;
    }
    store.close().await;
    Ok(())
}

fn measure(database: &str, place: &[&str], end: Timestamp) -> Result<(), Failure> {
    let arguments = [&["serve", "--port", "0", "--no-fetch"], place].concat();
    // The first start makes the market from the rows, the second one reads the file it was put by in.
    for start in ["first start", "start again"] {
        let began = Instant::now();
        let server = Server::start(&program("cloudoptim")?, &arguments)?;
        let request = "GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n";
        Connection::open(server.port)?.ask(request)?;
        eprintln!(
            "{database}, {start}: healthy after {:.0} ms, {} MB resident",
            began.elapsed().as_secs_f64() * 1e3,
            server.resident_mb()?
        );
        // The market is put by soon after a start, and once only.
        std::thread::sleep(std::time::Duration::from_secs(5));
    }
    let server = Server::start(&program("cloudoptim")?, &arguments)?;
    let bare = Server::start(&program("echo")?, &[])?;
    let from = end - SignedDuration::from_hours(30 * 24);
    let pool = |at: usize| {
        let pool = at * 7_919 % POOLS;
        let region = pool / 30 / 3 + 1;
        format!(
            "/api/v1/ml/pricing/spot?instance_type=m5.{}xlarge&region=us-east-{region}&\
             az=us-east-{region}{}&start_date={from}&end_date={end}",
            pool % 30 + 1,
            ["a", "b", "c"][pool / 30 % 3]
        )
    };
    compare(database, "30 days of one pool", &server, &bare, &pool)?;
    let stats = |_: usize| "/api/v1/ml/pricing/stats".to_owned();
    compare(database, "statistics", &server, &bare, &stats)?;
    Ok(())
}

/// How long a batch that another process keeps takes to reach the market that decisions are made on.
async fn visible(
    database: &str,
    place: &[&str],
    store: Store,
    end: Timestamp,
) -> Result<(), Failure> {
    let arguments = [&["serve", "--port", "0", "--no-fetch"], place].concat();
    let server = Server::start(&program("cloudoptim")?, &arguments)?;
    let mut connection = Connection::open(server.port)?;
    let mut took = Vec::new();
    for turn in 1..=10 {
        let before = spot_rows(&mut connection)?;
        let mut batch = PriceBatch::default();
        for pool in 0..500 {
            let series = PriceSeries {
                instance_type: format!("c5.{}xlarge", pool + 1),
                zone: "us-east-1a".to_owned(),
                zone_id: None,
                region: "us-east-1".to_owned(),
                product: "Linux/UNIX".to_owned(),
            };
            let at = end - SignedDuration::from_mins(turn);
            batch.push(series, at, UsdPerHour::from_nanos(10_000_000 + pool * 1_000 + turn));
        }
        store.keep_prices(&batch, None, end).await?;
        let kept = Instant::now();
        while spot_rows(&mut connection)? < before + 500 {
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
        took.push(kept.elapsed().as_secs_f64() * 1e3);
    }
    took.sort_by(f64::total_cmp);
    eprintln!(
        "{database}: 500 new prices of another process are decided on after {:.0} ms (median of \
         ten), {:.0} ms at most",
        took[5], took[9]
    );
    store.close().await;
    Ok(())
}

/// The prices in the market of a server.
fn spot_rows(connection: &mut Connection) -> Result<u64, Failure> {
    let health = "GET /api/v1/ml/health HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let health: serde_json::Value = serde_json::from_slice(connection.ask(health)?)?;
    let parts = health["market"].as_array().ok_or("no market")?;
    let spot = parts.iter().find(|part| part["dataset"] == "spot_history");
    Ok(spot.and_then(|part| part["rows"].as_u64()).unwrap_or(0))
}

fn compare(
    database: &str,
    what: &str,
    server: &Server,
    bare: &Server,
    path: &dyn Fn(usize) -> String,
) -> Result<(), Failure> {
    let request = |path: &str| format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n");
    let (mut ours, mut yardstick) = (Connection::open(server.port)?, Connection::open(bare.port)?);
    let (mut mine, mut theirs) = (Vec::new(), Vec::new());
    for at in 0..ASKED {
        let asked = request(&path(at));
        let started = Instant::now();
        let size = ours.ask(&asked)?.len();
        mine.push(started.elapsed().as_nanos() as f64 / 1e3);
        let asked =
            format!("POST /{size} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n");
        let started = Instant::now();
        yardstick.ask(&asked)?;
        theirs.push(started.elapsed().as_nanos() as f64 / 1e3);
    }
    let of = |times: &mut Vec<f64>, share: f64| {
        times.sort_by(f64::total_cmp);
        times[(times.len() as f64 * share) as usize]
    };
    let (p50, p99) = (of(&mut mine, 0.5), of(&mut mine, 0.99));
    let (bare50, bare99) = (of(&mut theirs, 0.5), of(&mut theirs, 0.99));
    println!(
        "| {database} | {} | {what} | {p50:.0} | {p99:.0} | {bare50:.0} | {bare99:.0} | {:.2} |",
        POOLS * PRICES,
        (p99 - bare99) / 1e3
    );
    Ok(())
}
