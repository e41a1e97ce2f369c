//! Whatever is changed after an instant changes no decision at or before it.

use backtest::{POLICIES, PolicyName, Reports, Request, Settings, World, replay};
use proptest::prelude::*;

use super::golden::{settings, small};
use super::{MARKET, file, market_with, nanos, world};

fn until(world: &World, policy: PolicyName, settings: &Settings, step: usize) -> Vec<Request> {
    replay(world, policy, settings).requests.into_iter().filter(|one| one.step <= step).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]
    #[test]
    fn a_poisoned_future_changes_nothing_before_it(
        held in prop::collection::vec(prop::collection::vec(0_u16..5, 70), 3),
        poison in prop::collection::vec(prop::collection::vec(0_u16..5, 70), 3),
        milli in prop::collection::vec(prop::collection::vec(20_u32..120, 70), 3),
        last in 0_usize..70, shared in any::<bool>(), startup_seconds in 0_u32..7000,
    ) {
        let settings = Settings {
            instances: 5,
            startup_seconds,
            reports: if shared { Reports::All } else { Reports::Own },
            ..Settings::default()
        };
        let clean = world(&held, &milli, 3600, &settings);
        let mut poisoned = clean.clone();
        for (pool, poison) in poisoned.pools.iter_mut().zip(&poison) {
            for (step, held) in poison.iter().enumerate().skip(last + 1) {
                pool.held[step] = *held;
                pool.spot[step] = nanos(200 - u32::from(*held) * 30);
            }
        }
        for step in last + 1..70 {
            poisoned.on_demand[step] = nanos(3);
            poisoned.unavailable[step] = nanos(9000);
        }
        for entry in POLICIES.iter().filter(|entry| entry.name != PolicyName::HindsightOptimum) {
            prop_assert_eq!(
                until(&clean, entry.name, &settings, last),
                until(&poisoned, entry.name, &settings, last),
                "{}", entry.word
            );
        }
    }
}

#[test]
fn prices_that_become_known_later_change_nothing_before() {
    let settings = settings();
    let (_, worlds) = small(&[], &settings);
    let clean = &worlds[0];
    // From the fourth day on everything costs ten times as much, and yet more classes are known.
    let text = String::from_utf8(file("prices.csv")).unwrap();
    let poisoned: String = text
        .lines()
        .map(|line| {
            let later = line.get(..10).is_some_and(|day| ("2026-08-06".."2027").contains(&day));
            if later { line.replace(",0.0", ",0.9") + "\n" } else { line.to_owned() + "\n" }
        })
        .collect();
    let market = market_with(poisoned.as_bytes());
    assert_ne!(market.version(), MARKET.version());
    let episode = {
        let bytes = file("events.csv");
        let files = [backtest::EventFile { path: "small/events.csv", bytes: &bytes }];
        let window = backtest::Window {
            from: Some("2026-08-03T00:00:00Z".parse().unwrap()),
            until: Some("2026-08-09T00:00:00Z".parse().unwrap()),
        };
        backtest::read_files(&files, window, &settings).unwrap().episodes.remove(0)
    };
    let dear = World::new(&episode, &market, &settings).unwrap();
    assert_ne!(dear.pools[0].spot, clean.pools[0].spot);
    // The price of the fourth day is known an hour after it began.
    let last = 3 * 24;
    for entry in POLICIES.iter().filter(|entry| entry.name != PolicyName::HindsightOptimum) {
        let (a, b) =
            (until(clean, entry.name, &settings, last), until(&dear, entry.name, &settings, last));
        assert_eq!(a, b, "{}", entry.word);
    }
}
