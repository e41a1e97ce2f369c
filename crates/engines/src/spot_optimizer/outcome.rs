//! The allocation of an answer: a new one, the one there is, or On-Demand alone, with its savings.

use facts::decision::{LayerVerdict, Savings, Verdict, Warning};
use facts::names::CapacityType;
use facts::reason::ReasonCode;
use units::Usd;

use super::blocked::{self, Block};
use super::candidates::Judged;
use super::capacity::{self, Capacity};
use super::current::{self, Current};
use super::proposal::{self, Proposal};
use super::recommendation::rate;
use super::remarks::code_name;
use super::shares::{self, Offers, OnDemandOffer};
use super::{Scene, SpotRecommendation, plan};
use crate::allocation::Solution;
use crate::engine::WorkLimit;
use crate::safety::percent;

/// Adds the allocation to a ranking.
pub(super) fn allocate(
    scene: &Scene<'_>,
    judged: &Judged,
    work: WorkLimit<'_>,
    verdict: &mut Verdict<SpotRecommendation>,
) {
    let sold = |node: &_| current::sold_size(scene, node);
    let Some(capacity) = capacity::capacity(scene.state, scene.policy, &sold) else {
        let message = "the snapshot has neither nodes of known size nor pods with requests, and \
                       the policy states no capacity_vcpu; pools are ranked and get no shares";
        warn(verdict, ReasonCode::CapacityUnknown, message.to_owned());
        return;
    };
    let current = current::current(scene);
    let offers = shares::offers(scene, judged, &capacity);
    let Some(on_demand) = &offers.on_demand else {
        let message = "no On-Demand price of any usable type is known, so shares cannot be \
                       weighed against it; pools are ranked and get no shares";
        warn(verdict, ReasonCode::PriceUnknown, message.to_owned());
        return;
    };
    let solution = shares::share_out(scene, &offers.pools, on_demand, work);
    verdict.work_used = solution.work;
    let mut proposal = proposal::propose(scene, &capacity, &solution, &offers.pools, on_demand);
    remark(scene, &offers, &capacity, &current, &solution, verdict);
    let fallback = solution.spot.is_empty();
    if fallback {
        let mut blocks = blocked::blocks(scene, judged, &offers, &capacity);
        if blocks.is_empty() {
            blocks.push(blocked::by_limits_or_price(scene, solution.most_spot));
        }
        blocked::mark(&mut proposal.layers, &blocks);
        explain_fallback(&blocks, verdict);
    }
    if let Some(reason) = kept(scene, &current, fallback, &solution, verdict) {
        keep(scene, &current, reason, &proposal.layers, fallback, verdict);
        return;
    }
    whole_nodes(scene, &offers, on_demand, &solution, &proposal, verdict);
    verdict.savings = savings(&current, &proposal, &capacity);
    verdict.estimated_savings = saved(&verdict.savings);
    verdict.execution_plan = plan::steps(scene, &proposal.pools);
    verdict.layers = proposal.layers;
    verdict.allocation = proposal.pools;
}

/// Why the current allocation stays, if it does.
fn kept(
    scene: &Scene<'_>,
    current: &Current,
    fallback: bool,
    solution: &Solution,
    verdict: &mut Verdict<SpotRecommendation>,
) -> Option<String> {
    if current.pools.is_empty() {
        return None;
    }
    if fallback && !current.has_spot() {
        return Some("the cluster runs On-Demand alone already, and so it stays".to_owned());
    }
    let broken: Vec<String> = current
        .layers(scene)
        .into_iter()
        .filter(|layer| !layer.holds)
        .map(|layer| format!("layer {} ({})", layer.layer, layer.name))
        .collect();
    if !broken.is_empty() {
        let message =
            format!("the allocation that the cluster has now breaks {}", broken.join(", "));
        warn(verdict, ReasonCode::AlreadyViolated, message);
        return None;
    }
    let lost = scene.evidence.scoring.interruption_cost_usd_per_vcpu.dollars();
    let now = current.full_dollars_per_vcpu(lost).filter(|now| *now > 0.0)?;
    let saving = 1.0 - solution.cost / now;
    let least = scene.policy.hysteresis.value();
    let change = if saving < 0.0 {
        format!("would cost {} more", percent(-saving))
    } else {
        format!("would save {}, not more than {}", percent(saving), percent(least))
    };
    (saving <= least).then(|| {
        format!(
            "the current allocation keeps every layer, and the cheapest one {change} (full cost \
             now {now:.6}, then {:.6} dollars a processor and hour)",
            solution.cost
        )
    })
}

fn keep(
    scene: &Scene<'_>,
    current: &Current,
    reason: String,
    proposed: &[LayerVerdict],
    fallback: bool,
    verdict: &mut Verdict<SpotRecommendation>,
) {
    warn(verdict, ReasonCode::Hysteresis, reason.clone());
    verdict.allocation = current.allocation(scene);
    // On a fallback the layers say what stands in the way of spot.
    verdict.layers = if fallback { proposed.to_vec() } else { current.layers(scene) };
    let known = (current.priced_vcpu() > 0.0).then(|| current.usd_per_hour());
    verdict.savings = Savings {
        before_usd_per_hour: known,
        after_usd_per_hour: known,
        formula: format!("nothing changes: {reason}"),
        unknown_prices: current.unpriced,
        prices: current.prices().collect(),
        ..Savings::default()
    };
    verdict.estimated_savings = Some(Usd::ZERO);
}

/// What the whole plan saves: like for like, the processors of nodes whose price is known.
fn savings(current: &Current, proposal: &Proposal, capacity: &Capacity) -> Savings {
    let vcpu = current.priced_vcpu();
    if vcpu <= 0.0 {
        return Savings {
            formula: "unknown: no node of the snapshot has a known price to compare with"
                .to_owned(),
            unknown_prices: current.unpriced,
            prices: proposal.prices.clone(),
            ..Savings::default()
        };
    }
    Savings {
        before_usd_per_hour: Some(current.usd_per_hour()),
        after_usd_per_hour: Some(rate(vcpu * proposal.price)),
        formula: format!(
            "(before − after) × 730 hours: before is what the nodes with a known price cost, after \
             is their {vcpu} processors at {:.6} dollars, the mean price of the allocation; the \
             expected cost of interruptions is not in it; {} processors are shared out ({})",
            proposal.price, capacity.vcpu, capacity.basis
        ),
        unknown_prices: current.unpriced,
        prices: current.prices().chain(proposal.prices.iter().cloned()).collect(),
        ..Savings::default()
    }
}

fn saved(savings: &Savings) -> Option<Usd> {
    let (before, after) = (savings.before_usd_per_hour?, savings.after_usd_per_hour?);
    Some((before - after).per_month())
}

fn explain_fallback(blocks: &[Block], verdict: &mut Verdict<SpotRecommendation>) {
    let mut names = Vec::new();
    for block in blocks {
        let code = code_name(block.code);
        names.push(match block.layer {
            Some((number, _)) => format!("layer {number} ({code})"),
            None => code,
        });
        // The ranking may have said the same already.
        if !verdict.warnings.iter().any(|warning| warning.code == block.code) {
            warn(verdict, block.code, block.message.clone());
        }
    }
    let message = format!(
        "all capacity is On-Demand: no spot capacity can be held, blocked by {}",
        names.join(", ")
    );
    warn(verdict, ReasonCode::OnDemandFallback, message);
}

/// Remarks on what went into the allocation.
fn remark(
    scene: &Scene<'_>,
    offers: &Offers,
    capacity: &Capacity,
    current: &Current,
    solution: &Solution,
    verdict: &mut Verdict<SpotRecommendation>,
) {
    if !solution.spot.is_empty() {
        if !scene.watched() {
            let message = "the live status of the pools is not known; layer 5 holds for want of \
                           reports, not by proof";
            warn(verdict, ReasonCode::PoolStatusUnknown, message.to_owned());
        }
        if offers.zone_unknown > 0 {
            let message = format!(
                "{} pools that pass get no share, since their zone is not known",
                offers.zone_unknown
            );
            warn(verdict, ReasonCode::ZoneUnknown, message);
        }
        if offers.too_large > 0 {
            let message = format!(
                "{} pools that pass get no share, since one instance is more than {} of {} \
                 processors",
                offers.too_large,
                percent(scene.policy.layers.max_pool_share.value()),
                capacity.vcpu
            );
            warn(verdict, ReasonCode::TooLarge, message);
        }
    }
    let assumed =
        |(offer, _): &&(usize, f64)| offers.pools.get(*offer).is_some_and(|pool| pool.zone_assumed);
    let count = solution.spot.iter().filter(assumed).count();
    if count > 0 {
        let message = format!(
            "{count} pools hold shares in zones that the policy assumes them to be offered in; no \
             price confirms it"
        );
        warn(verdict, ReasonCode::ZoneUnknown, message);
    }
    let wanted = scene.policy.layers.min_on_demand_share.complement().value();
    if !solution.spot.is_empty() && solution.most_spot < wanted - 1e-6 {
        let message = format!(
            "{} usable pools allow at most {} spot capacity under the layers, {} would be allowed",
            offers.pools.len(),
            percent(solution.most_spot),
            percent(wanted)
        );
        warn(verdict, ReasonCode::TooFewPools, message);
    }
    if !solution.proven {
        let message = "not every choice of zones was looked at; a cheaper allocation may exist";
        warn(verdict, ReasonCode::WorkLimit, message.to_owned());
    }
    if current.unstated > 0 {
        let message = format!(
            "{} nodes do not say how they are bought and count as On-Demand",
            current.unstated
        );
        warn(verdict, ReasonCode::PriceAssumed, message);
    }
}

/// Tells a cluster that is too small for its shares to be whole instances.
fn whole_nodes(
    scene: &Scene<'_>,
    offers: &Offers,
    on_demand: &OnDemandOffer,
    solution: &Solution,
    proposal: &Proposal,
    verdict: &mut Verdict<SpotRecommendation>,
) {
    let mut useful: Vec<f64> = solution
        .spot
        .iter()
        .filter_map(|(offer, _)| offers.pools.get(*offer).map(|pool| pool.useful))
        .collect();
    if proposal.pools.iter().any(|pool| pool.capacity_type == CapacityType::OnDemand) {
        useful.push(on_demand.useful);
    }
    let broken = proposal::broken_in_whole_nodes(
        &proposal.pools,
        &useful,
        scene.watched(),
        &scene.policy.layers,
    );
    if broken.is_empty() {
        return;
    }
    let layers: Vec<String> = broken
        .iter()
        .map(|layer| {
            let measured = layer.measured.unwrap_or(0.0);
            format!(
                "layer {} ({}) measures {measured}, limit {}",
                layer.layer, layer.name, layer.limit
            )
        })
        .collect();
    let message = format!(
        "the shares keep the layers, but the cluster is so small that in whole instances they do \
         not: {}",
        layers.join("; ")
    );
    warn(verdict, ReasonCode::ClusterTooSmall, message);
}

fn warn(verdict: &mut Verdict<SpotRecommendation>, code: ReasonCode, message: String) {
    verdict.warnings.push(Warning { code, message, subject: None });
}
