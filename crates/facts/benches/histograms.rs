//! Histograms of use from measurements, one by one as an importer reads them; one core.
//!
//! `cargo bench -p facts --bench histograms`. Prints millions of measurements a second, the best of five.

use std::hint::black_box;
use std::time::Instant;

use facts::cluster::UsageSamples;

/// Two weeks of minutes, of so many containers.
const MINUTES: usize = 20_160;
const CONTAINERS: usize = 200;
const ROUNDS: usize = 5;

fn main() {
    let start = 1_784_332_800.0;
    // A day's wave with something drawn on top; the same each time.
    let wave: Vec<f64> = (0..MINUTES)
        .map(|minute| {
            let day = (minute as f64 / 1440.0 * std::f64::consts::TAU).sin();
            let drawn = (minute.wrapping_mul(2_654_435_761) % 1000) as f64 / 1000.0;
            0.4 + 0.2 * day + 0.1 * drawn
        })
        .collect();
    let measure = |take: &dyn Fn(&mut UsageSamples, f64, f64)| {
        let mut best = f64::MAX;
        for _ in 0..ROUNDS {
            let begun = Instant::now();
            for container in 0..CONTAINERS {
                let scale = 1.0 + container as f64 / 50.0;
                let mut samples = UsageSamples::default();
                for (minute, value) in wave.iter().enumerate() {
                    take(&mut samples, start + 60.0 * minute as f64, value * scale);
                }
                black_box(samples.into_history());
            }
            best = best.min(begun.elapsed().as_secs_f64());
        }
        (MINUTES * CONTAINERS) as f64 / best / 1e6
    };
    println!("processors {:.1} million measurements a second", measure(&UsageSamples::cpu));
    let memory = |samples: &mut UsageSamples, at: f64, value: f64| samples.memory(at, value * 1e9);
    println!("memory     {:.1} million measurements a second", measure(&memory));
}
