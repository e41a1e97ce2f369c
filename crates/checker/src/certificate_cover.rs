//! Bounds by whole machines: nobody can buy half of one.
//!
//! Walks through every choice of whole machines that could be cheaper than the claimed bound. A
//! branch ends when what was chosen, plus the worth of what is still missing, reaches the claim. If
//! a choice is large enough for all pods before that, the claim is wrong.

use std::collections::BTreeMap;

use facts::bound::Certificate;

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
    machines.extend(certificate.candidates.iter().map(|candidate| Alike {
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
    // Machines with the largest gain are decided first: the rest is then bounded tightly.
    machines.sort_by_key(|machine| std::cmp::Reverse(gain(machine)));
    let mut later = vec![0_i128; machines.len() + 1];
    for (at, machine) in machines.iter().enumerate().rev() {
        let most = i128::from(machine.count.unwrap_or(0));
        later[at] = later[at + 1] + gain(machine) * most;
    }
    let mut walk = Walk {
        machines: &machines,
        duals: &duals,
        later: &later,
        scale,
        claimed: i128::from(claimed),
        branches: 0,
    };
    walk.from(0, &missing, paid)?;
    Ok(i128::from(claimed))
}

struct Walk<'w> {
    machines: &'w [Alike],
    duals: &'w [i128],
    later: &'w [i128],
    scale: i128,
    claimed: i128,
    branches: u64,
}

impl Walk<'_> {
    fn from(&mut self, at: usize, missing: &[i128], paid: i128) -> Result<(), String> {
        self.branches += 1;
        if self.branches > MOST_BRANCHES {
            return Err("the certificate is too large to be verified".to_owned());
        }
        // More machines only cost more.
        if paid >= self.claimed {
            return Ok(());
        }
        let worth: i128 =
            missing.iter().zip(self.duals).map(|(missing, dual)| (*missing).max(0) * dual).sum();
        if paid * self.scale + worth - self.later[at] >= self.claimed * self.scale {
            return Ok(());
        }
        if missing.iter().all(|missing| *missing <= 0) {
            // What is large enough and costs as much as was claimed is no counterexample.
            if paid >= self.claimed {
                return Ok(());
            }
            return Err(format!("machines for {paid} billionths an hour are large enough"));
        }
        let Some(machine) = self.machines.get(at) else { return Ok(()) };
        let affordable = match machine.cost {
            0 => u64::MAX,
            cost => u64::try_from((self.claimed - paid).max(0) / cost + 1).unwrap_or(u64::MAX),
        };
        let useful = missing
            .iter()
            .zip(&machine.capacity)
            .filter(|(missing, capacity)| **missing > 0 && **capacity > 0)
            .map(|(missing, capacity)| (missing + capacity - 1) / capacity)
            .max()
            .unwrap_or(0);
        let most = machine
            .count
            .unwrap_or(u64::MAX)
            .min(affordable)
            .min(u64::try_from(useful).unwrap_or(u64::MAX));
        for count in (0..=most).rev() {
            let count = i128::from(count);
            let rest: Vec<i128> = missing
                .iter()
                .zip(&machine.capacity)
                .map(|(missing, capacity)| missing - capacity * count)
                .collect();
            self.from(at + 1, &rest, paid + machine.cost * count)?;
        }
        Ok(())
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
