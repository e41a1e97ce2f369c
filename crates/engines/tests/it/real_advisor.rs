//! The published advisor files, where they lie beside the workspace.

use std::fs;
use std::path::PathBuf;

use engines::engine::{Engine, Given, Sources, WorkLimit};
use engines::scoring::ProfileName;
use engines::spot_optimizer::{SpotOptimizer, SpotPolicy};
use facts::cluster::ClusterState;
use jiff::{SignedDuration, Timestamp};
use market::{Limits, MarketBuilder, Origin, bundled_files, parse};

/// The share of Linux pools of us-east-1 that pass layer 1, of those with a class.
fn passing(file: &str, observed_at: &str, profile: ProfileName) -> Option<(usize, usize)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/reference");
    let bytes = fs::read(folder.join("spot-advisor").join(file)).ok()?;
    let observed_at: Timestamp = observed_at.parse().unwrap();
    let advisor = parse(&bytes, &Origin::new(file, observed_at), &Limits::default()).unwrap();
    let mut builder = MarketBuilder::new();
    for file in bundled_files() {
        builder.add(file);
    }
    builder.add(advisor);
    let market = builder.build();
    let mut policy = SpotPolicy { profile, top: 0, allocate: false, ..SpotPolicy::default() };
    policy.instance_types.previous_generations = true;
    policy.instance_types.burstable = true;
    policy.instance_types.bare_metal = true;
    policy.instance_types.accelerated = true;
    policy.instance_types.architectures =
        ["amd64", "arm64"].map(|name| name.parse().unwrap()).into();
    let state = ClusterState::from_json(br#"{"region":"us-east-1","nodes":[],"pods":[]}"#);
    let state = state.unwrap().value;
    // Evidence is of the start of the hour, so that the file is known an hour later for sure.
    let now = observed_at + SignedDuration::from_hours(1);
    let evidence =
        SpotOptimizer::gather(&SpotOptimizer::need(&state, &policy, now), &Sources::of(&market));
    let classed: u32 = evidence.offered.as_ref().unwrap().bucket_counts.iter().sum();
    let work = WorkLimit { budget: 0, cancelled: None, replays_a_cut: false };
    let given = Given { now, seed: 0, evidence: &evidence, work };
    let verdict = SpotOptimizer::decide(&state, &policy, &given);
    Some((verdict.recommendations.len(), classed as usize))
}

#[test]
fn at_least_three_in_ten_pools_can_pass_layer_one() {
    let check = |file: &str, observed_at: &str, profile: ProfileName, expected: f64| {
        let Some((passing, classed)) = passing(file, observed_at, profile) else { return };
        let share = passing as f64 / classed.max(1) as f64;
        println!("{file} {profile}: {passing} of {classed} pools pass layer 1 ({share:.3})");
        assert!(share >= expected, "{file} {profile}: {share}");
    };
    let newest = ("spot-advisor-data-2025-06.json", "2025-06-28T23:59:59Z");
    check(newest.0, newest.1, ProfileName::Adaptive, 0.30);
    check(newest.0, newest.1, ProfileName::PublicData, 0.10);
}
