//! Tree inference on one thread, beside XGBoost's C library where it is there.
//!
//! `CLOUDOPTIM_XGBOOST=libxgboost.so cargo bench -p inference --bench trees`
//!
//! The library comes out of any wheel: `pip download xgboost==3.2.0 --no-deps`, then unzip it. It
//! trains the models, and answers the same rows in turn with us; without it a drawn ensemble of the
//! same size is measured alone. Each figure is the lower quartile of many short samples; a batch has 1,000
//! rows.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a bench stops where it panics")]

mod drawn;
mod xgboost;

use std::hint::black_box;
use std::time::Instant;

use inference::{Engine, Instructions, Limits, Model, ReadOptions, read_xgboost_ubj};

use xgboost::{Booster, XgBoost};

const FEATURES: usize = 17;
const TREES: i32 = 300;
const BATCH: usize = 1_000;
const SAMPLES: usize = 120;

fn main() {
    let rows = drawn::rows(20_000, FEATURES);
    let library = XgBoost::load();
    let Some(library) = &library else {
        println!("CLOUDOPTIM_XGBOOST names no library: nothing to compare with");
        for (name, cuts) in [("byte ranks", 200), ("general", 4_000)] {
            measure(name, &drawn::model(TREES as usize, 6, FEATURES, cuts), None, &rows);
        }
        return;
    };
    let labels = drawn::labels(&rows, FEATURES);
    for (name, parameters) in [
        ("byte ranks", &[("max_depth", "6"), ("tree_method", "hist")][..]),
        ("general", &[("max_depth", "6"), ("tree_method", "exact")]),
        ("general, depth 10", &[("max_depth", "10"), ("tree_method", "exact")]),
        ("byte ranks, depth 8", &[("max_depth", "8"), ("tree_method", "hist")]),
    ] {
        let mut all = vec![("objective", "binary:logistic"), ("nthread", "1"), ("eta", "0.1")];
        all.extend_from_slice(parameters);
        let booster = library.train(&rows, FEATURES, &labels, TREES, &all);
        let options = ReadOptions::default();
        let started = Instant::now();
        let file = booster.save();
        let model = read_xgboost_ubj(&file, &options).unwrap();
        println!("{name}: {} bytes read in {:.1?}", file.len(), started.elapsed());
        measure(name, &model, Some(&booster), &rows);
    }
}

/// One row and a batch with every kind of instructions.
fn measure(name: &str, model: &Model, booster: Option<&Booster<'_>>, rows: &[f32]) {
    let kinds = [Instructions::best(), Instructions::without_avx512(), Instructions::portable()];
    let engines: Vec<Engine> =
        kinds.iter().map(|kind| Engine::new(model, &Limits::default(), *kind).unwrap()).collect();
    println!("{name}: {}", engines[0].layout().unwrap_or("no trees"));
    if let Some(booster) = booster {
        let theirs = booster.predict(rows, FEATURES);
        for engine in &engines {
            let ours = engine.predict(rows, 1).unwrap();
            let apart = ours.iter().zip(theirs).map(|(a, b)| (a - f64::from(*b)).abs());
            println!("  largest difference {:.1e}", apart.fold(0.0, f64::max));
        }
    }
    for count in [1, BATCH] {
        let windows = rows.len() / (count * FEATURES);
        let window = |at: usize| &rows[(at % windows) * count * FEATURES..][..count * FEATURES];
        // A sample is long enough to be timed; ours and theirs take turns.
        let (repeats, their_repeats) = if count == 1 { (200, 10) } else { (2, 1) };
        let mut samples = vec![Vec::new(); engines.len() + 1];
        for sample in 0..SAMPLES {
            for (engine, samples) in engines.iter().zip(&mut samples) {
                let mut into = [0.0];
                samples.push(timed(repeats, |at| {
                    let rows = window(sample * repeats + at);
                    if count == 1 {
                        engine.predict_one(black_box(rows), &mut into).unwrap();
                        black_box(into[0]);
                    } else {
                        black_box(engine.predict(black_box(rows), 1).unwrap());
                    }
                }));
            }
            if let Some(booster) = booster {
                samples[engines.len()].push(timed(their_repeats, |at| {
                    black_box(booster.predict(window(sample * repeats + at), FEATURES));
                }));
            }
        }
        let theirs = samples[engines.len()].clone();
        for (kind, samples) in kinds.iter().zip(&samples) {
            show(kind.name(), count, samples, &theirs);
        }
        if booster.is_some() {
            show("xgboost", count, &theirs, &[]);
        }
    }
}

/// Microseconds of one call.
fn timed(repeats: usize, mut call: impl FnMut(usize)) -> f64 {
    let started = Instant::now();
    for at in 0..repeats {
        call(at);
    }
    started.elapsed().as_secs_f64() * 1e6 / repeats as f64
}

/// The lower quartile: what a call takes where nobody else has the processor.
fn quartile(samples: &[f64]) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 4).copied().unwrap_or(f64::NAN)
}

fn show(name: &str, count: usize, ours: &[f64], theirs: &[f64]) {
    let time = quartile(ours);
    let per_second = count as f64 / time * 1e6;
    let ratio = quartile(theirs) / time;
    let ratio = if ratio.is_nan() { String::new() } else { format!("{ratio:.1} times") };
    println!("  {count:5} rows  {name:9}  {time:10.2} µs  {per_second:11.0} rows/s  {ratio}");
}
