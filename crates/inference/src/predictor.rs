//! How an answer is computed: trees, weighted sums, and what scikit-learn puts around them.

use crate::{Ensemble, Linear, Step};

/// How an answer is computed from a row.
#[derive(Clone, Debug, PartialEq)]
pub enum Predictor {
    /// Trees.
    Trees(Box<Ensemble>),
    /// A weighted sum.
    Linear(Linear),
    /// A curve over the first number of the row: isotonic regression.
    Curve(Calibrator),
    /// The same answer for every row: what a dummy estimator learnt.
    Constant {
        /// Numbers per row.
        features: usize,
        /// The answer.
        answer: Vec<f64>,
    },
    /// Steps that change a row, one after the other, then a predictor.
    Pipeline {
        /// In order.
        steps: Vec<Step>,
        /// What the changed row is given to.
        last: Box<Predictor>,
    },
    /// A calibrated classifier.
    Calibrated(Calibrated),
    /// The weighted mean of several predictors on the same row: soft voting. The weights are
    /// positive and sum up to 1.
    Mean {
        /// Weight and predictor; at least one.
        members: Vec<(f64, Predictor)>,
    },
}

/// The mean of calibrated classifiers, one for each fold of the calibration.
#[derive(Clone, Debug, PartialEq)]
pub struct Calibrated {
    /// At least one; all with the same number of outputs.
    pub members: Vec<CalibratedMember>,
}

/// A classifier and one curve for each of its outputs.
///
/// With one output the curve gives the probability of the second class; with several, each output
/// has its curve and the results are divided by their sum (equal shares where it is 0).
#[derive(Clone, Debug, PartialEq)]
pub struct CalibratedMember {
    /// Gives scores: what the estimator's decision function (or else its probabilities) says.
    pub scores: Predictor,
    /// As many as there are scores.
    pub curves: Vec<Calibrator>,
}

/// A curve from a score to a probability or a value.
#[derive(Clone, Debug, PartialEq)]
pub enum Calibrator {
    /// `1 / (1 + e^(slope·x + intercept))`: Platt's.
    Sigmoid {
        /// `a_` of scikit-learn; negative for useful scores.
        slope: f64,
        /// `b_` of scikit-learn.
        intercept: f64,
    },
    /// Straight lines between points, flat outside of them: `out_of_bounds="clip"`.
    Isotonic {
        /// Ascending, finite; at least one.
        x: Vec<f64>,
        /// Finite; as many as `x`.
        y: Vec<f64>,
        /// Whether a score outside of the points gives its end (`clip`) or NaN (`nan`).
        clip: bool,
    },
}

impl Calibrator {
    /// The value of the curve.
    #[must_use]
    pub fn at(&self, score: f64) -> f64 {
        match self {
            Calibrator::Sigmoid { slope, intercept } => {
                crate::link::logistic(-(slope * score + intercept))
            }
            Calibrator::Isotonic { x, y, clip } => interpolate(x, y, *clip, score),
        }
    }
}

fn interpolate(x: &[f64], y: &[f64], clip: bool, score: f64) -> f64 {
    let (Some(first), Some(last)) = (x.first(), x.last()) else { return f64::NAN };
    if score.is_nan() || (!clip && (score < *first || score > *last)) {
        return f64::NAN;
    }
    let score = score.clamp(*first, *last);
    let above = x.partition_point(|point| *point < score);
    let y_at = |at: usize| y.get(at).copied().unwrap_or(f64::NAN);
    if above == 0 || x[above.min(x.len() - 1)] == score {
        return y_at(above.min(x.len() - 1));
    }
    let (left, right) = (x[above - 1], x[above.min(x.len() - 1)]);
    let slope = (y_at(above) - y_at(above - 1)) / (right - left);
    slope * (score - left) + y_at(above - 1)
}

impl Predictor {
    /// Cells that a row needs to have.
    #[must_use]
    pub fn features(&self) -> Option<usize> {
        match self {
            Predictor::Trees(ensemble) => Some(ensemble.features),
            Predictor::Linear(linear) => Some(linear.features),
            Predictor::Curve(_) => Some(1),
            Predictor::Constant { features, .. } => Some(*features),
            // The first step decides, and several take any width.
            Predictor::Pipeline { steps, last } => {
                steps.iter().find_map(Step::features_in).or_else(|| last.features())
            }
            Predictor::Calibrated(calibrated) => {
                calibrated.members.first().and_then(|member| member.scores.features())
            }
            Predictor::Mean { members } => members.first().and_then(|(_, one)| one.features()),
        }
    }

    /// Numbers per answer.
    #[must_use]
    pub fn outputs(&self) -> usize {
        match self {
            Predictor::Trees(ensemble) => ensemble.groups,
            Predictor::Linear(linear) => linear.groups,
            Predictor::Curve(_) => 1,
            Predictor::Constant { answer, .. } => answer.len(),
            Predictor::Pipeline { last, .. } => last.outputs(),
            Predictor::Calibrated(calibrated) => {
                calibrated.members.first().map_or(0, |member| member.curves.len())
            }
            Predictor::Mean { members } => members.first().map_or(0, |(_, one)| one.outputs()),
        }
    }
}
