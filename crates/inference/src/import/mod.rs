//! Readers: bytes of a file in, a model out. None of them executes anything.

mod any;
mod lightgbm;
mod lightgbm_tree;
mod onnx;
mod onnx_graph;
mod onnx_messages;
mod onnx_operators;
mod onnx_trees;
mod onnx_wire;
mod sklearn;
mod ubj;
mod xgboost;
mod xgboost_document;
mod xgboost_tree;

pub use any::read_any;
pub use lightgbm::read_lightgbm;
pub use onnx::read_onnx;
pub use sklearn::{Encoding, Pickled, read_pickle};
pub use xgboost::{read_xgboost_json, read_xgboost_ubj};

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
