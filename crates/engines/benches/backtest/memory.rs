//! Rules for memory: this server's, and those of others.

use std::collections::BTreeMap;

use engines::rightsizing::RightsizingPolicy;
use engines::rightsizing::memory::{Calibration, peak_model, score};
use facts::cluster::{Histogram, Measured, MemoryPeak};
use jiff::Timestamp;
use units::Bytes;

use crate::series::{Halves, Judged, judge};

/// The trace of memory.
pub(crate) const FILE: &str = "alibaba-genai-pod-memory-util.csv.gz";
/// Values of the trace are shares of a limit that it does not tell.
pub(crate) const LIMIT: f64 = 64e9;
/// The trace is too short for days.
const WINDOW_SECONDS: i64 = 1_800;

/// The largest memory of each window.
pub(crate) fn peaks(samples: &[(i64, f64)]) -> Vec<MemoryPeak> {
    let start = samples.first().map_or(0, |(at, _)| *at);
    let mut windows: BTreeMap<i64, f64> = BTreeMap::new();
    for (at, value) in samples {
        let most = windows.entry((at - start) / WINDOW_SECONDS).or_insert(0.0);
        *most = most.max(*value);
    }
    let peak = |(window, value): (i64, f64)| MemoryPeak {
        from: Timestamp::from_second(start + window * WINDOW_SECONDS).unwrap_or_default(),
        bytes: Bytes(value as i64),
    };
    windows.into_iter().map(peak).collect()
}

fn most(samples: &[(i64, f64)]) -> f64 {
    samples.iter().map(|(_, value)| *value).fold(0.0, f64::max)
}

/// The rule of KRR (`robusta-dev/krr`, `strategies/simple.py`): the largest value and 15 %.
pub(crate) fn krr(pods: &[Halves]) -> Judged {
    judge(pods, |first| most(first) * 1.15)
}

/// The rule of the Vertical Pod Autoscaler: it keeps one peak a day, so its p90 is the end of that
/// peak's bucket; and 15 %.
pub(crate) fn vpa(pods: &[Halves]) -> Judged {
    judge(pods, |first| {
        let mut histogram = Histogram::default();
        histogram.add(Measured::Memory, most(first), 1.0);
        histogram.quantile(Measured::Memory, 0.9).unwrap_or(0.0) * 1.15
    })
}

/// This server's rule, so many deviations above the mean peak.
pub(crate) fn ours(pods: &[Halves], deviations: f64) -> Judged {
    let margin = RightsizingPolicy::default().memory_margin;
    judge(pods, |first| {
        peak_model(&peaks(first), None)
            .map_or(0.0, |model| model.enough(deviations, margin).0 as f64)
    })
}

/// How many deviations are enough, by the first halves alone.
pub(crate) fn calibration(pods: &[Halves]) -> Calibration {
    let policy = RightsizingPolicy::default();
    let scores = pods.iter().filter_map(|pod| score(&peaks(&pod.first), policy.memory_margin));
    Calibration::of(scores.collect(), policy.memory_deviations)
}
