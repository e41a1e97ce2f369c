//! Reports of interruptions at a running server: how many a second it keeps, how soon it confirms that a
//! pool is losing instances, and how much memory many customers take.
//!
//! `cargo bench -p benches --bench feedback [-- CUSTOMERS]` uses the embedded database, and
//! `TEST_POSTGRES=postgres://postgres@127.0.0.1:5432` PostgreSQL. Every report is on the disk before it is
//! answered. The memory is that of 10,000 customers with 200 of 15,000 pools each where nothing else is
//! said; 0 leaves it out. Says a table in Markdown.

use std::fmt::Write as _;
use std::time::Instant;

use benches::scratch::{Failure, Scratch};
use benches::{Connection, Server, build, post};
use jiff::{SignedDuration, Timestamp};

const REPORT: &str = "/api/v1/ml/feedback/interruption";
const EXPOSURE: &str = "/api/v1/ml/feedback/exposure";

/// Reports of one request, requests, and customers and pools that they are about.
const BATCH: usize = 1_000;
const BATCHES: usize = 30;
const CUSTOMERS: usize = 500;
const POOLS: usize = 1_000;

/// Single reports at once, and how many each connection sends.
const SENDERS: usize = 64;
const EACH: usize = 150;

/// Pools that a burst hits, and customers with capacity in each.
const BURSTS: usize = 200;
const EXPOSED: usize = 50;

/// Pools of each customer, and pools altogether, for the memory.
const OF_EACH: usize = 200;
const ALL_POOLS: usize = 15_000;

fn main() -> Result<(), Failure> {
    let wanted = std::env::args().skip(1).find(|word| word != "--bench");
    let customers = wanted.map_or(Ok(10_000), |text| text.parse())?;
    build()?;
    let scratch = Scratch::new("feedback")?;
    let outcome = measure(&scratch, customers);
    scratch.remove()?;
    outcome
}

fn measure(scratch: &Scratch, customers: usize) -> Result<(), Failure> {
    let server = scratch.serve()?;
    println!("Reports of interruptions on {}.\n", scratch.database());
    println!("| what | measured |\n|---|---|");
    batched(&server)?;
    single(&server)?;
    bursts(&server)?;
    if customers > 0 {
        memory(&server, customers)?;
    }
    Ok(server.stop()?)
}

/// A pool by number.
fn pool(number: usize) -> String {
    let regions = ["us-east-1", "us-west-2", "eu-west-1"];
    let (region, rest) = (regions[number % 3], number / 3);
    let zone = char::from(b'a' + (rest % 5) as u8);
    let (family, size) = (rest / 5 / 20, rest / 5 % 20 + 1);
    format!(
        r#""instance_type":"m{family}.{size}xlarge","availability_zone":"{region}{zone}","region":"{region}""#
    )
}

fn report(customer: usize, number: usize, pool: &str) -> String {
    format!(
        r#"{{"customer_id":"customer-{customer}","cluster_id":"c","instance_id":"i-{number}",{pool}}}"#
    )
}

fn batched(server: &Server) -> Result<(), Failure> {
    let mut connection = Connection::open(server.port)?;
    let (cpu, started) = (server.cpu()?, Instant::now());
    for batch in 0..BATCHES {
        let rows: Vec<String> = (0..BATCH)
            .map(|row| {
                let number = batch * BATCH + row;
                report(number % CUSTOMERS, number, &pool(number % POOLS))
            })
            .collect();
        connection.ask(&post(REPORT, &format!("[{}]", rows.join(","))))?;
    }
    let many = (BATCH * BATCHES) as f64;
    let (rate, cpu) = (many / started.elapsed().as_secs_f64(), server.cpu()? - cpu);
    println!("| {BATCH} at once | {rate:.0} a second, {:.0} µs of server CPU each |", cpu / many);
    Ok(())
}

fn single(server: &Server) -> Result<(), Failure> {
    let (port, cpu, started) = (server.port, server.cpu()?, Instant::now());
    let threads: Vec<_> = (0..SENDERS)
        .map(|sender| {
            std::thread::spawn(move || -> Result<Vec<f64>, String> {
                let mut connection = Connection::open(port)?;
                let mut took = Vec::with_capacity(EACH);
                for turn in 0..EACH {
                    let number = 10_000_000 + sender * EACH + turn;
                    let body = report(number % CUSTOMERS, number, &pool(number % POOLS));
                    let started = Instant::now();
                    connection.ask(&post(REPORT, &body))?;
                    took.push(started.elapsed().as_secs_f64() * 1e3);
                }
                Ok(took)
            })
        })
        .collect();
    let mut took = Vec::new();
    for thread in threads {
        took.extend(thread.join().map_err(|_| "a sender failed")??);
    }
    let many = took.len() as f64;
    let (rate, cpu) = (many / started.elapsed().as_secs_f64(), server.cpu()? - cpu);
    println!(
        "| one by one over {SENDERS} connections | {rate:.0} a second, p50 {:.1} ms, {:.0} µs of server \
         CPU each |",
        median(&mut took),
        cpu / many
    );
    Ok(())
}

/// Lets customers lose instances in pools one after the other, until each pool is confirmed.
fn bursts(server: &Server) -> Result<(), Failure> {
    let mut connection = Connection::open(server.port)?;
    let until = this_instant();
    let from = until - SignedDuration::from_hours(24);
    let names: Vec<String> = (0..BURSTS).map(|number| pool(6_000 + number)).collect();
    for pools in names.chunks(100) {
        let mut rows = String::new();
        for pool in pools {
            for customer in 0..EXPOSED {
                let _ = write!(
                    rows,
                    r#"{{"customer_id":"customer-{customer}","cluster_id":"c","instances":5,"from":"{from}","until":"{until}",{pool}}},"#
                );
            }
        }
        connection.ask(&post(EXPOSURE, &format!("[{}]", rows.trim_end_matches(','))))?;
    }
    let mut took = Vec::new();
    let mut needed = 0;
    for (burst, pool) in names.iter().enumerate() {
        for customer in 0..EXPOSED {
            let number = 20_000_000 + burst * EXPOSED + customer;
            let body = post(REPORT, &report(customer, number, pool));
            let started = Instant::now();
            let answer = connection.ask(&body)?;
            let ms = started.elapsed().as_secs_f64() * 1e3;
            if String::from_utf8_lossy(answer).contains("CONFIRMED_RISKY") {
                took.push(ms);
                needed += customer + 1;
                break;
            }
        }
    }
    if took.len() < BURSTS {
        return Err(format!("{} of {BURSTS} bursts were confirmed", took.len()).into());
    }
    println!(
        "| from the deciding report to the answer that confirms, jobs for {EXPOSED} customers included | \
         median {:.1} ms over {BURSTS} pools, {:.1} customers needed |",
        median(&mut took),
        needed as f64 / BURSTS as f64
    );
    Ok(())
}

fn memory(server: &Server, customers: usize) -> Result<(), Failure> {
    let before = server.resident_mb()?;
    let mut connection = Connection::open(server.port)?;
    let until = this_instant();
    let from = until - SignedDuration::from_hours(1);
    let started = Instant::now();
    for group in (0..customers).collect::<Vec<_>>().chunks(50) {
        let mut rows = String::new();
        for customer in group {
            for turn in 0..OF_EACH {
                let pool = pool((customer * 7 + turn * 75) % ALL_POOLS);
                let _ = write!(
                    rows,
                    r#"{{"customer_id":"big-{customer}","cluster_id":"c","instances":3,"from":"{from}","until":"{until}",{pool}}},"#
                );
            }
        }
        connection.ask(&post(EXPOSURE, &format!("[{}]", rows.trim_end_matches(','))))?;
    }
    let (after, seconds) = (server.resident_mb()?, started.elapsed().as_secs_f64());
    println!(
        "| {customers} customers with {OF_EACH} of {ALL_POOLS} pools each | {after} MB, {before} MB before; \
         {:.0} rows of exposure a second |",
        (customers * OF_EACH) as f64 / seconds
    );
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "the server that is measured goes by the clock")]
fn this_instant() -> Timestamp {
    Timestamp::now()
}

fn median(all: &mut [f64]) -> f64 {
    all.sort_unstable_by(f64::total_cmp);
    all.get(all.len() / 2).copied().unwrap_or(0.0)
}
