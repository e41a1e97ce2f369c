//! Ranking 1,800 pools and sharing capacity out over some 500 eligible ones, on one core.
//!
//! `cargo bench -p engines --bench spot`. Prints what the layers cost first.
#![expect(clippy::unwrap_used, reason = "a bench fails where it panics")]

use std::fmt::Write as _;

use divan::Bencher;
use engines::allocation::{Offer, Problem, solve};
use engines::engine::{Engine, Given, Sources, WorkLimit};
use engines::safety::SafetyLimits;
use engines::spot_optimizer::{SpotEvidence, SpotOptimizer, SpotPolicy};
use facts::cluster::ClusterState;
use facts::names::CapacityType;
use jiff::Timestamp;
use market::{Limits, Market, MarketBuilder, MarketFile, Origin, bundled_files, parse};

const ZONES: [&str; 6] = ["a", "b", "c", "d", "e", "f"];
const WORK: WorkLimit<'static> =
    WorkLimit { budget: 100_000, cancelled: None, replays_a_cut: false };

fn main() {
    print_what_layers_cost();
    divan::main();
}

fn now() -> Timestamp {
    "2026-08-01T12:00:00Z".parse().unwrap()
}

/// 300 types in six zones with a week of prices; the classes of the bundled advisor do not matter,
/// since every type gets one of its own, as often in each class as in us-east-1.
fn market() -> Market {
    let mut builder = MarketBuilder::new();
    let mut catalogue = None;
    for file in bundled_files() {
        if let MarketFile::Catalogue(file) = file {
            catalogue = Some(file);
        }
    }
    let mut catalogue = catalogue.unwrap();
    catalogue.instances.retain(|one| {
        one.current_generation && !one.burstable && !one.bare_metal && !one.accelerated()
    });
    catalogue.instances.truncate(300);
    let origin = Origin::new("bench", "2026-07-25T00:00:00Z".parse().unwrap());
    let mut advisor = "instance_type,advisor linux us-east-1@2026-07-25T00:00:00Z\n".to_owned();
    let mut prices = "instance_type,linux us-east-1@2026-07-20T00:00:00Z\n".to_owned();
    let mut spot = "timestamp,az,instance_type,usd_per_hour\n".to_owned();
    for (at, one) in catalogue.instances.iter().enumerate() {
        let list = 0.024 * f64::from(one.vcpu) + 0.003 * one.memory.gib();
        // Of each hundred 14 in the safest class, 19, 14, 11 and 42 in the others.
        let class = [14, 33, 47, 58, 100].iter().position(|end| at * 37 % 100 < *end).unwrap();
        let _ = writeln!(advisor, "{},{class}:62", one.instance_type);
        let _ = writeln!(prices, "{},{list:.6}", one.instance_type);
        for (zone, letter) in ZONES.iter().enumerate() {
            for day in 26..=31 {
                let share = 0.30 + ((at * 31 + zone * 17 + day) % 23) as f64 / 100.0;
                let price = list * share;
                let _ = writeln!(
                    spot,
                    "2026-07-{day}T18:00:00Z,us-east-1{letter},{},{price:.6}",
                    one.instance_type
                );
            }
        }
    }
    for text in [advisor, prices, spot] {
        builder.add(
            parse(
                text.as_bytes(),
                &Origin { observed_at: now(), ..origin.clone() },
                &Limits::default(),
            )
            .unwrap(),
        );
    }
    builder.add(MarketFile::Catalogue(catalogue));
    builder.build()
}

fn state() -> ClusterState {
    let nodes: Vec<String> = (0..100)
        .map(|at| {
            format!(
                r#"{{"name":"n{at}","instance_type":"m5.2xlarge","zone":"us-east-1{}",
                    "capacity_type":"on_demand","capacity":{{"cpu":"8","memory":"32Gi"}},
                    "architecture":"{}"}}"#,
                ZONES[at % 6],
                if at % 2 == 0 { "amd64" } else { "arm64" }
            )
        })
        .collect();
    let text = format!(r#"{{"region":"us-east-1","nodes":[{}],"pods":[]}}"#, nodes.join(","));
    ClusterState::from_json(text.as_bytes()).unwrap().value
}

fn evidence(state: &ClusterState, policy: &SpotPolicy, market: &Market) -> SpotEvidence {
    SpotOptimizer::gather(&SpotOptimizer::need(state, policy, now()), &Sources::of(market))
}

/// The decision and the cost of the cheapest pool alone, price and full, beside On-Demand's share.
fn print_what_layers_cost() {
    let (state, market, policy) = (state(), market(), SpotPolicy::default());
    let evidence = evidence(&state, &policy, &market);
    let given = Given { now: now(), seed: 0, evidence: &evidence, work: WORK };
    let verdict = SpotOptimizer::decide(&state, &policy, &given);
    let full = |pool: &facts::decision::AllocatedPool| {
        pool.full_usd_per_vcpu_hour.map_or(0.0, |rate| rate.per_hour().dollars())
    };
    let cost: f64 = verdict.allocation.iter().map(|pool| pool.share.value() * full(pool)).sum();
    let held: Vec<_> =
        verdict.allocation.iter().filter(|pool| pool.capacity_type == CapacityType::Spot).collect();
    let cheapest = held.iter().map(|pool| full(pool)).fold(f64::INFINITY, f64::min);
    let on_demand =
        verdict.allocation.iter().filter(|pool| pool.capacity_type == CapacityType::OnDemand);
    let on_demand = on_demand.map(full).fold(f64::INFINITY, f64::min);
    let all_in_one = 0.85 * cheapest + 0.15 * on_demand;
    println!("{}", verdict.warnings[0].message);
    println!(
        "{} spot pools, {} work units; full cost a processor and hour {cost:.6}; the cheapest pool \
         alone with 15 % On-Demand {all_in_one:.6}, so spreading costs {:.2} %; all spot in the \
         cheapest pool {cheapest:.6}",
        held.len(),
        verdict.work_used,
        (cost / all_in_one - 1.0) * 100.0
    );
}

/// From the market to evidence with scores: once per market version, profile and hour.
#[divan::bench(sample_count = 20)]
fn gather_and_score(bencher: Bencher<'_, '_>) {
    let (state, market, policy) = (state(), market(), SpotPolicy::default());
    bencher.bench(|| evidence(&state, &policy, &market));
}

/// A ranking on evidence that is there: five recommendations, fifty refusals.
#[divan::bench(sample_count = 200)]
fn rank(bencher: Bencher<'_, '_>) {
    let policy = SpotPolicy { allocate: false, ..SpotPolicy::default() };
    decide(bencher, &policy);
}

/// The same with the shares.
#[divan::bench(sample_count = 200)]
fn rank_and_allocate(bencher: Bencher<'_, '_>) {
    decide(bencher, &SpotPolicy::default());
}

fn decide(bencher: Bencher<'_, '_>, policy: &SpotPolicy) {
    let (state, market) = (state(), market());
    let evidence = evidence(&state, policy, &market);
    bencher.bench(|| {
        let given = Given { now: now(), seed: 0, evidence: &evidence, work: WORK };
        SpotOptimizer::decide(&state, policy, &given)
    });
}

/// The solver alone, 500 pools in six zones, zones so unequal that every choice has to be tried.
#[divan::bench(sample_count = 200)]
fn solve_500(bencher: Bencher<'_, '_>) {
    let offers: Vec<Offer> = (0..500)
        .map(|at| {
            let zone = at % 6;
            let cost = 0.01 * (1 + zone * zone) as f64 + 0.001 * (at * 7919 % 97) as f64 / 97.0;
            Offer { zone, cost }
        })
        .collect();
    bencher.bench(|| {
        let limits = SafetyLimits::default();
        solve(&Problem { offers: &offers, zones: 6, on_demand: 0.15, limits }, WORK)
    });
}
