//! From sums to answers.

/// What is done with the sums of a row at the end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Link {
    /// Nothing.
    Identity,
    /// `1 / (1 + e^(-scale·x))` for each sum. The scale is `sigmoid` of LightGBM, 1 elsewhere.
    Logistic {
        /// What a sum is multiplied with first; finite and positive.
        scale: f64,
    },
    /// As [`Link::Logistic`], then divided by the sum over the classes: one against the rest.
    LogisticShares {
        /// What a sum is multiplied with first; finite and positive.
        scale: f64,
    },
    /// `e^x_k / Σ e^x`.
    Softmax,
    /// `e^x`: Poisson, gamma, Tweedie, accelerated failure time.
    Exponential,
    /// `ln(1 + e^x)`: `cross_entropy_lambda` of LightGBM.
    Softplus,
    /// `sign(x)·x²`: `reg_sqrt` of LightGBM.
    SignedSquare,
    /// 1 where the sum is above 0, else 0: `binary:hinge` of XGBoost.
    Step,
    /// `x / Σ x`, and equal shares where the sum is not positive: shares of classes.
    Shares,
    /// `-2^(-x) - offset`: the score of an isolation forest, where x is the mean path length over
    /// the expected one.
    Isolation {
        /// `offset_` of scikit-learn for its decision function, 0 for its score.
        offset: f64,
    },
    /// `φ(x)`, the normal distribution: `PROBIT` of ONNX.
    Probit,
}

impl Link {
    /// Applies it to the sums of one row, in place.
    pub fn apply(self, sums: &mut [f64]) {
        match self {
            Link::Identity => {}
            Link::Logistic { scale } => each(sums, |x| logistic(scale * x)),
            Link::LogisticShares { scale } => {
                each(sums, |x| logistic(scale * x));
                shares(sums);
            }
            Link::Softmax => softmax(sums),
            Link::Exponential => each(sums, f64::exp),
            Link::Softplus => each(sums, |x| if x > 30.0 { x } else { x.exp().ln_1p() }),
            Link::SignedSquare => each(sums, |x| x.signum() * x * x),
            Link::Step => each(sums, |x| if x > 0.0 { 1.0 } else { 0.0 }),
            Link::Shares => shares(sums),
            Link::Isolation { offset } => each(sums, |x| -(-x).exp2() - offset),
            Link::Probit => each(sums, normal),
        }
    }
}

fn each(sums: &mut [f64], of: impl Fn(f64) -> f64) {
    for sum in sums {
        // An answer is a number, also where the exponential of a sum is beyond all of them.
        *sum = of(*sum).clamp(f64::MIN, f64::MAX);
    }
}

/// `1 / (1 + e^-x)`, without overflow on either side.
pub(crate) fn logistic(x: f64) -> f64 {
    if x >= 0.0 {
        1.0 / (1.0 + (-x).exp())
    } else {
        let e = x.exp();
        e / (1.0 + e)
    }
}

fn softmax(sums: &mut [f64]) {
    let largest = sums.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut total = 0.0;
    for sum in sums.iter_mut() {
        *sum = (*sum - largest).exp();
        total += *sum;
    }
    for sum in sums {
        *sum /= total;
    }
}

fn shares(sums: &mut [f64]) {
    let total: f64 = sums.iter().sum();
    let equal = 1.0 / sums.len().max(1) as f64;
    for sum in sums {
        *sum = if total > 0.0 { *sum / total } else { equal };
    }
}

/// The cumulative normal distribution, by Abramowitz and Stegun 7.1.26 (error below 1.5e-7).
fn normal(x: f64) -> f64 {
    let z = x.abs() / std::f64::consts::SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * z);
    let polynomial =
        ((((1.061_405_429 * t - 1.453_152_027) * t + 1.421_413_741) * t - 0.284_496_736) * t
            + 0.254_829_592)
            * t;
    let error_function = 1.0 - polynomial * (-z * z).exp();
    if x >= 0.0 { 0.5 * (1.0 + error_function) } else { 0.5 * (1.0 - error_function) }
}
