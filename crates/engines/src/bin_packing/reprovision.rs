//! Planning the cluster anew: the cheapest set of new nodes for all pods that may move.
//!
//! Rules between pods that one node can keep (anti-affinity, ports and spread per node) become
//! limits per node, and a spread over zones becomes a share per zone. Pods with other rules between
//! pods stay where they are, and so do their nodes.

use std::collections::{BTreeMap, BTreeSet};

use facts::action::LaunchNode;
use facts::bound::CandidateCapacity;
use facts::cluster::{Labels, Node, Pod, ResourceList, well_known};
use facts::decision::{PriceUsed, Rejection, Savings, Verdict, Warning};
use facts::names::{CapacityType, OperatingSystem};
use facts::reason::ReasonCode;
use packing::IndexSet;
use packing::bound::{Proof, UnlimitedBin, resource_prices};
use packing::placement::{NODE_KEY, Rule, State};
use packing::reprovision::{Class, Problem, Shape, Solution, reprovision};
use packing::work::Work;
use units::{Bytes, MilliCpu, UsdPerHour};

use super::consolidate::{allocated, round4};
use super::evidence::PricedType;
use super::recommendation::{NodeShare, PackingRecommendation};
use super::refused::{node_target, pod_target};
use super::steps::{Drain, steps};
use super::{Scene, certificate};
use crate::scheduling::demand::demand_of;

/// Plans new nodes.
pub(super) fn decide(scene: &Scene<'_>) -> Verdict<PackingRecommendation> {
    let mut verdict = Verdict::default();
    if scene.given.evidence.candidates.is_empty() {
        let (code, message) = match &scene.given.evidence.region {
            None => (
                ReasonCode::RegionUnknown,
                "the region is not known; state `region` in the snapshot".to_owned(),
            ),
            Some(region) => (
                ReasonCode::FitsNoInstanceType,
                format!("no instance type with a known price in {region} passes `instance_types`"),
            ),
        };
        verdict.warnings.push(Warning { code, message: message.clone(), subject: None });
        verdict.bound = Some(certificate::unknown(&message));
        return verdict;
    }
    let scope = Scope::of(scene);
    let offers = offers(scene, &scope);
    let problem = problem(scene, &scope, &offers);
    let limit = scene.given.work;
    let mut work = match limit.cancelled {
        Some(cancelled) => Work::with_cancel(limit.budget, cancelled),
        None => Work::new(limit.budget),
    };
    match reprovision(&problem, scene.policy.effort.effort(), &mut work) {
        Ok(solution) => write(scene, &scope, &problem, &offers, &solution, verdict),
        Err(error) => {
            let message = format!("the cluster cannot be reckoned with: {error}");
            verdict.bound = Some(certificate::unknown(&message));
            let code = ReasonCode::InvalidObject;
            verdict.warnings.push(Warning { code, message, subject: None });
            verdict
        }
    }
}

/// Which pods are planned anew, and which nodes go.
struct Scope {
    /// Items by class and, where the class is spread over zones, by zone.
    lots: Vec<Lot>,
    /// Nodes that go.
    goes: Vec<bool>,
    /// Zones of the cluster, when some rule looks at them; else empty.
    zones: Vec<String>,
    /// Pods that keep their node.
    stay: Vec<(usize, ReasonCode, String)>,
}

/// Pods that are alike for the search.
struct Lot {
    class: u32,
    zone: Option<usize>,
    items: Vec<u32>,
}

impl Scope {
    fn of(scene: &Scene<'_>) -> Scope {
        let compiled = &scene.compiled;
        let model = &compiled.model;
        let mut goes: Vec<bool> = compiled
            .nodes
            .iter()
            .map(|node| !scene.refused.contains_key(node.name.as_str()))
            .collect();
        let mut stay = Vec::new();
        for (index, item) in model.items().iter().enumerate() {
            let refusal = compiled.refusals[index].as_ref();
            let unplannable = unplannable(scene, item.class);
            let reason =
                refusal.map(|refusal| (refusal.code, refusal.detail.clone())).or(unplannable
                    .map(|code| (code, "its rule on other pods is not planned anew".to_owned())));
            if let (Some((code, detail)), false) = (reason, compiled.pods[index].pending) {
                if let Some(home) = item.home {
                    goes[home as usize] = false;
                }
                stay.push((index, code, detail));
            }
        }
        let zone_of = |node: &&Node| node.label(well_known::ZONE).map(str::to_owned);
        let zones: BTreeSet<String> = compiled.nodes.iter().filter_map(zone_of).collect();
        let mut zones: Vec<String> = zones.into_iter().collect();
        let looks =
            |class: u32| compiled.class_looks_at_zones(class) || spread_over_zones(scene, class);
        if !(0..model.classes().len() as u32).any(looks) {
            zones.clear();
        }
        let mut by_class: Vec<Vec<u32>> = vec![Vec::new(); model.classes().len()];
        for (index, item) in model.items().iter().enumerate() {
            let moves = match item.home {
                Some(home) if !compiled.pods[index].pending => goes[home as usize],
                _ => unplannable(scene, item.class).is_none(),
            };
            if moves {
                by_class[item.class as usize].push(index as u32);
            }
        }
        let mut lots = Vec::new();
        let mut turn = 0;
        for (class, items) in by_class.into_iter().enumerate() {
            let class = class as u32;
            if items.is_empty() {
                continue;
            }
            if zones.is_empty() || !spread_over_zones(scene, class) {
                lots.push(Lot { class, zone: None, items });
                continue;
            }
            let mut shares: Vec<Vec<u32>> = vec![Vec::new(); zones.len()];
            for item in items {
                // The next class goes on where this one stopped, so that classes of one workload
                // do not all put their extra pod into the first zone.
                shares[turn % zones.len()].push(item);
                turn += 1;
            }
            for (zone, items) in
                shares.into_iter().enumerate().filter(|(_, items)| !items.is_empty())
            {
                lots.push(Lot { class, zone: Some(zone), items });
            }
        }
        Scope { lots, goes, zones, stay }
    }
}

/// The rule between pods that keeps a class from being planned anew.
fn unplannable(scene: &Scene<'_>, class: u32) -> Option<ReasonCode> {
    let model = &scene.compiled.model;
    model.classes()[class as usize].groups.iter().filter(|role| role.carrier).find_map(|role| {
        let group = &model.groups()[role.group as usize];
        let plannable = match &group.rule {
            Rule::Exclusive => group.key == NODE_KEY,
            Rule::Together => false,
            Rule::Spread { .. } => group.key == NODE_KEY || is_zone(scene, role.group),
        };
        (!plannable).then(|| scene.compiled.meanings[role.group as usize].code)
    })
}

fn is_zone(scene: &Scene<'_>, group: u32) -> bool {
    scene.compiled.meanings[group as usize].text.contains(well_known::ZONE)
}

fn spread_over_zones(scene: &Scene<'_>, class: u32) -> bool {
    let model = &scene.compiled.model;
    model.classes()[class as usize].groups.iter().any(|role| {
        let spread = matches!(model.groups()[role.group as usize].rule, Rule::Spread { .. });
        role.carrier && spread && is_zone(scene, role.group)
    })
}

/// A type in a place.
struct Offer<'e> {
    listed: &'e PricedType,
    price: UsdPerHour,
    zone: Option<usize>,
    /// The node as it would join.
    node: Node,
    /// What it offers to pods, in the dimensions of the model.
    capacity: Vec<i64>,
}

fn offers<'e>(scene: &Scene<'e>, scope: &Scope) -> Vec<Offer<'e>> {
    let places: Vec<Option<usize>> = match scope.zones.len() {
        0 => vec![None],
        zones => (0..zones).map(Some).collect(),
    };
    let mut offers = Vec::new();
    for listed in &scene.given.evidence.candidates {
        let Some(price) = listed.on_demand else { continue };
        for zone in &places {
            let node = joining_node(scene, listed, zone.map(|zone| scope.zones[zone].as_str()));
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

fn problem(scene: &Scene<'_>, scope: &Scope, offers: &[Offer<'_>]) -> Problem {
    let model = &scene.compiled.model;
    let classes = scope.lots.iter().map(|lot| {
        let allowed: Vec<u32> = offers
            .iter()
            .enumerate()
            .filter(|(_, offer)| {
                (lot.zone.is_none() || lot.zone == offer.zone)
                    && scene.compiled.class_admits(lot.class, &offer.node)
            })
            .map(|(index, _)| index as u32)
            .collect();
        let (per_bin, conflicts) = limits(scene, scope, lot.class);
        Class {
            demand: model.demand_of(lot.class).to_vec(),
            count: lot.items.len() as u32,
            per_bin,
            allowed: if allowed.len() == offers.len() {
                IndexSet::All
            } else {
                IndexSet::of(&allowed)
            },
            conflicts,
        }
    });
    Problem {
        dims: model.dims(),
        classes: classes.collect(),
        shapes: offers
            .iter()
            .map(|offer| Shape {
                capacity: offer.capacity.clone(),
                cost: offer.price.nanos(),
                available: None,
            })
            .collect(),
    }
}

/// How many of a class one node may hold, and which lots may not share it.
fn limits(scene: &Scene<'_>, scope: &Scope, class: u32) -> (Option<u32>, Vec<u32>) {
    let model = &scene.compiled.model;
    let mut per_bin: Option<u32> = None;
    let mut conflicts = Vec::new();
    for role in &model.classes()[class as usize].groups {
        let group = &model.groups()[role.group as usize];
        if group.key != NODE_KEY {
            continue;
        }
        match &group.rule {
            Rule::Spread { max_skew, .. } if role.carrier => {
                per_bin = Some(per_bin.map_or(*max_skew, |most| most.min(*max_skew)));
            }
            Rule::Exclusive => {
                if role.carrier && role.target {
                    per_bin = Some(1);
                }
                for (index, lot) in scope.lots.iter().enumerate() {
                    let other = model.classes()[lot.class as usize]
                        .groups
                        .iter()
                        .find(|other| other.group == role.group);
                    let clash = other.is_some_and(|other| {
                        (role.carrier && other.target) || (role.target && other.carrier)
                    });
                    if clash && lot.class != class {
                        conflicts.push(index as u32);
                    }
                }
            }
            _ => {}
        }
    }
    conflicts.sort_unstable();
    conflicts.dedup();
    (per_bin, conflicts)
}

fn write(
    scene: &Scene<'_>,
    scope: &Scope,
    problem: &Problem,
    offers: &[Offer<'_>],
    solution: &Solution,
    mut verdict: Verdict<PackingRecommendation>,
) -> Verdict<PackingRecommendation> {
    let compiled = &scene.compiled;
    verdict.work_used = solution.work_used;
    verdict.work_cut = solution.cancelled;
    if solution.cancelled || scene.given.work.replays_a_cut {
        let message = "the search was cut short; more time may find a cheaper plan".to_owned();
        verdict.warnings.push(Warning { code: ReasonCode::WorkLimit, message, subject: None });
    }
    let mut queues: Vec<std::slice::Iter<'_, u32>> =
        scope.lots.iter().map(|lot| lot.items.iter()).collect();
    let mut expected: BTreeMap<u32, String> = BTreeMap::new();
    let mut launches = Vec::new();
    let mut groups: BTreeMap<u32, (u32, u32, [i64; 2], [i64; 2])> = BTreeMap::new();
    for (number, bin) in solution.bins.iter().enumerate() {
        let offer = &offers[bin.shape as usize];
        let name = format!("new-{}-{}", number + 1, offer.listed.instance.instance_type);
        let entry = groups.entry(bin.shape).or_default();
        entry.0 += 1;
        for (lot, count) in &bin.contents {
            for item in queues[*lot as usize].by_ref().take(*count as usize) {
                expected.insert(*item, name.clone());
                let demand = compiled.model.demand_of(compiled.model.items()[*item as usize].class);
                entry.1 += 1;
                entry.2[0] += demand[0];
                entry.2[1] += demand[1];
            }
        }
        entry.3[0] += offer.capacity[0];
        entry.3[1] += offer.capacity[1];
        launches.push((name, launch(offer)));
    }
    let unplaced = unplaced(scene, scope, solution, &mut verdict);
    // A node goes only when each of its pods has a new place.
    let state = State::new(&compiled.model);
    let goes = |index: usize| {
        scope.goes[index] && state.items_on(index as u32).all(|item| !unplaced.contains(&item))
    };
    let going: Vec<usize> = (0..compiled.nodes.len()).filter(|index| goes(*index)).collect();
    verdict.rejected.extend(kept_nodes(scene, &scope.stay));
    verdict.savings = savings(scene, offers, solution, &going);
    verdict.bound = Some(bound(scene, problem, offers, solution));
    let known = verdict.savings.before_usd_per_hour.zip(verdict.savings.after_usd_per_hour);
    verdict.estimated_savings = known.map(|(before, after)| (before - after).per_month());
    let dearer = known.is_some_and(|(before, after)| after >= before) && !going.is_empty();
    if dearer {
        let message = format!(
            "the cheapest set of new nodes that was found costs {} against {} now; nothing is proposed",
            known.map_or(UsdPerHour::ZERO, |known| known.1),
            known.map_or(UsdPerHour::ZERO, |known| known.0),
        );
        verdict.warnings.push(Warning { code: ReasonCode::NoSaving, message, subject: None });
        verdict.estimated_savings = Some(units::Usd::ZERO);
        if let Some(bound) = &mut verdict.bound {
            bound.certificate = None;
        }
        return verdict;
    }
    verdict.recommendations = groups
        .iter()
        .map(|(shape, (count, pods, used, whole))| {
            let offer = &offers[*shape as usize];
            let share = |at: usize| round4(used[at] as f64 / (whole[at].max(1)) as f64);
            PackingRecommendation::LaunchNodes {
                instance_type: offer.listed.instance.instance_type.to_string(),
                capacity_type: CapacityType::OnDemand,
                zone: offer.node.zone.clone(),
                count: *count,
                pods: *pods,
                allocated: NodeShare { cpu: share(0), memory: share(1) },
                usd_per_hour: offer.price,
            }
        })
        .collect();
    let removal = |index: &usize| removal(scene, &state, *index);
    verdict.recommendations.extend(going.iter().map(removal));
    let drains: Vec<Drain<'_>> = going
        .iter()
        .map(|index| Drain {
            node: compiled.nodes[*index],
            evictions: state
                .items_on(*index as u32)
                .filter(|item| !compiled.pods[*item as usize].pending)
                .map(|item| (compiled.pods[item as usize].pod, expected.get(&item).cloned()))
                .collect(),
        })
        .collect();
    verdict.execution_plan = steps(launches, &drains, scene.policy.drain_grace_seconds);
    verdict
}

fn launch(offer: &Offer<'_>) -> LaunchNode {
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

/// Items that found no node, each with a rejection.
fn unplaced(
    scene: &Scene<'_>,
    scope: &Scope,
    solution: &Solution,
    verdict: &mut Verdict<PackingRecommendation>,
) -> BTreeSet<u32> {
    let mut found = BTreeSet::new();
    for (lot, count) in &solution.unplaced {
        let items = &scope.lots[*lot as usize].items;
        for item in items.iter().rev().take(*count as usize) {
            found.insert(*item);
            verdict.rejected.push(Rejection {
                subject: pod_target(scene.compiled.pods[*item as usize].pod),
                code: ReasonCode::FitsNoInstanceType,
                blocking: None,
                detail: "no candidate type has room for it under its rules".to_owned(),
                numbers: BTreeMap::new(),
            });
        }
    }
    found
}

fn removal(scene: &Scene<'_>, state: &State<'_>, index: usize) -> PackingRecommendation {
    let compiled = &scene.compiled;
    let node = compiled.nodes[index];
    let price = scene.costs.price(node).map(|price| price.usd_per_hour);
    let weight: u64 =
        state.items_on(index as u32).map(|item| compiled.model.items()[item as usize].weight).sum();
    PackingRecommendation::RemoveNode {
        node: node_target(node),
        instance_type: node.instance_type.clone(),
        zone: node.zone.clone(),
        reason: "replaced".to_owned(),
        allocated: allocated(&compiled.model, state, index as u32),
        pods_moved: state.items_on(index as u32).count() as u32,
        disruption: weight as f64 / 1000.0,
        usd_per_hour: price,
        savings_usd_per_month: None,
    }
}

fn savings(
    scene: &Scene<'_>,
    offers: &[Offer<'_>],
    solution: &Solution,
    going: &[usize],
) -> Savings {
    let price = |node: &&Node| scene.costs.price(node).cloned();
    let before: Vec<PriceUsed> = scene.compiled.nodes.iter().filter_map(price).collect();
    let gone: UsdPerHour = going
        .iter()
        .filter_map(|index| scene.costs.price(scene.compiled.nodes[*index]))
        .map(|price| price.usd_per_hour)
        .sum();
    let total: UsdPerHour = before.iter().map(|price| price.usd_per_hour).sum();
    let bought = UsdPerHour::from_nanos(solution.cost);
    let mut prices: BTreeMap<String, PriceUsed> =
        before.into_iter().map(|price| (price.item.clone(), price)).collect();
    let region = scene.given.evidence.region.as_ref().map_or("?", |region| region.as_str());
    for bin in &solution.bins {
        let offer = &offers[bin.shape as usize];
        let item = format!("{} on_demand {region}", offer.listed.instance.instance_type);
        prices.entry(item.clone()).or_insert_with(|| PriceUsed {
            item,
            usd_per_hour: offer.price,
            basis: "list_price".to_owned(),
            observed_at: offer.listed.on_demand_at,
        });
    }
    let unknown = scene.costs.unknown();
    let nodes = scene.compiled.nodes.len() as u64;
    let comparable = nodes > 0 && unknown == 0;
    Savings {
        before_usd_per_hour: comparable.then_some(total),
        after_usd_per_hour: comparable.then(|| total - gone + bought),
        formula: match (nodes, unknown) {
            (0, _) => "there are no nodes now to compare with".to_owned(),
            (_, 0) => "(before − after) × 730 hours, at the prices below".to_owned(),
            (_, unknown) => format!("the price of {unknown} nodes is not known"),
        },
        unknown_prices: unknown,
        prices: prices.into_values().collect(),
    }
}

fn bound(
    scene: &Scene<'_>,
    problem: &Problem,
    offers: &[Offer<'_>],
    solution: &Solution,
) -> facts::bound::Bound {
    let candidates = offers
        .iter()
        .map(|offer| CandidateCapacity {
            instance_type: offer.listed.instance.instance_type.to_string(),
            capacity: certificate::amounts(&offer.capacity),
            nanos_per_hour: certificate::unsigned(offer.price.nanos()),
        })
        .collect();
    let mut classes: Vec<(Vec<i64>, u32)> =
        problem.classes.iter().map(|class| (class.demand.clone(), class.count)).collect();
    for (class, count) in &solution.unplaced {
        let placed = &mut classes[*class as usize].1;
        *placed = placed.saturating_sub(*count);
    }
    let (value, proof) = provable(problem, &classes, solution);
    let proof =
        certificate::of_proof(&scene.compiled.dimensions, &proof, &classes, candidates, Vec::new());
    certificate::known(value, solution.cost, proof)
}

/// The bound in a form that holds without knowing which class may use which type: a price per pod
/// that relies on such rules is replaced by prices per resource.
fn provable(
    problem: &Problem,
    classes: certificate::Classes<'_>,
    solution: &Solution,
) -> (i64, Proof) {
    let free = problem.classes.iter().all(|class| {
        class.allowed == IndexSet::All && class.per_bin.is_none() && class.conflicts.is_empty()
    });
    if free || !matches!(solution.bound.proof, Proof::Contents(_)) {
        return (solution.bound.value, solution.bound.proof.clone());
    }
    let mut demand = vec![0_i128; problem.dims];
    for (vector, count) in classes {
        for (sum, amount) in demand.iter_mut().zip(vector) {
            *sum += i128::from(*amount) * i128::from(*count);
        }
    }
    let bins: Vec<UnlimitedBin<'_>> = problem
        .shapes
        .iter()
        .map(|shape| UnlimitedBin { capacity: &shape.capacity, cost: shape.cost })
        .collect();
    let prices = resource_prices(&demand, &[], &bins);
    (prices.bound(&demand, &[], &bins), Proof::Resources(prices))
}

/// The first reason for each node that stays.
fn kept_nodes(scene: &Scene<'_>, stay: &[(usize, ReasonCode, String)]) -> Vec<Rejection> {
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    for (item, code, detail) in stay {
        let Some(home) = scene.compiled.model.items()[*item].home else { continue };
        if !seen.insert(home) {
            continue;
        }
        let pod: &Pod = scene.compiled.pods[*item].pod;
        found.push(Rejection {
            subject: node_target(scene.compiled.nodes[home as usize]),
            code: *code,
            blocking: Some(pod_target(pod)),
            detail: format!("pod {}/{}: {detail}", pod.namespace(), pod.name),
            numbers: BTreeMap::new(),
        });
    }
    found
}
