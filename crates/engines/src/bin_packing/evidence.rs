//! What packing asks of the market: prices of the nodes there are and of those it may buy.

use std::collections::BTreeSet;

use facts::cluster::{ClusterState, Node};
use facts::decision::DataSource;
use facts::names::{Architecture, CapacityType, InstanceType, OperatingSystem, Region, Zone};
use jiff::{SignedDuration, Timestamp};
use market::{Dataset, Instance, InstanceFilter, Market};
use serde::{Deserialize, Serialize};
use units::{Fraction, Hours, UsdPerHour};

use super::policy::{Mode, PackingPolicy};

/// The question. Equal questions have equal answers on the same market.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PackingNeed {
    /// The region; without one nothing is known of prices.
    pub region: Option<Region>,
    /// As of when, to the hour, so that answers can be shared.
    pub as_of: Timestamp,
    /// Types of nodes that exist.
    pub types: BTreeSet<InstanceType>,
    /// Spot capacity that exists.
    pub spot: BTreeSet<(InstanceType, Option<Zone>)>,
    /// What may be bought; `None` when nothing may.
    pub candidates: Option<InstanceFilter>,
}

/// The answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PackingEvidence {
    /// The region.
    pub region: Option<Region>,
    /// Types of nodes that exist, as far as the catalogue knows them, sorted.
    pub types: Vec<PricedType>,
    /// Prices of the spot capacity that exists, sorted.
    pub spot: Vec<SpotPrice>,
    /// Types that may be bought, with their list price, sorted by name.
    pub candidates: Vec<PricedType>,
    /// Candidates that were left out since no price or no capacity is known.
    pub left_out: u32,
    /// Where the numbers come from.
    pub sources: Vec<DataSource>,
}

/// A type with its list price.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PricedType {
    /// What it is.
    pub instance: Instance,
    /// Its list price.
    pub on_demand: Option<UsdPerHour>,
    /// From when.
    pub on_demand_at: Option<Timestamp>,
}

/// The price of spot capacity.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SpotPrice {
    /// The type.
    pub instance_type: InstanceType,
    /// The zone.
    pub zone: Option<Zone>,
    /// The price.
    pub usd_per_hour: UsdPerHour,
    /// `spot_history` or `advisor_30d_average`.
    pub basis: String,
    /// When it was seen.
    pub observed_at: Option<Timestamp>,
}

/// A spot price that was not seen for longer is no longer one.
const SPOT_MAX_AGE: Hours = Hours(48.0);

/// What packing asks for this cluster.
pub(super) fn need(state: &ClusterState, policy: &PackingPolicy, now: Timestamp) -> PackingNeed {
    let nodes = state.node_items();
    let typed = |node: &Node| node.instance_type.as_deref()?.parse::<InstanceType>().ok();
    let spot = nodes.iter().filter(|node| node.capacity_type == Some(CapacityType::Spot));
    let may_buy = policy.mode == Mode::Reprovision || policy.replace;
    PackingNeed {
        region: region_of(state),
        as_of: to_the_hour(now),
        types: nodes.iter().filter_map(typed).collect(),
        spot: spot
            .filter_map(|node| {
                let zone = node.zone.as_deref().and_then(|zone| zone.parse().ok());
                Some((typed(node)?, zone))
            })
            .collect(),
        candidates: may_buy.then(|| filter(state, policy)),
    }
}

/// The region of a cluster: stated, or that of its nodes when they agree.
#[must_use]
pub fn region_of(state: &ClusterState) -> Option<Region> {
    if state.region.is_some() {
        return state.region.clone();
    }
    let of_zone = |node: &Node| node.zone.as_deref()?.parse::<Zone>().ok()?.region();
    let mut regions = state.node_items().iter().filter_map(of_zone);
    let first = regions.next()?;
    regions.all(|region| region == first).then_some(first)
}

/// Which types may be bought: the policy's choice, with the architectures of the cluster where it
/// names none.
fn filter(state: &ClusterState, policy: &PackingPolicy) -> InstanceFilter {
    let choice = &policy.instance_types;
    let mut architectures = choice.architectures.clone();
    if architectures.is_empty() {
        let of_node = |node: &Node| {
            node.architecture.or_else(|| {
                node.label(facts::cluster::well_known::ARCHITECTURE)?.parse::<Architecture>().ok()
            })
        };
        architectures = state.node_items().iter().filter_map(of_node).collect();
    }
    if architectures.is_empty() {
        architectures.insert(Architecture::Amd64);
    }
    let named = |category: &str| {
        choice.categories.contains(category)
            || choice.families.iter().any(|family| {
                family
                    .trim_end_matches(|last: char| !last.is_ascii_digit())
                    .trim_end_matches(char::is_numeric)
                    == category
            })
    };
    let asks = |part: &str| {
        state.pod_items().iter().any(|pod| {
            let lists = pod.containers.iter().map(|one| &one.requests).chain([&pod.requests]);
            lists.flat_map(|list| list.other.keys()).any(|name| name.contains(part))
        })
    };
    InstanceFilter {
        architectures,
        families: choice.families.clone(),
        categories: choice.categories.clone(),
        max_vcpu: choice.max_vcpu,
        burstable: named("t"),
        accelerated: asks("gpu")
            || asks("neuron")
            || ["g", "p", "inf", "trn"].into_iter().any(named),
        ..InstanceFilter::default()
    }
}

/// Answers from the market.
pub(super) fn gather(need: &PackingNeed, market: &Market) -> PackingEvidence {
    let Some(region) = &need.region else { return PackingEvidence::default() };
    let os = OperatingSystem::Linux;
    let priced = |instance: &Instance| {
        let quote = market.on_demand(&instance.instance_type, region, os, need.as_of);
        PricedType {
            instance: instance.clone(),
            on_demand: quote.map(|quote| quote.price),
            on_demand_at: quote.map(|quote| quote.since),
        }
    };
    let mut candidates = Vec::new();
    let mut left_out = 0;
    for instance in need.candidates.iter().flat_map(|filter| market.candidates(filter)) {
        let known = priced(instance);
        let usable = known.on_demand.is_some()
            && instance.allocatable_cpu.is_some()
            && instance.allocatable_memory.is_some();
        if usable { candidates.push(known) } else { left_out += 1 }
    }
    PackingEvidence {
        region: Some(region.clone()),
        types: need.types.iter().filter_map(|name| market.instance(name)).map(priced).collect(),
        spot: need
            .spot
            .iter()
            .filter_map(|(name, zone)| spot_price(need, market, region, name, zone.as_ref()))
            .collect(),
        candidates,
        left_out,
        sources: sources(market, need.as_of),
    }
}

fn spot_price(
    need: &PackingNeed,
    market: &Market,
    region: &Region,
    name: &InstanceType,
    zone: Option<&Zone>,
) -> Option<SpotPrice> {
    let os = OperatingSystem::Linux;
    let found = zone.and_then(|zone| market.spot(name, zone, os, need.as_of, SPOT_MAX_AGE).ok());
    if let Some(quote) = found {
        return Some(SpotPrice {
            instance_type: name.clone(),
            zone: zone.cloned(),
            usd_per_hour: quote.price,
            basis: "spot_history".to_owned(),
            observed_at: Some(quote.last_seen),
        });
    }
    let list = market.on_demand(name, region, os, need.as_of)?;
    let advice = market.advisor(name, region, os, need.as_of)?;
    let saved = Fraction::new(f64::from(advice.savings_percent?) / 100.0).ok()?;
    Some(SpotPrice {
        instance_type: name.clone(),
        zone: zone.cloned(),
        usd_per_hour: list.price.scaled(saved.complement()),
        basis: "advisor_30d_average".to_owned(),
        observed_at: Some(advice.observed_at),
    })
}

/// Where a market's numbers come from, and how old they are.
pub(crate) fn sources(market: &Market, now: Timestamp) -> Vec<DataSource> {
    market
        .provenance()
        .iter()
        .map(|part| DataSource {
            dataset: dataset_name(part.dataset).to_owned(),
            source: part.source.clone(),
            observed_from: Some(part.oldest),
            observed_until: Some(part.newest),
            age_hours: {
                let age = now.duration_since(part.newest).as_secs() as f64 / 3600.0;
                Some((age * 10.0).round() / 10.0)
            },
            rows: part.rows,
        })
        .collect()
}

fn dataset_name(dataset: Dataset) -> &'static str {
    match dataset {
        Dataset::Catalogue => "instance_catalogue",
        Dataset::OnDemand => "on_demand_prices",
        Dataset::Advisor => "spot_advisor",
        Dataset::SpotHistory => "spot_prices",
    }
}

/// The start of the hour.
#[must_use]
pub fn to_the_hour(instant: Timestamp) -> Timestamp {
    let past = SignedDuration::from_secs(instant.as_second().rem_euclid(3600));
    let nanos = SignedDuration::from_nanos(i64::from(instant.subsec_nanosecond()));
    instant.checked_sub(past).and_then(|start| start.checked_sub(nanos)).unwrap_or(instant)
}
