//! Trained models: bytes in, a checked representation, predictions out.
//!
//! * [`read_xgboost_json`], [`read_xgboost_ubj`], [`read_lightgbm`] and [`read_onnx`] read files.
//! * [`Model`] is what every reader lowers a file into: a [`Signature`] and a [`Predictor`].
//! * [`Ensemble`] holds trees exactly as their library compares and sums them.
//! * [`Engine`] is a model that was checked and compiled, and answers.
//! * [`validate`] looks at a whole model; nothing that it refused is ever evaluated.
//!
//! This crate refuses to know where a file came from, who uploaded it, what a feature means, and
//! what is decided with a prediction. It executes nothing that a file contains.

mod bundle;
mod engine;
mod ensemble;
mod import;
mod limits;
mod linear;
mod link;
mod model;
mod predictor;
mod refusal;
mod step;
mod validate;

pub use bundle::{Bundle, BundleLimits, Packed, read_archive, read_bundle};
pub use engine::{Engine, Instructions, Number, RowsDoNotFit};
pub use ensemble::{
    Absent, CategorySet, Comparison, Ensemble, Node, Outside, Sum, Target, Tree, Vote,
};
pub use import::{
    Encoding, Pickled, ReadOptions, Rounds, read_any, read_lightgbm, read_onnx, read_pickle,
    read_xgboost_json, read_xgboost_ubj,
};
pub use limits::Limits;
pub use linear::Linear;
pub use link::Link;
pub use model::{Cell, Feature, FeatureKind, Label, Meaning, Model, Signature, Source};
pub use predictor::{Calibrated, CalibratedMember, Calibrator, Predictor};
pub use refusal::Refusal;
pub use step::{
    Affine, AffineOrder, Branch, Categories, Category, Impute, Norm, OneHot, Ordinal, Step, Unknown,
};
pub use validate::validate;
