//! How many distinct customers are too many for a healthy pool.
//!
//! A customer with `m` instances is interrupted within a window `W` of a healthy pool with
//! `q = 1 − e^(−λmW)`. The number of other customers beside one report is Poisson-binomial; what is
//! computed is never below its tail. Testing each report at `budget/(730·Λ)`, where `Λ` is the
//! reports per hour of the healthy pool, spends the budget of a month on the reports of a month.

use super::{AlarmBudget, Level, PoolExposure};
use crate::elementary::{exp, ln};
use crate::gamma::ln_gamma;

/// The windows in minutes, shortest first: a pool that goes at once, and one that goes in parts.
pub(super) const MINUTES: [i64; 3] = [5, 15, 60];

/// Distinct customers that each level needs within 5, 15 and 60 minutes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Needed {
    /// For [`Level::Uncertain`]; at least 2.
    pub uncertain: [u32; 3],
    /// For [`Level::ConfirmedRisky`]; at least 3.
    pub confirmed: [u32; 3],
}

/// The exposed customers, by how many instances they have.
pub(super) struct Crowd {
    /// Instances, and how many customers have so many; fewest first.
    groups: Vec<(u32, u32)>,
    hazard: f64,
    others: [Others; 3],
}

/// How many of the other customers a healthy pool interrupts within a window.
#[derive(Clone, Copy, Default)]
struct Others {
    count: f64,
    mean: f64,
    none: f64,
}

impl Needed {
    /// What is needed where nobody's exposure is known.
    pub const COUNTS_ALONE: Needed = Needed { uncertain: [2; 3], confirmed: [3; 3] };

    pub(super) fn reached(&self, customers: [u32; 3]) -> Level {
        let enough =
            |needed: &[u32; 3]| customers.iter().zip(needed).any(|(k, needed)| k >= needed);
        if enough(&self.confirmed) {
            Level::ConfirmedRisky
        } else if enough(&self.uncertain) {
            Level::Uncertain
        } else {
            Level::Normal
        }
    }
}

impl Crowd {
    pub(super) fn of(exposure: &PoolExposure) -> Crowd {
        let mut sizes: Vec<u32> = exposure.instances.values().copied().filter(|n| *n > 0).collect();
        sizes.sort_unstable();
        let groups: Vec<(u32, u32)> =
            sizes.chunk_by(|a, b| a == b).map(|same| (same[0], same.len() as u32)).collect();
        let mut crowd = Crowd { groups, hazard: exposure.hazard, others: [Others::default(); 3] };
        crowd.others = MINUTES.map(|minutes| crowd.others_within(minutes));
        crowd
    }

    /// All instances.
    pub(super) fn instances(&self) -> f64 {
        self.groups.iter().map(|(size, customers)| f64::from(*size) * f64::from(*customers)).sum()
    }

    pub(super) fn expected_within_an_hour(&self) -> f64 {
        self.groups
            .iter()
            .map(|(size, customers)| {
                f64::from(*customers) * (1.0 - exp(-self.hazard * f64::from(*size)))
            })
            .sum()
    }

    /// How many distinct customers each level needs.
    pub(super) fn needed(&self, budget: AlarmBudget) -> Needed {
        Needed {
            uncertain: self.needed_for(2, budget.uncertain),
            confirmed: self.needed_for(3, budget.confirmed),
        }
    }

    /// At most how probable at least so many are in one of the windows, one of them being given.
    pub(super) fn probability_if_healthy(&self, customers: [u32; 3]) -> f64 {
        let least = customers
            .iter()
            .zip(&self.others)
            .map(|(customers, others)| others.at_least(customers.saturating_sub(1)))
            .fold(1.0, f64::min);
        (least * MINUTES.len() as f64).min(1.0)
    }

    /// The widest window takes what it needs of the budget first, since a burst is seen by it most
    /// often; the shorter ones share what whole customers leave over. Only a shorter window that
    /// needs fewer customers adds false alarms of its own, so that the sum of the three tails
    /// bounds them.
    fn needed_for(&self, least: u32, alarms_per_month: f64) -> [u32; 3] {
        let reports = units::HOURS_PER_MONTH.0 * self.hazard * self.instances();
        let mut left = if alarms_per_month.is_nan() { 0.0 } else { alarms_per_month / reports };
        let mut needed = [u32::MAX; 3];
        let mut most = u32::MAX;
        for window in (0..MINUTES.len()).rev() {
            let others = &self.others[window];
            let mut customers = least;
            while customers < most && others.at_least(customers - 1) > left {
                customers += 1;
            }
            if customers < most {
                left -= others.at_least(customers - 1);
                most = customers;
            }
            needed[window] = most;
        }
        needed
    }

    /// All but one of the customers with the fewest instances, which makes every count of others
    /// at least as probable as leaving out the customer who reported.
    fn others_within(&self, minutes: i64) -> Others {
        let hours = minutes as f64 / 60.0;
        let mut others = Others::default();
        let mut instances = 0.0;
        for (at, (size, customers)) in self.groups.iter().enumerate() {
            let customers = f64::from(customers - u32::from(at == 0));
            others.count += customers;
            others.mean += customers * (1.0 - exp(-self.hazard * f64::from(*size) * hours));
            instances += customers * f64::from(*size);
        }
        others.none = exp(-self.hazard * instances * hours);
        others
    }
}

impl Others {
    /// At most how probable so many or more of them are.
    ///
    /// One or more is exact. For more, the binomial of the same mean is never below the
    /// Poisson-binomial where the number is at least the mean plus one (Hoeffding 1956, theorem 5);
    /// below that 1 is said.
    fn at_least(&self, number: u32) -> f64 {
        let wanted = f64::from(number);
        if number == 0 {
            return 1.0;
        }
        if wanted > self.count {
            return 0.0;
        }
        if number == 1 {
            return 1.0 - self.none;
        }
        if wanted < self.mean + 1.0 {
            return 1.0;
        }
        let share = self.mean / self.count;
        if share <= 0.0 {
            return 0.0;
        }
        if share >= 1.0 {
            return 1.0;
        }
        let choose = ln_gamma(self.count + 1.0)
            - ln_gamma(wanted + 1.0)
            - ln_gamma(self.count - wanted + 1.0);
        let mut term = exp(choose + wanted * ln(share) + (self.count - wanted) * ln(1.0 - share));
        let (mut sum, mut at) = (term, wanted);
        while at < self.count && term > sum * 1e-12 {
            term *= (self.count - at) / (at + 1.0) * share / (1.0 - share);
            at += 1.0;
            sum += term;
        }
        sum.min(1.0)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::cross_customer::Customer;

    fn pool(sizes: &[u32], hazard: f64) -> Crowd {
        let instances: BTreeMap<Customer, u32> =
            (0..).map(Customer).zip(sizes.iter().copied()).collect();
        Crowd::of(&PoolExposure { instances, hazard })
    }

    #[test]
    fn more_customers_are_needed_where_more_are_exposed() {
        // Five instances each at a fifth a month; 0.01 false alarms a pool and month.
        let check = |customers: usize, size: u32, hazard: f64, wanted: u32| {
            let crowd = pool(&vec![size; customers], hazard);
            let needed = crowd.needed(AlarmBudget { confirmed: 0.01, uncertain: 0.2 });
            assert_eq!(needed.confirmed[2], wanted, "{customers} × {size}: {needed:?}");
            assert!(needed.confirmed[0] <= needed.confirmed[1]);
            assert!(needed.confirmed[1] <= needed.confirmed[2]);
            assert!(needed.confirmed[0] >= 3 && needed.uncertain[0] >= 2);
        };
        check(10, 5, 3.1e-4, 3);
        check(20, 5, 3.1e-4, 3);
        check(50, 5, 3.1e-4, 4);
        check(100, 5, 3.1e-4, 5);
        check(200, 5, 3.1e-4, 6);
        check(100, 20, 3.1e-4, 8);
        check(200, 5, 1e-3, 9);
    }

    /// The exact distribution, one customer after the other.
    fn exact(sizes: &[u32], hazard: f64, hours: f64, number: usize) -> f64 {
        let mut chances = vec![1.0];
        for size in sizes {
            let q = 1.0 - exp(-hazard * f64::from(*size) * hours);
            let mut next = vec![0.0; chances.len() + 1];
            for (at, chance) in chances.iter().enumerate() {
                next[at] += chance * (1.0 - q);
                next[at + 1] += chance * q;
            }
            chances = next;
        }
        chances.iter().skip(number).sum()
    }

    proptest! {
        #[test]
        fn no_tail_is_below_the_exact_one(
            sizes in prop::collection::vec(1_u32..60, 2..30), hazard in 1e-5..0.05_f64,
            number in 0_usize..8, without in 0_usize..30,
        ) {
            let crowd = pool(&sizes, hazard);
            let mut others = sizes.clone();
            others.remove(without.min(sizes.len() - 1));
            for (window, minutes) in MINUTES.iter().enumerate() {
                let exact = exact(&others, hazard, *minutes as f64 / 60.0, number);
                let found = crowd.others[window].at_least(number as u32);
                prop_assert!(found >= exact - 1e-12, "{found} {exact}");
            }
        }

        #[test]
        fn equal_customers_have_the_exact_tail(
            customers in 3_usize..40, size in 1_u32..20, hazard in 1e-5..2e-3_f64, number in 2_usize..6,
        ) {
            let sizes = vec![size; customers];
            let crowd = pool(&sizes, hazard);
            let found = crowd.others[2].at_least(number as u32);
            let exact = exact(&sizes[1..], hazard, 1.0, number);
            prop_assert!((found - exact).abs() < 1e-9 || found == 1.0, "{found} {exact}");
        }
    }
}
