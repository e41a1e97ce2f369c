//! The learned risk of one pool.
//!
//! A Gamma belief about the pool's hazard, shrunk toward its relatives: family in the region toward
//! the class, type in the region toward the family, pool toward the type. Relatives widen or narrow
//! what is believed before the pool's own reports; only its own reports and theirs move it.

use market::AdvisorBucket;
use units::{Fraction, PoolRisk, SafetyScore};

use crate::class_prior::ClassPriors;
use crate::elementary::exp;
use crate::gamma::{Gamma, Interval};
use crate::history::Evidence;
use crate::horizon::Horizon;

/// What was reported of a pool and of its relatives, each without what the one below it holds, so
/// that nothing counts twice.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PoolEvidence {
    /// The pool's own.
    pub own: Evidence,
    /// The same type in the other zones of the region.
    pub other_zones: Evidence,
    /// The other types of the family in the region.
    pub other_types: Evidence,
}

/// What is believed of a pool.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LearnedRisk {
    /// Its hazard: as many events as the belief is worth, in as many hours.
    pub belief: Gamma,
    /// The hazard per instance-hour before its own reports: its class and its relatives.
    pub prior_hazard: f64,
    /// How much of the hazard its own reports are: 0 without any, nearly 1 with many.
    pub own_weight: Fraction,
}

/// A probability with the interval in which the pool's own lies with 90 %.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Probability {
    /// The estimate.
    pub probability: Fraction,
    /// The lower end.
    pub low: Fraction,
    /// The upper end.
    pub high: Fraction,
}

/// How the spread of the logarithm of the hazard within a class is shared out: a quarter between
/// families, a quarter between the types of a family, half between the zones of a type. In public
/// traces zones mattered as much as types; how types divide is assumed.
const BETWEEN_FAMILIES: f64 = 0.25;
const BETWEEN_TYPES: f64 = 0.25;
const BETWEEN_ZONES: f64 = 0.5;

impl LearnedRisk {
    /// What is believed of a pool of a class. At each level `(n/φ + κm)/(e/φ + κ)` for `n`
    /// interruptions in `e` hours, the mean `m` of the level above and `κ = 1/(cv²·m)`, the
    /// Gamma–Poisson shrinkage of Clayton and Kaldor 1987. The variations of levels multiply, so
    /// that a pool without relatives has the whole spread of its class.
    #[must_use]
    pub fn of(priors: &ClassPriors, class: AdvisorBucket, evidence: &PoolEvidence) -> LearnedRisk {
        let phi = priors.over_dispersion();
        let learn = |belief: Gamma, evidence: Evidence| {
            let evidence = evidence.believable();
            belief.after(evidence.interruptions / phi, evidence.exposure_hours / phi)
        };
        let below = |above: Gamma, share: f64| {
            let own = priors.partial_variation(class, share);
            Gamma::with_mean(above.mean(), (1.0 + above.squared_variation()) * (1.0 + own) - 1.0)
        };
        let family = Gamma::with_mean(
            priors.hazard(class),
            priors.partial_variation(class, BETWEEN_FAMILIES),
        );
        let family = learn(family, evidence.other_types);
        let kind = learn(below(family, BETWEEN_TYPES), evidence.other_zones);
        let prior = below(kind, BETWEEN_ZONES);
        let belief = learn(prior, evidence.own);
        LearnedRisk {
            belief,
            prior_hazard: prior.mean(),
            own_weight: Fraction::clamped(1.0 - prior.hours / belief.hours),
        }
    }

    /// The expected hazard per instance-hour.
    #[must_use]
    pub fn hazard(&self) -> f64 {
        self.belief.mean()
    }

    /// The hazards per instance-hour between which the pool's lies with 90 %.
    #[must_use]
    pub fn hazard_interval(&self) -> Interval {
        self.belief.ninety_percent()
    }

    /// How likely an instance is interrupted within a horizon: `1 − e^(−λH)`.
    #[must_use]
    pub fn probability(&self, horizon: Horizon) -> Probability {
        let within = |hazard: f64| Fraction::clamped(chance_within(hazard, horizon));
        let interval = self.hazard_interval();
        // A belief of few events is so skewed that its mean may lie outside of the interval.
        let mean = self.hazard();
        Probability {
            probability: within(mean),
            low: within(interval.low.min(mean)),
            high: within(interval.high.max(mean)),
        }
    }

    /// The estimate of the same without its interval, which takes longer to find.
    #[must_use]
    pub fn expected(&self, horizon: Horizon) -> Fraction {
        Fraction::clamped(chance_within(self.hazard(), horizon))
    }

    /// The risk of the profile `calibrated`: the probability of an interruption within 30 days.
    #[must_use]
    pub fn risk(&self) -> PoolRisk {
        PoolRisk::new(self.expected(Horizon::Month))
    }

    /// The same the other way round.
    #[must_use]
    pub fn safety(&self) -> SafetyScore {
        self.risk().as_safety()
    }
}

/// How likely something with a constant hazard per hour happens within a horizon: `1 − e^(−λH)`.
#[must_use]
pub fn chance_within(hazard: f64, horizon: Horizon) -> f64 {
    1.0 - exp(-hazard * horizon.hours())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn evidence() -> impl Strategy<Value = Evidence> {
        (0.0..500.0_f64, 0.0..1e6_f64)
            .prop_map(|(interruptions, exposure_hours)| Evidence { interruptions, exposure_hours })
    }

    fn pools() -> impl Strategy<Value = (AdvisorBucket, PoolEvidence)> {
        (0_usize..5, evidence(), evidence(), evidence()).prop_map(
            |(class, own, other_zones, other_types)| {
                (AdvisorBucket::ALL[class], PoolEvidence { own, other_zones, other_types })
            },
        )
    }

    proptest! {
        #[test]
        fn a_pool_without_relatives_is_shrunk_to_its_class(class in 0_usize..5, own in evidence()) {
            let (priors, class) = (ClassPriors::published(), AdvisorBucket::ALL[class]);
            let pool = PoolEvidence { own, ..PoolEvidence::default() };
            let found = LearnedRisk::of(&priors, class, &pool).hazard();
            let strength = 1.0 / (1.25 * priors.hazard(class));
            let wanted = (own.interruptions / 2.0 + strength * priors.hazard(class))
                / (own.exposure_hours / 2.0 + strength);
            prop_assert!((found / wanted - 1.0).abs() < 1e-9);
        }

        #[test]
        fn more_interruptions_are_more_risk_and_more_hours_less((class, pool) in pools()) {
            let priors = ClassPriors::published();
            let of = |pool: &PoolEvidence| LearnedRisk::of(&priors, class, pool);
            let now = of(&pool);
            let mut worse = pool;
            worse.own.interruptions += 1.0;
            let mut longer = pool;
            longer.own.exposure_hours += 100.0;
            prop_assert!(of(&worse).hazard() > now.hazard());
            prop_assert!(of(&worse).safety() <= now.safety());
            prop_assert!(of(&longer).hazard() < now.hazard());
            for horizon in Horizon::ALL {
                let [before, after] = [now, of(&worse)].map(|risk| risk.probability(horizon));
                prop_assert!(before.probability <= after.probability);
                prop_assert!(before.low <= after.low && before.high <= after.high);
            }
        }

        #[test]
        fn what_relatives_suffer_never_makes_a_pool_safer((class, pool) in pools()) {
            let priors = ClassPriors::published();
            let without_own = PoolEvidence { own: Evidence::default(), ..pool };
            let mut worse = without_own;
            worse.other_types.interruptions += 1.0;
            worse.other_zones.interruptions += 1.0;
            let of = |pool: &PoolEvidence| LearnedRisk::of(&priors, class, pool).hazard();
            prop_assert!(of(&worse) > of(&without_own));
        }

        #[test]
        fn intervals_hold_the_estimate((class, pool) in pools()) {
            let risk = LearnedRisk::of(&ClassPriors::published(), class, &pool);
            let mut last = 0.0;
            for horizon in Horizon::ALL {
                let found = risk.probability(horizon);
                prop_assert!(found.low <= found.probability && found.probability <= found.high);
                prop_assert!(found.probability.value() >= last);
                last = found.probability.value();
            }
            prop_assert_eq!(risk.risk().as_safety(), risk.safety());
        }
    }

    #[test]
    fn without_evidence_the_class_stands() {
        let priors = ClassPriors::published();
        for class in AdvisorBucket::ALL {
            let found = LearnedRisk::of(&priors, class, &PoolEvidence::default());
            assert!((found.hazard() / priors.hazard(class) - 1.0).abs() < 1e-12, "{class}");
            assert!((found.belief.squared_variation() - 1.25).abs() < 1e-12, "{class}");
            assert_eq!(found.own_weight.value(), 0.0);
        }
        let nonsense = Evidence { interruptions: f64::NAN, exposure_hours: -1.0 };
        let pool = PoolEvidence { own: nonsense, other_zones: nonsense, other_types: nonsense };
        let class = AdvisorBucket::ALL[2];
        let found = LearnedRisk::of(&priors, class, &pool).hazard();
        assert!((found / priors.hazard(class) - 1.0).abs() < 1e-12);
    }
}
