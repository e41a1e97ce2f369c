//! Sizes of 20,000 pods on 1,000 nodes with histograms of use, and putting histograms together, on
//! one core.
//!
//! `cargo bench -p engines --bench rightsizing`. Prints what is decided first.
#![expect(clippy::unwrap_used, reason = "a bench fails where it panics")]

use std::fmt::Write as _;

use divan::Bencher;
use divan::counter::ItemsCount;
use engines::engine::{Engine, Given, Sources, WorkLimit};
use engines::rightsizing::{Rightsizing, RightsizingEvidence, RightsizingPolicy};
use facts::cluster::{
    ClusterState, Container, Node, Owner, Pod, ResourceList, Section, Usage, UsageHistory,
    UsageSamples, Workload, WorkloadKind,
};
use facts::names::{Architecture, CapacityType};
use jiff::Timestamp;
use market::{Limits, Market, MarketBuilder, MarketFile, Origin, bundled_files, parse};
use units::{Bytes, MilliCpu};

const NODES: usize = 1_000;
const PODS: usize = 20_000;
const POINTS: usize = 1_000_000;
const WORK: WorkLimit<'static> = WorkLimit { budget: 0, cancelled: None, replays_a_cut: false };

fn main() {
    let (state, evidence) = (state(), evidence());
    let verdict = decide(&state, &evidence);
    println!(
        "{} recommendations, {} refusals, {} steps, ${} a month",
        verdict.recommendations.len(),
        verdict.rejected.len(),
        verdict.execution_plan.len(),
        verdict.estimated_savings.unwrap()
    );
    divan::main();
}

fn now() -> Timestamp {
    "2026-08-01T12:00:00Z".parse().unwrap()
}

fn decide(
    state: &ClusterState,
    evidence: &RightsizingEvidence,
) -> facts::decision::Verdict<engines::rightsizing::RightsizingFinding> {
    let given = Given { now: now(), seed: 0, evidence, work: WORK };
    Rightsizing::decide(state, &RightsizingPolicy::default(), &given)
}

fn evidence() -> RightsizingEvidence {
    let need = Rightsizing::need(&state(), &RightsizingPolicy::default(), now());
    Rightsizing::gather(&need, &Sources::of(&market()))
}

fn market() -> Market {
    let mut builder = MarketBuilder::new();
    let mut prices = "instance_type,linux us-east-1@2026-07-20T00:00:00Z\n".to_owned();
    for file in bundled_files() {
        if let MarketFile::Catalogue(file) = file {
            for one in &file.instances {
                let list = 0.024 * f64::from(one.vcpu) + 0.003 * one.memory.gib();
                let _ = writeln!(prices, "{},{list:.6}", one.instance_type);
            }
            builder.add(MarketFile::Catalogue(file));
        }
    }
    let origin = Origin::new("bench", now());
    builder.add(parse(prices.as_bytes(), &origin, &Limits::default()).unwrap());
    builder.build()
}

/// Ten pools of a hundred nodes, 2,000 workloads of ten pods, three weeks of use every half hour.
fn state() -> ClusterState {
    let nodes = (0..NODES).map(|at| Node {
        name: format!("node-{at:04}"),
        uid: Some(format!("n-{at}")),
        instance_type: Some("m6i.8xlarge".to_owned()),
        zone: Some("us-east-1a".to_owned()),
        capacity_type: Some(CapacityType::OnDemand),
        architecture: Some(Architecture::Amd64),
        node_pool: Some(format!("pool-{}", at / 100)),
        allocatable: ResourceList {
            pods: Some(234),
            ..ResourceList::of(MilliCpu(31_850), Bytes::from_mib(120_000))
        },
        ..Node::default()
    });
    let pods = (0..PODS).map(|at| Pod {
        name: format!("web-{}-5d9f8c6b5-{:05}", at / 10, at),
        namespace: "shop".to_owned(),
        created_at: now().checked_sub(jiff::SignedDuration::from_mins(at as i64)).ok(),
        uid: Some(format!("p-{at}")),
        node: Some(format!("node-{:04}", at % NODES)),
        owner: Some(Owner {
            kind: "ReplicaSet".to_owned(),
            name: format!("web-{}-5d9f8c6b5", at / 10),
            uid: None,
        }),
        labels: [("pod-template-hash".to_owned(), "5d9f8c6b5".to_owned())].into(),
        containers: vec![Container {
            name: "app".to_owned(),
            image: "registry/shop/web:1".to_owned(),
            requests: ResourceList::of(MilliCpu(1_000), Bytes::from_mib(4_096)),
            limits: ResourceList::of(MilliCpu(2_000), Bytes::from_mib(4_096)),
            ..Container::default()
        }],
        ..Pod::default()
    });
    let workloads = (0..PODS / 10).map(|at| Workload {
        kind: WorkloadKind::Deployment,
        name: format!("web-{at}"),
        namespace: "shop".to_owned(),
        ..Workload::default()
    });
    let histories = (0..PODS).map(|at| UsageHistory {
        namespace: "shop".to_owned(),
        pod: Some(format!("web-{}-5d9f8c6b5-{:05}", at / 10, at)),
        container: "app".to_owned(),
        ..history(at as u64, 1_008, 1_800.0)
    });
    ClusterState {
        region: "us-east-1".parse().ok(),
        nodes: Some(Section::complete("bench", nodes.collect())),
        workloads: Some(Section::complete("bench", workloads.collect())),
        usage: Some(Section::complete(
            "bench",
            Usage { histories: histories.collect(), ..Usage::default() },
        )),
        pods: Some(Section::complete("bench", pods.collect())),
        ..ClusterState::default()
    }
}

/// Made-up use: a day's wave with noise, the same for the same seed.
fn history(seed: u64, count: usize, step: f64) -> UsageHistory {
    let mut samples = UsageSamples::default();
    for (at, cores, bytes) in made_up(seed, count, step) {
        samples.cpu(at, cores);
        samples.memory(at, bytes);
    }
    samples.into_history()
}

fn made_up(seed: u64, count: usize, step: f64) -> impl Iterator<Item = (f64, f64, f64)> {
    let end = now().as_second() as f64;
    let mut noise = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    (0..count).map(move |place| {
        noise ^= noise << 13;
        noise ^= noise >> 7;
        noise ^= noise << 17;
        let at = end - (count - place) as f64 * step;
        let wave = 1.0 + 0.5 * (at / 86_400.0 * std::f64::consts::TAU).sin();
        let random = (noise >> 11) as f64 / (1_u64 << 53) as f64;
        (at, 0.2 * wave + 0.2 * random, 7e8 * wave + 2e8 * random)
    })
}

#[divan::bench]
fn sizes_of_20_000_pods_on_1_000_nodes(bencher: Bencher<'_, '_>) {
    let (state, evidence) = (state(), evidence());
    bencher.bench_local(|| decide(&state, &evidence));
}

#[divan::bench]
fn a_million_points_of_processors(bencher: Bencher<'_, '_>) {
    let points: Vec<(f64, f64, f64)> = made_up(1, POINTS, 15.0).collect();
    bencher.counter(ItemsCount::new(POINTS)).bench_local(|| {
        let mut samples = UsageSamples::default();
        for (at, cores, _) in &points {
            samples.cpu(*at, *cores);
        }
        samples.into_history()
    });
}

#[divan::bench]
fn a_million_points_of_memory(bencher: Bencher<'_, '_>) {
    let points: Vec<(f64, f64, f64)> = made_up(1, POINTS, 15.0).collect();
    bencher.counter(ItemsCount::new(POINTS)).bench_local(|| {
        let mut samples = UsageSamples::default();
        for (at, _, bytes) in &points {
            samples.memory(*at, *bytes);
        }
        samples.into_history()
    });
}
