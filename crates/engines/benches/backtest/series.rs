//! Series of production pods, each cut in two where the whole trace has its middle.
//!
//! What a series measures is not known here.

use std::collections::BTreeMap;
use std::path::PathBuf;

use market::{Limits, gunzip};

/// Samples that a half of a pod's life needs.
const LEAST_SAMPLES: usize = 100;

/// The two halves of a pod's life.
pub(crate) struct Halves {
    /// Seconds since 1970, and what was measured.
    pub(crate) first: Vec<(i64, f64)>,
    /// What was measured afterwards.
    pub(crate) second: Vec<f64>,
}

/// The pods of a trace that live long enough in both halves, values multiplied; `None` where the trace
/// is not there. `CLOUDOPTIM_REFERENCE` names the folder of the public data, which otherwise lies beside
/// the workspace.
pub(crate) fn pods(file: &str, factor: f64) -> Option<Vec<Halves>> {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/reference");
    let folder = std::env::var_os("CLOUDOPTIM_REFERENCE").map_or(beside, PathBuf::from);
    let bytes = std::fs::read(folder.join("k8s/usage").join(file)).ok()?;
    let text = String::from_utf8(gunzip(&bytes, &Limits::default()).ok()?).ok()?;
    let mut of_pod: BTreeMap<&str, Vec<(i64, f64)>> = BTreeMap::new();
    for line in text.lines().skip(1) {
        let mut fields = line.split(',');
        let pod = fields.next()?;
        let at = fields.next()?.parse().ok()?;
        let value: f64 = fields.next()?.parse().ok()?;
        of_pod.entry(pod).or_default().push((at, value.max(0.0) * factor));
    }
    let instants = || of_pod.values().flatten().map(|(at, _)| *at);
    let middle = i64::midpoint(instants().min()?, instants().max()?);
    let halves = of_pod.values_mut().map(|samples| {
        samples.sort_by_key(|(at, _)| *at);
        let cut = samples.partition_point(|(at, _)| *at < middle);
        Halves {
            first: samples[..cut].to_vec(),
            second: samples[cut..].iter().map(|(_, value)| *value).collect(),
        }
    });
    let long = |one: &Halves| one.first.len() >= LEAST_SAMPLES && one.second.len() >= LEAST_SAMPLES;
    Some(halves.filter(long).collect())
}

/// What came of a rule, in percent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Judged {
    /// The share of pods whose later peak lies above what is recommended.
    pub(crate) over: f64,
    /// The mean share of the recommendation that later use leaves free.
    pub(crate) slack: f64,
    /// The mean share of later time above the recommendation.
    pub(crate) time: f64,
}

/// Judges a rule, which sees the first half alone, by the second.
pub(crate) fn judge(pods: &[Halves], rule: impl Fn(&[(i64, f64)]) -> f64) -> Judged {
    let (mut over, mut slack, mut time) = (0.0, 0.0, 0.0);
    for pod in pods {
        let recommended = rule(&pod.first);
        let above = pod.second.iter().filter(|value| **value > recommended).count();
        let samples = pod.second.len() as f64;
        let mean = pod.second.iter().sum::<f64>() / samples;
        over += f64::from(u8::from(above > 0));
        slack += (recommended - mean) / recommended.max(f64::MIN_POSITIVE);
        time += above as f64 / samples;
    }
    let percent = |sum: f64| sum / pods.len() as f64 * 100.0;
    Judged { over: percent(over), slack: percent(slack), time: percent(time) }
}
