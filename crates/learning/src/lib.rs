//! What interruptions teach: how risky a pool is, how sure that is, and whether many customers are
//! losing capacity at once.
//!
//! Functions of reports, exposure and an instant. This crate refuses to know who keeps the reports,
//! how they came in, what is decided with a risk and what time it is.
//! Formulas, their sources and what they were measured to be worth: `docs/learning.md`.

mod elementary;
mod gamma;
mod weight;

pub use elementary::{exp, ln, logistic, logit};
pub use gamma::{Gamma, Interval};
pub use weight::{Milestone, Progress, adaptive_weights, feedback_weight, progress};
