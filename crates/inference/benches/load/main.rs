//! Reading large model files: how long it takes, and how much memory at its peak.
//!
//! `cargo bench -p inference --bench load [-- MEGABYTES]` writes a file of every format, of 100
//! megabytes where nothing else is said, and has each read by a process of its own, whose peak the
//! kernel tells. Says a table in Markdown.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a bench stops where it panics")]

mod files;

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use inference::{Engine, Instructions, Limits, Pickled, ReadOptions, read_any};

/// Each file is read so often; the middle time counts, and the highest peak.
const TIMES: usize = 5;

fn main() {
    let mut arguments = std::env::args().skip(1).filter(|word| word != "--bench");
    let first = arguments.next();
    if first.as_deref() == Some("--read") {
        return read(Path::new(&arguments.next().unwrap()));
    }
    let megabytes = first.map_or(100, |text| text.parse().unwrap());
    let folder = std::env::temp_dir().join(format!("cloudoptim-load-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    println!(
        "Each file read by a process of its own, {TIMES} times; the middle time, and the highest peak with the file's own bytes in memory. Compiling is what follows before the first answer.\n"
    );
    println!(
        "| format | file MB | trees | read and checked, s | of a processor, s | peak MB | of the file | compiled, s |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for (name, make) in files::FORMATS {
        let path = folder.join(name.replace(' ', "-"));
        let trees = make(&path, megabytes * 1_000_000);
        let size = std::fs::metadata(&path).unwrap().len() as f64 / 1e6;
        let mut runs: Vec<[f64; 4]> = (0..TIMES).map(|_| child(&path)).collect();
        let peak = runs.iter().map(|run| run[2]).fold(0.0, f64::max);
        let [seconds, busy, _, compiled] = std::array::from_fn(|at| {
            runs.sort_by(|a, b| a[at].total_cmp(&b[at]));
            runs[TIMES / 2][at]
        });
        println!(
            "| {name} | {size:.0} | {trees} | {seconds:.2} | {busy:.2} | {peak:.0} | {:.2} | {compiled:.2} |",
            peak / size,
        );
        std::fs::remove_file(&path).unwrap();
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

/// Seconds of reading, those of a processor, peak in megabytes, seconds of compiling.
fn child(path: &Path) -> [f64; 4] {
    let own = std::env::current_exe().unwrap();
    let output = Command::new(own).arg("--read").arg(path).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    let numbers: Vec<f64> = said.split_whitespace().map(|word| word.parse().unwrap()).collect();
    numbers.try_into().unwrap()
}

fn read(path: &Path) {
    let bytes = std::fs::read(path).unwrap();
    let (started, before) = (Instant::now(), processor_seconds());
    let found = read_any(&bytes, &ReadOptions::default()).unwrap();
    let (seconds, busy) = (started.elapsed().as_secs_f64(), processor_seconds() - before);
    let peak = peak_megabytes();
    drop(bytes);
    let Pickled::Model(model) = found else { panic!("no model") };
    let started = Instant::now();
    let engine = Engine::new(&model, &Limits::default(), Instructions::best()).unwrap();
    let compiled = started.elapsed().as_secs_f64();
    let row = vec![0.5; engine.signature().features.len()];
    assert!(engine.predict(&row, 1).unwrap()[0].is_finite());
    println!("{seconds} {busy} {peak} {compiled}");
}

/// Processor time of this thread: it does not depend on what else the machine has to do.
fn processor_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split_whitespace().next().unwrap().parse::<f64>().unwrap() / 1e9
}

/// The most memory that this process had so far.
fn peak_megabytes() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let kib: f64 = line.split_whitespace().next().unwrap().parse().unwrap();
    kib * 1024.0 / 1e6
}
