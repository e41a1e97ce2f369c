//! The same counts by a simulation that follows every instance by itself, second by second of its
//! start, and knows nothing of how the product counts.

use backtest::{Figures, PolicyName, Settings, World, replay};
use proptest::prelude::*;

use super::golden::{settings, small};
use super::world;

/// One of the instances that the workload wants.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Slot {
    Nowhere,
    In { pool: usize, ready: i64 },
    OnDemand { ready: i64 },
}

/// What an instance-by-instance simulation counts of a policy that buys spot alone, in the order that
/// `prefers` gives, or On-Demand alone where it gives none.
fn simulated(
    world: &World,
    settings: &Settings,
    mut prefers: impl FnMut(usize, &[usize], &mut Vec<(i64, usize)>) -> Vec<usize>,
) -> Figures {
    let n = settings.instances as usize;
    let mut slots = vec![Slot::Nowhere; n];
    let mut total = Figures::default();
    let mut failures = Vec::new();
    let dt = i64::from(world.step_seconds);
    for step in 0..world.steps() {
        let now = dt * step as i64;
        let holds = |pool: usize| {
            let pool = &world.pools[pool];
            usize::from(pool.held[step]) * n / usize::from(pool.asked)
        };
        for pool in 0..world.pools.len() {
            let mut lost = false;
            while slots.iter().filter(|slot| is_in(slot, pool)).count() > holds(pool) {
                // The latest to be ready goes first.
                let latest = (0..n).filter(|at| is_in(&slots[*at], pool)).max_by_key(|at| {
                    let Slot::In { ready, .. } = slots[*at] else { panic!() };
                    ready
                });
                slots[latest.unwrap()] = Slot::Nowhere;
                total.interruptions += 1;
                total.interruption += i128::from(settings.interruption_cost_usd.nanos()) * 3600;
                lost = true;
            }
            if lost {
                failures.push((now, pool));
            }
        }
        let mine: Vec<usize> = (0..world.pools.len())
            .map(|pool| slots.iter().filter(|slot| is_in(slot, pool)).count())
            .collect();
        let ready = now + i64::from(settings.startup_seconds);
        if slots.contains(&Slot::Nowhere) {
            let order = prefers(step, &mine, &mut failures);
            let mut refused = 0;
            for pool in order.iter().copied() {
                let missing = slots.iter().filter(|slot| **slot == Slot::Nowhere).count();
                if missing == 0 || refused >= settings.attempts {
                    break;
                }
                total.requests += 1;
                let granted = (holds(pool) - mine[pool]).min(missing);
                for _ in 0..granted {
                    let free = slots.iter().position(|slot| *slot == Slot::Nowhere).unwrap();
                    slots[free] = Slot::In { pool, ready };
                }
                if granted < missing {
                    total.refusals += 1;
                    refused += 1;
                    failures.push((now, pool));
                }
            }
            if order.is_empty() {
                slots.fill(Slot::OnDemand { ready });
            }
        }
        for slot in &slots {
            let (price, ready) = match slot {
                Slot::Nowhere => (None, now + dt),
                Slot::In { pool, ready } => (Some(world.pools[*pool].spot[step]), *ready),
                Slot::OnDemand { ready } => (Some(world.on_demand[step]), *ready),
            };
            total.compute += price.map_or(0, |price| i128::from(price.nanos()) * i128::from(dt));
            match slot {
                Slot::Nowhere => {}
                Slot::In { .. } => total.spot_seconds += dt as u64,
                Slot::OnDemand { .. } => total.on_demand_seconds += dt as u64,
            }
            let missing = (ready - now).clamp(0, dt);
            total.unavailable_seconds += missing as u64;
            total.unavailable += i128::from(world.unavailable[step].nanos()) * i128::from(missing);
        }
    }
    total
}

fn is_in(slot: &Slot, wanted: usize) -> bool {
    matches!(slot, Slot::In { pool, .. } if *pool == wanted)
}

pub(crate) fn replayed(world: &World, policy: PolicyName, settings: &Settings) -> Figures {
    let mut sum = Figures::default();
    for day in replay(world, policy, settings).days {
        sum += day;
    }
    sum
}

fn agree(world: &World, settings: &Settings) {
    let by_price = |step: usize, mine: &[usize]| {
        let mut order: Vec<usize> = (0..mine.len()).collect();
        order.sort_by_key(|pool| (world.pools[*pool].spot[step], mine[*pool], *pool));
        order
    };
    let lowest = simulated(world, settings, |step, mine, _| by_price(step, mine));
    assert_eq!(replayed(world, PolicyName::LowestPrice, settings), lowest, "lowest_price");
    // One class for all: the advisor leaves it to the price.
    assert_eq!(replayed(world, PolicyName::AdvisorOnly, settings), lowest, "advisor_only");
    let failing = simulated(world, settings, |step, mine, failures| {
        let now = i64::from(world.step_seconds) * step as i64;
        let mut order = by_price(step, mine);
        order.sort_by_key(|pool| {
            failures.iter().filter(|(at, of)| of == pool && now - at < 24 * 3600).count()
        });
        order
    });
    assert_eq!(replayed(world, PolicyName::PriceCapacity, settings), failing, "price_capacity");
    let never = simulated(world, settings, |_, _, _| Vec::new());
    assert_eq!(replayed(world, PolicyName::OnDemandOnly, settings), never, "on_demand_only");
}

#[test]
fn the_small_back_test_is_counted_right() {
    let settings = settings();
    let (report, worlds) = small(&[], &settings);
    agree(&worlds[0], &settings);
    // And what is counted is what is reported.
    let of = |policy: PolicyName| {
        report.runs[0].policies.iter().find(|one| one.policy == policy).unwrap()
    };
    let sum = replayed(&worlds[0], PolicyName::LowestPrice, &settings);
    let shown = of(PolicyName::LowestPrice);
    assert_eq!(shown.interruptions.value, sum.interruptions as f64);
    let dollars = sum.full() as f64 / 3600.0 / 1e9;
    assert!((shown.full_cost_usd.value - dollars).abs() < 1e-6, "{shown:?} {dollars}");
    assert!((shown.unavailable_hours.value - sum.unavailable_seconds as f64 / 3600.0).abs() < 1e-6);
    // Four instances for 144 hours, and a quarter of an hour to start each.
    let never = of(PolicyName::OnDemandOnly);
    assert!((never.compute_usd.value - 4.0 * 144.0 * 0.096).abs() < 1e-6, "{never:?}");
    assert_eq!((never.interruptions.value, never.unavailable_hours.value), (0.0, 1.0));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn instance_by_instance_comes_out_alike(
        held in prop::collection::vec(prop::collection::vec(0_u16..5, 60), 3),
        milli in prop::collection::vec(prop::collection::vec(20_u32..120, 60), 3),
        instances in 1_u32..9, startup_seconds in 0_u32..9000, attempts in 1_u32..4,
    ) {
        let settings = Settings { instances, startup_seconds, attempts, ..Settings::default() };
        agree(&world(&held, &milli, 1800, &settings), &settings);
    }
}
