//! What a Vertical Pod Autoscaler keeps of a container's use between its own restarts.
//!
//! The format is `HistogramCheckpoint` of
//! `vertical-pod-autoscaler/pkg/apis/autoscaling.k8s.io/v1/types.go`: weights are whole numbers of
//! which the largest is 10,000, beside the sum that they stand for. Its buckets are ours.

use std::collections::BTreeMap;

use facts::cluster::{Histogram, Measured, UsageHistory};
use jiff::Timestamp;
use serde::Deserialize;

use super::meta::Meta;
use crate::lenient;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct CheckpointObject {
    #[serde(deserialize_with = "lenient::or_default")]
    metadata: Meta,
    #[serde(deserialize_with = "lenient::or_default")]
    spec: CheckpointSpec,
    #[serde(deserialize_with = "lenient::or_default")]
    status: CheckpointStatus,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct CheckpointSpec {
    vpa_object_name: String,
    container_name: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct CheckpointStatus {
    #[serde(deserialize_with = "lenient::or_default")]
    cpu_histogram: HistogramCheckpoint,
    #[serde(deserialize_with = "lenient::or_default")]
    memory_histogram: HistogramCheckpoint,
    #[serde(deserialize_with = "lenient::time")]
    first_sample_start: Option<Timestamp>,
    #[serde(deserialize_with = "lenient::time")]
    last_sample_start: Option<Timestamp>,
    total_samples_count: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct HistogramCheckpoint {
    #[serde(deserialize_with = "lenient::or_default")]
    bucket_weights: BTreeMap<String, u64>,
    total_weight: f64,
}

/// A history whose workload only its autoscaler knows.
#[derive(Debug)]
pub(crate) struct Checkpoint {
    /// Namespace and name of the autoscaler.
    pub(crate) autoscaler: (String, String),
    pub(crate) history: UsageHistory,
}

impl CheckpointObject {
    pub(crate) fn into_fact(self) -> Result<Checkpoint, String> {
        let (spec, status) = (self.spec, self.status);
        if spec.vpa_object_name.is_empty() || spec.container_name.is_empty() {
            return Err("names no autoscaler or no container".to_owned());
        }
        let samples = status.total_samples_count;
        let history = UsageHistory {
            namespace: self.metadata.namespace.clone(),
            container: spec.container_name,
            first_at: status.first_sample_start,
            last_at: status.last_sample_start,
            cpu: status.cpu_histogram.into_fact(Measured::Cpu, samples)?,
            memory: status.memory_histogram.into_fact(Measured::Memory, samples)?,
            ..UsageHistory::default()
        };
        Ok(Checkpoint { autoscaler: (self.metadata.namespace, spec.vpa_object_name), history })
    }
}

impl HistogramCheckpoint {
    fn into_fact(self, measured: Measured, samples: u64) -> Result<Option<Histogram>, String> {
        let sum: f64 = self.bucket_weights.values().map(|weight| *weight as f64).sum();
        if sum <= 0.0 {
            return Ok(None);
        }
        let scale = if self.total_weight.is_finite() && self.total_weight > 0.0 {
            self.total_weight / sum
        } else {
            1.0
        };
        let mut weights = Vec::new();
        for (bucket, weight) in self.bucket_weights {
            let bucket: usize = bucket
                .parse()
                .ok()
                .filter(|bucket| *bucket < measured.buckets())
                .ok_or_else(|| format!("there is no bucket {bucket}"))?;
            if weights.len() <= bucket {
                weights.resize(bucket + 1, 0.0);
            }
            weights[bucket] = weight as f64 * scale;
        }
        Ok(Some(Histogram { weights, samples, peak: None }))
    }
}
