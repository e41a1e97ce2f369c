//! What holds for every episode.

use backtest::{
    Figures, POLICIES, PolicyName, Reports, Settings, Window, World, backtest, episode_of_events,
    hindsight, replay,
};
use proptest::prelude::*;
use units::{Fraction, Usd};

use super::{MARKET, world};

fn total(days: &[Figures]) -> Figures {
    let mut sum = Figures::default();
    for day in days {
        sum += *day;
    }
    sum
}

fn any_settings() -> impl Strategy<Value = Settings> {
    (1_u32..9, 0_u32..9000, 0_i64..300_000_000, 0.0..1.0_f64, 0.1..1.0_f64, any::<bool>(), 1_u32..4)
        .prop_map(|(instances, startup_seconds, cost, kept, most, shared, attempts)| Settings {
            instances,
            startup_seconds,
            interruption_cost_usd: Usd::from_nanos(cost),
            on_demand_share: Fraction::clamped(kept),
            max_pool_share: Fraction::clamped(most),
            reports: if shared { Reports::All } else { Reports::Own },
            attempts,
            resamples: 100,
            ..Settings::default()
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]
    #[test]
    fn nobody_beats_hindsight_and_on_demand_is_never_interrupted(
        held in prop::collection::vec(prop::collection::vec(0_u16..5, 80), 3),
        milli in prop::collection::vec(prop::collection::vec(20_u32..120, 80), 3),
        settings in any_settings(),
    ) {
        let world = world(&held, &milli, 1800, &settings);
        let best = total(&hindsight(&world, &settings).days);
        let wanted = 80 * 1800 * u64::from(settings.instances);
        for entry in POLICIES.iter().filter(|entry| entry.name != PolicyName::HindsightOptimum) {
            let run = replay(&world, entry.name, &settings);
            let sum = total(&run.days);
            prop_assert!(best.full() <= sum.full(), "{}: {:?} {:?}", entry.word, best, sum);
            prop_assert!(sum.unavailable_seconds <= wanted, "{}", entry.word);
            // Whatever serves is paid for.
            let paid = sum.spot_seconds + sum.on_demand_seconds;
            prop_assert!(paid + sum.unavailable_seconds >= wanted, "{}", entry.word);
            prop_assert_eq!(&run, &replay(&world, entry.name, &settings));
        }
        let never = total(&replay(&world, PolicyName::OnDemandOnly, &settings).days);
        prop_assert_eq!((never.interruptions, never.spot_seconds), (0, 0));
    }

    #[test]
    fn the_order_of_events_has_no_say(
        events in prop::collection::vec((0_i64..500_000, 0_usize..3, any::<bool>()), 2..40),
        turn in 0_usize..40,
    ) {
        let zones = ["us-east-1a", "us-east-1b", "us-east-1c"];
        let settings = Settings {
            down_for_seconds: Some(5000),
            step_seconds: 1200,
            spot_share: Some(Fraction::clamped(0.4)),
            resamples: 100,
            ..Settings::default()
        };
        let start = 1_785_800_000;
        let events: Vec<backtest::PoolEvent> = events
            .into_iter()
            .map(|(second, zone, back)| backtest::PoolEvent {
                timestamp: jiff::Timestamp::from_second(start + second).unwrap(),
                instance_type: "m5.large".parse().unwrap(),
                zone: zones[zone].parse().unwrap(),
                event: if back { backtest::EventKind::Return } else { backtest::EventKind::Interruption },
                share: None,
            })
            .collect();
        let bytes = |events: &[backtest::PoolEvent]| {
            let episode = episode_of_events("order", events, Window::default(), &settings).unwrap();
            let world = World::new(&episode, &MARKET, &settings).unwrap();
            serde_json::to_vec(&backtest(&[world], &[], "m", &settings, Vec::new())).unwrap()
        };
        let mut other = events.clone();
        other.reverse();
        other.rotate_left(turn % events.len());
        prop_assert_eq!(bytes(&events), bytes(&other));
    }
}
