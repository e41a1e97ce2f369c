//! Whether a pod or a node may be disturbed at all.

use facts::cluster::{BudgetAmount, ClusterState, DisruptionBudget, Labels, Pod};
use facts::reason::ReasonCode;
use jiff::{SignedDuration, Timestamp};

use crate::matching::selected;

/// Whether an object asks not to be disrupted at this instant.
pub(crate) fn asks_for_peace(
    annotations: &Labels,
    made: Option<Timestamp>,
    now: Timestamp,
) -> bool {
    let Some(value) = annotations.get("karpenter.sh/do-not-disrupt") else { return false };
    let until = value.parse::<SignedDuration>().ok().and_then(|time| made?.checked_add(time).ok());
    match (value.as_str(), until) {
        ("true", _) => true,
        ("false", _) => false,
        (_, Some(until)) => now < until,
        (text, None) => text.parse::<SignedDuration>().is_ok(),
    }
}

/// Why a pod may not be evicted.
pub(crate) fn objection(
    state: &ClusterState,
    pod: &Pod,
    now: Timestamp,
) -> Option<(ReasonCode, String)> {
    if asks_for_peace(&pod.annotations, pod.created_at, now) {
        return Some((
            ReasonCode::DoNotDisrupt,
            "the pod is marked not to be disrupted".to_owned(),
        ));
    }
    let safe = pod.annotations.get("cluster-autoscaler.kubernetes.io/safe-to-evict");
    if safe.is_some_and(|value| value == "false") {
        return Some((ReasonCode::DoNotDisrupt, "the pod is marked unsafe to evict".to_owned()));
    }
    let budgets = state.policies.as_ref().map_or(&[][..], |part| &part.items.disruption_budgets);
    let over: Vec<&DisruptionBudget> = budgets
        .iter()
        .filter(|one| {
            one.namespace == pod.namespace() && selected(one.selector.as_ref(), &pod.labels)
        })
        .collect();
    match over.as_slice() {
        [] => None,
        [one] => {
            let unready = pod.ready == Some(false)
                && one.unhealthy_pod_eviction_policy.as_deref() == Some("AlwaysAllow");
            let none_left = room(state, one) < 1 && !unready;
            none_left.then(|| {
                (ReasonCode::DisruptionBudget, format!("budget {} allows no eviction", one.name))
            })
        }
        several => Some((
            ReasonCode::SeveralDisruptionBudgets,
            format!("{} budgets cover the pod", several.len()),
        )),
    }
}

/// How many of a budget's pods may be missing beyond those that are.
fn room(state: &ClusterState, budget: &DisruptionBudget) -> i64 {
    if let Some(stated) = budget.disruptions_allowed {
        return stated;
    }
    let mut all = 0_i64;
    let mut well = 0_i64;
    for pod in state.pod_items().iter().filter(|pod| pod.is_active()) {
        if pod.namespace() == budget.namespace && selected(budget.selector.as_ref(), &pod.labels) {
            all += 1;
            let running = pod.phase == facts::cluster::PodPhase::Running;
            well += i64::from(pod.deleted_at.is_none() && pod.ready.unwrap_or(running));
        }
    }
    let pods = |amount: &BudgetAmount| match amount {
        BudgetAmount::Count(pods) => *pods,
        BudgetAmount::Percentage(text) => {
            let percent = text.trim_end_matches('%').parse::<i64>().unwrap_or(100);
            // Rounded up, as the controller does.
            -(-(all * percent)).div_euclid(100)
        }
    };
    let must_be_well = match (&budget.min_available, &budget.max_unavailable) {
        (Some(amount), _) => pods(amount),
        (None, Some(amount)) => all - pods(amount),
        (None, None) => all - 1,
    };
    well - must_be_well.max(0)
}
