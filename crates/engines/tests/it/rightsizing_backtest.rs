//! Rules for memory on production pods, where the trace lies beside the workspace: what the first
//! half of each pod's life recommends, against the peak of the second.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use engines::rightsizing::RightsizingPolicy;
use engines::rightsizing::memory::{Calibration, peak_model, score};
use facts::cluster::{Histogram, Measured, MemoryPeak};
use jiff::Timestamp;
use market::{Limits, gunzip};
use units::Bytes;

/// Values of the trace are shares of a limit that it does not tell.
const LIMIT: f64 = 64e9;
/// The trace is too short for days.
const WINDOW_SECONDS: i64 = 1_800;
/// Samples that a half of a pod's life needs.
const LEAST_SAMPLES: usize = 100;

struct Halves {
    first: Vec<(i64, f64)>,
    second: Vec<f64>,
}

fn pods() -> Option<Vec<Halves>> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/reference/k8s/usage/alibaba-genai-pod-memory-util.csv.gz");
    let bytes = fs::read(path).ok()?;
    let text = String::from_utf8(gunzip(&bytes, &Limits::default()).unwrap()).unwrap();
    let mut of_pod: BTreeMap<&str, Vec<(i64, f64)>> = BTreeMap::new();
    for line in text.lines().skip(1) {
        let mut fields = line.split(',');
        let (pod, at, value) =
            (fields.next().unwrap(), fields.next().unwrap(), fields.next().unwrap());
        let value: f64 = value.parse().unwrap();
        of_pod.entry(pod).or_default().push((at.parse().unwrap(), value.max(0.0) * LIMIT));
    }
    let instants = || of_pod.values().flatten().map(|(at, _)| *at);
    let middle = (instants().min()? + instants().max()?) / 2;
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

fn peaks(samples: &[(i64, f64)]) -> Vec<MemoryPeak> {
    let start = samples[0].0;
    let mut windows: BTreeMap<i64, f64> = BTreeMap::new();
    for (at, value) in samples {
        let most = windows.entry((at - start) / WINDOW_SECONDS).or_insert(0.0);
        *most = most.max(*value);
    }
    let peak = |(window, value): (i64, f64)| MemoryPeak {
        from: Timestamp::from_second(start + window * WINDOW_SECONDS).unwrap(),
        bytes: Bytes(value as i64),
    };
    windows.into_iter().map(peak).collect()
}

/// The share of pods whose later peak lies above what is recommended, and the mean share of the
/// recommendation that later use leaves free.
fn judge(pods: &[Halves], rule: impl Fn(&[(i64, f64)]) -> f64) -> (f64, f64) {
    let (mut over, mut slack) = (0.0, 0.0);
    for pod in pods {
        let recommended = rule(&pod.first);
        let peak = pod.second.iter().copied().fold(0.0, f64::max);
        let mean = pod.second.iter().sum::<f64>() / pod.second.len() as f64;
        over += f64::from(u8::from(peak > recommended));
        slack += (recommended - mean) / recommended.max(1.0);
    }
    let count = pods.len() as f64;
    (over / count * 100.0, slack / count * 100.0)
}

#[test]
fn memory_by_peaks_runs_out_less_often_and_wastes_less_than_the_rules_of_others() {
    let Some(pods) = pods() else {
        println!("skipped: the trace of memory is not beside the workspace");
        return;
    };
    let most = |samples: &[(i64, f64)]| samples.iter().map(|(_, value)| *value).fold(0.0, f64::max);
    // robusta-dev/krr, strategies/simple.py: the largest value and 15 %.
    let krr = judge(&pods, |first| most(first) * 1.15);
    // The Vertical Pod Autoscaler keeps one peak a day: its p90 is the end of that peak's bucket.
    let vpa = judge(&pods, |first| {
        let mut histogram = Histogram::default();
        histogram.add(Measured::Memory, most(first), 1.0);
        histogram.quantile(Measured::Memory, 0.9).unwrap() * 1.15
    });
    let policy = RightsizingPolicy::default();
    let scores = pods.iter().filter_map(|pod| score(&peaks(&pod.first), policy.memory_margin));
    let calibration = Calibration::of(scores.collect(), policy.memory_deviations);
    let ours = |deviations: f64| {
        judge(&pods, |first| {
            let model = peak_model(&peaks(first), None).unwrap();
            model.enough(deviations, policy.memory_margin).0 as f64
        })
    };
    println!("{} pods; share of pods above / slack, in percent", pods.len());
    println!("KRR          {:5.1} {:5.1}", krr.0, krr.1);
    println!("VPA          {:5.1} {:5.1}", vpa.0, vpa.1);
    for risk in [0.01, 0.02, 0.05, 0.1, 0.2, 0.3] {
        let (deviations, found) = calibration.deviations(risk);
        let (over, slack) = ours(deviations);
        let how = if found { "found" } else { "the policy's own" };
        // What was found keeps its promise, as far as so many pods can tell.
        let doubt = 2.0 * (risk * (1.0 - risk) / pods.len() as f64).sqrt();
        assert!(!found || over <= (risk + doubt) * 100.0, "{risk}: {over}");
        println!(
            "risk {:4.1} %  {over:5.1} {slack:5.1}  {deviations:.2} deviations, {how}",
            risk * 100.0
        );
    }
    for deviations in [0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0] {
        let (over, slack) = ours(deviations);
        println!("{deviations:.1} deviations {over:5.1} {slack:5.1}");
    }
    let chosen = ours(calibration.deviations(policy.memory_risk).0);
    assert!(chosen.0 <= krr.0 && chosen.0 <= vpa.0, "{chosen:?} {krr:?} {vpa:?}");
    assert!(chosen.1 <= krr.1.min(vpa.1) - 2.0, "{chosen:?} {krr:?} {vpa:?}");
}
