//! Measurements of containers put together, whoever took them.

use std::collections::BTreeMap;

use facts::cluster::{ContainerUsage, Pod, UsageHistory, UsageSamples};
use jiff::Timestamp;

use crate::prometheus::{Series, SeriesKind, rates};

/// The first minutes of a pod, in seconds: what it takes then is told apart.
const START_UP: f64 = 300.0;
/// A pod whose measurements begin within so many seconds of its making was measured from the start.
const FROM_THE_START: f64 = 600.0;

/// Namespace, pod and container.
type Key = (String, String, String);

/// Measurements of all containers.
#[derive(Debug, Default)]
pub(crate) struct UseOverTime {
    containers: BTreeMap<Key, Taken>,
    /// Readings of metrics-server, by instant.
    readings: BTreeMap<Key, BTreeMap<Timestamp, ContainerUsage>>,
    /// The first instant of any series: what begins later began then.
    earliest: Option<f64>,
}

#[derive(Debug, Default)]
struct Taken {
    samples: UsageSamples,
    /// Where a series began, and its processors in the first minutes: whether they are those of a
    /// pod's first minutes is known at the end.
    beginnings: Vec<(f64, Vec<(f64, f64)>)>,
    /// Stretches of time that were taken in, by series: what overlaps counts once.
    covered: BTreeMap<(SeriesKind, String), (f64, f64)>,
}

impl UseOverTime {
    /// Takes a series in.
    pub(crate) fn add(&mut self, mut series: Series) {
        series.values.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (Some(first), Some(last)) = (series.values.first(), series.values.last()) else {
            return;
        };
        let (first, last) = (first.0, last.0);
        self.earliest = Some(self.earliest.map_or(first, |earliest| earliest.min(first)));
        let key = (series.namespace, series.pod, series.container);
        let taken = self.containers.entry(key).or_default();
        let known =
            taken.covered.entry((series.kind, series.labels)).or_insert((f64::NAN, f64::NAN));
        let (from, until) = *known;
        let new = |at: f64| !(at >= from && at <= until);
        *known = (from.min(first), until.max(last));
        let begins = until.is_nan() || first < from;
        match series.kind {
            SeriesKind::Memory => {
                for (at, bytes) in series.values.iter().filter(|(at, _)| new(*at)) {
                    taken.samples.memory(*at, *bytes);
                }
            }
            SeriesKind::Cpu => {
                let values = series.values.iter().filter(|(at, _)| new(*at));
                taken.processors(first, begins, values.map(|(at, cores)| (*at, *cores, false)));
            }
            SeriesKind::CpuCounter => {
                let values = rates(&series.values).filter(|(at, _, _)| new(*at));
                taken.processors(first, begins, values);
            }
        }
    }

    /// Takes a reading of metrics-server in.
    pub(crate) fn read(&mut self, usage: ContainerUsage) {
        let Some(at) = usage.at else { return };
        let key = (usage.namespace.clone(), usage.pod.clone(), usage.container.clone());
        self.readings.entry(key).or_default().insert(at, usage);
    }

    /// Whether nothing was taken in that makes a history.
    pub(crate) fn has_series(&self) -> bool {
        !self.containers.is_empty()
    }

    /// The histories of all containers, and the newest reading of each.
    pub(crate) fn finish(
        mut self,
        pods: &BTreeMap<(String, String), Pod>,
    ) -> (Vec<UsageHistory>, Vec<ContainerUsage>) {
        let mut newest = Vec::new();
        for (key, readings) in std::mem::take(&mut self.readings) {
            // One instant is no history.
            if readings.len() > 1 {
                let taken = self.containers.entry(key).or_default();
                for (at, usage) in &readings {
                    let at = at.as_millisecond() as f64 / 1_000.0;
                    if let Some(cpu) = usage.used.cpu {
                        taken.samples.cpu(at, cpu.cores());
                    }
                    if let Some(memory) = usage.used.memory {
                        taken.samples.memory(at, memory.0 as f64);
                    }
                }
            }
            newest.extend(readings.into_values().next_back());
        }
        let earliest = self.earliest;
        let histories = self.containers.into_iter().map(|((namespace, pod, container), taken)| {
            let known = pods.get(&(namespace.clone(), pod.clone()));
            let made = known.and_then(|pod| pod.created_at).map(|at| at.as_second() as f64);
            UsageHistory { namespace, pod: Some(pod), container, ..taken.finish(made, earliest) }
        });
        (histories.collect(), newest)
    }
}

impl Taken {
    /// Takes processors in: at, how many, and whether the container began anew.
    fn processors(
        &mut self,
        first: f64,
        begins: bool,
        values: impl Iterator<Item = (f64, f64, bool)>,
    ) {
        let mut began = begins.then_some(first);
        if begins {
            self.beginnings.push((first, Vec::new()));
        }
        let mut again = f64::NEG_INFINITY;
        for (at, cores, anew) in values {
            if anew {
                again = at;
            }
            if at - again <= START_UP {
                self.samples.startup_cpu(at, cores);
                continue;
            }
            match (began, self.beginnings.last_mut()) {
                (Some(start), Some((_, early))) if at - start <= START_UP => {
                    early.push((at, cores));
                }
                _ => {
                    began = None;
                    self.samples.cpu(at, cores);
                }
            }
        }
    }

    /// `made` is when the pod was made, `earliest` when the first series of all began.
    fn finish(mut self, made: Option<f64>, earliest: Option<f64>) -> UsageHistory {
        for (start, early) in self.beginnings {
            let of_start_up = match made {
                Some(made) => start - made <= FROM_THE_START,
                // Nobody knows when the pod was made; that it was not there before shows.
                None => earliest.is_some_and(|earliest| start - earliest > FROM_THE_START),
            };
            for (at, cores) in early {
                if of_start_up {
                    self.samples.startup_cpu(at, cores);
                } else {
                    self.samples.cpu(at, cores);
                }
            }
        }
        self.samples.into_history()
    }
}
