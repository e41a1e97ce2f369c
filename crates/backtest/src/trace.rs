//! Public traces of spot capacity: one whole number for each step, no instants of their own.
//!
//! Form: <https://github.com/skypilot-org/spot-traces>, the data of "Can't Be Late" (Wu et al., NSDI
//! 2024). The folder names the first day and what was measured, the file names zone and machine.

use std::collections::BTreeMap;

use facts::names::{InstanceType, Zone};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::InputError;
use crate::episode::{Episode, EpisodePool, Measured, PoolKey};

/// One pool's capacity, step by step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PoolTrace {
    /// Traces of one set happened at the same time.
    #[serde(default)]
    pub set: String,
    /// The instance type.
    pub instance_type: InstanceType,
    /// The zone.
    pub zone: Zone,
    /// What was measured.
    #[serde(default)]
    pub measured: Measured,
    /// When the first step begins.
    #[schemars(with = "String")]
    pub start: Timestamp,
    /// The length of a step in seconds.
    pub gap_seconds: u32,
    /// How many instances were asked for; the largest value when absent.
    #[serde(default)]
    pub asked: Option<u16>,
    /// How many there were, by step.
    pub data: Vec<u16>,
}

/// What the traces call machines. Eight K80 are those of a p2.8xlarge.
const MACHINES: &[(&str, &str)] = &[
    ("v100_1", "p3.2xlarge"),
    ("v100_4", "p3.8xlarge"),
    ("v100_8", "p3.16xlarge"),
    ("k80_1", "p2.xlarge"),
    ("k80_8", "p2.8xlarge"),
    ("k80_16", "p2.16xlarge"),
    ("intel_64", "r5.16xlarge"),
];

/// Reads one trace. `path` has `availability` or `preemption` in it, then `<n>-node`, a folder that
/// ends in the first day as `MM-DD-YYYY`, and `<zone>_<machine>.json`.
///
/// # Errors
/// What is not of that form, and traces of another cloud.
pub fn read_trace(path: &str, bytes: &[u8]) -> Result<PoolTrace, InputError> {
    #[derive(Deserialize)]
    struct File {
        metadata: Metadata,
        data: Vec<u16>,
    }
    #[derive(Deserialize)]
    struct Metadata {
        gap_seconds: u32,
    }
    let bad = |message: String| InputError::Events { name: path.to_owned(), message };
    let file: File = serde_json::from_slice(bytes).map_err(|error| bad(error.to_string()))?;
    let parts: Vec<&str> = path.split(['/', '\\']).collect();
    let [.., folder, name] = parts.as_slice() else {
        return Err(bad("the folder that names the first day is missing".to_owned()));
    };
    let measured =
        match parts.iter().rev().find(|part| matches!(**part, "availability" | "preemption")) {
            Some(&"availability") => Measured::Availability,
            Some(_) => Measured::Preemption,
            None => {
                return Err(bad(
                    "no folder says whether `availability` or `preemption` was measured".to_owned(),
                ));
            }
        };
    let nodes = parts.iter().rev().find_map(|part| part.strip_suffix("-node")?.parse::<u16>().ok());
    let start = first_day(folder)
        .ok_or_else(|| bad(format!("`{folder}` does not end in a day such as 02-15-2023")))?;
    if folder.starts_with("gcp") || folder.starts_with("azure") {
        return Err(bad("it is of another cloud, whose prices are not known here".to_owned()));
    }
    let stem = name.strip_suffix(".json").unwrap_or(name);
    let (zone, machine) = stem
        .split_once('_')
        .ok_or_else(|| bad("the name is not `<zone>_<machine>.json`".to_owned()))?;
    let instance_type = match MACHINES.iter().find(|(known, _)| *known == machine) {
        Some((_, instance_type)) => instance_type,
        None => machine,
    };
    Ok(PoolTrace {
        set: (*folder).to_owned(),
        instance_type: instance_type.parse().map_err(|error| bad(format!("{error}")))?,
        zone: zone.parse().map_err(|error| bad(format!("{error}")))?,
        measured,
        start,
        gap_seconds: file.metadata.gap_seconds,
        asked: nodes,
        data: file.data,
    })
}

/// Traces as episodes: those of one set, type and measure that began together and have the same step
/// are pools of one episode.
///
/// # Errors
/// Traces that cannot be replayed.
pub fn episodes_of_traces(traces: Vec<PoolTrace>) -> Result<Vec<Episode>, InputError> {
    let mut groups: BTreeMap<_, Vec<PoolTrace>> = BTreeMap::new();
    for trace in traces {
        let key = (
            trace.set.clone(),
            trace.instance_type.clone(),
            trace.measured,
            trace.start,
            trace.gap_seconds,
        );
        groups.entry(key).or_default().push(trace);
    }
    let mut episodes = Vec::new();
    for ((set, instance_type, measured, start, gap), traces) in groups {
        let name = if set.is_empty() {
            instance_type.to_string()
        } else {
            format!("{set} {instance_type}")
        };
        let bad =
            |message: &str| InputError::Events { name: name.clone(), message: message.to_owned() };
        if gap == 0 || gap > 86_400 {
            return Err(bad("gap_seconds: expected 1 to 86,400"));
        }
        // What happened where one of the traces is over is not known.
        let steps = traces.iter().map(|trace| trace.data.len()).min().unwrap_or(0);
        let longest = traces.iter().map(|trace| trace.data.len()).max().unwrap_or(0);
        let mut notes = Vec::new();
        if longest > steps {
            notes.push(format!(
                "cut to {steps} steps, where the shortest trace ends; the longest has {longest}"
            ));
        }
        let pools = traces.into_iter().map(|trace| {
            let largest = trace.data.iter().copied().max().unwrap_or(0);
            let asked = trace.asked.unwrap_or(largest).max(1);
            let held = trace.data.iter().take(steps).map(|held| (*held).min(asked)).collect();
            let key = PoolKey { instance_type: trace.instance_type, zone: trace.zone };
            EpisodePool { key, asked, held }
        });
        let pools = pools.collect();
        let episode =
            Episode { name: name.clone(), measured, start, step_seconds: gap, steps, pools, notes };
        episodes.push(episode.checked()?);
    }
    Ok(episodes)
}

/// `…MM-DD-YYYY` as the start of that day in UTC.
fn first_day(folder: &str) -> Option<Timestamp> {
    let day = folder.get(folder.len().checked_sub(10)?..)?;
    let (month, day, year) = (day.get(0..2)?, day.get(3..5)?, day.get(6..10)?);
    let date = Date::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?).ok()?;
    Some(date.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_tells_what_the_file_does_not() {
        let read =
            |path: &str| read_trace(path, br#"{"metadata":{"gap_seconds":300},"data":[4,3,9]}"#);
        let trace = read("x/preemption/4-node/aws-08-03-2023/us-east-2a_v100_1.json").unwrap();
        assert_eq!(trace.instance_type.as_str(), "p3.2xlarge");
        assert_eq!((trace.asked, trace.measured), (Some(4), Measured::Preemption));
        assert_eq!(trace.start.to_string(), "2023-08-03T00:00:00Z");
        let check = |path: &str, word: &str| {
            let error = read(path).unwrap_err().to_string();
            assert!(error.contains(word), "{path}: {error}");
        };
        check("availability/1-node/gcp-04-30-2023/us-central1-a_c3-88.json", "another cloud");
        check("availability/1-node/aws/us-east-2a_v100_1.json", "does not end in a day");
        check("1-node/aws-08-03-2023/us-east-2a_v100_1.json", "availability");
        check("availability/aws-08-03-2023/us-east-2a_abacus.json", "instance type");
        let episode = episodes_of_traces(vec![trace]).unwrap().remove(0);
        assert_eq!(episode.pools[0].held, [4, 3, 4]);
    }
}
