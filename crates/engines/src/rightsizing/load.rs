//! What each node carries: what its pods request, now and afterwards, and what they use.

use facts::cluster::{ClusterState, Container, Pod};
use units::{Bytes, MilliCpu};

use super::Direction;
use super::containers::{Judged, Resize};
use super::history::Histories;
use super::requests::request_of;
use crate::name_index::NameIndex;
use crate::scheduling::demand::{Demand, demand_of};

/// Loads of the nodes of a snapshot.
pub(super) struct Loads {
    /// By the node's place in the snapshot.
    pub(super) nodes: Vec<Load>,
    /// Pods of each node, by their places in the snapshot.
    pub(super) pods: Vec<Vec<u32>>,
}

/// What a node carries. Processors in thousandths, memory in bytes.
#[derive(Clone, Debug, Default)]
pub(super) struct Load {
    /// Requests as they are.
    pub(super) before: Demand,
    /// Requests when what may be larger is larger, and nothing is smaller yet.
    pub(super) grown: [i64; 2],
    /// Requests when all changes are made that need no person.
    pub(super) after: Demand,
    /// Use by history; what has none counts with its request.
    pub(super) used: [i64; 2],
    /// Use by history; what has none does not count.
    pub(super) measured: [i64; 2],
    /// Pods.
    pub(super) pods: i64,
    /// Pods that do not come and go with the node.
    pub(super) movable: i64,
}

/// Adds up what nodes carry.
pub(super) fn loads(state: &ClusterState, histories: &Histories<'_>, judged: &Judged) -> Loads {
    let nodes = NameIndex::of(state.node_items().iter().map(|node| (node.name.as_str(), "")));
    let mut of_group: Vec<Option<&Resize>> = vec![None; histories.groups.len()];
    for resize in judged.resizes.iter().filter(|one| one.review.is_none()) {
        of_group[resize.group] = Some(resize);
    }
    let count = state.node_items().len();
    let mut loads = Loads { nodes: vec![Load::default(); count], pods: vec![Vec::new(); count] };
    for (place, pod) in state.pod_items().iter().enumerate().filter(|(_, pod)| pod.is_active()) {
        let Some(node) = pod.node.as_deref().and_then(|name| nodes.get(name, "")) else { continue };
        loads.pods[node].push(place as u32);
        let load = &mut loads.nodes[node];
        let before = demand_of(pod);
        let scene = Scene { histories, judged, of_group: &of_group };
        let after = scene.afterwards(pod, place, &before, true);
        let grown = scene.afterwards(pod, place, &before, false);
        let grown = [grown.cpu, grown.memory];
        add(&mut load.grown, grown);
        let (used, measured) = use_of(pod, place, histories, judged, &before);
        // Nothing uses less than nothing, and a pod without measured containers uses its request.
        add(&mut load.used, used);
        add(&mut load.measured, measured);
        load.before.plus(&before);
        load.after.plus(&after);
        load.pods += 1;
        load.movable += i64::from(!pod.belongs_to_node());
    }
    loads
}

fn add(sum: &mut [i64; 2], more: [i64; 2]) {
    for (sum, more) in sum.iter_mut().zip(more) {
        *sum = sum.saturating_add(more);
    }
}

/// What changes containers.
struct Scene<'a> {
    histories: &'a Histories<'a>,
    judged: &'a Judged,
    of_group: &'a [Option<&'a Resize>],
}

impl Scene<'_> {
    /// What a pod requests, as it will be.
    ///
    /// With `needs` a container counts with what it needs where that is more than it will request,
    /// so that a change which is not made never makes a machine look larger than it is; without,
    /// only what becomes larger counts.
    fn afterwards(&self, pod: &Pod, place: usize, before: &Demand, needs: bool) -> Demand {
        let plain = pod.init_containers.is_empty()
            && pod.requests.is_empty()
            && pod.cpu.is_none()
            && pod.memory.is_none();
        if plain {
            // The sum of its containers, of which only those that change have to be looked at.
            let mut after = before.clone();
            for (one, group) in pod.containers.iter().zip(self.histories.groups_of(place)) {
                if let Some([cpu, memory]) = self.changed(*group, one, needs) {
                    let now = request_of(one);
                    after.cpu += cpu - now.cpu.map_or(0, |cpu| cpu.0);
                    after.memory += memory - now.memory.map_or(0, |memory| memory.0);
                }
            }
            return after;
        }
        let mut groups = self.histories.groups_of(place).iter();
        let mut apply = |one: &Container, runs_on: bool| {
            let mut after = Container {
                sidecar: one.sidecar,
                requests: one.requests.clone(),
                limits: one.limits.clone(),
                ..Container::default()
            };
            let group = if runs_on { groups.next() } else { None };
            if let Some([cpu, memory]) = group.and_then(|group| self.changed(*group, one, needs)) {
                after.requests.cpu = Some(MilliCpu(cpu));
                after.requests.memory = Some(Bytes(memory));
            }
            after
        };
        let containers = pod.containers.iter().map(|one| apply(one, true)).collect();
        let init_containers =
            pod.init_containers.iter().map(|one| apply(one, one.sidecar)).collect();
        demand_of(&Pod {
            cpu: pod.cpu,
            memory: pod.memory,
            requests: pod.requests.clone(),
            overhead: pod.overhead.clone(),
            containers,
            init_containers,
            ..Pod::default()
        })
    }

    /// Processors and memory that a container will request; `None` where nothing changes.
    fn changed(&self, group: u32, container: &Container, needs: bool) -> Option<[i64; 2]> {
        let group = group as usize;
        let need = if needs { self.judged.needs[group] } else { (None, None) };
        let resize =
            self.of_group[group].filter(|one| needs || one.direction != Direction::Downsize);
        if resize.is_none() && need == (None, None) {
            return None;
        }
        let now = request_of(container);
        let (cpu, memory) = match resize {
            Some(resize) => {
                (resize.requests.cpu.or(now.cpu), resize.requests.memory.or(now.memory))
            }
            None => (now.cpu, now.memory),
        };
        Some([
            cpu.map_or(0, |cpu| cpu.0).max(need.0.unwrap_or(0)),
            memory.map_or(0, |memory| memory.0).max(need.1.unwrap_or(0)),
        ])
    }
}

/// What a pod uses: with requests where nothing was measured, and without them.
fn use_of(
    pod: &Pod,
    place: usize,
    histories: &Histories<'_>,
    judged: &Judged,
    demand: &Demand,
) -> ([i64; 2], [i64; 2]) {
    let (mut used, mut measured, mut any) = ([0; 2], [0; 2], false);
    let sidecars = pod.init_containers.iter().filter(|one| one.sidecar);
    for (container, group) in pod.containers.iter().chain(sidecars).zip(histories.groups_of(place))
    {
        let (cpu, memory) = judged.needs[*group as usize];
        let requested = request_of(container);
        any |= cpu.is_some() || memory.is_some();
        add(
            &mut used,
            [
                cpu.unwrap_or_else(|| requested.cpu.map_or(0, |cpu| cpu.0)),
                memory.unwrap_or_else(|| requested.memory.map_or(0, |memory| memory.0)),
            ],
        );
        add(&mut measured, [cpu.unwrap_or(0), memory.unwrap_or(0)]);
    }
    if any { (used, measured) } else { ([demand.cpu, demand.memory], [0; 2]) }
}
