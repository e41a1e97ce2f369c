//! Where objects of a kind keep what their pods are made of.

use serde_json::{Value, json};

/// A part of a pod's spec as a part of an object of the kind. `None` for kinds whose pods stay as
/// they are: templates of Jobs never change, and nothing is known of other kinds.
pub(crate) fn around(kind: &str, pod: Value) -> Option<Value> {
    let template = json!({"template": {"spec": pod}});
    Some(match kind {
        "Pod" => json!({"spec": pod}),
        "CronJob" => json!({"spec": {"jobTemplate": {"spec": template}}}),
        "DaemonSet" | "Deployment" | "ReplicaSet" | "ReplicationController" | "StatefulSet" => {
            json!({"spec": template})
        }
        _ => return None,
    })
}

/// The version of the API in which workloads of the kind are.
pub(crate) fn api_version(kind: &str) -> Option<&'static str> {
    match kind {
        "DaemonSet" | "Deployment" | "ReplicaSet" | "StatefulSet" => Some("apps/v1"),
        "CronJob" | "Job" => Some("batch/v1"),
        "Pod" | "ReplicationController" => Some("v1"),
        _ => None,
    }
}

/// The name for an object that belongs to a workload: that of the workload, and its kind where
/// another kind may have the same name.
pub(crate) fn companion(kind: &str, name: &str) -> String {
    if kind == "Deployment" {
        return name.to_owned();
    }
    format!("{name}-{}", kind.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pods_are_changed_where_their_kind_keeps_them() {
        let check = |kind: &str, place: Option<&str>| {
            let object = around(kind, json!({"containers": []}));
            let found = object.as_ref().and_then(|object| object.pointer(place?));
            assert_eq!(found.is_some(), place.is_some(), "{kind}: {object:?}");
            assert_eq!(object.is_some(), place.is_some(), "{kind}");
        };
        check("Deployment", Some("/spec/template/spec/containers"));
        check("CronJob", Some("/spec/jobTemplate/spec/template/spec/containers"));
        check("Pod", Some("/spec/containers"));
        check("Job", None);
        check("Rollout", None);
    }
}
