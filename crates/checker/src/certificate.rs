//! Whether a certificate proves its bound, in integers only.
//!
//! Weak duality: give every unit of a resource a price. When no machine can hold resources worth
//! more than the machine costs, all pods together cost at least what their resources are worth.
//! A machine that exists once may be worth more than it costs; what it is worth beyond is taken off.

use facts::bound::{Bound, Certificate, ExistingCapacity, ProofMethod};
use facts::cluster::ClusterState;
use facts::decision::Verdict;
use facts::reason::ReasonCode;

use crate::world::{Resident, World};
use crate::{Violation, certificate_classes, certificate_cover};

/// Checks the bound of a decision.
pub(crate) fn check<R>(
    world: &World<'_>,
    bound: &Bound,
    verdict: &Verdict<R>,
    violations: &mut Vec<Violation>,
) {
    let mut note = |detail: String| {
        violations.push(Violation::overall(ReasonCode::CertificateInvalid, detail));
    };
    if let (Some(lower), Some(plan)) =
        (bound.lower_bound_usd_per_hour, bound.plan_cost_usd_per_hour)
    {
        if lower > plan {
            note(format!("the bound {lower} lies above the plan's cost {plan}"));
        }
        if let Some(gap) = bound.gap {
            let own = plan.nanos() as f64 / lower.nanos() as f64 - 1.0;
            if (gap - own).abs() > 1e-9 {
                note(format!("the gap is {own}, not {gap}"));
            }
        }
    }
    let Some(certificate) = &bound.certificate else { return };
    let Some(claimed) = bound.lower_bound_usd_per_hour else {
        note("there is a certificate but no bound".to_owned());
        return;
    };
    match proven(world, claimed.nanos(), certificate, verdict) {
        Ok(proven) if i128::from(claimed.nanos()) <= proven => {}
        Ok(proven) => {
            note(format!(
                "{} billionths an hour are claimed, {proven} are proven",
                claimed.nanos()
            ));
        }
        Err(detail) => note(detail),
    }
}

/// The bound that the certificate proves for this cluster, in billionths of a dollar per hour.
fn proven<R>(
    world: &World<'_>,
    claimed: i64,
    certificate: &Certificate,
    verdict: &Verdict<R>,
) -> Result<i128, String> {
    let names = &certificate.resources;
    let duals = &certificate.resource_duals;
    if duals.len() != names.len() || certificate.scale == 0 {
        return Err("the prices do not match the resources".to_owned());
    }
    let scale = i128::from(certificate.scale);
    let worth = |amounts: &[u64]| -> Option<i128> {
        (amounts.len() == duals.len()).then(|| {
            let pairs = amounts.iter().zip(duals);
            pairs.map(|(amount, dual)| i128::from(*amount) * i128::from(*dual)).sum()
        })
    };
    for candidate in &certificate.candidates {
        let value =
            worth(&candidate.capacity).ok_or("a candidate's capacity has another length")?;
        if certificate.class_duals.is_empty()
            && value > i128::from(candidate.nanos_per_hour) * scale
        {
            return Err(format!("{} can hold more than it costs", candidate.instance_type));
        }
    }
    let pods = if certificate.existing.is_empty() {
        certificate_classes::planned_pods(world, verdict)
    } else {
        running_pods(world)
    };
    let amounts = |pod: &Resident<'_>, into: &mut Vec<u64>| {
        into.clear();
        into.extend(names.iter().map(|name| amount(world.state, pod, name)));
    };
    if certificate.method == ProofMethod::ClassPrices {
        if !certificate.existing.is_empty() {
            return Err("prices per pod prove nothing about machines that exist once".to_owned());
        }
        let demand = |pod: &&Resident<'_>| {
            let mut demand = Vec::with_capacity(names.len());
            amounts(pod, &mut demand);
            demand
        };
        let demands = pods.iter().map(demand).collect();
        return certificate_classes::proven(certificate, demands);
    }
    let mut demand = vec![0_i128; names.len()];
    let mut of_pod = Vec::with_capacity(names.len());
    for pod in &pods {
        amounts(pod, &mut of_pod);
        for (sum, amount) in demand.iter_mut().zip(&of_pod) {
            *sum += i128::from(*amount);
        }
    }
    let worth_of_pods: i128 =
        demand.iter().zip(duals).map(|(amount, dual)| amount * i128::from(*dual)).sum();
    let total = worth_of_pods + existing(world, certificate, &worth)?;
    if certificate.method == ProofMethod::WholeMachines {
        return certificate_cover::proven(certificate, demand, claimed);
    }
    Ok(total.div_euclid(scale))
}

fn amount(state: &ClusterState, resident: &Resident<'_>, name: &str) -> u64 {
    let pod = resident.pod;
    let amount = match name.strip_prefix("attached-volumes/") {
        None => resident.need.get(name),
        Some(driver) => {
            let storage = state.volumes.as_ref().map(|part| &part.items);
            let attached = pod.volume_claims.iter().filter(|claim| {
                let bound = storage.and_then(|storage| {
                    let known = storage
                        .claims
                        .iter()
                        .find(|one| one.name == **claim && one.namespace == pod.namespace())?;
                    storage.volumes.iter().find(|one| Some(&one.name) == known.volume.as_ref())
                });
                bound.is_some_and(|volume| volume.driver.as_deref() == Some(driver))
            });
            attached.count() as i64
        }
    };
    u64::try_from(amount).unwrap_or(0)
}

/// Pods that every plan has to house: those on nodes that do not come and go with them.
fn running_pods<'w, 'a>(world: &'w World<'a>) -> Vec<&'w Resident<'a>> {
    world.pods.iter().filter(|one| one.place.is_some() && !one.bound).collect()
}

/// What existing machines contribute: their cost less what they are worth, where that is negative
/// or the machine has to stay.
fn existing(
    world: &World<'_>,
    certificate: &Certificate,
    worth: &impl Fn(&[u64]) -> Option<i128>,
) -> Result<i128, String> {
    if certificate.existing.is_empty() {
        return Ok(0);
    }
    let mut listed: Vec<&ExistingCapacity> = certificate.existing.iter().collect();
    listed.sort_unstable_by(|a, b| a.node.cmp(&b.node));
    if let Some(twice) = listed.windows(2).find(|pair| pair[0].node == pair[1].node) {
        return Err(format!("node {} is listed twice", twice[0].node));
    }
    // What movable pods take now may lie above what a node offers, and may stay there.
    let names = &certificate.resources;
    let mut load = vec![0_i64; world.places.len() * names.len()];
    for resident in world.pods.iter().filter(|one| !one.bound) {
        if let Some(place) = resident.place {
            for (at, name) in names.iter().enumerate() {
                let sum = &mut load[place * names.len() + at];
                *sum = sum.saturating_add(resident.need.get(name));
            }
        }
    }
    let scale = i128::from(certificate.scale);
    let mut total: i128 = 0;
    for (at, place) in world.places.iter().enumerate() {
        let found = listed.binary_search_by(|machine| machine.node.cmp(&place.node.name));
        let Ok(found) = found else {
            return Err(format!("node {} is missing", place.node.name));
        };
        let machine = listed[found];
        let load = &load[at * names.len()..(at + 1) * names.len()];
        for ((name, stated), used) in names.iter().zip(&machine.capacity).zip(load) {
            if name.starts_with("attached-volumes/") {
                continue;
            }
            let offers = place.free(name).saturating_add(*used).max(*used).max(0);
            let unlimited = offers > i64::MAX / 8;
            if !unlimited && i128::from(*stated) < i128::from(offers) {
                return Err(format!(
                    "node {} offers {offers} {name}, not {stated}",
                    place.node.name
                ));
            }
        }
        let value = worth(&machine.capacity).ok_or("a node's capacity has another length")?;
        let rest = i128::from(machine.nanos_per_hour) * scale - value;
        total += if machine.must_stay { rest } else { rest.min(0) };
    }
    Ok(total)
}
