//! Emptying existing nodes.

use facts::bound::ExistingCapacity;
use facts::decision::{Savings, Verdict, Warning};
use facts::reason::ReasonCode;
use packing::consolidate::{Gates, Plan, consolidate};
use packing::placement::{Model, State};
use packing::work::Work;
use units::{Usd, UsdPerHour};

use super::Scene;
use super::certificate;
use super::recommendation::{NodeShare, PackingRecommendation};
use super::refused::{node_target, rejections};
use super::steps::{Drain, steps};
use crate::scheduling::PodRef;

/// Plans which nodes go.
pub(super) fn decide(scene: &Scene<'_>) -> Verdict<PackingRecommendation> {
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
    let mut verdict = Verdict { work_used: plan.work_used, ..Verdict::default() };
    verdict.work_cut = plan.cancelled;
    if plan.cancelled || scene.given.work.replays_a_cut {
        verdict.warnings.push(warning(
            ReasonCode::WorkLimit,
            "the search was cut short; more time may find a cheaper plan".to_owned(),
        ));
    }
    limit_moves(scene, &mut plan, &mut verdict);
    let savings = savings(scene, &plan);
    let month = savings
        .before_usd_per_hour
        .zip(savings.after_usd_per_hour)
        .map(|(before, after)| (before - after).per_month());
    if !plan.removed.is_empty()
        && month.is_some_and(|month| month < scene.policy.minimum_saving_usd_per_month)
    {
        let detail = format!(
            "the plan would save ${} a month; ${} are asked for",
            month.unwrap_or(Usd::ZERO),
            scene.policy.minimum_saving_usd_per_month
        );
        verdict.warnings.push(warning(ReasonCode::SavingBelowMinimum, detail));
        plan = nothing(&plan);
    }
    write(scene, &gates, &plan, verdict)
}

fn write(
    scene: &Scene<'_>,
    gates: &Gates,
    plan: &Plan,
    mut verdict: Verdict<PackingRecommendation>,
) -> Verdict<PackingRecommendation> {
    let model = &scene.compiled.model;
    let mut removed = vec![false; model.nodes().len()];
    for node in &plan.removed {
        removed[*node as usize] = true;
    }
    let before = State::new(model);
    verdict.recommendations =
        plan.removed.iter().map(|node| recommendation(scene, plan, &before, *node)).collect();
    verdict.execution_plan =
        steps(Vec::new(), &drains(scene, plan), scene.policy.drain_grace_seconds);
    let mut after = before;
    for node in &plan.removed {
        after.close(*node);
    }
    for step in &plan.moves {
        after.remove(step.item);
    }
    for step in &plan.moves {
        after.place(step.item, step.to);
    }
    let worth = gates.permitted.clone().unwrap_or_default();
    verdict.rejected = rejections(scene, &after, &removed, &worth);
    verdict.savings = savings(scene, plan);
    let known = verdict.savings.before_usd_per_hour.zip(verdict.savings.after_usd_per_hour);
    verdict.estimated_savings = known.map(|(before, after)| (before - after).per_month());
    verdict.bound = Some(bound(scene, gates, plan));
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

fn nothing(plan: &Plan) -> Plan {
    Plan {
        removed: Vec::new(),
        moves: Vec::new(),
        cost_after: plan.cost_before,
        weight: 0,
        ..plan.clone()
    }
}

fn drains<'a>(scene: &Scene<'a>, plan: &Plan) -> Vec<Drain<'a>> {
    let compiled = &scene.compiled;
    let mut drains: Vec<Drain<'_>> = plan
        .removed
        .iter()
        .map(|node| Drain { node: compiled.nodes[*node as usize], evictions: Vec::new() })
        .collect();
    let mut position = vec![usize::MAX; compiled.nodes.len()];
    for (at, node) in plan.removed.iter().enumerate() {
        position[*node as usize] = at;
    }
    for step in &plan.moves {
        let PodRef { pod, pending } = compiled.pods[step.item as usize];
        if pending {
            // It is not on the node yet: there is nothing to evict.
            continue;
        }
        let to = compiled.nodes[step.to as usize].name.clone();
        drains[position[step.from as usize]].evictions.push((pod, Some(to)));
    }
    drains
}

fn recommendation(
    scene: &Scene<'_>,
    plan: &Plan,
    before: &State<'_>,
    index: u32,
) -> PackingRecommendation {
    let compiled = &scene.compiled;
    let node = compiled.nodes[index as usize];
    let moves = plan.moves.iter().filter(|step| step.from == index);
    let weight: u64 =
        moves.clone().map(|step| compiled.model.items()[step.item as usize].weight).sum();
    let pods_moved = moves.count() as u32;
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

fn savings(scene: &Scene<'_>, plan: &Plan) -> Savings {
    let compiled = &scene.compiled;
    let mut before = UsdPerHour::ZERO;
    let mut known = 0;
    let mut prices = Vec::new();
    for node in &compiled.nodes {
        if let Some(price) = scene.costs.price(node) {
            before += price.usd_per_hour;
            known += 1;
            if prices.iter().all(|used: &facts::decision::PriceUsed| used.item != price.item) {
                prices.push(price.clone());
            }
        }
    }
    prices.sort_by(|a, b| a.item.cmp(&b.item));
    if prices.len() > 100 && prices.iter().all(|price| price.basis == "assumed") {
        // Every node has its own line then, and all of them follow from the policy.
        prices.clear();
    }
    let gone =
        plan.removed.iter().filter_map(|node| scene.costs.price(compiled.nodes[*node as usize]));
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
    Savings {
        before_usd_per_hour: (known > 0).then_some(before),
        after_usd_per_hour: (known > 0).then_some(before - gone),
        formula,
        unknown_prices: unknown,
        prices,
    }
}

fn bound(scene: &Scene<'_>, gates: &Gates, plan: &Plan) -> facts::bound::Bound {
    if scene.costs.unknown() > 0 {
        return certificate::unknown(
            "the price of some nodes is not known; set `node_price` to assume one",
        );
    }
    let compiled = &scene.compiled;
    let holds = State::new(&compiled.model);
    let existing = compiled
        .nodes
        .iter()
        .enumerate()
        .map(|(index, node)| {
            let capacity = compiled.model.capacity_of(index as u32);
            let free = holds.free(index as u32);
            // An overcommitted node holds more than its capacity, and may go on to.
            let most: Vec<i64> = capacity
                .iter()
                .zip(free)
                .map(|(whole, free)| *whole.max(&(whole - free)))
                .collect();
            let pinned = holds
                .items_on(index as u32)
                .any(|item| !compiled.model.items()[item as usize].movable);
            ExistingCapacity {
                node: node.name.clone(),
                capacity: certificate::amounts(&most),
                nanos_per_hour: certificate::unsigned(compiled.model.nodes()[index].cost),
                must_stay: pinned
                    || !compiled.model.nodes()[index].removable
                    || gates.permitted.as_ref().is_some_and(|permitted| !permitted[index]),
            }
        })
        .collect();
    if compiled.pods.iter().any(|pod| pod.pending) {
        // Room that is kept for pods that wait is no demand that every plan has to meet.
        return certificate::unknown("pods wait for a node; the bound is for running pods only");
    }
    let proof =
        certificate::of_proof(&compiled.dimensions, &plan.bound.proof, &[], Vec::new(), existing);
    certificate::known(plan.bound.value, plan.cost_after, proof)
}

fn warning(code: ReasonCode, message: String) -> Warning {
    Warning { code, message, subject: None }
}
