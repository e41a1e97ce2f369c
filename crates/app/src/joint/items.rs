//! From decisions to one ranked list.

use std::collections::BTreeMap;

use engines::prepared::ErasedDecision;
use facts::action::Target;
use facts::decision::Decision;
use facts::finding::{CostCategory, Finding};
use jiff::Timestamp;
use serde_json::Value;
use units::Usd;

use super::{Counted, JointDecision, JointItem, JointReport, JointRequest};
use crate::decide::Outcome;

/// How the sums come about, for whoever reads them.
const METHOD: &str = "Every dollar counts once. Machines of the cluster: packing is counted on what \
    containers ask for afterwards, and stands for other types of the same machines; spot on the nodes that packing leaves, working hours on these at \
    the price after the move to spot. Things outside of the cluster count with the first decision \
    that names them. Traffic of a workload counts with the network's findings where these name it.";

/// Puts decisions together.
pub(super) fn report(
    request: &JointRequest<'_>,
    outcomes: &[Outcome],
    counted: &BTreeMap<String, Counted>,
    now: Timestamp,
) -> JointReport {
    let mut items = Vec::new();
    let mut decisions = Vec::new();
    let mut seen: BTreeMap<(CostCategory, String), String> = BTreeMap::new();
    let (mut list, mut effective) = (Usd::ZERO, Usd::ZERO);
    for decision in outcomes.iter().map(|outcome| &outcome.decision) {
        let own = of_decision(decision);
        let whole = counted.get(&decision.decision_type);
        let first = items.len();
        for item in own {
            let keys = keys(&item);
            let known = keys.iter().find_map(|key| seen.get(key).cloned());
            let counts = match (&known, whole) {
                (Some(_), _) => Usd::ZERO,
                (None, None) => item.own_savings_usd_per_month.unwrap_or(Usd::ZERO).max(Usd::ZERO),
                // Shared out below, over all items of the decision.
                (None, Some(_)) => Usd::ZERO,
            };
            if known.is_none() {
                for key in keys {
                    seen.entry(key).or_insert_with(|| item.finding.clone());
                }
            }
            items.push(JointItem {
                counted_savings_usd_per_month: counts,
                counted_with: known,
                ..item
            });
        }
        let mine = &mut items[first..];
        if let Some(whole) = whole {
            share(mine, whole.effective);
        }
        let adds: Usd = mine.iter().map(|item| item.counted_savings_usd_per_month).sum();
        effective += adds;
        let of_list = match whole {
            Some(whole) => whole.list,
            None => adds + committed(decision),
        };
        list += of_list;
        decisions.push(JointDecision {
            permalink: None,
            decision_type: decision.decision_type.clone(),
            decision_id: decision.decision_id.clone(),
            own_savings_usd_per_month: decision.verdict.estimated_savings,
            counted_savings_usd_per_month: adds,
            recommendations: decision.verdict.recommendations.len() as u64,
            steps: decision.verdict.execution_plan.len() as u64,
            confidence_score: decision.verdict.confidence_score,
            warnings: decision.verdict.warnings.clone(),
        });
    }
    items.sort_by(|a, b| {
        let key =
            |item: &JointItem| (item.counted_savings_usd_per_month, item.own_savings_usd_per_month);
        key(b).cmp(&key(a)).then_with(|| a.finding.cmp(&b.finding))
    });
    let mut by_category: BTreeMap<CostCategory, Usd> = BTreeMap::new();
    for (item, rank) in items.iter_mut().zip(1_u64..) {
        item.rank = rank;
        if item.counted_savings_usd_per_month > Usd::ZERO {
            *by_category.entry(item.cost_category).or_default() +=
                item.counted_savings_usd_per_month;
        }
    }
    let of_snapshot = outcomes.iter().find_map(|outcome| outcome.decision.cluster_id.clone());
    JointReport {
        cluster_id: request.cluster_id.clone().or(of_snapshot),
        decided_at: now,
        list_savings_usd_per_month: list,
        effective_savings_usd_per_month: effective,
        realised_savings_usd_per_month: None,
        by_category,
        items,
        decisions,
        left_out: request.left_out.clone(),
        method: METHOD.to_owned(),
    }
}

/// What a decision saves at list prices beyond what it really saves.
fn committed(decision: &ErasedDecision) -> Usd {
    let verdict = &decision.verdict;
    let list = verdict.savings.list_savings_usd_per_month;
    match (list, verdict.estimated_savings) {
        (Some(list), Some(real)) if list > real => list - real,
        _ => Usd::ZERO,
    }
}

/// Gives every item its part of what the decision as a whole adds, by what it claims itself and no
/// more than that. What nobody claims is of those whose claim is unknown, else of those that claim
/// nothing; where there are none, of all by their claims.
fn share(items: &mut [JointItem], whole: Usd) {
    let claims: Vec<Usd> = items
        .iter()
        .map(|item| item.own_savings_usd_per_month.unwrap_or(Usd::ZERO).max(Usd::ZERO))
        .collect();
    let total: Usd = claims.iter().copied().sum();
    let is_unknown = |item: &JointItem| item.own_savings_usd_per_month.is_none();
    let any_unknown = items.iter().any(is_unknown);
    let silent: Vec<bool> = items
        .iter()
        .zip(&claims)
        .map(|(item, claim)| if any_unknown { is_unknown(item) } else { *claim == Usd::ZERO })
        .collect();
    let count = silent.iter().filter(|is_silent| **is_silent).count();
    let capped = count > 0 && whole > total;
    let shared = if capped { total } else { whole };
    let part = |of: Usd, weight: f64| {
        Usd::from_dollars(of.dollars() * weight).unwrap_or(Usd::ZERO).min(of)
    };
    let mut left = whole;
    for ((item, claim), is_silent) in items.iter_mut().zip(&claims).zip(&silent) {
        let own = if *claim > Usd::ZERO {
            let own = part(shared, claim.dollars() / total.dollars());
            if capped { own.min(*claim) } else { own }
        } else if capped && *is_silent {
            part(whole - total, 1.0 / count as f64)
        } else {
            Usd::ZERO
        };
        item.counted_savings_usd_per_month = own.min(left);
        left = left - item.counted_savings_usd_per_month;
    }
    // What rounding leaves is some billionths of a dollar: they go where nobody claims less.
    let place = if capped {
        silent.iter().rposition(|is_silent| *is_silent)
    } else {
        (0..claims.len()).max_by_key(|place| claims[*place])
    };
    if let Some(item) = place.and_then(|place| items.get_mut(place)) {
        item.counted_savings_usd_per_month += left;
    }
}

/// What an item's dollars are about: equal keys are the same dollars.
fn keys(item: &JointItem) -> Vec<(CostCategory, String)> {
    let subject = &item.subject;
    let name = |text: &str| (item.cost_category, text.to_owned());
    match item.decision_type.as_str() {
        // Machines are counted by what is left of them, not by name.
        "bin_pack" | "spot_optimize" | "schedule" | "rightsize" => Vec::new(),
        "network_optimize" => {
            let ends = item.finding.strip_prefix("cross_zone:").unwrap_or(&item.finding);
            ends.split('>').map(|end| name(&format!("workload {end}"))).collect()
        }
        "noisy_neighbor" => {
            // The workload stands in the summary's detail; a pod is known by it alone.
            vec![name(&format!("workload {}", subject.uid.as_deref().unwrap_or(&subject.name)))]
        }
        _ => vec![name(&format!("{} {}", subject.kind, subject.name))],
    }
}

/// The items of a decision, before anything is counted.
pub(crate) fn of_decision(decision: &ErasedDecision) -> Vec<JointItem> {
    let parsed = decision.verdict.recommendations.iter();
    let parsed = parsed.filter_map(|raw| serde_json::from_str(raw.get()).ok()).collect();
    of_parsed(decision, parsed)
}

/// The same of a decision whose recommendations were read.
pub(crate) fn of_parsed<R>(decision: &Decision<R>, parsed: Vec<Value>) -> Vec<JointItem> {
    match decision.decision_type.as_str() {
        "bin_pack" => parsed.iter().filter_map(|one| of_packing(decision, one)).collect(),
        "spot_optimize" => of_spot(decision).into_iter().collect(),
        _ => parsed.into_iter().filter_map(|one| of_finding(decision, one)).collect(),
    }
}

fn of_finding<R>(decision: &Decision<R>, value: Value) -> Option<JointItem> {
    let workload = value["workload"].as_str().map(str::to_owned);
    let finding: Finding = serde_json::from_value(value).ok()?;
    let mut subject = finding.subject;
    // A pod's traffic is its workload's: that is what the other engine names.
    if decision.decision_type == "noisy_neighbor" {
        subject.uid = workload.or(subject.uid);
    }
    Some(JointItem {
        rank: 0,
        decision_type: decision.decision_type.clone(),
        finding: finding.finding,
        subject,
        cost_category: finding.cost_category,
        summary: finding.summary,
        own_savings_usd_per_month: finding.savings_usd_per_month,
        counted_savings_usd_per_month: Usd::ZERO,
        counted_with: None,
        confidence: finding.confidence,
        requires_review: finding.requires_review,
        owner: finding.owner,
    })
}

fn of_packing<R>(decision: &Decision<R>, value: &Value) -> Option<JointItem> {
    let usd = |value: &Value| serde_json::from_value::<Option<Usd>>(value.clone()).ok().flatten();
    let (finding, subject, summary, own) = if value["kind"] == "remove_node" {
        let node: Target = serde_json::from_value(value["node"].clone()).ok()?;
        let summary = format!(
            "take node {} away ({}); {} pods move",
            node.name,
            value["reason"].as_str().unwrap_or("").replace('_', " "),
            value["pods_moved"]
        );
        (format!("node:{}", node.name), node, summary, usd(&value["savings_usd_per_month"]))
    } else {
        let of_type = value["instance_type"].as_str()?.to_owned();
        let summary = format!("buy {} × {of_type}", value["count"]);
        let subject =
            Target { kind: "InstanceType".to_owned(), name: of_type.clone(), ..Target::default() };
        (format!("launch:{of_type}"), subject, summary, Some(Usd::ZERO))
    };
    Some(JointItem {
        rank: 0,
        decision_type: decision.decision_type.clone(),
        finding,
        subject,
        cost_category: CostCategory::Compute,
        summary,
        own_savings_usd_per_month: own,
        counted_savings_usd_per_month: Usd::ZERO,
        counted_with: None,
        confidence: decision.verdict.confidence_score,
        requires_review: false,
        owner: None,
    })
}

fn of_spot<R>(decision: &Decision<R>) -> Option<JointItem> {
    if decision.verdict.allocation.is_empty() {
        return None;
    }
    let pools = decision.verdict.allocation.len();
    let name = decision.cluster_id.clone().unwrap_or_else(|| "cluster".to_owned());
    Some(JointItem {
        rank: 0,
        decision_type: decision.decision_type.clone(),
        finding: format!("spot_allocation:{name}"),
        subject: Target { kind: "Cluster".to_owned(), name, ..Target::default() },
        cost_category: CostCategory::Compute,
        summary: format!("share the capacity out over {pools} pools under the safety layers"),
        own_savings_usd_per_month: decision.verdict.estimated_savings,
        counted_savings_usd_per_month: Usd::ZERO,
        counted_with: None,
        confidence: decision.verdict.confidence_score,
        requires_review: false,
        owner: None,
    })
}

#[cfg(test)]
mod tests {
    use units::{Confidence, Fraction};

    use super::*;

    fn item(claims: Option<i64>) -> JointItem {
        JointItem {
            rank: 0,
            decision_type: "bin_pack".to_owned(),
            finding: String::new(),
            subject: Target::default(),
            cost_category: CostCategory::Compute,
            summary: String::new(),
            own_savings_usd_per_month: claims.map(Usd::from_nanos),
            counted_savings_usd_per_month: Usd::ZERO,
            counted_with: None,
            confidence: Confidence::new(Fraction::ONE),
            requires_review: false,
            owner: None,
        }
    }

    #[test]
    fn nobody_counts_more_than_it_claims_while_others_claim_nothing() {
        let check = |claims: &[Option<i64>], whole: i64, expected: &[i64]| {
            let mut items: Vec<JointItem> = claims.iter().map(|claim| item(*claim)).collect();
            share(&mut items, Usd::from_nanos(whole));
            let counted: Vec<i64> =
                items.iter().map(|item| item.counted_savings_usd_per_month.nanos()).collect();
            assert_eq!(counted, expected, "{claims:?} of {whole}");
            assert_eq!(counted.iter().sum::<i64>(), if claims.is_empty() { 0 } else { whole });
        };
        // The last one claims nothing, and used to get whatever was left.
        check(&[Some(60), Some(40), Some(0)], 50, &[30, 20, 0]);
        check(&[Some(1), Some(1), Some(1), None], 2, &[1, 1, 0, 0]);
        check(&[Some(60), Some(40), Some(0), Some(0)], 120, &[60, 40, 10, 10]);
        check(&[Some(60), Some(40), Some(0), None], 120, &[60, 40, 0, 20]);
        check(&[Some(60), Some(40)], 120, &[72, 48]);
        check(&[None, None], 10, &[5, 5]);
        check(&[Some(-5), Some(10)], 4, &[0, 4]);
        check(&[Some(10)], 0, &[0]);
        check(&[], 10, &[]);
    }
}
