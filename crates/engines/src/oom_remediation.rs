//! Containers that were killed for their memory, and how much they should get.
//!
//! A kill happens at the limit, so that is what grows: to one and a half times of the larger of the
//! limit and the observed peak, by 100 MiB at least, and to twice the limit at most. What looks like
//! a leak, was killed too often, or needs more than the most that is allowed goes to a person.
//! Whether a container was out of memory is read from the reason that the kubelet wrote, never from
//! the exit code.

mod amount;
mod kills;

use std::collections::BTreeMap;

use facts::action::{Action, BlastRadius, Precondition, Reversibility, Step, Target, Verification};
use facts::cluster::{ClusterState, Container, Pod, ResourceList, SectionName, UsageHistory};
use facts::decision::Verdict;
use facts::finding::{CostCategory, Finding};
use facts::reason::ReasonCode;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::{Bytes, Confidence, Fraction, Usd};

use crate::engine::{Engine, Given, Sources};
use crate::findings::{self, Collected, HasFinding};
use crate::traffic_view::Workloads;
pub(crate) use amount::grows_steadily;
use amount::{Amount, Trouble, amount};
use kills::{Kill, kills};

/// The engine for containers that ran out of memory.
#[derive(Clone, Copy, Debug)]
pub struct OomRemediation;

/// What an operator may choose.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OomPolicy {
    /// Hours before the decision that are looked at.
    pub window_hours: f64,
    /// The new limit is this multiple of the base, at least.
    pub growth: f64,
    /// The new limit is this much above the base, at least.
    pub least_step: Bytes,
    /// The new limit is at most this multiple of the present one.
    pub max_growth: f64,
    /// No limit grows beyond this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_memory: Option<Bytes>,
    /// With more kills than this in the window a person has to look.
    pub max_kills: u64,
}

impl Default for OomPolicy {
    fn default() -> OomPolicy {
        OomPolicy {
            window_hours: 24.0,
            growth: 1.5,
            least_step: Bytes::from_mib(100),
            max_growth: 2.0,
            max_memory: None,
            max_kills: 3,
        }
    }
}

/// Limits of a caller.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OomConstraints {
    /// No limit grows beyond this.
    pub max_memory: Option<Bytes>,
    /// A person has to look with more kills than this.
    pub max_kills: Option<u64>,
}

/// What should become of a container that was killed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OomFinding {
    /// The finding.
    #[serde(flatten)]
    pub finding: Finding,
    /// What to do.
    pub remedy: OomRemedy,
    /// The container.
    pub container: String,
    /// Pods of the workload in which it was killed.
    pub pods: Vec<String>,
    /// How often it was killed in the window, in the pod where that was most often.
    pub kills: u64,
    /// The last time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_killed_at: Option<Timestamp>,
    /// Its limit now; absent when it has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<Bytes>,
    /// Its request now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<Bytes>,
    /// The most that it was seen to use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_peak: Option<Bytes>,
    /// Its limit afterwards.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new_limit: Option<Bytes>,
    /// Its request afterwards.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new_request: Option<Bytes>,
}

/// What to do about a container that was killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OomRemedy {
    /// Give it more memory.
    RaiseMemory,
    /// A person has to look.
    ManualReview,
}

impl HasFinding for OomFinding {
    fn finding(&self) -> &Finding {
        &self.finding
    }
}

impl Engine for OomRemediation {
    const NAME: &'static str = "oomkilled_remediation";
    const DECISION: &'static str = "oomkilled_remediate";
    const VERSION: &'static str = "1";
    const SUMMARY: &'static str =
        "Gives containers that were killed for their memory more of it, and leaks to a person.";

    type Policy = OomPolicy;
    type Constraints = OomConstraints;
    type Recommendation = OomFinding;
    type Need = ();
    type Evidence = ();

    fn tighten(policy: &mut OomPolicy, constraints: OomConstraints) {
        if let Some(most) = constraints.max_memory {
            policy.max_memory = Some(policy.max_memory.map_or(most, |own| own.min(most)));
        }
        if let Some(most) = constraints.max_kills {
            policy.max_kills = policy.max_kills.min(most);
        }
    }

    fn work_budget(_: &OomPolicy) -> u64 {
        0
    }

    fn is_quick(_: &OomPolicy) -> bool {
        true
    }

    fn need(_: &ClusterState, _: &OomPolicy, _: Timestamp) {}

    fn gather((): &(), _: &Sources<'_>) {}

    fn decide(
        state: &ClusterState,
        policy: &OomPolicy,
        given: &Given<'_, ()>,
    ) -> Verdict<OomFinding> {
        if state.pods.is_none() {
            return findings::unanswered(SectionName::Pods, "there are no containers to look at");
        }
        let known = findings::known(state, &[SectionName::Pods]);
        let workloads = Workloads::of(state);
        let peaks = Peaks::of(state);
        let mut collected: Collected<OomFinding> = Collected::default();
        let mut grouped: BTreeMap<(u32, &str), Vec<Kill<'_>>> = BTreeMap::new();
        for kill in kills(state, policy, given.now, &mut collected) {
            match workloads.of_pod[kill.place] {
                Some(workload) => {
                    grouped.entry((workload, kill.container.name.as_str())).or_default().push(kill);
                }
                None => {
                    let detail = format!(
                        "container {} was out of memory, but nothing would make the pod again with \
                         more",
                        kill.container.name
                    );
                    collected.refuse(&kill.subject(), ReasonCode::NoWorkload, detail);
                }
            }
        }
        for ((workload, container), kills) in grouped {
            let scene = Scene { state, policy, workloads: &workloads, peaks: &peaks };
            scene.judge(workload, container, &kills, &mut collected);
        }
        "giving a container more memory saves nothing by itself; what it costs depends on the nodes"
            .clone_into(&mut collected.formula);
        let mut verdict = collected.into_verdict(Vec::new(), known);
        verdict.execution_plan = plan(state, &workloads, &verdict.recommendations);
        verdict
    }
}

/// Peaks of memory by namespace, pod or workload, and container.
struct Peaks<'a> {
    histories: BTreeMap<(&'a str, String, &'a str), &'a UsageHistory>,
    now: BTreeMap<(&'a str, &'a str, &'a str), Bytes>,
}

impl<'a> Peaks<'a> {
    fn of(state: &'a ClusterState) -> Peaks<'a> {
        let mut peaks = Peaks { histories: BTreeMap::new(), now: BTreeMap::new() };
        let Some(usage) = &state.usage else { return peaks };
        for history in &usage.items.histories {
            let of = match (&history.pod, &history.workload) {
                (Some(pod), _) => format!("pod {pod}"),
                (None, Some(workload)) => format!("workload {workload}"),
                (None, None) => continue,
            };
            peaks.histories.insert((&history.namespace, of, &history.container), history);
        }
        for used in &usage.items.containers {
            if let Some(memory) = used.used.memory {
                let key = (used.namespace.as_str(), used.pod.as_str(), used.container.as_str());
                let entry = peaks.now.entry(key).or_insert(memory);
                *entry = (*entry).max(memory);
            }
        }
        peaks
    }

    fn histories(
        &self,
        namespace: &str,
        pod: &str,
        workload: &str,
        container: &str,
    ) -> impl Iterator<Item = &'a UsageHistory> {
        [format!("pod {pod}"), format!("workload {workload}")]
            .into_iter()
            .filter_map(move |of| self.histories.get(&(namespace, of, container)).copied())
    }
}

struct Scene<'a> {
    state: &'a ClusterState,
    policy: &'a OomPolicy,
    workloads: &'a Workloads,
    peaks: &'a Peaks<'a>,
}

impl Scene<'_> {
    fn judge(
        &self,
        workload: u32,
        container: &str,
        kills: &[Kill<'_>],
        collected: &mut Collected<OomFinding>,
    ) {
        let key = &self.workloads.keys[workload as usize];
        let subject = self.workloads.target(workload);
        // While a change is rolled out, pods of a workload differ; the one with most memory counts.
        let most = kills.iter().max_by(|a, b| {
            let key = |kill: &Kill<'_>| memory_of(kill.container);
            key(a).cmp(&key(b)).then_with(|| b.pod.name.cmp(&a.pod.name))
        });
        let Some(first) = most else { return };
        let name = format!("{}/{}", key.kind, key.name);
        let listed = self.state.workloads.as_ref().map_or(&[][..], |section| &section.items);
        let managed = listed.iter().any(|one| {
            one.namespace == key.namespace
                && one.name == key.name
                && one.autoscaler.as_ref().is_some_and(|scaler| {
                    scaler.kind == "VerticalPodAutoscaler"
                        && scaler.update_mode.as_deref().is_none_or(|mode| mode != "Off")
                })
        });
        if managed {
            let detail = format!("a vertical autoscaler raises container {container} by itself");
            return collected.refuse(&subject, ReasonCode::ManagedByAutoscaler, detail);
        }
        let mut peak: Option<Bytes> = None;
        let mut grows = false;
        for kill in kills {
            for history in self.peaks.histories(&key.namespace, &kill.pod.name, &name, container) {
                let seen = history.memory_peaks.iter().map(|one| one.bytes).max();
                let of_histogram = history
                    .memory
                    .as_ref()
                    .and_then(|memory| memory.peak)
                    .map(|bytes| Bytes(bytes as i64));
                peak = peak.max(seen).max(of_histogram);
                grows |= grows_steadily(&history.memory_peaks);
            }
            let now = (key.namespace.as_str(), kill.pod.name.as_str(), container);
            peak = peak.max(self.peaks.now.get(&now).copied());
        }
        let most = kills.iter().map(|kill| kill.count).max().unwrap_or(0);
        let (limit, request) = memory_of(first.container);
        let amount = if grows {
            Err(Trouble::SteadyGrowth)
        } else if most > self.policy.max_kills {
            Err(Trouble::KilledTooOften { kills: most, most: self.policy.max_kills })
        } else {
            amount(self.policy, limit, request, peak)
        };
        collected.look_at(Some(Usd::ZERO));
        collected.found.push(self.finding(subject, &name, kills, (limit, request, peak), amount));
    }

    fn finding(
        &self,
        subject: Target,
        name: &str,
        kills: &[Kill<'_>],
        (limit, request, peak): (Option<Bytes>, Option<Bytes>, Option<Bytes>),
        amount: Result<Amount, Trouble>,
    ) -> OomFinding {
        let container = kills[0].container.name.clone();
        let most = kills.iter().map(|kill| kill.count).max().unwrap_or(0);
        let mut because: Vec<String> = kills.iter().map(Kill::evidence).collect();
        because.sort();
        because.dedup();
        because.truncate(5);
        let (remedy, summary, review_reason, formula, confidence) = match &amount {
            Ok(amount) => (
                OomRemedy::RaiseMemory,
                match (limit, amount.limit, amount.request) {
                    (Some(limit), Some(new), _) => format!(
                        "container {container} of {name} ran out of memory; raise its limit of \
                         {limit} to {new}"
                    ),
                    (_, _, new) => format!(
                        "container {container} of {name} ran out of memory and has no limit; raise \
                         its request to {}",
                        new.map_or_else(String::new, |new| new.to_string())
                    ),
                },
                None,
                amount.formula.clone(),
                if peak.is_some() { 0.8 } else { 0.6 },
            ),
            Err(trouble) => (
                OomRemedy::ManualReview,
                format!("container {container} of {name} ran out of memory; {}", trouble.summary()),
                Some(trouble.reason()),
                "no amount is proposed".to_owned(),
                0.7,
            ),
        };
        let amount = amount.ok();
        let mut pods: Vec<String> = kills.iter().map(|kill| kill.pod.name.clone()).collect();
        pods.sort();
        pods.dedup();
        OomFinding {
            finding: Finding {
                finding: format!(
                    "out_of_memory:{}/{name}/{container}",
                    subject.namespace.as_deref().unwrap_or("")
                ),
                subject,
                cost_category: CostCategory::Compute,
                summary,
                cost_usd_per_month: None,
                savings_usd_per_month: Some(Usd::ZERO),
                formula,
                confidence: Confidence::new(Fraction::clamped(confidence)),
                requires_review: review_reason.is_some(),
                review_reason,
                owner: None,
                because,
            },
            remedy,
            container,
            pods,
            kills: most,
            last_killed_at: kills.iter().filter_map(|kill| kill.at).max(),
            limit,
            request,
            observed_peak: peak,
            new_limit: amount.as_ref().and_then(|amount| amount.limit),
            new_request: amount.and_then(|amount| amount.request),
        }
    }
}

fn memory_of(container: &Container) -> (Option<Bytes>, Option<Bytes>) {
    // Kubernetes takes the limit for a request that nobody stated.
    let limit = container.limits.memory;
    (limit, container.requests.memory.or(limit))
}

/// The container that a finding is about, as the pods of its workload have it, and whether it is an
/// init container.
fn container_of<'a>(
    state: &'a ClusterState,
    pods: &[u32],
    one: &OomFinding,
) -> Option<(&'a Container, bool)> {
    let mut pods: Vec<&Pod> = pods.iter().map(|pod| &state.pod_items()[*pod as usize]).collect();
    pods.sort_by(|a, b| a.name.cmp(&b.name));
    let mut all = pods.into_iter().flat_map(|pod| {
        let inits = pod.init_containers.iter().map(|container| (container, true));
        pod.containers.iter().map(|container| (container, false)).chain(inits)
    });
    all.find(|(container, _)| {
        container.name == one.container && memory_of(container) == (one.limit, one.request)
    })
}

fn plan(state: &ClusterState, workloads: &Workloads, found: &[OomFinding]) -> Vec<Step> {
    let steps = found.iter().zip(1_u32..).map(|(one, number)| {
        let subject = &one.finding.subject;
        let place = workloads.keys.iter().position(|key| {
            key.name == subject.name
                && key.kind == subject.kind
                && Some(&key.namespace) == subject.namespace.as_ref()
        });
        let pods = place.map_or(0, |place| workloads.pods[place].len() as u32);
        let container = place.and_then(|place| container_of(state, &workloads.pods[place], one));
        let action = match (one.remedy, container) {
            (OomRemedy::RaiseMemory, Some((container, init))) => Action::ResizeContainer {
                container: one.container.clone(),
                init_container: init,
                requests_before: container.requests.clone(),
                requests: ResourceList { memory: one.new_request, ..container.requests.clone() },
                limits_before: container.limits.clone(),
                limits: ResourceList { memory: one.new_limit, ..container.limits.clone() },
            },
            _ => Action::Review { reason: one.finding.review_reason.clone().unwrap_or_default() },
        };
        let changes = matches!(action, Action::ResizeContainer { .. });
        Step {
            step: number,
            action,
            target: subject.clone(),
            preconditions: vec![Precondition::TargetUnchanged],
            reversibility: Reversibility {
                reversible: true,
                how: "put the amounts back".to_owned(),
            },
            verification: Verification {
                expect: format!("container {} is not killed for its memory again", one.container),
                within_seconds: 86_400,
            },
            blast_radius: BlastRadius {
                pods: if changes { pods } else { 0 },
                workloads: vec![format!(
                    "{} {}/{}",
                    subject.kind,
                    subject.namespace.as_deref().unwrap_or(""),
                    subject.name
                )],
                ..BlastRadius::default()
            },
            expected_seconds: 300,
        }
    });
    steps.collect()
}
