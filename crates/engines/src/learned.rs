//! What reported interruptions say of pools, as engines see it: a row for each pool of a slice of which
//! anything is known.
//!
//! Engines refuse to know who reported and who else was interrupted. What was said is part of the
//! evidence, so that a decision is made again without the reports.

use std::fmt;

use learning::cross_customer::Level;
use market::{Market, MarketSlice};
use serde::{Deserialize, Serialize};

/// Somebody who keeps reports and can be asked.
#[derive(Clone, Copy)]
pub struct LearnedPools<'a> {
    /// Whole instance-hours at risk of all customers, as far as they are believed.
    pub hours: u64,
    /// What is known of the pools of a slice, in order of their rows; pools of which nothing is known
    /// are not among them.
    pub ask: &'a (dyn Fn(&Market, &MarketSlice) -> Vec<LearnedRow> + Sync),
}

/// What was said of the pools of the evidence.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LearnedWord {
    /// Whole instance-hours at risk of all customers, as far as they are believed.
    pub hours: u64,
    /// Of the offered slice.
    pub offered: Vec<LearnedRow>,
    /// Of the slice of existing nodes.
    pub existing: Vec<LearnedRow>,
}

/// What is known of one pool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LearnedRow {
    /// Its row of the slice.
    pub row: u32,
    /// Interruptions in a thousand instance-hours that are expected. Nine decimals, which survive being
    /// written, as all numbers here.
    pub events_per_1000h: f64,
    /// Lower end of the 90 % interval.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// How much of it the pool's own reports are, 0 to 1.
    pub own_weight: f64,
    /// Interruptions within 1, 6 and 24 hours by what happened lately, where anything did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub soon: Option<[f64; 3]>,
    /// Its live status.
    #[serde(default, skip_serializing_if = "is_normal")]
    pub level: Level,
    /// Hours since it last was not normal, where that is less than a day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calm_hours: Option<f64>,
    /// Whether more of the customer's instances were lost there within six hours than it has there, so
    /// that replacements were lost too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub loops: bool,
    /// Whether customers share the pool by a zone's name, which may mean another place in another
    /// account.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_name: bool,
}

impl LearnedWord {
    /// Whether anything is known of any pool.
    #[must_use]
    pub fn knows(&self) -> bool {
        !(self.offered.is_empty() && self.existing.is_empty())
    }
}

impl fmt::Debug for LearnedPools<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("LearnedPools").field("hours", &self.hours).finish_non_exhaustive()
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_normal(level: &Level) -> bool {
    *level == Level::Normal
}
