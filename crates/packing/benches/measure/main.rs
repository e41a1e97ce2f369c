//! Measures packing quality, CPU time and work on public data.
//!
//! `CLOUDOPTIM_REFERENCE=/path cargo bench -p packing --bench measure -- WORD…`
//! runs the cases whose name contains one of the words (all without words).
//! Prints one row per case: items, bound, cost, gap, CPU seconds, work, moves.

mod data;
mod drains;
mod purchases;

/// CPU seconds of this thread since it started.
fn cpu_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    let nanos: f64 = text.split(' ').next().and_then(|t| t.parse().ok()).unwrap_or(0.0);
    nanos / 1e9
}

/// Peak resident memory in MiB.
fn peak_mib() -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with("VmHWM"));
    let kib = line.and_then(|l| l.split_whitespace().nth(1)).and_then(|t| t.parse::<u64>().ok());
    kib.unwrap_or(0) / 1024
}

fn row(name: &str, items: usize, bound: i64, cost: i64, seconds: f64, work: u64, note: &str) {
    let gap = (cost as f64 / bound.max(1) as f64 - 1.0) * 100.0;
    println!(
        "{name:40} items {items:6}  bound {:11.4}  cost {:11.4}  gap {gap:6.3} %  cpu {seconds:8.4} s  work {work:12}  {note}",
        bound as f64 / 1e9,
        cost as f64 / 1e9,
    );
}

fn main() {
    let words: Vec<String> =
        std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    let wanted =
        |name: &str| words.is_empty() || words.iter().any(|word| name.contains(word.as_str()));
    let Some(reference) = data::reference() else {
        println!("CLOUDOPTIM_REFERENCE is not set or not readable: nothing measured");
        return;
    };
    drains::run(&reference, &wanted);
    purchases::run(&reference, &wanted);
    println!("peak memory {} MiB", peak_mib());
}
