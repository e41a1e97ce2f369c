//! What the Spot Advisor's class says of a pool before anything was reported, and how reports of
//! all pools correct it.

use market::AdvisorBucket;

use crate::elementary::{exp, ln};
use crate::history::Evidence;
use crate::isotonic::{Weighed, never_falling};

/// A hazard and its spread for every class, safest first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClassPriors {
    hazards: [f64; 5],
    variations: [f64; 5],
    over_dispersion: f64,
}

/// What was reported of the pools of one class.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ClassEvidence {
    /// Each pool's own, discounted.
    pub pools: Vec<Evidence>,
}

/// `−ln(1 − f)` for the middles 2.5, 7.5, 12.5, 17.5 and 35 percent of the published ranges: events per
/// month.
pub const MONTHLY: [f64; 5] = [
    0.025_317_807_984_289_9,
    0.077_961_541_469_711_8,
    0.133_531_392_624_522_6,
    0.192_371_892_647_456_1,
    0.430_782_916_092_454_2,
];

/// Squared coefficient of variation of the hazard among pools of a class: `e^(0.9²) − 1`, the
/// logarithm of the hazard having had a standard deviation of 0.9 among nine public traces.
const VARIATION: f64 = 1.25;

/// How far reports may move the variation.
const VARIATIONS: (f64, f64) = (0.3, 3.0);

/// So many interruptions of a class make its own variation count in full.
const EVENTS_FOR_VARIATION: f64 = 200.0;

/// Variance over mean of counts: interruptions come in bursts. Drops in six hours of public
/// preemption traces had 1.4 to 2.2.
pub const OVER_DISPERSION: f64 = 2.0;

/// As many events a class's published hazard is worth.
const PSEUDO_EVENTS: f64 = 20.0;

/// The published hazard of a class per hour.
#[must_use]
pub fn bucket_hazard(class: AdvisorBucket) -> f64 {
    MONTHLY[usize::from(class.index()).min(4)] / units::HOURS_PER_MONTH.0
}

impl ClassPriors {
    /// The hazards that the classes mean, `−ln(1 − f)` per 730 hours for the middle `f`. The
    /// publisher does not say over which time the share is counted; a month is assumed.
    #[must_use]
    pub fn published() -> ClassPriors {
        ClassPriors {
            hazards: MONTHLY.map(|events| events / units::HOURS_PER_MONTH.0),
            variations: [VARIATION; 5],
            over_dispersion: OVER_DISPERSION,
        }
    }

    /// What reports of all pools make of them: `(N/φ + A)/(E/φ + A/m)` for `N` interruptions in `E`
    /// hours, published hazard `m`, over-dispersion `φ` and `A` pseudo-events; a class that is
    /// called riskier is never believed to be safer (isotonic over classes).
    /// Before that all published hazards are scaled alike, by the same formula over all classes:
    /// if the time that the shares are counted over is not a month, every class says so.
    #[must_use]
    pub fn learned(by_class: &[ClassEvidence; 5]) -> ClassPriors {
        let published = ClassPriors::published();
        let phi = published.over_dispersion;
        let sums = by_class.each_ref().map(|class| {
            class.pools.iter().map(|pool| pool.believable()).fold(
                Evidence::default(),
                |sum, pool| Evidence {
                    interruptions: sum.interruptions + pool.interruptions,
                    exposure_hours: sum.exposure_hours + pool.exposure_hours,
                },
            )
        });
        let seen: f64 = sums.iter().map(|sum| sum.interruptions).sum();
        let expected: f64 = sums
            .iter()
            .zip(published.hazards)
            .map(|(sum, hazard)| sum.exposure_hours * hazard)
            .sum();
        let scale = (seen / phi + PSEUDO_EVENTS) / (expected / phi + PSEUDO_EVENTS);
        let corrected: Vec<Weighed> = sums
            .iter()
            .zip(published.hazards)
            .map(|(sum, hazard)| {
                let weight = sum.exposure_hours / phi + PSEUDO_EVENTS / (hazard * scale);
                Weighed { value: (sum.interruptions / phi + PSEUDO_EVENTS) / weight, weight }
            })
            .collect();
        let mut learned = published;
        for (class, hazard) in never_falling(&corrected).into_iter().enumerate() {
            learned.hazards[class] = hazard;
            learned.variations[class] = variation(&by_class[class].pools, hazard, phi);
        }
        learned
    }

    /// The mean hazard per hour of the pools of a class.
    #[must_use]
    pub fn hazard(&self, class: AdvisorBucket) -> f64 {
        self.hazards[usize::from(class.index()).min(4)]
    }

    /// The squared coefficient of variation of the hazard among the pools of a class.
    #[must_use]
    pub fn variation(&self, class: AdvisorBucket) -> f64 {
        self.variations[usize::from(class.index()).min(4)]
    }

    /// Variance over mean of counts, at least 1.
    #[must_use]
    pub fn over_dispersion(&self) -> f64 {
        self.over_dispersion
    }

    /// The squared coefficient of variation that a share of the spread of a class's logarithm has.
    pub(crate) fn partial_variation(&self, class: AdvisorBucket, share: f64) -> f64 {
        exp(share * ln(1.0 + self.variation(class))) - 1.0
    }
}

/// By moments: what pools' counts scatter beyond what over-dispersed Poisson counts would, over
/// what it would be at a variation of 1. Moved from the start as events come in.
fn variation(pools: &[Evidence], hazard: f64, phi: f64) -> f64 {
    let (mut beyond, mut unit, mut events) = (0.0, 0.0, 0.0);
    for pool in pools.iter().map(|pool| pool.believable()) {
        let expected = pool.exposure_hours * hazard;
        let off = pool.interruptions - expected;
        beyond += off * off - phi * expected;
        unit += expected * expected;
        events += pool.interruptions;
    }
    if unit <= 0.0 {
        return VARIATION;
    }
    let measured = (beyond / unit).clamp(VARIATIONS.0, VARIATIONS.1);
    let trust = (events / EVENTS_FOR_VARIATION).min(1.0);
    VARIATION + trust * (measured - VARIATION)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn written_constants_are_the_formulas() {
        for (class, middle) in [0.025_f64, 0.075, 0.125, 0.175, 0.35].into_iter().enumerate() {
            assert!((MONTHLY[class] + (1.0 - middle).ln()).abs() < 1e-12, "{class}");
        }
    }

    #[test]
    fn a_month_that_is_a_day_is_found_out() {
        // Pools of two classes are interrupted thirty times as often as published.
        let published = ClassPriors::published();
        let mut evidence: [ClassEvidence; 5] = Default::default();
        for class in [1, 3] {
            let exposure_hours = 20_000.0;
            let interruptions = published.hazard(AdvisorBucket::ALL[class]) * 30.0 * exposure_hours;
            evidence[class].pools = vec![Evidence { interruptions, exposure_hours }; 10];
        }
        let learned = ClassPriors::learned(&evidence);
        for class in AdvisorBucket::ALL {
            let ratio = learned.hazard(class) / published.hazard(class);
            assert!((18.0..31.0).contains(&ratio), "{class}: {ratio}");
        }
    }

    proptest! {
        #[test]
        fn no_evidence_is_the_published_prior(counts in prop::array::uniform5(0_usize..9)) {
            let nothing = counts.map(|pools| ClassEvidence { pools: vec![Evidence::default(); pools] });
            let learned = ClassPriors::learned(&nothing);
            for class in AdvisorBucket::ALL {
                let published = ClassPriors::published();
                prop_assert!((learned.hazard(class) / published.hazard(class) - 1.0).abs() < 1e-12);
                prop_assert_eq!(learned.variation(class), VARIATION);
            }
        }

        #[test]
        fn classes_keep_their_order(
            pools in prop::array::uniform5(prop::collection::vec((0_u32..400, 0.0..1e6_f64), 0..6)),
        ) {
            let evidence = pools.map(|pools| ClassEvidence {
                pools: pools
                    .into_iter()
                    .map(|(events, exposure_hours)| Evidence { interruptions: f64::from(events), exposure_hours })
                    .collect(),
            });
            let learned = ClassPriors::learned(&evidence);
            for pair in AdvisorBucket::ALL.windows(2) {
                prop_assert!(learned.hazard(pair[0]) <= learned.hazard(pair[1]));
            }
            for class in AdvisorBucket::ALL {
                prop_assert!((0.3..=3.0).contains(&learned.variation(class)));
            }
        }
    }
}
