//! Which nodes may be taken away at all, and which rule forbids it for the others.

use std::collections::BTreeMap;

use facts::action::Target;
use facts::cluster::{ClusterState, Node, NodePool, NodePoolBudget, Policies};
use facts::reason::ReasonCode;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::evidence::to_the_hour;
use super::policy::PackingPolicy;
use crate::scheduling::eviction::{Refusal, protected};

/// Marks a node that the Cluster Autoscaler leaves alone.
const SCALE_DOWN_DISABLED: &str = "cluster-autoscaler.kubernetes.io/scale-down-disabled";
/// Marks a node that runs the control plane.
const CONTROL_PLANE: &str = "node-role.kubernetes.io/control-plane";
/// Below so many nodes that are not ready, a cluster is never called unhealthy.
const FEW_UNREADY: usize = 3;

/// Why a node may not be taken away, by node name; nodes that may are absent.
pub(super) fn refusals<'a>(
    state: &'a ClusterState,
    policy: &PackingPolicy,
    now: Timestamp,
) -> BTreeMap<&'a str, Refusal> {
    let none = Policies::default();
    let policies = state.policies.as_ref().map_or(&none, |part| &part.items);
    let pools: BTreeMap<&str, &NodePool> =
        policies.node_pools.iter().map(|pool| (pool.name.as_str(), pool)).collect();
    let unhealthy = unhealthy(state, policy);
    let mut busy: BTreeMap<&str, u64> = BTreeMap::new();
    for pod in state.pod_items().iter().filter(|pod| pod.is_active() && !pod.belongs_to_node()) {
        if let Some(node) = pod.node.as_deref() {
            *busy.entry(node).or_default() += 1;
        }
    }
    let mut refused = BTreeMap::new();
    for node in state.node_items() {
        let empty = !busy.contains_key(node.name.as_str());
        let pool = node.node_pool.as_deref().and_then(|name| pools.get(name).copied());
        let found = unhealthy
            .clone()
            .or_else(|| of_node(node, policy, now))
            .or_else(|| of_age(node, pool, policy, now))
            .or_else(|| pool.and_then(|pool| of_pool(pool, state, empty, now)));
        if let Some(refusal) = found {
            refused.insert(node.name.as_str(), refusal);
        }
    }
    refused
}

/// Whether no gate opens or closes within the hour (UTC) that `now` lies in.
pub(super) fn are_steady(state: &ClusterState, policy: &PackingPolicy, now: Timestamp) -> bool {
    let none = Policies::default();
    let policies = state.policies.as_ref().map_or(&none, |part| &part.items);
    let scheduled = |pool: &NodePool| pool.budgets.iter().any(|one| one.schedule.is_some());
    let start = to_the_hour(now);
    let grows_up = |node: &Node| {
        let pool = node.node_pool.as_deref();
        let pool = pool.and_then(|name| policies.node_pools.iter().find(|one| one.name == name));
        let (Some(made), Some(least)) = (node.created_at, least_age(pool, policy)) else {
            return false;
        };
        let age = start.duration_since(made);
        age < least && age > SignedDuration::from_hours(-1)
    };
    !policies.node_pools.iter().any(scheduled) && !state.node_items().iter().any(grows_up)
}

fn refuse(code: ReasonCode, detail: String) -> Option<Refusal> {
    Some(Refusal { code, detail, blocking: None })
}

fn unhealthy(state: &ClusterState, policy: &PackingPolicy) -> Option<Refusal> {
    let nodes = state.node_items();
    let unready = nodes.iter().filter(|node| node.ready() == Some(false)).count();
    let share = unready as f64 / nodes.len().max(1) as f64;
    if unready <= FEW_UNREADY || share <= policy.max_unready_share {
        return None;
    }
    refuse(
        ReasonCode::ClusterUnhealthy,
        format!("{unready} of {} nodes are not ready", nodes.len()),
    )
}

fn of_node(node: &Node, policy: &PackingPolicy, now: Timestamp) -> Option<Refusal> {
    if node.deleted_at.is_some() {
        return refuse(ReasonCode::NodeDeleting, "its deletion was asked for".to_owned());
    }
    if node.ready() == Some(false) {
        return refuse(ReasonCode::NodeNotReady, "its pods cannot be drained".to_owned());
    }
    if let Some(mark) = protected(&node.annotations, node.created_at, now) {
        return refuse(ReasonCode::DoNotDisrupt, mark);
    }
    if node.annotations.get(SCALE_DOWN_DISABLED).is_some_and(|value| value == "true") {
        return refuse(ReasonCode::DoNotDisrupt, format!("annotated {SCALE_DOWN_DISABLED}=true"));
    }
    if node.labels.contains_key(CONTROL_PLANE) {
        return refuse(ReasonCode::DoNotDisrupt, "runs the control plane".to_owned());
    }
    if policy.protected_nodes.contains(&node.name) {
        return refuse(ReasonCode::ExcludedByPolicy, "the policy protects the node".to_owned());
    }
    None
}

fn of_age(
    node: &Node,
    pool: Option<&NodePool>,
    policy: &PackingPolicy,
    now: Timestamp,
) -> Option<Refusal> {
    let Some(least) = least_age(pool, policy) else {
        let detail = "consolidateAfter is Never".to_owned();
        return refuse(ReasonCode::ConsolidationDisabled, detail);
    };
    let age = now.duration_since(node.created_at?);
    // A node that joined after the instant of the decision has no age then: the snapshot is newer
    // than the question.
    if age >= least || age.is_negative() {
        return None;
    }
    refuse(ReasonCode::NodeTooYoung, format!("{age:#} old; {least:#} are asked for"))
}

/// How old a node has to be; `None` when no age is enough.
fn least_age(pool: Option<&NodePool>, policy: &PackingPolicy) -> Option<SignedDuration> {
    let stated = match pool.and_then(|pool| pool.consolidate_after.as_deref()) {
        Some("Never") => return None,
        Some(text) => text.parse::<SignedDuration>().ok(),
        None => None,
    };
    Some(stated.unwrap_or(SignedDuration::from_mins(i64::from(policy.minimum_node_age_minutes))))
}

fn of_pool(pool: &NodePool, state: &ClusterState, empty: bool, now: Timestamp) -> Option<Refusal> {
    let blocking = Some(Target {
        kind: "NodePool".to_owned(),
        name: pool.name.clone(),
        uid: pool.uid.clone(),
        ..Target::default()
    });
    if pool.consolidation_policy.as_deref() == Some("WhenEmpty") && !empty {
        let detail = "the pool consolidates empty nodes only".to_owned();
        return Some(Refusal { code: ReasonCode::ConsolidationDisabled, detail, blocking });
    }
    let reason = if empty { "Empty" } else { "Underutilized" };
    let members =
        state.node_items().iter().filter(|node| node.node_pool.as_deref() == Some(&pool.name));
    let (mut total, mut leaving) = (0_i64, 0_i64);
    for node in members {
        total += 1;
        leaving += i64::from(node.deleted_at.is_some() || node.ready() == Some(false));
    }
    let strictest = pool
        .budgets
        .iter()
        .filter(|budget| {
            budget.reasons.is_empty() || budget.reasons.iter().any(|one| one == reason)
        })
        .filter(|budget| active(budget, now))
        .map(|budget| (allowed(budget, total), budget))
        .min_by_key(|(allowed, _)| *allowed)?;
    if strictest.0 - leaving > 0 {
        return None;
    }
    let detail = format!(
        "budget `{}` allows {} of {total} nodes to be missing, and {leaving} are already",
        strictest.1.nodes, strictest.0
    );
    Some(Refusal { code: ReasonCode::NodePoolBudget, detail, blocking })
}

/// How many nodes a budget allows to be missing at once; percentages are rounded up.
fn allowed(budget: &NodePoolBudget, total: i64) -> i64 {
    let text = budget.nodes.trim();
    match text.strip_suffix('%') {
        Some(share) => {
            let share: i64 = share.parse().unwrap_or(0);
            (total * share.clamp(0, 100) + 99) / 100
        }
        None => text.parse().unwrap_or(0),
    }
}

/// Whether a budget holds now. One with a schedule holds from each start for its duration.
fn active(budget: &NodePoolBudget, now: Timestamp) -> bool {
    let (Some(schedule), Some(duration)) = (&budget.schedule, &budget.duration) else {
        return true;
    };
    let cron = match schedule.trim() {
        "@hourly" => "0 * * * *",
        "@daily" | "@midnight" => "0 0 * * *",
        "@weekly" => "0 0 * * 0",
        "@monthly" => "0 0 1 * *",
        "@yearly" | "@annually" => "0 0 1 1 *",
        other => other,
    };
    let (Ok(cron), Ok(window)) = (cron.parse::<croner::Cron>(), duration.parse::<SignedDuration>())
    else {
        // What cannot be read is taken to hold: that forbids and never allows.
        return true;
    };
    let now = now.to_zoned(TimeZone::UTC);
    let started = cron.find_previous_occurrence(&now, true);
    started.is_ok_and(|started| now.duration_since(&started) < window)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(state: &str, expected: Option<ReasonCode>) {
        let state: ClusterState = serde_json::from_str(state).unwrap();
        let now: Timestamp = "2026-01-05T12:00:00Z".parse().unwrap(); // a Monday
        let policy = PackingPolicy::default();
        let found = refusals(&state, &policy, now);
        assert_eq!(found.get("a").map(|refusal| refusal.code), expected, "{state:?}");
    }

    #[test]
    fn nodes_are_kept_by_their_own_marks() {
        let node = |rest: &str| format!(r#"{{"nodes":[{{"name":"a"{rest}}}]}}"#);
        check(&node(""), None);
        check(
            &node(r#","annotations":{"karpenter.sh/do-not-disrupt":"true"}"#),
            Some(ReasonCode::DoNotDisrupt),
        );
        check(&node(r#","created_at":"2026-01-05T11:55:00Z""#), Some(ReasonCode::NodeTooYoung));
        check(&node(r#","created_at":"2026-01-05T11:45:00Z""#), None);
        check(&node(r#","created_at":"2027-01-01T00:00:00Z""#), None);
        check(
            &node(r#","conditions":[{"type":"Ready","status":"False"}]"#),
            Some(ReasonCode::NodeNotReady),
        );
        check(&node(r#","deleted_at":"2026-01-05T11:00:00Z""#), Some(ReasonCode::NodeDeleting));
    }

    #[test]
    fn pools_limit_how_many_nodes_are_missing() {
        let pool = |rest: &str| {
            format!(
                r#"{{"nodes":[{{"name":"a","node_pool":"p"}},{{"name":"b","node_pool":"p"}}],
                    "pods":[{{"name":"x","node":"a"}}],
                    "policies":{{"items":{{"node_pools":[{{"name":"p"{rest}}}]}}}}}}"#
            )
        };
        let budget = |budget: &str| pool(&format!(r#","budgets":[{budget}]"#));
        check(&pool(""), None);
        check(&budget(r#"{"nodes":"0"}"#), Some(ReasonCode::NodePoolBudget));
        check(&budget(r#"{"nodes":"10%"}"#), None);
        check(&budget(r#"{"nodes":"0","reasons":["Empty"]}"#), None);
        check(
            &budget(r#"{"nodes":"0","reasons":["Underutilized"]}"#),
            Some(ReasonCode::NodePoolBudget),
        );
        // Nine to five on working days, in UTC.
        let hours = |duration: &str| {
            budget(&format!(
                r#"{{"nodes":"0","schedule":"0 9 * * mon-fri","duration":"{duration}"}}"#
            ))
        };
        check(&hours("8h"), Some(ReasonCode::NodePoolBudget));
        check(&hours("2h"), None);
        check(
            &pool(r#","consolidation_policy":"WhenEmpty""#),
            Some(ReasonCode::ConsolidationDisabled),
        );
        check(&pool(r#","consolidate_after":"Never""#), Some(ReasonCode::ConsolidationDisabled));
    }

    #[test]
    fn an_unhealthy_cluster_is_left_alone() {
        let down = r#"{"name":"n","conditions":[{"type":"Ready","status":"False"}]}"#;
        let nodes = |count: usize| {
            let downs: Vec<String> =
                (0..count).map(|at| down.replace("\"n\"", &format!("\"n{at}\""))).collect();
            format!(r#"{{"nodes":[{{"name":"a"}},{}]}}"#, downs.join(","))
        };
        check(&nodes(3), None);
        check(&nodes(4), Some(ReasonCode::ClusterUnhealthy));
    }
}
