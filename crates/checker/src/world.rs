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
    free_other: BTreeMap<String, i64>,
    /// Movable pods on it.
    pub(crate) load: u32,
}

/// The cluster at one point of a plan.
pub(crate) struct World<'a> {
    pub(crate) state: &'a ClusterState,
    pub(crate) places: Vec<Place<'a>>,
    by_name: BTreeMap<String, usize>,
    pub(crate) pods: Vec<Resident<'a>>,
    pods_by_name: BTreeMap<(&'a str, &'a str), usize>,
    /// Pods that keep others away, in order: all others matter only to those.
    pub(crate) keep_away: Vec<usize>,
}

/// A pod and where it is.
pub(crate) struct Resident<'a> {
    pub(crate) pod: &'a Pod,
    pub(crate) place: Option<usize>,
    /// Whether it comes and goes with its node, or is leaving anyway.
    pub(crate) bound: bool,
}

impl<'a> World<'a> {
    pub(crate) fn of(state: &'a ClusterState) -> World<'a> {
        let mut world = World {
            state,
            places: Vec::with_capacity(state.node_items().len()),
            by_name: BTreeMap::new(),
            pods: Vec::with_capacity(state.pod_items().len()),
            pods_by_name: BTreeMap::new(),
            keep_away: Vec::new(),
        };
        for node in state.node_items() {
            if !node.name.is_empty() && !world.by_name.contains_key(&node.name) {
                world.by_name.insert(node.name.clone(), world.places.len());
                world.places.push(Place::existing(node));
            }
        }
        for pod in state.pod_items().iter().filter(|pod| pod.is_active() && !pod.name.is_empty()) {
            let index = world.pods.len();
            if world.pods_by_name.contains_key(&(pod.namespace(), pod.name.as_str())) {
                continue;
            }
            let place = pod.node.as_ref().and_then(|name| world.by_name.get(name).copied());
            if pod.node.is_some() && place.is_none() {
                continue;
            }
            world.pods_by_name.insert((pod.namespace(), &pod.name), index);
            let bound = pod.belongs_to_node() || pod.deleted_at.is_some();
            if let Some(place) = place {
                world.places[place].take(&need::of_pod(pod));
                world.places[place].load += u32::from(!bound);
            }
            if !crate::topology::anti_terms(pod).is_empty() {
                world.keep_away.push(index);
            }
            world.pods.push(Resident { pod, place, bound });
        }
        world
    }

    pub(crate) fn find(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied().filter(|at| self.places[*at].present)
    }

    pub(crate) fn find_pod(&self, namespace: &str, name: &str) -> Option<usize> {
        let space = if namespace.is_empty() { "default" } else { namespace };
        self.pods_by_name.get(&(space, name)).copied()
    }

    /// Adds a node that the plan launches, with one pod of each daemon set that runs there.
    /// `false` when the name is taken.
    pub(crate) fn launch(&mut self, name: &str, launch: &LaunchNode) -> bool {
        if self.by_name.contains_key(name) {
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
        self.by_name.insert(name.to_owned(), self.places.len());
        self.places.push(place);
        true
    }

    /// Moves a pod.
    pub(crate) fn shift(&mut self, pod: usize, to: usize) {
        let need = need::of_pod(self.pods[pod].pod);
        if let Some(from) = self.pods[pod].place {
            self.places[from].give(&need);
            self.places[from].load -= 1;
        }
        self.places[to].take(&need);
        self.places[to].load += 1;
        self.pods[pod].place = Some(to);
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
        let mut free_other: BTreeMap<String, i64> =
            node.allocatable.other.iter().map(|(name, amount)| (name.clone(), *amount)).collect();
        let disk = node.allocatable.ephemeral_storage.map_or(NO_LIMIT, |disk| disk.0);
        free_other.insert("ephemeral-storage".to_owned(), disk);
        // A node that states nothing is taken at its type's size, which only the planner knows.
        let unknown = if stated || node.cpu.is_some() { 0 } else { NO_LIMIT };
        Place {
            free_cpu: node.allocatable_cpu().map_or(unknown, |cpu| cpu.0),
            free_memory: node.allocatable_memory().map_or(unknown, |memory| memory.0),
            free_pods: node.allocatable_pods().unwrap_or(if unknown > 0 { NO_LIMIT } else { 110 }),
            free_other,
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
            (*amount > 0 && *amount > free).then_some((*name, *amount, free))
        })
    }

    pub(crate) fn free(&self, name: &str) -> i64 {
        match name {
            "cpu" => self.free_cpu,
            "memory" => self.free_memory,
            "pods" => self.free_pods,
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
        for (name, amount) in need {
            let by = amount.saturating_mul(sign);
            match *name {
                "cpu" => self.free_cpu = self.free_cpu.saturating_add(by),
                "memory" => self.free_memory = self.free_memory.saturating_add(by),
                "pods" => self.free_pods = self.free_pods.saturating_add(by),
                name => {
                    if let Some(free) = self.free_other.get_mut(name) {
                        *free = free.saturating_add(by);
                    } else if by != 0 {
                        self.free_other.insert(name.to_owned(), by);
                    }
                }
            }
        }
    }
}
