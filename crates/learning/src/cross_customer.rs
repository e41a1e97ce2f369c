//! Whether many customers are losing capacity in one pool at once.
//!
//! Two or three distinct customers within an hour are necessary, and where it is known who was
//! exposed, so many losses must also be improbable for a pool in its usual state. A level is a
//! function of reports, exposure and the instant: it needs no memory, reports may come late and in
//! any order, and it expires by itself.
//!
//! This module refuses to know who customers are. Whoever calls it has authenticated them.

mod counted;
mod improbable;
mod shared;

pub use counted::{Ignored, Report, Reporter};
pub use improbable::Needed;
pub use shared::{Contribution, SharedEvidence, ZoneKey};

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::{Fraction, PoolRisk};

use crate::gamma::Gamma;
use crate::pool_risk::LearnedRisk;
use counted::{CountedReport, counted};
use improbable::{Crowd, MINUTES};

/// A customer, by a number that the caller gave it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Customer(pub u64);

/// The live status of a pool.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Level {
    /// Nothing beyond the usual.
    #[default]
    Normal,
    /// Several customers lost capacity, more than is usual: nothing new should go there.
    Uncertain,
    /// So many that capacity should leave.
    ConfirmedRisky,
}

/// How often a healthy pool may be taken for a risky one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AlarmBudget {
    /// False [`Level::ConfirmedRisky`] for each pool and month of 730 hours.
    pub confirmed: f64,
    /// False [`Level::Uncertain`] for each pool and month of 730 hours.
    pub uncertain: f64,
}

/// What is known of a pool beside the reports.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PoolExposure {
    /// How many instances each customer has in the pool, those that were just lost included.
    pub instances: BTreeMap<Customer, u32>,
    /// The pool's hazard per instance-hour, as it was believed before the burst: two hours ago. Where
    /// the true one is higher, false alarms exceed their budget many times over.
    pub hazard: f64,
}

/// What is usual for a pool. It changes with the exposure and the hazard, not with the reports.
pub struct Baseline {
    exposure: PoolExposure,
    crowd: Option<Crowd>,
    needed: Needed,
}

/// What a level stands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// Distinct customers, and how improbable so many are given the exposure.
    Exposure,
    /// Distinct customers alone: nobody's exposure or no hazard is known. The more customers a pool
    /// has, the more often this is a false alarm; answers must say so.
    CountsAlone,
}

/// The status of a pool at an instant.
#[derive(Clone, Debug, PartialEq)]
pub struct Assessment {
    /// The level.
    pub level: Level,
    /// When it falls by one if nothing further is reported; `None` while normal.
    pub falls_at: Option<Timestamp>,
    /// Distinct customers with a report that counts within the last hour.
    pub customers: u32,
    /// How many of the exposed customers a healthy pool would interrupt within an hour.
    pub expected_customers: f64,
    /// At most how probable at least so many other customers are in a healthy pool beside one that
    /// was interrupted, over the three windows (Bonferroni); 1 without exposure.
    pub probability_if_healthy: Fraction,
    /// How many distinct customers each level needs now.
    pub needed: Needed,
    /// The hazard per instance-hour that the last hour alone suggests: the usual one as a prior
    /// worth less than one event, and what was reported.
    pub hazard_now: Option<Gamma>,
    /// What the level stands on.
    pub basis: Basis,
    /// Reports that do not count, and why.
    pub ignored: Ignored,
}

impl PoolExposure {
    /// With the upper end of the 90 % interval of what is believed, so that a pool of which little is
    /// known does not cry wolf; the more is known, the nearer it is to the expected hazard.
    #[must_use]
    pub fn cautious(instances: BTreeMap<Customer, u32>, risk: &LearnedRisk) -> PoolExposure {
        PoolExposure { instances, hazard: risk.hazard_interval().high.max(risk.hazard()) }
    }
}

impl Default for AlarmBudget {
    fn default() -> AlarmBudget {
        AlarmBudget { confirmed: 0.01, uncertain: 0.2 }
    }
}

impl Level {
    /// As it is stored and written.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Level::Normal => "NORMAL",
            Level::Uncertain => "UNCERTAIN",
            Level::ConfirmedRisky => "CONFIRMED_RISKY",
        }
    }

    /// The level of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Level> {
        [Level::Normal, Level::Uncertain, Level::ConfirmedRisky]
            .into_iter()
            .find(|level| level.name() == name)
    }

    /// The risk of a pool while the level lasts: 0.10 more when uncertain, 0.20 more when
    /// confirmed, at most 1.
    #[must_use]
    pub fn raised(self, risk: PoolRisk) -> PoolRisk {
        let more = match self {
            Level::Normal => 0.0,
            Level::Uncertain => 0.10,
            Level::ConfirmedRisky => 0.20,
        };
        PoolRisk::new(Fraction::clamped(risk.value() + more))
    }

    fn lowered(self, times: i64) -> Level {
        match (self, times) {
            (level, ..=0) => level,
            (Level::ConfirmedRisky, 1) => Level::Uncertain,
            _ => Level::Normal,
        }
    }
}

/// The field `confidence` of callers: `min(0.95, 0.50 + 0.15·n)` for `n` distinct customers. It is
/// a convention, not a probability.
#[must_use]
pub fn conventional_confidence(customers: u32) -> Fraction {
    Fraction::clamped((0.50 + 0.15 * f64::from(customers)).min(0.95))
}

impl Baseline {
    /// What is usual for a pool with this exposure, and how much more each level needs.
    #[must_use]
    pub fn of(exposure: PoolExposure, budget: AlarmBudget) -> Baseline {
        let known = exposure.hazard.is_finite()
            && exposure.hazard > 0.0
            && exposure.instances.values().any(|instances| *instances > 0);
        let crowd = known.then(|| Crowd::of(&exposure));
        let needed = crowd.as_ref().map_or(Needed::COUNTS_ALONE, |crowd| crowd.needed(budget));
        Baseline { exposure, crowd, needed }
    }

    /// The status of the pool at an instant. Reports after it, and those older than a day, are not
    /// looked at.
    ///
    /// Each report that counts is tested when it happened: the distinct customers of the 5, 15 and
    /// 60 minutes that end with it against what each level needs. A level holds for an hour after
    /// the last report that reached it, and falls by one each hour from then on.
    #[must_use]
    pub fn assess(&self, reports: &[Report], now: Timestamp) -> Assessment {
        let crowd = self.crowd.as_ref();
        let (counted, ignored) = counted(reports, crowd.map(|_| &self.exposure.instances), now);
        let (level, falls_at) = self.level(&counted, now.as_second());
        let last = windows_until(&counted, counted.len(), now.as_second());
        let customers = last[MINUTES.len() - 1];
        let probability = crowd.map_or(1.0, |crowd| crowd.probability_if_healthy(last));
        Assessment {
            level,
            falls_at: falls_at.and_then(|second| Timestamp::from_second(second).ok()),
            customers,
            expected_customers: crowd.map_or(0.0, Crowd::expected_within_an_hour),
            probability_if_healthy: Fraction::clamped(probability),
            needed: self.needed,
            hazard_now: crowd.map(|crowd| {
                let usual = Gamma::with_mean(self.exposure.hazard, HAZARD_VARIATION);
                usual.after(f64::from(customers), crowd.instances())
            }),
            basis: if crowd.is_some() { Basis::Exposure } else { Basis::CountsAlone },
            ignored,
        }
    }

    /// The level at a second, and when it falls.
    fn level(&self, counted: &[CountedReport], now: i64) -> (Level, Option<i64>) {
        let (mut level, mut falls_at) = (Level::Normal, None);
        for at in recent(counted, now) {
            let hours = (now - counted[at].second) / LEVEL_SECONDS;
            let left = self.needed.reached(windows(counted, at)).lowered(hours);
            let end = Some(counted[at].second + (hours + 1) * LEVEL_SECONDS);
            if left > Level::Normal && (left > level || (left == level && end > falls_at)) {
                (level, falls_at) = (left, end);
            }
        }
        (level, falls_at)
    }
}

/// How long a level holds before it falls by one.
const LEVEL_SECONDS: i64 = 3600;

/// The squared coefficient of variation of hazards within a class, as in the risk of pools.
const HAZARD_VARIATION: f64 = 1.25;

/// The reports from which a level may be left.
fn recent(counted: &[CountedReport], now: i64) -> std::ops::Range<usize> {
    let oldest = now - 2 * LEVEL_SECONDS;
    counted.partition_point(|report| report.second <= oldest)..counted.len()
}

/// Distinct customers in each window that ends with a report.
fn windows(counted: &[CountedReport], at: usize) -> [u32; 3] {
    let second = counted[at].second;
    let end = at + counted[at..].partition_point(|report| report.second <= second);
    windows_until(counted, end, second)
}

/// Distinct customers in each window that ends at a second. A customer counts at most once an hour,
/// so that reports are customers.
fn windows_until(counted: &[CountedReport], end: usize, second: i64) -> [u32; 3] {
    MINUTES.map(|minutes| {
        let from = counted.partition_point(|report| report.second <= second - minutes * 60);
        u32::try_from(end.saturating_sub(from)).unwrap_or(u32::MAX)
    })
}

#[cfg(test)]
mod tests;
