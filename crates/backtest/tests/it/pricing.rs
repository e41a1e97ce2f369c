//! What is done where a price is not known: it is said, and nothing stands in silently.

use backtest::{Episode, EpisodePool, Measured, PoolKey, Settings, World};
use units::Fraction;

use super::MARKET;

fn episode(start: &str, kinds: &[(&str, &str)]) -> Episode {
    Episode {
        name: "one".to_owned(),
        measured: Measured::Availability,
        start: start.parse().unwrap(),
        step_seconds: 3600,
        steps: 24,
        pools: kinds
            .iter()
            .map(|(kind, zone)| EpisodePool {
                key: PoolKey { instance_type: kind.parse().unwrap(), zone: zone.parse().unwrap() },
                asked: 1,
                held: vec![1; 24],
            })
            .collect(),
        notes: Vec::new(),
    }
}

fn reason(episode: &Episode, settings: &Settings) -> String {
    World::new(episode, &MARKET, settings).unwrap_err().to_string()
}

#[test]
fn a_pool_without_prices_is_refused_with_what_is_missing() {
    let default = Settings::default();
    let check = |episode: &Episode, settings: &Settings, words: &[&str]| {
        let reason = reason(episode, settings);
        assert!(words.iter().all(|word| reason.contains(word)), "{reason}");
    };
    let here = episode("2026-08-03T00:00:00Z", &[("p3.2xlarge", "us-east-1a")]);
    check(&here, &default, &["no spot price", "24.0 of 24.0", "spot_share"]);
    let before = episode("2009-01-01T00:00:00Z", &[("p3.2xlarge", "us-east-1a")]);
    check(&before, &default, &["no On-Demand price", "later_list_prices"]);
    let elsewhere = episode("2026-08-03T00:00:00Z", &[("p3.2xlarge", "use1-az1")]);
    check(&elsewhere, &default, &["does not name its region"]);
}

#[test]
fn what_stands_in_is_told_apart() {
    let both = episode(
        "2026-08-03T00:00:00Z",
        &[("m5.large", "us-east-1a"), ("p3.2xlarge", "us-east-1a")],
    );
    let quoted = World::new(&both, &MARKET, &Settings::default()).unwrap();
    assert_eq!(quoted.pools.len(), 1);
    assert_eq!(quoted.pools[0].price_hours.spot_history, 24.0);
    assert!(quoted.left_out[0].reason.contains("accept_average_prices"));
    let average = Settings { accept_average_prices: true, ..Settings::default() };
    let averaged = World::new(&both, &MARKET, &average).unwrap();
    assert_eq!(averaged.pools[1].price_hours.advisor_average, 24.0);
    let share = Settings { spot_share: Some(Fraction::clamped(0.25)), ..Settings::default() };
    let assumed = World::new(&both, &MARKET, &share).unwrap();
    assert_eq!(assumed.pools[1].price_hours.assumed_share, 24.0);
    let list = assumed.pools[1].on_demand.per_hour().dollars();
    assert_eq!(assumed.pools[1].spot[0].per_hour().dollars(), list / 4.0);
    // On-Demand is bought as the cheaper of the types.
    assert_eq!(assumed.on_demand[0], assumed.pools[0].on_demand);
}

#[test]
fn a_later_list_price_says_of_when_it_is() {
    let before = episode("2009-01-01T00:00:00Z", &[("p3.2xlarge", "us-east-1a")]);
    let settings = Settings {
        later_list_prices: true,
        spot_share: Some(Fraction::clamped(0.3)),
        ..Settings::default()
    };
    let world = World::new(&before, &MARKET, &settings).unwrap();
    assert!(world.pools[0].list_price_of.unwrap() > world.start);
}
