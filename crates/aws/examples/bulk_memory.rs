//! How much memory a bulk offer file takes: fetches one from a fake AWS that runs elsewhere and
//! prints the time and the highest resident size of this process.
//!
//! `fake-aws --now 2026-08-01T00:00:00Z --offer-bytes 300000000` prints an address;
//! `cargo run --release -p aws --example bulk_memory -- ADDRESS` asks it.

use std::process::ExitCode;
use std::time::Instant;

use aws::{Aws, AwsConfig, Fetched, Keys};
use clock::Clock;

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<String, Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).ok_or("usage: bulk_memory ADDRESS")?;
    let config = AwsConfig { keys: Keys::None, attempts: 1, ..AwsConfig::at(&address) };
    let aws = Aws::new(config, Clock::system())?;
    let index = aws.price_list_regions().await?;
    let (region, path) = index.paths.first_key_value().ok_or("the index is empty")?;
    let before = highest_resident();
    let start = Instant::now();
    let Fetched::New { content, .. } = aws.price_list(&index, region, None).await? else {
        return Err("nothing was fetched".into());
    };
    Ok(format!(
        "{path}: {} prices of {} products in {:.1} s; highest resident size {} (before: {})",
        content.rows.len(),
        content.report.rows_read,
        start.elapsed().as_secs_f64(),
        highest_resident(),
        before,
    ))
}

/// As Linux tells it; `unknown` elsewhere.
fn highest_resident() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.map_or("unknown".to_owned(), |text| text.trim().to_owned())
}
