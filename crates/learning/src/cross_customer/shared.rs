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

/// What a customer learns of a pool from itself and from all others.
///
/// Its own reports count in full. Of every other customer, interruptions beyond one a day for each
/// instance do not count, nor do any of one without exposure; and no single one of them weighs more
/// than all remaining ones together, or than `least_hours` of exposure where those have less. An
/// evidence that is cut keeps its rate: its interruptions shrink with its hours.
#[must_use]
pub fn shared_evidence(
    contributions: &[Contribution],
    learner: Customer,
    least_hours: f64,
) -> Evidence {
    let (own, others): (Vec<&Contribution>, Vec<&Contribution>) =
        contributions.iter().partition(|part| part.customer == learner);
    let mut parts: Vec<Evidence> = others.iter().map(|part| plausible(part)).collect();
    // Floats are added in one order, whatever order the parts came in.
    parts.sort_unstable_by(|a, b| {
        let by_hours = a.exposure_hours.total_cmp(&b.exposure_hours);
        by_hours.then(a.interruptions.total_cmp(&b.interruptions))
    });
    let all: f64 = parts.iter().map(|part| part.exposure_hours).sum();
    let mut own: Vec<Evidence> = own.into_iter().map(|part| part.evidence.believable()).collect();
    own.sort_unstable_by(|a, b| a.exposure_hours.total_cmp(&b.exposure_hours));
    let mut sum = Evidence::default();
    for part in own {
        sum.interruptions += part.interruptions;
        sum.exposure_hours += part.exposure_hours;
    }
    for part in parts {
        let most = (all - part.exposure_hours).max(least_hours);
        let kept = if part.exposure_hours > most { most / part.exposure_hours } else { 1.0 };
        sum.interruptions += kept * part.interruptions;
        sum.exposure_hours += kept * part.exposure_hours;
    }
    sum
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
        let found = shared_evidence(&[honest[0], honest[1], liar], Customer(1), 1_000.0);
        // Its own 5,000 hours, those of the other, and as much as those of the liar.
        assert_eq!(found.exposure_hours, 15_000.0);
        assert!(found.interruptions < 3.1, "{found:?}");
        // A flood without hours at risk is no evidence at all.
        let found = shared_evidence(&[honest[0], part(3, 1e4, 0.0)], Customer(1), 1_000.0);
        assert_eq!(found, honest[0].evidence);
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
            let found = shared_evidence(&parts, Customer(0), 1_000.0);
            prop_assert_eq!(found, shared_evidence(&turned, Customer(0), 1_000.0));
            prop_assert!(found.interruptions >= parts[0].evidence.interruptions);
        }
    }
}
