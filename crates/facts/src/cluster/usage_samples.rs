//! Measurements of one container, taken in one after the other and never kept.

use std::collections::BTreeMap;

use jiff::Timestamp;
use units::{Bytes, MilliCpu};

use super::{Histogram, Measured, MemoryPeak, UsageHistory};

/// An old measurement of processors counts half as much after so many seconds: a week, so that
/// every day of the week is heard.
pub const CPU_HALF_LIFE_SECONDS: f64 = 7.0 * 86_400.0;
/// Peaks of memory are kept for windows of so many seconds: days, in UTC.
pub const PEAK_WINDOW_SECONDS: i64 = 86_400;

/// Measurements of one container.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UsageSamples {
    cpu: Histogram,
    memory: Histogram,
    peaks: BTreeMap<i64, f64>,
    startup_cpu: Option<f64>,
    /// Seconds since 1970.
    span: Option<(f64, f64)>,
    /// What weights of processors are relative to.
    reference: Option<f64>,
    /// The window that was met last, which is that of the next measurement as a rule.
    latest: Option<(i64, f64)>,
}

impl UsageSamples {
    /// Takes processors in, measured at an instant in seconds since 1970. What is no instant is
    /// left out, here and below.
    pub fn cpu(&mut self, at: f64, cores: f64) {
        if !sane(at) {
            return;
        }
        let reference = *self.reference.get_or_insert(at);
        // An exponent beyond is a clock that is wrong by centuries.
        let halves = ((at - reference) / CPU_HALF_LIFE_SECONDS).clamp(-500.0, 500.0);
        self.cpu.add(Measured::Cpu, cores, halves.exp2());
        self.seen(at);
    }

    /// Takes processors of the first minutes of a pod in, which are kept apart.
    pub fn startup_cpu(&mut self, at: f64, cores: f64) {
        if !sane(at) {
            return;
        }
        let cores = if cores.is_finite() { cores.max(0.0) } else { 0.0 };
        self.startup_cpu = Some(self.startup_cpu.map_or(cores, |most| most.max(cores)));
        self.seen(at);
    }

    /// Takes memory in, in bytes.
    pub fn memory(&mut self, at: f64, bytes: f64) {
        if !sane(at) {
            return;
        }
        let bytes = if bytes.is_finite() { bytes.max(0.0) } else { 0.0 };
        self.memory.add(Measured::Memory, bytes, 1.0);
        let window = (at as i64).div_euclid(PEAK_WINDOW_SECONDS);
        match &mut self.latest {
            Some((open, most)) if *open == window => *most = most.max(bytes),
            _ => {
                self.close();
                self.latest = Some((window, bytes));
            }
        }
        self.seen(at);
    }

    /// Whether nothing was taken in.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.span.is_none()
    }

    /// What became of the measurements; whom they are of is left to the caller.
    #[must_use]
    pub fn into_history(mut self) -> UsageHistory {
        self.close();
        let Some((first, last)) = self.span else { return UsageHistory::default() };
        let instant = |seconds: f64| Timestamp::from_second(seconds as i64).ok();
        // The newest measurement weighs one.
        let newest = self.reference.map_or(0.0, |reference| {
            ((last - reference) / CPU_HALF_LIFE_SECONDS).clamp(-500.0, 500.0)
        });
        let fade = (-newest).exp2();
        for weight in &mut self.cpu.weights {
            *weight *= fade;
        }
        let peaks = self.peaks.into_iter().filter_map(|(window, bytes)| {
            let from = window.checked_mul(PEAK_WINDOW_SECONDS)?;
            let bytes = Bytes(bytes.min(1e15).ceil() as i64);
            Some(MemoryPeak { from: Timestamp::from_second(from).ok()?, bytes })
        });
        UsageHistory {
            first_at: instant(first),
            last_at: instant(last),
            memory_peaks: peaks.collect(),
            cpu: (self.cpu.samples > 0).then_some(self.cpu),
            memory: (self.memory.samples > 0).then_some(self.memory),
            startup_cpu: self
                .startup_cpu
                .map(|cores| MilliCpu((cores * 1000.0).min(1e9).ceil() as i64)),
            ..UsageHistory::default()
        }
    }

    fn close(&mut self) {
        if let Some((window, most)) = self.latest.take() {
            let entry = self.peaks.entry(window).or_insert(most);
            *entry = entry.max(most);
        }
    }

    fn seen(&mut self, at: f64) {
        self.span = Some(match self.span {
            Some((first, last)) => (first.min(at), last.max(at)),
            None => (at, at),
        });
    }
}

/// Whether an instant lies in the millennia that calendars know; others are not taken in.
fn sane(at: f64) -> bool {
    at.abs() < 2.5e11
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: f64 = 86_400.0;

    #[test]
    fn processors_fade_and_peaks_are_kept_by_day() {
        let mut samples = UsageSamples::default();
        for day in 0..8 {
            samples.cpu(f64::from(day) * DAY, if day == 0 { 4.0 } else { 1.0 });
            samples.memory(f64::from(day) * DAY + 60.0, 1e8 * f64::from(day + 1));
        }
        samples.memory(DAY / 2.0, 5e9);
        samples.startup_cpu(0.0, 2.5);
        let history = samples.into_history();
        let cpu = history.cpu.unwrap();
        // A week is one half-life.
        let last = cpu.weights.iter().rposition(|weight| *weight > 0.0).unwrap();
        assert!((cpu.weights[last] - 0.5).abs() < 1e-3, "{:?}", cpu.weights[last]);
        assert_eq!(cpu.samples, 8);
        assert_eq!(history.memory_peaks.len(), 8);
        assert_eq!(history.memory_peaks[0].bytes, Bytes(5_000_000_000));
        assert_eq!(history.memory_peaks[7].bytes, Bytes(800_000_000));
        assert_eq!(history.startup_cpu, Some(MilliCpu(2_500)));
        assert_eq!(history.last_at.unwrap().as_second(), (7.0 * DAY) as i64 + 60);
    }

    #[test]
    fn order_changes_nothing_but_the_last_bits() {
        let mut there = UsageSamples::default();
        let mut back = UsageSamples::default();
        for step in 0..500 {
            let value =
                |step: i32| (f64::from(step * 37 % 101) / 50.0, f64::from(step * 53 % 89) * 1e7);
            for (samples, step) in [(&mut there, step), (&mut back, 499 - step)] {
                let (cores, bytes) = value(step);
                samples.cpu(f64::from(step) * 3_600.0, cores);
                samples.memory(f64::from(step) * 3_600.0, bytes);
            }
        }
        let (there, back) = (there.into_history(), back.into_history());
        assert_eq!(there.memory_peaks, back.memory_peaks);
        let (a, b) = (there.cpu.unwrap(), back.cpu.unwrap());
        assert!(a.weights.iter().zip(&b.weights).all(|(a, b)| (a - b).abs() < 1e-9));
    }

    #[test]
    fn absurd_measurements_stay_inside() {
        let mut samples = UsageSamples::default();
        for value in [f64::NAN, f64::INFINITY, -1.0, 1e300] {
            samples.cpu(value, value);
            samples.cpu(5.0, value);
            samples.memory(value, value);
            samples.startup_cpu(0.0, value);
        }
        let history = samples.into_history();
        assert!(history.cpu.unwrap().weights.iter().all(|weight| weight.is_finite()));
        assert_eq!(UsageSamples::default().into_history(), UsageHistory::default());
    }
}
