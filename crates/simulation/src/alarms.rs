//! What alarms are worth: how soon they name a burst, and how often they name none.

use std::collections::{BTreeMap, BTreeSet};

use crate::bursts::Burst;
use crate::losses::Loss;

/// A pool that is called risky.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Alarm {
    /// When, in seconds since the beginning.
    pub second: i64,
    /// The pool, by its place in the world.
    pub pool: usize,
}

/// Alarms beside what truly happened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Judged {
    /// For each burst, seconds from its beginning to the first alarm while it lasts.
    pub delays: Vec<Option<i64>>,
    /// Alarms in pools that nothing had befallen.
    pub false_alarms: usize,
}

/// An alarm so long after the last hit of a burst is late and not false.
const LATE_SECONDS: i64 = 2 * 3_600;

const HOUR: i64 = 3_600;

/// Lays alarms beside bursts.
#[must_use]
pub fn judged(alarms: &[Alarm], bursts: &[Burst]) -> Judged {
    let of_burst = |alarm: &Alarm, burst: &Burst, late: i64| {
        alarm.pool == burst.pool
            && (burst.second..=burst.last_second() + late).contains(&alarm.second)
    };
    let delay = |burst: &Burst| {
        let named = alarms.iter().filter(|alarm| of_burst(alarm, burst, 0));
        named.map(|alarm| alarm.second - burst.second).min()
    };
    let is_false =
        |alarm: &&Alarm| !bursts.iter().any(|burst| of_burst(alarm, burst, LATE_SECONDS));
    Judged {
        delays: bursts.iter().map(delay).collect(),
        false_alarms: alarms.iter().filter(is_false).count(),
    }
}

/// The alarms of the plain rule: three distinct customers that lost something within an hour, whoever
/// else is there. An alarm lasts until an hour after the last loss that would have raised it.
#[must_use]
pub fn three_customers_within_an_hour(losses: &[Loss]) -> Vec<Alarm> {
    let mut by_pool: BTreeMap<usize, Vec<&Loss>> = BTreeMap::new();
    for loss in losses {
        by_pool.entry(loss.pool).or_default().push(loss);
    }
    let mut alarms = Vec::new();
    for (pool, losses) in by_pool {
        let mut raised: Option<i64> = None;
        for (at, loss) in losses.iter().enumerate() {
            let recent = losses[..=at].iter().rev();
            let recent = recent.take_while(|one| one.second > loss.second - HOUR);
            let customers: BTreeSet<usize> = recent.map(|one| one.customer).collect();
            if customers.len() < 3 {
                continue;
            }
            if raised.is_none_or(|last| loss.second - last >= HOUR) {
                alarms.push(Alarm { second: loss.second, pool });
            }
            raised = Some(loss.second);
        }
    }
    alarms.sort_unstable();
    alarms
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bursts::Hit;

    fn loss(second: i64, customer: usize) -> Loss {
        Loss { second, pool: 0, customer, instances: 1, burst: None }
    }

    #[test]
    fn three_customers_make_an_alarm_and_one_customer_never() {
        let check = |losses: &[Loss], expected: &[i64]| {
            let found = three_customers_within_an_hour(losses);
            let seconds: Vec<i64> = found.iter().map(|alarm| alarm.second).collect();
            assert_eq!(seconds, expected, "{losses:?}");
        };
        check(&[loss(0, 1), loss(10, 1), loss(20, 1)], &[]);
        check(&[loss(0, 1), loss(10, 2), loss(20, 3), loss(30, 4)], &[20]);
        check(&[loss(0, 1), loss(10, 2), loss(3_600, 3)], &[]);
        let again = [loss(8_000, 1), loss(8_001, 2), loss(8_002, 3)];
        check(&[&[loss(0, 1), loss(10, 2), loss(20, 3)], &again[..]].concat(), &[20, 8_002]);
    }

    #[test]
    fn an_alarm_names_the_burst_of_its_pool_and_hour() {
        let hits = [100, 500].map(|second| Hit { second, customer: 0, instances: 1 });
        let burst = Burst { pool: 1, second: 90, hits: hits.to_vec() };
        let alarm = |second, pool| Alarm { second, pool };
        let found = judged(
            &[alarm(50, 1), alarm(120, 1), alarm(130, 1), alarm(120, 2), alarm(2_000, 1)],
            std::slice::from_ref(&burst),
        );
        assert_eq!(found, Judged { delays: vec![Some(30)], false_alarms: 2 });
        let late = judged(&[alarm(501, 1)], &[burst]);
        assert_eq!(late, Judged { delays: vec![None], false_alarms: 0 });
    }
}
