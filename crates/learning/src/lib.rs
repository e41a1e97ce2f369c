//! What interruptions teach: how risky a pool is, how sure that is, and whether many customers are
//! losing capacity at once.
//!
//! Functions of reports, exposure and an instant. This crate refuses to know who keeps the reports,
//! how they came in, what is decided with a risk and what time it is.
//! Formulas, their sources and what they were measured to be worth: `docs/learning.md`.

mod class_prior;
pub mod cross_customer;
mod elementary;
mod gamma;
mod history;
mod horizon;
mod isotonic;
pub mod patterns;
mod pool_risk;
pub mod quality;
pub mod random;
mod ranks;
mod recency;
mod regression;
mod running;
mod weight;

pub use class_prior::{ClassEvidence, ClassPriors, MONTHLY, OVER_DISPERSION, bucket_hazard};
pub use elementary::{exp, exp_each, ln, logistic, logit};
pub use gamma::{Gamma, Interval};
pub use history::{Evidence, HALF_LIFE_DAYS, History, day_of, exposed_days};
pub use horizon::Horizon;
pub use isotonic::{Weighed, never_falling};
pub use pool_risk::{LearnedRisk, PoolEvidence, Probability, chance_within};
pub use ranks::rank_correlation;
pub use recency::{Known, PoolEvents, Recency, RecencyModel, SETTLED_HOURS, known};
pub use regression::{Outcome, Ridge, fitted, predicted};
pub use running::{Origin, RunningSum};
pub use weight::{Milestone, Progress, adaptive_weights, feedback_weight, progress};
