//! Planning the cluster anew: the cheapest set of new nodes for all pods that may move.

use std::collections::{BTreeMap, BTreeSet};

use facts::cluster::{Node, Pod};
use facts::decision::{PriceUsed, Rejection, Savings, Verdict, Warning};
use facts::reason::ReasonCode;
use packing::IndexSet;
use packing::bound::{Proof, UnlimitedBin, resource_prices};
use packing::consolidate::Move;
use packing::placement::State;
use packing::reprovision::{Class, Problem, Shape, Solution, reprovision};
use packing::work::Work;
use units::UsdPerHour;

use super::consolidate::{allocated, drains};
use super::offers::{Offer, candidates, launch, name_of, price_used, recommendations};
use super::order::{Arrival, Leg, extended, in_turn};
use super::recommendation::PackingRecommendation;
use super::refused::{node_target, pod_target};
use super::scope::{Lot, Scope, limits};
use super::steps::steps;
use super::{Scene, certificate, committed};

/// Plans new nodes.
pub(super) fn decide(
    scene: &Scene<'_>,
    zones: &[String],
    offers: &[Offer<'_>],
) -> Verdict<PackingRecommendation> {
    let mut verdict = Verdict::default();
    if offers.is_empty() {
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
    let mut keep = hopeless(scene, &Scope::of(scene, zones, &BTreeSet::new()), offers);
    let limit = scene.given.work;
    let mut work = match limit.cancelled {
        Some(cancelled) => Work::with_cancel(limit.budget, cancelled),
        None => Work::new(limit.budget),
    };
    for _ in 0..MOST_ROUNDS {
        let scope = Scope::of(scene, zones, &keep);
        let problem = problem(scene, &scope, offers);
        let solution = match reprovision(&problem, scene.policy.effort.effort(), &mut work) {
            Ok(solution) => solution,
            Err(error) => {
                let message = format!("the cluster cannot be reckoned with: {error}");
                return nothing(verdict, ReasonCode::InvalidObject, message);
            }
        };
        let layout = Layout::of(scene, &scope, &solution);
        match layout.in_turn(scene, offers) {
            Ok(legs) => {
                let found = Found { scope, problem, offers, solution, layout, legs };
                return write(scene, &found, verdict);
            }
            // Pods that find no turn keep their nodes, and the rest is planned once more.
            Err(stuck) => keep.extend(stuck),
        }
    }
    verdict.work_used = work.used();
    let message = "rules between pods leave no order in which they could move".to_owned();
    nothing(verdict, ReasonCode::FitsNowhere, message)
}

/// How often the plan is made anew with pods left out that would find no place on the way.
const MOST_ROUNDS: usize = 4;

fn nothing(
    mut verdict: Verdict<PackingRecommendation>,
    code: ReasonCode,
    message: String,
) -> Verdict<PackingRecommendation> {
    verdict.bound = Some(certificate::unknown(&message));
    verdict.warnings.push(Warning { code, message, subject: None });
    verdict
}

/// A plan in all its parts.
struct Found<'f, 'e> {
    scope: Scope,
    problem: Problem,
    offers: &'f [Offer<'e>],
    solution: Solution,
    layout: Layout,
    legs: Vec<Leg>,
}

/// What goes where.
struct Layout {
    /// For each new node its offer and its items.
    bought: Vec<(usize, Vec<u32>)>,
    /// Nodes that go.
    going: Vec<u32>,
}

impl Layout {
    fn of(scene: &Scene<'_>, scope: &Scope, solution: &Solution) -> Layout {
        let mut queues: Vec<std::slice::Iter<'_, u32>> =
            scope.lots.iter().map(|lot| lot.items.iter()).collect();
        let bought = solution.bins.iter().map(|bin| {
            let mut items = Vec::new();
            for (lot, count) in &bin.contents {
                items.extend(queues[*lot as usize].by_ref().take(*count as usize));
            }
            (bin.shape as usize, items)
        });
        let bought = bought.collect();
        let going = (0..scene.compiled.nodes.len()).filter(|index| scope.goes[*index]);
        Layout { bought, going: going.map(|index| index as u32).collect() }
    }

    fn in_turn(&self, scene: &Scene<'_>, offers: &[Offer<'_>]) -> Result<Vec<Leg>, Vec<u32>> {
        let arrivals: Vec<Arrival<'_>> = self
            .bought
            .iter()
            .map(|(offer, _)| Arrival {
                joining: *offer,
                capacity: &offers[*offer].capacity,
                cost: offers[*offer].price.nanos(),
            })
            .collect();
        let moves = self.moves(scene);
        let Ok(model) = extended(scene, &arrivals) else {
            return Err(moves.iter().map(|step| step.item).collect());
        };
        in_turn(scene, &model, (offers, &arrivals), &self.going, &moves)
    }

    /// The moves of pods that run on nodes that go.
    fn moves(&self, scene: &Scene<'_>) -> Vec<Move> {
        let model = &scene.compiled.model;
        let first = model.nodes().len() as u32;
        let mut moves = Vec::new();
        for (at, (_, items)) in self.bought.iter().enumerate() {
            for item in items.iter().filter(|item| !scene.compiled.pods[**item as usize].pending) {
                if let Some(from) = model.items()[*item as usize].home {
                    moves.push(Move { item: *item, from, to: first + at as u32 });
                }
            }
        }
        moves.sort_by_key(|step| step.item);
        moves
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
        && lot.items.first().is_none_or(|item| {
            let pod = scene.compiled.pods[*item as usize].pod;
            !scene.compiled.daemons_keep_away(pod, &offer.node)
        })
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
    found: &Found<'_, '_>,
    mut verdict: Verdict<PackingRecommendation>,
) -> Verdict<PackingRecommendation> {
    let Found { scope, offers, solution, layout, .. } = found;
    let compiled = &scene.compiled;
    verdict.work_used = solution.work_used;
    verdict.work_cut = solution.cancelled;
    if solution.cancelled || scene.given.work.replays_a_cut {
        let message = "the search was cut short; more time may find a cheaper plan".to_owned();
        verdict.warnings.push(Warning { code: ReasonCode::WorkLimit, message, subject: None });
    }
    unplaced(scene, scope, solution, &mut verdict);
    let going = &layout.going;
    verdict.rejected.extend(kept_nodes(scene, &scope.stay));
    verdict.savings = savings(scene, offers, solution, going);
    verdict.warnings.extend(committed::remark(scene, &verdict.savings));
    verdict.bound = Some(bound(scene, found));
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
    let state = State::new(&compiled.model);
    verdict.recommendations = recommendations(scene, offers, &layout.bought);
    verdict.recommendations.extend(going.iter().map(|node| removal(scene, &state, *node)));
    let names: Vec<String> = layout
        .bought
        .iter()
        .enumerate()
        .map(|(at, (offer, _))| name_of(at, &offers[*offer]))
        .collect();
    let bought = layout.bought.iter().zip(&names);
    let launches =
        bought.map(|((offer, _), name)| (name.clone(), launch(&offers[*offer]))).collect();
    let drains = drains(scene, &found.legs, &names);
    verdict.execution_plan = steps(launches, &drains, scene.policy.drain_grace_seconds);
    verdict
}

/// Items that found no node, each with a rejection.
fn unplaced(
    scene: &Scene<'_>,
    scope: &Scope,
    solution: &Solution,
    verdict: &mut Verdict<PackingRecommendation>,
) {
    for (lot, count) in &solution.unplaced {
        let items = &scope.lots[*lot as usize].items;
        for item in items.iter().rev().take(*count as usize) {
            verdict.rejected.push(Rejection {
                subject: pod_target(scene.compiled.pods[*item as usize].pod),
                code: ReasonCode::FitsNoInstanceType,
                blocking: None,
                detail: "no candidate type has room for it under its rules".to_owned(),
                numbers: BTreeMap::new(),
            });
        }
    }
}

/// A node that goes since others take its place.
pub(super) fn removal(scene: &Scene<'_>, state: &State<'_>, index: u32) -> PackingRecommendation {
    let compiled = &scene.compiled;
    let node = compiled.nodes[index as usize];
    let price = scene.costs.price(node).map(|price| price.usd_per_hour);
    let weight: u64 =
        state.items_on(index).map(|item| compiled.model.items()[item as usize].weight).sum();
    PackingRecommendation::RemoveNode {
        node: node_target(node),
        instance_type: node.instance_type.clone(),
        zone: node.zone.clone(),
        reason: "replaced".to_owned(),
        allocated: allocated(&compiled.model, state, index),
        pods_moved: state.items_on(index).count() as u32,
        disruption: weight as f64 / 1000.0,
        usd_per_hour: price,
        savings_usd_per_month: None,
    }
}

fn savings(scene: &Scene<'_>, offers: &[Offer<'_>], solution: &Solution, going: &[u32]) -> Savings {
    let price = |node: &&Node| scene.costs.price(node).cloned();
    let before: Vec<PriceUsed> = scene.compiled.nodes.iter().filter_map(price).collect();
    let gone: UsdPerHour = going
        .iter()
        .filter_map(|index| scene.costs.price(scene.compiled.nodes[*index as usize]))
        .map(|price| price.usd_per_hour)
        .sum();
    let total: UsdPerHour = before.iter().map(|price| price.usd_per_hour).sum();
    let bought = UsdPerHour::from_nanos(solution.cost);
    let mut prices: BTreeMap<String, PriceUsed> =
        before.into_iter().map(|price| (price.item.clone(), price)).collect();
    for bin in &solution.bins {
        let used = price_used(scene, &offers[bin.shape as usize]);
        prices.entry(used.item.clone()).or_insert(used);
    }
    let unknown = scene.costs.unknown();
    let nodes = scene.compiled.nodes.len() as u64;
    let comparable = nodes > 0 && unknown == 0;
    let by_list = Savings {
        before_usd_per_hour: comparable.then_some(total),
        after_usd_per_hour: comparable.then(|| total - gone + bought),
        formula: match (nodes, unknown) {
            (0, _) => "there are no nodes now to compare with".to_owned(),
            (_, 0) => "(before − after) × 730 hours, at the prices below".to_owned(),
            (_, unknown) => format!("the price of {unknown} nodes is not known"),
        },
        unknown_prices: unknown,
        prices: prices.into_values().collect(),
        ..Savings::default()
    };
    let bought: Vec<(&facts::cluster::Node, UsdPerHour)> = solution
        .bins
        .iter()
        .map(|bin| (&offers[bin.shape as usize].node, offers[bin.shape as usize].price))
        .collect();
    committed::apply(scene, going, &bought, by_list)
}

fn bound(scene: &Scene<'_>, found: &Found<'_, '_>) -> facts::bound::Bound {
    let Found { problem, solution, .. } = found;
    let candidates = candidates(found.offers);
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
