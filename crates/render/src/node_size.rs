//! What nodes must be like after a plan, as requirements of a Karpenter NodePool.

use std::fmt::Write;

use facts::action::{Action, Step, Target};
use serde_json::{Value, json};

use crate::quoting::{comment, file, shell};
use crate::{Artefact, Origin, object};

/// Patches (RFC 6902) that add a requirement, and a script that applies them; nothing where a plan
/// makes no node larger or smaller and no pod larger.
pub(crate) fn artefacts(origin: &Origin, steps: &[Step]) -> Vec<Artefact> {
    let mut all = Vec::new();
    let mut script = origin.beside_files();
    for step in steps {
        let Action::ResizeInstance { from, to, .. } = &step.action else { continue };
        let Target { kind, name, .. } = &step.target;
        if kind != "NodePool" {
            // Writing into a string cannot fail.
            let _ = writeln!(
                script,
                "# {} {}: let its template start {} in place of {}",
                comment(kind),
                comment(name),
                comment(to),
                comment(from)
            );
            continue;
        }
        let named = format!("node-sizes/{:03}-{}.json", step.step, file(name));
        let _ = writeln!(
            script,
            "# Requirements only narrow: where {} asks for other types already, change that list instead.\n\
             kubectl patch nodepool {name} --type json --patch-file {named} --dry-run=server\n\
             kubectl patch nodepool {name} --type json --patch-file {named}",
            comment(name),
            name = shell(name)
        );
        let wanted = json!({
            "key": "node.kubernetes.io/instance-type", "operator": "In", "values": [to],
        });
        all.push(object(named, "patch", &adding(origin, vec![wanted])));
    }
    if let Some(wanted) = least(steps) {
        let named = "node-sizes/least.json";
        let _ = writeln!(
            script,
            "# The largest container that grows needs a node of at least this size:\n\
             # kubectl patch nodepool NAME --type json --patch-file {named}"
        );
        all.push(object(named.to_owned(), "patch", &adding(origin, wanted)));
    }
    if script != origin.beside_files() {
        all.push(Artefact {
            name: "node-sizes.sh".to_owned(),
            kind: "script".to_owned(),
            content: script,
        });
    }
    all
}

/// What the largest container that grows asks of its node. Karpenter counts whole processors and
/// mebibytes of machines, of which pods never get all: a machine must have more than is requested.
fn least(steps: &[Step]) -> Option<Vec<Value>> {
    let (mut cores, mut mebibytes) = (None, None);
    for step in steps {
        let Action::ResizeContainer { requests_before, requests, .. } = &step.action else {
            continue;
        };
        if requests.cpu > requests_before.cpu {
            cores = cores.max(requests.cpu.map(|cpu| cpu.0 / 1_000));
        }
        if requests.memory > requests_before.memory {
            mebibytes = mebibytes.max(requests.memory.map(|bytes| bytes.0 / (1024 * 1024)));
        }
    }
    let above = |key: &str, value: Option<i64>| {
        // Above nothing is every machine.
        let value = value.filter(|value| *value > 0)?;
        Some(json!({"key": key, "operator": "Gt", "values": [value.to_string()]}))
    };
    let wanted: Vec<Value> = [
        above("karpenter.k8s.aws/instance-cpu", cores),
        above("karpenter.k8s.aws/instance-memory", mebibytes),
    ]
    .into_iter()
    .flatten()
    .collect();
    (!wanted.is_empty()).then_some(wanted)
}

fn adding(origin: &Origin, requirements: Vec<Value>) -> Value {
    let add = |value: Value| {
        json!({
            "op": "add", "path": "/spec/template/spec/requirements/-", "value": value,
        })
    };
    requirements.into_iter().map(add).chain(origin.operations()).collect()
}

#[cfg(test)]
mod tests {
    use facts::cluster::ResourceList;
    use units::{Bytes, MilliCpu};

    use super::*;
    use crate::tests::{origin, step};

    #[test]
    fn a_container_that_grows_asks_for_a_node_that_holds_it() {
        let resize = |before: i64, after: i64| Action::ResizeContainer {
            container: "app".to_owned(),
            init_container: false,
            requests_before: ResourceList::of(MilliCpu(before), Bytes::from_mib(512)),
            requests: ResourceList::of(MilliCpu(after), Bytes::from_mib(512)),
            limits_before: ResourceList::default(),
            limits: ResourceList::default(),
        };
        let check = |before: i64, after: i64, expected: Option<&str>| {
            let files = artefacts(&origin(), &[step(resize(before, after), "Deployment", "web")]);
            let patch = files.first().map(|file| &file.content);
            let Some(patch) = patch else { return assert_eq!(expected, None) };
            let patch: Value = serde_json::from_str(patch).unwrap();
            assert_eq!(patch[0]["value"]["values"][0].as_str(), expected);
            assert_eq!(patch.as_array().unwrap().len(), 3);
        };
        check(500, 2_500, Some("2"));
        check(500, 900, None);
        check(2_500, 500, None);
    }

    #[test]
    fn only_karpenter_is_told_by_a_patch() {
        let resize = || Action::ResizeInstance {
            from: "m5.xlarge".to_owned(),
            to: "m5.large".to_owned(),
            allocatable: ResourceList::default(),
        };
        let files = artefacts(&origin(), &[step(resize(), "NodePool", "main")]);
        assert!(files[1].content.contains("nodepool main"), "{}", files[1].content);
        let files = artefacts(&origin(), &[step(resize(), "NodeGroup", "main")]);
        assert_eq!(files.len(), 1);
        assert!(files[0].content.contains("# NodeGroup main: let its template start m5.large"));
    }
}
