//! Working hours as CronJobs that call `kubectl scale`, for clusters without KEDA.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use crate::schedules::Hours;
use crate::{Artefact, Origin, object};

/// What scales: Kubernetes' own image.
const KUBECTL: &str = "registry.k8s.io/kubectl:v1.34.1";

/// Names of CronJobs leave room for what their Jobs add.
const LONGEST_NAME: usize = 52;

/// One list of objects: an account that may scale the workload and nothing else, and a CronJob for
/// each hour at which its number changes.
pub(crate) fn artefact(origin: &Origin, hours: &Hours<'_>) -> Artefact {
    let kind = hours.target.kind.to_ascii_lowercase();
    let name = short(&format!("{}-{kind}-hours", hours.target.name), LONGEST_NAME - 4);
    let metadata = |name: &str| {
        json!({
            "name": name, "namespace": hours.namespace(),
            "annotations": hours.annotations(origin),
        })
    };
    let group = "rbac.authorization.k8s.io";
    let (plural, scale) = (format!("{kind}s"), format!("{kind}s/scale"));
    let rule = |resource: &str, verbs: &[&str]| {
        json!({
            "apiGroups": ["apps"], "resources": [resource],
            "resourceNames": [hours.target.name], "verbs": verbs,
        })
    };
    let mut items = vec![
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata(&name)}),
        json!({
            "apiVersion": format!("{group}/v1"), "kind": "Role", "metadata": metadata(&name),
            "rules": [rule(&plural, &["get"]), rule(&scale, &["get", "patch", "update"])],
        }),
        json!({
            "apiVersion": format!("{group}/v1"), "kind": "RoleBinding", "metadata": metadata(&name),
            "roleRef": {"apiGroup": group, "kind": "Role", "name": name},
            "subjects": [{
                "kind": "ServiceAccount", "name": name, "namespace": hours.namespace(),
            }],
        }),
    ];
    for (at, (schedule, replicas)) in changes(hours).into_iter().enumerate() {
        let container = json!({
            "name": "kubectl",
            "image": KUBECTL,
            "args": [
                "scale", format!("{kind}/{}", hours.target.name),
                format!("--namespace={}", hours.namespace()), format!("--replicas={replicas}"),
            ],
        });
        items.push(json!({
            "apiVersion": "batch/v1",
            "kind": "CronJob",
            "metadata": metadata(&format!("{name}-{at}")),
            "spec": {
                "schedule": schedule,
                "timeZone": hours.time_zone,
                "concurrencyPolicy": "Forbid",
                "startingDeadlineSeconds": 3_600,
                "successfulJobsHistoryLimit": 1,
                "failedJobsHistoryLimit": 1,
                "jobTemplate": {"spec": {"backoffLimit": 3, "template": {"spec": {
                    "serviceAccountName": name,
                    "restartPolicy": "OnFailure",
                    "containers": [container],
                }}}},
            },
        }));
    }
    let list = json!({
        "apiVersion": "v1", "kind": "List",
        "metadata": {"annotations": hours.annotations(origin)},
        "items": items,
    });
    object(hours.file("schedules-without-keda"), "kubernetes", &list)
}

/// Cron lines and the replicas from then on; days with the same hour and number share a line. Where
/// one window ends as the next begins, only the beginning counts.
fn changes(hours: &Hours<'_>) -> Vec<(String, u64)> {
    let starts: BTreeSet<&str> = hours.windows.iter().map(|one| one.start.as_str()).collect();
    let begin = hours.windows.iter().map(|one| (one.start.as_str(), one.replicas));
    let end = hours.windows.iter().map(|one| (one.end.as_str(), hours.down));
    let end = end.filter(|(line, _)| !starts.contains(line));
    let mut days: BTreeMap<(&str, u64), BTreeSet<&str>> = BTreeMap::new();
    for (line, replicas) in begin.chain(end) {
        if let Some((time, day)) = line.rsplit_once(' ') {
            days.entry((time, replicas)).or_default().insert(day);
        }
    }
    let lines = days.into_iter().map(|((time, replicas), days)| {
        let days: Vec<&str> = days.into_iter().collect();
        (format!("{time} {}", days.join(",")), replicas)
    });
    lines.collect()
}

/// A name of at most so many bytes; a long one ends in a digest (FNV-1a) of the whole.
fn short(name: &str, most: usize) -> String {
    if name.len() <= most {
        return name.to_owned();
    }
    let digest = name
        .bytes()
        .fold(0x811c_9dc5_u32, |digest, byte| (digest ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    let head: String = name.chars().filter(char::is_ascii).take(most - 9).collect();
    let head = head.trim_end_matches(|letter: char| !letter.is_ascii_alphanumeric());
    format!("{head}-{digest:08x}")
}

#[cfg(test)]
mod tests {
    use facts::action::Target;

    use super::*;
    use crate::schedules::Window;

    #[test]
    fn days_with_the_same_hours_share_a_job() {
        let window = |day: u32| Window {
            start: format!("0 8 * * {day}"),
            end: format!("0 18 * * {day}"),
            replicas: 3,
        };
        let target = Target::default();
        let hours = Hours {
            target: &target,
            time_zone: "Europe/Berlin",
            windows: (1..6).map(window).collect(),
            down: 0,
            original: "3".to_owned(),
        };
        let expected = [("0 18 * * 1,2,3,4,5".to_owned(), 0), ("0 8 * * 1,2,3,4,5".to_owned(), 3)];
        assert_eq!(changes(&hours), expected);
    }

    #[test]
    fn long_names_stay_apart() {
        let long = "a".repeat(60);
        let (one, other) = (short(&format!("{long}-x"), 48), short(&format!("{long}-y"), 48));
        assert!(one.len() <= 48 && other.len() <= 48 && one != other, "{one} {other}");
        assert_eq!(short("api-hours", 48), "api-hours");
    }

    #[test]
    fn where_windows_meet_the_later_one_counts() {
        let window = |start: &str, end: &str, replicas| Window {
            start: start.to_owned(),
            end: end.to_owned(),
            replicas,
        };
        let target = Target::default();
        let hours = Hours {
            target: &target,
            time_zone: "UTC",
            windows: vec![
                window("0 8 * * 1", "0 12 * * 1", 2),
                window("0 12 * * 1", "0 18 * * 1", 4),
            ],
            down: 1,
            original: "4".to_owned(),
        };
        let at_noon: Vec<_> =
            changes(&hours).into_iter().filter(|(line, _)| line.starts_with("0 12")).collect();
        assert_eq!(at_noon, [("0 12 * * 1".to_owned(), 4)]);
    }
}
