//! Which containers were killed for their memory, when and how often.

use std::collections::BTreeMap;

use facts::action::Target;
use facts::cluster::{ClusterState, Container, Pod, TerminationRecord};
use facts::reason::ReasonCode;
use jiff::Timestamp;

use super::{OomFinding, OomPolicy};
use crate::account_view::days;
use crate::findings::Collected;

/// A container that ran out of memory.
pub(super) struct Kill<'a> {
    /// The pod.
    pub(super) pod: &'a Pod,
    /// Its place in the snapshot.
    pub(super) place: usize,
    /// The container.
    pub(super) container: &'a Container,
    /// The last time.
    pub(super) at: Option<Timestamp>,
    /// How often within the window, as far as the snapshot tells.
    pub(super) count: u64,
    /// Whether the node was short of memory, and not the container's own limit.
    pub(super) by_pressure: bool,
}

impl Kill<'_> {
    pub(super) fn subject(&self) -> Target {
        subject(self.pod)
    }

    /// What says so, for people.
    pub(super) fn evidence(&self) -> String {
        let name = &self.pod.name;
        let when = self.at.map(|at| format!(" at {at}")).unwrap_or_default();
        if self.by_pressure {
            format!("pod {name} was evicted{when} since its node was short of memory")
        } else {
            format!("the kubelet wrote `OOMKilled` for pod {name}{when}")
        }
    }
}

fn subject(pod: &Pod) -> Target {
    Target {
        kind: "Pod".to_owned(),
        namespace: Some(pod.namespace().to_owned()),
        name: pod.name.clone(),
        uid: pod.uid.clone(),
        arn: None,
    }
}

const REASON: &str = "OOMKilled";

/// All kills within the window; what lies outside of it, or looks like a kill and is none, is
/// refused.
pub(super) fn kills<'a>(
    state: &'a ClusterState,
    policy: &OomPolicy,
    now: Timestamp,
    collected: &mut Collected<OomFinding>,
) -> Vec<Kill<'a>> {
    let mut found = Vec::new();
    let events = Events::of(state);
    for (place, pod) in state.pod_items().iter().enumerate() {
        let all = pod.containers.iter().chain(&pod.init_containers);
        for container in all {
            let records = [&container.terminated, &container.last_terminated];
            let ended: Vec<&TerminationRecord> = records.into_iter().flatten().collect();
            let killed: Vec<&&TerminationRecord> =
                ended.iter().filter(|record| record.reason == REASON).collect();
            if killed.is_empty() {
                // 137 is what a kill for any reason looks like.
                if let Some(record) = ended.iter().find(|record| record.exit_code == 137) {
                    let detail = format!(
                        "container {} ended with code 137, for the reason `{}`",
                        container.name, record.reason
                    );
                    collected.refuse(&subject(pod), ReasonCode::NotOutOfMemory, detail);
                }
                continue;
            }
            let at = killed.iter().filter_map(|record| record.finished_at).max();
            let hours = at.map(|at| days(at, now) * 24.0);
            if let Some(hours) = hours.filter(|hours| *hours > policy.window_hours) {
                let detail =
                    format!("container {} was killed {hours:.1} hours ago", container.name);
                let numbers = [("hours", hours), ("window_hours", policy.window_hours)];
                collected.refuse_with(&subject(pod), ReasonCode::OutsideWindow, detail, &numbers);
                continue;
            }
            let seen = killed.len() as u64;
            // A pod that is younger than the window was restarted within it; what it was restarted
            // for before its last two ends, nobody recorded.
            let young =
                pod.created_at.is_some_and(|made| days(made, now) * 24.0 <= policy.window_hours);
            let restarted = container.restarts.filter(|_| young).unwrap_or(0);
            let told = events.kills(pod);
            found.push(Kill {
                pod,
                place,
                container,
                at,
                count: seen.max(restarted).max(told),
                by_pressure: false,
            });
        }
        if let Some(at) = evicted_for_memory(pod, &events) {
            let recent = at.is_none_or(|at| days(at, now) * 24.0 <= policy.window_hours);
            // The largest request stands for the one that the node was short for.
            let container = pod.containers.iter().max_by_key(|one| {
                (one.requests.memory.or(one.limits.memory), std::cmp::Reverse(one.name.as_str()))
            });
            match container.filter(|_| recent) {
                Some(container) => {
                    found.push(Kill { pod, place, container, at, count: 1, by_pressure: true })
                }
                None => {
                    let detail = "it was evicted for memory outside of the window".to_owned();
                    collected.refuse(&subject(pod), ReasonCode::OutsideWindow, detail);
                }
            }
        }
    }
    found
}

/// Whether a pod was evicted since its node was short of memory, and when.
fn evicted_for_memory(pod: &Pod, events: &Events<'_>) -> Option<Option<Timestamp>> {
    let told = events.evictions.get(&(pod.namespace(), pod.name.as_str()));
    if let Some((memory, at)) = told {
        return memory.then_some(*at);
    }
    let by_status = pod.status_reason.as_deref() == Some("Evicted")
        && pod.status_message.as_deref().is_some_and(|text| text.contains("memory"));
    by_status.then_some(None)
}

/// Events about pods that tell of memory.
struct Events<'a> {
    kills: BTreeMap<(&'a str, &'a str), u64>,
    evictions: BTreeMap<(&'a str, &'a str), (bool, Option<Timestamp>)>,
}

impl<'a> Events<'a> {
    fn of(state: &'a ClusterState) -> Events<'a> {
        let mut events = Events { kills: BTreeMap::new(), evictions: BTreeMap::new() };
        let listed = state.events.as_ref().map_or(&[][..], |section| &section.items);
        for event in listed.iter().filter(|event| event.object_kind == "Pod") {
            let key = (event.namespace.as_str(), event.object.as_str());
            match event.reason.as_str() {
                "OOMKilled" | "OOMKilling" => {
                    *events.kills.entry(key).or_default() += event.count.max(1);
                }
                "Evicted" => {
                    let memory = event.message.contains("memory");
                    events.evictions.insert(key, (memory, event.last_at));
                }
                _ => {}
            }
        }
        events
    }

    fn kills(&self, pod: &Pod) -> u64 {
        self.kills.get(&(pod.namespace(), pod.name.as_str())).copied().unwrap_or(0)
    }
}
