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
        let after = afterwards(pod, place, histories, judged, &of_group, true);
        let after = after.as_ref().map_or_else(|| before.clone(), demand_of);
        let grown = afterwards(pod, place, histories, judged, &of_group, false);
        let grown = grown.as_ref().map_or_else(|| before.clone(), demand_of);
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

/// A pod as far as its requests go, as it will be; `None` where nothing is known of it.
///
/// With `needs` a container counts with what it needs where that is more than it will request, so
/// that a change which is not made never makes a machine look larger than it is.
fn afterwards(
    pod: &Pod,
    place: usize,
    histories: &Histories<'_>,
    judged: &Judged,
    of_group: &[Option<&Resize>],
    needs: bool,
) -> Option<Pod> {
    let known = |container: &Container| {
        let group = histories.group_of_pod(place, &container.name)?;
        let need = if needs { judged.needs[group] } else { (None, None) };
        let resize = of_group[group].filter(|one| needs || one.direction != Direction::Downsize);
        (resize.is_some() || need != (None, None)).then_some((resize, need))
    };
    let mut all = pod.containers.iter().chain(&pod.init_containers);
    all.find(|one| known(one).is_some())?;
    let apply = |containers: &[Container]| {
        containers
            .iter()
            .map(|one| {
                let (resize, (cpu, memory)) = known(one).unwrap_or((None, (None, None)));
                let mut after = Container {
                    sidecar: one.sidecar,
                    requests: resize.map_or(&one.requests, |resize| &resize.requests).clone(),
                    limits: resize.map_or(&one.limits, |resize| &resize.limits).clone(),
                    ..Container::default()
                };
                let requested = request_of(&after);
                if let Some(cpu) = cpu {
                    after.requests.cpu = requested.cpu.max(Some(MilliCpu(cpu)));
                }
                if let Some(memory) = memory {
                    after.requests.memory = requested.memory.max(Some(Bytes(memory)));
                }
                after
            })
            .collect()
    };
    Some(Pod {
        cpu: pod.cpu,
        memory: pod.memory,
        requests: pod.requests.clone(),
        overhead: pod.overhead.clone(),
        containers: apply(&pod.containers),
        init_containers: apply(&pod.init_containers),
        ..Pod::default()
    })
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
    for container in pod.containers.iter().chain(sidecars) {
        let group = histories.group_of_pod(place, &container.name);
        let (cpu, memory) = group.map_or((None, None), |group| judged.needs[group]);
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
