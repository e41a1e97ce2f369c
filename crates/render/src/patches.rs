//! Changes of objects as patches, and vertical autoscalers that only watch.

use std::collections::BTreeSet;
use std::fmt::Write;

use facts::action::{Action, PatchType, Step, Target};
use facts::cluster::ResourceList;
use serde_json::{Map, Value, json};

use crate::quoting::{comment, file, shell};
use crate::workload::{api_version, around, companion};
use crate::{Artefact, Origin, object};

/// One file for each change, and a script that applies them.
pub(crate) fn artefacts(origin: &Origin, steps: &[Step]) -> Vec<Artefact> {
    let mut all = Vec::new();
    let mut watched = BTreeSet::new();
    let mut script = origin.beside_files();
    for step in steps {
        let target = &step.target;
        let Some((patch, kind)) = patch(&step.action, &target.kind) else { continue };
        let Some(mut patch) = patch else {
            // Writing into a string cannot fail.
            let _ = writeln!(
                script,
                "# step {}: {} {} has no template that can be changed; change what makes it",
                step.step,
                comment(&target.kind),
                comment(&target.name)
            );
            continue;
        };
        if kind != "json" {
            annotate(&mut patch, origin);
        }
        if matches!(step.action, Action::ResizeContainer { .. }) && watched.insert(target) {
            all.extend(watching(origin, target));
        }
        let name = format!(
            "patches/{:03}-{}-{}-{}.json",
            step.step,
            file(&target.kind),
            file(target.namespace.as_deref().unwrap_or("default")),
            file(&target.name)
        );
        let command = command(target, kind, &name);
        let _ = writeln!(script, "{command} --dry-run=server\n{command}");
        all.push(object(name, "patch", &patch));
    }
    if script != origin.beside_files() {
        all.push(Artefact {
            name: "patches.sh".to_owned(),
            kind: "script".to_owned(),
            content: script,
        });
    }
    all
}

/// The command that applies a patch, but for its dry run.
pub(crate) fn command(target: &Target, kind: &str, file: &str) -> String {
    let mut command = format!(
        "kubectl patch {} {}",
        shell(&target.kind.to_ascii_lowercase()),
        shell(&target.name)
    );
    if let Some(namespace) = &target.namespace {
        command.push_str(&format!(" --namespace {}", shell(namespace)));
    }
    // A pod that runs takes new amounts through this door alone.
    if target.kind == "Pod" {
        command.push_str(" --subresource resize");
    }
    command.push_str(&format!(" --type {kind} --patch-file {file}"));
    command
}

/// Says in the object where the change is from.
pub(crate) fn annotate(patch: &mut Value, origin: &Origin) {
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

/// What an action patches, and how; no patch where objects of the kind cannot be changed so.
fn patch(action: &Action, of_kind: &str) -> Option<(Option<Value>, &'static str)> {
    match action {
        Action::PatchObject { patch, patch_type } => {
            let kind = match patch_type {
                PatchType::StrategicMerge => "strategic",
                PatchType::Merge => "merge",
                PatchType::Json => "json",
            };
            Some((Some(patch.clone()), kind))
        }
        Action::ResizeContainer {
            container,
            init_container,
            requests_before,
            requests,
            limits_before,
            limits,
        } => {
            let mut resources = Map::new();
            for (name, before, after) in
                [("requests", requests_before, requests), ("limits", limits_before, limits)]
            {
                let amounts = amounts(before, after);
                if !amounts.is_empty() {
                    resources.insert(name.to_owned(), Value::Object(amounts));
                }
            }
            let list = if *init_container { "initContainers" } else { "containers" };
            let pod = json!({list: [{"name": container, "resources": resources}]});
            Some((around(of_kind, pod), "strategic"))
        }
        _ => None,
    }
}

/// Amounts as Kubernetes writes them. One that goes away is `null`: a patch leaves alone what it
/// does not name.
fn amounts(before: &ResourceList, after: &ResourceList) -> Map<String, Value> {
    let written = |list: &ResourceList| match serde_json::to_value(list) {
        Ok(Value::Object(amounts)) => amounts,
        _ => Map::new(),
    };
    let gone = written(before).into_iter().map(|(name, _)| (name, Value::Null));
    let text = |amount: Value| match amount {
        Value::Number(number) => Value::String(number.to_string()),
        other => other,
    };
    let stays = written(after).into_iter().map(|(name, amount)| (name, text(amount)));
    gone.chain(stays).collect()
}

/// A VerticalPodAutoscaler in mode `Off` for the workload: it goes on measuring and changes nothing.
fn watching(origin: &Origin, target: &Target) -> Option<Artefact> {
    let version = api_version(&target.kind).filter(|_| target.kind != "Pod")?;
    let namespace = target.namespace.as_deref().unwrap_or("default");
    let vpa = json!({
        "apiVersion": "autoscaling.k8s.io/v1",
        "kind": "VerticalPodAutoscaler",
        "metadata": {
            "name": companion(&target.kind, &target.name),
            "namespace": namespace,
            "annotations": origin.annotations(),
        },
        "spec": {
            "targetRef": {"apiVersion": version, "kind": target.kind, "name": target.name},
            "updatePolicy": {"updateMode": "Off"},
        },
    });
    let name =
        format!("watch/{}.{}.{}.json", file(namespace), file(&target.kind), file(&target.name));
    Some(object(name, "kubernetes", &vpa))
}

#[cfg(test)]
mod tests {
    use units::{Bytes, MilliCpu};

    use super::*;

    #[test]
    fn an_amount_that_goes_away_is_taken_away() {
        let action = Action::ResizeContainer {
            container: "app".to_owned(),
            init_container: true,
            requests_before: ResourceList::of(MilliCpu(500), Bytes::from_mib(512)),
            requests: ResourceList::of(MilliCpu(250), Bytes::from_mib(256)),
            limits_before: ResourceList::of(MilliCpu(1_000), Bytes::from_mib(512)),
            limits: ResourceList { memory: Some(Bytes::from_mib(512)), ..ResourceList::default() },
        };
        let (patch, kind) = patch(&action, "CronJob").unwrap();
        assert_eq!(kind, "strategic");
        let resources = json!({
            "requests": {"cpu": "250m", "memory": "256Mi"},
            "limits": {"cpu": null, "memory": "512Mi"},
        });
        let pod = json!({"initContainers": [{"name": "app", "resources": resources}]});
        assert_eq!(
            patch,
            Some(json!({"spec": {"jobTemplate": {"spec": {"template": {"spec": pod}}}}}))
        );
        assert_eq!(super::patch(&action, "Job"), Some((None, "strategic")));
    }
}
