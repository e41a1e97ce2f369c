//! The same for a policy that keeps On-Demand instances, falls back to them, and has them relieved:
//! `public_data` where all pools have one class, so that prices alone decide between them.

use std::collections::BTreeMap;

use backtest::{Figures, PolicyName, Settings, World};
use proptest::prelude::*;
use units::Fraction;

use super::naive::replayed;
use super::world;

/// One of the instances that the workload wants.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Slot {
    Nowhere,
    In {
        pool: usize,
        ready: i64,
    },
    OnDemand {
        ready: i64,
    },
    /// On-Demand until a spot instance is ready.
    Relieved {
        pool: usize,
        ready: i64,
    },
}

impl Slot {
    fn in_pool(self, wanted: usize) -> Option<(i64, bool)> {
        match self {
            Slot::In { pool, ready } if pool == wanted => Some((ready, false)),
            Slot::Relieved { pool, ready } if pool == wanted => Some((ready, true)),
            _ => None,
        }
    }
}

fn simulated(world: &World, settings: &Settings, kept: usize) -> Figures {
    let n = settings.instances as usize;
    let (dt, pools) = (i64::from(world.step_seconds), world.pools.len());
    let mut slots = vec![Slot::Nowhere; n];
    let mut refused_at: BTreeMap<usize, i64> = BTreeMap::new();
    let mut total = Figures::default();
    for step in 0..world.steps() {
        let now = dt * step as i64;
        let ready = now + i64::from(settings.startup_seconds);
        let price = |pool: usize| world.pools[pool].spot[step];
        let holds = |pool: usize| {
            let pool = &world.pools[pool];
            usize::from(pool.held[step]) * n / usize::from(pool.asked)
        };
        for pool in 0..pools {
            while slots.iter().filter(|slot| slot.in_pool(pool).is_some()).count() > holds(pool) {
                let latest = (0..n).filter(|at| slots[*at].in_pool(pool).is_some());
                let latest = latest.max_by_key(|at| slots[*at].in_pool(pool)).unwrap();
                slots[latest] = match slots[latest] {
                    Slot::Relieved { .. } => Slot::OnDemand { ready: i64::MIN },
                    _ => Slot::Nowhere,
                };
                total.interruptions += 1;
                total.interruption += i128::from(settings.interruption_cost_usd.nanos()) * 3600;
            }
        }
        let count = |slots: &[Slot], which: &dyn Fn(&Slot) -> bool| {
            slots.iter().filter(|slot| which(slot)).count()
        };
        let bought = |slot: &Slot| matches!(slot, Slot::OnDemand { .. } | Slot::Relieved { .. });
        let idle = |slot: &Slot| matches!(slot, Slot::OnDemand { ready } if *ready < now);
        let relieved = |slot: &Slot| matches!(slot, Slot::Relieved { .. });
        let (serving, relieving) = (count(&slots, &idle), count(&slots, &relieved));
        let mut surplus = (serving + relieving).saturating_sub(kept).saturating_sub(relieving);
        for _ in count(&slots, &bought)..kept {
            if let Some(free) = slots.iter().position(|slot| *slot == Slot::Nowhere) {
                slots[free] = Slot::OnDemand { ready };
            }
        }
        let mine: Vec<usize> =
            (0..pools).map(|pool| count(&slots, &|slot| slot.in_pool(pool).is_some())).collect();
        let mut order: Vec<usize> = (0..pools).collect();
        order.sort_by_key(|pool| {
            let refused = refused_at.get(pool).is_some_and(|at| now - at < 3600);
            (refused, price(*pool), mine[*pool], *pool)
        });
        let mut refused = 0;
        for pool in order {
            let missing = count(&slots, &|slot| *slot == Slot::Nowhere);
            let wanted = (missing + surplus).min(n - mine[pool]);
            if wanted == 0 || refused >= settings.attempts {
                continue;
            }
            total.requests += 1;
            let granted = (holds(pool) - mine[pool]).min(wanted);
            for number in 0..granted {
                if number < missing {
                    let free = slots.iter().position(|slot| *slot == Slot::Nowhere).unwrap();
                    slots[free] = Slot::In { pool, ready };
                } else {
                    let free = slots.iter().position(idle).unwrap();
                    slots[free] = Slot::Relieved { pool, ready };
                    surplus -= 1;
                }
            }
            if granted < wanted {
                refused += 1;
                total.refusals += 1;
                refused_at.insert(pool, now);
            }
        }
        for slot in &mut slots {
            if *slot == Slot::Nowhere {
                *slot = Slot::OnDemand { ready };
            }
            let list = i128::from(world.on_demand[step].nanos());
            let (spot, bought, late) = match *slot {
                Slot::Nowhere => panic!(),
                Slot::In { pool, ready } => (Some(pool), 0, ready - now),
                Slot::OnDemand { ready } => (None, dt, ready.saturating_sub(now)),
                Slot::Relieved { pool, ready } => (Some(pool), (ready - now).min(dt), 0),
            };
            if let Some(pool) = spot {
                total.spot_seconds += dt as u64;
                total.compute += i128::from(price(pool).nanos()) * i128::from(dt);
            }
            total.on_demand_seconds += bought as u64;
            total.compute += list * i128::from(bought);
            let late = late.clamp(0, dt);
            total.unavailable_seconds += late as u64;
            total.unavailable += i128::from(world.unavailable[step].nanos()) * i128::from(late);
            if let Slot::Relieved { pool, ready } = *slot
                && ready < now + dt
            {
                *slot = Slot::In { pool, ready };
            }
        }
    }
    total
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn falling_back_and_being_relieved_come_out_alike(
        held in prop::collection::vec(prop::collection::vec(0_u16..5, 60), 3),
        milli in prop::collection::vec(prop::collection::vec(20_u32..80, 60), 3),
        instances in 1_u32..9, kept in 0_u32..4, startup_seconds in 0_u32..9000, attempts in 1_u32..4,
    ) {
        let kept = kept.min(instances);
        let settings = Settings {
            instances,
            startup_seconds,
            attempts,
            on_demand_share: Fraction::clamped(f64::from(kept) / f64::from(instances)),
            ..Settings::default()
        };
        let world = world(&held, &milli, 1800, &settings);
        let found = replayed(&world, PolicyName::PublicData, &settings);
        prop_assert_eq!(found, simulated(&world, &settings, kept as usize));
    }
}
