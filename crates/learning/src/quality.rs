//! How good learned risks were, day by day, beside the advisor's class alone.
//!
//! Each day of each pool is forecast from what was known the day before and then laid beside what
//! happened (prequential evaluation, Dawid 1984): nothing is forecast with what it is measured by. A case
//! is an instance on a day; a pool with twelve instances for a day is twelve cases.
//! This module refuses to know who reported what, and draws its resamples from a number that it is given.

use std::collections::BTreeMap;

use market::AdvisorBucket;

use crate::class_prior::{ClassPriors, bucket_hazard};
use crate::elementary::{exp, ln};
use crate::history::Evidence;
use crate::horizon::Horizon;
use crate::pool_risk::{LearnedRisk, PoolEvidence, chance_within};
use crate::random::Random;

/// A pool's days: interruptions and instance-hours by day since 1970, in order.
#[derive(Clone, Debug, PartialEq)]
pub struct PoolDays {
    /// Its class.
    pub class: AdvisorBucket,
    /// What it is counted among beside its class, such as its region.
    pub segment: String,
    /// Day, interruptions and instance-hours.
    pub days: Vec<(i64, u64, f64)>,
}

/// How good probabilities were.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Score {
    /// Instance-days.
    pub cases: f64,
    /// Of them with an interruption.
    pub interrupted: f64,
    /// Mean squared distance of probability and outcome (Brier 1950).
    pub brier: f64,
    /// Mean negative logarithm of the probability of what happened.
    pub log_loss: f64,
    /// Mean distance of probability and frequency over the bins.
    pub calibration_error: f64,
    /// Cases by probability, least first, about as many in each bin: mean probability, frequency, cases.
    pub bins: Vec<(f64, f64, f64)>,
}

/// Learned risks beside the class alone, on the same cases.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Comparison {
    /// What was learned until the day before.
    pub learned: Score,
    /// The published class.
    pub advisor: Score,
    /// `1 − Brier(learned)/Brier(class)`: above 0 is better; 0 without cases.
    pub skill: f64,
    /// The 90 % interval of the skill, whole days being drawn anew together (Efron and Tibshirani 1993).
    pub interval: (f64, f64),
}

/// What was measured altogether, over time and by part.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Quality {
    /// Everything.
    pub all: Comparison,
    /// By week, the first day of each named by its number since 1970.
    pub weeks: Vec<(i64, Comparison)>,
    /// By class.
    pub classes: Vec<(AdvisorBucket, Comparison)>,
    /// By segment.
    pub segments: Vec<(String, Comparison)>,
}

/// A pool on a day.
#[derive(Clone, Copy, Debug)]
struct Case {
    day: i64,
    pool: usize,
    learned: f64,
    advisor: f64,
    cases: f64,
    interrupted: f64,
}

/// Resamples of an interval.
const RESAMPLES: usize = 200;

/// Bins of a curve.
const BINS: usize = 10;

/// Forecasts the days from `from` on and measures them. `seed` says which days are drawn anew.
#[must_use]
pub fn prequential(pools: &[PoolDays], from: i64, seed: u64) -> Quality {
    let priors = ClassPriors::published();
    let mut cases = Vec::new();
    for (at, pool) in pools.iter().enumerate() {
        let mut known = Evidence::default();
        let mut last = None;
        for (day, interruptions, hours) in &pool.days {
            // Discounted as histories are: half of it after so many days.
            let gap = last.map_or(0, |last: i64| day - last) as f64;
            let kept = exp(-gap / crate::history::HALF_LIFE_DAYS * std::f64::consts::LN_2);
            known.interruptions *= kept;
            known.exposure_hours *= kept;
            last = Some(*day);
            if *day >= from && *hours > 0.0 {
                let evidence = PoolEvidence { own: known, ..PoolEvidence::default() };
                let hazard = LearnedRisk::of(&priors, pool.class, &evidence).hazard();
                let within_a_day = |hazard: f64| chance_within(hazard, Horizon::Day);
                let instance_days = hours / 24.0;
                cases.push(Case {
                    day: *day,
                    pool: at,
                    learned: within_a_day(hazard),
                    advisor: within_a_day(bucket_hazard(pool.class)),
                    cases: instance_days.max(*interruptions as f64),
                    interrupted: *interruptions as f64,
                });
            }
            known.interruptions += *interruptions as f64;
            known.exposure_hours += hours;
        }
    }
    let compare = |some: Vec<Case>| comparison(&some, seed);
    let parts = |key: &dyn Fn(&Case) -> i64| {
        let mut parts: BTreeMap<i64, Vec<Case>> = BTreeMap::new();
        for case in &cases {
            parts.entry(key(case)).or_default().push(*case);
        }
        parts
    };
    let mut segments: BTreeMap<&str, Vec<Case>> = BTreeMap::new();
    for case in &cases {
        segments.entry(&pools[case.pool].segment).or_default().push(*case);
    }
    let of_class = |case: &Case| i64::from(pools[case.pool].class.index());
    Quality {
        all: comparison(&cases, seed),
        weeks: parts(&|case| case.day.div_euclid(7) * 7)
            .into_iter()
            .map(|(week, some)| (week, compare(some)))
            .collect(),
        classes: parts(&of_class)
            .into_iter()
            .filter_map(|(class, some)| {
                let class = AdvisorBucket::ALL.get(usize::try_from(class).ok()?)?;
                Some((*class, compare(some)))
            })
            .collect(),
        segments: segments
            .into_iter()
            .map(|(name, some)| (name.to_owned(), compare(some)))
            .collect(),
    }
}

fn comparison(cases: &[Case], seed: u64) -> Comparison {
    let learned = score(cases, |case| case.learned);
    let advisor = score(cases, |case| case.advisor);
    let skill = |learned: f64, advisor: f64| {
        if advisor > 0.0 { 1.0 - learned / advisor } else { 0.0 }
    };
    // Sums of squares by day, so that drawing days is cheap.
    let mut days: BTreeMap<i64, (f64, f64)> = BTreeMap::new();
    for case in cases {
        let day = days.entry(case.day).or_default();
        day.0 += squared(case, case.learned);
        day.1 += squared(case, case.advisor);
    }
    let days: Vec<(f64, f64)> = days.into_values().collect();
    let mut random = Random::new(seed);
    let mut drawn: Vec<f64> = (0..RESAMPLES)
        .filter(|_| !days.is_empty())
        .map(|_| {
            let (mut ours, mut theirs) = (0.0, 0.0);
            for _ in &days {
                let at = random.below(days.len());
                ours += days[at].0;
                theirs += days[at].1;
            }
            skill(ours, theirs)
        })
        .collect();
    drawn.sort_unstable_by(f64::total_cmp);
    let end = |share: f64| {
        let at = (share * (drawn.len().saturating_sub(1)) as f64).round() as usize;
        drawn.get(at).copied().unwrap_or(0.0)
    };
    Comparison {
        skill: skill(learned.brier, advisor.brier),
        interval: (end(0.05), end(0.95)),
        learned,
        advisor,
    }
}

/// The squared distances of all cases of a pool's day.
fn squared(case: &Case, probability: f64) -> f64 {
    case.interrupted * (1.0 - probability).powi(2)
        + (case.cases - case.interrupted) * probability.powi(2)
}

fn score(cases: &[Case], probability: impl Fn(&Case) -> f64) -> Score {
    let mut found = Score::default();
    let mut sorted: Vec<(f64, f64, f64)> = Vec::with_capacity(cases.len());
    for case in cases {
        let said = probability(case);
        let held = said.clamp(1e-9, 1.0 - 1e-9);
        found.cases += case.cases;
        found.interrupted += case.interrupted;
        found.brier += squared(case, said);
        found.log_loss -=
            case.interrupted * ln(held) + (case.cases - case.interrupted) * ln(1.0 - held);
        sorted.push((said, case.interrupted, case.cases));
    }
    if found.cases <= 0.0 {
        return Score::default();
    }
    found.brier /= found.cases;
    found.log_loss /= found.cases;
    sorted.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let per_bin = found.cases / BINS as f64;
    let (mut said, mut happened, mut many) = (0.0, 0.0, 0.0);
    let mut close = |said: &mut f64, happened: &mut f64, many: &mut f64| {
        if *many > 0.0 {
            found.bins.push((*said / *many, *happened / *many, *many));
        }
        (*said, *happened, *many) = (0.0, 0.0, 0.0);
    };
    for (one, interrupted, count) in sorted {
        said += one * count;
        happened += interrupted;
        many += count;
        if many >= per_bin {
            close(&mut said, &mut happened, &mut many);
        }
    }
    close(&mut said, &mut happened, &mut many);
    let off = |(said, happened, many): &(f64, f64, f64)| (said - happened).abs() * many;
    found.calibration_error = found.bins.iter().map(off).sum::<f64>() / found.cases;
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(class: usize, every: i64, days: i64) -> PoolDays {
        let day = |day: i64| (day, u64::from(day % every == 0), 240.0);
        PoolDays {
            class: AdvisorBucket::ALL[class],
            segment: format!("every {every}"),
            days: (0..days).map(day).collect(),
        }
    }

    #[test]
    fn a_pool_that_its_class_belittles_is_learned() {
        // Ten instances of the safest class, one of them lost every day.
        let found = prequential(&[pool(0, 1, 120)], 0, 1);
        assert_eq!((found.all.learned.cases, found.all.learned.interrupted), (1200.0, 120.0));
        // Knowing the rate from the first day on would be worth 0.1; a class is not given up so soon.
        assert!(found.all.skill > 0.02, "{:?}", found.all.skill);
        assert!(found.all.interval.0 <= found.all.skill && found.all.skill <= found.all.interval.1);
        let weeks: Vec<f64> = found.weeks.iter().map(|(_, week)| week.skill).collect();
        assert!(weeks[0] < weeks[weeks.len() - 1], "{weeks:?}");
    }

    #[test]
    fn nothing_is_forecast_with_what_comes_later() {
        let (mut short, long) = (pool(2, 5, 40), pool(2, 5, 80));
        let before = prequential(std::slice::from_ref(&short), 0, 1);
        // What happens behind changes no week before.
        let after = prequential(std::slice::from_ref(&long), 0, 1);
        assert_eq!(before.weeks[..5], after.weeks[..5]);
        short.days[39].1 = 9;
        let other = prequential(&[short], 0, 1);
        assert_eq!(before.weeks[..5], other.weeks[..5]);
        assert_ne!(before.all, other.all);
    }

    #[test]
    fn parts_add_up_and_nothing_is_nothing() {
        let found = prequential(&[pool(1, 3, 30), pool(3, 2, 30)], 10, 7);
        let sum = |parts: &[&Comparison]| parts.iter().map(|one| one.learned.cases).sum::<f64>();
        let classes: Vec<&Comparison> = found.classes.iter().map(|(_, one)| one).collect();
        let segments: Vec<&Comparison> = found.segments.iter().map(|(_, one)| one).collect();
        assert_eq!(sum(&classes), found.all.learned.cases);
        assert_eq!(sum(&segments), found.all.learned.cases);
        assert_eq!(prequential(&[], 0, 1), Quality::default());
    }
}
