//! Which pods may be evicted, and which rule forbids it for the others.
//!
//! The rules are those of the eviction API and of the marks that Karpenter and the Cluster
//! Autoscaler honour.

use std::collections::{BTreeMap, BTreeSet};

use facts::action::Target;
use facts::cluster::{BudgetAmount, ClusterState, DisruptionBudget, Labels, Pod, PodPhase};
use facts::reason::ReasonCode;
use jiff::{SignedDuration, Timestamp};

use super::matching::selects;

/// What the policy says about pods that tools treat differently.
#[derive(Clone, Copy, Debug)]
pub struct EvictionRules<'a> {
    /// Whether pods that nothing would make again may go.
    pub unowned_pods: bool,
    /// Whether pods that keep data on the node's own disk may go.
    pub local_storage: bool,
    /// Namespaces whose pods stay.
    pub protected_namespaces: &'a BTreeSet<String>,
}

/// Why a pod may not be evicted.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    /// The rule.
    pub code: ReasonCode,
    /// In words.
    pub detail: String,
    /// The object that forbids it.
    pub blocking: Option<Target>,
}

/// Marks of Karpenter and of the Cluster Autoscaler.
const DO_NOT_DISRUPT: &str = "karpenter.sh/do-not-disrupt";
const SAFE_TO_EVICT: &str = "cluster-autoscaler.kubernetes.io/safe-to-evict";
const MIRROR: &str = "kubernetes.io/config.mirror";

/// Every disruption budget with what it allows now.
pub struct Budgets<'a> {
    by_namespace: BTreeMap<&'a str, Vec<Budget<'a>>>,
}

struct Budget<'a> {
    budget: &'a DisruptionBudget,
    allowed: i64,
}

impl<'a> Budgets<'a> {
    /// Reads the budgets of a cluster. What the cluster computed itself is taken as it is; where it
    /// did not, it is computed from the pods.
    #[must_use]
    pub fn of(state: &'a ClusterState) -> Budgets<'a> {
        let mut by_namespace: BTreeMap<&str, Vec<Budget<'_>>> = BTreeMap::new();
        let budgets =
            state.policies.as_ref().map_or(&[][..], |part| &part.items.disruption_budgets);
        for budget in budgets {
            let allowed = budget.disruptions_allowed.unwrap_or_else(|| allowed(budget, state));
            by_namespace.entry(&budget.namespace).or_default().push(Budget { budget, allowed });
        }
        Budgets { by_namespace }
    }

    fn covering(&self, pod: &Pod) -> Vec<&Budget<'a>> {
        let Some(budgets) = self.by_namespace.get(pod.namespace()) else { return Vec::new() };
        budgets
            .iter()
            .filter(|budget| selects(budget.budget.selector.as_ref(), &pod.labels))
            .collect()
    }
}

/// Why a pod may not be evicted now; `None` when it may.
#[must_use]
pub fn refusal(
    pod: &Pod,
    budgets: &Budgets<'_>,
    rules: EvictionRules<'_>,
    now: Timestamp,
) -> Option<Refusal> {
    let refuse = |code, detail: String| Some(Refusal { code, detail, blocking: None });
    if rules.protected_namespaces.contains(pod.namespace()) {
        return refuse(
            ReasonCode::ExcludedByPolicy,
            "the policy protects its namespace".to_owned(),
        );
    }
    if let Some(until) = protected(&pod.annotations, pod.created_at, now) {
        return refuse(ReasonCode::DoNotDisrupt, until);
    }
    let safe = pod.annotations.get(SAFE_TO_EVICT).map(String::as_str);
    if safe == Some("false") {
        return refuse(ReasonCode::DoNotDisrupt, format!("annotated {SAFE_TO_EVICT}=false"));
    }
    if pod.annotations.contains_key(MIRROR) {
        return refuse(ReasonCode::StaticPod, "made by the kubelet from a file".to_owned());
    }
    // A snapshot without identities is the short form, which says nothing about owners.
    let unowned = pod.owner.is_none() && pod.uid.is_some();
    if unowned && !rules.unowned_pods && safe != Some("true") {
        return refuse(ReasonCode::UnownedPod, "no owner would make the pod again".to_owned());
    }
    if pod.local_storage && !rules.local_storage && safe != Some("true") {
        return refuse(ReasonCode::LocalStorage, "keeps data on the node's own disk".to_owned());
    }
    let covering = budgets.covering(pod);
    if covering.len() > 1 {
        let names: Vec<&str> = covering.iter().map(|budget| budget.budget.name.as_str()).collect();
        return Some(Refusal {
            code: ReasonCode::SeveralDisruptionBudgets,
            detail: format!(
                "the eviction API refuses pods under several budgets: {}",
                names.join(", ")
            ),
            blocking: covering.first().map(|budget| target_of(budget.budget)),
        });
    }
    let budget = covering.first()?;
    let always = budget.budget.unhealthy_pod_eviction_policy.as_deref() == Some("AlwaysAllow");
    if budget.allowed > 0 || (always && pod.ready == Some(false)) {
        return None;
    }
    Some(Refusal {
        code: ReasonCode::DisruptionBudget,
        detail: format!("budget {} allows no eviction now", budget.budget.name),
        blocking: Some(target_of(budget.budget)),
    })
}

/// Whether an annotation protects an object now, and how it says so. The value is `true`, or a
/// duration such as `4h` since the object was made.
#[must_use]
pub fn protected(
    annotations: &Labels,
    created_at: Option<Timestamp>,
    now: Timestamp,
) -> Option<String> {
    let value = annotations.get(DO_NOT_DISRUPT)?;
    if value == "true" {
        return Some(format!("annotated {DO_NOT_DISRUPT}=true"));
    }
    let duration: SignedDuration = value.parse().ok()?;
    let until = created_at.and_then(|made| made.checked_add(duration).ok());
    match until {
        Some(until) if until <= now => None,
        Some(until) => Some(format!("annotated {DO_NOT_DISRUPT}={value}, which ends at {until}")),
        // Nobody said when it was made: the protection may still run.
        None => Some(format!("annotated {DO_NOT_DISRUPT}={value}")),
    }
}

/// Whether some object is protected for a time, so that the passing of time alone frees it.
#[must_use]
pub fn protections_end(state: &ClusterState) -> bool {
    let for_a_time =
        |marks: &Labels| marks.get(DO_NOT_DISRUPT).is_some_and(|value| value != "true");
    state.pod_items().iter().any(|pod| for_a_time(&pod.annotations))
        || state.node_items().iter().any(|node| for_a_time(&node.annotations))
}

fn target_of(budget: &DisruptionBudget) -> Target {
    Target {
        kind: "PodDisruptionBudget".to_owned(),
        namespace: Some(budget.namespace.clone()),
        name: budget.name.clone(),
        uid: budget.uid.clone(),
        arn: None,
    }
}

/// How many evictions a budget allows, by the rule of the disruption controller.
/// <https://kubernetes.io/docs/tasks/run-application/configure-pdb/>
fn allowed(budget: &DisruptionBudget, state: &ClusterState) -> i64 {
    let covered = || {
        state.pod_items().iter().filter(|pod| {
            pod.is_active()
                && pod.namespace() == budget.namespace
                && selects(budget.selector.as_ref(), &pod.labels)
        })
    };
    let expected = covered().count() as i64;
    let healthy = covered()
        .filter(|pod| {
            pod.deleted_at.is_none() && pod.ready.unwrap_or(pod.phase == PodPhase::Running)
        })
        .count() as i64;
    let amount = |amount: &BudgetAmount| match amount {
        BudgetAmount::Count(count) => *count,
        BudgetAmount::Percentage(text) => {
            let share: i64 = text.trim_end_matches('%').parse().unwrap_or(100);
            (expected * share + 99).div_euclid(100)
        }
    };
    let desired = match (&budget.min_available, &budget.max_unavailable) {
        (Some(least), _) => amount(least),
        (None, Some(most)) => expected - amount(most),
        // Neither is written: the controller's default is one missing pod.
        (None, None) => expected - 1,
    };
    (healthy - desired.max(0)).max(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: &BTreeSet<String> = &BTreeSet::new();
    const RULES: EvictionRules<'_> =
        EvictionRules { unowned_pods: false, local_storage: true, protected_namespaces: NONE };

    fn check(state: &str, expected: Option<ReasonCode>) {
        let state: ClusterState = serde_json::from_str(state).unwrap();
        let now: Timestamp = "2026-01-01T12:00:00Z".parse().unwrap();
        let found = refusal(&state.pod_items()[0], &Budgets::of(&state), RULES, now);
        assert_eq!(found.map(|refusal| refusal.code), expected, "{state:?}");
    }

    fn pods(pod: &str, policies: &str) -> String {
        format!(
            r#"{{"pods":[{pod},{{"name":"b","labels":{{"app":"web"}}}}],"policies":{{"items":{{{policies}}}}}}}"#
        )
    }

    #[test]
    fn marks_protect_pods() {
        let pod = |rest: &str| pods(&format!(r#"{{"name":"a"{rest}}}"#), "");
        check(&pod(""), None);
        check(
            &pod(r#","annotations":{"karpenter.sh/do-not-disrupt":"true"}"#),
            Some(ReasonCode::DoNotDisrupt),
        );
        let timed = |made: &str| {
            pod(&format!(
                r#","created_at":"{made}","annotations":{{"karpenter.sh/do-not-disrupt":"4h"}}"#
            ))
        };
        check(&timed("2026-01-01T09:00:00Z"), Some(ReasonCode::DoNotDisrupt));
        check(&timed("2026-01-01T07:00:00Z"), None);
        check(
            &pod(r#","annotations":{"cluster-autoscaler.kubernetes.io/safe-to-evict":"false"}"#),
            Some(ReasonCode::DoNotDisrupt),
        );
    }

    #[test]
    fn a_pod_that_nothing_makes_again_stays() {
        check(&pods(r#"{"name":"a","uid":"1"}"#, ""), Some(ReasonCode::UnownedPod));
        check(
            &pods(r#"{"name":"a","uid":"1","owner":{"kind":"ReplicaSet","name":"r"}}"#, ""),
            None,
        );
        check(
            &pods(
                r#"{"name":"a","uid":"1","annotations":{"cluster-autoscaler.kubernetes.io/safe-to-evict":"true"}}"#,
                "",
            ),
            None,
        );
        // The short form says nothing about owners.
        check(&pods(r#"{"name":"a"}"#, ""), None);
    }

    #[test]
    fn budgets_count_as_the_disruption_controller_does() {
        let web = r#"{"name":"a","labels":{"app":"web"}}"#;
        let budget = |rest: &str| {
            let text = format!(
                r#"{{"name":"p","namespace":"default","selector":{{"match_labels":{{"app":"web"}}}}{rest}}}"#
            );
            text
        };
        let one = |rest: &str| pods(web, &format!(r#""disruption_budgets":[{}]"#, budget(rest)));
        check(&one(r#","min_available":1"#), None);
        check(&one(r#","min_available":2"#), Some(ReasonCode::DisruptionBudget));
        check(&one(r#","min_available":"50%""#), None);
        check(&one(r#","min_available":"51%""#), Some(ReasonCode::DisruptionBudget));
        check(&one(r#","max_unavailable":0"#), Some(ReasonCode::DisruptionBudget));
        check(&one(r#","max_unavailable":"1%""#), None);
        // The cluster's own figure goes before ours.
        check(
            &one(r#","min_available":1,"disruptions_allowed":0"#),
            Some(ReasonCode::DisruptionBudget),
        );
        let both = format!(r#""disruption_budgets":[{0},{0}]"#, budget(r#","min_available":0"#));
        check(&pods(web, &both), Some(ReasonCode::SeveralDisruptionBudgets));
        let elsewhere = r#""disruption_budgets":[{"name":"p","namespace":"x","selector":{},"min_available":9}]"#;
        check(&pods(web, elsewhere), None);
    }
}
