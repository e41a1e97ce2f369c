//! Bounds by a price for each class of pods.
//!
//! Every candidate machine must be unable to hold pods worth more than it costs: a knapsack of
//! several dimensions for each candidate, searched to the end. The search is limited; a certificate
//! that it cannot finish is not accepted.

use std::collections::BTreeMap;

use facts::action::Action;
use facts::bound::{CandidateCapacity, Certificate};
use facts::decision::Verdict;
use facts::reason::ReasonCode;

use crate::knapsack::{Item, Knapsack};
use crate::world::{Resident, World};

/// Pods that a plan houses anew: those that it moves, and those that wait and found a place.
pub(crate) fn planned_pods<'w, 'a, R>(
    world: &'w World<'a>,
    verdict: &Verdict<R>,
) -> Vec<&'w Resident<'a>> {
    let without: Vec<(&str, &str)> = verdict
        .rejected
        .iter()
        .filter(|one| one.code == ReasonCode::FitsNoInstanceType && one.subject.kind == "Pod")
        .map(|one| {
            (one.subject.namespace.as_deref().unwrap_or("default"), one.subject.name.as_str())
        })
        .collect();
    let without: std::collections::BTreeSet<(&str, &str)> = without.into_iter().collect();
    let mut launches = false;
    let mut pods: Vec<&Resident<'_>> = Vec::new();
    let mut moved = |namespace: &str, name: &str| {
        let found = world.find_pod(namespace, name).map(|index| &world.pods[index]);
        pods.extend(found.filter(|one| !one.bound));
    };
    for step in &verdict.execution_plan {
        match &step.action {
            Action::LaunchNode(_) => launches = true,
            Action::DrainNode { evictions, .. } => {
                evictions.iter().for_each(|one| moved(&one.namespace, &one.pod));
            }
            Action::EvictPod { .. } => {
                moved(step.target.namespace.as_deref().unwrap_or_default(), &step.target.name);
            }
            _ => {}
        }
    }
    if launches {
        pods.extend(world.pods.iter().filter(|one| {
            let key = (one.pod.namespace(), one.pod.name.as_str());
            one.pod.node.is_none() && !one.bound && !without.contains(&key)
        }));
    }
    pods
}

/// The bound that class prices prove for pods with these demands.
pub(crate) fn proven(certificate: &Certificate, demands: Vec<Vec<u64>>) -> Result<i128, String> {
    let mut counts: BTreeMap<Vec<u64>, u64> = BTreeMap::new();
    for demand in demands {
        *counts.entry(demand).or_default() += 1;
    }
    let mut nothing = 0;
    let mut total: i128 = 0;
    let mut items: Vec<Item> = Vec::new();
    for class in &certificate.class_duals {
        let left = counts.get_mut(&class.demand).filter(|left| **left >= class.count);
        let Some(left) = left.or((class.count == 0).then_some(&mut nothing)) else {
            return Err("the certificate counts pods that are not there".to_owned());
        };
        *left -= class.count;
        total += i128::from(class.dual) * i128::from(class.count);
        items.push(Item { demand: class.demand.clone(), count: class.count, worth: class.dual });
    }
    let candidates = &certificate.candidates;
    let dims = certificate.resources.len();
    let largest: Vec<u64> = (0..dims)
        .map(|dim| candidates.iter().map(|one| one.capacity[dim]).max().unwrap_or(0))
        .collect();
    let mut knapsack = Knapsack::new(items, &largest);
    let mut candidates: Vec<&CandidateCapacity> = candidates.iter().collect();
    candidates.sort_by_key(|one| one.nanos_per_hour);
    for candidate in candidates {
        if knapsack.can_exceed(&candidate.capacity, candidate.nanos_per_hour)? {
            return Err(format!("{} can hold more than it costs", candidate.instance_type));
        }
    }
    Ok(total)
}
