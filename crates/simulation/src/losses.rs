//! When instances are lost: one by one at the pool's hazard, more on some days than on others, and many
//! at once in bursts.

use learning::Gamma;
use learning::OVER_DISPERSION;

use crate::bursts::Burst;
use crate::{Draw, World};

/// Instances of a customer that are taken back at one instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Loss {
    /// When, in seconds since the beginning.
    pub second: i64,
    /// The pool, by its place in the world.
    pub pool: usize,
    /// The customer, by its place in the world.
    pub customer: usize,
    /// How many instances.
    pub instances: u32,
    /// The burst that took them, by its place.
    pub burst: Option<usize>,
}

/// Seconds of a day.
pub const DAY_SECONDS: i64 = 86_400;

/// Every loss of a world with these bursts, in the order of time.
///
/// The number of ordinary losses of a pool in a day is negative binomial with the over-dispersion of
/// public traces: a Gamma rate for the day, and a Poisson number around it. What is lost is replaced at
/// once.
#[must_use]
pub fn losses(world: &World, bursts: &[Burst]) -> Vec<Loss> {
    let mut all = Vec::new();
    for (pool, truth) in world.pools.iter().enumerate() {
        let mut random = Draw::Losses(pool).of(world.settings.seed);
        let holders = world.holders(pool);
        let instances: u32 = holders.iter().map(|(_, many)| many).sum();
        if instances == 0 {
            continue;
        }
        let mean = truth.hazard * 24.0 * f64::from(instances);
        let beyond = OVER_DISPERSION - 1.0;
        let of_a_day = Gamma { shape: mean / beyond, hours: 1.0 / beyond };
        for day in 0..i64::from(world.settings.days) {
            let rate = random.rate(of_a_day);
            for _ in 0..random.poisson(rate) {
                let second = day * DAY_SECONDS + random.below(DAY_SECONDS as usize) as i64;
                let mut place = random.below(instances as usize) as u32;
                let hit = holders.iter().find(|(_, many)| {
                    let is_here = place < *many;
                    place = place.saturating_sub(*many);
                    is_here
                });
                let Some((customer, _)) = hit else { continue };
                let customer = *customer;
                all.push(Loss { second, pool, customer, instances: 1, burst: None });
            }
        }
    }
    for (number, burst) in bursts.iter().enumerate() {
        all.extend(burst.hits.iter().map(|hit| Loss {
            second: hit.second,
            pool: burst.pool,
            customer: hit.customer,
            instances: hit.instances,
            burst: Some(number),
        }));
    }
    all.sort_unstable();
    all
}
