//! Quantities that cannot be confused with one another.
//!
//! Money, rates, Kubernetes resource amounts and scores, each as its own type, so that a sum or a
//! comparison that makes no sense does not compile.
//! This crate refuses to know where a number came from: no SQL, no HTTP, no clock.

mod money;
mod rates;
mod resources;
mod scores;

pub use money::{Usd, UsdError};
pub use rates::{HOURS_PER_MONTH, Hours, UsdPerHour};
pub use resources::{Bytes, MilliCpu, Quantity, QuantityError};
pub use scores::{
    Confidence, Fraction, FractionError, PoolRisk, SafetyScore, Weights, WeightsError,
};
