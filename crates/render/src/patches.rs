//! Changes of objects as patches, and vertical autoscalers that only watch.

use facts::action::{Action, PatchType, Step};
use serde_json::{Map, Value, json};

use crate::quoting::{file, shell};
use crate::{Artefact, Origin, object};

/// One file for each change, and a script that applies them.
pub(crate) fn artefacts(origin: &Origin, steps: &[Step]) -> Vec<Artefact> {
    let mut all = Vec::new();
    let mut script = format!("#!/bin/sh\nset -eu\n{}", origin.comment());
    for step in steps {
        let target = &step.target;
        let namespace = target.namespace.as_deref().unwrap_or("default");
        let (patch, kind) = match &step.action {
            Action::PatchObject { patch, patch_type } => {
                let kind = match patch_type {
                    PatchType::StrategicMerge => "strategic",
                    PatchType::Merge => "merge",
                    PatchType::Json => "json",
                };
                (patch.clone(), kind)
            }
            Action::ResizeContainer { container, requests, limits, .. } => {
                let resources = json!({"requests": requests, "limits": limits});
                let one = json!({"name": container, "resources": resources});
                let patch = json!({"spec": {"template": {"spec": {"containers": [one]}}}});
                all.extend(watching(origin, step));
                (patch, "strategic")
            }
            _ => continue,
        };
        let mut patch = patch;
        if kind != "json" {
            annotate(&mut patch, origin);
        }
        let name = format!(
            "patches/{:03}-{}-{}-{}.json",
            step.step,
            file(&target.kind),
            file(namespace),
            file(&target.name)
        );
        let of_namespace = match target.namespace {
            Some(_) => format!(" --namespace {}", shell(namespace)),
            None => String::new(),
        };
        script.push_str(&format!(
            "kubectl patch {} {}{of_namespace} --type {kind} --patch-file {name} --dry-run=server\n\
             kubectl patch {} {}{of_namespace} --type {kind} --patch-file {name}\n",
            shell(&target.kind.to_ascii_lowercase()),
            shell(&target.name),
            shell(&target.kind.to_ascii_lowercase()),
            shell(&target.name),
        ));
        all.push(object(name, "patch", &patch));
    }
    if !all.is_empty() {
        all.push(Artefact {
            name: "patches.sh".to_owned(),
            kind: "script".to_owned(),
            content: script,
        });
    }
    all
}

/// Says in the object where the change is from.
fn annotate(patch: &mut Value, origin: &Origin) {
    let Some(fields) = patch.as_object_mut() else { return };
    let metadata = fields.entry("metadata").or_insert_with(|| Value::Object(Map::new()));
    let Some(metadata) = metadata.as_object_mut() else { return };
    let annotations = metadata.entry("annotations").or_insert_with(|| Value::Object(Map::new()));
    if let (Some(annotations), Some(own)) =
        (annotations.as_object_mut(), origin.annotations().as_object())
    {
        annotations.extend(own.clone());
    }
}

/// A VerticalPodAutoscaler in mode `Off` for the workload: it goes on measuring and changes nothing.
fn watching(origin: &Origin, step: &Step) -> Option<Artefact> {
    let target = &step.target;
    let of_group =
        matches!(target.kind.as_str(), "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet");
    if !of_group {
        return None;
    }
    let vpa = json!({
        "apiVersion": "autoscaling.k8s.io/v1",
        "kind": "VerticalPodAutoscaler",
        "metadata": {
            "name": target.name,
            "namespace": target.namespace,
            "annotations": origin.annotations(),
        },
        "spec": {
            "targetRef": {"apiVersion": "apps/v1", "kind": target.kind, "name": target.name},
            "updatePolicy": {"updateMode": "Off"},
        },
    });
    let name = format!(
        "watch/{}-{}-{}.json",
        file(&target.kind),
        file(target.namespace.as_deref().unwrap_or("default")),
        file(&target.name)
    );
    Some(object(name, "kubernetes", &vpa))
}
