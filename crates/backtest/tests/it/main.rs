//! Replays on small episodes that a person can follow, and laws on random ones.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod golden;
mod hindsight;
mod laws;
mod naive;
mod naive_fallback;
mod no_look_ahead;
mod pages;
mod pricing;

use std::sync::LazyLock;

use backtest::{Episode, EpisodePool, Measured, PoolKey, Settings, World};
use market::{Limits, Market, MarketBuilder, Origin};
use units::UsdPerHour;

/// The folder of an example.
fn folder() -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/small")
}

fn file(name: &str) -> Vec<u8> {
    std::fs::read(folder().join(name)).unwrap()
}

/// The bundled market with these spot prices.
fn market_with(prices: &[u8]) -> Market {
    let origin = Origin::new("prices.csv", "2026-08-10T00:00:00Z".parse().unwrap());
    let mut builder = MarketBuilder::new();
    for file in market::bundled_files() {
        builder.add(file);
    }
    builder.add(market::parse(prices, &origin, &Limits::default()).unwrap());
    builder.build()
}

static MARKET: LazyLock<Market> = LazyLock::new(|| market_with(&file("prices.csv")));

/// A world of three pools with this capacity and these prices in thousandths of a dollar.
fn world(held: &[Vec<u16>], milli: &[Vec<u32>], step_seconds: u32, settings: &Settings) -> World {
    let pools = ["us-east-1a", "us-east-1b", "us-east-1c"].iter().zip(held).map(|(zone, held)| {
        EpisodePool {
            key: PoolKey {
                instance_type: "m5.large".parse().unwrap(),
                zone: zone.parse().unwrap(),
            },
            asked: 4,
            held: held.clone(),
        }
    });
    let episode = Episode {
        name: "random".to_owned(),
        measured: Measured::Availability,
        start: "2026-08-03T12:00:00Z".parse().unwrap(),
        step_seconds,
        steps: held[0].len(),
        pools: pools.collect(),
        notes: Vec::new(),
    };
    let settings = Settings { spot_share: Some(units::Fraction::clamped(0.4)), ..settings.clone() };
    let mut world = World::new(&episode, &MARKET, &settings).unwrap();
    for (pool, prices) in world.pools.iter_mut().zip(milli) {
        pool.spot = prices.iter().map(|milli| nanos(*milli)).collect();
    }
    world
}

fn nanos(milli: u32) -> UsdPerHour {
    UsdPerHour::from_nanos(i64::from(milli) * 1_000_000)
}
