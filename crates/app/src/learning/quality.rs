//! How good what was learned is: laid beside what happened, day by day, and beside the class alone.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use learning::day_of;
use learning::quality::{Comparison, PoolDays, Score, prequential};
use schemars::JsonSchema;
use serde::Serialize;
use store::PredictionFilter;

use super::pool::PoolKey;
use super::state::class_of;
use super::status::six;
use crate::{App, Error};

/// How good learned risks were.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct QualityReport {
    /// The first day that was forecast (UTC).
    pub from: jiff::civil::Date,
    /// The last day.
    pub until: jiff::civil::Date,
    /// Pools that were looked at.
    pub pools: u64,
    /// Everything; a case is an instance on a day, forecast with what was known the day before.
    pub all: QualityItem,
    /// By week, named by its first day.
    pub weeks: Vec<NamedQuality>,
    /// By class of the advisor.
    pub classes: Vec<NamedQuality>,
    /// By region.
    pub regions: Vec<NamedQuality>,
    /// What to know about the answer.
    pub warnings: Vec<String>,
}

/// A part of the cases.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct NamedQuality {
    /// Which.
    pub name: String,
    /// How good.
    #[serde(flatten)]
    pub quality: QualityItem,
}

/// Learned risks beside the class alone.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct QualityItem {
    /// Instance-days.
    pub cases: f64,
    /// Of them with an interruption.
    pub interrupted: f64,
    /// What was learned until the day before.
    pub learned: ScoreItem,
    /// The published class.
    pub advisor: ScoreItem,
    /// How much smaller the Brier score of what was learned is: above 0 is better than the class; `null`
    /// without cases.
    pub lift_over_advisor: Option<f64>,
    /// Lower end of its 90 % interval, by drawing days anew.
    pub lift_low: Option<f64>,
    /// Upper end.
    pub lift_high: Option<f64>,
}

/// How good probabilities were; `null` without cases.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct ScoreItem {
    /// Mean squared distance of probability and outcome: 0 is perfect.
    pub brier_score: Option<f64>,
    /// Mean negative logarithm of the probability of what happened.
    pub log_loss: Option<f64>,
    /// Mean distance of probability and frequency.
    pub calibration_error: Option<f64>,
    /// The reliability diagram.
    pub reliability: Vec<ReliabilityBin>,
}

/// Cases of similar probability.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, JsonSchema)]
pub struct ReliabilityBin {
    /// Mean of what was said.
    pub predicted: f64,
    /// How often it happened.
    pub observed: f64,
    /// Instance-days.
    pub cases: f64,
}

/// What was said by models and has come out.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Quality {
    pub(super) balanced_accuracy: Option<f64>,
}

/// Days that are forecast.
const DAYS: i64 = 90;

/// Predictions that are looked at.
const MOST_PREDICTIONS: u64 = 20_000;

/// Fewer outcomes, or interruptions among them, say nothing.
const LEAST_RESOLVED: usize = 200;
const LEAST_INTERRUPTED: usize = 20;

impl App {
    /// How good learned risks were in the last ninety days.
    ///
    /// # Errors
    /// A store that does not answer.
    pub async fn learning_quality(&self) -> Result<QualityReport, Error> {
        self.catch_up().await?;
        let now = self.clock.now();
        let all = self.store.load_feedback(now, SignedDuration::ZERO, None).await?;
        let today = day_of(now.as_second());
        let mut sums: BTreeMap<PoolKey, BTreeMap<i64, (u64, u64)>> = BTreeMap::new();
        {
            let state = self.learning.state();
            for day in &all.days {
                let customer = state.names.known(day.customer_id.as_deref().unwrap_or_default());
                let named = (&*day.region, &*day.availability_zone, &*day.instance_type);
                let Some(key) = state.key(customer, named) else { continue };
                let sum = sums.entry(key).or_default().entry(day.day).or_default();
                sum.0 = sum.0.saturating_add(day.interruptions);
                sum.1 = sum.1.saturating_add(day.exposure_seconds);
            }
        }
        let desk = self.desk();
        let mut unlisted = 0_u64;
        let mut pools = Vec::with_capacity(sums.len());
        for (key, days) in sums {
            let Some(class) = class_of(desk.market(), &key, now) else {
                unlisted += 1;
                continue;
            };
            let day =
                |(day, (many, seconds)): (i64, (u64, u64))| (day, many, seconds as f64 / 3600.0);
            pools.push(PoolDays {
                class,
                segment: key.region.to_string(),
                days: days.into_iter().map(day).collect(),
            });
        }
        let from = today - DAYS;
        let many = pools.len() as u64;
        let found = tokio::task::spawn_blocking(move || prequential(&pools, from, SEED)).await;
        let found = found.map_err(|_| Error::Internal("measuring failed".to_owned()))?;
        let mut warnings = Vec::new();
        if unlisted > 0 {
            warnings.push(format!("{unlisted} pools have no class to be compared with"));
        }
        if found.all.learned.interrupted < LEAST_INTERRUPTED as f64 {
            warnings.push(format!(
                "{} interruptions are too few to tell whether anything was learned",
                found.all.learned.interrupted
            ));
        }
        Ok(QualityReport {
            from: date(from),
            until: date(today),
            pools: many,
            all: item(&found.all),
            weeks: found.weeks.iter().map(|(day, one)| part(date(*day).to_string(), one)).collect(),
            classes: found
                .classes
                .iter()
                .map(|(class, one)| part(class.index().to_string(), one))
                .collect(),
            regions: found.segments.iter().map(|(name, one)| part(name.clone(), one)).collect(),
            warnings,
        })
    }

    /// How good predictions of interruptions were that models and the baseline gave.
    pub(super) async fn prediction_quality(&self) -> Result<Quality, Error> {
        let filter = PredictionFilter {
            prediction_type: Some("spot_interruption".to_owned()),
            resolved: Some(true),
            shadows: Some(false),
            limit: MOST_PREDICTIONS,
            ..PredictionFilter::default()
        };
        let rows = self.store.predictions(&filter).await?;
        let resolved: Vec<(bool, bool)> =
            rows.iter().filter_map(|row| Some((row.value >= 0.5, row.outcome? >= 0.5))).collect();
        Ok(Quality { balanced_accuracy: balanced_accuracy(&resolved) })
    }
}

/// The same days are drawn each time, so that two answers on the same reports are equal.
const SEED: u64 = 2026;

/// The mean of the shares that were said rightly of what happened and of what did not.
fn balanced_accuracy(resolved: &[(bool, bool)]) -> Option<f64> {
    let happened = resolved.iter().filter(|(_, happened)| *happened).count();
    let calm = resolved.len() - happened;
    if resolved.len() < LEAST_RESOLVED || happened < LEAST_INTERRUPTED || calm == 0 {
        return None;
    }
    let right = |outcome: bool| {
        resolved.iter().filter(|(said, happened)| *happened == outcome && said == happened).count()
    };
    let shares = right(true) as f64 / happened as f64 + right(false) as f64 / calm as f64;
    Some(six(shares / 2.0))
}

fn date(day: i64) -> jiff::civil::Date {
    let second = day.saturating_mul(86_400);
    jiff::Timestamp::from_second(second).map_or(jiff::civil::Date::constant(1970, 1, 1), |at| {
        at.to_zoned(jiff::tz::TimeZone::UTC).date()
    })
}

fn part(name: String, one: &Comparison) -> NamedQuality {
    NamedQuality { name, quality: item(one) }
}

fn item(one: &Comparison) -> QualityItem {
    let some = one.learned.cases > 0.0;
    QualityItem {
        cases: six(one.learned.cases),
        interrupted: one.learned.interrupted,
        learned: score(&one.learned),
        advisor: score(&one.advisor),
        lift_over_advisor: some.then(|| six(one.skill)),
        lift_low: some.then(|| six(one.interval.0)),
        lift_high: some.then(|| six(one.interval.1)),
    }
}

fn score(score: &Score) -> ScoreItem {
    let some = score.cases > 0.0;
    ScoreItem {
        brier_score: some.then(|| six(score.brier)),
        log_loss: some.then(|| six(score.log_loss)),
        calibration_error: some.then(|| six(score.calibration_error)),
        reliability: score
            .bins
            .iter()
            .map(|(predicted, observed, cases)| ReliabilityBin {
                predicted: six(*predicted),
                observed: six(*observed),
                cases: six(*cases),
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accuracy_is_balanced_and_needs_outcomes() {
        let mut resolved = vec![(false, false); 180];
        resolved.extend([(true, true); 15]);
        assert_eq!(balanced_accuracy(&resolved), None, "too few");
        resolved.extend([(false, true); 15]);
        assert_eq!(balanced_accuracy(&resolved), Some(0.75));
    }
}
