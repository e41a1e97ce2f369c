//! What a container should request, resource by resource, and why it should not.

use std::collections::BTreeMap;

use facts::cluster::{Autoscaler, Container, LimitRange, Measured as Unit, ResourceList};
use facts::reason::ReasonCode;
use units::{Bytes, MilliCpu};

use super::autoscaled;
use super::heap;
use super::history::{Group, Measured};
use super::memory::{PeakModel, peak_model};
use super::policy::{CpuLimits, MemoryLimits, RightsizingPolicy};
use crate::oom_remediation::grows_steadily;

/// Why a request stays as it is.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Stays {
    pub(super) code: ReasonCode,
    pub(super) detail: String,
    pub(super) numbers: BTreeMap<&'static str, f64>,
}

impl Stays {
    fn new(code: ReasonCode, detail: String, numbers: &[(&'static str, f64)]) -> Stays {
        Stays { code, detail, numbers: numbers.iter().copied().collect() }
    }
}

/// What is needed of one resource, in its base unit, and how that comes about.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Amount {
    pub(super) amount: i64,
    pub(super) formula: String,
}

/// What judges the containers of a cluster.
pub(super) struct Rules<'a> {
    pub(super) policy: &'a RightsizingPolicy,
    /// Deviations above the mean peak for workloads that serve, and for jobs.
    pub(super) deviations: (f64, f64),
    /// The most memory that a node offers.
    pub(super) most_memory: Option<i64>,
}

/// What is known of a container beside its group.
pub(super) struct Around<'a> {
    pub(super) is_job: bool,
    pub(super) scaler: Option<&'a Autoscaler>,
    pub(super) ranges: &'a [&'a LimitRange],
    /// What says that it runs Java.
    pub(super) java: Option<String>,
}

impl Rules<'_> {
    /// The processors that a container needs by its measurements; `None` where none were made.
    pub(super) fn cpu_need(&self, group: &Group<'_>, known: &Measured) -> Option<Amount> {
        let share = self.policy.cpu_quantile;
        let cores = known.cpu.quantile(Unit::Cpu, share)?;
        let of_history = (cores * 1000.0).ceil().clamp(0.0, 1e9) as i64;
        let now = group.now.cpu.map_or(0, |cpu| cpu.0);
        let floor = self.policy.least_cpu.0;
        let amount = of_history.max(now).max(floor);
        let formula = format!(
            "max(p{:.0} of use {}, use now {}, floor {})",
            share * 100.0,
            MilliCpu(of_history),
            MilliCpu(now),
            MilliCpu(floor)
        );
        Some(Amount { amount, formula })
    }

    /// The memory that a container needs by its measurements; `None` where none were made.
    pub(super) fn memory_need(
        &self,
        group: &Group<'_>,
        known: &Measured,
        is_job: bool,
    ) -> Option<Amount> {
        let model = model_of(known)?;
        let margin = self.policy.memory_margin;
        let deviations = if is_job { self.deviations.1 } else { self.deviations.0 };
        let of_peaks = whole_mib(model.enough(deviations, margin).0);
        let now = whole_mib(group.now.memory.map_or(0, |memory| memory.0));
        let floor = self.policy.least_memory.0;
        let formula = format!(
            "max(exp({:.3} + {deviations:.2} × {:.3}) × {margin}, last day's peak {} × {margin}, \
             use now {}, floor {})",
            model.mean,
            model.spread,
            Bytes(model.recent.0),
            Bytes(now),
            Bytes(floor)
        );
        Some(Amount { amount: of_peaks.max(now).max(floor), formula })
    }

    /// The processor request that a container should have, given what it needs.
    pub(super) fn cpu(
        &self,
        group: &Group<'_>,
        known: &Measured,
        around: &Around<'_>,
        need: i64,
    ) -> Result<i64, Stays> {
        let now = request_of(group.container).cpu.map(|cpu| cpu.0);
        let wanted = within(around.ranges, need, |list| list.cpu.map(|cpu| cpu.0));
        self.enough_known(known, known.cpu.samples, around, "processors", now, wanted)?;
        let shrinks = now.is_some_and(|now| wanted < now);
        let throttled = known.throttled.filter(|share| *share > self.policy.throttled_above);
        if let Some(share) = throttled.filter(|_| shrinks) {
            let detail =
                format!("its processor limit holds it back for {:.0} % of the time", share * 100.0);
            return Err(Stays::new(ReasonCode::Throttled, detail, &[("throttled_share", share)]));
        }
        self.tolerable("processors", now, wanted, |amount| MilliCpu(amount).to_string())?;
        steered(around, "cpu", now, wanted)?;
        Ok(wanted)
    }

    /// The memory request that a container should have, given what it needs.
    pub(super) fn memory(
        &self,
        group: &Group<'_>,
        known: &Measured,
        around: &Around<'_>,
        need: i64,
    ) -> Result<i64, Stays> {
        let now = request_of(group.container).memory.map(|memory| memory.0);
        let wanted = within(around.ranges, need, |list| list.memory.map(|memory| memory.0));
        let model = model_of(known);
        if let Some(recent) = model.map(|model| model.recent.0).filter(|recent| *recent > wanted) {
            return Err(Stays::new(
                ReasonCode::CapBelowPeak,
                format!(
                    "a LimitRange allows {} at most, and {} were used",
                    Bytes(wanted),
                    Bytes(recent)
                ),
                &[("allowed_bytes", wanted as f64), ("used_bytes", recent as f64)],
            ));
        }
        self.enough_known(known, known.memory.samples, around, "memory", now, wanted)?;
        let shrinks = now.is_some_and(|now| wanted < now);
        if grows_steadily(&known.peaks) {
            let detail = "its peaks grow from window to window: look for a leak first".to_owned();
            return Err(Stays::new(ReasonCode::SteadyGrowth, detail, &[]));
        }
        if shrinks && group.was_killed {
            let detail = "it was killed for its memory and is not made smaller".to_owned();
            return Err(Stays::new(
                ReasonCode::OutOfMemory,
                detail,
                &[("wanted_bytes", wanted as f64)],
            ));
        }
        if shrinks && let Some(detail) = heap::managed(group, known, around.java.as_deref()) {
            return Err(Stays::new(ReasonCode::HeapManaged, detail, &[]));
        }
        let most = self.most_memory.filter(|most| wanted > *most);
        if let Some(most) = most.filter(|most| now.is_none_or(|now| now <= *most)) {
            return Err(Stays::new(
                ReasonCode::FitsNowhere,
                format!("it needs {}, and no node offers more than {}", Bytes(wanted), Bytes(most)),
                &[("wanted_bytes", wanted as f64), ("largest_node_bytes", most as f64)],
            ));
        }
        self.tolerable("memory", now, wanted, |amount| Bytes(amount).to_string())?;
        steered(around, "memory", now, wanted)?;
        Ok(wanted)
    }

    fn enough_known(
        &self,
        known: &Measured,
        samples: u64,
        around: &Around<'_>,
        what: &str,
        now: Option<i64>,
        wanted: i64,
    ) -> Result<(), Stays> {
        let policy = self.policy;
        let runs_suffice = around.is_job && known.runs >= policy.min_runs && samples > 0;
        if samples < policy.min_samples && !runs_suffice {
            let detail = if around.is_job {
                format!(
                    "{what}: {samples} measurements of {} runs; {} or {} runs are asked for",
                    known.runs, policy.min_samples, policy.min_runs
                )
            } else {
                format!("{what}: {samples} measurements; {} are asked for", policy.min_samples)
            };
            let numbers = [("samples", samples as f64), ("min_samples", policy.min_samples as f64)];
            return Err(Stays::new(ReasonCode::TooLittleHistory, detail, &numbers));
        }
        let days = known.days();
        let shrinks = now.is_some_and(|now| wanted < now);
        let least = if shrinks { policy.min_days } else { policy.min_days_to_grow };
        // A tick less than a whole number of days is as good.
        if days < least * 0.999 {
            let change = if shrinks { "less" } else { "more" };
            let detail = format!(
                "{what}: {days:.1} days of history; {least} are asked for before it gets {change}"
            );
            let numbers = [("days", (days * 100.0).round() / 100.0), ("min_days", least)];
            return Err(Stays::new(ReasonCode::TooLittleHistory, detail, &numbers));
        }
        Ok(())
    }

    fn tolerable(
        &self,
        what: &str,
        now: Option<i64>,
        wanted: i64,
        shown: impl Fn(i64) -> String,
    ) -> Result<(), Stays> {
        let Some(now) = now.filter(|now| *now > 0) else { return Ok(()) };
        let change = (wanted - now) as f64 / now as f64;
        if change.abs() > self.policy.tolerance {
            return Ok(());
        }
        let detail = format!(
            "{what}: {} now, {} by use: a change of {:.1} %",
            shown(now),
            shown(wanted),
            change * 100.0
        );
        Err(Stays::new(ReasonCode::WithinTolerance, detail, &[("change", change)]))
    }

    /// Limits for new requests.
    pub(super) fn limits(
        &self,
        group: &Group<'_>,
        ranges: &[&LimitRange],
        cpu: Option<i64>,
        memory: Option<i64>,
        startup: Option<MilliCpu>,
    ) -> ResourceList {
        let old = &group.container.limits;
        let requested = request_of(group.container);
        let mut limits = old.clone();
        if let Some(request) = cpu {
            let now = old.cpu.map(|cpu| cpu.0);
            let scaled = scaled(now, requested.cpu.map(|cpu| cpu.0), request);
            let wanted = match self.policy.cpu_limits {
                CpuLimits::Keep => now,
                // The first minutes of a pod need what they need.
                CpuLimits::KeepRatio => {
                    scaled.map(|limit| limit.max(startup.map_or(0, |cpu| cpu.0)))
                }
                CpuLimits::Remove => None,
            };
            let of = |list: &ResourceList| list.cpu.map(|cpu| cpu.0);
            limits.cpu = wanted.map(|limit| MilliCpu(within(ranges, limit, of).max(request)));
        }
        if let Some(request) = memory {
            let now = old.memory.map(|memory| memory.0);
            let scaled = scaled(now, requested.memory.map(|memory| memory.0), request);
            let wanted = match self.policy.memory_limits {
                MemoryLimits::Equal => Some(request),
                MemoryLimits::KeepRatio => scaled.map(whole_mib),
                MemoryLimits::Keep => now,
            };
            let of = |list: &ResourceList| list.memory.map(|memory| memory.0);
            limits.memory = wanted.map(|limit| Bytes(within(ranges, limit, of).max(request)));
        }
        limits
    }
}

/// What a container requests; a limit stands for a request that nobody stated.
pub(super) fn request_of(container: &Container) -> ResourceList {
    ResourceList {
        cpu: container.requests.cpu.or(container.limits.cpu),
        memory: container.requests.memory.or(container.limits.memory),
        ..ResourceList::default()
    }
}

/// The model of a container's peaks; where only a histogram is known, that of its buckets.
fn model_of(known: &Measured) -> Option<PeakModel> {
    peak_model(&known.peaks, known.last_at)
        .or_else(|| super::memory::model_of_buckets(&known.memory))
}

fn steered(around: &Around<'_>, name: &str, now: Option<i64>, wanted: i64) -> Result<(), Stays> {
    match autoscaled::conflict(around.scaler, name, now, wanted) {
        None => Ok(()),
        Some(conflict) => Err(Stays {
            code: ReasonCode::AutoscalerConflict,
            detail: conflict.detail,
            numbers: conflict.numbers,
        }),
    }
}

/// An amount held within the namespace's ranges.
fn within(ranges: &[&LimitRange], amount: i64, of: impl Fn(&ResourceList) -> Option<i64>) -> i64 {
    let least = ranges.iter().filter_map(|range| of(&range.min)).max();
    let most = ranges.iter().filter_map(|range| of(&range.max)).min();
    let raised = least.map_or(amount, |least| amount.max(least));
    most.map_or(raised, |most| raised.min(most))
}

fn scaled(limit: Option<i64>, before: Option<i64>, after: i64) -> Option<i64> {
    let limit = limit?;
    let before = before.filter(|before| *before > 0)?;
    let wide = i128::from(limit) * i128::from(after) / i128::from(before);
    Some(i64::try_from(wide).unwrap_or(i64::MAX).max(after))
}

/// Whole mebibytes, upwards: nobody writes bytes into a manifest.
fn whole_mib(bytes: i64) -> i64 {
    let mib = bytes.saturating_add((1 << 20) - 1) >> 20;
    mib << 20
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_hold_amounts() {
        let range = LimitRange {
            min: ResourceList { cpu: Some(MilliCpu(50)), ..ResourceList::default() },
            max: ResourceList { cpu: Some(MilliCpu(500)), ..ResourceList::default() },
            ..LimitRange::default()
        };
        let of = |list: &ResourceList| list.cpu.map(|cpu| cpu.0);
        for (amount, held) in [(10, 50), (100, 100), (900, 500)] {
            assert_eq!(within(&[&range], amount, of), held);
            assert_eq!(within(&[], amount, of), amount);
        }
    }

    #[test]
    fn limits_keep_their_proportion() {
        assert_eq!(scaled(Some(1000), Some(500), 200), Some(400));
        assert_eq!(scaled(Some(1000), None, 200), None);
        assert_eq!(scaled(None, Some(500), 200), None);
        assert_eq!(whole_mib(1), 1 << 20);
        assert_eq!(whole_mib(5 << 20), 5 << 20);
    }
}
