//! What the last three days of a pool say of the next hours.
//!
//! Losses come in runs: a pool that lost capacity just now loses again much more often than one that
//! has been up for days. A rate alone cannot say so; the age of the present up-spell and the losses
//! of the last hours can.

use jiff::Timestamp;
use units::Fraction;

use crate::elementary::{ln, logistic};
use crate::horizon::Horizon;
use crate::pool_risk::LearnedRisk;

/// What was seen of a pool and of its siblings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PoolEvents {
    /// Seconds since 1970 at which an instance was lost.
    losses: Vec<i64>,
    /// Seconds at which the pool came up again after nothing could be had.
    returns: Vec<i64>,
    /// The losses of the same type in each other zone of the region.
    siblings: Vec<Vec<i64>>,
}

/// What is known of a pool's last days at one instant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Recency {
    /// Each as the natural logarithm of one more than it, in this order: hours since the pool came
    /// up or lost an instance; hours since the last loss; losses in 1, 6, 24 and 72 hours; losses of
    /// siblings in one hour. Both ages are at most [`SETTLED_HOURS`].
    pub known: [f64; 7],
    /// Whether a loss was ever seen.
    pub lost_before: bool,
}

/// Longer ages make no difference.
pub const SETTLED_HOURS: f64 = 72.0;

/// What a linear form of the log-odds is made of: a constant, a pool's [`Recency`], and the logarithm
/// of its learned hazard over the hazard it was believed to have before its own reports.
pub type Known = [f64; 9];

/// Probabilities within 1, 6 and 24 hours from recency, learned on pools with a mean hazard.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RecencyModel {
    /// Losses per hour up of the pools that it was learned on.
    pub hazard: f64,
    /// The coefficients for each horizon.
    pub coefficients: [Known; 3],
}

impl RecencyModel {
    /// Learned on the 19 public traces of AWS pools, of which all are scarce ones: accelerators of
    /// 2022 and 2023, and one large type without. `docs/proofs/learning.md` prints them anew.
    pub const PUBLISHED: RecencyModel = RecencyModel {
        hazard: 0.392,
        coefficients: [
            [-0.727, -1.064, 0.473, 0.760, 0.219, 0.216, -0.176, 0.300, 0.460],
            [0.046, -0.797, 0.455, 0.780, 0.062, 0.566, -0.113, 0.615, 0.360],
            [1.850, -0.575, 0.216, 0.156, 0.328, 0.661, -0.167, 0.814, 0.340],
        ],
    };

    /// How likely the pool loses capacity within a horizon.
    ///
    /// The log-odds are linear in what is known, and the odds are in proportion to the hazard that the
    /// pool was believed to have before its own reports, so that one in a safer class starts lower. Where they are below what the
    /// learned rate alone says, they count as far as the pool's own reports do: without reports a
    /// class is never undercut. A pool that never lost anything, and the horizon of 30 days, have
    /// the probability of the learned rate.
    #[must_use]
    pub fn probability(&self, risk: &LearnedRisk, recency: &Recency, horizon: Horizon) -> Fraction {
        let steady = risk.expected(horizon);
        let at = match horizon {
            Horizon::Hour => 0,
            Horizon::SixHours => 1,
            Horizon::Day => 2,
            Horizon::Month => return steady,
        };
        if !recency.lost_before {
            return steady;
        }
        let known = known(risk, recency);
        let odds: f64 =
            self.coefficients[at].iter().zip(known).map(|(weight, known)| weight * known).sum();
        let recent = logistic(odds + ln(risk.prior_hazard / self.hazard));
        let below = recent < steady.value();
        let share = if below { risk.own_weight.value() } else { 1.0 };
        Fraction::clamped(steady.value() + share * (recent - steady.value()))
    }
}

/// What the linear form is made of.
#[must_use]
pub fn known(risk: &LearnedRisk, recency: &Recency) -> Known {
    let [age, since, one, six, day, three_days, siblings] = recency.known;
    let rate = ln(risk.hazard() / risk.prior_hazard);
    [1.0, age, since, one, six, day, three_days, siblings, rate]
}

impl PoolEvents {
    /// Takes events in any order; the same event twice is one.
    #[must_use]
    pub fn new(
        losses: impl IntoIterator<Item = Timestamp>,
        returns: impl IntoIterator<Item = Timestamp>,
        siblings: impl IntoIterator<Item = Vec<Timestamp>>,
    ) -> PoolEvents {
        PoolEvents {
            losses: ordered(losses),
            returns: ordered(returns),
            siblings: siblings.into_iter().map(ordered).collect(),
        }
    }

    /// What was known at an instant: nothing after it is looked at.
    #[must_use]
    pub fn at(&self, now: Timestamp) -> Recency {
        let now = now.as_second();
        let within = |events: &[i64], hours: i64| {
            let until = events.partition_point(|second| *second <= now);
            let from = events.partition_point(|second| *second <= now - hours * 3600);
            (until - from) as f64
        };
        let age = |events: &[i64]| {
            let until = events.partition_point(|second| *second <= now);
            let last = until.checked_sub(1).and_then(|at| events.get(at));
            last.map_or(SETTLED_HOURS, |second| ((now - second) as f64 / 3600.0).min(SETTLED_HOURS))
        };
        let since = age(&self.losses);
        let known = [
            since.min(age(&self.returns)),
            since,
            within(&self.losses, 1),
            within(&self.losses, 6),
            within(&self.losses, 24),
            within(&self.losses, 72),
            self.siblings.iter().map(|events| within(events, 1)).sum::<f64>(),
        ];
        Recency {
            known: known.map(|known| ln(1.0 + known)),
            lost_before: self.losses.first().is_some_and(|second| *second <= now),
        }
    }
}

fn ordered(events: impl IntoIterator<Item = Timestamp>) -> Vec<i64> {
    let mut seconds: Vec<i64> = events.into_iter().map(Timestamp::as_second).collect();
    seconds.sort_unstable();
    seconds.dedup();
    seconds
}

#[cfg(test)]
mod tests {
    use market::AdvisorBucket;
    use proptest::prelude::*;

    use super::*;
    use crate::class_prior::ClassPriors;
    use crate::elementary::exp;
    use crate::history::Evidence;
    use crate::pool_risk::PoolEvidence;

    fn at(hour: f64) -> Timestamp {
        Timestamp::from_second((hour * 3600.0) as i64).unwrap()
    }

    fn risk(class: usize, interruptions: f64, exposure_hours: f64) -> LearnedRisk {
        let own = Evidence { interruptions, exposure_hours };
        let evidence = PoolEvidence { own, ..PoolEvidence::default() };
        LearnedRisk::of(&ClassPriors::published(), AdvisorBucket::ALL[class], &evidence)
    }

    #[test]
    fn only_the_past_is_looked_at() {
        let events = PoolEvents::new(
            [100.0, 110.0, 110.5, 130.0].map(at),
            [111.5, 131.0].map(at),
            [vec![at(111.2)], vec![at(90.0), at(112.5)]],
        );
        let found =
            events.at(at(112.0)).known.map(|known| (exp(known) - 1.0) * 1e6).map(f64::round);
        assert_eq!(found, [0.5e6, 1.5e6, 0.0, 2e6, 3e6, 3e6, 1e6]);
        assert!(!events.at(at(99.0)).lost_before && events.at(at(100.0)).lost_before);
        assert_eq!(events.at(at(99.0)).known[1], ln(1.0 + SETTLED_HOURS));
    }

    #[test]
    fn a_loss_just_now_is_worse_than_one_of_last_week() {
        let events = PoolEvents::new([at(200.0)], [at(200.5)], []);
        let model = RecencyModel::PUBLISHED;
        for class in 0..5 {
            let (quiet, risk) = (risk(class, 0.0, 5_000.0), risk(class, 1.0, 5_000.0));
            for horizon in [Horizon::Hour, Horizon::SixHours, Horizon::Day] {
                let chance = |hour: f64| model.probability(&risk, &events.at(at(hour)), horizon);
                let steady = risk.probability(horizon).probability;
                assert_eq!(chance(199.0), steady, "never lost");
                let before = quiet.probability(horizon).probability;
                assert!(chance(200.6) > before, "{class} {horizon:?}");
                let all = [200.6, 230.0, 380.0].map(chance);
                assert!(all[0] > all[1] && all[0] > all[2], "{class} {horizon:?} {all:?} {steady}");
            }
        }
    }

    proptest! {
        #[test]
        fn without_own_reports_a_class_is_never_undercut(
            class in 0_usize..5, losses in prop::collection::vec(0.0..400.0_f64, 0..30), now in 0.0..400.0_f64,
        ) {
            let events = PoolEvents::new(losses.iter().copied().map(at), [], []);
            let mut turned = losses;
            turned.reverse();
            let recency = events.at(at(now));
            prop_assert_eq!(recency, PoolEvents::new(turned.into_iter().map(at), [], []).at(at(now)));
            let risk = risk(class, 0.0, 0.0);
            for horizon in Horizon::ALL {
                let found = RecencyModel::PUBLISHED.probability(&risk, &recency, horizon);
                prop_assert!(found >= risk.probability(horizon).probability);
            }
        }
    }
}
