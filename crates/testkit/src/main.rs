//! The fake AWS as a process of its own, for tests that start the product as one.
//!
//! It prints its address as its first line and serves until it is killed.

use std::path::PathBuf;
use std::process::ExitCode;

use facts::names::Region;
use jiff::{SignedDuration, Timestamp};
use testkit::{FakeAws, Offer, Rule, World, from_reference, generated};

const USAGE: &str = "usage: fake-aws [--port N] [--now INSTANT] [--horizon-days N] [--fault RULE]… \
    [--reference DIR [--spot FILE]… | --region R --pools N --days N --seed N] [--offer-bytes N] \
    [--gzip]";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(detail) => {
            eprintln!("{detail}\n{USAGE}");
            ExitCode::from(2)
        }
    }
}

/// What the command line says.
struct Options {
    port: u16,
    now: Option<Timestamp>,
    horizon_days: Option<i64>,
    faults: Vec<Rule>,
    reference: Option<PathBuf>,
    spot: Vec<String>,
    region: Region,
    pools: usize,
    days: i64,
    seed: u64,
    offer_bytes: Option<u64>,
    gzip: bool,
}

fn run() -> Result<(), String> {
    let options = options(std::env::args().skip(1))?;
    let fake = FakeAws::start_on(options.port, world(&options)?)
        .map_err(|error| format!("port {}: {error}", options.port))?;
    for rule in options.faults {
        fake.script(rule);
    }
    println!("{}", fake.url());
    loop {
        std::thread::park();
    }
}

fn world(options: &Options) -> Result<World, String> {
    let mut world = match &options.reference {
        Some(folder) => {
            let files: Vec<&str> = options.spot.iter().map(String::as_str).collect();
            let world = from_reference(folder, &files).map_err(|error| error.to_string())?;
            match options.now {
                Some(now) => world.moved_to(now),
                None => world,
            }
        }
        None => {
            let now = options.now.ok_or("--now is needed without --reference")?;
            generated(&options.region, options.pools, options.days, now, options.seed)
        }
    };
    match options.horizon_days {
        Some(0) => world.horizon = None,
        Some(days) => world.horizon = Some(SignedDuration::from_hours(days * 24)),
        None => {}
    }
    if let Some(bytes) = options.offer_bytes {
        world.offers.insert(options.region.clone(), Offer::Generated { bytes });
    }
    world.gzip = options.gzip;
    Ok(world)
}

fn options(mut words: impl Iterator<Item = String>) -> Result<Options, String> {
    let region: Region = "us-east-1".parse().map_err(|error| format!("{error}"))?;
    let mut options = Options {
        port: 0,
        now: None,
        horizon_days: None,
        faults: Vec::new(),
        reference: None,
        spot: Vec::new(),
        region,
        pools: 50,
        days: 90,
        seed: 1,
        offer_bytes: None,
        gzip: false,
    };
    while let Some(word) = words.next() {
        if word == "--gzip" {
            options.gzip = true;
            continue;
        }
        let value = words.next().ok_or_else(|| format!("{word} lacks its value"))?;
        match word.as_str() {
            "--port" => options.port = parsed(&word, &value)?,
            "--now" => options.now = Some(parsed(&word, &value)?),
            "--horizon-days" => options.horizon_days = Some(parsed(&word, &value)?),
            "--fault" => options.faults.push(parsed(&word, &value)?),
            "--reference" => options.reference = Some(PathBuf::from(value)),
            "--spot" => options.spot.push(value),
            "--region" => options.region = parsed(&word, &value)?,
            "--pools" => options.pools = parsed(&word, &value)?,
            "--days" => options.days = parsed(&word, &value)?,
            "--seed" => options.seed = parsed(&word, &value)?,
            "--offer-bytes" => options.offer_bytes = Some(parsed(&word, &value)?),
            _ => return Err(format!("{word} is not an option")),
        }
    }
    Ok(options)
}

fn parsed<T: std::str::FromStr>(name: &str, value: &str) -> Result<T, String>
where
    T::Err: std::fmt::Display,
{
    value.parse().map_err(|error| format!("{name} {value}: {error}"))
}
