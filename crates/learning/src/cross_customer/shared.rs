//! What customers tell each other of a pool: the key they share it under, and how much any one of
//! them may weigh.

use super::Customer;
use crate::history::Evidence;

/// The zone of a pool as customers share it. A zone's name may mean another place in another
/// account; its id never does.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ZoneKey {
    /// The id, such as `use1-az4`.
    Id(String),
    /// The name, because no id is known. Answers that stand on it must say so.
    Name(String),
}

/// One customer's part of what is known of a pool.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Contribution {
    /// Whose.
    pub customer: Customer,
    /// Discounted reports and exposure.
    pub evidence: Evidence,
    /// The most instances that the customer had in the pool over the time of the evidence's half-life.
    pub instances: u32,
}

impl ZoneKey {
    /// The id where it is known, else the name.
    #[must_use]
    pub fn of(id: Option<&str>, name: &str) -> ZoneKey {
        match id.map(str::trim).filter(|id| !id.is_empty()) {
            Some(id) => ZoneKey::Id(id.to_owned()),
            None => ZoneKey::Name(name.to_owned()),
        }
    }

    /// Whether it means the same place for every customer.
    #[must_use]
    pub fn is_comparable(&self) -> bool {
        matches!(self, ZoneKey::Id(_))
    }
}

/// What all customers say of a pool together, as far as each of them is believed.
///
/// A customer's own reports count for itself in full. Of every other customer, interruptions beyond one
/// a day for each instance do not count, nor do any of one without exposure; and no single one of them
/// weighs more than all remaining ones together, or than `least_hours` of exposure where those have
/// less. An evidence that is cut keeps its rate: its interruptions shrink with its hours.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SharedEvidence {
    /// The believable part of everybody, uncut.
    all: Evidence,
    /// The two with the most hours: only the first can weigh more than all others.
    largest: [Option<Contribution>; 2],
    least_hours: f64,
}

impl SharedEvidence {
    /// Of contributions in any order, each of another customer.
    #[must_use]
    pub fn of(contributions: &[Contribution], least_hours: f64) -> SharedEvidence {
        let mut parts: Vec<Contribution> = contributions
            .iter()
            .map(|part| Contribution { evidence: plausible(part), ..*part })
            .collect();
        // Floats are added in one order, whatever order the parts came in.
        parts.sort_unstable_by(|a, b| {
            let by_hours = a.evidence.exposure_hours.total_cmp(&b.evidence.exposure_hours);
            by_hours.then(a.evidence.interruptions.total_cmp(&b.evidence.interruptions))
        });
        let all = parts.iter().fold(Evidence::default(), |sum, part| sum.plus(part.evidence));
        let mut last = parts.into_iter().rev();
        SharedEvidence { all, largest: [last.next(), last.next()], least_hours }
    }

    /// What a customer learns of the pool: its own contribution in full, and what is believed of the
    /// others.
    #[must_use]
    pub fn learned_by(&self, own: Option<&Contribution>) -> Evidence {
        let Some(own) = own else { return self.cut(self.all, self.largest[0]) };
        let others = self.all.minus(plausible(own));
        let is_own = |part: &Contribution| part.customer == own.customer;
        let [first, second] = self.largest;
        let largest = if first.as_ref().is_some_and(is_own) { second } else { first };
        self.cut(others, largest).plus(own.evidence.believable())
    }

    /// With the largest part cut to what all remaining ones weigh.
    fn cut(&self, all: Evidence, largest: Option<Contribution>) -> Evidence {
        let Some(part) = largest.map(|part| part.evidence) else { return all };
        let most = (all.exposure_hours - part.exposure_hours).max(self.least_hours);
        if part.exposure_hours <= most {
            return all;
        }
        let kept = most / part.exposure_hours;
        let rest = all.minus(part);
        Evidence {
            interruptions: rest.interruptions + kept * part.interruptions,
            exposure_hours: rest.exposure_hours + most,
        }
    }
}

/// One interruption a day for each instance is the most that is believed of others: exposure is
/// reported too, and a rate above this would be a pool that nobody stays in.
fn plausible(part: &Contribution) -> Evidence {
    let evidence = part.evidence.believable();
    if part.instances == 0 || evidence.exposure_hours <= 0.0 {
        return Evidence::default();
    }
    let most = (evidence.exposure_hours / 24.0).max(f64::from(part.instances));
    Evidence { interruptions: evidence.interruptions.min(most), ..evidence }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn part(customer: u64, interruptions: f64, exposure_hours: f64) -> Contribution {
        let evidence = Evidence { interruptions, exposure_hours };
        Contribution { customer: Customer(customer), evidence, instances: 5 }
    }

    #[test]
    fn a_liar_weighs_no_more_than_all_others() {
        let honest = [part(1, 1.0, 5_000.0), part(2, 2.0, 5_000.0)];
        let liar = part(3, 10_000.0, 1e9);
        let found =
            SharedEvidence::of(&[honest[0], honest[1], liar], 1_000.0).learned_by(Some(&honest[0]));
        // Its own 5,000 hours, those of the other, and as much as those of the liar.
        assert_eq!(found.exposure_hours, 15_000.0);
        assert!(found.interruptions < 3.1, "{found:?}");
        // A flood without hours at risk is no evidence at all.
        let flood = part(3, 1e4, 0.0);
        let found = SharedEvidence::of(&[honest[0], flood], 1_000.0).learned_by(Some(&honest[0]));
        assert_eq!(found, honest[0].evidence);
        // Who has nothing of its own hears all others, and the liar is cut for it too.
        let found = SharedEvidence::of(&[honest[0], honest[1], liar], 1_000.0).learned_by(None);
        assert_eq!(found.exposure_hours, 20_000.0);
    }

    #[test]
    fn a_zone_without_an_id_is_known_by_its_name() {
        assert!(ZoneKey::of(Some("use1-az4"), "us-east-1a").is_comparable());
        assert_eq!(ZoneKey::of(Some(" "), "us-east-1a"), ZoneKey::Name("us-east-1a".to_owned()));
    }

    proptest! {
        #[test]
        fn order_does_not_matter_and_own_reports_count_in_full(
            parts in prop::collection::vec((0.0..50.0_f64, 0.0..1e5_f64), 1..12), turn in 0_usize..12,
        ) {
            let parts: Vec<Contribution> =
                (0..).zip(&parts).map(|(at, (events, hours))| part(at, *events, *hours)).collect();
            let mut turned = parts.clone();
            turned.rotate_left(turn % parts.len());
            let found = SharedEvidence::of(&parts, 1_000.0).learned_by(Some(&parts[0]));
            let other = SharedEvidence::of(&turned, 1_000.0).learned_by(Some(&parts[0]));
            prop_assert_eq!(found, other);
            prop_assert!(found.interruptions >= parts[0].evidence.interruptions * (1.0 - 1e-12));
            // The same by adding the others up one by one.
            let hours = |part: &Contribution| plausible(part).exposure_hours;
            let all: f64 = parts[1..].iter().map(hours).sum();
            let kept: f64 = parts[1..]
                .iter()
                .map(|part| hours(part).min((all - hours(part)).max(1_000.0)))
                .sum();
            let wanted = parts[0].evidence.exposure_hours + kept;
            prop_assert!((found.exposure_hours - wanted).abs() <= 1e-9 * wanted + 1e-6);
        }
    }
}
