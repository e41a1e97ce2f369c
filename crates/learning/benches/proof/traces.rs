//! Public traces of spot capacity as decisions: what was known every quarter of an hour while a
//! pool was up, and whether it lost capacity within 1, 6 and 24 hours.
//!
//! The traces are those of "Can't Be Late" (Wu et al., NSDI 2024), as the public data keeps them.

use std::path::Path;

use jiff::Timestamp;
use learning::random::Random;
use learning::{PoolEvents, Recency};
use serde_json::Value;

/// Horizons in hours.
pub(crate) const HORIZONS: [i64; 3] = [1, 6, 24];

/// A trace.
pub(crate) struct Trace {
    /// The folder and the file: one pool at one time.
    pub(crate) name: String,
    set: String,
    region: String,
    kind: String,
    gap: i64,
    running: Vec<i64>,
}

/// One decision.
pub(crate) struct Decision {
    pub(crate) pool: usize,
    /// Pools of one set share their days.
    pub(crate) day: (usize, i64),
    /// Seconds since the trace began.
    pub(crate) second: i64,
    /// How long the pool's trace is.
    pub(crate) length: i64,
    pub(crate) recency: Recency,
    /// Losses and hours up since the trace began.
    pub(crate) past: (f64, f64),
    /// Whether capacity was lost within each horizon; `None` where the trace ends before.
    pub(crate) lost: [Option<bool>; 3],
}

/// Every trace below a folder, by name.
pub(crate) fn read(folder: &Path) -> Vec<Trace> {
    let mut traces = Vec::new();
    let mut folders = vec![folder.join("spot-traces")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if let Some(trace) = read_one(&path) {
                traces.push(trace);
            }
        }
    }
    traces.sort_by(|a, b| a.name.cmp(&b.name));
    traces
}

fn read_one(path: &Path) -> Option<Trace> {
    let json: Value = serde_json::from_slice(&std::fs::read(path).ok()?).ok()?;
    let stem = path.file_stem()?.to_str()?;
    let set = path.parent()?.file_name()?.to_str()?.to_owned();
    let (zone, kind) = stem.split_once('_')?;
    Some(Trace {
        name: format!("{set}/{stem}"),
        region: zone.trim_end_matches(char::is_alphabetic).to_owned(),
        kind: kind.to_owned(),
        gap: json["metadata"]["gap_seconds"].as_i64()?,
        running: json["data"].as_array()?.iter().filter_map(Value::as_i64).collect(),
        set,
    })
}

/// The decisions of all traces, in order. The first day of each is left out: what came before it
/// is not known.
pub(crate) fn decisions(traces: &[Trace]) -> Vec<Decision> {
    let mut sets: Vec<&str> = traces.iter().map(|trace| trace.set.as_str()).collect();
    sets.dedup();
    let mut all = Vec::new();
    for (pool, trace) in traces.iter().enumerate() {
        let set = sets.iter().position(|set| *set == trace.set).unwrap_or(0);
        let siblings = traces.iter().filter(|other| {
            let same = (&other.set, &other.region, &other.kind);
            other.name != trace.name && same == (&trace.set, &trace.region, &trace.kind)
        });
        let losses = trace.losses();
        let events = PoolEvents::new(
            losses.iter().copied().map(at),
            trace.returns().into_iter().map(at),
            siblings.map(|other| other.losses().into_iter().map(at).collect()),
        );
        let length = trace.gap * trace.running.len() as i64;
        let ups: Vec<f64> = trace
            .running
            .iter()
            .scan(0.0, |hours, count| {
                *hours += if *count > 0 { trace.gap as f64 / 3600.0 } else { 0.0 };
                Some(*hours)
            })
            .collect();
        let mut second = 86_400;
        while second < length {
            let tick = (second / trace.gap) as usize;
            // What is seen at a tick is what happened up to it.
            let seen = tick as i64 * trace.gap;
            if trace.running[tick] > 0 {
                let until = losses.partition_point(|loss| *loss <= seen);
                all.push(Decision {
                    pool,
                    day: (set, second / 86_400),
                    second,
                    length,
                    recency: events.at(at(seen)),
                    past: (until as f64, ups[tick]),
                    lost: HORIZONS.map(|hours| {
                        let end = seen + hours * 3600;
                        (end < length).then(|| losses.get(until).is_some_and(|loss| *loss <= end))
                    }),
                });
            }
            second += 900;
        }
    }
    all
}

/// Generated pools: up they are lost at one hazard per hour in the first two hours and at another
/// one later, down they are back after a quarter of an hour on average.
pub(crate) fn generated(young: f64, old: f64) -> Vec<Trace> {
    let gap = 300;
    let hours = gap as f64 / 3600.0;
    (0..12)
        .map(|pool| {
            let mut random = Random::new(100 + pool);
            let (mut up, mut since) = (1, 0.0);
            let running = (0..60 * 86_400 / gap).map(|_| {
                since += hours;
                let change = match up {
                    0 => 4.0,
                    _ if since < 2.0 => young,
                    _ => old,
                };
                if random.exponential() < change * hours {
                    (up, since) = (1 - up, 0.0);
                }
                up
            });
            Trace {
                name: format!("generated/{pool}"),
                set: format!("generated {pool}"),
                region: String::new(),
                kind: String::new(),
                gap,
                running: running.collect(),
            }
        })
        .collect()
}

impl Trace {
    /// Seconds since the trace began at which there were fewer than before.
    fn losses(&self) -> Vec<i64> {
        self.changes(|before, after| after < before)
    }

    /// Seconds at which there was something again.
    fn returns(&self) -> Vec<i64> {
        self.changes(|before, after| before == 0 && after > 0)
    }

    fn changes(&self, wanted: impl Fn(i64, i64) -> bool) -> Vec<i64> {
        let pairs = self.running.windows(2).zip(1_i64..);
        pairs
            .filter(|(pair, _)| wanted(pair[0], pair[1]))
            .map(|(_, tick)| tick * self.gap)
            .collect()
    }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap_or(Timestamp::MIN)
}
