//! What each policy wants at a step: which pools in which order, and how much On-Demand.

use engines::learned::LearnedRow;
use engines::scoring::{Profile, ProfileName, score_pool};
use learning::{Horizon, LearnedRisk, RecencyModel, ln};
use market::AdvisorBucket;
use units::UsdPerHour;

use crate::Settings;
use crate::policy::PolicyName;
use crate::seen::Seen;
use crate::world::World;

/// What a policy wants.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Wish {
    /// Pools that may be asked, the best first.
    pub(crate) pools: Vec<usize>,
    /// The most instances in one pool.
    pub(crate) most_in_a_pool: u32,
    /// Instances that are On-Demand in any case.
    pub(crate) on_demand: u32,
    /// Whether On-Demand takes what spot pools refuse, until one of them does not.
    pub(crate) falls_back: bool,
}

/// Asks a policy. `mine` are its instances by pool: of pools that are equally good, the one with the
/// fewest of them is asked first.
pub(crate) fn wish(
    policy: PolicyName,
    world: &World,
    step: usize,
    seen: &mut Seen,
    mine: &[u32],
    settings: &Settings,
) -> Wish {
    let now = world.second(step);
    let prices: Vec<UsdPerHour> = world.pools.iter().map(|pool| pool.spot[step]).collect();
    let spot_alone = |pools: Vec<usize>| Wish {
        pools,
        most_in_a_pool: settings.instances,
        on_demand: 0,
        falls_back: false,
    };
    match policy {
        PolicyName::LowestPrice => spot_alone(ordered(mine, |at| prices[at])),
        PolicyName::AdvisorOnly => {
            let classes = classes(world, step);
            // A pool without a class comes behind every class.
            let class = |at: usize| classes[at].map_or(u8::MAX, AdvisorBucket::index);
            spot_alone(ordered(mine, |at| (class(at), prices[at])))
        }
        PolicyName::PriceCapacity => {
            let failures: Vec<usize> = (0..prices.len()).map(|at| seen.failures(at, now)).collect();
            spot_alone(ordered(mine, |at| (failures[at], prices[at])))
        }
        PolicyName::OnDemandOnly | PolicyName::HindsightOptimum => {
            Wish { on_demand: settings.instances, falls_back: true, ..Wish::default() }
        }
        PolicyName::PublicData
        | PolicyName::Adaptive
        | PolicyName::LearnedRate
        | PolicyName::Calibrated => {
            let hazards = hazards(policy, world, step, seen, settings);
            let list = world.on_demand[step].per_hour().dollars();
            let lost = settings.interruption_cost_usd.dollars()
                + f64::from(settings.startup_seconds) / 3600.0
                    * world.unavailable[step].per_hour().dollars();
            // Rounded, so that the last bit of a float decides nothing.
            let cost = |at: usize| {
                let full = prices[at].per_hour().dollars() + hazards[at]? * lost;
                Some((full * 1e9).round() as i64).filter(|_| full < list)
            };
            let costs: Vec<Option<i64>> = (0..prices.len()).map(cost).collect();
            let last: Vec<bool> = (0..prices.len()).map(|at| seen.asked_last(at, now)).collect();
            let mut pools = ordered(mine, |at| (last[at], costs[at]));
            pools.retain(|at| costs[*at].is_some());
            Wish {
                pools,
                most_in_a_pool: settings.most_in_a_pool(),
                on_demand: settings.kept_on_demand(),
                falls_back: true,
            }
        }
    }
}

/// Pools by what is best, then by how few are mine, then in their own order.
fn ordered<K: Ord>(mine: &[u32], best: impl Fn(usize) -> K) -> Vec<usize> {
    let mut pools: Vec<usize> = (0..mine.len()).collect();
    pools.sort_by_cached_key(|at| (best(*at), mine[*at]));
    pools
}

fn day_of(world: &World, step: usize) -> usize {
    world.days.partition_point(|day| day.steps.end <= step).min(world.days.len().saturating_sub(1))
}

/// The advisor's classes as they were known when the day began.
pub(crate) fn classes(world: &World, step: usize) -> Vec<Option<AdvisorBucket>> {
    let day = &world.days[day_of(world, step)];
    day.facts
        .iter()
        .map(|facts| {
            let (slice, row) = (*facts)?;
            world.slices[slice].0.pool(row)?.advisor_bucket
        })
        .collect()
}

/// What was learned of a pool, as scores read it.
fn told(risk: &LearnedRisk) -> LearnedRow {
    let interval = risk.hazard_interval();
    LearnedRow {
        events_per_1000h: risk.hazard() * 1000.0,
        low: interval.low * 1000.0,
        high: interval.high * 1000.0,
        own_weight: risk.own_weight.value(),
        ..LearnedRow::default()
    }
}

/// Interruptions per instance-hour as a policy expects them; `None` where nothing is known, or the pool
/// is not safe enough.
fn hazards(
    policy: PolicyName,
    world: &World,
    step: usize,
    seen: &mut Seen,
    settings: &Settings,
) -> Vec<Option<f64>> {
    let now = world.second(step);
    if matches!(policy, PolicyName::PublicData | PolicyName::Adaptive) {
        let (name, hours) = match policy {
            PolicyName::Adaptive => (ProfileName::Adaptive, seen.hours()),
            _ => (ProfileName::PublicData, 0),
        };
        let Ok(profile) = Profile::new(name, hours) else { return vec![None; world.pools.len()] };
        let day = &world.days[day_of(world, step)];
        let classes = classes(world, step);
        return (0..world.pools.len())
            .map(|at| {
                let (slice, row) = day.facts[at]?;
                let (slice, region) = &world.slices[slice];
                let learns = policy == PolicyName::Adaptive && seen.was_exposed(at);
                let learned = if learns { seen.risk(at, &classes, now) } else { None };
                let learned = learned.map(|risk| told(&risk));
                let score = score_pool(slice, row, &profile, region, learned.as_ref())?;
                let safe = score.safety.value() >= settings.min_safety_score.value();
                safe.then_some(score.aged_hazard)
            })
            .collect();
    }
    let classes = classes(world, step);
    (0..world.pools.len())
        .map(|at| {
            let risk = seen.risk(at, &classes, now)?;
            if risk.safety().value() < settings.min_safety_score.value() {
                return None;
            }
            if policy == PolicyName::LearnedRate {
                return Some(risk.hazard());
            }
            let recency = seen.recency(at, now);
            let within = RecencyModel::PUBLISHED.probability(&risk, &recency, Horizon::SixHours);
            // The hazard that gives this probability over its horizon.
            let survives = (1.0 - within.value()).max(1e-9);
            Some(-ln(survives) / Horizon::SixHours.hours())
        })
        .collect()
}
