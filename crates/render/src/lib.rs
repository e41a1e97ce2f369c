//! Decisions as files that a person can apply: manifests, patches, commands.
//!
//! What is rendered says the same as the decision and nothing beyond it. Every file carries the
//! decision's name and until when it should be applied. Texts that came with a snapshot are quoted
//! wherever a shell or a table would read more into them.
//! This crate refuses to know how files are kept, sent or carried out.

mod advice;
mod aws_commands;
mod cron_jobs;
mod drain;
mod neighbours;
mod node_pool;
mod node_size;
mod patches;
mod quoting;
mod resources;
mod schedules;
mod workload;

use facts::decision::Decision;
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

/// A file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Artefact {
    /// Its name, with folders.
    pub name: String,
    /// What it is: `kubernetes`, `patch`, `script`, `plan`, `table` or `text`.
    pub kind: String,
    /// Its content.
    pub content: String,
}

/// After so long a decision is to be made anew before it is applied.
const VALID_FOR: SignedDuration = SignedDuration::from_hours(24);

/// The annotation that says how many replicas there were before anything was scaled.
pub(crate) const ORIGINAL_REPLICAS: &str = "cloudoptim.io/original-replicas";

/// What every file says about where it is from.
pub(crate) struct Origin {
    pub(crate) decision_id: String,
    pub(crate) valid_until: Timestamp,
}

impl Origin {
    /// As annotations of an object.
    pub(crate) fn annotations(&self) -> Value {
        json!({
            "cloudoptim.io/decision-id": self.decision_id,
            "cloudoptim.io/valid-until": self.valid_until.to_string(),
        })
    }

    /// As operations (RFC 6902) on an object that has annotations; Karpenter gives every NodePool
    /// some.
    pub(crate) fn operations(&self) -> Vec<Value> {
        let add = |name: &str, value: &str| {
            let path = format!("/metadata/annotations/cloudoptim.io~1{name}");
            json!({"op": "add", "path": path, "value": value})
        };
        vec![
            add("decision-id", &self.decision_id),
            add("valid-until", &self.valid_until.to_string()),
        ]
    }

    /// The beginning of a script that reads files beside it, wherever it is called from.
    pub(crate) fn beside_files(&self) -> String {
        format!("#!/bin/sh\nset -eu\ncd -- \"$(dirname -- \"$0\")\"\n{}", self.comment())
    }

    /// As lines at the beginning of a script.
    pub(crate) fn comment(&self) -> String {
        format!(
            "# Decision {}; make it anew after {}.\n",
            quoting::comment(&self.decision_id),
            self.valid_until
        )
    }
}

/// Everything that a decision can be applied with; nothing for a decision without a plan.
#[must_use]
pub fn render<R>(decision: &Decision<R>, recommendations: &[Value]) -> Vec<Artefact> {
    let origin = Origin {
        decision_id: decision.decision_id.clone(),
        valid_until: decision.decided_at.checked_add(VALID_FOR).unwrap_or(decision.decided_at),
    };
    let steps = &decision.verdict.execution_plan;
    let mut all = Vec::new();
    all.extend(node_pool::artefacts(&origin, &decision.verdict.allocation, steps));
    all.extend(drain::artefacts(&origin, steps));
    all.extend(patches::artefacts(&origin, steps));
    all.extend(node_size::artefacts(&origin, steps));
    all.extend(schedules::artefacts(&origin, steps));
    all.extend(aws_commands::artefact(&origin, steps));
    let of_type = decision.decision_type.as_str();
    all.extend(resources::artefact(of_type, recommendations, steps, &aws_commands::what));
    all.extend(neighbours::artefacts(&origin, of_type, recommendations));
    all.extend(advice::artefacts(&origin, of_type, recommendations));
    all
}

/// A manifest or a patch as a file.
pub(crate) fn object(name: String, kind: &str, value: &Value) -> Artefact {
    // A tree of texts and numbers can always be written.
    let content = serde_json::to_string_pretty(value).unwrap_or_default();
    Artefact { name, kind: kind.to_owned(), content: format!("{content}\n") }
}

#[cfg(test)]
mod tests {
    use facts::action::{Action, BlastRadius, Reversibility, Step, Target, Verification};

    use super::*;

    pub(crate) fn origin() -> Origin {
        Origin { decision_id: "bin_pack-1".to_owned(), valid_until: Timestamp::UNIX_EPOCH }
    }

    /// The first step of a plan, in the namespace `shop`.
    pub(crate) fn step(action: Action, kind: &str, name: &str) -> Step {
        Step {
            step: 1,
            action,
            target: Target {
                kind: kind.to_owned(),
                namespace: Some("shop".to_owned()),
                name: name.to_owned(),
                ..Target::default()
            },
            preconditions: Vec::new(),
            reversibility: Reversibility { reversible: true, how: String::new() },
            verification: Verification { expect: String::new(), within_seconds: 0 },
            blast_radius: BlastRadius::default(),
            expected_seconds: 0,
        }
    }
}
