//! Capacity that is paid for whether or not it is used: what is really saved by using less.
//!
//! Reserved instances and reservations of capacity cover machines of their type or family; what a
//! savings plan or a negotiated discount takes off follows from the commitment itself. A machine
//! that a commitment covers saves nothing until the commitment ends.

use facts::cluster::{ClusterState, Commitment, CommitmentKind};
use facts::names::CapacityType;
use jiff::Timestamp;
use units::{Fraction, UsdPerHour};

/// On-Demand machines that a plan takes away or adds, and what is left of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// The type.
    pub instance_type: String,
    /// How it is bought; spot is never covered.
    pub capacity_type: CapacityType,
    /// What it costs by list.
    pub usd_per_hour: UsdPerHour,
}

/// Commitments that are in force at an instant.
#[derive(Clone, Debug, Default)]
pub struct Commitments<'a> {
    active: Vec<&'a Commitment>,
}

/// What machines really cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bill {
    /// By list.
    pub list: UsdPerHour,
    /// What is paid, commitments included.
    pub effective: UsdPerHour,
}

impl<'a> Commitments<'a> {
    /// Those of a snapshot that have not ended.
    #[must_use]
    pub fn of(state: &'a ClusterState, now: Timestamp) -> Commitments<'a> {
        let all = state.commitments.as_ref().map_or(&[][..], |section| &section.items);
        let active = all.iter().filter(|one| one.ends_at.is_none_or(|end| end > now)).collect();
        Commitments { active }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.active.is_empty()
    }

    /// When the last one that covers machines ends; `None` when none does, or one has no end.
    #[must_use]
    pub fn last_end(&self) -> Option<Timestamp> {
        let covering =
            self.active.iter().filter(|one| one.kind != CommitmentKind::NegotiatedDiscount);
        covering.map(|one| one.ends_at).max().flatten()
    }

    /// What a set of machines costs: reserved ones are paid in any case at what their list price
    /// is, savings plans are paid in any case, the discount comes off the rest.
    #[must_use]
    pub fn bill(&self, machines: &[Capacity]) -> Bill {
        let list: UsdPerHour = machines.iter().map(|one| one.usd_per_hour).sum();
        let (spot, on_demand): (Vec<&Capacity>, Vec<&Capacity>) =
            machines.iter().partition(|one| one.capacity_type == CapacityType::Spot);
        let covering = self.covering(&on_demand);
        let uncovered: UsdPerHour = on_demand
            .iter()
            .zip(covering)
            .filter(|(_, covered)| covered.is_none())
            .map(|(machine, _)| machine.usd_per_hour)
            .sum();
        let discounted = uncovered.scaled(self.discount().complement());
        // What a plan is committed to is paid even when less is used.
        let plans = self.plans().unwrap_or(UsdPerHour::ZERO);
        let spot: UsdPerHour = spot.iter().map(|one| one.usd_per_hour).sum();
        Bill { list, effective: discounted.max(plans) + spot.scaled(self.discount().complement()) }
    }

    /// What covers each of these machines: reserved instances or reserved capacity; `None` for a
    /// machine that no commitment is left for, and for spot.
    #[must_use]
    pub fn covering(&self, machines: &[&Capacity]) -> Vec<Option<CommitmentKind>> {
        let reserved = self.active.iter().filter(|one| covers_machines(one.kind));
        let mut left: Vec<(Option<&str>, CommitmentKind, u64)> = reserved
            .map(|one| (one.instance_type.as_deref(), one.kind, one.count.unwrap_or(0)))
            .collect();
        // What is paid in advance is used up before what is merely held.
        left.sort_by_key(|(_, kind, _)| *kind != CommitmentKind::ReservedInstances);
        // The dearest first: AWS applies a commitment where it saves most.
        let mut order: Vec<usize> = (0..machines.len()).collect();
        order.retain(|at| machines[*at].capacity_type != CapacityType::Spot);
        order.sort_by(|a, b| {
            let (a, b) = (machines[*a], machines[*b]);
            b.usd_per_hour.cmp(&a.usd_per_hour).then_with(|| a.instance_type.cmp(&b.instance_type))
        });
        let mut covered = vec![None; machines.len()];
        for at in order {
            let name = machines[at].instance_type.as_str();
            let family = name.split('.').next().unwrap_or("");
            let slot = [Some(name), Some(family), None].into_iter().find_map(|wanted| {
                left.iter().position(|(of, _, count)| *of == wanted && *count > 0)
            });
            if let Some(slot) = slot {
                left[slot].2 -= 1;
                covered[at] = Some(left[slot].1);
            }
        }
        covered
    }

    /// The commitments of savings plans together, for an hour; `None` without any.
    #[must_use]
    pub fn plans(&self) -> Option<UsdPerHour> {
        let plans = self.active.iter().filter(|one| one.kind == CommitmentKind::SavingsPlan);
        let amounts: Vec<UsdPerHour> = plans.filter_map(|one| one.usd_per_hour).collect();
        (!amounts.is_empty()).then(|| amounts.into_iter().sum())
    }

    /// The whole discount: one after the other.
    #[must_use]
    pub fn discount(&self) -> Fraction {
        let given = self.active.iter().filter(|one| one.kind == CommitmentKind::NegotiatedDiscount);
        let left =
            given.filter_map(|one| one.discount).fold(1.0, |left, one| left * (1.0 - one.value()));
        Fraction::clamped(1.0 - left)
    }
}

fn covers_machines(kind: CommitmentKind) -> bool {
    matches!(kind, CommitmentKind::ReservedInstances | CommitmentKind::CapacityReservation)
}

#[cfg(test)]
mod tests {
    use super::*;
    use facts::cluster::Section;
    use units::Usd;

    fn rate(text: &str) -> UsdPerHour {
        UsdPerHour::new(text.parse::<Usd>().unwrap())
    }

    fn machines(count: usize) -> Vec<Capacity> {
        let one = Capacity {
            instance_type: "m5.large".to_owned(),
            capacity_type: CapacityType::OnDemand,
            usd_per_hour: rate("0.1"),
        };
        vec![one; count]
    }

    fn state(commitment: Commitment) -> ClusterState {
        ClusterState {
            commitments: Some(Section::complete("test", vec![commitment])),
            ..ClusterState::default()
        }
    }

    fn commitment(kind: CommitmentKind) -> Commitment {
        Commitment {
            kind,
            instance_type: None,
            count: None,
            usd_per_hour: None,
            discount: None,
            ends_at: None,
        }
    }

    #[test]
    fn covered_machines_save_nothing() {
        let now: Timestamp = "2026-08-01T12:00:00Z".parse().unwrap();
        let check = |commitment: Commitment, before, after, saved: &str| {
            let state = state(commitment);
            let book = Commitments::of(&state, now);
            let (before, after) = (book.bill(&machines(before)), book.bill(&machines(after)));
            assert_eq!(before.effective - after.effective, rate(saved));
        };
        let reserved = |count, of: &str| Commitment {
            instance_type: Some(of.to_owned()),
            count: Some(count),
            ..commitment(CommitmentKind::ReservedInstances)
        };
        check(reserved(4, "m5.large"), 6, 3, "0.2");
        check(reserved(4, "m5"), 4, 0, "0");
        check(reserved(4, "c5"), 4, 0, "0.4");
        let ended = Commitment {
            ends_at: Some("2026-08-01T00:00:00Z".parse().unwrap()),
            ..reserved(4, "m5")
        };
        check(ended, 4, 0, "0.4");
        let plan = Commitment {
            usd_per_hour: Some(rate("0.25")),
            ..commitment(CommitmentKind::SavingsPlan)
        };
        check(plan, 4, 0, "0.15");
        let discount = Commitment {
            discount: Some(Fraction::new(0.1).unwrap()),
            ..commitment(CommitmentKind::NegotiatedDiscount)
        };
        check(discount, 4, 0, "0.36");
    }
}
