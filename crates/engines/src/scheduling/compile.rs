//! Builds the packing model of a cluster.

use std::collections::{BTreeMap, BTreeSet};

use facts::action::Target;
use facts::cluster::{ClusterState, Node, Pod};
use facts::decision::{Rejection, Warning};
use facts::reason::ReasonCode;
use jiff::Timestamp;
use packing::placement::{
    ClassRules, Item, Membership, Model, ModelError, Node as Bin, Parts, State,
};

use super::demand::{Demand, demand_of};
use super::eviction::{Budgets, EvictionRules, Refusal, refusal};
use super::groups::{self, GroupMeaning};
use super::guards::Guards;
use super::kinds::{Kinds, StaticRules};
use super::matching;
use super::storage::Storage;

/// The kubelet's own limit where a node does not state one.
/// <https://kubernetes.io/docs/setup/best-practices/cluster-large/>
const DEFAULT_POD_LIMIT: i64 = 110;

/// More than any machine has: stands for "not limited".
const UNLIMITED: i64 = 1 << 50;

/// A pod of the model.
#[derive(Clone, Copy, Debug)]
pub struct PodRef<'a> {
    /// The pod.
    pub pod: &'a Pod,
    /// Whether it waits for a node.
    pub pending: bool,
}

/// A cluster in integers, and the way back.
pub struct Compiled<'a> {
    /// The model.
    pub model: Model,
    /// Names of the model's dimensions: `cpu` (milli), `memory` (bytes), `pods`, and further ones.
    pub dimensions: Vec<String>,
    /// The node behind each node of the model.
    pub nodes: Vec<&'a Node>,
    /// The pod behind each item of the model.
    pub pods: Vec<PodRef<'a>>,
    /// Why an item may not be moved.
    pub refusals: Vec<Option<Refusal>>,
    /// What each group of the model stands for.
    pub meanings: Vec<GroupMeaning>,
    /// One pod of every daemon set, by namespace and name: they come with every new node.
    pub daemons: Vec<&'a Pod>,
    /// What could not be used.
    pub rejected: Vec<Rejection>,
    /// What the reader should know.
    pub warnings: Vec<Warning>,
    /// Pods outside of the model that keep others away.
    pub guards: Guards<'a>,
    /// Kind and domains of every joining node, as the model numbers them.
    pub joining: Vec<(u32, Vec<u32>)>,
    statics: Vec<StaticRules<'a>>,
    static_of_class: Vec<usize>,
}

impl Compiled<'_> {
    /// Whether the static rules of a class admit a node, which need not exist yet.
    #[must_use]
    pub fn class_admits(&self, class: u32, node: &Node) -> bool {
        self.statics[self.static_of_class[class as usize]].hold(node)
    }

    /// Whether a pod that comes with a joining node keeps another pod from it.
    #[must_use]
    pub fn daemons_keep_away(&self, pod: &Pod, node: &Node) -> bool {
        let clash = |daemon: &Pod| self.guards.clash(pod, daemon);
        self.daemons.iter().any(|daemon| clash(daemon) && self.daemon_runs_on(daemon, node))
    }

    /// Which rule on the node alone keeps a class away from a node, in words; `None` when none does.
    #[must_use]
    pub fn static_objection(&self, class: u32, node: &Node) -> Option<(ReasonCode, String)> {
        let rules = &self.statics[self.static_of_class[class as usize]];
        if !takes_pods(node) {
            return Some((ReasonCode::NodeUnschedulable, "it takes no new pods".to_owned()));
        }
        if !rules.labels_hold(node) {
            let words = "its labels do not match the selector or the required affinity";
            return Some((ReasonCode::NodeAffinity, words.to_owned()));
        }
        if !rules.taints_hold(node) {
            return Some((ReasonCode::Taint, "it has a taint that is not tolerated".to_owned()));
        }
        (!rules.volumes_hold(node))
            .then(|| (ReasonCode::VolumeZone, "a volume cannot be reached from it".to_owned()))
    }

    /// Whether a rule of a class names a zone.
    #[must_use]
    pub fn class_looks_at_zones(&self, class: u32) -> bool {
        self.statics[self.static_of_class[class as usize]].look_at_zones()
    }

    /// Whether a daemon set's pod comes with a node. Daemon sets tolerate what their controller
    /// adds; what is written on the pod itself already contains that.
    #[must_use]
    pub fn daemon_runs_on(&self, daemon: &Pod, node: &Node) -> bool {
        // A daemon set's own pod carries an affinity to the very node it runs on.
        let selector =
            daemon.node_selector.iter().all(|(key, value)| node.label(key) == Some(value));
        selector && matching::repelling_taint(&daemon.tolerations, &node.taints).is_none()
    }
}

/// Processors (milli), memory (bytes) and pods of a node.
pub type Size = (i64, i64, i64);

/// What the caller decides about each node.
pub struct NodeTerms<'f> {
    /// What it costs, in billionths of a dollar per hour.
    pub cost: &'f dyn Fn(&Node) -> i64,
    /// What pods may use, where the node itself does not say.
    pub capacity: &'f dyn Fn(&Node) -> Option<Size>,
    /// Whether a plan may take it away.
    pub removable: &'f dyn Fn(&Node) -> bool,
    /// Nodes that do not exist and might be bought.
    pub joining: &'f [Node],
}

/// Builds the model.
///
/// # Errors
/// Amounts so large that sums could overflow.
pub fn compile<'a>(
    state: &'a ClusterState,
    terms: &NodeTerms<'_>,
    rules: EvictionRules<'_>,
    now: Timestamp,
) -> Result<Compiled<'a>, ModelError> {
    let mut notes = Notes::default();
    let nodes = usable_nodes(state, &mut notes);
    let storage = Storage::of(state);
    let residents = residents(state, &nodes, &mut notes);

    let volumes: Vec<_> =
        residents.iter().map(|one| storage.rules(one.pod, one.home.map(|at| nodes[at]))).collect();
    notes.volumes(&residents, &volumes, state.volumes.is_some());
    let mut statics: Vec<StaticRules<'_>> = Vec::new();
    let mut known: BTreeMap<StaticRules<'_>, usize> = BTreeMap::new();
    let mut static_of = Vec::with_capacity(residents.len());
    for (one, volumes) in residents.iter().zip(&volumes) {
        let rules = StaticRules::of(one.pod, volumes);
        let at = *known.entry(rules).or_insert_with_key(|rules| {
            statics.push(rules.clone());
            statics.len() - 1
        });
        static_of.push(at);
    }
    let all: Vec<&Node> = nodes.iter().copied().chain(terms.joining).collect();
    let open: Vec<bool> = all.iter().map(|node| takes_pods(node)).collect();
    let kinds = Kinds::of(&all, &open, &statics);
    let allowed: Vec<_> = statics.iter().map(|rules| kinds.allowed(&all, rules)).collect();
    let pods: Vec<&Pod> = residents.iter().map(|one| one.pod).collect();
    let pod_rules: Vec<&StaticRules<'_>> = static_of.iter().map(|at| &statics[*at]).collect();
    let groups = groups::collect(state, &all, nodes.len(), &pods, &pod_rules);

    let demands: Vec<Demand> = residents.iter().map(|one| demand_of(one.pod)).collect();
    let fixed = fixed_pods(state, &nodes);
    let dimensions = dimensions(&demands, &storage.drivers);
    let vector = |demand: &Demand, attached: &[i64], into: &mut Vec<i64>| {
        into.extend([demand.cpu, demand.memory, 1]);
        for name in &dimensions[3..] {
            into.push(match name.strip_prefix(ATTACH) {
                Some(driver) => storage
                    .drivers
                    .iter()
                    .position(|known| *known == driver)
                    .and_then(|at| attached.get(at).copied())
                    .unwrap_or(0),
                None if name == "ephemeral-storage" => demand.ephemeral_storage,
                None => demand.other.get(name).copied().unwrap_or(0),
            });
        }
    };

    let keys: Vec<Vec<MembershipKey>> =
        groups.roles.iter().map(|roles| roles.iter().map(MembershipKey::of).collect()).collect();
    let dims = dimensions.len();
    let mut wanted: Vec<i64> = Vec::with_capacity(dims * residents.len());
    for (demand, volumes) in demands.iter().zip(&volumes) {
        vector(demand, &volumes.attached, &mut wanted);
    }
    let alike = |at: usize| (&wanted[at * dims..(at + 1) * dims], static_of[at], &keys[at]);
    let (class_of, firsts) = classes(residents.len(), alike);
    let mut parts = Parts { dims, ..Parts::default() };
    parts.classes.extend(firsts.iter().map(|first| ClassRules {
        demand: alike(*first).0.to_vec(),
        allowed: allowed[static_of[*first]].clone(),
        groups: groups.roles[*first].clone(),
    }));
    let static_of_class = firsts.iter().map(|first| static_of[*first]).collect();
    let budgets = Budgets::of(state);
    let mut refusals = Vec::with_capacity(residents.len());
    parts.items.reserve_exact(residents.len());
    for (one, class) in residents.iter().zip(class_of) {
        let refused =
            if one.home.is_some() { refusal(one.pod, &budgets, rules, now) } else { None };
        parts.items.push(Item {
            class,
            home: one.home.map(|at| at as u32),
            movable: refused.is_none(),
            weight: disruption_weight(one.pod),
        });
        refusals.push(refused);
    }
    parts.groups = groups.groups;
    let mut taken = Vec::with_capacity(dims);
    for (at, node) in nodes.iter().enumerate() {
        let mut capacity = capacity(node, &dimensions, &storage, terms, &mut notes);
        for pod in &fixed[at] {
            taken.clear();
            vector(&demand_of(pod), &[], &mut taken);
            for (free, taken) in capacity.iter_mut().zip(&taken) {
                *free = free.saturating_sub(*taken);
            }
        }
        parts.nodes.push(Bin {
            capacity,
            cost: (terms.cost)(node),
            removable: (terms.removable)(node),
            kind: kinds.of_node[at],
            domains: groups.domains[at].clone(),
        });
    }
    let guards = Guards::of(state, &nodes, &pods);
    let joining = (nodes.len()..all.len())
        .map(|at| (kinds.of_node[at], groups.domains[at].clone()))
        .collect();
    Ok(Compiled {
        model: with_room_for_pending(parts)?,
        dimensions,
        nodes,
        pods: residents
            .iter()
            .map(|one| PodRef { pod: one.pod, pending: one.home.is_none() })
            .collect(),
        refusals,
        meanings: groups.meanings,
        daemons: daemons(state),
        rejected: notes.rejected,
        warnings: notes.warnings,
        guards,
        joining,
        statics,
        static_of_class,
    })
}

/// The class of every pod, and the first pod of every class: pods are of one class when the key is
/// equal. Classes count up in the order of their first pods.
fn classes<K: Ord>(pods: usize, key: impl Fn(usize) -> K) -> (Vec<u32>, Vec<usize>) {
    let mut order: Vec<usize> = (0..pods).collect();
    order.sort_unstable_by(|a, b| key(*a).cmp(&key(*b)).then(a.cmp(b)));
    let runs: Vec<&[usize]> = order.chunk_by(|a, b| key(*a) == key(*b)).collect();
    let mut firsts: Vec<(usize, usize)> =
        runs.iter().enumerate().map(|(run, pods)| (pods[0], run)).collect();
    firsts.sort_unstable();
    let mut class_of = vec![0_u32; pods];
    for (class, (_, run)) in firsts.iter().enumerate() {
        for pod in runs[*run] {
            class_of[*pod] = class as u32;
        }
    }
    (class_of, firsts.into_iter().map(|(first, _)| first).collect())
}

/// Gives pods that wait the first node with room, so that no plan takes the room away that they
/// could use. They weigh nothing: moving them in the plan disturbs nobody.
fn with_room_for_pending(mut parts: Parts) -> Result<Model, ModelError> {
    if parts.items.iter().all(|item| item.home.is_some()) || parts.nodes.is_empty() {
        return Model::new(parts);
    }
    let model = Model::new(parts.clone())?;
    let mut state = State::new(&model);
    for (index, item) in parts.items.iter_mut().enumerate().filter(|(_, item)| item.home.is_none())
    {
        item.weight = 0;
        let room =
            (0..model.nodes().len() as u32).find(|node| state.can_enter(item.class, *node).is_ok());
        if let Some(node) = room {
            state.place(index as u32, node);
            item.home = Some(node);
        }
    }
    Model::new(parts)
}

/// In front of the driver's name, for the dimension that counts attached volumes.
const ATTACH: &str = "attached-volumes/";

/// Whether new pods may come to a node at all.
#[must_use]
pub fn takes_pods(node: &Node) -> bool {
    !node.unschedulable && node.deleted_at.is_none() && node.ready() != Some(false)
}

/// The pods that come with every node: one of each daemon set.
fn daemons(state: &ClusterState) -> Vec<&Pod> {
    let of_daemon_set = |pod: &Pod| {
        pod.is_active() && pod.owner.as_ref().is_some_and(|owner| owner.kind == "DaemonSet")
    };
    let mut seen = BTreeSet::new();
    let mut daemons = in_order(state, of_daemon_set);
    daemons.retain(|pod| {
        let owner = pod.owner.as_ref().map(|owner| owner.name.as_str());
        seen.insert((pod.namespace(), owner))
    });
    daemons
}

/// Disruption of moving a pod, in thousandths of a plain pod's: priority and the deletion cost
/// annotation shift it, between −10 and 10, as Karpenter weighs it.
/// <https://karpenter.sh/docs/concepts/disruption/>
#[must_use]
pub fn disruption_weight(pod: &Pod) -> u64 {
    let deletion_cost = pod
        .annotations
        .get("controller.kubernetes.io/pod-deletion-cost")
        .and_then(|text| text.parse::<f64>().ok())
        .unwrap_or(0.0);
    let priority = f64::from(pod.priority.unwrap_or(0));
    let cost = 1.0 + deletion_cost / f64::from(1 << 27) + priority / f64::from(1 << 25);
    // A move is never free: the floor keeps an order among pods that would rather go.
    (cost.clamp(-10.0, 10.0).max(0.001) * 1000.0).round() as u64
}

/// A pod that needs a place.
struct Resident<'a> {
    pod: &'a Pod,
    home: Option<usize>,
}

fn usable_nodes<'a>(state: &'a ClusterState, notes: &mut Notes) -> Vec<&'a Node> {
    let mut seen = BTreeSet::new();
    let mut nodes = Vec::with_capacity(state.node_items().len());
    for node in state.node_items() {
        if node.name.is_empty() {
            notes.reject("Node", None, "", ReasonCode::InvalidObject, "a node without a name");
        } else if !seen.insert(node.name.as_str()) {
            let detail = "another node has the same name; the first one was used";
            notes.reject("Node", None, &node.name, ReasonCode::DuplicateObject, detail);
        } else {
            nodes.push(node);
        }
    }
    // The answer must not depend on the order in which a snapshot lists things.
    nodes.sort_by(|a, b| a.name.cmp(&b.name));
    nodes
}

/// Some of the pods by namespace and name, whatever their order in the snapshot.
fn in_order(state: &ClusterState, wanted: impl Fn(&Pod) -> bool) -> Vec<&Pod> {
    let mut pods: Vec<&Pod> = state.pod_items().iter().filter(|pod| wanted(pod)).collect();
    pods.sort_by(|a, b| (a.namespace(), &a.name).cmp(&(b.namespace(), &b.name)));
    pods
}

/// The pods that a plan has to find a place for: active, not bound to their node, not leaving.
fn residents<'a>(state: &'a ClusterState, nodes: &[&Node], notes: &mut Notes) -> Vec<Resident<'a>> {
    let mut residents = Vec::with_capacity(state.pod_items().len());
    let mut before: Option<&Pod> = None;
    for pod in in_order(state, |_| true) {
        if pod.name.is_empty() {
            notes.reject("Pod", None, "", ReasonCode::InvalidObject, "a pod without a name");
            continue;
        }
        let named_alike =
            |other: &Pod| other.name == pod.name && other.namespace() == pod.namespace();
        if before.replace(pod).is_some_and(named_alike) {
            let detail = "another pod has the same name and namespace; the first one was used";
            let namespace = Some(pod.namespace());
            notes.reject("Pod", namespace, &pod.name, ReasonCode::DuplicateObject, detail);
            continue;
        }
        if !pod.is_active() || pod.belongs_to_node() || pod.deleted_at.is_some() {
            continue;
        }
        match &pod.node {
            None => residents.push(Resident { pod, home: None }),
            Some(name) => match place_of(nodes, name) {
                Some(at) => residents.push(Resident { pod, home: Some(at) }),
                None => {
                    let detail = format!("runs on node {name}, which the snapshot does not have");
                    let namespace = Some(pod.namespace());
                    notes.reject("Pod", namespace, &pod.name, ReasonCode::UnknownNode, &detail);
                }
            },
        }
    }
    residents
}

/// Pods that take room on their node and neither move nor keep it: those that belong to it and
/// those on their way out.
fn fixed_pods<'a>(state: &'a ClusterState, nodes: &[&Node]) -> Vec<Vec<&'a Pod>> {
    let mut fixed: Vec<Vec<&Pod>> = vec![Vec::new(); nodes.len()];
    let stays = |pod: &&Pod| pod.is_active() && (pod.belongs_to_node() || pod.deleted_at.is_some());
    for pod in state.pod_items().iter().filter(stays) {
        if let Some(at) = pod.node.as_deref().and_then(|name| place_of(nodes, name)) {
            fixed[at].push(pod);
        }
    }
    fixed
}

/// Where a node stands in a list that is in the order of names.
pub(super) fn place_of(nodes: &[&Node], name: &str) -> Option<usize> {
    nodes.binary_search_by(|node| node.name.as_str().cmp(name)).ok()
}

fn dimensions(demands: &[Demand], drivers: &[&str]) -> Vec<String> {
    let mut further = BTreeSet::new();
    for demand in demands {
        if demand.ephemeral_storage > 0 {
            further.insert("ephemeral-storage");
        }
        further.extend(
            demand.other.iter().filter(|(_, amount)| **amount > 0).map(|(name, _)| name.as_str()),
        );
    }
    let mut names = vec!["cpu".to_owned(), "memory".to_owned(), "pods".to_owned()];
    names.extend(further.into_iter().map(str::to_owned));
    names.extend(drivers.iter().map(|driver| format!("{ATTACH}{driver}")));
    // The core takes sixteen dimensions; nobody's cluster has been seen to need more than eight.
    names.truncate(16);
    names
}

fn capacity(
    node: &Node,
    dimensions: &[String],
    storage: &Storage<'_>,
    terms: &NodeTerms<'_>,
    notes: &mut Notes,
) -> Vec<i64> {
    let stated = (node.allocatable_cpu(), node.allocatable_memory(), node.allocatable_pods());
    let (cpu, memory, pods) = match (stated, (terms.capacity)(node)) {
        ((Some(cpu), Some(memory), pods), known) => {
            let limit = pods.or(known.map(|known| known.2)).unwrap_or(DEFAULT_POD_LIMIT);
            (cpu.0, memory.0, limit)
        }
        (_, Some(known)) => known,
        (_, None) => {
            let detail = "states neither its capacity nor a known instance type";
            notes.reject("Node", None, &node.name, ReasonCode::InvalidObject, detail);
            (0, 0, 0)
        }
    };
    let mut capacity = vec![cpu, memory, pods];
    for name in &dimensions[3..] {
        capacity.push(match name.strip_prefix(ATTACH) {
            Some(driver) => storage.limit(node, driver).unwrap_or(UNLIMITED),
            None if name == "ephemeral-storage" => {
                node.allocatable.ephemeral_storage.map_or(UNLIMITED, |disk| disk.0)
            }
            None => node.allocatable.other.get(name).copied().unwrap_or(0),
        });
    }
    capacity
}

/// A membership that can be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct MembershipKey(u32, bool, bool);

impl MembershipKey {
    fn of(role: &Membership) -> MembershipKey {
        MembershipKey(role.group, role.carrier, role.target)
    }
}

/// What is found on the way.
#[derive(Default)]
struct Notes {
    rejected: Vec<Rejection>,
    warnings: Vec<Warning>,
}

impl Notes {
    fn reject(
        &mut self,
        kind: &str,
        space: Option<&str>,
        name: &str,
        code: ReasonCode,
        detail: &str,
    ) {
        self.rejected.push(Rejection {
            subject: Target {
                kind: kind.to_owned(),
                namespace: space.map(str::to_owned),
                name: name.to_owned(),
                ..Target::default()
            },
            code,
            blocking: None,
            detail: detail.to_owned(),
            numbers: BTreeMap::new(),
        });
    }

    fn volumes(
        &mut self,
        residents: &[Resident<'_>],
        rules: &[super::storage::VolumeRules<'_>],
        supplied: bool,
    ) {
        let claiming = residents.iter().filter(|one| !one.pod.volume_claims.is_empty()).count();
        if claiming > 0 && !supplied {
            self.warnings.push(Warning {
                code: ReasonCode::SectionNotSupplied,
                message: format!(
                    "volumes were not supplied; {claiming} pods with claims are kept in their zone"
                ),
                subject: None,
            });
        }
        for (one, rules) in residents.iter().zip(rules) {
            for claim in &rules.unknown {
                let detail =
                    format!("claim {claim} is not in the snapshot; the pod is kept in its zone");
                let namespace = Some(one.pod.namespace());
                self.reject(
                    "Pod",
                    namespace,
                    &one.pod.name,
                    ReasonCode::UnknownVolumeClaim,
                    &detail,
                );
            }
        }
    }
}
