//! Emptying existing nodes.

use std::collections::BTreeSet;

use std::collections::BTreeMap;

use facts::bound::{Certificate, ExistingCapacity};
use facts::decision::{PriceUsed, Savings, Verdict, Warning};
use facts::reason::ReasonCode;
use packing::bound::{ExistingBin, Proof, UnlimitedBin, resource_prices, subset_bound};
use packing::consolidate::{Gates, Move, Plan, consolidate};
use packing::placement::{Model, State};
use packing::work::Work;
use units::{Usd, UsdPerHour};

use super::Scene;
use super::offers::{Offer, candidates, launch, name_of, price_used, recommendations};
use super::order::{Leg, in_turn};
use super::recommendation::{NodeShare, PackingRecommendation};
use super::refused::{node_target, rejections};
use super::replacement::replaced;
use super::reprovision::removal;
use super::steps::{Drain, steps};
use super::{certificate, committed};

/// What is done: which nodes go, what is bought for their pods, and in which order.
pub(super) struct Outcome {
    /// Nodes that go, in the order they were decided.
    pub removed: Vec<u32>,
    /// Every move; `to` counts on beyond the nodes of the model for new ones.
    pub moves: Vec<Move>,
    /// New nodes: each an offer.
    pub bought: Vec<usize>,
    /// Those of the removed nodes that new ones take the place of.
    pub replaced: Vec<u32>,
    /// Cost of all nodes afterwards.
    pub cost_after: i64,
    /// The moves in an order that holds at every step.
    pub legs: Vec<Leg>,
}

/// Plans which nodes go.
pub(super) fn decide(scene: &Scene<'_>, offers: &[Offer<'_>]) -> Verdict<PackingRecommendation> {
    let model = &scene.compiled.model;
    let gates =
        Gates { max_removed: scene.policy.max_removed_nodes, permitted: Some(permitted(scene)) };
    let limit = scene.given.work;
    let mut work = match limit.cancelled {
        Some(cancelled) => Work::with_cancel(limit.budget, cancelled),
        None => Work::new(limit.budget),
    };
    let effort = scene.policy.effort.effort();
    let mut plan = consolidate(model, &gates, effort, &mut work);
    let mut verdict = Verdict::default();
    limit_moves(scene, &mut plan, &mut verdict);
    let drained = in_order(scene, Outcome::of(&plan));
    let replaced = replaced(scene, &gates, offers, &drained, &mut work);
    let mut outcome = replaced.unwrap_or(drained);
    verdict.work_used = work.used();
    verdict.work_cut = work.is_cancelled();
    if verdict.work_cut || scene.given.work.replays_a_cut {
        verdict.warnings.push(warning(
            ReasonCode::WorkLimit,
            "the search was cut short; more time may find a cheaper plan".to_owned(),
        ));
    }
    let savings = savings(scene, offers, &outcome);
    let month = savings
        .before_usd_per_hour
        .zip(savings.after_usd_per_hour)
        .map(|(before, after)| (before - after).per_month());
    if !outcome.removed.is_empty()
        && month.is_some_and(|month| month < scene.policy.minimum_saving_usd_per_month)
    {
        let detail = format!(
            "the plan would save ${} a month; ${} are asked for",
            month.unwrap_or(Usd::ZERO),
            scene.policy.minimum_saving_usd_per_month
        );
        verdict.warnings.push(warning(ReasonCode::SavingBelowMinimum, detail));
        outcome = Outcome::nothing(model);
    }
    let lower = bound_of(scene, &gates, offers, &plan);
    write(scene, &gates, offers, (&outcome, lower), verdict)
}

impl Outcome {
    fn of(plan: &Plan) -> Outcome {
        Outcome {
            removed: plan.removed.clone(),
            moves: plan.moves.clone(),
            bought: Vec::new(),
            replaced: Vec::new(),
            cost_after: plan.cost_after,
            legs: Vec::new(),
        }
    }

    fn nothing(model: &Model) -> Outcome {
        Outcome {
            removed: Vec::new(),
            moves: Vec::new(),
            bought: Vec::new(),
            replaced: Vec::new(),
            cost_after: model.total_cost(),
            legs: Vec::new(),
        }
    }
}

/// The plan in an order that holds at every step, without the nodes whose pods find no turn.
fn in_order(scene: &Scene<'_>, mut outcome: Outcome) -> Outcome {
    let model = &scene.compiled.model;
    loop {
        match in_turn(scene, model, (&[], &[]), &outcome.removed, &outcome.moves) {
            Ok(legs) => {
                outcome.legs = legs;
                return outcome;
            }
            Err(stuck) => {
                let homes: BTreeSet<u32> =
                    stuck.iter().filter_map(|item| model.items()[*item as usize].home).collect();
                outcome.removed.retain(|node| !homes.contains(node));
                outcome.moves.retain(|step| !homes.contains(&step.from));
                let gone = outcome.removed.iter().map(|node| model.nodes()[*node as usize].cost);
                outcome.cost_after = model.total_cost() - gone.sum::<i64>();
            }
        }
    }
}

fn write(
    scene: &Scene<'_>,
    gates: &Gates,
    offers: &[Offer<'_>],
    (outcome, bound): (&Outcome, Bound),
    mut verdict: Verdict<PackingRecommendation>,
) -> Verdict<PackingRecommendation> {
    let model = &scene.compiled.model;
    let mut removed = vec![false; model.nodes().len()];
    for node in &outcome.removed {
        removed[*node as usize] = true;
    }
    let before = State::new(model);
    let first = model.nodes().len() as u32;
    let bought: Vec<(usize, Vec<u32>)> = outcome
        .bought
        .iter()
        .enumerate()
        .map(|(at, offer)| {
            let onto = outcome.moves.iter().filter(|step| step.to == first + at as u32);
            (*offer, onto.map(|step| step.item).collect())
        })
        .collect();
    verdict.recommendations = recommendations(scene, offers, &bought);
    verdict.recommendations.extend(outcome.removed.iter().map(|node| {
        if outcome.replaced.contains(node) {
            removal(scene, &before, *node)
        } else {
            recommendation(scene, &before, *node)
        }
    }));
    let names: Vec<String> =
        outcome.bought.iter().enumerate().map(|(at, one)| name_of(at, &offers[*one])).collect();
    let launches = outcome.bought.iter().zip(&names);
    let launches = launches.map(|(one, name)| (name.clone(), launch(&offers[*one]))).collect();
    let drains = drains(scene, &outcome.legs, &names);
    verdict.execution_plan = steps(launches, &drains, scene.policy.drain_grace_seconds);
    let mut after = before;
    for node in &outcome.removed {
        after.close(*node);
    }
    for step in &outcome.moves {
        after.remove(step.item);
    }
    for step in outcome.moves.iter().filter(|step| step.to < first) {
        after.place(step.item, step.to);
    }
    let worth = gates.permitted.clone().unwrap_or_default();
    verdict.rejected = rejections(scene, &after, &removed, &worth);
    verdict.savings = savings(scene, offers, outcome);
    verdict.warnings.extend(committed::remark(scene, &verdict.savings));
    let known = verdict.savings.before_usd_per_hour.zip(verdict.savings.after_usd_per_hour);
    verdict.estimated_savings = known.map(|(before, after)| (before - after).per_month());
    verdict.bound = Some(match bound {
        Bound::Unknown(reason) => certificate::unknown(reason),
        Bound::Proven(lower, proof) => certificate::known(lower, outcome.cost_after, proof),
    });
    verdict
}

/// Which nodes the search may take: all that no rule forbids, less those whose saving is not worth
/// the disruption.
fn permitted(scene: &Scene<'_>) -> Vec<bool> {
    let compiled = &scene.compiled;
    let model = &compiled.model;
    let mut weight = vec![0_u64; model.nodes().len()];
    for item in model.items() {
        if let Some(home) = item.home {
            weight[home as usize] = weight[home as usize].saturating_add(item.weight);
        }
    }
    // A node itself counts as one plain pod, so that an empty node is not free to take either.
    let disruption = |index: usize| 1000.0 + weight[index] as f64;
    let all_cost = model.total_cost().max(1) as f64;
    let all_disruption: f64 = (0..weight.len()).map(disruption).sum::<f64>().max(1.0);
    let pools = scene.state.policies.as_ref().map_or(&[][..], |part| &part.items.node_pools);
    (0..model.nodes().len())
        .map(|index| {
            let pool = compiled.nodes[index].node_pool.as_deref();
            let balanced = pools.iter().any(|one| {
                Some(one.name.as_str()) == pool
                    && one.consolidation_policy.as_deref() == Some("Balanced")
            });
            let least = scene
                .policy
                .minimum_saving_per_disruption
                .or(balanced.then_some(0.5))
                .unwrap_or(0.0);
            let saving = model.nodes()[index].cost as f64 / all_cost;
            saving / (disruption(index) / all_disruption) >= least
        })
        .collect()
}

/// Keeps the first nodes of a plan whose moves stay within the policy's limit.
fn limit_moves(scene: &Scene<'_>, plan: &mut Plan, verdict: &mut Verdict<PackingRecommendation>) {
    let Some(most) = scene.policy.max_moved_pods else { return };
    let model = &scene.compiled.model;
    let mut moved = 0_usize;
    let mut kept = Vec::new();
    for node in &plan.removed {
        let moves = plan.moves.iter().filter(|step| step.from == *node).count();
        if moved + moves <= most as usize {
            moved += moves;
            kept.push(*node);
        }
    }
    if kept.len() < plan.removed.len() {
        let left = plan.removed.len() - kept.len();
        verdict.warnings.push(warning(
            ReasonCode::MoveLimitReached,
            format!("{left} more nodes could go, but only {most} pods may be moved in one plan"),
        ));
        plan.moves.retain(|step| kept.contains(&step.from));
        plan.cost_after = plan.cost_before
            - kept.iter().map(|node| model.nodes()[*node as usize].cost).sum::<i64>();
        plan.removed = kept;
    }
}

/// The drains of a plan, leg by leg; `names` are those of the new nodes.
pub(super) fn drains<'a>(scene: &Scene<'a>, legs: &[Leg], names: &[String]) -> Vec<Drain<'a>> {
    let compiled = &scene.compiled;
    let first = compiled.nodes.len();
    let name = |to: u32| match (to as usize).checked_sub(first) {
        Some(at) => names.get(at).cloned(),
        None => Some(compiled.nodes[to as usize].name.clone()),
    };
    let drain = |leg: &Leg| Drain {
        node: compiled.nodes[leg.from as usize],
        evictions: leg
            .moves
            .iter()
            // A pod that waits is not on the node yet: there is nothing to evict.
            .filter(|step| !compiled.pods[step.item as usize].pending)
            .map(|step| (compiled.pods[step.item as usize].pod, name(step.to)))
            .collect(),
        last: leg.last,
    };
    legs.iter().map(drain).collect()
}

fn recommendation(scene: &Scene<'_>, before: &State<'_>, index: u32) -> PackingRecommendation {
    let compiled = &scene.compiled;
    let node = compiled.nodes[index as usize];
    let items = before.items_on(index).filter(|item| !compiled.pods[*item as usize].pending);
    let (mut pods_moved, mut weight) = (0_u32, 0_u64);
    for item in items {
        pods_moved += 1;
        weight = weight.saturating_add(compiled.model.items()[item as usize].weight);
    }
    let allocated = allocated(&compiled.model, before, index);
    let price = scene.costs.price(node).map(|price| price.usd_per_hour);
    let reason = match pods_moved {
        0 => "empty",
        _ if allocated.larger() < scene.policy.underutilized_below => "underutilized",
        _ => "fits_elsewhere",
    };
    PackingRecommendation::RemoveNode {
        node: node_target(node),
        instance_type: node.instance_type.clone(),
        zone: node.zone.clone(),
        reason: reason.to_owned(),
        allocated,
        pods_moved,
        disruption: weight as f64 / 1000.0,
        usd_per_hour: price,
        savings_usd_per_month: price.map(UsdPerHour::per_month),
    }
}

pub(super) fn allocated(model: &Model, state: &State<'_>, node: u32) -> NodeShare {
    let (free, capacity) = (state.free(node), model.capacity_of(node));
    let share = |dim: usize| match capacity[dim] {
        whole if whole > 0 => round4((whole - free[dim]) as f64 / whole as f64),
        _ => 0.0,
    };
    NodeShare { cpu: share(0), memory: share(1) }
}

pub(super) fn round4(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}

fn savings(scene: &Scene<'_>, offers: &[Offer<'_>], outcome: &Outcome) -> Savings {
    let compiled = &scene.compiled;
    let mut before = UsdPerHour::ZERO;
    let mut known = 0;
    let mut by_item: BTreeMap<String, PriceUsed> = BTreeMap::new();
    for node in &compiled.nodes {
        if let Some(price) = scene.costs.price(node) {
            before += price.usd_per_hour;
            known += 1;
            if !by_item.contains_key(&price.item) {
                by_item.insert(price.item.clone(), price.clone());
            }
        }
    }
    let mut spent = UsdPerHour::ZERO;
    for offer in &outcome.bought {
        let used = price_used(scene, &offers[*offer]);
        spent += used.usd_per_hour;
        by_item.entry(used.item.clone()).or_insert(used);
    }
    let mut prices: Vec<PriceUsed> = by_item.into_values().collect();
    if prices.len() > 100 && prices.iter().all(|price| price.basis == "assumed") {
        // Every node has its own line then, and all of them follow from the policy.
        prices.clear();
    }
    let gone =
        outcome.removed.iter().filter_map(|node| scene.costs.price(compiled.nodes[*node as usize]));
    let gone: UsdPerHour = gone.map(|price| price.usd_per_hour).sum();
    let unknown = scene.costs.unknown();
    let formula = match (known, unknown) {
        (0, 0) => "there are no nodes".to_owned(),
        (0, _) => "no price is known of any node".to_owned(),
        (_, 0) => "(before − after) × 730 hours, at the prices below".to_owned(),
        (_, unknown) => format!(
            "(before − after) × 730 hours, at the prices below; {unknown} nodes without a known price are left out"
        ),
    };
    let by_list = Savings {
        before_usd_per_hour: (known > 0).then_some(before),
        after_usd_per_hour: (known > 0).then(|| before - gone + spent),
        formula,
        unknown_prices: unknown,
        prices,
        ..Savings::default()
    };
    let bought: Vec<(&facts::cluster::Node, UsdPerHour)> =
        outcome.bought.iter().map(|offer| (&offers[*offer].node, offers[*offer].price)).collect();
    committed::apply(scene, &outcome.removed, &bought, by_list)
}

/// What is proven of every plan.
enum Bound {
    Unknown(&'static str),
    Proven(i64, Certificate),
}

fn bound_of(scene: &Scene<'_>, gates: &Gates, offers: &[Offer<'_>], plan: &Plan) -> Bound {
    let compiled = &scene.compiled;
    let model = &compiled.model;
    if scene.costs.unknown() > 0 {
        return Bound::Unknown(
            "the price of some nodes is not known; set `node_price` to assume one",
        );
    }
    if compiled.pods.iter().any(|pod| pod.pending) {
        // Room that is kept for pods that wait is no demand that every plan has to meet.
        return Bound::Unknown("pods wait for a node; the bound is for running pods only");
    }
    let holds = State::new(model);
    // An overcommitted node holds more than its capacity, and may go on to.
    let most = |index: u32| -> Vec<i64> {
        let pairs = model.capacity_of(index).iter().zip(holds.free(index));
        pairs.map(|(whole, free)| *whole.max(&whole.saturating_sub(*free))).collect()
    };
    let capacities: Vec<Vec<i64>> = (0..model.nodes().len() as u32).map(most).collect();
    let stays = |index: usize| {
        let mut items = holds.items_on(index as u32);
        items.any(|item| !model.items()[item as usize].movable)
            || !model.nodes()[index].removable
            || gates.permitted.as_ref().is_some_and(|permitted| !permitted[index])
    };
    let existing: Vec<ExistingBin<'_>> = capacities
        .iter()
        .enumerate()
        .map(|(index, capacity)| ExistingBin {
            capacity,
            cost: model.nodes()[index].cost,
            must_stay: stays(index),
        })
        .collect();
    let (lower, proof) = if offers.is_empty() {
        (plan.bound.value, plan.bound.proof.clone())
    } else {
        bound_with(model, &existing, offers, plan.cost_after)
    };
    let listed = existing
        .iter()
        .zip(&compiled.nodes)
        .map(|(bin, node)| ExistingCapacity {
            node: node.name.clone(),
            capacity: certificate::amounts(bin.capacity),
            nanos_per_hour: certificate::unsigned(bin.cost),
            must_stay: bin.must_stay,
        })
        .collect();
    let bought = candidates(offers);
    Bound::Proven(lower, certificate::of_proof(&compiled.dimensions, &proof, &[], bought, listed))
}

/// Up to so many nodes the bound also looks at whole machines, and at so many choices of them.
const WHOLE_NODES: usize = 64;
const CHOICES: usize = 100_000;

/// The bound where nodes may be bought as well: no plan costs less whatever it buys.
fn bound_with(
    model: &Model,
    existing: &[ExistingBin<'_>],
    offers: &[Offer<'_>],
    ceiling: i64,
) -> (i64, Proof) {
    let mut demand = vec![0_i128; model.dims()];
    for item in model.items().iter().filter(|item| item.home.is_some()) {
        for (sum, need) in demand.iter_mut().zip(model.demand_of(item.class)) {
            *sum += i128::from(*need);
        }
    }
    let new: Vec<UnlimitedBin<'_>> = offers
        .iter()
        .map(|offer| UnlimitedBin { capacity: &offer.capacity, cost: offer.price.nanos() })
        .collect();
    let prices = resource_prices(&demand, existing, &new);
    let value = prices.bound(&demand, existing, &new);
    if existing.len() <= WHOLE_NODES {
        let whole = subset_bound(&demand, (existing, &new), &prices, ceiling, CHOICES);
        if whole > value {
            return (whole, Proof::Cover(prices));
        }
    }
    (value, Proof::Resources(prices))
}

fn warning(code: ReasonCode, message: String) -> Warning {
    Warning { code, message, subject: None }
}
