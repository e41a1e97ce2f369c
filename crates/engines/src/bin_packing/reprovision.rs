//! Planning the cluster anew: the cheapest set of new nodes for all pods that may move.

use std::collections::{BTreeMap, BTreeSet};

use facts::bound::CandidateCapacity;
use facts::cluster::{Node, Pod};
use facts::decision::{PriceUsed, Rejection, Savings, Verdict, Warning};
use facts::names::CapacityType;
use facts::reason::ReasonCode;
use packing::IndexSet;
use packing::bound::{Proof, UnlimitedBin, resource_prices};
use packing::placement::State;
use packing::reprovision::{Class, Problem, Shape, Solution, reprovision};
use packing::work::Work;
use units::UsdPerHour;

use super::consolidate::{allocated, round4};
use super::offers::{Offer, launch, offers};
use super::recommendation::{NodeShare, PackingRecommendation};
use super::refused::{node_target, pod_target};
use super::scope::{Lot, Scope, limits};
use super::steps::{Drain, steps};
use super::{Scene, certificate};

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
    let mut scope = Scope::of(scene, &BTreeSet::new());
    let offers = offers(scene, &scope.zones);
    let hopeless = hopeless(scene, &scope, &offers);
    if !hopeless.is_empty() {
        scope = Scope::of(scene, &hopeless);
    }
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

/// Items that run and would fit no offer, even alone.
fn hopeless(scene: &Scene<'_>, scope: &Scope, offers: &[Offer<'_>]) -> BTreeSet<u32> {
    let model = &scene.compiled.model;
    let fits = |lot: &Lot| {
        offers.iter().any(|offer| {
            let room = model.demand_of(lot.class).iter().zip(&offer.capacity);
            may_use(scene, lot, offer) && room.into_iter().all(|(need, room)| need <= room)
        })
    };
    let lots = scope.lots.iter().filter(|lot| !fits(lot));
    let items = lots.flat_map(|lot| lot.items.iter().copied());
    items.filter(|item| !scene.compiled.pods[*item as usize].pending).collect()
}

fn may_use(scene: &Scene<'_>, lot: &Lot, offer: &Offer<'_>) -> bool {
    (lot.zone.is_none() || lot.zone == offer.zone)
        && scene.compiled.class_admits(lot.class, &offer.node)
}

fn problem(scene: &Scene<'_>, scope: &Scope, offers: &[Offer<'_>]) -> Problem {
    let model = &scene.compiled.model;
    let classes = scope.lots.iter().map(|lot| {
        let allowed: Vec<u32> = offers
            .iter()
            .enumerate()
            .filter(|(_, offer)| may_use(scene, lot, offer))
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
