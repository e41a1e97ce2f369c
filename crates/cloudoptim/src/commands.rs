//! One file per command.

pub(crate) mod analyze;
pub(crate) mod backtest;
pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod costs;
pub(crate) mod decide;
pub(crate) mod gap;
pub(crate) mod keys;
pub(crate) mod market;
pub(crate) mod migrate;
pub(crate) mod model;
pub(crate) mod pricing;
pub(crate) mod refresh;
pub(crate) mod replay;
pub(crate) mod serve;
pub(crate) mod simulate;
pub(crate) mod snapshot;
