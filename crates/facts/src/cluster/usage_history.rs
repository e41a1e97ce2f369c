//! Use of a container over days, small enough to travel in a snapshot.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::{Bytes, MilliCpu};

/// Use of one container over a stretch of time.
///
/// A history that names a workload instead of a pod stands for each of its pods.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct UsageHistory {
    /// Namespace of the pod or workload.
    pub namespace: String,
    /// The pod.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod: Option<String>,
    /// The workload that the history is of, as `Kind/name`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workload: Option<String>,
    /// The container.
    pub container: String,
    /// The first sample.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_at: Option<Timestamp>,
    /// The last sample.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_at: Option<Timestamp>,
    /// Use of processors, in cores.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu: Option<Histogram>,
    /// Use of memory (working set), in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<Histogram>,
    /// The most memory in each window of time, in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub memory_peaks: Vec<MemoryPeak>,
    /// The most processors in the first minutes of a pod's life, which are not in `cpu`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub startup_cpu: Option<MilliCpu>,
    /// Share of the periods in which the container was held back by its processor limit, 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub throttled: Option<f64>,
}

/// The most memory in a window of time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MemoryPeak {
    /// When the window began.
    pub from: Timestamp,
    /// The most in it.
    pub bytes: Bytes,
}

/// How often a quantity was how large, in buckets that grow by a twentieth each.
///
/// The buckets are those of the Vertical Pod Autoscaler, so that its checkpoints can be taken over:
/// the first ends at 0.01 cores or 10 MB, each following one is 5 % wider
/// (`vertical-pod-autoscaler/pkg/recommender/model/aggregations_config.go`).
/// A quantity in the last bucket or beyond counts as the start of the last bucket.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Histogram {
    /// Weight of each bucket from the first on; trailing empty ones are left out.
    pub weights: Vec<f64>,
    /// How many samples it was made of.
    pub samples: u64,
    /// The largest sample, in the histogram's own unit; absent when only buckets are known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peak: Option<f64>,
}

/// What a histogram counts, which fixes where its buckets lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measured {
    /// Cores.
    Cpu,
    /// Bytes.
    Memory,
}

impl Measured {
    /// Width of the first bucket.
    #[must_use]
    pub fn first_bucket(self) -> f64 {
        match self {
            Measured::Cpu => 0.01,
            Measured::Memory => 1e7,
        }
    }

    /// How many buckets there are: up to 1,000 cores or 10¹² bytes.
    #[must_use]
    pub fn buckets(self) -> usize {
        176
    }
}

/// Each bucket is this much wider than the one before.
pub const BUCKET_GROWTH: f64 = 1.05;

impl Histogram {
    /// Adds a sample with a weight. Samples that are no number, or negative, count as nothing used.
    pub fn add(&mut self, measured: Measured, value: f64, weight: f64) {
        let value = if value.is_finite() { value.max(0.0) } else { 0.0 };
        let bucket = bucket_of(measured, value);
        if self.weights.len() <= bucket {
            self.weights.resize(bucket + 1, 0.0);
        }
        self.weights[bucket] += weight;
        self.samples += 1;
        self.peak = Some(self.peak.map_or(value, |peak| peak.max(value)));
    }

    /// The upper end of the bucket in which the given share of the weight is reached; the start of
    /// the last bucket when that is where it is. `None` for a histogram without weight.
    #[must_use]
    pub fn quantile(&self, measured: Measured, share: f64) -> Option<f64> {
        let total: f64 = self.weights.iter().sum();
        if total.is_nan() || total <= 0.0 {
            return None;
        }
        let wanted = share.clamp(0.0, 1.0) * total;
        let mut reached = 0.0;
        let mut found = self.weights.len() - 1;
        for (bucket, weight) in self.weights.iter().enumerate() {
            reached += weight;
            // Sums of the same weights in another order may lack the last bit.
            if reached >= wanted * (1.0 - 1e-12) && *weight > 0.0 {
                found = bucket;
                break;
            }
        }
        let end = found + usize::from(found + 1 < measured.buckets());
        Some(bucket_start(measured, end))
    }

    /// Adds another histogram of the same quantity, its weights multiplied.
    pub fn merge(&mut self, other: &Histogram, factor: f64) {
        if self.weights.len() < other.weights.len() {
            self.weights.resize(other.weights.len(), 0.0);
        }
        for (mine, its) in self.weights.iter_mut().zip(&other.weights) {
            *mine += its * factor;
        }
        self.samples = self.samples.saturating_add(other.samples);
        self.peak = match (self.peak, other.peak) {
            (Some(a), Some(b)) => Some(a.max(b)),
            (a, b) => a.or(b),
        };
    }
}

/// Where a bucket starts: `first · (1.05^bucket − 1) / 0.05`.
#[must_use]
pub fn bucket_start(measured: Measured, bucket: usize) -> f64 {
    let power = BUCKET_GROWTH.powi(i32::try_from(bucket).unwrap_or(i32::MAX));
    measured.first_bucket() * (power - 1.0) / (BUCKET_GROWTH - 1.0)
}

/// The bucket that a quantity falls into.
fn bucket_of(measured: Measured, value: f64) -> usize {
    if value < measured.first_bucket() {
        return 0;
    }
    let power = value * (BUCKET_GROWTH - 1.0) / measured.first_bucket() + 1.0;
    // The logarithm is a hair off where a value lies on an edge; either bucket is right there.
    ((power.ln() / BUCKET_GROWTH.ln()) as usize).min(measured.buckets() - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_upper_ends_of_buckets() {
        let mut histogram = Histogram::default();
        for hundredth in 1..=100 {
            histogram.add(Measured::Cpu, f64::from(hundredth) / 100.0, 1.0);
        }
        for (share, value) in [(0.5, 0.5), (0.9, 0.9), (1.0, 1.0)] {
            let found = histogram.quantile(Measured::Cpu, share).unwrap();
            assert!(found >= value && found <= value * 1.06 + 0.01, "{share}: {found}");
        }
        assert_eq!(histogram.peak, Some(1.0));
        assert_eq!(Histogram::default().quantile(Measured::Cpu, 0.5), None);
    }

    #[test]
    fn absurd_samples_stay_inside() {
        let mut histogram = Histogram::default();
        for value in [f64::NAN, -1.0, 0.0, 1e300, f64::INFINITY] {
            histogram.add(Measured::Memory, value, 1.0);
        }
        assert_eq!(histogram.weights.len(), Measured::Memory.buckets());
        let top = histogram.quantile(Measured::Memory, 1.0).unwrap();
        assert_eq!(top, bucket_start(Measured::Memory, Measured::Memory.buckets() - 1));
        assert!(top > 1e12 / 1.2 && top < 1.2e12, "{top}");
    }
}
