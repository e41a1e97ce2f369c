//! What capacity there was: pools by column, one value for each step.
//!
//! It refuses to know prices and whether anybody had instances there.

use facts::names::{InstanceType, Region, Zone};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::InputError;

/// A type in a zone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct PoolKey {
    /// The instance type.
    pub instance_type: InstanceType,
    /// The zone.
    pub zone: Zone,
}

/// What a value of a trace says.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Measured {
    /// How many instances could be had at a probe.
    #[default]
    Availability,
    /// How many instances of the observer were running.
    Preemption,
}

/// A stretch of time with the capacity of pools in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Episode {
    /// What it is called.
    pub name: String,
    /// What the values say.
    pub measured: Measured,
    /// When the first step begins.
    pub start: Timestamp,
    /// The length of a step.
    pub step_seconds: u32,
    /// How many steps.
    pub steps: usize,
    /// The pools, in order.
    pub pools: Vec<EpisodePool>,
    /// What one should know of how it was made.
    pub notes: Vec<String>,
}

/// The capacity of a pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EpisodePool {
    /// Which.
    pub key: PoolKey,
    /// How many instances were asked for at each step; at least 1.
    pub asked: u16,
    /// How many of them there were, by step.
    pub held: Vec<u16>,
}

/// A month of minutes in a hundred pools; more is an attack on the memory.
const MOST_CELLS: usize = 5_000_000;

/// Refuses more values than are kept.
pub(crate) fn within_limits(name: &str, steps: usize, pools: usize) -> Result<(), InputError> {
    if steps.saturating_mul(pools) <= MOST_CELLS {
        return Ok(());
    }
    Err(InputError::Events {
        name: name.to_owned(),
        message: format!(
            "{steps} steps of {pools} pools are more than {MOST_CELLS} values; use a longer step or \
             a shorter time"
        ),
    })
}

impl PoolKey {
    /// The region, where the zone's name tells it.
    #[must_use]
    pub fn region(&self) -> Option<Region> {
        self.zone.region()
    }
}

impl Episode {
    /// Puts the pools in order and refuses what cannot be replayed.
    pub(crate) fn checked(mut self) -> Result<Episode, InputError> {
        let bad = |message: String| InputError::Events { name: self.name.clone(), message };
        if self.steps == 0 || self.pools.is_empty() {
            return Err(bad("there is no step to replay".to_owned()));
        }
        within_limits(&self.name, self.steps, self.pools.len())?;
        self.pools.sort_by(|a, b| a.key.cmp(&b.key));
        if let Some(pair) = self.pools.windows(2).find(|pair| pair[0].key == pair[1].key) {
            let key = &pair[0].key;
            return Err(bad(format!("{} in {} comes twice", key.instance_type, key.zone)));
        }
        Ok(self)
    }

    /// When a step begins.
    pub(crate) fn at(&self, step: usize) -> Timestamp {
        let seconds =
            i64::try_from(step).unwrap_or(i64::MAX).saturating_mul(self.step_seconds.into());
        let span = jiff::SignedDuration::from_secs(seconds);
        self.start.checked_add(span).unwrap_or(Timestamp::MAX)
    }
}
