//! Whether interruptions of a type have a pattern, with the counts behind every answer and the plain word
//! where they are too few.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use facts::names::InstanceType;
use jiff::{SignedDuration, Timestamp};
use learning::patterns::{Cell, Cycle, Finding, WeekCounts, WorkloadCounts};
use schemars::JsonSchema;
use serde::Serialize;
use store::{HourRow, WorkloadRow};

use super::status::six;
use crate::access::{Caller, Role};
use crate::gaps::field;
use crate::{App, Error};

/// What is known of a type.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Patterns {
    /// The type.
    pub instance_type: String,
    /// Interruptions that were reported.
    pub interruptions: u64,
    /// Instance-hours at risk that were reported.
    pub instance_hours: f64,
    /// Customers that told of the type; a tenant is told from three on.
    pub customers: Option<u64>,
    /// By hour and weekday, UTC.
    pub temporal_patterns: TemporalPatterns,
    /// By kind of workload.
    pub workload_patterns: BTreeMap<String, WorkloadPatternItem>,
    /// By the operator's calendar: what it says, never what was made up.
    pub seasonal_patterns: BTreeMap<String, SeasonItem>,
}

/// Hours and weekdays, UTC.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct TemporalPatterns {
    /// `pattern`, `no_pattern` or `not_enough_data`.
    pub hours_verdict: &'static str,
    /// The same for weekdays.
    pub days_verdict: &'static str,
    /// Hours that are riskier than the mean, all 24 being tested together.
    pub high_risk_hours: Vec<u8>,
    /// Weekdays that are, 0 being Monday.
    pub high_risk_days: Vec<u8>,
    /// The same in words; `null` without a pattern.
    pub peak_interruption_time: Option<String>,
    /// About as many interruptions are needed to tell, where it is too few.
    pub interruptions_needed: Option<u64>,
    /// Every hour with its counts and rate; empty where it is too few.
    pub hours: Vec<CellItem>,
    /// Every weekday.
    pub days: Vec<CellItem>,
}

/// An hour or a weekday.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, JsonSchema)]
pub struct CellItem {
    /// The hour, or the weekday from 0 (Monday).
    pub index: u8,
    /// Interruptions.
    pub interruptions: u64,
    /// Instance-hours at risk.
    pub instance_hours: f64,
    /// Interruptions in 1,000 instance-hours.
    pub per_1000_hours: f64,
    /// Lower end of the 90 % interval.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Whether it is riskier than the mean.
    pub is_high: bool,
}

/// A kind of workload.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct WorkloadPatternItem {
    /// `pattern`, `no_pattern` or `not_enough_data`.
    pub verdict: &'static str,
    /// Interruptions in an instance-hour; `null` where exposure is not known.
    pub interruption_rate: Option<f64>,
    /// Lower end of the 90 % interval.
    pub low: Option<f64>,
    /// Upper end.
    pub high: Option<f64>,
    /// The mean time to recover; `null` where no report says it.
    pub avg_recovery_seconds: Option<f64>,
    /// Interruptions.
    pub interruptions: u64,
    /// Instance-hours at risk.
    pub instance_hours: f64,
}

/// A season of the operator's calendar.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, JsonSchema)]
pub struct SeasonItem {
    /// By how much the operator says that hazards are multiplied.
    pub interruption_multiplier: f64,
    /// From when.
    pub from: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// Whether it is now.
    pub is_now: bool,
}

/// What was found of types a moment ago: each report asks.
#[derive(Default)]
pub(crate) struct Remembered {
    by_type: Mutex<BTreeMap<String, (Timestamp, Arc<Known>)>>,
}

/// What a type's counts say.
pub(super) struct Known {
    hours: Finding<Vec<Cell>>,
    days: Finding<Vec<Cell>>,
    workloads: BTreeMap<String, (WorkloadCounts, bool)>,
    all: WorkloadCounts,
    customers: u64,
}

/// How long findings are believed.
const BELIEVED_FOR: SignedDuration = SignedDuration::from_secs(30);

/// Types that are remembered at once.
const MOST_REMEMBERED: usize = 2_000;

/// A tenant is told of others from so many customers on.
const LEAST_SHOWN: u64 = 3;

impl Known {
    fn of(hours: &[HourRow], rows: &[WorkloadRow], customers: u64) -> Known {
        let unsigned = |number: i64| u64::try_from(number).unwrap_or(0);
        let mut week = WeekCounts::default();
        for row in hours {
            let at = usize::try_from(row.cell).unwrap_or(usize::MAX);
            week.add(at, unsigned(row.interruptions), unsigned(row.exposure_seconds));
        }
        let mut all = WorkloadCounts::default();
        let mut workloads = BTreeMap::new();
        for row in rows {
            let own = WorkloadCounts {
                interruptions: unsigned(row.interruptions),
                exposure_seconds: unsigned(row.exposure_seconds),
                recoveries: unsigned(row.recoveries),
                recovery_seconds: unsigned(row.recovery_seconds),
            };
            all.interruptions += own.interruptions;
            all.exposure_seconds += own.exposure_seconds;
            all.recoveries += own.recoveries;
            all.recovery_seconds += own.recovery_seconds;
            if !row.workload_type.is_empty() {
                workloads.insert(row.workload_type.clone(), (own, false));
            }
        }
        for (own, is_pattern) in workloads.values_mut() {
            *is_pattern = matches!(own.pattern(&all), Finding::Pattern(_));
        }
        let (hours, days) = (week.pattern(Cycle::HourOfDay), week.pattern(Cycle::DayOfWeek));
        Known { hours, days, workloads, all, customers }
    }

    pub(super) fn is_temporal(&self) -> bool {
        matches!(self.hours, Finding::Pattern(_)) || matches!(self.days, Finding::Pattern(_))
    }

    pub(super) fn is_by_workload(&self) -> bool {
        self.workloads.values().any(|(_, is_pattern)| *is_pattern)
    }

    /// Whether an hour is riskier; `None` where too few are known.
    pub(super) fn is_peak_hour(&self, hour: u8) -> Option<bool> {
        match &self.hours {
            Finding::NotEnoughData { .. } => None,
            Finding::NoPattern(_) => Some(false),
            Finding::Pattern(cells) => {
                Some(cells.iter().any(|cell| cell.index == hour && cell.is_high))
            }
        }
    }
}

impl App {
    /// What is known of a type.
    ///
    /// # Errors
    /// A name that is none, or a store that does not answer.
    pub async fn patterns(&self, instance_type: &str, caller: &Caller) -> Result<Patterns, Error> {
        let kind: InstanceType =
            instance_type.parse().map_err(|error: facts::names::NameError| {
                field("/instance_type", "invalid", &error.to_string())
            })?;
        self.catch_up().await?;
        let known = self.remembered_patterns(kind.as_str()).await?;
        let is_few = caller.role == Role::Tenant && known.customers < LEAST_SHOWN;
        // What one or two customers told is theirs.
        let known = if is_few { Arc::new(Known::of(&[], &[], 0)) } else { known };
        let now = self.clock.now();
        let seasonal_patterns = self
            .learning
            .state()
            .calendar()
            .iter()
            .map(|entry| {
                let season = SeasonItem {
                    interruption_multiplier: entry.factor,
                    from: entry.from,
                    until: entry.until,
                    is_now: entry.from <= now && now < entry.until,
                };
                (entry.name.clone(), season)
            })
            .collect();
        Ok(Patterns {
            instance_type: kind.to_string(),
            interruptions: known.all.interruptions,
            instance_hours: known.all.exposure_seconds as f64 / 3600.0,
            customers: (!is_few).then_some(known.customers),
            temporal_patterns: temporal(&known),
            workload_patterns: known
                .workloads
                .iter()
                .map(|(name, (own, _))| (name.clone(), workload(own, &known.all)))
                .collect(),
            seasonal_patterns,
        })
    }

    pub(super) async fn remembered_patterns(&self, kind: &str) -> Result<Arc<Known>, Error> {
        let now = self.clock.now();
        let held = || self.learning.patterns.by_type.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((until, known)) = held().get(kind)
            && now < *until
        {
            return Ok(Arc::clone(known));
        }
        let (hours, workloads, customers) = self.store.pattern_sums(kind).await?;
        let known = Arc::new(Known::of(&hours, &workloads, customers));
        let mut all = held();
        if all.len() >= MOST_REMEMBERED {
            all.clear();
        }
        let until = now.checked_add(BELIEVED_FOR).unwrap_or(now);
        all.insert(kind.to_owned(), (until, Arc::clone(&known)));
        Ok(known)
    }
}

const DAYS: [&str; 7] =
    ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

fn temporal(known: &Known) -> TemporalPatterns {
    let high = |finding: &Finding<Vec<Cell>>| match finding {
        Finding::Pattern(cells) => {
            cells.iter().filter(|cell| cell.is_high).map(|cell| cell.index).collect()
        }
        _ => Vec::new(),
    };
    let (hours, days): (Vec<u8>, Vec<u8>) = (high(&known.hours), high(&known.days));
    let needed = |finding: &Finding<Vec<Cell>>| match finding {
        Finding::NotEnoughData { needed, .. } => *needed,
        _ => None,
    };
    TemporalPatterns {
        hours_verdict: verdict(&known.hours),
        days_verdict: verdict(&known.days),
        peak_interruption_time: peak(&hours, &days),
        high_risk_hours: hours,
        high_risk_days: days,
        interruptions_needed: needed(&known.hours).or(needed(&known.days)),
        hours: cells(&known.hours),
        days: cells(&known.days),
    }
}

fn peak(hours: &[u8], days: &[u8]) -> Option<String> {
    let hours: Vec<String> =
        hours.iter().map(|hour| format!("{hour:02}:00-{:02}:00", (hour + 1) % 24)).collect();
    let days: Vec<&str> =
        days.iter().filter_map(|day| DAYS.get(usize::from(*day)).copied()).collect();
    match (hours.is_empty(), days.is_empty()) {
        (true, true) => None,
        (false, true) => Some(format!("{} UTC", hours.join(", "))),
        (true, false) => Some(days.join("/")),
        (false, false) => Some(format!("{} UTC {}", hours.join(", "), days.join("/"))),
    }
}

fn verdict<T>(finding: &Finding<T>) -> &'static str {
    match finding {
        Finding::NotEnoughData { .. } => "not_enough_data",
        Finding::NoPattern(_) => "no_pattern",
        Finding::Pattern(_) => "pattern",
    }
}

fn cells(finding: &Finding<Vec<Cell>>) -> Vec<CellItem> {
    let (Finding::Pattern(cells) | Finding::NoPattern(cells)) = finding else { return Vec::new() };
    let item = |cell: &Cell| CellItem {
        index: cell.index,
        interruptions: cell.rate.interruptions,
        instance_hours: six(cell.rate.exposure_hours),
        per_1000_hours: six(cell.rate.per_hour * 1000.0),
        low: six(cell.rate.interval.low * 1000.0),
        high: six(cell.rate.interval.high * 1000.0),
        is_high: cell.is_high,
    };
    cells.iter().map(item).collect()
}

fn workload(own: &WorkloadCounts, all: &WorkloadCounts) -> WorkloadPatternItem {
    let finding = own.pattern(all);
    let rate = match &finding {
        Finding::Pattern(found) | Finding::NoPattern(found) => Some(found.rate),
        Finding::NotEnoughData { .. } => None,
    };
    let nine = |number: f64| (number * 1e9).round() / 1e9;
    WorkloadPatternItem {
        verdict: verdict(&finding),
        interruption_rate: rate.map(|rate| nine(rate.per_hour)),
        low: rate.map(|rate| nine(rate.interval.low)),
        high: rate.map(|rate| nine(rate.interval.high)),
        avg_recovery_seconds: (own.recoveries > 0)
            .then(|| six(own.recovery_seconds as f64 / own.recoveries as f64)),
        interruptions: own.interruptions,
        instance_hours: six(own.exposure_seconds as f64 / 3600.0),
    }
}
