//! How well pools are ranked as exposure grows: the published class, the profile `adaptive` and the
//! profile `calibrated`, against the hazard that the simulation drew.

use std::fmt::Write as _;

use engines::scoring::{advisor_component, component_of_hazard};
use learning::random::Random;
use learning::{
    ClassEvidence, ClassPriors, Evidence, LearnedRisk, PoolEvidence, adaptive_weights,
    rank_correlation,
};
use market::AdvisorBucket;
use units::Fraction;

use crate::draws;

/// Shares of the five classes among the 14,962 Linux pools of the advisor file of June 2025.
const PUBLISHED: [f64; 5] = [0.2165, 0.1934, 0.1353, 0.1253, 0.3295];

/// A fleet that hardly uses the safest class: there the class alone tells less.
const HARDER: [f64; 5] = [0.06, 0.235, 0.235, 0.235, 0.235];

const POOLS: usize = 100;
const SEEDS: u64 = 100;
const EXPOSURES: [u64; 7] = [0, 10_000, 50_000, 200_000, 500_000, 2_000_000, 5_000_000];

pub(crate) fn table() -> Result<String, std::fmt::Error> {
    let mut text = "## Ranking of pools\n\nA hundred pools whose hazards scatter within their class (log-normal, deviation 0.9), whose exposure is Zipf's, and whose interruptions come in pairs (over-dispersion 2). Means of 100 seeds; in parentheses the standard error. Volatility and structure say nothing here, so that `adaptive` is `(0.60 − w)` advisor and `w` customer, and `calibrated` the learned risk. Spearman's rank correlation with the true hazard.\n".to_owned();
    one_fleet(&mut text, "Classes as they are published", &PUBLISHED)?;
    one_fleet(&mut text, "A fleet that hardly uses the safest class", &HARDER)?;
    Ok(text)
}

fn one_fleet(text: &mut String, title: &str, shares: &[f64; 5]) -> std::fmt::Result {
    writeln!(
        text,
        "\n### {title}\n\n| instance-hours | w | interruptions | class alone | `adaptive` | `calibrated` |\n|---|---|---|---|---|---|"
    )?;
    let mut verdicts = String::new();
    let mut below = false;
    for hours in EXPOSURES {
        let worlds: Vec<[f64; 4]> = (0..SEEDS).map(|seed| world(seed, hours, shares)).collect();
        let mean =
            |at: usize| worlds.iter().map(|world| world[at]).sum::<f64>() / worlds.len() as f64;
        let shown = |at: usize| {
            let squares: f64 = worlds.iter().map(|world| (world[at] - mean(at)).powi(2)).sum();
            format!("{:.3} ({:.3})", mean(at), squares.sqrt() / worlds.len() as f64)
        };
        let (weight, seen) = (learning::feedback_weight(hours), mean(0));
        writeln!(
            text,
            "| {hours} | {weight:.3} | {seen:.0} | {} | {} | {} |",
            shown(1),
            shown(2),
            shown(3)
        )?;
        below |= hours >= 200_000 && mean(2).min(mean(3)) < mean(1);
        let bars = match hours {
            500_000 => Some((0.66, 0.67)),
            5_000_000 => Some((0.72, 0.80)),
            _ => None,
        };
        if let Some((adaptive, calibrated)) = bars {
            writeln!(
                verdicts,
                "- {hours} hours: `adaptive` at least {adaptive}: **{}**; `calibrated` at least {calibrated}: **{}**.",
                verdict(mean(2) >= adaptive),
                verdict(mean(3) >= calibrated)
            )?;
        }
    }
    writeln!(
        text,
        "\n- Not below the class from 200,000 hours on: **{}**.\n{verdicts}",
        verdict(!below)
    )
}

fn verdict(met: bool) -> &'static str {
    if met { "met" } else { "not met" }
}

/// Interruptions, and the rank correlations of class, `adaptive` and `calibrated`.
fn world(seed: u64, hours: u64, shares: &[f64; 5]) -> [f64; 4] {
    let mut random = Random::new(1_000 + seed);
    let published = ClassPriors::published();
    let mut pools: Vec<(AdvisorBucket, f64)> = Vec::new();
    for _ in 0..POOLS {
        let draw = random.unit();
        let mut sum = 0.0;
        let at = shares.iter().position(|share| {
            sum += share;
            draw <= sum
        });
        let class = AdvisorBucket::ALL[at.unwrap_or(4)];
        let hazard = published.hazard(class) * (0.9 * draws::normal(&mut random) - 0.405).exp();
        pools.push((class, hazard));
    }
    let all: f64 = (1..=POOLS).map(|rank| 1.0 / rank as f64).sum();
    let evidence: Vec<Evidence> = pools
        .iter()
        .zip(1_u32..)
        .map(|((_, hazard), rank)| {
            let exposure_hours = hours as f64 / f64::from(rank) / all;
            let pairs = f64::from(random.poisson(hazard * exposure_hours / 2.0));
            Evidence { interruptions: 2.0 * pairs, exposure_hours }
        })
        .collect();
    let mut by_class: [ClassEvidence; 5] = Default::default();
    for ((class, _), own) in pools.iter().zip(&evidence) {
        by_class[usize::from(class.index())].pools.push(*own);
    }
    let priors = ClassPriors::learned(&by_class);
    let weights = adaptive_weights(hours);
    let (mut alone, mut adaptive, mut calibrated) = (Vec::new(), Vec::new(), Vec::new());
    for ((class, _), own) in pools.iter().zip(&evidence) {
        let pool = PoolEvidence { own: *own, ..PoolEvidence::default() };
        let risk = LearnedRisk::of(&priors, *class, &pool);
        let advisor = advisor_component(*class);
        let customer = component_of_hazard(risk.hazard());
        let parts = [advisor, 0.5, 0.5, customer].map(Fraction::clamped);
        alone.push(1.0 - advisor);
        adaptive
            .push(weights.as_ref().map_or(f64::NAN, |weights| 1.0 - weights.mean(parts).value()));
        calibrated.push(risk.risk().value());
    }
    let truth: Vec<f64> = pools.iter().map(|pool| pool.1).collect();
    let seen = evidence.iter().map(|own| own.interruptions).sum();
    [
        seen,
        rank_correlation(&alone, &truth),
        rank_correlation(&adaptive, &truth),
        rank_correlation(&calibrated, &truth),
    ]
}
