//! Pools that are taken back at once, from most of their customers within minutes.

use learning::{exp, ln};

use crate::losses::DAY_SECONDS;
use crate::{Draw, World};

/// A pool that is taken back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Burst {
    /// The pool, by its place in the world.
    pub pool: usize,
    /// When it begins, in seconds since the beginning.
    pub second: i64,
    /// Who is hit, in the order of time, if nobody leaves before.
    pub hits: Vec<Hit>,
}

/// A customer that is hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hit {
    /// When, in seconds since the beginning of everything.
    pub second: i64,
    /// The customer, by its place in the world.
    pub customer: usize,
    /// How many of its instances.
    pub instances: u32,
}

/// A burst reaches this share of a pool's customers, and of each of these this share of its instances.
const REACH: f64 = 0.85;
const DEPTH: f64 = 0.9;

/// The mean wait until a customer is hit lies between these minutes: some pools go at once, others in
/// the course of an hour.
const MINUTES: (f64, f64) = (2.0, 30.0);

/// Nobody is hit later than this.
const LONGEST_SECONDS: i64 = 3_600;

/// Before this share of all days no pool is taken back: first something must be known.
const QUIET_SHARE: f64 = 0.25;

/// A pool is left alone for so long after a burst.
const APART_SECONDS: i64 = 6 * 3_600;

/// Fewer customers make no crowd; pools of fewer are taken only where there are no others, and what hits
/// fewer is no burst.
const CROWD: usize = 3;

/// The bursts of a world, in the order of time. Pools that lose more also burst more often.
#[must_use]
pub fn bursts(world: &World) -> Vec<Burst> {
    let mut random = Draw::Bursts.of(world.settings.seed);
    let holders: Vec<Vec<(usize, u32)>> =
        (0..world.pools.len()).map(|pool| world.holders(pool)).collect();
    let at_least = |customers: usize| {
        (0..holders.len()).filter(|pool| holders[*pool].len() >= customers).collect::<Vec<usize>>()
    };
    let crowded = at_least(CROWD);
    let pools = if crowded.is_empty() { at_least(1) } else { crowded };
    if pools.is_empty() {
        return Vec::new();
    }
    let sum: f64 = pools.iter().map(|pool| world.pools[*pool].hazard).sum();
    let end = i64::from(world.settings.days) * DAY_SECONDS;
    let first = (QUIET_SHARE * end as f64) as i64;
    let span = usize::try_from(end - LONGEST_SECONDS - first).unwrap_or(0);
    let mut found: Vec<Burst> = Vec::new();
    // A fleet that is too small for so many bursts gets fewer.
    for _ in 0..world.settings.bursts.saturating_mul(20) {
        if found.len() == world.settings.bursts {
            break;
        }
        let mut place = random.unit() * sum;
        let chosen = pools.iter().find(|pool| {
            place -= world.pools[**pool].hazard;
            place <= 0.0
        });
        let Some(pool) = chosen.or(pools.last()).copied() else { break };
        let second = first + random.below(span) as i64;
        let (quick, slow) = (ln(MINUTES.0), ln(MINUTES.1));
        let mean_seconds = 60.0 * exp(quick + random.unit() * (slow - quick));
        let mut hits = Vec::new();
        for (customer, instances) in &holders[pool] {
            let wait = (mean_seconds * random.exponential()) as i64;
            let reached = random.unit() <= REACH && wait < LONGEST_SECONDS;
            let lost = (0..*instances).filter(|_| random.unit() <= DEPTH).count();
            if reached {
                let instances = u32::try_from(lost).unwrap_or(1).max(1);
                hits.push(Hit { second: second + wait, customer: *customer, instances });
            }
        }
        hits.sort_unstable();
        let is_apart =
            |other: &Burst| other.pool != pool || (other.second - second).abs() > APART_SECONDS;
        let is_crowd = hits.len() >= CROWD.min(holders[pool].len());
        if is_crowd && found.iter().all(is_apart) {
            found.push(Burst { pool, second, hits });
        }
    }
    found.sort_unstable_by_key(|burst| (burst.second, burst.pool));
    found
}

impl Burst {
    /// The second of its last hit.
    #[must_use]
    pub fn last_second(&self) -> i64 {
        self.hits.last().map_or(self.second, |hit| hit.second)
    }
}
