//! Pods whose traffic stands out: a patch that keeps their workload apart, and what else helps.

use std::collections::BTreeSet;
use std::fmt::Write;

use facts::action::Target;
use serde_json::{Value, json};

use crate::patches::{annotate, command};
use crate::quoting::{comment, file};
use crate::workload::around;
use crate::{Artefact, Origin, object};

/// A text for people, and a patch for each workload that moves much; nothing for other decisions.
/// The plan holds none of it, since much traffic may be a pod's job.
pub(crate) fn artefacts(
    origin: &Origin,
    decision_type: &str,
    recommendations: &[Value],
) -> Vec<Artefact> {
    if decision_type != "noisy_neighbor" || recommendations.is_empty() {
        return Vec::new();
    }
    let mut all = Vec::new();
    let mut patched = BTreeSet::new();
    let mut text = format!("# Pods whose traffic stands out\n\n{}", &origin.comment()[2..]);
    for one in recommendations {
        // Writing into a string cannot fail.
        let _ =
            writeln!(text, "\n## {}\n", comment(one["subject"]["name"].as_str().unwrap_or("?")));
        let _ = writeln!(text, "{}.\n", comment(one["summary"].as_str().unwrap_or("")));
        for remedy in one["remedies"].as_array().into_iter().flatten() {
            let _ = writeln!(text, "- {}", comment(remedy.as_str().unwrap_or("")));
        }
        let has = |pattern: &str| {
            one["patterns"].as_array().is_some_and(|all| all.iter().any(|own| own == pattern))
        };
        if has("high_cross_az") {
            text.push_str(NEARBY);
        }
        let Some(workload) = one["workload"].as_str().filter(|_| has("high_bandwidth")) else {
            continue;
        };
        let Some(target) = target(workload) else { continue };
        let Some(mut patch) = apart(&target.kind) else { continue };
        let name = format!(
            "neighbours/{}.{}.{}.json",
            file(target.namespace.as_deref().unwrap_or("default")),
            file(&target.kind),
            file(&target.name)
        );
        let _ = writeln!(
            text,
            "\nA node with fewer neighbours, where there is one:\n\n    {}",
            comment(&command(&target, "strategic", &name))
        );
        annotate(&mut patch, origin);
        if patched.insert(name.clone()) {
            all.push(object(name, "patch", &patch));
        }
    }
    all.push(Artefact { name: "neighbours.md".to_owned(), kind: "text".to_owned(), content: text });
    all
}

/// A Service's hint, in the words of Kubernetes 1.34; `PreferClose` is its older name.
const NEARBY: &str = "\nA Service that it calls prefers receivers in the sender's zone so:\n\n    kubectl patch service NAME --type merge -p '{\"spec\":{\"trafficDistribution\":\"PreferSameZone\"}}'\n";

/// A workload as findings name it: `Deployment shop/api`.
fn target(workload: &str) -> Option<Target> {
    let (kind, rest) = workload.split_once(' ')?;
    let (namespace, name) = rest.split_once('/')?;
    Some(Target {
        kind: kind.to_owned(),
        namespace: Some(namespace.to_owned()),
        name: name.to_owned(),
        ..Target::default()
    })
}

/// Prefers nodes with fewer pods of the namespace. Pods that a node must have are none of them, and
/// pods that are no replicas of a template are left alone.
fn apart(kind: &str) -> Option<Value> {
    if !matches!(kind, "Deployment" | "ReplicaSet" | "StatefulSet") {
        return None;
    }
    let term = json!({"labelSelector": {}, "topologyKey": "kubernetes.io/hostname"});
    around(
        kind,
        json!({"affinity": {"podAntiAffinity": {
            "preferredDuringSchedulingIgnoredDuringExecution": [
                {"weight": 100, "podAffinityTerm": term},
            ],
        }}}),
    )
}
