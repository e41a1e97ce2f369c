//! Readers: bytes of a file in, a model out. None of them executes anything.

mod sklearn;

pub use sklearn::{Pickled, read_pickle};

use crate::Limits;

/// How a file is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReadOptions {
    /// How much may be taken from it.
    pub limits: Limits,
    /// How many boosting rounds count where the training was stopped early.
    pub rounds: Rounds,
}

/// How many boosting rounds count where the training was stopped early.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rounds {
    /// Up to the best round, if the file names it: as the scikit-learn classes of the libraries do.
    #[default]
    Best,
    /// All that are in the file.
    All,
}

fn read_xgboost_ubj(_: &[u8], _: &ReadOptions) -> Result<crate::Model, crate::Refusal> {
    Err(crate::Refusal::unsupported("content", "booster", "readers of boosters are on their way"))
}
fn read_lightgbm(_: &[u8], _: &ReadOptions) -> Result<crate::Model, crate::Refusal> {
    Err(crate::Refusal::unsupported("content", "booster", "readers of boosters are on their way"))
}
