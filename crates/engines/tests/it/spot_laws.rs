//! What holds for every answer of the spot optimizer, whatever the cluster and the market.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::OnceLock;

use engines::engine::{Engine, Given, Sources, WorkLimit};
use engines::learned::{LearnedPools, LearnedRow};
use engines::scoring::{Profile, ProfileName, RegionPrior, score_pool};
use engines::spot_optimizer::{
    SpotConstraints, SpotEvidence, SpotOptimizer, SpotPolicy, SpotRecommendation,
};
use facts::cluster::ClusterState;
use facts::decision::Verdict;
use facts::names::CapacityType;
use facts::reason::ReasonCode;
use jiff::Timestamp;
use learning::Horizon;
use learning::cross_customer::Level;
use market::{
    CatalogueFile, Limits, Market, MarketBuilder, MarketFile, MarketSlice, Origin, SliceRequest,
    bundled_files, parse,
};
use proptest::prelude::*;
use proptest::sample::select;
use units::Fraction;

const TYPES: [&str; 10] = [
    "c5.large",
    "c6i.xlarge",
    "m5.large",
    "m6i.large",
    "m6a.xlarge",
    "m7i.2xlarge",
    "r5.large",
    "r6i.xlarge",
    "r6a.4xlarge",
    "m5.12xlarge",
];

/// One pool of a made-up market: type, zone letter, price as a share of the list price.
type Pool = (usize, char, f64);

#[derive(Clone, Debug)]
pub(crate) struct World {
    buckets: Vec<Option<u8>>,
    pools: Vec<Pool>,
    nodes: Vec<(usize, char, bool)>,
    pods: Vec<(u16, u16)>,
}

pub(crate) fn worlds() -> impl Strategy<Value = World> {
    let zone = || select(vec!['a', 'b', 'c', 'd']);
    let bucket = proptest::option::weighted(0.9, 0_u8..5);
    let pools = (0..TYPES.len(), zone(), 0.2..1.2_f64);
    (
        proptest::collection::vec(bucket, TYPES.len()),
        proptest::collection::vec(pools, 0..60),
        proptest::collection::vec((0..TYPES.len(), zone(), any::<bool>()), 0..25),
        proptest::collection::vec((50_u16..4000, 64_u16..8192), 0..6),
    )
        .prop_map(|(buckets, pools, nodes, pods)| World { buckets, pools, nodes, pods })
}

fn now() -> Timestamp {
    "2026-08-01T12:00:00Z".parse().unwrap()
}

fn list_price(of_type: usize) -> f64 {
    0.05 * (of_type + 1) as f64
}

/// The few types of the bundled catalogue that worlds are made of.
fn catalogue() -> MarketFile {
    static FOUND: OnceLock<CatalogueFile> = OnceLock::new();
    let found = FOUND.get_or_init(|| {
        let mut files = bundled_files().into_iter();
        let Some(MarketFile::Catalogue(mut file)) =
            files.find(|file| matches!(file, MarketFile::Catalogue(_)))
        else {
            panic!("there is no catalogue");
        };
        file.instances.retain(|one| TYPES.contains(&one.instance_type.as_str()));
        assert_eq!(file.instances.len(), TYPES.len());
        file
    });
    MarketFile::Catalogue(found.clone())
}

pub(crate) fn market(world: &World, backwards: bool) -> Market {
    let mut advisor = "instance_type,advisor linux us-east-1@2026-07-25T00:00:00Z\n".to_owned();
    let mut prices = "instance_type,linux us-east-1@2026-07-20T00:00:00Z\n".to_owned();
    for (at, name) in TYPES.iter().enumerate() {
        let _ = writeln!(prices, "{name},{}", list_price(at));
        if let Some(bucket) = world.buckets[at] {
            let _ = writeln!(advisor, "{name},{bucket}:60");
        }
    }
    let mut spot = "timestamp,az,instance_type,usd_per_hour\n".to_owned();
    let mut seen = BTreeSet::new();
    let mut lines: Vec<String> = Vec::new();
    for (of_type, zone, share) in &world.pools {
        if seen.insert((*of_type, *zone)) {
            let price = list_price(*of_type) * share;
            let name = TYPES[*of_type];
            lines.push(format!("2026-08-01T06:00:00Z,us-east-1{zone},{name},{price:.6}\n"));
        }
    }
    if backwards {
        lines.reverse();
    }
    spot.extend(lines);
    let read = |text: &str| {
        let origin = Origin::new("made up", now());
        parse(text.as_bytes(), &origin, &Limits::default()).unwrap()
    };
    let mut files = vec![catalogue(), read(&advisor), read(&prices), read(&spot)];
    if backwards {
        files.reverse();
    }
    files.into_iter().fold(MarketBuilder::new(), MarketBuilder::with).build()
}

pub(crate) fn state(world: &World, backwards: bool) -> ClusterState {
    let mut nodes: Vec<String> = world
        .nodes
        .iter()
        .enumerate()
        .map(|(at, (of_type, zone, spot))| {
            let bought = if *spot { "spot" } else { "on_demand" };
            let name = TYPES[*of_type];
            format!(
                r#"{{"name":"n{at}","instance_type":"{name}","zone":"us-east-1{zone}",
                    "capacity_type":"{bought}","capacity":{{"cpu":"2","memory":"8Gi"}}}}"#
            )
        })
        .collect();
    let mut pods: Vec<String> = world
        .pods
        .iter()
        .enumerate()
        .map(|(at, (cpu, memory))| {
            format!(r#"{{"name":"p{at}","cpu":"{cpu}m","memory":"{memory}Mi"}}"#)
        })
        .collect();
    if backwards {
        nodes.reverse();
        pods.reverse();
    }
    let text = format!(
        r#"{{"region":"us-east-1","nodes":[{}],"pods":[{}]}}"#,
        nodes.join(","),
        pods.join(",")
    );
    ClusterState::from_json(text.as_bytes()).unwrap().value
}

fn decide(
    state: &ClusterState,
    market: &Market,
    policy: &SpotPolicy,
) -> Verdict<SpotRecommendation> {
    let need = SpotOptimizer::need(state, policy, now());
    let evidence = SpotOptimizer::gather(&need, &Sources::of(market));
    let work = WorkLimit {
        budget: SpotOptimizer::work_budget(policy),
        cancelled: None,
        replays_a_cut: false,
    };
    SpotOptimizer::decide(state, policy, &Given { now: now(), seed: 0, evidence: &evidence, work })
}

/// Everything that passes, ranked and not allocated.
fn all() -> SpotPolicy {
    let policy = SpotPolicy::default();
    SpotPolicy { top: 0, pools_per_type: 0, rejected_limit: 0, allocate: false, ..policy }
}

fn names(verdict: &Verdict<SpotRecommendation>) -> BTreeSet<String> {
    let name = |one: &SpotRecommendation| {
        let zone = one.zone.as_ref().map_or_else(|| "us-east-1".to_owned(), ToString::to_string);
        format!("{}/{zone}", one.instance_type)
    };
    verdict.recommendations.iter().map(name).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_order_of_the_input_does_not_matter(world in worlds()) {
        let policy = SpotPolicy::default();
        let there = decide(&state(&world, false), &market(&world, false), &policy);
        let back = decide(&state(&world, true), &market(&world, true), &policy);
        let text = |verdict: &Verdict<SpotRecommendation>| serde_json::to_string(verdict).unwrap();
        prop_assert_eq!(text(&there), text(&back));
    }

    #[test]
    fn every_pool_is_either_recommended_or_refused(world in worlds()) {
        let market = market(&world, false);
        let verdict = decide(&state(&world, false), &market, &all());
        let refused: BTreeSet<String> =
            verdict.rejected.iter().map(|one| one.subject.name.clone()).collect();
        let taken = names(&verdict);
        prop_assert!(taken.is_disjoint(&refused));
        let known: BTreeSet<usize> = world.pools.iter().map(|(of_type, ..)| *of_type).collect();
        let zoned: BTreeSet<(usize, char)> =
            world.pools.iter().map(|(of_type, zone, _)| (*of_type, *zone)).collect();
        prop_assert_eq!(taken.len() + refused.len(), zoned.len() + TYPES.len() - known.len());
    }

    #[test]
    fn ranks_follow_safety_and_risk_is_its_complement(world in worlds()) {
        let verdict = decide(&state(&world, false), &market(&world, false), &all());
        let scores: Vec<f64> =
            verdict.recommendations.iter().map(|one| one.aged_safety_score.value()).collect();
        prop_assert!(scores.windows(2).all(|pair| pair[0] >= pair[1]));
        for one in &verdict.recommendations {
            prop_assert!((one.safety_score.value() + one.risk_score.value() - 1.0).abs() < 1e-9);
            prop_assert!(one.safety_score.value() >= 0.75);
            let weights: f64 = one.components.iter().map(|part| part.weight).sum();
            let mean: f64 = one.components.iter().map(|part| part.weight * part.value).sum();
            prop_assert!((weights - 1.0).abs() < 1e-9);
            prop_assert!((mean - one.safety_score.value()).abs() < 2e-6);
        }
    }

    #[test]
    fn limits_of_a_caller_never_add_a_recommendation(
        world in worlds(),
        least in 0.0..1.0_f64,
        cap in proptest::option::of(1_u32..64),
        blocked in proptest::collection::btree_set(select(TYPES.to_vec()), 0..5),
        zone in proptest::option::of(select(vec!['a', 'b', 'c', 'd'])),
        averages in proptest::option::of(any::<bool>()),
    ) {
        let (state, market) = (state(&world, false), market(&world, false));
        let mut policy = all();
        let free = names(&decide(&state, &market, &policy));
        SpotOptimizer::tighten(&mut policy, SpotConstraints {
            min_safety_score: Some(Fraction::clamped(least)),
            max_vcpu: cap,
            blocked_instance_types: blocked.iter().map(|name| name.parse().unwrap()).collect(),
            blocked_zones: zone.iter().map(|zone| format!("us-east-1{zone}").parse().unwrap()).collect(),
            accept_average_prices: averages,
            ..SpotConstraints::default()
        });
        let tight = names(&decide(&state, &market, &policy));
        prop_assert!(tight.is_subset(&free), "{tight:?} {free:?}");
    }

    #[test]
    fn an_allocation_with_new_spot_capacity_keeps_every_layer(world in worlds()) {
        let verdict = decide(&state(&world, false), &market(&world, false), &SpotPolicy::default());
        let total: f64 = verdict.allocation.iter().map(|pool| pool.share.value()).sum();
        prop_assert!(verdict.allocation.is_empty() || (total - 1.0).abs() < 1e-6);
        let spot: Vec<_> = verdict
            .allocation
            .iter()
            .filter(|pool| pool.capacity_type == CapacityType::Spot)
            .collect();
        let stays = |code| verdict.warnings.iter().any(|warning| warning.code == code);
        if spot.is_empty() {
            return Ok(());
        }
        prop_assert!(verdict.layers.iter().all(|layer| layer.holds), "{:?}", verdict.layers);
        prop_assert!(!stays(ReasonCode::OnDemandFallback));
        // The layers once more, from the shares alone.
        let held: f64 = spot.iter().map(|pool| pool.share.value()).sum();
        prop_assert!(held <= 0.85 + 1e-6);
        let mut zones: BTreeMap<&str, f64> = BTreeMap::new();
        for pool in &spot {
            prop_assert!(pool.share.value() <= 0.20 + 1e-6);
            prop_assert!(pool.safety_score.unwrap().value() >= 0.75);
            *zones.entry(pool.zone.as_deref().unwrap()).or_default() += pool.share.value();
        }
        prop_assert!(zones.values().filter(|share| **share >= 0.10 * held - 1e-6).count() >= 3);
        prop_assert!(zones.values().all(|share| *share <= 0.60 * held + 1e-6));
    }

    #[test]
    fn nothing_is_saved_that_is_not_spent(world in worlds()) {
        let verdict = decide(&state(&world, false), &market(&world, false), &SpotPolicy::default());
        if let Some(saved) = verdict.estimated_savings {
            let before = verdict.savings.before_usd_per_hour.map(units::UsdPerHour::per_month);
            prop_assert!(before.is_none_or(|before| saved <= before));
            prop_assert!(before.is_some() || saved == units::Usd::ZERO);
        }
    }

    #[test]
    fn a_work_limit_is_obeyed_and_repeats(world in worlds(), budget in 0_u64..8) {
        let (state, market, policy) = (state(&world, false), market(&world, false), SpotPolicy::default());
        let need = SpotOptimizer::need(&state, &policy, now());
        let evidence = SpotOptimizer::gather(&need, &Sources::of(&market));
        let at = |budget| {
            let work = WorkLimit { budget, cancelled: None, replays_a_cut: false };
            SpotOptimizer::decide(&state, &policy, &Given { now: now(), seed: 0, evidence: &evidence, work })
        };
        let first = at(budget);
        prop_assert!(first.work_used <= budget);
        prop_assert_eq!(at(first.work_used), first);
    }
}

/// What reports say of a row of a slice.
fn taught(row: usize, per_1000_hours: f64, level: Level) -> LearnedRow {
    LearnedRow {
        row: u32::try_from(row).unwrap(),
        events_per_1000h: per_1000_hours,
        low: per_1000_hours / 2.0,
        high: per_1000_hours * 2.0,
        own_weight: 0.5,
        level,
        ..LearnedRow::default()
    }
}

fn decide_taught(
    state: &ClusterState,
    market: &Market,
    policy: &SpotPolicy,
    taught: &(dyn Fn(&Market, &MarketSlice) -> Vec<LearnedRow> + Sync),
) -> Verdict<SpotRecommendation> {
    let need = SpotOptimizer::need(state, policy, now());
    let learned = Some(LearnedPools { hours: 60_000, ask: taught });
    let evidence = SpotOptimizer::gather(&need, &Sources { learned, ..Sources::of(market) });
    // What was recorded is all that a replay gets.
    let written = serde_json::to_string(&evidence).unwrap();
    let evidence: SpotEvidence = serde_json::from_str(&written).unwrap();
    assert_eq!(serde_json::to_string(&evidence).unwrap(), written);
    let budget = SpotOptimizer::work_budget(policy);
    let work = WorkLimit { budget, cancelled: None, replays_a_cut: false };
    SpotOptimizer::decide(state, policy, &Given { now: now(), seed: 0, evidence: &evidence, work })
}

fn levels() -> impl Strategy<Value = Level> {
    select(vec![Level::Normal, Level::Uncertain, Level::ConfirmedRisky])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn reports_of_interruptions_only_raise_risk_and_agreeing_ones_change_nothing(
        world in worlds(), hazard in 0.001..50.0_f64, hours in 0_u64..600_000,
    ) {
        let slice = market(&world, false)
            .slice(&SliceRequest::new("us-east-1".parse().unwrap(), now()));
        let region = RegionPrior::of(slice.bucket_counts);
        for name in [ProfileName::Adaptive, ProfileName::Calibrated] {
            let profile = Profile::new(name, hours).unwrap();
            for row in 0..slice.len() {
                let score = |learned: Option<LearnedRow>| {
                    score_pool(&slice, row, &profile, &region, learned.as_ref())
                };
                let Some(prior) = score(None) else { continue };
                let at = |per_1000: f64, level| score(Some(taught(row, per_1000, level))).unwrap();
                let (few, more) = (at(hazard, Level::Normal), at(hazard * 1.5, Level::Normal));
                prop_assert!(more.safety.value() <= few.safety.value());
                prop_assert!(more.aged_safety.value() <= few.aged_safety.value());
                prop_assert!(more.hazard > few.hazard && more.aged_hazard > few.aged_hazard);
                for horizon in Horizon::ALL {
                    let (few, more) = (few.interruption(horizon), more.interruption(horizon));
                    prop_assert!(few.low <= few.probability && few.probability <= few.high);
                    prop_assert!(more.probability >= few.probability && more.high >= few.high);
                }
                let agreeing = at(prior.hazard * 1000.0, Level::Normal);
                prop_assert!((agreeing.safety.value() - prior.safety.value()).abs() < 2e-6);
                // A level raises the risk by its step, and no further than to 1.
                let risks = [Level::Normal, Level::Uncertain, Level::ConfirmedRisky]
                    .map(|level| at(hazard, level).safety.as_risk().value());
                for (level, risk) in risks.iter().enumerate() {
                    let raised = (risks[0] + 0.1 * level as f64).min(1.0);
                    prop_assert!((risk - raised).abs() < 1e-9, "{risks:?}");
                }
            }
        }
    }

    #[test]
    fn nothing_is_put_where_pools_are_not_normal(
        world in worlds(), marks in proptest::collection::vec((levels(), any::<bool>()), 80),
    ) {
        let taught = |_: &Market, slice: &MarketSlice| {
            let row = |row: usize| {
                let (level, loops) = marks[row % marks.len()];
                LearnedRow { loops, ..taught(row, 0.05, level) }
            };
            (0..slice.len()).map(row).collect::<Vec<_>>()
        };
        let (state, market) = (state(&world, false), market(&world, false));
        let slice = market.slice(&SliceRequest::new("us-east-1".parse().unwrap(), now()));
        let unquiet: BTreeSet<(String, Option<String>)> = slice
            .pools()
            .enumerate()
            .filter(|(row, _)| marks[row % marks.len()] != (Level::Normal, false))
            .map(|(_, pool)| (pool.instance_type.to_string(), pool.zone.map(ToString::to_string)))
            .collect();
        let verdict = decide_taught(&state, &market, &SpotPolicy::default(), &taught);
        for one in &verdict.recommendations {
            let pool = (one.instance_type.to_string(), one.zone.as_ref().map(ToString::to_string));
            prop_assert!(!unquiet.contains(&pool), "{pool:?}");
        }
        let stays = verdict.warnings.iter().any(|one| one.code == ReasonCode::Hysteresis);
        for pool in verdict.allocation.iter().filter(|_| !stays) {
            let is_spot = pool.capacity_type == CapacityType::Spot;
            prop_assert!(!is_spot || !unquiet.contains(&(pool.instance_type.clone(), pool.zone.clone())));
        }
        let status = verdict.layers.iter().find(|layer| layer.layer == 5);
        if let Some(status) = status.filter(|_| !stays) {
            prop_assert!(status.holds || status.detail.contains("no spot capacity"), "{status:?}");
        }
    }
}

#[test]
fn a_pool_that_is_calm_again_is_used_after_an_hour() {
    let world = World {
        buckets: vec![Some(0); 10],
        pools: vec![(2, 'a', 0.3)],
        nodes: vec![],
        pods: vec![],
    };
    let (state, market) = (state(&world, false), market(&world, false));
    let check = |calm_hours: Option<f64>, used: bool| {
        let taught = move |_: &Market, slice: &MarketSlice| {
            (0..slice.len())
                .map(|row| LearnedRow { calm_hours, ..taught(row, 0.05, Level::Normal) })
                .collect::<Vec<_>>()
        };
        let verdict = decide_taught(&state, &market, &all(), &taught);
        assert_eq!(!verdict.recommendations.is_empty(), used, "{calm_hours:?}");
    };
    check(None, true);
    check(Some(0.5), false);
    check(Some(1.0), true);
}

#[test]
fn nothing_in_gives_nothing_out() {
    let empty = Market::empty();
    let nothing = decide(&ClusterState::default(), &empty, &SpotPolicy::default());
    assert!(nothing.recommendations.is_empty() && nothing.allocation.is_empty());
    assert!(nothing.execution_plan.is_empty() && nothing.estimated_savings.is_none());
    let world = World { buckets: vec![Some(0); 10], pools: vec![], nodes: vec![], pods: vec![] };
    let elsewhere = decide(&state(&world, false), &empty, &SpotPolicy::default());
    assert!(elsewhere.recommendations.is_empty() && elsewhere.allocation.is_empty());
}
