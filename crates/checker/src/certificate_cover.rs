//! Bounds by whole machines: nobody can buy half of one.
//!
//! Walks through every choice of whole machines that could be cheaper than the claimed bound. A
//! branch ends when what was chosen, plus the worth of what is still missing, reaches the claim; the
//! worth is that of the certificate's prices, or of one resource at the cheapest machine's. If a
//! choice is large enough for all pods before that, the claim is wrong.

use std::collections::BTreeMap;

use facts::bound::{CandidateCapacity, Certificate};

/// How many branches are looked at; a proof that needs more is not accepted.
const MOST_BRANCHES: u64 = 20_000_000;

/// Machines that are alike.
struct Alike {
    capacity: Vec<i128>,
    cost: i128,
    /// How many there are; `None` is any number.
    count: Option<u64>,
}

/// The claim, when every cheaper choice is too small.
pub(crate) fn proven(
    certificate: &Certificate,
    mut missing: Vec<i128>,
    claimed: i64,
) -> Result<i128, String> {
    let mut paid: i128 = 0;
    let mut optional: BTreeMap<(Vec<u64>, u64), u64> = BTreeMap::new();
    for machine in &certificate.existing {
        if machine.must_stay {
            paid += i128::from(machine.nanos_per_hour);
            for (missing, capacity) in missing.iter_mut().zip(&machine.capacity) {
                *missing -= i128::from(*capacity);
            }
        } else {
            *optional.entry((machine.capacity.clone(), machine.nanos_per_hour)).or_default() += 1;
        }
    }
    let wide = |capacity: &[u64]| capacity.iter().map(|one| i128::from(*one)).collect();
    let mut machines: Vec<Alike> = optional
        .iter()
        .map(|((capacity, cost), count)| Alike {
            capacity: wide(capacity),
            cost: i128::from(*cost),
            count: Some(*count),
        })
        .collect();
    machines.extend(undominated(&certificate.candidates).map(|candidate| Alike {
        capacity: wide(&candidate.capacity),
        cost: i128::from(candidate.nanos_per_hour),
        count: None,
    }));
    let scale = i128::from(certificate.scale);
    let duals: Vec<i128> =
        certificate.resource_duals.iter().map(|dual| i128::from(*dual)).collect();
    // What the machines from each place on are worth beyond their cost, at the most.
    let gain = |machine: &Alike| {
        let worth: i128 = machine.capacity.iter().zip(&duals).map(|(one, dual)| one * dual).sum();
        (worth - machine.cost * scale).max(0)
    };
    // Machines with the largest gain are decided first, so that the rest is bounded tightly, and dear
    // ones before cheap ones, so that a choice soon costs too much.
    machines.sort_by_key(|machine| std::cmp::Reverse((gain(machine), machine.cost)));
    let gains: Vec<i128> = machines.iter().map(gain).collect();
    let mut later = vec![0_i128; machines.len() + 1];
    for (at, machine) in machines.iter().enumerate().rev() {
        later[at] = later[at + 1] + gains[at] * i128::from(machine.count.unwrap_or(0));
    }
    let mut walk = Walk {
        rates: (0..missing.len()).map(|dim| cheapest(&machines, dim)).collect(),
        machines: &machines,
        duals: &duals,
        gains: &gains,
        later: &later,
        scale,
        claimed: i128::from(claimed),
        branches: 0,
    };
    walk.from(0, 0, &mut missing, paid)?;
    Ok(i128::from(claimed))
}

/// Candidates of which none is at least as large and at most as dear as another: who would take such a
/// one can take the other.
fn undominated(candidates: &[CandidateCapacity]) -> impl Iterator<Item = &CandidateCapacity> {
    let as_good = |one: &CandidateCapacity, other: &CandidateCapacity| {
        one.nanos_per_hour <= other.nanos_per_hour
            && one.capacity.iter().zip(&other.capacity).all(|(one, other)| one >= other)
    };
    candidates.iter().enumerate().filter_map(move |(at, one)| {
        let replaced = candidates.iter().enumerate().any(|(place, other)| {
            // Of two that are alike the first stays.
            place != at && as_good(other, one) && (place < at || !as_good(one, other))
        });
        (!replaced).then_some(one)
    })
}

/// The least that a unit of one resource costs, as cost and amount; `None` when no machine has any.
fn cheapest(machines: &[Alike], dim: usize) -> Option<(i128, i128)> {
    let offers = machines.iter().filter(|machine| machine.capacity[dim] > 0);
    let offers = offers.map(|machine| (machine.cost, machine.capacity[dim]));
    offers.min_by(|one, other| (one.0 * other.1).cmp(&(other.0 * one.1)))
}

struct Walk<'w> {
    machines: &'w [Alike],
    duals: &'w [i128],
    gains: &'w [i128],
    later: &'w [i128],
    /// Per resource: what a unit costs at the least.
    rates: Vec<Option<(i128, i128)>>,
    scale: i128,
    claimed: i128,
    branches: u64,
}

impl Walk<'_> {
    /// Looks at a choice and at all that add machines from a place on, of whose kind so many are taken.
    fn from(
        &mut self,
        at: usize,
        taken: u64,
        missing: &mut [i128],
        paid: i128,
    ) -> Result<(), String> {
        self.branches += 1;
        if self.branches > MOST_BRANCHES {
            return Err("the certificate is too large to be verified".to_owned());
        }
        // More machines only cost more.
        if paid >= self.claimed || self.rest_is_dear(missing, paid) {
            return Ok(());
        }
        if missing.iter().all(|missing| *missing <= 0) {
            return Err(format!("machines for {paid} billionths an hour are large enough"));
        }
        let worth: i128 =
            missing.iter().zip(self.duals).map(|(missing, dual)| (*missing).max(0) * dual).sum();
        for place in at..self.machines.len() {
            let machine = &self.machines[place];
            let taken = if place == at { taken } else { 0 };
            let left = machine.count.map_or(0, |count| count - taken.min(count));
            let gain = self.gains[place] * i128::from(left) + self.later[place + 1];
            if paid * self.scale + worth - gain >= self.claimed * self.scale {
                // Nor can what the later places gain make up for it.
                return Ok(());
            }
            if machine.count.is_some_and(|count| taken >= count) {
                continue;
            }
            for (missing, capacity) in missing.iter_mut().zip(&machine.capacity) {
                *missing -= capacity;
            }
            let deeper = self.from(place, taken + 1, missing, paid + machine.cost);
            for (missing, capacity) in missing.iter_mut().zip(&machine.capacity) {
                *missing += capacity;
            }
            deeper?;
        }
        Ok(())
    }

    /// Whether one resource alone makes what is missing too dear.
    fn rest_is_dear(&self, missing: &[i128], paid: i128) -> bool {
        missing.iter().zip(&self.rates).any(|(missing, rate)| match rate {
            Some((cost, amount)) => missing * cost >= (self.claimed - paid) * amount,
            // Nobody has it.
            None => *missing > 0,
        })
    }
}

#[cfg(test)]
mod tests {
    use facts::bound::{ExistingCapacity, ProofMethod};

    use super::*;

    /// Three machines for 192, 85 and 85 with room for 5, 6 and 2 pods; the second must stay.
    fn check(pods: i128, claimed: i64, holds: bool) {
        let machine =
            |name: &str, room: u64, nanos_per_hour: u64, must_stay: bool| ExistingCapacity {
                node: name.to_owned(),
                capacity: vec![room],
                nanos_per_hour,
                must_stay,
            };
        let certificate = Certificate {
            method: ProofMethod::WholeMachines,
            resources: vec!["pods".to_owned()],
            scale: 1 << 32,
            resource_duals: vec![42 << 32],
            class_duals: Vec::new(),
            candidates: Vec::new(),
            existing: vec![
                machine("a", 5, 192, false),
                machine("b", 6, 85, true),
                machine("c", 2, 85, false),
            ],
        };
        let found = proven(&certificate, vec![pods], claimed);
        assert_eq!(found.is_ok(), holds, "{pods} pods for {claimed}: {found:?}");
    }

    #[test]
    fn a_claim_holds_up_to_the_cheapest_choice_that_is_large_enough() {
        check(6, 85, true);
        check(6, 86, false);
        check(8, 170, true);
        check(8, 171, false);
        check(11, 277, true);
        check(11, 278, false);
        check(13, 362, true);
        check(13, 363, false);
    }
}
