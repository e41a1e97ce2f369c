//! Every engine that finds things, on snapshots of three sizes that were decoded before; one core.
//!
//! `cargo bench -p engines --bench finders`. Prints milliseconds of the processor, the best of five.
#![expect(clippy::unwrap_used, reason = "a bench fails where it panics")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use engines::engine::Sources;
use engines::prepared::Run;
use engines::registry::BUILT_IN;
use engines::request::DecisionRequest;
use jiff::Timestamp;
use market::bundled;
use serde_json::value::RawValue;
use testkit::busy_cluster;

const ROUNDS: usize = 5;

fn main() {
    let now: Timestamp = "2026-08-01T12:00:00Z".parse().unwrap();
    let market = bundled();
    let sizes = [(250, 5_000, 50_000), (500, 10_000, 100_000), (1_000, 20_000, 200_000)];
    println!("| engine | 250 nodes, ms | 500 nodes, ms | 1,000 nodes, ms | findings |");
    println!("|---|---|---|---|---|");
    let states: Vec<Box<RawValue>> = sizes
        .iter()
        .map(|(nodes, pods, flows)| {
            RawValue::from_string(busy_cluster(*nodes, *pods, *flows).to_string()).unwrap()
        })
        .collect();
    let own = ["spot_optimizer", "bin_packing"];
    for engine in BUILT_IN.iter().filter(|engine| !own.contains(&engine.name())) {
        let mut line = format!("| {} |", engine.name());
        let mut found = 0;
        for state in &states {
            let request = DecisionRequest {
                request_id: None,
                cluster_id: None,
                decision_type: None,
                current_state: state,
                requirements: None,
                constraints: None,
            };
            let prepared = engine.prepare(&request).unwrap();
            let evidence = prepared.gather(now, &Sources::of(&market));
            let run = Run {
                now,
                build: "bench",
                request_id: None,
                cluster_id: None,
                input_digest: blake3::hash(state.get().as_bytes()),
                stop_after: None,
                cancelled: None,
            };
            let mut best = Duration::MAX;
            for _ in 0..ROUNDS {
                let start = Instant::now();
                let decision = black_box(prepared.decide(&evidence, &run).unwrap());
                best = best.min(start.elapsed());
                found = decision.verdict.recommendations.len();
            }
            line.push_str(&format!(" {:.2} |", best.as_secs_f64() * 1e3));
        }
        println!("{line} {found} |");
    }
}
