//! One small back-test as a person reads it and as programs do.

use backtest::{
    EventFile, PolicyName, Report, Settings, Window, World, backtest, markdown, read_files,
};
use units::Usd;

use super::{MARKET, file, folder};

pub(crate) fn settings() -> Settings {
    Settings {
        instances: 4,
        startup_seconds: 900,
        interruption_cost_usd: Usd::from_nanos(300_000_000),
        step_seconds: 3600,
        resamples: 500,
        ..Settings::default()
    }
}

pub(crate) fn small(policies: &[PolicyName], settings: &Settings) -> (Report, Vec<World>) {
    let bytes = file("events.csv");
    let files = [EventFile { path: "small/events.csv", bytes: &bytes }];
    let window = Window {
        from: Some("2026-08-03T00:00:00Z".parse().unwrap()),
        until: Some("2026-08-09T00:00:00Z".parse().unwrap()),
    };
    let read = read_files(&files, window, settings).unwrap();
    let worlds: Vec<World> =
        read.episodes.iter().map(|one| World::new(one, &MARKET, settings).unwrap()).collect();
    (backtest(&worlds, policies, "small", settings, read.left_out), worlds)
}

#[test]
fn a_small_back_test_is_as_it_was() {
    let (report, _) = small(&[], &settings());
    check("report.md", &markdown(&report));
    check("report.json", &(serde_json::to_string_pretty(&report).unwrap() + "\n"));
}

fn check(name: &str, found: &str) {
    let path = folder().join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, found).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(expected == found, "{name} differs; UPDATE_GOLDEN=1 accepts it:\n{found}");
}
