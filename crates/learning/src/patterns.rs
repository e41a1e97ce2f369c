//! Whether interruptions have a pattern: by hour and weekday, by workload, by an operator's calendar.
//!
//! Most histories are too short to tell, and that is what is answered then. Nothing here moves a
//! risk; a season's factor is what an operator says, never what was made up.

mod calendar;
mod temporal;
mod workload;

pub use calendar::{CalendarEntry, factor_at, observed_factor};
pub use temporal::{Cell, Cycle, WeekCounts};
pub use workload::{WorkloadCounts, WorkloadPattern};

use crate::class_prior::OVER_DISPERSION;
use crate::gamma::{Gamma, Interval};
use crate::history::Evidence;

/// What a history says of a pattern.
#[derive(Clone, Debug, PartialEq)]
pub enum Finding<T> {
    /// It is too short to tell.
    NotEnoughData {
        /// Interruptions that were counted.
        interruptions: u64,
        /// About as many are needed with exposure as it was; `None` where no exposure is known.
        needed: Option<u64>,
    },
    /// It is long enough, and what was seen is no more than chance.
    NoPattern(T),
    /// There is one.
    Pattern(T),
}

/// A rate per instance-hour with its 90 % interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// Interruptions that were counted.
    pub interruptions: u64,
    /// Instance-hours at risk.
    pub exposure_hours: f64,
    /// The estimate, drawn toward the rate of everything.
    pub per_hour: f64,
    /// The rates between which the true one lies with 90 %.
    pub interval: Interval,
}

/// A part needs as many interruptions as five independent ones are worth (Cochran 1954).
const LEAST_EXPECTED: f64 = 5.0;

/// The squared coefficient of variation that parts of one history are given before the counts.
const VARIATION: f64 = 1.25;

impl Rate {
    /// The rate of a part of a history, `overall` per hour being that of all of it, above 0.
    fn of(interruptions: u64, exposure_hours: f64, overall: f64) -> Rate {
        let events = interruptions as f64 / OVER_DISPERSION;
        let belief =
            Gamma::with_mean(overall, VARIATION).after(events, exposure_hours / OVER_DISPERSION);
        let per_hour = belief.mean();
        let ends = belief.ninety_percent();
        let interval = Interval { low: ends.low.min(per_hour), high: ends.high.max(per_hour) };
        Rate { interruptions, exposure_hours, per_hour, interval }
    }
}

/// Interruptions per hour of exposure; `None` without either.
fn overall(evidence: Evidence) -> Option<f64> {
    let evidence = evidence.believable();
    let known = evidence.exposure_hours > 0.0 && evidence.interruptions > 0.0;
    known.then(|| evidence.interruptions / evidence.exposure_hours)
}

/// How far a count is from what is expected, in standard deviations of over-dispersed counts.
fn deviations(interruptions: u64, expected: f64) -> f64 {
    (interruptions as f64 - expected) / (OVER_DISPERSION * expected).sqrt()
}
