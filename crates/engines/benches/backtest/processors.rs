//! Rules for a resource that is shared out in time: this server's, and those of others.

use engines::rightsizing::RightsizingPolicy;
use facts::cluster::{Histogram, Measured, UsageSamples};

use crate::series::{Halves, Judged, judge};

/// The trace of a resource that is shared out in time: how busy graphics processors are.
pub(crate) const FILE: &str = "alibaba-genai-pod-gpu-duty-cycle.csv.gz";
/// A device that is busy all the time counts as one core.
pub(crate) const FULL: f64 = 0.01;

/// The rule of KRR: p95 without a margin, 10m at least.
pub(crate) fn krr(pods: &[Halves]) -> Judged {
    judge(pods, |first| {
        let mut values: Vec<f64> = first.iter().map(|(_, value)| *value).collect();
        values.sort_by(f64::total_cmp);
        // Prometheus' `quantile_over_time` interpolates between neighbours.
        let place = 0.95 * (values.len() - 1) as f64;
        let (low, high) = (values[place.floor() as usize], values[place.ceil() as usize]);
        (low + (high - low) * place.fract()).max(0.01)
    })
}

/// The rule of the Vertical Pod Autoscaler: p90 of a histogram in which a day is a half-life, 15 %
/// more, 25m at least.
pub(crate) fn vpa(pods: &[Halves]) -> Judged {
    judge(pods, |first| {
        let end = first.last().map_or(0, |(at, _)| *at);
        let mut histogram = Histogram::default();
        for (at, value) in first {
            let days = (at - end) as f64 / 86_400.0;
            histogram.add(Measured::Cpu, *value, days.exp2());
        }
        (histogram.quantile(Measured::Cpu, 0.9).unwrap_or(0.0) * 1.15).max(0.025)
    })
}

/// What this server asks for at a quantile of what was measured.
pub(crate) fn wanted(samples: &[(i64, f64)], quantile: f64) -> f64 {
    let mut taken = UsageSamples::default();
    for (at, value) in samples {
        taken.cpu(*at as f64, *value);
    }
    let known = taken.into_history().cpu.unwrap_or_default();
    let floor = RightsizingPolicy::default().least_cpu.cores();
    known.quantile(Measured::Cpu, quantile).unwrap_or(0.0).max(floor)
}

/// This server's rule at a quantile.
pub(crate) fn ours(pods: &[Halves], quantile: f64) -> Judged {
    judge(pods, |first| wanted(first, quantile))
}

/// Another rule: each container gets the quantile at which a further core would keep it from being above
/// for less than the same stretch of time, and is above for a tenth of the time at the most.
pub(crate) fn one_slope(pods: &[Halves], cores_per_share: f64) -> Judged {
    let candidates = || (0..=100).map(|at| f64::from(at).mul_add(0.001, 0.9));
    judge(pods, |first| {
        let price = |amount: f64| {
            let above = first.iter().filter(|(_, value)| *value > amount).count();
            amount + cores_per_share * above as f64 / first.len() as f64
        };
        let amounts = candidates().map(|quantile| wanted(first, quantile));
        amounts.min_by(|a, b| price(*a).total_cmp(&price(*b))).unwrap_or(0.0)
    })
}

/// The first halves, cut in two once more: what a calibration may look at.
pub(crate) fn within_first(pods: &[Halves]) -> Vec<Halves> {
    let cut = |pod: &Halves| {
        let middle = pod.first.len() / 2;
        Halves {
            first: pod.first[..middle].to_vec(),
            second: pod.first[middle..].iter().map(|(_, value)| *value).collect(),
        }
    };
    pods.iter().map(cut).collect()
}
