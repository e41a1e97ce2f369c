//! The cluster while a plan is carried out.

use std::collections::BTreeMap;

use facts::action::LaunchNode;
use facts::cluster::{ClusterState, Node, Pod, well_known};

use crate::need::{self, Amounts};

/// More than any machine has, where a node does not state a limit.
const NO_LIMIT: i64 = i64::MAX / 4;

/// A node as it stands.
pub(crate) struct Place<'a> {
    pub(crate) node: std::borrow::Cow<'a, Node>,
    /// Whether it exists at this point of the plan.
    pub(crate) present: bool,
    /// Whether new pods may come.
    pub(crate) open: bool,
    pub(crate) cordoned_by_plan: bool,
    /// What is free; negative when overcommitted from the start.
    free_cpu: i64,
    free_memory: i64,
    free_pods: i64,
    free_disk: i64,
    /// Further resources that the node states or a pod asks for.
    free_other: BTreeMap<String, i64>,
    /// Movable pods on it.
    pub(crate) load: u32,
}

/// The cluster at one point of a plan.
pub(crate) struct World<'a> {
    pub(crate) state: &'a ClusterState,
    pub(crate) places: Vec<Place<'a>>,
    /// How many of the places were there from the start; these are in name order.
    existing: usize,
    /// Places of nodes that the plan launched.
    launched: BTreeMap<String, usize>,
    /// By name, then by namespace.
    pub(crate) pods: Vec<Resident<'a>>,
    /// Pods that keep others away, in order: all others matter only to those.
    pub(crate) keep_away: Vec<usize>,
}

/// A pod and where it is.
pub(crate) struct Resident<'a> {
    pub(crate) pod: &'a Pod,
    /// What it takes of its node.
    pub(crate) need: Amounts<'a>,
    pub(crate) place: Option<usize>,
    /// Whether it comes and goes with its node, or is leaving anyway.
    pub(crate) bound: bool,
}

impl<'a> World<'a> {
    pub(crate) fn of(state: &'a ClusterState) -> World<'a> {
        // Of things with the same name the first one counts; the sorts keep their order.
        let mut nodes: Vec<&Node> =
            state.node_items().iter().filter(|node| !node.name.is_empty()).collect();
        nodes.sort_by(|a, b| a.name.cmp(&b.name));
        nodes.dedup_by(|next, first| next.name == first.name);
        let mut pods: Vec<&Pod> = state
            .pod_items()
            .iter()
            .filter(|pod| pod.is_active() && !pod.name.is_empty())
            .collect();
        pods.sort_by(|a, b| full_name(a).cmp(&full_name(b)));
        pods.dedup_by(|next, first| full_name(next) == full_name(first));
        let mut world = World {
            state,
            existing: nodes.len(),
            places: nodes.into_iter().map(Place::existing).collect(),
            launched: BTreeMap::new(),
            pods: Vec::with_capacity(pods.len()),
            keep_away: Vec::new(),
        };
        for pod in pods {
            let place = pod.node.as_deref().and_then(|name| world.place_of(name));
            if pod.node.is_some() && place.is_none() {
                continue;
            }
            let bound = pod.belongs_to_node() || pod.deleted_at.is_some();
            let need = need::of_pod(pod);
            if let Some(place) = place {
                world.places[place].take(&need);
                world.places[place].load += u32::from(!bound);
            }
            if !crate::topology::anti_terms(pod).is_empty() {
                world.keep_away.push(world.pods.len());
            }
            world.pods.push(Resident { pod, need, place, bound });
        }
        world
    }

    fn place_of(&self, name: &str) -> Option<usize> {
        let existing = &self.places[..self.existing];
        let found = existing.binary_search_by(|place| place.node.name.as_str().cmp(name));
        found.ok().or_else(|| self.launched.get(name).copied())
    }

    pub(crate) fn find(&self, name: &str) -> Option<usize> {
        self.place_of(name).filter(|at| self.places[*at].present)
    }

    pub(crate) fn find_pod(&self, namespace: &str, name: &str) -> Option<usize> {
        let space = if namespace.is_empty() { "default" } else { namespace };
        self.pods.binary_search_by(|one| full_name(one.pod).cmp(&(name, space))).ok()
    }

    /// Adds a node that the plan launches, with one pod of each daemon set that runs there.
    /// `false` when the name is taken.
    pub(crate) fn launch(&mut self, name: &str, launch: &LaunchNode) -> bool {
        if self.place_of(name).is_some() {
            return false;
        }
        let mut node = Node {
            name: name.to_owned(),
            instance_type: Some(launch.instance_type.clone()),
            zone: launch.zone.clone(),
            capacity_type: Some(launch.capacity_type),
            operating_system: Some(launch.operating_system),
            labels: launch.labels.clone(),
            taints: launch.taints.clone(),
            allocatable: launch.allocatable.clone(),
            ..Node::default()
        };
        if let Some(zone) = &launch.zone {
            node.labels.insert(well_known::ZONE.to_owned(), zone.clone());
        }
        let mut place = Place::existing_owned(node);
        let mut seen: Vec<(&str, &str)> = Vec::new();
        for pod in self.state.pod_items().iter().filter(|pod| pod.is_active()) {
            let Some(owner) = pod.owner.as_ref().filter(|owner| owner.kind == "DaemonSet") else {
                continue;
            };
            let key = (pod.namespace(), owner.name.as_str());
            let selector = pod
                .node_selector
                .iter()
                .all(|(label, value)| place.node.label(label) == Some(value));
            let welcome = crate::matching::untolerated(pod, &place.node.taints).is_none();
            if !seen.contains(&key) {
                seen.push(key);
                if selector && welcome {
                    place.take(&need::of_pod(pod));
                }
            }
        }
        self.launched.insert(name.to_owned(), self.places.len());
        self.places.push(place);
        true
    }

    /// Moves a pod.
    pub(crate) fn shift(&mut self, pod: usize, to: usize) {
        let moved = &mut self.pods[pod];
        if let Some(from) = moved.place.replace(to) {
            self.places[from].give(&moved.need);
            self.places[from].load -= 1;
        }
        self.places[to].take(&moved.need);
        self.places[to].load += 1;
    }
}

impl<'a> Place<'a> {
    fn existing(node: &'a Node) -> Place<'a> {
        Place::new(std::borrow::Cow::Borrowed(node))
    }

    fn existing_owned(node: Node) -> Place<'a> {
        Place::new(std::borrow::Cow::Owned(node))
    }

    fn new(node: std::borrow::Cow<'a, Node>) -> Place<'a> {
        let stated = !node.allocatable.is_empty();
        // A node that states nothing is taken at its type's size, which only the planner knows.
        let unknown = if stated || node.cpu.is_some() { 0 } else { NO_LIMIT };
        Place {
            free_cpu: node.allocatable_cpu().map_or(unknown, |cpu| cpu.0),
            free_memory: node.allocatable_memory().map_or(unknown, |memory| memory.0),
            free_pods: node.allocatable_pods().unwrap_or(if unknown > 0 { NO_LIMIT } else { 110 }),
            free_disk: node.allocatable.ephemeral_storage.map_or(NO_LIMIT, |disk| disk.0),
            free_other: node.allocatable.other.clone(),
            present: true,
            open: !node.unschedulable && node.deleted_at.is_none() && node.ready() != Some(false),
            cordoned_by_plan: false,
            load: 0,
            node,
        }
    }

    /// The first resource of which too little is free.
    pub(crate) fn lacks<'n>(&self, need: &Amounts<'n>) -> Option<(&'n str, i64, i64)> {
        need.iter().find_map(|(name, amount)| {
            let free = self.free(name);
            (amount > 0 && amount > free).then_some((name, amount, free))
        })
    }

    pub(crate) fn free(&self, name: &str) -> i64 {
        match name {
            "cpu" => self.free_cpu,
            "memory" => self.free_memory,
            "pods" => self.free_pods,
            "ephemeral-storage" => self.free_disk,
            name => self.free_other.get(name).copied().unwrap_or(0),
        }
    }

    fn take(&mut self, need: &Amounts<'_>) {
        self.change(need, -1);
    }

    fn give(&mut self, need: &Amounts<'_>) {
        self.change(need, 1);
    }

    fn change(&mut self, need: &Amounts<'_>, sign: i64) {
        for (name, amount) in need.iter() {
            let by = amount.saturating_mul(sign);
            let free = match name {
                "cpu" => &mut self.free_cpu,
                "memory" => &mut self.free_memory,
                "pods" => &mut self.free_pods,
                "ephemeral-storage" => &mut self.free_disk,
                name if self.free_other.contains_key(name) || by == 0 => {
                    let Some(free) = self.free_other.get_mut(name) else { continue };
                    free
                }
                name => self.free_other.entry(name.to_owned()).or_default(),
            };
            *free = free.saturating_add(by);
        }
    }
}

/// What pods are told apart by.
fn full_name(pod: &Pod) -> (&str, &str) {
    (&pod.name, pod.namespace())
}
