//! Every policy through every world, and the report on it.

use jiff::tz::TimeZone;
use market::Market;
use units::{Fraction, UsdPerHour};

use crate::bootstrap::{LEAST_DAYS, interval, resamples};
use crate::digest::{of_world, seed};
use crate::figures::{Figures, dollars};
use crate::hindsight::{Hindsight, hindsight};
use crate::input::{InputError, LeftOutFile, Read};
use crate::policy::{POLICIES, PolicyName};
use crate::ranking::classes;
use crate::replay::replay;
use crate::report::{DayRow, Estimate, PolicyReport, PoolReport, Report, RunReport, SummaryRow};
use crate::settings::Settings;
use crate::world::{World, percent};

/// The form of the report.
const REPORT_VERSION: u32 = 1;

/// What one policy did in one run, by day.
struct Run {
    policies: Vec<Vec<Figures>>,
    hindsight: Hindsight,
    on_demand: Vec<Figures>,
    hours: Vec<f64>,
}

/// Lays prices beside everything that was read, and replays policies over it. Of several episodes those
/// that cannot be priced are left out by name.
///
/// # Errors
/// A setting is out of range, or no episode can be priced.
pub fn backtest_of(
    read: Read,
    policies: &[PolicyName],
    market: &Market,
    settings: &Settings,
) -> Result<Report, InputError> {
    settings.checked()?;
    let Read { episodes, mut left_out } = read;
    let (mut worlds, mut first) = (Vec::new(), None);
    for episode in &episodes {
        match World::new(episode, market, settings) {
            Ok(world) => worlds.push(world),
            Err(error) => {
                let (name, reason) = match &error {
                    InputError::Unpriced { name, reason } => (name.clone(), reason.clone()),
                    other => (episode.name.clone(), other.to_string()),
                };
                left_out.push(LeftOutFile { name, reason });
                first.get_or_insert(error);
            }
        }
    }
    if worlds.is_empty() {
        let nothing = InputError::Events {
            name: "events".to_owned(),
            message: "there is nothing to replay".to_owned(),
        };
        return Err(first.unwrap_or(nothing));
    }
    Ok(backtest(&worlds, policies, market.version(), settings, left_out))
}

/// Replays policies over worlds. Without any policy it is all of them; they are reported in the order
/// of the list.
#[must_use]
pub fn backtest(
    worlds: &[World],
    policies: &[PolicyName],
    market_version: &str,
    settings: &Settings,
    left_out: Vec<LeftOutFile>,
) -> Report {
    let wanted =
        |entry: &&crate::PolicyEntry| policies.is_empty() || policies.contains(&entry.name);
    let policies: Vec<PolicyName> =
        POLICIES.iter().filter(wanted).map(|entry| entry.name).collect();
    let runs: Vec<Run> = worlds.iter().map(|world| Run::of(world, &policies, settings)).collect();
    let digests: Vec<String> = worlds.iter().map(|world| of_world(world, settings)).collect();
    let mut whole = blake3::Hasher::new();
    for digest in &digests {
        whole.update(digest.as_bytes());
    }
    let whole = whole.finalize().to_hex().to_string();
    let all: Vec<&Run> = runs.iter().collect();
    Report {
        report_version: REPORT_VERSION,
        market_version: market_version.to_owned(),
        settings: settings.clone(),
        together: reported(&policies, &all, settings, seed(&whole)),
        runs: worlds
            .iter()
            .zip(&runs)
            .zip(digests)
            .map(|((world, run), digest)| run_report(world, run, &policies, settings, digest))
            .collect(),
        digest: whole,
        left_out,
        notes: notes(settings),
    }
}

/// A report as rows: every policy of every run, then of all together.
#[must_use]
pub fn summary(report: &Report) -> Vec<SummaryRow> {
    let rows = |run: &str, policies: &[PolicyReport]| -> Vec<SummaryRow> {
        let row = |one: &PolicyReport| SummaryRow {
            run: run.to_owned(),
            policy: one.policy,
            full_cost_usd: one.full_cost_usd.value,
            full_cost_low: one.full_cost_usd.low,
            full_cost_high: one.full_cost_usd.high,
            compute_usd: one.compute_usd.value,
            interruptions: one.interruptions.value as u64,
            interruptions_low: one.interruptions.low,
            interruptions_high: one.interruptions.high,
            unavailable_hours: one.unavailable_hours.value,
            unavailable_hours_low: one.unavailable_hours.low,
            unavailable_hours_high: one.unavailable_hours.high,
            regret_usd: one.regret_usd.value,
            regret_low: one.regret_usd.low,
            regret_high: one.regret_usd.high,
            on_demand_share: one.on_demand_share.value(),
        };
        policies.iter().map(row).collect()
    };
    let mut all: Vec<SummaryRow> =
        report.runs.iter().flat_map(|run| rows(&run.name, &run.policies)).collect();
    if report.runs.len() > 1 {
        all.extend(rows("all", &report.together));
    }
    all
}

impl Run {
    fn of(world: &World, policies: &[PolicyName], settings: &Settings) -> Run {
        let hindsight = hindsight(world, settings);
        let on_demand = replay(world, PolicyName::OnDemandOnly, settings).days;
        let days = |policy: &PolicyName| match policy {
            PolicyName::HindsightOptimum => hindsight.days.clone(),
            PolicyName::OnDemandOnly => on_demand.clone(),
            _ => replay(world, *policy, settings).days,
        };
        let hours = |day: &crate::world::Day| {
            day.steps.len() as f64 * f64::from(world.step_seconds) / 3600.0
        };
        Run {
            policies: policies.iter().map(days).collect(),
            hours: world.days.iter().map(hours).collect(),
            hindsight,
            on_demand,
        }
    }
}

fn run_report(
    world: &World,
    run: &Run,
    policies: &[PolicyName],
    settings: &Settings,
    digest: String,
) -> RunReport {
    let mut notes = world.notes.clone();
    let classes = classes(world, 0);
    let pools: Vec<PoolReport> = (0..world.pools.len())
        .map(|at| pool_report(world, at, classes[at].map(market::AdvisorBucket::index)))
        .collect();
    let unknown = classes.iter().filter(|class| class.is_none()).count();
    if unknown > 0 {
        notes.push(format!(
            "{unknown} of {} pools had no advisor class when the run began: policies with a score do \
             not use them, advisor_only asks them last",
            classes.len()
        ));
    }
    let last = world.days.last().map_or(0, |day| day.steps.end);
    RunReport {
        name: world.name.clone(),
        measured: world.measured,
        from: world.start,
        until: jiff::Timestamp::from_second(world.second(last)).unwrap_or(world.start),
        step_seconds: world.step_seconds,
        steps: world.steps() as u64,
        pools,
        left_out: world.left_out.clone(),
        hindsight: run.hindsight.bound,
        policies: reported(policies, &[run], settings, seed(&digest)),
        days: world.days.iter().enumerate().map(|(at, day)| day_row(run, at, day.begins)).collect(),
        digest,
        notes,
    }
}

fn day_row(run: &Run, at: usize, begins: jiff::Timestamp) -> DayRow {
    let of = |figures: &Vec<Figures>| figures[at];
    DayRow {
        day: begins.to_zoned(TimeZone::UTC).date(),
        hours: rounded(run.hours[at]),
        full_cost_usd: run.policies.iter().map(|one| dollars(of(one).full())).collect(),
        interruptions: run.policies.iter().map(|one| of(one).interruptions).collect(),
        unavailable_hours: run
            .policies
            .iter()
            .map(|one| rounded(of(one).unavailable_seconds as f64 / 3600.0))
            .collect(),
    }
}

fn pool_report(world: &World, at: usize, class: Option<u8>) -> PoolReport {
    let pool = &world.pools[at];
    let held: u64 = pool.held.iter().map(|held| u64::from(*held)).sum();
    let asked = u64::from(pool.asked) * pool.held.len() as u64;
    let spot: i128 = pool.spot.iter().map(|price| i128::from(price.nanos())).sum();
    let mean = spot / (pool.spot.len().max(1) as i128);
    PoolReport {
        pool: pool.key.clone(),
        capacity_share: Fraction::clamped((held as f64 / asked.max(1) as f64 * 1e6).round() / 1e6),
        losses: pool.held.windows(2).filter(|pair| pair[1] < pair[0]).count() as u64,
        mean_spot_usd_per_hour: UsdPerHour::from_nanos(i64::try_from(mean).unwrap_or(i64::MAX)),
        price_hours: pool.price_hours,
        on_demand_usd_per_hour: pool.on_demand,
        list_price_of: pool.list_price_of,
        advisor_class: class,
        advisor_class_reason: class.is_none().then(|| {
            "the market holds no class of the type in the region that was observed by then"
                .to_owned()
        }),
    }
}

/// Policies over one or several runs.
fn reported(
    policies: &[PolicyName],
    runs: &[&Run],
    settings: &Settings,
    seed: u64,
) -> Vec<PolicyReport> {
    let hours: Vec<Vec<f64>> = runs.iter().map(|run| run.hours.clone()).collect();
    let lengths: Vec<usize> = hours.iter().map(Vec::len).collect();
    let days: usize = lengths.iter().sum();
    let reason = (days < LEAST_DAYS).then(|| {
        format!("{days} days are too few to say how days differ; an interval takes {LEAST_DAYS}")
    });
    // The same days are drawn for every policy, so that differences are of like with like.
    let drawn = match reason {
        None => resamples(&lengths, settings.resamples, seed),
        Some(_) => Vec::new(),
    };
    let estimate = |value: f64, by_day: &[Vec<f64>]| {
        let ends = interval(by_day, &hours, &drawn);
        Estimate {
            value: rounded(value),
            low: ends.map(|(low, _)| rounded(low)),
            high: ends.map(|(_, high)| rounded(high)),
            reason: reason.clone(),
        }
    };
    let hindsight = total(runs.iter().flat_map(|run| &run.hindsight.days));
    let on_demand = total(runs.iter().flat_map(|run| &run.on_demand));
    let public = policies.iter().position(|policy| *policy == PolicyName::PublicData);
    let wanted = hours.iter().flatten().sum::<f64>() * f64::from(settings.instances);
    let of_policy = |at: usize| {
        let sum = total(runs.iter().flat_map(|run| &run.policies[at]));
        let by_day = |value: &dyn Fn(&Figures) -> f64| -> Vec<Vec<f64>> {
            runs.iter().map(|run| run.policies[at].iter().map(value).collect()).collect()
        };
        let above = |other: &dyn Fn(&Run) -> Vec<Figures>| -> Vec<Vec<f64>> {
            let of_run = |run: &&Run| {
                let days = run.policies[at].iter().zip(other(run));
                days.map(|(own, other)| dollars(own.full() - other.full()).dollars()).collect()
            };
            runs.iter().map(of_run).collect()
        };
        let regret = above(&|run| run.hindsight.days.clone());
        let above_public_data_usd = public.map(|public| {
            let beside = total(runs.iter().flat_map(|run| &run.policies[public]));
            let difference = dollars(sum.full() - beside.full()).dollars();
            estimate(difference, &above(&|run| run.policies[public].clone()))
        });
        let missing = sum.unavailable_seconds as f64 / 3600.0;
        let paid = sum.on_demand_seconds + sum.spot_seconds;
        PolicyReport {
            policy: policies[at],
            full_cost_usd: estimate(
                dollars(sum.full()).dollars(),
                &by_day(&|day| dollars(day.full()).dollars()),
            ),
            compute_usd: estimate(
                dollars(sum.compute).dollars(),
                &by_day(&|day| dollars(day.compute).dollars()),
            ),
            interruption_usd: dollars(sum.interruption),
            unavailable_usd: dollars(sum.unavailable),
            interruptions: estimate(
                sum.interruptions as f64,
                &by_day(&|day| day.interruptions as f64),
            ),
            unavailable_hours: estimate(
                missing,
                &by_day(&|day| day.unavailable_seconds as f64 / 3600.0),
            ),
            unavailable_share: share(missing, wanted),
            regret_usd: estimate(dollars(sum.full() - hindsight.full()).dollars(), &regret),
            above_public_data_usd,
            cost_to_on_demand: (on_demand.full() > 0)
                .then(|| rounded(sum.full() as f64 / on_demand.full() as f64)),
            on_demand_share: share(sum.on_demand_seconds as f64, paid as f64),
            requests: sum.requests,
            refusals: sum.refusals,
        }
    };
    (0..policies.len()).map(of_policy).collect()
}

fn total<'a>(days: impl Iterator<Item = &'a Figures>) -> Figures {
    let mut sum = Figures::default();
    for day in days {
        sum += *day;
    }
    sum
}

fn share(part: f64, whole: f64) -> Fraction {
    Fraction::clamped(if whole > 0.0 { (part / whole * 1e6).round() / 1e6 } else { 0.0 })
}

/// Six decimals: more is noise of the last bit.
fn rounded(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}

fn notes(settings: &Settings) -> Vec<String> {
    let mut notes = vec![format!(
        "policies with a score keep {} of {} instances On-Demand ({})",
        settings.kept_on_demand(),
        settings.instances,
        percent(settings.on_demand_share)
    )];
    if settings.accept_average_prices {
        notes.push(
            "where no spot price was known, On-Demand less the advisor's 30-day saving stands in: a mean \
             of all zones, so that prices tell no pool of a region from another"
                .to_owned(),
        );
    }
    if let Some(share) = settings.spot_share {
        notes.push(format!(
            "where nothing else was known, spot is taken to cost {} of On-Demand",
            percent(share)
        ));
    }
    if settings.later_list_prices {
        notes.push(
            "where no On-Demand price was known at the time, the first later one stands in; each pool \
             says of when it is"
                .to_owned(),
        );
    }
    notes
}
