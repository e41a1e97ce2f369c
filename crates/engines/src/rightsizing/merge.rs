//! Joining what rules say with what a forecast says: the larger amount of each dimension.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::{Bytes, Confidence, Fraction, MilliCpu};

/// What something needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Need {
    /// Processors.
    pub cpu: MilliCpu,
    /// Memory.
    pub memory: Bytes,
}

/// What a model expects something to need.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Forecast {
    /// How much.
    pub need: Need,
    /// How sure the model is.
    pub confidence: Confidence,
}

/// Rules and forecast joined.
#[derive(Clone, Debug, PartialEq)]
pub struct Merged {
    /// The larger amount of each dimension.
    pub need: Need,
    /// How sure both together are.
    pub confidence: Confidence,
    /// Why a person has to look; `None` where nobody has to.
    pub review_reason: Option<String>,
}

/// A forecast that agrees with the rules makes both at least this sure.
const AGREED: f64 = 0.90;

/// Joins an amount by rules, with its confidence, and a forecast.
///
/// The larger amount of each dimension counts, since too little costs more than too much. When the
/// amounts of any dimension differ by more than `divergence` of the smaller one, a person has to
/// look and the less sure of both counts; else they agree.
#[must_use]
pub fn merge(
    ruled: Need,
    confidence: Confidence,
    forecast: Option<&Forecast>,
    divergence: f64,
) -> Merged {
    let Some(forecast) = forecast else {
        return Merged { need: ruled, confidence, review_reason: None };
    };
    let need = Need {
        cpu: ruled.cpu.max(forecast.need.cpu),
        memory: ruled.memory.max(forecast.need.memory),
    };
    let dimensions = [
        ("processors", ruled.cpu.0, forecast.need.cpu.0),
        ("memory", ruled.memory.0, forecast.need.memory.0),
    ];
    let apart: Vec<String> = dimensions
        .into_iter()
        .filter(|(_, ruled, forecast)| apart(*ruled, *forecast) > divergence)
        .map(|(name, ruled, forecast)| match apart(ruled, forecast) {
            share if share.is_finite() => format!("{name} by {:.0} %", share * 100.0),
            _ => format!("{name} by more than can be told"),
        })
        .collect();
    let (a, b) = (confidence.value(), forecast.confidence.value());
    if apart.is_empty() {
        let sure = Fraction::clamped(a.max(b).max(AGREED));
        return Merged { need, confidence: Confidence::new(sure), review_reason: None };
    }
    Merged {
        need,
        confidence: Confidence::new(Fraction::clamped(a.min(b))),
        review_reason: Some(format!(
            "forecast and rules differ by more than {:.0} %: {}",
            divergence * 100.0,
            apart.join(", ")
        )),
    }
}

/// How far two amounts are apart, as a share of the smaller one.
fn apart(a: i64, b: i64) -> f64 {
    if a == b {
        return 0.0;
    }
    let (less, more) = (a.min(b).max(0) as f64, a.max(b) as f64);
    (more - less) / less
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn need(cpu: i64, mib: i64) -> Need {
        Need { cpu: MilliCpu(cpu), memory: Bytes::from_mib(mib) }
    }

    fn sure(value: f64) -> Confidence {
        Confidence::new(Fraction::clamped(value))
    }

    fn joined(ruled: Need, forecast: Need) -> Merged {
        let forecast = Forecast { need: forecast, confidence: sure(0.7) };
        merge(ruled, sure(0.6), Some(&forecast), 0.30)
    }

    #[test]
    fn the_larger_amount_of_each_dimension_counts() {
        let check = |ruled, forecast, expected, review: bool| {
            let found = joined(ruled, forecast);
            assert_eq!(found.need, expected);
            assert_eq!(found.review_reason.is_some(), review, "{found:?}");
            let confidence = found.confidence.value();
            assert!(if review { confidence == 0.6 } else { confidence >= 0.90 });
        };
        check(need(1000, 1000), need(1100, 900), need(1100, 1000), false);
        check(need(1000, 1000), need(1300, 1300), need(1300, 1300), false);
        check(need(1000, 1000), need(1301, 1000), need(1301, 1000), true);
        // A forecast that is far larger, in one dimension only, is looked at as well.
        check(need(1000, 1000), need(1000, 2000), need(1000, 2000), true);
        check(need(1000, 1000), need(600, 1000), need(1000, 1000), true);
        check(need(0, 1000), need(100, 1000), need(100, 1000), true);
        check(need(0, 0), need(0, 0), need(0, 0), false);
    }

    #[test]
    fn without_a_forecast_rules_stand() {
        let found = merge(need(5, 5), sure(0.4), None, 0.3);
        assert_eq!((found.need, found.confidence), (need(5, 5), sure(0.4)));
    }

    #[test]
    fn a_surer_forecast_that_agrees_makes_surer() {
        let forecast = Forecast { need: need(1000, 1000), confidence: sure(0.97) };
        let found = merge(need(1000, 1000), sure(0.6), Some(&forecast), 0.3);
        assert_eq!(found.confidence, sure(0.97));
    }

    proptest! {
        #[test]
        fn neither_side_is_first(a in 0_i64..5000, b in 0_i64..5000, c in 0_i64..5000, d in 0_i64..5000) {
            let forecast = |need| Forecast { need, confidence: sure(0.5) };
            let one = merge(need(a, b), sure(0.5), Some(&forecast(need(c, d))), 0.3);
            let other = merge(need(c, d), sure(0.5), Some(&forecast(need(a, b))), 0.3);
            prop_assert_eq!(&one, &other);
            prop_assert!(one.need.cpu >= MilliCpu(a.max(c)) && one.need.memory >= Bytes::from_mib(b.max(d)));
        }
    }
}
