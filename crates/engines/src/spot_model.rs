//! A model that says how likely capacity is taken back, as engines see it: a name, and an answer for
//! every pool of a slice.
//!
//! Engines refuse to know what a model is made of. What it said is part of the evidence, so that a
//! decision is made again without it.

use std::fmt;

use market::{Market, MarketSlice};
use serde::{Deserialize, Serialize};

/// Which model answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelIdentity {
    /// Its name in all other records.
    pub model_id: String,
    /// What people call it.
    pub name: String,
    /// Which version of it.
    pub version: String,
    /// SHA-256 of its file.
    pub digest: String,
    /// How far its answers look ahead, in hours; above 0.
    pub horizon_hours: f64,
}

/// A model that can be asked.
#[derive(Clone, Copy)]
pub struct SpotModel<'a> {
    /// Which one.
    pub identity: &'a ModelIdentity,
    /// The probability of an interruption within its horizon for each pool of a slice, in order; `None`
    /// where it gives none.
    pub ask: &'a (dyn Fn(&Market, &MarketSlice) -> Vec<Option<f64>> + Sync),
}

/// What a model said of the pools of the evidence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelWord {
    /// The model.
    pub model: ModelIdentity,
    /// Interruptions in a thousand hours, by row of the offered slice: the constant hazard that has the
    /// model's probability over its horizon. Nine decimals, which survive being written.
    pub offered: Vec<Option<f64>>,
    /// The same for the slice of existing nodes.
    pub existing: Vec<Option<f64>>,
}

impl SpotModel<'_> {
    /// Asks for the pools of a slice: interruptions in a thousand hours.
    #[must_use]
    pub fn events_per_1000h(&self, market: &Market, slice: &MarketSlice) -> Vec<Option<f64>> {
        let hazard = |probability: f64| {
            // A certainty would be an infinite hazard; a millionth less is none.
            let survives = 1.0 - probability.clamp(0.0, 1.0 - 1e-6);
            let per_hour = -survives.ln() / self.identity.horizon_hours;
            (per_hour * 1e12).round() / 1e9
        };
        let mut answers = (self.ask)(market, slice);
        answers.resize(slice.len(), None);
        answers.into_iter().map(|answer| answer.filter(|one| !one.is_nan()).map(hazard)).collect()
    }
}

impl fmt::Debug for SpotModel<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("SpotModel").field("identity", self.identity).finish_non_exhaustive()
    }
}
