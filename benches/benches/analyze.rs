//! `cloudoptim analyze` on snapshots of three sizes, as a person runs it: reading, twelve engines, the
//! joint report, printing.
//!
//! `cargo build --release && cargo bench -p benches --bench analyze`. Prints seconds, the best of three.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use testkit::busy_cluster;

const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/release/cloudoptim");
const ROUNDS: usize = 3;

fn main() -> Result<(), String> {
    let folder = std::env::temp_dir().join(format!("cloudoptim-analyze-{}", std::process::id()));
    std::fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    let measured = measure(&folder);
    let _ = std::fs::remove_dir_all(&folder);
    measured
}

fn measure(folder: &Path) -> Result<(), String> {
    let failed = |error: std::io::Error| error.to_string();
    let policy = folder.join("policy.json");
    std::fs::write(&policy, r#"{"bin_pack": {"effort": "fast"}}"#).map_err(failed)?;
    println!("| nodes | pods | flows | snapshot, MB | seconds | processor seconds |");
    println!("|---|---|---|---|---|---|");
    for (nodes, pods, flows) in
        [(250, 5_000, 50_000), (500, 10_000, 100_000), (1_000, 20_000, 200_000)]
    {
        let text = busy_cluster(nodes, pods, flows).to_string();
        let state = folder.join(format!("{nodes}.json"));
        std::fs::write(&state, &text).map_err(failed)?;
        let (mut wall, mut processor) = (f64::MAX, f64::MAX);
        for _ in 0..ROUNDS {
            let (begun, before) = (Instant::now(), children_seconds()?);
            let done = Command::new(PROGRAM)
                .args(["analyze", "--now", "2026-08-01T12:00:00Z", "-o", "json", "-i"])
                .arg(&state)
                .arg("-p")
                .arg(&policy)
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status()
                .map_err(|error| format!("{PROGRAM}: {error}"))?;
            if !done.success() {
                return Err(format!("analyze ended with {done}"));
            }
            wall = wall.min(begun.elapsed().as_secs_f64());
            processor = processor.min(children_seconds()? - before);
        }
        let megabytes = text.len() as f64 / 1e6;
        println!("| {nodes} | {pods} | {flows} | {megabytes:.0} | {wall:.2} | {processor:.2} |");
    }
    Ok(())
}

/// Processor seconds of all processes that were started here and have ended.
fn children_seconds() -> Result<f64, String> {
    let text = std::fs::read_to_string("/proc/self/stat").map_err(|error| error.to_string())?;
    // Behind the name, which may hold spaces: utime, stime, then those of children, in hundredths.
    let fields: Vec<&str> = text.rsplit(')').next().unwrap_or("").split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<f64>().ok());
    let both = ticks(13).zip(ticks(14)).ok_or("no times of children")?;
    Ok((both.0 + both.1) / 100.0)
}
