//! Containers that request more or less than they need.

use facts::cluster::{ClusterState, LimitRange, ResourceList};
use facts::finding::{CostCategory, Finding};
use facts::reason::ReasonCode;
use units::{Bytes, Confidence, Fraction, MilliCpu, Usd};

use super::autoscaled;
use super::evidence::RightsizingEvidence;
use super::heap;
use super::history::{Group, Histories, Measured};
use super::memory::Calibration;
use super::merge::{Merged, Need, merge};
use super::policy::RightsizingPolicy;
use super::requests::{Amount, Around, Rules, Stays, request_of};
use super::{ContainerSize, Direction, RightsizingFinding, SizeChange};
use crate::findings::Collected;

/// A container whose amounts should change.
pub(super) struct Resize {
    /// Its group.
    pub(super) group: usize,
    pub(super) requests: ResourceList,
    pub(super) limits: ResourceList,
    pub(super) direction: Direction,
    /// Why a person has to look first.
    pub(super) review: Option<String>,
}

/// What is known of the containers of a cluster.
pub(super) struct Judged {
    /// Changes, by group in order.
    pub(super) resizes: Vec<Resize>,
    /// What each group needs by its measurements, where there are enough.
    pub(super) needs: Vec<(Option<i64>, Option<i64>)>,
}

/// Judges every container.
pub(super) fn judge(
    state: &ClusterState,
    policy: &RightsizingPolicy,
    evidence: &RightsizingEvidence,
    histories: &Histories<'_>,
    collected: &mut Collected<RightsizingFinding>,
) -> Judged {
    let known = |group: &Group<'_>| group.history.as_ref()?.score(policy.memory_margin);
    let scores: Vec<f64> = histories.groups.iter().filter_map(known).collect();
    let calibration = Calibration::of(scores, policy.memory_deviations);
    let rooms = state.node_items().iter().filter_map(facts::cluster::Node::allocatable_memory);
    let (serving, jobs) = (
        calibration.deviations(policy.memory_risk),
        calibration.deviations(policy.memory_risk_of_jobs),
    );
    let rules = Rules {
        policy,
        deviations: (serving.0, jobs.0),
        most_memory: rooms.map(|memory| memory.0).max(),
    };
    let because = calibrated(policy, &calibration, serving, jobs);
    let all_ranges = state.policies.as_ref().map_or(&[][..], |part| &part.items.limit_ranges);
    let count = histories.groups.len();
    let mut judged = Judged { resizes: Vec::new(), needs: vec![(None, None); count] };
    let mut without = 0_u64;
    // Nothing that is said depends on the order in which pods were listed.
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by_key(|place| {
        let group = &histories.groups[*place];
        (group.subject, group.container.name.as_str())
    });
    for place in order {
        let group = &histories.groups[place];
        let subject = &histories.subjects[group.subject as usize];
        let Some(history) = &group.history else {
            without += 1;
            continue;
        };
        let cpu = rules.cpu_need(group, history);
        let memory = rules.memory_need(group, history, subject.is_job());
        let told = |amount: &Option<Amount>, samples: u64| {
            amount.as_ref().filter(|_| samples >= policy.min_samples).map(|amount| amount.amount)
        };
        judged.needs[place] =
            (told(&cpu, history.cpu.samples), told(&memory, history.memory.samples));
        if !policy.containers {
            continue;
        }
        let namespace = subject.key.namespace.as_str();
        let ranges: Vec<&LimitRange> =
            all_ranges.iter().filter(|range| range.namespace == namespace).collect();
        let around = Around {
            is_job: subject.is_job(),
            scaler: subject.listed.and_then(|one| one.autoscaler.as_ref()),
            ranges: &ranges,
            java: heap::sign_of_java(group),
        };
        let scene =
            Scene { policy, evidence, rules: &rules, histories, group, place, because: &because };
        scene.judge(history, &around, (cpu, memory), &mut judged.resizes, collected);
    }
    if policy.containers && without > 0 {
        collected.warn(
            ReasonCode::TooLittleHistory,
            format!(
                "{without} containers have no history of use; what they use at one instant changes \
                 nothing"
            ),
        );
    }
    if histories.unknown > 0 {
        collected.warn(
            ReasonCode::NoWorkload,
            format!("{} histories are of pods or containers that are not known", histories.unknown),
        );
    }
    judged
}

/// How memory is calibrated, for people.
fn calibrated(
    policy: &RightsizingPolicy,
    calibration: &Calibration,
    serving: (f64, bool),
    jobs: (f64, bool),
) -> [String; 2] {
    let text = |risk: f64, (deviations, found): (f64, bool)| {
        if found {
            format!(
                "{deviations:.2} deviations above the mean peak: found on the later halves of the \
                 histories of {} containers, for a risk of {:.1} %",
                calibration.containers(),
                risk * 100.0
            )
        } else {
            format!(
                "{deviations:.2} deviations above the mean peak: the policy's own, since {} \
                 containers are too few to find it out for a risk of {:.1} %",
                calibration.containers(),
                risk * 100.0
            )
        }
    };
    [text(policy.memory_risk, serving), text(policy.memory_risk_of_jobs, jobs)]
}

struct Scene<'a> {
    policy: &'a RightsizingPolicy,
    evidence: &'a RightsizingEvidence,
    rules: &'a Rules<'a>,
    histories: &'a Histories<'a>,
    group: &'a Group<'a>,
    place: usize,
    because: &'a [String; 2],
}

impl Scene<'_> {
    fn judge(
        &self,
        history: &Measured,
        around: &Around<'_>,
        (cpu, memory): (Option<Amount>, Option<Amount>),
        resizes: &mut Vec<Resize>,
        collected: &mut Collected<RightsizingFinding>,
    ) {
        let subject = &self.histories.subjects[self.group.subject as usize];
        let target = subject.target();
        let name = &self.group.container.name;
        let namespace = subject.key.namespace.as_str();
        if self.policy.excluded_namespaces.contains(namespace) {
            let detail = format!("container {name}: its namespace is excluded");
            return collected.refuse(&target, ReasonCode::ExcludedByPolicy, detail);
        }
        if subject.key.kind == "Node" {
            let detail = format!("container {name} is of a static pod");
            return collected.refuse(&target, ReasonCode::StaticPod, detail);
        }
        if around.scaler.is_some_and(autoscaled::manages) {
            let detail = format!("a vertical autoscaler looks after container {name} by itself");
            return collected.refuse(&target, ReasonCode::ManagedByAutoscaler, detail);
        }
        let finding =
            format!("container:{namespace}/{}/{}/{name}", subject.key.kind, subject.key.name);
        let merged = self.merged(&finding, history, around, &cpu, &memory);
        let (need_cpu, need_memory) = (merged.need.cpu.0, merged.need.memory.0);
        let mut refuse = |stays: Stays| {
            let numbers: Vec<(&str, f64)> = stays.numbers.into_iter().collect();
            let detail = format!("container {name}: {}", stays.detail);
            collected.refuse_with(&target, stays.code, detail, &numbers);
            None
        };
        let new_cpu = cpu.as_ref().and_then(|_| {
            self.rules.cpu(self.group, history, around, need_cpu).map_or_else(&mut refuse, Some)
        });
        let new_memory = memory.as_ref().and_then(|_| {
            self.rules
                .memory(self.group, history, around, need_memory)
                .map_or_else(&mut refuse, Some)
        });
        if new_cpu.is_none() && new_memory.is_none() {
            return;
        }
        let old = request_of(self.group.container);
        let container = self.group.container;
        let mut requests = container.requests.clone();
        requests.cpu = new_cpu.map(MilliCpu).or(requests.cpu);
        requests.memory = new_memory.map(Bytes).or(requests.memory);
        let limits =
            self.rules.limits(self.group, around.ranges, new_cpu, new_memory, history.startup_cpu);
        let changes = [
            new_cpu.map(|new| new - old.cpu.map_or(0, |cpu| cpu.0)),
            new_memory.map(|new| new - old.memory.map_or(0, |memory| memory.0)),
        ];
        let grows = changes.iter().flatten().any(|change| *change > 0);
        let shrinks = changes.iter().flatten().any(|change| *change < 0);
        let direction = match (grows, shrinks) {
            (true, true) => Direction::Both,
            (true, false) => Direction::Upsize,
            _ => Direction::Downsize,
        };
        let review = merged.review_reason.clone().or_else(|| {
            (subject.key.kind == "Job").then(|| {
                "a Job that exists cannot be changed; whoever makes the next one has to ask for \
                 these amounts"
                    .to_owned()
            })
        });
        let size = ContainerSize {
            container: name.clone(),
            pods: self.group.pods.len() as u32,
            requests_before: container.requests.clone(),
            requests: requests.clone(),
            limits_before: container.limits.clone(),
            limits: limits.clone(),
            freed_cpu: MilliCpu(-changes[0].unwrap_or(0) * self.group.pods.len() as i64),
            freed_memory: Bytes(
                (-changes[1].unwrap_or(0)).saturating_mul(self.group.pods.len() as i64),
            ),
            cpu_samples: history.cpu.samples,
            memory_samples: history.memory.samples,
            days: (history.days() * 100.0).round() / 100.0,
            startup_cpu: history.startup_cpu,
        };
        let formula: Vec<String> = [("cpu", &cpu, new_cpu), ("memory", &memory, new_memory)]
            .into_iter()
            .filter_map(|(name, amount, new)| {
                let amount = amount.as_ref().filter(|_| new.is_some())?;
                Some(format!("{name} = {}", amount.formula))
            })
            .collect();
        let because = self.because(history, around, &size, new_memory.is_some());
        collected.found.push(RightsizingFinding {
            finding: Finding {
                finding,
                subject: target,
                cost_category: CostCategory::Compute,
                summary: summary(&subject.key.to_string(), &size, direction),
                cost_usd_per_month: None,
                savings_usd_per_month: Some(Usd::ZERO),
                formula: format!(
                    "{}; requests cost nothing by themselves, the nodes that they fill do",
                    formula.join("; ")
                ),
                confidence: merged.confidence,
                requires_review: review.is_some(),
                review_reason: review.clone(),
                owner: None,
                because,
            },
            direction,
            change: SizeChange::Container(Box::new(size)),
        });
        resizes.push(Resize { group: self.place, requests, limits, direction, review });
    }

    /// What rules say, joined with a forecast where there is one.
    fn merged(
        &self,
        finding: &str,
        history: &Measured,
        around: &Around<'_>,
        cpu: &Option<Amount>,
        memory: &Option<Amount>,
    ) -> Merged {
        let amount = |one: &Option<Amount>| one.as_ref().map_or(0, |amount| amount.amount);
        let ruled = Need { cpu: MilliCpu(amount(cpu)), memory: Bytes(amount(memory)) };
        let enough = (history.days() / self.policy.min_days.max(0.1) / 2.0).min(1.0);
        let java = if around.java.is_some() { 0.8 } else { 1.0 };
        let sure = Confidence::new(Fraction::clamped((0.5 + 0.4 * enough) * java));
        merge(ruled, sure, self.evidence.forecast(finding), self.policy.review_divergence)
    }

    fn because(
        &self,
        history: &Measured,
        around: &Around<'_>,
        size: &ContainerSize,
        memory: bool,
    ) -> Vec<String> {
        let what = match (around.is_job, history.runs) {
            (true, 1) => "run",
            (true, _) => "runs",
            (false, 1) => "history",
            (false, _) => "histories",
        };
        let mut because = vec![format!("{} {what} over {} days", history.runs, size.days)];
        if memory {
            because.push(self.because[usize::from(around.is_job)].clone());
        }
        if let Some(startup) = history.startup_cpu {
            because.push(format!(
                "its first minutes take {startup} of processors, which the request leaves out"
            ));
        }
        if memory && let Some(sign) = &around.java {
            because.push(format!("{sign}; see that its heap fits into the new limit"));
        }
        because
    }
}

fn summary(name: &str, size: &ContainerSize, direction: Direction) -> String {
    let mut parts = Vec::new();
    let shown = |amount: Option<String>| amount.unwrap_or_else(|| "nothing".to_owned());
    let (before, after) = (&size.requests_before, &size.requests);
    if before.cpu != after.cpu {
        let text = |list: &ResourceList| shown(list.cpu.map(|cpu| cpu.to_string()));
        parts.push(format!("{} of processors instead of {}", text(after), text(before)));
    }
    if before.memory != after.memory {
        let text = |list: &ResourceList| shown(list.memory.map(|memory| memory.to_string()));
        parts.push(format!("{} of memory instead of {}", text(after), text(before)));
    }
    let verb = match direction {
        Direction::Upsize => "needs more",
        Direction::Downsize => "needs less",
        Direction::Both => "needs more of one and less of the other",
    };
    format!("container {} of {name} {verb}: request {}", size.container, parts.join(" and "))
}
