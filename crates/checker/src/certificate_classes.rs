//! Bounds by a price for each class of pods.
//!
//! Every candidate machine must be unable to hold pods worth more than it costs: a knapsack of
//! several dimensions for each candidate, searched to the end with a bound by resources. The search
//! is limited; a certificate that it cannot finish is not accepted.

use std::collections::BTreeMap;

use facts::action::Action;
use facts::bound::{CandidateCapacity, Certificate};
use facts::decision::Verdict;
use facts::reason::ReasonCode;

use crate::world::{Resident, World};

/// How many branches the searches of one certificate may look at together.
const MOST_BRANCHES: u64 = 200_000_000;

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
        items.push(Item {
            demand: class.demand.clone(),
            count: class.count,
            worth: i128::from(class.dual),
        });
    }
    let mut branches = 0;
    let mut candidates: Vec<&CandidateCapacity> = certificate.candidates.iter().collect();
    candidates.sort_by_key(|one| one.nanos_per_hour);
    for candidate in candidates {
        let limit = i128::from(candidate.nanos_per_hour);
        if can_exceed(&items, certificate, candidate, limit, &mut branches)? {
            return Err(format!("{} can hold more than it costs", candidate.instance_type));
        }
    }
    Ok(total)
}

struct Item {
    demand: Vec<u64>,
    count: u64,
    worth: i128,
}

/// Whether some set of items that fits the candidate is worth more than the limit.
fn can_exceed(
    items: &[Item],
    certificate: &Certificate,
    candidate: &CandidateCapacity,
    limit: i128,
    branches: &mut u64,
) -> Result<bool, String> {
    let fits = |item: &&Item| {
        item.worth > 0
            && item.demand.iter().zip(&candidate.capacity).all(|(need, room)| need <= room)
    };
    let mut order: Vec<&Item> = items.iter().filter(fits).collect();
    // Items that are worth most for what they take of this machine come first.
    let density = |item: &Item| {
        let share: f64 = item
            .demand
            .iter()
            .zip(&candidate.capacity)
            .map(|(need, room)| *need as f64 / (*room).max(1) as f64)
            .fold(0.0, f64::max);
        item.worth as f64 / share.max(1e-12)
    };
    order.sort_by(|a, b| density(b).total_cmp(&density(a)).then_with(|| b.demand.cmp(&a.demand)));
    let bounds = Bounds::of(&order, certificate, candidate);
    let mut search = Search { order: &order, bounds: &bounds, limit, branches };
    search.run(0, &candidate.capacity.clone(), 0)
}

/// For each place in the order: the most that a unit of each resource can be worth to the items
/// from there on.
struct Bounds {
    dims: usize,
    /// Largest worth per unit of one resource, as a fraction.
    best: Vec<Option<(i128, u64)>>,
}

impl Bounds {
    fn of(order: &[&Item], _certificate: &Certificate, candidate: &CandidateCapacity) -> Bounds {
        let dims = candidate.capacity.len();
        let mut best: Vec<Option<(i128, u64)>> = vec![None; dims * (order.len() + 1)];
        for at in (0..order.len()).rev() {
            for dim in 0..dims {
                let later = best[(at + 1) * dims + dim];
                let own = (order[at].worth, order[at].demand[dim]);
                let larger = match later {
                    None if at + 1 == order.len() => own,
                    None => own,
                    // a/b > c/d for b, d > 0; a demand of 0 is worth infinitely much per unit.
                    Some((worth, demand)) => {
                        if own.1 == 0 || own.0 * i128::from(demand) > worth * i128::from(own.1) {
                            own
                        } else {
                            (worth, demand)
                        }
                    }
                };
                best[at * dims + dim] = Some(larger);
            }
        }
        Bounds { dims, best }
    }

    /// The most that the items from `at` on can add in this room.
    fn most(&self, at: usize, room: &[u64]) -> i128 {
        let mut most = i128::MAX;
        for (dim, room) in room.iter().enumerate() {
            match self.best[at * self.dims + dim] {
                None => return 0,
                Some((_, 0)) => {}
                Some((worth, demand)) => {
                    let value = worth * i128::from(*room) / i128::from(demand);
                    most = most.min(value);
                }
            }
        }
        most
    }
}

struct Search<'s> {
    order: &'s [&'s Item],
    bounds: &'s Bounds,
    limit: i128,
    branches: &'s mut u64,
}

impl Search<'_> {
    fn run(&mut self, at: usize, room: &[u64], worth: i128) -> Result<bool, String> {
        *self.branches += 1;
        if *self.branches > MOST_BRANCHES {
            return Err("the certificate is too large to be verified".to_owned());
        }
        if worth > self.limit {
            return Ok(true);
        }
        if at == self.order.len() || worth + self.bounds.most(at, room) <= self.limit {
            return Ok(false);
        }
        let item = self.order[at];
        let fit = item
            .demand
            .iter()
            .zip(room)
            .filter(|(need, _)| **need > 0)
            .map(|(need, room)| room / need)
            .min()
            .unwrap_or(item.count)
            .min(item.count);
        let mut left: Vec<u64> =
            room.iter().zip(&item.demand).map(|(room, need)| room - need * fit).collect();
        for taken in (0..=fit).rev() {
            if self.run(at + 1, &left, worth + item.worth * i128::from(taken))? {
                return Ok(true);
            }
            for (room, need) in left.iter_mut().zip(&item.demand) {
                *room += need;
            }
        }
        Ok(false)
    }
}
