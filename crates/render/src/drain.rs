//! Steps on nodes as a script of `kubectl`.

use std::fmt::Write;

use facts::action::{Action, Step};

use crate::quoting::{comment, shell};
use crate::{Artefact, Origin};

/// The steps on nodes, in their order; every eviction goes through the eviction API, which keeps
/// disruption budgets.
pub(crate) fn artefact(origin: &Origin, steps: &[Step]) -> Option<Artefact> {
    let mut script = String::from("#!/bin/sh\nset -eu\n");
    script.push_str(&origin.comment());
    let mut any = false;
    for step in steps {
        let name = shell(&step.target.name);
        // Writing into a string cannot fail.
        let _ = match &step.action {
            Action::CordonNode => writeln!(script, "kubectl cordon {name}"),
            Action::DrainNode { grace_seconds, evictions } => {
                let most = evictions
                    .iter()
                    .filter_map(|one| one.grace_seconds)
                    .fold(*grace_seconds, u64::max);
                let _ = writeln!(script, "# {} pods move", evictions.len());
                writeln!(
                    script,
                    "kubectl drain {name} --ignore-daemonsets --delete-emptydir-data \
                     --grace-period={most} --timeout={}s",
                    most.saturating_mul(evictions.len().max(1) as u64).saturating_add(120)
                )
            }
            Action::EvictPod { grace_seconds, .. } => writeln!(
                script,
                "kubectl delete pod {name} --namespace {} --grace-period={grace_seconds}",
                shell(step.target.namespace.as_deref().unwrap_or("default"))
            ),
            Action::TerminateNode => writeln!(
                script,
                "kubectl delete node {name}  # with Karpenter this ends the machine; else end it in its group"
            ),
            Action::LaunchNode(launch) => writeln!(
                script,
                "# wait for a new node {}: {} {}",
                comment(&step.target.name),
                launch.capacity_type,
                comment(&launch.instance_type)
            ),
            _ => continue,
        };
        any = true;
    }
    any.then(|| Artefact {
        name: "nodes.sh".to_owned(),
        kind: "script".to_owned(),
        content: script,
    })
}
