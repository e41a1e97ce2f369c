//! What a simulation found, as programs read it.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use simulation::{Burst, Judged, Loss, Settings, World, judged, three_customers_within_an_hour};

use super::driving::Driven;
use super::learned::{PoolLearned, Sample, six};

/// Everything that was found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct FleetReport {
    /// What was simulated.
    pub(crate) settings: Settings,
    /// When it began.
    pub(crate) begins: Timestamp,
    /// What was learned as time went on.
    pub(crate) learning: Vec<Sample>,
    /// What was learned of each pool in the end.
    pub(crate) pools: Vec<PoolLearned>,
    /// How bursts were found, by the number of customers.
    pub(crate) detection: Vec<Detection>,
    /// What became of each burst in the fleet itself.
    pub(crate) bursts: Vec<BurstFound>,
}

/// How bursts were found in a fleet of some size.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Detection {
    /// How many customers.
    pub(crate) customers: usize,
    /// Their instances.
    pub(crate) instances: u64,
    /// Customers of a pool on average.
    pub(crate) customers_per_pool: f64,
    /// Pools with three customers or more; in no others a burst can be told from a loss.
    pub(crate) pools_with_three_customers: usize,
    /// How many bursts there were.
    pub(crate) bursts: usize,
    /// Customers that all bursts hit, or would have hit if they had stayed.
    pub(crate) customers_in_bursts: usize,
    /// Of them those with a job before they were hit.
    pub(crate) customers_told_before: usize,
    /// Their share; `null` without any burst.
    pub(crate) share_told_before: Option<f64>,
    /// Of them those that had left by then, leaving taking five minutes.
    pub(crate) customers_that_left: usize,
    /// Their share.
    pub(crate) share_that_left: Option<f64>,
    /// What the server's levels are worth.
    pub(crate) confirmed: AlarmQuality,
    /// Of the same level, the weaker alarm: uncertain pools take nothing new.
    pub(crate) false_uncertain_per_pool_month: f64,
    /// What the plain rule is worth on the same losses: three customers within an hour.
    pub(crate) three_within_an_hour: AlarmQuality,
}

/// What alarms are worth.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct AlarmQuality {
    /// Bursts with an alarm while they lasted.
    pub(crate) bursts_found: usize,
    /// Minutes from the beginning of a burst to its alarm: the middle one of those that were found.
    pub(crate) median_minutes: Option<f64>,
    /// Customers hit until then, the one whose report raised the alarm among them: the middle one.
    pub(crate) median_customers_lost_before: Option<f64>,
    /// Alarms without a burst.
    pub(crate) false_alarms: usize,
    /// The same for each pool and month of 730 hours.
    pub(crate) false_alarms_per_pool_month: f64,
}

/// What became of a burst.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct BurstFound {
    /// The pool.
    pub(crate) pool: String,
    /// When it began.
    pub(crate) began: Timestamp,
    /// Minutes from its beginning to its last hit.
    pub(crate) lasted_minutes: f64,
    /// Customers of the pool.
    pub(crate) customers: usize,
    /// Those that it was to hit.
    pub(crate) to_be_hit: usize,
    /// Minutes from its beginning until the pool was confirmed to be risky; `null` where it never was.
    pub(crate) confirmed_after_minutes: Option<f64>,
    /// Customers hit until then; all of them where it never was.
    pub(crate) lost_before: usize,
    /// Customers with a job before they were hit.
    pub(crate) told_before: usize,
    /// Customers that had left before they were hit.
    pub(crate) left_before: usize,
}

impl FleetReport {
    pub(super) fn new(settings: Settings, begins: Timestamp) -> FleetReport {
        FleetReport {
            settings,
            begins,
            learning: Vec::new(),
            pools: Vec::new(),
            detection: Vec::new(),
            bursts: Vec::new(),
        }
    }

    /// Takes what was found in the fleet itself.
    pub(super) fn tell_whole(&mut self, world: &World, bursts: &[Burst], driven: Driven) {
        let found = judged(&driven.confirmed, bursts);
        for (at, burst) in bursts.iter().enumerate() {
            let pool = &world.pools[burst.pool];
            let began = SignedDuration::from_secs(burst.second);
            let delay = found.delays.get(at).copied().flatten();
            self.bursts.push(BurstFound {
                pool: format!("{}/{}/{}", pool.instance_type, pool.zone_id, pool.region),
                began: self.begins.saturating_add(began).unwrap_or(self.begins),
                lasted_minutes: minutes(burst.last_second() - burst.second),
                customers: world.holders(burst.pool).len(),
                to_be_hit: burst.hits.len(),
                confirmed_after_minutes: delay.map(minutes),
                lost_before: lost_before(burst, delay),
                told_before: told_before(&driven, at, burst),
                left_before: left_before(&driven, at, burst),
            });
        }
        self.learning = driven.samples;
        self.pools = driven.pools;
    }
}

impl Detection {
    pub(super) fn of(
        world: &World,
        bursts: &[Burst],
        losses: &[Loss],
        driven: &Driven,
    ) -> Detection {
        let holders: Vec<usize> =
            (0..world.pools.len()).map(|pool| world.holders(pool).len()).collect();
        let months = world.pools.len() as f64 * f64::from(world.settings.days) * 24.0 / 730.0;
        let per_month = |count: usize| six(if months > 0.0 { count as f64 / months } else { 0.0 });
        let sum = |of: fn(&Driven, usize, &Burst) -> usize| {
            bursts.iter().enumerate().map(|(at, burst)| of(driven, at, burst)).sum::<usize>()
        };
        let all: usize = bursts.iter().map(|burst| burst.hits.len()).sum();
        let share = |part: usize| (all > 0).then(|| six(part as f64 / all as f64));
        let (told, left) = (sum(told_before), sum(left_before));
        let worth = |found: Judged| {
            let named = || bursts.iter().zip(&found.delays).filter(|(_, delay)| delay.is_some());
            AlarmQuality {
                bursts_found: named().count(),
                median_minutes: median(named().filter_map(|(_, delay)| delay.map(minutes))),
                median_customers_lost_before: median(
                    named().map(|(burst, delay)| lost_before(burst, *delay) as f64),
                ),
                false_alarms: found.false_alarms,
                false_alarms_per_pool_month: per_month(found.false_alarms),
            }
        };
        Detection {
            customers: world.settings.customers,
            instances: world.instances(),
            customers_per_pool: six(
                holders.iter().sum::<usize>() as f64 / holders.len().max(1) as f64
            ),
            pools_with_three_customers: holders.iter().filter(|many| **many >= 3).count(),
            bursts: bursts.len(),
            customers_in_bursts: all,
            customers_told_before: told,
            share_told_before: share(told),
            customers_that_left: left,
            share_that_left: share(left),
            confirmed: worth(judged(&driven.confirmed, bursts)),
            false_uncertain_per_pool_month: per_month(
                judged(&driven.uncertain, bursts).false_alarms,
            ),
            three_within_an_hour: worth(judged(&three_customers_within_an_hour(losses), bursts)),
        }
    }
}

/// Customers that were hit until an alarm came; all where none came.
fn lost_before(burst: &Burst, delay: Option<i64>) -> usize {
    let until = delay.map_or(i64::MAX, |delay| burst.second + delay);
    burst.hits.iter().filter(|hit| hit.second <= until).count()
}

fn told_before(driven: &Driven, at: usize, burst: &Burst) -> usize {
    let in_time = |told: &i64, hit: i64| *told < hit;
    let told = burst.hits.iter().filter(|hit| {
        driven.told.get(&(at, hit.customer)).is_some_and(|told| in_time(told, hit.second))
    });
    told.count()
}

fn left_before(driven: &Driven, at: usize, burst: &Burst) -> usize {
    let left = burst.hits.iter().filter(|hit| !driven.hit.contains_key(&(at, hit.customer)));
    left.filter(|hit| driven.left.contains(&(at, hit.customer))).count()
}

fn minutes(seconds: i64) -> f64 {
    six(seconds as f64 / 60.0)
}

/// The middle one; of two middle ones their mean.
fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let upper = *sorted.get(sorted.len() / 2)?;
    let lower = *sorted.get((sorted.len() - 1) / 2)?;
    Some(six((lower + upper) / 2.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_is_between_the_middle_ones() {
        assert_eq!(median([3.0, 1.0, 2.0].into_iter()), Some(2.0));
        assert_eq!(median([4.0, 1.0].into_iter()), Some(2.5));
        assert_eq!(median([].into_iter()), None);
    }
}
