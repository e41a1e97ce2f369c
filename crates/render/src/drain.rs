//! Steps on nodes and single evictions as a script of `kubectl`, and the plan itself.

use std::fmt::Write;

use facts::action::{Action, Step};
use serde_json::{Value, json};

use crate::quoting::{comment, file, shell};
use crate::{Artefact, Origin, object};

/// The steps on nodes, in their order; every eviction goes through the eviction API, which keeps
/// disruption budgets.
pub(crate) fn artefacts(origin: &Origin, steps: &[Step]) -> Vec<Artefact> {
    let mut all = Vec::new();
    let mut script = origin.beside_files();
    if steps.iter().any(|step| matches!(step.action, Action::EvictPod { .. })) {
        script.push_str(EVICT);
    }
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
            Action::EvictPod { grace_seconds, .. } => {
                match eviction(origin, step, *grace_seconds) {
                    Some((path, artefact)) => {
                        let line = format!("evict {path} {}", artefact.name);
                        all.push(artefact);
                        writeln!(script, "{line}")
                    }
                    None => writeln!(
                        script,
                        "# step {}: {} is no name of a pod",
                        step.step,
                        comment(&step.target.name)
                    ),
                }
            }
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
    if any {
        all.push(Artefact {
            name: "nodes.sh".to_owned(),
            kind: "script".to_owned(),
            content: script,
        });
        let plan = json!({
            "decision_id": origin.decision_id,
            "valid_until": origin.valid_until.to_string(),
            "execution_plan": steps,
        });
        all.push(object("plan.json".to_owned(), "plan", &plan));
    }
    all
}

/// A budget that refuses is asked again, for ten minutes at most; anything else ends the script.
const EVICT: &str = r#"
evict() {
  tries=0
  until said=$(kubectl create --raw "$1" -f "$2" 2>&1); do
    tries=$((tries + 1))
    case "$said" in *TooManyRequests*|*"disruption budget"*) ;; *) tries=120 ;; esac
    if [ "$tries" -ge 120 ]; then echo "not evicted: $1 ($said)" >&2; exit 1; fi
    sleep 5
  done
}

"#;

/// An eviction as an object, and the path that it is posted to. The pod's identity goes along: a
/// successor of the same name stays.
fn eviction(origin: &Origin, step: &Step, grace_seconds: u64) -> Option<(String, Artefact)> {
    let (namespace, name) =
        (step.target.namespace.as_deref().unwrap_or("default"), step.target.name.as_str());
    // The names become part of a path: what is no name of Kubernetes could lead elsewhere.
    let allowed = |text: &str| {
        text.starts_with(|letter: char| letter.is_ascii_alphanumeric())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte))
    };
    if !allowed(namespace) || !allowed(name) {
        return None;
    }
    let mut options = json!({"gracePeriodSeconds": grace_seconds});
    if let Some(uid) = &step.target.uid {
        options["preconditions"] = json!({"uid": uid});
    }
    let object_of: Value = json!({
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": name, "namespace": namespace, "annotations": origin.annotations()},
        "deleteOptions": options,
    });
    let path = format!("/api/v1/namespaces/{namespace}/pods/{name}/eviction");
    let named = format!("evictions/{:03}-{}-{}.json", step.step, file(namespace), file(name));
    Some((path, object(named, "kubernetes", &object_of)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{origin, step};

    fn evict(name: &str) -> Vec<Artefact> {
        let action = Action::EvictPod { grace_seconds: 90, expected_node: None };
        let mut step = step(action, "Pod", name);
        step.target.uid = Some("u-1".to_owned());
        artefacts(&origin(), &[step])
    }

    #[test]
    fn a_pod_goes_through_the_eviction_api() {
        let files = evict("web-0");
        let eviction: Value = serde_json::from_str(&files[0].content).unwrap();
        assert_eq!(eviction["kind"], "Eviction");
        assert_eq!(eviction["deleteOptions"]["gracePeriodSeconds"], 90);
        assert_eq!(eviction["deleteOptions"]["preconditions"]["uid"], "u-1");
        let script = &files[1].content;
        assert!(
            script.contains("\nevict /api/v1/namespaces/shop/pods/web-0/eviction evictions/001-shop-web-0.json\n"),
            "{script}"
        );
        assert!(script.contains("TooManyRequests"), "{script}");
        assert!(!script.contains("delete pod"), "{script}");
    }

    #[test]
    fn a_name_that_leads_elsewhere_is_left_alone() {
        for name in ["../../secrets", "a b", "", "..", "x/y"] {
            let files = evict(name);
            assert!(files.iter().all(|file| !file.name.starts_with("evictions/")), "{name}");
            assert!(!files[0].content.contains("\nevict "), "{name}");
        }
    }
}
