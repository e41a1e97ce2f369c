//! What the nodes of a cluster cost, and on what ground.

use std::collections::BTreeMap;

use facts::cluster::{ClusterState, Node};
use facts::decision::PriceUsed;
use facts::names::{CapacityType, Zone};
use units::{Bytes, MilliCpu, Usd, UsdPerHour};

use super::evidence::{PackingEvidence, PricedType};
use super::policy::{NodePrice, PackingPolicy};

/// Where no price is known, nodes are put in order by their size with these weights, the slope of
/// general-purpose On-Demand prices in us-east-1 (July 2026). They order candidates and are no
/// prices: no sum contains them.
const ORDERING: NodePrice = NodePrice {
    usd_per_vcpu_hour: UsdPerHour::from_nanos(31_600_000),
    usd_per_gib_hour: UsdPerHour::from_nanos(4_200_000),
};

/// The price of a node.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct NodeCost {
    /// What the search reckons with, in billionths of a dollar per hour.
    pub nanos: i64,
    /// The price; `None` when unknown.
    pub price: Option<PriceUsed>,
}

/// The price of every node, by name.
pub(super) struct NodeCosts<'a> {
    by_name: BTreeMap<&'a str, NodeCost>,
}

impl<'a> NodeCosts<'a> {
    pub(super) fn of(
        state: &'a ClusterState,
        policy: &PackingPolicy,
        evidence: &PackingEvidence,
    ) -> NodeCosts<'a> {
        let nodes = state.node_items().iter();
        let by_name =
            nodes.map(|node| (node.name.as_str(), cost(node, policy, evidence))).collect();
        NodeCosts { by_name }
    }

    pub(super) fn nanos(&self, node: &Node) -> i64 {
        self.by_name.get(node.name.as_str()).map_or(0, |cost| cost.nanos)
    }

    pub(super) fn price(&self, node: &Node) -> Option<&PriceUsed> {
        self.by_name.get(node.name.as_str()).and_then(|cost| cost.price.as_ref())
    }

    /// How many of the nodes have no known price.
    pub(super) fn unknown(&self) -> u64 {
        self.by_name.values().filter(|cost| cost.price.is_none()).count() as u64
    }
}

/// The type of a node, where the catalogue knows it.
pub(super) fn type_of<'e>(node: &Node, evidence: &'e PackingEvidence) -> Option<&'e PricedType> {
    let name = node.instance_type.as_deref()?;
    let types = &evidence.types;
    let at = types.binary_search_by(|one| one.instance.instance_type.as_str().cmp(name)).ok()?;
    types.get(at)
}

fn cost(node: &Node, policy: &PackingPolicy, evidence: &PackingEvidence) -> NodeCost {
    let known = |usd_per_hour: UsdPerHour, item: String, basis: &str, observed_at| NodeCost {
        nanos: usd_per_hour.nanos().max(0),
        price: Some(PriceUsed { item, usd_per_hour, basis: basis.to_owned(), observed_at }),
    };
    let region = evidence.region.as_ref().map_or("?", |region| region.as_str());
    if let Some(stated) = node.usd_per_hour {
        return known(stated, format!("node {}", node.name), "stated", None);
    }
    let name = node.instance_type.as_deref().unwrap_or("");
    if node.capacity_type == Some(CapacityType::Spot) {
        let same = |zone: Option<&str>| {
            evidence.spot.iter().find(|price| {
                price.instance_type.as_str() == name
                    && price.zone.as_ref().map(Zone::as_str) == zone
            })
        };
        if let Some(price) = same(node.zone.as_deref()).or_else(|| same(None)) {
            let place = price.zone.as_ref().map_or(region, |zone| zone.as_str());
            let item = format!("{name} spot {place}");
            return known(price.usd_per_hour, item, &price.basis, price.observed_at);
        }
    } else if let Some((listed, price)) =
        type_of(node, evidence).and_then(|listed| Some((listed, listed.on_demand?)))
    {
        let item = format!("{name} on_demand {region}");
        return known(price, item, "list_price", listed.on_demand_at);
    }
    let size = |price: &NodePrice| by_size(node, evidence, price);
    match policy.node_price.as_ref().map(size) {
        Some(assumed) => known(assumed, format!("node {}", node.name), "assumed", None),
        None => NodeCost { nanos: size(&ORDERING).nanos().max(1), price: None },
    }
}

/// The price of a node by its size: what it has, else what pods may use of it.
fn by_size(node: &Node, evidence: &PackingEvidence, price: &NodePrice) -> UsdPerHour {
    let listed = type_of(node, evidence).map(|listed| &listed.instance);
    let cores = node
        .capacity
        .cpu
        .or(node.allocatable_cpu())
        .map(MilliCpu::cores)
        .or(listed.map(|listed| f64::from(listed.vcpu)))
        .unwrap_or(0.0);
    let gib = node
        .capacity
        .memory
        .or(node.allocatable_memory())
        .map(Bytes::gib)
        .or(listed.map(|listed| listed.memory.gib()))
        .unwrap_or(0.0);
    let dollars = cores * price.usd_per_vcpu_hour.per_hour().dollars()
        + gib * price.usd_per_gib_hour.per_hour().dollars();
    UsdPerHour::new(Usd::from_dollars(dollars).unwrap_or(Usd::ZERO))
}
