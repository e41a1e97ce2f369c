//! Keeping a million spot prices, beside what the databases do at their barest.
//!
//! `TEST_POSTGRES=postgres://postgres@127.0.0.1:5432 cargo bench -p store --bench ingest`; without
//! the variable SQLite alone is measured. The yardsticks: on PostgreSQL one raw `COPY` of ready-made
//! text into a table with the columns and the four indexes that other programs know; on SQLite the
//! same narrow rows, ready-made, inserted in blocks. Ours begins with JSON pages as AWS gives them.
//! Both sides take turns; the figures are medians.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Instant;

use jiff::Timestamp;
use market::{Limits, Origin, Place, Product, parse_spot_rows};
use sqlx::{Connection, PgConnection, QueryBuilder, Sqlite, SqliteConnection};
use store::{PostgresServer, PriceBatch, PriceSeries, Store};

type Failure = Box<dyn std::error::Error>;

const ROWS: usize = 1_000_004;
/// As many as one answer of `DescribeSpotPriceHistory` has.
const PAGE: usize = 1_000;
/// As many as one transaction keeps.
const BATCH: usize = 50_000;
const ROUNDS: usize = 3;

const REGIONS: [&str; 20] = [
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "eu-central-1",
    "eu-central-2",
    "eu-north-1",
    "eu-south-1",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-east-1",
    "sa-east-1",
    "ca-central-1",
    "me-south-1",
];

/// A generated price.
struct Row {
    instance_type: String,
    zone: String,
    product: &'static str,
    nanos: i64,
    at: Timestamp,
}

fn main() -> Result<(), Failure> {
    let rows = rows();
    let pages: Vec<Vec<u8>> = rows.chunks(PAGE).map(page).collect();
    let bytes: usize = pages.iter().map(Vec::len).sum();
    println!("{ROWS} prices in {} pages of JSON, {} MB\n", pages.len(), bytes / 1_000_000);
    println!("| database | yardstick s | ours s | ratio | again s | bytes per price |");
    println!("|---|---|---|---|---|---|");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        if let Ok(server) = std::env::var("TEST_POSTGRES") {
            postgres(&server, &rows, &pages).await?;
        }
        sqlite(&rows, &pages).await
    })
}

/// Prices as AWS has them: 3,000 pools, the newest first, all pools interleaved.
fn rows() -> Vec<Row> {
    let start = 1_790_000_000_i64;
    let pools: Vec<(String, String)> = (0..3_000)
        .map(|pool| {
            let family = ["m5", "c5", "r5", "m6i", "c6g", "t3"][pool % 6];
            let size = ["large", "xlarge", "2xlarge", "4xlarge", "8xlarge"][pool / 6 % 5];
            let region = REGIONS[pool / 30 % REGIONS.len()];
            let zone = format!("{region}{}", ["a", "b", "c"][pool / 600 % 3]);
            (format!("{family}.{size}"), zone)
        })
        .collect();
    (0..ROWS)
        .map(|at| {
            let pool = at % pools.len();
            let turn = (at / pools.len()) as i64;
            let (instance_type, zone) = pools[pool].clone();
            let product = if pool / 1_800 == 0 { "Linux/UNIX" } else { "Windows" };
            let seconds = start - turn * 21_600 - (pool as i64 * 7) % 21_600;
            Row {
                instance_type,
                zone,
                product,
                nanos: 10_000_000 + (pool as i64 * 131 + turn * 17) % 90_000 * 10_000,
                at: Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH),
            }
        })
        .collect()
}

fn page(rows: &[Row]) -> Vec<u8> {
    let mut text = "{\"SpotPriceHistory\":[".to_owned();
    for (at, row) in rows.iter().enumerate() {
        let comma = if at == 0 { "" } else { "," };
        let price = row.nanos as f64 / 1e9;
        let Row { instance_type, zone, product, at, .. } = row;
        let _ = write!(
            text,
            "{comma}{{\"AvailabilityZone\":\"{zone}\",\"InstanceType\":\"{instance_type}\",\
             \"ProductDescription\":\"{product}\",\"SpotPrice\":\"{price:.6}\",\"Timestamp\":\"{at}\"}}"
        );
    }
    text.push_str("]}");
    text.into_bytes()
}

/// From pages to rows in the store.
async fn ours(store: &Store, pages: &[Vec<u8>]) -> Result<(f64, u64), Failure> {
    let now = Timestamp::from_second(1_800_000_000)?;
    let origin = Origin::new("bench", now);
    let started = Instant::now();
    let mut kept = 0;
    let mut batch = PriceBatch::default();
    for page in pages {
        let read = parse_spot_rows(page, Product::LinuxUnix, &origin, &Limits::default())?;
        for row in read.rows {
            let Place::Zone(zone) = &row.place else { return Err("a row without a zone".into()) };
            let series = PriceSeries {
                instance_type: row.instance_type.to_string(),
                zone: zone.to_string(),
                zone_id: None,
                region: row.region.to_string(),
                product: row.product.to_string(),
            };
            batch.push(series, Timestamp::from_millisecond(row.at_ms)?, row.price);
        }
        if batch.len() >= BATCH {
            kept += store.keep_prices(&std::mem::take(&mut batch), None, now).await?.inserted;
        }
    }
    kept += store.keep_prices(&batch, None, now).await?.inserted;
    Ok((started.elapsed().as_secs_f64(), kept))
}

async fn postgres(server: &str, rows: &[Row], pages: &[Vec<u8>]) -> Result<(), Failure> {
    let mut text = String::new();
    for row in rows {
        let region = &row.zone[..row.zone.len() - 1];
        let _ = writeln!(
            text,
            "{}\t{}\t{region}\t{:.6}\t{}\t{}",
            row.instance_type,
            row.zone,
            row.nanos as f64 / 1e9,
            row.at,
            row.product
        );
    }
    let mut connection = PgConnection::connect(&format!("{server}/postgres")).await?;
    let (mut bare, mut first, mut again) = (Vec::new(), Vec::new(), Vec::new());
    let mut size = 0_i64;
    for round in 0..ROUNDS {
        let name = format!("ingest_{}_{round}", std::process::id());
        for suffix in ["bare", "ours"] {
            let create = format!("CREATE DATABASE {name}_{suffix}");
            sqlx::raw_sql(sqlx::AssertSqlSafe(create)).execute(&mut connection).await?;
        }
        bare.push(copy(&format!("{server}/{name}_bare"), text.as_bytes()).await?);
        let url = format!("{server}/{name}_ours");
        let store = Store::connect(&PostgresServer::Url(url.clone()), 2).await?;
        let (seconds, kept) = ours(&store, pages).await?;
        if kept != ROWS as u64 {
            return Err(format!("{kept} were kept").into());
        }
        first.push(seconds);
        again.push(ours(&store, pages).await?.0);
        let mut reader = PgConnection::connect(&url).await?;
        let query = "SELECT pg_total_relation_size('price_points')";
        size = sqlx::query_scalar(query).fetch_one(&mut reader).await?;
        reader.close().await?;
        store.close().await;
        for suffix in ["bare", "ours"] {
            let drop = format!("DROP DATABASE {name}_{suffix} WITH (FORCE)");
            sqlx::raw_sql(sqlx::AssertSqlSafe(drop)).execute(&mut connection).await?;
        }
    }
    line("PostgreSQL", bare, first, again, size as f64);
    Ok(())
}

/// One `COPY` into a table shaped as other programs know it.
async fn copy(url: &str, text: &[u8]) -> Result<f64, Failure> {
    let mut connection = PgConnection::connect(url).await?;
    sqlx::raw_sql(
        "CREATE TABLE prices (price_id BIGSERIAL PRIMARY KEY, instance_type VARCHAR(50) NOT NULL, \
         availability_zone VARCHAR(50) NOT NULL, region VARCHAR(50) NOT NULL, \
         spot_price DECIMAL(10,4) NOT NULL, timestamp TIMESTAMP NOT NULL, \
         product_description VARCHAR(100), created_at TIMESTAMP NOT NULL DEFAULT NOW(), \
         UNIQUE (instance_type, availability_zone, product_description, timestamp)); \
         CREATE INDEX lookup ON prices (instance_type, region, timestamp DESC); \
         CREATE INDEX instants ON prices (timestamp DESC)",
    )
    .execute(&mut connection)
    .await?;
    let started = Instant::now();
    let mut copy = connection
        .copy_in_raw(
            "COPY prices (instance_type, availability_zone, region, spot_price, timestamp, \
             product_description) FROM STDIN",
        )
        .await?;
    copy.send(text).await?;
    copy.finish().await?;
    let seconds = started.elapsed().as_secs_f64();
    connection.close().await?;
    Ok(seconds)
}

async fn sqlite(rows: &[Row], pages: &[Vec<u8>]) -> Result<(), Failure> {
    let mut numbers = std::collections::BTreeMap::new();
    let narrow: Vec<(i64, i64, i64)> = rows
        .iter()
        .map(|row| {
            let next = numbers.len() as i64;
            let key = (row.instance_type.clone(), row.zone.clone(), row.product);
            (*numbers.entry(key).or_insert(next), row.at.as_microsecond(), row.nanos)
        })
        .collect();
    let (mut bare, mut first, mut again) = (Vec::new(), Vec::new(), Vec::new());
    let mut size = 0;
    for round in 0..ROUNDS {
        let folder = std::env::temp_dir().join(format!("ingest-{}-{round}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        bare.push(insert(&folder.join("bare.sqlite"), &narrow).await?);
        let file = folder.join("ours.sqlite");
        let store = Store::open(&file).await?;
        let (seconds, kept) = ours(&store, pages).await?;
        if kept != ROWS as u64 {
            return Err(format!("{kept} were kept").into());
        }
        first.push(seconds);
        again.push(ours(&store, pages).await?.0);
        store.close().await;
        size = std::fs::metadata(&file)?.len();
        std::fs::remove_dir_all(&folder)?;
    }
    line("SQLite", bare, first, again, size as f64);
    Ok(())
}

/// The narrow rows as they are, in as many transactions, with the same promises to the disk.
async fn insert(file: &Path, rows: &[(i64, i64, i64)]) -> Result<f64, Failure> {
    let address = format!("sqlite://{}?mode=rwc", file.display());
    let mut connection = SqliteConnection::connect(&address).await?;
    sqlx::raw_sql(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -65536; \
         CREATE TABLE points (series_id INTEGER NOT NULL, observed_at INTEGER NOT NULL, \
         nanos INTEGER NOT NULL, PRIMARY KEY (series_id, observed_at)) WITHOUT ROWID",
    )
    .execute(&mut connection)
    .await?;
    let started = Instant::now();
    for batch in rows.chunks(BATCH) {
        let mut transaction = connection.begin().await?;
        for chunk in batch.chunks(500) {
            let mut insert = QueryBuilder::<Sqlite>::new("INSERT INTO points ");
            insert.push_values(chunk, |mut row, (series, at, nanos)| {
                row.push_bind(*series).push_bind(*at).push_bind(*nanos);
            });
            insert.build().execute(&mut *transaction).await?;
        }
        transaction.commit().await?;
    }
    let seconds = started.elapsed().as_secs_f64();
    connection.close().await?;
    Ok(seconds)
}

fn line(name: &str, bare: Vec<f64>, first: Vec<f64>, again: Vec<f64>, size: f64) {
    let median = |mut seconds: Vec<f64>| {
        seconds.sort_by(f64::total_cmp);
        seconds[seconds.len() / 2]
    };
    let (bare, first, again) = (median(bare), median(first), median(again));
    println!(
        "| {name} | {bare:.2} | {first:.2} | {:.2} | {again:.2} | {:.0} |",
        bare / first,
        size / ROWS as f64
    );
}
