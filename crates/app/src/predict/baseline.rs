//! What is known of a pool without any model: the hazard of its interruption class, and how wide
//! pools of one class lie apart.

use engines::scoring::{InterruptionProbability, class_kept, probabilities};
use learning::{Horizon, bucket_hazard};
use market::AdvisorQuote;

/// Standard deviation of the logarithm of the hazard among pools of a class, and of one whose class
/// nobody knows: between the classes lie a factor of 17, so about one more.
const SPREAD_OF_CLASS: f64 = 0.9;
const SPREAD_OF_ALL: f64 = 1.35;

/// The hazard per hour of a pool, and the spread of its logarithm.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Hazard {
    pub(super) per_hour: f64,
    pub(super) log_spread: f64,
}

impl Hazard {
    /// From what the advisor says of the type; without a class the middle one stands, and the interval
    /// says how little that is.
    pub(super) fn of_class(advisor: Option<&AdvisorQuote>) -> (Hazard, bool) {
        match advisor.and_then(|quote| quote.bucket.map(|bucket| (quote, bucket))) {
            Some((quote, bucket)) => {
                let kept = class_kept(quote.age.0);
                let log_spread = SPREAD_OF_CLASS + (1.0 - kept) * (SPREAD_OF_ALL - SPREAD_OF_CLASS);
                (Hazard { per_hour: bucket_hazard(bucket), log_spread }, true)
            }
            None => {
                let middle = market::AdvisorBucket::ALL[2];
                (Hazard { per_hour: bucket_hazard(middle), log_spread: SPREAD_OF_ALL }, false)
            }
        }
    }

    /// From the probability that a model gives for its own horizon: the constant hazard with that
    /// probability. How wide it lies is not known.
    pub(super) fn of_model(probability: f64, horizon_hours: f64) -> Hazard {
        // A probability of one is an infinite hazard; a millionth less is none.
        let probability = probability.clamp(0.0, 1.0 - 1e-6);
        Hazard { per_hour: -(1.0 - probability).ln() / horizon_hours, log_spread: 0.0 }
    }

    /// The probabilities within every horizon, nearest first.
    pub(super) fn within_all(self) -> [InterruptionProbability; Horizon::ALL.len()] {
        probabilities(self.per_hour, self.log_spread, Horizon::ALL)
    }
}
