//! How much memory a container needs: its peaks are log-normal, and how far above their mean the
//! next one may lie is found out from all containers together.
//!
//! With `μ` and `σ` of the logarithms of the peaks of past windows, the next peak is expected below
//! `exp(μ + k·σ)` times the margin. `k` is calibrated: the later half of each container's own history
//! is predicted from the earlier half, the `k` that would have been enough for its largest peak is its
//! score, and of `n` scores the `⌈(n + 1)(1 − ε)⌉`-th smallest is enough for another container with a
//! probability of at least `1 − ε` where containers are exchangeable (Vovk, Gammerman and Shafer, Algorithmic Learning in a Random
//! World, 2005: inductive conformal prediction).

use facts::cluster::{Histogram, Measured, MemoryPeak, bucket_start};
use jiff::{SignedDuration, Timestamp};
use units::Bytes;

/// Windows that the earlier half of a history needs to tell anything.
const LEAST_WINDOWS: usize = 4;
/// No spread is believed to be smaller: two equal peaks do not prove that the third is equal.
const LEAST_SPREAD: f64 = 0.01;
/// No calibration goes beyond: what lies further out is no matter of spread.
const MOST_DEVIATIONS: f64 = 10.0;
/// What was used in this stretch before the last measurement is given in any case.
const RECENT: SignedDuration = SignedDuration::from_hours(24);

/// Mean and spread of the logarithms of peaks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PeakModel {
    /// Mean.
    pub mean: f64,
    /// Standard deviation, of at least a hundredth.
    pub spread: f64,
    /// The most in the last day.
    pub recent: Bytes,
}

/// The model of peaks in order; `None` without peaks.
///
/// `until` is the last measurement; windows that reach into the day before it are recent.
#[must_use]
pub fn peak_model(peaks: &[MemoryPeak], until: Option<Timestamp>) -> Option<PeakModel> {
    let last = peaks.last()?;
    let until = until.unwrap_or(last.from).max(last.from);
    let day_ago = until.checked_sub(RECENT).unwrap_or(Timestamp::MIN);
    let logs = peaks.iter().map(|peak| (peak.bytes.0.max(1) as f64).ln());
    let count = peaks.len() as f64;
    let mean = logs.clone().sum::<f64>() / count;
    let squares: f64 = logs.map(|log| (log - mean) * (log - mean)).sum();
    let spread = if peaks.len() > 1 { (squares / (count - 1.0)).sqrt() } else { 0.0 };
    // A window ends where the next one begins.
    let ends = peaks.iter().skip(1).map(|next| next.from).chain([until]);
    let recent = peaks.iter().zip(ends).filter(|(peak, end)| *end > day_ago || peak.from == until);
    let recent = recent.map(|(peak, _)| peak.bytes).max().unwrap_or(last.bytes);
    Some(PeakModel { mean, spread: spread.max(LEAST_SPREAD), recent })
}

/// The model of a histogram of peaks, as the Vertical Pod Autoscaler keeps them, each peak taken at
/// the upper end of its bucket. The largest bucket counts as recent: when it was filled, nobody
/// knows.
#[must_use]
pub fn model_of_buckets(histogram: &Histogram) -> Option<PeakModel> {
    let filled = || {
        let all = histogram.weights.iter().enumerate().filter(|(_, weight)| **weight > 0.0);
        all.map(|(bucket, weight)| (bucket_start(Measured::Memory, bucket + 1).ln(), *weight))
    };
    let total: f64 = filled().map(|(_, weight)| weight).sum();
    let (top, _) = filled().next_back()?;
    let mean = filled().map(|(log, weight)| log * weight).sum::<f64>() / total;
    let variance =
        filled().map(|(log, weight)| (log - mean) * (log - mean) * weight).sum::<f64>() / total;
    let recent = histogram.peak.unwrap_or_else(|| top.exp());
    (total.is_finite() && recent.is_finite()).then(|| PeakModel {
        mean,
        spread: variance.sqrt().max(LEAST_SPREAD),
        recent: Bytes(recent.clamp(0.0, 1e15) as i64),
    })
}

impl PeakModel {
    /// How much memory is enough, so many deviations above the mean.
    #[must_use]
    pub fn enough(&self, deviations: f64, margin: f64) -> Bytes {
        let expected = (self.mean + deviations * self.spread).exp() * margin;
        let recent = self.recent.0 as f64 * margin;
        Bytes(expected.max(recent).clamp(0.0, 1e15).ceil() as i64)
    }
}

/// How far above the mean the peaks of the later half of a history lay, seen from the earlier half;
/// `None` where that has too few windows. Below 0 where the peak of the day before would have been
/// enough for all of them.
#[must_use]
pub fn score(peaks: &[MemoryPeak], margin: f64) -> Option<f64> {
    let (before, after) = peaks.split_at(peaks.len().div_ceil(2));
    let most = after.iter().map(|peak| peak.bytes.0).max()?.max(1) as f64;
    if before.len() < LEAST_WINDOWS {
        return None;
    }
    let model = peak_model(before, after.first().map(|next| next.from))?;
    if most <= model.recent.0 as f64 * margin {
        return Some(-1.0);
    }
    Some(((most / margin).ln() - model.mean) / model.spread)
}

/// How many deviations above the mean are enough.
#[derive(Clone, Debug, PartialEq)]
pub struct Calibration {
    scores: Vec<f64>,
    default: f64,
}

impl Calibration {
    /// Calibrates on the scores of all containers; `default` stands where they are too few.
    #[must_use]
    pub fn of(mut scores: Vec<f64>, default: f64) -> Calibration {
        scores.retain(|one| one.is_finite());
        scores.sort_by(f64::total_cmp);
        Calibration { scores, default }
    }

    /// How many containers told something.
    #[must_use]
    pub fn containers(&self) -> usize {
        self.scores.len()
    }

    /// Deviations for a share of pods that may exceed their request, and whether they were found
    /// out and not taken from the policy.
    #[must_use]
    pub fn deviations(&self, risk: f64) -> (f64, bool) {
        let count = self.scores.len() as f64;
        let rank = ((count + 1.0) * (1.0 - risk.clamp(0.0, 1.0)) - 1e-9).ceil();
        if rank < 1.0 || rank > count {
            return (self.default, false);
        }
        (self.scores[rank as usize - 1].clamp(0.0, MOST_DEVIATIONS), true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peaks(mib: &[i64]) -> Vec<MemoryPeak> {
        let day = |at: usize| Timestamp::from_second(at as i64 * 86_400).unwrap();
        let all = mib.iter().enumerate();
        all.map(|(at, mib)| MemoryPeak { from: day(at), bytes: Bytes::from_mib(*mib) }).collect()
    }

    #[test]
    fn the_rule_by_hand() {
        let model = peak_model(&peaks(&[100, 200]), None).unwrap();
        // The mean of ln 100 and ln 200 is ln √20000, their spread ln 2 / √2.
        let mib = (model.mean.exp() / 1_048_576.0, model.spread);
        assert!((mib.0 - 20_000_f64.sqrt()).abs() < 1e-9 && (mib.1 - 0.490_129).abs() < 1e-6);
        let enough = model.enough(2.0, 1.05).0 as f64 / 1_048_576.0;
        assert!((enough - 141.421_356 * (0.980_258_f64).exp() * 1.05).abs() < 1e-3, "{enough}");
    }

    #[test]
    fn what_was_used_today_is_given_in_any_case() {
        let mut all = peaks(&[100; 20]);
        all.push(MemoryPeak {
            from: all[19].from + SignedDuration::from_hours(24),
            bytes: Bytes::from_mib(400),
        });
        let model = peak_model(&all, None).unwrap();
        assert_eq!(model.recent, Bytes::from_mib(400));
        assert_eq!(model.enough(0.0, 1.05), Bytes((400.0 * 1.05 * 1_048_576.0) as i64));
        // A week later it is a peak like the others.
        let later = all[20].from + SignedDuration::from_hours(24 * 7);
        all.push(MemoryPeak { from: later, bytes: Bytes::from_mib(100) });
        let model = peak_model(&all, Some(later + SignedDuration::from_hours(47))).unwrap();
        assert_eq!(model.recent, Bytes::from_mib(100));
        assert_eq!(peak_model(&[], None), None);
    }

    #[test]
    fn calibration_needs_as_many_containers_as_the_risk_asks_for() {
        let of =
            |count: usize| Calibration::of((0..count).map(|at| at as f64 / 10.0).collect(), 2.0);
        assert_eq!(of(18).deviations(0.05), (2.0, false));
        // Of 19 scores the largest: ⌈20 · 0.95⌉ = 19.
        assert_eq!(of(19).deviations(0.05), (1.8, true));
        assert_eq!(of(98).deviations(0.01), (2.0, false));
        assert_eq!(of(99).deviations(0.01), (9.8, true));
        assert_eq!(of(0).deviations(0.05), (2.0, false));
        assert_eq!(of(200).deviations(0.0), (2.0, false));
        assert_eq!(of(200).deviations(0.01).0, MOST_DEVIATIONS);
    }

    #[test]
    fn scores_look_from_the_earlier_half_at_the_later_one() {
        assert_eq!(score(&peaks(&[100, 101, 99, 100, 101, 100]), 1.05), None);
        let before = [100, 101, 99, 100];
        let with = |after: [i64; 4]| peaks(&[before, after].concat());
        assert_eq!(score(&with([100, 104, 100, 90]), 1.05), Some(-1.0));
        let one = score(&with([100, 120, 100, 90]), 1.05).unwrap();
        assert!(one > 2.0, "{one}");
        // What is told is what would have been enough.
        let model = peak_model(&peaks(&before), None).unwrap();
        let enough = model.enough(one, 1.05).0 as f64 / 1_048_576.0;
        assert!((enough - 120.0).abs() < 0.01, "{enough}");
    }
}
