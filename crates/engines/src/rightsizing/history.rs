//! What was measured of each container of each workload, over all of its pods and runs.

use std::collections::BTreeSet;

use facts::action::Target;
use facts::cluster::{
    CPU_HALF_LIFE_SECONDS, ClusterState, Container, Histogram, MemoryPeak, Pod, ResourceList,
    UsageHistory, Workload,
};
use jiff::Timestamp;
use units::MilliCpu;

use super::memory;
use crate::name_index::NameIndex;
use crate::traffic_view::{WorkloadKey, Workloads};

/// A container of a workload.
pub(super) struct Group<'a> {
    /// The workload, by its place among the subjects.
    pub(super) subject: u32,
    /// The container as the newest pod has it.
    pub(super) container: &'a Container,
    /// The newest pod.
    pub(super) newest: &'a Pod,
    /// Pods that run it, by their places in the snapshot.
    pub(super) pods: Vec<u32>,
    /// What was measured over days; `None` where nothing was.
    pub(super) history: Option<Measured>,
    /// The most that any pod uses at this instant.
    pub(super) now: ResourceList,
    /// Whether it was killed for its memory.
    pub(super) was_killed: bool,
}

/// Histories of all pods together.
#[derive(Clone, Debug, Default)]
pub(super) struct Measured {
    pub(super) cpu: Histogram,
    pub(super) memory: Histogram,
    pub(super) peaks: Vec<MemoryPeak>,
    pub(super) first_at: Option<Timestamp>,
    pub(super) last_at: Option<Timestamp>,
    pub(super) startup_cpu: Option<MilliCpu>,
    pub(super) throttled: Option<f64>,
    /// How many histories it was made of: pods, or runs of a job.
    pub(super) runs: u64,
}

/// Everything that was measured.
pub(super) struct Histories<'a> {
    /// Workloads as a person would change them; runs of a CronJob are one.
    pub(super) subjects: Vec<Subject<'a>>,
    /// Containers, by subject and name.
    pub(super) groups: Vec<Group<'a>>,
    /// The group of a container of a pod: places of groups by subject.
    by_subject: Vec<Vec<u32>>,
    /// The subject of each pod, by the pod's place in the snapshot.
    pub(super) subject_of_pod: Vec<Option<u32>>,
    /// Groups of the containers of all pods, sidecars last, and where those of each pod begin: what
    /// lies together is found without reading names.
    groups_of_pods: Vec<u32>,
    starts: Vec<u32>,
    /// Histories of pods or workloads that are not in the snapshot.
    pub(super) unknown: u64,
}

/// A workload as a person would change it.
pub(super) struct Subject<'a> {
    pub(super) key: WorkloadKey,
    /// As it was listed.
    pub(super) listed: Option<&'a Workload>,
}

impl Subject<'_> {
    pub(super) fn target(&self) -> Target {
        Target {
            kind: self.key.kind.clone(),
            namespace: Some(self.key.namespace.clone()),
            name: self.key.name.clone(),
            uid: self.listed.and_then(|one| one.uid.clone()),
            arn: None,
        }
    }

    /// Whether its pods run to their end.
    pub(super) fn is_job(&self) -> bool {
        self.key.kind == "Job" || self.key.kind == "CronJob"
    }
}

impl<'a> Histories<'a> {
    pub(super) fn of(state: &'a ClusterState) -> Histories<'a> {
        let workloads = Workloads::of(state);
        let (subjects, subject_of) = subjects(state, &workloads);
        let pods = state.pod_items();
        let subject_of_pod: Vec<Option<u32>> =
            workloads.of_pod.iter().map(|one| one.map(|one| subject_of[one as usize])).collect();
        let mut all = Histories {
            by_subject: vec![Vec::new(); subjects.len()],
            subjects,
            groups: Vec::new(),
            groups_of_pods: Vec::with_capacity(pods.len()),
            starts: Vec::with_capacity(pods.len() + 1),
            subject_of_pod,
            unknown: 0,
        };
        let killed = killed_pods(state);
        for (place, pod) in pods.iter().enumerate() {
            all.starts.push(all.groups_of_pods.len() as u32);
            if let Some(subject) = all.subject_of_pod[place] {
                all.add_pod(subject, place as u32, pod, &killed);
            }
        }
        all.starts.push(all.groups_of_pods.len() as u32);
        if let Some(usage) = &state.usage {
            let mut places = Places::of(pods);
            for used in &usage.items.containers {
                let Some(pod) = places.get(&used.namespace, &used.pod) else { continue };
                let Some(group) = all.group_of_pod(pod, &used.container) else { continue };
                let now = &mut all.groups[group].now;
                now.cpu = now.cpu.max(used.used.cpu);
                now.memory = now.memory.max(used.used.memory);
            }
            all.add_histories(&usage.items.histories, &mut places);
        }
        all
    }

    fn add_pod(&mut self, subject: u32, place: u32, pod: &'a Pod, killed: &BTreeSet<(&str, &str)>) {
        let by_event = !killed.is_empty() && killed.contains(&(pod.namespace(), pod.name.as_str()));
        let sidecars = pod.init_containers.iter().filter(|one| one.sidecar);
        for container in pod.containers.iter().chain(sidecars) {
            let records = [&container.terminated, &container.last_terminated];
            let was_killed =
                by_event || records.into_iter().flatten().any(|end| end.reason == "OOMKilled");
            let newer = |other: &Pod| {
                (pod.is_active(), pod.created_at, &pod.name)
                    > (other.is_active(), other.created_at, &other.name)
            };
            let known = self.group(subject, &container.name);
            self.groups_of_pods.push(known.unwrap_or(self.groups.len()) as u32);
            match known {
                Some(group) => {
                    let group = &mut self.groups[group];
                    if newer(group.newest) {
                        (group.newest, group.container) = (pod, container);
                    }
                    group.was_killed |= was_killed;
                    if pod.is_active() {
                        group.pods.push(place);
                    }
                }
                None => {
                    self.by_subject[subject as usize].push(self.groups.len() as u32);
                    self.groups.push(Group {
                        subject,
                        container,
                        newest: pod,
                        pods: if pod.is_active() { vec![place] } else { Vec::new() },
                        history: None,
                        now: ResourceList::default(),
                        was_killed,
                    });
                }
            }
        }
    }

    /// The group of a container of a subject.
    fn group(&self, subject: u32, container: &str) -> Option<usize> {
        let groups = self.by_subject.get(subject as usize)?.iter();
        groups
            .map(|group| *group as usize)
            .find(|group| self.groups[*group].container.name == container)
    }

    /// The groups of the containers of a pod, and then of its sidecars, by the pod's place in the
    /// snapshot; none where no workload stands behind it.
    pub(super) fn groups_of(&self, pod: usize) -> &[u32] {
        &self.groups_of_pods[self.starts[pod] as usize..self.starts[pod + 1] as usize]
    }

    /// The group of a container of a pod, by the pod's place in the snapshot.
    fn group_of_pod(&self, pod: usize, container: &str) -> Option<usize> {
        self.group(self.subject_of_pod[pod]?, container)
    }

    fn add_histories(&mut self, histories: &'a [UsageHistory], places: &mut Places<'_>) {
        let mut of_group: Vec<Vec<&UsageHistory>> = vec![Vec::new(); self.groups.len()];
        for history in histories {
            let subject = match (&history.pod, &history.workload) {
                (Some(pod), _) => match places.get(&history.namespace, pod) {
                    Some(place) => self.subject_of_pod[place],
                    None => self.subject_by_name(&history.namespace, pod),
                },
                (None, Some(workload)) => workload
                    .split_once('/')
                    .and_then(|(kind, name)| self.find(&history.namespace, kind, name)),
                (None, None) => None,
            };
            match subject.and_then(|subject| self.group(subject, &history.container)) {
                Some(group) => of_group[group].push(history),
                None => self.unknown += 1,
            }
        }
        for (group, histories) in of_group.into_iter().enumerate() {
            if !histories.is_empty() {
                self.groups[group].history = Some(together(histories));
            }
        }
    }

    fn find(&self, namespace: &str, kind: &str, name: &str) -> Option<u32> {
        let key = |one: &Subject<'_>| {
            (one.key.namespace.as_str(), one.key.kind.as_str(), one.key.name.as_str())
                .cmp(&(namespace, kind, name))
        };
        self.subjects.binary_search_by(key).ok().map(|place| place as u32)
    }

    /// The workload of a pod that is gone, as its kinds name their pods.
    fn subject_by_name(&self, namespace: &str, pod: &str) -> Option<u32> {
        let (stem, last) = pod.rsplit_once('-')?;
        let random = |text: &str, lengths: std::ops::RangeInclusive<usize>| {
            lengths.contains(&text.len())
                && text.bytes().all(|one| one.is_ascii_digit() || one.is_ascii_lowercase())
        };
        let number = |text: &str| !text.is_empty() && text.bytes().all(|one| one.is_ascii_digit());
        if number(last)
            && let Some(found) = self.find(namespace, "StatefulSet", stem)
        {
            return Some(found);
        }
        if !random(last, 5..=5) {
            return None;
        }
        let made_by = stem.rsplit_once('-').and_then(|(name, hash)| {
            let of_deployment =
                random(hash, 5..=10).then(|| self.find(namespace, "Deployment", name)).flatten();
            of_deployment
                .or_else(|| number(hash).then(|| self.find(namespace, "CronJob", name)).flatten())
        });
        let kinds = ["DaemonSet", "ReplicaSet", "Job"];
        made_by.or_else(|| kinds.into_iter().find_map(|kind| self.find(namespace, kind, stem)))
    }
}

/// Where pods stand in the snapshot. Pods and measurements are in the order of names as a rule, so the
/// pod that was found last and the one after it are tried before the whole is looked through.
struct Places<'a> {
    pods: &'a [Pod],
    last: usize,
    index: Option<NameIndex<'a>>,
}

impl<'a> Places<'a> {
    fn of(pods: &'a [Pod]) -> Places<'a> {
        Places { pods, last: 0, index: None }
    }

    fn get(&mut self, namespace: &str, name: &str) -> Option<usize> {
        let pods = self.pods;
        let near = (self.last..pods.len().min(self.last + 2))
            .find(|at| pods[*at].name == name && pods[*at].namespace() == namespace);
        let found = near.or_else(|| {
            let names = || pods.iter().map(|pod| (pod.namespace(), pod.name.as_str()));
            self.index.get_or_insert_with(|| NameIndex::of(names())).get(namespace, name)
        })?;
        self.last = found;
        Some(found)
    }
}

/// Workloads as a person would change them, in order, and which of them each workload is.
fn subjects<'a>(state: &'a ClusterState, workloads: &Workloads) -> (Vec<Subject<'a>>, Vec<u32>) {
    let listed = state.workloads.as_ref().map_or(&[][..], |section| &section.items);
    let mut by_key: Vec<(WorkloadKey, &Workload)> = listed
        .iter()
        .map(|one| {
            let key = WorkloadKey {
                namespace: one.namespace.clone(),
                kind: format!("{:?}", one.kind),
                name: one.name.clone(),
            };
            (key, one)
        })
        .collect();
    by_key.sort_by(|a, b| a.0.cmp(&b.0));
    by_key.dedup_by(|next, first| next.0 == first.0);
    let find = |key: &WorkloadKey| {
        by_key.binary_search_by(|(one, _)| one.cmp(key)).ok().map(|at| by_key[at].1)
    };
    // A Job that is not in the snapshot: CronJobs name theirs after themselves and the minute.
    let schedule = |key: &WorkloadKey| {
        let (stem, minute) = key.name.rsplit_once('-').filter(|_| key.kind == "Job")?;
        let whole = minute.len() >= 8 && minute.bytes().all(|one| one.is_ascii_digit());
        let parent = WorkloadKey {
            namespace: key.namespace.clone(),
            kind: "CronJob".to_owned(),
            name: stem.to_owned(),
        };
        (whole && find(&parent).is_some()).then_some(parent)
    };
    let of_workload: Vec<WorkloadKey> =
        workloads.keys.iter().map(|key| schedule(key).unwrap_or_else(|| key.clone())).collect();
    let mut keys = of_workload.clone();
    keys.sort();
    keys.dedup();
    let place = |key: &WorkloadKey| keys.binary_search(key).unwrap_or(0) as u32;
    let subject_of = of_workload.iter().map(place).collect();
    let subjects = keys.into_iter().map(|key| Subject { listed: find(&key), key }).collect();
    (subjects, subject_of)
}

/// Pods of which events say that a container ran out of memory.
fn killed_pods(state: &ClusterState) -> BTreeSet<(&str, &str)> {
    let events = state.events.as_ref().map_or(&[][..], |section| &section.items);
    events
        .iter()
        .filter(|event| event.object_kind == "Pod")
        .filter(|event| event.reason == "OOMKilled" || event.reason == "OOMKilling")
        .map(|event| (event.namespace.as_str(), event.object.as_str()))
        .collect()
}

/// One history of many: weights of older ones fade as those within a history do.
fn together(mut histories: Vec<&UsageHistory>) -> Measured {
    // Sums of floats depend on their order; names lie far apart in memory and are read last.
    let key = |one: &UsageHistory| {
        (one.last_at, one.first_at, one.cpu.as_ref().map_or(0, |cpu| cpu.samples))
    };
    let weight = |one: &UsageHistory| one.cpu.as_ref().and_then(|cpu| cpu.peak).unwrap_or(0.0);
    histories.sort_by(|a, b| {
        key(a)
            .cmp(&key(b))
            .then_with(|| weight(a).total_cmp(&weight(b)))
            .then_with(|| (&a.pod, &a.workload).cmp(&(&b.pod, &b.workload)))
    });
    let newest = histories.iter().filter_map(|one| one.last_at).max();
    let mut all = Measured { runs: histories.len() as u64, ..Measured::default() };
    for one in histories {
        let age = match (newest, one.last_at) {
            (Some(newest), Some(last)) => newest.duration_since(last).as_secs_f64(),
            _ => 0.0,
        };
        let faded = (-age / CPU_HALF_LIFE_SECONDS).exp2();
        if let Some(cpu) = &one.cpu {
            all.cpu.merge(cpu, faded);
        }
        if let Some(memory) = &one.memory {
            // Buckets are asked only where there are no peaks.
            if one.memory_peaks.is_empty() {
                all.memory.merge(memory, faded);
            } else {
                all.memory.samples = all.memory.samples.saturating_add(memory.samples);
            }
        }
        all.peaks = larger(std::mem::take(&mut all.peaks), &one.memory_peaks);
        all.first_at = match (all.first_at, one.first_at) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        all.last_at = all.last_at.max(one.last_at);
        all.startup_cpu = all.startup_cpu.max(one.startup_cpu);
        all.throttled = match (all.throttled, one.throttled) {
            (Some(a), Some(b)) => Some(a.max(b)),
            (a, b) => a.or(b),
        };
    }
    all
}

/// Two lists of peaks as one in order: of windows that begin together the larger peak counts, since
/// no pod may run out.
fn larger(known: Vec<MemoryPeak>, more: &[MemoryPeak]) -> Vec<MemoryPeak> {
    let mut all: Vec<MemoryPeak> = Vec::with_capacity(known.len().max(more.len()));
    let mut take = |peak: MemoryPeak| match all.last_mut() {
        Some(last) if last.from == peak.from => last.bytes = last.bytes.max(peak.bytes),
        _ => all.push(peak),
    };
    let mut sorted = std::borrow::Cow::Borrowed(more);
    if !more.is_sorted_by_key(|peak| peak.from) {
        sorted.to_mut().sort_by_key(|peak| peak.from);
    }
    let mut known = known.into_iter().peekable();
    for peak in sorted.iter() {
        while let Some(before) = known.next_if(|one| one.from <= peak.from) {
            take(before);
        }
        take(*peak);
    }
    known.for_each(take);
    all
}

impl Measured {
    /// Days between the first and the last measurement.
    pub(super) fn days(&self) -> f64 {
        match (self.first_at, self.last_at) {
            (Some(first), Some(last)) => last.duration_since(first).as_secs_f64() / 86_400.0,
            _ => 0.0,
        }
    }

    /// What its later half says of how far peaks scatter.
    pub(super) fn score(&self, margin: f64) -> Option<f64> {
        memory::score(&self.peaks, margin)
    }
}
