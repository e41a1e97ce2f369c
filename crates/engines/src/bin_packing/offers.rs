//! What may be bought: instance types in places, as the nodes they would become.
//!
//! It knows what a new node carries before the first pod, and decides nothing.

use std::collections::BTreeMap;

use facts::action::LaunchNode;
use facts::bound::CandidateCapacity;
use facts::cluster::{Labels, Node, ResourceList, well_known};
use facts::decision::PriceUsed;
use facts::names::{CapacityType, OperatingSystem};
use units::{Bytes, MilliCpu, UsdPerHour};

use super::consolidate::round4;
use super::evidence::PricedType;
use super::recommendation::{NodeShare, PackingRecommendation};
use super::{Scene, certificate};
use crate::scheduling::demand::demand_of;

/// A type in a place.
pub(super) struct Offer<'e> {
    /// The type and its price.
    pub listed: &'e PricedType,
    /// What one costs.
    pub price: UsdPerHour,
    /// Where, as a place in the list of zones; `None` is anywhere.
    pub zone: Option<usize>,
    /// The node as it would join.
    pub node: Node,
    /// What it offers to pods, in the dimensions of the model.
    pub capacity: Vec<i64>,
}

/// Every candidate type in every zone of the list, or anywhere when the list is empty.
pub(super) fn offers<'e>(scene: &Scene<'e>, zones: &[String]) -> Vec<Offer<'e>> {
    let places: Vec<Option<usize>> = match zones.len() {
        0 => vec![None],
        zones => (0..zones).map(Some).collect(),
    };
    let mut offers = Vec::new();
    for listed in &scene.given.evidence.candidates {
        let Some(price) = listed.on_demand else { continue };
        for zone in &places {
            let node = joining_node(scene, listed, zone.map(|zone| zones[zone].as_str()));
            let capacity = offered(scene, listed, &node);
            if capacity.iter().take(3).all(|amount| *amount > 0) && price.nanos() > 0 {
                offers.push(Offer { listed, price, zone: *zone, node, capacity });
            }
        }
    }
    offers
}

/// The node as it would join, with the labels that AWS and Karpenter give it.
fn joining_node(scene: &Scene<'_>, listed: &PricedType, zone: Option<&str>) -> Node {
    let instance = &listed.instance;
    let label = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    let name = instance.instance_type.as_str();
    let mut labels = Labels::from([
        label(well_known::INSTANCE_TYPE, name),
        label(well_known::ARCHITECTURE, &instance.architecture.to_string()),
        label(well_known::OPERATING_SYSTEM, "linux"),
        label(well_known::KARPENTER_CAPACITY_TYPE, "on-demand"),
        label(well_known::EKS_CAPACITY_TYPE, "ON_DEMAND"),
        label("karpenter.k8s.aws/instance-family", instance.instance_type.family()),
        label("karpenter.k8s.aws/instance-size", instance.instance_type.size()),
        label("karpenter.k8s.aws/instance-category", &instance.category),
        label("karpenter.k8s.aws/instance-generation", &instance.generation.to_string()),
        label("karpenter.k8s.aws/instance-cpu", &instance.vcpu.to_string()),
        label("karpenter.k8s.aws/instance-memory", &(instance.memory.0 >> 20).to_string()),
    ]);
    if let Some(region) = &scene.given.evidence.region {
        labels.insert(well_known::REGION.to_owned(), region.to_string());
    }
    if let Some(zone) = zone {
        labels.insert(well_known::ZONE.to_owned(), zone.to_owned());
    }
    Node {
        instance_type: Some(name.to_owned()),
        zone: zone.map(str::to_owned),
        capacity_type: Some(CapacityType::OnDemand),
        architecture: Some(instance.architecture),
        operating_system: Some(OperatingSystem::Linux),
        labels,
        ..Node::default()
    }
}

fn offered(scene: &Scene<'_>, listed: &PricedType, node: &Node) -> Vec<i64> {
    let instance = &listed.instance;
    let (mut cpu, mut memory) = (
        instance.allocatable_cpu.map_or(0, |cpu| cpu.0),
        instance.allocatable_memory.map_or(0, |memory| memory.0),
    );
    let mut pods = instance.max_pods.map_or(110, i64::from);
    for daemon in
        scene.compiled.daemons.iter().filter(|pod| scene.compiled.daemon_runs_on(pod, node))
    {
        let demand = demand_of(daemon);
        cpu -= demand.cpu;
        memory -= demand.memory;
        pods -= 1;
    }
    let overhead = &scene.policy.new_nodes.overhead;
    cpu -= overhead.cpu.map_or(0, |cpu| cpu.0);
    memory -= overhead.memory.map_or(0, |memory| memory.0);
    if let Some(most) = scene.policy.new_nodes.max_pods {
        pods = pods.min(i64::from(most));
    }
    let mut capacity = vec![cpu, memory, pods];
    for name in &scene.compiled.dimensions[3..] {
        capacity.push(match name.as_str() {
            "nvidia.com/gpu" => instance.gpu.as_ref().map_or(0, |gpu| i64::from(gpu.count)),
            "ephemeral-storage" => 1 << 44,
            name if name.starts_with("attached-volumes/") => {
                i64::from(instance.attachable_volumes(1))
            }
            _ => 0,
        });
    }
    capacity
}

/// The step that brings an offer into the cluster.
pub(super) fn launch(offer: &Offer<'_>) -> LaunchNode {
    let instance = &offer.listed.instance;
    let mut allocatable = ResourceList::of(
        instance.allocatable_cpu.unwrap_or(MilliCpu(0)),
        instance.allocatable_memory.unwrap_or(Bytes(0)),
    );
    allocatable.pods = instance.max_pods.map(i64::from);
    if let Some(gpu) = &instance.gpu {
        allocatable.other.insert("nvidia.com/gpu".to_owned(), i64::from(gpu.count));
    }
    LaunchNode {
        instance_type: instance.instance_type.to_string(),
        capacity_type: CapacityType::OnDemand,
        zone: offer.node.zone.clone(),
        operating_system: OperatingSystem::Linux,
        node_pool: None,
        labels: offer.node.labels.clone(),
        taints: Vec::new(),
        allocatable,
        usd_per_hour: Some(offer.price),
    }
}

/// What is recommended of new nodes, kind by kind: each is an offer and the items it will hold.
pub(super) fn recommendations(
    scene: &Scene<'_>,
    offers: &[Offer<'_>],
    bought: &[(usize, Vec<u32>)],
) -> Vec<PackingRecommendation> {
    let model = &scene.compiled.model;
    let mut kinds: BTreeMap<usize, (u32, u32, [i64; 2], [i64; 2])> = BTreeMap::new();
    for (offer, items) in bought {
        let entry = kinds.entry(*offer).or_default();
        entry.0 += 1;
        entry.1 += items.len() as u32;
        for at in 0..2 {
            let demand = |item: &u32| model.demand_of(model.items()[*item as usize].class)[at];
            entry.2[at] += items.iter().map(demand).sum::<i64>();
            entry.3[at] += offers[*offer].capacity[at];
        }
    }
    let kinds = kinds.into_iter().map(|(offer, (count, pods, used, whole))| {
        let offer = &offers[offer];
        let share = |at: usize| round4(used[at] as f64 / whole[at].max(1) as f64);
        PackingRecommendation::LaunchNodes {
            instance_type: offer.listed.instance.instance_type.to_string(),
            capacity_type: CapacityType::OnDemand,
            zone: offer.node.zone.clone(),
            count,
            pods,
            allocated: NodeShare { cpu: share(0), memory: share(1) },
            usd_per_hour: offer.price,
        }
    });
    kinds.collect()
}

/// The name of a node that a plan adds.
pub(super) fn name_of(number: usize, offer: &Offer<'_>) -> String {
    format!("new-{}-{}", number + 1, offer.listed.instance.instance_type)
}

/// The list price behind an offer.
pub(super) fn price_used(scene: &Scene<'_>, offer: &Offer<'_>) -> PriceUsed {
    let region = scene.given.evidence.region.as_ref().map_or("?", |region| region.as_str());
    PriceUsed {
        item: format!("{} on_demand {region}", offer.listed.instance.instance_type),
        usd_per_hour: offer.price,
        basis: "list_price".to_owned(),
        observed_at: offer.listed.on_demand_at,
    }
}

/// The offers as a certificate lists them: each type once, wherever it is bought.
pub(super) fn candidates(offers: &[Offer<'_>]) -> Vec<CandidateCapacity> {
    let mut listed: Vec<CandidateCapacity> = offers
        .iter()
        .map(|offer| CandidateCapacity {
            instance_type: offer.listed.instance.instance_type.to_string(),
            capacity: certificate::amounts(&offer.capacity),
            nanos_per_hour: certificate::unsigned(offer.price.nanos()),
        })
        .collect();
    let key = |one: &CandidateCapacity| (one.instance_type.clone(), one.capacity.clone());
    listed.sort_by_cached_key(key);
    listed.dedup();
    listed
}
