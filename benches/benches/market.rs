//! What the market takes in memory, and how long it takes to read it back from its file.
//!
//! `cargo bench -p benches --bench market` makes a market of 15,000 pools with 90 days of prices,
//! puts it by, and loads it in a process that has nothing else, so that what is counted is the
//! market alone.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use facts::names::{InstanceType, OperatingSystem, Region, Zone};
use jiff::{SignedDuration, Timestamp};
use market::{ImportReport, Market, Origin, Place, SeriesKey, SpotFile, SpotPoint};
use units::UsdPerHour;

type Failure = Box<dyn std::error::Error>;

const POOLS: usize = 15_000;
/// A change every six hours: what the pools of the published history have at the median.
const PRICES: i64 = 90 * 4;

fn main() -> Result<(), Failure> {
    if let Ok(file) = std::env::var("MARKET_FILE") {
        return load(Path::new(&file));
    }
    let file = std::env::temp_dir().join(format!("cloudoptim-market-{}", std::process::id()));
    let market = market::bundled().with_spot(prices()?);
    std::fs::write(&file, market.to_bytes(""))?;
    drop(market);
    let status = Command::new(std::env::current_exe()?).env("MARKET_FILE", &file).status()?;
    std::fs::remove_file(file)?;
    if status.success() { Ok(()) } else { Err("the market could not be loaded".into()) }
}

fn load(file: &Path) -> Result<(), Failure> {
    let before = resident_mb()?;
    let started = Instant::now();
    let (market, _) = Market::from_bytes(&std::fs::read(file)?)?;
    let took = started.elapsed();
    let rows: u64 = market.provenance().iter().map(|part| part.rows).sum();
    println!("| pools | prices | in memory MB | file MB | read back ms |");
    println!("|---|---|---|---|---|");
    println!(
        "| {POOLS} | {rows} | {} | {} | {:.0} |",
        resident_mb()? - before,
        std::fs::metadata(file)?.len() / 1_000_000,
        took.as_secs_f64() * 1e3
    );
    Ok(())
}

fn resident_mb() -> Result<u64, Failure> {
    let text = std::fs::read_to_string("/proc/self/status")?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib: u64 =
        line.and_then(|line| line.split_whitespace().next()).ok_or("no VmRSS")?.parse()?;
    Ok(kib / 1_000)
}

fn prices() -> Result<SpotFile, Failure> {
    let end: Timestamp = "2026-11-01T00:00:00Z".parse()?;
    let regions = ["us-east-1", "us-west-2", "eu-west-1", "ap-southeast-2", "sa-east-1"];
    let mut series = Vec::with_capacity(POOLS);
    let mut points = Vec::with_capacity(POOLS * PRICES as usize);
    for pool in 0..POOLS {
        let region = regions[pool % 5];
        let zone = ["a", "b", "c"][pool / 5 % 3];
        series.push(SeriesKey {
            region: region.parse::<Region>()?,
            operating_system: OperatingSystem::Linux,
            instance_type: format!("m{}.{}xlarge", pool / 15 / 40 + 1, pool / 15 % 40 + 1)
                .parse::<InstanceType>()?,
            place: Place::Zone(format!("{region}{zone}").parse::<Zone>()?),
        });
        for turn in 0..PRICES {
            let nanos = 10_000_000 + (pool as i64 * 131 + turn * 17) % 90_000 * 10_000;
            points.push(SpotPoint {
                series: pool as u32,
                at_ms: (end - SignedDuration::from_hours(6 * turn)).as_millisecond(),
                price: UsdPerHour::from_nanos(nanos),
            });
        }
    }
    let read = points.len() as u64;
    Ok(SpotFile {
        series,
        zone_ids: Default::default(),
        points,
        origin: Origin::new("made by the measurement", end),
        report: ImportReport { rows_read: read, rows_used: read, ..ImportReport::default() },
    })
}
