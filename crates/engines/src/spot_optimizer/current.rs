//! What the cluster runs on now: its pools, their shares and their full cost.

use std::collections::BTreeMap;

use facts::cluster::{Node, well_known};
use facts::decision::{AllocatedPool, LayerVerdict, PriceUsed};
use facts::names::CapacityType;
use learning::cross_customer::Level;
use market::MarketSlice;
use units::{Bytes, Fraction, MilliCpu, SafetyScore, UsdPerHour};

use super::Scene;
use super::capacity::size_of;
use super::recommendation::{basis_name, rate, rounded};
use crate::safety::{self, Holding};
use crate::scoring::PoolScore;

/// The nodes of a cluster by pool.
#[derive(Debug, Default)]
pub(super) struct Current {
    /// Pools in order of type, zone and way of buying.
    pub pools: Vec<CurrentPool>,
    /// Nodes that do not say how they are bought; they count as On-Demand.
    pub unstated: u64,
    /// Nodes without a known price.
    pub unpriced: u64,
}

/// Nodes of one type in one zone, bought in one way.
#[derive(Debug)]
pub(super) struct CurrentPool {
    instance_type: String,
    zone: Option<String>,
    bought: CapacityType,
    nodes: u64,
    vcpu: MilliCpu,
    /// Processors of nodes with a known price.
    priced_vcpu: MilliCpu,
    usd_per_hour: UsdPerHour,
    /// Interruptions per hour of a spot node; `None` when not known.
    hazard: Option<f64>,
    safety: Option<SafetyScore>,
    level: Option<Level>,
    price: Option<PriceUsed>,
}

type Key = (String, Option<String>, CapacityType);

/// The nodes of the cluster, grouped.
pub(super) fn current(scene: &Scene<'_>) -> Current {
    let mut found = Current::default();
    let mut pools: BTreeMap<Key, CurrentPool> = BTreeMap::new();
    for node in scene.state.node_items() {
        let facts = facts_of(scene, node);
        let Some((vcpu, _)) = size_of(node, facts.sold) else { continue };
        if node.capacity_type.is_none() {
            found.unstated += 1;
        }
        let bought = node.capacity_type.unwrap_or(CapacityType::OnDemand);
        let zone = zone_of(node).map(str::to_owned);
        let instance_type = node.instance_type.clone().unwrap_or_else(|| "unknown".to_owned());
        let key = (instance_type.clone(), zone.clone(), bought);
        let pool = pools.entry(key).or_insert_with(|| CurrentPool {
            instance_type,
            zone,
            bought,
            nodes: 0,
            vcpu: MilliCpu(0),
            priced_vcpu: MilliCpu(0),
            usd_per_hour: UsdPerHour::ZERO,
            hazard: facts.hazard,
            safety: facts.safety,
            level: facts.level,
            price: None,
        });
        pool.nodes += 1;
        pool.vcpu += vcpu;
        match facts.price {
            Some((price, basis)) => {
                pool.priced_vcpu += vcpu;
                pool.usd_per_hour += price;
                let place = pool.zone.as_deref().unwrap_or("");
                let item = format!("{} {bought} {place}", pool.instance_type);
                let used = PriceUsed {
                    item: item.trim_end().to_owned(),
                    usd_per_hour: price,
                    basis: basis.to_owned(),
                    observed_at: facts.observed_at,
                };
                // Of several prices the lowest is shown, whichever node comes first.
                let key = |used: &PriceUsed| (used.usd_per_hour, used.basis.clone());
                if pool.price.as_ref().is_none_or(|known| key(&used) < key(known)) {
                    pool.price = Some(used);
                }
            }
            None => found.unpriced += 1,
        }
    }
    found.pools = pools.into_values().collect();
    found
}

impl Current {
    /// Whether there is spot capacity.
    pub(super) fn has_spot(&self) -> bool {
        self.pools.iter().any(|pool| pool.bought == CapacityType::Spot)
    }

    /// Processors of nodes with a known price.
    pub(super) fn priced_vcpu(&self) -> f64 {
        self.pools.iter().map(|pool| pool.priced_vcpu.cores()).sum()
    }

    /// What nodes with a known price cost.
    pub(super) fn usd_per_hour(&self) -> UsdPerHour {
        self.pools.iter().map(|pool| pool.usd_per_hour).sum()
    }

    /// What a processor costs, interruptions included; `None` when no price is known. A spot node
    /// of which nothing is known is taken to be interrupted as little as the safest class.
    pub(super) fn full_dollars_per_vcpu(&self, lost: f64) -> Option<f64> {
        let vcpu = self.priced_vcpu();
        if vcpu <= 0.0 {
            return None;
        }
        let interruptions: f64 = self
            .pools
            .iter()
            .map(|pool| pool.hazard.unwrap_or(0.0) * pool.priced_vcpu.cores() * lost)
            .sum();
        Some((self.usd_per_hour().per_hour().dollars() + interruptions) / vcpu)
    }

    /// What the layers measure of it.
    pub(super) fn layers(&self, scene: &Scene<'_>) -> Vec<LayerVerdict> {
        let total: f64 = self.pools.iter().map(|pool| pool.vcpu.cores()).sum();
        let holdings: Vec<Holding<'_>> = self
            .pools
            .iter()
            .map(|pool| Holding {
                zone: pool.zone.as_deref(),
                share: pool.vcpu.cores() / total.max(1e-9),
                spot: (pool.bought == CapacityType::Spot)
                    .then(|| pool.safety.map(SafetyScore::value)),
                level: pool.level,
            })
            .collect();
        safety::measure(&holdings, &scene.policy.layers)
    }

    /// The pools as an allocation.
    pub(super) fn allocation(&self, scene: &Scene<'_>) -> Vec<AllocatedPool> {
        let total: f64 = self.pools.iter().map(|pool| pool.vcpu.cores()).sum();
        let lost = scene.evidence.scoring.interruption_cost_usd_per_vcpu.dollars();
        let pools = self.pools.iter().map(|pool| {
            let share = rounded(pool.vcpu.cores() / total.max(1e-9), 1e9);
            let spot = pool.bought == CapacityType::Spot;
            let price = (pool.priced_vcpu.0 > 0)
                .then(|| pool.usd_per_hour.per_hour().dollars() / pool.priced_vcpu.cores());
            let full = price.map(|price| price + pool.hazard.unwrap_or(0.0) * lost);
            AllocatedPool {
                instance_type: pool.instance_type.clone(),
                zone: pool.zone.clone(),
                capacity_type: pool.bought,
                share: Fraction::clamped(share),
                vcpu: pool.vcpu.cores(),
                usd_per_vcpu_hour: price.map(rate),
                full_usd_per_vcpu_hour: full.map(rate),
                price_basis: pool.price.as_ref().map(|price| price.basis.clone()),
                nodes: Some(pool.nodes),
                safety_score: pool.safety.filter(|_| spot),
                layers: if spot {
                    let safety = pool.safety.map(SafetyScore::value);
                    safety::of_pool(share, safety, pool.level, &scene.policy.layers)
                } else {
                    Vec::new()
                },
            }
        });
        pools.collect()
    }

    /// The prices behind the cost.
    pub(super) fn prices(&self) -> impl Iterator<Item = PriceUsed> + '_ {
        self.pools.iter().filter_map(|pool| pool.price.clone())
    }
}

/// What is known of a node from the market.
#[derive(Default)]
struct NodeFacts {
    sold: Option<(u32, Bytes)>,
    price: Option<(UsdPerHour, &'static str)>,
    observed_at: Option<jiff::Timestamp>,
    hazard: Option<f64>,
    safety: Option<SafetyScore>,
    level: Option<Level>,
}

/// The size of a node's type as sold, where the market knows it.
pub(super) fn sold_size(scene: &Scene<'_>, node: &Node) -> Option<(u32, Bytes)> {
    let slice = scene.evidence.existing.as_ref()?;
    let of_type = type_row(slice, node)?;
    Some((*slice.types.vcpu.get(of_type)?, *slice.types.memory.get(of_type)?))
}

fn facts_of(scene: &Scene<'_>, node: &Node) -> NodeFacts {
    let mut facts = NodeFacts { sold: sold_size(scene, node), ..NodeFacts::default() };
    let spot = node.capacity_type == Some(CapacityType::Spot);
    if let Some(slice) = scene.evidence.existing.as_ref()
        && let Some(of_type) = type_row(slice, node)
    {
        if spot {
            if let Some(row) = pool_row(slice, of_type, zone_of(node)) {
                let score = scene.evidence.existing_scores.score(row);
                facts.hazard = score.map(|score| score.aged_hazard);
                facts.safety = score.map(|score| score.safety);
                facts.level =
                    score.filter(|_| scene.evidence.learned.is_some()).map(PoolScore::level);
                let basis = slice.pools.price_basis.get(row).copied();
                let price = slice.pools.price.get(row).copied().flatten();
                facts.price = price.zip(basis).map(|(price, basis)| (price, basis_name(basis)));
                facts.observed_at = slice.pools.price_at.get(row).copied().flatten();
            }
        } else {
            let price = slice.types.on_demand.get(of_type).copied().flatten();
            facts.price = price.map(|price| (price, "list_price"));
            facts.observed_at = slice.types.on_demand_at.get(of_type).copied().flatten();
        }
    }
    if let Some(stated) = node.usd_per_hour {
        facts.price = Some((stated, "stated"));
        facts.observed_at = None;
    }
    facts
}

fn type_row(slice: &MarketSlice, node: &Node) -> Option<usize> {
    let name = node.instance_type.as_deref()?;
    slice.types.instance_type.binary_search_by(|one| one.as_str().cmp(name)).ok()
}

/// The pool of a type in a zone; where the market has none there, that of the whole region. The
/// price of another zone is never taken.
fn pool_row(slice: &MarketSlice, of_type: usize, zone: Option<&str>) -> Option<usize> {
    let mut rows = (0..slice.len())
        .filter(|row| slice.pools.type_row.get(*row).is_some_and(|at| *at as usize == of_type));
    let in_zone = |row: &usize| {
        let place = slice.pools.zone.get(*row).and_then(Option::as_ref);
        place.is_none_or(|place| Some(place.as_str()) == zone)
    };
    rows.find(in_zone)
}

fn zone_of(node: &Node) -> Option<&str> {
    node.zone.as_deref().or_else(|| node.label(well_known::ZONE))
}
