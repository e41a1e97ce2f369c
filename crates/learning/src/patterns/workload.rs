//! Kinds of workloads: how often they are interrupted and how long they take to recover.

use super::{Finding, LEAST_EXPECTED, Rate, deviations, overall};
use crate::class_prior::OVER_DISPERSION;
use crate::history::Evidence;

/// What was counted of one kind of workload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WorkloadCounts {
    /// Interruptions.
    pub interruptions: u64,
    /// Instance-seconds at risk.
    pub exposure_seconds: u64,
    /// Reports that say how long recovery took.
    pub recoveries: u64,
    /// Seconds of all of them together.
    pub recovery_seconds: u64,
}

/// What is known of one kind of workload.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WorkloadPattern {
    /// How often it is interrupted.
    pub rate: Rate,
    /// The mean time to recover in seconds; `None` without a report that says it.
    pub mean_recovery_seconds: Option<f64>,
}

impl WorkloadCounts {
    /// What its counts say beside those of all workloads, itself included: a pattern where its rate
    /// is two standard deviations off theirs.
    #[must_use]
    pub fn pattern(&self, all: &WorkloadCounts) -> Finding<WorkloadPattern> {
        let hours = |seconds: u64| seconds as f64 / 3600.0;
        let everything = Evidence {
            interruptions: all.interruptions as f64,
            exposure_hours: hours(all.exposure_seconds),
        };
        let exposure_hours = hours(self.exposure_seconds);
        let interruptions = self.interruptions;
        let Some(overall) = overall(everything).filter(|_| exposure_hours > 0.0) else {
            return Finding::NotEnoughData { interruptions, needed: None };
        };
        let expected = overall * exposure_hours;
        if expected / OVER_DISPERSION < LEAST_EXPECTED {
            let needed = (LEAST_EXPECTED * OVER_DISPERSION).ceil() as u64;
            return Finding::NotEnoughData { interruptions, needed: Some(needed) };
        }
        let found = WorkloadPattern {
            rate: Rate::of(interruptions, exposure_hours, overall),
            mean_recovery_seconds: (self.recoveries > 0)
                .then(|| self.recovery_seconds as f64 / self.recoveries as f64),
        };
        if deviations(interruptions, expected).abs() >= 2.0 {
            Finding::Pattern(found)
        } else {
            Finding::NoPattern(found)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(interruptions: u64, hours: u64) -> WorkloadCounts {
        let exposure_seconds = hours * 3600;
        WorkloadCounts { interruptions, exposure_seconds, recoveries: 2, recovery_seconds: 600 }
    }

    #[test]
    fn a_workload_is_told_from_the_rest_when_enough_was_seen() {
        let all = counts(100, 100_000);
        let Finding::Pattern(found) = counts(60, 20_000).pattern(&all) else {
            panic!("no pattern")
        };
        assert!(found.rate.per_hour > 0.002 && found.rate.per_hour < 0.003);
        assert_eq!(found.mean_recovery_seconds, Some(300.0));
        assert!(matches!(counts(22, 20_000).pattern(&all), Finding::NoPattern(_)));
        let few = Finding::NotEnoughData { interruptions: 3, needed: Some(10) };
        assert_eq!(counts(3, 500).pattern(&all), few);
        let blind = Finding::NotEnoughData { interruptions: 3, needed: None };
        assert_eq!(counts(3, 0).pattern(&all), blind);
    }
}
