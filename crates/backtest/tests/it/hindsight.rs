//! The optimum beside every way there is.

use backtest::{Bound, Figures, Settings, World, hindsight};
use proptest::prelude::*;
use units::Usd;

use super::world;

/// What the best of all sequences of places costs one instance: found by trying each.
fn tried(world: &World, settings: &Settings) -> i128 {
    let places = world.pools.len() + 2;
    let steps = world.steps();
    let mut best = i128::MAX;
    for number in 0..places.pow(steps as u32) {
        let path: Vec<usize> =
            (0..steps).map(|step| number / places.pow(step as u32) % places).collect();
        if let Some(cost) = cost(world, settings, &path) {
            best = best.min(cost);
        }
    }
    best
}

fn cost(world: &World, settings: &Settings, path: &[usize]) -> Option<i128> {
    let dt = i128::from(world.step_seconds);
    let whole = (settings.startup_seconds / world.step_seconds) as usize;
    let rest = i128::from(settings.startup_seconds % world.step_seconds);
    let price = |place: usize, step: usize| -> i128 {
        match place {
            1 => world.on_demand[step].nanos().into(),
            _ => world.pools[place - 2].spot[step].nanos().into(),
        }
    };
    let up = |place: usize, step: usize| place < 2 || world.pools[place - 2].held[step] > 0;
    let mut sum = 0;
    let mut at = 0;
    for (step, place) in path.iter().copied().enumerate() {
        if !up(place, step) {
            return None;
        }
        let missing = i128::from(world.unavailable[step].nanos());
        if place != at {
            if !up(at, step) {
                sum += i128::from(settings.interruption_cost_usd.nanos()) * 3600;
            }
            if place != 0 {
                let began = step.checked_sub(whole)?;
                for before in began..step {
                    if !up(place, before) {
                        return None;
                    }
                    sum += price(place, before) * dt;
                }
                let held = at != 0 && up(at, step);
                sum += rest * if held { missing.min(price(at, step)) } else { missing };
            }
        }
        sum += dt * if place == 0 { missing } else { price(place, step) };
        at = place;
    }
    Some(sum)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn no_way_is_cheaper(
        held in prop::collection::vec(prop::collection::vec(prop_oneof![Just(0_u16), Just(4)], 6), 2),
        milli in prop::collection::vec(prop::collection::vec(20_u32..140, 6), 2),
        startup_seconds in 0_u32..5000, cost in 0_i64..200_000_000,
    ) {
        let settings = Settings {
            instances: 3,
            startup_seconds,
            interruption_cost_usd: Usd::from_nanos(cost),
            ..Settings::default()
        };
        let world = world(&held, &milli, 1800, &settings);
        let found = hindsight(&world, &settings);
        let mut sum = Figures::default();
        for day in &found.days {
            sum += *day;
        }
        prop_assert_eq!(sum.full(), 3 * tried(&world, &settings));
        prop_assert_eq!(found.bound, Bound::Reached);
    }
}
